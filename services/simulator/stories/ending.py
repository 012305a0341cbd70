"""How a case under a promise with a limit ends: its result, and when."""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from services.domain.plan.plan import CasePromise
from services.domain.time.limits import Ends, Limit, LimitUnit
from services.domain.time.zone import MINUTE_US, Instant
from services.simulator.district.profile import Quality
from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.event import SECOND
from services.simulator.stories.result import Result
from services.simulator.stories.timing import Timing, own_limit


class Ending(NamedTuple):
    """The chosen end of a case."""

    result: Result
    stop: Instant | None
    """When the clock stops; None: never."""
    due: Instant | None
    """None where no limit is set."""


class LimitedEnding(NamedTuple):
    """The chosen end of a case under a promise with a limit."""

    result: Result
    stop: Instant | None
    due: Instant

    def in_time(self, stop: Instant) -> Result:
        """Whether an end at `stop` keeps the limit."""
        return Result.MET if stop <= self.due else Result.MISSED


def draw_ending(
    case: CaseHistory, promise: CasePromise, start: Instant, quality: Quality, timing: Timing
) -> LimitedEnding:
    """Choose how a case ends whose clock has started, in the proportions of `quality`."""
    due = timing.due(promise, start, case.flow.unit, case.flow.item)
    clock = _Clock(case, promise, start, due, quality, timing)
    result = _draw_result(case.rng, quality)
    return LimitedEnding(result, None if result is Result.STUCK else clock.draw_stop(result), due)


def _draw_result(rng: Random, quality: Quality) -> Result:
    draw = rng.random()
    shares = ((quality.late, Result.MISSED), (quality.stuck, Result.STUCK), (quality.withdrawn, Result.WITHDRAWN))
    for share, result in shares:
        if draw < share:
            return result
        draw -= share
    return Result.MET


@dataclass(frozen=True)
class _Clock:
    """The clock of a case under one promise."""

    case: CaseHistory
    promise: CasePromise
    start: Instant
    due: Instant
    quality: Quality
    timing: Timing

    def draw_stop(self, result: Result) -> Instant:
        """When the clock stops, for a case that ends."""
        limit = own_limit(self.promise)
        assert limit is not None
        if limit.unit is LimitUnit.MINUTES:
            return self.start + self._draw_minutes(result, limit)
        if limit.unit is LimitUnit.WORKING_MINUTES:
            hours = self.timing.law.hours(self.case.flow.unit, self.case.flow.item)
            return hours.add(self.start, self._draw_minutes(result, limit))
        return self._draw_day(result)

    def _draw_day(self, result: Result) -> Instant:
        rng, quality, timing = self.case.rng, self.quality, self.timing
        first_day, last_day = timing.zone.day(self.start), timing.zone.day(self.due)
        allowed = timing.calendar.working_days(first_day, last_day)
        if result is Result.MISSED:
            over = 1 + int(rng.expovariate(1.0) * (0.25 * allowed + 0.5))
            return timing.daytime(rng, timing.calendar.add_working_days(last_day, over))
        if result is Result.MET and rng.random() < quality.last_minute and last_day > first_day:
            if self.promise.clock.ends is not Ends.DAY:
                return self.due // SECOND * SECOND
            evening = timing.zone.midnight(last_day + 1) - SECOND
            return evening - int(rng.random() ** 4 * 6 * 3600) * SECOND
        n = min(int(allowed * quality.pace * (0.4 + 1.2 * rng.random()) + rng.random()), max(0, allowed - 1))
        return min(timing.on_workday(rng, self.start, n), self.due // SECOND * SECOND)

    def _draw_minutes(self, result: Result, limit: Limit) -> int:
        """How long the clock runs, in microseconds."""
        rng, whole = self.case.rng, limit.amount * MINUTE_US
        if result is Result.MISSED:
            return whole + (SECOND if rng.random() < 0.1 else int(1 + rng.expovariate(1.0) * 1800) * SECOND)
        if rng.random() < self.quality.last_minute:
            return whole - (0 if rng.random() < 0.3 else int(rng.random() * 600) * SECOND)
        share = self.quality.pace * (0.4 + 0.9 * (rng.random() + rng.random()) / 2)
        return int(min(0.97, share) * whole) // SECOND * SECOND
