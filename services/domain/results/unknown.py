"""What is not known of the cases of a row, and whether its objective is missed all the same (rule 10)."""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from services.domain.plan.plan import Objective, Promise
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import Tally, TallyField, total


class Unknown(NamedTuple):
    """How many cases (or owed reports) of a row may turn out otherwise than they count now."""

    unmeasured: int = 0
    """Closed, and the source never reported the fact: not in n."""
    unclassified: int = 0
    """A field by which the promise selects is unknown: not in n."""
    unclassified_missed: int = 0
    """Of those: a miss under every promise that they may fall under."""
    awaiting: int = 0
    """Past the limit, and the source may still report in time: not in n."""
    provisional: int = 0
    """In n, by a calendar that is not published;"""
    provisional_met: int = 0
    """of those, in the numerator."""
    silent_overdue: int = 0
    """In n as open and overdue, while their source is silent, and not provisional."""

    @property
    def beside(self) -> int:
        """Those that are not in n."""
        return self.unmeasured + self.unclassified + self.awaiting

    @property
    def counted_as_missed(self) -> int:
        """Those that are in n and not in the numerator."""
        return self.provisional - self.provisional_met + self.silent_overdue


def unknown_of(done: Tally, present: Tally, statistic: Statistic, silent: Mapping[str, Tally]) -> Unknown:
    """What is unknown of a row. `done`: the tally of the window's days; `present`: of what is true now; `silent`: the
    same of the units whose source is silent, by item."""

    def of(field: int) -> int:
        return done.cells[field] + present.cells[field]

    return Unknown(
        unmeasured=of(TallyField.UNMEASURED) + statistic.unmeasured,
        unclassified=of(TallyField.UNCLASSIFIED),
        unclassified_missed=of(TallyField.UNCLASSIFIED_MISSED),
        awaiting=of(TallyField.AWAITING) + statistic.awaiting,
        provisional=of(TallyField.PROVISIONAL),
        provisional_met=of(TallyField.PROVISIONAL_MET),
        silent_overdue=_certainly_overdue(total(silent.values())) if silent else 0,
    )


def _certainly_overdue(present: Tally) -> int:
    """Of what is true now: the overdue cases of which no unpublished calendar may change that. What else is true now
    and provisional are late entries."""
    of_overdue = max(present.cells[TallyField.PROVISIONAL] - present.cells[TallyField.LATE_ENTRY], 0)
    return present.cells[TallyField.OVERDUE] - of_overdue


def is_proven_miss(promise: Promise, statistic: Statistic, unknown: Unknown, stale: bool) -> bool:
    """Whether the objective fails even if everything that is unknown turned out well."""
    target = promise.target
    if target is None or statistic.value is None or statistic.pending:
        return False
    best = _best_value(promise, target, statistic, unknown, stale)
    return best is not None and not target.nearly_holds(best, promise.tolerance)


def may_be_missed(target: Objective, statistic: Statistic, unknown: Unknown) -> bool:
    """Whether the objective, which holds, fails once the calendar is published and all provisional cases are missed. A
    mean can become anything."""
    if not unknown.provisional:
        return False
    n, numerator = statistic.n, statistic.numerator
    if not statistic.ratio or not isinstance(numerator, int):
        return True
    more = unknown.provisional - unknown.provisional_met if target.relation == "<=" else -unknown.provisional_met
    return not target.holds(Fraction(numerator + more, n))


def may_be_met(promise: Promise, target: Objective, statistic: Statistic, unknown: Unknown) -> bool:
    """Whether the objective, which fails, holds once the calendar is published and all provisional cases are met."""
    if not unknown.provisional:
        return False
    n, numerator = statistic.n, statistic.numerator
    if not statistic.ratio or not isinstance(numerator, int):
        return True
    more = -unknown.provisional_met if target.relation == "<=" else unknown.provisional - unknown.provisional_met
    return target.nearly_holds(Fraction(numerator + more, n), promise.tolerance)


def _best_value(
    promise: Promise, target: Objective, statistic: Statistic, unknown: Unknown, stale: bool
) -> Fraction | None:
    """The value, if everything unknown turned out well; None where it could become anything.

    Of a share of cases every unknown case is in the numerator (of "at most", in none). A mean or a sum can become
    anything. A list shows what is true now, which a silent source does not say; what it had to show by a date that has
    passed, and the figures of months that were reported, are known.
    """
    if promise.about == "case" and statistic.ratio and isinstance(statistic.numerator, int):
        n = statistic.n + unknown.beside
        if target.relation == "<=":
            return Fraction(statistic.numerator - unknown.provisional_met, n)
        return Fraction(min(statistic.numerator + unknown.counted_as_missed, statistic.n) + unknown.beside, n)
    if unknown.beside or unknown.provisional or unknown.silent_overdue or (stale and not _is_settled(promise)):
        return None
    return statistic.value


def _is_settled(promise: Promise) -> bool:
    """Whether a source that is silent now cannot have changed what counts."""
    return promise.about == "figure" or (promise.about == "entry" and promise.target_date is not None)
