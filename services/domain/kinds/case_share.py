"""A share of cases: those `where` something holds among the matured, e.g. complaints handled by their maturity.

What is waited for until a limit has a yellow card before it, as under a limit of its own.
"""

from services.domain.case import Case
from services.domain.figure import Figure
from services.domain.judgement import Judgement, Outcome
from services.domain.kinds.binding import Binding, earliest, marks
from services.domain.kinds.case_limit import compliance
from services.domain.kinds.kind import Moment, Sums
from services.domain.law import Law
from services.domain.limits import Limit
from services.domain.plan import Promise, Strength
from services.domain.selection import compile_selection
from services.domain.stopwatch import Stopwatch
from services.domain.tally import NOW, Cell, Cells
from services.domain.zone import Instant

_IN: Cells = ((Cell.N, 1), (Cell.MET, 1))
_OUT: Cells = ((Cell.N, 1),)
_WAITING: Cells = ()


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
        # suspensions and extensions put no maturity off
        until = {"limit": self._limit, "clock_stops": (), "extension_moves_limit": False}
        self._maturing = Stopwatch(promise.model_copy(update=until), law)
        self._warns = promise.objective is not None
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
        matures, yellow_at = self._maturity(case, start)
        if end is not None:
            self._closed(case, start, end, ended is not None, matures, yellow_at, found)
        elif matures is not None:
            self._waiting(case, start, matures, yellow_at, now, found)

    def _closed(
        self,
        case: Case,
        start: Instant,
        end: Instant,
        undelivered: bool,
        matures: Instant | None,
        yellow_at: Instant | None,
        found: list[Judgement],
    ) -> None:
        day = self._binding.day(end)
        on_time = matures is None or end <= matures
        cells: Cells
        if on_time and undelivered:
            cells, outcome = ((Cell.WITHDRAWN, 1),), Outcome.WITHDRAWN
        elif self._must_know_channel and not case.channels:
            if matures is None:
                return
            cells, outcome = (), Outcome.UNMEASURED  # it is neither, but a card may have stood
        elif on_time and self._counts(case):
            cells, outcome = _IN, Outcome.MET if self.promise.objective else Outcome.COUNTED
        else:
            cells, outcome = _OUT, Outcome.MISSED if self.promise.objective else Outcome.COUNTED
        if (cells is _OUT or cells is _IN) and (case.suspensions or case.extensions):
            cells += marks(case, ())
        judgement = self._judgement(case, outcome, day, cells, start, matures, end)
        found.append(judgement._replace(yellow_at=yellow_at))

    def _waiting(
        self,
        case: Case,
        start: Instant,
        matures: Instant,
        yellow_at: Instant | None,
        now: Instant,
        found: list[Judgement],
    ) -> None:
        outcome, cells = Outcome.OPEN, _WAITING
        if now > matures:
            outcome, cells = Outcome.OVERDUE, ((Cell.OVERDUE, 1),)
        elif yellow_at is not None and now >= yellow_at:
            cells = ((Cell.YELLOW, 1),)
        judgement = self._judgement(case, outcome, NOW, cells, start, matures, None)
        red_at = matures + 1 if self._red else None
        next_at = earliest(now, yellow_at, matures + 1)
        found.append(judgement._replace(yellow_at=yellow_at, red_at=red_at, next_at=next_at))

    def _maturity(self, case: Case, start: Instant) -> tuple[Instant | None, Instant | None]:
        """The last instant before a case without its stop counts as missed (None: only its completion matures it), and
        from when it is close to that: a date, and what nobody promised, warn of nothing before."""
        if self._date is not None:
            return self._date, self._date + 1
        reading = self._maturing.read(case, start, None) if self._limit is not None else None
        if reading is None or reading.due is None:
            return None, None
        return reading.due, reading.yellow_at if self._warns else reading.due + 1

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
