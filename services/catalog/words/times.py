"""Days and times as officials write them: 2021年10月8日 14:05; 8 Oct 2021, 14:05."""

from datetime import date
from typing import Final

from services.domain.plan.plan import Title
from services.domain.time.zone import Instant, Zone

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""Not by `strftime`: that depends on the machine."""


def day_title(day: date) -> Title:
    """A day: `2021年10月8日`, `8 Oct 2021`."""
    return Title(zh=f"{day.year}年{day.month}月{day.day}日", en=f"{day.day} {_MONTHS[day.month - 1]} {day.year}")


def short_day_title(day: date) -> Title:
    """A day whose year is clear: `10月8日`, `8 Oct`."""
    return Title(zh=f"{day.month}月{day.day}日", en=f"{day.day} {_MONTHS[day.month - 1]}")


def time_title(instant: Instant, zone: Zone) -> Title:
    """A time on the wall clock of a zone, to the minute; the last microsecond of a day is its 24:00."""
    ordinal = zone.day(instant)
    is_end = instant == zone.midnight(ordinal + 1) - 1
    day, hour = day_title(date.fromordinal(ordinal)), "24:00" if is_end else zone.text(instant)[11:16]
    return Title(zh=f"{day.zh} {hour}", en=f"{day.en}, {hour}")
