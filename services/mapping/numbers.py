"""Numbers in cells, read strictly: `nan`, `inf`, `1_000` and `1e3` are none. Thousands separators, the decimal sign and
currency signs are declared per column. Whole numbers are exact, however long."""

import re
from functools import lru_cache

from services.mapping.cells import TypedCell

_SPACES = " \u00a0\u202f"


@lru_cache
def _form(thousands: str, decimal: str) -> re.Pattern[str]:
    """Digits in ASCII, in groups of three only where a separator is declared."""
    grouped = rf"[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+|" if thousands else ""
    return re.compile(rf"[+-]?(?:{grouped}[0-9]+)(?:{re.escape(decimal)}[0-9]+)?")


class NumberReader:
    """Reads the numbers of a column."""

    def __init__(self, *, thousands: str = "", decimal: str = ".", currency: tuple[str, ...] = ()) -> None:
        self._form = _form(thousands, decimal)
        self._thousands = thousands
        self._decimal = decimal
        self._currency = sorted(currency, key=len, reverse=True)

    def integer(self, cell: str) -> int:
        """A whole number. ValueError."""
        number = self.number(cell)
        if isinstance(number, float):
            raise ValueError("it has a fraction")
        return number

    def number(self, cell: str) -> int | float:
        """A number; a whole one as int, exactly. ValueError."""
        if isinstance(cell, TypedCell):
            return _stored(cell)
        text = self._without_currency(cell)
        if not self._form.fullmatch(text):
            raise ValueError("it is not written as a number")
        if self._thousands:
            text = text.replace(self._thousands, "")
        whole, _, fraction = text.partition(self._decimal)
        if not fraction.strip("0"):
            return int(whole)
        return float(f"{whole}.{fraction}")

    def _without_currency(self, text: str) -> str:
        """The text without one declared sign before or behind it. A minus may stand before the sign: `-€5`."""
        sign = text[:1] if text[:1] in ("-", "+") else ""
        rest = text[len(sign) :]
        for mark in self._currency:
            if rest.startswith(mark):
                return sign + rest[len(mark) :].lstrip(_SPACES)
            if rest.endswith(mark):
                return sign + rest[: -len(mark)].rstrip(_SPACES)
        return text


def _stored(cell: TypedCell) -> int | float:
    value = cell.value
    if type(value) is int:
        return value
    if type(value) is float:
        return int(value) if value.is_integer() else value
    raise ValueError("it is stored as something else")


TRUTHS = {"true": True, "1": True, "yes": True, "是": True, "false": False, "0": False, "no": False, "否": False}


def truth(cell: str) -> bool:
    """True or false, as people and systems write it. ValueError."""
    try:
        return TRUTHS[cell.lower()]
    except KeyError:
        raise ValueError("it is neither true nor false") from None
