"""Sends the answers of the simulated units to the ledger at the pace of the plan's clock, beside the feed.

It keeps no state: after a restart the ledger is read again, and what was answered is answered with the same ids, which
the keeper records once. Without a broker or a ledger it waits: the feed goes on.
"""

import heapq
import logging
import threading
from collections.abc import Callable
from itertools import count

from services.domain.time.zone import Instant
from services.ledger.recording import answered_by
from services.ledger.writer import Ledger, LedgerAway, LedgerClient
from services.messaging.reader import BrokerUnavailable
from services.messaging.records.ledger import Request
from services.simulator.answers import Answers
from services.simulator.feed import Pace

log = logging.getLogger("services.simulator")

_PAUSE_SECONDS = 1.0
_AGAIN_SECONDS = 10.0
_COMPLAIN_EVERY = 30


class Answering:
    """What is to be answered, and when. Not thread-safe."""

    def __init__(self, answers: Answers, pace: Pace) -> None:
        self._answers = answers
        self._pace = pace
        self._waiting: list[tuple[int, int, Request]] = []
        self._order = count()
        self._recorded: set[str] = set()
        """Ids of answers that the ledger has."""

    def step(self, ledger: Ledger, timeout_seconds: float = 0.0) -> None:
        """One round: read the ledger, and ask for what is due. Raises LedgerAway: it is asked for again."""
        for record in ledger.poll(timeout_seconds):
            self._recorded.add(answered_by(record.request))
            for at, request in self._answers.to(record):
                heapq.heappush(self._waiting, (at, next(self._order), request))
        if not ledger.caught_up:
            return
        due = [request for request in self._due(self._pace.now()) if request.id not in self._recorded]
        try:
            if due:
                ledger.request(*due)
        except LedgerAway:
            for request in due:
                heapq.heappush(self._waiting, (0, next(self._order), request))
            raise

    def _due(self, now: Instant) -> list[Request]:
        """What is due by now, taken out of what waits."""
        due: list[Request] = []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(heapq.heappop(self._waiting)[2])
        return due


def answer(answering: Answering, opened: Callable[[], LedgerClient], ending: threading.Event) -> None:
    """Until `ending` is set. `opened`: opens the ledger; may raise BrokerUnavailable."""
    failures = 0
    while not ending.is_set():
        try:
            with opened() as ledger:
                failures = 0
                while not ending.wait(_PAUSE_SECONDS):
                    answering.step(ledger)
        except (BrokerUnavailable, LedgerAway) as away:
            if failures % _COMPLAIN_EVERY == 0:
                log.warning("the units do not answer for now: %s", away)
            failures += 1
            ending.wait(_AGAIN_SECONDS)
