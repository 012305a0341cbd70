"""How many cases reached the stop of their clock in a window."""

from fractions import Fraction

from services.domain.case import Case
from services.domain.figure import Figure
from services.domain.judgement import Judgement, Outcome
from services.domain.kinds.binding import Binding
from services.domain.kinds.kind import Moment, Sums
from services.domain.law import Law
from services.domain.plan import Promise
from services.domain.selection import compile_population
from services.domain.stopwatch import Stopwatch
from services.domain.tally import Cell, total
from services.domain.zone import Instant


class CaseCount:
    """`measure = "count"`, of a trend: the number itself is the figure."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._accepts = compile_population(promise.select, promise.unless)
        self._binding = Binding(promise, law.zone)
        self._watch = Stopwatch(promise, law)

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
                self.promise.key, case.cycle, Outcome.COUNTED, case.unit, item, day, ((Cell.N, 1),), None, start, None,
                stop,
            )
        )  # fmt: skip

    def figure(self, sums: Sums, at: Moment) -> Figure:
        """The number of cases, nought included."""
        n = total(sums.closed.values()).cells[Cell.N]
        return Figure(value=Fraction(n), n=n)
