"""The live feed: a history sent to `case.events` at the pace of the plan's clock, never with a gap.

It remembers how far it got: an instant of arrival up to which the broker has acknowledged everything. After a restart
the same history is told again from its seed and what came before that instant is skipped; what came at it is sent
twice, and duplicates are harmless.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.domain.time.zone import Instant
from services.messaging import topics
from services.process.clock import Clock
from services.simulator.simulation import Event, History

log = logging.getLogger("services.simulator")

_SAVE_SECONDS = 1.0
_SAY_SECONDS = 10.0
_SLEEP_SECONDS = 0.2
_BEFORE_ALL: Instant = -(1 << 62)


class FeedFailed(Exception):
    """The feed cannot go on: the place, the reason, the remedy."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a history has been sent, and which history it is."""

    history: str
    """Seed, profile and start: another one must not be continued from here."""
    sent: Instant
    """Everything that arrives before this instant has been acknowledged."""

    @classmethod
    def read(cls, file: Path, history: str) -> Self:
        """Where the history stands; before its beginning if nothing was sent. FeedFailed if the file is of another."""
        if not file.exists():
            return cls(history, _BEFORE_ALL)
        found = cls(**json.loads(file.read_text()))
        if found.history != history:
            raise FeedFailed(
                f"{file}: it stands at a history of {found.history}, and this one is of {history}: "
                "two would be mixed in one topic. Go back to those settings, or forget the data: make demo-reset"
            )
        return found

    def write(self, file: Path) -> None:
        """On the disk when it returns, and never half of it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        with draft.open("w") as sink:
            json.dump({"history": self.history, "sent": self.sent}, sink)
            sink.flush()
            os.fsync(sink.fileno())
        draft.replace(file)


class Feed:
    """Sends a history until told to stop."""

    def __init__(
        self,
        history: History,
        name: str,
        *,
        bootstrap: str,
        file: Path,
        now: Callable[[], Instant],
        real_seconds: Callable[[float], float],
        topic: str = topics.CASE_EVENTS,
    ) -> None:
        """`name` is what tells this history from others; `file` keeps the position. FeedFailed if Kafka does not
        answer."""
        self._history = history
        self._position = Position.read(file, name)
        self._file = file
        self._now = now
        self._real_seconds = real_seconds
        self._topic = topic
        self._failure: BaseException | None = None
        self.sent = 0
        """Events sent by this process."""
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap.split(","),
                bootstrap_timeout_ms=topics.ANSWER_MS,
                acks="all",
                linger_ms=20,
                batch_size=256 * 1024,
                compression_type=None,
            )
        except KafkaError as error:
            raise FeedFailed(
                f"Kafka: no broker answers at {bootstrap}. Start it, or set KPIWATCH_BOOTSTRAP to where it is"
            ) from error

    @classmethod
    def by_clock(cls, history: History, name: str, clock: Clock, *, bootstrap: str, file: Path) -> Self:
        """At the pace of the plan's clock."""
        return cls(history, name, bootstrap=bootstrap, file=file, now=clock.now, real_seconds=clock.real_seconds)

    def run(self, ending: threading.Event) -> None:
        """Returns once `ending` is set or an ending history is over. FeedFailed if the broker refuses an event."""
        now = self._now()
        wrong_key = self._history.tells_bad_events and self._position.sent == _BEFORE_ALL
        saved = said = time.monotonic()
        reached: Instant | None = None
        try:
            for event in self._history.events():
                if event.received < self._position.sent:
                    continue
                while event.received > now:
                    now = self._now()
                    if event.received <= now:
                        break
                    if reached is not None and time.monotonic() - saved > _SAVE_SECONDS:
                        self._save(reached)
                        saved, reached = time.monotonic(), None
                    wait = self._real_seconds((event.received - now) / 1e6)
                    if ending.wait(min(wait, _SLEEP_SECONDS)):
                        return
                self._send(event)
                if wrong_key:
                    self._send(event._replace(key=f"{event.key}-elsewhere"))
                    wrong_key = False
                reached = event.received
                if self.sent % 1_000 == 0:
                    if ending.is_set():
                        return
                    if time.monotonic() - saved > _SAVE_SECONDS:
                        self._save(reached)
                        saved, reached = time.monotonic(), None
                if self.sent % 100 == 0 and time.monotonic() - said > _SAY_SECONDS:
                    said = time.monotonic()
                    log.info("%d events sent, at %s", self.sent, self._history.zone.text(event.received))
        finally:
            if reached is not None:
                self._save(reached)
            self._producer.close(timeout=5)

    def _send(self, event: Event) -> None:
        try:
            future = self._producer.send(self._topic, key=event.key.encode(), value=event.line)
        except KafkaError as error:
            raise _refused(error) from error
        future.add_errback(self._note)
        self.sent += 1

    def _note(self, error: BaseException) -> None:
        self._failure = error

    def _save(self, reached: Instant) -> None:
        """All that was sent is acknowledged, then the position moves; if not, it stays and nothing is lost."""
        try:
            self._producer.flush(timeout=60)
        except KafkaError as error:
            raise _refused(error) from error
        if self._failure is not None:
            raise _refused(self._failure) from self._failure
        self._position = Position(self._position.history, reached)
        self._position.write(self._file)


def _refused(error: BaseException) -> FeedFailed:
    return FeedFailed(
        f"Kafka: an event was not acknowledged ({type(error).__name__}). Start the feed again once the broker answers: "
        "it goes on where it stood"
    )
