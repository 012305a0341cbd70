"""Dead letters: events that were turned away, each with its original, the place and the reason.

A letter always fits its topic. An original up to `LARGEST_WHOLE` is kept whole, with its headers; of a larger one the
head is kept, its length, its hash and the place, from where `original_of` reads it. What a letter says beside the
original is bounded by `Refused`.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import orjson
from kafka import KafkaConsumer, TopicPartition

from services.domain.intake.admission import LARGEST_EVENT
from services.domain.intake.events import LONGEST_NAME, text_of
from services.domain.intake.refusal import Reason, Refused
from services.domain.time.zone import Instant
from services.messaging.header_names import read_any_header_name
from services.messaging.records.fields import Unreadable, is_whole, text
from services.messaging.topics import ANSWER_MS, DEAD_LETTER

read_any_header_name()

LARGEST_WHOLE: Final = LARGEST_EVENT * 3 // 2
"""Bytes of value and headers that a letter keeps. In base64 they are 128 KiB: far below what a batch of a worker
(512 KiB) and a record of an untouched broker (1 MB) may have, and every event of an allowed size is kept whole."""
HEAD: Final = 4 * 1024
"""Bytes that are kept of what is larger, and as much of the headers."""
LARGEST_LETTER: Final = 192 * 1024
"""No letter is larger than this many bytes (a test holds it)."""

Headers = tuple[tuple[str, bytes | None], ...]


class Whole(NamedTuple):
    """What is known of an original of which a letter keeps the head only."""

    bytes: int
    """Length of the value."""
    sha256: str
    """Of the value, in hex."""
    headers: int
    """How many there are."""
    source: str | None
    """The source that it names."""


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
    headers: Headers = ()
    """Of its record: in binary mode the event's attributes are there."""
    whole: Whole | None = None
    """Given where `original` and `headers` are only the head."""

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
        headers: Iterable[tuple[str, bytes | None]] = (),
    ) -> Self:
        """The dead letter of an event that was refused; `digest`: by its case."""
        value, named, whole = _kept(original or b"", tuple(headers))
        return cls(
            reason=refused.code,
            path=refused.path,
            sentence=refused.sentence,
            remedy=refused.remedy,
            original=value,
            received_at=text_of(received),
            topic=topic,
            partition=partition,
            offset=offset,
            digest=digest,
            headers=named,
            whole=whole,
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
        return _source_of(self.original, self.headers) if self.whole is None else self.whole.source

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
                **({"headers": [[name, _text(value)] for name, value in self.headers]} if self.headers else {}),
                **({} if self.whole is None else {"whole": self.whole._asdict()}),
            }
        )

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """The dead letter of a record's value, of this or an earlier version. ValueError if it is none."""
        try:
            told = orjson.loads(value)
            told = {name: told[name] for name in _FIELDS if name in told}
            _refuse_other_types(told)
            told["reason"] = Reason(told["reason"])
            told["original"] = base64.b64decode(told["original"], validate=True)
            told["headers"] = tuple(map(_header, told.get("headers", ())))
            if told.get("whole") is not None:
                told["whole"] = _whole(told["whole"])
            return cls(**told)
        except (TypeError, KeyError, binascii.Error) as error:
            raise ValueError(f"it is no dead letter: {error}") from None


_FIELDS: Final = tuple(field.name for field in fields(DeadLetter))
_TEXTS: Final = ("path", "sentence", "remedy", "received_at")
_TEXTS_OR_NONE: Final = ("topic", "file", "digest")
_NUMBERS_OR_NONE: Final = ("partition", "offset", "line")


def _refuse_other_types(told: dict[str, Any]) -> None:
    """Raises Unreadable where a field is not of its type: whoever shows or sorts letters relies on them."""
    for name in _TEXTS:
        text(told, name, "")
    for name in _TEXTS_OR_NONE:
        if told.get(name) is not None:
            text(told, name, "")
    for name in _NUMBERS_OR_NONE:
        if told.get(name) is not None and not is_whole(told[name]):
            raise Unreadable(f"its field {name} is no whole number, or out of bounds")


def _header(pair: Any) -> tuple[str, bytes | None]:
    match pair:
        case [str() as name, str() | None as held]:
            return name, _bytes(held)
    raise Unreadable("one of its headers is none")


def _whole(told: Any) -> Whole:
    match told:
        case {"bytes": length, "sha256": str(), "headers": count, "source": str() | None} if is_whole(
            length
        ) and is_whole(count):
            return Whole(**{name: told[name] for name in Whole._fields})
    raise Unreadable("it does not say what its original is")


def _kept(value: bytes, headers: Headers) -> tuple[bytes, Headers, Whole | None]:
    """What a letter keeps of an original: all of it, or its head and what the whole is."""
    if len(value) + sum(map(_weight, headers)) <= LARGEST_WHOLE:
        return value, headers, None
    whole = Whole(len(value), hashlib.sha256(value).hexdigest(), len(headers), _source_of(value, headers))
    first: list[tuple[str, bytes | None]] = []
    room = HEAD
    for header in headers:
        room -= _weight(header)
        if room < 0:
            break
        first.append(header)
    return value[:HEAD], tuple(first), whole


