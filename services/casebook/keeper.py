"""The loop that moves what is in the topics into the index."""

import logging
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from sqlalchemy.exc import InterfaceError, OperationalError

from services.casebook.index import SETTLED_AT_ONCE, Index, OtherWriter
from services.domain.time.zone import Instant
from services.messaging.reader import Record, TopicReader
from services.messaging.topics import ALERT_CARDS, CASE_EVENTS, CASE_VERDICTS
from services.metric_names import casebook_metrics as metrics
from services.metric_names.families import counter, gauge

log = logging.getLogger(__name__)

TOPICS: Final = (CASE_EVENTS, ALERT_CARDS, CASE_VERDICTS)
_POLL_SECONDS: Final = 0.5
_SETTLE_SECONDS: Final = 1.0
"""How long cases are settled before new records are read."""
_AGAIN_SECONDS: Final = 1.0
"""Between two attempts to write while the database is away."""
_COMPLAIN_SECONDS: Final = 30.0
_NOTE_SECONDS: Final = 1.0
"""How often it is noted that the index is complete, at most."""
_BACKLOG: Final = 10_000
"""With more records unread the rows of cases wait: in a backlog most cases get more events."""
_SECOND_US: Final = 1_000_000


class KeptIndex(Protocol):
    """What is kept: an index of topics that takes batches of records in."""

    @property
    def indexed(self) -> int:
        """Records that it counts, since the start of this process."""

    def take(self, records: Sequence[Record]) -> None:
        """Take a batch in, whole or not at all."""

    def settle(self) -> int:
        """Compute what follows from what came in; how many waited, fewer than SETTLED_AT_ONCE once none waits."""

    def note(self, *, ready: bool, complete_at: Instant) -> None:
        """Note that it has caught up, and that it has all that was in the topics at a time (real time)."""


class Keeper:
    """Keeps one index up to date. One thread runs it; any thread may read `ready` and `complete_at`."""

    def __init__(self, index: KeptIndex, reader: TopicReader, name: str = "casebook") -> None:
        """`reader`: of the index's topics, from the positions on that it gave when it was opened. `name`: of the index,
        in the log."""
        self._index = index
        self._name = name
        self.reader = reader
        self.ready = False
        self.complete_at = 0
        """As in `read_until`."""
        self._is_settled = True
        self._noted = float("-inf")
        self._complained = float("-inf")

    def run(self, ending: threading.Event) -> None:
        """Until `ending` is set. An unexpected error ends the process, so that it is started again."""
        while not ending.is_set():
            try:
                self.step(ending)
            except Exception as error:
                log.critical("%s; ending", _said(error))
                signal.raise_signal(signal.SIGTERM)
                return

    def step(self, ending: threading.Event) -> None:
        """One round: what has come in, the cases that it touched, how far the index is."""
        records = self.reader.poll(_POLL_SECONDS if self._is_settled else 0)
        self._until_written(lambda: self._write(records), ending)

    def _write(self, records: list[Record]) -> None:
        if records:
            self._index.take(records)
        behind = sum(self.reader.lag.values())
        if self.reader.caught_up or behind < _BACKLOG:
            self._settle()
            self._note(complete=self._is_settled and not behind)

    def _settle(self) -> None:
        until = time.monotonic() + _SETTLE_SECONDS
        self._is_settled = False
        while not self._is_settled and time.monotonic() < until:
            self._is_settled = self._index.settle() < SETTLED_AT_ONCE

    def _note(self, *, complete: bool) -> None:
        """Note how far the index is, where there is news."""
        if not (complete and self.reader.caught_up):
            return
        is_news = not self.ready or time.monotonic() - self._noted > _NOTE_SECONDS
        ends_at = int(self.reader.ends_at * _SECOND_US)
        if is_news and ends_at > self.complete_at:
            self._index.note(ready=True, complete_at=ends_at)
            if not self.ready:
                log.info("%s: caught up, %d records indexed", self._name, self._index.indexed)
            self.ready, self.complete_at, self._noted = True, ends_at, time.monotonic()

    def _until_written(self, write: Callable[[], None], ending: threading.Event) -> None:
        """Try again while the database is away: what was read is not lost."""
        while not ending.is_set():
            try:
                write()
                return
            except (OperationalError, InterfaceError) as error:  # it is away, locked, or its disk is full
                if time.monotonic() - self._complained > _COMPLAIN_SECONDS:
                    self._complained = time.monotonic()
                    log.warning("%s: nothing can be written (%s); trying again", self._name, type(error).__name__)
                ending.wait(_AGAIN_SECONDS)


def _said(error: Exception) -> str:
    """What an error says; of one that is not ours where it was raised: its text may name a case."""
    if isinstance(error, OtherWriter):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {where.filename}:{where.lineno}"


class KeeperMetrics(Collector):
    """The metrics of the process."""

    def __init__(self, keeper: Keeper, index: Index) -> None:
        self._keeper = keeper
        self._index = index

    def collect(self) -> Iterable[Family]:
        """What a scrape gets."""
        keeper, index = self._keeper, self._index
        yield counter(metrics.INDEXED, {(): index.indexed})
        yield counter(metrics.UNREADABLE, {(topic,): index.unreadable.get(topic, 0) for topic in TOPICS})
        yield gauge(metrics.LAG, {(topic,): count for topic, count in keeper.reader.lag.items()})
        yield gauge(metrics.READY, {(): int(keeper.ready)})
        yield gauge(metrics.COMPLETE, {(): keeper.complete_at / _SECOND_US})
