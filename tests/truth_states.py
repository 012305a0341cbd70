"""The state of a row of values.csv, computed from the truth alone (rule 10 of docs/rules.md).

Nothing that judges is asked: what is here follows the text of the rules in its plainest form.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from services.domain.plan.kinds.catalogue import CataloguePromise
from services.domain.plan.plan import Objective, Plan, Promise
from services.domain.time.zone import Instant
from services.simulator.stories.report_delay import subject_reported_by
from services.simulator.stories.timing import Timing

PACE_DAYS = 30
LEAST_DAYS = 5


@dataclass(frozen=True)
class Figure:
    """What the truth knows of one row."""

    value: Fraction | None
    n: int
    numerator: int
    unmeasured: int = 0
    awaiting: int = 0
    unclassified: int = 0
    unclassified_missed: int = 0
    owed: int | None = None
    """Of reported figures: how many reports are owed; None: n and what is unmeasured."""
    near: int = 0
    """Open cases that are yellow."""
    with_open: Fraction | None = None
    """The mean with open cases at their present age."""
    reached: tuple[tuple[date, Fraction], ...] = ()
    """Of what is dated: on which day how much began to count."""
    stale: bool = False
    silent_overdue: int = 0
    """Open overdue cases of units whose source is silent, without provisional ones."""
    daily: tuple[tuple[int, Fraction], ...] = ()
    """Of each of the last 30 days on which cases were closed: how long ago (0 or less), and the value of that day."""
    provisional: int = 0
    """Cases in n that a notice about unpublished days may turn;"""
    provisional_met: int = 0
    """of those, in the numerator."""


@dataclass(frozen=True)
class StateTruth:
    """Says which state a row must have."""

    plan: Plan
    timing: Timing
    last: date
    """The last day of the window."""

    @property
    def now(self) -> Instant:
        return self.timing.zone.midnight(self.last.toordinal() + 1) - 1

    def of(self, promise: Promise, unit: str, window: str, figure: Figure) -> str:
        """The first that applies."""
        target = promise.target
        if target is None:
            return "untargeted"
        if self.plan.is_invented(promise):
            return "unmeasured"
        pending = self._is_pending(promise, unit)
        if not pending and is_proven(promise, target, figure):
            return "missed"
        if is_unmeasured(promise, figure):
            return "unmeasured"
        if figure.value is None:
            return "no_data"
        if figure.stale:
            return "stale"
        if target.holds(figure.value):
            return self._reached(promise, target, window, figure)
        if pending:
            return self._pending(promise, target, figure)
        small = is_small(promise, target, figure)
        if target.nearly_holds(figure.value, promise.tolerance):
            return "insufficient" if small else "at_risk"
        if not may_turn(promise, target, figure, met=True):
            return "missed"
        return "insufficient" if small else "provisional"

    def _reached(self, promise: Promise, target: Objective, window: str, figure: Figure) -> str:
        if is_small(promise, target, figure):
            return "insufficient"
        if figure.awaiting or (figure.with_open is not None and not target.holds(figure.with_open)):
            return "at_risk"
        near = figure.near + figure.awaiting
        if near and not target.holds(Fraction(figure.numerator, figure.n + near)):
            return "at_risk"
        if small_matters(promise, target) and window != "now":
            predicted = line(figure.daily, self._days_left(window))
            if predicted is not None and not target.holds(predicted):
                return "at_risk"
        return "provisional" if may_turn(promise, target, figure, met=False) else "met"

    def _is_pending(self, promise: Promise, unit: str) -> bool:
        """Whether the date has not come, or what was reached by then may still be reported."""
        by = promise.target_date
        if by is None:
            return False
        due = self.timing.zone.midnight(by.toordinal() + 1) - 1
        if isinstance(promise, CataloguePromise) and promise.statistic != "in_sync":
            due = subject_reported_by(self.timing, due, promise.collection, "" if unit == "ALL" else unit)
        return self.now < due

    def _pending(self, promise: Promise, target: Objective, figure: Figure) -> str:
        """Whether it is reached by its date at the pace of the last 30 days."""
        assert promise.target_date is not None and figure.value is not None
        since = self.last - timedelta(days=PACE_DAYS)
        came = sum((amount for day, amount in figure.reached if since < day <= self.last), Fraction())
        left = max((promise.target_date - self.last).days, 0)
        coming = came * left / PACE_DAYS
        if not is_share(promise):
            return "provisional" if target.holds(figure.value + coming) else "at_risk"
        at_date = min(figure.value + coming / max(figure.n, 1), Fraction(1))
        return "provisional" if target.holds(at_date) else "at_risk"

    def _days_left(self, window: str) -> int:
        """To the end of the month, quarter or year, at most 30; of other windows 30."""
        last = self.last
        month = {"month": last.month, "quarter": (last.month + 2) // 3 * 3, "year": 12}.get(window)
        if month is None:
            return PACE_DAYS
        following = date(last.year + month // 12, month % 12 + 1, 1)
        return min(PACE_DAYS, (following - last).days - 1)


def is_share(promise: Promise) -> bool:
    """Whether the value is a number of cases or entries out of all of them."""
    if promise.about == "case":
        return promise.kind not in ("case_mean", "mean_reduction")
    return promise.about == "duty" or getattr(promise, "statistic", "") in ("share", "in_sync")


def is_proven(promise: Promise, target: Objective, figure: Figure) -> bool:
    """Whether it fails even if everything that is not known were met."""
    if figure.value is None:
        return False
    beside = figure.unmeasured + figure.awaiting + figure.unclassified
    overdue = figure.silent_overdue + figure.provisional - figure.provisional_met
    best: Fraction | None = figure.value
    if promise.about == "case" and is_share(promise):
        best = Fraction(min(figure.numerator + overdue, figure.n) + beside, figure.n + beside)
    elif beside or figure.silent_overdue or figure.provisional:
        best = None
    elif figure.stale and promise.about != "figure" and not (promise.about == "entry" and promise.target_date):
        best = None  # it may have changed since its source was last heard
    return best is not None and not target.nearly_holds(best, promise.tolerance)


def may_turn(promise: Promise, target: Objective, figure: Figure, *, met: bool) -> bool:
    """Whether the objective holds if all provisional cases are `met`, or fails if all are missed. A mean may become
    anything."""
    if not figure.provisional:
        return False
    if promise.about != "case" or not is_share(promise):
        return True
    others = figure.numerator - figure.provisional_met
    if met:
        return target.nearly_holds(Fraction(others + figure.provisional, figure.n), promise.tolerance)
    return not target.holds(Fraction(others, figure.n))


def is_unmeasured(promise: Promise, figure: Figure) -> bool:
    """Whether more than 5 % leave out what must be known, or one that is a miss wherever it belongs."""
    allowed = Fraction(str(promise.unmeasured_tolerance))
    if figure.unclassified_missed or figure.unclassified > allowed * (figure.n + figure.unclassified):
        return True
    owed = figure.n + figure.unmeasured if figure.owed is None else figure.owed
    return promise.must_be_reported and figure.unmeasured > allowed * owed


def small_matters(promise: Promise, target: Objective) -> bool:
    """Of means, and of shares with an objective below 100 %."""
    if not is_share(promise) and promise.about != "figure":
        return promise.about == "case" or getattr(promise, "statistic", "") == "mean"
    return promise.about != "duty" and target.unit == "share" and target.amount < 1


def is_small(promise: Promise, target: Objective, figure: Figure) -> bool:
    """Whether there are too few of them."""
    return small_matters(promise, target) and figure.n < promise.minimum_n


def line(points: tuple[tuple[int, Fraction], ...], at: int) -> Fraction | None:
    """The least-squares line through points, at a place; None if there are fewer than five."""
    n = len(points)
    if n < LEAST_DAYS:
        return None
    mean_x, mean_y = Fraction(sum(x for x, _ in points), n), sum((y for _, y in points), Fraction()) / n
    spread = sum(((x - mean_x) ** 2 for x, _ in points), Fraction())
    slope = sum(((x - mean_x) * (y - mean_y) for x, y in points), Fraction()) / spread
    return mean_y + slope * (at - mean_x)


def feeding(promise: Promise, plan: Plan, silent: set[str]) -> list[tuple[str, ...]]:
    """The units for which each silent source of a promise speaks."""
    subjects = {code for _, code in promise.subjects}
    return [
        source.units
        for source in plan.sources.values()
        if source.id in silent and ("*" in source.feeds or subjects & set(source.feeds))
    ]


def is_stale(promise: Promise, unit: str, judge: StateTruth, silent: set[str]) -> bool:
    """Whether a source that speaks for the unit is silent; of the whole, any source."""
    names = judge.timing.succession.names(unit, judge.now)
    return any(
        unit == "ALL" or "*" in units or not names.isdisjoint(units) for units in feeding(promise, judge.plan, silent)
    )
