"""What the rows of earlier exports have reported, kept in a file of SQLite: an unchanged row gives nothing, a changed
one becomes a correction of its first id, and one that vanished is found."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from services.mapping.cells import Problem
from services.mapping.export import RowEvents
from services.mapping.row_reader import fingerprint

_FORM: Final = 1
"""Of the tables; raised when they change."""
_REPORTED: Final = """
CREATE TABLE IF NOT EXISTS reported (
    identity TEXT, label TEXT, source TEXT, subject TEXT, owner TEXT,
    id TEXT, said TEXT, changed_at TEXT,
    PRIMARY KEY (identity, label, source, subject, owner)
) WITHOUT ROWID
"""
_NOW: Final = """
CREATE TEMP TABLE now (identity TEXT PRIMARY KEY, place INTEGER, said TEXT, events BLOB) WITHOUT ROWID
"""
_MICROSECOND: Final = timedelta(microseconds=1)
_STRUCK: Final = ""
"""What a struck-out event says."""


class UnusableMemory(Exception):
    """A memory that cannot be used: a sentence with place, reason and remedy."""


class _Key(NamedTuple):
    """One event of one row in one case."""

    label: str
    source: str
    subject: str
    owner: str


class _Known(NamedTuple):
    """What was reported under a key."""

    id: str
    said: str
    changed_at: str


class Vanished(NamedTuple):
    """A row of an earlier export that this one does not have."""

    identity: tuple[str, ...]
    events: int
    """How many events of it still hold."""


class Memory:
    """The memory of one export that is imported again and again."""

    def __init__(self, store: sqlite3.Connection, file: Path, at: str) -> None:
        """`at`: when the export said what it says, RFC 3339 in UTC; it becomes the time of corrections."""
        self._store = store
        self._file = file
        self._at = at
        self._unread = False
        self.vanished: list[Vanished] = []
        """Known once `changes` has ended."""
        self.corrected = 0

    def changes(
        self, rows: Iterable[RowEvents | Problem], *, strike_missing: bool
    ) -> Iterator[dict[str, Any] | Problem]:
        """The events that are new in an export: first ones and corrections; and its problems.

        Nothing is struck out for missing where a row could not be read: it may be that row.
        """
        yield from self._staged(rows)
        for identity, events in self._store.execute("SELECT identity, events FROM now ORDER BY place").fetchall():
            if events is not None:
                yield from self.changes_of(identity, orjson.loads(events))
        missing = self._store.execute(
            "SELECT identity, count(*) FROM reported WHERE said != ? AND identity NOT IN (SELECT identity FROM now) "
            "GROUP BY identity ORDER BY identity",
            (_STRUCK,),
        ).fetchall()
        self.vanished = [Vanished(tuple(orjson.loads(identity)), count) for identity, count in missing]
        if strike_missing and not self._unread:
            for identity, _ in missing:
                yield from self.changes_of(identity, [])

    @property
    def is_incomplete(self) -> bool:
        """Whether a row could not be read."""
        return self._unread

    def save(self) -> None:
        """Keep what was reported. Call it once the events are written."""
        self._store.commit()

    def _staged(self, rows: Iterable[RowEvents | Problem]) -> Iterator[Problem]:
        """Reads the export to its end: two rows of one identity are found, in whatever order they are."""
        for row in rows:
            if isinstance(row, Problem):
                self._unread = True
                yield row
                continue
            yield from self._stage(row)

    def _stage(self, row: RowEvents) -> Iterator[Problem]:
        identity = orjson.dumps(row.identity).decode()
        events = orjson.dumps(row.events)
        said = fingerprint({"events": row.events})
        before = self._store.execute("SELECT place, said, events FROM now WHERE identity = ?", (identity,)).fetchone()
        if before is None:
            self._store.execute("INSERT INTO now VALUES (?, ?, ?, ?)", (identity, row.place, said, events))
            return
        if before[1] == said:
            return
        self._store.execute("UPDATE now SET events = NULL WHERE identity = ?", (identity,))
        if before[2] is not None:
            yield self._twin(before[0], row.place)
        yield self._twin(row.place, before[0])

    def _twin(self, place: int, other: int) -> Problem:
        return Problem(
            place,
            "-",
            f"row {other} has the same identity and says something else: declare identity columns in which they differ",
        )

    def changes_of(self, identity: str, events: list[tuple[str, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
        """What is new about one row, by its identity."""
        stored = self._store.execute(
            "SELECT label, source, subject, owner, id, said, changed_at FROM reported WHERE identity = ?", (identity,)
        ).fetchall()
        known = {_Key(*row[:4]): _Known(*row[4:]) for row in stored}
        now = {_key_of(label, event): event for label, event in events}
        for key, event in now.items():
            said = _said(event)
            before = known.get(key)
            if before is None:
                yield event
                self._keep(identity, key, _Known(str(event["id"]), said, ""))
            elif before.said != said:
                yield self._correction(identity, key, before, event)
        for key, before in known.items():
            if key not in now and before.said != _STRUCK:
                yield self._correction(identity, key, before, None)

    def _correction(self, identity: str, key: _Key, before: _Known, event: dict[str, Any] | None) -> dict[str, Any]:
        """The event that replaces what was reported before, or strikes it out."""
        if before.changed_at and self._at <= before.changed_at:
            raise UnusableMemory(
                f"{self._file} has seen a later state of this export, of {before.changed_at}: import exports in their "
                "order, or say with --exported-at when this one was made"
            )
        said = _STRUCK if event is None else _said(event)
        self._keep(identity, key, _Known(before.id, said, self._at))
        self.corrected += 1
        written: dict[str, Any] = {"specversion": "1.0", "source": key.source, "type": "correction"}
        written |= {"subject": key.subject, "time": self._at, "recordedat": self._at}
        if key.owner:
            written["caseowner"] = key.owner
        written["data"] = {"of": before.id, "event": None if event is None else {**event, "id": before.id}}
        return {**written, "id": f"{before.id[:200]}-{fingerprint(written)[:16]}"}

    def _keep(self, identity: str, key: _Key, known: _Known) -> None:
        self._store.execute("INSERT OR REPLACE INTO reported VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (identity, *key, *known))


def _key_of(label: str, event: dict[str, Any]) -> _Key:
    return _Key(label, str(event["source"]), str(event.get("subject", "")), str(event.get("caseowner", "")))


def _said(event: dict[str, Any]) -> str:
    return fingerprint({name: value for name, value in event.items() if name != "id"})


class GrowingMemory:
    """What the rows of a source that grows have reported: each row is compared once, as it comes. A later row with the
    same identity replaces the earlier one, and nothing vanishes.

    Its table is in a database of the caller, who decides when a transaction ends.
    """

    def __init__(self, store: sqlite3.Connection, file: Path, name: str, now: datetime) -> None:
        """`name`: tells the rows of this source from those of others in the same database. `now`: aware."""
        store.execute(_REPORTED)
        self._store = store
        self._file = file
        self._name = name
        latest = store.execute("SELECT max(changed_at) FROM reported").fetchone()[0]
        self._at = max(now, datetime.fromisoformat(latest)) if latest else now

    def changes(self, row: RowEvents, now: datetime) -> Iterator[dict[str, Any]]:
        """The events that are new about a row. Corrections are later, one by one, than all before, also where the clock
        was set back."""
        self._at = max(now, self._at + _MICROSECOND)
        memory = Memory(self._store, self._file, self._at.isoformat(timespec="microseconds"))
        yield from memory.changes_of(orjson.dumps([self._name, *row.identity]).decode(), row.events)


@contextmanager
def remembered(file: Path, at: datetime) -> Iterator[Memory]:
    """The memory of a file, which is made where it is not there. Nothing is kept unless `save` is called.

    `at`: an aware datetime. Raises UnusableMemory for a file that is no memory, or that another process is using.
    """
    moment = at.isoformat(timespec="microseconds")
    with closing(sqlite3.connect(file, timeout=1, isolation_level=None)) as store:
        try:
            store.execute("PRAGMA temp_store = FILE")
            if store.execute("PRAGMA user_version").fetchone()[0] not in (0, _FORM):
                raise UnusableMemory(f"{file} was written by another version of kpiwatch: name another memory")
            store.execute("BEGIN IMMEDIATE")
            store.execute(_REPORTED)
            store.execute(_NOW)
            store.execute(f"PRAGMA user_version = {_FORM}")
        except sqlite3.DatabaseError as error:
            raise UnusableMemory(
                f"{file} cannot be used as a memory ({error}): wait until another import has ended, or name another "
                "file"
            ) from None
        yield Memory(store, file, moment)
