"""A replay as OpenMetrics, one file per block of Prometheus: the series of the exporter, at the time of the plan.

The value of a row as of a time is written at that time. Metrics of the machinery (lag, sweeps, dead letters) have no
past: they are about running processes. Memory does not grow with the rows: lines wait in files, one per
metric and block, because OpenMetrics wants a metric's lines together.
"""

import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from services.backfill import recorded
from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import Plan
from services.domain.results.budget import Versions
from services.domain.results.published import Level, ValueRow
from services.domain.results.side_results import SideResults
from services.domain.time.zone import Instant, Zone, instant_of
from services.messaging.records.values import figures_of, signal_of
from services.metric_names import metrics
from services.metric_names.metrics import Metric
from services.metric_names.samples import (
    WHOLE_DISTRICT,
    Measured,
    WrittenLabels,
    annotation,
    plan_samples,
    row_labels,
    row_samples,
    samples_by_promise,
    signal_samples,
    source_samples,
)

BLOCK_HOURS = 486
"""How long a block is at most: 2 hours times a power of 3, as Prometheus makes them itself, and under its 31 days."""
_BLOCK_US = BLOCK_HOURS * 3_600_000_000
_LINES_IN_MEMORY = 200_000

_IDENTITY = ValueRow._fields.index("window") + 1
"""So many columns say of what a row is; the next say when."""

_OF_ROWS = (*metrics.ROW_METRICS.values(), *metrics.OF_A_PROMISE, metrics.STATE, metrics.STATE_AT_MIDNIGHT)
_BESIDE = (
    *metrics.FORECAST_METRICS.values(),
    *(metrics.SIGNAL, metrics.SIGNAL_OF, metrics.CARDS_OPEN, metrics.VERDICTS),
    *(metrics.SOURCE_LAST_EVENT, metrics.SOURCE_SILENCE, metrics.SOURCE_SILENT),
)
_TIMES = (metrics.CLOCK, metrics.WORKING_HOURS, metrics.WATERMARK, metrics.CALENDAR_END)
_OF_THE_PLAN = (metrics.PROMISE_INFO, metrics.PROMISE_TEXT, metrics.PROMISE_DUE, metrics.UNIT_INFO, metrics.ITEM_INFO)
WRITTEN: tuple[Metric, ...] = (
    *(*_OF_ROWS, *_BESIDE, *recorded.ALL, *_OF_THE_PLAN),
    *(metrics.ANNOTATION, *_TIMES),
)
"""Every metric that a backfill writes, and so replaces."""


class Recomputed(NamedTuple):
    """Why days are computed again: a mark that dashboards show at the first of them."""

    first: Instant
    note: str


class Block(NamedTuple):
    """One block's worth of history."""

    openmetrics: Path
    last: Instant
    """Its last moment, and"""
    states: int
    """how many value rows are of that moment: as many series of `kpi_state` will be found there."""


