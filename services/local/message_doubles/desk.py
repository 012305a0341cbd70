"""What the doubles of messengers share: what has arrived, what goes wrong, limits, and the ways to answer."""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from services.local.message_doubles.arrivals import Arrivals
from services.local.message_doubles.faults import Fault, Faults, Mode

SECRET = "double-secret"
"""Of every application of the doubles, and the signing secret of their robots."""
WEBHOOK_SECRET = "whsec_ZG91YmxlLXNlY3JldC1vZi10aGUtZGVtbw=="
MANY = 20
"""Messages a minute that the robots of WeCom and DingTalk take."""


class LostAnswer(Response):
    """The connection ends in the middle of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class Json(Response):
    """An answer with a body of JSON."""

    def __init__(self, content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(orjson.dumps(content), status, headers, "application/json")


@dataclass(slots=True)
class Desk:
    """The state of all doubles of a process."""

    arrivals: Arrivals = field(default_factory=Arrivals)
    faults: Faults = field(default_factory=Faults)
    limits: bool = True
    """Whether they keep the limits of the providers."""
    seconds: Callable[[], float] = time.monotonic
    tokens: dict[str, set[str]] = field(default_factory=dict)
    """Double → the access tokens that are valid."""
    _calls: dict[str, deque[float]] = field(default_factory=dict)
    _closed_until: dict[str, float] = field(default_factory=dict)
    _made: int = 0

    def new_token(self, double: str) -> str:
        """An access token."""
        self._made += 1
        token = f"{double}-token-{self._made}"
        self.tokens.setdefault(double, set()).add(token)
        return token

    def is_too_fast(self, account: str, most: int, blocked_seconds: float = 0.0) -> bool:
        """Whether more than so many messages came by an account within a minute. It is then blocked for a while."""
        if not self.limits:
            return False
        now = self.seconds()
        if now < self._closed_until.get(account, float("-inf")):
            return True
        calls = self._calls.setdefault(account, deque(maxlen=most))
        if len(calls) == most and now - calls[0] < 60:
            self._closed_until[account] = now + blocked_seconds
            return True
        calls.append(now)
        return False


def group_of(key: str) -> str:
    """The group of a robot, without its key."""
    return f"群 group {hashlib.sha256(key.encode()).hexdigest()[:6]}"


@dataclass(frozen=True, slots=True)
class Manners:
    """How a double says no."""

    error: Callable[[int, str], Response]
    """(code, what it says about it) → an answer."""
    limited: int
    expired: int
    busy: int = -1


async def answered(
    desk: Desk, double: str, request: Request, manners: Manners, take: Callable[[], Response]
) -> Response:
    """The answer to a message. `take` accepts it, unless it is wrong. What a double says of an error repeats the whole
    request, secrets included: the worst that a provider could do."""
    fault = desk.faults.draw(double)
    repeated = f"{request.url} {dict(request.headers)}"
    if fault is None:
        return take()
    early = _not_accepted(fault, manners, repeated)
    if early is not None:
        if fault.mode is Mode.EXPIRED:
            desk.tokens.pop(double, None)
        return early
    answer = take()
    if fault.mode is Mode.LOST:
        return LostAnswer()
    await asyncio.sleep(fault.seconds)
    return answer


def _not_accepted(fault: Fault, manners: Manners, repeated: str) -> Response | None:
    """The answer of a fault by which nothing is accepted; None: it is accepted."""
    match fault.mode:
        case Mode.ERROR:
            return manners.error(fault.code or manners.busy, repeated)
        case Mode.LIMITED:
            return manners.error(manners.limited, repeated)
        case Mode.EXPIRED:
            return manners.error(manners.expired, repeated)
        case Mode.DOWN:
            return Response(f"<html>503 {repeated}</html>", 503, media_type="text/html")
        case Mode.GARBLED:
            return Response(f"<html>{repeated}</html>", 200, media_type="text/html")
        case Mode.BROKEN:
            return LostAnswer()
    return None
