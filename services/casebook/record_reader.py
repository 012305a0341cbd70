"""Records of the topics → rows of the index. An event is admitted as a worker admits it, on the same bytes."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from services.casebook.stored_facts import EventRow, digest, event_row, wins
from services.domain.intake.facts import FactType
from services.domain.intake.refusal import Reason, Refused
from services.domain.plan.plan import Plan
from services.domain.results.published import Card, Verdict
from services.messaging import topics
from services.messaging.codec import admission
from services.messaging.partition_check import PartitionCheck
from services.messaging.reader import Record
from services.messaging.records import cards as card_records
from services.messaging.records import verdicts as verdict_records
from services.messaging.records.case_events import record_of_line
from services.messaging.records.dead_letters import Arrived, DeadLetter
from services.messaging.records.fields import Unreadable, log_unreadable

log = logging.getLogger(__name__)

Row = dict[str, Any]
_HEARTBEAT: Final = int(FactType.SOURCE_HEARTBEAT)
LONGEST_KEY: Final = 2_500
"""Bytes of the key of a card or a verdict; PostgreSQL cannot index a longer text, and no key of ours is so long."""


@dataclass
class Changes:
    """What a batch of records changes."""

    events: dict[tuple[str, bytes], EventRow] = field(default_factory=dict)
    refusals: list[Row] = field(default_factory=list)
    cards: dict[str, Row | None] = field(default_factory=dict)
    """Key of a record → its row; None: it was retracted."""
    verdicts: dict[str, Row | None] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    """Source → when its last admitted event arrived."""
    unreadable: dict[str, int] = field(default_factory=dict)
    """Topic → records that are not what it holds."""


class RecordReader:
    """Reads records for one plan."""

    def __init__(self, plan: Plan, partitions: int) -> None:
        """`partitions`: how many `case.events` has."""
        self._sources = frozenset(plan.sources)
        self._admission = admission(plan, trust_receivedat=True)
        self._check = PartitionCheck(partitions).check

    def read(self, records: Iterable[Record]) -> Changes:
        """What the records change, in their order. Of what cannot be read the place is logged."""
        changes = Changes()
        for record in records:
            if record.topic == topics.CASE_EVENTS:
                self._read_event(record, changes)
                continue
            try:
                if record.topic == topics.ALERT_CARDS:
                    _read_card(record, changes.cards)
                else:
                    _read_verdict(record, changes.verdicts)
            except Unreadable as wrong:
                changes.unreadable[record.topic] = changes.unreadable.get(record.topic, 0) + 1
                log_unreadable(log, record.topic, record.partition, record.offset, wrong)
        return changes

    def _read_event(self, record: Record, changes: Changes) -> None:
        key = record.key or b""
        try:
            admitted = self._admission.admit(
                record.value, received=record.timestamp * 1000, key=key, headers=record.headers
            )
            self._check(key, record.partition)
        except Refused as refused:
            changes.refusals.append(self._refusal(record, refused))
            return
        fact = admitted.fact
        changes.arrivals[fact.source] = max(fact.received, changes.arrivals.get(fact.source, fact.received))
        if fact.type == _HEARTBEAT:  # it is about no case
            return
        row = event_row(admitted.key, fact)
        place = admitted.key, row["event"]
        held = changes.events.get(place)
        if held is None or wins(row, held):
            changes.events[place] = row

    def _refusal(self, record: Record, refused: Refused) -> Row:
        """Where and why; what the event says is in its dead letter only."""
        value, key = record.value or b"", record.key or b""
        if refused.code is Reason.WRONG_KEY:  # of the case that it is about, whatever it is keyed by
            key = record_of_line(value).key or key
        event = Arrived(record.topic, record.partition, record.offset, 0, value, record.headers)
        source = DeadLetter.of(refused, event).source
        return {
            "partition": record.partition,
            "offset": record.offset,
            "case_digest": digest(key.decode(errors="replace")),
            "source": source if source in self._sources else "",
            "reason": str(refused.code),
            "path": _storable(refused.path),
        }


def _read_card(record: Record, rows: dict[str, Row | None]) -> None:
    row = None
    if record.value is not None:
        row = _row(record, card_records.case_of_key(record.key or b""), card_records.decode(record.value))
    rows[_name(record)] = row


def _read_verdict(record: Record, rows: dict[str, Row | None]) -> None:
    row = None
    if record.value is not None:
        row = _row(record, verdict_records.case_of_key(record.key or b""), verdict_records.decode(record.value))
        del row["clause"]  # the plan has it
    rows[_name(record)] = row


def _row(record: Record, case: str, content: Card | Verdict) -> Row:
    """The fields of a card or verdict; in the place of the case as people write it the key of the case."""
    fields = content._asdict()
    del fields["case"]
    row = fields | {"name": _name(record), "case_key": case}
    return {name: _storable(value) for name, value in row.items()}


def _name(record: Record) -> str:
    """The key of a record, as a text. Raises Unreadable."""
    key = record.key or b""
    if not 0 < len(key) <= LONGEST_KEY:
        raise Unreadable("its key is empty, or longer than any of ours")
    return str(_storable(key.decode(errors="replace")))


def _storable(value: Any) -> Any:
    """PostgreSQL refuses NUL in a text, which a foreign program may have written."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if type(value) is str else value
