"""JSON as it travels: read fast, and written canonically for the payload hash."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
import rfc8785

from services.domain.intake.admission import Admission, JsonCodec
from services.domain.plan.plan import Plan

_EXACT: Final = 2**53 - 1
"""Integers beyond this are not the same number for every reader of JSON (RFC 7493)."""

_ASTRAL_LEADS: Final = (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")
"""First bytes of characters beyond U+FFFF: keys with these sort differently by UTF-16 than by UTF-8."""


def dumps(content: Any) -> bytes:
    """JSON with sorted keys: canonical, if there are only texts, whole numbers and common characters in it."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def canonical(content: Mapping[str, Any]) -> bytes:
    """A JSON object in its canonical form (RFC 8785). ValueError where it has none: an integer beyond 2**53 - 1.

    orjson sorts keys and writes strings and integers as the RFC does; numbers with a fraction and keys that it would
    sort otherwise are left to the library for the RFC.
    """
    if _is_plain(content):
        text = dumps(content)
        if text.isascii() or not any(lead in text for lead in _ASTRAL_LEADS):
            return text
    return rfc8785.dumps(content)


def _is_plain(content: Mapping[str, Any]) -> bool:
    """Whether there is no float and no large integer in it."""
    for value in content.values():
        kind = type(value)
        if kind is str:  # nearly all are texts
            continue
        if kind is dict:
            if not _is_plain(value):
                return False
        elif kind not in _PLAIN and not _CHECKS.get(kind, _is_other)(value):
            return False
    return True


def _is_exact(number: int) -> bool:
    return -_EXACT <= number <= _EXACT


def _are_plain(items: list[Any]) -> bool:
    """Lists of texts are the rule; those of objects, as the subjects of a notice, are looked into."""
    return all(type(item) is str or (type(item) is dict and _is_plain(item)) for item in items)


def _is_other(value: object) -> bool:
    """A float, or what JSON does not have."""
    return False


_PLAIN: Final = frozenset((bool, type(None)))
_CHECKS: Final[Mapping[type, Callable[[Any], bool]]] = {int: _is_exact, list: _are_plain}


CODEC: Final = JsonCodec(loads=orjson.loads, canonical=canonical, dumps=dumps)
"""How the services read and hash events."""


def admission(plan: Plan, *, trust_receivedat: bool = False) -> Admission:
    """The admission of a plan, with the services' codec."""
    return Admission(plan, CODEC, trust_receivedat=trust_receivedat)
