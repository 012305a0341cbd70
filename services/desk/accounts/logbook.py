"""The log of the desk: sign-ins, what was looked at and taken away, and what was done to accounts.

It is kept for 180 days or longer. Once a day is over, the ledger gets a digest of what was looked at: how many entries,
and their hash. Whoever changes the log later is found out by that.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from services.desk.accounts import schema
from services.desk.accounts.database import AccountsDatabase
from services.domain.time.zone import DAY_US, Instant, Zone
from services.messaging.codec import canonical
from services.messaging.records.ledger import Kind, Request

_LONGEST: Final = 400
"""Characters of a subject that are kept."""


class Entry(StrEnum):
    """What happened."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    VIEWED = "viewed"
    EXPORTED = "exported"
    ACCOUNT = "account"
    """Something was done to an account: `subject` says what."""


OF_VIEWS: Final = (Entry.VIEWED, Entry.EXPORTED)


class Line(NamedTuple):
    """One entry."""

    number: int
    at: Instant
    """Real time."""
    kind: str
    account: str
    """Who did it; empty: the command line."""
    subject: str
    """A path of the desk, or what was done."""
    address: str


class Digest(NamedTuple):
    """Of what was looked at on one day, in the plan's zone."""

    day: str
    entries: int
    sha256: str


class Deed(NamedTuple):
    """Something that is to be written down."""

    kind: Entry
    account: str
    subject: str = ""
    address: str = ""


def write(connection: Connection, at: Instant, deed: Deed) -> None:
    """Add an entry, within a transaction."""
    row = {"at": at, **deed._asdict(), "kind": deed.kind.value, "subject": deed.subject[:_LONGEST]}
    connection.execute(insert(schema.log).values(row))


class Logbook:
    """Reads the log, and makes its digests."""

    def __init__(self, database: AccountsDatabase, zone: Zone) -> None:
        self._database = database
        self._zone = zone

    def lines(self, before: int | None = None, kinds: Iterable[Entry] = (), limit: int = 100) -> list[Line]:
        """The latest first. `before`: the number of the last line of the page before. Raises AccountsUnavailable."""
        table = schema.log.c
        asked = select(schema.log).order_by(table.number.desc()).limit(limit)
        if before is not None:
            asked = asked.where(table.number < before)
        if wanted := [each.value for each in kinds]:
            asked = asked.where(table.kind.in_(wanted))
        with self._database.asking() as connection:
            return [Line(*row) for row in connection.execute(asked)]

    def forget(self, now: Instant, days: int) -> None:
        """Remove what is older than so many days. Raises AccountsUnavailable."""
        with self._database.changing() as connection:
            connection.execute(delete(schema.log).where(schema.log.c.at < now - days * DAY_US))

    def digest(self, day: str) -> Digest:
        """Of a day (`2026-11-30`), as the log has it now. Raises AccountsUnavailable."""
        ordinal = date.fromisoformat(day).toordinal()
        table, views = schema.log.c, [each.value for each in OF_VIEWS]
        asked = select(schema.log).where(
            table.kind.in_(views),
            table.at >= self._zone.midnight(ordinal),
            table.at < self._zone.midnight(ordinal + 1),
        )
        total, entries = hashlib.sha256(), 0
        with self._database.asking() as connection:
            for row in connection.execute(asked.order_by(table.number)):
                total.update(canonical(Line(*row)._asdict()) + b"\n")
                entries += 1
        return Digest(day, entries, total.hexdigest())

    def due(self, now: Instant) -> Iterator[Digest]:
        """Of each day that is over, has views, and has no digest in the ledger yet. Raises AccountsUnavailable."""
        table, today = schema.log.c, self._zone.day(now)
        asked = select(table.at).where(table.kind.in_([each.value for each in OF_VIEWS]))
        with self._database.asking() as connection:
            latest = connection.scalar(select(func.max(schema.digests.c.day)))
            if latest is not None:
                asked = asked.where(table.at >= self._zone.midnight(date.fromisoformat(latest).toordinal() + 1))
            days = {self._zone.day(at) for at in connection.scalars(asked)}
        for day in sorted(each for each in days if each < today):
            yield self.digest(date.fromordinal(day).isoformat())

    def note_sent(self, digest: Digest) -> None:
        """The ledger was asked to record it. Raises AccountsUnavailable."""
        with self._database.changing() as connection:
            connection.execute(insert(schema.digests).values(digest._asdict()))


def request_of(digest: Digest, writer: str) -> Request:
    """What the ledger records of a day: nobody's name, and not what was looked at."""
    name = f"desk-views/{digest.day}"
    return Request(
        id=f"{name}/{digest.sha256[:16]}", kind=Kind.VIEWED, writer=writer, claims=(name,), body=digest._asdict()
    )
