"""A limit on a duration, per case: `4 working_days`, `90 working_minutes`, the case's own due date.

Compliance counts matured cases (rule 7): on time ÷ (on time + closed late + open overdue).
"""

from fractions import Fraction

from services.domain.history.case import Case, NodeSpan
from services.domain.judging.binding import Binding, earliest, marks
from services.domain.judging.case_clock import CaseClock, Reading
from services.domain.judging.escalation import Escalation
from services.domain.judging.judgement import Judgement, NodeClock, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.judging.selection import compile_population
from services.domain.plan.plan import Promise, Strength
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import NOW, TallyAmounts, TallyField, total
from services.domain.time.zone import Instant

_MET: TallyAmounts = ((TallyField.N, 1), (TallyField.MET, 1))
_LATE: TallyAmounts = ((TallyField.N, 1),)


class CaseLimit:
    """`kind = "case_limit"`."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._law = law
        self._accepts = compile_population(promise.select, promise.unless)
        self._binding = Binding(promise, law.zone)
        self._watch = CaseClock(promise, law)
        self._key = promise.key
        self._soft = promise.strength is Strength.SOFT
        self._escalation = Escalation(promise, law)
        self._decision, self._red_at = self._escalation.decision, self._escalation.red_at
        self._runs_in = frozenset(promise.runs_in)

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """One judgement per case whose clock has started."""
        if not self._accepts(case):
            return
        watch = self._watch
        start = watch.start(case)
        if start is None:
            return
        stop = watch.stop(case, start)
        if stop is not None and stop < start:
            stop = None
        if not self._binding.holds(start, stop, now):
            return
        may_have_ended = case.withdrawn_at is not None or case.outcome is not None
        ended = self._binding.ended(case, stop) if may_have_ended else None
        end = ended if ended is not None else stop
        reading = watch.read(case, start, end)
        if reading is None:
            return
        if end is not None:
            judgement = self._closed(case, start, end, ended is not None, reading)
        else:
            judgement = self._open(case, start, now, reading.yellow_at, reading.due)
        if case.timed_nodes:
            judgement = self._with_nodes(judgement, case, now)
        if self._runs_in:
            judgement = judgement._replace(needs_late_check_from=watch.needs_late_check_from(case, start))
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
        watch, day = self._watch, self._binding.day(end)
        outcome, cells = (Outcome.MET, _MET) if on_time else (Outcome.MISSED, _LATE)
        bin: int | None = None
        if on_time and undelivered:
            outcome, cells = Outcome.WITHDRAWN, ((TallyField.WITHDRAWN, 1),)
        elif self._runs_in and not any(span.node in self._runs_in for span in case.nodes):
            # a clock that was never seen to run tells nothing (rule 12)
            outcome, cells = Outcome.UNMEASURED, ((TallyField.UNMEASURED, 1),)
        elif self._soft and not on_time and self._decision(case) == "accepted":
            outcome, cells = Outcome.JUSTIFIED, ((TallyField.JUSTIFIED, 1),)
        else:
            gross = watch.gross(case, start, end)
            net = gross - watch.stood_still(case, start, end, pauses) if pauses else gross
            bin = watch.bin(net)
            cells += ((TallyField.GROSS, gross),)
            if pauses or case.extensions:
                cells += marks(case, pauses)
        item = self._binding.item(case)
        return Judgement(
            self._key, case.cycle, outcome, case.unit, item, day, cells, bin, start, due, end, reading.yellow_at
        )

    def _open(
        self, case: Case, start: Instant, now: Instant, yellow_at: Instant | None, due: Instant | None
    ) -> Judgement:
        key, item, cycle = self._key, self._binding.item(case), case.cycle
        if due is None:
            return Judgement(key, cycle, Outcome.OPEN, case.unit, item, NOW, (), None, start)
        red_at = self._red_at(case, due)
        decision = self._decision(case) if self._soft else None
        if decision == "accepted":
            yellow_at = None  # excused, whether it runs late or not
        next_at = earliest(now, yellow_at, due + 1, red_at)
        cells: TallyAmounts = ()
        if now > due:
            if decision == "accepted":
                outcome, cells = Outcome.JUSTIFIED, ((TallyField.JUSTIFIED, 1),)
            else:
                outcome, cells = Outcome.OVERDUE, ((TallyField.OVERDUE, 1),)
        elif yellow_at is not None and now >= yellow_at:
            outcome, cells = Outcome.OPEN, ((TallyField.YELLOW, 1),)
        else:
            outcome = Outcome.OPEN
        return Judgement(
            key, cycle, outcome, case.unit, item, NOW, cells, None, start, due, None, yellow_at, red_at, next_at
        )

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
        """The clock of one passage through a node; None if it has no limit, or stands still for good."""
        reading = self._watch.read_node(case, span)
        if reading is None or reading.due is None:
            return None
        yellow_at = None if self._escalation.excuses(case) else reading.yellow_at
        red_at = self._escalation.red_at(case, reading.due)
        return NodeClock(span.node, span.unit or case.unit, reading.due, yellow_at, red_at, is_current)

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The share of matured cases that were on time."""
        figure = compliance(sums, self.promise)
        measure = self._watch.measure
        timed = sum(figure.bins.values())
        gross = total(sums.closed.values()).cells[TallyField.GROSS]
        figure.gross = Fraction(gross, timed * measure.scale) if timed else None
        figure.bin_scale = measure.bin_scale
        return figure


def compliance(sums: Sums, promise: Promise) -> Statistic:
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
        small_sample_matters=target is not None and target.amount < 1,
        ratio=True,
        bins=closed.bins,
    )
