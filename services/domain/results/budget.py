"""How far a figure is from its target, and how many misses its objective still allows (docs/rules.md, rule 10).

The one definition for metrics, alerts, the desk, briefings and the terminal. It is computed from a published row and
the version of the promise that was in force, in exact numbers. Nothing is judged by it.
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final, NamedTuple, Self

from services.domain.plan.plan import Objective, Plan, Promise, Window
from services.domain.results.published import State, ValueRow
from services.domain.results.windows import ALL_ITEMS

_STEP: Final = Fraction(1, 10**6)
"""The last digit of a cell (`statistic.written`)."""


class Counted(NamedTuple):
    """A share of things that are counted one by one: cases, duties, or entries of a catalogue."""

    n: int
    misses: int
    """Of them: late, or not as promised."""
    allowed: Fraction
    """Which share of n may be misses; 0 to 1."""
    grows: bool
    """Whether the next miss is one more thing (a case, a duty); else it is one of the n (an entry of a catalogue)."""


def distance(target: Objective, value: Fraction) -> Fraction:
    """By how much a value misses its target: of a share in points of one (0.05: five points), of every other figure as
    a share of the target. 0 or less: the target is reached. A target of 0 has no share: in the figure's own unit."""
    amount = Fraction(target.amount)
    short = {">=": amount - value, "<=": value - amount, "=": abs(value - amount)}[target.relation]
    return short if target.unit == "share" or not amount else short / amount


def misses_left(counted: Counted) -> int | None:
    """How many further misses leave the objective reached; -k: k of those that were counted are too many. None where
    no number of misses fails it."""
    n, misses = counted.n, counted.misses
    part, whole = counted.allowed.numerator, counted.allowed.denominator
    if part >= whole:
        return None
    left = part * n // whole - misses
    if left < 0 or not counted.grows:
        return left
    # each further one is a miss and one more of n: (misses + k) / (n + k) <= part / whole
    return (part * n - whole * misses) // (whole - part)


def pace(counted: Counted) -> float:
    """Misses per what the objective allows of that many: above 1 they come faster than it allows. Infinite where it
    allows none and there are some."""
    if not counted.misses:
        return 0.0
    allowed = counted.allowed * counted.n
    return float(counted.misses / allowed) if allowed else math.inf


# ---- of a row --------------------------------------------------------------------------------------------------
def distance_of(row: ValueRow, promise: Promise) -> Fraction | None:
    """The distance of a row; None without a target or a value. A miss is never 0 because its cell was rounded."""
    target = promise.target
    if target is None or not row.value:
        return None
    found = distance(target, exact_value(row))
    if row.state == State.MISSED and found <= 0:
        return _STEP
    return found


def misses_left_of(row: ValueRow, promise: Promise) -> int | None:
    """The misses left of a row, by what it has counted so far. None of what is not counted one by one (means, sums,
    figures that a source counts itself), and of what is reached by a date."""
    counted = counted_of(row, promise)
    return None if counted is None else misses_left(counted)


def pace_of(row: ValueRow, promise: Promise) -> float | None:
    """The pace of misses in the row of the window that shows the month (`short_window`); None of what has no days."""
    counted = counted_of(row, promise)
    return pace(counted) if counted is not None and counted.grows else None


_COUNTED: Final = ("case", "duty", "entry")


def counted_of(row: ValueRow, promise: Promise) -> Counted | None:
    """What a row has counted; None where its figure is no share of things that are counted one by one, or is to be
    reached by a date."""
    target = promise.target
    if target is None or not may_count_misses(promise) or not _is_of_counts(row):
        return None
    part, n = int(row.numerator), int(row.denominator)
    amount, tolerance = Fraction(target.amount), Fraction(promise.tolerance)
    if target.relation == "<=":
        misses, allowed = part, amount + tolerance
    else:
        misses, allowed = n - part, 1 - amount + tolerance
    return Counted(n, misses, max(min(allowed, Fraction(1)), Fraction(0)), promise.about != "entry")


def may_count_misses(promise: Promise) -> bool:
    """Whether rows of a promise may have misses left: a share that must not fall below, or not exceed, its target, and
    that is reached by no date. A ratio of sums is such a promise, too, and its rows have none."""
    target = promise.target
    is_bound = target is not None and target.unit == "share" and target.relation != "="
    return is_bound and promise.about in _COUNTED and promise.target_date is None


def allows_none(promise: Promise) -> bool:
    """Whether the objective of a promise that may count misses allows no miss at all."""
    target = promise.target
    assert target is not None
    short = Fraction(target.amount) if target.relation == "<=" else 1 - Fraction(target.amount)
    return short + Fraction(promise.tolerance) <= 0


def _is_of_counts(row: ValueRow) -> bool:
    """Whether a row is a share of counts: each that is not empty has an interval (rule 8)."""
    return row.numerator.isdecimal() and row.denominator.isdecimal() and bool(row.lower)


def exact_value(row: ValueRow) -> Fraction:
    """The figure of a row that has one: exact where the row has both parts of it, else its cell."""
    if row.numerator and row.denominator and (whole := _number(row.denominator)):
        return _number(row.numerator) / whole
    return _number(row.value)


def _number(cell: str) -> Fraction:
    """The number of a cell. A cell has no exponent (docs/contract.md); one that has could be a number of any length."""
    return Fraction(cell) if _PLAIN.fullmatch(cell) else Fraction(float(cell))


_PLAIN: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")


# ---- which rows ------------------------------------------------------------------------------------------------
def short_window(promise: Promise) -> Window | None:
    """The window that shows the month by itself; None where the official one does, or none is published."""
    for window in (Window.MONTH, Window.D30):
        if window in promise.windows and window is not promise.official_window:
            return window
    return None


class Versions:
    """The versions of each promise of a plan (rule 11)."""

    def __init__(self, versions: Mapping[tuple[str, str], list[Promise]]) -> None:
        self._versions = versions

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Of a plan."""
        return cls(_by_name(plan.promises))

    def at(self, row: ValueRow) -> Promise | None:
        """The version by which a row was computed: in force on its last day, else the first; None: not in the plan."""
        versions = self._versions.get((row.kpi, row.variant))
        if versions is None:
            return None
        day = _last_day(row)
        begun = [one for one in versions if day is None or one.effective_from <= day]
        return begun[-1] if begun else versions[0]


def _by_name(promises: Iterable[Promise]) -> dict[tuple[str, str], list[Promise]]:
    found: dict[tuple[str, str], list[Promise]] = {}
    for promise in sorted(promises, key=lambda one: one.effective_from):
        found.setdefault((promise.id, promise.variant), []).append(promise)
    return found


def _last_day(row: ValueRow) -> date | None:
    """The day on which the row's window ends; None where the row does not say it."""
    return (datetime.fromisoformat(row.window_end) - timedelta(microseconds=1)).date() if row.window_end else None


def is_official(row: ValueRow, promise: Promise) -> bool:
    """Whether a row is the official definition in its official window, over all items."""
    return _is_in(row, promise, promise.official_window)


def shows_the_month(row: ValueRow, promise: Promise) -> bool:
    """Whether a row is the official definition in the window that shows the month, over all items."""
    return _is_in(row, promise, short_window(promise))


def _is_in(row: ValueRow, promise: Promise, window: Window | None) -> bool:
    return promise.is_official and row.item == ALL_ITEMS and row.window == window
