"""Facts as rows of the index, and back."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from services.domain.history.capacity import LARGEST_CASE, take_out_overflow
from services.domain.history.fact_set import contract_order
from services.domain.intake.facts import CONTRACT_PLACE, KEY_SEPARATOR, Fact
from services.messaging.records.rows import dump_row, load_row

EventRow = dict[str, Any]
"""The columns of `events`."""


def digest(text: str) -> bytes:
    """16 bytes that stand for a text."""
    return blake2b(text.encode(errors="replace"), digest_size=16).digest()


def event_row(key: str, fact: Fact) -> EventRow:
    """The row of a fact. `key`: of its case."""
    return {
        "case_key": key,
        "event": digest(f"{fact.source}{KEY_SEPARATOR}{fact.id}"),
        "source": fact.source,
        "id": fact.id,
        "digest": fact.digest,
        "received": fact.received,
        "time": fact.time,
        "place": CONTRACT_PLACE[fact.type],
        "content": dump_row([fact.type, fact.data, fact.recorded]),
    }


def wins(row: EventRow, held: EventRow) -> bool:
    """Which of two events of one source and id is kept, as a case decides it: the smaller digest; of the same payload
    the one that arrived first. So the order of reading does not matter."""
    return bool((row["digest"], row["received"]) < (held["digest"], held["received"]))


def facts_of(rows: Iterable[Any]) -> list[Fact]:
    """The facts of one case in contract order, without those that a full case refuses. `rows`: in order of arrival."""
    facts: list[Fact] = []
    for row in rows:
        if len(facts) > LARGEST_CASE:  # each has one unit at least, so that no later one has room
            break
        kind, data, recorded = load_row(row.content)
        facts.append(Fact(row.time, kind, row.source, row.id, row.received, row.digest, data, recorded))
    facts.sort(key=contract_order)
    take_out_overflow(facts)
    return facts
