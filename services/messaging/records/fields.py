"""What the codecs of this folder share: the fields of a JSON record, checked for type and bounds.

A topic outlives the version that wrote it, and a foreign program may have written to it. So a reader accepts what any
version wrote: a field that an older version did not write has a default, a field that a newer version added is
ignored. Anything else raises `Unreadable`. The reader then counts the record, logs its place with `log_unreadable`,
and continues with the next record.
"""

import logging
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeGuard

import orjson

KeyValue = tuple[bytes, bytes | None]
"""Key and value of a record to send; a value of None removes the key."""

_LARGEST = 2**63 - 1
_MOST_DIGITS = 18
_YEARS = range(1900, 2400)
"""Events are of 1900 to 2199; a limit may end later."""


class Unreadable(ValueError):
    """A record that is not what its topic holds. The text says what is wrong and never quotes the record, which may
    hold personal data."""


def log_unreadable(log: logging.Logger, topic: str, partition: int, offset: int, reason: object) -> None:
    """Log the place of a record that cannot be read: never its key or its content."""
    log.warning("%s, partition %d, offset %d: the record cannot be read and is passed over: %s", topic, partition,
                offset, reason)  # fmt: skip


def fields_of(value: bytes | None) -> dict[str, Any]:
    """The fields of a record that is a JSON object. Raises Unreadable."""
    if value is None:
        raise Unreadable("it has no value")
    try:
        fields = orjson.loads(value)
    except ValueError:
        raise Unreadable("it is not JSON") from None
    if type(fields) is not dict:
        raise Unreadable("it is no JSON object")
    return fields


def is_whole(value: object, least: int = 0, most: int = _LARGEST) -> TypeGuard[int]:
    """Whether it is a whole number within limits; `true` is none."""
    return type(value) is int and least <= value <= most


def whole(fields: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A field that is a whole number from 0 to 2**63 - 1. Raises Unreadable."""
    value = fields.get(name, default)
    if not is_whole(value):
        raise Unreadable(f"its field {name} is no whole number, or out of bounds")
    return value


def number_of(written: str) -> int | None:
    """The whole number that a key or a cell has in digits; None where it is none, or has more than 18 digits: of
    thousands Python makes no number."""
    return int(written) if written.isdecimal() and len(written) <= _MOST_DIGITS else None


def text(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A field that is a text; without a default it must be there and not empty. Raises Unreadable."""
    value = fields.get(name, default)
    if type(value) is not str or (default is None and not value):
        raise Unreadable(f"its field {name} is no text")
    return value


def time_text(fields: Mapping[str, Any], name: str) -> str:
    """A field that is a time (RFC 3339 with an offset), or empty. Raises Unreadable."""
    written = text(fields, name, "")
    if written:
        try:
            parsed = datetime.fromisoformat(written)
        except ValueError:
            raise Unreadable(f"its field {name} is no time") from None
        if parsed.tzinfo is None or parsed.year not in _YEARS:
            raise Unreadable(f"its field {name} is a time without offset, or of no year that is judged")
    return written


def finite(name: str, number: float) -> float:
    """The number of a field, if it is finite. Raises Unreadable."""
    if not math.isfinite(number):
        raise Unreadable(f"its field {name} is no finite number")
    return number
