"""Why an entry cannot be judged by although its form is right: a plan that has such an entry is not loaded.

What only the whole plan can show (names that nothing declares, clauses, versions) is said by `services.catalog.check`.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from difflib import get_close_matches
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from services.domain.plan.calendar_file import CalendarFile
from services.domain.plan.plan import Fault, HoursEntry, PlanHead, Strength, Supervision
from services.domain.plan.statutory_time import hours_version
from services.domain.time.opening_hours import checked_hours

_HOURS = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)")

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_BRACES = re.compile(r"[{}]")


def unknown(what: str, name: object, known: Iterable[str], where: str) -> str:
    """The sentence for a name that nothing declares, with the nearest that is."""
    near = get_close_matches(str(name), sorted(known), n=1, cutoff=0.6)
    return f"{what} {name!r} is not in {where}" + (f": did you mean {near[0]!r}?" if near else "")


def of_head(head: PlanHead) -> Iterator[Fault]:
    """The time zone is one, and supervision has its steps in order."""
    try:
        ZoneInfo(head.timezone)
    except (KeyError, OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError
        yield ("timezone",), unknown("time zone", head.timezone, available_timezones(), "the time zone database")
    yield from _of_supervision(head.supervision)


def _of_supervision(supervision: Supervision) -> Iterator[Fault]:
    for strength in (Strength.HARD, Strength.SOFT):
        for (step, days), (later, later_days) in pairwise(supervision.ladder(strength).steps()):
            if later_days <= days:
                yield (
                    ("supervision", strength.value, later.value),
                    f"{later_days} is not after {step.value}, which comes after {days} working days: write more",
                )
    written = set(_PLACEHOLDER.findall(supervision.order_number))
    if written != {"{year}", "{number}"} or len(_BRACES.findall(supervision.order_number)) != 4:
        yield (
            ("supervision", "order_number"),
            f"{supervision.order_number!r} does not hold {{year}} and {{number}}, once each: write them, as in "
            "'督办〔{year}〕{number}号'",
        )


def of_calendar(calendar: CalendarFile) -> Iterator[Fault]:
    """It does not contradict itself, and names only days that it publishes."""
    try:
        calendar.working_calendar()
    except ValueError as error:
        yield (), str(error)
        return
    yield from _of_holidays(calendar)
    for index, day in enumerate(calendar.make_up_days):
        if not calendar.publishes(day):
            yield ("make_up_days", index), f"{day} lies {_outside(calendar)}"
        elif day.weekday() in calendar.working_weekdays:
            yield ("make_up_days", index), f"{day} is a working day by the week: leave it out"


def _of_holidays(calendar: CalendarFile) -> Iterator[Fault]:
    named: dict[date, str] = {}
    for index, holiday in enumerate(calendar.holiday):
        place = ("holiday", index)
        if not (calendar.publishes(holiday.first) and calendar.publishes(holiday.last)):
            yield place, f"{holiday.name} lies {_outside(calendar)}"
        both = next((day for day in holiday.days() if day in named), None)
        if both is not None:
            yield place, f"{both} belongs to {named[both]} already: a day has one name"
        named |= dict.fromkeys(holiday.days(), holiday.name)


def _outside(calendar: CalendarFile) -> str:
    return f"outside {calendar.published_from} to {calendar.published_through}: extend what is published"


def of_hours(entry: HoursEntry, working_weekdays: Collection[int]) -> Iterator[Fault]:
    """Its spans are hours, in order, and open some time on a working weekday."""
    for days, spans in entry.weekly.items():
        for span in spans:
            if not _HOURS.fullmatch(span):
                yield ("weekly", days), f'{span!r} is no span of hours: write it as "09:00-12:00"'
                return
    try:
        checked_hours(hours_version(entry), working_weekdays)
    except ValueError as error:
        yield ("weekly",), str(error).partition(": ")[2]


def of_hall(name: str | None, halls: Collection[str]) -> Iterator[Fault]:
    """The opening hours that a unit or a service item names are there."""
    if name is not None and name not in halls:
        yield ("opening_hours",), unknown("hours", name, halls, "opening_hours.toml")
