"""The door into the system: admit, write, acknowledge. HTTP, inboxes and dry runs go through `look_at`, so that each
gives the same verdict on the same bytes.
"""

from collections.abc import Sequence
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
    """Admit each event on its own. `source`: the one that the key or the inbox belongs to; no other is let in under
    it. The bytes of an event stay as they are; the arrival is a header of its record."""
    stamp = (RECEIVED, text_of(arrival).encode())
    admitted: list[EventRecord] = []
    refused: list[RefusedEvent] = []
    for index, (value, headers) in enumerate(events):
        try:
            found = admission.admit(value, received=arrival, headers=headers)
            if found.fact.source != source:
                raise source_mismatch(source)
        except Refused as refusal:
            refused.append(RefusedEvent(index, refusal))
        else:
            admitted.append(EventRecord(found.key.encode(), value, [*headers, stamp]))
    return Looked(admitted, refused)


def source_mismatch(source: str) -> Refused:
    """The refusal of an event that names another source than the one that sends it."""
    return Refused(
        Reason.SOURCE_MISMATCH,
        "source",
        f"what sends it may speak for {source} only",
        f"write {source} as the source, or send it with the key of the source that it names",
    )
