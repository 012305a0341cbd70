"""Where a list goes on: the sort key of the last line of a page, as a text for an address."""

import base64

import orjson

_LARGEST = 2**63
"""Databases have no larger numbers."""


class BadCursor(ValueError):
    """The text is none that a page gave."""


def cursor_of(*key: int | str) -> str:
    """For the line with this sort key."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def key_of(cursor: str, *kinds: type) -> list[int | str]:
    """The sort key of a cursor. `kinds`: the type of each of its parts. Raises BadCursor."""
    try:
        found = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except ValueError:
        found = None
    if not isinstance(found, list) or [type(each) for each in found] != list(kinds):
        raise BadCursor
    if any(isinstance(each, int) and not -_LARGEST <= each < _LARGEST for each in found):
        raise BadCursor
    return found
