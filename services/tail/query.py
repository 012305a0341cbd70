"""A query on a database, asked again and again: each time for the rows whose watermark has changed.

The watermark is a column that grows with every change: a time or a number. A transaction may commit later than one
with a higher watermark. So each reading begins an overlap before the highest watermark that was taken, and the memory
of rows passes over what it knows. A time that is still to come says nothing about what was read: the saved watermark
is never later than now.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import (
    Engine,
    NullPool,
    Select,
    TextClause,
    bindparam,
    column,
    create_engine,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from services.mapping.cells import Problem, Record, TypedCell
from services.mapping.export import RowEvents, RowWriter
from services.mapping.mapping_file import ExportMapping, MappingError
from services.mapping.row_reader import fingerprint
from services.tail.taking import RowTaker

_ROWS: Final = 200
"""Of one transaction of the spool."""
_REMEMBERED: Final = 1_000_000
"""So many rows of one reading are compared with each other."""
_SINCE: Final = "kpiwatch_since"
Mark = datetime | int | Decimal


class WrongQuery(Exception):
    """A query, a column or an address that cannot be used: a sentence with reason and remedy."""


class DatabaseAway(Exception):
    """The database does not answer: it is asked again."""


class Asked(NamedTuple):
    """What is followed."""

    query: str
    watermark: str
    """The column that grows with every change."""
    overlap: float
    """Seconds where it is a time, else a number."""


def opened(address: str) -> Engine:
    """The database. It is not asked yet, and no connection outlives a reading. WrongQuery."""
    try:
        return create_engine(address, poolclass=NullPool)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise WrongQuery(
            f"the address of the database cannot be used ({type(error).__name__}): write it as "
            "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, and install the driver that it names: "
            "'kpiwatch[tail,postgresql]' has the one of PostgreSQL"
        ) from None


class _Row(NamedTuple):
    place: int
    outcomes: Sequence[RowEvents | Problem]
    mark: Mark


class QueryTail:
    """Follows the rows of a query."""

    def __init__(self, engine: Engine, asked: Asked, mapping: ExportMapping, taker: RowTaker) -> None:
        """WrongQuery for a mapping without `identity`."""
        if not mapping.identity:
            raise WrongQuery(
                "the mapping of a query needs `identity`: the columns that say which row it is. Rows are read again, "
                "and recognised by them"
            )
        self._engine = engine
        self._asked = asked
        self._mapping = mapping
        self._taker = taker
        self._spool = taker.spool
        self._reading: Generator[_Row, None, None] | None = None
        self._highest: Any = None
        """The highest watermark that was taken."""
        self._pending: list[_Row] = []
        self._said_later = False
        self._version = ""
        """Of the mapping by which all rows up to the highest watermark were read."""
        self.notes: list[str] = []
        """What somebody should know, in sentences; the caller says and removes them."""

    def step(self) -> bool:
        """Take some rows into the spool; False at the end of a reading. Raises DatabaseAway, WrongQuery."""
        try:
            return self._step()
        except SQLAlchemyError as error:
            self._reading, self._pending = None, []
            raise _failure(error) from None

    def _step(self) -> bool:
        if self._reading is None:
            self._reading = self._rows()
        self._pending += islice(self._reading, _ROWS - len(self._pending))
        if not self._pending:
            self._reading = None
            self._end_of_reading()
            return False
        rows = self._pending
        with self._spool.writing() as store:
            taken = self._taker.take(store, "query", (outcome for row in rows for outcome in row.outcomes))
            stopped = taken.stopped_at
            done = rows if stopped is None else [row for row in rows if row.place < stopped]
            self._pending = rows[len(done) :]
            mark = self._not_later_than_now(done[-1].mark)
            self._highest = mark if self._highest is None else max(self._highest, mark)
            self._spool.set_position_in(store, self._key, _written(self._highest, self._version))
        return True

    def _end_of_reading(self) -> None:
        if self._version != self._mapping.version and self._highest is not None:
            self._version = self._mapping.version
            with self._spool.writing() as store:
                self._spool.set_position_in(store, self._key, _written(self._highest, self._version))

    def rest(self) -> None:
        """End the reading, with its transaction in the database: nothing is taken for a while."""
        if self._reading is not None:
            self._reading.close()
        self._reading, self._pending = None, []

    @property
    def _key(self) -> str:
        return f"{self._taker.name} query"

    def _rows(self) -> Generator[_Row, None, None]:
        """One reading: the rows from the overlap on, in the order of the watermark."""
        seen: dict[str, str] = {}
        with (
            self._engine.connect().execution_options(stream_results=True, yield_per=_ROWS) as connection,
            closing(connection.execute(*self._statement())) as answer,
        ):
            names = list(answer.keys())
            try:
                writer = RowWriter(self._mapping, names, None, counts=False)
            except MappingError as error:
                raise WrongQuery(f"the query and the mapping do not fit: {error}") from None
            marked = names.index(self._asked.watermark)
            for place, values in enumerate(answer, 1):
                record = Record(place, [_cell(value) for value in values])
                outcomes = [_once(_known(outcome, record), seen) for outcome in writer.row(record)]
                yield _Row(place, [one for one in outcomes if one is not None], _mark(values[marked]))

    def _statement(self) -> tuple[Select[Any], dict[str, Any]]:
        mark = self._asked.watermark
        inner: TextClause = text(self._asked.query.strip().rstrip(";").replace(":", "\\:"))
        rows = inner.columns(column(mark)).subquery("kpiwatch_rows")
        statement: Select[Any] = select(literal_column("*")).select_from(rows).order_by(rows.c[mark])
        saved = self._spool.position(self._key)
        self._highest = None if saved is None else self._not_later_than_now(_read(saved))
        self._version = self._mapping.version if saved is None else orjson.loads(saved).get("mapping", "")
        if saved is None or self._is_read_again():
            return statement.where(rows.c[mark].is_not(None)), {}
        since = _before(self._highest, self._overlap(self._highest))
        return statement.where(rows.c[mark] >= bindparam(_SINCE)), {_SINCE: since}

    def _is_read_again(self) -> bool:
        """All rows are, where some could not be read with another mapping: those that are unchanged say nothing."""
        if self._version == self._mapping.version or not self._taker.unread.any():
            return False
        self.notes.append("the mapping has changed, and rows could not be read: all rows are read again")
        return True

    def _not_later_than_now(self, mark: Mark) -> Mark:
        """The watermark; now, for a time that is still to come, which is said once."""
        if not isinstance(mark, datetime):
            return mark
        now = self._taker.now()
        if mark.tzinfo is None:
            now = now.astimezone(ZoneInfo(self._mapping.timezone)).replace(tzinfo=None)
        if mark - now > timedelta(seconds=self._overlap(mark)) and not self._said_later:
            self._said_later = True
            self.notes.append(
                f"a row has the watermark {mark}, which is later than now ({now:%Y-%m-%d %H:%M}): it was taken, and is "
                "read again each time. Correct it, or the clock that wrote it"
            )
        return min(mark, now)

    def _overlap(self, mark: Mark) -> float:
        """Of local times it is longer by as much as their clock goes back in autumn."""
        if not isinstance(mark, datetime) or mark.tzinfo is not None:
            return self._asked.overlap
        return self._asked.overlap + _goes_back(ZoneInfo(self._mapping.timezone), self._taker.now().year)


def _goes_back(zone: ZoneInfo, year: int) -> float:
    """How many seconds the clock of a zone goes back within a year; 0 where it does not."""
    offsets = [datetime(year, month, 1, tzinfo=zone).utcoffset() or timedelta() for month in range(1, 13)]
    return (max(offsets) - min(offsets)).total_seconds()


def _known(outcome: RowEvents | Problem, record: Record) -> RowEvents | Problem:
    """A problem of a row that is read again and again: by what it says, where its identity is not known."""
    if not isinstance(outcome, Problem) or outcome.identity:
        return outcome
    return outcome._replace(identity=("", fingerprint({"cells": record.cells})))


def _once(outcome: RowEvents | Problem, seen: dict[str, str]) -> RowEvents | Problem | None:
    """A row that the query gives twice is taken once; two that say different things are a problem."""
    if isinstance(outcome, Problem) or len(seen) >= _REMEMBERED:
        return outcome
    identity, said = fingerprint({"row": outcome.identity}), fingerprint({"events": outcome.events})
    if identity not in seen:
        seen[identity] = said
        return outcome
    if seen[identity] == said:
        return None
    sentence = "another row of the query has the same identity and says something else: declare columns that differ"
    return Problem(outcome.place, "-", sentence, (*outcome.identity, "another"))


# ---- values of a database as cells ------------------------------------------------------------------------------


def _cell(value: object) -> str:
    """As a mapping reads it. Times keep their microseconds and their offset."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return TypedCell("true" if value else "false", value)
    if isinstance(value, datetime):
        return TypedCell(value.isoformat(" "), value)
    if isinstance(value, date):
        return TypedCell(value.isoformat(), datetime(value.year, value.month, value.day))  # noqa: DTZ001
    if isinstance(value, time | timedelta | int | float):
        return TypedCell(str(value), value)
    if isinstance(value, Decimal):
        return _decimal(value)
    return str(value)


