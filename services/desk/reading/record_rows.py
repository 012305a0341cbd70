"""Records of the topics → rows of the desk's index."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from services.desk.reading.schema import DUE_UNKNOWN
from services.domain.plan.plan import Plan
from services.domain.results.budget import Versions, distance_of, pace_of, short_window, shows_the_month
from services.domain.results.cards import WHOLE
from services.domain.results.published import Card, ValueRow
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Instant, Zone
from services.messaging.reader import Record
from services.messaging.records import cards as card_records
from services.messaging.records import values as value_records
from services.messaging.records import verdicts as verdict_records
from services.messaging.records.fields import Unreadable, log_unreadable
from services.messaging.topics import ALERT_CARDS, CASE_VERDICTS, KPI_VALUES

log = logging.getLogger(__name__)

Row = dict[str, Any]
TOPICS: Final = (KPI_VALUES, ALERT_CARDS, CASE_VERDICTS)


@dataclass
class Changes:
    """What a batch of records changes: table by table, the key of a record → its row; None removes it."""

    rows: dict[str, Row | None] = field(default_factory=dict)
    paces: dict[str, Row | None] = field(default_factory=dict)
    history: dict[tuple[str, int], Row] = field(default_factory=dict)
    cards: dict[str, Row | None] = field(default_factory=dict)
    verdicts: dict[str, Row | None] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)
    """Topic → records that are not what it holds."""


class RecordRows:
    """Reads records for one plan."""

    def __init__(self, plan: Plan) -> None:
        self._zone = Zone(plan.head.timezone)
        self._versions = Versions.of(plan)
        self._windows = {(each.id, each.variant): str(each.official_window) for each in plan.promises}
        self._short = {each.id: str(short_window(each)) for each in plan.promises if each.is_official}

    def read(self, records: Iterable[Record]) -> Changes:
        """What the records change, in their order. Of what cannot be read the place is logged."""
        changes = Changes()
        takers = {KPI_VALUES: self._value, ALERT_CARDS: _card, CASE_VERDICTS: _verdict}
        for record in records:
            try:
                takers[record.topic](record, changes)
            except Unreadable as wrong:
                changes.unreadable[record.topic] = changes.unreadable.get(record.topic, 0) + 1
                log_unreadable(log, record.topic, record.partition, record.offset, wrong)
        return changes

    def _value(self, record: Record, changes: Changes) -> None:
        """A value row, if it is of the official window of a promise of the plan; of the month only the pace of misses.
        The others are left to Prometheus."""
        key = record.key or b""
        kpi, variant, *_, window = (key.decode(errors="replace").split("|") + [""] * 5)[:5]
        if value_records.is_signal(key):
            return
        if variant == "official" and self._short.get(kpi) == window:
            self._pace(record, changes)
        if self._windows.get((kpi, variant)) != window:
            return
        name = _name(record)
        if record.value is None:
            changes.rows[name] = None
            return
        published = value_records.decode_row(record.value)
        row = published.row
        changes.rows[name] = {
            **{column: getattr(row, column) for column in ("kpi", "variant", "unit", "item", "state")},
            "name": name,
            "before": published.state_at_midnight,
            "gap": self._distance(row),
            "cells": orjson.dumps(row._asdict()),
            "computed_at": published.computed_at,
            "watermark": published.watermark,
        }
        if row.item == WHOLE and (at := published.as_of) is not None:
            day = self._zone.day(at - 1)
            value = published.figures.get("value")
            changes.history[name, day] = {"name": name, "day": day, "value": value, "state": row.state}

    def _pace(self, record: Record, changes: Changes) -> None:
        """Of a row of the window that shows the month: how fast misses come."""
        name, pace = _name(record), None
        if record.value is not None:
            row = value_records.decode_row(record.value).row
            promise = self._versions.at(row)
            if promise is not None and shows_the_month(row, promise):
                pace = pace_of(row, promise)
        known = record.value is not None and pace is not None
        changes.paces[name] = {"name": name, "kpi": row.kpi, "unit": row.unit, "pace": pace} if known else None

    def _distance(self, row: ValueRow) -> float | None:
        promise = self._versions.at(row)
        found = None if promise is None else distance_of(row, promise)
        return None if found is None else float(found)


def value_row_of(cells: bytes) -> ValueRow:
    """The value row that a row of the index holds."""
    return ValueRow(**orjson.loads(cells))


def _name(record: Record) -> str:
    if not record.key:
        raise Unreadable("it has no key")
    return record.key.decode(errors="replace")


def _instant(text: str) -> Instant | None:
    return read(text) if text else None


def _card(record: Record, changes: Changes) -> None:
    name, row = _name(record), None
    if record.value is not None:
        card = card_records.decode(record.value)
        row = _card_row(card, name, card_records.case_of_key(record.key or b""))
    changes.cards[name] = row


def _card_row(card: Card, name: str, case_key: str) -> Row:
    cleared = _instant(card.cleared_at)
    due = _instant(card.due_at)
    return {
        **{column: getattr(card, column) for column in ("kpi", "case", "cycle", "node", "level", "unit", "reason")},
        "name": name,
        "case_key": case_key,
        "raised_at": read(card.raised_at),
        "due_at": DUE_UNKNOWN if due is None else due,
        "cleared_at": cleared,
        "active": int(cleared is None),
    }


def _verdict(record: Record, changes: Changes) -> None:
    name, row = _name(record), None
    if record.value is not None:
        verdict = verdict_records.decode(record.value)
        columns = ("kpi", "case", "cycle", "unit", "item", "verdict", "due_at", "stopped_at")
        row = {
            **{column: getattr(verdict, column) for column in columns},
            "name": name,
            "case_key": verdict_records.case_of_key(record.key or b""),
            "judged_at": _instant(verdict.judged_at) or 0,
        }
    changes.verdicts[name] = row
