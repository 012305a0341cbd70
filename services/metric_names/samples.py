"""Value rows, signals, sources and plans as samples of metrics: which metric, which labels, which value. The exporter
serves them, a backfill writes them."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from services.catalog.words.promise_text import in_words, objective
from services.catalog.words.unit_names import unit_title
from services.catalog.words.wording import unit_of_measure
from services.catalog.working_time import WorkingTime
from services.domain.intake.visible_text import visible
from services.domain.plan.plan import Plan, Promise, Source, Title
from services.domain.results import budget
from services.domain.results.as_read import as_read
from services.domain.results.published import ValueRow
from services.domain.time.zone import Instant, Zone
from services.messaging.records.values import Signal
from services.metric_names import metrics
from services.metric_names.metrics import Metric

WHOLE_DISTRICT = "ALL"
ALL_ITEMS = "-"

_SECOND_US = 1_000_000


class WrittenLabels(dict[str, str]):
    """Labels that know how they are written. Not to be changed.

    Prometheus' client sorts and escapes the labels of each sample anew; the samples of a value row share them.
    """

    __slots__ = ("text",)

    def __init__(self, labels: Mapping[str, str]) -> None:
        super().__init__(labels)
        self.text = written(labels)


def written(labels: Mapping[str, str]) -> str:
    """Labels as both text formats of Prometheus have them."""
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items())) + "}"


def _escaped(value: str) -> str:
    return visible(value, keep="\n").replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


class Measured(NamedTuple):
    """One sample: of which metric, with which labels, how much."""

    metric: Metric
    labels: WrittenLabels
    value: float


# ---- a value row ---------------------------------------------------------------------------------------------
def row_labels(row: ValueRow) -> WrittenLabels:
    """The labels of a value row."""
    return WrittenLabels({name: getattr(row, name) for name in metrics.ROW_LABELS})


def row_samples(row: ValueRow, figures: Mapping[str, float], labels: WrittenLabels) -> Iterator[Measured]:
    """A value row: one sample for each number, and its state. `figures`: column → number (`values.figures_of`);
    `labels`: those of the row."""
    for column, metric in metrics.ROW_METRICS.items():
        if (number := figures.get(column)) is not None:
            yield Measured(metric, labels, number)
    yield Measured(metrics.STATE, WrittenLabels(labels | {"state": row.state}), 1)


def samples_by_promise(row: ValueRow, promise: Promise | None, labels: WrittenLabels) -> Iterator[Measured]:
    """The figure of a value row as it is read; of the official definition of a promise over all items also how far it
    is from its target, and what its objective still allows. `promise`: the version by which the row was computed; None:
    it is not in the plan."""
    if promise is None:
        return
    figures: list[tuple[Metric, Fraction | float | None]] = [(metrics.SHOWN, as_read(row, promise))]
    if budget.is_official(row, promise):
        figures.append((metrics.DISTANCE, budget.distance_of(row, promise)))
        figures.append((metrics.MISSES_LEFT, budget.misses_left_of(row, promise)))
    if budget.shows_the_month(row, promise):
        figures.append((metrics.MISSES_PACE, budget.pace_of(row, promise)))
    for metric, number in figures:
        if number is not None:
            yield Measured(metric, labels, float(number))


# ---- beside the rows -----------------------------------------------------------------------------------------
def signal_samples(signal: Signal) -> Iterator[Measured]:
    """A signal: how many cases, and of how many; or a forecast."""
    if signal.is_forecast:
        kpi, _, variant = signal.item.partition("/")
        labels = {"kpi": kpi, "variant": variant or "official", "unit": signal.unit}
        yield Measured(metrics.FORECAST_METRICS[signal.signal], WrittenLabels(labels), signal.mean or 0.0)
        return
    shared = WrittenLabels({name: getattr(signal, name) for name in metrics.SIGNAL_LABELS})
    yield Measured(metrics.SIGNAL, shared, signal.n or 0)
    if signal.of is not None:
        yield Measured(metrics.SIGNAL_OF, shared, signal.of)


def source_samples(
    plan: Plan, working_time: WorkingTime, last_events: Mapping[str, Instant], now: Instant
) -> Iterator[tuple[Metric, list[Measured]]]:
    """When the last event of each source arrived, and whether the source is silent, by metric."""
    known = plan.sources
    arrived = (((id,), last_events[id] / _SECOND_US) for id in known if id in last_events)
    yield _family(metrics.SOURCE_LAST_EVENT, arrived)
    silences = (((id,), working_time.silence(last_events.get(id), now) / _SECOND_US) for id in known)
    yield _family(metrics.SOURCE_SILENCE, silences)
    silent = working_time.silent(last_events, now)
    flags = (((id, _unit_to_ask(plan, source)), float(id in silent)) for id, source in known.items())
    yield _family(metrics.SOURCE_SILENT, flags)


def _unit_to_ask(plan: Plan, source: Source) -> str:
    """Which unit to ask about a source: the one that it is named after, else the first that it may name."""
    named = source.id.rpartition("/")[2]
    return named if named in plan.units or source.units[0] == "*" else source.units[0]


# ---- a plan --------------------------------------------------------------------------------------------------
def plan_samples(plan: Plan) -> Iterator[tuple[Metric, list[Measured]]]:
    """What the plan says and no event changes, by metric."""
    # a plan may hold several versions of a promise (rule 11): the last one names it
    promises = {(promise.id, promise.variant): promise for promise in plan.promises}
    zone = Zone(plan.head.timezone)
    yield _family(metrics.PROMISE_INFO, ((_promise_labels(promise, plan), 1) for promise in promises.values()))
    yield _family(metrics.PROMISE_TEXT, ((_promise_text(promise, plan), 1) for promise in promises.values()))
    ends = (
        (key, zone.midnight(by.toordinal() + 1) / _SECOND_US)
        for key, one in promises.items()
        if (by := one.target_date)
    )
    yield _family(metrics.PROMISE_DUE, ends)
    units = {(unit, title.zh, title.en) for unit in plan.units for title in [unit_title(unit, plan)]}
    yield _titles(metrics.UNIT_INFO, units | {(WHOLE_DISTRICT, "全区", "Whole district")})
    items = {(item.code, item.title.zh, item.title.en) for item in plan.service_items.values()}
    yield _titles(metrics.ITEM_INFO, items | {(ALL_ITEMS, "全部事项", "All items")})
    changes = (
        ((kind, title.zh, title.en), zone.midnight(day) / _SECOND_US) for day, kind, title in _rule_changes(plan)
    )
    yield _family(metrics.ANNOTATION, changes)


def _titles(metric: Metric, titles: set[tuple[str, str, str]]) -> tuple[Metric, list[Measured]]:
    return _family(metric, ((labels, 1) for labels in sorted(titles)))


def annotation(kind: str, zh: str, en: str, seconds: float) -> Measured:
    """A mark on the axis of the plan's time."""
    labels = WrittenLabels(dict(zip(metrics.ANNOTATION.labels, (kind, zh, en), strict=True)))
    return Measured(metrics.ANNOTATION, labels, seconds)


