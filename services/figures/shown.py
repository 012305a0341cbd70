"""Cells of value rows as people read them: all their digits, so that nothing is rounded into compliance."""

from decimal import Decimal
from typing import NamedTuple

from services.domain.plan.plan import Promise
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
