"""A desk whose databases hold what a small district published: cases, cards, verdicts, value rows, and a ledger."""

import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from services.casebook import schema as casebook_schema
from services.casebook.case_summary import Party
from services.casebook.casebook import Casebook
from services.casebook.database import open_engine
from services.desk.asking import Desk
from services.desk.reading import schema
from services.desk.reading.index import ReadingIndex
from services.desk.reading.kept import reading_engine
from services.desk.reading.record_rows import TOPICS
from services.domain.intake.facts import case_key
from services.domain.results.cards import RETRACTED
from services.domain.results.case_partition import CasePartition, Effects
from services.domain.results.published import State, ValueRow
from services.domain.results.verdicts import written_verdict
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Instant
from services.ledger.database import INDEX, changing, migrate, open_store
from services.ledger.index import LedgerIndex
from services.ledger.reader import Read
from services.messaging.codec import admission
from services.messaging.reader import Record
from services.messaging.records.cards import card_record
from services.messaging.records.ledger import LedgerRecord, hash_of
from services.messaging.records.rows import dump_row, load_row
from services.messaging.records.values import Times, row_record
from services.messaging.records.verdicts import verdict_record
from services.messaging.topics import ALERT_CARDS, CASE_EVENTS, CASE_VERDICTS, KPI_VALUES
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.unit.casebook_records import PARTITIONS, Log, filled, open_index
from tests.unit.desk import example_desk, example_settings
from tests.unit.gateway import NOW, WATER
from tests.unit.gateway_cases import STORED
from tests.verdicts import shipped

WATER_UNIT, LEAD = "liangjiang-water", "district-urban-management"
"""The unit of the cases W-1, W-2 and W-3, and the one that leads their promise, K06-1."""
PROMISE = "K06-1"
RED_CASE = case_key(WATER, "W-1")
WATERMARK = "2021-10-01T08:00:00+08:00"
IDS = {topic: f"id of {topic}" for topic in TOPICS}


def published(events: Iterable[Mapping[str, Any]] = STORED, now: Instant = NOW) -> list[Record]:
    """Events that arrive as they happen, and the cards and verdicts that a worker makes of them up to a moment."""
    log, partition = Log(), CasePartition(shipped(), {}, loads=load_row, dumps=dump_row)
    admit = admission(shipped().plan, trust_receivedat=True).admit
    for each in sorted(events, key=lambda one: read(str(one["time"]))):
        received = read(str(each["time"]))
        record = log.event(orjson.dumps(each), received)
        fact = admit(record.value, received=received, key=record.key, headers=record.headers).fact
        effects = partition.take(record.key or b"", fact, received)
        _publish(log, [effects] if effects else [], received)
    _publish(log, partition.sweep(now - 1), now)
    return log.records


def _publish(log: Log, effects: Iterable[Effects], now: Instant) -> None:
    for effect in effects:
        key = effect.key.decode()
        for card in effect.cards:
            log.output(ALERT_CARDS, card_record(card, key, shipped().law.zone), 0)
        for ruling in effect.verdicts:
            verdict = None if ruling.verdict == RETRACTED else written_verdict(ruling, key, shipped(), now)
            log.output(CASE_VERDICTS, verdict_record(ruling.kpi, key, ruling.cycle, verdict), 0)


def value_record(number: int, row: ValueRow, before: str = "", watermark: str = WATERMARK) -> Record:
    """A value row as it is published. `number`: its offset; `before`: its state when the day began."""
    key, value = row_record(row, Times(watermark, watermark), before or row.state)
    return Record(KPI_VALUES, 0, number, key, value)


def value_row(unit: str, state: State, value: str = "", kpi: str = PROMISE, **more: str) -> ValueRow:
    """A row of a promise in its official window."""
    promise = next(each for each in shipped().plan.promises if each.id == kpi and each.is_official)
    cells = dict.fromkeys(ValueRow._fields, "") | {
        "kpi": kpi,
        "unit": unit,
        "item": "-",
        "variant": "official",
        "window": str(promise.official_window),
        "window_end": WATERMARK,
        "value": value,
        "state": state,
        "n": "12",
        "objective": "= 1",
        **more,
    }
    return ValueRow(**cells)


def open_reading_index(settings: Settings) -> ReadingIndex:
    """The index of a desk, opened as its process opens it."""
    index = ReadingIndex(reading_engine(settings, writes=True), shipped().plan, shipped().fingerprint)
    index.open(0, IDS)
    return index


