"""The door into the system: admit, write, acknowledge. HTTP, inboxes and dry runs go through `look_at`, so that each
gives the same verdict on the same bytes.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from services.domain.intake.admission import Admission
from services.domain.intake.events import text_of
from services.domain.intake.record_headers import RECEIVED
from services.domain.intake.refusal import Reason, Refused
from services.domain.time.zone import Instant
from services.gateway.event_log import EventRecord
from services.gateway.problems import RefusedEvent
from services.gateway.wire import Sent


class Looked(NamedTuple):
    """What became of the events of one request."""

    admitted: list[EventRecord]
    refused: list[RefusedEvent]


def look_at(events: Sequence[Sent], source: str, arrival: Instant, admission: Admission) -> Looked:
    """Admit each event of a request on its own."""
    admitted: list[EventRecord] = []
    refused: list[RefusedEvent] = []
    for place, event in enumerate(events):
        try:
            admitted.append(let_in(event, source, arrival, admission))
        except Refused as refusal:
            refused.append(RefusedEvent(place, refusal))
    return Looked(admitted, refused)


def let_in(event: Sent, source: str, arrival: Instant, admission: Admission) -> EventRecord:
    """The record of an event. Raises Refused. `source`: the one that the key or the inbox belongs to; no other is let
    in under it. The bytes of the event stay as they are; the arrival is a header of its record."""
    found = admission.admit(event.value, received=arrival, headers=event.headers)
    if found.fact.source != source:
        raise source_mismatch(source)
    stamp = _stamp(arrival)
    if not event.headers:
        return EventRecord(found.key.encode(), event.value or b"", [stamp])
    own = [(name, value) for name, value in event.headers if value is not None and _is_of_event(name)]
    return EventRecord(found.key.encode(), event.value or b"", [*own, stamp])


@lru_cache(maxsize=1024)
def _stamp(arrival: Instant) -> tuple[str, bytes]:
    """The header with the arrival: the same for all events of a request."""
    return RECEIVED, text_of(arrival).encode()


def _is_of_event(header: str) -> bool:
    """Whether a header of a record belongs to an event in binary mode; others may be anybody's."""
    name = header.lower()
    return name.startswith("ce_") or name == "content-type"


def source_mismatch(source: str) -> Refused:
    """The refusal of an event that names another source than the one that sends it."""
    return Refused(
        Reason.SOURCE_MISMATCH,
        "source",
        f"what sends it may speak for {source} only",
        f"write {source} as the source, or send it by the key or the inbox of the source that it names",
    )
