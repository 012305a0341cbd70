"""The clock of one promise over one case: where it starts and ends, what stops it, when it is due.

Rules 2 to 4 of docs/rules.md. The arithmetic of days and minutes is in `limits.py`, `calendar.py`, `opening_hours.py`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple

from services.domain.history.case import Case, Extension, NodeSpan
from services.domain.judging.clock_points import point, stop_point
from services.domain.plan.plan import ClockRules
from services.domain.plan.statutory_time import Law
from services.domain.time.calendar import months_later
from services.domain.time.limits import Ends, Limit, LimitUnit, due
from services.domain.time.zone import DAY_US, Instant

Span = tuple[Instant, Instant]
Still = tuple[int, int]
"""How long a clock was stopped: days, for a limit in days; microseconds, for the others. One of them is 0."""
_NO_PAUSE: Still = (0, 0)

MINUTE_US = 60_000_000
FOREVER: Instant = 4_102_444_800_000_000
"""2100-01-01: the end of a suspension that has none."""

_MEASURE_OF = {
    LimitUnit.WORKING_DAYS: "working_days",
    LimitUnit.CALENDAR_DAYS: "calendar_days",
    LimitUnit.MONTHS: "calendar_days",
    LimitUnit.WORKING_MINUTES: "working_minutes",
    LimitUnit.MINUTES: "minutes",
}


class Measure(NamedTuple):
    """A unit in which durations are counted."""

    name: str
    scale: int
    """How many of the integers that are summed make one unit."""
    bin_scale: int
    """How many histogram bins make one unit."""


MEASURES: Mapping[str, Measure] = {
    "working_days": Measure("working_days", 1, 1),
    "calendar_days": Measure("calendar_days", 1, 1),
    "elapsed_days": Measure("elapsed_days", DAY_US, 24 * 60),
    "working_minutes": Measure("working_minutes", MINUTE_US, 1),
    "minutes": Measure("minutes", MINUTE_US, 1),
}


def measure_of(clock: ClockRules) -> Measure:
    """In what durations are counted by a clock: its own measure, or that of its limit."""
    if clock.measure is not None and clock.measure in MEASURES:
        return MEASURES[clock.measure]
    if isinstance(clock.limit, Limit):
        return MEASURES[_MEASURE_OF[clock.limit.unit]]
    return MEASURES["working_days" if clock.limit in ("committed_limit", "statutory_limit") else "elapsed_days"]


class Reading(NamedTuple):
    """What the clock shows."""

    due: Instant | None
    """The last instant on time; None while a suspension without end holds the clock."""
    yellow_at: Instant | None
    """From when a yellow card warns: with the last days or minutes, the promised share of the limit."""
    pauses: tuple[Span, ...]
    """The merged spans in which it was stopped, those that count."""
    extended: bool = False
    """Whether an extension counts: it moved the due instant; or, where none can, one was granted."""
    settled_at: Instant | None = None
    """Where the due instant rests on days of which the calendar is not published: the last instant at which a notice
    may still move it so far."""


class _Stops(NamedTuple):
    """The spans in which the clock of a case was stopped, merged and in order, and the unit in which it counts."""

    unit: LimitUnit
    case: Case
    spans: Sequence[Span]


class CaseClock:
    """Measures cases by one promise's clock."""

    def __init__(self, clock: ClockRules, law: Law) -> None:
        self._law = law
        self._stops = frozenset(clock.clock_stops)
        self._runs_in = frozenset(clock.runs_in)
        self._ends = clock.ends
        self._share = Fraction(str(clock.yellow_share))
        self.extends = clock.extension_moves_limit or clock.limit == "statutory_limit"
        """Whether an extension moves its due instant."""
        self._limit = clock.limit
        self.start = point(clock.start)
        self.stop = stop_point(clock.stop)
        self.measure = measure_of(clock)
        self._by_day = lru_cache(maxsize=4096)(self._due_of_day)

    # ---- limits ----------------------------------------------------------------------------------
    def limit(self, case: Case, start: Instant) -> Limit | None:
        """The limit that binds this case, without extensions; None where it declares none, or an instant instead."""
        declared = self._limit
        if isinstance(declared, Limit):
            return declared
        if declared == "committed_limit":
            return _limit(case.committed_limit)
        if declared == "statutory_limit":
            registered = self._law.statutory_limit(case.service_item, self._law.zone.day(start))
            return registered or _limit(case.statutory_limit)
        return None

    # ---- extensions ------------------------------------------------------------------------------
    def extensions(self, case: Case, start: Instant) -> list[tuple[Extension, str]]:
        """The extensions that were granted, each with the code of why it counts for nothing. The code is empty for the
        one that counts: the first that was granted by the due instant without it, in days for days or in minutes for
        minutes (rule 16). None at all for a clock that no extension moves."""
        limit = self.limit(case, start) if self.extends else None
        if limit is None:
            return []
        expiry = self._reading(limit, start, None, case).due
        found: list[tuple[Extension, str]] = []
        for extension in case.extensions:
            if extension.granted:
                is_taken = any(not why for _, why in found)
                found.append((extension, "extended_twice" if is_taken else _why_unused(extension, limit, expiry)))
        return found

    def _extended(self, reading: Reading, span: tuple[Instant, Instant | None], limit: Limit, case: Case) -> Reading:
        """The reading with the extension that counts: from the due instant without it, by its own unit, at most to the
        10th working day after it. The clock goes on, so that suspensions count in that time, too. `span`: start and
        stop."""
        if not self.extends:
            return reading._replace(extended=case.extended)
        start, stop = span
        more = next((_limit(each.limit) for each, why in self.extensions(case, start) if not why), None)
        if more is None or reading.due is None:
            return reading
        due = self._prolonged(reading.due, more, stop, case)
        pauses = [pause for pause in self.pauses(case, start, stop) if due is None or pause[0] <= due]
        if due is None:
            return Reading(None, None, tuple(pauses), True)
        return self._found(limit, start, case, due, tuple(pauses))._replace(extended=True)

    def _prolonged(self, expiry: Instant, more: Limit, stop: Instant | None, case: Case) -> Instant | None:
        """The due instant with an extension from the due instant without it; None if the clock is stopped for good."""
        ends = [self._reading(each, expiry, stop, case).due for each in (more, LONGEST_EXTENSION)]
        return min((end for end in ends if end is not None), default=None)

    # ---- reading ---------------------------------------------------------------------------------
    def read(self, case: Case, start: Instant, stop: Instant | None) -> Reading | None:
        """Due and yellow instants of a case that started; None if it has no limit under this promise."""
        if self._limit == "due_at":
            declared = case.due_at
            if declared is None:
                return None
            if self._ends is Ends.DAY:
                declared = self._law.zone.midnight(self._law.zone.day(declared) + 1) - 1
            elif self._ends is Ends.CLOSE:
                declared = self._law.hours(case.unit, case.service_item).closes(self._law.zone.day(declared))
            share = self._share
            return Reading(declared, declared - (declared - start) * share.numerator // share.denominator, ())
        limit = self.limit(case, start)
        if limit is None:
            return None
        reading = self._reading(limit, start, stop, case)
        return self._extended(reading, (start, stop), limit, case) if case.extensions else reading

    def read_node(self, case: Case, span: NodeSpan) -> Reading | None:
        """Due and yellow instants of a node's own limit, by the rules of this clock and in the hours of the unit that
        holds the node; None if it has no limit."""
        limit = _limit(span.limit)
        if limit is None:
            return None
        if span.unit and span.unit != case.unit:
            case = replace(case, unit=span.unit)
        return self._reading(limit, span.start, span.end, case)

    def _reading(self, limit: Limit, start: Instant, stop: Instant | None, case: Case) -> Reading:
        if self._runs_in or (case.suspensions and self._stops):
            return self._paused(limit, start, stop, case)
        return self._unpaused(limit, start, case)

    def needs_late_check_from(self, case: Case, start: Instant) -> Instant | None:
        """From when on the late report of a passage may have undone a card: yellow, had the clock never stopped. None
        where only suspensions stop it: those are always noticed (`Case.only_simple_facts`)."""
        limit = self.limit(case, start) if self._runs_in else None
        return self._unpaused(limit, start, case).yellow_at if limit is not None else None

    def _unpaused(self, limit: Limit, start: Instant, case: Case) -> Reading:
        if self._ends is Ends.DAY and limit.unit in _DAYS:
            return self._by_day(limit.unit, limit.amount, self._law.zone.day(start))
        at = self._due(limit, start, case, _NO_PAUSE)
        return self._found(limit, start, case, at, ())

    def _found(self, limit: Limit, start: Instant, case: Case, at: Instant, spans: tuple[Span, ...]) -> Reading:
        """The reading of a due instant."""
        yellow_at, settled_at = self._yellow(limit, start, case, at, spans), self._settled_at(limit, start, at)
        return Reading(at, yellow_at, spans, settled_at=settled_at)

    def _settled_at(self, limit: Limit, start: Instant, at: Instant) -> Instant | None:
        """Ten working days after a due instant whose days are not all published; None if they are."""
        zone, calendar = self._law.zone, self._law.calendar
        day = zone.day(at)
        if limit.unit is LimitUnit.MINUTES or (limit.amount == 0 and zone.day(start) == day):
            return None
        # a limit in opening hours counts those of the first day, too
        if not calendar.is_provisional_between(zone.day(start) - (limit.unit is LimitUnit.WORKING_MINUTES), day):
            return None
        return zone.midnight(calendar.add_working_days(day, SETTLED_AFTER_DAYS) + 1) - 1

    def _due_of_day(self, unit: LimitUnit, amount: int, day: int) -> Reading:
        """Day-based limits depend on the day alone: remembered, since a million cases share a few hundred days."""
        limit = Limit(amount=amount, unit=unit)
        start, case = self._law.zone.midnight(day), Case()
        return self._found(limit, start, case, self._due(limit, start, case, _NO_PAUSE), ())

    def _due(self, limit: Limit, start: Instant, case: Case, still: Still) -> Instant:
        return due(
            limit,
            start,
            self._ends,
            zone=self._law.zone,
            calendar=self._law.calendar,
            hours=self._law.hours(case.unit, case.service_item),
            paused_days=still[0],
            paused_us=still[1],
        )

    def _yellow(self, limit: Limit, start: Instant, case: Case, at: Instant, spans: Sequence[Span]) -> Instant:
        """Days: 00:00 of the first of the last ⌈share × limit⌉ of them; minutes: that share before the limit, exactly.
        Days and minutes of a stopped clock are none of them. A limit of 0 is not warned of before it has passed."""
        if limit.amount == 0:
            return at + 1
        if limit.unit not in _DAYS:
            left = limit.amount * MINUTE_US * self._share.numerator // self._share.denominator
            return max(start, self._minutes_before(at, left, start, _Stops(limit.unit, case, spans)))
        zone = self._law.zone
        days = limit.amount
        if limit.unit is LimitUnit.MONTHS:
            days = months_later(zone.day(start), limit.amount) - zone.day(start)
        left = max(1, ceil(days * self._share))
        return max(start, zone.midnight(self._first_of_last(left, zone.day(at), _Stops(limit.unit, case, spans))))

    def _first_of_last(self, left: int, last: int, stops: "_Stops") -> int:
        """The first of the last so many days through the day `last` on which the clock was not stopped."""
        is_working = stops.unit is LimitUnit.WORKING_DAYS
        back = left
        while True:
            first = self._law.calendar.add_working_days(last + 1, -back) if is_working else last + 1 - back
            counted = left + self._days_still(stops, first - 1, last)
            if counted <= back:
                return first
            back = counted

    def _minutes_before(self, at: Instant, left: int, start: Instant, stops: "_Stops") -> Instant:
        """When the clock had still so much time (µs) to run until an instant."""
        hours = self._law.hours(stops.case.unit, stops.case.service_item)
        is_working = stops.unit is LimitUnit.WORKING_MINUTES
        for begin, finish in (*reversed(stops.spans), (start, start)):
            before = hours.last(start, max(0, hours.elapsed(start, at) - left)) if is_working else at - left
            if finish <= before:
                break
            left += hours.elapsed(begin, min(finish, at)) if is_working else min(finish, at) - begin
        return before

    def _paused(self, limit: Limit, start: Instant, stop: Instant | None, case: Case) -> Reading:
        """Suspensions count one after the other; one that starts after the limit passed cures nothing."""
        counted: list[Span] = []
        at: Instant | None = self._due(limit, start, case, _NO_PAUSE)
        for span in self.pauses(case, start, stop):
            if at is None or span[0] > at:
                break
            counted.append(span)
            at = self._due_with(limit, start, case, counted)
        spans = tuple(counted)
        if at is None:
            return Reading(None, None, spans)
        return self._found(limit, start, case, at, spans)

    def pauses(self, case: Case, start: Instant, stop: Instant | None) -> list[Span]:
        """The merged spans in which this clock is stopped, from the start on: suspensions whose reason stops it, and
        the time outside the nodes in which it runs. One without end runs to the stop."""
        end = stop if stop is not None else FOREVER
        spans = sorted(
            (max(begin, start), min(finish, end))
            for begin, finish in (*self.suspensions(case), *self.outside(case, start, end))
        )
        merged: list[Span] = []
        for begin, finish in spans:
            if finish <= begin:
                continue
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(finish, merged[-1][1]))
            else:
                merged.append((begin, finish))
        return merged

    def stopped_by(self, reason: str) -> bool:
        """Whether a suspension for this reason stops this clock."""
        return reason in self._stops

    def suspensions(self, case: Case) -> list[Span]:
        """The suspensions whose reason stops this clock."""
        return [
            (span.start, span.end if span.end is not None else FOREVER)
            for span in case.suspensions
            if span.reason in self._stops
        ]

    def outside(self, case: Case, start: Instant, end: Instant) -> list[Span]:
        """Where the clock runs in some nodes only: when the case was in none of them, from start to end."""
        if not self._runs_in:
            return []
        inside = sorted(
            (span.start, span.end if span.end is not None else FOREVER)
            for span in case.nodes
            if span.node in self._runs_in
        )
        gaps: list[Span] = []
        left = start
        for begin, finish in inside:
            if begin > left:
                gaps.append((left, min(begin, end)))
            left = max(left, finish)
        return [*gaps, (left, end)] if left < end else gaps

    @staticmethod
    def standing_since(pauses: Sequence[Span], now: Instant) -> Instant | None:
        """Since when the clock is stopped at `now`; None while it runs."""
        return pauses[-1][0] if pauses and pauses[-1][1] > now else None

    def _due_with(self, limit: Limit, start: Instant, case: Case, spans: Sequence[Span]) -> Instant | None:
        """The due instant with these pauses; None if the clock is stopped for good before it is reached."""
        if limit.unit not in _DAYS:
            if spans[-1][1] >= FOREVER:
                return None
            return self._due(limit, start, case, self._still(limit, start, case, spans, FOREVER))
        at = self._due(limit, start, case, _NO_PAUSE)
        while True:
            endless = spans[-1][1] >= FOREVER
            if endless and self._still(limit, start, case, spans[-1:], at)[0]:
                return None  # each day that passes moves the limit by a day
            later = self._due(limit, start, case, self._still(limit, start, case, spans, at))
            if later <= at:
                return at
            at = later

    def _still(self, limit: Limit, start: Instant, case: Case, spans: Sequence[Span], until: Instant) -> Still:
        """How long the clock was stopped up to an instant."""
        if not spans:
            return _NO_PAUSE
        if limit.unit in _DAYS:
            zone = self._law.zone
            return self._days_still(_Stops(limit.unit, case, spans), zone.day(start), zone.day(until)), 0
        if limit.unit is LimitUnit.WORKING_MINUTES:
            hours = self._law.hours(case.unit, case.service_item)
            return 0, sum(hours.elapsed(begin, finish) for begin, finish in spans)
        return 0, sum(finish - begin for begin, finish in spans)

    def _days_still(self, stops: "_Stops", after: int, through: int) -> int:
        """How many days after `after` and through `through` the clock was stopped on, of those that the unit counts."""
        if not stops.spans:
            return 0
        if stops.unit is LimitUnit.WORKING_DAYS:
            hours = self._law.hours(stops.case.unit, stops.case.service_item)
            return hours.fully_covered_working_days(after, through, stops.spans)
        return full_days(stops.spans, after, through, self._law.zone.midnight)

    # ---- durations -------------------------------------------------------------------------------
    def gross(self, case: Case, start: Instant, stop: Instant) -> int:
        """The duration from start to stop, suspensions included, in the measure's integers."""
        name = self.measure.name
        if name == "working_days":
            zone = self._law.zone
            return self._law.calendar.working_days(zone.day(start), zone.day(stop))
        if name == "calendar_days":
            return self._law.zone.day(stop) - self._law.zone.day(start)
        if name == "working_minutes":
            return self._law.hours(case.unit, case.service_item).elapsed(start, stop)
        return stop - start

    def is_provisional(self, start: Instant, stop: Instant) -> bool:
        """Whether a duration in working time counts days of which the calendar is not published."""
        first, after = self._law.published
        if first <= start and stop < after:
            return False
        name, day = self.measure.name, self._law.zone.day
        before = day(start) - (name == "working_minutes")  # of the first day the minutes count, and no day
        return name in _WORKING_TIME and self._law.calendar.is_provisional_between(before, day(stop))

    def stood_still(self, case: Case, start: Instant, stop: Instant, pauses: Sequence[Span]) -> int:
        """How much of the gross duration the clock was stopped, in the measure's integers."""
        if not pauses:
            return 0
        name, zone = self.measure.name, self._law.zone
        if name == "working_days":
            hours = self._law.hours(case.unit, case.service_item)
            return hours.fully_covered_working_days(zone.day(start), zone.day(stop), pauses)
        if name == "calendar_days":
            return full_days(pauses, zone.day(start), zone.day(stop), zone.midnight)
        clipped = [(begin, min(finish, stop)) for begin, finish in pauses if begin < stop]
        if name == "working_minutes":
            hours = self._law.hours(case.unit, case.service_item)
            return sum(hours.elapsed(begin, finish) for begin, finish in clipped)
        return sum(finish - begin for begin, finish in clipped)

    def bin(self, duration: int) -> int:
        """The histogram bin of a duration: its whole day or minute."""
        measure = self.measure
        return duration if measure.scale == 1 else duration * measure.bin_scale // measure.scale


