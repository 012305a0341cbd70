"""A share of cases: those `where` something holds among the matured, e.g. complaints handled by their maturity.

Where the completion matures a case and the clock stops at something else (the steps that had to be taken), the case is
open until the day of its completion is over (`ends`), and in the numerator if all of them came by then: two systems
that report on one case need not do so together. Where its stop matures a case, it is judged by what was true then; one
that is completed without it, as one of which steps are missing. What is waited for until a limit has a yellow card
before it, as under a limit of its own.
"""

from typing import NamedTuple

from services.domain.history.case import NOTHING_DELIVERED, Case
from services.domain.judging.binding import AWAITED, Binding, completion_since, earliest, marks
from services.domain.judging.case_clock import CaseClock
from services.domain.judging.completion import CompletionWithoutStop
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.judging.kinds.case_limit import compliance
from services.domain.judging.maturity import Maturity
from services.domain.judging.report_deadline import ReportDeadline
from services.domain.judging.selection import compile_knowledge, compile_population, compile_selection, wanted_values
from services.domain.judging.unpublished import provisional
from services.domain.plan.plan import BY_EVENT, SharePromise, Strength
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import NOW, TallyAmounts, TallyField
from services.domain.time.limits import Ends
from services.domain.time.zone import Instant

_IN: TallyAmounts = ((TallyField.N, 1), (TallyField.MET, 1))
_OUT: TallyAmounts = ((TallyField.N, 1),)


class _Course(NamedTuple):
    """A case as its share is judged: when it began, and when it matures if nothing happens."""

    case: Case
    start: Instant
    matures: Instant | None = None
    """The last instant before a case without its stop counts as missed; None: only its completion matures it."""
    yellow_at: Instant | None = None
    """From when it is close to that."""
    settled_at: Instant | None = None
    """Of the maturity: see `Reading`."""


