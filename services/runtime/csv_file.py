"""CSV files that are there only once they are whole."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from services.domain.intake.visible_text import cell
from services.runtime.atomic_file import atomic_file

if TYPE_CHECKING:
    from _csv import Writer


class Rows:
    """Writes the rows of a CSV file. A spreadsheet does not take a cell of it for a formula
    (`services.domain.intake.visible_text`)."""

    def __init__(self, writer: "Writer") -> None:
        self._writer = writer

    def writerow(self, row: Sequence[object]) -> None:
        """Write a row. A cell that is no text is written as `str` writes it."""
        cells: Sequence[str]
        try:
            whole = f",{','.join(row)},"  # type: ignore[arg-type]  # most rows are texts: numbers of ours, ids, states
            cells = row  # type: ignore[assignment]
        except TypeError:
            cells = [str(one) for one in row]
            whole = f",{','.join(cells)},"
        self._writer.writerow(cells if _is_plain(whole) else [cell(one) for one in cells])


def _is_plain(whole: str) -> bool:
    """Whether no cell needs a second look. `whole`: the cells with commas around them. Nearly all rows are plain, and
    there are many, so that one look at the whole row pays."""
    return (
        whole.isascii()
        and whole.isprintable()
        and ",=" not in whole
        and ",+" not in whole
        and ",@" not in whole
        and ",'" not in whole
        and ", " not in whole
        and whole.count(",-") == whole.count(",-,")
    )


@contextmanager
def atomic_csv(path: Path, *, with_mark: bool = False) -> Iterator[Rows]:
    """A writer of rows (`atomic_file`): in UTF-8, each ended by a line feed. `with_mark`: it begins with the mark by
    which Excel knows UTF-8 (BOM). Raises BeingWritten."""
    with atomic_file(path) as plain:
        text = io.TextIOWrapper(plain, encoding="utf-8-sig" if with_mark else "utf-8", newline="")
        try:
            yield Rows(csv.writer(text, lineterminator="\n"))
        finally:
            text.detach()
