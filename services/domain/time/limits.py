"""How long a promise allows, and until when that is.

Bounds are inclusive (不超过, 内): everywhere a completion at t is on time if and only if t <= due.
"""

import re
from enum import StrEnum
from typing import Annotated, Self, assert_never

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.domain.time.calendar import WorkingCalendar, months_later
from services.domain.time.opening_hours import OpeningHours
from services.domain.time.zone import MINUTE_US, Instant, Zone


class LimitUnit(StrEnum):
    """What a limit counts: days of the calendar, opening time of the hall, or time as it passes (`minutes`)."""

    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"
    WORKING_MINUTES = "working_minutes"
    MINUTES = "minutes"
    MONTHS = "months"


_LONGEST = {
    LimitUnit.WORKING_DAYS: 100 * 366,
    LimitUnit.CALENDAR_DAYS: 100 * 366,
    LimitUnit.WORKING_MINUTES: 100 * 366 * 1440,
    LimitUnit.MINUTES: 100 * 366 * 1440,
    LimitUnit.MONTHS: 100 * 12,
}
"""No limit is longer than a century: a slip of the keyboard must not make dates that no calendar has."""

_WRITTEN = re.compile(r"([0-9]{1,12})[ _]+([a-z]+(?:[ _][a-z]+)?)")


class Limit(BaseModel):
    """A length of statutory time: 4 working days. An amount of 0 means by the end of the starting day, in any unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Annotated[int, Field(strict=True, ge=0)]
    unit: LimitUnit

    @model_validator(mode="after")
    def _within_a_century(self) -> Self:
        if self.amount > _LONGEST[self.unit]:
            raise ValueError(f"{self} is longer than a century: write at most {_LONGEST[self.unit]} {self.unit}")
        return self

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """From "4 working_days" or "1 working_day". ValueError if it is not so written, with what would be right."""
        written = _WRITTEN.fullmatch(text.strip())
        unit = written[2].replace(" ", "_") if written else ""
        unit = unit if unit.endswith("s") else f"{unit}s"
        if written is None or unit not in set(LimitUnit):
            raise ValueError(
                f"{text!r} is not a limit: write a whole number and a unit, as in '4 working_days'; "
                f"the units are {', '.join(LimitUnit)}"
            )
        amount = int(written[1])
        if amount > _LONGEST[LimitUnit(unit)]:
            raise ValueError(f"{text!r} is longer than a century: write at most {_LONGEST[LimitUnit(unit)]} {unit}")
        return cls(amount=amount, unit=LimitUnit(unit))

    def __str__(self) -> str:
        return f"{self.amount} {self.unit if self.amount != 1 else self.unit.removesuffix('s')}"


_MINUTES = (LimitUnit.MINUTES, LimitUnit.WORKING_MINUTES)


class Ends(StrEnum):
    """At what time of the last day a limit in days ends: at 24:00, at the time of day at which it began, or when the
    hall closes. Limits in minutes end at an instant anyway."""

    DAY = "day"
    INSTANT = "instant"
    CLOSE = "close"


def last_moment(day: int, start: Instant, ends: Ends, *, zone: Zone, hours: OpeningHours) -> Instant:
    """The last instant of the day that is still on time, for a period that began at the start."""
    match ends:
        case Ends.DAY:
            return zone.midnight(day + 1) - 1
        case Ends.INSTANT:
            return zone.on(day, start)
        case Ends.CLOSE:
            return hours.closes(day)
        case _:
            assert_never(ends)


def due(
    limit: Limit,
    start: Instant,
    ends: Ends,
    *,
    zone: Zone,
    calendar: WorkingCalendar,
    hours: OpeningHours,
    paused_days: int = 0,
    paused_us: int = 0,
) -> Instant:
    """The last instant that is on time: a completion at t is in time if and only if t <= due.

    The starting day is not counted. A limit of 0 days ends with the starting day, or with the working day after it:
    no period ends on a day off (民法典 §203). Limits in days end at the last microsecond of the local date unless
    `ends` says otherwise; calendar days and months roll forward off a non-working day. `paused_days` are days on which
    the clock was stopped (working days for a limit in working days, else calendar days, added before the roll),
    `paused_us` the time it was stopped for limits in minutes (opening time for working minutes). Working minutes end at
    the last instant at which no more than the limit has gone by: if they end with the hall's hours, at the next
    opening.
    """
    day = zone.day(start)
    if limit.amount == 0:
        starting_day_ends = Ends.CLOSE if ends is Ends.CLOSE else Ends.DAY
        first = day if limit.unit in _MINUTES else calendar.roll_forward(day)
        last_day = calendar.add_working_days(first, paused_days)
        return last_moment(last_day, start, starting_day_ends, zone=zone, hours=hours)
    match limit.unit:
        case LimitUnit.MINUTES:
            return start + limit.amount * MINUTE_US + paused_us
        case LimitUnit.WORKING_MINUTES:
            return hours.last(start, limit.amount * MINUTE_US + paused_us)
        case LimitUnit.WORKING_DAYS:
            last_day = calendar.add_working_days(day, limit.amount + paused_days)
        case LimitUnit.CALENDAR_DAYS:
            last_day = calendar.add_calendar_days(day, limit.amount + paused_days)
        case LimitUnit.MONTHS:
            last_day = calendar.roll_forward(months_later(day, limit.amount) + paused_days)
        case _:
            assert_never(limit.unit)
    return last_moment(last_day, start, ends, zone=zone, hours=hours)
