"""`kind = "case_limit"`: a limit on the duration of each case."""

from collections.abc import Iterator
from typing import Literal

from services.domain.plan.plan import ClockRules, Fault, LimitedPromise, LimitField, Reference


class CaseLimitPromise(LimitedPromise):
    """Each case is done within a limit: `4 working_days`, `90 working_minutes`, the case's own due date."""

    binds_each = True

    kind: Literal["case_limit"]
    limit: LimitField
    """`"4 working_days"`, or a limit that the case itself declares: `due_at`, `committed_limit`, `statutory_limit`."""
    runs_in: tuple[str, ...] = ()
    """Nodes in which the clock runs; between them, and in others, it is stopped (总用时 as the sum of the stages)."""

    @property
    def stop_must_be_known_in_time(self) -> bool:
        return True

    @property
    def clock(self) -> ClockRules:
        return super().clock._replace(runs_in=self.runs_in)

    @property
    def measures_time(self) -> bool:
        return True

    @property
    def must_be_reported(self) -> bool:
        return bool(self.runs_in) or self.waits_for_more

    def references(self) -> Iterator[Reference]:
        yield from super().references()
        yield from (Reference("runs_in", "node", name) for name in self.runs_in)

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if self.runs_in and self.limit == "due_at":
            yield ("runs_in",), 'means nothing with limit = "due_at": an instant waits for nobody'
