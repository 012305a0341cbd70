"""What the recording rules would have recorded of a moment, from its value rows: dashboards ask the records.

Prometheus evaluates no rule in the past. The rules are in `services/alert_rules`, their names in
`services/metric_names/recording_rules.py`; a test has Prometheus evaluate the rules over backfilled rows and finds the
same.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from services.domain.judging import data_quality as signals
from services.domain.judging.data_quality import SignalRow
from services.domain.plan.plan import Plan, Window
from services.domain.results.published import State, ValueRow
from services.metric_names import metrics, recording_rules
from services.metric_names.metrics import Metric
from services.metric_names.samples import ALL_ITEMS, WHOLE_DISTRICT, Measured, WrittenLabels

UNIT_STATE = Metric(recording_rules.UNIT_STATE, "The state of a promise in its official window.")
UNIT_RANK = Metric(recording_rules.UNIT_RANK, "The state as a number: 1 is the worst.")
UNIT_VALUE = Metric(recording_rules.UNIT_VALUE, "The figure of a promise in its official window.")
UNIT_SHOWN = Metric(recording_rules.UNIT_SHOWN, "The figure of a promise in its official window, as it is read.")
STATE_COUNT = Metric(recording_rules.STATE_COUNT, "How many promises of the district are in a state.")
UNIT_STATE_AT_MIDNIGHT = Metric(
    recording_rules.UNIT_STATE_AT_MIDNIGHT, "The state at midnight, where it is another now."
)
CARDS = Metric(recording_rules.CARDS, "Active cards.")
BACKDATED_SHARE = Metric(recording_rules.BACKDATED_SHARE, "Share of backdated entries of 30 days.")
CLOCK = Metric(recording_rules.CLOCK, "What the plan's clock shows.")
WORKING = Metric(recording_rules.WORKING, "1 while the default opening hours run.")

ALL = (
    *(UNIT_STATE, UNIT_RANK, UNIT_VALUE, UNIT_SHOWN, UNIT_STATE_AT_MIDNIGHT),
    *(STATE_COUNT, CARDS, BACKDATED_SHARE, CLOCK, WORKING),
)


class OfficialWindows:
    """Which rows the records are about: the official definition of each promise in its official window."""

    def __init__(self, plan: Plan) -> None:
        self._windows: dict[str, Window] = {
            promise.id: promise.official_window for promise in plan.promises if promise.is_official
        }
        self._never_red = {promise.id for promise in plan.promises if promise.is_official and promise.is_never_red}

    def has(self, row: ValueRow) -> bool:
        """Whether a row is such a one."""
        whole = row.variant == "official" and row.item == ALL_ITEMS
        return whole and self._windows.get(row.kpi) == row.window

    def records(self, row: ValueRow, before: str, read: float | None) -> Iterator[Measured]:
        """The records of one such row. `before`: the state when its day began, where it was another one; else empty.
        `read`: its figure as it is read (`metrics.SHOWN`); None without one."""
        labels = {"kpi": row.kpi, "unit": row.unit, "window": row.window}
        shared = WrittenLabels(labels)
        yield Measured(UNIT_STATE, WrittenLabels(labels | {"state": row.state}), 1)
        never_red = row.kpi in self._never_red
        yield Measured(UNIT_RANK, shared, recording_rules.rank_of(State(row.state), never_red=never_red))
        if before:
            yield Measured(UNIT_STATE_AT_MIDNIGHT, WrittenLabels(labels | {"state": before}), 1)
        if row.value:
            yield Measured(UNIT_VALUE, shared, float(row.value))
        if read is not None:
            yield Measured(UNIT_SHOWN, shared, read)


def is_whole(row: ValueRow) -> bool:
    """Whether a row is about the whole district."""
    return row.unit == WHOLE_DISTRICT


def states(found: Mapping[str, int]) -> Iterator[Measured]:
    """State → how many promises of the district are in it."""
    for state, count in found.items():
        yield Measured(STATE_COUNT, WrittenLabels({"state": state}), count)


def cards(open_cards: Iterable[Measured]) -> Iterator[Measured]:
    """Of the active cards, over all promises."""
    found: Counter[tuple[str, str]] = Counter()
    for one in open_cards:
        found[one.labels["unit"], one.labels["level"]] += int(one.value)
    for (unit, level), count in found.items():
        yield Measured(CARDS, WrittenLabels({"unit": unit, "level": level}), count)


def backdated(rows: Iterable[SignalRow]) -> Iterator[Measured]:
    """Of the signals, the share of each source's entries that were made long after the fact."""
    for row in rows:
        if row.signal == signals.BACKDATED.removeprefix(signals.PREFIX) and row.of:
            yield Measured(BACKDATED_SHARE, WrittenLabels({"source": row.unit}), int(row.n) / int(row.of))


def time(seconds: float, is_open: bool) -> Iterator[Measured]:
    """`seconds`: what the plan's clock shows, and whether it is working time."""
    for metric in (metrics.CLOCK, CLOCK):
        yield Measured(metric, WrittenLabels({}), seconds)
    for metric in (metrics.WORKING_HOURS, WORKING):
        yield Measured(metric, WrittenLabels({}), float(is_open))
