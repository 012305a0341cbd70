"""Months, as duties and figures are owed by."""

from datetime import date


def month_of(day: date) -> str:
    """The month of a day: `2021-09`."""
    return f"{day.year:04}-{day.month:02}"


def last_day(day: date) -> int:
    """The last day of its month."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1).toordinal() - 1


def first_owed(effective_from: date) -> str:
    """The first whole month from the date on: `2021-09`."""
    if effective_from.day == 1:
        return month_of(effective_from)
    return month_of(date.fromordinal(last_day(effective_from) + 1))
