"""The HTTP header by which a simulation gives the arrivals of its events to a gateway with a simulated clock.

One time holds for all events of a request; else there are as many as events, in their order, with commas between.
"""

from collections.abc import Sequence
from typing import Final

from services.domain.intake.events import text_of
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import Instant

ARRIVAL: Final = "kpiwatch-arrival"


def written(arrivals: Sequence[Instant]) -> str:
    """The value of the header."""
    return ",".join(text_of(each) for each in arrivals)


def read(value: str, events: int) -> list[Instant]:
    """The arrival of each of so many events. ValueError, with a sentence, if there is not one for each."""
    times = value.split(",")
    if len(times) not in (1, events):
        raise ValueError(f"the header {ARRIVAL} has {len(times)} times for {events} events")
    try:
        found = [instant_from(each.strip()) for each in times]
    except ValueError:
        raise ValueError(f"the header {ARRIVAL} is no time") from None
    return found if len(found) == events else found * events