def _decimal(value: Decimal) -> str:
    """A number, whatever separators the mapping declares for texts."""
    if not value.is_finite():
        return str(value)
    return TypedCell(format(value, "f"), int(value) if value == value.to_integral_value() else float(value))


# ---- the watermark ----------------------------------------------------------------------------------------------


def _mark(value: object) -> Mark:
    """WrongQuery for what does not grow."""
    if isinstance(value, datetime | int | Decimal) and not isinstance(value, bool):
        return value
    raise WrongQuery(
        f"the watermark is a {type(value).__name__}: name a column with a time (timestamp) or a whole number that "
        "grows with every change"
    )


def _before(mark: Mark, overlap: float) -> Mark:
    if isinstance(mark, datetime):
        return mark - min(timedelta(seconds=overlap), mark - datetime.min.replace(tzinfo=mark.tzinfo))
    return mark - type(mark)(int(overlap))


def _written(mark: Mark, version: str) -> str:
    if isinstance(mark, datetime):
        return orjson.dumps({"time": mark.isoformat(), "mapping": version}).decode()
    return orjson.dumps({"number": str(mark), "whole": isinstance(mark, int), "mapping": version}).decode()


def _read(position: str) -> Mark:
    found = orjson.loads(position)
    if "time" in found:
        return datetime.fromisoformat(found["time"])
    return int(found["number"]) if found["whole"] else Decimal(found["number"])


def _failure(error: SQLAlchemyError) -> Exception:
    """In the database's own words, which have no password."""
    said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    if isinstance(error, DBAPIError) and (error.connection_invalidated or _is_away(error)):
        return DatabaseAway(f"the database does not answer ({said})")
    return WrongQuery(f"the database refuses the query: {said}")


def _is_away(error: DBAPIError) -> bool:
    """An error of the connection or of the server, not of the query."""
    return type(error).__name__ in ("OperationalError", "InterfaceError", "InternalError")
