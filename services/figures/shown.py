"""Cells of value rows as people read them: all their digits, or so few that a line takes them; nothing is ever rounded
into compliance."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import NamedTuple

from services.domain.plan.plan import Objective, Promise
from services.domain.results.budget import distance_of, exact_value
from services.domain.results.published import ValueRow

_IN_THE_UNIT = ("value", "lower", "upper", "objective", "mean_gross", "p50", "p95")
_SHARES = ("suspended_share", "extended_share", "withdrawn_share")
_RELATIONS = {"<=": "≤", ">=": "≥", "=": "="}

NOTHING = "–"
"""Shown for an empty cell."""


class Shown(NamedTuple):
    """One cell on a page: what is read, and which cell of values.csv it is."""

    text: str
    row: str
    column: str


def row_key(row: ValueRow) -> str:
    """What distinguishes a value row from every other: its place in values.csv."""
    return "|".join((row.kpi, row.variant, row.unit, row.item, row.window, row.window_end))


def shown(row: ValueRow, column: str, promise: Promise) -> Shown:
    """A cell of a row, as it is read."""
    text: str = getattr(row, column)
    if column == "window_end":
        return Shown(text[:10], row_key(row), column)
    return Shown(_read(text, is_share(column, promise)), row_key(row), column)


_HUNDREDTH = Decimal("0.01")


def rounded(row: ValueRow, promise: Promise) -> str:
    """The figure of a row with two decimals at most, a share in per cent, without its unit. What misses its target
    never reads as if it reached it: 99.996 % is 99.99 % where 100 % is the target, as in the sentences of alerts."""
    if not row.value:
        return NOTHING
    is_of_whole = promise.figure_unit == "share"
    times = 100 if is_of_whole else 1
    number = (Decimal(row.value) * times).quantize(_HUNDREDTH, ROUND_HALF_EVEN)
    if is_of_whole:
        number = _not_whole(exact_value(row), number)
    if promise.target is not None and (distance_of(row, promise) or 0) > 0:
        number = _not_reached(promise.target, row, number, times)
    text = f"{number.normalize():f}"
    return f"{text} %" if is_of_whole else text


def _not_reached(target: Objective, row: ValueRow, number: Decimal, times: int) -> Decimal:
    """A rounded figure that misses its target, moved off it where rounding has brought it there."""
    if not target.holds(number / times):
        return number
    is_above = target.relation == "<=" or (target.relation == "=" and exact_value(row) > Fraction(target.amount))
    return target.amount * times + (_HUNDREDTH if is_above else -_HUNDREDTH)


def _not_whole(share: Fraction, per_cent: Decimal) -> Decimal:
    """Neither does a share read as all, or as none, that is not."""
    if share < 1 <= per_cent / 100:
        return 100 - _HUNDREDTH
    return _HUNDREDTH if share > 0 >= per_cent else per_cent


def is_share(column: str, promise: Promise) -> bool:
    """Whether a column of the promise holds shares, which are read in per cent."""
    return column in _SHARES or (column in _IN_THE_UNIT and promise.figure_unit == "share")


def _read(text: str, share: bool) -> str:
    if not text:
        return NOTHING
    if ".." in text:
        return text.replace("..", "–")
    relation, _, number = text.rpartition(" ")
    if share:
        number = f"{(Decimal(number) * 100).normalize():f} %"
    return f"{_RELATIONS[relation]} {number}" if relation else number
