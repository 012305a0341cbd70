"""Tables of a database go from version to version with Alembic."""

from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text


class Migrations(NamedTuple):
    """Where the versions of a database's tables are."""

    folder: Path
    """Has `env.py`."""
    versions: str
    """Its folder of versions."""
    table: str
    """The table of the database that has the present version."""
    lock: int
    """One migration at a time, in PostgreSQL: the number of the advisory lock."""


def migrate(migrations: Migrations, connection: Connection) -> None:
    """Bring the tables to the newest version, in the transaction that runs."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": migrations.lock})
    config = Config()
    for name, value in (
        ("script_location", migrations.folder),
        ("path_separator", "newline"),
        ("version_locations", migrations.folder / migrations.versions),
    ):
        config.set_main_option(name, str(value).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = migrations.table
    command.upgrade(config, "head")
