"""A database that a setting names: a file (SQLite), or PostgreSQL where several machines ask."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, Table, bindparam, create_engine, delete, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

_WAIT_SECONDS: Final = 20
"""How long a connection, or another writer, is waited for."""
FAST: Final = ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536")
"""A crash of the machine may lose the last transactions: for what is built from topics and can be read again."""
DURABLE: Final = ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON")
"""For what is nowhere else. What is removed is overwritten."""
_READER: Final = ("query_only = ON",)


class DriverMissing(Exception):
    """The driver of PostgreSQL is not installed. The sentence ends where the setting follows."""


def open_engine(place: str, *, writes: bool, settings: Sequence[str] = FAST) -> Engine:
    """The database at a place: a file, or postgresql://USER@HOST/DATABASE. Connects to nothing yet.

    `writes`: its transactions change tables. `settings`: of a file that is written. Raises DriverMissing.
    """
    if "://" in place:
        return _postgresql(make_url(place).set(drivername="postgresql+psycopg"))
    return _sqlite(Path(place), writes, settings)


def place_of(engine: Engine) -> str:
    """Where it is, for a person to read; without a password."""
    url = engine.url
    return str(url.database) if engine.dialect.name == "sqlite" else url.render_as_string(hide_password=True)


def is_missing_file(engine: Engine) -> bool:
    """Whether there is no file at its place."""
    return engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file()


def said(error: SQLAlchemyError) -> str:
    """What a database says, without the statement and its values."""
    original = str(error.orig).strip() if isinstance(error, DBAPIError) else ""
    return original.splitlines()[0] if original else type(error).__name__


_INSERTS: Final = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def insert_into(connection: Connection, table: Table) -> Any:
    """An insert that can say what is to happen where a row is there already."""
    return _INSERTS[connection.dialect.name](table)


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put rows in; each replaces the row with its primary key."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    statement = insert_into(connection, table)
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def replace_named(connection: Connection, table: Table, rows: Mapping[str, Mapping[str, Any] | None]) -> None:
    """The latest row of each name; None removes it. The table's primary key is `name`."""
    gone = [{"gone": name} for name, row in rows.items() if row is None]
    if gone:
        connection.execute(delete(table).where(table.c.name == bindparam("gone")), gone)
    upsert(connection, table, [row for row in rows.values() if row is not None])


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": _WAIT_SECONDS})
    except ImportError:
        raise DriverMissing(
            "the driver of PostgreSQL is not installed: install kpiwatch[postgresql], or name a file"
        ) from None


def _sqlite(file: Path, writes: bool, settings: Sequence[str]) -> Engine:
    if writes:
        file.absolute().parent.mkdir(parents=True, exist_ok=True)
    # no connection is kept: the file may be removed and made anew while others ask it
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(file)),
        connect_args={"timeout": _WAIT_SECONDS},
        **({} if writes else {"poolclass": NullPool}),
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        connection.isolation_level = None  # transactions begin below, and nowhere else
        for setting in settings if writes else _READER:
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # a reader that becomes a writer finds the file locked: who writes is the writer from the beginning
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
