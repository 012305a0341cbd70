"""Text from outside, made safe to show in a terminal, a log, a page or a cell of a CSV.

A name, a subject or an attribute may hold characters that move the cursor, colour or clear the screen (ESC, C1),
reverse the order of letters (bidi marks), begin a new line, or cannot be seen. Each unsafe character is shown as its
escape, as JSON writes it: `\\u202e`. Ordinary text, Chinese included, is not changed.
"""

import re
import unicodedata

_UNSAFE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""General categories: control, format (bidi marks, zero width), half of a surrogate pair, line and paragraph ends.
Private use and unassigned ones only look odd; some names are written with them."""
_BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and symbols that look like a blank."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

LINES = "\n\t"
"""What `visible` may keep in a text of several lines."""


def visible(text: str, keep: str = "") -> str:
    """The text with every unsafe character as its escape. `keep`: characters that may stay."""
    if _is_plain(text):
        return text
    return "".join([one if one in keep or not _is_unsafe(one) else _escaped(one) for one in text])


def first_unsafe(text: str) -> str:
    """The escape of the first unsafe character, line ends and tabs included; empty where there is none."""
    return "" if _is_plain(text) else next((_escaped(one) for one in text if _is_unsafe(one)), "")


def _is_plain(text: str) -> bool:
    """Whether nothing in it is unsafe, at the speed of C. Some texts that are safe are not plain, too."""
    return text.isprintable() and _BLANKS.isdisjoint(text)


def _is_unsafe(one: str) -> bool:
    return (not one.isprintable() and unicodedata.category(one) in _UNSAFE) or one in _BLANKS


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

    A cell that begins with `'` gets one, too: `cell_text` removes it.
    Unsafe characters are shown as escapes, so a cell is one line.
    """
    text = visible(text)
    if text.lstrip()[:1] not in _FORMULA_SIGNS or not text.strip():
        return text
    if text == _PLACEHOLDER or _NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def cell_text(cell: str) -> str:
    """The text that `cell` was given; escapes stay."""
    return cell.removeprefix("'")
