"""Durations of the nodes a case passes (耗时各节点), published per node and without a target."""

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
from services.domain.sums.tally import TallyField, total
from services.domain.time.zone import Instant


class NodeDuration:
    """`kind = "node_duration"`. The tally's item is the node; a passage counts on the day it ends."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._accepts = compile_population(promise.select, promise.unless)
        self._binding = Binding(promise, law.zone)
        measured = promise if promise.measure else promise.model_copy(update={"measure": "elapsed_days"})
        self._watch = CaseClock(measured, law)
        self._nodes = frozenset(promise.nodes)

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """One judgement per ended passage."""
        if not case.nodes or not self._accepts(case):
            return
        for span in case.nodes:
            if span.end is None or span.end < span.start or (self._nodes and span.node not in self._nodes):
                continue
            if not self._binding.holds(span.start, span.end, now):
                continue
            length = self._watch.gross(case, span.start, span.end)
            cells = ((TallyField.N, 1), (TallyField.TOTAL, length), (TallyField.GROSS, length))
            day = self._binding.day(span.end)
            found.append(
                Judgement(
                    self.promise.key, case.cycle, Outcome.COUNTED, span.unit or case.unit, span.node, day, cells,
                    self._watch.bin(length), span.start, None, span.end,
                )
            )  # fmt: skip

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The mean duration; the percentiles stand in their own columns."""
        closed = total(sums.closed.values())
        n = closed.cells[TallyField.N]
        value = Fraction(closed.cells[TallyField.TOTAL], n * self._watch.measure.scale) if n else None
        return Statistic(value=value, n=n, bins=closed.bins, bin_scale=self._watch.measure.bin_scale, gross=value)
