"""A share of cases: those `where` something holds among the matured, e.g. complaints handled by their maturity.

Where the completion matures a case and the clock stops at something else (the steps that had to be taken), the case is
open until it is completed, and in the numerator if all of them came no later.
"""

from services.domain.case import Case
from services.domain.figure import Figure
from services.domain.judgement import Judgement, Outcome
from services.domain.kinds.binding import Binding, earliest, ended, marks
from services.domain.kinds.case_limit import compliance
from services.domain.kinds.kind import Moment, Sums
from services.domain.law import Law
from services.domain.limits import Limit, due
from services.domain.plan import Promise, Strength
from services.domain.selection import compile_population, compile_selection, wanted_values
from services.domain.stopwatch import Stopwatch
from services.domain.tally import NOW, Cell, Cells
from services.domain.zone import Instant

_IN: Cells = ((Cell.N, 1), (Cell.MET, 1))
_OUT: Cells = ((Cell.N, 1),)


class CaseShare:
    """`kind = "case_share"`. `matures_at` is the completion, a limit after the start, or a date."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._law = law
        self._accepts = compile_population(promise.select, promise.unless)
        where = {name: value for name, value in promise.where.items() if name not in ("stopped", "reached")}
        self._reached = wanted_values(promise.where.get("reached", ()))
        self._counts = compile_selection(where)
        self._must_know_channel = "channel" in promise.known
        self._binding = Binding(promise, law.zone)
        self._watch = Stopwatch(promise, law)
        self._key = promise.key
        self._red = promise.strength is Strength.HARD
        maturity = promise.matures_at
        self._waits_for_completion = maturity == "completion" and promise.stop != ("completed",)
        self._limit = maturity if isinstance(maturity, Limit) else None
        if maturity == "limit" and isinstance(promise.limit, Limit):
            self._limit = promise.limit
        self._date = (
            law.zone.midnight(maturity.toordinal() + 1) - 1
            if maturity is not None and not isinstance(maturity, (str, Limit))
            else None
        )

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """One judgement per case whose clock has started."""
        if not self._accepts(case):
            return
        start = self._watch.start(case)
        if start is None:
            return
        stopped = self._watch.stop(case, start)
        stop = case.completed_at if self._waits_for_completion else stopped
        if stop is not None and stop < start:
            stop = None
        if not self._binding.holds(start, stop, now):
            return
        withdrawn = ended(case, stop)
        matures = self._maturity(case, start)
        if withdrawn is not None and (matures is None or withdrawn <= matures):
            day = self._binding.day(withdrawn)
            found.append(self._judgement(case, Outcome.WITHDRAWN, day, ((Cell.WITHDRAWN, 1),), start, None, withdrawn))
        elif stop is not None:
            if self._must_know_channel and not case.channels:
                return
            in_time = stopped is not None and stopped <= (stop if matures is None else matures)
            self._stopped(case, start, stop, in_time, matures, found)
        else:
            self._waiting(case, start, matures, now, found)

    def _stopped(
        self,
        case: Case,
        start: Instant,
        stop: Instant,
        in_time: bool,
        matures: Instant | None,
        found: list[Judgement],
    ) -> None:
        day = self._binding.day(stop)
        if in_time and self._counts(case) and (not self._reached or self._has_reached(case, stop)):
            cells, outcome = _IN, Outcome.MET if self.promise.objective else Outcome.COUNTED
        else:
            cells, outcome = _OUT, Outcome.MISSED if self.promise.objective else Outcome.COUNTED
        if case.suspensions or case.extensions:
            cells += marks(case, ())
        doubt_from = None
        if matures is None and outcome is Outcome.MET and case.completed is not None:
            doubt_from = case.completed.received + 1
        judgement = self._judgement(case, outcome, day, cells, start, matures, stop, doubt_from)
        found.append(judgement if matures is None else judgement._replace(yellow_at=matures + 1))

    def _has_reached(self, case: Case, by: Instant) -> bool:
        """Whether all milestones that count were reached when the case matured."""
        return all(name in case.milestones and case.milestones[name][0] <= by for name in self._reached)

    def _waiting(
        self, case: Case, start: Instant, matures: Instant | None, now: Instant, found: list[Judgement]
    ) -> None:
        if matures is None:
            if self._waits_for_completion:
                found.append(self._judgement(case, Outcome.OPEN, NOW, (), start, None, None))
            return
        judgement = self._judgement(case, Outcome.OPEN, NOW, (), start, matures, None)
        if now > matures:
            judgement = judgement._replace(outcome=Outcome.OVERDUE, cells=((Cell.OVERDUE, 1),))
        red_at = matures + 1 if self._red else None
        found.append(judgement._replace(yellow_at=matures + 1, red_at=red_at, next_at=earliest(now, matures + 1)))

    def _maturity(self, case: Case, start: Instant) -> Instant | None:
        """The last instant before a case without its stop counts as missed; None: only its completion matures it."""
        if self._date is not None:
            return self._date
        if self._limit is None:
            return None
        hours = self._law.hours(case.unit, case.service_item)
        law = self._law
        return due(self._limit, start, self.promise.ends, zone=law.zone, calendar=law.calendar, hours=hours)

    def _judgement(
        self,
        case: Case,
        outcome: Outcome,
        day: int,
        cells: Cells,
        start: Instant,
        due_at: Instant | None,
        stop: Instant | None,
        doubt_from: Instant | None = None,
    ) -> Judgement:
        item = self._binding.item(case)
        return Judgement(
            self._key, case.cycle, outcome, case.unit, item, day, cells, None, start, due_at, stop, None, None, None,
            doubt_from,
        )  # fmt: skip

    def figure(self, sums: Sums, at: Moment) -> Figure:
        """The share of matured cases in the numerator."""
        return compliance(sums, self.promise)
