"""Admission of what sources send. HTTP, inboxes and dry runs go through `admit`, so that each gives the same verdict on
the same bytes.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from services.domain.intake.admission import Admission
from services.domain.intake.events import text_of
from services.domain.intake.record_headers import RECEIVED
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


def admit_each(events: Sequence[Sent], source: str, arrival: Instant, admission: Admission) -> Admitted:
    """Admit each event of a request on its own; the arguments are those of `admit`."""
    records: list[EventRecord] = []
    refused: list[RefusedEvent] = []
    for place, event in enumerate(events):
        try:
            records.append(admit(event, source, arrival, admission))
        except Refused as refusal:
            refused.append(RefusedEvent(place, refusal))
    return Admitted(records, refused)


def admit(event: Sent, source: str, arrival: Instant, admission: Admission) -> EventRecord:
    """The record of an event. Raises Refused.

    `source`: the one that the key or the inbox belongs to; an event of another source is refused. `arrival`: µs since
    1970 UTC. The bytes of the event stay as they are; the arrival is a header of its record.
    """
    found = admission.admit(event.value, received=arrival, headers=event.headers)
    if found.fact.source != source:
        raise source_mismatch(source)
    return EventRecord(found.key.encode(), event.value or b"", [*_of_event(event.headers), _stamp(arrival)])


@lru_cache(maxsize=1024)
def _stamp(arrival: Instant) -> tuple[str, bytes]:
    """The header with the arrival: the same for all events of a request."""
    return RECEIVED, text_of(arrival).encode()


def _of_event(headers: Sequence[tuple[str, bytes | None]]) -> list[tuple[str, bytes]]:
    """The headers that hold an event in binary mode. Of an event in structured mode there are none: what its headers
    say was not checked, so it is not kept."""
    own = [(name, value) for name, value in headers if value is not None and _is_attribute(name.lower())]
    return own if any(name.lower() == _BINARY_MODE for name, _ in own) else []


def _is_attribute(header: str) -> bool:
    """Whether a header of an event in binary mode belongs to it; others may be anybody's."""
    return header.startswith("ce_") or header == "content-type"


_BINARY_MODE: Final = "ce_specversion"


def source_mismatch(source: str) -> Refused:
    """The refusal of an event that names another source than the one that sends it."""
    return Refused(
        Reason.SOURCE_MISMATCH,
        "source",
        f"the key or the inbox by which it was sent belongs to {source}",
        f"write {source} as the source, or send it by the key or the inbox of the source that it names",
    )
