"""The custom collector: what a scrape gets. It keeps nothing, so a removed key leaves no stale series.

A metric is one function of a `ScrapeInput`, with `@exported(METRIC)` above it. Metrics with several samples a record
(value rows, signals, sources, the plan) come from `services/metric_names/samples.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import Plan
from services.domain.time.zone import Instant
from services.exporter.exposition import WrittenSample
from services.exporter.snapshot import NO_UNIT, Scrape, Snapshot
from services.messaging.records.latencies import BOUNDS_MS
from services.messaging.records.tallies import Progress
from services.metric_names import metrics
from services.metric_names.metrics import Metric
from services.metric_names.samples import Measured, plan_samples, source_samples

_SECOND_US = 1_000_000
NO_SOURCE = "-"
"""In the place of a source: it is not known which."""

Figures = Iterable[tuple[tuple[str, ...], float | tuple[int, ...]]]
"""Label values in the metric's order, and the value; of a histogram `Latencies.packed`, empty where it is not known."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the exporter's reader knows of the logs, as of now."""

    lag: Mapping[str, int]
    """Topic → records not read yet."""
    events: int | None
    """Events ever appended; None while that is not known: a counter must not seem to start at 0 again."""
    dead_letters: int | None
    """Dead letters ever appended, likewise."""


@dataclass(frozen=True, slots=True)
class ScrapeInput:
    """Everything that one scrape is made of; the clock is read once."""

    now: Instant
    scrape: Scrape
    counts: Counts
    working_time: WorkingTime


EXPORTED: dict[Metric, Callable[[ScrapeInput], Figures]] = {}
"""Metric → its figures, in the order of a scrape."""


def exported(metric: Metric) -> Callable[[Callable[[ScrapeInput], Figures]], Callable[[ScrapeInput], Figures]]:
    """Export a metric: the function below gives its figures."""

    def register(figures: Callable[[ScrapeInput], Figures]) -> Callable[[ScrapeInput], Figures]:
        EXPORTED[metric] = figures
        return figures

    return register


@exported(metrics.CARDS_OPEN)
def _cards(given: ScrapeInput) -> Figures:
    return given.scrape.cards.items()


@exported(metrics.VERDICTS)
def _verdicts(given: ScrapeInput) -> Figures:
    return given.scrape.verdicts.items()


@exported(metrics.QUARANTINED)
def _quarantined(given: ScrapeInput) -> Figures:
    return _by_label({NO_UNIT: 0} | given.scrape.quarantined)


@exported(metrics.CLOCK)
def _clock(given: ScrapeInput) -> Figures:
    return _one(given.now / _SECOND_US)


@exported(metrics.WORKING_HOURS)
def _working_hours(given: ScrapeInput) -> Figures:
    return _one(float(given.working_time.is_open(given.now)))


@exported(metrics.CALENDAR_END)
def _calendar_end(given: ScrapeInput) -> Figures:
    return _one(given.working_time.published_through / _SECOND_US)


@exported(metrics.WATERMARK)
def _watermark(given: ScrapeInput) -> Figures:
    return _one(given.scrape.watermark or None)


@exported(metrics.SWEEP)
def _sweep(given: ScrapeInput) -> Figures:
    return _by_partition(given, lambda progress: progress.swept_to / _SECOND_US)


@exported(metrics.STREAM_LAG)
def _stream_lag(given: ScrapeInput) -> Figures:
    return _by_partition(given, lambda progress: progress.lag)


@exported(metrics.EVENT_TO_CARD)
def _event_to_card(given: ScrapeInput) -> Figures:
    return _by_partition(given, lambda progress: progress.answered)


@exported(metrics.EVENT_TO_VALUE)
def _event_to_value(given: ScrapeInput) -> Figures:
    return [((), given.scrape.waited)]


@exported(metrics.EVENTS)
def _events(given: ScrapeInput) -> Figures:
    return _one(given.counts.events)


@exported(metrics.DEAD_LETTERS)
def _dead_letters(given: ScrapeInput) -> Figures:
    return _by_label(given.scrape.dead_letters)


@exported(metrics.DEAD_LETTER_RECORDS)
def _dead_letter_records(given: ScrapeInput) -> Figures:
    return _one(given.counts.dead_letters)


@exported(metrics.REFUSED_EVENTS)
def _refused_events(given: ScrapeInput) -> Figures:
    return _by_source(given, lambda progress: progress.refused)


@exported(metrics.LETTERS_LEFT_OUT)
def _letters_left_out(given: ScrapeInput) -> Figures:
    return _by_source(given, lambda progress: progress.left_out)


@exported(metrics.EXPORTER_LAG)
def _exporter_lag(given: ScrapeInput) -> Figures:
    return _by_label(given.counts.lag)


@exported(metrics.ROWS_HIDDEN)
def _rows_hidden(given: ScrapeInput) -> Figures:
    return _by_label({"outside_plan": 0, "over_budget": 0} | given.scrape.hidden)


@exported(metrics.WORKER_FAILURES)
def _worker_failures(given: ScrapeInput) -> Figures:
    return (((each.stage, each.worker), each.times) for each in given.scrape.failures)


@exported(metrics.UNREADABLE)
def _unreadable(given: ScrapeInput) -> Figures:
    return _by_label(given.scrape.unreadable)


def _one(value: float | None) -> Figures:
    """A metric without labels; no series while its value is not known."""
    return [] if value is None else [((), value)]


def _by_label(values: Mapping[str, float]) -> Figures:
    """A metric with one label."""
    return (((label,), value) for label, value in values.items())


def _by_source(given: ScrapeInput, counts: Callable[[Progress], Mapping[str, int]]) -> Figures:
    """Counts by source and partition, 0 included: a counter that begins with a burst would hide it."""
    for number, progress in sorted(given.scrape.progress.items()):
        found = {**dict.fromkeys(("", *given.working_time.sources), 0), **counts(progress)}
        yield from (((source or NO_SOURCE, str(number)), count) for source, count in found.items())


def _by_partition(given: ScrapeInput, figure: Callable[[Progress], float | tuple[int, ...]]) -> Figures:
    return (((str(number),), figure(progress)) for number, progress in sorted(given.scrape.progress.items()))


class PlanCollector(Collector):
    """Metrics of one plan: its value rows, cards, freshness and sources, as the snapshot has them now."""

    def __init__(
        self, plan: Plan, snapshot: Snapshot, now: Callable[[], Instant], counts: Callable[[], Counts]
    ) -> None:
        self._plan = plan
        self._working_time = WorkingTime.of(plan)
        self._snapshot = snapshot
        self._now = now
        self._counts = counts
        self._of_plan = list(_families(plan_samples(plan)))
        """No event changes them."""

    def collect(self) -> Iterator[Family]:
        """All families."""
        scrape = self._snapshot.scrape()
        yield from self.of_records(scrape)
        yield from self.of_the_moment(scrape)

    def of_records(self, scrape: Scrape) -> Iterator[Family]:
        """Those that change with the records only: value rows, signals, and what the plan says."""
        for metric in (
            *metrics.ROW_METRICS.values(),
            *metrics.OF_A_PROMISE,
            metrics.STATE,
            metrics.STATE_AT_MIDNIGHT,
        ):
            yield _of_samples(metric, scrape.rows.get(metric.name, []))
        for metric in (*metrics.FORECAST_METRICS.values(), metrics.SIGNAL, metrics.SIGNAL_OF):
            yield _of_samples(metric, scrape.signals.get(metric.name, []))
        yield from self._of_plan

    def of_the_moment(self, scrape: Scrape) -> Iterator[Family]:
        """Those that change with time, too, and what is small."""
        given = ScrapeInput(self._now(), scrape, self._counts(), self._working_time)
        last_events = _last_events(scrape.progress.values())
        yield from _families(source_samples(self._plan, self._working_time, last_events, given.now))
        for metric, figures in EXPORTED.items():
            yield _family(metric, figures(given))


def _last_events(progress: Iterable[Progress]) -> dict[str, Instant]:
    """Source → arrival of its last event in any partition."""
    last: dict[str, Instant] = {}
    for each in progress:
        for source, received in each.sources.items():
            last[source] = max(received, last.get(source, received))
    return last


def _families(samples: Iterable[tuple[Metric, list[Measured]]]) -> Iterator[Family]:
    for metric, measured in samples:
        yield _of_samples(metric, [WrittenSample.of(one) for one in measured])


def _family(metric: Metric, figures: Figures) -> Family:
    return _of_samples(metric, [sample for values, value in figures for sample in _samples(metric, values, value)])


def _samples(metric: Metric, values: Sequence[str], value: float | tuple[int, ...]) -> Iterator[Sample]:
    labels = dict(zip(metric.labels, values, strict=True))
    if not isinstance(value, tuple):
        yield Sample(metric.name, labels, value)
    elif value:
        total_ms, *counts = value
        ends = (*(floatToGoString(bound / 1000) for bound in BOUNDS_MS), "+Inf")  # type: ignore[no-untyped-call]
        bucket, count_of_all, sum_of_all = metric.samples
        for end, count in zip(ends, accumulate(counts), strict=True):
            yield Sample(bucket, labels | {"le": end}, count)
        yield Sample(count_of_all, labels, sum(counts))
        yield Sample(sum_of_all, labels, total_ms / 1000)


def _of_samples(metric: Metric, samples: Sequence[Sample]) -> Family:
    # the client writes _total itself: a counter's family has the name without it
    family = Family(metric.name.removesuffix("_total"), metric.documentation, metric.type)
    family.samples = list(samples)
    return family
