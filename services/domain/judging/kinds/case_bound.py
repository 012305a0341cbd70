"""A bound on a count, an amount, a ratio or an order of steps in a case: no fee, one survey, intention before start.

What is too much is a breach at once, with a card, and a miss if it is still too much when the case matures: a fee that
is refunded before was never a miss, one that is refunded after it is a late entry. What is too little is a breach when
the case matures: when it is completed or, as `matures_at` says, its clock stops, or a limit or a date has passed. A
case that closes without the source having reported the fact is unmeasured (rule 12).
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import chain
from typing import NamedTuple

from services.domain.history.case import MICRO, Case
from services.domain.judging.binding import AWAITED, Binding, completion_since, earliest, marks
from services.domain.judging.bounded_amounts import Amount, bounded_amount, steps_of
from services.domain.judging.case_clock import FOREVER, CaseClock
from services.domain.judging.escalation import Escalation
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.judging.kinds.case_limit import compliance
from services.domain.judging.maturity import Maturity
from services.domain.judging.report_deadline import ReportDeadline
from services.domain.judging.selection import compile_population
from services.domain.judging.unpublished import provisional
from services.domain.plan.kinds.case_bound import CaseBoundPromise
from services.domain.plan.plan import BY_EVENT, Objective, Strength
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import NOW, TallyAmounts, TallyField
from services.domain.time.zone import Instant

Amounts = Sequence[Amount | None]


class Bound:
    """What each amount is held against."""

    def __init__(self, objective: Objective) -> None:
        amount = Fraction(objective.amount) * MICRO
        self._amount: Amount = amount.numerator if amount.denominator == 1 else amount
        self.caps = objective.relation != ">="
        self.demands = objective.relation != "<="

    def exceeded(self, amounts: Amounts) -> bool:
        """Whether one of them is more than is allowed."""
        if self.caps:
            for amount in amounts:
                if amount is not None and amount > self._amount:
                    return True
        return False

    def short(self, amounts: Amounts) -> bool:
        """Whether one of them is less than is demanded."""
        if self.demands:
            for amount in amounts:
                if amount is not None and amount < self._amount:
                    return True
        return False


class _Course(NamedTuple):
    """A case as its bound is judged: when it began, ended and matures, and how much there was by then."""

    case: Case
    start: Instant
    end: Instant | None
    """Of its clock, or its withdrawal."""
    withdrawn: bool
    matures: Instant | None
    """None: when it ends."""
    yellow_at: Instant | None
    amounts: Amounts
    settled_at: Instant | None = None
    """Of the maturity: see `Reading`."""

    @property
    def mature_at(self) -> Instant | None:
        """The first of its end and its maturity."""
        end, matures = self.end, self.matures
        return end if matures is None or (end is not None and end <= matures) else matures


class _Instants(NamedTuple):
    """The instants of a judgement beside start and due."""

    stop: Instant | None = None
    yellow_at: Instant | None = None
    red_at: Instant | None = None
    next_at: Instant | None = None


_NO_INSTANTS = _Instants()


class CaseBoundJudge:
    """`kind = "case_bound"`. Every one of `counts` must keep the bound by itself."""

    def __init__(self, promise: CaseBoundPromise, law: Law) -> None:
        self.promise = promise
        self._law = law
        self._accepts = compile_population(promise.select, promise.unless, law.unset)
        self._binding = Binding(promise, law.zone)
        self._clock = CaseClock(promise.clock, law)
        self._maturity = None if promise.matures_at in BY_EVENT else Maturity(promise, law)
        self._by_completion = promise.matures_at == "completion"
        self._by_event = promise.matures_at in BY_EVENT
        self._bound = Bound(promise.bound)
        self._only_demands = not self._bound.caps
        self._counts = tuple(bounded_amount(text) for text in promise.counts)
        self._reversible = any(text.startswith(("order:", "ratio:")) for text in promise.counts)
        """A late report can undo what looked like a breach while the case was open."""
        self._refundable = self._by_event and all(text.startswith("quantity:") for text in promise.counts)
        """An amount that is taken back after the case has matured comes too late."""
        self._quantities = frozenset(text.partition(":")[2] for text in promise.counts)
        self._final = any(text.startswith(("order:", "attribute:")) for text in promise.counts)
        """A breach is a miss at once: nothing takes back the order of two steps, or what a list said."""
        self._points = promise.counts
        """What has to be reported of a case."""
        self._orders = tuple(steps_of(text) for text in promise.counts if text.startswith("order:"))
        self._key = promise.key
        self._hard = promise.strength is Strength.HARD
        self._strictness = Escalation(promise, law)
        self._reporting = ReportDeadline(promise, law)

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """One judgement per case whose clock has started."""
        if not self._accepts(case):
            return
        start = self._clock.start(case)
        if start is None:
            return
        stop = completion_since(case, start) if self._by_completion else self._clock.stop(case, start)
        if not self._binding.holds(start, stop, now):
            return
        ended = self._binding.ended(case, stop)
        end = ended if ended is not None else stop
        if end is None and self._by_event:
            end = completion_since(case, start)
        course = self._course(case, start, end, ended is not None)
        judgement = self._judged(course, now)
        if course.settled_at is not None and not self._bound.exceeded(course.amounts):
            judgement = provisional(judgement, course.settled_at, self._law, now)
        found.append(judgement)

    def _course(self, case: Case, start: Instant, end: Instant | None, withdrawn: bool) -> _Course:
        reading = self._maturity.reading(case, start) if self._maturity is not None else None
        if reading is None or reading.due is None:
            return _Course(case, start, end, withdrawn, None, None, self._amounts(case, None))
        matures = reading.due
        amounts = self._amounts(case, matures if end is None else min(end, matures))
        yellow_at = reading.yellow_at if self._only_demands else None
        return _Course(case, start, end, withdrawn, matures, yellow_at, amounts, reading.settled_at)

    def _amounts(self, case: Case, until: Instant | None) -> Amounts:
        return [count(case, until) for count in self._counts]

    def _judged(self, course: _Course, now: Instant) -> Judgement:
        """What is too much first; then whether what is demanded was reached; the rest when the case is mature."""
        if self._bound.exceeded(course.amounts):
            return self._exceeded(course, now)
        matures, mature_at = course.matures, course.mature_at
        reached = self._reached_at(course, matures) if self._only_demands and matures is not None else None
        if reached is not None and matures is not None:
            return self._closed(course, Outcome.MET if reached <= matures else Outcome.MISSED, reached)
        if mature_at is None or (course.end is None and now <= mature_at):
            return self._open(course, now)
        return self._matured(course, mature_at, now)

    def _exceeded(self, course: _Course, now: Instant) -> Judgement:
        """There is too much. What an order misses may still be reported in time; what is not final may be taken back
        before the case matures."""
        reported_by = self._first_step_reported_by(course.case)
        if now <= reported_by:
            return self._awaiting(course, reported_by, now)
        found = self._breached(course, now)
        if self._final or found.stop is not None or (course.matures is not None and now > course.matures):
            return found
        return found._replace(has_not_matured=True)

    def _matured(self, course: _Course, at: Instant, now: Instant) -> Judgement:
        """A case that was not in breach when it matured."""
        in_time, unreported = at == course.end, None in course.amounts
        if in_time and course.withdrawn:
            return self._closed(course, Outcome.WITHDRAWN, at)
        if self._bound.short(course.amounts) or (not in_time and self._bound.demands and unreported):
            reported_by = self._reporting.after(course.case, at, self._points)
            if now <= reported_by:
                return self._awaiting(course, reported_by, now)
            return self._breached(course, now)  # past its limit silence is delay, as with any other step
        if self._was_refunded_late(course, at):
            return self._closed(course, Outcome.LATE_ENTRY, at)
        return self._closed(course, Outcome.UNMEASURED if unreported else Outcome.MET, at)

    def _awaiting(self, course: _Course, reported_by: Instant, now: Instant) -> Judgement:
        """A case that has matured, while what it waits for may still be reported in time."""
        instants = _Instants(None, course.yellow_at, None, earliest(now, reported_by + 1))
        return self._judgement(course, Outcome.AWAITING, NOW, AWAITED, instants)

    def _first_step_reported_by(self, case: Case) -> Instant:
        """Until when the first step of an order may be reported of which only the second is known. A step that is
        reported to have come later, and what is too much otherwise, waits for nobody."""
        waits: list[Instant] = []
        for first, then in self._orders:
            later = case.milestones.get(then)
            if not later or (first in case.milestones and case.milestones[first][0] <= later[0]):
                continue
            if first in case.milestones:
                return _AT_ONCE
            waits.append(self._reporting.after(case, later[0], (f"milestone:{first}",)))
        return max(waits, default=_AT_ONCE)

    def _was_refunded_late(self, course: _Course, at: Instant) -> bool:
        """Whether it was too much when the case matured, and what was taken back since is not confirmed."""
        if not self._refundable or not self._bound.exceeded(self._amounts(course.case, at)):
            return False
        return not course.case.is_confirmed(self.promise.id, self._last_taken_back(course.case, at))

    def _last_taken_back(self, case: Case, at: Instant) -> Instant:
        """When the last amount arrived that is dated after the case had matured, and that it had."""
        arrivals = [received for time, name, _, received in case.measured if time > at and name in self._quantities]
        if case.completed is not None:
            arrivals.append(case.completed.received)
        return max(arrivals, default=case.arrived)

    def _red_at(self, case: Case, matures: Instant) -> Instant | None:
        """From when what is demanded by then and not reported has a red card."""
        return self._strictness.red_at(case, matures, self._reporting.after(case, matures, self._points))

    def _breached(self, course: _Course, now: Instant) -> Judgement:
        """Missed on the day on which it ended; overdue until then."""
        excused = self._strictness.excuses(course.case)
        if course.end is not None:
            return self._closed(course, Outcome.JUSTIFIED if excused else Outcome.MISSED, course.end)
        if excused:
            return self._judgement(course, Outcome.JUSTIFIED, NOW, ((TallyField.JUSTIFIED, 1),))
        if self._bound.exceeded(course.amounts) or course.matures is None:
            red_at = course.start if self._hard else None
        else:
            red_at = self._red_at(course.case, course.matures)
        yellow_at = course.yellow_at if course.yellow_at is not None else red_at
        instants = _Instants(None, yellow_at, red_at, earliest(now, red_at))
        return self._judgement(course, Outcome.OVERDUE, NOW, ((TallyField.OVERDUE, 1),), instants)

    def _open(self, course: _Course, now: Instant) -> Judgement:
        matures, yellow_at = course.matures, course.yellow_at
        if matures is None:
            return self._judgement(course, Outcome.OPEN, NOW, ())
        if self._strictness.excuses(course.case):
            yellow_at = None
        cells: TallyAmounts = ((TallyField.YELLOW, 1),) if yellow_at is not None and now >= yellow_at else ()
        red_at = self._red_at(course.case, matures) if self._bound.demands else None
        instants = _Instants(None, yellow_at, red_at, earliest(now, yellow_at, matures + 1))
        return self._judgement(course, Outcome.OPEN, NOW, cells, instants)

    def _closed(self, course: _Course, outcome: Outcome, at: Instant) -> Judgement:
        """Judged for good, at an instant: its end, the instant at which it matured, or at which it had reached what is
        demanded."""
        cells = _CELLS[outcome]
        if course.case.extensions and cells[0][0] == TallyField.N:
            cells += marks((), course.case.extended)
        by_time_alone = course.end is None and at == course.matures  # nothing stopped its clock
        instants = _NO_INSTANTS if by_time_alone else _Instants(at, course.yellow_at)
        return self._judgement(course, outcome, self._binding.day(at), cells, instants)

    def _judgement(
        self, course: _Course, outcome: Outcome, day: int, cells: TallyAmounts, instants: _Instants = _NO_INSTANTS
    ) -> Judgement:
        case, matures = course.case, course.matures
        reported_by = None
        if matures is not None and case.arrived > matures:
            reported_by = self._reporting.after(case, matures, self._points)
        return Judgement(
            self._key, case.cycle, outcome, case.unit, self._binding.item(case), day, cells, None, course.start,
            matures, *instants, needs_late_check_from=self._late_check_from(course), reported_by=reported_by,
        )  # fmt: skip

    def _late_check_from(self, course: _Course) -> Instant | None:
        """From when on it may have been in breach by what was known then, or have had to be known."""
        if self._reversible:
            return course.start
        if not self._bound.demands:
            return None if course.matures is None else course.matures + 1
        return min((at for at in (course.end, course.matures) if at is not None), default=None)

    def _reached_at(self, course: _Course, matures: Instant) -> Instant | None:
        """Since when there is as much as is demanded: by the time the case matures, else by now. Once its clock has
        stopped nothing more is reached."""
        case, end = course.case, course.end
        last = end if end is not None else FOREVER
        steps = {
            course.start,
            *chain.from_iterable(case.milestones.values()),
            *(time for time, _, _, _ in case.measured),
        }
        counted = sorted(step for step in steps if course.start <= step <= last)
        return self._since(case, [step for step in counted if step <= matures]) or self._since(case, counted)

    def _since(self, case: Case, steps: Sequence[Instant]) -> Instant | None:
        """The first of the steps from which on, through the last, there is as much as is demanded."""
        since = None
        for step in reversed(steps):
            amounts = self._amounts(case, step)
            if None in amounts or self._bound.short(amounts):
                break
            since = step
        return since

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The share of measured cases within the bound."""
        return compliance(sums, self.promise)


_AT_ONCE: Instant = 0
"""A breach that no report can undo waits for nobody."""


_CELLS: dict[Outcome, TallyAmounts] = {
    Outcome.MET: ((TallyField.N, 1), (TallyField.MET, 1)),
    Outcome.MISSED: ((TallyField.N, 1),),
    Outcome.WITHDRAWN: ((TallyField.WITHDRAWN, 1),),
    Outcome.JUSTIFIED: ((TallyField.JUSTIFIED, 1),),
    Outcome.UNMEASURED: ((TallyField.UNMEASURED, 1),),
    Outcome.LATE_ENTRY: ((TallyField.N, 1), (TallyField.LATE_ENTRY, 1)),
}
