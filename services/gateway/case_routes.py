"""The route by which a source asks for its cases: one with its account, or a list."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from fastapi import FastAPI, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.casebook.bad_cursor import BadCursor
from services.casebook.case_filter import CaseFilter
from services.casebook.case_summary import CaseState
from services.casebook.casebook import MOST_CASES
from services.casebook.database import CasebookUnavailable
from services.domain.results.published import Level
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import Instant
from services.gateway.case_questions import account, listed
from services.gateway.handling import Handling
from services.gateway.identity import Caller
from services.gateway.problems import Problem
from services.gateway.side_work import SideWork
from services.runtime.settings import Settings

log: Final = logging.getLogger("services.gateway")

_RETRY_SECONDS: Final = 5.0

T = TypeVar("T")


class CaseAsking(NamedTuple):
    """What the route answers from."""

    work: SideWork
    settings: Settings
    """They say where the casebook is."""

    async def run(self, question: Callable[..., T], *args: Any) -> T:
        """What a function of `case_questions` returns. Raises Problem (503) while the casebook cannot be asked, and
        what is expected of the function."""
        try:
            return await self.work.run(question, self.settings, *args)
        except CasebookUnavailable as error:
            raise _no_casebook(error) from None


def _is_time(text: str) -> str:
    instant_from(text)
    return text


Code = Annotated[str | None, Field(min_length=1, max_length=300)]
Time = Annotated[
    str | None, AfterValidator(lambda text: None if text is None else _is_time(text)), Field(max_length=64)
]


class CaseQuery(BaseModel):
    """The query of `/cases`. A name that is not here is refused: it may be a filter that would be missed."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    subject: Code = None
    """Of one case: the answer is its account. Where several sources have such a case: owner, a blank, subject."""
    as_of: Time = None
    """With `subject`: judged as of just before this time (RFC 3339); else as of now."""
    promise: Code = None
    """Key of a promise of which the case has a card or a verdict, such as K06-1."""
    item: Code = None
    """Code of the service item."""
    unit: Code = None
    """It accepted or holds the case, or an active card or a verdict names it."""
    level: Level | None = None
    """Of an active card."""
    state: CaseState | None = None
    since: Time = None
    """An event of it arrived then or later (RFC 3339)."""
    limit: Annotated[int, Field(ge=1, le=MOST_CASES)] = 100
    after: Annotated[str | None, Field(max_length=2_000)] = None
    """`next` of the page before."""

    def filter(self, owner: str) -> CaseFilter:
        """The cases of an owner that fit."""
        since = _instant(self.since)
        return CaseFilter(None, self.unit, self.promise, self.item, self.level, self.state, since, owner)


def add_cases(app: FastAPI, handling: Handling, asking: CaseAsking) -> None:
    """Add the route to the app of a gateway."""

    @app.get("/cases", response_class=Response)
    async def cases(request: Request, query: Annotated[CaseQuery, Query()]) -> Response:
        """With `subject` the account of a case, as `kpiwatch explain` gives it: its owner sees all of it, another
        source what it has reported itself and the verdicts of milestones that it reports. Without it a page of the
        source's own cases that fit, in the order of their subjects."""
        return await handling.inform(request, "/cases", partial(_answer, asking, query))


async def _answer(asking: CaseAsking, query: CaseQuery, caller: Caller) -> bytes:
    if query.subject is None:
        return await _listed(asking, query, caller)
    mixed = sorted(query.model_fields_set - {"subject", "as_of"})
    if mixed:
        raise _bad_query(f"with a subject there is no {mixed[0]}", "ask for one case, or for a list")
    found = await asking.run(account, caller.source, query.subject, _instant(query.as_of))
    if found is None:
        raise Problem(
            404,
            "no_case",
            f"{caller.source} sees no case of that subject",
            "look for a slip in it; /status says up to when events are read",
        )
    return found


async def _listed(asking: CaseAsking, query: CaseQuery, caller: Caller) -> bytes:
    if query.as_of is not None:
        raise _bad_query("as_of is for one case", "name its subject, or leave as_of out")
    try:
        return await asking.run(listed, query.filter(caller.source), query.after, query.limit)
    except BadCursor as error:
        raise _bad_query("the value of after is none", str(error)) from None


def _no_casebook(error: CasebookUnavailable) -> Problem:
    """The answer while the casebook cannot be asked. Where it is, is for the log only."""
    log.warning("the casebook was not asked: %s", error)
    return Problem(
        503,
        "no_casebook",
        "the index of cases does not answer, or has not caught up with the topics yet",
        "ask again later; if it lasts, the operations centre starts `kpiwatch casebook`",
        _RETRY_SECONDS,
    )


def _bad_query(detail: str, remedy: str) -> Problem:
    return Problem(400, "bad_query", detail, remedy)


def _instant(text: str | None) -> Instant | None:
    return None if text is None else instant_from(text)
