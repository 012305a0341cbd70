"""`kind = "figure"`: a figure that sources count themselves, month by month or once, where no cases are sent."""

from collections.abc import Iterator
from typing import Literal

from services.domain.plan.plan import DirectedPromise, Fault, Filled, OwedPromise


class FigurePromise(OwedPromise, DirectedPromise):
    """A ratio of two reported quantities (`figure.reported`)."""

    about = "figure"

    kind: Literal["figure"]
    numerator: Filled
    """The quantity whose `numerator` is summed, and"""
    denominator: Filled
    """the quantity whose `denominator` is: another one where one source counts what another holds."""
    statistic: Literal["share", "stock"]
    """`share` (the sums over the window's periods) or `stock` (the last reported period alone)."""

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
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return (("numerator", self.numerator), ("denominator", self.denominator))

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        yield from self._direction_faults()
        if self.objective is not None and not self.owed_by:
            yield ("owed_by",), "is missing: silence could not be distinguished from having nothing to report"
