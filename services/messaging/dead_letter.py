"""Dead letters: events that were turned away, each with its original bytes, the place and the reason (CONTRACT §2)."""

import base64
import binascii
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import orjson
from kafka import KafkaConsumer, TopicPartition

from services.domain.events import text_of
from services.domain.refusal import Reason, Refused
from services.domain.zone import Instant
from services.messaging.topics import ANSWER_MS, DEAD_LETTER


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was turned away. It stood in a topic (partition, offset) or in a file (line). One that its case
    had kept until then has no offset: nobody remembers it, and the original is written again from what was kept."""

    reason: Reason
    path: str
    """Where in the event: `data.attributes.fee`."""
    sentence: str
    remedy: str
    original: bytes
    """The event as it came; may hold what must not be kept, so it goes after 30 days."""
    received_at: str
    """RFC 3339."""
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    file: str | None = None
    line: int | None = None
    digest: str | None = None
    """Its payload hash, where its case turned it away: the case may do so again when it is delivered again."""

    @classmethod
    def of_record(
        cls,
        refused: Refused,
        original: bytes | None,
        *,
        topic: str,
        partition: int,
        offset: int | None,
        received: Instant,
        digest: str | None = None,
    ) -> Self:
        """The dead letter of an event that was refused; `digest`: by its case."""
        return cls(
            reason=refused.code,
            path=refused.path,
            sentence=refused.sentence,
            remedy=refused.remedy,
            original=original or b"",
            received_at=text_of(received),
            topic=topic,
            partition=partition,
            offset=offset,
            digest=digest,
        )

    @property
    def place(self) -> str:
        """Where the event stood, for a person to read."""
        if self.topic is None:
            return f"{self.file}:{self.line}"
        return f"{self.topic}/{self.partition}" + ("" if self.offset is None else f"@{self.offset}")

    @property
    def key(self) -> bytes:
        """The key of its record: redelivered, it is the same."""
        place: tuple[object, ...] = (self.file, self.line)
        if self.topic is not None:
            place = (self.topic, self.partition, self.offset if self.digest is None else self.digest)
        return "|".join(str(part) for part in place).encode()

    @property
    def source(self) -> str | None:
        """The source that the original names; None where it names none."""
        try:
            event = orjson.loads(self.original)
        except ValueError:
            return None
        source = event.get("source") if isinstance(event, dict) else None
        return source if isinstance(source, str) else None

    def encode(self) -> bytes:
        """The value of its record: JSON, the original in base64."""
        if self.topic is not None:
            place: dict[str, Any] = {"topic": self.topic, "partition": self.partition, "offset": self.offset}
        else:
            place = {"file": self.file, "line": self.line}
        return orjson.dumps(
            {
                "reason": self.reason,
                "path": self.path,
                "sentence": self.sentence,
                "remedy": self.remedy,
                **place,
                "original": base64.b64encode(self.original).decode(),
                "received_at": self.received_at,
                **({} if self.digest is None else {"digest": self.digest}),
            }
        )

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """The dead letter of a record's value. ValueError if it is none."""
        try:
            fields = orjson.loads(value)
            fields["reason"] = Reason(fields["reason"])
            fields["original"] = base64.b64decode(fields["original"], validate=True)
            return cls(**fields)
        except (TypeError, KeyError, binascii.Error) as error:
            raise ValueError(f"it is no dead letter: {error}") from None


class Filed(NamedTuple):
    """A dead letter with its number: its offset in the topic of dead letters."""

    number: int
    letter: DeadLetter


def read(bootstrap: str, start: int = 0) -> Iterator[Filed]:
    """The dead letters that are kept, from a number on to the last one there is now, oldest first.

    Raises KafkaError if the broker does not answer, ValueError for a record that is no dead letter.
    """
    place = TopicPartition(DEAD_LETTER, 0)
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        bootstrap_timeout_ms=ANSWER_MS,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    with closing(consumer):
        consumer.assign([place])
        end = consumer.end_offsets([place])[place]
        consumer.seek(place, max(start, consumer.beginning_offsets([place])[place]))
        while consumer.position(place) < end:
            for record in consumer.poll(timeout_ms=ANSWER_MS).get(place, ()):
                if record.offset < end:
                    yield Filed(record.offset, DeadLetter.decode(record.value))
