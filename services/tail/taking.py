"""What is read of a source goes into the spool: events, rows that cannot be read, and how far it was read, in one
transaction.

A correction follows the event that it corrects only once that one was answered: a refused one has to be reported anew,
since a correction of what nobody has stored changes nothing. So has one that was refused, and then forgotten or
withdrawn.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from services.client.delivery import checked
from services.client.doubts import MOST_EVENTS
from services.client.spool import Entry, Spool
from services.mapping.cells import Problem
from services.mapping.export import RowEvents
from services.mapping.memory import GrowingMemory
from services.tail.unread_rows import RowPlace, UnreadRows


class Taken(NamedTuple):
    """What a transaction has taken."""

    events: int
    refused: int
    stopped_at: int | None
    """The place of the first row that has to wait for the next transaction; None where all were taken."""


class RowTaker:
    """Takes the rows of one source."""

    def __init__(self, spool: Spool, name: str, now: Callable[[], datetime]) -> None:
        """`name`: tells its rows from those of other sources. `now`: aware; the time of corrections."""
        self.spool = spool
        self.name = name
        self.now = now
        self.unread = UnreadRows(spool, name)
        self._memory: GrowingMemory | None = None

    def take(self, store: sqlite3.Connection, origin: str, rows: Iterable[RowEvents | Problem], file: int = 0) -> Taken:
        """The rows as far as they may go together. `origin`: where they are from, in words. `file`: the number of their
        file; 0 for a query."""
        found: list[Entry] = []
        first_seen: set[tuple[str, ...]] = set()
        stopped_at, unread = None, 0
        for row, problems in _with_problems(rows):
            if row.identity in first_seen or len(found) >= MOST_EVENTS:
                stopped_at = row.place
                break
            unread += self.unread.settle(store, RowPlace(origin, file, row.place, row.identity), problems)
            events = [] if problems else self._news(store, row)
            if row.identity and any(event["type"] != "correction" for event in events):
                first_seen.add(row.identity)
            found += (Entry(orjson.dumps(event), origin, row.place) for event in events)
        entries, refused = checked(found)
        self.spool.add_in(store, entries)
        self.spool.park_in(store, refused)
        return Taken(len(entries), len(refused) + unread, stopped_at)

    def _news(self, store: sqlite3.Connection, row: RowEvents) -> list[dict[str, Any]]:
        """What has not been reported yet of a row."""
        if not row.identity:
            return [event for _, event in row.events]
        if self._memory is None:
            self._memory = GrowingMemory(store, self.spool.file or Path("memory"), self.name, self.now())
        found = [self._anew(store, event) for event in self._memory.changes(row, self.now())]
        return [event for event in found if event is not None]

    def _anew(self, store: sqlite3.Connection, event: dict[str, Any]) -> dict[str, Any] | None:
        """The event; of a correction of one that was never accepted, what the correction says, in its place."""
        if event["type"] != "correction":
            return event
        source, id = str(event["source"]), str(event["data"]["of"])
        if not (self.spool.withdraw_in(store, source, id) or self.spool.is_forgotten_in(store, source, id)):
            return event
        replacement: dict[str, Any] | None = event["data"]["event"]
        self.spool.set_forgotten_in(store, source, id, forgotten=replacement is None)
        return replacement


def _with_problems(rows: Iterable[RowEvents | Problem]) -> Iterator[tuple[RowEvents, list[Problem]]]:
    """Each row with all that is wrong with it. A row with a problem gives no events."""
    for _, found in groupby(rows, key=_which):
        row, *more = found
        if isinstance(row, Problem):
            yield RowEvents(row.line, row.identity, []), [row, *(each for each in more if isinstance(each, Problem))]
        else:
            yield row, []


def _which(row: RowEvents | Problem) -> tuple[int, bool]:
    """A row may have several problems, one after the other."""
    return place_of(row), isinstance(row, Problem)


def place_of(row: RowEvents | Problem) -> int:
    """Its line in the file, from 1."""
    return row.line if isinstance(row, Problem) else row.place
