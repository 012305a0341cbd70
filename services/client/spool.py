"""The spool: events that wait for the gateway, in a file of SQLite. What `add` returned for is on the disk.

A crash loses nothing: an event is removed in the same transaction that parks it, or after the gateway has accepted it.
Several processes may add to one spool; one of them sends at a time.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from services.client.doubts import Doubts

_FORM: Final = 1
"""Of the tables; raised when they change."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS waiting (
    number INTEGER PRIMARY KEY AUTOINCREMENT, event BLOB NOT NULL, origin TEXT NOT NULL, place INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS parked (
    number INTEGER PRIMARY KEY, event BLOB NOT NULL, origin TEXT NOT NULL, place INTEGER NOT NULL,
    reason TEXT NOT NULL, path TEXT NOT NULL, detail TEXT NOT NULL, remedy TEXT NOT NULL, parked_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS positions (reader TEXT PRIMARY KEY, position TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS forgotten (source TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (source, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doubts (
    only INTEGER PRIMARY KEY CHECK (only = 1), most INTEGER NOT NULL, ceiling INTEGER NOT NULL,
    answered INTEGER NOT NULL, suspect TEXT NOT NULL, in_a_row INTEGER NOT NULL, lone_in_a_row INTEGER NOT NULL
);
"""
_WAIT_SECONDS: Final = 60.0
"""For another process that is writing."""


class ClientError(Exception):
    """What a client can raise. The text is a sentence with reason and remedy; no event is lost."""


class SpoolUnusable(ClientError):
    """The file of the spool cannot be read or written."""


class BeingSent(ClientError):
    """Another process sends what is in this spool."""


class Entry(NamedTuple):
    """An event to be sent."""

    event: bytes
    """JSON, as it is sent."""
    origin: str = ""
    """Where it comes from: a file, a query."""
    place: int = 0
    """Its line there, from 1."""


class Refusal(NamedTuple):
    """Why an event was refused."""

    reason: str
    """The code of the contract."""
    path: str
    """The place in the event."""
    detail: str
    remedy: str


class Waiting(NamedTuple):
    """An event in the spool."""

    number: int
    event: bytes
    origin: str
    place: int

    @property
    def name(self) -> str:
        """Where it comes from, in words without its content."""
        return f"{self.origin}:{self.place}" if self.origin else f"number {self.number} of the spool"


class Parked(NamedTuple):
    """An event that was refused. It stays until it is sent again or forgotten."""

    number: int
    event: bytes
    origin: str
    place: int
    refusal: Refusal
    parked_at: str
    """RFC 3339, in UTC."""


class Spool:
    """Events that wait, events that are parked, and how far each reader of files has read."""

    def __init__(self, file: Path | None) -> None:
        """`file`: made where it is not there, readable by its owner only. None: in memory, gone with the process."""
        self.file = file
        self._lock = threading.RLock()
        self._sending = threading.Lock()
        try:
            self._store = self._opened()
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from None

    def _opened(self) -> sqlite3.Connection:
        if self.file is not None:
            os.close(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600))
        store = sqlite3.connect(
            self.file or ":memory:", timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = FULL")
        if store.execute("PRAGMA user_version").fetchone()[0] not in (0, _FORM):
            store.close()
            raise sqlite3.DatabaseError("it was written by another version of kpiwatch")
        store.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.split(";"):
            store.execute(statement)
        store.execute(f"PRAGMA user_version = {_FORM}")
        store.execute("COMMIT")
        return store

    def close(self) -> None:
        """What waits, stays."""
        with self._lock:
            self._store.close()

    def _unusable(self, error: Exception) -> SpoolUnusable:
        return SpoolUnusable(
            f"{self.file or 'the spool in memory'}: the spool cannot be used ({error}): make room on its disk, "
            "let this user write there, or name another file"
        )

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For questions: nobody who writes is waited for."""
        with self._lock:
            try:
                yield self._store
            except sqlite3.Error as error:
                raise self._unusable(error) from None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction. After the block all of it is on the disk; if the block raises, none of it is."""
        with self.reading() as store:
            store.execute("BEGIN IMMEDIATE")
            try:
                yield store
                store.execute("COMMIT")
            except BaseException:
                if store.in_transaction:
                    store.execute("ROLLBACK")
                raise

    # ---- what waits -------------------------------------------------------------------------------------------------

    def add(self, entries: Iterable[Entry]) -> None:
        """All of these wait now, or none."""
        with self.writing() as store:
            self.add_in(store, entries)

    def add_in(self, store: sqlite3.Connection, entries: Iterable[Entry]) -> None:
        """The same within a transaction of `writing`."""
        store.executemany("INSERT INTO waiting (event, origin, place) VALUES (?, ?, ?)", entries)

    def set_position_in(self, store: sqlite3.Connection, reader: str, position: str) -> None:
        """Within a transaction of `writing`: a reader has read up to there, and what it read is kept."""
        store.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (reader, position))

    def position(self, reader: str) -> str | None:
        """Up to where a reader has read; None where it has not begun."""
        with self.reading() as store:
            row = store.execute("SELECT position FROM positions WHERE reader = ?", (reader,)).fetchone()
        return None if row is None else str(row[0])

    def positions(self, begin: str) -> dict[str, str]:
        """The positions of all readers whose names begin so."""
        query = "SELECT reader, position FROM positions WHERE substr(reader, 1, ?) = ?"
        with self.reading() as store:
            return dict(store.execute(query, (len(begin), begin)).fetchall())

    def first(self, most: int, most_bytes: int) -> Sequence[Waiting]:
        """The oldest events: at most so many and so large together, and at least one where any waits."""
        found: list[Waiting] = []
        size = 0
        query = "SELECT number, event, origin, place FROM waiting ORDER BY number LIMIT ?"
        with self.reading() as store:
            for row in store.execute(query, (most,)):
                size += len(row[1])
                if found and size > most_bytes:
                    break
                found.append(Waiting(*row))
        return found

    @property
    def waiting(self) -> int:
        """How many events wait."""
        with self.reading() as store:
            return int(store.execute("SELECT count(*) FROM waiting").fetchone()[0])

    def settle(self, sent: Sequence[Waiting], refused: Mapping[int, Refusal], doubts: Doubts | None = None) -> None:
        """These were answered: what is refused, by its place in `sent`, is parked, the others are removed. `doubts`:
        what is known of the next request."""
        with self.writing() as store:
            if doubts is not None:
                _set_doubts_in(store, doubts)
            for place, refusal in refused.items():
                number = sent[place].number
                store.execute(
                    "INSERT INTO parked SELECT number, event, origin, place, ?, ?, ?, ?, ? FROM waiting "
                    "WHERE number = ?",
                    (*refusal, _now(), number),
                )
            store.executemany("DELETE FROM waiting WHERE number = ?", [(each.number,) for each in sent])

    def doubts(self) -> Doubts:
        """What is known of the next request."""
        with self.reading() as store:
            return _doubts_in(store)

    def set_doubts(self, doubts: Doubts) -> None:
        """The same is known by the next process."""
        with self.writing() as store:
            _set_doubts_in(store, doubts)

    # ---- what is parked ---------------------------------------------------------------------------------------------

    def park_in(self, store: sqlite3.Connection, refused: Iterable[tuple[Entry, Refusal]]) -> None:
        """Within a transaction of `writing`: park what cannot be sent at all."""
        for entry, refusal in refused:
            # the numbers of both tables are one sequence
            made = store.execute("INSERT INTO waiting (event, origin, place) VALUES (?, ?, ?)", entry)
            store.execute("DELETE FROM waiting WHERE number = ?", (made.lastrowid,))
            store.execute(
                "INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (made.lastrowid, *entry, *refusal, _now())
            )

    def parked(self) -> list[Parked]:
        """All of them, the oldest first."""
        columns = "number, event, origin, place, reason, path, detail, remedy, parked_at"
        with self.reading() as store:
            rows = store.execute(f"SELECT {columns} FROM parked ORDER BY number").fetchall()
        return [Parked(row[0], row[1], row[2], row[3], Refusal(*row[4:8]), row[8]) for row in rows]

    @property
    def parked_count(self) -> int:
        """How many events are parked."""
        with self.reading() as store:
            return int(store.execute("SELECT count(*) FROM parked").fetchone()[0])

    def withdraw_in(self, store: sqlite3.Connection, source: str, id: str) -> bool:
        """Within a transaction of `writing`: remove a parked event, since it is reported anew. Whether it was there."""
        rows = store.execute("SELECT number, event FROM parked WHERE instr(event, ?)", (id.encode(),)).fetchall()
        numbers = [number for number, event in rows if _names(event) == (source, id)]
        store.executemany("DELETE FROM parked WHERE number = ?", [(number,) for number in numbers])
        return bool(numbers)

    def parked_event(self, number: int) -> bytes:
        """A parked event as it was; KeyError, also for a row of which no event could be made."""
        with self.reading() as store:
            row = store.execute("SELECT event FROM parked WHERE number = ?", (number,)).fetchone()
        if row is None or not row[0]:
            raise KeyError(number)
        return bytes(row[0])

    def resend(self, number: int, event: bytes) -> None:
        """Let a parked event wait again, behind all others, in the form given, which `event_bytes` has
        checked. KeyError."""
        with self.writing() as store:
            made = store.execute(
                "INSERT INTO waiting (event, origin, place) SELECT ?, origin, place FROM parked WHERE number = ?",
                (event, number),
            )
            if not made.rowcount:
                raise KeyError(number)
            store.execute("DELETE FROM parked WHERE number = ?", (number,))

    def forget(self, number: int) -> None:
        """Remove a parked event for good. KeyError."""
        with self.writing() as store:
            row = store.execute("SELECT event FROM parked WHERE number = ?", (number,)).fetchone()
            if row is None:
                raise KeyError(number)
            store.execute("DELETE FROM parked WHERE number = ?", (number,))
            source, id = _names(row[0]) or (None, None)
            if isinstance(source, str) and isinstance(id, str):
                self.set_forgotten_in(store, source, id, forgotten=True)

    def is_forgotten_in(self, store: sqlite3.Connection, source: str, id: str) -> bool:
        """Within a transaction of `writing`: whether an event was forgotten, and so never accepted."""
        found = store.execute("SELECT 1 FROM forgotten WHERE source = ? AND id = ?", (source, id))
        return found.fetchone() is not None

    def set_forgotten_in(self, store: sqlite3.Connection, source: str, id: str, *, forgotten: bool) -> None:
        """Within a transaction of `writing`: an event is given up, or it is reported anew."""
        if forgotten:
            store.execute("INSERT OR IGNORE INTO forgotten VALUES (?, ?)", (source, id))
        else:
            store.execute("DELETE FROM forgotten WHERE source = ? AND id = ?", (source, id))

    def begin_again(self, origin: str) -> None:
        """A file is read anew from its beginning. What of it is parked by now stays so until its event is read."""
        with self.writing() as store:
            store.execute("DELETE FROM positions WHERE reader = ?", (origin,))
            newest = store.execute("SELECT max(number) FROM parked WHERE origin = ?", (origin,)).fetchone()[0]
            self.set_position_in(store, _anew(origin), str(newest or 0))

    def withdraw_read_in(self, store: sqlite3.Connection, origin: str, events: Iterable[bytes]) -> None:
        """Within a transaction of `writing`: of a file that is read anew, remove the parked events that are among
        these: those of the same source and id, or of the same bytes."""
        rows = store.execute(
            "SELECT parked.number, event FROM parked, positions "
            "WHERE origin = ? AND reader = ? AND parked.number <= CAST(position AS INTEGER)",
            (origin, _anew(origin)),
        ).fetchall()
        if rows:
            read = {_key(event) for event in events}
            gone = [(number,) for number, event in rows if _key(event) in read]
            store.executemany("DELETE FROM parked WHERE number = ?", gone)

    # ---- who sends --------------------------------------------------------------------------------------------------

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Within the block nobody else sends from this spool, in any process. Raises BeingSent."""
        if not self._sending.acquire(blocking=False):
            raise self._being_sent()
        try:
            with self._only_sender():
                yield
        finally:
            self._sending.release()

    @contextmanager
    def _only_sender(self) -> Iterator[None]:
        """A lock of the operating system, by SQLite: a killed process releases it."""
        if self.file is None:
            yield
            return
        beside = self.file.with_name(f"{self.file.name}-sender")
        with closing(sqlite3.connect(beside, timeout=0, isolation_level=None, check_same_thread=False)) as lock:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                    raise self._being_sent() from None
                raise self._unusable(error) from None
            yield

    def _being_sent(self) -> BeingSent:
        return BeingSent(f"{self.file or 'the spool'}: another process or thread is sending its events: let it end")


def _doubts_in(store: sqlite3.Connection) -> Doubts:
    row = store.execute(f"SELECT {', '.join(Doubts._fields)} FROM doubts").fetchone()
    return Doubts() if row is None else Doubts(*row)


def _set_doubts_in(store: sqlite3.Connection, doubts: Doubts) -> None:
    if doubts != _doubts_in(store):
        store.execute("INSERT OR REPLACE INTO doubts VALUES (1, ?, ?, ?, ?, ?, ?)", doubts)


def _names(event: bytes) -> tuple[object, object] | None:
    """Source and id of an event."""
    try:
        found = orjson.loads(event)
    except ValueError:
        return None
    return (found.get("source"), found.get("id")) if isinstance(found, dict) else None


def _key(event: bytes) -> object:
    """What is the same for two forms of one event: source and id, or the bytes of what has none."""
    names = _names(event)
    return names if names is not None and all(isinstance(name, str) and name for name in names) else event


def _anew(origin: str) -> str:
    """The name under which it is saved up to which number a file's parked events are read anew."""
    return f"anew {origin}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
