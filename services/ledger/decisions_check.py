"""Compares the decisions of the ledger with the events of /operations in `case.events`: each must have the other.

Pure: `kpiwatch ledger verify` reads the two topics and prints what is found.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

from services.domain.history.decisions import OPERATIONS
from services.messaging.records.case_events import line_of_record
from services.messaging.records.decisions import EVENT_ID, decision_of_outcome, event_of
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord


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


class Found(NamedTuple):
    """One thing that does not fit together. No case is named."""

    fault: Fault
    number: int | None
    """Of the decision; None: the event names none."""
    place: str
    """Of the event; empty: there is none."""


class Compared(NamedTuple):
    """What was found."""

    faults: list[Found]
    waiting: list[int]
    """Numbers of the decisions that have no outcome yet: no fault."""
    decisions: int
    """How many have an event that follows from them."""


def operations_event(
    value: bytes | None, headers: Iterable[tuple[str, bytes | None]], place: str
) -> OperationsEvent | None:
    """The event of a record of `case.events`, if it is one of /operations."""
    given = list(headers)
    if value is None or not (_OPERATIONS in value or any(_OPERATIONS in (content or b"") for _, content in given)):
        return None
    try:
        event = orjson.loads(line_of_record(value, given, 0) or b"null")
    except ValueError:
        return None  # it was refused, and says nothing
    if type(event) is not dict or event.get("source") != OPERATIONS or event.get("type") == _HEARTBEAT:
        return None
    event.pop("receivedat", None)  # the service's own
    return OperationsEvent(place, event)


def compare(records: Iterable[LedgerRecord], events: Iterable[OperationsEvent]) -> Compared:
    """The decisions of all valid records of the ledger, and all events of /operations that were admitted."""
    decisions: dict[int, Mapping[str, Any]] = {}
    outcomes: dict[int, Kind] = {}
    faults: list[Found] = []
    for record in records:
        outcome = decision_of_outcome(record)
        if outcome is not None:
            outcomes[outcome] = record.request.kind
        try:
            event = event_of(record)
        except Unreadable:
            faults.append(Found(Fault.UNREADABLE, record.number, ""))
            continue
        if event is not None:
            decisions[record.number] = event
    seen: set[int] = set()
    for one in events:
        number = _number(one.event)
        seen.add(number)
        faults += _faults_of(one, number, decisions, outcomes)
    faults += _without_event(decisions, outcomes, seen)
    waiting = [number for number in decisions if number not in outcomes]
    return Compared(faults, waiting, len(decisions))


def _faults_of(
    one: OperationsEvent, number: int, decisions: Mapping[int, Mapping[str, Any]], outcomes: Mapping[int, Kind]
) -> Iterator[Found]:
    decision = decisions.get(number)
    if decision is None:
        yield Found(Fault.NO_RECORD, number or None, one.place)
    elif one.event != decision:
        yield Found(Fault.DIFFERS, number, one.place)
    elif outcomes.get(number) is Kind.NOT_IN_FORCE:
        yield Found(Fault.REFUSED, number, one.place)


def _without_event(
    decisions: Mapping[int, Mapping[str, Any]], outcomes: Mapping[int, Kind], seen: set[int]
) -> Iterator[Found]:
    for number in decisions:
        if outcomes.get(number) is Kind.IN_FORCE and number not in seen:
            yield Found(Fault.NO_EVENT, number, "")


def _number(event: Mapping[str, Any]) -> int:
    """The number in the id of an event; 0: there is none."""
    found = _ID.fullmatch(str(event.get("id", "")))
    return int(found[1]) if found is not None else 0


_OPERATIONS: Final = OPERATIONS.encode()
_HEARTBEAT: Final = "source.heartbeat"
_ID: Final = re.compile(rf"{EVENT_ID}([1-9][0-9]{{0,17}})")
