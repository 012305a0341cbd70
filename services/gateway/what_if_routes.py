"""The route by which a source asks what events would change, without sending them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from fastapi import FastAPI, Request, Response

from services.domain.time.zone import Instant
from services.gateway.case_questions import what_if
from services.gateway.case_routes import CaseAsking
from services.gateway.handling import Handling, Question
from services.gateway.identity import Caller
from services.gateway.openapi import WHAT_IF
from services.gateway.problems import Problem
from services.gateway.side_work import SECONDS
from services.gateway.wire import Sent

MOST_EVENTS: Final = 5_000
"""Of one question."""
AT_ONCE: Final = 2
"""Questions in hand, of two sources."""


class OnePerSource:
    """So many questions at once, and one of each source. It is asked by the event loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sources: set[str] = set()

    @contextmanager
    def taken(self, source: str) -> Iterator[None]:
        """See Seats."""
        if source in self._sources:
            detail = f"a question of {source} is in hand"
            raise Problem(429, "one_at_a_time", detail, "wait for its answer, then ask again", SECONDS)
        if len(self._sources) >= self._most:
            raise Problem(503, "busy", f"{self._most} such questions are in hand", "ask again later", SECONDS)
        self._sources.add(source)
        try:
            yield
        finally:
            self._sources.remove(source)


def add_what_if(app: FastAPI, handling: Handling, asking: CaseAsking) -> None:
    """Add the route to the app of a gateway."""
    seats = OnePerSource(AT_ONCE)

    @app.post("/what-if", openapi_extra=WHAT_IF, response_class=Response)
    async def ask_what_if(request: Request, accounts: bool = False) -> Response:
        """Ask what events would change, were they sent now: the verdicts and cards of the cases that they touch, before
        and after. Nothing is stored. `accounts`: with the account of the first cases afterwards."""
        question = Question(MOST_EVENTS, seats, partial(_answer, asking, accounts))
        return await handling.consider(request, "/what-if", question)


async def _answer(asking: CaseAsking, accounts: bool, caller: Caller, events: list[Sent], arrival: Instant) -> bytes:
    return await asking.run(what_if, caller.source, events, arrival, accounts)
