"""The two databases of the ledger, and their tables from version to version (Alembic).

The index is built from the topics. The texts are nowhere else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from services.runtime import database, migrations
from services.runtime.database import DURABLE, FAST, DriverMissing, is_missing_file, place_of, said
from services.runtime.migrations import Migrations
from services.runtime.settings import variable

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 5_105_021_091


class LedgerUnavailable(Exception):
    """A database of the ledger cannot be asked. The sentence says why and what to do."""


class Store(NamedTuple):
    """What a database is for."""

    name: str
    """Of its folder of migrations, too."""
    setting: str
    remedy: str
    """What helps where it is not there, or damaged."""
    settings: tuple[str, ...]
    """Of its file."""


INDEX: Final = Store(
    "index",
    variable("ledger"),
    "`kpiwatch ledger keep` makes it, and `kpiwatch ledger rebuild` makes it anew from Kafka",
    FAST,
)
TEXTS: Final = Store(
    "texts",
    variable("texts"),
    "`kpiwatch ledger keep` makes an empty one; put the texts back from a copy with `kpiwatch restore`",
    DURABLE,
)


def open_store(store: Store, place: str, *, writes: bool) -> Engine:
    """Connects to nothing yet. Raises LedgerUnavailable where the driver is not installed."""
    try:
        return database.open_engine(place, writes=writes, settings=store.settings)
    except DriverMissing as missing:
        raise LedgerUnavailable(f"{missing} in {store.setting}") from None


@contextmanager
def asking(store: Store, engine: Engine) -> Iterator[Connection]:
    """One transaction that reads. Raises LedgerUnavailable for what the database raises."""
    if is_missing_file(engine):
        raise LedgerUnavailable(f"there is no file {place_of(engine)} ({store.setting}): {store.remedy}")
    with changing(store, engine) as connection:
        yield connection


@contextmanager
def changing(store: Store, engine: Engine) -> Iterator[Connection]:
    """One transaction. Raises LedgerUnavailable for what the database raises: then nothing is changed."""
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise LedgerUnavailable(f"{place_of(engine)} ({store.setting}): {said(error)}; {store.remedy}") from error


def migrate(store: Store, connection: Connection) -> None:
    """Bring the tables to the newest version, in the transaction that runs."""
    migrations.migrate(Migrations(_MIGRATIONS, store.name, f"ledger_{store.name}_version", _LOCK), connection)
