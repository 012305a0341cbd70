"""A text that grows: its header is read once, its rows come piece by piece."""

import io
from collections.abc import Iterator
from pathlib import Path

from services.mapping.cells import Problem
from services.mapping.csv_records import Unfinished, growing_records, records_of
from services.mapping.export import RowEvents, RowWriter
from services.mapping.mapping_file import AmbiguousColumn, ExportError, ExportMapping, MappingError
from services.mapping.sheet_records import is_spreadsheet
from services.mapping.table import below, layout_of

_MARK = b"\xef\xbb\xbf"


def check_growing(mapping: ExportMapping) -> None:
    """MappingError for a mapping that needs the whole export."""
    for number, event in enumerate(mapping.event, 1):
        if event.uses_other_rows:
            raise MappingError(
                f"event {number}: row, when_previous and when_changed need all rows of a case, and more may come: use "
                "`kpiwatch import` with whole exports"
            )
        if event.id is None and not mapping.identity:
            raise MappingError(
                f"event {number}: declare `identity`, the columns that say which row it is, or an `id` of cells: "
                "otherwise two equal rows could not be told apart"
            )


class GrowingTable:
    """The rows of one file."""

    def __init__(self, file: Path, sample: bytes, mapping: ExportMapping) -> None:
        """`sample`: the beginning of the file. ExportError, MappingError."""
        if sample[:2] == b"\x1f\x8b" or is_spreadsheet(sample):
            raise ExportError(f"{file}: it is packed or a spreadsheet, which does not grow: use `kpiwatch import`")
        encoding, self._layout = layout_of(file, sample, mapping)
        self._encoding = "utf-8" if encoding == "utf-8-sig" else encoding
        if "\n".encode(self._encoding) != b"\n":
            raise ExportError(f"{file}: a file in {encoding} cannot be followed: write it in UTF-8 or GB 18030")
        self.has_header = self._layout.complete
        """Whether all columns that the mapping names are there. Else the header may be still to come."""
        self._file = file
        self._mapping = mapping
        self._writer: RowWriter | None = None
        self.unfinished: int | None = None
        """The line at which the last piece ends within a row; None where it does not."""

    def rows(self, content: bytes, first_line: int, *, settled: bool) -> Iterator[RowEvents | Problem]:
        """The rows of whole lines. `first_line`: the number of the first of them, from 1. `settled`: nothing that
        belongs to the last row is still to come.

        ExportError, MappingError.
        """
        self.unfinished = None
        writer = self._writer_of_rows()
        text = content.removeprefix(_MARK) if first_line == 1 else content
        lines = io.StringIO(text.decode(self._encoding, "surrogateescape"), newline="")
        width, delimiter = len(self._layout.columns), self._layout.delimiter
        records = records_of(lines, delimiter, width) if settled else growing_records(lines, delimiter, width)
        for record in records:
            if isinstance(record, Unfinished):
                self.unfinished = record.line + first_line - 1
                return
            place = record.line if isinstance(record, Problem) else record.place
            moved = place + first_line - 1
            here = record._replace(line=moved) if isinstance(record, Problem) else record._replace(place=moved)
            for found in below([here], self._layout):
                yield from [found] if isinstance(found, Problem) else writer.row(found)

    def _writer_of_rows(self) -> RowWriter:
        if self._writer is None:
            try:
                self._writer = RowWriter(self._mapping, self._layout.columns, self._encoding, counts=False)
            except AmbiguousColumn as error:
                raise ExportError(f"{self._file}:{self._layout.header}: {error}") from None
        return self._writer


def lines_of(content: bytes) -> list[bytes]:
    """The lines of a piece as the rows are counted: a line feed, a carriage return, or both end one."""
    return content.splitlines(keepends=True)
