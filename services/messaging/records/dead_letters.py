"""`case.events.dead-letter`: refused events, each with its original, its place and the reason. This module alone knows
their keys and fields; `services/messaging/dead_letter_reader.py` reads them from the broker.

A letter always fits its topic. An original up to `LARGEST_WHOLE` is kept whole, with its headers. Of a larger one the
letter keeps the head, the length, the hash and the place, from where `original_of` reads it. `Refused` bounds
everything else in a letter.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as fields_of_class
from typing import Any, Final, NamedTuple, Self

import orjson

from services.domain.intake.admission import LARGEST_EVENT
from services.domain.intake.events import LONGEST_NAME, text_of
from services.domain.intake.personal_bytes import holds_personal_number
from services.domain.intake.personal_data import personal_number
from services.domain.intake.refusal import Reason, Refused
from services.domain.time.zone import Instant
from services.messaging.records.fields import KeyValue, Unreadable, fields_of, is_whole, text
from services.messaging.topics import INBOX_PREFIX

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


class Arrived(NamedTuple):
    """An event as it arrived in a topic."""

    topic: str
    partition: int
    offset: int | None
    """None: not known any more; `value` is written again from the fact that the case had kept."""
    received: Instant
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was refused. It was in a topic (partition, offset) or in a file (line). An event that its case had
    kept until then has no offset: it is not known any more, and the original is written again from the kept fact."""

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
    """Its payload hash, where its case refused it: the case may do so again when the event is delivered again."""
    headers: Headers = ()
    """Of its record: in binary mode the event's attributes are there."""
    whole: Whole | None = None
    """Given where `original` and `headers` are only the head."""
    sender: str | None = None
    """The source that sent it: of an inbox the one to which it belongs, whatever the event says. In `case.events` the
    one that the event names, which the gateway or the relay has compared with its sender. None: not known."""

    @classmethod
    def of(cls, refused: Refused, event: Arrived, digest: str | None = None, *, sender: str | None = None) -> Self:
        """The dead letter of an event that was refused. `digest`: its payload hash, where its case refused it."""
        value, headers, whole = _kept(event.value or b"", tuple(event.headers), refused.code)
        return cls(
            reason=refused.code,
            path=_harmless(refused.path, ""),
            sentence=_harmless(refused.sentence, "the sentence would show a personal number"),
            remedy=_harmless(refused.remedy, "send a keyed hash, or leave it out"),
            original=value,
            received_at=text_of(event.received),
            topic=event.topic,
            partition=event.partition,
            offset=event.offset,
            digest=digest,
            headers=headers,
            whole=whole,
            sender=sender,
        )

    @property
    def place(self) -> str:
        """Where the event was, for a person to read."""
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
        """The sender; where it is not known, the source that the original names, which is a claim."""
        if self.sender is not None:
            return self.sender
        return source_named(self.original, self.headers) if self.whole is None else self.whole.source

    def owner(self, inboxes: Mapping[str, str]) -> str | None:
        """The source that may see the letter and send its event again. `inboxes`: inbox → source."""
        if (self.topic or "").startswith(INBOX_PREFIX):
            return inboxes.get(self.topic or "")
        return self.source

    def record(self) -> KeyValue:
        """As it is sent."""
        return self.key, self.encode()

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
                **({} if self.sender is None else {"sender": self.sender}),
            }
        )

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """The dead letter of a record's value, of this or an earlier version. ValueError if it is none."""
        try:
            fields = orjson.loads(value)
            fields = {name: fields[name] for name in _FIELDS if name in fields}
            _refuse_other_types(fields)
            fields["reason"] = Reason(fields["reason"])
            fields["original"] = base64.b64decode(fields["original"], validate=True)
            fields["headers"] = tuple(map(_header, fields.get("headers", ())))
            if fields.get("whole") is not None:
                fields["whole"] = _whole(fields["whole"])
            return cls(**fields)
        except (TypeError, KeyError, binascii.Error) as error:
            raise ValueError(f"it is no dead letter: {error}") from None


def reason_of(value: bytes) -> str:
    """The reason of a letter, which a newer version may have added. Raises Unreadable."""
    return text(fields_of(value), "reason")


def sender_of(value: bytes | None) -> str | None:
    """The sender of a letter, or, in one of an earlier version, the source that it names; None where it has none."""
    try:
        return DeadLetter.decode(value or b"").source
    except ValueError:
        return None


_FIELDS: Final = tuple(field.name for field in fields_of_class(DeadLetter))
_TEXTS: Final = ("path", "sentence", "remedy", "received_at")
_TEXTS_OR_NONE: Final = ("topic", "file", "digest", "sender")
_NUMBERS_OR_NONE: Final = ("partition", "offset", "line")


def _refuse_other_types(fields: dict[str, Any]) -> None:
    """Raises Unreadable where a field is not of its type: whoever shows or sorts letters relies on them."""
    for name in _TEXTS:
        text(fields, name, "")
    for name in _TEXTS_OR_NONE:
        if fields.get(name) is not None:
            text(fields, name, "")
    for name in _NUMBERS_OR_NONE:
        if fields.get(name) is not None and not is_whole(fields[name]):
            raise Unreadable(f"its field {name} is no whole number, or out of bounds")


def _header(pair: Any) -> tuple[str, bytes | None]:
    match pair:
        case [str() as name, str() | None as held]:
            return name, _bytes(held)
    raise Unreadable("one of its headers is none")


def _whole(fields: Any) -> Whole:
    match fields:
        case {"bytes": length, "sha256": str(), "headers": count, "source": str() | None} if is_whole(
            length
        ) and is_whole(count):
            return Whole(**{name: fields[name] for name in Whole._fields})
    raise Unreadable("it does not say what its original is")


def _kept(value: bytes, headers: Headers, reason: Reason) -> tuple[bytes, Headers, Whole | None]:
    """What a letter keeps of an original: all of it, or its head and what the whole is. Of one with a personal number
    nothing but its hash, whatever it was refused for: the number must be in no topic of ours for longer than in the
    one that it came by."""
    kept = value, headers
    is_whole_kept = len(value) + sum(map(_weight, headers)) <= LARGEST_WHOLE
    if not is_whole_kept:
        kept = value[:HEAD], _first(headers)
    if reason is Reason.PERSONAL_DATA or holds_personal_number(*kept):
        return b"", (), Whole(len(value), hashlib.sha256(value).hexdigest(), len(headers), None)
    if is_whole_kept:
        return value, headers, None
    return *kept, Whole(len(value), hashlib.sha256(value).hexdigest(), len(headers), source_named(value, headers))


def _first(headers: Headers) -> Headers:
    """As many of the headers as a letter keeps of a large original."""
    first: list[tuple[str, bytes | None]] = []
    room = HEAD
    for header in headers:
        room -= _weight(header)
        if room < 0:
            break
        first.append(header)
    return tuple(first)


def _harmless(text: str, instead: str) -> str:
    """A text of a refusal, which may quote the event."""
    return text if personal_number(text) is None else instead


def _weight(header: tuple[str, bytes | None]) -> int:
    """At most so many bytes in a letter, before base64: a control character in a name is written as six."""
    name, value = header
    return 6 * len(name.encode()) + len(value or b"") + 16


def source_named(value: bytes, headers: Headers) -> str | None:
    """The source that an event names, in structured or in binary mode; None where it names none."""
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
    """The event as one JSON object, so that it can be corrected: of an event in binary mode the attributes are in its
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
