"""The records of a spreadsheet: XLSX, XLS and ODS."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from services.mapping.cells import Record, cell_of
from services.mapping.mapping_file import ExportError, near

_ZIP, _COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
"""How XLSX and ODS begin, and how XLS does. The name of a file says little: some systems write text into .xls."""


def is_spreadsheet(begin: bytes) -> bool:
    """Whether a file that begins so is a spreadsheet."""
    return begin.startswith((_ZIP, _COMPOUND))


class Sheet(NamedTuple):
    """One sheet of a spreadsheet."""

    name: str
    content: CalamineSheet

    def records(self) -> Iterator[Record]:
        """The rows of the sheet, empty ones left out."""
        for place, stored in enumerate(self.content.iter_rows(), 1):
            cells = [cell_of(cell) for cell in stored]
            if any(cells):
                yield Record(place, cells)


def sheets_of(export: Path, wanted: str | int | None) -> list[Sheet]:
    """The sheets of a file: the wanted one, or all that are shown. ExportError."""
    try:
        book = CalamineWorkbook.from_path(str(export))
        names = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
        ]
        chosen = names if wanted is None else [_named(export, book.sheet_names, wanted)]
        return [Sheet(name, book.get_sheet_by_name(name)) for name in chosen]
    except CalamineError as error:
        raise ExportError(
            f"{export}:1: it cannot be read as a spreadsheet ({error}). Open it, and save it as XLSX without a password"
        ) from None


def _named(export: Path, names: list[str], wanted: str | int) -> str:
    if isinstance(wanted, int):
        if wanted > len(names):
            raise ExportError(f"{export}:1: it has no sheet {wanted}; it has {len(names)}")
        return names[wanted - 1]
    if wanted not in names:
        raise ExportError(f"{export}:1: it has no sheet {wanted!r}{near(wanted, names)}")
    return wanted
