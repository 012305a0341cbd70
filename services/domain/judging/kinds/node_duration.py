"""Durations of the nodes a case passes (耗时各节点), published per node and without a target."""

from fractions import Fraction

from services.domain.history.case import Case
from services.domain.judging.binding import Binding
from services.domain.judging.case_clock import CaseClock
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.judging.selection import compile_population
from services.domain.judging.unpublished import MARK
from services.domain.plan.kinds.node_duration import NodeDurationPromise
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import TallyAmounts, TallyField, total
from services.domain.time.zone import Instant


class NodeDurationJudge:
    """`kind = "node_duration"`. The tally's item is the node; a passage counts on the day it ends."""

    def __init__(self, promise: NodeDurationPromise, law: Law) -> None:
        self.promise = promise
        self._accepts = compile_population(promise.select, promise.unless, law.unset)
        self._binding = Binding(promise, law.zone)
        self._clock = CaseClock(promise.clock, law)
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
            length = self._clock.gross(case, span.start, span.end)
            cells = self._cells(length, span.start, span.end)
            day = self._binding.day(span.end)
            found.append(
                Judgement(
                    self.promise.key, case.cycle, Outcome.COUNTED, span.unit or case.unit, span.node, day, cells,
                    self._clock.bin(length), span.start, None, span.end,
                )
            )  # fmt: skip

    def _cells(self, length: int, start: Instant, end: Instant) -> TallyAmounts:
        """What a passage adds; marked where it counts days of which the calendar is not published."""
        cells: TallyAmounts = ((TallyField.N, 1), (TallyField.TOTAL, length), (TallyField.GROSS, length))
        return cells + MARK if self._clock.is_provisional(start, end) else cells

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The mean duration; the percentiles have their own columns."""
        closed = total(sums.closed.values())
        n = closed.cells[TallyField.N]
        value = Fraction(closed.cells[TallyField.TOTAL], n * self._clock.measure.scale) if n else None
        return Statistic(value=value, n=n, bins=closed.bins, bin_scale=self._clock.measure.bin_scale, gross=value)
