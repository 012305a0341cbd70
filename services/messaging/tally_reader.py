"""The tallies of a running system, read from outside: for `kpiwatch values`, exact as of the time that was asked."""

import logging
import time
from collections.abc import Mapping
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition

from services.domain.sums.tally import Tally, TallyKey
from services.domain.time.zone import Instant
from services.messaging.reader import Record, TopicReader
from services.messaging.records.fields import Unreadable, log_unreadable
from services.messaging.records.tallies import Progress, decode_progress
from services.messaging.tally_log import TallyLog
from services.messaging.topics import CASE_EVENTS, KPI_TALLIES

_logger = logging.getLogger(__name__)


class JudgedTallies(NamedTuple):
    """The tallies of a system, judged as of one time."""

    tallies: dict[TallyKey, Tally]
    last_events: dict[str, Instant]
    watermark: Instant | None
    unread: int
    """Events of `case.events` that are not in the tallies."""


class OlderWorker(Exception):
    """The worker of a partition is of an older version: it does not say what it has judged again."""


class NotThere(Exception):
    """The system has not reached the time that was asked. The text says what is missing and what to do."""


class Passed(Exception):
    """The system has judged later than the time asked for, and no longer knows the state of that time."""

    def __init__(self, judged_to: Instant) -> None:
        super().__init__()
        self.judged_to = judged_to
        """As of when the latest of it is judged."""


def read_tallies(bootstrap: str, partitions: int, reached: Instant, timeout_seconds: float) -> JudgedTallies:
    """Read `kpi.tallies` until it says that every event is in and everything is judged as of `reached`.

    Raises NotThere when it does not get there in time, Passed when something is judged later; BrokerUnavailable.
    """
    log, until = TallyLog(), time.monotonic() + timeout_seconds
    with TopicReader(bootstrap, [KPI_TALLIES]) as reader:
        while True:
            for record in reader.poll(0.3):
                wrong = log.append(record.key, record.value)
                if wrong:
                    log_unreadable(_logger, record.topic, record.partition, record.offset, wrong)
            lacking = "nothing is in the log of tallies yet: is a worker of the cases stage running?"
            if reader.caught_up and reader.lag.get(KPI_TALLIES) == 0:
                unread = _unread(bootstrap, log)
                judged = tallies_as_of(log, partitions, reached, unread)
                if judged is not None:
                    return judged
                lacking = _lacking(log, partitions, unread)
            if time.monotonic() > until:
                raise NotThere(lacking)


def judged_again(bootstrap: str, wanted: Mapping[int, int], timeout_seconds: float) -> list[int]:
    """Wait until the owner of each partition has judged so many quarantined cases again from now on, or has none left;
    the partitions of which that did not happen in time. An owner goes through its cases in turn, some with each tick:
    how many depends on what they cost. Raises BrokerUnavailable, and OlderWorker with the partition."""
    left, until = dict(wanted), time.monotonic() + timeout_seconds
    since: dict[int, Progress] = {}
    with TopicReader(bootstrap, [KPI_TALLIES]) as reader:
        while left and time.monotonic() < until:
            seen_before = not reader.caught_up
            for record in reader.poll(0.3):
                progress = None if seen_before else _progress_of(record)
                if progress is None:
                    continue
                if progress.quarantined is None and progress.partition in left:
                    raise OlderWorker(progress.partition)
                begun = since.setdefault(progress.partition, progress)
                if _has_judged_again(progress, begun, left.get(progress.partition, 0)):
                    left.pop(progress.partition, None)
    return sorted(left)


def _has_judged_again(progress: Progress, begun: Progress, wanted: int) -> bool:
    """Whether an owner has judged so many cases again since an earlier progress. A new owner counts from 0."""
    before = begun.retried if progress.epoch == begun.epoch else 0
    return progress.quarantined == 0 or progress.retried - before >= wanted


def _progress_of(record: Record) -> Progress | None:
    """The progress that a record is; None for every other record, whatever its key begins with."""
    try:
        return decode_progress(record.key or b"", record.value)
    except Unreadable:
        return None


def tallies_as_of(log: TallyLog, partitions: int, reached: Instant, unread: int) -> JudgedTallies | None:
    """What the log says exactly as of `reached`; None if it does not say that yet. Raises Passed.

    "Later" is what any owner has judged, or has received, after `reached`: where the clock was set back, progress that
    is not later does not make it undone.
    """
    judged_to = log.judged_to()
    if judged_to > reached:
        raise Passed(judged_to)
    watermark = log.watermark(partitions)
    if watermark is None or watermark < reached or unread:
        return None
    return JudgedTallies(log.tallies(), log.last_events(), watermark, unread)


def _unread(bootstrap: str, log: TallyLog) -> int:
    positions = {progress.partition: progress.position for progress in log.progress()}
    return sum(max(0, end - positions.get(partition, 0)) for partition, end in event_ends(bootstrap).items())


def _lacking(log: TallyLog, partitions: int, unread: int) -> str:
    if log.incomplete():
        return (
            f"records of partitions {log.incomplete()}, in {KPI_TALLIES} or in the changelog, cannot be read, so that "
            "sums are incomplete: see deploy/runbooks/RecordsUnreadable.md"
        )
    missing = sorted(set(range(partitions)) - {progress.partition for progress in log.progress()})
    if missing:
        return f"no worker has processed partitions {missing} of {CASE_EVENTS} yet: are the workers running?"
    if unread:
        return f"{unread:,} events are not read yet: wait longer with --wait, or see that the workers run"
    return "not every open case is judged as of that time yet: is the clock there, and do the workers run?"


def event_ends(bootstrap: str) -> dict[int, int]:
    """Partition of `case.events` → the offset behind its last record."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), group_id=None, enable_auto_commit=False)
    try:
        partitions = consumer.partitions_for_topic(CASE_EVENTS) or set()
        ends = consumer.end_offsets([TopicPartition(CASE_EVENTS, number) for number in partitions])
        return {place.partition: end for place, end in ends.items()}
    finally:
        consumer.close()
