"""By what the steps of each promise of a plan are counted."""

from services.domain.plan.plan import Plan, Promise, id_of
from services.domain.supervision.steps import Terms
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.zone import Instant, Zone


class PlanTerms:
    """The terms of a plan's promises."""

    def __init__(self, plan: Plan, calendar: WorkingCalendar) -> None:
        self.zone = Zone(plan.head.timezone)
        self._calendar = calendar
        self._supervision = plan.head.supervision
        self._versions: dict[str, list[Promise]] = {}
        for promise in plan.promises:
            if promise.is_official:
                self._versions.setdefault(promise.id, []).append(promise)

    def of(self, kpi: str, raised_at: Instant) -> Terms | None:
        """The terms of a card that turned red then: the version of the promise that was in force on that day decides
        the strength. None: the plan has no such promise."""
        versions = self._versions.get(id_of(kpi))
        if versions is None:
            return None
        day = self.zone.day(raised_at)
        in_force = [one for one in versions if one.effective_from.toordinal() <= day] or versions[:1]
        strength = max(in_force, key=lambda one: one.effective_from).strength
        return Terms(self._supervision, self._supervision.ladder(strength), self._calendar, self.zone)
