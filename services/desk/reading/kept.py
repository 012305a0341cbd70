"""The index of the desk, and the thread that keeps it up to date, put together for the process of the desk."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from kafka.errors import KafkaError
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from services.casebook.casebook import Casebook
from services.casebook.keeper import Keeper
from services.desk.reading.index import ReadingIndex
from services.desk.reading.reading import Reading
from services.desk.reading.record_rows import TOPICS
from services.desk.reading.supervision import Supervision
from services.ledger.index import LedgerIndex
from services.messaging.reader import BrokerUnavailable, TopicReader, no_broker
from services.messaging.topics import topic_ids
from services.metric_names import desk_metrics as metrics
from services.metric_names.families import counter, gauge
from services.runtime.clock import Clock
from services.runtime.database import open_engine
from services.runtime.settings import Settings

_SECOND_US: Final = 1_000_000


class Questions(NamedTuple):
    """What the pages ask."""

    reading: Reading
    supervision: Supervision


def questions_of(settings: Settings, casebook: Casebook, ledger: LedgerIndex, clock: Clock) -> Questions:
    """The questions to the index that the settings name. Connects to nothing yet."""
    reading = Reading(reading_engine(settings, writes=False), casebook, clock.now)
    return Questions(reading, Supervision(ledger, reading))


def reading_engine(settings: Settings, *, writes: bool) -> Engine:
    """The database of the index."""
    return open_engine(str(settings.desk_index), writes=writes)


class IndexMetrics(Collector):
    """How far the index is."""

    def __init__(self, keeper: Keeper, index: ReadingIndex, now: Callable[[], float] = time.time) -> None:
        """`now`: the real time, in seconds since 1970."""
        self._keeper = keeper
        self._index = index
        self._now = now
        self._begun = now()

    def collect(self) -> Iterable[Family]:
        """What a scrape gets."""
        keeper, unreadable = self._keeper, dict(self._index.unreadable)
        since = keeper.complete_at / _SECOND_US if keeper.ready else self._begun
        yield gauge(metrics.INDEX_AGE, {(): max(0.0, self._now() - since)})
        yield gauge(metrics.INDEX_LAG, {(topic,): count for topic, count in keeper.reader.lag.items()})
        yield gauge(metrics.INDEX_READY, {(): int(keeper.ready)})
        yield counter(metrics.INDEX_UNREADABLE, {(topic,): unreadable.get(topic, 0) for topic in TOPICS})


class KeptReading:
    """Keeps the index: one thread, from `start` until `end`."""

    def __init__(self, settings: Settings, casebook: Casebook) -> None:
        """Opens the index, and Kafka. Raises BrokerUnavailable."""
        judge = casebook.judge
        self._index = ReadingIndex(reading_engine(settings, writes=True), judge.plan, judge.fingerprint)
        try:
            ids = topic_ids(settings.bootstrap, TOPICS)
        except KafkaError as error:
            raise BrokerUnavailable(no_broker(settings.bootstrap)) from error
        positions = self._index.open(time.time_ns() // 1_000, ids)
        self._reader = TopicReader(settings.bootstrap, TOPICS, start=positions)
        self.keeper = Keeper(self._index, self._reader, "desk")
        self.metrics = IndexMetrics(self.keeper, self._index)
        self._ending = threading.Event()
        self.thread = threading.Thread(target=self.keeper.run, args=(self._ending,), name="reading", daemon=True)

    def start(self) -> None:
        """Begin to follow the topics."""
        self.thread.start()

    def end(self) -> None:
        """Stop, and leave Kafka and the database."""
        self._ending.set()
        self.thread.join(timeout=5)
        self._reader.close()
        self._index.close()
