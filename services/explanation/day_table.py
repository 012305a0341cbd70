"""An account day by day, as a table for people: long runs of like days are one line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from services.catalog.words.names import NameBook
from services.domain.intake.visible_text import visible
from services.domain.plan.plan import Title
from services.domain.results.explain_days import Account, AccountedDay
from services.domain.time.calendar import DayKind, weekday
from services.domain.time.zone import Zone
from services.explanation.phrases import amount_text, both, day_words
from services.explanation.words import ENGLISH_HOLIDAYS, ENGLISH_WEEKDAYS, WEEKDAYS

_SHORT = 14
"""Days of an account that is shown in full."""
_RUN = 5
"""Fewer like days are not folded: the line would be as long as they are."""


class DaysShown(NamedTuple):
    """How days are shown."""

    dues: Mapping[int, str]
    """Day → the promises whose limit ends on it."""
    zone: Zone
    names: NameBook
    every_day: bool = False
    """Nothing is folded."""


def day_table(counted: Account, shown: DaysShown) -> Table:
    """The account of a duration. The last column says why a day counts or not."""
    table = Table(
        box=None, padding=(0, 1, 0, 0), caption="· 不计 not counted  ‖ 暂停计时 clock stopped", caption_justify="left"
    )
    table.add_column("日期 day", no_wrap=True)
    table.add_column("计 +", justify="right", no_wrap=True)
    table.add_column("累计 =", justify="right", no_wrap=True)
    table.add_column("说明 why", ratio=1, overflow="fold")
    total = 0
    for run in folded(counted, shown):
        added = sum(day.amount for day in run)
        total += added
        first = run[0]
        sign = "‖" if any(day.still for day in run) else "·"
        table.add_row(
            _dates(run),
            amount_text(added, counted.scale) if added else sign,
            amount_text(total, counted.scale),
            _one(first, counted, shown) if len(run) == 1 else _many(run, counted, shown),
            style="" if added else "dim",
        )
    return table


def folded(counted: Account, shown: DaysShown) -> Iterator[Sequence[AccountedDay]]:
    """The days of the account, those that are shown in one line together."""
    days = counted.days
    if shown.every_day or len(days) <= _SHORT:
        yield from ([day] for day in days)
        return
    ends = {days[0].day, days[-1].day}
    for key, group in groupby(days, lambda day: _likeness(day, ends, shown)):
        run = list(group)
        if isinstance(key, tuple) and len(run) >= _RUN:
            yield run
        else:
            yield from ([day] for day in run)


def _likeness(day: AccountedDay, ends: set[int], shown: DaysShown) -> tuple[object, ...] | int:
    """What like days have in common; of a day that is shown alone its number."""
    partly = bool(day.amount and (day.reasons or day.outside))
    if day.day in ends or day.day in shown.dues or partly:
        return day.day
    return day.reasons, day.other_reasons, day.outside


def _dates(run: Sequence[AccountedDay]) -> str:
    first, last = run[0].day, run[-1].day
    if first == last:
        number = weekday(first)
        return f"{date.fromordinal(first)} 周{WEEKDAYS[number]} {ENGLISH_WEEKDAYS[number]}"
    return f"{date.fromordinal(first)}–{date.fromordinal(last):%m-%d}"


def _one(day: AccountedDay, counted: Account, shown: DaysShown) -> Text:
    why = Text(visible(day_words(day, counted, shown.zone, shown.names)))
    if day.day in shown.dues:
        why.append(f"  ◄ 期限 due {shown.dues[day.day]}", style="bold")
    return why


def _many(run: Sequence[AccountedDay], counted: Account, shown: DaysShown) -> Text:
    """How many days of which kind, and what is the same on all of them."""
    text = run_words(run)
    example = next((day for day in run if day.kind in _WORKED), run[0])
    same = day_words(example, counted, shown.zone, shown.names).partition("；")[2]
    return Text(visible(f"{text}；{same}" if same else text))


_WORKED = (DayKind.WORKING, DayKind.MAKE_UP)


def run_words(run: Sequence[AccountedDay], say: Callable[[Title], str] = both) -> str:
    """How many days of which kind a run has. `say`: in which language; by default in both."""
    working = sum(day.kind in _WORKED for day in run)
    off = len(run) - working
    text = say(Title(zh=f"工作日{working}日、休息日{off}日", en=f"{working} working days, {off} days off"))
    holidays = list(dict.fromkeys(day.holiday for day in run if day.holiday))
    if not holidays:
        return text
    among = Title(
        zh=f"（含{'、'.join(holidays)}）",
        en=f", {' and '.join(ENGLISH_HOLIDAYS.get(each, 'a holiday') for each in holidays)} among them",
    )
    return text + (among.zh if say is both else say(among))
