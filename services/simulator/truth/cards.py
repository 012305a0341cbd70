"""The truth about cards: when each was raised and cleared, by what was known at each time (rule 10).

A card is yellow from the first of the last days before the limit, red once the limit has passed and the report of the
stop cannot come in time any more, and never both.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from services.domain.plan.kinds.case_bound import CaseBoundPromise
from services.domain.plan.kinds.case_limit import CaseLimitPromise
from services.domain.plan.plan import CasePromise, Strength
from services.domain.time.calendar import months_later
from services.domain.time.limits import Limit, LimitUnit
from services.domain.time.zone import DAY_US, MINUTE_US, Instant
from services.simulator.district.profile import CaseFlow
from services.simulator.stories.result import Result
from services.simulator.stories.timing import Timing, own_limit
from services.simulator.truth.limits import spans_outside
from services.simulator.truth.promise_view import PromiseView
from services.simulator.truth.row import Row
from services.simulator.truth.unpublished import settled_at

_RUNNING = (Result.OPEN, Result.AWAITING, Result.OPEN_OVERDUE)
_MINUTES = (LimitUnit.MINUTES, LimitUnit.WORKING_MINUTES)


class Seen(NamedTuple):
    """What a promise said of a case from one arrival until just before the next."""

    begin: Instant
    until: Instant
    view: PromiseView | None
    row: Row | None


class Level(NamedTuple):
    """From `at` on the case has a card of that result, or none."""

    at: Instant
    result: Result | None
    seen: Seen


def may_have_cards(promise: CasePromise) -> bool:
    """Whether a single case can have a card: another definition of a promise is only shown beside it."""
    if not promise.is_official:
        return False
    if isinstance(promise, (CaseLimitPromise, CaseBoundPromise)):
        return True
    return promise.measured == "share" and promise.objective is not None and own_limit(promise) is not None


def is_yellow(view: PromiseView, row: Row) -> bool:
    """Whether an open case is close to its limit."""
    if row.result is not Result.OPEN or row.due is None or view.now is None:
        return False
    at = _yellow_at(view, row.due)
    return at is not None and at <= view.now


def card_rows(periods: Iterable[Seen]) -> Iterator[Row]:
    """The cards of a case under one promise; of one that was raised again, the last time."""
    found: dict[Result, Row] = {}
    held: Result | None = None
    for at, result, seen in levels(periods):
        if held is not None and held is not result:
            reason = "superseded" if result is Result.RED_CARD else _why_cleared(seen)
            found[held] = found[held]._replace(stopped=at, reason=reason)
            held = None
        if result is None or seen.view is None or seen.row is None:
            continue
        unit, due = holder(seen.view, at), seen.row.due
        reason = "" if due is None or settled_at(seen.view, due) is None else "provisional"
        if held is result:  # it follows who must act, and until when
            found[result] = found[result]._replace(unit=unit, due=due, reason=reason)
        else:
            row, held = seen.row, result
            found[result] = Row(row.kpi, row.variant, unit, "-", row.case, result, at, due, reason=reason)
    yield from found.values()


def holder(view: PromiseView, at: Instant) -> str:
    """Who has the card of a case then: who has the case, or the successor of that unit."""
    return view.timing.succession.at(view.case.holder, at)


def levels(periods: Iterable[Seen]) -> Iterator[Level]:
    """The card at each arrival, and at each instant until the next one at which it changes."""
    for seen in periods:
        changes = _changes(seen)
        passed_on = () if seen.view is None else seen.view.timing.succession.changes
        later = {at for at in (*changes, *passed_on) if at is not None and seen.begin < at <= seen.until}
        for at in (seen.begin, *sorted(later)):
            yield Level(at, _card_at(changes, at), seen)


def _card_at(changes: "_Changes", at: Instant) -> Result | None:
    near, red, closed = ((each is not None and each <= at) for each in changes)
    if closed:
        return None
    return Result.RED_CARD if red else Result.YELLOW_CARD if near else None


_Changes = tuple[Instant | None, Instant | None, Instant | None]
_NONE: _Changes = (None, None, None)


def _changes(seen: Seen) -> _Changes:
    """From when a case is yellow, red, and closed by time alone."""
    view, row = seen.view, seen.row
    if view is None or row is None:
        return _NONE
    if isinstance(view.promise, CaseBoundPromise):
        return _changes_of_bound(view, row)
    if row.due is None or view.end is not None:
        return _NONE
    reported_by = view.reported_by(row.due)
    red_at = _red_at(view, row.due, reported_by)
    if row.result in _RUNNING:
        return _yellow_at(view, row.due), red_at, None
    if row.stopped is not None:  # completed without the stop that it owes
        return _yellow_at(view, row.due), red_at, reported_by + 1
    return _NONE


def _changes_of_bound(view: PromiseView, row: Row) -> _Changes:
    """What is too much is red at once. What is demanded by a date is yellow before it and red after it."""
    if row.result not in _RUNNING:
        return _NONE
    if row.due is None:
        is_red = row.result is Result.OPEN_OVERDUE and view.promise.strength is Strength.HARD
        return None, view.start if is_red else None, None
    red_at = _red_at(view, row.due, view.awaited_until(row.due, view.promise.bounded))
    return _yellow_at(view, row.due), red_at, None


def _is_excused(view: PromiseView) -> bool:
    is_soft = view.promise.strength is Strength.SOFT and view.promise.measured != "share"
    return is_soft and view.has_accepted_reason


def _red_at(view: PromiseView, due: Instant, reported_by: Instant) -> Instant | None:
    """By its strength, and not before a limit that rests on unpublished days is settled."""
    at, settled = _red_by_strength(view, due, reported_by), settled_at(view, due)
    return at if at is None or settled is None else max(at, settled + 1)


def _red_by_strength(view: PromiseView, due: Instant, reported_by: Instant) -> Instant | None:
    """Hard: once no report can come in time. Soft: and one working day after the limit, unless a reason was given by
    then; or once it is rejected."""
    if view.promise.strength is Strength.HARD:
        return reported_by + 1
    if view.promise.strength is not Strength.SOFT or view.promise.measured == "share" or _is_excused(view):
        return None
    zone, calendar = view.timing.zone, view.timing.calendar
    decision, time = view.case.decisions.get(view.promise.id, ("", None))
    if decision == "rejected" and time is not None:
        return max(reported_by + 1, time)
    without_reason = max(reported_by + 1, zone.midnight(calendar.add_working_days(zone.day(due), 1) + 1))
    return without_reason if time is None or time >= without_reason else None


def _yellow_at(view: PromiseView, due: Instant) -> Instant | None:
    """None: it is excused."""
    if _is_excused(view):
        return None
    outside = spans_outside(view) if view.promise.clock.runs_in else ()
    return _Clock(view.promise, view.timing, view.case.flow).yellow_at(view.start, due, outside)


class _Clock(NamedTuple):
    """The limit of a promise about the cases of one flow."""

    promise: CasePromise
    timing: Timing
    flow: CaseFlow

    def yellow_at(self, start: Instant, due: Instant, outside: Sequence[tuple[Instant, Instant]]) -> Instant:
        """00:00 of the first of the last days before the limit, counted back in its own unit; minutes exactly.
        `outside`: when the clock was stopped."""
        limit, zone = self.limit, self.timing.zone
        share = Fraction(str(self.promise.clock.yellow_share))
        if limit.amount == 0:
            return due + 1
        if limit.unit in _MINUTES:
            return self._minutes_before(start, due, limit.amount * MINUTE_US * share.numerator // share.denominator)
        days = limit.amount
        if limit.unit is LimitUnit.MONTHS:
            days = months_later(zone.day(start), limit.amount) - zone.day(start)
        left, day = max(1, ceil(days * share)), zone.day(due) + 1
        while left:
            day -= 1
            left -= self._counts(day, outside)
        return max(start, zone.midnight(day))

    @property
    def limit(self) -> Limit:
        limit = own_limit(self.promise) or self.promise.maturity
        assert isinstance(limit, Limit)
        return limit

    def _minutes_before(self, start: Instant, due: Instant, left: int) -> Instant:
        if self.limit.unit is LimitUnit.MINUTES:
            return max(start, due - left)
        hours = self.timing.law.hours(self.flow.unit, self.flow.item)
        return hours.last(start, max(0, hours.elapsed(start, due) - left))

    def _counts(self, day: int, outside: Sequence[tuple[Instant, Instant]]) -> bool:
        """Whether a day is one of the limit's, on which the clock was not stopped."""
        if self.limit.unit is not LimitUnit.WORKING_DAYS:
            return True
        if not self.timing.calendar.is_working(day):
            return False
        return not outside or not self.timing.covered_days(self.flow.unit, self.flow.item, day - 1, day, outside)


def earliest_card(promise: CasePromise, timing: Timing, flow: CaseFlow, first: Instant) -> Instant:
    """Before this no case that begins at `first` or later has a card; 0 where one may come at any time."""
    if own_limit(promise) is None and not isinstance(promise.maturity, Limit):
        return 0
    due = timing.due(promise, first, flow.unit, flow.item)
    clock = _Clock(promise, timing, flow)
    # a month that begins some days later may end some days earlier
    return clock.yellow_at(first, due, ()) - (3 * DAY_US if clock.limit.unit is LimitUnit.MONTHS else 0)


def _why_cleared(seen: Seen) -> str:
    """The fact that clears a card."""
    view, row = seen.view, seen.row
    if view is None or row is None:
        return "completed" if view is not None and view.end is not None else "rejudged"
    if row.result is Result.JUSTIFIED or (view.end is None and _is_excused(view)):
        return "justified"
    if row.stopped is None:
        return "rejudged"
    case = view.case
    return "withdrawn" if row.stopped == case.withdrawn_at != case.completed_at else "completed"
