"""`inbox.states`: what the relay did with each inbox. This module alone knows its fields.

Key: the source. Value: the fields of `InboxState`.
"""

from typing import NamedTuple, Self

import orjson

from services.domain.intake.events import text_of
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import Instant
from services.messaging.records.fields import KeyValue, Unreadable, fields_of, text, whole


class InboxState(NamedTuple):
    """An inbox, as its relay sees it. Numbers are since the relay began; times are of the real clock."""

    accepted: int
    refused: int
    letters_left_out: int
    """Refused events without a letter, because the source had too many."""
    at: Instant
    paused_until: Instant | None = None
    """The inbox is not read until then, because more than half of its recent events were refused."""

    def record(self, source: str) -> KeyValue:
        """As it is sent."""
        paused = None if self.paused_until is None else text_of(self.paused_until)
        return source.encode(), orjson.dumps({**self._asdict(), "at": text_of(self.at), "paused_until": paused})

    @classmethod
    def decode(cls, value: bytes | None) -> Self:
        """A state. Raises Unreadable."""
        fields = fields_of(value)
        paused = text(fields, "paused_until") if fields.get("paused_until") is not None else None
        try:
            at, until = instant_from(text(fields, "at")), None if paused is None else instant_from(paused)
        except Unreadable:
            raise
        except ValueError:
            raise Unreadable("one of its times is none") from None
        return cls(whole(fields, "accepted"), whole(fields, "refused"), whole(fields, "letters_left_out"), at, until)
