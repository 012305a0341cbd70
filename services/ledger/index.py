"""The index of the ledger in SQL: what a record depends on is found fast, and lists are made of it.

Everything in it comes from the topic `ledger`: an index that has grown equals one that is built anew. Two keepers may
write the same index: each writes the same rows.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from services.ledger import schema
from services.ledger.database import INDEX, changing, migrate, open_store
from services.ledger.reader import BEGINNING, LedgerCut, Place, Read
from services.ledger.recording import VERDICTS, Known, Verdict, answered_by, verdict_of
from services.messaging.records.ledger import STALE_MAKING, Kind, LedgerRecord
from services.messaging.topics import LEDGER, LEDGER_REQUESTS
from services.runtime.database import place_of

log = logging.getLogger(__name__)

_INSERTS: Final = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
_AT_ONCE: Final = 5_000
"""Values in one question."""
_STALE_MAKING: Final = [kind.value for kind in STALE_MAKING]


REMEDY: Final = (
    "Nothing is recorded. See docs/ledger.md, what to do when it fails; `kpiwatch ledger verify` says what is missing. "
    "Only `kpiwatch ledger rebuild` gives up what the index has"
)


class IndexLost(Exception):
    """The index has less than its writer knows: it was removed, or is built anew. A keeper that starts again continues
    where it is."""


class LedgerIndex:
    """The tables, for a process that writes them."""

    def __init__(self, engine: Engine) -> None:
        """Connects to nothing yet."""
        self._engine = engine
        self._insert: Callable[[Any], Any] = _INSERTS[engine.dialect.name]
        self._topic_ids: Mapping[str, str] = {}

    @classmethod
    def at(cls, place: str) -> "LedgerIndex":
        """The index at a place. Raises LedgerUnavailable where the driver is not installed."""
        return cls(open_store(INDEX, place, writes=True))

    def open(self, topic_ids: Mapping[str, str]) -> None:
        """Make ready to write. An index that has records of another topic is left as it is: it may be the last copy.

        `topic_ids`: of the topics that are there. Raises LedgerUnavailable, LedgerCut.
        """
        self._topic_ids = topic_ids
        with changing(INDEX, self._engine) as connection:
            migrate(INDEX, connection)
            known = {row.topic: row.topic_id for row in connection.execute(select(schema.positions))}
            if known.get(LEDGER, "") not in ("", topic_ids.get(LEDGER, "")):
                raise LedgerCut(
                    f"the index at {place_of(self._engine)} has {self._place(connection).number} records of another "
                    f"topic {LEDGER} than the one in Kafka: it was made again, or KPIWATCH_BOOTSTRAP names another "
                    f"Kafka. {REMEDY}"
                )
            elif known.get(LEDGER_REQUESTS, "") != topic_ids.get(LEDGER_REQUESTS, ""):
                connection.execute(delete(schema.positions).where(schema.positions.c.topic == LEDGER_REQUESTS))

    def clear(self) -> None:
        """Forget what comes from the ledger. Requests that have had their answer are not asked again: after a cut they
        would be recorded with new times. Raises LedgerUnavailable."""
        with changing(INDEX, self._engine) as connection:
            migrate(INDEX, connection)
            _clear(connection)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._engine.dispose()

    # ---- what is there -------------------------------------------------------------------------------
    def place(self) -> Place:
        """How far the ledger is indexed."""
        with changing(INDEX, self._engine) as connection:
            return self._place(connection)

    def next_request(self) -> int:
        """Offset of the first request that is not known to have its answer."""
        with changing(INDEX, self._engine) as connection:
            return _position(connection, LEDGER_REQUESTS)

    def known(
        self, ids: Iterable[str], claims: Iterable[str] = (), seen: Iterable[str] = (), verdicts: Iterable[str] = ()
    ) -> Known:
        """What is recorded of these requests, claims, subjects of decisions and subjects of verdicts."""
        table = schema.records.c
        with changing(INDEX, self._engine) as connection:
            # first the end: what another keeper records meanwhile is then known without being the end
            place = self._place(connection)
            latest = select(table.subject, func.max(table.number)).where(table.kind.in_(_STALE_MAKING))
            time = connection.scalar(select(table.time).where(table.number == place.number))
            found = Known(place.number, place.hash, time=time or "")
            found.answered.update(row[0] for row in _of(connection, select(table.answers), table.answers, ids))
            found.claims.update(_pairs(connection, select(schema.claims), schema.claims.c.claim, claims))
            found.latest.update(_pairs(connection, latest.group_by(table.subject), table.subject, seen))
            of = schema.verdicts.c
            for row in _of(connection, select(schema.verdicts), of.subject, verdicts):
                found.verdicts[row.subject] = Verdict(row.number, Kind(row.kind), row.unit, row.due_at, row.source)
            return found

    def misses(self, source: str) -> list[str]:
        """Subjects that are missed, or wait for a decision, by a topic of verdicts with this id."""
        of = schema.verdicts.c
        asked = select(of.subject).where(of.kind != Kind.REVERSED.value, of.source.startswith(f"{source}/"))
        with changing(INDEX, self._engine) as connection:
            return list(connection.scalars(asked))

    def latest_of(self, kind: Kind) -> LedgerRecord | None:
        """The latest record of a kind."""
        table = schema.records.c
        asked = select(table.value).where(table.kind == kind.value).order_by(table.number.desc()).limit(1)
        with changing(INDEX, self._engine) as connection:
            value = connection.scalar(asked)
        return None if value is None else LedgerRecord.decode(value)

    def of_kinds(self, kinds: Iterable[Kind], last: int | None = None) -> list[LedgerRecord]:
        """All records of some kinds, in order; up to a number, if one is given."""
        table = schema.records.c
        asked = select(table.value).where(table.kind.in_([kind.value for kind in kinds])).order_by(table.number)
        if last is not None:
            asked = asked.where(table.number <= last)
        with changing(INDEX, self._engine) as connection:
            return [LedgerRecord.decode(value) for value in connection.scalars(asked)]

    def hashes(self, last: int) -> Iterator[tuple[int, str]]:
        """Number and hash of each record up to the last one that is asked for, in order. Between two questions others
        may write."""
        table, number = schema.records.c, 0
        asked = select(table.number, table.hash).where(table.number <= last).order_by(table.number).limit(_AT_ONCE)
        while number < last:
            with changing(INDEX, self._engine) as connection:
                rows = list(connection.execute(asked.where(table.number > number)))
            if not rows:
                return
            for number, hash in rows:
                yield number, hash.hex()

    def hashes_of(self, numbers: Iterable[int]) -> dict[int, str]:
        """Number → hash of those of these records that are there."""
        table = schema.records.c
        with changing(INDEX, self._engine) as connection:
            rows = _of(connection, select(table.number, table.hash), table.number, numbers)
            return {row.number: row.hash.hex() for row in rows}

    # ---- what comes in -------------------------------------------------------------------------------
    def take(self, reads: Sequence[Read]) -> None:
        """Take valid records in, whole or not at all; what is there already stays. Raises LedgerUnavailable."""
        if not reads:
            return
        with changing(INDEX, self._engine) as connection:
            if reads[0].record.number > self._place(connection).number + 1:
                raise IndexLost(f"the index at {place_of(self._engine)} lacks records before {reads[0].record.number}")
            connection.execute(self._insert(schema.records).on_conflict_do_nothing(), [_row(each) for each in reads])
            claims = [
                {"claim": claim, "number": each.record.number} for each in reads for claim in each.record.request.claims
            ]
            if claims:
                connection.execute(self._insert(schema.claims).on_conflict_do_nothing(), claims)
            self._note_verdicts(connection, reads)
            self._note(connection, LEDGER, reads[-1].offset + 1)

    def note_requests(self, next_offset: int) -> None:
        """All requests before this offset have their answer in the ledger, and that is read."""
        with changing(INDEX, self._engine) as connection:
            self._note(connection, LEDGER_REQUESTS, next_offset)

    def _note_verdicts(self, connection: Connection, reads: Iterable[Read]) -> None:
        rows = {
            each.record.request.subject: {"subject": each.record.request.subject, **verdict_of(each.record)._asdict()}
            for each in reads
            if each.record.request.kind in VERDICTS and each.record.request.subject
        }
        if rows:
            statement = self._insert(schema.verdicts)
            new = statement.excluded
            changed = {column.name: new[column.name] for column in schema.verdicts.c if not column.primary_key}
            newer = new.number > schema.verdicts.c.number
            connection.execute(
                statement.on_conflict_do_update(index_elements=["subject"], set_=changed, where=newer),
                [*rows.values()],
            )

    def _note(self, connection: Connection, topic: str, next_offset: int) -> None:
        statement = self._insert(schema.positions)
        new = statement.excluded
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["topic"],
                set_={"next_offset": new.next_offset, "topic_id": new.topic_id},
                where=new.next_offset > schema.positions.c.next_offset,
            ),
            {"topic": topic, "next_offset": next_offset, "topic_id": self._topic_ids.get(topic, "")},
        )

    def _place(self, connection: Connection) -> Place:
        table = schema.records.c
        last = connection.execute(select(table.number, table.hash).order_by(table.number.desc()).limit(1)).one_or_none()
        if last is None:
            return BEGINNING
        return Place(last.number, last.hash.hex(), _position(connection, LEDGER))


def _row(read: Read) -> dict[str, Any]:
    record = read.record
    return {
        "number": record.number,
        "answers": answered_by(record.request),
        "kind": record.request.kind.value,
        "subject": record.request.subject,
        "unit": record.request.unit,
        "time": record.time,
        "written_at": record.written_at,
        "hash": bytes.fromhex(read.hash),
        "value": read.value,
    }


def _position(connection: Connection, topic: str) -> int:
    asked = select(schema.positions.c.next_offset).where(schema.positions.c.topic == topic)
    return connection.scalar(asked) or 0


def _of(
    connection: Connection, asked: Select[Any], column: Any, values: Iterable[str] | Iterable[int]
) -> Iterator[Any]:
    """The rows in which a column has one of these values."""
    wanted = list(dict.fromkeys(values))
    for start in range(0, len(wanted), _AT_ONCE):
        yield from connection.execute(asked.where(column.in_(wanted[start : start + _AT_ONCE])))


def _pairs(connection: Connection, asked: Select[Any], column: Any, values: Iterable[str]) -> Iterator[tuple[str, int]]:
    yield from ((key, number) for key, number in _of(connection, asked, column, values))


def _clear(connection: Connection) -> None:
    connection.execute(delete(schema.positions).where(schema.positions.c.topic != LEDGER_REQUESTS))
    for table in (schema.verdicts, schema.claims, schema.records):
        connection.execute(delete(table))
