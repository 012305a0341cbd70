"""The figure of a value row as people read it on a page of many figures: two digits, and none is rounded away."""

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from services.domain.plan.plan import Promise
from services.domain.results.published import ValueRow

_TWO_DIGITS: Final = Decimal("0.01")
_PLAIN: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
"""A cell has no exponent (docs/contract.md); one that has could be a number of any length."""


def as_read(row: ValueRow, promise: Promise) -> float | None:
    """The value of a row, of a share in per cent; None without one.

    Rounded down, or up where it would read as an end of its objective, or as 0, while it is more: 0.99996 of a share is
    99.99 (no 100), and 4.004 days where 4 are promised are 4.01.
    """
    if not _PLAIN.fullmatch(row.value):
        return float(row.value) if row.value else None
    scale = 100 if promise.figure_unit == "share" else 1
    value = Decimal(row.value) * scale
    down = value.quantize(_TWO_DIGITS, ROUND_FLOOR)
    ends = [Decimal(0), *(Decimal(end) * scale for end in _ends(row.objective))]
    up = any(value > end >= down for end in ends)
    return float(value.quantize(_TWO_DIGITS, ROUND_CEILING) if up else down)


def _ends(objective: str) -> list[str]:
    """The numbers in the cell of an objective: `<= 28`, `3..5`."""
    return [end for end in objective.rpartition(" ")[2].split("..") if _PLAIN.fullmatch(end)]
