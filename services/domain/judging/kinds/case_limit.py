"""A limit on a duration, per case: `4 working_days`, `90 working_minutes`, the case's own due date.

Compliance counts matured cases (rule 7): on time ÷ (on time + closed late + open overdue).
"""

from collections.abc import Sequence
from fractions import Fraction

from services.domain.history.case import Case, NodeSpan
from services.domain.judging.binding import AWAITED, earliest, marks
from services.domain.judging.case_clock import Reading, Span
from services.domain.judging.case_span import CaseSpans
from services.domain.judging.completion import CompletionWithoutStop
from services.domain.judging.escalation import Escalation
from services.domain.judging.judgement import Judgement, NodeClock, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.judging.report_deadline import ReportDeadline
from services.domain.judging.unpublished import provisional, red_once_settled
from services.domain.plan.kinds.case_limit import CaseLimitPromise
from services.domain.plan.plan import CasePromise, Strength
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import NOW, TallyAmounts, TallyField, total
from services.domain.time.zone import Instant

_MET: TallyAmounts = ((TallyField.N, 1), (TallyField.MET, 1))
_LATE: TallyAmounts = ((TallyField.N, 1),)
_NOTHING: TallyAmounts = ()


class CaseLimitJudge:
    """`kind = "case_limit"`."""

    def __init__(self, promise: CaseLimitPromise, law: Law) -> None:
        self.promise = promise
        self._law = law
        self._spans = CaseSpans(promise, law)
        self._binding, self._clock = self._spans.binding, self._spans.clock
        self._key = promise.key
        self._soft = promise.strength is Strength.SOFT
        self._strictness = Escalation(promise, law)
        self._decision, self._red_at = self._strictness.decision, self._strictness.red_at
        self._reporting = ReportDeadline(promise, law)
        self._completion = CompletionWithoutStop(promise)
        self._runs_in = frozenset(promise.runs_in)

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """One judgement per case whose clock has started."""
        span = self._spans.of(case, now)
        if span is None:
            return
        start, stop = span
        clock = self._clock
        ended = self._binding.ended(case, stop)
        end = ended if ended is not None else stop
        reading = clock.read(case, start, end)
        if reading is None:
            return
        if end is not None:
            judgement = self._closed(case, start, end, ended is not None, reading)
        elif self._completion.needs_no_stop(case):
            return
        else:
            judgement = self._open(case, start, now, reading.yellow_at, reading.due)
        if reading.settled_at is not None:
            judgement = provisional(judgement, reading.settled_at, self._law, now)
        if case.timed_nodes:
            judgement = self._with_nodes(judgement, case, now)
        if self._runs_in:
            judgement = judgement._replace(needs_late_check_from=clock.needs_late_check_from(case, start))
        found.append(judgement)

    def _closed(
        self,
        case: Case,
        start: Instant,
        end: Instant,
        undelivered: bool,
        reading: Reading,
    ) -> Judgement:
        due, pauses = reading.due, reading.pauses
        on_time = due is None or end <= due
        outcome, cells = (Outcome.MET, _MET) if on_time else (Outcome.MISSED, _LATE)
        bin: int | None = None
        if on_time and undelivered:
            outcome, cells = Outcome.WITHDRAWN, ((TallyField.WITHDRAWN, 1),)
        elif self._runs_in and not self._has_run(case):
            # a clock that was never seen to run says nothing (rule 12)
            outcome, cells = Outcome.UNMEASURED, ((TallyField.UNMEASURED, 1),)
        elif self._soft and not on_time and self._decision(case) == "accepted":
            outcome, cells = Outcome.JUSTIFIED, ((TallyField.JUSTIFIED, 1),)
        else:
            gross, net = self._durations(case, start, end, pauses)
            bin = self._clock.bin(net)
            cells += ((TallyField.GROSS, gross),)
            if pauses or case.extensions:
                cells += marks(pauses, reading.extended)
        item, day = self._binding.item(case), self._binding.day(end)
        reported_by = self._reporting.when_late(case, due) if due is not None and case.arrived > due else None
        return Judgement(
            self._key, case.cycle, outcome, case.unit, item, day, cells, bin, start, due, end, reading.yellow_at,
            reported_by=reported_by,
        )  # fmt: skip

    def _has_run(self, case: Case) -> bool:
        """Whether a case was ever in a node in which the clock runs."""
        return any(span.node in self._runs_in for span in case.nodes)

    def _durations(self, case: Case, start: Instant, end: Instant, pauses: Sequence[Span]) -> tuple[int, int]:
        """From start to end: all the time, and without that in which the clock was stopped."""
        gross = self._clock.gross(case, start, end)
        return gross, gross - self._clock.stood_still(case, start, end, pauses) if pauses else gross

    def _open(
        self, case: Case, start: Instant, now: Instant, yellow_at: Instant | None, due: Instant | None
    ) -> Judgement:
        key, item, cycle = self._key, self._binding.item(case), case.cycle
        if due is None:
            return Judgement(key, cycle, Outcome.OPEN, case.unit, item, NOW, (), None, start)
        reported_by = self._reporting.of(case, start, due)
        red_at = self._red_at(case, due, reported_by)
        decision = self._decision(case) if self._soft else None
        if decision == "accepted":
            yellow_at = None  # excused, whether it runs late or not
        next_at = earliest(now, yellow_at, due + 1, reported_by + 1, red_at)
        outcome, cells = Outcome.OPEN, _NOTHING
        if now > due:
            outcome, cells = _past_due(decision, is_awaited=now <= reported_by)
        elif yellow_at is not None and now >= yellow_at:
            cells = ((TallyField.YELLOW, 1),)
        judgement = Judgement(
            key, cycle, outcome, case.unit, item, NOW, cells, None, start, due, None, yellow_at, red_at, next_at,
            reported_by=reported_by,
        )  # fmt: skip
        if outcome is Outcome.OVERDUE and case.completed_at is not None and self._completion.is_over(case):
            return self._completion.closed(judgement, case, reported_by, self._binding.day(case.completed_at))
        return judgement

    def _with_nodes(self, judgement: Judgement, case: Case, now: Instant) -> Judgement:
        """The same, with the clocks of the nodes that have a limit of their own; time must come back to them, too."""
        current = case.open_nodes()
        read = (self._node(case, span, span is current.get(span.node)) for span in case.nodes)
        clocks = tuple(clock for clock in read if clock is not None)
        next_at = judgement.next_at
        if judgement.stop is None:
            for clock in clocks:
                if clock.is_current:
                    next_at = earliest(now, next_at, clock.yellow_at, clock.red_at)
        return judgement._replace(nodes=clocks, next_at=next_at)

    def _node(self, case: Case, span: NodeSpan, is_current: bool) -> NodeClock | None:
        """The clock of one passage through a node; None if it has no limit, or is stopped for good."""
        reading = self._clock.read_node(case, span)
        if reading is None or reading.due is None:
            return None
        yellow_at = None if self._strictness.excuses(case) else reading.yellow_at
        reported_by, settled_at = self._reporting.after(case, reading.due, (span.node,)), reading.settled_at
        red_at = red_once_settled(self._strictness.red_at(case, reading.due, reported_by), settled_at)
        unit = span.unit or case.unit
        return NodeClock(span.node, unit, reading.due, yellow_at, red_at, is_current, settled_at is not None)

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The share of matured cases that were on time."""
        figure = compliance(sums, self.promise)
        measure = self._clock.measure
        timed = sum(figure.bins.values())
        gross = total(sums.closed.values()).cells[TallyField.GROSS]
        figure.gross = Fraction(gross, timed * measure.scale) if timed else None
        figure.bin_scale = measure.bin_scale
        return figure


def _past_due(decision: str | None, *, is_awaited: bool) -> tuple[Outcome, TallyAmounts]:
    """What an open case is past its limit, by the last decision on a reason for it."""
    if decision == "accepted":
        return Outcome.JUSTIFIED, ((TallyField.JUSTIFIED, 1),)
    return (Outcome.AWAITING, AWAITED) if is_awaited else (Outcome.OVERDUE, ((TallyField.OVERDUE, 1),))


def compliance(sums: Sums, promise: CasePromise) -> Statistic:
    """On time ÷ matured, open overdue cases included."""
    closed, present = total(sums.closed.values()), total(sums.present.values())
    met = closed.cells[TallyField.MET]
    n = closed.cells[TallyField.N] + present.cells[TallyField.N] + present.cells[TallyField.OVERDUE]
    met += present.cells[TallyField.MET]
    yellow = present.cells[TallyField.YELLOW]
    target = promise.target
    return Statistic(
        value=Fraction(met, n) if n else None,
        n=n,
        numerator=met,
        denominator=n,
        if_all_late=Fraction(met, n + yellow) if yellow else None,
        is_awaited=present.cells[TallyField.AWAITING] > 0,
        small_sample_matters=target is not None and target.amount < 1,
        ratio=True,
        bins=closed.bins,
    )