class CaseShareJudge:
    """`kind = "case_share"`. `matures_at` is the completion, the stop, a limit after the start, or a date."""

    def __init__(self, promise: SharePromise, law: Law) -> None:
        self.promise = promise
        self._law = law
        self._accepts = compile_population(promise.select, promise.unless, law.unset)
        where = {name: value for name, value in promise.where.items() if name not in ("stopped", "reached")}
        self._reached = wanted_values(promise.where.get("reached", ()))
        self._counts = compile_selection(where, law.unset)
        self._is_known = compile_knowledge(promise.known, law.unset)
        self._binding = Binding(promise, law.zone)
        self._clock = CaseClock(promise.clock, law)
        self._key = promise.key
        self._red = promise.strength is Strength.HARD
        self._targeted = promise.objective is not None
        other_stop = promise.stop != ("completed",)
        self._waits_for_completion = promise.maturity == "completion" and other_stop
        self._by_stop = promise.maturity == "stop" and other_stop
        by_event = promise.maturity is None or promise.maturity in BY_EVENT
        self._maturity = None if by_event else Maturity(promise, law)
        self._reporting = ReportDeadline(promise, law)
        self._completion = CompletionWithoutStop(promise)
        self._steps = tuple(f"milestone:{name}" for name in sorted(self._reached))

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """One judgement per case whose clock has started."""
        if not self._accepts(case):
            return
        start = self._clock.start(case)
        if start is None:
            return
        stop = self._clock.stop(case, start)
        if self._waits_for_completion or (self._by_stop and stop is None):
            judgement = self._by_completion(case, start, stop, now)
        else:
            judgement = self._by_its_stop(case, start, stop, now)
        if judgement is not None:
            found.append(judgement)

    def _by_its_stop(self, case: Case, start: Instant, stop: Instant | None, now: Instant) -> Judgement | None:
        """Its stop closes a case, or its maturity counts it as missed."""
        if stop is not None and stop < start:
            stop = None
        if not self._binding.holds(start, stop, now):
            return None
        ended = self._binding.ended(case, stop)
        end = ended if ended is not None else stop
        course = self._course(case, start)
        judgement = self._waiting(course, now) if end is None else self._ended(course, end, ended is not None, now)
        if judgement is None or course.settled_at is None:
            return judgement
        return provisional(judgement, course.settled_at, self._law, now)

    def _ended(self, course: _Course, end: Instant, undelivered: bool, now: Instant) -> Judgement | None:
        """A case whose clock has stopped, or that ended before."""
        case, in_time = course.case, not undelivered and (course.matures is None or end <= course.matures)
        if in_time and self._awaits_steps(course, end, now):
            return self._awaiting(course._replace(matures=end), self._reporting.after(case, end, self._steps), now)
        return self._closed(course, end, undelivered, in_time)

    def _by_completion(self, case: Case, start: Instant, stop: Instant | None, now: Instant) -> Judgement | None:
        """The end of the day of its completion closes a case."""
        completed = completion_since(case, start)
        if not self._binding.holds(start, completed, now):
            return None
        ended = self._binding.ended(case, completed)
        if ended is not None:
            return self._closed(_Course(case, start), ended, True, False)
        if completed is None:
            return self._open(_Course(case, start), (), None, None)
        matures = self._end_of(completed, case)
        course = _Course(case, start, matures, matures + 1)
        if stop is not None and stop <= matures:
            return self._closed(course, completed, False, True)
        if now <= matures:
            return self._open(course._replace(yellow_at=None), (), None, earliest(now, matures + 1))
        if case.outcome in NOTHING_DELIVERED:
            return self._closed(course, completed, True, False)
        reported_by = self._reporting.of(case, start, matures)
        if stop is None and now <= reported_by:
            return self._awaiting(course._replace(yellow_at=None), reported_by, now)
        return self._closed(course, completed, False, False)

    def _end_of(self, completed: Instant, case: Case) -> Instant:
        """The last instant of the day of a completion, or itself, as the promise `ends`."""
        zone = self._law.zone
        if self.promise.ends is Ends.INSTANT:
            return completed
        if self.promise.ends is Ends.CLOSE:
            return max(completed, self._law.hours(case.unit, case.service_item).closes(zone.day(completed)))
        return zone.midnight(zone.day(completed) + 1) - 1

    def _closed(self, course: _Course, end: Instant, undelivered: bool, in_time: bool) -> Judgement | None:
        case, start, matures, yellow_at, _ = course
        verdict = self._verdict(course, end, undelivered, in_time)
        if verdict is None:
            return None
        outcome, cells = verdict
        if cells and cells[0][0] == TallyField.N and (case.suspensions or case.extensions):
            cells += marks((), case.extended)
        needs_late_check_from = self._late_check_from(case, end) if matures is None and outcome is Outcome.MET else None
        item, day = self._binding.item(case), self._binding.day(end)
        reported_by = None
        if matures is not None and case.arrived > matures:
            reported_by = self._reporting.when_late(case, matures)
        return Judgement(
            self._key, case.cycle, outcome, case.unit, item, day, cells, None, start, matures, end, yellow_at,
            needs_late_check_from=needs_late_check_from, reported_by=reported_by,
        )  # fmt: skip

    def _verdict(
        self, course: _Course, end: Instant, undelivered: bool, in_time: bool
    ) -> tuple[Outcome, TallyAmounts] | None:
        """Of a case that has ended; None where nothing can be said of it."""
        case, matures = course.case, course.matures
        if undelivered and (matures is None or end <= matures):
            return Outcome.WITHDRAWN, ((TallyField.WITHDRAWN, 1),)
        if not self._is_known(case):  # it is neither, but there may have been a card
            return None if matures is None else (Outcome.UNMEASURED, ())
        if in_time and self._counts(case) and (not self._reached or self._has_reached(case, end)):
            return (Outcome.MET if self._targeted else Outcome.COUNTED), _IN
        return (Outcome.MISSED if self._targeted else Outcome.COUNTED), _OUT

    def _late_check_from(self, case: Case, end: Instant) -> Instant | None:
        """From when on what is known may have been missing when the case was judged."""
        if self._by_stop:
            return end + 1
        return case.completed.received + 1 if case.completed is not None else None

    def _has_reached(self, case: Case, by: Instant) -> bool:
        """Whether all milestones that count were reached when the case matured."""
        return all(name in case.milestones and case.milestones[name][0] <= by for name in self._reached)

    def _waiting(self, course: _Course, now: Instant) -> Judgement | None:
        """An open case that time alone matures; None where only an event does."""
        matures, yellow_at = course.matures, course.yellow_at
        if matures is None or self._completion.needs_no_stop(course.case):
            return None
        case = course.case
        reported_by = self._reporting.of(case, course.start, matures)
        red_at = reported_by + 1 if self._red and self._targeted else None
        next_at = earliest(now, yellow_at, matures + 1, reported_by + 1)
        if now > reported_by:
            return self._overdue(self._open(course, ((TallyField.OVERDUE, 1),), red_at, next_at), case, reported_by)
        if now > matures:
            return self._awaiting(course, reported_by, now)._replace(red_at=red_at)
        is_yellow = yellow_at is not None and now >= yellow_at
        return self._open(course, ((TallyField.YELLOW, 1),) if is_yellow else (), red_at, next_at)

    def _overdue(self, overdue: Judgement, case: Case, reported_by: Instant) -> Judgement:
        """The judgement of a case whose stop was not reported in time; closed, if the case is completed."""
        if case.completed_at is None or not self._targeted or not self._completion.is_over(case):
            return overdue
        return self._completion.closed(overdue, case, reported_by, self._binding.day(case.completed_at))

    def _awaiting(self, course: _Course, reported_by: Instant, now: Instant) -> Judgement:
        """A case that has matured, while what it waits for may still be reported in time."""
        awaited = self._open(course, AWAITED, None, earliest(now, reported_by + 1))
        return awaited._replace(outcome=Outcome.AWAITING)

    def _awaits_steps(self, course: _Course, end: Instant, now: Instant) -> bool:
        """Whether all that is missing of the numerator are steps of which nothing is known, and that may still be
        reported in time."""
        case = course.case
        if not self._steps or not self._is_known(case) or not self._counts(case):
            return False
        known = [case.milestones[name][0] for name in self._reached if name in case.milestones]
        is_late = bool(known) and max(known) > end
        if is_late or len(known) == len(self._reached):
            return False
        return now <= self._reporting.after(case, end, self._steps)

    def _open(self, course: _Course, cells: TallyAmounts, red_at: Instant | None, next_at: Instant | None) -> Judgement:
        case, start, matures, yellow_at, _ = course
        outcome = Outcome.OPEN
        if cells and cells[0][0] == TallyField.OVERDUE:
            # without a target it is behind, and nobody missed anything
            outcome = Outcome.OVERDUE if self._targeted else Outcome.COUNTED
        item = self._binding.item(case)
        return Judgement(
            self._key, case.cycle, outcome, case.unit, item, NOW, cells, None, start, matures, None, yellow_at, red_at,
            next_at,
        )  # fmt: skip

    def _course(self, case: Case, start: Instant) -> _Course:
        """When a case matures by time alone, and from when it is close to that: a date, and what nobody promised, warn
        of nothing before."""
        if self._maturity is None or (reading := self._maturity.reading(case, start)) is None or reading.due is None:
            return _Course(case, start)
        yellow_at = reading.due + 1 if reading.yellow_at is None else reading.yellow_at
        return _Course(case, start, reading.due, yellow_at if self._targeted else None, reading.settled_at)

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The share of matured cases in the numerator."""
        return compliance(sums, self.promise)
