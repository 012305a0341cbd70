"""Admission of what sources send. HTTP, inboxes and dry runs go through `admit`, so that each gives the same verdict on
the same bytes.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from services.domain.intake.admission import Admission
from services.domain.intake.events import text_of
from services.domain.intake.record_headers import RECEIVED, headers_of_event
from services.domain.intake.refusal import Reason, Refused
from services.domain.time.zone import Instant
from services.gateway.event_log import EventRecord
from services.gateway.problems import RefusedEvent
from services.gateway.wire import Sent


class Admitted(NamedTuple):
    """The events of one request: those that are admitted, and those that are refused."""

    records: list[EventRecord]
    """What is to be written, in the order of the request."""
    refused: list[RefusedEvent]


def admit_each(events: Sequence[Sent], source: str, arrivals: Sequence[Instant], admission: Admission) -> Admitted:
    """Admit each event of a request on its own, with its arrival; the other arguments are those of `admit`."""
    records: list[EventRecord] = []
    refused: list[RefusedEvent] = []
    for place, (event, arrival) in enumerate(zip(events, arrivals, strict=True)):
        try:
            records.append(admit(event, source, arrival, admission))
        except Refused as refusal:
            refused.append(RefusedEvent(place, refusal))
    return Admitted(records, refused)


def admit(event: Sent, source: str, arrival: Instant, admission: Admission) -> EventRecord:
    """The record of an event. Raises Refused.

    `source`: the one that the key or the inbox belongs to; an event of another source is refused. `arrival`: µs since
    1970 UTC, unless `admission` believes another one. The bytes of the event stay as they are; the arrival is a header
    of its record.
    """
    found = admission.admit(event.value, received=arrival, headers=event.headers)
    if found.fact.source != source:
        raise source_mismatch(source)
    return EventRecord(
        found.key.encode(), event.value or b"", [*headers_of_event(event.headers), _stamp(found.fact.received)]
    )


@lru_cache(maxsize=1024)
def _stamp(arrival: Instant) -> tuple[str, bytes]:
    """The header with the arrival: the same for all events of a request."""
    return RECEIVED, text_of(arrival).encode()


def source_mismatch(source: str) -> Refused:
    """The refusal of an event that names another source than the one that sends it."""
    return Refused(
        Reason.SOURCE_MISMATCH,
        "source",
        f"the key or the inbox by which it was sent belongs to {source}",
        f"write {source} as the source, or send it by the key or the inbox of the source that it names",
    )
