"""The kpis stage: the log of tallies → value rows. It keeps nothing: whoever owns the one partition reads the log from
its beginning.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from faust.types import TP

from services.domain.judging.data_quality import PREFIX, SignalRow, signal_rows
from services.domain.judging.judge import Judge
from services.domain.results.published import ValueRow
from services.domain.results.value_rows import Valuer
from services.domain.results.windows import ALL, ALL_ITEMS
from services.domain.time.zone import Instant, instant_of
from services.messaging.records.fields import KeyValue, Unreadable, log_unreadable
from services.messaging.records.latencies import real_ms
from services.messaging.records.tallies import decode_progress, is_progress
from services.messaging.records.values import (
    Arrivals,
    Times,
    arrivals_record,
    decode_row,
    is_arrivals,
    is_signal,
    row_key,
    row_record,
    signal_record,
)
from services.messaging.tally_log import TallyLog
from services.messaging.topics import KPI_TALLIES, KPI_VALUES
from services.runtime.clock import Clock
from streams.delivery.bulk import BulkDelivery
from streams.delivery.faust_driver import Record as Event

REFRESH_SECONDS = 15.0
"""Every row is computed again after this, since time alone changes values, too. What has changed is published, and
the rows of the whole district in any case, with the watermark of now: readers take the latest one, and its age shows
whether this stage works."""
REPEAT_SECONDS = 600.0
"""Every row is published again after this, changed or not: a topic that was lost is filled again."""
LAG_SECONDS = 60.0
"""Real seconds by which the watermark may be behind the clock before everything is stale."""

_logger = logging.getLogger(__name__)


class DayState(NamedTuple):
    """How a row was last published: on which day, its state when that day began, and its state then."""

    day: int
    at_midnight: str
    now: str


def state_of_day(before: DayState | None, state: str, day: int) -> DayState:
    """The state now, and the state when the day began. A row that was not known before has not changed."""
    if before is None:
        return DayState(day, state, state)
    return DayState(day, before.at_midnight if before.day == day else before.now, state)


class Kpis:
    """The values of a plan, kept published."""

    def __init__(self, delivery: BulkDelivery, judge: Judge, clock: Clock, partitions: int) -> None:
        self._delivery = delivery
        self._judge = judge
        self._clock = clock
        self._source_partitions = partitions
        self._valuer = Valuer(judge)
        self._start()

    def _start(self) -> None:
        self._log = TallyLog()
        self._published: dict[bytes, tuple[str, ...]] = {}
        """Key → the row as last published, without its times."""
        self._day_states: dict[bytes, DayState] = {}
        self._refreshed = 0.0
        self._repeated = 0.0
        self._computed_for = (0, False)
        """Day, and whether it lagged, when everything was last published."""
        self._arrivals: Counter[int] = Counter()
        """When the events arrived that are in the log since rows were last published (ms, real time) → how many."""
        self._reached: Instant = 0
        """As of when the published rows are: the greatest watermark so far, an earlier owner's included."""
        self._watermark: Instant = 0
        """The watermark that was known last."""

    async def on_assigned(self, owned: frozenset[int], fresh: frozenset[int]) -> None:
        """A new owner knows nothing yet; the log follows."""
        if fresh or not owned:
            self._start()

    async def on_tallies(self, tp: TP, records: Sequence[Event]) -> None:
        """Records of `kpi.tallies`, from the beginning."""
        for record in records:
            wrong = self._log.append(record.key, record.value)
            if wrong:
                log_unreadable(_logger, tp.topic, tp.partition, record.offset, wrong)
            elif record.key and record.value and is_progress(record.key):
                self._arrivals.update(dict(decode_progress(record.key, record.value).arrivals))

    async def on_values(self, tp: TP, records: Sequence[Event]) -> None:
        """Records of `kpi.values`, our own or an earlier owner's: what is published already."""
        for record in records:
            key: bytes = record.key or b""
            if is_arrivals(key):
                continue
            if record.value is None:
                self._published.pop(key, None)
                self._day_states.pop(key, None)
            elif not self._published.setdefault(key, ()) and not is_signal(key):
                try:
                    self._take_over(key, record.value)
                except Unreadable as wrong:  # published anew, or removed, when everything is published next
                    log_unreadable(_logger, tp.topic, tp.partition, record.offset, wrong)

    def _take_over(self, key: bytes, value: bytes) -> None:
        """Take over the state that an earlier owner published. So a restart does not forget what changed today, and
        rows do not seem new while a partition is behind them."""
        published = decode_row(value)
        if published.as_of is not None:
            reached = published.as_of - 1
            day = self._judge.law.zone.day(reached)
            self._day_states[key] = DayState(day, published.state_at_midnight, published.row.state)
            self._reached = max(self._reached, reached)
        if published.watermark:
            self._watermark = max(self._watermark, instant_of(datetime.fromisoformat(published.watermark)))

    async def on_tick(self) -> None:
        """Publish what has changed. Publish everything from time to time, since time alone changes values, too."""
        if not self._delivery.caught_up:
            return
        now, watermark = self._clock.now(), self._log.watermark(self._source_partitions) or 0
        patience = LAG_SECONDS * max(self._clock.speed, 1.0) * 1_000_000
        if watermark and self._reached - now > patience and self._log.judged_to() - now <= patience:
            self._reached = watermark  # the clock was set back, and every case is judged again as of the present
        # a new owner of a partition begins from its rows: published rows stay meanwhile, but not for long
        reached = max(watermark, self._reached)
        lagging = abs(now - reached) > patience
        if reached and (watermark == reached or lagging):
            await self._publish(reached, watermark, now, lagging)

    async def _publish(self, reached: Instant, watermark: Instant, now: Instant, lagging: bool) -> None:
        """Publish rows as of the time reached. Where a new owner of a partition has not come so far, the rows are stale
        and say how far it is. While it does not know that itself, they say how far everything was judged when that was
        last known."""
        before, self._reached = self._watermark, reached
        watermark = self._watermark = watermark or before or reached
        zone, day = self._judge.law.zone, self._judge.law.zone.day(reached)
        due = self._due((day, lagging), is_set_back=watermark < before)
        kpis = self._changed_kpis() if due is _Due.CHANGES else None
        records: list[KeyValue] = []
        if kpis is None or kpis:
            tallies, as_of = self._log.tallies(), reached + 1
            rows = self._valuer.rows(tallies, as_of, self._log.last_events(), kpis=kpis, lagging=lagging)
            self._log.changed.clear()
            times = Times(zone.text(now), zone.text(watermark))
            if kpis is None:
                signals = (*signal_rows(tallies, day), *self._valuer.beside(tallies, as_of))
                records = self._records_of_all(rows, signals, times, day, repeat=due is not _Due.REFRESH)
            else:
                records = [self._row_record(row, times, day) for row in rows if self._has_changed(row)]
        records += self._arrivals_record(is_first=due is _Due.FIRST)
        await self._delivery.send_many(KPI_VALUES, 0, records)
        await self._remove_superseded()

    def _due(self, computed_for: tuple[int, bool], *, is_set_back: bool) -> "_Due":
        """What is to be published now."""
        now = time.monotonic()
        is_first = not self._repeated
        if is_set_back or computed_for != self._computed_for or now - self._repeated > REPEAT_SECONDS:
            self._computed_for, self._repeated, self._refreshed = computed_for, now, now
            return _Due.FIRST if is_first else _Due.EVERYTHING
        if now - self._refreshed > REFRESH_SECONDS:
            self._refreshed = now
            return _Due.REFRESH
        return _Due.CHANGES

    def _arrivals_record(self, *, is_first: bool) -> Iterator[KeyValue]:
        """Behind the rows: when the events arrived that they count anew. What a new owner finds in the log may have
        been published by the one before it."""
        arrivals, self._arrivals = self._arrivals, Counter()
        if arrivals and not is_first:
            yield arrivals_record(Arrivals(real_ms(), tuple(arrivals.items())))

    def _changed_kpis(self) -> set[str]:
        return {name for name in self._log.changed if not name.startswith(PREFIX)}

    def _has_changed(self, row: ValueRow) -> bool:
        """Whether it says something else than when it was last published."""
        return self._published.get(row_key(row)) != _content(row)

    async def _remove_superseded(self) -> None:
        """Remove the tallies of earlier owners from their log."""
        outdated = self._log.take_superseded()
        if outdated:
            await self._delivery.send_many(KPI_TALLIES, 0, [(key, None) for key in outdated])

    def _records_of_all(
        self, rows: Iterable[ValueRow], signals: Iterable[SignalRow], times: Times, day: int, *, repeat: bool
    ) -> list[KeyValue]:
        """The records of all rows and signals that have changed, and the removal of what is there no more; of the whole
        district and with `repeat` those that have not changed, too."""
        present: set[bytes] = set()
        records: list[KeyValue] = []
        for row in rows:
            present.add(row_key(row))
            if repeat or _is_sign_of_life(row) or self._has_changed(row):
                records.append(self._row_record(row, times, day))
        for signal in signals:
            record = signal_record(signal, times)
            present.add(record[0])
            if repeat or self._published.get(record[0]) != tuple(signal):
                self._published[record[0]] = tuple(signal)
                records.append(record)
        return records + self._removals(present)

    def _row_record(self, row: ValueRow, times: Times, day: int) -> KeyValue:
        """The record of a row that is published now."""
        key = row_key(row)
        self._published[key] = _content(row)
        day_state = self._day_states[key] = state_of_day(self._day_states.get(key), row.state, day)
        return row_record(row, times, day_state.at_midnight)

    def _removals(self, present: set[bytes]) -> list[KeyValue]:
        """Remove what was published and is there no more."""
        gone = self._published.keys() - present
        for key in gone:
            del self._published[key]
            self._day_states.pop(key, None)
        return [(key, None) for key in gone]


class _Due(Enum):
    """What is to be published."""

    CHANGES = "rows of promises whose tallies have changed"
    REFRESH = "all that has changed, by time alone, too"
    EVERYTHING = "every row"
    FIRST = "every row, for the first time"


def _is_sign_of_life(row: ValueRow) -> bool:
    """Whether a row is published with each refresh: every reader takes in the rows of the whole district."""
    return row.unit == ALL and row.item == ALL_ITEMS


def _content(row: ValueRow) -> tuple[str, ...]:
    """A row without the times of its window: the end, and of the window `now` the begin, change with every computation;
    the other begins change with the day."""
    return (*row[:5], *row[7:])
