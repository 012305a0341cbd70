"""Tallies by promise, unit, item and day; and the windows of days over which they are summed (rule 9)."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Final

from services.domain.judging.kind import Moment, Sums
from services.domain.plan.plan import Window
from services.domain.plan.unit_history import UnitHistory
from services.domain.sums.tally import EVER, NOW, Tally, TallyKey, total
from services.domain.time.calendar import months_later

ALL: Final = "ALL"
"""The unit of a row about the whole."""
ALL_ITEMS: Final = "-"
"""The item of a row over all items."""
ROLLING_DAYS: Final = 30
"""How far ahead the last day of a rolling window lies, for a trend."""

Days = dict[int, Tally]
Items = dict[str, Days]
Units = dict[str, Items]


def by_promise(tallies: Mapping[TallyKey, Tally], kpis: Collection[str]) -> dict[str, Units]:
    """Tallies sorted by promise, unit, item and day."""
    series: dict[str, Units] = {}
    for key, tally in tallies.items():
        if key.kpi in kpis and not tally.empty:
            units = series.setdefault(key.kpi, {})
            units.setdefault(key.unit, {}).setdefault(key.item, {})[key.day] = tally
    return series


def of_todays_units(tallies: Mapping[TallyKey, Tally], units: UnitHistory, day: int) -> dict[TallyKey, Tally]:
    """The same tallies with each unit that has ended read as the one that continues its work on a day."""
    found: dict[TallyKey, Tally] = {}
    for key, tally in tallies.items():
        found.setdefault(key._replace(unit=units.on(key.unit, day)), Tally()).merge(tally)
    return found


def with_whole(units: Units, besides: Collection[str]) -> Iterator[tuple[str, Items, Mapping[str, Tally]]]:
    """The whole, each unit that has anything, and those `besides`: with its items, and what is true now everywhere."""
    every = whole(units.values())
    everywhere = present(every)
    yield ALL, every, everywhere
    for unit in sorted(set(units).union(each for each in besides if each)):
        yield unit, units.get(unit, {}), everywhere


def sums_of(unit: str, items: Items, window: Window, moment: Moment, everywhere: Mapping[str, Tally]) -> Sums:
    """The tallies of a window."""
    first = first_day(window, moment)
    closed = {name: in_window(days, first, moment.day) for name, days in items.items()}
    return Sums(unit, first, closed, present(items), everywhere)


def present(items: Items) -> dict[str, Tally]:
    """What is true now, by item."""
    return {name: days[NOW] for name, days in items.items() if NOW in days}


def in_window(days: Days, first: int, last: int) -> Tally:
    """The sum of the days of a window; what is kept without days belongs to the window `all`."""
    return total(
        tally for day, tally in days.items() if (day == EVER and not first) or (day > EVER and first <= day <= last)
    )


def whole(units: Iterable[Items]) -> Items:
    """All units together."""
    merged: Items = {}
    for items in units:
        for item, days in items.items():
            mine = merged.setdefault(item, {})
            for day, tally in days.items():
                mine.setdefault(day, Tally()).merge(tally)
    return merged


def first_day(window: Window, moment: Moment) -> int:
    """The first day of a window that ends with the day of a moment; 0: from the beginning."""
    last = moment.day
    match window:
        case Window.D7:
            return last - 6
        case Window.D30:
            return last - 29
        case Window.D90:
            return last - 89
        case Window.ALL:
            return 0
        case Window.NOW:
            return last
    return months_later(_first_of_month(last), -_months_past(window, moment))


def last_day_of(window: Window, moment: Moment) -> int:
    """The last day of the calendar period; of a rolling window, as far as a forecast looks."""
    months = _MONTHS.get(window)
    if months is None:
        return moment.day + ROLLING_DAYS
    return months_later(_first_of_month(moment.day), months - _months_past(window, moment)) - 1


_MONTHS: Final[Mapping[Window, int]] = {Window.MONTH: 1, Window.QUARTER: 3, Window.YEAR: 12}
"""How many months a calendar period has."""


def _months_past(window: Window, moment: Moment) -> int:
    """How many months of a period are over; quarters are those of the plan's year."""
    return (date.fromordinal(moment.day).month - moment.year_begins) % _MONTHS[window]


def _first_of_month(day: int) -> int:
    return day - date.fromordinal(day).day + 1
