"""A duration, added up day by day, as a person would with a calendar on the wall.

The verdict that it explains is computed by prefix sums. That both give the same is a property under test.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.domain.history.case import Case
from services.domain.judging.case_clock import CaseClock, Span, full_days
from services.domain.plan.statutory_time import Law
from services.domain.time.calendar import DayKind
from services.domain.time.zone import Instant


class AccountedDay(NamedTuple):
    """What one local date adds to a duration."""

    day: int
    kind: DayKind
    holiday: str
    """Its name, where it is one."""
    amount: int
    """What it adds to the net duration, in the measure's integers."""
    still: int
    """How much the clock was stopped on it, in the same."""
    ran: tuple[Span, ...]
    """For durations in minutes and elapsed time: when the clock ran."""
    reasons: tuple[str, ...]
    """Of the suspensions on this day that stop this clock."""
    outside: bool
    """Whether it was stopped because the case was in none of the nodes in which it runs."""
    other_reasons: tuple[str, ...]
    """Of those that do not: another reason, or begun when the limit had passed."""


@dataclass(frozen=True, slots=True)
class Account:
    """A duration, day by day. The days' `amount`s add up to `net`, their `still` to `still`."""

    measure: str
    scale: int
    """How many of the integers make one unit of the measure."""
    start: Instant
    end: Instant
    net: int
    still: int
    days: tuple[AccountedDay, ...]

    @property
    def gross(self) -> int:
        return self.net + self.still


class _Course(NamedTuple):
    """A duration that is added up: of which case, on which clock, from when to when, and what stopped it."""

    clock: CaseClock
    law: Law
    case: Case
    start: Instant
    end: Instant
    pauses: Sequence[Span]


def account(clock: CaseClock, law: Law, case: Case, running: Span, pauses: Sequence[Span]) -> Account:
    """Add up a duration, `running` from start to end, day by day."""
    course = _Course(clock, law, case, *running, pauses)
    days = tuple(_days(course))
    net, still = sum(day.amount for day in days), sum(day.still for day in days)
    return Account(clock.measure.name, clock.measure.scale, *running, net, still, days)


def _days(course: _Course) -> Iterator[AccountedDay]:
    clock, law, case, start, end, pauses = course
    zone, calendar = law.zone, law.calendar
    gaps = _common(clock.outside(case, start, end), pauses)
    for day in range(zone.day(start), zone.day(end) + 1):
        amount, still, ran = _amounts(course, day)
        midnight, next_midnight = zone.midnight(day), zone.midnight(day + 1)
        reasons, other_reasons = _reasons(course, midnight, next_midnight)
        outside = any(begin < next_midnight and midnight < finish for begin, finish in gaps)
        yield AccountedDay(
            day, calendar.kind(day), calendar.holiday_name(day), amount, still, ran, reasons, outside, other_reasons
        )


def _amounts(course: _Course, day: int) -> tuple[int, int, tuple[Span, ...]]:
    """What a day adds to the net duration, how much the clock was stopped on it, and when it ran."""
    name = course.clock.measure.name
    if name in ("working_days", "calendar_days"):
        counts = day > course.law.zone.day(course.start)
        if not counts or (name == "working_days" and not course.law.calendar.is_working(day)):
            return 0, 0, ()
        still = _still_on(course, day)
        return 1 - still, still, ()
    lasted = [(max(opens, course.start), min(closes, course.end)) for opens, closes in _open_on(course, day)]
    ran = tuple(piece for span in lasted for piece in _without(span, course.pauses))
    amount = _length(ran)
    return amount, _length([span for span in lasted if span[0] < span[1]]) - amount, ran


def _still_on(course: _Course, day: int) -> int:
    """Of a clock that counts days: 1 if it was stopped for the whole day."""
    if course.clock.measure.name == "working_days":
        hours = course.law.hours(course.case.unit, course.case.service_item)
        return hours.fully_covered_working_days(day - 1, day, course.pauses)
    return full_days(course.pauses, day - 1, day, course.law.zone.midnight)


def _open_on(course: _Course, day: int) -> Sequence[Span]:
    """Of a clock that counts time: the spans of a day in which it may run."""
    if course.clock.measure.name == "working_minutes":
        return course.law.hours(course.case.unit, course.case.service_item).spans(day)
    return [(course.law.zone.midnight(day), course.law.zone.midnight(day + 1))]


def _without(span: Span, pauses: Sequence[Span]) -> Iterator[Span]:
    """What the pauses (in order, disjoint) leave of a span."""
    begin, end = span
    for paused, resumed in pauses:
        if paused >= end or resumed <= begin:
            continue
        if begin < paused:
            yield begin, paused
        begin = max(begin, resumed)
    if begin < end:
        yield begin, end


def _common(spans: Sequence[Span], pauses: Sequence[Span]) -> list[Span]:
    """What of the spans lies in the pauses: only those are pauses that began in time."""
    cut = [(max(begin, paused), min(end, resumed)) for begin, end in spans for paused, resumed in pauses]
    return [(begin, end) for begin, end in cut if begin < end]


def _length(spans: Sequence[Span]) -> int:
    return sum(end - begin for begin, end in spans)


def _reasons(course: _Course, midnight: Instant, next_midnight: Instant) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The reasons of the suspensions of a day: those that stop this clock, and the others."""
    stopping: set[str] = set()
    other: set[str] = set()
    for span in course.case.suspensions:
        begin = max(span.start, midnight)
        end = min(next_midnight if span.end is None else span.end, next_midnight)
        if begin < end:
            counted = any(paused < end and begin < resumed for paused, resumed in course.pauses)
            (stopping if counted and course.clock.stopped_by(span.reason) else other).add(span.reason)
    return tuple(sorted(stopping)), tuple(sorted(other - stopping))
