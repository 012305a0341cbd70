"""A fact: one admitted event as a case keeps it. Its type, order and identity are defined here (docs/contract.md)."""

import hashlib
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final, NamedTuple

from services.domain.time.zone import Instant


class FactType(IntEnum):
    """The type of an event, as a fact keeps it.

    The number is the code in stored rows and their changelog. It is frozen: a new type takes the next free number, and
    the number of a type that is given up is never used again. It says nothing about order (`CONTRACT_ORDER`) or about
    what a type is (`CASE_TYPES`, `DECISIONS`).
    """

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
        return "correction" if self is FactType.CORRECTION else self.name.lower().replace("_", ".", 1)


FACT_TYPE_OF: Mapping[str, FactType] = {each.event_type: each for each in FactType}
"""`type` attribute on the wire → type."""

CONTRACT_ORDER: Final = (
    FactType.CASE_APPLIED,
    FactType.CASE_ACCEPTED,
    FactType.CASE_SUPPLEMENT_REQUESTED,
    FactType.CASE_REFUSED,
    FactType.CASE_RECLASSIFIED,
    FactType.CASE_MILESTONE,
    FactType.CASE_NODE_STARTED,
    FactType.CASE_NODE_ENDED,
    FactType.CASE_SUSPENDED,
    FactType.CASE_RESUMED,
    FactType.CASE_EXTENDED,
    FactType.CASE_MEASURED,
    FactType.CASE_COMPLETED,
    FactType.CASE_WITHDRAWN,
    FactType.CASE_REOPENED,
    FactType.CASE_RATED,
    FactType.CASE_JUSTIFIED,
    FactType.CASE_CONFIRMED,
    FactType.CORRECTION,
    FactType.ITEM_UPSERTED,
    FactType.ITEM_RETIRED,
    FactType.DUTY_FULFILLED,
    FactType.FIGURE_REPORTED,
    FactType.SOURCE_HEARTBEAT,
)
"""The types in the order of the contract's table. It orders facts of the same instant. A new type goes where it
belongs: no stored fact changes by that."""
CONTRACT_PLACE: Mapping[int, int] = {int(each): place for place, each in enumerate(CONTRACT_ORDER)}
"""Code of a type → its place in the contract's table."""


def contract_place(event_type: str) -> int:
    """The place in the contract's table of a `type` attribute."""
    return CONTRACT_PLACE[FACT_TYPE_OF[event_type]]


DECISIONS: Final = frozenset((int(FactType.CASE_JUSTIFIED), int(FactType.CASE_CONFIRMED)))
"""Codes of the decisions of the operations centre. One may be about a case, or about a catalogue entry, a duty or a
figure."""
CASE_TYPES: Final = frozenset(int(each) for each in FactType if each.name.startswith("CASE_"))
"""Codes of the events about cases, decisions among them."""

INSTANTS: Final = frozenset(("due_at", "through"))
"""The fields of data that are times: a fact keeps them as instants."""

KEY_SEPARATOR = "\x1f"


def case_key(owner: str, subject: str) -> str:
    """The key of `case.events`: owner (`caseowner` or `source`) + U+001F + subject."""
    return f"{owner}{KEY_SEPARATOR}{subject}"


class Fact(NamedTuple):
    """One event, admitted and normalised."""

    time: Instant
    """When it happened, microseconds since the epoch."""
    type: int
    """Its type: the code of a `FactType`."""
    source: str
    id: str
    received: Instant
    """When it arrived (`receivedat`)."""
    digest: str
    """First 32 hex digits of the SHA-256 of the canonical payload: separates a duplicate from a conflict."""
    data: Mapping[str, Any]
    """The event's `data` as validated, without fields left unknown."""
    recorded: Instant | None = None
    """When the unit's own system wrote it (`recordedat`)."""


def digest_of(canonical: bytes) -> str:
    """The digest of a canonical payload (RFC 8785 JSON without `receivedat`)."""
    return hashlib.sha256(canonical).hexdigest()[:32]
