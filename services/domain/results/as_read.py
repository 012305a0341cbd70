"""The figure of a value row as people read it on a page of many figures: two digits, and none is rounded away."""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Final

from services.domain.plan.plan import Promise
from services.domain.results.budget import exact_value
from services.domain.results.published import ValueRow
from services.domain.sums.statistic import written

_TWO_DIGITS: Final = Decimal("0.01")
_PLAIN: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
"""A cell has no exponent (docs/contract.md); one that has could be a number of any length."""


def as_read(row: ValueRow, promise: Promise) -> float | None:
    """The value of a row, of a share in per cent; None without one.

    Rounded, but never to an end of its objective that it misses, nor a share to all or nothing that is neither: 0.99996
    of a share is 99.99 (no 100), and 4.004 days where 4 are promised are 4.01 (decision 0287).
    """
    if not _PLAIN.fullmatch(row.value):
        return float(row.value) if row.value else None
    share = promise.figure_unit == "share"
    scale = 100 if share else 1
    read, value = (Decimal(row.value) * scale).quantize(_TWO_DIGITS, ROUND_HALF_EVEN), _exact(row) * scale
    relation, ends = _objective(row.objective)
    for end in (one * scale for one in ends):
        if _hides_a_miss(value, read, relation, Fraction(end)):
            read = end + (_TWO_DIGITS if value > end else -_TWO_DIGITS)
    return float(_not_whole(value, read) if share else read)


def _hides_a_miss(value: Fraction, read: Decimal, relation: str, end: Fraction) -> bool:
    """Whether a figure reads as if it reached an end of its objective that it misses."""
    is_below, is_above = value < end <= Fraction(read), value > end >= Fraction(read)
    return (is_below and relation != "<=") or (is_above and relation != ">=")


def _exact(row: ValueRow) -> Fraction:
    """The figure, of which the cell has six digits: of very many cases a miss may not show in them."""
    exact = exact_value(row)
    return exact if written(exact) == row.value else Fraction(row.value)


def _not_whole(per_cent: Fraction, read: Decimal) -> Decimal:
    """Neither does a share read as all, or as none, that is not."""
    if per_cent < 100 <= read:
        return 100 - _TWO_DIGITS
    return _TWO_DIGITS if per_cent > 0 >= read else read


def _objective(cell: str) -> tuple[str, list[Decimal]]:
    """The relation and the numbers in the cell of an objective: `<= 28`, `3..5`, which has no relation."""
    relation, _, numbers = cell.rpartition(" ")
    return relation, [Decimal(end) for end in numbers.split("..") if _PLAIN.fullmatch(end)]
