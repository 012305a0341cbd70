"""Personal numbers in bytes that need not be an event: what a dead letter would keep, whatever it was refused for.

Admission examines what it can read as an event. Before that it refuses what is too large, no JSON or no object, and
of a name that is there twice it sees the last value only.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from services.domain.intake.personal_data import kind_of, may_be_personal, personal_number

_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


def holds_personal_number(value: bytes, headers: Iterable[tuple[str, bytes | None]] = ()) -> bool:
    """Whether a personal number is in the value of a record, or in a name or a value of its headers."""
    if may_be_personal(value) and _in_value(value):
        return True
    return any(_in_text(name) or (held is not None and _in_bytes(held)) for name, held in headers)


def _in_value(value: bytes) -> bool:
    """JSON is examined text by text and number by number, anything else as one text."""
    try:
        content = json.loads(value, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return _in_bytes(value)
    if type(content) is not _Pairs and type(content) is not list:
        return _in_bytes(value)
    waiting: list[Any] = [content]
    while waiting:
        one = waiting.pop()
        if type(one) is _Pairs:
            if personal_number("|".join(name for name, _ in one)):
                return True
            waiting += [held for _, held in one]
        elif type(one) is list:
            waiting += one
        elif kind_of(one):
            return True
    return False


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON with every name, also one that is there twice."""


def _in_bytes(raw: bytes) -> bool:
    """In UTF-8, in GBK, whose digits are the same, or in UTF-16."""
    others = ("utf-16-le", "utf-16-be") if b"\x00" in raw else () if raw.isascii() else ("gb18030",)
    return any(_in_text(raw.decode(encoding, errors="replace")) for encoding in ("utf-8", *others))


def _in_text(text: str) -> bool:
    return personal_number(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)) is not None
