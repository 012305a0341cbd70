"""A limit on a duration, per case: `4 working_days`, `90 working_minutes`, the case's own due date.

Compliance counts matured cases (DESIGN §4.7): on time ÷ (on time + closed late + open overdue).
"""

from fractions import Fraction

from services.domain.case import Case
from services.domain.figure import Figure
from services.domain.judgement import Judgement, Outcome
from services.domain.kinds.binding import Binding, earliest, ended, marks
from services.domain.kinds.kind import Moment, Sums
from services.domain.kinds.strictness import Strictness
from services.domain.law import Law
from services.domain.plan import Promise, Strength
from services.domain.selection import compile_population
from services.domain.stopwatch import Reading, Stopwatch
from services.domain.tally import NOW, Cell, Cells, total
from services.domain.zone import Instant

_MET: Cells = ((Cell.N, 1), (Cell.MET, 1))
_LATE: Cells = ((Cell.N, 1),)


class CaseLimit:
    """`kind = "case_limit"`."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._law = law
        self._accepts = compile_population(promise.select, promise.unless)
        self._binding = Binding(promise, law.zone)
        self._watch = Stopwatch(promise, law)
        self._key = promise.key
        self._soft = promise.strength is Strength.SOFT
        self._pauses_outside = bool(promise.runs_in)
        strictness = Strictness(promise, law)
        self._decision, self._red_at = strictness.decision, strictness.red_at

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
        withdrawn = ended(case, stop) if case.withdrawn_at is not None else None
        end = withdrawn if withdrawn is not None else stop
        reading = watch.read(case, start, end)
        if reading is None:
            return
        due = reading.due
        if end is not None:
            found.append(self._closed(case, start, end, withdrawn is not None, reading))
        else:
            found.append(self._open(case, start, now, reading.yellow_at, due))
        if self._pauses_outside:
            found[-1] = found[-1]._replace(doubt_from=watch.doubt_from(case, start))

    def _closed(
        self,
        case: Case,
        start: Instant,
        end: Instant,
        withdrawn: bool,
        reading: Reading,
    ) -> Judgement:
        due, pauses = reading.due, reading.pauses
        on_time = due is None or end <= due
        watch, day = self._watch, self._binding.day(end)
        outcome, cells = (Outcome.MET, _MET) if on_time else (Outcome.MISSED, _LATE)
        bin: int | None = None
        if on_time and withdrawn:
            outcome, cells = Outcome.WITHDRAWN, ((Cell.WITHDRAWN, 1),)
        elif self._soft and not on_time and self._decision(case) == "accepted":
            outcome, cells = Outcome.JUSTIFIED, ((Cell.JUSTIFIED, 1),)
        else:
            gross = watch.gross(case, start, end)
            net = gross - watch.stood_still(case, start, end, pauses) if pauses else gross
            bin = watch.bin(net)
            cells += ((Cell.GROSS, gross),)
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
        cells: Cells = ()
        if now > due:
            if decision == "accepted":
                outcome, cells = Outcome.JUSTIFIED, ((Cell.JUSTIFIED, 1),)
            else:
                outcome, cells = Outcome.OVERDUE, ((Cell.OVERDUE, 1),)
        elif yellow_at is not None and now >= yellow_at:
            outcome, cells = Outcome.OPEN, ((Cell.YELLOW, 1),)
        else:
            outcome = Outcome.OPEN
        return Judgement(
            key, cycle, outcome, case.unit, item, NOW, cells, None, start, due, None, yellow_at, red_at, next_at
        )

    def figure(self, sums: Sums, at: Moment) -> Figure:
        """The share of matured cases that were on time."""
        figure = compliance(sums, self.promise)
        measure = self._watch.measure
        timed = sum(figure.bins.values())
        gross = total(sums.closed.values()).cells[Cell.GROSS]
        figure.gross = Fraction(gross, timed * measure.scale) if timed else None
        figure.bin_scale = measure.bin_scale
        return figure


def compliance(sums: Sums, promise: Promise) -> Figure:
    """On time ÷ matured, open overdue cases included."""
    closed, present = total(sums.closed.values()), total(sums.present.values())
    met = closed.cells[Cell.MET]
    n = closed.cells[Cell.N] + present.cells[Cell.N] + present.cells[Cell.OVERDUE]
    met += present.cells[Cell.MET]
    yellow = present.cells[Cell.YELLOW]
    target = promise.target
    return Figure(
        value=Fraction(met, n) if n else None,
        n=n,
        numerator=met,
        denominator=n,
        if_all_late=Fraction(met, n + yellow) if yellow else None,
        small_sample_matters=target is not None and target.amount < 1,
        ratio=True,
        bins=closed.bins,
    )
