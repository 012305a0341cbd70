"""Addresses of a matter at the desk: one promise in one cycle of a case."""

import base64
from typing import NamedTuple
from urllib.parse import urlencode

from services.domain.intake.facts import KEY_SEPARATOR
from services.messaging.records.decisions import Matter


def token_of(case_key: str) -> str:
    """A case in an address: source ids and case numbers may hold any character."""
    return base64.urlsafe_b64encode(case_key.encode()).decode().rstrip("=")


def key_of_token(token: str) -> str | None:
    """The key of the case of an address; None: it names none."""
    try:
        key = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return None
    return key if KEY_SEPARATOR in key and "\0" not in key else None


class MatterAddress(NamedTuple):
    """Where a matter is."""

    matter: Matter

    @property
    def case(self) -> str:
        """The page of the case."""
        return f"/cases/{token_of(self.matter.case_key)}"

    def act(self, name: str) -> str:
        """The form of an act, and where it is sent."""
        return f"{self.case}/acts/{name}?{urlencode({'promise': self.matter.kpi, 'cycle': self.matter.cycle})}"


def matter_of(token: str, promise: str, cycle: str) -> Matter | None:
    """The matter of an address; None: it names none."""
    key = key_of_token(token)
    if key is None or not (cycle.isascii() and cycle.isdecimal() and len(cycle) < 10):
        return None
    return Matter(promise, key, int(cycle))