def fill_reading(settings: Settings, records: Iterable[Record]) -> None:
    """Put records into the index of a desk, and say that it has caught up."""
    index = open_reading_index(settings)
    index.take([each for each in records if each.topic in TOPICS])
    index.note(ready=True, complete_at=1)
    index.close()


def fill_casebook(settings: Settings, records: Iterable[Record], now: Instant = NOW) -> None:
    """Put records into the casebook of a desk, whose clock shows `now`."""
    topics = (CASE_EVENTS, ALERT_CARDS, CASE_VERDICTS)
    filled(open_index(settings.casebook, now), [each for each in records if each.topic in topics]).close()


def fill_ledger(settings: Settings, records: Iterable[LedgerRecord]) -> None:
    """Put records, in their order from number 1 on, into the index of a desk's ledger."""
    index, previous, reads = LedgerIndex.at(settings.ledger), "0" * 64, []
    for record in records:
        value = record.value()
        previous = hash_of(previous, value)
        reads.append(Read(record, value, previous, record.number))
    with changing(INDEX, open_store(INDEX, settings.ledger, writes=True)) as connection:
        migrate(INDEX, connection)
    index.take(reads)
    index.close()


def clock_at(now: Instant) -> Clock:
    """A clock that stands."""
    return Clock(None, lambda: now)


def reading_desk(
    folder: Path, records: Iterable[Record], ledger: Iterable[LedgerRecord] = (), now: Instant = NOW, port: int = 0
) -> Desk:
    """A desk with what is in the topics, at a moment. `port`: where browsers find it."""
    settings, records = example_settings(folder), list(records)
    settings = settings.model_copy(update={"desk_port": port}) if port else settings
    fill_casebook(settings, records, now)
    fill_reading(settings, records)
    fill_ledger(settings, ledger)
    casebook = Casebook(open_engine(settings.casebook, writes=False), shipped, PARTITIONS, lambda: now)
    return example_desk(folder, settings=settings, clock=clock_at(now), casebook=casebook)


def make_cards(folder: Path, count: int) -> None:
    """Cards of 40 units and the promises about cases, half of them cleared: in the index of a desk and in its casebook,
    with their cases."""
    rng, settings = random.Random(7), example_settings(folder)
    kpis = [each.id for each in shipped().plan.promises if each.is_official and each.about == "case"]
    units = [*list(shipped().plan.units)[:39], WATER_UNIT]
    start = read("2021-09-01T00:00:00+08:00")
    cards = [
        {
            "name": f"K|{number}",
            "kpi": rng.choice(kpis),
            "case": f"/s {number}",
            "case_key": case_key("/s", str(number)),
            "cycle": 1,
            "node": "-",
            "level": rng.choice(["red", "yellow"]),
            "unit": rng.choice(units),
            "raised_at": start + number,
            "due_at": start + rng.randrange(30) * 86_400_000_000,
            "cleared_at": None if number % 2 else start,
            "active": number % 2,
            "reason": "",
        }
        for number in range(count)
    ]
    fill_reading(settings, [])
    with reading_engine(settings, writes=True).begin() as connection:
        connection.execute(schema.cards.insert(), cards)
    _make_cases(settings, cards)


def _make_cases(settings: Settings, cards: list[dict[str, Any]]) -> None:
    """The cases of these cards, each accepted by the unit of its card."""
    fill_casebook(settings, [])
    zone = shipped().law.zone
    empty = {"state": "open", "service_item": "water.connection", "cycles": 1, "closed_at": None, "events": 1}
    cases = [
        {
            **empty, "case_key": each["case_key"], "owner": "/s", "subject": each["case"][3:], "unit": each["unit"],
            "holder": each["unit"], "filed_at": each["raised_at"], "first_arrival": 0, "last_arrival": 0,
        }
        for each in cards
    ]  # fmt: skip
    written = [
        {
            **{name: each[name] for name in ("name", "case_key", "kpi", "cycle", "node", "level", "unit", "reason")},
            "raised_at": zone.text(each["raised_at"]),
            "due_at": zone.text(each["due_at"]),
            "cleared_at": "" if each["active"] else zone.text(each["due_at"]),
        }
        for each in cards
    ]
    parties = [{"case_key": each["case_key"], **Party(each["unit"], None)._asdict()} for each in cards]
    with open_engine(settings.casebook, writes=True).begin() as connection:
        connection.execute(casebook_schema.cases.insert(), cases)
        connection.execute(casebook_schema.cards.insert(), written)
        connection.execute(casebook_schema.parties.insert(), parties)
