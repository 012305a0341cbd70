"""The database of the casebook: a file (SQLite), or PostgreSQL where several machines ask."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from services.runtime import database
from services.runtime.database import DriverMissing, is_missing_file, place_of, said


class CasebookUnavailable(Exception):
    """The casebook cannot be asked. The sentence says why and what to do."""


def open_engine(place: str, *, writes: bool) -> Engine:
    """The database at a place: a file, or postgresql://USER@HOST/DATABASE. Connects to nothing yet.

    `writes`: its transactions change tables. Raises CasebookUnavailable where its driver is not installed.
    """
    try:
        return database.open_engine(place, writes=writes)
    except DriverMissing as missing:
        raise CasebookUnavailable(f"{missing} in KPIWATCH_CASEBOOK") from None


@contextmanager
def asking(engine: Engine) -> Iterator[Connection]:
    """One transaction that reads. Raises CasebookUnavailable, with the remedy, for what the database raises."""
    if is_missing_file(engine):
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
    reason = said(error)
    remedy = "is it running, and is KPIWATCH_CASEBOOK right?"
    if "no such table" in reason or "does not exist" in reason:
        remedy = "there is no casebook in it yet: start it with `kpiwatch casebook`"
    elif engine.dialect.name == "sqlite":
        remedy = "if the file is damaged, remove it and start `kpiwatch casebook` again, which builds it anew"
    return f"{place_of(engine)}: {reason}; {remedy}"
