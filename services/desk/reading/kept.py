"""The index of the desk, and the thread that keeps it up to date, put together for the process of the desk."""

import threading
import time
from typing import NamedTuple

from kafka.errors import KafkaError
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
from services.runtime.clock import Clock
from services.runtime.database import open_engine
from services.runtime.settings import Settings


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
        self._ending = threading.Event()
        self.thread = threading.Thread(target=self.keeper.run, args=(self._ending,), name="reading", daemon=True)

    @property
    def unreadable(self) -> dict[str, int]:
        """Topic → records that were not what it holds, since the start."""
        return dict(self._index.unreadable)

    def start(self) -> None:
        """Begin to follow the topics."""
        self.thread.start()

    def end(self) -> None:
        """Stop, and leave Kafka and the database."""
        self._ending.set()
        self.thread.join(timeout=5)
        self._reader.close()
        self._index.close()
