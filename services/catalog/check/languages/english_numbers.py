"""Numbers as English text writes them: `120`, `1,200`, `one hundred and twenty`, `two and a half`.

A number is read whole or not at all: `SPAN` takes all the words, digits and signs that may belong to one number, and
`amount` reads them together. Otherwise the end of a number would pass for it: the twenty of `one hundred and twenty`.
Of `5 to 10` and `five or ten` each end is a number by itself."""

import re
from decimal import Decimal
from typing import Final

_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_AMOUNT_OF = {word: amount for amount, word in enumerate((*_ONES, *_TEENS), 1)} | {
    word: amount for amount, word in zip(range(20, 100, 10), _TENS, strict=True)
}
_PARTS = {
    "half": Decimal("0.5"), "1/2": Decimal("0.5"), "quarter": Decimal("0.25"), "1/4": Decimal("0.25"),
    "three quarters": Decimal("0.75"), "3/4": Decimal("0.75"),
}  # fmt: skip
_SIGNS = {"½": " 1/2", "¼": " 1/4", "¾": " 3/4"}

_TOKEN = (
    r"(?:\d+(?:\s?[½¼¾⅓⅔⅛])?|[½¼¾⅓⅔⅛]"
    rf"|\b(?:{'|'.join((*_TENS, *reversed(_TEENS), *_ONES))}|zero)\b"
    r"|\b(?:an?[\s-]+)?(?:hundred|thousand|million|billion|lakh|crore|myriad|dozen|score|gross"
    r"|half(?:[\s-]+(?:of[\s-]+)?an?)?|quarters?(?:[\s-]+of[\s-]+an?)?)\b)"
)
_JOIN = (
    r"(?:[.,'’/⁄:·]|\s*[-‐‑‒–—−~/⁄×*+]\s*|[\s-]+(?:(?:and|point|times|x)[\s-]+)?"
    r"|(?<=[a-z]),\s+(?:and\s+)?|(?<=\d),\s+(?=\d{3}(?!\d)))"
)
SPAN: Final = rf"(?>(?:[./⁄^×]+|(?<!\w)){_TOKEN}(?:{_JOIN}{_TOKEN})*)"
"""All that may belong to one number, to be searched for without regard to case; never a part of it."""

_BELOW_100 = rf"(?:(?:{'|'.join(_TENS)})(?:\s(?:{'|'.join(_ONES)}))?|{'|'.join((*reversed(_TEENS), *_ONES))})"
_BELOW_1000 = rf"(?:(?:{_BELOW_100}|an?)\shundred(?:\s(?:and\s)?{_BELOW_100})?|{_BELOW_100})"
_WORDS = re.compile(rf"(?:(?P<thousands>{_BELOW_1000}|an?)\sthousand(?:,?\s(?:and\s)?(?P<rest>{_BELOW_1000}))?)")
_FEWER_WORDS = re.compile(_BELOW_1000)
_DIGITS = re.compile(r"\d+(?:\.\d+)?|\d{1,3}(?:([,\s])\d{3})(?:\1\d{3})*(?:\.\d+)?")
_PERHAPS_THOUSANDS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
"""`1.500` days: one and a half, or 1500."""
_AND_A_PART = re.compile(r"(?:\sand)?\s(?:(?:an?|one)\s)?(half|quarter|three quarters|[13]/[24])")


def amount(span: str, *, share: bool = False) -> Decimal | None:
    """What a span says; None: it is no number that is read here. No share is in thousands: 99.999 %."""
    text = span.lower()
    for sign, written in _SIGNS.items():
        text = text.replace(sign, written)
    text = re.sub(r"[\s-]+" if re.search("[a-z]", text) else r"\s+", " ", text).strip()
    text = re.sub(r"(?<=half|rter|ters)(?: of)? an?$", "", text)
    if (part := _PARTS.get(re.sub(r"^(?:an?|one) ", "", text))) is not None:
        return part
    part = Decimal(0)
    if found := _AND_A_PART.search(text):
        if found.end() < len(text):
            return None
        text, part = text[: found.start()], _PARTS[found[1]]
    whole = None if _PERHAPS_THOUSANDS.fullmatch(text) and not share else _whole(text)
    return None if whole is None or (part and whole % 1) else whole + part


def _whole(text: str) -> Decimal | None:
    if _DIGITS.fullmatch(text):
        return Decimal(re.sub(r"[,\s]", "", text))
    if found := _WORDS.fullmatch(text):
        thousands, rest = _below_1000(found["thousands"]), _below_1000(found["rest"] or "")
        return Decimal(thousands * 1000 + rest) if max(thousands, rest) < 1000 else None
    return Decimal(_below_1000(text)) if _FEWER_WORDS.fullmatch(text) else None


def _below_1000(text: str) -> int:
    """`three hundred and twenty one`; `nineteen hundred` is more."""
    head, hundred, tail = text.rpartition("hundred")
    ones = sum(_AMOUNT_OF.get(word, 0) for word in tail.split())
    hundreds = sum(_AMOUNT_OF.get(word, 1) for word in head.split())
    return hundreds * 100 + ones if hundred else ones or int(text in ("a", "an"))
