"""Addresses of a matter at the desk: one promise in one cycle of a case."""

from typing import NamedTuple
from urllib.parse import urlencode

from services.desk.reading.case_seen import key_of_token, token_of
from services.messaging.records.decisions import Matter


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
