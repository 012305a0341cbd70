"""The cases behind a number: lists of marks. A page of one is a range of an SQL index, however large the table is."""

import base64
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Connection, select, tuple_

from services.casebook import schema
from services.casebook.bad_cursor import BadCursor
from services.casebook.marks import Marked

_LARGEST: Final = 2**31


class MarkFilter(NamedTuple):
    """Which marks are listed: those that fit everything that is given."""

    mark: str
    """A `Mark`, or the name of a signal."""
    kpi: str = ""
    """Key of the promise; empty for a signal."""
    unit: str = ""
    """To which it counts; of some signals the source. Empty: to any."""
    item: str = ""
    first_day: int = 0
    """Those that count then or later, or now; 0: all."""
    parties: tuple[str, ...] | None = None
    """Of cases of one of these units; None: of all."""


class MarkedCase(NamedTuple):
    """One mark of one case."""

    case_key: str
    marked: Marked


class MarkPage(NamedTuple):
    """Marks: what is so now, then the latest first. Whoever reads page after page gets none twice."""

    marks: tuple[MarkedCase, ...]
    next: str | None
    """For `after`; None: there are no more."""


_ORDER: Final = (schema.marks.c.day, schema.marks.c.case_key, schema.marks.c.place)


def page_of_marks(connection: Connection, wanted: MarkFilter, after: str | None, limit: int) -> MarkPage:
    """A page of marks, at most `limit` behind the page that gave `after`. Raises BadCursor."""
    asked = select(schema.marks).where(*_conditions(wanted))
    if after is not None:
        asked = asked.where(tuple_(*_ORDER) < tuple_(*_key_of(after)))
    rows = connection.execute(asked.order_by(*(column.desc() for column in _ORDER)).limit(limit + 1)).all()
    found = tuple(_marked(row) for row in rows[:limit])
    last = rows[limit - 1] if len(rows) > limit else None
    return MarkPage(found, None if last is None else _cursor_of(last))


def _conditions(wanted: MarkFilter) -> Iterator[ColumnElement[bool]]:
    table = schema.marks.c
    yield table.mark == wanted.mark
    yield table.kpi == wanted.kpi
    yield table.day >= wanted.first_day
    if wanted.unit:
        yield table.unit == wanted.unit
    if wanted.item:
        yield table.item == wanted.item
    if wanted.parties is not None:
        yield table.party.in_(wanted.parties)


def _marked(row: Any) -> MarkedCase:
    return MarkedCase(row.case_key, Marked(*(getattr(row, name) for name in Marked._fields)))


def _cursor_of(row: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([row.day, row.case_key, row.place])).decode().rstrip("=")


def _key_of(cursor: str) -> tuple[int, str, int]:
    try:
        found = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        day, case_key, place = found
    except (ValueError, TypeError):
        raise BadCursor from None
    numbers = isinstance(day, int) and isinstance(place, int) and max(abs(day), abs(place)) < _LARGEST
    if not numbers or not isinstance(case_key, str) or "\0" in case_key:
        raise BadCursor
    return day, case_key, place
