"""What the exporter knows: the latest state of the published topics, in memory, ready to be scraped.

A key that vanishes takes its series with it. One thread takes records in; scrapes read copies under the same lock.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from threading import Lock
from typing import Self, TypeAlias

from prometheus_client.samples import Sample

from services.domain.intake.refusal import Reason
from services.domain.plan.plan import Plan, Window
from services.domain.results.published import State
from services.messaging import metrics, tally_log, topics
from services.messaging.decoding import (
    SIGNAL,
    Published,
    Unreadable,
    fields_of,
    read_card,
    read_failure,
    read_row,
    read_signal,
    read_verdict,
    text,
)
from services.messaging.quarantine_log import decode
from services.messaging.series import (
    ALL_ITEMS,
    WHOLE_DISTRICT,
    Measured,
    WrittenLabels,
    row_labels,
    row_series,
    signal_series,
)
from services.messaging.tally_log import Progress
from services.process.worker_failures import WorkerFailure

ROW_BUDGET = 40_000
"""Value rows that are exported at most: some 17 series each. Beyond it rows are hidden, counted and alerted."""

_PROGRESS = b"progress|"

REASONS = tuple(reason.value for reason in Reason)
_OTHER = "other"
NO_UNIT = "-"
"""In the place of a unit: none of the plan is named."""
_WINDOWS = frozenset(Window)
_STATES = frozenset(State)
_VERDICTS = frozenset(("missed", "met_by_late_entry", "reversed"))


@dataclass(frozen=True, slots=True)
class LabelSets:
    """The closed sets from which labels come. An open plan (an imported archive) admits any unit and item."""

    kpis: frozenset[tuple[str, str]]
    units: frozenset[str]
    items: frozenset[str]
    open: bool

    @classmethod
    def of(cls, plan: Plan) -> Self:
        return cls(
            kpis=frozenset((promise.id, promise.variant) for promise in plan.promises),
            units=frozenset(plan.units) | {WHOLE_DISTRICT},
            items=frozenset(plan.service_items) | _nodes(plan) | {ALL_ITEMS},
            open=plan.head.open,
        )

    def admit_row(self, labels: dict[str, str], state: str) -> bool:
        """Whether all labels of a value row are of the plan."""
        return (
            (labels["kpi"], labels["variant"]) in self.kpis
            and (self.open or (labels["unit"] in self.units and labels["item"] in self.items))
            and labels["window"] in _WINDOWS
            and state in _STATES
        )

    def admit_beside(self, one: Measured) -> bool:
        """Whether a forecast is of a promise and a unit of the plan; a signal always is."""
        labels = one.labels
        return one.metric in (metrics.SIGNAL, metrics.SIGNAL_OF) or (
            (labels["kpi"], labels["variant"]) in self.kpis and (self.open or labels["unit"] in self.units)
        )

    def admit(self, kpi: str, unit: str) -> bool:
        """Whether a card or verdict is about a promise and a unit of the plan."""
        return (kpi, "official") in self.kpis and (self.open or unit in self.units)


@dataclass(slots=True)
class Scrape:
    """A consistent copy for one scrape."""

    rows: dict[str, list[Sample]]
    """Metric name → samples of the value rows."""
    watermark: float
    """Seconds since the epoch, 0 if no row has one."""
    cards: dict[tuple[str, str, str], int]
    verdicts: dict[tuple[str, str, str], int]
    quarantined: dict[str, int]
    """Unit → its cases that cannot be judged."""
    beside: dict[str, list[Sample]]
    """Metric name → samples of signals and forecasts."""
    dead_letters: dict[str, int]
    progress: dict[int, Progress]
    failures: list[WorkerFailure]
    """Of workers that die again and again."""
    unreadable: dict[str, int]
    hidden: dict[str, int]


def _nodes(plan: Plan) -> frozenset[str]:
    """Durations between nodes are published per node, in the place of the item."""
    declared = frozenset(node for item in plan.service_items.values() for node in item.nodes)
    return declared | frozenset(node for promise in plan.promises for node in promise.nodes)


Taker: TypeAlias = Callable[["Snapshot", bytes, bytes | None], None]


def _tolerant(topic: str) -> Callable[[Taker], Callable[["Snapshot", bytes | None, bytes | None], str]]:
    """A record that is not what its topic promises is counted and passed over: metrics must not stop for it. What takes
    a record then says why it could not, else nothing."""

    def of(take: Taker) -> Callable[["Snapshot", bytes | None, bytes | None], str]:
        @wraps(take)
        def taking(self: "Snapshot", key: bytes | None, value: bytes | None) -> str:
            with self._lock:
                try:
                    take(self, key or b"", value)
                except Unreadable as error:
                    self._unreadable[topic] += 1
                    return str(error)
            return ""

        return taking

    return of


@dataclass
class Snapshot:
    """The latest record of each key, as series."""

    sets: LabelSets
    row_budget: int = ROW_BUDGET
    _lock: Lock = field(default_factory=Lock)
    _rows: dict[str, dict[bytes, Sample]] = field(default_factory=lambda: defaultdict(dict))
    _watermarks: dict[bytes, float] = field(default_factory=dict)
    _hidden: dict[bytes, str] = field(default_factory=dict)
    _cards: dict[bytes, tuple[str, str, str]] = field(default_factory=dict)
    _beside: dict[bytes, list[Measured]] = field(default_factory=dict)
    _verdicts: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    _verdict_counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _quarantined: dict[int, str] = field(default_factory=dict)
    _dead_letters: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(REASONS, 0)))
    _letters: set[int] = field(default_factory=set)
    _progress: dict[int, Progress] = field(default_factory=dict)
    _failures: dict[bytes, WorkerFailure] = field(default_factory=dict)
    _unreadable: Counter[str] = field(default_factory=Counter)

    @_tolerant(topics.KPI_VALUES)
    def take_value(self, key: bytes, value: bytes | None) -> None:
        """A record of kpi.values: the row replaces the one of its key, null removes it."""
        if key.startswith(SIGNAL):
            self._take_signal(key, value)
            return
        series = self._removed(key) if value is None else self._series(key, read_row(value))
        for name, of_metric in self._rows.items():
            if name not in series:
                of_metric.pop(key, None)
        for name, sample in series.items():
            self._rows[name][key] = sample

    def _take_signal(self, key: bytes, value: bytes | None) -> None:
        """A signal beside the values, or a forecast."""
        told = [] if value is None else list(signal_series(read_signal(value)))
        self._beside.pop(key, None)
        if told and all(self.sets.admit_beside(one) for one in told):
            self._beside[key] = told

    def _removed(self, key: bytes) -> dict[str, Sample]:
        """No series; what was noted of the row is forgotten."""
        self._hidden.pop(key, None)
        self._watermarks.pop(key, None)
        return {}

    def _series(self, key: bytes, published: Published) -> dict[str, Sample]:
        row = published.row._asdict()
        labels = row_labels(row)
        self._removed(key)
        if not self.sets.admit_row(labels, row["state"]):
            self._hidden[key] = "outside_plan"
            return {}
        states = self._rows[metrics.STATE.name]
        if key not in states and len(states) >= self.row_budget:
            self._hidden[key] = "over_budget"
            return {}
        series = {one.metric.name: Sample(one.metric.name, one.labels, one.value) for one in row_series(row, labels)}
        before = published.state_at_midnight
        if before != row["state"]:
            name = metrics.STATE_AT_MIDNIGHT.name
            series[name] = Sample(name, WrittenLabels(labels | {"state": before}), 1)
        if published.watermark:
            self._watermarks[key] = datetime.fromisoformat(published.watermark).timestamp()
        return series

    @_tolerant(topics.ALERT_CARDS)
    def take_card(self, key: bytes, value: bytes | None) -> None:
        """A record of alert.cards: counts while it stands."""
        card = None if value is None else read_card(value)
        if card is not None and not card.cleared_at and self.sets.admit(card.kpi, card.unit):
            self._cards[key] = (card.kpi, card.unit, card.level)
        else:
            self._cards.pop(key, None)

    @_tolerant(topics.CASE_VERDICTS)
    def take_verdict(self, key: bytes, value: bytes | None) -> None:
        """A record of case.verdicts: the latest verdict of each case and promise is counted."""
        verdict = None if value is None else read_verdict(value)
        # the key's hash stands for it: a case has no business here, and a million misses must fit
        if before := self._verdicts.pop(hash(key), None):
            self._verdict_counts[before] -= 1
        if verdict and verdict.verdict in _VERDICTS and self.sets.admit(verdict.kpi, verdict.unit):
            counted = (verdict.kpi, verdict.unit, verdict.verdict)
            self._verdicts[hash(key)] = counted
            self._verdict_counts[counted] += 1

    @_tolerant(topics.CASE_QUARANTINE)
    def take_quarantine(self, key: bytes, value: bytes | None) -> None:
        """A record of case.quarantine: counts until it is released."""
        if value is None:
            self._quarantined.pop(hash(key), None)
            return
        units = decode(value).units
        known = (unit for unit in units if self.sets.open or unit in self.sets.units)
        self._quarantined[hash(key)] = next(known, NO_UNIT)

    @_tolerant(topics.DEAD_LETTER)
    def take_dead_letter(self, key: bytes, value: bytes | None) -> None:
        """A record of case.events.dead-letter: counted by its reason."""
        if value is not None and (not key or hash(key) not in self._letters):
            reason = text(fields_of(value), "reason")
            self._letters.add(hash(key))  # a redelivered letter has the key of the first
            self._dead_letters[reason if reason in REASONS else _OTHER] += 1

    @_tolerant(topics.KPI_TALLIES)
    def take_tally(self, key: bytes, value: bytes | None) -> None:
        """A record of kpi.tallies: only progress matters here, and of two owners the later one's (higher epoch)."""
        if not key.startswith(_PROGRESS):
            return
        if value is None:
            self._progress = {number: told for number, told in self._progress.items() if told.record()[0] != key}
            return
        told = tally_log.read_progress(key, value)
        known = self._progress.get(told.partition)
        if known is None or told.epoch >= known.epoch:
            self._progress[told.partition] = told

    @_tolerant(topics.WORKER_FAILURES)
    def take_failure(self, key: bytes, value: bytes | None) -> None:
        """A record of worker.failures: a worker that dies again and again; null once it has worked well."""
        if value is None:
            self._failures.pop(key, None)
        else:
            self._failures[key] = read_failure(value)

    def scrape(self) -> Scrape:
        """A copy of everything, taken at once."""
        with self._lock:
            return Scrape(
                rows={name: list(samples.values()) for name, samples in self._rows.items()},
                watermark=max(self._watermarks.values(), default=0.0),
                cards=Counter(self._cards.values()),
                verdicts=dict(self._verdict_counts),
                quarantined=Counter(self._quarantined.values()),
                beside=self._besides(),
                dead_letters=dict(self._dead_letters),
                progress=dict(self._progress),
                failures=list(self._failures.values()),
                unreadable=self._all_unreadable(),
                hidden=Counter(self._hidden.values()),
            )

    def _all_unreadable(self) -> dict[str, int]:
        """What this exporter could not read, and what the workers could not read of their changelog."""
        lost = sum(told.lost for told in self._progress.values())
        return dict(self._unreadable) | ({topics.CASES_CHANGELOG: lost} if lost else {})

    def _besides(self) -> dict[str, list[Sample]]:
        found: dict[str, list[Sample]] = defaultdict(list)
        for measured in self._beside.values():
            for one in measured:
                found[one.metric.name].append(Sample(one.metric.name, one.labels, one.value))
        return found
