"""A case under one promise, as it is known at an instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from services.domain.plan.plan import CasePromise
from services.domain.time.zone import Instant
from services.simulator.stories.report_delay import case_reported_by
from services.simulator.stories.result import Result
from services.simulator.stories.timing import Timing
from services.simulator.truth.observed_case import ObservedCase
from services.simulator.truth.row import Row


@dataclass(frozen=True)
class PromiseView:
    """The case, the clock of the promise, and the row that is to be completed."""

    promise: CasePromise
    case: ObservedCase
    timing: Timing
    now: Instant | None
    """None: after everything."""
    row: Row
    start: Instant
    stop: Instant | None
    over: Instant | None
    """When the case was over before its stop: withdrawn, or refused what it waits for."""

    @cached_property
    def due(self) -> Instant:
        """The limit, without any suspension."""
        flow = self.case.flow
        return self.timing.due(self.promise, self.start, flow.unit, flow.item)

    @property
    def end(self) -> Instant | None:
        """When the case ended, with its stop or without it."""
        return self.over or self.stop

    @property
    def has_accepted_reason(self) -> bool:
        """Whether the last decision on a reason for missing the promise accepts it."""
        decision, _ = self.case.decisions.get(self.promise.id, ("", None))
        return decision == "accepted"

    def passed(self, due: Instant) -> bool:
        """Whether an instant has gone by."""
        return self.now is None or self.now > due

    def closed(self, row: Row, result: Result, at: Instant) -> Row:
        """A case that was closed at an instant."""
        return row._replace(result=result, stopped=at, day=self.timing.zone.day(at))

    def withdrawn(self, row: Row, over: Instant) -> Row:
        """A case that was over before its stop: missed if that was after its limit."""
        return self.closed(row, Result.WITHDRAWN if row.due is None or over <= row.due else Result.MISSED, over)

    def unfinished(self, row: Row, due: Instant, overdue: Result = Result.OPEN_OVERDUE) -> Row:
        """A case that has not ended. Past its limit it is awaited while its report may still come in time. One that is
        completed without the stop that it owes is closed then."""
        if self.now is None:
            return row._replace(result=Result.STUCK)
        if not self.passed(due):
            return row._replace(result=Result.OPEN)
        if overdue is not Result.OPEN_OVERDUE:
            return row._replace(result=overdue)
        if not self.passed(self.reported_by(due)):
            return row._replace(result=Result.AWAITING)
        completed = self.case.completed_at
        if completed is None or self.case.is_refused or not self.owes_more_than_completion:
            return row._replace(result=overdue)
        is_unknown = completed <= due and self.promise.measured != "share"
        return self.closed(row, Result.UNMEASURED if is_unknown else Result.MISSED, completed)

    @property
    def owes_more_than_completion(self) -> bool:
        """Whether the promise judges each case by another stop than its completion."""
        is_untargeted = self.promise.measured == "share" and self.promise.objective is None
        return "completed" not in self.promise.stop and not is_untargeted

    def reported_by(self, due: Instant) -> Instant:
        """Until when the stops that are missing may be reported; no longer than the limit if one came after that."""
        missing = []
        for name in self.promise.stop:
            at = self.case.stop((name,), self.start)
            if at is None:
                missing.append(name)
            elif at > due:
                return due
        return self.awaited_until(due, missing)

    def awaited_until(self, at: Instant, points: Sequence[str]) -> Instant:
        """Until when steps that were reached at an instant may be reported."""
        return case_reported_by(self.timing, at, points, self.case.history.owner, self.case.flow)
