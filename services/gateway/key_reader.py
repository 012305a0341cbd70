"""The topic of API keys, followed by a thread: who may send, and whether that is known as of now.

Nobody is served before the topic was read to its end, and nobody once the broker has not confirmed for some seconds
that this is still its end: a key may have been revoked since.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.domain.time.zone import Instant
from services.gateway.key_ring import KeyLine, KeyRing
from services.gateway.key_uses import KeyUses
from services.messaging.header_names import read_any_header_name
from services.messaging.reader import BrokerUnavailable, no_broker
from services.messaging.records.fields import Unreadable, log_unreadable
from services.messaging.records.gateway_keys import StoredKey
from services.messaging.topics import ANSWER_MS, GATEWAY_KEYS

read_any_header_name()

log = logging.getLogger(__name__)

TRUSTED_SECONDS: Final = 5.0
"""How long what was read counts after the broker last confirmed that there is no more."""
_ASK_SECONDS: Final = 1.0
_POLL_MS: Final = 200
_PLACE: Final = TopicPartition(GATEWAY_KEYS, 0)


class KeysUnknown(Exception):
    """Whether a key is good cannot be said now."""


class KeyReader:
    """Reads the keys until it is ended. `found` may be called by any thread."""

    def __init__(
        self,
        consumer: Any,
        uses: KeyUses,
        now: Callable[[], Instant],
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`consumer`: a KafkaConsumer. `now`: the real time, by which keys expire."""
        self._ring = KeyRing()
        self._lock = threading.Lock()
        self._uses = uses
        self._seconds = seconds
        self._now = now
        self._confirmed = float("-inf")
        """When the broker last said that everything is read (monotonic)."""
        self._asked = float("-inf")
        self._consumer = consumer
        consumer.assign([_PLACE])

    @classmethod
    def open(cls, bootstrap: str, uses: KeyUses, now: Callable[[], Instant]) -> Self:
        """Raises BrokerUnavailable."""
        try:
            consumer = KafkaConsumer(
                bootstrap_servers=bootstrap.split(","),
                bootstrap_timeout_ms=ANSWER_MS,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                reconnect_backoff_max_ms=1_000,
            )
        except KafkaError as error:
            raise BrokerUnavailable(no_broker(bootstrap)) from error
        return cls(consumer, uses, now)

    @property
    def is_current(self) -> bool:
        """Whether all keys are read, as the broker said within the last seconds."""
        return self._seconds() - self._confirmed < TRUSTED_SECONDS

    def found(self, whole: str) -> KeyLine | None:
        """The key with its state; None where there is none such. KeysUnknown where that is not known as of now."""
        if not self.is_current:
            raise KeysUnknown
        with self._lock:
            return self._ring.found(whole, self._now())

    def run(self, ending: threading.Event) -> None:
        """Follow the topic until `ending` is set. While the broker is away it tries again."""
        try:
            while not ending.is_set():
                try:
                    self.step()
                except (KafkaError, KeyError) as error:
                    # KeyError: kafka-python looks up an answer that it does not have while there is no leader
                    log.warning("%s cannot be read (%s); trying again", GATEWAY_KEYS, type(error).__name__)
                    ending.wait(_ASK_SECONDS)
        finally:
            self._uses.flush()
            self._consumer.close()

    def step(self) -> None:
        """What is new, and, once a second, whether that is all. Raises KafkaError."""
        for record in self._consumer.poll(timeout_ms=_POLL_MS).get(_PLACE, ()):
            self._take(record)
        asked = self._seconds()
        if asked - self._asked >= _ASK_SECONDS:
            self._asked = asked
            end = self._consumer.end_offsets([_PLACE], timeout_ms=2_000)[_PLACE]
            if self._consumer.position(_PLACE, timeout_ms=2_000) >= end:
                self._confirmed = asked
        self._uses.flush_now_and_then(asked)

    def _take(self, record: Any) -> None:
        key_id = (record.key or b"").decode(errors="replace")
        try:
            key = StoredKey.decode(record.value)
        except Unreadable as reason:
            log_unreadable(log, GATEWAY_KEYS, 0, record.offset, reason)
            with self._lock:
                self._ring.forget(key_id)
            return
        with self._lock:
            self._ring.take(record.offset, key_id, key)
