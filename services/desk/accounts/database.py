"""The desk's own database: accounts, sessions and the log of who looked at what. Its tables go from version to version
with Alembic. It is a file that only its owner reads, or PostgreSQL where several desks share it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from services.runtime.database import DURABLE, DriverMissing, open_engine, place_of, said
from services.runtime.migrations import Migrations, migrate
from services.runtime.settings import variable

_MIGRATIONS: Final = Migrations(Path(__file__).parent / "migrations", "versions", "desk_version", 5_105_021_092)
SETTING: Final = variable("accounts")


class AccountsUnavailable(Exception):
    """The database of accounts cannot be asked. The sentence says why and what to do."""


class AccountsDatabase:
    """Its connections. Any thread may use it."""

    def __init__(self, reads: Engine, writes: Engine) -> None:
        self._reads = reads
        self._writes = writes

    @classmethod
    def at(cls, place: str) -> Self:
        """The database at a place, made or brought to the newest version. Raises AccountsUnavailable."""
        try:
            if "://" not in place:
                _make_private(Path(place))
            found = cls(open_engine(place, writes=False), open_engine(place, writes=True, settings=DURABLE))
        except DriverMissing as missing:
            raise AccountsUnavailable(f"{missing} in {SETTING}") from None
        except OSError as error:
            raise AccountsUnavailable(f"{place} ({SETTING}): {error.strerror}: let this user write there") from None
        with found.changing() as connection:
            migrate(_MIGRATIONS, connection)
        return found

    def close(self) -> None:
        """Close the connections that are kept."""
        self._reads.dispose()
        self._writes.dispose()

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """One transaction that reads. Raises AccountsUnavailable."""
        with _transaction(self._reads) as connection:
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """One transaction that changes. Raises AccountsUnavailable: then nothing is changed."""
        with _transaction(self._writes) as connection:
            yield connection


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise AccountsUnavailable(
            f"{place_of(engine)} ({SETTING}): {said(error)}; is it the desk's database, and is it there?"
        ) from error


def _make_private(file: Path) -> None:
    """A new file is its owner's alone. SQLite gives what it writes beside it the same rights."""
    file.absolute().parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
