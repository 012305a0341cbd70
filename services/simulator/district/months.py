"""Months, as the periods of duties and figures."""

from datetime import date


def month_of(day: date) -> str:
    """The month of a day: `2021-09`."""
    return f"{day.year:04}-{day.month:02}"


def last_day(day: date) -> int:
    """The last day of its month."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1).toordinal() - 1


def first_whole_month(start: date) -> str:
    """The first whole month from a date on: `2021-09`."""
    if start.day == 1:
        return month_of(start)
    return month_of(date.fromordinal(last_day(start) + 1))
