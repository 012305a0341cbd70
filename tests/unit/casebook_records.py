"""Records of the topics that the casebook reads, as a small district and its workers would write them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import select

from services.casebook import schema
from services.casebook.database import open_engine
from services.casebook.index import Index
from services.catalog.load.calendars import load_calendar
from services.domain.intake.facts import Fact
from services.domain.intake.refusal import Refused
from services.domain.plan.statutory_time import Law
from services.domain.results.cards import RETRACTED
from services.domain.results.case_partition import CasePartition, Effects
from services.domain.results.case_row import Row
from services.domain.results.verdicts import written_verdict
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import Instant
from services.messaging.codec import admission
from services.messaging.reader import Record
from services.messaging.records.cards import card_record
from services.messaging.records.case_events import record_of_line
from services.messaging.records.fields import KeyValue
from services.messaging.records.rows import dump_row, load_row
from services.messaging.records.verdicts import verdict_record
from services.messaging.topics import ALERT_CARDS, CASE_EVENTS, CASE_VERDICTS, partition_of
from services.simulator.district.profile import parse_faults, profile
from services.simulator.simulation import Simulation
from tests.verdicts import shipped

PARTITIONS = 3
IDS = {topic: f"id of {topic}" for topic in (CASE_EVENTS, ALERT_CARDS, CASE_VERDICTS)}
START = date(2021, 8, 20)
NOW = instant_from("2021-09-04T17:30:00+08:00")
"""The clock of the plan, soon after the last record."""


class Log:
    """Writes records as a broker numbers them."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, int], int] = {}
        self.records: list[Record] = []

    def event(self, line: bytes, received: Instant) -> Record:
        """An event, where its key belongs."""
        key, headers = record_of_line(line)
        return self._append(CASE_EVENTS, partition_of(key, PARTITIONS), (key, line), received, headers)

    def output(self, topic: str, record: KeyValue, partition: int) -> None:
        """A card or a verdict."""
        self._append(topic, partition, record, 0, ())

    def _append(
        self, topic: str, partition: int, record: KeyValue, received: Instant, headers: Iterable[tuple[str, bytes]]
    ) -> Record:
        offset = self._next.get((topic, partition), 0)
        self._next[topic, partition] = offset + 1
        made = Record(topic, partition, offset, *record, received // 1000, tuple(headers))
        self.records.append(made)
        return made


class District(NamedTuple):
    """What is in the topics, and what the workers hold."""

    records: tuple[Record, ...]
    """All three topics in the order in which they came to be: late, doubled and refused events among them; cards that
    are raised, cleared and retracted."""
    rows: Mapping[str, Sequence[Fact]]
    """Case key → its facts, as the row of the worker has them."""


@lru_cache(maxsize=1)
def district() -> District:
    """Some weeks of a small district."""
    law, log = Law(shipped().plan, load_calendar(shipped().plan.head.calendar)), Log()
    simulation = Simulation(law, profile("demo").at_volume(6), 7, START, 16, faults=parse_faults("all"))
    admit = admission(shipped().plan, trust_receivedat=True).admit
    rows: list[dict[bytes, bytes]] = [{} for _ in range(PARTITIONS)]
    partitions = [CasePartition(shipped(), each, loads=load_row, dumps=dump_row) for each in rows]
    now = 0
    for number, event in enumerate(simulation.events()):
        record, now = log.event(event.line, event.received), event.received
        try:
            fact = admit(record.value, received=now, key=record.key, headers=record.headers).fact
        except Refused:
            continue
        effects = partitions[record.partition].take(record.key or b"", fact, now)
        _publish(log, record.partition, [effects] if effects else [], now)
        if number % 500 == 0:
            for place, partition in enumerate(partitions):
                _publish(log, place, partition.sweep(now), now)
    held = {
        key.decode(): Row(load_row(value)).facts for each in rows for key, value in each.items() if key[:1] != b"\0"
    }
    return District(tuple(log.records), held)


def _publish(log: Log, partition: int, effects: Iterable[Effects], now: Instant) -> None:
    for effect in effects:
        key = effect.key.decode()
        for card in effect.cards:
            log.output(ALERT_CARDS, card_record(card, key, shipped().law.zone), partition)
        for ruling in effect.verdicts:
            verdict = None if ruling.verdict == RETRACTED else written_verdict(ruling, key, shipped(), now)
            log.output(CASE_VERDICTS, verdict_record(ruling.kpi, key, ruling.cycle, verdict), partition)


def open_index(place: str, now: Instant = NOW) -> Index:
    """The index at a place, opened as its process opens it. `now`: what its clock shows."""
    index = Index(open_engine(place, writes=True), shipped(), PARTITIONS, lambda: now)
    index.open(0, IDS)
    return index


def filled(index: Index, records: Iterable[Record], size: int = 5_000) -> Index:
    """Put the records in, settle every case and say that it has caught up."""
    waiting = iter(records)
    while batch := list(islice(waiting, size)):
        index.take(batch)
    while index.settle():
        pass
    index.note(ready=True, complete_at=1)
    return index


def content(place: str) -> dict[str, list[Any]]:
    """Table → its rows, sorted."""
    with open_engine(place, writes=False).connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in schema.metadata.tables.values()
            if table is not schema.state
        }
