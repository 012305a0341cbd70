"""What the recording rules would have recorded of a moment, from its value rows: dashboards ask the records.

Prometheus evaluates no rule in the past. The rules are in `services/rules`, the names in `services.messaging.records`;
a test has Prometheus evaluate the rules over backfilled rows and finds the same.
"""

from collections import Counter
from collections.abc import Iterator

from services.domain.plan import Plan, Window
from services.domain.published import WORST_FIRST, State, ValueRow
from services.messaging import metrics, records
from services.messaging.metrics import Metric
from services.messaging.series import ALL_ITEMS, WHOLE_DISTRICT, Measured, WrittenLabels

UNIT_STATE = Metric(records.UNIT_STATE, "The state of a promise in its official window.")
UNIT_RANK = Metric(records.UNIT_RANK, "The state as a number: 1 is the worst.")
UNIT_VALUE = Metric(records.UNIT_VALUE, "The figure of a promise in its official window.")
STATE_COUNT = Metric(records.STATE_COUNT, "How many promises of the district are in a state.")
CLOCK = Metric(records.CLOCK, "What the plan's clock shows.")

ALL = (UNIT_STATE, UNIT_RANK, UNIT_VALUE, STATE_COUNT, CLOCK)

_RANK = {state: number for number, state in enumerate(WORST_FIRST, start=1)}


class OfficialWindows:
    """Which rows the records are about: the official definition of each promise in its official window."""

    def __init__(self, plan: Plan) -> None:
        self._windows: dict[str, Window] = {
            promise.id: promise.official_window for promise in plan.promises if promise.variant == "official"
        }

    def has(self, row: ValueRow) -> bool:
        """Whether a row is such a one."""
        whole = row.variant == "official" and row.item == ALL_ITEMS
        return whole and self._windows.get(row.kpi) == row.window

    def records(self, row: ValueRow) -> Iterator[Measured]:
        """The records of one such row."""
        labels = {"kpi": row.kpi, "unit": row.unit, "window": row.window}
        shared = WrittenLabels(labels)
        yield Measured(UNIT_STATE, WrittenLabels(labels | {"state": row.state}), 1)
        yield Measured(UNIT_RANK, shared, _RANK[State(row.state)])
        if row.value:
            yield Measured(UNIT_VALUE, shared, float(row.value))


def is_whole(row: ValueRow) -> bool:
    """Whether a row is about the whole district."""
    return row.unit == WHOLE_DISTRICT


def of_a_moment(states: Counter[str], seconds: float) -> Iterator[Measured]:
    """What is recorded once a moment. `states`: of the district's promises; `seconds`: what the plan's clock shows."""
    for state, count in states.items():
        yield Measured(STATE_COUNT, WrittenLabels({"state": state}), count)
    for metric in (metrics.CLOCK, CLOCK):
        yield Measured(metric, WrittenLabels({}), seconds)
