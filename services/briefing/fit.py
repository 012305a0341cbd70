"""How many rows two pages hold. It is estimated by the widths of letters, so that all formats have the same rows, also
where no browser is at hand; the printed pages are counted afterwards (`services/briefing/pdf_file.py`)."""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from services.briefing.model import Briefing, Cell, Section, text_of

# millimetres; they follow templates/briefing.css
_EM: Final = 3.175
_LINE: Final = 4.2
_TEXT_WIDTH: Final = 182.0
_PADDING: Final = 2.4
_ROW_EXTRA: Final = 1.5
_HEADING: Final = 9.4
_SENTENCE_EXTRA: Final = 1.3
_TITLE: Final = 18.0
_PAGE: Final = 270.0
_LOST: Final = 12.0
"""At the end of the first page, where the next row, or a heading with it, does not fit any more."""
_WASTE: Final = 1.07
"""Lines end before their width does."""
_NARROW: Final = 0.58
"""Of an em: Latin letters and digits."""


def room() -> float:
    """Millimetres of two pages that sections may take."""
    return 2 * _PAGE - _TITLE - _LOST


def less(space: float) -> float:
    """With a row less."""
    return space - 2 * _LINE


def fitted(briefing: Briefing, space: float) -> Briefing:
    """With as many rows as there is room for. Each table keeps a row at least."""
    return replace(briefing, sections=_cut(briefing.sections, space))


def _cut(sections: tuple[Section, ...], space: float) -> tuple[Section, ...]:
    tables = {section.key: section for section in sections if section.more and section.rows}
    taken = dict.fromkeys(tables, 1)
    left = space - sum(_height(section, taken.get(section.key, len(section.rows))) for section in sections)
    while key := next((key for key in _turns(tables, taken) if _next_row(tables[key], taken[key]) <= left), None):
        left -= _next_row(tables[key], taken[key])
        taken[key] += 1
    return tuple(section.cut(taken.get(section.key, len(section.rows))) for section in sections)


def _turns(tables: Mapping[str, Section], taken: Mapping[str, int]) -> list[str]:
    """The tables that have more rows, in the order in which they get the next one: that with the fewest for its weight
    comes first."""
    waiting = [key for key, section in tables.items() if taken[key] < len(section.rows)]
    return sorted(waiting, key=lambda key: taken[key] / tables[key].weight)


def _height(section: Section, rows: int) -> float:
    """Of a section with so many rows, and the line that says that there are more."""
    sentences = sum(_lines(cell, 100) * _LINE + _SENTENCE_EXTRA for cell in section.sentences)
    table = 0.0
    if section.headings:
        headings = _cells_height(tuple((heading,) for heading in section.headings), section.widths)
        table = headings + sum(_next_row(section, number) for number in range(rows))
    return _HEADING + sentences + table + (_LINE + _SENTENCE_EXTRA if section.more else 0.0)


def _next_row(section: Section, number: int) -> float:
    """The height of the row behind so many."""
    return _cells_height(section.rows[number], section.widths)


def _cells_height(cells: tuple[Cell, ...], widths: tuple[int, ...]) -> float:
    lines = (_lines(cell, width) for cell, width in zip(cells, widths, strict=True))
    return max(lines, default=1) * _LINE + _ROW_EXTRA


def _lines(cell: Cell, width: int) -> int:
    """How many lines a text has in a column of so many per cent."""
    letters = sum(1.0 if unicodedata.east_asian_width(one) in "WFA" else _NARROW for one in text_of(cell))
    return max(1, math.ceil(letters * _EM * _WASTE / (_TEXT_WIDTH * width / 100 - _PADDING)))