LONGEST_EXTENSION = Limit(amount=10, unit=LimitUnit.WORKING_DAYS)
"""行政许可法 §42: an extension of at most ten working days, once."""

SETTLED_AFTER_DAYS = 10
"""No notice moves a due instant by more working days than this: the longest holiday has fewer."""

_WORKING_TIME = ("working_days", "working_minutes")
_DAYS = frozenset((LimitUnit.WORKING_DAYS, LimitUnit.CALENDAR_DAYS, LimitUnit.MONTHS))


def unused_extensions(by_promise: Iterable[Sequence[tuple[Extension, str]]]) -> list[str]:
    """Why each extension that moves no limit at all counts for nothing; `by_promise`: `CaseClock.extensions` of each
    promise about the case."""
    reasons = [[why for _, why in extensions] for extensions in by_promise if extensions]
    return [min(codes) for codes in zip(*reasons, strict=True) if "" not in codes]


def _why_unused(extension: Extension, limit: Limit, expiry: Instant | None) -> str:
    """Why an extension cannot move a limit, as the code of an anomaly; empty if it can."""
    more = _limit(extension.limit)
    if more is None or (more.unit in _DAYS) is not (limit.unit in _DAYS):
        return "extended_in_another_unit"
    return "extended_too_late" if expiry is not None and extension.time > expiry else ""


def full_days(spans: Sequence[Span], after: int, through: int, midnight: Callable[[int], Instant]) -> int:
    """Calendar days after `after` and through `through` that lie wholly inside the spans."""
    count = 0
    for begin, finish in spans:
        first = max(after + 1, _day_at_or_after(begin, midnight))
        last = min(through, _day_at_or_after(finish + 1, midnight) - 2)
        count += max(0, last - first + 1)
    return count


def _day_at_or_after(instant: Instant, midnight: Callable[[int], Instant]) -> int:
    """The first day that begins at or after an instant."""
    day = 719_163 + instant // DAY_US - 1
    while midnight(day) < instant:
        day += 1
    return day


@lru_cache(maxsize=1024)
def _limit_of(amount: int, unit: str) -> Limit:
    return Limit(amount=amount, unit=LimitUnit(unit))


def _limit(declared: Mapping[str, Any] | None) -> Limit | None:
    """A limit as an event declares it."""
    return None if declared is None else _limit_of(declared["amount"], declared["unit"])
