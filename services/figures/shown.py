"""Cells of value rows as people read them: all their digits, so that nothing is rounded into compliance."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
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


_TWO_DIGITS = Decimal("0.01")


def as_read(row: ValueRow, *, share: bool) -> float | None:
    """The value of a row with two digits, of a share in per cent; None without one.

    Rounded down, or up where it would read as an end of its objective, or as 0, while it is more: 0.99996 of a share is
    99.99 (no 100), and 4.004 days where 4 are promised are 4.01.
    """
    if not row.value:
        return None
    scale = 100 if share else 1
    value = Decimal(row.value) * scale
    down = value.quantize(_TWO_DIGITS, ROUND_FLOOR)
    ends = [Decimal(0), *(Decimal(end) * scale for end in _ends(row.objective))]
    up = any(value > end >= down for end in ends)
    return float(value.quantize(_TWO_DIGITS, ROUND_CEILING) if up else down)


def _ends(objective: str) -> list[str]:
    """The numbers in the cell of an objective: `<= 28`, `3..5`."""
    return objective.rpartition(" ")[2].split("..") if objective else []
