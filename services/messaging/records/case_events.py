"""`case.events`: an event as a line of a file and as a record of the topic. Both are admitted in the same way: they
give the same verdict and the same payload hash, because the bytes of the event stay as they are.

Key: the case key; empty where the event has none. Value: the event. The arrival that the file rule gives
(`recordedat`, else `time`), where the event itself has none, is a header of the record. On the way back it is written
into the line; the attributes of an event in binary mode, which are headers, are written before its data.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from services.domain.intake.admission import LARGEST_EVENT
from services.domain.intake.events import text_of
from services.domain.intake.facts import case_key
from services.domain.intake.json_text import DATA, stamped
from services.domain.intake.record_headers import RECEIVED, read_headers
from services.domain.intake.refusal import Refused

_BLANKS = bytes.maketrans(b"\n", b" ")
_TABS = bytes.maketrans(b"\n", b"\x0b")
"""A vertical tab has no place in JSON: a line that is no JSON because it is broken in a text stays none."""
_LONGEST_TIME = 40


class Addressed(NamedTuple):
    """Key and headers of the record of an event; its value is the event's bytes."""

    key: bytes
    headers: Sequence[tuple[str, bytes]]


def record_of_line(line: bytes) -> Addressed:
    """The key of an event's record, and its headers: the arrival, where the event does not say it."""
    try:
        event = orjson.loads(line)
    except ValueError:
        event = None
    if type(event) is not dict:
        return Addressed(b"", ())
    return Addressed(_key(event), _headers(event))


def _key(event: dict[str, Any]) -> bytes:
    owner = event.get("caseowner") or event.get("source")
    subject = event.get("subject") or ""
    return case_key(owner, subject).encode() if type(owner) is str and type(subject) is str else b""


def _headers(event: dict[str, Any]) -> Sequence[tuple[str, bytes]]:
    if "receivedat" in event:
        return ()
    arrived = event.get("recordedat") or event.get("time")
    if type(arrived) is not str or len(arrived) > _LONGEST_TIME:
        return ()  # it is refused for that
    return ((RECEIVED, arrived.encode()),)


def line_of_record(value: bytes, headers: Sequence[tuple[str, bytes | None]], timestamp_ms: int) -> bytes | None:
    """The line without its end; None for a record of blanks, which is no line. `timestamp_ms`: of the record."""
    if not value and not headers:
        return None
    try:
        attributes, received = read_headers(headers)
    except Refused:
        attributes, received = {}, None  # its headers cannot be read: the line is no event either
    if attributes is not None:
        value = _structured(attributes, value)
    return _line(value, received, timestamp_ms)


def _line(value: bytes, received: str | None, timestamp_ms: int) -> bytes | None:
    if len(value) > LARGEST_EVENT:
        return value.translate(_BLANKS)
    try:
        event = orjson.loads(value)
    except ValueError:
        return value.translate(_TABS) if value.strip() else None
    line = value.translate(_BLANKS)  # a line break between the tokens of JSON means the same as a blank
    if type(event) is not dict or "receivedat" in event:
        return line
    try:
        return stamped(line, text_of(timestamp_ms * 1000) if received is None else received)
    except (ValueError, OverflowError):  # longer than a time, or a timestamp of no year
        return stamped(line, "unreadable")


def _structured(attributes: dict[str, str], data: bytes) -> bytes:
    """An event in binary mode as one JSON object; of the length that admission counts."""
    return orjson.dumps(attributes)[:-1] + (DATA + data if data else b"") + b"}"
