"""The writer of the index: batches of records go in, each in one transaction with the offsets behind it.

So every record counts once, whatever is delivered twice, and the tables depend only on what is in the topics: an index
that has grown equals one that is built anew. What each case is listed by is computed in a second step (`settle`), once
for many events. The marks of cases change with time, too: they are computed again when the judge says that they may.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, delete, inspect, select, update
from sqlalchemy.exc import SQLAlchemyError

from services.casebook import schema
from services.casebook.case_summary import case_summary, parties_of
from services.casebook.database import CasebookUnavailable, sentence
from services.casebook.held_events import held_events
from services.casebook.marks import Marks, marks_of, rows_of
from services.casebook.record_reader import Changes, RecordReader, Row
from services.casebook.stored_facts import facts_of
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.results.safe_judge import SafeJudge
from services.domain.time.zone import Instant
from services.messaging.reader import Record
from services.messaging.topics import ALERT_CARDS, CASE_VERDICTS
from services.runtime.database import insert_into, place_of, replace_named, upsert

log = logging.getLogger(__name__)

Positions = Mapping[tuple[str, int], int]
"""Topic and partition → offset of the next record to read."""

SETTLED_AT_ONCE: Final = 500
"""Cases in one transaction of `settle`."""
_COMPACTED: Final = (ALERT_CARDS, CASE_VERDICTS)
_FORGOTTEN_US: Final = 12 * 3_600_000_000
"""Kafka forgets a day after it that a key was removed. An index that has not read for so long reads those topics from
their beginning: it could miss that a card was retracted."""


class OtherWriter(Exception):
    """A casebook of another version or plan has taken the index over."""


def version_of(judge: Judge, partitions: int) -> str:
    """Of all that decides what the tables hold, beside the topics."""
    return f"{schema.SCHEMA}.{judge.fingerprint}.{partitions}"


class Index:
    """The tables, for the one process that writes them."""

    def __init__(self, engine: Engine, judge: Judge, partitions: int, now: Callable[[], Instant]) -> None:
        """`partitions`: how many `case.events` has. `now`: the plan's clock, by which cases are marked. Connects to
        nothing yet."""
        self._engine = engine
        self._judge = judge
        self._safe_judge = SafeJudge(judge)
        self._now = now
        self._reader = RecordReader(judge.plan, partitions)
        self._version = version_of(judge, partitions)
        self._topic_ids: Mapping[str, str] = {}
        self.indexed = 0
        """Events since the start of this process."""
        self.unreadable: dict[str, int] = {}
        """Topic → records that were not what it holds, since then."""

    def open(self, now: Instant, topic_ids: Mapping[str, str]) -> Positions:
        """Make ready to write, and say from where on to read. Tables that were built by another version or plan, or
        from other topics, are dropped and made anew. From now on the index is not ready.

        `now`: the real time. `topic_ids`: of the topics that are there. Raises CasebookUnavailable."""
        self._topic_ids = topic_ids
        try:
            with self._engine.begin() as connection:
                held = self._held(connection)
                why = self._why_anew(connection, held)
                if why:
                    log.warning("casebook: the index at %s %s: it is built anew", place_of(self._engine), why)
                if why or held is None:
                    self._make_anew(connection)
                elif now - held.complete_at > _FORGOTTEN_US:
                    _forget_compacted(connection)
                connection.execute(update(schema.state).values(ready=0))
                return _positions(connection)
        except SQLAlchemyError as error:
            raise CasebookUnavailable(sentence(self._engine, error)) from error

    def close(self) -> None:
        """Close the connections that are kept."""
        self._engine.dispose()

    def _why_anew(self, connection: Connection, held: Any) -> str:
        """Why the tables cannot be continued; empty if they can, or there are none."""
        if held is None:
            return ""
        if held.version != self._version:
            return "was built by another version, plan or number of partitions"
        ids = connection.execute(select(schema.positions.c.topic, schema.positions.c.topic_id))
        if any(known and known != self._topic_ids.get(topic) for topic, known in ids):
            return "was built from other topics, which were deleted since, or are in another Kafka"
        return ""

    def _held(self, connection: Connection) -> Any:
        """The row of `state`; None where there is no index yet. Its columns are those of every version."""
        if not inspect(connection).has_table(schema.state.name):
            return None
        return connection.execute(select(schema.state)).one_or_none()

    def _make_anew(self, connection: Connection) -> None:
        for name in inspect(connection).get_table_names():
            if name.startswith(schema.PREFIX):
                connection.exec_driver_sql(f'DROP TABLE "{name}"')
        schema.metadata.create_all(connection, checkfirst=False)
        connection.execute(schema.state.insert().values(id=1, version=self._version, ready=0, complete_at=0))

    # ---- records -------------------------------------------------------------------------------------
    def take(self, records: Sequence[Record]) -> None:
        """Take a batch in, whole or not at all. A record that was taken before is passed over.

        Raises SQLAlchemyError: nothing was taken, the same batch can be tried again. OtherWriter."""
        with self._engine.begin() as connection:
            self._lock(connection)
            held = _positions(connection)
            fresh = [each for each in records if each.offset >= held.get((each.topic, each.partition), 0)]
            if not fresh:
                return
            changes = self._reader.read(fresh)
            self._write(connection, changes)
            upsert(connection, schema.positions, self._positions_behind(fresh))
        self.indexed += len(changes.events)
        for topic, count in changes.unreadable.items():
            self.unreadable[topic] = self.unreadable.get(topic, 0) + count

    def _positions_behind(self, records: Iterable[Record]) -> list[Row]:
        latest = {(each.topic, each.partition): each.offset + 1 for each in records}
        return [
            {"topic": topic, "partition": number, "next_offset": offset, "topic_id": self._topic_ids.get(topic, "")}
            for (topic, number), offset in latest.items()
        ]

    def _lock(self, connection: Connection) -> None:
        """One transaction writes at a time, and only of this version. (SQLite has one writer by itself.)"""
        version = connection.scalar(select(schema.state.c.version).with_for_update())
        if version != self._version:
            raise OtherWriter(
                "casebook: another version of the code, or another plan, keeps the index now: end one of the two"
            )

    def _write(self, connection: Connection, changes: Changes) -> None:
        if changes.events:
            self._insert_events(connection, list(changes.events.values()))
            touched = [{"case_key": key} for key in dict.fromkeys(key for key, _ in changes.events)]
            connection.execute(insert_into(connection, schema.unsettled).on_conflict_do_nothing(), touched)
        if changes.refusals:
            connection.execute(insert_into(connection, schema.refusals).on_conflict_do_nothing(), changes.refusals)
        if changes.arrivals:
            self._note_arrivals(connection, changes.arrivals)
        replace_named(connection, schema.cards, changes.cards)
        replace_named(connection, schema.verdicts, changes.verdicts)

    def _insert_events(self, connection: Connection, rows: list[Row]) -> None:
        """Of two events of one source and id, one is kept: see `wins`."""
        table = schema.events
        statement = insert_into(connection, table)
        new = statement.excluded
        better = (new.digest < table.c.digest) | (
            (new.digest == table.c.digest) & (new.received < table.c.received)
        )  # fmt: skip
        changed = {name: new[name] for name in ("digest", "received", "time", "place", "content")}
        keys = [table.c.case_key, table.c.event]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed, where=better), rows)

    def _note_arrivals(self, connection: Connection, arrivals: Mapping[str, Instant]) -> None:
        table = schema.arrivals
        statement = insert_into(connection, table)
        latest = statement.excluded.last_arrival
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["source"], set_={"last_arrival": latest}, where=latest > table.c.last_arrival
            ),
            [{"source": source, "last_arrival": at} for source, at in arrivals.items()],
        )

    # ---- cases ---------------------------------------------------------------------------------------
    def settle(self, at_most: int = SETTLED_AT_ONCE) -> int:
        """Compute the rows of cases that have new events, and the marks of those that time alone changes, at most so
        many; how many were waiting, at most that number.

        Raises SQLAlchemyError, OtherWriter."""
        now = self._now()
        with self._engine.begin() as connection:
            self._lock(connection)
            keys = list(connection.scalars(select(schema.unsettled.c.case_key).limit(at_most)))
            if keys:
                self._settle(connection, keys, now)
            due = select(schema.revisits.c.case_key).where(schema.revisits.c.at < now)
            later = list(connection.scalars(due.limit(at_most - len(keys)))) if len(keys) < at_most else []
            if later:
                facts = groupby(_events_of(connection, later), key=lambda row: row.case_key)
                self._mark(connection, later, {key: self._marks(facts_of(rows), now) for key, rows in facts})
            return len(keys) + len(later)

    def _settle(self, connection: Connection, keys: list[str], now: Instant) -> None:
        summaries: list[Row] = []
        reporters: list[Row] = []
        parties: list[Row] = []
        marks: dict[str, Marks] = {}
        for key, rows in groupby(_events_of(connection, keys), key=lambda row: row.case_key):
            facts = facts_of(rows)
            summaries.append(case_summary(self._judge, key, facts)._asdict())
            others = {fact.source for fact in facts} - {summaries[-1]["owner"]}
            reporters += [{"case_key": key, "source": source} for source in others]
            parties += [{"case_key": key, **party._asdict()} for party in parties_of(self._judge, facts)]
            marks[key] = self._marks(facts, now)
        upsert(connection, schema.cases, summaries)
        _replace(connection, schema.reporters, keys, reporters)
        _replace(connection, schema.parties, keys, parties)
        self._mark(connection, keys, marks)
        connection.execute(delete(schema.unsettled).where(schema.unsettled.c.case_key.in_(keys)))

    def _marks(self, facts: Sequence[Fact], now: Instant) -> Marks:
        """As of just before now, as value rows are."""
        return marks_of(self._safe_judge, self._judge, facts, now - 1)

    @staticmethod
    def _mark(connection: Connection, keys: list[str], marks: Mapping[str, Marks]) -> None:
        """Replace the marks of cases, and note when to look at them again."""
        rows = [row for key, each in marks.items() for row in rows_of(key, each.found)]
        later = [{"case_key": key, "at": each.until} for key, each in marks.items() if each.until is not None]
        _replace(connection, schema.marks, keys, rows)
        _replace(connection, schema.revisits, keys, later)

    # ---- how far -------------------------------------------------------------------------------------
    def note(self, *, ready: bool, complete_at: Instant) -> None:
        """Note that the index has caught up, and that it has all that was in the topics at a time (real time)."""
        with self._engine.begin() as connection:
            self._lock(connection)
            connection.execute(update(schema.state).values(ready=int(ready), complete_at=complete_at))


def _replace(connection: Connection, table: Table, keys: Sequence[str], rows: Sequence[Row]) -> None:
    """Put rows in the place of those that cases have."""
    connection.execute(delete(table).where(table.c.case_key.in_(keys)))
    if rows:
        connection.execute(table.insert(), rows)


def _positions(connection: Connection) -> Positions:
    rows = connection.execute(select(schema.positions))
    return {(row.topic, row.partition): row.next_offset for row in rows}


def _forget_compacted(connection: Connection) -> None:
    log.warning("casebook: it has not read for long: cards and verdicts are read again from their beginning")
    connection.execute(delete(schema.cards))
    connection.execute(delete(schema.verdicts))
    connection.execute(delete(schema.positions).where(schema.positions.c.topic.in_(_COMPACTED)))


def _events_of(connection: Connection, keys: Sequence[str]) -> Iterable[Any]:
    """The events of cases, case by case, each in order of arrival."""
    return connection.execute(held_events(schema.events.c.case_key.in_(keys)))
