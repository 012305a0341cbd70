"""A copy of what only the desk has: accounts with their secrets, the log, and the days that the ledger has a digest of.

A copy has no session, no token of a browser, no attempt and no one-time code: what was ended or used up since must not
be good again. What is there already stays when a copy is put back, since it is newer.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table, delete, func, select, text

from services.desk.access import Role
from services.desk.accounts import schema
from services.desk.accounts.database import AccountsDatabase
from services.desk.accounts.logbook import Deed, Entry, write
from services.domain.time.zone import Instant
from services.runtime.database import insert_into

_TABLES: Final = {table.name: table for table in (schema.accounts, schema.log, schema.digests)}
_LEFT_OUT: Final[Mapping[str, Mapping[str, Any]]] = {schema.accounts.name: {"code": "", "code_until": 0}}
"""Table → columns that a copy does not have, with what it has in their place."""
_ROLES: Final = frozenset(Role)

Rows = dict[str, list[dict[str, Any]]]
"""Table → its rows."""


class NoAccounts(ValueError):
    """Lines that are no copy of accounts, or that do not fit the database. The sentence says why and what to do."""


class PutBack(NamedTuple):
    """What came back."""

    accounts: int
    """That were not there."""
    kept: int
    """That were there, and stayed as they were."""
    lines: int
    """Of the log, that were not there."""
    without_password: tuple[str, ...]
    """Accounts that came back and cannot sign in before an administrator resets them."""


def copied(database: AccountsDatabase) -> bytes:
    """The copy: a line of JSON for each row. Raises AccountsUnavailable."""
    lines = []
    with database.asking() as connection:
        for name, table in _TABLES.items():
            for row in connection.execute(select(table).order_by(*table.primary_key)):
                lines.append(json.dumps([name, {**row._asdict(), **_LEFT_OUT.get(name, {})}], ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines).encode()


def read_copy(lines: bytes) -> Rows:
    """The rows of a copy. Raises NoAccounts."""
    found: Rows = {name: [] for name in _TABLES}
    try:
        for line in lines.decode().split("\n"):
            if line:
                name, row = json.loads(line)
                found[name].append(_checked(_TABLES[name], row))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NoAccounts(
            "the accounts of the copy are not those of this version of kpiwatch: put them back with the version that "
            "wrote the copy; this one then brings them to its own form"
        ) from None
    return found


def _checked(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row that the table takes. Raises ValueError."""
    kinds = {column.name: column.type.python_type for column in table.columns}
    if row.keys() != kinds.keys() or any(type(row[name]) is not kind for name, kind in kinds.items()):
        raise ValueError("another row than the table has")
    if row.get("role", Role.UNIT) not in _ROLES:
        raise ValueError("another role than there are")
    return row


def put_back(database: AccountsDatabase, rows: Rows, now: Instant) -> PutBack:
    """Put back what is not there, and end every session. Nothing is put back where the log is another one.

    Raises AccountsUnavailable, NoAccounts.
    """
    with database.changing() as connection:
        lines = _missing_lines(connection, rows[schema.log.name])
        known = set(connection.scalars(select(schema.accounts.c.name)))
        accounts = [row for row in rows[schema.accounts.name] if row["name"] not in known]
        _insert(connection, schema.accounts, accounts)
        _insert(connection, schema.log, lines)
        _go_on_behind_the_last(connection)
        _insert(connection, schema.digests, rows[schema.digests.name])
        connection.execute(delete(schema.sessions))
        what = f"{len(accounts)} accounts and {len(lines)} lines of the log put back from a copy; all sessions ended"
        write(connection, now, Deed(Entry.ACCOUNT, "", what))
    without = tuple(row["name"] for row in accounts if not row["password"])
    return PutBack(len(accounts), len(rows[schema.accounts.name]) - len(accounts), len(lines), without)


def _missing_lines(connection: Connection, lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines of the log that are not there. Raises NoAccounts where another line has the number of one: digests in
    the ledger are of lines with their numbers."""
    known = {row.number: row._asdict() for row in connection.execute(select(schema.log))}
    if any(known.get(line["number"], line) != line for line in lines):
        raise NoAccounts(
            "the database of accounts has a log of its own, which the copy does not continue: move the database away, "
            "then restore again"
        )
    return [line for line in lines if line["number"] not in known]


def _insert(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    if found := list(rows):
        connection.execute(insert_into(connection, table).on_conflict_do_nothing(), found)


def _go_on_behind_the_last(connection: Connection) -> None:
    """PostgreSQL counts the lines of the log by itself: the next one comes behind those that were put back."""
    if connection.dialect.name == "postgresql":
        last = connection.scalar(select(func.max(schema.log.c.number)))
        if last is not None:
            sequence = "SELECT setval(pg_get_serial_sequence(:table, 'number'), :last)"
            connection.execute(text(sequence), {"table": schema.log.name, "last": last})
