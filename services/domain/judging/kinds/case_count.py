"""How many cases reached the stop of their clock in a window."""

from fractions import Fraction

from services.domain.history.case import Case
from services.domain.judging.binding import Binding
from services.domain.judging.case_clock import CaseClock
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.judging.selection import compile_population
from services.domain.plan.plan import Promise
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import TallyAmounts, TallyField, total
from services.domain.time.zone import Instant

_ONE: TallyAmounts = ((TallyField.N, 1),)


class CaseCount:
    """`measure = "count"`, of a trend: the number itself is the figure."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._accepts = compile_population(promise.select, promise.unless)
        self._binding = Binding(promise, law.zone)
        self._watch = CaseClock(promise, law)

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """One judgement per case whose clock has stopped."""
        if not self._accepts(case):
            return
        start = self._watch.start(case)
        stop = self._watch.stop(case, start)
        if start is None or stop is None or stop < start or self._binding.ended(case, stop) is not None:
            return
        if not self._binding.holds(start, stop, now):
            return
        item, day = self._binding.item(case), self._binding.day(stop)
        found.append(
            Judgement(
                self.promise.key, case.cycle, Outcome.COUNTED, case.unit, item, day, _ONE, None, start, None, stop
            )
        )  # fmt: skip

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The number of cases, nought included."""
        n = total(sums.closed.values()).cells[TallyField.N]
        return Statistic(value=Fraction(n), n=n)
