"""Tallies: the small commutative sums from which every figure is derived.

A judgement contributes to one tally per (kpi, unit, item, day). Contributions are added and taken back exactly, and
tallies of partitions and days are merged by addition, so that the order and the grouping of events never show.
All amounts are integers: days, microseconds or millionths, divided once when a value is published.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

NOW = 0
"""The `day` of what is true at present and not of a date: open cases, states of the catalogue."""
EVER = 1
"""The `day` of a promise that is only published for the window `all`: no days are kept."""


class TallyField:
    """What a tally counts: places in its row of sums. Plain integers, since every event adds some of them."""

    N = 0
    """Matured: closed on time or late; for means: measured."""
    MET = 1
    """In the numerator."""
    OVERDUE = 2
    """Open and past its limit, or open and already in breach of a bound."""
    YELLOW = 3
    """Open and close to its limit."""
    OPEN = 4
    """Open within its limit (only where a kind needs it)."""
    SUSPENDED = 5
    """Of those counted: had this promise's clock stopped."""
    EXTENDED = 6
    """Of those counted: was granted an extension."""
    WITHDRAWN = 7
    JUSTIFIED = 8
    """Left the denominator for an accepted reason."""
    LATE_ENTRY = 9
    """Met only by what arrived after the limit, and not confirmed: in the denominator, not in the numerator."""
    UNMEASURED = 10
    """Closed, but the source never reported the fact."""
    TOTAL = 11
    """Sum of the measured amounts (net)."""
    GROSS = 12
    """Sum of the gross amounts, suspensions included."""
    BASE = 13
    """Sum of what the amounts are compared with; for open cases of a mean: sum of their starts (in opening time, where
    that is what is measured)."""
    ACTUAL = 14
    """Sum of the amounts that BASE is compared with."""
    AWAITING = 15
    """Past its limit, while the source that has to report the stop is still in time: not in N."""
    PROVISIONAL = 16
    """Of those counted: a count of its days touches a year whose calendar is not published."""
    UNCLASSIFIED = 17
    """Matured, if the promise selects it: a selecting field is unknown, and no known one differs. Not in N."""
    PROVISIONAL_MET = 18
    """Of those in PROVISIONAL: in the numerator."""
    UNCLASSIFIED_MISSED = 19
    """Of those unclassified: a miss under every promise that they may fall under."""


TALLY_FIELDS = 20
_LARGEST = 2**63 - 1
"""No JSON number is larger: the starts of some thousand open cases, in microseconds, add up to more."""
TallyAmounts = tuple[tuple[int, int], ...]
"""A contribution: (cell, amount) pairs."""


class TallyKey(NamedTuple):
    """What a tally is about."""

    kpi: str
    """`Promise.key`: `K24-1`, or `K24-1/cases`."""
    unit: str
    item: str
    """Service item, node or period; `-` where the promise is not kept by item."""
    day: int
    """Ordinal of the local date, `NOW` or `EVER`."""


class Contribution(NamedTuple):
    """What one judgement adds to one tally."""

    key: TallyKey
    cells: TallyAmounts
    bin: int | None
    """Where the amount falls in the histogram: a whole day or minute."""


class Tally:
    """TallyAmounts and a histogram; a commutative monoid under `merge`."""

    __slots__ = ("bins", "cells")

    def __init__(self) -> None:
        self.cells = [0] * TALLY_FIELDS
        self.bins: dict[int, int] = {}

    def add(self, cells: TallyAmounts, bin: int | None, sign: int) -> None:
        """Add (sign 1) or take back (sign -1) one contribution."""
        mine = self.cells
        for cell, amount in cells:
            mine[cell] += sign * amount
        if bin is not None:
            count = self.bins.get(bin, 0) + sign
            if count:
                self.bins[bin] = count
            else:
                del self.bins[bin]

    def merge(self, other: "Tally") -> None:
        """Add all of another tally."""
        cells, bins = self.cells, self.bins
        for cell, amount in enumerate(other.cells):
            if amount:
                cells[cell] += amount
        for bin, count in other.bins.items():
            total = bins.get(bin, 0) + count
            if total:
                bins[bin] = total
            else:
                bins.pop(bin, None)

    @property
    def empty(self) -> bool:
        """Nothing is counted: the tally can be forgotten."""
        return not self.bins and not any(self.cells)

    def packed(self) -> list[Any]:
        """A JSON-able form: non-zero cells and bins as pairs, in order; as text what JSON's readers do not hold."""
        cells = [
            [cell, amount if -_LARGEST <= amount <= _LARGEST else str(amount)]
            for cell, amount in enumerate(self.cells)
            if amount
        ]
        return [cells, sorted(self.bins.items())]

    @classmethod
    def unpacked(cls, packed: list[Any]) -> "Tally":
        """The tally of its packed form."""
        tally = cls()
        for cell, amount in packed[0]:
            tally.cells[cell] = int(amount)
        tally.bins = dict(packed[1])
        return tally

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self.cells == other.cells and self.bins == other.bins

    __hash__ = None  # type: ignore[assignment]  # a tally changes


Tallies = Mapping[TallyKey, Tally]


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies."""
    result = Tally()
    listed = list(tallies)
    if len(listed) == 1:
        result.cells, result.bins = listed[0].cells.copy(), {bin: n for bin, n in listed[0].bins.items() if n}
        return result
    if listed:  # the sums of windows are most of the work of a replay of many moments: column by column
        result.cells = list(map(sum, zip(*[tally.cells for tally in listed], strict=True)))
    bins: dict[int, int] = {}
    for tally in listed:
        for bin, count in tally.bins.items():
            bins[bin] = bins.get(bin, 0) + count
    result.bins = {bin: count for bin, count in bins.items() if count}
    return result
