"""Whose request it is: a session of an account."""

from enum import StrEnum
from typing import NamedTuple, Protocol

from services.desk.access import Viewer
from services.domain.plan.plan import Title


class Owes(StrEnum):
    """What an account has to do before anything else."""

    NOTHING = "nothing"
    PASSWORD = "password"
    """A password of its own: it signed in with a one-time code."""
    FACTOR = "factor"
    """Its second factor (TOTP), which its role needs."""


class Session(NamedTuple):
    """Of somebody who is signed in."""

    id: str
    """The hash of its token, in hex."""
    viewer: Viewer
    owes: Owes = Owes.NOTHING


class Sessions(Protocol):
    """Whose a token is. Any thread may ask."""

    def session_of(self, token: str) -> Session | None:
        """None: there is no such session any more. To ask counts as a sign of life."""

    def say(self, session: str, said: Title) -> None:
        """Keep a sentence for the next page of a session."""

    def take_said(self, session: str) -> Title | None:
        """The sentence that is kept, once."""
