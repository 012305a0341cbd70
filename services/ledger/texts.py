"""Texts that people write: replies, reasons, remarks. They can be erased, which a record of the ledger cannot.

The ledger has only the hash of salt and text. Whoever has both can show that this text was meant. Once they are erased
nobody can, not even by guessing, since the salt is gone with the text.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any, Final, NamedTuple

from sqlalchemy import Engine, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from services.ledger import schema
from services.ledger.database import TEXTS, asking, changing, migrate, open_store
from services.messaging.records.decisions import OPERATIONS_CENTRE
from services.messaging.records.ledger import Kind, LedgerRecord, Request, is_hash

_INSERTS: Final[Mapping[str, Callable[[Table], Any]]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
_SALT_BYTES: Final = 16
ERASING: Final = (Kind.ERASED, Kind.NOT_RECORDED)
"""Records by which texts are erased."""
MOST_CHARACTERS: Final = 20_000


class NoText(Exception):
    """A text that cannot be kept. The sentence says why."""


class StoredText(NamedTuple):
    """A row of the table."""

    hash: str
    salt: bytes | None
    text: str | None
    """None: it was erased."""
    unit: str


def salted_hash(salt: bytes, text: str) -> str:
    """What the ledger has of a text; in hex."""
    return hashlib.sha256(salt + text.encode()).hexdigest()


class Texts:
    """The table of texts. Any thread may use it."""

    def __init__(self, engine: Engine) -> None:
        """Connects to nothing yet."""
        self._engine = engine

    @classmethod
    def at(cls, place: str) -> "Texts":
        """The texts at a place, which is made if it is not there. Raises LedgerUnavailable."""
        engine = open_store(TEXTS, place, writes=True)
        with changing(TEXTS, engine) as connection:
            migrate(TEXTS, connection)
        return cls(engine)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._engine.dispose()

    def keep(self, text: str, unit: str = "", salt: bytes | None = None) -> str:
        """Keep a text; its salted hash. It is on the disk before anybody asks for a record with the hash.

        `unit`: whose it is; empty: the operations centre's. `salt`: 16 bytes that nobody can guess, by which the same
        text of the same form is one row; None: random ones. Raises NoText, LedgerUnavailable.
        """
        if not text.strip():
            raise NoText("an empty text: write what is to be said")
        if "\0" in text or len(text) > MOST_CHARACTERS:
            raise NoText(f"a text of more than {MOST_CHARACTERS} characters, or with NUL in it: write a shorter one")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise NoText("a text that is not UTF-8: write it in UTF-8") from None
        salt = salt or secrets.token_bytes(_SALT_BYTES)
        stored = StoredText(salted_hash(salt, text), salt, text, unit)
        self.put([stored])
        return stored.hash

    def put(self, texts: Iterable[StoredText]) -> None:
        """Put rows in; what is there already stays. Raises LedgerUnavailable."""
        rows = [each._asdict() for each in texts]
        if rows:
            with changing(TEXTS, self._engine) as connection:
                insert = _INSERTS[connection.dialect.name](schema.texts)
                connection.execute(insert.on_conflict_do_nothing(), rows)

    def text(self, hash: str) -> str | None:
        """A text by its hash; None if it was erased, or never was here. Raises LedgerUnavailable."""
        with asking(TEXTS, self._engine) as connection:
            return connection.scalar(select(schema.texts.c.text).where(schema.texts.c.hash == hash))

    def all(self) -> Iterator[StoredText]:
        """Every row. Raises LedgerUnavailable."""
        with asking(TEXTS, self._engine) as connection:
            for row in connection.execute(select(schema.texts).order_by(schema.texts.c.hash)):
                yield StoredText(row.hash, row.salt, row.text, row.unit)

    def erase(self, hashes: Iterable[str]) -> int:
        """Erase texts with their salts; how many there were. Raises LedgerUnavailable."""
        table: Table = schema.texts
        with changing(TEXTS, self._engine) as connection:
            gone = 0
            for hash in hashes:
                found = update(table).where(table.c.hash == hash, table.c.text.is_not(None))
                gone += connection.execute(found.values(salt=None, text=None)).rowcount
        if gone and self._engine.dialect.name == "sqlite":
            self._empty_log()
        return gone

    def _empty_log(self) -> None:
        """The old bytes are in SQLite's log of the file, too."""
        with closing(self._engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def erased_by(record: LedgerRecord) -> list[str]:
    """The hashes of texts that a record erases: those that it says are erased, and those of a request that is not
    recorded, which no record has."""
    named = record.request.texts.values() if record.request.kind in ERASING else ()
    return [hash for hash in named if is_hash(hash)]


def erasure(hash: str, writer: str, id: str, unit: str = "", by: str = "") -> Request:
    """The request to erase a text; the keeper erases it once that is recorded. `by`: who of the operations centre."""
    body = {"by": by, "role": OPERATIONS_CENTRE} if by else {}
    return Request(id=id, kind=Kind.ERASED, writer=writer, unit=unit, body=body, texts={"text": hash})
