"""One request to the desk: who asks, of what, and how it is answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from services.casebook.casebook import Casebook
from services.desk.access import About, Language, Viewer
from services.desk.accounts.accounts import Accounts
from services.desk.accounts.logbook import Deed, Entry, Logbook
from services.desk.acting.acting import Acting
from services.desk.cookies import LANGUAGE, token_of
from services.desk.figures import Figures
from services.desk.reading.reading import Reading
from services.desk.reading.supervision import Supervision
from services.desk.rendering import Shown, render
from services.desk.session import Owes, Session, Sessions
from services.domain.plan.plan import Plan, Title
from services.domain.time.zone import Instant, Zone
from services.ledger.index import LedgerIndex
from services.ledger.texts import Texts
from services.runtime.clock import Clock
from services.runtime.settings import Settings


@dataclass(frozen=True)
class Desk:
    """What the pages are made of. `ledger`, `texts` and `casebook` connect when they are asked."""

    plan: Plan
    settings: Settings
    clock: Clock
    """The plan's time."""
    sessions: Sessions
    """Who is signed in: `accounts`, but for tests."""
    accounts: Accounts
    casebook: Casebook
    ledger: LedgerIndex
    """It is only read here: what is to be recorded, the keeper is asked for."""
    texts: Texts
    acting: Acting
    """What people do: reads the ledger, asks the keeper."""
    reading: Reading
    """The desk's own index: figures, cards, verdicts."""
    supervision: Supervision
    """What the ledger says to a viewer."""
    figures: Figures

    @property
    def logbook(self) -> Logbook:
        """Who looked at what."""
        return Logbook(self.accounts.database, self.zone)

    @property
    def zone(self) -> Zone:
        """The plan's: every time on a page is in it."""
        return Zone(self.plan.head.timezone)


@dataclass
class Asked:
    """One request. Handlers take it as `ask: Ask`."""

    request: Request
    desk: Desk
    session: Session | None
    about: About = field(default_factory=About)
    """Whose business the thing of the path is, where the route says how to find out."""

    @property
    def viewer(self) -> Viewer | None:
        """Who asks; None: nobody is signed in."""
        return None if self.session is None else self.session.viewer

    @property
    def owes(self) -> Owes:
        """What the account has to do first."""
        return Owes.NOTHING if self.session is None else self.session.owes

    @property
    def known(self) -> Viewer:
        """Who asks, on a page that only somebody sees who is signed in."""
        assert self.viewer is not None, "the guard of the route lets nobody else through"
        return self.viewer

    @property
    def language(self) -> Language:
        """Of the account; before the sign-in of the cookie; else of the plan."""
        if self.viewer is not None:
            return self.viewer.language
        chosen = self.request.cookies.get(LANGUAGE) or self.desk.plan.head.language or "zh"
        return "en" if chosen == "en" else "zh"

    @property
    def now(self) -> Instant:
        """The plan's time."""
        return self.desk.clock.now()

    @property
    def address(self) -> str:
        """Where the request comes from, as the proxies that are known say it."""
        return "" if self.request.client is None else self.request.client.host

    def deed(self, kind: Entry, subject: str) -> Deed:
        """What whoever asks did, for the log."""
        return Deed(kind, self.known.account, subject, self.address)

    def page(self, template: str, status: int = 200, **content: Any) -> Response:
        """A page of a template in `services/desk/templates`."""
        return self.page_with(template, content, status)

    def page_with(self, template: str, content: Mapping[str, Any], status: int = 200) -> Response:
        """As `page`."""
        said = None if self.session is None else self.desk.sessions.take_said(self.session.id)
        shown = Shown(
            self.viewer,
            self.language,
            self.desk.plan,
            self.now,
            self.request.url.path,
            said,
            self.desk.clock.is_simulated,
        )
        return Response(render(template, shown, content), status, media_type="text/html")

    def see_other(self, path: str, said: Title | None = None) -> Response:
        """After a form: the page that the browser opens next, and a sentence that it shows. `path`: of the desk."""
        if said is not None and self.session is not None:
            self.desk.sessions.say(self.session.id, said)
        return RedirectResponse(path, 303)


def asked_of(request: Request) -> Asked:
    """The request with its session, which is looked up once."""
    found = getattr(request.state, "asked", None)
    if isinstance(found, Asked):
        return found
    desk: Desk = request.app.state.desk
    token = token_of(request, desk.settings)
    asked = Asked(request, desk, desk.sessions.session_of(token) if token else None)
    request.state.asked = asked
    return asked


Ask = Annotated[Asked, Depends(asked_of)]
"""The type of a handler's argument."""


def is_path(path: str) -> bool:
    """Whether it is a path of the desk, and no way out of it (`//elsewhere`)."""
    return path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
