"""Whole topics from their beginning, again at every start, outside any consumer group.

For processes whose state is the topic itself: nothing is committed, so nothing can be committed too early.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.messaging.header_names import read_any_header_name

read_any_header_name()

_LOOK_AGAIN_SECONDS = 2.0
"""How often a topic that is not there yet, and the ends of the logs, are asked for."""

_ANSWER_MS = 10_000
"""How long a broker may take to answer at the start."""

_RECONNECT_MS = 1_000
"""A broker that is back is found within so long; the client's own limit is 30 seconds."""


class Record(NamedTuple):
    """One record; a `value` of None removes its key."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    """Milliseconds since 1970."""
    headers: Sequence[tuple[str, bytes | None]] = ()


class BrokerUnavailable(Exception):
    """No broker answers at the given address."""


def no_broker(bootstrap: str) -> str:
    """The sentence for that."""
    return f"Kafka: no broker answers at {bootstrap}. Start it, or set KPIWATCH_BOOTSTRAP to where it is"


class TopicReader:
    """Reads all partitions of the topics in order; a topic that does not exist yet is read once it does.

    Not thread-safe: one thread polls. An outage of the broker shows as no records; reading goes on after it.
    """

    def __init__(
        self,
        bootstrap: str,
        topics: Iterable[str],
        *,
        counted: Iterable[str] = (),
        start: Mapping[tuple[str, int], int] | None = None,
    ) -> None:
        """`counted`: topics that are not read, only their ends are asked for. `start`: by topic and partition the
        offset from which on it is read; what is not named is read from its beginning. Raises BrokerUnavailable."""
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=bootstrap.split(","),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_poll_records=5_000,
                bootstrap_timeout_ms=_ANSWER_MS,
                reconnect_backoff_max_ms=_RECONNECT_MS,
            )
        except KafkaError as error:
            raise BrokerUnavailable(no_broker(bootstrap)) from error
        self._topics = tuple(topics)
        self._counted = tuple(counted)
        self._looked = float("-inf")
        self._ends: dict[TopicPartition, int] = {}
        self._first_ends: dict[TopicPartition, int] | None = None
        self._next: dict[TopicPartition, int] = {}
        self._start = {TopicPartition(*place): offset for place, offset in (start or {}).items()}
        self.ends_at = 0.0
        """When the ends of the logs were last learnt: seconds since 1970, 0 before the first time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    @property
    def caught_up(self) -> bool:
        """Whether all topics are there and what was in them when they were first seen has been read."""
        if self._first_ends is None:
            return False
        return all(self._next.get(partition, 0) >= end for partition, end in self._first_ends.items())

    @property
    def lag(self) -> dict[str, int]:
        """Topic → records not read yet, as of the last look at the ends of the logs."""
        behind = dict.fromkeys(self._topics, 0)
        for partition, end in self._ends.items():
            if partition.topic in behind:
                behind[partition.topic] += max(0, end - self._next.get(partition, 0))
        return behind

    def appended(self, topic: str) -> int | None:
        """How many records were ever appended to the topic, as of the last look; None before the first one."""
        if not self._ends:
            return None
        return sum(end for partition, end in self._ends.items() if partition.topic == topic)

    def poll(self, timeout_seconds: float = 0.5) -> list[Record]:
        """What has arrived; waits at most `timeout_seconds` for something."""
        if time.monotonic() - self._looked > _LOOK_AGAIN_SECONDS:
            self._look()
        if not self._consumer.assignment():
            time.sleep(timeout_seconds)
            return []
        polled = self._consumer.poll(timeout_ms=int(timeout_seconds * 1000))
        records = []
        for partition, batch in polled.items():
            records += [
                Record(one.topic, one.partition, one.offset, one.key, one.value, one.timestamp, one.headers)
                for one in batch
            ]
            self._next[partition] = batch[-1].offset + 1
        for partition in self._consumer.assignment():
            if partition not in polled and self._next.get(partition, 0) < self._ends.get(partition, 0):
                # compaction can leave the end of a log without records: the position is further than the last one
                self._next[partition] = self._consumer.position(partition, timeout_ms=1_000) or 0
        return records

    def _look(self) -> None:
        """Assigns what has appeared and asks for the ends of the logs."""
        self._looked = time.monotonic()
        try:
            partitions = self._partitions()
            ends = self._consumer.end_offsets([one for found in partitions.values() for one in found])
        except (KafkaError, KeyError):
            # The broker is away: look again later. KeyError: kafka-python looks up an answer that it does not have
            # while a partition has no leader yet, as just after the broker came back.
            return
        self._ends = dict(ends)
        self.ends_at = time.time()
        wanted: set[TopicPartition] = set().union(*(partitions.get(topic, ()) for topic in self._topics))
        if wanted != self._consumer.assignment():
            self._consumer.assign(sorted(wanted))
            self._seek(wanted)
        if self._first_ends is None and all(topic in partitions for topic in self._topics):
            self._first_ends = {one: self._ends[one] for one in wanted}

    def _seek(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin where reading is to begin, in each partition that is new."""
        for place in self._start.keys() & set(assigned) - self._next.keys():
            self._next[place] = self._start[place]
            self._consumer.seek(place, self._start[place])

    def _partitions(self) -> dict[str, list[TopicPartition]]:
        """Topic → its partitions, of each topic that is there."""
        found = {topic: self._consumer.partitions_for_topic(topic) for topic in (*self._topics, *self._counted)}
        return {topic: [TopicPartition(topic, one) for one in sorted(ones)] for topic, ones in found.items() if ones}
