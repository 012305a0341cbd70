"""The cells of an export: text, and for what a spreadsheet stores as a date or a number, its value beside the text."""

import unicodedata
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

Stored = datetime | time | timedelta | int | float | bool


class TypedCell(str):
    """A cell that a spreadsheet stores as a date, a time, a number or a truth value. The text is how it is written in
    an id or in a name."""

    __slots__ = ("value",)
    value: Stored

    def __new__(cls, text: str, value: Stored) -> "TypedCell":
        made = super().__new__(cls, text)
        made.value = value
        return made


class Record(NamedTuple):
    """A row of a file, before the header is known."""

    place: int
    """Its line in a text, its row in a sheet; from 1."""
    cells: list[str]


class Problem(NamedTuple):
    """A row that cannot be read, or that the mapping does not fit."""

    line: int
    """Of the file, from 1: the line of a text, the row of a sheet."""
    column: str
    sentence: str
    identity: tuple[str, ...] = ()
    """Which row it is in every export; empty where that is not known."""


class Unreadable(Exception):
    """A cell that cannot be read: in which column, and a sentence with the kind of its content and a remedy."""

    def __init__(self, column: str, sentence: str) -> None:
        super().__init__(sentence)
        self.column = column
        self.sentence = sentence


LARGEST_EXACT = 2**53
"""From here on a spreadsheet's number has lost its last digits."""
_HALF_MILLISECOND = timedelta(microseconds=500)


def cell_of(stored: object) -> str:
    """The cell for what a spreadsheet stores. Dates are exact to the millisecond: a spreadsheet keeps no more."""
    if isinstance(stored, str):
        return stored
    if isinstance(stored, bool):
        return TypedCell("true" if stored else "false", stored)
    if isinstance(stored, int | float):
        return TypedCell(_number_text(stored), stored)
    if isinstance(stored, datetime):
        moment = to_milliseconds(stored)
        return TypedCell(moment.isoformat(" "), moment)
    if isinstance(stored, date):
        return TypedCell(stored.isoformat(), datetime(stored.year, stored.month, stored.day))  # noqa: DTZ001
    if isinstance(stored, time | timedelta):
        return TypedCell(str(stored), stored)
    return str(stored)


def to_milliseconds(moment: datetime) -> datetime:
    """The nearest millisecond."""
    later = moment + _HALF_MILLISECOND
    return later.replace(microsecond=later.microsecond // 1000 * 1000)


def is_rounded(cell: str) -> bool:
    """Whether a spreadsheet has stored more digits than a number of its keeps: the last ones are lost."""
    return isinstance(cell, TypedCell) and type(cell.value) is float and abs(cell.value) >= LARGEST_EXACT


def _number_text(number: float) -> str:
    return str(int(number)) if isinstance(number, float) and number.is_integer() else repr(number)


_BLANKS = " \t\r\n\f\v\u00a0\u3000\ufeff\u200b"


def trimmed(cell: str) -> str:
    """The cell without blanks around it, those of other scripts and invisible ones included."""
    stripped = cell.strip(_BLANKS)
    return cell if len(stripped) == len(cell) else stripped


_LONGEST_KIND = 40


def kind_of(text: str) -> str:
    """What kind of content a cell has, for an error: its form, never its letters or digits, which may be personal.

    `3.5.2021 8:05` is "a text of the form '9.9.9999 9:99'".
    """
    if not text:
        return "an empty cell"
    form = "".join(_form(letter) for letter in text[:_LONGEST_KIND])
    more = "…" if len(text) > _LONGEST_KIND else ""
    stored = type(text.value).__name__ if isinstance(text, TypedCell) else ""
    if stored:
        return f"a stored {_STORED[stored]} of the form '{form}{more}'"
    return f"a text of the form '{form}{more}'"


_STORED = {
    "datetime": "date",
    "time": "time of day",
    "timedelta": "span of time",
    "int": "number",
    "float": "number",
    "bool": "truth value",
}


def _form(letter: str) -> str:
    category = unicodedata.category(letter)
    if category[0] == "N":
        return "9"
    if category == "Lo":
        return "字"
    return "a" if letter.isalnum() else letter
