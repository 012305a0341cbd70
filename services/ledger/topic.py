"""The whole topic of the ledger, once, as it is now."""

from collections.abc import Iterator

from services.ledger.decisions_check import Compared, OperationsEvent, compare, operations_event
from services.ledger.index import LedgerIndex
from services.ledger.reader import LedgerReader
from services.messaging.reader import Record, TopicReader
from services.messaging.records.ledger import LedgerRecord
from services.messaging.topics import CASE_EVENTS, LEDGER, LEDGER_REQUESTS, topic_ids

_POLL_SECONDS = 0.2


def topic_records(bootstrap: str) -> Iterator[Record]:
    """All that is in the topic. Raises BrokerUnavailable."""
    with TopicReader(bootstrap, [LEDGER]) as reader:
        while not reader.caught_up:
            yield from reader.poll(_POLL_SECONDS)


def ledger_records(bootstrap: str) -> Iterator[LedgerRecord]:
    """All valid records. Raises BrokerUnavailable."""
    with LedgerReader(bootstrap) as reader:
        while not reader.caught_up:
            yield from reader.poll(_POLL_SECONDS)


def decisions_compared(bootstrap: str) -> Compared:
    """The decisions of the ledger beside the events of /operations. Raises BrokerUnavailable."""
    before = 0
    for known in ledger_records(bootstrap):
        before = known.number
    events: list[OperationsEvent] = []
    with TopicReader(bootstrap, [CASE_EVENTS]) as reader:
        while not reader.caught_up:
            for record in reader.poll(_POLL_SECONDS):
                place = f"{record.topic}/{record.partition}@{record.offset}"
                event = operations_event(record.value, record.headers, place, record.timestamp)
                if event is not None:
                    events.append(event)
    # a decision is recorded before its event is sent: what was sent meanwhile has its record now
    return compare(ledger_records(bootstrap), events, before)


def rebuild(index: LedgerIndex, bootstrap: str) -> int:
    """Build an index anew from the topic; the number of the last record. Raises BrokerUnavailable, LedgerUnavailable,
    KafkaError."""
    ids = topic_ids(bootstrap, [LEDGER, LEDGER_REQUESTS])
    index.clear()
    index.open(ids)
    with LedgerReader(bootstrap) as reader:
        while not reader.caught_up:
            index.take(reader.poll_read(_POLL_SECONDS))
        return reader.place.number
