"""A fact: one admitted event as a case keeps it, with its order and its identity (docs/contract.md)."""

import hashlib
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from services.domain.time.zone import Instant


class Rank(IntEnum):
    """The place of an event type in the contract's table; it orders facts of the same instant."""

    CASE_APPLIED = 0
    CASE_ACCEPTED = 1
    CASE_SUPPLEMENT_REQUESTED = 2
    CASE_REFUSED = 3
    CASE_RECLASSIFIED = 4
    CASE_MILESTONE = 5
    CASE_NODE_STARTED = 6
    CASE_NODE_ENDED = 7
    CASE_SUSPENDED = 8
    CASE_RESUMED = 9
    CASE_EXTENDED = 10
    CASE_MEASURED = 11
    CASE_COMPLETED = 12
    CASE_WITHDRAWN = 13
    CASE_REOPENED = 14
    CASE_RATED = 15
    CASE_JUSTIFIED = 16
    CASE_CONFIRMED = 17
    CORRECTION = 18
    ITEM_UPSERTED = 19
    ITEM_RETIRED = 20
    DUTY_FULFILLED = 21
    FIGURE_REPORTED = 22
    SOURCE_HEARTBEAT = 23

    @property
    def event_type(self) -> str:
        """The `type` attribute on the wire, e.g. `case.accepted`."""
        return "correction" if self is Rank.CORRECTION else self.name.lower().replace("_", ".", 1)


RANK_OF: Mapping[str, Rank] = {rank.event_type: rank for rank in Rank}

KEY_SEPARATOR = "\x1f"


def case_key(owner: str, subject: str) -> str:
    """The key of `case.events`: owner (`caseowner` or `source`) + U+001F + subject."""
    return f"{owner}{KEY_SEPARATOR}{subject}"


class Fact(NamedTuple):
    """One event, admitted and normalised. Tuples order facts as docs/contract.md says: time, rank, source, id."""

    time: Instant
    """When it happened, microseconds since the epoch."""
    rank: int
    """Its type, as `Rank`."""
    source: str
    id: str
    received: Instant
    """When it arrived (`receivedat`)."""
    digest: str
    """First 32 hex digits of the SHA-256 of the canonical payload: equal for a duplicate, different for a conflict."""
    data: Mapping[str, Any]
    """The event's `data` as validated, without fields left unknown."""
    recorded: Instant | None = None
    """When the unit's own system wrote it (`recordedat`)."""


def digest_of(canonical: bytes) -> str:
    """The digest of a canonical payload (RFC 8785 JSON without `receivedat`)."""
    return hashlib.sha256(canonical).hexdigest()[:32]
