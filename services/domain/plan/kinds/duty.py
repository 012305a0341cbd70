"""`kind = "duty"`: a report each month from each unit that owes it, or one by a date."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from services.domain.plan.plan import Fault, Filled, Promise


class DutyPromise(Promise):
    """What is absent is judged, too."""

    about = "duty"
    binds_each = True

    kind: Literal["duty"]
    duty: Filled
    """Its code in `case.events`."""
    period: Literal["month", "once"]
    """Each month, or once, by the date `by`."""
    owed_by: Annotated[tuple[str, ...], Field(min_length=1)]
    """The units that owe it, each period."""
    by: date | None = None
    """Target date of what is owed once: judged at its 24:00 in the plan's zone; it does not roll."""

    @property
    def target_date(self) -> date | None:
        return self.by

    @property
    def owed_units(self) -> tuple[str, ...]:
        return self.owed_by

    @property
    def subjects(self) -> tuple[tuple[str, str], ...]:
        return (("duty", self.duty),)

    def incoherences(self) -> Iterator[str]:
        yield from super().incoherences()
        if self.period == "once" and self.by is None:
            yield "what is owed once needs `by`, the date on which it is due"

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        if self.period == "month" and self.by is not None:
            yield ("by",), 'is for a duty of once: a month is due at its end, so write period = "once" or leave it out'
