"""Promises: those of the viewer's own, and each with its figure by unit, its trend and the cases behind it."""

from typing import Annotated, Final, Literal

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from services.catalog.words.promise_text import in_words
from services.desk.access import EVERYONE, About, Access
from services.desk.accounts.logbook import Entry
from services.desk.asking import Ask, Asked
from services.desk.numbers import LARGEST
from services.desk.pages import reading_words as w
from services.desk.pages.said_of import SaidOf, reading_page
from services.desk.pages.sheet import sheet_answer
from services.desk.reading.card_lists import CardWish, VerdictWish
from services.desk.reading.figures import PromiseLine
from services.desk.refusal import NotFound
from services.desk.routes import LISTED, Pages
from services.domain.results.published import WORST_FIRST, State
from services.domain.results.windows import ALL

PAGES: Final = Pages()
_PAGE: Final = 50


def _about_promise(request: Request) -> About | None:
    """A figure of the district is of everybody who may read; of units and cases the page shows the viewer's own."""
    plan = request.app.state.desk.plan
    wanted = request.path_params["kpi"]
    return EVERYONE if any(each.is_official and each.id == wanted for each in plan.promises) else None


class PromiseQuery(BaseModel):
    """What is asked for in the address."""

    state: Literal["", *State] = ""  # type: ignore[valid-type]  # the values of the enum
    after: int = Field(0, ge=0, le=LARGEST)
    """So many lines come before the page: the list is short."""


Asking = Annotated[PromiseQuery, Query()]


@PAGES.get("/promises", Access.READ, about=LISTED)
def promises(ask: Ask, query: Asking) -> Response:
    """The promises of the viewer's own, worst first; for the operations centre those of the district."""
    lines, end = _lines(ask, query), query.after + _PAGE
    answer: Response = reading_page(
        ask,
        "promises.html",
        lines=lines[query.after : end],
        count=len(lines),
        next=end if end < len(lines) else None,
        query=query,
        states=WORST_FIRST,
    )
    return answer


def _lines(ask: Asked, query: PromiseQuery) -> list[PromiseLine]:
    return [each for each in ask.desk.reading.promises(ask.known) if query.state in ("", each.state)]


@PAGES.get("/promises.xlsx", Access.READ, about=LISTED, note=Entry.EXPORTED)
def promises_sheet(ask: Ask, query: Asking) -> Response:
    """The same as a file, all pages."""
    of = SaidOf(ask)
    columns = (
        w.STATE,
        w.NUMBER,
        w.PROMISE,
        w.UNIT,
        w.VALUE,
        w.TARGET,
        w.CASES_COUNTED,
        w.MISSES_LEFT,
        w.LATE_OPEN_OF_ANY,
        w.WINDOW,
    )
    rows = (_row(line, of) for line in _lines(ask, query))
    return sheet_answer(w.PROMISES, [each.zh for each in columns], rows)


def _row(line: PromiseLine, of: SaidOf) -> tuple[object, ...]:
    row = line.row
    return (
        of.state_of(line).word,
        line.promise.id,
        of.say(line.promise.title),
        of.unit(line.unit),
        of.value(line),
        of.target(line),
        int(row.n) if row.n.isdecimal() else row.n,
        of.misses_left(line),
        int(row.open_overdue) if row.open_overdue.isdecimal() else row.open_overdue,
        of.window(line.promise),
    )


class BehindQuery(BaseModel):
    """Which verdicts are listed. `unit`: `ALL` is every one, as on the dashboards, which lead here."""

    unit: str = Field("", max_length=200)
    verdict: Literal["", "missed", "met_by_late_entry", "reversed"] = ""
    after: str = Field("", max_length=2_000)

    @property
    def wish(self) -> VerdictWish:
        """The verdicts that fit."""
        return VerdictWish("" if self.unit == ALL else self.unit, self.verdict)


@PAGES.get("/promises/{kpi}", Access.READ, about=_about_promise)
def promise(ask: Ask, kpi: str, query: Annotated[BehindQuery, Query()]) -> Response:
    """One promise: what it says, how it stands, and the cases behind the number."""
    reading, viewer = ask.desk.reading, ask.known
    found = next((each for each in ask.desk.plan.promises if each.is_official and each.id == kpi), None)
    if found is None:
        raise NotFound
    lines = reading.promise(viewer, kpi)
    answer: Response = reading_page(
        ask,
        "promise.html",
        promise=found,
        words=in_words(found, ask.desk.plan),
        whole=next((line for line in lines if line.unit == "ALL" and line.item == "-"), None),
        lines=[line for line in lines if (line.unit, line.item) != ("ALL", "-")],
        behind=reading.behind(viewer, kpi, query.after, query.wish),
        query=query,
        pace=reading.pace(viewer, kpi),
        own=reading.open_cards(viewer, CardWish(promise=kpi)),
        led=reading.led_cards(viewer, CardWish(promise=kpi)),
    )
    return answer
