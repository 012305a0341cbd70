"""What a source may ask about its cases: functions that run in a process beside intake, with the casebook at hand."""

from functools import lru_cache, partial
from typing import Any

import orjson

from services.casebook.casebook import BadCursor, Casebook, CaseFilter, ReadUntil
from services.casebook.database import CasebookUnavailable
from services.casebook.document import account_documents, page_document
from services.domain.time.zone import Instant, Zone
from services.gateway.side_work import Preparation
from services.runtime.settings import Settings


@lru_cache(maxsize=1)
def book_of(settings: Settings) -> Casebook:
    """The casebook, with the plan read."""
    book = Casebook.open(settings)
    assert book.judge
    return book


def preparation(settings: Settings) -> Preparation:
    """For a process that answers these questions."""
    return Preparation(partial(book_of, settings), (BadCursor, CasebookUnavailable))


def account(settings: Settings, source: str, subject: str, as_of: Instant | None) -> bytes | None:
    """The accounts of the cases of a subject, as far as a source may see them; None where it sees none. JSON.

    Raises CasebookUnavailable."""
    book = book_of(settings)
    until = book.read_until()  # before the case is read: it has at least that much
    found = book.case(subject, seen_by=source, as_of=as_of)
    if not found:
        return None
    zone = book.judge.law.zone
    return orjson.dumps({**_read_until(until, zone), "cases": account_documents(found, book.judge)})


def listed(settings: Settings, wanted: CaseFilter, after: str | None, limit: int) -> bytes:
    """A page of cases. JSON. Raises CasebookUnavailable, BadCursor."""
    book = book_of(settings)
    until = book.read_until()
    zone = book.judge.law.zone
    page = page_document(book.cases(wanted, after=after, limit=limit), until, zone)
    return orjson.dumps({**page, **_read_until(until, zone)})


def _read_until(until: ReadUntil, zone: Zone) -> dict[str, Any]:
    """Up to when the answer is complete, in real time. How many records there are is not for a source."""
    return {"read_until": None if until.complete_at is None else zone.text(until.complete_at)}
