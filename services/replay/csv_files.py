"""The answers as files: values.csv, cards.csv, steps.csv (docs/contract.md).

The same answers always give the same bytes.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from services.domain.results.published import Card, ValueRow
from services.domain.supervision.published import StepRow
from services.replay.spill_files import Rejected
from services.runtime.csv_file import atomic_csv


def write_values(path: Path, rows: Iterable[ValueRow]) -> int:
    """Write value rows, already sorted; how many they were."""
    return _write(path, ValueRow._fields, rows)


def write_cards(path: Path, rows: Iterable[Card]) -> int:
    """Write cards, already sorted; how many they were."""
    return _write(path, Card._fields, rows)


def write_steps(path: Path, rows: Iterable[StepRow]) -> int:
    """Write steps of escalation, already sorted; how many they were."""
    return _write(path, StepRow._fields, rows)


def write_rejected(path: Path, rows: Iterable[Rejected]) -> int:
    """Write rejected events, one a line; how many they were."""
    return _write(path, Rejected._fields, rows)


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> int:
    count = 0
    with atomic_csv(path) as writer:
        writer.writerow(columns)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count
