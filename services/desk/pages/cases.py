"""Cases: the search, and the account of one, day by day."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Annotated, Final, Literal

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from services.casebook.case_filter import CaseFilter
from services.casebook.case_summary import CaseState
from services.casebook.casebook import ListedCase
from services.desk.access import About, Access
from services.desk.accounts.logbook import Entry
from services.desk.asking import Ask, Asked, Desk
from services.desk.pages import reading_words as w
from services.desk.pages.acts import acts_of_case
from services.desk.pages.case_text import CaseText
from services.desk.pages.said_of import SaidOf, reading_page
from services.desk.pages.sheet import SHEET_PAGE, lines_of_pages, sheet_answer
from services.desk.reading.case_seen import key_of_token
from services.desk.refusal import NotFound, Refusal
from services.desk.routes import LISTED, Pages
from services.desk.words import WRONG_FORM_REMEDY
from services.domain.intake.facts import KEY_SEPARATOR
from services.domain.results.published import Level

PAGES: Final = Pages()
_PAGE: Final = 50


class CaseQuery(BaseModel):
    """What is asked for in the address."""

    number: str = Field("", max_length=400)
    promise: str = Field("", max_length=200)
    state: Literal["", "open", "closed", "unreadable"] = ""
    level: Literal["", "red", "yellow"] = ""
    day: str = Field("", max_length=20)
    to: str = Field("", max_length=20)
    after: str = Field("", max_length=2_000)


Asking = Annotated[CaseQuery, Query()]


def about_case(request: Request) -> About | None:
    """Whose business the case of a path is: `/cases/{token}…`. For the pages that act on it, too."""
    desk: Desk = request.app.state.desk
    key = key_of_token(request.path_params["token"])
    return None if key is None else desk.reading.about_case(key, desk.acting.stands.assigned(key))


@PAGES.get("/cases", Access.READ, about=LISTED)
def cases(ask: Ask, query: Asking) -> Response:
    """Search by number, promise, state and day."""
    answer: Response = reading_page(
        ask,
        "cases.html",
        page=ask.desk.reading.cases(ask.known, _filter(ask, query), query.after or None, _PAGE),
        query=query,
        promises=[each for each in ask.desk.plan.promises if each.is_official and each.about == "case"],
    )
    return answer


@PAGES.get("/cases.xlsx", Access.READ, about=LISTED, note=Entry.EXPORTED)
def cases_sheet(ask: Ask, query: Asking) -> Response:
    """The same as a file."""
    of = SaidOf(ask)
    columns = (
        *(w.CASE_NUMBER, w.OWNER, w.SERVICE_ITEM, w.CASE_STATE, w.CARD_NOW),
        *(w.ACCEPTED_BY, w.HELD_BY, w.FILED, w.CLOSED),
    )
    rows = (_row(each, of) for each in _every_case(ask, _filter(ask, query)))
    return sheet_answer(w.CASES, [each.zh for each in columns], rows)


def _filter(ask: Asked, query: CaseQuery) -> CaseFilter:
    zone = ask.desk.zone
    first, last = _day(query.day), _day(query.to)
    if first is not None and last is None:
        last = first  # one day
    return CaseFilter(
        prefix=_number(query.number),
        promise=query.promise or None,
        state=CaseState(query.state) if query.state else None,
        level=Level(query.level) if query.level else None,
        filed_from=None if first is None else zone.midnight(first.toordinal()),
        filed_before=None if last is None else zone.midnight((last + timedelta(days=1)).toordinal()),
    )


def _number(written: str) -> str:
    """The number of a case; of owner and number, as lists show them, the number."""
    _, _, number = written.strip().rpartition(" ") if written.strip().startswith("/") else ("", "", written.strip())
    return number.replace(KEY_SEPARATOR, "")


def _day(written: str) -> date | None:
    if not written.strip():
        return None
    try:
        found = date.fromisoformat(written.strip())
    except ValueError:
        raise Refusal(422, w.WRONG_DAY, WRONG_FORM_REMEDY) from None
    if not 1991 <= found.year <= 2059:
        raise Refusal(422, w.WRONG_DAY, WRONG_FORM_REMEDY)
    return found


def _every_case(ask: Asked, wanted: CaseFilter) -> Iterator[ListedCase]:
    def lines(after: str) -> tuple[Sequence[ListedCase], str | None]:
        page = ask.desk.reading.cases(ask.known, wanted, after or None, SHEET_PAGE)
        return page.cases, page.next

    return lines_of_pages(lines)


def _row(listed: ListedCase, of: SaidOf) -> tuple[object, ...]:
    case = listed.case
    return (
        case.subject,
        of.source(case.owner),
        of.service_item(case.service_item),
        of.say(w.HANDED_ON if listed.is_passed_on else w.CASE_STATES[case.state]),
        of.card(listed.level).word if listed.level else "",
        of.unit(case.unit) if case.unit else "",
        of.unit(case.holder) if case.holder else "",
        of.sortable(case.filed_at),
        of.sortable(case.closed_at),
    )


@PAGES.get("/cases/{token}", Access.READ, about=about_case)
def case(ask: Ask, token: str) -> Response:
    """One case: verdicts and days, who holds it, its cards, its record."""
    desk, viewer = ask.desk, ask.known
    key = key_of_token(token)
    seen = None if key is None else desk.reading.case(viewer, key, desk.acting.stands.assigned(key))
    if seen is None:
        raise NotFound
    text = CaseText(seen, desk.reading.law, SaidOf(ask))
    reads_texts = desk.supervision.may_read_texts(viewer, seen, ask.about)
    answer: Response = reading_page(
        ask,
        "case.html",
        seen=seen,
        token=token,
        text=text,
        about=ask.about,
        acts=acts_of_case(ask, seen),
        records=[
            text.record(record, desk.texts.text if reads_texts else None)
            for record in desk.supervision.record_of(viewer, seen)
        ],
    )
    return answer
