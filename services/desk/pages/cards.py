"""Open cards by time left."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal

from fastapi import Query, Response
from pydantic import BaseModel, Field

from services.desk.access import Access
from services.desk.accounts.logbook import Entry
from services.desk.asking import Ask, Asked
from services.desk.pages import reading_words as w
from services.desk.pages.said_of import SaidOf, reading_page
from services.desk.pages.sheet import lines_of_pages, sheet_answer
from services.desk.reading.card_lists import CardLine, CardWish, Page
from services.desk.routes import LISTED, Pages
from services.domain.intake.facts import KEY_SEPARATOR
from services.domain.results.published import Level
from services.domain.results.windows import ALL

PAGES: Final = Pages()

Whose = Literal["own", "led"]
"""The cards on which the viewer's own must act; or those of the promises that they lead."""


class CardQuery(BaseModel):
    """What is asked for in the address."""

    unit: str = Field("", max_length=200)
    promise: str = Field("", max_length=200)
    level: Literal["", "red", "yellow"] = ""
    whose: Whose = "own"
    after: str = Field("", max_length=2_000)

    @property
    def wish(self) -> CardWish:
        """The cards that fit."""
        unit = "" if self.unit == ALL else self.unit  # as dashboards say it, which lead here
        return CardWish(unit, self.promise, Level(self.level) if self.level else None)


Asking = Annotated[CardQuery, Query()]


@PAGES.get("/cards", Access.READ, about=LISTED)
def cards(ask: Ask, query: Asking) -> Response:
    """A page of open cards."""
    scope = ask.desk.reading.scope(ask.known)
    answer: Response = reading_page(
        ask,
        "cards.html",
        page=_page(ask, query, query.after),
        watermark=ask.desk.reading.district(ask.known).watermark,
        query=query,
        sees_all=scope.everything,
        leads=bool(scope.leads),
        units=ask.desk.plan.units.values(),
        promises=[each for each in ask.desk.plan.promises if each.is_official and each.about == "case"],
    )
    return answer


@PAGES.get("/cards.xlsx", Access.READ, about=LISTED, note=Entry.EXPORTED)
def cards_sheet(ask: Ask, query: Asking) -> Response:
    """The same as a file."""
    of = SaidOf(ask)
    columns = (w.LEVEL, w.PROMISE, w.NODE, w.CASE_NUMBER, w.WHO_ACTS, w.DUE, w.TIME_LEFT, w.RAISED, w.OWNER)
    rows = (_row(line, of) for line in _every_card(ask, query))
    return sheet_answer(w.OPEN_CARDS, [each.zh for each in columns], rows)


def _page(ask: Asked, query: CardQuery, after: str) -> Page[CardLine]:
    reading = ask.desk.reading
    return (reading.led_cards if query.whose == "led" else reading.open_cards)(ask.known, query.wish, after)


def _every_card(ask: Asked, query: CardQuery) -> Iterator[CardLine]:
    def lines(after: str) -> tuple[Sequence[CardLine], str | None]:
        page = _page(ask, query, after)
        return page.lines, page.next

    return lines_of_pages(lines)


def _row(line: CardLine, of: SaidOf) -> tuple[object, ...]:
    owner, _, subject = line.case_key.partition(KEY_SEPARATOR)
    return (
        of.card(line.level).word,
        of.promise_and_id(line.kpi),
        of.node(line.node, line.kpi),
        subject,
        of.unit(line.unit),
        of.sortable(line.due_at),
        of.left(line.due_at, line.kpi),
        of.sortable(line.raised_at),
        of.source(owner),
    )
