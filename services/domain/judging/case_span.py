"""From when to when a promise measures a case: what the kinds about durations begin with."""

from services.domain.history.case import Case
from services.domain.judging.binding import Binding
from services.domain.judging.case_clock import CaseClock
from services.domain.judging.selection import compile_population
from services.domain.plan.plan import CasePromise
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant


class CaseSpans:
    """Which cases one promise is about, and from when to when its clock runs in them."""

    def __init__(self, promise: CasePromise, law: Law) -> None:
        self.accepts = compile_population(promise.select, promise.unless, law.unset)
        self.binding = Binding(promise, law.zone)
        self.clock = CaseClock(promise.clock, law)

    def of(self, case: Case, now: Instant) -> tuple[Instant, Instant | None] | None:
        """Start and stop of the clock (None: not stopped); None where this version of the promise is not about the case
        or its clock has not started. A stop before the start is void."""
        if not self.accepts(case):
            return None
        start = self.clock.start(case)
        if start is None:
            return None
        stop = self.clock.stop(case, start)
        if stop is not None and stop < start:
            stop = None
        return (start, stop) if self.binding.holds(start, stop, now) else None

    def closed(self, case: Case, now: Instant) -> tuple[Instant, Instant] | None:
        """The same of a case whose clock has stopped and that had not ended before; None of any other."""
        span = self.of(case, now)
        if span is None or span[1] is None or self.binding.ended(case, span[1]) is not None:
            return None
        return span[0], span[1]
