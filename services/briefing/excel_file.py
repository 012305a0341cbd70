"""A briefing as an Excel workbook: a sheet for each section, numbers as numbers; no text is taken for a formula. The
last sheet says where each number is from."""

import io
import math
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from openpyxl import Workbook
from openpyxl.cell.cell import Cell as ExcelCell
from openpyxl.cell.cell import MergedCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from services.briefing import trace
from services.briefing.model import Briefing, Cell, Form, Number, Section, text_of
from services.domain.intake.visible_text import visible

_WIDTH: Final = 150
"""Of a whole table, in characters."""
_WIDE: Final = 2.3
_NARROW: Final = 1.3
"""Of letters, in characters of a column."""
_ALWAYS: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_SOURCE_WIDTHS: Final = (16, 60, 10, 30, 70)
_LINE: Final = Side(style="thin", color="999999")
_FONT: Final = "Noto Sans CJK SC"


def excel_of(briefing: Briefing) -> bytes:
    """The workbook."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for number, section in enumerate(briefing.sections):
        sheet = book.create_sheet(section.name[:31])
        _write_section(sheet, section, (briefing.title, *briefing.lines) if number == 0 else ())
        _set_print(sheet)
    _write_sources(book.create_sheet(briefing.language.of(trace.NAME)), briefing)
    book.properties.title, book.properties.creator = briefing.title, "kpiwatch"
    book.properties.created = book.properties.modified = _ALWAYS
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def _write_section(sheet: Worksheet, section: Section, above: tuple[str, ...]) -> None:
    """`above`: what stands over the whole briefing, on its first sheet."""
    widths = section.widths or (100,)
    for column, width in enumerate(widths, 1):
        sheet.column_dimensions[_letter(column)].width = _WIDTH * width / 100
    row = 1
    for line in above:
        row = _write_line(sheet, row, (line,), len(widths))
    row = _write_line(sheet, row, (section.title,), len(widths))
    sheet.cell(row - 1, 1).font = Font(name=_FONT, bold=True, size=13)
    for sentence in section.sentences:
        row = _write_line(sheet, row, sentence, len(widths))
    for number, cells in enumerate((tuple((heading,) for heading in section.headings), *section.rows)):
        for column, parts in enumerate(cells, 1):
            _write_cell(sheet.cell(row, column), parts, is_heading=number == 0)
        if cells:
            _set_height(sheet, row, list(map(text_of, cells)), widths)
            row += 1
    if section.is_cut:
        _write_line(sheet, row, section.remark, len(widths))


def _write_sources(sheet: Worksheet, briefing: Briefing) -> None:
    """One line for each record behind each number. Texts only: nobody calculates with it."""
    for column, width in enumerate(_SOURCE_WIDTHS, 1):
        sheet.column_dimensions[_letter(column)].width = width
    row = _write_line(sheet, 1, (briefing.language.of(trace.NOTE),), len(_SOURCE_WIDTHS))
    for column, title in enumerate(trace.HEADINGS, 1):
        _write_cell(sheet.cell(row, column), (briefing.language.of(title),), is_heading=True)
    for number, source in enumerate(trace.sources(briefing), row + 1):
        for column, said in enumerate(source, 1):
            _write_text(sheet.cell(number, column), said)
    sheet.freeze_panes = f"A{row + 1}"
    sheet.auto_filter.ref = f"A{row}:{_letter(len(_SOURCE_WIDTHS))}{max(row, sheet.max_row)}"
    _set_print(sheet)


def _set_height(sheet: Worksheet, row: int, texts: Sequence[str], widths: Sequence[int]) -> None:
    """So high that no line of a text is hidden: not every program grows rows by itself."""
    lines = [1]
    for text, width in zip(texts, widths, strict=True):
        letters = sum(_WIDE if unicodedata.east_asian_width(one) in "WFA" else _NARROW for one in text)
        lines.append(math.ceil(letters / (_WIDTH * width / 100 - 2)))
    sheet.row_dimensions[row].height = 4 + 15 * max(lines)


def _letter(column: int) -> str:
    return "ABCDEFGHIJ"[column - 1]


def _write_line(sheet: Worksheet, row: int, parts: Cell, columns: int) -> int:
    """A sentence over all columns; the row behind it."""
    cell = sheet.cell(row, 1)
    _write_text(cell, text_of(parts))
    cell.font, cell.alignment = Font(name=_FONT, size=10), Alignment(wrap_text=True, vertical="top")
    if columns > 1:
        sheet.merge_cells(start_row=row, end_row=row, start_column=1, end_column=columns)
    _set_height(sheet, row, [text_of(parts)], (100,))
    return row + 1


def _write_cell(cell: ExcelCell | MergedCell, parts: Cell, *, is_heading: bool) -> None:
    cell.border = Border(_LINE, _LINE, _LINE, _LINE)
    cell.font, cell.alignment = Font(name=_FONT, bold=is_heading, size=10), Alignment(wrap_text=True, vertical="top")
    if is_heading:
        cell.fill = PatternFill("solid", fgColor="F2F2F2")
    number = parts[0] if len(parts) == 1 else ""
    if isinstance(number, Number):
        cell.value, cell.number_format = number.amount, _format_of(number)
    else:
        _write_text(cell, text_of(parts))


def _write_text(cell: ExcelCell | MergedCell, text: str) -> None:
    """A text stays a text, whatever it begins with."""
    cell.value = visible(text)
    cell.data_type = "s"


def _format_of(number: Number) -> str:
    """With as many digits as the text has."""
    digits = number.text.removesuffix(" %").partition(".")[2]
    plain = f"0.{'0' * len(digits)}" if digits else "0"
    return f"{plain} %" if number.form is Form.PER_CENT else plain


def _set_print(sheet: Worksheet) -> None:
    """On A4, as wide as the page."""
    sheet.page_setup.paperSize, sheet.page_setup.orientation = "9", "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
