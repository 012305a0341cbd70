"""A case under one promise, as it is known at an instant."""

from dataclasses import dataclass
from functools import cached_property

from services.domain.plan.plan import CasePromise
from services.domain.time.zone import Instant
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
        flow = self.case.history.flow
        return self.timing.due(self.promise, self.start, flow.unit, flow.item)

    @property
    def end(self) -> Instant | None:
        """When the case ended, with its stop or without it."""
        return self.over or self.stop

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
        """A case that has not ended."""
        if self.now is None:
            return row._replace(result=Result.STUCK)
        return row._replace(result=overdue if self.passed(due) else Result.OPEN)
