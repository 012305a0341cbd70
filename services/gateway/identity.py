"""Who sends a request: the API key in its header `Authorization`, and the source that the key speaks for."""

from typing import NamedTuple, Protocol

from services.gateway.key_reader import TRUSTED_SECONDS, KeysUnknown
from services.gateway.key_ring import KeyLine, KeyState
from services.gateway.problems import Problem
from services.gateway.wire import HttpHeaders, header


class Keys(Protocol):
    """Who knows the keys."""

    @property
    def is_current(self) -> bool:
        """Whether they are known as of now."""

    def found(self, whole: str) -> KeyLine | None:
        """A key and its state. Raises KeysUnknown."""


class Caller(NamedTuple):
    """Who sends a request."""

    key_id: str
    source: str


def caller(headers: HttpHeaders, keys: Keys) -> Caller:
    """The source of a request. Problem: 401 without a good key, 503 where that cannot be said now."""
    scheme, _, whole = (header(headers, "authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not whole:
        raise Problem(401, "no_key", "the request has no API key", "send it as Authorization: Bearer kw_…")
    try:
        line = keys.found(whole.strip())
    except KeysUnknown:
        raise Problem(
            503,
            "unavailable",
            f"the API keys were not confirmed by the broker within {TRUSTED_SECONDS:.0f} s",
            "send the same again later",
            retry_after=TRUSTED_SECONDS,
        ) from None
    if line is None:
        raise Problem(
            401, "bad_key", "there is no such API key", "look for a slip, or ask the operations centre for one"
        )
    if line.state is not KeyState.ACTIVE:
        raise Problem(
            401, "bad_key", f"the API key {line.id} is {line.state}", "use the source's other key, or ask for one"
        )
    return Caller(line.id, line.key.source)
