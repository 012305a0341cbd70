"""The latest record of each key of `kpi.values`, as samples.

Every row is published again and again, changed or not. So samples are made of the latest row of each batch only, and
only of what changed; each is written once.
"""

from collections import Counter, defaultdict
from datetime import datetime

from prometheus_client.samples import Sample

from services.exporter.exposition import WrittenSample
from services.exporter.label_sets import LabelSets
from services.messaging.records.values import PublishedRow, Signal, decode
from services.metric_names import metrics
from services.metric_names.samples import (
    Measured,
    WrittenLabels,
    row_labels,
    row_samples,
    samples_by_promise,
    signal_samples,
)

ROW_BUDGET = 40_000
"""Value rows that are exported at most: some 17 series each. Beyond it rows are hidden, counted and alerted."""


class PublishedValues:
    """Value rows, signals and forecasts. A removed key removes its samples. Not thread-safe."""

    def __init__(self, sets: LabelSets, row_budget: int = ROW_BUDGET) -> None:
        self._sets = sets
        self._row_budget = row_budget
        self._rows: dict[str, dict[bytes, Sample]] = defaultdict(dict)
        """Metric name → record key → sample."""
        self._watermarks: dict[bytes, float] = {}
        self._hidden: dict[bytes, str] = {}
        """Record key → why its row is not exported."""
        self._signals: dict[bytes, list[Measured]] = {}
        self._news: dict[bytes, PublishedRow | None] = {}
        """Record key → its row, whose samples are not made yet; None: it was removed."""
        self._shown: dict[bytes, tuple[object, ...]] = {}
        """Record key → what its samples were made of: every row is published again and again, changed or not."""

    def take(self, key: bytes, value: bytes | None) -> None:
        """A record: it replaces the one of its key; a value of None removes it. Raises Unreadable."""
        if value is None:
            self._signals.pop(key, None)
            self._news[key] = None
            return
        record = decode(key, value)
        if isinstance(record, Signal):
            self._take_signal(key, record)
        else:
            self._news[key] = record

    def _take_signal(self, key: bytes, signal: Signal) -> None:
        samples = list(signal_samples(signal))
        self._signals.pop(key, None)
        if all(self._sets.has_signal(one) for one in samples):
            self._signals[key] = samples

    def make_samples(self) -> None:
        """Of the rows that came since the last time."""
        news, self._news = self._news, {}
        for key, row in news.items():
            if row is None:
                self._replace(key, self._no_samples(key))
            elif self._shown.get(key) != _shows(row):
                self._replace(key, self._samples(key, row))
            elif row.watermark:
                self._watermarks[key] = _seconds(row.watermark)

    def _replace(self, key: bytes, samples: dict[str, Sample]) -> None:
        for name, of_metric in self._rows.items():
            if name not in samples:
                of_metric.pop(key, None)
        for name, sample in samples.items():
            self._rows[name][key] = sample

    def _no_samples(self, key: bytes) -> dict[str, Sample]:
        """None; what was noted of the row is forgotten."""
        for memory in (self._hidden, self._watermarks, self._shown):
            memory.pop(key, None)
        return {}

    def _samples(self, key: bytes, published: PublishedRow) -> dict[str, Sample]:
        """Metric name → sample of a row; none if the row is hidden."""
        state, labels = published.row.state, row_labels(published.row)
        self._no_samples(key)
        if not self._sets.has_row(labels, state):
            self._hidden[key] = "outside_plan"
            return {}
        states = self._rows[metrics.STATE.name]
        if key not in states and len(states) >= self._row_budget:
            self._hidden[key] = "over_budget"
            return {}
        found = list(row_samples(published.row, published.figures, labels))
        found += samples_by_promise(published.row, self._sets.versions.at(published.row), labels)
        samples: dict[str, Sample] = {one.metric.name: WrittenSample.of(one) for one in found}
        before = published.state_at_midnight
        if before != state:
            at_midnight = Measured(metrics.STATE_AT_MIDNIGHT, WrittenLabels(labels | {"state": before}), 1)
            samples[metrics.STATE_AT_MIDNIGHT.name] = WrittenSample.of(at_midnight)
        if published.watermark:
            self._watermarks[key] = _seconds(published.watermark)
        self._shown[key] = _shows(published)
        return samples

    # ---- for a scrape --------------------------------------------------------------------------------
    def rows(self) -> dict[str, list[Sample]]:
        """Metric name → samples of the value rows."""
        self.make_samples()
        return {name: list(samples.values()) for name, samples in self._rows.items()}

    def signals(self) -> dict[str, list[Sample]]:
        """Metric name → samples of signals and forecasts."""
        found: dict[str, list[Sample]] = defaultdict(list)
        for measured in self._signals.values():
            for one in measured:
                found[one.metric.name].append(WrittenSample.of(one))
        return found

    def watermark(self) -> float:
        """The latest one, in seconds since the epoch; 0 if no row has one."""
        self.make_samples()
        return max(self._watermarks.values(), default=0.0)

    def hidden(self) -> Counter[str]:
        """Why rows are not exported → how many."""
        self.make_samples()
        return Counter(self._hidden.values())


def _shows(published: PublishedRow) -> tuple[object, ...]:
    """What the samples of a row are made of."""
    row = published.row
    return (
        row.kpi,
        row.variant,
        row.unit,
        row.item,
        row.window,
        row.state,
        published.state_at_midnight,
        published.figures,
    )


def _seconds(written: str) -> float:
    """RFC 3339 as seconds since the epoch."""
    return datetime.fromisoformat(written).timestamp()
