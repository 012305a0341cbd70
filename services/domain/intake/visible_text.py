"""Text from outside, as a person may safely see it: in a terminal, a log, a page, a cell of a CSV.

A name, a subject or an attribute may hold what is no letter but does something: moves the cursor, colours or clears a
screen (ESC, C1), turns the order of letters round (bidi marks), begins a line of its own, or cannot be seen at all.
Each such character is shown as its escape, as JSON writes it: `\\u202e`. Ordinary text, Chinese included, stays as it
is.
"""

import re
import unicodedata

_BITES = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""General categories: control, format (bidi marks, zero width), half of a surrogate pair, line and paragraph ends.
Private use and unassigned ones only look odd; some names are written with them."""
_BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and symbols that show nothing."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

LINES = "\n\t"
"""What may stay in a text that has lines of its own."""


def visible(text: str, keep: str = "") -> str:
    """The text with every character that bites or cannot be seen as its escape; `keep`: some that may stay."""
    if text.isprintable() and _BLANKS.isdisjoint(text):
        return text
    return "".join([one if one in keep or not _bites(one) else _escaped(one) for one in text])


def bites(text: str) -> str:
    """The escape of the first such character; empty where there is none. Line ends and tabs are such, too."""
    return next((_escaped(one) for one in text if _bites(one)), "")


def _bites(one: str) -> bool:
    return (not one.isprintable() and unicodedata.category(one) in _BITES) or one in _BLANKS


def _escaped(one: str) -> str:
    if short := _SHORT.get(one):
        return short
    units = one.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


# ---- cells of a CSV --------------------------------------------------------------------------------------
_FORMULA_SIGNS = "=+-@＝＋－＠'"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_PLACEHOLDER = "-"


def cell(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula: one that begins with a sign (also a full-width one,
    also behind blanks) gets `'` before it. Numbers and the placeholder `-` stay as they are.

    A cell that begins with `'` gets one, too: so who reads the cell back drops the first character where it is `'`.
    What bites is shown as its escape, so a cell is one line.
    """
    text = visible(text)
    if text.lstrip()[:1] not in _FORMULA_SIGNS or not text.strip():
        return text
    if text == _PLACEHOLDER or _NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def uncelled(cell: str) -> str:
    """What `cell` was made of (escapes stay)."""
    return cell.removeprefix("'")
