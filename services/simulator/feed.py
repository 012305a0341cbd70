"""The live feed: a simulation sent at the pace of the plan's clock, without gaps.

It saves an instant of arrival up to which everything is acknowledged. After a restart the same events are
made again from the seed. Events from before that instant are skipped; events of that instant are sent twice, and
duplicates are harmless.
"""

import json
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from services.domain.time.zone import Instant
from services.runtime.atomic_file import replace_file
from services.simulator.simulation import Event, Simulation

log = logging.getLogger("services.simulator")

_SAVE_SECONDS = 1.0
_LOG_SECONDS = 10.0
_SLEEP_SECONDS = 0.2
_BEFORE_ALL: Instant = -(1 << 62)


class FeedFailed(Exception):
    """The feed cannot go on: the place, the reason, the remedy."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the events of a simulation have been sent, and of which one."""

    history: str
    """Plan, profile, seed and start. Another simulation must not be continued from here."""
    sent: Instant
    """Everything that arrives before this instant has been acknowledged."""

    @classmethod
    def read(cls, file: Path, history: str) -> Self:
        """The saved position; before the first event if nothing was sent. FeedFailed if it is another simulation's."""
        if not file.exists():
            return cls(history, _BEFORE_ALL)
        found = cls(**json.loads(file.read_text()))
        if found.history != history:
            raise FeedFailed(
                f"{file}: it belongs to a simulation of {found.history}, and this one is of {history}: "
                "two would be mixed in one topic. Go back to those settings, or forget the data: make demo-reset"
            )
        return found

    def write(self, file: Path) -> None:
        """On the disk when it returns, and never half of it."""
        replace_file(file, json.dumps({"history": self.history, "sent": self.sent}), durable=True)


class Pace(Protocol):
    """The clock that a feed follows."""

    def now(self) -> Instant:
        """The plan's time."""

    def real_seconds(self, plan_seconds: float) -> float:
        """How long it takes for `plan_seconds` to pass."""


class Sender(Protocol):
    """Where events are sent. Each method may raise FeedFailed."""

    def send(self, event: Event) -> None:
        """Queue an event."""

    def push(self) -> None:
        """What is queued goes out soon; more may be queued long afterwards."""

    def flush(self) -> None:
        """Returns once everything that was queued is acknowledged, or refused for what it is."""

    def close(self) -> None:
        """What is queued may be lost."""

    @property
    def refused(self) -> int:
        """How many events were refused for what they are."""


class Feed:
    """Sends the events of a simulation until it is ended."""

    def __init__(self, simulation: Simulation, name: str, pace: Pace, *, sender: Sender, file: Path) -> None:
        """`name` distinguishes this simulation from others; `file` keeps the position."""
        self._simulation = simulation
        self._position = Position.read(file, name)
        self._file = file
        self._pace = pace
        self._sender = sender
        self._now: Instant = _BEFORE_ALL
        self._reached: Instant | None = None
        """The arrival of the last event that was sent and is not yet part of the saved position."""
        self._saved_at = self._logged_at = time.monotonic()
        self.sent = 0
        """Events sent by this process."""

    def run(self, ending: threading.Event) -> None:
        """Returns once `ending` is set or the simulation is over. FeedFailed if events cannot be sent."""
        wrong_key = self._simulation.has_rejected_events and self._position.sent == _BEFORE_ALL
        try:
            for event in self._simulation.events():
                if event.received < self._position.sent:
                    continue
                if not self._wait_until(event.received, ending):
                    return
                self._send(event)
                if wrong_key:
                    self._send(event._replace(key=f"{event.key}-elsewhere"))
                    wrong_key = False
                self._reached = event.received
                if self.sent % 1_000 == 0 and ending.is_set():
                    return
                self._note_progress(event)
        finally:
            if self._reached is not None:
                self._save(self._reached)
            self._sender.close()

    def _wait_until(self, received: Instant, ending: threading.Event) -> bool:
        """Wait for an arrival; False if the feed is ended before."""
        while received > self._now:
            self._now = self._pace.now()
            if received <= self._now:
                break
            self._sender.push()
            self._save_now_and_then()
            seconds = self._pace.real_seconds((received - self._now) / 1e6)
            if ending.wait(min(seconds, _SLEEP_SECONDS)):
                return False
        return True

    def _note_progress(self, event: Event) -> None:
        """Saves the position and writes to the log, some seconds after the last time."""
        if self.sent % 1_000 == 0:
            self._save_now_and_then()
        if self.sent % 100 == 0 and time.monotonic() - self._logged_at > _LOG_SECONDS:
            self._logged_at = time.monotonic()
            at = self._simulation.zone.text(event.received)
            log.info("%d events sent, %d of them refused, at %s", self.sent, self._sender.refused, at)

    def _save_now_and_then(self) -> None:
        if self._reached is not None and time.monotonic() - self._saved_at > _SAVE_SECONDS:
            self._save(self._reached)
            self._saved_at, self._reached = time.monotonic(), None

    def _send(self, event: Event) -> None:
        self._sender.send(event)
        self.sent += 1

    def _save(self, reached: Instant) -> None:
        """Moves the position once everything is acknowledged. Otherwise the position stays."""
        self._sender.flush()
        self._position = Position(self._position.history, reached)
        self._position.write(self._file)
