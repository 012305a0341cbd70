"""Numbers as Chinese text writes them: `120`, `1,200`, `3万`, 一百二十, 半. Each is read whole or not at all."""

import re
from decimal import Decimal
from typing import Final

_DIGIT_OF = {"一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_SCALE_OF = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_NUMERALS = "".join((*_DIGIT_OF, *_SCALE_OF)) + "零〇廿卅半几数多余来"

_TOKEN = rf"(?:\d+(?:\s?[½¼¾⅓⅔])?|[½¼¾⅓⅔]|[{_NUMERALS}]+)"
_JOIN = (
    r"(?:[.．,'’/／∕⁄:：·]|\s*[-‐‑‒–—−－~～×*+]\s*|[至到点又]|分之|(?<=\d)[\s，](?=\d{3}(?!\d))"
    rf"|(?<=\d)(?=[{_NUMERALS}])|(?<=[百千万亿零点])(?=\d))"
)
_START = rf"(?:[.．/／∕⁄^×]+|(?<![\d{_NUMERALS}])|(?<=[{_NUMERALS}])(?=\d))"
SPAN: Final = rf"(?>{_START}{_TOKEN}(?:{_JOIN}{_TOKEN})*)"
"""All that may belong to one number, never a part of it. 统一20日: a numeral before digits is a word's."""

_ONE = f"[{''.join(_DIGIT_OF)}]"
_BELOW_100 = rf"{_ONE}?十{_ONE}?"
_BELOW_1000 = rf"{_ONE}百(?:零{_ONE}|{_BELOW_100})?"
_WORDS = re.compile(rf"{_ONE}|{_BELOW_100}|{_BELOW_1000}|{_ONE}千(?:零(?:{_BELOW_100}|{_ONE})|{_BELOW_1000})?")
"""二百五 and 一千五 are left out: they leave the scale of the last figure to the reader."""
_DIGITS = re.compile(r"((?:\d{1,3}(?:([,，\s])\d{3})(?:\2\d{3})*|\d+)(?:\.\d+)?)([百千万亿]?)")
_HALF, _QUARTER = Decimal("0.5"), Decimal("0.25")
_PARTS = {"半": _HALF, "1/2": _HALF, "½": _HALF, "1/4": _QUARTER, "¼": _QUARTER, "3/4": 1 - _QUARTER, "¾": 1 - _QUARTER}
_AND_A_PART = re.compile(r"(\d+)\s?([½¼¾])")


def is_in_words(span: str) -> bool:
    """Whether it has no digit: 一件事, 两个平台 are rarely thresholds."""
    return not re.search(r"[\d½¼¾⅓⅔]", span)


def amount(span: str) -> Decimal | None:
    """What a span says; None: it is no number that is read here."""
    text = span.strip()
    if text in _PARTS:
        return _PARTS[text]
    if found := _AND_A_PART.fullmatch(text):
        return int(found[1]) + _PARTS[found[2]]
    if found := _DIGITS.fullmatch(text):
        return Decimal(re.sub(r"[,，\s]", "", found[1])) * _SCALE_OF.get(found[3], 1)
    return _in_words(text) if _WORDS.fullmatch(text) else None


def _in_words(text: str) -> Decimal:
    total, digit = 0, 0
    for each in text.replace("零", ""):
        if each in _SCALE_OF:
            total, digit = total + (digit or 1) * _SCALE_OF[each], 0
        else:
            digit = _DIGIT_OF[each]
    return Decimal(total + digit)
