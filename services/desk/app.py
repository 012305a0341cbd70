"""The desk as an app: the pages of units, operations centre, auditors and administrators.

How a page is added:

1. Its family is a file in `services/desk/pages/` with `PAGES = Pages()`; the family is a line of `FAMILIES` below.
2. A handler is a plain function (it runs in a thread, so it may ask a database) with `ask: Ask`:

       @PAGES.get("/cases/{source}/{number}", Access.READ, about=case_of)
       def case(ask: Ask, source: str, number: str) -> Response:
           return ask.page("case.html", case=...)

       @PAGES.post("/cases/{source}/{number}/reply", Access.ACT, about=case_of)
       def reply(ask: Ask, source: str, number: str, text: Annotated[str, Form(max_length=20_000)]) -> Response:
           ...
           return ask.see_other(f"/cases/{source}/{number}", said=REPLIED)

   `about` is a function `Request -> About | None` (path parameters are in `request.path_params`, the data in
   `request.app.state.desk`): whose the thing is; None: there is none. What is somebody else's is answered like what is
   not there: 404. A list says `about=LISTED`, and asks `may(ask.viewer, Access.READ, about)` of each thing it shows.
   A route without an access does not start. In templates `may("decide", about)` hides what would be refused.
3. Its template extends `base.html` and fills the blocks `title` and `content`. Words are `Title(zh=…, en=…)` in the
   page's own file, given to the template and said there by `{{ say(word) }}`; times by `{{ moment(time) }}`. No inline
   style or script: the policy of the page (CSP) forbids them. A form needs no token: `guards.py` says why.
4. `services/desk/navigation.py` has the menu. What is wrong is raised as `Refusal(status, heading, remedy)`.
5. `tests/unit/test_desk_routes.py` goes over all routes; a new one has its line in `CASES` there. `tests/unit/desk.py`
   gives a test a desk and a client that is signed in.
"""

import logging
import traceback
from collections.abc import Callable
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException

from services.casebook.bad_cursor import BadCursor as BadCaseCursor
from services.casebook.database import CasebookUnavailable
from services.desk import words
from services.desk.accounts.database import AccountsUnavailable
from services.desk.asking import Desk, asked_of
from services.desk.guards import PROBES, Guard, OwnAddress
from services.desk.pages import (
    account,
    accounts,
    acts,
    assets,
    assignments,
    cards,
    cases,
    centre,
    counted,
    home,
    logs,
    promises,
    runbooks,
    sign_in,
    supervision,
)
from services.desk.reading.cursor import BadCursor
from services.desk.reading.reading import ReadingUnavailable
from services.desk.refusal import Elsewhere, NotFound, Refusal
from services.desk.routes import Pages, add_routes, check_routes
from services.domain.plan.plan import Title
from services.ledger.database import LedgerUnavailable

log = logging.getLogger(__name__)

FAMILIES: Final[tuple[Pages, ...]] = (
    assets.PAGES,
    sign_in.PAGES,
    account.PAGES,
    home.PAGES,
    promises.PAGES,
    cards.PAGES,
    cases.PAGES,
    counted.PAGES,
    supervision.PAGES,
    assignments.PAGES,
    accounts.PAGES,
    logs.PAGES,
    acts.PAGES,
    centre.PAGES,
    runbooks.PAGES,
)
"""All pages. The first route that fits a path is taken."""


def desk_app(desk: Desk, add_probes: Callable[[FastAPI], None] = lambda app: None) -> FastAPI:
    """The app. `add_probes`: adds health and figures. Raises ValueError for a route that nothing guards."""
    app = FastAPI(title="kpiwatch desk", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.desk = desk
    add_routes(app, FAMILIES)
    add_probes(app)
    check_routes(app, PROBES)
    _answer_with_pages(app)
    app.add_middleware(Guard, own=OwnAddress.of(desk.settings), figures=desk.figures)
    return app


def _answer_with_pages(app: FastAPI) -> None:
    """What is raised becomes a page in the language of whoever asked, without a traceback."""

    @app.exception_handler(Elsewhere)
    def elsewhere(request: Request, error: Elsewhere) -> Response:
        return RedirectResponse(error.path, 303)

    @app.exception_handler(Refusal)
    def refused(request: Request, error: Refusal) -> Response:
        return _page(request, error)

    @app.exception_handler(AccountsUnavailable)
    def locked(request: Request, error: AccountsUnavailable) -> Response:
        log.error("%s", error)
        sentences = (words.AWAY.zh, words.AWAY.en, words.AWAY_REMEDY.zh, words.AWAY_REMEDY.en)
        return PlainTextResponse("\n".join(sentences), 503)  # without the accounts nobody knows whose page it would be

    @app.exception_handler(CasebookUnavailable)
    @app.exception_handler(LedgerUnavailable)
    @app.exception_handler(ReadingUnavailable)
    def away(request: Request, error: Exception) -> Response:
        log.warning("%s", error)  # it names a place and a setting, no case
        return _page(request, Refusal(503, words.AWAY, words.AWAY_REMEDY))

    @app.exception_handler(BadCursor)
    @app.exception_handler(BadCaseCursor)
    def no_such_page(request: Request, error: Exception) -> Response:
        return _page(request, NotFound())

    @app.exception_handler(HTTPException)
    def of_framework(request: Request, error: HTTPException) -> Response:
        wrong = Refusal(error.status_code, words.WRONG_METHOD, words.NOT_FOUND_REMEDY)
        return _page(request, NotFound() if error.status_code == 404 else wrong)

    @app.exception_handler(RequestValidationError)
    def wrong_form(request: Request, error: RequestValidationError) -> Response:
        named = [".".join(str(part) for part in one["loc"][1:]) for one in error.errors()]
        return _page(request, Refusal(422, words.WRONG_FORM, words.WRONG_FORM_REMEDY), named)

    @app.exception_handler(Exception)
    def defect(request: Request, error: Exception) -> Response:
        where = traceback.extract_tb(error.__traceback__)[-1]  # its text may name a case
        log.error("%s at %s:%d", type(error).__name__, where.filename, where.lineno)
        return _page(request, Refusal(500, words.DEFECT, words.DEFECT_REMEDY))


def _page(request: Request, refusal: Refusal, named: list[str] | None = None) -> Response:
    asked = asked_of(request)
    shown: dict[str, Title | list[str]] = {"heading": refusal.heading, "remedy": refusal.remedy, "named": named or []}
    return asked.page_with("refusal.html", shown, refusal.status)
