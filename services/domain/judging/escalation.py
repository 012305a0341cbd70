"""How a late case escalates under a promise (rule 10): when its red card comes, and what excuses it."""

from services.domain.history.case import Case
from services.domain.plan.plan import Promise, Strength
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant


class Escalation:
    """The strength of one promise."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self._law = law
        self._id = promise.id
        self._hard = promise.strength is Strength.HARD
        self._soft = promise.strength is Strength.SOFT

    def decision(self, case: Case) -> str | None:
        """The last decision on a reason given for missing this promise."""
        decision = case.justified.get(self._id)
        return decision.decision if decision is not None else None

    def excuses(self, case: Case) -> bool:
        """Whether a case may be late: only a soft promise knows accepted reasons."""
        return self._soft and self.decision(case) == "accepted"

    def red_at(self, case: Case, due: Instant, reported_by: Instant) -> Instant | None:
        """Hard: when the stop cannot be reported in time any more (`reported_by`). Soft: then, and not before one
        working day after the limit, unless a reason was given by then; or when it is rejected. Aspirational: never."""
        if self._hard:
            return reported_by + 1
        if not self._soft:
            return None
        decision = case.justified.get(self._id)
        if decision is not None and decision.decision == "accepted":
            return None
        if decision is not None and decision.decision == "rejected":
            return max(reported_by + 1, decision.time)
        zone = self._law.zone
        next_day = zone.midnight(self._law.calendar.add_working_days(zone.day(due), 1) + 1)
        without = max(next_day, reported_by + 1)
        return without if decision is None or decision.time >= without else None
