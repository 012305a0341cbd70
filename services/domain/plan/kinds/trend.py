"""`kind = "trend"`: a share, a mean or a count that the plan wants to rise or fall (持续提高), without a target."""

from collections.abc import Iterator
from typing import Literal

from services.domain.plan.plan import DirectedPromise, Direction, Fault, Filled, MeasuredPromise, SharePromise


class TrendPromise(MeasuredPromise, SharePromise, DirectedPromise):
    """The figure of whatever `measure` says, never judged."""

    takes_objective = False
    more_measures = ("ratio:A/B", "rating", "share", "count")

    kind: Literal["trend"]
    measure: Filled
    """`working_days`, `elapsed_days` (elapsed time in days), `minutes`, `working_minutes`, `quantity:NAME`,
    `milestone:NAME` (how many), `ratio:A/B` (the sum of quantity A over all cases ÷ that of B), `rating` (the
    applicant's own last score), `share`, or `count` (how many cases)."""
    direction: Direction
    """Which way is good."""

    def faults(self) -> Iterator[Fault]:
        """Only a share has cases that count and cases that do not."""
        yield from super().faults()
        if self.measure != "share":
            for name in sorted({"where", "known", "matures_at"} & self.model_fields_set):
                yield (name,), f'means something for measure = "share" only, not for {self.measure}: leave it out'
            return
        if self.matures_at is None:
            yield ("matures_at",), 'is missing: say what matures a case, e.g. "completion"'
        if not self.where:
            yield ("where",), "is missing: which of the selected cases count"
