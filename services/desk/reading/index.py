"""The writer of the desk's index: batches of records go in, each in one transaction with the offsets behind it."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, inspect, select, update

from services.desk.reading import schema
from services.desk.reading.record_rows import RecordRows
from services.domain.plan.plan import Plan
from services.domain.time.zone import Instant
from services.messaging.reader import Record
from services.runtime.database import replace_named, upsert

log = logging.getLogger(__name__)

Positions = Mapping[tuple[str, int], int]
"""Topic and partition → offset of the next record to read."""

HISTORY_DAYS: Final = 400
"""For how many days what a promise was is kept: a year, and a month to compare with."""
_FORGOTTEN_US: Final = 12 * 3_600_000_000
"""Kafka forgets a day after it that a key was removed: who has not read for so long reads from the beginning."""
_KEPT: Final = (schema.history.name,)
"""Tables that are not in the topics."""


class ReadingIndex:
    """The tables, for the one thread that writes them. `services.casebook.keeper.Keeper` keeps it."""

    def __init__(self, engine: Engine, plan: Plan, version: str) -> None:
        """`version`: of the plan; another one builds the index anew. Connects to nothing yet."""
        self._engine = engine
        self._records = RecordRows(plan)
        self._version = f"{schema.SCHEMA}.{version}"
        self._topic_ids: Mapping[str, str] = {}
        self._last_day = 0
        self.indexed = 0
        self.unreadable: dict[str, int] = {}

    def open(self, now: Instant, topic_ids: Mapping[str, str]) -> Positions:
        """Make ready to write, and say from where on to read. Tables of another version or of other topics are made
        anew. `now`: the real time; `topic_ids`: of the topics that are there."""
        self._topic_ids = topic_ids
        with self._engine.begin() as connection:
            if not self._can_go_on(connection, now):
                log.info("desk: its index is built anew from the topics")
                self._make_anew(connection)
            connection.execute(update(schema.state).values(ready=0))
            found = connection.execute(select(schema.positions))
            return {(row.topic, row.partition): row.next_offset for row in found}

    def close(self) -> None:
        """Close the connections that are kept."""
        self._engine.dispose()

    def _can_go_on(self, connection: Connection, now: Instant) -> bool:
        if not inspect(connection).has_table(schema.state.name):
            return False
        held = connection.execute(select(schema.state)).one_or_none()
        if held is None or held.version != self._version or now - held.complete_at > _FORGOTTEN_US:
            return False
        known = connection.execute(select(schema.positions.c.topic, schema.positions.c.topic_id))
        return all(not id or id == self._topic_ids.get(topic) for topic, id in known)

    def _make_anew(self, connection: Connection) -> None:
        there = inspect(connection).get_table_names()
        for name in there:
            if name.startswith(schema.PREFIX) and name not in _KEPT:
                connection.exec_driver_sql(f'DROP TABLE "{name}"')
        schema.metadata.create_all(connection)
        connection.execute(schema.state.insert().values(id=1, version=self._version, ready=0, complete_at=0))

    # ---- records -------------------------------------------------------------------------------------
    def take(self, records: Sequence[Record]) -> None:
        """Take a batch in, whole or not at all. Raises SQLAlchemyError: then the same batch can be tried again."""
        changes = self._records.read(records)
        with self._engine.begin() as connection:
            replace_named(connection, schema.rows, changes.rows)
            replace_named(connection, schema.paces, changes.paces)
            replace_named(connection, schema.cards, changes.cards)
            replace_named(connection, schema.verdicts, changes.verdicts)
            upsert(connection, schema.history, [*changes.history.values()])
            self._forget_old_days(connection, max((day for _, day in changes.history), default=0))
            upsert(connection, schema.positions, self._positions_behind(records))
        self.indexed += len(records)
        for topic, count in changes.unreadable.items():
            self.unreadable[topic] = self.unreadable.get(topic, 0) + count

    def _forget_old_days(self, connection: Connection, day: int) -> None:
        if day > self._last_day:
            self._last_day = day
            connection.execute(delete(schema.history).where(schema.history.c.day <= day - HISTORY_DAYS))

    def _positions_behind(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        latest = {(each.topic, each.partition): each.offset + 1 for each in records}
        return [
            {"topic": topic, "partition": number, "next_offset": offset, "topic_id": self._topic_ids.get(topic, "")}
            for (topic, number), offset in latest.items()
        ]

    def settle(self) -> int:
        """Nothing follows from what came in: no row waits."""
        return 0

    def note(self, *, ready: bool, complete_at: Instant) -> None:
        """Note that the index has caught up, and that it has all that was in the topics at a time (real time)."""
        with self._engine.begin() as connection:
            connection.execute(update(schema.state).values(ready=int(ready), complete_at=complete_at))