def _weight(header: tuple[str, bytes | None]) -> int:
    """At most so many bytes in a letter, before base64: a control character in a name is written as six."""
    name, value = header
    return 6 * len(name.encode()) + len(value or b"") + 16


def _source_of(value: bytes, headers: Headers) -> str | None:
    """The source that an event names, in structured or in binary mode."""
    attributes = {name.lower(): held for name, held in headers}
    if "ce_specversion" in attributes:
        source: object = (attributes.get("ce_source") or b"").decode(errors="replace")
    else:
        try:
            event = orjson.loads(value)
        except ValueError:
            return None
        source = event.get("source") if isinstance(event, dict) else None
    return source if isinstance(source, str) and 0 < len(source) <= LONGEST_NAME else None


def as_event(value: bytes, headers: Headers) -> bytes:
    """The event as one JSON object, so that it can be mended: of an event in binary mode the attributes are in its
    headers. As it came where it is no JSON."""
    attributes = {
        name.lower().removeprefix("ce_"): (held or b"").decode(errors="replace")
        for name, held in headers
        if name.lower().startswith("ce_")
    }
    if "specversion" not in attributes:
        return value
    try:
        return orjson.dumps(attributes | ({"data": orjson.loads(value)} if value else {}))
    except (ValueError, TypeError):  # no JSON; nested too deeply to be written
        return value


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


class Filed(NamedTuple):
    """A dead letter with its number: its offset in the topic of dead letters."""

    number: int
    letter: DeadLetter


def read(bootstrap: str, start: int = 0, unreadable: Callable[[int], None] = lambda number: None) -> Iterator[Filed]:
    """The dead letters that are kept, from a number on to the last one there is now, oldest first. `unreadable` is
    called with the number of each record that is no dead letter.

    Raises KafkaError if the broker does not answer.
    """
    place = TopicPartition(DEAD_LETTER, 0)
    with closing(_consumer(bootstrap)) as consumer:
        consumer.assign([place])
        end = consumer.end_offsets([place])[place]
        consumer.seek(place, max(start, consumer.beginning_offsets([place])[place]))
        while consumer.position(place) < end:
            for record in consumer.poll(timeout_ms=ANSWER_MS).get(place, ()):
                if record.offset >= end:
                    continue
                try:
                    letter = DeadLetter.decode(record.value or b"")
                except ValueError:
                    unreadable(record.offset)
                    continue
                yield Filed(record.offset, letter)


class OriginalGone(Exception):
    """The whole original of a letter cannot be had; the sentence says why."""


def original_of(letter: DeadLetter, bootstrap: str) -> tuple[bytes, Headers]:
    """Value and headers of the event as it came: from the letter, or from where it lies.

    Raises OriginalGone, and KafkaError if the broker does not answer.
    """
    if letter.whole is None:
        return letter.original, letter.headers
    if letter.topic is not None:
        value, headers = _record_at(letter, bootstrap)
    else:
        value, headers = _line_at(letter), ()
    if hashlib.sha256(value).hexdigest() != letter.whole.sha256:
        raise OriginalGone(f"at {letter.place} there is something else now: its SHA-256 is not the one of the letter")
    return value, headers


def _record_at(letter: DeadLetter, bootstrap: str) -> tuple[bytes, Headers]:
    if letter.topic is None or letter.partition is None or letter.offset is None:
        raise OriginalGone("its record is not known any more, only the head of it was kept")
    place = TopicPartition(letter.topic, letter.partition)
    with closing(_consumer(bootstrap)) as consumer:
        if letter.partition not in (consumer.partitions_for_topic(letter.topic) or ()):
            raise OriginalGone(f"there is no partition {letter.topic}/{letter.partition} on this broker")
        consumer.assign([place])
        first, end = consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place]
        if not first <= letter.offset < end:
            raise OriginalGone(f"{letter.topic}/{letter.partition} has only the offsets {first} to {end - 1}")
        consumer.seek(place, letter.offset)
        for record in consumer.poll(timeout_ms=ANSWER_MS, max_records=1).get(place, ()):
            if record.offset == letter.offset:
                return record.value or b"", tuple(record.headers)
    raise OriginalGone(f"the broker did not send the record at {letter.place} within {ANSWER_MS // 1000} s: try again")


def _line_at(letter: DeadLetter) -> bytes:
    file, wanted = Path(letter.file or ""), letter.line or 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if number == wanted:
                    return line.rstrip(b"\r\n")
    except OSError as error:
        raise OriginalGone(f"{file} cannot be read: {error.strerror}") from None
    raise OriginalGone(f"{file} has no line {wanted} any more")


def _consumer(bootstrap: str) -> KafkaConsumer:
    return KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        bootstrap_timeout_ms=ANSWER_MS,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
