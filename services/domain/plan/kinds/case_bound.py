"""`kind = "case_bound"`: a bound on a count, an amount, a ratio or an order of steps in each case."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from services.domain.plan.plan import (
    FULL_TRACE,
    TIME_UNITS,
    Fault,
    LimitedPromise,
    Maturity,
    Objective,
    ObjectiveField,
    Reference,
    references_of,
)
from services.domain.time.limits import Limit


class CaseBoundPromise(LimitedPromise):
    """Every one of `counts` keeps the bound by itself, in each case: no fee, one survey, intention before start."""

    binds_each = True
    matures_by_declared_limit = True

    kind: Literal["case_bound"]
    counts: Annotated[tuple[str, ...], Field(min_length=1)]
    """What is bounded, each by itself: `milestone:NAME` (how many), `quantity:NAME` (the sum), `ratio:A/B` (quantity A
    ÷ quantity B), `attribute:NAME` (how many codes a list has), `order:A<B` (1 if milestone A did not come before B).
    Where a case says `full_trace = true`, steps and quantities that it does not report are 0."""
    bound: ObjectiveField
    """`"<= 1 count"`, `"<= 0 CNY"`."""
    matures_at: Maturity
    """What matures a case (rule 7): its completion, the stop of the promise's own clock (or the completion, if
    that comes without it), the promise's limit, a limit after its start, or a date."""

    @property
    def bounded(self) -> tuple[str, ...]:
        return self.counts

    @property
    def bounded_by(self) -> Objective | None:
        return self.bound

    @property
    def must_be_reported(self) -> bool:
        return True

    def thresholds(self) -> Iterator[tuple[str, Limit | Objective]]:
        yield from super().thresholds()
        if not all(count.startswith("order:") for count in self.counts):
            yield "bound", self.bound

    def references(self) -> Iterator[Reference]:
        yield from super().references()
        for count in self.counts:
            yield from references_of("counts", count) or ()

    @property
    def optional_attributes(self) -> tuple[str, ...]:
        steps = any(count.startswith(("milestone:", "quantity:")) for count in self.counts)
        return (FULL_TRACE,) if steps else ()

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        for count in self.counts:
            if references_of("counts", count) is None:
                words = "milestone:NAME, quantity:NAME, ratio:A/B, attribute:NAME or order:A<B"
                yield ("counts",), f"{count!r} is no count: write {words}"
        counted_in = {"share": ("ratio:",), "CNY": ("quantity:", "ratio:")}.get(self.bound.unit, ("",))
        if self.bound.unit in TIME_UNITS or not all(count.startswith(counted_in) for count in self.counts):
            yield ("bound",), f"is in {self.bound.unit}, which {', '.join(self.counts)} are not counted in"
        if self.bound.quota is not None:
            yield ("bound",), "a range belongs into `objective`: a bound has one end"