def _family(metric: Metric, samples: Iterable[tuple[tuple[str, ...], float]]) -> tuple[Metric, list[Measured]]:
    return metric, [
        Measured(metric, WrittenLabels(dict(zip(metric.labels, labels, strict=True))), value)
        for labels, value in samples
    ]


def _promise_labels(promise: Promise, plan: Plan) -> tuple[str, ...]:
    unit, target = unit_of_measure(promise, plan), objective(promise, plan)
    return (
        promise.id,
        promise.variant,
        str(promise.item),
        promise.title.zh,
        promise.title.en,
        promise.figure_unit,
        unit.zh,
        unit.en,
        promise.strength.value,
        promise.kind,
        target.zh or "–",
        target.en or "–",
        promise.official_window.value,
    )


_NO_NOTES = Title(zh="–", en="–")


def _promise_text(promise: Promise, plan: Plan) -> tuple[str, ...]:
    formula, notes = in_words(promise, plan), promise.notes or _NO_NOTES
    leads = [plan.units[unit].title if unit in plan.units else Title(zh=unit, en=unit) for unit in promise.lead]
    return (
        promise.id,
        promise.variant,
        promise.clause,
        formula.zh,
        formula.en,
        "、".join(title.zh for title in leads) or "-",
        ", ".join(title.en for title in leads) or "-",
        "none" if promise.target is None else "local" if promise.local else "plan",
        notes.zh,
        notes.en,
    )


def _rule_changes(plan: Plan) -> Iterator[tuple[int, str, Title]]:
    """The days on which rules of the plan begin or have ended (rule 11): ordinal, kind and a sentence."""
    begin: dict[date, set[str]] = {}
    end: dict[date, set[str]] = {}
    for promise in plan.promises:
        begin.setdefault(promise.effective_from, set()).add(promise.id)
        if promise.effective_to is not None:
            end.setdefault(promise.effective_to, set()).add(promise.id)
    for day, kpis in sorted(begin.items()):
        whose = _names_of(kpis)
        yield day.toordinal(), "rules_begin", Title(zh=f"规则生效：{whose.zh}", en=f"rules begin: {whose.en}")
    for day, kpis in sorted(end.items()):
        whose = _names_of(kpis)
        yield day.toordinal() + 1, "rules_end", Title(zh=f"规则终止：{whose.zh}", en=f"rules end: {whose.en}")


_MOST_NAMED = 5
"""So many promises are named; more are counted."""


def _names_of(kpis: set[str]) -> Title:
    names = sorted(kpis)
    if len(names) <= _MOST_NAMED:
        return Title(zh="、".join(names), en=", ".join(names))
    return Title(zh=f"{names[0]}等{len(names)}项", en=f"{names[0]} and {len(names) - 1} more")
