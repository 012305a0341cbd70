"""The cases behind a number that stands beside a figure: overdue, unmeasured, late entries, …; and behind a signal."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

from fastapi import Query, Response
from pydantic import BaseModel, Field

from services.casebook.marked_cases import MarkedCase, MarkFilter
from services.casebook.marks import BY_SOURCE, PRESENT
from services.casebook.numbers import Number, UnknownPromise
from services.catalog.words.anomalies import ANOMALIES
from services.catalog.words.marks import MARKS, SIGNALS
from services.desk.access import Access
from services.desk.accounts.logbook import Entry
from services.desk.asking import Ask, Asked
from services.desk.pages import reading_words as w
from services.desk.pages.said_of import SaidOf, reading_page
from services.desk.pages.sheet import SHEET_PAGE, lines_of_pages, sheet_answer
from services.desk.refusal import Refusal
from services.desk.routes import LISTED, Pages
from services.desk.words import WRONG_FORM_REMEDY
from services.domain.intake.facts import KEY_SEPARATOR
from services.domain.judging.data_quality import ANOMALY, UNCLASSIFIED
from services.domain.plan.plan import Promise, Title, Window
from services.domain.results.cards import WHOLE

PAGES: Final = Pages()
_NAMES: Final = {**MARKS, **SIGNALS}
_PAGE: Final = 50


class CountedQuery(BaseModel):
    """What is asked for in the address. `unit`: `ALL` is every one, as on the dashboards, which lead here."""

    mark: Literal["", *MARKS, *SIGNALS] = ""  # type: ignore[valid-type]  # the names of the table
    promise: str = Field("", max_length=200)
    unit: str = Field("", max_length=400)
    """Of some signals a source."""
    item: str = Field("", max_length=400)
    window: Literal["", "short", *Window] = ""  # type: ignore[valid-type]  # the values of the enum
    """Empty: the official one of the promise."""
    after: str = Field("", max_length=2_000)

    @property
    def number(self) -> Number:
        """The number whose cases are listed."""
        return Number(self.mark, self.promise, self.unit, self.item, self.window)


Asking = Annotated[CountedQuery, Query()]


@PAGES.get("/counted", Access.READ, about=LISTED)
def counted(ask: Ask, query: Asking) -> Response:
    """A page of the cases that a number counts."""
    wanted, of, plan = _wanted(ask, query), SaidOf(ask), ask.desk.plan
    promise = None if wanted is None else query.number.of(plan)
    page = None if wanted is None else ask.desk.reading.cases_counted(ask.known, wanted, query.after or None, _PAGE)
    answer: Response = reading_page(
        ask,
        "counted.html",
        heading=_heading(query, promise, of),
        lines=() if page is None else [(each, _row(each, of)) for each in page.marks],
        next=None if page is None else page.next,
        asked=wanted is not None,
        query=query,
        marks=MARKS,
        signals=SIGNALS,
        sees_all=ask.desk.reading.scope(ask.known).everything,
        units=plan.units.values(),
        promises=[each for each in plan.promises if each.is_official and each.about == "case"],
        is_of_cases=promise is None or promise.about == "case",
    )
    return answer


@PAGES.get("/counted.xlsx", Access.READ, about=LISTED, note=Entry.EXPORTED)
def counted_sheet(ask: Ask, query: Asking) -> Response:
    """The same as a file."""
    of, wanted = SaidOf(ask), _wanted(ask, query)
    columns = (w.CASE_NUMBER, w.ITEM, w.UNIT, w.COUNTED_ON, w.OWNER)
    rows = () if wanted is None else ((*_row(each, of), of.source(_owner(each))) for each in _every(ask, wanted))
    return sheet_answer(w.COUNTED_CASES, [each.zh for each in columns], rows)


def _wanted(ask: Asked, query: CountedQuery) -> MarkFilter | None:
    """What is listed; None: nothing is chosen yet. Raises Refusal."""
    if not query.mark:
        return None
    try:
        return query.number.wanted(ask.desk.reading.law, ask.now)
    except UnknownPromise:
        raise Refusal(422, w.WHICH_PROMISE, WRONG_FORM_REMEDY) from None


def _heading(query: CountedQuery, promise: Promise | None, of: SaidOf) -> str:
    """What is listed, in words."""
    if not query.mark:
        return of.say(w.COUNTED_CASES)
    parts = [of.say(_NAMES[query.mark])]
    if promise is not None:
        parts += [of.promise_and_id(promise.id), of.named_window(query.number.window_of(promise))]
    if query.unit:
        parts.append(of.source(query.unit) if query.mark in BY_SOURCE else of.unit(query.unit))
    if query.item:
        parts.append(_item(query.mark, "", query.item, of))
    return " · ".join(parts)


def _row(each: MarkedCase, of: SaidOf) -> tuple[str, str, str, str]:
    marked = each.marked
    unit = of.source(marked.unit) if marked.mark in BY_SOURCE else of.unit(marked.unit)
    day = of.say(w.AT_PRESENT) if marked.day == PRESENT else of.day_of(marked.day)
    return each.case_key.partition(KEY_SEPARATOR)[2], _item(marked.mark, marked.kpi, marked.item, of), unit, day


def _item(mark: str, kpi: str, item: str, of: SaidOf) -> str:
    if item == WHOLE:
        return ""
    if mark == UNCLASSIFIED:
        return of.promise_and_id(item)
    if mark == ANOMALY:
        return of.say(ANOMALIES.get(item, Title(zh=item, en=item)))
    return of.item_of(kpi, item)


def _owner(each: MarkedCase) -> str:
    return each.case_key.partition(KEY_SEPARATOR)[0]


def _every(ask: Asked, wanted: MarkFilter) -> Iterator[MarkedCase]:
    def lines(after: str) -> tuple[Sequence[MarkedCase], str | None]:
        page = ask.desk.reading.cases_counted(ask.known, wanted, after or None, SHEET_PAGE)
        return page.marks, page.next

    return lines_of_pages(lines)
