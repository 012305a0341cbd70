"""A briefing as data: what all its formats have in common. A writer shows it and computes nothing."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from services.domain.plan.plan import Title


class Language(StrEnum):
    """In which language a briefing is written. Each has one."""

    ZH = "zh"
    EN = "en"

    def of(self, title: Title) -> str:
        """The text of a title."""
        return title.zh if self is Language.ZH else title.en


class Form(StrEnum):
    """How a number is written."""

    PLAIN = "plain"
    PER_CENT = "per_cent"
    """The amount is a share; the text shows it in per cent."""


class Number(NamedTuple):
    """A number, and where it is from."""

    text: str
    """As it is read."""
    amount: Decimal
    rows: tuple[str, ...]
    """Keys of the rows of values.csv it comes from; of a count, what is counted. Empty only where that is nothing."""
    column: str
    """Column of those rows; of a count what it counts, one of `Counted`."""
    form: Form = Form.PLAIN

    @property
    def is_count(self) -> bool:
        """Whether it says how many records there are."""
        return self.column in _COUNTED


class Counted(StrEnum):
    """What a number counts, and what its `rows` name then."""

    PROMISES = "counted"
    """Rows of values.csv."""
    CARDS = "cards"
    """Rows of cards.csv, without the case: no case is named in a briefing."""
    ORDERS = "orders"
    """Records of the ledger: number of the record, of the order, and the unit."""
    UNITS = "units"
    """The different units of such records."""
    RECORD = "record"
    """It is the number of a record of the ledger; with its hash."""
    LEFT_OUT = "left_out"
    """The rows of a table that two pages do not hold."""


_COUNTED = frozenset(Counted)


class State(NamedTuple):
    """The state of a promise, in words and with a sign."""

    text: str
    colour: str
    """One of the classes of the page: `missed`, `met`, `effort` (a miss that is never red), or empty."""
    row: str
    """Key of the row of values.csv."""


Part = str | Number | State
Cell = tuple[Part, ...]
"""What stands in a cell of a table, or is a sentence."""


def text_of(cell: Cell) -> str:
    """What is read."""
    return "".join(part if isinstance(part, str) else part.text for part in cell)


@dataclass(frozen=True, slots=True)
class Section:
    """One numbered part of a briefing."""

    key: str
    name: str
    """Short, as the name of a sheet."""
    title: str
    sentences: tuple[Cell, ...] = ()
    headings: tuple[str, ...] = ()
    """Of the columns; none: there is no table."""
    widths: tuple[int, ...] = ()
    """Of the columns, in per cent."""
    rows: tuple[tuple[Cell, ...], ...] = ()
    more: str = ""
    """How many rows are left out, with {} for the number."""
    weight: int = 1
    """It keeps so many rows for each one of another table, where room is short."""
    left_out: tuple[tuple[Cell, ...], ...] = ()
    """The rows that are left out."""

    @property
    def is_cut(self) -> bool:
        """Whether rows are left out."""
        return bool(self.left_out)

    @property
    def remark(self) -> Cell:
        """What is said of the rows that are left out; empty where there are none."""
        if not self.left_out:
            return ()
        before, _, behind = self.more.partition("{}")
        names = tuple(" ".join(map(text_of, row)) for row in self.left_out)
        return (before, Number(str(len(names)), Decimal(len(names)), names, Counted.LEFT_OUT), behind)

    def cut(self, most: int) -> "Section":
        """With at most so many rows."""
        gone = self.rows[most:]
        return replace(self, rows=self.rows[:most], left_out=gone + self.left_out) if gone else self


@dataclass(frozen=True, slots=True)
class Briefing:
    """Two pages."""

    language: Language
    title: str
    lines: tuple[str, ...]
    """Below the title: which period, as of when, by whom."""
    sections: tuple[Section, ...]
