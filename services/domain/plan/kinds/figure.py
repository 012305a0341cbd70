"""`kind = "figure"`: a figure that sources count themselves, month by month or once, where no cases are sent."""

from collections.abc import Iterator
from datetime import date
from typing import Literal

from services.domain.plan.plan import Direction, Fault, Filled, Promise


class FigurePromise(Promise):
    """A ratio of two reported quantities (`figure.reported`)."""

    about = "figure"

    kind: Literal["figure"]
    numerator: Filled
    """The quantity whose `numerator` is summed, and"""
    denominator: Filled
    """the quantity whose `denominator` is: another one where one source counts what another holds."""
    period: Literal["month", "once"]
    """Each month, or once, by the date `by`."""
    statistic: Literal["share", "stock"]
    """`share` (the sums over the window's periods) or `stock` (the last reported period alone)."""
    owed_by: tuple[str, ...] = ()
    """The units that owe it, each period."""
    by: date | None = None
    """Target date: judged at its 24:00 in the plan's zone; it does not roll."""
    direction: Direction | None = None
    """For what has no objective: which way is good."""

    @property
    def target_date(self) -> date | None:
        return self.by

    @property
    def good_direction(self) -> Direction | None:
        return self.direction

    @property
    def figure_unit(self) -> str:
        return "share" if self.objective is None else self.objective.unit

    def objective_units(self) -> frozenset[str] | None:
        return frozenset()

    @property
    def in_one_report(self) -> str:
        return self.numerator if self.numerator == self.denominator else ""

    @property
    def must_be_reported(self) -> bool:
        return True

    @property
    def owed_units(self) -> tuple[str, ...]:
        return self.owed_by

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return (("numerator", self.numerator), ("denominator", self.denominator))

    def incoherences(self) -> Iterator[str]:
        yield from super().incoherences()
        if self.period == "once" and self.by is None:
            yield "what is owed once needs `by`, the date on which it is due"

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        yield from self._direction_faults()
        if self.objective is not None and not self.owed_by:
            yield ("owed_by",), "is missing: silence could not be distinguished from having nothing to report"
