"""Numbers that name a person: identity cards, mobile phones, bank cards. An event must not carry one (CONTRACT §2).

Identity cards are told by their check digit (GB 11643, ISO 7064 MOD 11-2), bank cards by Luhn's and by the prefixes
of card networks, so that a case number of the same length is rarely taken for one.
"""

import re
import unicodedata
from datetime import date
from typing import Final

_IDENTITY: Final = re.compile(r"(?<![0-9])([1-9][0-9]{5})([ -]?)((?:18|19|20)[0-9]{6})\2([0-9]{3}[0-9Xx])(?![0-9])")
_MOBILE: Final = re.compile(r"(?:(?<![0-9])|(?<![0-9])(?:00)?86[ -]?)1[3-9][0-9]([ -]?)[0-9]{4}\1[0-9]{4}(?![0-9])")
_CARD: Final = re.compile(
    r"(?<![0-9])(?:62|4[0-9]|5[1-5]|2[2-7]|35|60|65|81)[0-9]{2}"
    r"(?:[0-9]{12,15}|([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?|[0-9]{2}[ -][0-9]{10,13})(?![0-9])"
)
MOBILE: Final = "mobile number"
_WEIGHTS: Final = tuple(2**power % 11 for power in range(17, 0, -1))
_CHECKS: Final = "10X98765432"

_RUNS: Final = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(".") for byte in range(256))
_SHORTEST: Final = b"0" * 11
_ESCAPE: Final = ord("\\")


def may_be_personal(raw: bytes) -> bool:
    """Whether a look at each text is worth its time: eleven digits in a row somewhere (blanks and dashes apart), or
    characters that may hide digits: escapes, and full-width forms, as input methods write them."""
    return (
        _SHORTEST in raw.translate(_RUNS, b" -")
        or (_ESCAPE in raw and b"\\u" in raw)  # few events have an escape, and one byte is looked for far faster
        or (not raw.isascii() and b"\xef\xbc" in raw)
    )


def personal_number(text: str) -> str | None:
    """What kind of personal number is in the text: `identity-card number`, `mobile number`, `bank-card number`."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    for found in _IDENTITY.finditer(text):
        if _is_identity(found[1] + found[3] + found[4].upper()):
            return "identity-card number"
    if _MOBILE.search(text):
        return MOBILE
    for found in _CARD.finditer(text):
        if _passes_luhn(re.sub(r"[ -]", "", found[0])):
            return "bank-card number"
    return None


def _is_identity(number: str) -> bool:
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False)) % 11] == number[17]


def _passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    return sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0
