"""A share of cases: those `where` something holds among the matured, e.g. complaints handled by their maturity.

Where the completion matures a case and the clock stops at something else (the steps that had to be taken), the case is
open until the day of its completion is over (`ends`), and in the numerator if all of them came by then: two systems
that report on one case need not do so in one breath. Where its stop matures a case, it is judged by what was true then;
one that is completed without it, as one of which steps are missing. What is waited for until a limit has a yellow card
before it, as under a limit of its own.
"""

from services.domain.history.case import Case
from services.domain.judging.binding import NOTHING_DELIVERED, Binding, earliest, marks
from services.domain.judging.case_clock import CaseClock
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.judging.kinds.case_limit import compliance
from services.domain.judging.maturity import Maturity
from services.domain.judging.selection import compile_knowledge, compile_population, compile_selection, wanted_values
from services.domain.plan.plan import BY_EVENT, Promise, Strength
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import NOW, TallyAmounts, TallyField
from services.domain.time.limits import Ends
from services.domain.time.zone import Instant

_IN: TallyAmounts = ((TallyField.N, 1), (TallyField.MET, 1))
_OUT: TallyAmounts = ((TallyField.N, 1),)
_WAITING: TallyAmounts = ()


class CaseShare:
    """`kind = "case_share"`. `matures_at` is the completion, the stop, a limit after the start, or a date."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._law = law
        self._accepts = compile_population(promise.select, promise.unless)
        where = {name: value for name, value in promise.where.items() if name not in ("stopped", "reached")}
        self._reached = wanted_values(promise.where.get("reached", ()))
        self._counts = compile_selection(where)
        self._is_known = compile_knowledge(promise.known)
        self._binding = Binding(promise, law.zone)
        self._watch = CaseClock(promise, law)
        self._key = promise.key
        self._red = promise.strength is Strength.HARD
        self._waits_for_completion = promise.matures_at == "completion" and promise.stop != ("completed",)
        self._by_stop = promise.matures_at == "stop" and promise.stop != ("completed",)
        by_event = promise.matures_at is None or promise.matures_at in BY_EVENT
        self._maturity = None if by_event else Maturity(promise, law)
        self._warns = promise.objective is not None

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """One judgement per case whose clock has started."""
        if not self._accepts(case):
            return
        start = self._watch.start(case)
        if start is None:
            return
        stop = self._watch.stop(case, start)
        if self._waits_for_completion or (self._by_stop and stop is None):
            self._by_completion(case, start, stop, now, found)
            return
        if stop is not None and stop < start:
            stop = None
        if not self._binding.holds(start, stop, now):
            return
        ended = self._binding.ended(case, stop)
        end = ended if ended is not None else stop
        matures, yellow_at = self._matures(case, start)
        if end is not None:
            in_time = ended is None and (matures is None or end <= matures)
            self._closed(case, start, end, ended is not None, in_time, matures, yellow_at, found)
        else:
            self._waiting(case, start, matures, yellow_at, now, found)

    def _by_completion(
        self, case: Case, start: Instant, stop: Instant | None, now: Instant, found: list[Judgement]
    ) -> None:
        completed = case.completed_at if case.completed_at is not None and case.completed_at >= start else None
        if not self._binding.holds(start, completed, now):
            return
        ended = self._binding.ended(case, completed)
        if ended is not None:
            self._closed(case, start, ended, True, False, None, None, found)
            return
        matures = self._end_of(completed, case) if completed is not None else None
        in_time = stop is not None and matures is not None and stop <= matures
        if completed is None or matures is None or (not in_time and now <= matures):
            next_at = earliest(now, matures and matures + 1)
            found.append(self._judgement(case, Outcome.OPEN, NOW, (), start, matures, None, next_at=next_at))
        else:
            undelivered = not in_time and case.outcome in NOTHING_DELIVERED
            self._closed(case, start, completed, undelivered, in_time, matures, matures + 1, found)

    def _end_of(self, completed: Instant, case: Case) -> Instant:
        """The last instant of the day of a completion, or itself, as the promise `ends`."""
        zone = self._law.zone
        if self.promise.ends is Ends.INSTANT:
            return completed
        if self.promise.ends is Ends.CLOSE:
            return max(completed, self._law.hours(case.unit, case.service_item).closes(zone.day(completed)))
        return zone.midnight(zone.day(completed) + 1) - 1

    def _closed(
        self,
        case: Case,
        start: Instant,
        end: Instant,
        undelivered: bool,
        in_time: bool,
        matures: Instant | None,
        yellow_at: Instant | None,
        found: list[Judgement],
    ) -> None:
        day = self._binding.day(end)
        cells: TallyAmounts
        if undelivered and (matures is None or end <= matures):
            cells, outcome = ((TallyField.WITHDRAWN, 1),), Outcome.WITHDRAWN
        elif not self._is_known(case):
            if matures is None:
                return
            cells, outcome = (), Outcome.UNMEASURED  # it is neither, but a card may have stood
        elif in_time and self._counts(case) and (not self._reached or self._has_reached(case, end)):
            cells, outcome = _IN, Outcome.MET if self.promise.objective else Outcome.COUNTED
        else:
            cells, outcome = _OUT, Outcome.MISSED if self.promise.objective else Outcome.COUNTED
        if (cells is _OUT or cells is _IN) and (case.suspensions or case.extensions):
            cells += marks(case, ())
        needs_late_check_from = None
        if matures is None and outcome is Outcome.MET:
            needs_late_check_from = self._doubt_from(case, end)
        found.append(
            self._judgement(
                case, outcome, day, cells, start, matures, end, yellow_at, needs_late_check_from=needs_late_check_from
            )
        )

    def _doubt_from(self, case: Case, end: Instant) -> Instant | None:
        """From when on what was told may have been missing when the case was judged."""
        if self._by_stop:
            return end + 1
        return case.completed.received + 1 if case.completed is not None else None

    def _has_reached(self, case: Case, by: Instant) -> bool:
        """Whether all milestones that count were reached when the case matured."""
        return all(name in case.milestones and case.milestones[name][0] <= by for name in self._reached)

    def _waiting(
        self,
        case: Case,
        start: Instant,
        matures: Instant | None,
        yellow_at: Instant | None,
        now: Instant,
        found: list[Judgement],
    ) -> None:
        if matures is None:
            return
        outcome, cells = Outcome.OPEN, _WAITING
        if now > matures:
            # without a target it is behind, and nobody missed anything
            outcome = Outcome.OVERDUE if self.promise.objective else Outcome.COUNTED
            cells = ((TallyField.OVERDUE, 1),)
        elif yellow_at is not None and now >= yellow_at:
            cells = ((TallyField.YELLOW, 1),)
        red_at = matures + 1 if self._red and self.promise.objective else None
        next_at = earliest(now, yellow_at, matures + 1)
        found.append(self._judgement(case, outcome, NOW, cells, start, matures, None, yellow_at, red_at, next_at))

    def _matures(self, case: Case, start: Instant) -> tuple[Instant | None, Instant | None]:
        """The last instant before a case without its stop counts as missed (None: only its completion matures it), and
        from when it is close to that: a date, and what nobody promised, warn of nothing before."""
        if self._maturity is None or (reading := self._maturity.reading(case, start)) is None or reading.due is None:
            return None, None
        if not self.promise.objective:
            return reading.due, None
        warned = self._warns and reading.yellow_at is not None
        return reading.due, reading.yellow_at if warned else reading.due + 1

    def _judgement(
        self,
        case: Case,
        outcome: Outcome,
        day: int,
        cells: TallyAmounts,
        start: Instant,
        due_at: Instant | None,
        stop: Instant | None,
        yellow_at: Instant | None = None,
        red_at: Instant | None = None,
        next_at: Instant | None = None,
        *,
        needs_late_check_from: Instant | None = None,
    ) -> Judgement:
        key, item = self._key, self._binding.item(case)
        instants = (start, due_at, stop, yellow_at, red_at, next_at)
        return Judgement(
            key, case.cycle, outcome, case.unit, item, day, cells, None, *instants, (), needs_late_check_from
        )

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The share of matured cases in the numerator."""
        return compliance(sums, self.promise)
