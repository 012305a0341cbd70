"""Where a personal number may be, as patterns of whole numbers: plain, and too slow for long texts of many groups."""

import re
from collections.abc import Iterator

from services.domain.intake import personal_data as ours

SEPARATOR = r"(?: ?[-./_,)]{1,2} ?| )"
IDENTITY = re.compile(rf"(?<![0-9])(?=([1-9](?:{SEPARATOR}?[0-9]){{16}}{SEPARATOR}?[0-9Xx])(?![0-9]))")
OLD_IDENTITIES = ("15", "6-6-3")
CARDS = (
    "16", "17", "18", "19", "4-4-4-4", "4-4-4-5", "4-4-4-6", "4-4-4-7", "4-4-4-4-1", "4-4-4-4-2", "4-4-4-4-3",
    "6-10", "6-11", "6-12", "6-13", "6-4-6", "6-4-4-2", "6-4-4-3", "6-4-4-4", "6-4-4-4-1", "6-6-4", "6-6-7",
    "8-8", "8-11", "5-5-5-4",
)  # fmt: skip


def form(grouping: str) -> re.Pattern[str]:
    groups = SEPARATOR.join(f"[0-9]{{{length}}}" for length in grouping.split("-"))
    return re.compile(f"(?<![0-9])(?=({groups})(?![0-9]))")


OLD_IDENTITY_FORMS, CARD_FORMS = [form(one) for one in OLD_IDENTITIES], [form(one) for one in CARDS]


def numbers(patterns: list[re.Pattern[str]], text: str) -> Iterator[str]:
    for pattern in patterns:
        for found in pattern.finditer(text):
            yield re.sub("[^0-9X]", "", found[1].upper())


def kind_by_patterns(text: str) -> str | None:
    """Of a text in ASCII."""
    plain = ours._HASH.sub(ours._without_hash, " ".join(text.split()))
    if any(map(ours._is_identity, numbers([IDENTITY], plain))):
        return ours._IDENTITY
    if any(map(ours._is_old_identity, numbers(OLD_IDENTITY_FORMS, plain))):
        return ours._IDENTITY
    if ours._MOBILE_FORM.search(plain):
        return ours._MOBILE
    cards = (number for number in numbers(CARD_FORMS, plain) if ours._CARD_NUMBER.fullmatch(number))
    return ours._CARD if any(map(ours._passes_luhn, cards)) else None
