"""The files of a briefing: one for each format, all with the same rows."""

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

from services.briefing.excel_file import excel_of
from services.briefing.fit import fitted, room
from services.briefing.html_page import html_of
from services.briefing.model import Briefing
from services.briefing.pdf_file import print_fitted
from services.briefing.word_file import word_of
from services.runtime.atomic_file import atomic_file


class Format(StrEnum):
    """A format, and the end of the name of its file."""

    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"


_WRITERS = {Format.HTML: html_of, Format.DOCX: word_of, Format.XLSX: excel_of}


def write_briefing(briefing: Briefing, formats: Collection[Format], folder: Path, name: str) -> list[Path]:
    """Write it in each of the formats; the files. Raises CannotPrint where there is no PDF: then nothing is written."""
    contents: dict[Format, bytes] = {}
    if Format.PDF in formats:
        briefing, contents[Format.PDF] = print_fitted(briefing)
    else:
        briefing = fitted(briefing, room())
    contents |= {each: write(briefing) for each, write in _WRITERS.items() if each in formats}
    paths = {each: folder / f"{name}.{each}" for each in Format if each in contents}
    for each, path in paths.items():
        with atomic_file(path) as sink:
            sink.write(contents[each])
    return list(paths.values())
