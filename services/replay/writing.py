"""The answers as files: values.csv and cards.csv (CONTRACT §3). The same answers always give the same bytes."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from services.domain.cards import CardState
from services.domain.facts import KEY_SEPARATOR
from services.domain.published import Card, ValueRow
from services.domain.zone import Instant, Zone
from services.replay.buckets import Rejected


def written_card(key: str, card: CardState, zone: Zone) -> Card:
    """A card as it is published: the case as owner and subject, times in the plan's zone."""

    def text(instant: Instant | None) -> str:
        return "" if instant is None else zone.text(instant)

    return Card(
        kpi=card.kpi,
        case=key.replace(KEY_SEPARATOR, " ", 1),
        cycle=card.cycle,
        node=card.node,
        level=str(card.level),
        unit=card.unit,
        raised_at=text(card.raised_at),
        due_at=text(card.due_at),
        cleared_at=text(card.cleared_at),
        reason=card.reason,
    )


def write_values(path: Path, rows: Iterable[ValueRow]) -> int:
    """Write value rows, already sorted; how many they were."""
    return _write(path, ValueRow._fields, rows)


def write_cards(path: Path, rows: Iterable[Card]) -> int:
    """Write cards, already sorted; how many they were."""
    return _write(path, Card._fields, rows)


def write_rejected(path: Path, rows: Iterable[Rejected]) -> int:
    """Write rejected events, one a line; how many they were."""
    return _write(path, Rejected._fields, rows)


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count
