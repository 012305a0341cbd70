"""Sources, written orders and notices of the viewer's own."""

from typing import Any, Final

from fastapi import Request, Response

from services.desk.access import About, Access
from services.desk.asking import Ask, Desk
from services.desk.numbers import Place, number_of
from services.desk.pages.alerts_of_notice import alerts_of
from services.desk.pages.said_of import reading_page
from services.desk.reading.supervision import PAGE
from services.desk.refusal import NotFound
from services.desk.routes import LISTED, Pages

PAGES: Final = Pages()


@PAGES.get("/sources", Access.READ, about=LISTED)
def sources(ask: Ask) -> Response:
    """Whether the sources report."""
    answer: Response = reading_page(ask, "sources.html", lines=ask.desk.reading.sources(ask.known))
    return answer


@PAGES.get("/orders", Access.READ, about=LISTED)
def orders(ask: Ask, before: Place = None) -> Response:
    """Written orders, the latest first."""
    found = ask.desk.supervision.orders(ask.known, ask.now, before)
    more = found[PAGE - 1].order.record if len(found) > PAGE else None
    answer: Response = reading_page(ask, "orders.html", lines=found[:PAGE], more=more, before=before)
    return answer


@PAGES.get("/notices", Access.READ, about=LISTED)
def notices(ask: Ask, before: Place = None) -> Response:
    """Notices, the latest first."""
    found = ask.desk.supervision.notices(ask.known, before)
    more = found[PAGE - 1].number if len(found) > PAGE else None
    answer: Response = reading_page(ask, "notices.html", lines=found[:PAGE], more=more, before=before)
    return answer


def _about_notice(request: Request) -> About | None:
    desk: Desk = request.app.state.desk
    number = number_of(request.path_params["number"])
    return None if number is None else desk.supervision.about_notice(number)


@PAGES.get("/notices/{number}", Access.READ, about=_about_notice)
def notice(ask: Ask, number: int) -> Response:
    """One notice, to which the message in the messenger links, and the cases that it is about."""
    found = ask.desk.supervision.notice(number)
    if found is None:
        raise NotFound
    body = found.request.body
    text = body.get("text_en" if ask.language == "en" else "text_zh", "")
    answer: Response = reading_page(
        ask,
        "notice.html",
        notice=found,
        title=str(body.get("title", "")),
        text=str(text),
        cases=_cases_of(body.get("subjects")),
        circulars=_circulars_of(body.get("subjects")),
        alerts=alerts_of(body.get("subjects"), ask.desk.settings.grafana_url),
    )
    return answer


def _cases_of(subjects: object) -> list[tuple[str, str]]:
    """Promise and name of each case that a notice is about."""
    named = [(str(each.get("kpi", "")), str(each.get("case", ""))) for each in _of_notice(subjects)]
    return sorted({(kpi, case) for kpi, case in named if " " in case})


def _circulars_of(subjects: object) -> list[int]:
    """The numbers of the 通报 that a notice is about, as their addresses have them."""
    found = (each.get("circular") for each in _of_notice(subjects))
    return sorted({number for number in found if type(number) is int})


def _of_notice(subjects: object) -> list[dict[str, Any]]:
    found = subjects if isinstance(subjects, list) else []
    return [each for each in found if isinstance(each, dict)]
