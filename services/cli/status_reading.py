"""What `kpiwatch status` shows: the latest records of the topics that describe the district."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

from services.domain.results.published import Card, State, ValueRow
from services.messaging import topics
from services.messaging.reader import Record, TopicReader
from services.messaging.records import cards as card_records
from services.messaging.records import worker_failures as failure_records
from services.messaging.records.fields import Unreadable, log_unreadable
from services.messaging.records.values import PublishedRow, Signal, decode_row, decode_signal, is_arrivals, is_signal
from services.runtime.worker_failures import WorkerFailure

_Kept = TypeVar("_Kept")
_TOPICS = (topics.KPI_VALUES, topics.ALERT_CARDS, topics.CASE_QUARANTINE, topics.WORKER_FAILURES)
_log = logging.getLogger(__name__)


class DistrictStatus(NamedTuple):
    """The latest that the system has published."""

    rows: list[ValueRow]
    forecasts: dict[tuple[str, str, str], str]
    """(signal, unit, promise) → the forecast figure."""
    cards: list[Card]
    computed_at: str
    watermark: str
    quarantined: int = 0
    """Cases that cannot be judged."""
    failures: list[WorkerFailure] = []
    """Workers that crash again and again."""
    unreadable: int = 0
    """Records that were skipped."""


class PublishedReader:
    """Reads the topics, and goes on reading them. Raises BrokerUnavailable."""

    def __init__(self, bootstrap: str) -> None:
        self._reader = TopicReader(bootstrap, _TOPICS)
        self._latest = _Latest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def first(self, wait: float) -> DistrictStatus:
        """What is there; waits so many seconds at most until there is something and all of it has been read."""
        until = time.monotonic() + wait
        while time.monotonic() < until and not (self._latest.values and self._reader.caught_up):
            self._take(0.3)
        return self._latest.status()

    def next(self, wait: float) -> DistrictStatus | None:
        """What is there after something has come; None: nothing came within so many seconds."""
        return self._latest.status() if self._take(wait) else None

    def _take(self, wait: float) -> bool:
        records = self._reader.poll(wait)
        for record in records:
            self._latest.take(record)
        return bool(records)


class _Latest:
    """The latest record of each key. Records that cannot be read are skipped and counted."""

    def __init__(self) -> None:
        self.values: dict[bytes, PublishedRow] = {}
        self._signals: dict[bytes, Signal] = {}
        self._cards: dict[bytes, Card] = {}
        self._failures: dict[bytes, WorkerFailure] = {}
        self._quarantined: set[tuple[int, bytes]] = set()
        self._unreadable: set[tuple[str, bytes]] = set()

    def take(self, record: Record) -> None:
        """The next record."""
        place = record.topic, record.key or b""
        try:
            self._keep(record, record.key or b"")
            self._unreadable.discard(place)
        except Unreadable as wrong:
            self._unreadable.add(place)
            log_unreadable(_log, record.topic, record.partition, record.offset, wrong)

    def _keep(self, record: Record, key: bytes) -> None:
        match record.topic:
            case topics.CASE_QUARANTINE:
                change = self._quarantined.discard if record.value is None else self._quarantined.add
                change((record.partition, key))
            case topics.ALERT_CARDS:
                _put(self._cards, key, record.value, card_records.decode)
            case topics.WORKER_FAILURES:
                _put(self._failures, key, record.value, failure_records.decode)
            case _ if is_arrivals(key):
                pass  # for the exporter
            case _ if is_signal(key):
                _put(self._signals, key, record.value, decode_signal)
            case _:
                _put(self.values, key, record.value, row_of_known_state)

    def status(self) -> DistrictStatus:
        """What all records together say."""
        published = self.values.values()
        return DistrictStatus(
            rows=[each.row for each in published],
            forecasts={
                (each.signal, each.unit, each.item): str(each.mean)
                for each in self._signals.values()
                if each.is_forecast
            },
            cards=list(self._cards.values()),
            computed_at=max((each.computed_at for each in published), default=""),
            watermark=max((each.watermark for each in published), default=""),
            quarantined=len(self._quarantined),
            failures=sorted(self._failures.values()),
            unreadable=len(self._unreadable),
        )


def _put(held: dict[bytes, _Kept], key: bytes, value: bytes | None, read: Callable[[bytes], _Kept]) -> None:
    """The latest record of a key; null removes the key."""
    if value is None:
        held.pop(key, None)
    else:
        held[key] = read(value)


def row_of_known_state(value: bytes) -> PublishedRow:
    published = decode_row(value)
    if published.row.state not in tuple(State):
        raise Unreadable("its state is none that is known: bring all processes to one release")
    return published


def troubles(published: DistrictStatus) -> list[str]:
    """What is wrong with the machinery, a line each."""
    found = [failing(each) for each in published.failures]
    if published.unreadable:
        found.append(
            f"{published.unreadable}条记录无法识别，未计入（位置见上） / "
            f"{published.unreadable} records cannot be read and are left out (above is where they are): "
            "see deploy/runbooks/RecordsUnreadable.md"
        )
    return found


_STAGES = {"cases": "办件处理", "kpis": "数据汇总"}


def failing(failure: WorkerFailure) -> str:
    """A worker that crashes again and again, in a sentence."""
    last = datetime.fromtimestamp(failure.last).astimezone().isoformat(" ", "seconds")
    return (
        f"{_STAGES.get(failure.stage, failure.stage)}进程 {failure.worker} 连续{failure.times}次异常退出 / "
        f"worker {failure.worker} ({failure.stage}) has died {failure.times} times in a row, last at {last}: "
        f"{failure.cause}. See deploy/runbooks/WorkerFailing.md"
    )
