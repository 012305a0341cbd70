"""The rows of a source of which no event could be made. Each is parked once: what is wrong with it now.

A row is known by its identity, and in a file also by its line. A row that is forgotten stays known: as long as the same
is wrong with it, it is not parked again.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from services.client.spool import Entry, Refusal, Spool
from services.mapping.cells import Problem

UNREADABLE: Final = "unreadable_row"
"""Beside the reason codes of the contract: a row of which no event could be made."""
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS unread_rows (
    number INTEGER PRIMARY KEY, tail TEXT NOT NULL, file INTEGER NOT NULL, line INTEGER NOT NULL,
    identity TEXT NOT NULL, field TEXT NOT NULL, sentence TEXT NOT NULL
)
"""
_INDICES: Final = (
    "CREATE INDEX IF NOT EXISTS unread_lines ON unread_rows (tail, file, line)",
    "CREATE INDEX IF NOT EXISTS unread_identities ON unread_rows (tail, identity)",
)
_ANOTHER: Final = -1
"""The file of a row whose file is no longer there."""
_OF_FILE: Final = "correct the mapping, and the row is read again; or append the row corrected, and forget this one"
_OF_QUERY: Final = "correct it in the database, or correct the mapping: it is read again then"


class RowPlace(NamedTuple):
    """Which row it is."""

    origin: str
    """Where it is from, in words."""
    file: int
    """The number of its file; 0 for a query, where a place means nothing."""
    line: int
    identity: tuple[str, ...]
    """Empty where it is not known."""


class UnreadRows:
    """Those of one tail. Methods with a `store` are called within a transaction of the spool."""

    def __init__(self, spool: Spool, name: str) -> None:
        """`name`: tells the tail from others in the spool."""
        self._spool = spool
        self._name = name
        with spool.writing() as store:
            for statement in (_TABLE, *_INDICES):
                store.execute(statement)

    def settle(self, store: sqlite3.Connection, row: RowPlace, problems: Sequence[Problem]) -> int:
        """What is wrong with a row now, or nothing: it replaces what was wrong before. How many problems are new."""
        identity = orjson.dumps(row.identity).decode() if row.identity else ""
        line = row.line if row.file else 0
        found = store.execute(
            "SELECT number, file, line, identity, field, sentence FROM unread_rows WHERE tail = ?1 AND "
            "file = ?2 AND line = ?3 AND ?2 != 0 UNION "
            "SELECT number, file, line, identity, field, sentence FROM unread_rows WHERE tail = ?1 AND "
            "identity = ?4 AND ?4 != ''",
            (self._name, row.file, line, identity),
        ).fetchall()
        known = {tuple(about): number for number, *about in found}
        now = {(row.file, line, identity, each.column, each.sentence): each for each in problems}
        gone = [(number,) for about, number in known.items() if about not in now]
        store.executemany("DELETE FROM parked WHERE number = ?", gone)
        store.executemany("DELETE FROM unread_rows WHERE number = ?", gone)
        new = [(about, problem) for about, problem in now.items() if about not in known]
        for about, problem in new:
            # the content of the row is not kept: it may be personal
            refusal = Refusal(UNREADABLE, problem.column, problem.sentence, _OF_FILE if row.file else _OF_QUERY)
            self._spool.park_in(store, [(Entry(b"", row.origin, row.line), refusal)])
            store.execute(
                "INSERT INTO unread_rows SELECT max(number), ?, ?, ?, ?, ?, ? FROM parked", (self._name, *about)
            )
        return len(new)

    def lines(self, store: sqlite3.Connection, file: int) -> set[int]:
        """The lines of a file that are parked."""
        found = store.execute(
            "SELECT line FROM unread_rows JOIN parked USING (number) WHERE tail = ? AND file = ?", (self._name, file)
        )
        return {line for (line,) in found}

    def any(self) -> bool:
        """Whether rows of this tail are parked."""
        with self._spool.reading() as store:
            found = store.execute("SELECT 1 FROM unread_rows JOIN parked USING (number) WHERE tail = ?", (self._name,))
            return found.fetchone() is not None

    def is_another(self, store: sqlite3.Connection, file: int) -> None:
        """The number of a file is that of another one from now on: what is parked of the old one stays."""
        store.execute("UPDATE unread_rows SET file = ? WHERE tail = ? AND file = ?", (_ANOTHER, self._name, file))
