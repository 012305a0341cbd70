"""The custom collector: what a scrape gets. It keeps nothing, so a vanished key leaves no stale series."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import Plan
from services.domain.time.zone import Instant
from services.exporter.snapshot import NO_UNIT, Scrape, Snapshot
from services.messaging.tally_log import Progress
from services.names import metrics
from services.names.metrics import Metric
from services.names.samples import Measured, plan_series, source_series

_SECOND_US = 1_000_000

Figures = Iterable[tuple[tuple[str, ...], float]]
"""Label values in the metric's order, and the value."""


def _family(metric: Metric, figures: Figures) -> Family:
    samples = [Sample(metric.name, dict(zip(metric.labels, values, strict=True)), value) for values, value in figures]
    return _of_samples(metric, samples)


def _of_samples(metric: Metric, samples: list[Sample]) -> Family:
    # the client writes _total itself: a counter's family has the name without it
    family = Family(metric.name.removesuffix("_total"), metric.documentation, metric.type)
    family.samples = samples
    return family


def _families(series: Iterable[tuple[Metric, list[Measured]]]) -> Iterator[Family]:
    for metric, measured in series:
        yield _of_samples(metric, [Sample(metric.name, one.labels, one.value) for one in measured])


class PlanCollector(Collector):
    """Metrics of one plan: its value rows, cards, freshness and sources, as the snapshot has them now."""

    def __init__(
        self,
        plan: Plan,
        working_time: WorkingTime,
        snapshot: Snapshot,
        now: Callable[[], Instant],
        *,
        lag: Callable[[], Mapping[str, int]],
        events: Callable[[], int | None],
        letters: Callable[[], int | None],
    ) -> None:
        """`lag`: topic → records not read yet; `events`, `letters`: events and dead letters ever appended, None
        while that is not known: a counter must not seem to start at 0 again."""
        self._plan = plan
        self._working_time = working_time
        self._snapshot = snapshot
        self._now = now
        self._lag = lag
        self._events = events
        self._letters = letters
        self._static = list(_static(plan, working_time))

    def collect(self) -> Iterator[Family]:
        """All families, in the order of the metrics module; the clock is read once."""
        now, scrape = self._now(), self._snapshot.scrape()
        for metric in (*metrics.ROW_METRICS.values(), metrics.STATE, metrics.STATE_AT_MIDNIGHT):
            yield _of_samples(metric, scrape.rows.get(metric.name, []))
        for metric in metrics.FORECAST_METRICS.values():
            yield _of_samples(metric, scrape.beside.get(metric.name, []))
        yield from self._static
        yield _family(metrics.CARDS_OPEN, scrape.cards.items())
        yield _family(metrics.VERDICTS, scrape.verdicts.items())
        quarantined = {NO_UNIT: 0} | scrape.quarantined
        yield _family(metrics.QUARANTINED, (((unit,), n) for unit, n in quarantined.items()))
        for metric in (metrics.SIGNAL, metrics.SIGNAL_OF):
            yield _of_samples(metric, scrape.beside.get(metric.name, []))
        yield _family(metrics.CLOCK, [((), now / _SECOND_US)])
        yield _family(metrics.WORKING_HOURS, [((), float(self._working_time.is_open(now)))])
        yield from _freshness(scrape)
        last_events = _last_events(scrape.progress.values())
        yield from _families(source_series(self._plan, self._working_time, last_events, now))
        yield _family(metrics.EVENTS, _counted(self._events()))
        yield _family(metrics.DEAD_LETTERS, (((reason,), n) for reason, n in scrape.dead_letters.items()))
        yield _family(metrics.DEAD_LETTER_RECORDS, _counted(self._letters()))
        yield _family(metrics.EXPORTER_LAG, (((topic,), n) for topic, n in self._lag().items()))
        hidden = {"outside_plan": 0, "over_budget": 0} | scrape.hidden
        yield _family(metrics.ROWS_HIDDEN, (((reason,), n) for reason, n in hidden.items()))
        failures = (((each.stage, each.worker), each.times) for each in scrape.failures)
        yield _family(metrics.WORKER_FAILURES, failures)
        yield _family(metrics.UNREADABLE, (((topic,), n) for topic, n in scrape.unreadable.items()))


def _counted(n: int | None) -> Figures:
    return [] if n is None else [((), n)]


def _freshness(scrape: Scrape) -> Iterator[Family]:
    yield _family(metrics.WATERMARK, [((), scrape.watermark)] if scrape.watermark else [])
    progress = sorted(scrape.progress.items())
    yield _family(metrics.SWEEP, (((str(partition),), told.swept_to / _SECOND_US) for partition, told in progress))
    yield _family(metrics.STREAM_LAG, (((str(partition),), told.lag) for partition, told in progress))


def _last_events(progress: Iterable[Progress]) -> dict[str, Instant]:
    """Source → arrival of its last event in any partition."""
    last: dict[str, Instant] = {}
    for told in progress:
        for source, received in told.sources.items():
            last[source] = max(received, last.get(source, received))
    return last


def _static(plan: Plan, working_time: WorkingTime) -> Iterator[Family]:
    """What no event changes: the plan's own words, and how far its calendar is published."""
    yield from _families(plan_series(plan))
    yield _family(metrics.CALENDAR_END, [((), working_time.published_through / _SECOND_US)])
