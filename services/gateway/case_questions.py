"""What a source may ask about its cases: functions that run in a process beside intake, with the casebook at hand."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Final

import orjson

from services.casebook.bad_cursor import BadCursor
from services.casebook.case_filter import CaseFilter
from services.casebook.casebook import Casebook, ReadUntil
from services.casebook.database import CasebookUnavailable
from services.casebook.document import account_documents, page_document
from services.casebook.what_if import Numbered, TouchedCase, WhatIf, case_document, titles
from services.domain.intake.admission import Admission
from services.domain.intake.facts import FactType
from services.domain.judging.judge import Judge
from services.domain.results.explain import explain
from services.domain.time.zone import Instant, Zone
from services.explanation.document import machine_readable
from services.gateway.admit import Admitted, admit_each
from services.gateway.problems import RefusedEvent, event_problems
from services.gateway.side_work import Preparation
from services.gateway.wire import Sent
from services.messaging.codec import admission
from services.runtime.settings import Settings

MOST_ACCOUNTS: Final = 20
"""In one answer."""


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


def what_if(settings: Settings, source: str, events: Sequence[Sent], arrival: Instant, accounts: bool) -> bytes:
    """What the events would change, were they sent now: the verdicts and cards of the cases that they touch, before and
    after. Nothing is stored. JSON.

    `accounts`: with the account of each case afterwards, of MOST_ACCOUNTS cases at most. Raises CasebookUnavailable."""
    book = book_of(settings)
    judge = book.judge
    found = admit_each(events, source, [arrival] * len(events), _gateway(settings))
    by_case = _by_case(found, len(events), _worker(settings))
    until = book.read_until()
    stored = book.facts(by_case)
    asked = WhatIf(judge, source, arrival)
    touched = [asked.case(key, stored[key], numbered) for key, numbered in by_case.items()]
    answer = {
        **_read_until(until, judge.law.zone),
        "as_of": judge.law.zone.text(arrival),
        "accepted": len(found.records),
        "refused": len(found.refused),
        "problems": event_problems(found.refused),
        "refused_by_case": event_problems(RefusedEvent(*each) for case in touched for each in case.refused),
        "repeated": sorted(place for case in touched for place in case.repeated),
        "promises": titles(touched, judge),
        "cases": [case_document(case, judge) for case in touched],
    }
    if accounts:
        answer["accounts"] = _accounts(touched[:MOST_ACCOUNTS], judge, arrival)
    return orjson.dumps(answer)


def _by_case(found: Admitted, sent: int, worker: Admission) -> dict[str, list[Numbered]]:
    """Case → the events about it, as a worker reads their records. Heartbeats are about no case."""
    refused = {each.place for each in found.refused}
    places = (place for place in range(sent) if place not in refused)
    by_case: dict[str, list[Numbered]] = {}
    for place, record in zip(places, found.records, strict=True):
        admitted = worker.admit(record.value, key=record.key, headers=record.headers)
        if admitted.fact.type != FactType.SOURCE_HEARTBEAT:
            by_case.setdefault(admitted.key, []).append((place, admitted.fact))
    return by_case


def _accounts(cases: Sequence[TouchedCase], judge: Judge, now: Instant) -> list[dict[str, Any]]:
    """The accounts of the source's own cases, those that can be judged."""
    own = [case for case in cases if case.is_own and not case.after.quarantined]
    return [machine_readable(explain(judge, case.key, case.facts, now), judge, ()) for case in own]


@lru_cache(maxsize=1)
def _gateway(settings: Settings) -> Admission:
    return admission(book_of(settings).judge.plan)


@lru_cache(maxsize=1)
def _worker(settings: Settings) -> Admission:
    return admission(book_of(settings).judge.plan, trust_receivedat=True)


def _read_until(until: ReadUntil, zone: Zone) -> dict[str, Any]:
    """Up to when the answer is complete, in real time. How many records there are is not for a source."""
    return {"read_until": None if until.complete_at is None else zone.text(until.complete_at)}
