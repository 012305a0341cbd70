"""A list as an XLSX file with Chinese headers. Whatever a text begins with, it stays a text: no program that opens the
file takes it for a formula.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar
from urllib.parse import quote

from fastapi import Response
from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from services.domain.intake.visible_text import visible
from services.domain.plan.plan import Title

MOST_ROWS: Final = 10_000
"""In one file. A list that is longer says so in its last line."""
SHEET_PAGE: Final = 1_000
"""Lines that are read at once for a file."""
_CUT: Final = f"仅导出前{MOST_ROWS}行，请缩小查询范围"
_MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_WIDEST: Final = 60
_TEXT: Final = "@"
"""The number format of a text."""


_Line = TypeVar("_Line")


def lines_of_pages(page: Callable[[str], tuple[Sequence[_Line], str | None]]) -> Iterator[_Line]:
    """The lines of page after page. The next one is read when its first line is asked for: a file takes no more than it
    may have. `page`: the lines behind a cursor (empty: the first ones) and the cursor of the next page, if any."""
    after: str | None = ""
    while after is not None:
        lines, following = page(after)
        yield from lines
        after = following or None


def sheet_answer(title: Title, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """The file, named by its title."""
    name = quote(f"{title.zh}.xlsx")
    headers_of_answer = {"Content-Disposition": f"attachment; filename=\"export.xlsx\"; filename*=UTF-8''{name}"}
    return Response(sheet(title.zh, headers, rows), media_type=_MEDIA_TYPE, headers=headers_of_answer)


def sheet(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """The file: a line of headers that stays in sight, and the rows; numbers as numbers, all else as texts."""
    book = Workbook(write_only=True)
    page = book.create_sheet(title)
    page.freeze_panes = "A2"
    for place, header in enumerate(headers, start=1):
        page.column_dimensions[get_column_letter(place)].width = min(_WIDEST, 4 + 2 * max(6, len(header)))
    page.append([_header(page, header) for header in headers])
    for row in _at_most(rows):
        page.append([_cell(page, value) for value in row])
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _at_most(rows: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
    for number, row in enumerate(rows):
        if number == MOST_ROWS:
            yield (_CUT,)
            return
        yield row


def _header(page: WriteOnlyWorksheet, text: str) -> Cell:
    cell = _cell(page, text)
    cell.font = Font(bold=True)
    return cell


def _cell(page: WriteOnlyWorksheet, value: object) -> Cell:
    if isinstance(value, int):
        return WriteOnlyCell(page, value)
    cell = WriteOnlyCell(page, visible(str(value)))
    cell.data_type = "s"  # a text that begins with = would be a formula
    cell.number_format = _TEXT
    return cell
