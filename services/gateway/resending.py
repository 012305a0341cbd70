"""The event of a dead letter, sent again: by HTTP and by the command line in the same way.

Unchanged it keeps its arrival, since it was we who refused it; mended it arrives now. Both are admitted as anything
else is, for the source to which the letter belongs.
"""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple, Self

from services.domain.intake.admission import Admission
from services.domain.intake.record_headers import headers_of_event
from services.domain.plan.plan import Plan
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import Instant
from services.gateway.wire import Sent
from services.messaging.codec import admission
from services.messaging.records.dead_letters import DeadLetter, Headers
from services.messaging.topics import CASE_EVENTS


class Incoming(NamedTuple):
    """Events to be admitted."""

    events: list[Sent]
    arrivals: list[Instant]
    """When each came, where nothing that is believed says so."""
    admission: Admission
    """That of the door by which they come."""


@dataclass(frozen=True)
class Resending:
    """Knows what comes of a letter."""

    door: Admission
    """Of events from outside."""
    own: Admission
    """Of `case.events`, which has the arrivals that the service wrote beside its events."""

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """By a plan."""
        return cls(admission(plan), admission(plan, trust_receivedat=True))

    def unchanged(self, letter: DeadLetter, value: bytes | None, headers: Headers) -> Incoming:
        """The event as it came, with its first arrival. What was in `case.events` has the one that was written beside
        it; elsewhere an attribute or a header of that name is the source's own, and refused again."""
        edge = self.own if letter.topic == CASE_EVENTS else self.door
        return Incoming([Sent(value, headers)], [instant_from(letter.received_at)], edge)

    def mended(self, letter: DeadLetter, sent: Incoming) -> Incoming:
        """What was sent in the place of the event that was refused. If it is the same, it is unchanged."""
        if len(sent.events) == 1 and _is_same(letter, sent.events[0]):
            return self.unchanged(letter, sent.events[0].value, letter.headers)
        return sent


def _is_same(letter: DeadLetter, event: Sent) -> bool:
    value = event.value or b""
    if letter.whole is not None:
        has_headers = bool(letter.headers) or bool(letter.whole.headers)
        return not has_headers and hashlib.sha256(value).hexdigest() == letter.whole.sha256
    return value == letter.original and headers_of_event(event.headers) == headers_of_event(letter.headers)
