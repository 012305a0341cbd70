"""One thing that happens and is reported in one event. What it is about is a case, a list entry, a duty or a figure."""

from collections.abc import Mapping
from typing import Any

from services.domain.time.zone import Instant

SECOND = 1_000_000
NEVER: Instant = 1 << 62
"""The arrival of an event that is never sent."""
OPERATIONS = "/operations"
"""The source of the operations centre."""

Data = Mapping[str, Any]


class SimulatedEvent:
    """An event with the true time of what it reports."""

    __slots__ = ("data", "first_reported_time", "id", "owner", "received", "recorded", "source", "time", "type")

    def __init__(self, type: str, time: Instant, source: str, data: Data | None, *, delays: tuple[int, int]) -> None:
        """`delays`: microseconds from the happening to its record, and from there to its arrival."""
        self.type = type
        self.time = time
        """When it happened. If a correction follows, this is the corrected time."""
        self.recorded = time + delays[0]
        self.received = self.recorded + delays[1]
        self.source = source
        self.data = data
        self.id = ""
        self.owner = source
        """The owner of what the event is about, if that is not a case."""
        self.first_reported_time: Instant | None = None
        """The wrong time that the event itself gives, if a correction follows."""

    def is_known(self, end: Instant | None) -> bool:
        """Whether it has happened and arrived before the as-of time; None is after everything."""
        return self.received != NEVER and (end is None or (self.time < end and self.received < end))

    def add_attributes(self, attributes: Data) -> None:
        """Report these attributes of the case, too."""
        data = self.data or {}
        self.data = {**data, "attributes": {**data.get("attributes", {}), **attributes}}
