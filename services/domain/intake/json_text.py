"""What a parser of JSON does not report about an event: how deep it is, and whether a name is there twice."""

import json
from collections.abc import Mapping
from typing import Any, Final

DEEPEST: Final = 16
"""Levels of objects and lists; the contract needs six."""

_COLON: Final = b":"
_ESCAPE: Final = ord("\\")
_ESCAPED_COLONS: Final = (b"\\u003a", b"\\u003A")


def is_deep(content: object) -> bool:
    """Whether objects and lists are nested deeper than any event needs. Not recursive, whatever the depth."""
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for each in level:
            if type(each) is dict:
                inner += each.values()
            elif type(each) is list:
                inner += each
        level = [each for each in inner if type(each) is dict or type(each) is list]
        if not level:
            return False
    return True


def repeats_a_name(raw: bytes, written: bytes) -> bool:
    """Whether an object in the JSON has a name twice: readers disagree on which one is valid. `written`: the same
    content, serialized again by a library that keeps one of them.

    A name that is lost takes a colon with it, and only an escape can hide a colon: for most events it is enough to
    count colons.
    """
    hides_one = _ESCAPE in raw and any(colon in raw for colon in _ESCAPED_COLONS)
    if not hides_one and raw.count(_COLON) == written.count(_COLON):
        return False
    try:
        json.loads(raw, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except _Twice:
        return True
    except (ValueError, RecursionError):  # a limit of this reader only: the first one has read it
        return False
    return False


class _Twice(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found


# ---- one line of an export -----------------------------------------------------------------------------------
STAMP: Final = b'{"receivedat":"'
STAMP_END: Final = b'",'
LONGEST_STAMP: Final = 64
"""The most bytes that an export adds to an event when it writes the arrival into it."""
LONGEST_ARRIVAL: Final = LONGEST_STAMP - len(STAMP) - len(STAMP_END)
"""Characters of an arrival that an export can write into its event. A time in nanoseconds has 35."""
DATA: Final = b',"data":'


def stamped(event: bytes, arrival: str) -> bytes:
    """A JSON object with its arrival spliced in as its first attribute; all other bytes stay as they are. ValueError
    if the arrival is longer than any time, or not ASCII."""
    written = json.dumps(arrival, ensure_ascii=False).encode("ascii")
    if len(written) - len('""') > LONGEST_ARRIVAL:
        raise ValueError("it is longer than any time")
    rest = event.lstrip()[1:]
    is_empty = rest.lstrip().startswith(b"}")
    return STAMP[:-1] + written + (b"" if is_empty else b",") + rest


def stamp_length(event: bytes) -> int:
    """How many bytes of an event `stamped` has added; 0 if it was not."""
    if not event.startswith(STAMP):
        return 0
    end = event.find(STAMP_END, len(STAMP), LONGEST_STAMP)
    return 0 if end < 0 else end + len(STAMP_END) - len(STAMP[:1])
