"""The tallies of a running system, read from outside: for `kpiwatch values`, exact where it stands at a time."""

import time
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition

from services.domain.tally import Tally, TallyKey
from services.domain.zone import Instant
from services.messaging.reader import TopicReader
from services.messaging.tally_log import TallyLog
from services.messaging.topics import CASE_EVENTS, KPI_TALLIES


class Standing(NamedTuple):
    """Where the system stands."""

    tallies: dict[TallyKey, Tally]
    last_events: dict[str, Instant]
    watermark: Instant | None
    unread: int
    """Events of `case.events` that are not in the tallies."""


class NotThere(Exception):
    """The system does not stand at the time asked for; says where it stands and what to do."""


def read_standing(bootstrap: str, partitions: int, reached: Instant, timeout_seconds: float) -> Standing:
    """Read `kpi.tallies` until it says that every event is in and everything is judged as of `reached`.

    Raises NotThere when it does not get there in time, or has passed it; BrokerUnavailable.
    """
    log, until = TallyLog(), time.monotonic() + timeout_seconds
    with TopicReader(bootstrap, [KPI_TALLIES]) as reader:
        while True:
            for record in reader.poll(0.3):
                log.append(record.key or b"", record.value)
            watermark = log.watermark(partitions)
            if reader.caught_up and reader.lag.get(KPI_TALLIES) == 0 and watermark is not None:
                ends = event_ends(bootstrap)
                positions = {progress.partition: progress.position for progress in log.progress()}
                unread = sum(max(0, end - positions.get(partition, 0)) for partition, end in ends.items())
                if watermark >= reached and not unread:
                    return Standing(log.tallies(), log.last_events(), watermark, unread)
            if time.monotonic() > until:
                raise NotThere("the system has not read every event, or is not judged as of that time yet")


def event_ends(bootstrap: str) -> dict[int, int]:
    """Partition of `case.events` → the offset behind its last record."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), group_id=None, enable_auto_commit=False)
    try:
        partitions = consumer.partitions_for_topic(CASE_EVENTS) or set()
        ends = consumer.end_offsets([TopicPartition(CASE_EVENTS, number) for number in partitions])
        return {place.partition: end for place, end in ends.items()}
    finally:
        consumer.close()
