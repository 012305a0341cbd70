"""The database of the casebook: a file (SQLite), or PostgreSQL where several machines ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

_WAIT_SECONDS: Final = 20
"""How long a connection, or another writer, is waited for."""


class CasebookUnavailable(Exception):
    """The casebook cannot be asked. The sentence says why and what to do."""


def open_engine(place: str, *, writes: bool) -> Engine:
    """The database at a place: a file, or postgresql://USER@HOST/DATABASE. Connects to nothing yet.

    `writes`: its transactions change tables. Raises CasebookUnavailable where its driver is not installed.
    """
    if "://" in place:
        return _postgresql(make_url(place).set(drivername="postgresql+psycopg"))
    return _sqlite(Path(place), writes=writes)


def place_of(engine: Engine) -> str:
    """Where it is, for a person to read; without a password."""
    url = engine.url
    return str(url.database) if engine.dialect.name == "sqlite" else url.render_as_string(hide_password=True)


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": _WAIT_SECONDS})
    except ImportError:
        raise CasebookUnavailable(
            "the driver of PostgreSQL is not installed: install kpiwatch[postgresql], or name a file in "
            "KPIWATCH_CASEBOOK"
        ) from None


def _sqlite(file: Path, *, writes: bool) -> Engine:
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
        for setting in _WRITER if writes else _READER:
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # a reader that becomes a writer finds the file locked: who writes is the writer from the beginning
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


_WRITER: Final = ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536")
"""A crash of the machine may lose the last transactions, each with its offsets: they are read again."""
_READER: Final = ("query_only = ON",)


@contextmanager
def asking(engine: Engine) -> Iterator[Connection]:
    """One transaction that reads. Raises CasebookUnavailable, with the remedy, for what the database raises."""
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
        raise CasebookUnavailable(
            f"there is no casebook at {place_of(engine)}: start it with `kpiwatch casebook`, or name its place in "
            "KPIWATCH_CASEBOOK"
        )
    try:
        with engine.connect() as connection, connection.begin():
            yield connection
    except SQLAlchemyError as error:
        raise CasebookUnavailable(sentence(engine, error)) from error


def sentence(engine: Engine, error: SQLAlchemyError) -> str:
    """What a database says, without the statement and its values."""
    said = str(error.orig).strip().splitlines()[0] if isinstance(error, DBAPIError) and str(error.orig).strip() else ""
    remedy = "is it running, and is KPIWATCH_CASEBOOK right?"
    if "no such table" in said or "does not exist" in said:
        remedy = "there is no casebook in it yet: start it with `kpiwatch casebook`"
    elif engine.dialect.name == "sqlite":
        remedy = "if the file is damaged, remove it and start `kpiwatch casebook` again, which builds it anew"
    return f"{place_of(engine)}: {said or type(error).__name__}; {remedy}"
