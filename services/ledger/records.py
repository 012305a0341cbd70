"""The index of the ledger as it is asked by those who show it. The keeper writes it; nothing here does.

Any thread may ask. Every question raises LedgerUnavailable where the index cannot be asked.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Engine, func, select

from services.ledger import schema
from services.ledger.database import INDEX, asking, open_store
from services.messaging.records.ledger import STALE_MAKING, Kind, LedgerRecord

_LATE: Final = Kind.MET_LATE.value


class Known(NamedTuple):
    """What the ledger has about a subject, and up to which record of the whole it is known."""

    number: int
    """Of the last record of the ledger; 0: it is empty."""
    records: Sequence[LedgerRecord]
    """About the subject, in order."""

    def since(self, number: int) -> list[LedgerRecord]:
        """Those behind a number that make a decision stale."""
        return [each for each in self.records if each.number > number and each.request.kind in STALE_MAKING]


class LedgerRecords:
    """The records."""

    def __init__(self, engine: Engine) -> None:
        """Connects to nothing yet."""
        self._engine = engine

    @classmethod
    def at(cls, place: str) -> "LedgerRecords":
        """The index at a place. Raises LedgerUnavailable where the driver is not installed."""
        return cls(open_store(INDEX, place, writes=False))

    def close(self) -> None:
        """Close the connections that are kept."""
        self._engine.dispose()

    def about(self, subject: str) -> Known:
        """What is known about a subject."""
        table = schema.records.c
        asked = select(table.value).where(table.subject == subject).order_by(table.number)
        with asking(INDEX, self._engine) as connection:
            number = connection.scalar(select(func.max(table.number))) or 0
            return Known(number, [LedgerRecord.decode(value) for value in connection.scalars(asked)])

    def number(self) -> int:
        """Of the last record; 0: there is none."""
        with asking(INDEX, self._engine) as connection:
            return connection.scalar(select(func.max(schema.records.c.number))) or 0

    def answer_to(self, id: str) -> LedgerRecord | None:
        """The record that answers a request; None: it is not recorded yet."""
        return self._one(schema.records.c.answers == id)

    def record(self, number: int) -> LedgerRecord | None:
        """The record of a number."""
        return self._one(schema.records.c.number == number)

    def after(self, number: int, kinds: Iterable[Kind], most: int = 2_000) -> list[LedgerRecord]:
        """At most so many records behind a number that are of some kinds, in order."""
        table = schema.records.c
        of_kinds = table.kind.in_([kind.value for kind in kinds])
        asked = select(table.value).where(table.number > number, of_kinds).order_by(table.number).limit(most)
        with asking(INDEX, self._engine) as connection:
            return [LedgerRecord.decode(value) for value in connection.scalars(asked)]

    def latest(
        self, kind: Kind, unit: str | None = None, before: int | None = None, most: int = 50
    ) -> list[LedgerRecord]:
        """The latest records of a kind, newest first. `unit`: only its own. `before`: only those before a number."""
        table = schema.records.c
        asked = select(table.value).where(table.kind == kind.value).order_by(table.number.desc()).limit(most)
        if unit is not None:
            asked = asked.where(table.unit == unit)
        if before is not None:
            asked = asked.where(table.number < before)
        with asking(INDEX, self._engine) as connection:
            return [LedgerRecord.decode(value) for value in connection.scalars(asked)]

    def late_entries(self) -> list[LedgerRecord]:
        """The records of the misses that what arrived later would undo, the oldest first."""
        verdicts, table = schema.verdicts.c, schema.records.c
        numbers = select(verdicts.number).where(verdicts.kind == _LATE)
        asked = select(table.value).where(table.number.in_(numbers)).order_by(table.number)
        with asking(INDEX, self._engine) as connection:
            return [LedgerRecord.decode(value) for value in connection.scalars(asked)]

    def _one(self, condition: ColumnElement[bool]) -> LedgerRecord | None:
        asked = select(schema.records.c.value).where(condition)
        with asking(INDEX, self._engine) as connection:
            value = connection.scalar(asked)
        return None if value is None else LedgerRecord.decode(value)