class History:
    """The moments of a replay on their way into a Prometheus."""

    def __init__(self, plan: Plan, moments: Sequence[Instant], folder: Path) -> None:
        """`moments`: the as-of times, ascending; `folder`: for the files, which may be larger than memory."""
        self._plan = plan
        self._kpis = {promise.id for promise in plan.promises}
        self._working_time = WorkingTime.of(plan)
        self._moments = moments
        self._windows = recorded.OfficialWindows(plan)
        self._versions = Versions.of(plan)
        self._unchanging = [one for _, measured in plan_samples(plan) for one in measured]
        through = self._working_time.published_through / 1_000_000
        self._unchanging.append(Measured(metrics.CALENDAR_END, WrittenLabels({}), through))
        self._lines = _Lines(folder)
        self._zone = zone = Zone(plan.head.timezone)
        self._by_text = {zone.text(moment): moment for moment in moments}
        self._states: dict[Instant, Counter[str]] = {moment: Counter() for moment in moments}
        self._rows: Counter[Instant] = Counter()

    def write(
        self,
        rows: Iterable[ValueRow],
        side_results: Sequence[SideResults],
        recomputed: Recomputed | None = None,
        *,
        before: Iterable[ValueRow] = (),
    ) -> Iterator[Block]:
        """The blocks of all rows (sorted, so that the moments of a series follow one another), in order of time.

        `side_results`: the side results of each moment; `before`: the rows of the midnight before the first."""
        previous = {row[:_IDENTITY]: row for row in before}
        for identity, same in groupby(rows, key=lambda row: row[:_IDENTITY]):
            self._put(list(self._of_rows(same, previous.get(identity))))
        assert [side.as_of for side in side_results] == list(self._moments)
        self._put([(side.as_of, one) for side in side_results for one in self._of_moment(side, recomputed)])
        for block in sorted({_block(moment) for moment in self._moments}):
            last = max(moment for moment in self._moments if _block(moment) == block)
            yield Block(self._lines.together(block), last, self._rows[last])

    def _put(self, samples: list[tuple[Instant, Measured]]) -> None:
        """Samples in order of time; OpenMetrics wants those of a series together."""
        samples.sort(key=lambda sample: sample[1].labels.text)
        for moment, one in samples:
            self._lines.add(moment, one)

    def _of_rows(self, same: Iterable[ValueRow], earlier: ValueRow | None) -> Iterator[tuple[Instant, Measured]]:
        """Rows of one identity, one moment after the other; `earlier`: the row before the first."""
        for row in same:
            moment = self._by_text[row.window_end]
            self._rows[moment] += 1
            labels = row_labels(row)
            before = self._at_midnight(earlier, row, moment)
            computed = tuple(samples_by_promise(row, self._versions.at(row), labels))
            for one in (*row_samples(row, figures_of(row), labels), *computed):
                yield moment, one
            if before:
                yield moment, Measured(metrics.STATE_AT_MIDNIGHT, WrittenLabels(labels | {"state": before}), 1)
            if self._windows.has(row):
                read = next((one.value for one in computed if one.metric is metrics.SHOWN), None)
                for one in self._windows.records(row, before, read):
                    yield moment, one
                if recorded.is_whole(row):
                    self._states[moment][row.state] += 1
            earlier = row

    def _at_midnight(self, earlier: ValueRow | None, row: ValueRow, moment: Instant) -> str:
        """The state when the day began that ends at the moment, where it was another one; the earlier row has it if it
        is of that midnight."""
        if earlier is None or earlier.state == row.state:
            return ""
        day = self._zone.day
        return earlier.state if day(moment - 1) - day(self._moment(earlier) - 1) == 1 else ""

    def _moment(self, row: ValueRow) -> Instant:
        text = row.window_end
        return self._by_text.get(text) or instant_of(datetime.fromisoformat(text))

    def _of_moment(self, side: SideResults, recomputed: Recomputed | None) -> Iterator[Measured]:
        last = side.as_of - 1  # what is known as of a midnight is known of the day that ends there
        yield from recorded.states(self._states[side.as_of])
        cards, verdicts = self._counted(side)
        yield from (*cards, *verdicts, *recorded.cards(cards))
        for row in side.signals:
            yield from (one for one in signal_samples(signal_of(row)) if self._is_known(one.labels))
        yield from recorded.backdated(side.signals)
        for _, measured in source_samples(self._plan, self._working_time, side.last_events, last):
            yield from measured
        yield from recorded.time(last / 1_000_000, self._working_time.is_open(last))
        yield Measured(metrics.WATERMARK, WrittenLabels({}), last / 1_000_000)
        yield from self._unchanging
        if recomputed is not None:
            yield annotation("recomputed", recomputed.note, recomputed.note, recomputed.first / 1_000_000)

    def _counted(self, side: SideResults) -> tuple[list[Measured], list[Measured]]:
        """Active cards, and verdicts, counted."""
        cards, verdicts = [], []
        for (kpi, unit, what), count in side.issued.items():
            labels = {"kpi": kpi, "unit": unit}
            if not self._is_known(labels):
                continue
            if what in set(Level):
                cards.append(Measured(metrics.CARDS_OPEN, WrittenLabels(labels | {"level": what}), count))
            else:
                verdicts.append(Measured(metrics.VERDICTS, WrittenLabels(labels | {"verdict": what}), count))
        return cards, verdicts

    def _is_known(self, labels: Mapping[str, str]) -> bool:
        """Whether the exporter would show it: labels come from the plan, unless that is an open one."""
        if "kpi" not in labels:
            return True
        known_unit = self._plan.head.open or labels["unit"] in self._plan.units or labels["unit"] == WHOLE_DISTRICT
        return labels["kpi"] in self._kpis and known_unit


def _block(moment: Instant) -> int:
    return moment // _BLOCK_US


class _Lines:
    """Lines of OpenMetrics, by block and metric."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="openmetrics-", dir=folder))
        self._held: dict[tuple[int, Metric], list[str]] = {}
        self._count = 0

    def add(self, moment: Instant, one: Measured) -> None:
        metric, labels, value = one
        number = "+Inf" if value == math.inf else repr(value)
        line = f"{metric.name}{labels.text} {number} {moment / 1_000_000:.15g}\n"
        self._held.setdefault((_block(moment), metric), []).append(line)
        self._count += 1
        if self._count >= _LINES_IN_MEMORY:
            self._put_down()

    def together(self, block: int) -> Path:
        """One file of all the block's lines; the parts are gone."""
        self._put_down()
        path = self._folder / f"{block}.openmetrics"
        with path.open("wb") as sink:
            for metric in WRITTEN:
                part = self._part(block, metric)
                if part.exists():
                    sink.write(f"# HELP {metric.name} {metric.documentation}\n# TYPE {metric.name} gauge\n".encode())
                    with part.open("rb") as lines:
                        while piece := lines.read(1 << 20):
                            sink.write(piece)
                    part.unlink()
            sink.write(b"# EOF\n")
        return path

    def _put_down(self) -> None:
        for (block, metric), lines in self._held.items():
            with self._part(block, metric).open("a", encoding="utf-8") as sink:
                sink.writelines(lines)
        self._held.clear()
        self._count = 0

    def _part(self, block: int, metric: Metric) -> Path:
        return self._folder / f"{block}.{metric.name.replace(':', '.')}"
