"""Asking the keeper for records, and the answers to that."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, Protocol, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.ledger.reader import LedgerReader
from services.ledger.recording import answered_by
from services.messaging.reader import BrokerUnavailable, no_broker
from services.messaging.records.fields import KeyValue
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.messaging.topics import ANSWER_MS, LEDGER_REQUESTS

ANSWER_SECONDS: Final = 30.0
"""How long the keeper may take to answer a request."""

MOST_ANSWERS: Final = 1_000
"""Answers that are kept for `until_recorded`. A process that only polls never takes them."""


class LedgerAway(Exception):
    """The broker or the keeper does not answer. What was asked for may be recorded yet, or not: the same request may be
    sent again."""


class NotRecorded(NamedTuple):
    """The keeper did not record a request as asked."""

    reason: str
    """`claimed`, `stale`, `keeper`, `size`, `form`, `event` or `seen`: see `services/ledger/recording.py`."""
    record: int | None
    """Number of the record that is the reason: the one that has the claim, or the one that the writer did not know."""
    answer: LedgerRecord
    """What the keeper recorded in its place."""


Answer = LedgerRecord | NotRecorded


class Ledger(Protocol):
    """The ledger as a process that acts sees it. `LedgerClient` is on Kafka, `tests/unit/ledger_world.py` in memory."""

    @property
    def caught_up(self) -> bool:
        """Whether all is read that was in the ledger when reading began."""

    def poll(self, timeout_seconds: float = 0.5) -> list[LedgerRecord]:
        """The valid records that have arrived, each once and in order; those, too, that were read while an answer was
        waited for."""

    def request(self, *requests: Request) -> None:
        """Ask for records. Returns once Kafka has the requests. Raises LedgerAway: they may be there, or not; or
        RequestInvalid: none was sent, since one of them can never be recorded."""

    def until_recorded(self, request: Request, timeout_seconds: float = ANSWER_SECONDS) -> Answer:
        """The answer to a request that was sent before. Raises LedgerAway after the time."""


class Answers:
    """Finds in the records the answers that somebody may wait for: the latest `MOST_ANSWERS` that nobody took."""

    def __init__(self) -> None:
        self._awaited: set[str] = set()
        self._found: dict[str, LedgerRecord] = {}

    def expect(self, request: Request) -> None:
        """A request is sent."""
        self._awaited.add(request.id)

    def take(self, record: LedgerRecord) -> None:
        """The next record."""
        asked = answered_by(record.request)
        if asked in self._awaited:
            self._awaited.discard(asked)
            self._found[asked] = record
            if len(self._found) > MOST_ANSWERS:
                del self._found[next(iter(self._found))]

    def of(self, request: Request) -> Answer | None:
        """The answer to a request, if it has come; given once."""
        record = self._found.pop(request.id, None)
        return None if record is None else answer_of(record)


def answer_of(record: LedgerRecord) -> Answer:
    """What a record says of the request that it answers."""
    request = record.request
    if request.kind is not Kind.NOT_RECORDED:
        return record
    holder = request.body.get("record")
    return NotRecorded(str(request.body.get("reason", "")), holder if type(holder) is int else None, record)


class LedgerClient:
    """Asks for records by Kafka, and reads the ledger. Not thread-safe."""

    def __init__(self, reader: LedgerReader, producer: Any, seconds: Callable[[], float] = time.monotonic) -> None:
        """`producer`: a KafkaProducer. Both are closed with it."""
        self._reader = reader
        self._producer = producer
        self._seconds = seconds
        self._answers = Answers()
        self._unpolled: list[LedgerRecord] = []

    @classmethod
    def open(cls, bootstrap: str) -> Self:
        """Reads from the beginning of the ledger. Raises BrokerUnavailable."""
        producer = producer_of(bootstrap)
        try:
            return cls(LedgerReader(bootstrap), producer)
        except BrokerUnavailable:
            producer.close(timeout=1)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()
        self._producer.close(timeout=2)

    @property
    def caught_up(self) -> bool:
        """As in `Ledger`."""
        return self._reader.caught_up

    def poll(self, timeout_seconds: float = 0.5) -> list[LedgerRecord]:
        """As in `Ledger`."""
        records, self._unpolled = self._unpolled, []
        return records + self._read(0 if records else timeout_seconds)

    def request(self, *requests: Request) -> None:
        """As in `Ledger`."""
        records = [one.checked_record() for one in requests]
        for one in requests:
            self._answers.expect(one)
        try:
            send_all(self._producer, LEDGER_REQUESTS, records)
        except (KafkaError, AssertionError) as error:  # AssertionError: the producer is being closed
            raise LedgerAway(f"Kafka did not take a request for the ledger: {type(error).__name__}") from error

    def until_recorded(self, request: Request, timeout_seconds: float = ANSWER_SECONDS) -> Answer:
        """As in `Ledger`."""
        until = self._seconds() + timeout_seconds
        while (answer := self._answers.of(request)) is None:
            left = until - self._seconds()
            if left <= 0:
                raise LedgerAway(
                    f"the keeper of the ledger did not answer within {timeout_seconds:g} s: is `kpiwatch ledger keep` "
                    "running? What was asked for may be recorded yet"
                )
            self._unpolled += self._read(min(left, 0.5))
        return answer

    def _read(self, timeout_seconds: float) -> list[LedgerRecord]:
        records = self._reader.poll(timeout_seconds)
        for record in records:
            self._answers.take(record)
        return records


class RequestSender:
    """Asks for records, and reads none: who shows the ledger out of its index finds the answers there. Any thread may
    ask, and none waits longer than it says, also while the broker is away."""

    def __init__(self, open_producer: Callable[[], Any]) -> None:
        """`open_producer`: gives a KafkaProducer, at the first request; it may raise BrokerUnavailable."""
        self._open = open_producer
        self._lock = threading.Lock()
        self._producer: Any = None
        self._senders = ThreadPoolExecutor(_SENDERS, "ledger-requests")

    def send(self, request: Request, timeout_seconds: float) -> None:
        """Ask for a record. Returns once Kafka has the request. Raises LedgerAway: it may be there, may come yet, or
        not; or RequestInvalid: it was not sent, since it can never be recorded."""
        sent = self._senders.submit(self._sent, request.checked_record())
        try:
            sent.result(timeout_seconds)
        except (TimeoutError, KafkaError, BrokerUnavailable, AssertionError) as error:  # AssertionError: it is closed
            raise LedgerAway(f"Kafka did not take a request for the ledger: {type(error).__name__}") from error

    def _sent(self, record: KeyValue) -> None:
        with self._lock:
            self._producer = self._producer or self._open()
        key, value = record
        self._producer.send(LEDGER_REQUESTS, value, key, partition=0).get(ANSWER_MS / 1000)

    def close(self) -> None:
        """Leave the broker."""
        self._senders.shutdown(wait=False, cancel_futures=True)
        if self._producer is not None:
            self._producer.close(timeout=2)


_SENDERS: Final = 8
"""Requests that are sent at once; others wait."""


def producer_of(bootstrap: str) -> KafkaProducer:
    """A producer that keeps the order, and answers only for what every copy has. Raises BrokerUnavailable."""
    try:
        return KafkaProducer(
            bootstrap_servers=bootstrap.split(","),
            bootstrap_timeout_ms=ANSWER_MS,
            acks="all",
            # as in services/gateway/event_log.py; a record that a retry writes twice counts once
            enable_idempotence=False,
            max_in_flight_requests_per_connection=1,
            linger_ms=2,
            batch_size=256 * 1024,
            max_request_size=1 << 20,
            allow_auto_create_topics=False,
            max_block_ms=ANSWER_MS,
            request_timeout_ms=ANSWER_MS // 2,
            delivery_timeout_ms=ANSWER_MS,
            reconnect_backoff_max_ms=1_000,
            metrics_enabled=False,
        )
    except KafkaError as error:
        raise BrokerUnavailable(no_broker(bootstrap)) from error


def send_all(producer: KafkaProducer, topic: str, records: Sequence[KeyValue]) -> None:
    """Returns once all are acknowledged. Raises KafkaError or AssertionError: each may be there, or not."""
    sent = [producer.send(topic, value, key, partition=0) for key, value in records]
    for one in sent:
        one.get(ANSWER_MS / 1000 * 1.5)
