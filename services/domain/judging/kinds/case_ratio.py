"""A ratio of sums over cases: all of one quantity ÷ all of another (预付款合计 ÷ 合同金额合计)."""

from fractions import Fraction

from services.domain.history.case import Case
from services.domain.judging.binding import Binding
from services.domain.judging.case_clock import CaseClock
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import CaseKind, Moment, Sums
from services.domain.judging.kinds.case_mean import CaseMean
from services.domain.judging.selection import compile_population
from services.domain.plan.plan import Promise
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import TallyAmounts, TallyField, total
from services.domain.time.zone import Instant


class CaseRatio:
    """`measure = "ratio:A/B"`. A case counts on the day on which its clock stops; one that does not report what is
    divided by is unmeasured: its part alone would better the ratio, or worsen it, of all the others."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._accepts = compile_population(promise.select, promise.unless)
        self._binding = Binding(promise, law.zone)
        self._watch = CaseClock(promise, law)
        self._above, _, self._below = (promise.measure or "").removeprefix("ratio:").partition("/")

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
        above, below = case.quantities.get(self._above), case.quantities.get(self._below)
        cells: TallyAmounts = ((TallyField.N, 1), (TallyField.TOTAL, above or 0), (TallyField.BASE, below or 0))
        outcome = Outcome.COUNTED
        if below is None:
            outcome, cells = Outcome.UNMEASURED, ((TallyField.UNMEASURED, 1),)
        item, day = self._binding.item(case), self._binding.day(stop)
        found.append(
            Judgement(self.promise.key, case.cycle, outcome, case.unit, item, day, cells, None, start, None, stop)
        )

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The ratio of the sums; n is how many cases they are of."""
        cells = total(sums.closed.values()).cells
        value = Fraction(cells[TallyField.TOTAL], cells[TallyField.BASE]) if cells[TallyField.BASE] else None
        return Statistic(value=value, n=cells[TallyField.N], small_sample_matters=True)


def mean_of(promise: Promise, law: Law) -> CaseKind:
    """What reads a mean: of one amount a case, or of two sums."""
    return CaseRatio(promise, law) if (promise.measure or "").startswith("ratio:") else CaseMean(promise, law)
