"""The answers as files: values.csv, cards.csv, steps.csv (docs/contract.md).

The same answers always give the same bytes.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from services.catalog.words.column_names import heading
from services.domain.results.published import Card, ValueRow
from services.domain.supervision.published import StepRow
from services.replay.spill_files import Rejected
from services.runtime.csv_file import atomic_csv


def write_values(path: Path, rows: Iterable[ValueRow], *, for_excel: bool = False) -> int:
    """Write value rows, already sorted; how many they were. `for_excel`: see `write_table`."""
    return write_table(path, ValueRow._fields, rows, for_excel=for_excel)


def write_cards(path: Path, rows: Iterable[Card], *, for_excel: bool = False) -> int:
    """Write cards, already sorted; how many they were. `for_excel`: see `write_table`."""
    return write_table(path, Card._fields, rows, for_excel=for_excel)


def write_steps(path: Path, rows: Iterable[StepRow], *, for_excel: bool = False) -> int:
    """Write steps of escalation, already sorted; how many they were. `for_excel`: see `write_table`."""
    return write_table(path, StepRow._fields, rows, for_excel=for_excel)


def write_rejected(path: Path, rows: Iterable[Rejected], *, for_excel: bool = False) -> int:
    """Write rejected events, one a line; how many they were. `for_excel`: see `write_table`."""
    return write_table(path, Rejected._fields, rows, for_excel=for_excel)


def write_table(path: Path, columns: tuple[str, ...], rows: Iterable[Sequence[Any]], *, for_excel: bool = False) -> int:
    """Write rows below their headings; how many they were. `for_excel`: with the mark by which Excel knows UTF-8, and
    with Chinese headings beside the names of the columns. The cells are the same."""
    count = 0
    with atomic_csv(path, with_mark=for_excel) as writer:
        writer.writerow(tuple(map(heading, columns)) if for_excel else columns)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count
