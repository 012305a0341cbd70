"""A share of cases: those `where` something holds among the matured, e.g. complaints handled by their maturity."""

from services.domain.case import Case
from services.domain.figure import Figure
from services.domain.judgement import Judgement, Outcome
from services.domain.kinds.binding import Binding, earliest, marks
from services.domain.kinds.case_limit import compliance
from services.domain.kinds.kind import Moment, Sums
from services.domain.law import Law
from services.domain.limits import Limit, due
from services.domain.plan import Promise, Strength
from services.domain.selection import compile_selection
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
        self._accepts = compile_selection(promise.select)
        where = {name: value for name, value in promise.where.items() if name != "stopped"}
        self._counts = compile_selection(where)
        self._must_know_channel = "channel" in promise.known
        self._binding = Binding(promise, law.zone)
        self._watch = Stopwatch(promise, law)
        self._key = promise.key
        self._red = promise.strength is Strength.HARD
        maturity = promise.matures_at
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
        stop = self._watch.stop(case, start)
        if stop is not None and stop < start:
            stop = None
        if not self._binding.holds(start, stop, now):
            return
        ended = self._binding.ended(case, stop)
        end = ended if ended is not None else stop
        matures = self._maturity(case, start)
        if end is None:
            self._waiting(case, start, matures, now, found)
        elif (ended is not None and (matures is None or ended <= matures)) or self._is_known(case):
            self._closed(case, start, end, ended is not None, matures, found)

    def _is_known(self, case: Case) -> bool:
        return bool(case.channels) or not self._must_know_channel

    def _closed(
        self,
        case: Case,
        start: Instant,
        end: Instant,
        undelivered: bool,
        matures: Instant | None,
        found: list[Judgement],
    ) -> None:
        day = self._binding.day(end)
        on_time = matures is None or end <= matures
        cells: Cells
        if on_time and undelivered:
            cells, outcome = ((Cell.WITHDRAWN, 1),), Outcome.WITHDRAWN
        elif on_time and self._counts(case):
            cells, outcome = _IN, Outcome.MET if self.promise.objective else Outcome.COUNTED
        else:
            cells, outcome = _OUT, Outcome.MISSED if self.promise.objective else Outcome.COUNTED
        if outcome is not Outcome.WITHDRAWN and (case.suspensions or case.extensions):
            cells += marks(case, ())
        judgement = self._judgement(case, outcome, day, cells, start, matures, end)
        found.append(judgement if matures is None else judgement._replace(yellow_at=matures + 1))

    def _waiting(
        self, case: Case, start: Instant, matures: Instant | None, now: Instant, found: list[Judgement]
    ) -> None:
        if matures is None:
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
    ) -> Judgement:
        item = self._binding.item(case)
        return Judgement(self._key, case.cycle, outcome, case.unit, item, day, cells, None, start, due_at, stop)

    def figure(self, sums: Sums, at: Moment) -> Figure:
        """The share of matured cases in the numerator."""
        return compliance(sums, self.promise)
