"""Sums over the cases whose clock has stopped: how many they are, and all of one quantity ÷ all of another."""

from fractions import Fraction

from services.domain.history.case import Case
from services.domain.judging.case_span import CaseSpans
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.plan.plan import CasePromise
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import TallyAmounts, TallyField, total
from services.domain.time.zone import Instant


class CaseCount:
    """`measure = "count"`: the number itself is the figure."""

    def __init__(self, promise: CasePromise, law: Law) -> None:
        self.promise = promise
        self._spans = CaseSpans(promise, law)

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """One judgement per case whose clock has stopped."""
        span = self._spans.closed(case, now)
        if span is not None:
            found.append(self._counted(case, span, Outcome.COUNTED, ((TallyField.N, 1),)))

    def _counted(self, case: Case, span: tuple[Instant, Instant], outcome: Outcome, cells: TallyAmounts) -> Judgement:
        start, stop = span
        item, day = self._spans.binding.item(case), self._spans.binding.day(stop)
        key = self.promise.key
        return Judgement(key, case.cycle, outcome, case.unit, item, day, cells, None, start, None, stop)

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The number of cases, nought included."""
        n = total(sums.closed.values()).cells[TallyField.N]
        return Statistic(value=Fraction(n), n=n)


class CaseRatio(CaseCount):
    """`measure = "ratio:A/B"` (预付款合计 ÷ 合同金额合计). A case counts on the day on which its clock stops; one that
    does not report what is divided by is unmeasured: its part alone would change the ratio of all others."""

    def __init__(self, promise: CasePromise, law: Law) -> None:
        super().__init__(promise, law)
        self._above, _, self._below = promise.measured.removeprefix("ratio:").partition("/")

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """One judgement per case whose clock has stopped."""
        span = self._spans.closed(case, now)
        if span is None:
            return
        above, below = case.quantities.get(self._above), case.quantities.get(self._below)
        if below is None:
            found.append(self._counted(case, span, Outcome.UNMEASURED, ((TallyField.UNMEASURED, 1),)))
        else:
            cells = ((TallyField.N, 1), (TallyField.TOTAL, above or 0), (TallyField.BASE, below))
            found.append(self._counted(case, span, Outcome.COUNTED, cells))

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The ratio of the sums; n is how many cases they are of."""
        cells = total(sums.closed.values()).cells
        value = Fraction(cells[TallyField.TOTAL], cells[TallyField.BASE]) if cells[TallyField.BASE] else None
        return Statistic(value=value, n=cells[TallyField.N], small_sample_matters=True)
