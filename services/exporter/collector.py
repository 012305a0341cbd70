"""The custom collector: what a scrape gets. It keeps nothing, so a removed key leaves no stale series.

A metric is one function of a `Look`, with `@exported(METRIC)` above it. Metrics of which each record brings several
(value rows, signals, sources, the plan) come from `services/names/samples.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import Plan
from services.domain.time.zone import Instant
from services.exporter.snapshot import NO_UNIT, Scrape, Snapshot
from services.messaging.records.tallies import Progress
from services.names import metrics
from services.names.metrics import Metric
from services.names.samples import Measured, plan_samples, source_samples

_SECOND_US = 1_000_000

Figures = Iterable[tuple[tuple[str, ...], float]]
"""Label values in the metric's order, and the value."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the exporter's reader knows of the logs, as of now."""

    lag: Mapping[str, int]
    """Topic → records not read yet."""
    events: int | None
    """Events ever appended; None while that is not known: a counter must not seem to start at 0 again."""
    letters: int | None
    """Dead letters ever appended, likewise."""


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that one scrape is made of; the clock is read once."""

    now: Instant
    scrape: Scrape
    counts: Counts
    working_time: WorkingTime


EXPORTED: dict[Metric, Callable[[Look], Figures]] = {}
"""Metric → its figures, in the order of a scrape."""


def exported(metric: Metric) -> Callable[[Callable[[Look], Figures]], Callable[[Look], Figures]]:
    """Export a metric: the function below gives its figures."""

    def register(figures: Callable[[Look], Figures]) -> Callable[[Look], Figures]:
        EXPORTED[metric] = figures
        return figures

    return register


@exported(metrics.CARDS_OPEN)
def _cards(look: Look) -> Figures:
    return look.scrape.cards.items()


@exported(metrics.VERDICTS)
def _verdicts(look: Look) -> Figures:
    return look.scrape.verdicts.items()


@exported(metrics.QUARANTINED)
def _quarantined(look: Look) -> Figures:
    return _by_label({NO_UNIT: 0} | look.scrape.quarantined)


@exported(metrics.CLOCK)
def _clock(look: Look) -> Figures:
    return _one(look.now / _SECOND_US)


@exported(metrics.WORKING_HOURS)
def _working_hours(look: Look) -> Figures:
    return _one(float(look.working_time.is_open(look.now)))


@exported(metrics.CALENDAR_END)
def _calendar_end(look: Look) -> Figures:
    return _one(look.working_time.published_through / _SECOND_US)


@exported(metrics.WATERMARK)
def _watermark(look: Look) -> Figures:
    return _one(look.scrape.watermark or None)


@exported(metrics.SWEEP)
def _sweep(look: Look) -> Figures:
    return _by_partition(look, lambda progress: progress.swept_to / _SECOND_US)


@exported(metrics.STREAM_LAG)
def _stream_lag(look: Look) -> Figures:
    return _by_partition(look, lambda progress: progress.lag)


@exported(metrics.EVENTS)
def _events(look: Look) -> Figures:
    return _one(look.counts.events)


@exported(metrics.DEAD_LETTERS)
def _dead_letters(look: Look) -> Figures:
    return _by_label(look.scrape.dead_letters)


@exported(metrics.DEAD_LETTER_RECORDS)
def _dead_letter_records(look: Look) -> Figures:
    return _one(look.counts.letters)


@exported(metrics.EXPORTER_LAG)
def _exporter_lag(look: Look) -> Figures:
    return _by_label(look.counts.lag)


@exported(metrics.ROWS_HIDDEN)
def _rows_hidden(look: Look) -> Figures:
    return _by_label({"outside_plan": 0, "over_budget": 0} | look.scrape.hidden)


@exported(metrics.WORKER_FAILURES)
def _worker_failures(look: Look) -> Figures:
    return (((each.stage, each.worker), each.times) for each in look.scrape.failures)


@exported(metrics.UNREADABLE)
def _unreadable(look: Look) -> Figures:
    return _by_label(look.scrape.unreadable)


def _one(value: float | None) -> Figures:
    """A metric without labels; no series while its value is not known."""
    return [] if value is None else [((), value)]


def _by_label(values: Mapping[str, float]) -> Figures:
    """A metric with one label."""
    return (((label,), value) for label, value in values.items())


def _by_partition(look: Look, figure: Callable[[Progress], float]) -> Figures:
    return (((str(number),), figure(progress)) for number, progress in sorted(look.scrape.progress.items()))


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
        look = Look(self._now(), self._snapshot.scrape(), self._counts(), self._working_time)
        for metric in (*metrics.ROW_METRICS.values(), metrics.STATE, metrics.STATE_AT_MIDNIGHT):
            yield _of_samples(metric, look.scrape.rows.get(metric.name, []))
        for metric in (*metrics.FORECAST_METRICS.values(), metrics.SIGNAL, metrics.SIGNAL_OF):
            yield _of_samples(metric, look.scrape.signals.get(metric.name, []))
        yield from self._of_plan
        last_events = _last_events(look.scrape.progress.values())
        yield from _families(source_samples(self._plan, self._working_time, last_events, look.now))
        for metric, figures in EXPORTED.items():
            yield _family(metric, figures(look))


def _last_events(progress: Iterable[Progress]) -> dict[str, Instant]:
    """Source → arrival of its last event in any partition."""
    last: dict[str, Instant] = {}
    for each in progress:
        for source, received in each.sources.items():
            last[source] = max(received, last.get(source, received))
    return last


def _families(samples: Iterable[tuple[Metric, list[Measured]]]) -> Iterator[Family]:
    for metric, measured in samples:
        yield _of_samples(metric, [Sample(metric.name, one.labels, one.value) for one in measured])


def _family(metric: Metric, figures: Figures) -> Family:
    samples = [Sample(metric.name, dict(zip(metric.labels, values, strict=True)), value) for values, value in figures]
    return _of_samples(metric, samples)


def _of_samples(metric: Metric, samples: list[Sample]) -> Family:
    # the client writes _total itself: a counter's family has the name without it
    family = Family(metric.name.removesuffix("_total"), metric.documentation, metric.type)
    family.samples = samples
    return family
