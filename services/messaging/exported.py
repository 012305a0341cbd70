"""A record of `case.events` as a line of a file: admitted, it gives the same verdict and the same payload hash.

The bytes of the event stay as they are. Spliced in is its arrival, where the record and not the event says it; the
attributes of an event in binary mode, which came as headers, are put before its data.
"""

from collections.abc import Sequence

import orjson

from services.domain.intake.admission import LARGEST_EVENT
from services.domain.intake.events import text_of
from services.domain.intake.json_text import DATA, stamped
from services.domain.intake.record_headers import read_headers
from services.domain.intake.refusal import Refused

_BLANKS = bytes.maketrans(b"\n", b" ")
_TABS = bytes.maketrans(b"\n", b"\x0b")
"""A vertical tab has no place in JSON: what is none because a line is broken in a text stays none."""


def exported(value: bytes, headers: Sequence[tuple[str, bytes | None]], timestamp_ms: int) -> bytes | None:
    """The line without its end; None for a record of blanks, which is none in a file. `timestamp_ms`: the record's."""
    if not value and not headers:
        return None
    try:
        attributes, received = read_headers(headers)
    except Refused:
        attributes, received = {}, None  # nobody can read its headers: the line is no event either
    if attributes is not None:
        value = _structured(attributes, value)
    if len(value) > LARGEST_EVENT:
        return value.translate(_BLANKS)
    try:
        event = orjson.loads(value)
    except ValueError:
        return value.translate(_TABS) if value.strip() else None
    line = value.translate(_BLANKS)  # a line break between the tokens of JSON is as good as a blank
    if type(event) is not dict or "receivedat" in event:
        return line
    arrival = text_of(timestamp_ms * 1000) if received is None else received
    try:
        return stamped(line, arrival)
    except ValueError:
        return stamped(line, "unreadable")


def _structured(attributes: dict[str, str], data: bytes) -> bytes:
    """An event in binary mode as one JSON object; as long as admission takes it to be."""
    return orjson.dumps(attributes)[:-1] + (DATA + data if data else b"") + b"}"
