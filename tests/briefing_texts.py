"""What is read in a briefing: of its model, of its page, and of its files, block by block."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser

from services.briefing.model import Briefing, Cell, Number, Section, State, text_of


def blocks(briefing: Briefing) -> list[str]:
    """Every heading, sentence and cell, in order."""
    found = [briefing.title, *briefing.lines]
    for section in briefing.sections:
        found += [section.title, *map(text_of, section.sentences), *section.headings]
        found += [text_of(cell) for row in section.rows for cell in row]
        found += [text_of(section.remark)] if section.is_cut else []
    return [" ".join(text.split()) for text in found]


def cells_of_section(section: Section) -> Iterator[Cell]:
    yield from section.sentences
    for row in section.rows:
        yield from row
    yield section.remark


def parts(briefing: Briefing) -> Iterator[str | Number | State]:
    for section in briefing.sections:
        for cell in cells_of_section(section):
            yield from cell


class PageBlocks(HTMLParser):
    """The blocks of the page, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("h1", "h2", "p", "th", "td"):
            self._in = tag
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._in:
            self._in = ""
            self.found[-1] = " ".join(self.found[-1].split())

    def handle_data(self, data: str) -> None:
        if self._in:
            self.found[-1] += data


def letters(text: str) -> str:
    """Without blanks; a letter of a PDF may come back as the radical that looks the same."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def numbers(text: str) -> Counter[str]:
    """The numbers of a text, whatever its lines."""
    return Counter(re.findall(r"\d+(?:\.\d+)?", unicodedata.normalize("NFKC", text)))
