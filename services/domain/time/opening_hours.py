"""When a hall is open, and how much opening time goes by.

Limits in minutes run in opening hours only (property registration in 90 minutes): a case accepted on Friday at 16:50
is not late at 18:20. Hours are entries with the date from which they hold, one list per unit or per service item.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import TypeAlias

from services.domain.time.calendar import DayKind, WorkingCalendar, weekday
from services.domain.time.zone import MINUTE_US, Instant, Zone

Span: TypeAlias = tuple[Instant, Instant]
"""From the first instant to the one after the last."""

MinuteSpans: TypeAlias = tuple[tuple[int, int], ...]
"""Opening spans of a day in minutes of the wall clock: ((540, 720), (810, 1050)) is 09:00–12:00, 13:30–17:30. What ends
after 1440 goes on after midnight: ((1200, 1560),) is 20:00–02:00."""


@dataclass(frozen=True, slots=True)
class HoursVersion:
    """The weekly hours that hold from a date on. Weekdays are 0 (Monday) to 6; a weekday left out is closed. Hours of a
    weekday that is no working day are a service on weekends: such days are open without being working days."""

    effective_from: date
    weekly: Mapping[int, MinuteSpans]
    closed: frozenset[int] = frozenset()
    """Single days (ordinals) on which the hall does not open."""


DEFAULT_SPANS: MinuteSpans = ((9 * 60, 12 * 60), (13 * 60 + 30, 17 * 60 + 30))
"""Of a hall that declares none: 09:00–12:00 and 13:30–17:30 on working days."""


def checked_hours(version: HoursVersion, working_weekdays: Collection[int]) -> HoursVersion:
    """The version itself. ValueError if its spans overlap, leave the day, or never open on a working weekday."""
    place = f"opening hours from {version.effective_from}"
    for number, spans in version.weekly.items():
        if number not in range(7):
            raise ValueError(f"{place}: weekday {number} is not one of 0 (Monday) to 6 (Sunday)")
        _check_spans(spans, f"{place}: the spans of weekday {number}")
    if not any(version.weekly.get(number) for number in working_weekdays):
        raise ValueError(f"{place}: no hours on a working weekday, so no limit in minutes would ever end: give some")
    return version


def _check_spans(spans: MinuteSpans, place: str) -> None:
    bounds = [bound for span in spans for bound in span]
    if any(start >= end for start, end in spans) or bounds != sorted(bounds):
        raise ValueError(f"{place} are not in order: write them from early to late")
    if bounds and (bounds[0] < 0 or bounds[-2] > 1440 or bounds[-1] > 1440 + bounds[0]):
        raise ValueError(f"{place} leave the day: write 00:00 to 24:00, or one that ends before the next begins")


def _make_up_spans(weekly: Mapping[int, MinuteSpans], working_weekdays: Collection[int]) -> MinuteSpans:
    """The hours of a normal weekday: those that most working weekdays have (the earlier ones in a tie)."""
    counted = Counter(spans for number in sorted(working_weekdays) if (spans := weekly.get(number, ())))
    return counted.most_common(1)[0][0]


def _ends_late(spans: MinuteSpans) -> bool:
    """Whether the last span ends on the next day."""
    return bool(spans) and spans[-1][1] > 1440


def _minutes(spans: MinuteSpans) -> int:
    return sum(end - start for start, end in spans)


class OpeningHours:
    """The opening hours of a hall: on working days, and where an entry says so on weekends that are no holiday.
    Make-up days have the hours of a normal weekday. Before its first entry a hall has the default hours."""

    def __init__(self, zone: Zone, calendar: WorkingCalendar, versions: Sequence[HoursVersion]) -> None:
        """ValueError if spans overlap, leave the day, or a version never opens on a working weekday."""
        self._zone = zone
        self._calendar = calendar
        weekdays = calendar.working_weekdays
        default = HoursVersion(date.min, dict.fromkeys(weekdays, DEFAULT_SPANS))
        checked = [default, *(checked_hours(version, weekdays) for version in versions)]
        ordered = sorted(checked, key=lambda version: version.effective_from)
        # Of two entries with one date the later given one holds.
        self._versions = list({version.effective_from.toordinal(): version for version in ordered}.values())
        self._from = [version.effective_from.toordinal() for version in self._versions]
        self._make_up = [_make_up_spans(version.weekly, weekdays) for version in self._versions]
        self._closed = frozenset[int]().union(*(version.closed for version in self._versions))
        self._through_midnight = any(_ends_late(spans) for each in self._versions for spans in each.weekly.values())

        self._first = min([calendar.covered[0], *self._from[1:], *self._closed])
        self._last = max([calendar.covered[-1], *self._from, *(day + 1 for day in self._closed)])
        # On either side weeks repeat: opening time from the Monday that begins one to each of its midnights.
        self._before = self._week(self._first - 7)
        self._after = self._week(self._last + 1)
        self._spans_of = lru_cache(maxsize=4096)(self._spans)

    @cached_property
    def _opened(self) -> list[int]:
        """Opening time (µs) from the beginning of the covered days to the midnight that begins the i-th, by i. It takes
        0.1 s for decades of days: it is made when the first amount of opening time is asked for."""
        lengths = (self._length(day) for day in range(self._first, self._last + 1))
        return list(accumulate(lengths, initial=0))

    def spans(self, day: int) -> tuple[Span, ...]:
        """The opening spans of the local date, from early to late; none when closed."""
        return self._spans_of(day)

    def _spans(self, day: int) -> tuple[Span, ...]:
        return self._instants(day, self._minute_spans(day))

    def closes(self, day: int) -> Instant:
        """The last instant of business: the end of the last span, or of the date itself if it is closed."""
        end_of_day = self._zone.midnight(day + 1) - 1
        spans = self.spans(day)
        return min(spans[-1][1], end_of_day) if spans else end_of_day

    def elapsed(self, start: Instant, end: Instant) -> int:
        """Opening time (µs) in [start, end); 0 if end <= start. Additive over any instant between."""
        return self.opened_until(end) - self.opened_until(start) if start < end else 0

    def opened_until(self, instant: Instant) -> int:
        """Opening time (µs) from a beginning that is the same for every instant: differences are what counts."""
        day = self._zone.day(instant)
        opened = self._opened_before(day)
        for opens, closes in self.spans(day):
            if instant <= opens:
                break
            opened += min(instant, closes) - opens
        return opened

    def add(self, start: Instant, amount_us: int) -> Instant:
        """The earliest instant at which this much opening time (µs, not negative) has elapsed since the start."""
        if amount_us == 0:
            return start
        return self._when(start, amount_us, latest=False)

    def last(self, start: Instant, amount_us: int) -> Instant:
        """The latest instant at which no more than this much opening time (µs, not negative) has elapsed since the
        start. It differs from `add` only if the amount ends with a span: then it is the next opening, because closed
        time costs nothing."""
        return self._when(start, amount_us, latest=True)

    def fully_covered_working_days(self, after: int, through: int, intervals: Sequence[Span]) -> int:
        """How many working days d, after < d <= through, lie with all of their opening spans inside the union of the
        intervals: the days on which a clock was stopped from opening to close. A working day on which the hall is
        closed is judged by the default hours."""
        covered = 0
        borders: set[int] = set()
        merged = _merged(intervals)
        for start, end in merged:
            first, last = self._zone.day(start), self._zone.day(end)
            borders |= {first, last}
            covered += self._calendar.working_days(max(first, after), min(last - 1, through))
        for day in borders:
            if after < day <= through and self._calendar.is_working(day):
                spans = self.spans(day) or self._instants(day, DEFAULT_SPANS)
                covered += all(
                    any(start <= opens and closes <= end for start, end in merged) for opens, closes in spans
                )
        return covered

    def _minute_spans(self, day: int) -> MinuteSpans:
        """The spans of a date, from midnight to midnight."""
        own = self._begun(day)
        if not self._through_midnight:
            return own
        before = self._begun(day - 1)
        late = ((0, before[-1][1] - 1440),) if _ends_late(before) else ()
        return tuple(_merged([*late, *((start, min(end, 1440)) for start, end in own)]))

    def _begun(self, day: int) -> MinuteSpans:
        """The spans that begin on a date."""
        if day in self._closed:
            return ()
        era = bisect_right(self._from, day) - 1
        number = weekday(day)
        match self._calendar.kind(day):
            case DayKind.MAKE_UP:
                return self._make_up[era]
            case DayKind.HOLIDAY:
                return ()
            case _:
                return self._versions[era].weekly.get(number, ())

    def _instants(self, day: int, spans: MinuteSpans) -> tuple[Span, ...]:
        if day in self._zone.irregular_days:
            walls = ((self._zone.at(day, start), self._zone.at(day, end)) for start, end in spans)
            return tuple((opens, closes) for opens, closes in walls if opens < closes)
        midnight = self._zone.midnight(day)
        return tuple((midnight + start * MINUTE_US, midnight + end * MINUTE_US) for start, end in spans)

    def _length(self, day: int) -> int:
        if day in self._zone.irregular_days:
            return sum(closes - opens for opens, closes in self._spans(day))
        return _minutes(self._minute_spans(day)) * MINUTE_US

    def _week(self, first: int) -> list[int]:
        return list(accumulate((self._length(day) for day in range(first, first + 7)), initial=0))

    def _opened_before(self, day: int) -> int:
        """Opening time from the beginning of the covered days to the midnight that begins the day."""
        if day > self._last + 1:
            weeks, past = divmod(day - self._last - 1, 7)
            return self._opened[-1] + weeks * self._after[-1] + self._after[past]
        if day < self._first:
            # The week before the covered days begins 7 days before them; weeks count backwards from there.
            weeks, past = divmod(day - self._first, 7)
            return weeks * self._before[-1] + self._before[past]
        return self._opened[day - self._first]

    def _when(self, start: Instant, amount_us: int, *, latest: bool) -> Instant:
        if amount_us < 0:
            raise ValueError(f"{amount_us} µs of opening time: an amount cannot be negative")
        # Counting in whole µs, the earliest instant at which n have gone by ends the n-th; the latest begins the
        # one after it.
        nth = self.opened_until(start) + amount_us + latest
        day = self._day_of_nth(nth)
        left = nth - self._opened_before(day)
        for opens, closes in self.spans(day):
            if left <= closes - opens:
                return opens + left - latest
            left -= closes - opens
        raise AssertionError("the prefix sums and the spans of a day disagree")

    def _day_of_nth(self, nth: int) -> int:
        """The day in whose hours the nth microsecond of opening time lies, counted from 1 at the covered days."""
        if nth > self._opened[-1]:
            weeks, left = divmod(nth - self._opened[-1] - 1, self._after[-1])
            return self._last + 1 + 7 * weeks + bisect_left(self._after, left + 1) - 1
        if nth < 1:
            weeks, left = divmod(nth - 1, self._before[-1])
            return self._first + 7 * weeks + bisect_left(self._before, left + 1) - 1
        return self._first + bisect_left(self._opened, nth) - 1


def _merged(intervals: Sequence[Span]) -> list[Span]:
    """The union as disjoint intervals in order; those that overlap or touch are one."""
    merged: list[Span] = []
    for start, end in sorted(intervals):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
