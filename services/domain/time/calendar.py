"""Which days are working days, and what follows from it.

The General Office of the State Council publishes, for each year, the public holidays and the weekends that are worked
in exchange (调休). A calendar is made of such days; where none is published yet, Monday to Friday are worked and the
answer is provisional. Days are local dates as proleptic ordinals; the first day of a limit is never counted.
"""

from calendar import monthrange
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import accumulate

_FIRST_YEAR, _LAST_YEAR = 1990, 2060


class DayKind(StrEnum):
    """Why a day is worked or not."""

    WORKING = "working"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    MAKE_UP = "make_up"


def weekday(day: int) -> int:
    """0 = Monday … 6 = Sunday (the ordinal 1 was a Monday)."""
    return (day + 6) % 7


class _Week:
    """A week without holidays, without end: how many of its working days go by, by arithmetic alone."""

    def __init__(self, working_weekdays: Collection[int]) -> None:
        self.length = len(working_weekdays)
        self._through = [sum(weekday(day) in working_weekdays for day in range(1, past + 1)) for past in range(7)]
        self._days = [day for day in range(1, 8) if weekday(day) in working_weekdays]

    def through(self, day: int) -> int:
        """Working days from the ordinal 1 through this day."""
        weeks, past = divmod(day, 7)
        return weeks * self.length + self._through[past]

    def nth(self, n: int) -> int:
        """The day of the n-th working day, the first one being n = 1; the inverse of `through`."""
        weeks, index = divmod(n - 1, self.length)
        return weeks * 7 + self._days[index]


@dataclass(frozen=True, slots=True)
class Notices:
    """The days that the published notices name, and the time that they cover."""

    holidays: Mapping[date, str]
    """Each free day, weekends within a holiday included → the name of the holiday."""
    make_up_days: Collection[date]
    """Weekend days that are worked in exchange."""
    first: date
    last: date


class WorkingCalendar:
    """The working days of a place. Prefix sums over 1990 to 2060, plain weeks on either side: no query loops over
    days, and none fails because a calendar ends."""

    def __init__(
        self,
        *,
        name: str,
        version: str,
        notices: Notices,
        working_weekdays: Collection[int] = (0, 1, 2, 3, 4),
    ) -> None:
        """ValueError if a day is a holiday and a make-up day, or if a weekday is not 0 to 6."""
        holidays, make_up_days = notices.holidays, notices.make_up_days
        _check(name, working_weekdays, set(holidays) & set(make_up_days))
        self.name = name
        self.version = version
        self.published_from = notices.first
        self.published_through = notices.last
        self.working_weekdays = frozenset(working_weekdays)
        """0 (Monday) to 6."""
        self._holidays = {day.toordinal(): holiday for day, holiday in holidays.items()}
        self._make_up_days = frozenset(day.toordinal() for day in make_up_days)
        self._published = range(notices.first.toordinal(), notices.last.toordinal() + 1)

        named = [*holidays, *make_up_days]
        self._first = date(min([_FIRST_YEAR, *(day.year for day in named)]), 1, 1).toordinal()
        self._last = date(max([_LAST_YEAR, *(day.year for day in named)]), 12, 31).toordinal()
        self.covered = range(self._first, self._last + 1)
        """The days that prefix sums cover; before and after them there are only plain weeks."""
        self._worked = [self._is_worked(day) for day in self.covered]
        # _through[i]: working days of the span through its i-th day; _days: those days in order.
        self._through = list(accumulate(self._worked))
        self._days = [day for day, worked in zip(self.covered, self._worked, strict=True) if worked]
        self._week = _Week(self.working_weekdays)
        self._week_before = self._week.through(self._first - 1)
        self._week_after = self._week.through(self._last)

    def _is_worked(self, day: int) -> bool:
        if day in self._make_up_days:
            return True
        return weekday(day) in self.working_weekdays and day not in self._holidays

    def kind(self, day: int) -> DayKind:
        """What the day is. A weekend day inside a published holiday is part of the holiday."""
        if day in self._make_up_days:
            return DayKind.MAKE_UP
        if day in self._holidays:
            return DayKind.HOLIDAY
        return DayKind.WORKING if weekday(day) in self.working_weekdays else DayKind.WEEKEND

    def holiday_name(self, day: int) -> str:
        """The holiday's name as the notice gives it (春节); empty if the day is none."""
        return self._holidays.get(day, "")

    def is_working(self, day: int) -> bool:
        if self._first <= day <= self._last:
            return self._worked[day - self._first]
        return weekday(day) in self.working_weekdays

    def is_provisional(self, day: int) -> bool:
        """No notice covers the day: Monday to Friday is assumed, and a notice may still change it."""
        return day not in self._published

    def is_provisional_between(self, after: int, through: int) -> bool:
        """Whether a count of the days d with after < d <= through touches one that no notice covers."""
        return after < through and (after + 1 < self._published.start or through >= self._published.stop)

    def working_days(self, after: int, through: int) -> int:
        """How many working days d there are with after < d <= through; 0 if through <= after."""
        if through <= after:
            return 0
        return self._count(through) - self._count(after)

    def add_working_days(self, day: int, n: int) -> int:
        """The n-th working day after the day, which itself is not counted (起算日不计); n = 0 is the day itself, and
        a negative n the n-th working day before it."""
        if n == 0:
            return day
        return self._nth(self._count(day) + n if n > 0 else self._count(day - 1) + n + 1)

    def roll_forward(self, day: int) -> int:
        """The day itself if it is worked (make-up days are), else the next one that is."""
        return day if self.is_working(day) else self._nth(self._count(day) + 1)

    def add_calendar_days(self, day: int, n: int) -> int:
        """n calendar days later, rolled forward off a non-working day."""
        return self.roll_forward(day + n)

    def add_months(self, day: int, n: int) -> int:
        """The same day n months later, or the last day of that month if it has no such day (Civil Code, on the
        reckoning of periods by months), rolled forward off a non-working day."""
        return self.roll_forward(months_later(day, n))

    def _count(self, day: int) -> int:
        """Working days from the beginning of the span through the day; negative before the span."""
        if day < self._first:
            return self._week.through(day) - self._week_before
        if day > self._last:
            return self._through[-1] + self._week.through(day) - self._week_after
        return self._through[day - self._first]

    def _nth(self, n: int) -> int:
        """The working day by which n have gone by since the beginning of the span; the inverse of `_count`."""
        if n < 1:
            return self._week.nth(self._week_before + n)
        if n > len(self._days):
            return self._week.nth(self._week_after + n - len(self._days))
        return self._days[n - 1]


def _check(name: str, working_weekdays: Collection[int], both: set[date]) -> None:
    if not working_weekdays or not set(working_weekdays) <= set(range(7)):
        raise ValueError(
            f"calendar {name}: working weekdays {sorted(working_weekdays)} are not some of 0 (Monday) to 6 (Sunday)"
        )
    if both:
        raise ValueError(f"calendar {name}: {min(both)} is a holiday and a make-up day: strike one of them out")


def months_later(day: int, n: int) -> int:
    """The same day of the month n months later, else the last day of that month; not rolled."""
    start = date.fromordinal(day)
    year, month = divmod(start.year * 12 + start.month - 1 + n, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1])).toordinal()
