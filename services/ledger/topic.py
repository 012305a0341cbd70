"""The whole topic of the ledger, once, as it is now."""

from collections.abc import Iterator

from services.ledger.index import LedgerIndex
from services.ledger.reader import LedgerReader
from services.messaging.reader import Record, TopicReader
from services.messaging.records.ledger import LedgerRecord
from services.messaging.topics import LEDGER, LEDGER_REQUESTS, topic_ids

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
