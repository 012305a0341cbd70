"""What the kinds share: whether a version of a promise binds a case, and what a unit's row is kept under."""

from services.domain.history.case import NOTHING_DELIVERED, Case
from services.domain.plan.plan import CasePromise
from services.domain.sums.tally import EVER, TallyAmounts, TallyField
from services.domain.time.zone import Instant, Zone

AWAITED: TallyAmounts = ((TallyField.AWAITING, 1), (TallyField.YELLOW, 1))
"""Of a case that is past its limit and whose report may still come in time: as close to a miss as one can be."""


class Binding:
    """The dates and keys of one promise."""

    def __init__(self, promise: CasePromise, zone: Zone) -> None:
        self._zone = zone
        self._since = promise.effective_from.toordinal()
        self._until = promise.effective_to.toordinal() if promise.effective_to else None
        self._by_stop = promise.applies_by == "stop"
        self._by_item = promise.kept_by_item
        self._keeps_days = promise.keeps_days
        self._waits_for_more = promise.waits_for_more
        """Its clock stops at something that is delivered, not at the completion."""

    def holds(self, start: Instant, stop: Instant | None, now: Instant) -> bool:
        """Whether this version binds a case: by the date of its start, or of its stop (rule 11), which for an open
        case is today at the earliest."""
        decisive = start
        if self._by_stop:
            decisive = stop if stop is not None else now
        day = self._zone.day(decisive)
        return self._since <= day and (self._until is None or day <= self._until)

    def ended(self, case: Case, stop: Instant | None) -> Instant | None:
        """When a case ended before the clock's stop, so that nothing will be delivered any more: withdrawn; or, where
        the stop is something else than the completion, completed as refused or terminated."""
        end = case.withdrawn_at
        if self._waits_for_more and case.outcome in NOTHING_DELIVERED and case.completed_at is not None:
            end = case.completed_at if end is None else min(end, case.completed_at)
        return end if end is not None and (stop is None or end < stop) else None

    def day(self, instant: Instant) -> int:
        """The tally's day of an instant."""
        return self._zone.day(instant) if self._keeps_days else EVER

    def item(self, case: Case) -> str:
        """The tally's item of a case."""
        return case.service_item if self._by_item else "-"


def marks(pauses: object, extended: bool) -> TallyAmounts:
    """What is counted beside a matured case: suspended, extended."""
    cells: TallyAmounts = ()
    if pauses:
        cells += ((TallyField.SUSPENDED, 1),)
    if extended:
        cells += ((TallyField.EXTENDED, 1),)
    return cells


def completion_since(case: Case, start: Instant) -> Instant | None:
    """When a case was completed, since the clock started."""
    return case.completed_at if case.completed_at is not None and case.completed_at >= start else None


def earliest(now: Instant, *instants: Instant | None) -> Instant | None:
    """The first of these that is still to come."""
    future = [instant for instant in instants if instant is not None and instant > now]
    return min(future) if future else None
