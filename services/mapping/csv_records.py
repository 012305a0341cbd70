"""The records of a text with delimiters (CSV, TSV). A row with a fault costs that row: a quote left open, a cell or a
line without an end."""

import csv
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from services.mapping.cells import Problem, Record

LONGEST_LINE = 4 * 1024 * 1024
"""Characters: more than all cells of a row together, each of which csv bounds, can need."""
_PIECE = 65_536
_MOST_LINES = 1000
"""So many lines may one cell with line ends in it have; more is a quote left open."""


class Unfinished(NamedTuple):
    """The text ends within a cell in quotes: in a file that grows, the rest is still to come."""

    line: int
    """Where the record begins; all before it is read."""


class _Lines:
    """The lines of a text. Those of the present record can be read again, from its second on."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._again: list[str] = []
        self._taken: list[str] = []
        self.first = 1
        """The number of the first line of the present record."""

    def begin(self) -> None:
        """The next line is the first of a record."""
        self.first += len(self._taken)
        self._taken.clear()

    @property
    def several(self) -> bool:
        """Whether the present record has more than one line."""
        return len(self._taken) > 1

    def repeat(self) -> None:
        """Give up the first line of the present record; the next record begins with the second."""
        self._again = self._taken[:0:-1] + self._again
        del self._taken[1:]

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if len(self._taken) >= _MOST_LINES:
            raise csv.Error(f"a quote is left open: no other one within {_MOST_LINES:,} lines")
        if self._again:
            line = self._again.pop()
        elif not (line := self._text.readline(LONGEST_LINE)):
            raise StopIteration
        if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
            self._taken.append("")
            del line
            self._skip_line()
            raise csv.Error(f"the line is longer than {LONGEST_LINE:,} characters; write one row per line")
        self._taken.append(line)
        return line

    def _skip_line(self) -> None:
        while (rest := self._text.readline(_PIECE)) and rest[-1] not in "\r\n":
            pass


def records_of(text: TextIO, delimiter: str, width: int | None = None) -> Iterator[Record | Problem]:
    """The records of a text, and problems where a row is no CSV.

    `width`: how many cells a row has; a row over several lines with another number has left a quote open.
    """
    for each in _records(text, delimiter, width, grows=False):
        if not isinstance(each, Unfinished):
            yield each


def growing_records(text: TextIO, delimiter: str, width: int) -> Iterator[Record | Problem | Unfinished]:
    """The records of whole lines at the present end of a file. The last one may be unfinished."""
    return _records(text, delimiter, width, grows=True)


def _records(
    text: TextIO, delimiter: str, width: int | None, *, grows: bool
) -> Iterator[Record | Problem | Unfinished]:
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if grows and str(error) == _AT_THE_END:
                yield Unfinished(lines.first)
                return
            yield Problem(lines.first, "-", _sentence(error))
            lines.repeat()
            continue
        if width is not None and lines.several and len(cells) != width:
            yield Problem(lines.first, "-", "it is not CSV: a quote is left open; close it, or write it twice")
            lines.repeat()
        elif cells:
            yield Record(lines.first, cells)


_AT_THE_END = "unexpected end of data"


def _sentence(error: csv.Error) -> str:
    said = str(error)
    if said == _AT_THE_END:
        said = "a quote is left open; close it, or write it twice"
    elif "expected after" in said:
        said = "there is a quote within a cell; write it twice"
    elif "field larger than field limit" in said:
        said = f"a cell is longer than {csv.field_size_limit():,} characters; shorten it, or close its quote"
    return f"it is not CSV: {said}"
