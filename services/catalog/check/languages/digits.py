"""How clauses of a language are read that the checks do not know: their digits, and nothing else."""

import re
from collections.abc import Set
from datetime import date
from decimal import Decimal

from services.catalog.check.languages.clause_language import ClauseLanguage, Counted, Printed

_DIGITS = re.compile(r"(?<![\w/⁄])(?>\d+(?:[.,'’]\d+|\s\d{3}(?!\d))*)(?!\s?[/⁄½¼¾⅓⅔]|\s\d+[/⁄])")
"""A whole number: of `1 000` not the 1, of `1/2` nothing."""
_NEVER = re.compile(r"(?!)")
_MULTIPLES: dict[Counted, tuple[Decimal, ...]] = {
    "minutes": (Decimal(1), Decimal(60), Decimal(1440)),
    "calendar_days": (Decimal(1), Decimal(7)),
    "months": (Decimal(1), Decimal(12)),
    "share": (Decimal("0.01"),),
}
"""A clause may print minutes as hours or days, days as weeks, months as years."""


def _numbers(_clause: str) -> list[Printed]:
    """Without its unit no number is known to be a threshold."""
    return []


def _digits(clause: str, counted: Counted) -> Set[Decimal]:
    """All that is written in digits, read in each way in which it may be meant: `1.500` is 1500 or one and a half."""
    amounts = {amount for match in _DIGITS.finditer(clause) for amount in _readings(match[0])}
    return {amount * each for amount in amounts for each in _MULTIPLES.get(counted, (Decimal(1),))}


def _readings(text: str) -> Set[Decimal]:
    whole = re.sub(r"\D", "", text)
    head, _, tail = text.replace(",", ".").rpartition(".")
    return {Decimal(whole), Decimal(f"{re.sub(r'[^0-9]', '', head) or 0}.{tail}")} if head else {Decimal(whole)}


def _no_date(_clause: str) -> date | None:
    return None


DIGITS_ONLY = ClauseLanguage(
    numbers=_numbers,
    also=_digits,
    by=_no_date,
    since=_no_date,
    this_year=_NEVER,
    nought=re.compile(""),  # any clause may say it
    soft=_NEVER,
    softened=_NEVER,
    governing=_NEVER,
    sentence_ends=re.compile(r"(?<=[.!?;])\s"),
    full_stop=re.compile(r"(?<=[.!?])(?=\s)"),
    spaced=True,
    reads_words=False,
)
