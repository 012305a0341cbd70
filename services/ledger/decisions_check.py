"""Compares the decisions of the ledger with the events of /operations in `case.events`: each must have the other.

Pure: `kpiwatch ledger verify` reads the two topics and prints what is found.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

from services.domain.history.decisions import OPERATIONS
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import Instant
from services.messaging.records.case_events import line_of_record
from services.messaging.records.decisions import decision_of_outcome, event_of, sent_again_by
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import EVENT_ID, Kind, LedgerRecord


class Fault(StrEnum):
    """What does not fit together."""

    NO_RECORD = "no_record"
    """An event of /operations without a decision of the ledger."""
    NO_EVENT = "no_event"
    """A decision that is in force, and has no event."""
    DIFFERS = "differs"
    """An event that says something else than its decision."""
    REFUSED = "refused"
    """An event of a decision that the ledger says is not in force."""
    UNREADABLE = "unreadable"
    """A decision that cannot be read."""


class OperationsEvent(NamedTuple):
    """An event of /operations, and where it is."""

    place: str
    """Topic, partition and offset."""
    event: Mapping[str, Any]
    arrived: Instant | None = None
    """The plan's time; None: it cannot be read."""

    @property
    def names_a_decision(self) -> bool:
        """Whether its id is that of the event of a decision."""
        return _number(self.event) > 0


class Found(NamedTuple):
    """One thing that does not fit together. No case is named."""

    fault: Fault
    number: int | None
    """Of the decision; None: the event names none."""
    place: str
    """Of the event; empty: there is none."""


def sentence_of(found: Found) -> str:
    """What does not fit together, in words."""
    at = f" ({found.place})" if found.place else ""
    return f"{_SENTENCES[found.fault].format(number=found.number or 'none')}{at}"


_SENTENCES: Final = {
    Fault.NO_RECORD: "an event of /operations has no decision in the ledger (record {number})",
    Fault.NO_EVENT: "decision {number} is in force by the ledger, and case.events has no event of it",
    Fault.DIFFERS: "the event of decision {number} says something else than its record",
    Fault.REFUSED: "decision {number} is not in force by the ledger, and case.events has an event of it",
    Fault.UNREADABLE: "record {number} is a decision that cannot be read",
}


class Compared(NamedTuple):
    """What was found."""

    faults: list[Found]
    waiting: list[int]
    """Numbers of the decisions that have no outcome yet: no fault."""
    decisions: int
    """How many have an event that follows from them."""
    earlier: int = 0
    """Events that arrived before there was a ledger: no fault. None of them names a record."""

    def in_a_simulated_district(self) -> "Compared":
        """Without the events that its operations centre sends on its own, without a ledger: none names a record."""
        return self._replace(faults=[each for each in self.faults if not _is_without_number(each)])


def _is_without_number(found: Found) -> bool:
    return found.fault is Fault.NO_RECORD and found.number is None


def operations_event(
    value: bytes | None, headers: Iterable[tuple[str, bytes | None]], place: str, timestamp_ms: int = 0
) -> OperationsEvent | None:
    """The event of a record of `case.events`, if it is one of /operations. `timestamp_ms`: of the record."""
    given = list(headers)
    if value is None or not (_may_name(value) or any(_may_name(content or b"") for _, content in given)):
        return None
    try:
        event = orjson.loads(line_of_record(value, given, timestamp_ms) or b"null")
    except ValueError:
        return None  # it was refused, and says nothing
    if type(event) is not dict or event.get("source") != OPERATIONS or event.get("type") == _HEARTBEAT:
        return None
    received = event.pop("receivedat", None)  # the service's own
    return OperationsEvent(place, event, _instant(received))


def _instant(written: object) -> Instant | None:
    try:
        return instant_from(written) if type(written) is str else None
    except ValueError:
        return None


def _may_name(content: bytes) -> bool:
    """Whether it may hold the name of the operations centre, as it is or with escapes of JSON. Nothing is decoded:
    nearly all events are of others."""
    return _OPERATIONS in content or _ESCAPED.search(content) is not None


class _Decisions:
    """What the ledger says of decisions."""

    def __init__(self, before: int | None) -> None:
        self._before = before
        self.events: dict[int, Mapping[str, Any]] = {}
        """Number of a decision → the event that follows from it."""
        self.outcomes: dict[int, Kind] = {}
        self.awaited: set[int] = set()
        """Decisions whose events must be there."""
        self.unreadable: list[Found] = []
        self.began: Instant | None = None
        """When the first record was made."""

    def take(self, record: LedgerRecord) -> None:
        """The next record."""
        if self.began is None:
            self.began = instant_from(record.time)
        outcome = decision_of_outcome(record)
        if outcome is not None:
            self._note(outcome, record)
        again = sent_again_by(record)
        if again is not None:
            self.outcomes.pop(again, None)
        try:
            event = event_of(record)
        except Unreadable:
            self.unreadable.append(Found(Fault.UNREADABLE, record.number, ""))
            return
        if event is not None:
            self.events[record.number] = event

    def _note(self, decision: int, record: LedgerRecord) -> None:
        self.outcomes[decision] = record.request.kind
        if record.request.kind is Kind.IN_FORCE and (self._before is None or record.number <= self._before):
            self.awaited.add(decision)

    def is_earlier(self, one: OperationsEvent) -> bool:
        """Whether an event arrived before there was a ledger. One that names a record of it did not."""
        came_before = self.began is None or (one.arrived is not None and one.arrived < self.began)
        return came_before and not one.names_a_decision

    def fault_of(self, one: OperationsEvent) -> Found | None:
        """What does not fit to an event."""
        number = _number(one.event)
        event = self.events.get(number)
        if event is None:
            return Found(Fault.NO_RECORD, number or None, one.place)
        if event != one.event:
            return Found(Fault.DIFFERS, number, one.place)
        refused = self.outcomes.get(number) is Kind.NOT_IN_FORCE
        return Found(Fault.REFUSED, number, one.place) if refused else None


def compare(records: Iterable[LedgerRecord], events: Iterable[OperationsEvent], before: int | None = None) -> Compared:
    """The decisions of all valid records of the ledger, and all events of /operations that were admitted.

    `before`: number of the last record when the events began to be read: the events of decisions that came into force
    later may be missing. None: nothing was added meanwhile."""
    decisions, seen = _Decisions(before), set[int]()
    for record in records:
        decisions.take(record)
    faults, earlier = decisions.unreadable, 0
    for one in events:
        seen.add(_number(one.event))
        if decisions.is_earlier(one):
            earlier += 1
            continue
        fault = decisions.fault_of(one)
        faults += [] if fault is None else [fault]
    faults += [Found(Fault.NO_EVENT, number, "") for number in sorted(decisions.awaited - seen)]
    waiting = [number for number in decisions.events if number not in decisions.outcomes]
    return Compared(faults, waiting, len(decisions.events), earlier)


def _number(event: Mapping[str, Any]) -> int:
    """The number in the id of an event; 0: there is none."""
    found = _ID.fullmatch(str(event.get("id", "")))
    return int(found[1]) if found is not None else 0


_OPERATIONS: Final = OPERATIONS.encode()
_ESCAPED: Final = re.compile(
    rb"\\u00(?:%s)" % b"|".join(f"{code:02x}".encode() for code in sorted(set(_OPERATIONS))), re.IGNORECASE
)
"""An escape of JSON for one of the characters of the name."""
_HEARTBEAT: Final = "source.heartbeat"
_ID: Final = re.compile(rf"{EVENT_ID}([1-9][0-9]{{0,17}})")
