"""Writing to `case.events`: what is written is acknowledged by every copy that must have it, or it is uncertain.

`services/gateway/admit.py` makes the records.
"""

import logging
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.messaging.dead_letter_reader import written_of
from services.messaging.letter_budget import Written
from services.messaging.reader import BrokerUnavailable, no_broker
from services.messaging.records.fields import KeyValue
from services.messaging.topics import (
    ANSWER_MS,
    CASE_EVENTS,
    DEAD_LETTER,
    GATEWAY_KEY_USES,
    INBOX_STATES,
    partition_of,
)

log = logging.getLogger(__name__)

DELIVERY_SECONDS: Final = 10.0
"""How long the broker may take to acknowledge an event."""


class EventRecord(NamedTuple):
    """A record of `case.events`."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class NotAcknowledged(Exception):
    """Some events were not acknowledged: each may be in the topic, or not."""


class EventLog:
    """A producer that any thread may use."""

    def __init__(self, producer: Any, partitions: int, bootstrap: str) -> None:
        """`producer`: a KafkaProducer. `partitions`: of `case.events`."""
        self._producer = producer
        self._partitions = partitions
        self._bootstrap = bootstrap

    @classmethod
    def open(cls, bootstrap: str) -> Self:
        """Raises BrokerUnavailable, also where there is no topic."""
        try:
            producer = KafkaProducer(
                bootstrap_servers=bootstrap.split(","),
                bootstrap_timeout_ms=ANSWER_MS,
                acks="all",
                # once a record has expired on a frozen broker, kafka-python's idempotent producer sends nothing more;
                # without it a retry may write a record twice, which its case takes once
                enable_idempotence=False,
                linger_ms=2,
                batch_size=256 * 1024,
                allow_auto_create_topics=False,
                max_block_ms=int(DELIVERY_SECONDS * 1000),
                request_timeout_ms=int(DELIVERY_SECONDS * 500),
                delivery_timeout_ms=int(DELIVERY_SECONDS * 1000),
                reconnect_backoff_max_ms=1_000,
                metrics_enabled=False,
            )
        except KafkaError as error:
            raise BrokerUnavailable(no_broker(bootstrap)) from error
        try:
            return cls(producer, len(producer.partitions_for(CASE_EVENTS)), bootstrap)
        except KafkaError as error:
            producer.close(timeout=1)
            raise BrokerUnavailable(
                f"Kafka at {bootstrap}: the topic {CASE_EVENTS} is not there ({type(error).__name__}). "
                "Make the topics with `kpiwatch topics`"
            ) from error

    def write(self, records: Iterable[EventRecord]) -> None:
        """Returns once all are acknowledged. Raises NotAcknowledged."""
        send, partitions = self._producer.send, self._partitions
        self._acknowledged(
            send(CASE_EVENTS, value, key, headers, partition_of(key, partitions)) for key, value, headers in records
        )

    def write_letters(self, letters: Iterable[KeyValue]) -> None:
        """Returns once all are acknowledged. Raises NotAcknowledged."""
        self._acknowledged(self._producer.send(DEAD_LETTER, value, key) for key, value in letters)

    def letters_since(self, inbox: str, since_ms: int) -> list[Written]:
        """The letters of an inbox that were written since then. Raises KafkaError."""
        return written_of(self._bootstrap, inbox, since_ms)

    def note_use(self, record: KeyValue) -> None:
        """Queue that a key was used; nobody waits for it."""
        self._queue(GATEWAY_KEY_USES, record)

    def note_state(self, record: KeyValue) -> None:
        """Queue the state of an inbox; nobody waits for it."""
        self._queue(INBOX_STATES, record)

    @staticmethod
    def _acknowledged(sending: Iterable[Any]) -> None:
        """Send all, then wait for all."""
        try:
            for one in list(sending):
                one.get(DELIVERY_SECONDS * 1.5)
        except (KafkaError, AssertionError) as error:  # AssertionError: the producer is being closed
            log.warning("records were not acknowledged: %s", type(error).__name__)
            raise NotAcknowledged from error

    def _queue(self, topic: str, record: KeyValue) -> None:
        key, value = record
        try:
            self._producer.send(topic, value, key)
        except (KafkaError, AssertionError) as error:
            log.warning("a record of %s was not sent: %s", topic, type(error).__name__)

    def close(self) -> None:
        """What is queued is sent, within two seconds."""
        self._producer.close(timeout=2)
