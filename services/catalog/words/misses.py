"""How many misses are left of a promise, and how fast they come, in words: for dashboards, alerts, the desk, briefings
and the terminal."""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from services.domain.plan.plan import CasePromise, Promise, Title, Window


class Miss(NamedTuple):
    """What a miss of a promise is called, and how Chinese counts what the promise is about."""

    name: Title
    counter: str


COUNTERS: Final[Mapping[str, str]] = {"case": "件", "entry": "项", "duty": "份", "figure": "件"}
"""What a promise is about → how Chinese counts it."""

_LATE: Final = Title(zh="超期", en="late cases")
_NAMES: Final[Mapping[str, Title]] = {
    "entry": Title(zh="不符合", en="entries that do not count"),
    "duty": Title(zh="未按期报送", en="reports not made in time"),
}
_NOT_KEPT: Final = Title(zh="不符合", en="cases not as promised")
_WINDOWS: Final[Mapping[Window, Title]] = {
    Window.YEAR: Title(zh="全年", en="the year"),
    Window.QUARTER: Title(zh="本季度", en="the quarter"),
    Window.MONTH: Title(zh="本月", en="the month"),
}
_DAYS: Final[Mapping[Window, Title]] = {
    Window.MONTH: Title(zh="本月", en="this month"),
    Window.D30: Title(zh="近30天", en="the last 30 days"),
}
"""The windows that show the month (`budget.short_window`)."""


def miss_of(promise: Promise) -> Miss:
    """What a miss of a promise is called."""
    is_limit = isinstance(promise, CasePromise) and promise.clock.limit is not None
    return Miss(_LATE if is_limit else _NAMES.get(promise.about, _NOT_KEPT), COUNTERS[promise.about])


def until_missed(promise: Promise, number: int | str) -> Title:
    """`再有3件超期，全年即未达标`. `number`: one more than are left; or a template that gives it."""
    name, counter = miss_of(promise)
    window = _WINDOWS.get(promise.official_window, Title(zh="", en="the promise"))
    return Title(
        zh=f"再有{number}{counter}{name.zh}，{window.zh}即未达标",
        en=f"{name.en} until {window.en} is missed: {number}",
    )


def too_many(promise: Promise, number: int | str) -> Title:
    """`超期件数比允许数多2件`. `number`: how many are too many; or a template that gives it."""
    name, counter = miss_of(promise)
    return Title(zh=f"{name.zh}{counter}数比允许数多{number}{counter}", en=f"{name.en} above what is allowed: {number}")


def left_in_words(promise: Promise, left: int) -> Title:
    """One of the two, by how many misses are left."""
    return until_missed(promise, left + 1) if left >= 0 else too_many(promise, -left)


def left_in_short(promise: Promise, left: int) -> Title:
    """`3件`, `超出2件`: below a heading that says what it is, 剩余允许数."""
    counter = COUNTERS[promise.about]
    if left < 0:
        return Title(zh=f"超出{-left}{counter}", en=f"{-left} too many")
    return Title(zh=f"{left}{counter}", en=f"{left} left")


NO_MISSES: Final = Title(zh="没有", en="none")
EXCEEDED: Final = Title(zh="已超出", en="exceeded")
"""Of a pace: there are misses, and the objective allows none, so that it is no number (+Inf)."""


def pace_in_short(pace: float) -> Title:
    """The pace of misses (`budget.pace`): `没有`, `允许数的1.5倍`, `已超出`."""
    if not pace:
        return NO_MISSES
    if math.isinf(pace):
        return EXCEEDED
    return Title(zh=f"允许数的{pace:.2f}倍", en=f"{pace:.2f} x allowed")


def pace_in_full(promise: Promise, window: Window, times: str) -> Title:
    """Of a pace above 0 a clause of a sentence. `times`: the number, or a template that gives it; empty: the objective
    allows none."""
    name, days = miss_of(promise).name, _DAYS[window]
    if not times:
        return Title(zh=f"{days.zh}已有{name.zh}，目标不允许", en=f"{name.en} in {days.en}, none allowed")
    return Title(zh=f"{days.zh}{name.zh}为允许数的{times}倍", en=f"{name.en} in {days.en}: {times} x what is allowed")
