"""A desk for tests: any viewer is signed in at once, without a password."""

import secrets
from functools import cache
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from services.casebook.casebook import Casebook
from services.catalog.load.plan_folder import load_plan
from services.desk.access import Viewer
from services.desk.accounts.accounts import Accounts
from services.desk.accounts.database import AccountsDatabase
from services.desk.acting.acting import Acting
from services.desk.app import desk_app
from services.desk.asking import Desk
from services.desk.cookies import session_name
from services.desk.figures import Figures
from services.desk.reading.kept import questions_of
from services.desk.session import Owes, Session
from services.domain.plan.plan import Plan, Title
from services.ledger.database import INDEX, open_store
from services.ledger.index import LedgerIndex
from services.ledger.texts import Texts
from services.runtime.clock import Clock
from services.runtime.settings import Settings

ORIGIN = "http://127.0.0.1:19106"


class OpenSessions:
    """Sessions in memory, made by whoever asks."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}
        self._said: dict[str, Title] = {}

    def begin(self, viewer: Viewer, owes: Owes = Owes.NOTHING) -> str:
        """The token of a new session."""
        token = secrets.token_hex(16)
        self._open[token] = Session(token, viewer, owes)
        return token

    def session_of(self, token: str) -> Session | None:
        return self._open.get(token)

    def say(self, session: str, said: Title) -> None:
        self._said[session] = said

    def take_said(self, session: str) -> Title | None:
        return self._said.pop(session, None)


def example_desk(folder: Path, **parts: Any) -> Desk:
    """A desk of the shipped plan, with its databases in a folder; `parts`: fields of it."""
    settings = parts.pop("settings", None) or example_settings(folder)
    plan, texts = parts.get("plan") or shipped_plan(), Texts.at(settings.texts)
    casebook = Casebook.open(settings)
    ledger = LedgerIndex(open_store(INDEX, settings.ledger, writes=False))
    clock = parts.get("clock", Clock.real())
    asked = questions_of(settings, parts.get("casebook", casebook), parts.get("ledger", ledger), clock)
    usual = {
        "plan": plan,
        "settings": settings,
        "clock": clock,
        "sessions": OpenSessions(),
        "casebook": casebook,
        "ledger": ledger,
        "reading": asked.reading,
        "supervision": asked.supervision,
        "texts": texts,
        "accounts": Accounts(AccountsDatabase.at(settings.accounts), Clock.real().now),
        "figures": Figures(lambda: 0),
        "acting": Acting.of(settings, texts),
    }
    return Desk(**{**usual, **parts})


@cache
def shipped_plan() -> Plan:
    """Read once."""
    return load_plan(Settings().plan)


def client_of(desk: Desk, viewer: Viewer | None = None) -> TestClient:
    """A browser at the desk: it sends what browsers send, follows nothing, and is signed in if there is a viewer."""
    client = TestClient(
        desk_app(desk),
        base_url=ORIGIN,
        headers={"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"},
        follow_redirects=False,
        raise_server_exceptions=False,
    )
    if viewer is not None:
        assert isinstance(desk.sessions, OpenSessions)
        client.cookies.set(session_name(desk.settings), desk.sessions.begin(viewer))
    return client


def example_settings(folder: Path) -> Settings:
    """All databases in a folder."""
    return Settings(
        casebook=str(folder / "casebook.sqlite"),
        ledger=str(folder / "ledger.sqlite"),
        texts=str(folder / "texts.sqlite"),
        desk_index=folder / "desk.sqlite",
        accounts=str(folder / "accounts.sqlite"),
    )
