"""`kind = "duty"`: a report each month from each unit that owes it, or one by a date."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from services.domain.plan.plan import Fault, Filled, OwedPromise


class DutyPromise(OwedPromise):
    """What is absent is judged, too."""

    about = "duty"
    binds_each = True

    kind: Literal["duty"]
    duty: Filled
    """Its code in `case.events`."""
    owed_by: Annotated[tuple[str, ...], Field(min_length=1)]
    """The units that owe it, each period."""

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return (("duty", self.duty),)

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if self.period == "month" and self.by is not None:
            yield ("by",), 'is for a duty of once: a month is due at its end, so write period = "once" or leave it out'
