"""The state of a promise (rule 10), and whether it is at risk."""

from fractions import Fraction
from typing import Final, NamedTuple

from services.domain.judging.judge import Judge
from services.domain.judging.kind import AnyKind, Moment, Sums
from services.domain.plan.plan import Objective, Promise, Window
from services.domain.results.published import State
from services.domain.results.unknown import Unknown, is_proven_miss, may_be_met, may_be_missed
from services.domain.results.windows import ALL, Items, last_day_of
from services.domain.sums.forecast import expected
from services.domain.sums.statistic import Statistic

TREND_DAYS: Final = 30
"""Days that a trend looks back on, and for a rolling window ahead to."""
TREND_MINIMUM: Final = 5
"""Days with a value that a trend needs."""


class LastDays:
    """The values of the last days of one unit and item, from which a trend is drawn: read once for all windows."""

    def __init__(self) -> None:
        self._points: list[tuple[int, Fraction]] | None = None

    def points(self, reading: "StateInput") -> list[tuple[int, Fraction]]:
        """Days from today (0, negative before) and the value of each that has one."""
        if self._points is None:
            self._points = _points(reading)
        return self._points


class StateInput(NamedTuple):
    """What a state is decided by: a statistic, and where it was read."""

    kind: AnyKind
    statistic: Statistic
    unknown: Unknown
    items: Items
    window: Window
    moment: Moment
    stale: bool
    last_days: LastDays


def state_of(reading: StateInput, judge: Judge) -> State:
    """The first that holds of: untargeted, missed and proven, unmeasured, no_data, stale, missed (or insufficient,
    at_risk, provisional while it is not reached), insufficient, at_risk, provisional, met. What is judged by a list
    that somebody has invented proves nothing."""
    promise, value = reading.kind.promise, reading.statistic.value
    if promise.target is None:
        return State.UNTARGETED
    if judge.plan.is_invented(promise):
        return State.UNMEASURED
    if is_proven_miss(promise, reading.statistic, reading.unknown, reading.stale):
        return State.MISSED
    if _is_unmeasured(reading):
        return State.UNMEASURED
    if value is None:
        return State.NO_DATA
    return State.STALE if reading.stale else _state_of_value(reading, promise.target, value)


def _state_of_value(reading: StateInput, target: Objective, value: Fraction) -> State:
    """The state of a value that is known."""
    if not target.holds(value):
        return _state_of_not_reached(reading, target, value)
    if _is_small_sample(reading):
        return State.INSUFFICIENT
    if _is_at_risk(reading, target):
        return State.AT_RISK
    return State.PROVISIONAL if may_be_missed(target, reading.statistic, reading.unknown) else State.MET


def in_quarantine(state: State) -> State:
    """The state of a row one of whose cases cannot be judged."""
    return state if state in _NEVER_STALE else State.STALE


_NEVER_STALE = (State.UNTARGETED, State.UNMEASURED, State.MISSED)
"""States that a quarantined case does not change: what is never judged; what the source itself leaves unknown; and a
miss, which nobody can hide behind a case that cannot be judged. Every other becomes `stale`, `no_data` too: there is a
case."""


def _is_unmeasured(reading: StateInput) -> bool:
    """Whether too much is not reported: facts that are measured, or fields by which cases are selected. One case that
    would be a miss wherever it belongs is too much."""
    promise, statistic, unknown = reading.kind.promise, reading.statistic, reading.unknown
    unmeasured, unclassified = unknown.unmeasured, unknown.unclassified
    if unknown.unclassified_missed or unclassified > promise.unmeasured_tolerance * (statistic.n + unclassified):
        return True
    owed = statistic.n + unmeasured if statistic.owed is None else statistic.owed
    return promise.must_be_reported and unmeasured > promise.unmeasured_tolerance * owed


def _state_of_not_reached(reading: StateInput, target: Objective, value: Fraction) -> State:
    promise, statistic = reading.kind.promise, reading.statistic
    if statistic.pending:
        assert promise.target_date is not None
        at_date = expected(statistic, reading.moment.day, promise.target_date.toordinal())
        assert at_date is not None
        return State.PROVISIONAL if target.holds(at_date) else State.AT_RISK
    if not target.nearly_holds(value, promise.tolerance):
        if not may_be_met(promise, target, statistic, reading.unknown):
            return State.MISSED
        return State.INSUFFICIENT if _is_small_sample(reading) else State.PROVISIONAL
    return State.INSUFFICIENT if _is_small_sample(reading) else State.AT_RISK


def _is_small_sample(reading: StateInput) -> bool:
    return reading.statistic.small_sample_matters and reading.statistic.n < reading.kind.promise.minimum_n


def _is_at_risk(reading: StateInput, target: Objective) -> bool:
    """Not missed, but: a report is awaited; or the mean with open cases at their age breaks the limit; or the yellow
    cards would miss the objective if all ran late; or the trend of the last 30 days crosses it."""
    statistic = reading.statistic
    if statistic.is_awaited:
        return True
    if statistic.censored is not None and not target.holds(statistic.censored):
        return True
    if statistic.if_all_late is not None and not target.holds(statistic.if_all_late):
        return True
    if not statistic.small_sample_matters or reading.window is Window.NOW:
        return False
    predicted = _trend(reading)
    return predicted is not None and not target.holds(predicted)


def _trend(reading: StateInput) -> Fraction | None:
    """The value at the end of the period (or in 30 days), by a line through the days of the last 30 that have one."""
    points = reading.last_days.points(reading)
    if len(points) < TREND_MINIMUM:
        return None
    ahead = last_day_of(reading.window, reading.moment) - reading.moment.day
    return _on_line(points, min(TREND_DAYS, ahead))


def _points(reading: StateInput) -> list[tuple[int, Fraction]]:
    today = reading.moment.day
    points = []
    for day in range(today - TREND_DAYS + 1, today + 1):
        closed = {name: days[day] for name, days in reading.items.items() if day in days}
        value = reading.kind.figure(Sums(ALL, day, closed, {}), reading.moment).value if closed else None
        if value is not None:
            points.append((day - today, value))
    return points


def _on_line(points: list[tuple[int, Fraction]], at: int) -> Fraction:
    """The least-squares line through points, at a place."""
    n = len(points)
    mean_x, mean_y = Fraction(sum(x for x, _ in points), n), sum((y for _, y in points), Fraction()) / n
    spread = sum(((x - mean_x) ** 2 for x, _ in points), Fraction())
    slope = sum(((x - mean_x) * (y - mean_y) for x, y in points), Fraction()) / spread
    return mean_y + slope * (at - mean_x)


def has_side_rows(promise: Promise) -> bool:
    """Whether there is anything to publish beside its rows."""
    quota = promise.target.quota if promise.target is not None else None
    return promise.target_date is not None or quota is not None or promise.about == "figure"
