"""A briefing as a Word document: real headings and tables, in the styles of the document, so that it can be edited."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from docx import Document
from docx.document import Document as Paper
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.styles.style import ParagraphStyle
from docx.table import _Cell, _Row
from docx.text.paragraph import Paragraph

from services.briefing.model import Briefing, Cell, Number, Section, State
from services.domain.intake.visible_text import visible

_FONT: Final = "Noto Sans CJK SC"
_COLOURS: Final = {"missed": "B3131F", "effort": "0B6E75", "met": "2B6B23"}
_WIDTH: Final = 182
"""Of the text, in millimetres."""
_ALWAYS: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The same briefing is the same document: when it was written is said in its text."""


def word_of(briefing: Briefing) -> bytes:
    """The document."""
    paper = Document()
    _set_page(paper)
    _set_styles(paper)
    title = paper.add_heading(visible(briefing.title), 0)
    title.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for line in briefing.lines:
        paper.add_paragraph(visible(line)).alignment = WD_ALIGN_PARAGRAPH.CENTER
    for section in briefing.sections:
        _add_section(paper, section)
    core = paper.core_properties
    core.title, core.author, core.language = briefing.title, "kpiwatch", briefing.language.value
    core.created = core.modified = _ALWAYS
    sink = io.BytesIO()
    paper.save(sink)
    return sink.getvalue()


def _set_page(paper: Paper) -> None:
    section = paper.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(14)
    section.top_margin, section.bottom_margin = Mm(12), Mm(11)
    section.header_distance = section.footer_distance = Mm(5)


def _set_styles(paper: Paper) -> None:
    for name, size, before, after in (("Normal", 8.5, 0, 2), ("Title", 14, 0, 4), ("Heading 1", 10, 6, 2)):
        style = paper.styles[name]
        assert isinstance(style, ParagraphStyle)
        style.font.size, style.font.name = Pt(size), _FONT
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)
        style.paragraph_format.line_spacing = Pt(1.3 * size)  # exactly: fonts have lines of very different heights
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for script in ("w:eastAsia", "w:ascii", "w:hAnsi"):
            fonts.set(qn(script), _FONT)
        for theme in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(theme), None)
        if name != "Normal":
            style.font.color.rgb, style.font.bold = RGBColor(0x1A, 0x1A, 0x1A), True


def _add_section(paper: Paper, section: Section) -> None:
    paper.add_heading(visible(section.title), 1)
    for sentence in section.sentences:
        _write(paper.add_paragraph(), sentence)
    if section.headings:
        _add_table(paper, section)
    if section.is_cut:
        _write(paper.add_paragraph(), section.remark)


def _add_table(paper: Paper, section: Section) -> None:
    table = paper.add_table(1, len(section.headings), "Table Grid")
    table.autofit = False
    for cell, heading in zip(table.rows[0].cells, section.headings, strict=True):
        _write(cell.paragraphs[0], (heading,), bold=True)
    _repeat(table.rows[0])
    for row in section.rows:
        for cell, parts in zip(table.add_row().cells, row, strict=True):
            paragraph = cell.paragraphs[0]
            _write(paragraph, parts)
            if len(parts) == 1 and isinstance(parts[0], Number):
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    for column, width in zip(table.columns, section.widths, strict=True):
        column.width = Mm(_WIDTH * width / 100)
    for one in table.rows:
        _set_widths(one.cells, section.widths)
        one._tr.get_or_add_trPr().insert(0, OxmlElement("w:cantSplit"))  # no row is on two pages


def _set_widths(cells: Sequence[_Cell], widths: Sequence[int]) -> None:
    for cell, width in zip(cells, widths, strict=True):
        cell.width = Mm(_WIDTH * width / 100)
        cell.paragraphs[0].paragraph_format.space_after = Pt(0)


def _repeat(row: _Row) -> None:
    """On each page that the table reaches, its headings come first."""
    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _write(paragraph: Paragraph, cell: Cell, *, bold: bool = False) -> None:
    for part in cell:
        run = paragraph.add_run(visible(part if isinstance(part, str) else part.text))
        run.bold = bold or isinstance(part, State) or None
        if isinstance(part, State) and part.colour in _COLOURS:
            run.font.color.rgb = RGBColor.from_string(_COLOURS[part.colour])
