"""How English clauses are read."""

import re
from calendar import monthrange
from collections.abc import Iterator, Set
from datetime import date, timedelta
from decimal import Decimal

from services.catalog.check.languages.clause_language import ClauseLanguage, Counted, Printed, Relation

_ONES = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_AMOUNT_OF = {word: amount for amount, word in enumerate(_ONES, 1)} | {
    word: amount for amount, word in zip(range(20, 100, 10), _TENS, strict=True)
}
_WORD = (
    rf"(?:(?:{'|'.join(_TENS)})(?:[\s-](?:{'|'.join(_ONES[:9])}))?|{'|'.join(reversed(_ONES))}|(?:(?:a|one)\s)?hundred)"
)
_FIGURES = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_AT_MOST = (
    r"within|no(?:t)? more than|not exceed(?:ing)?|not be longer than|no longer than|at most|up to|a maximum of"
    r"|no(?:t)? later than"
)
_AT_LEAST = r"at least|no(?:t)? (?:less|fewer) than|a minimum of"
_UNIT = (
    r"(?:working|business|calendar)[\s-]days?|days?|weeks?|months?|years?|(?:working|opening)[\s-](?:hours?|minutes?)"
    r"|hours?|minutes?|%|per\s?cent"
)
_NUMBER = re.compile(
    rf"(?:\b(?P<most>{_AT_MOST})|\b(?P<least>{_AT_LEAST}))?\s*"
    rf"(?P<words>(?<![\w.,])(?P<amount>{_FIGURES}|{_WORD}|(?<=within )an?)[\s-]*(?P<unit>{_UNIT})(?![a-z]))"
    r"(?:\s+or\s+(?:(?P<less>less|fewer|sooner|earlier)|(?P<more>more|above)))?",
    re.IGNORECASE,
)
_BARE = re.compile(rf"(?<![\w.,])(?:{_FIGURES}|\b{_WORD}\b)(?![\w%])", re.IGNORECASE)
_COUNTED: dict[str, tuple[Counted, Decimal]] = {
    "working day": ("working_days", Decimal(1)),
    "business day": ("working_days", Decimal(1)),
    "calendar day": ("calendar_days", Decimal(1)),
    "day": ("calendar_days", Decimal(1)),
    "week": ("calendar_days", Decimal(7)),
    "month": ("months", Decimal(1)),
    "year": ("months", Decimal(12)),
    "minute": ("minutes", Decimal(1)),
    "working minute": ("minutes", Decimal(1)),
    "opening minute": ("minutes", Decimal(1)),
    "hour": ("minutes", Decimal(60)),
    "working hour": ("minutes", Decimal(60)),
    "opening hour": ("minutes", Decimal(60)),
    "%": ("share", Decimal("0.01")),
    "percent": ("share", Decimal("0.01")),
    "per cent": ("share", Decimal("0.01")),
}
"""What an English unit counts, and how many of the unit of thresholds it is."""

_MONTHS = {
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9,
    "october": 10, "november": 11, "december": 12,
}  # fmt: skip
_MONTH = "|".join(_MONTHS)
_DATE = re.compile(
    r"(?:\b(?P<end>(?:by|before|until)\s+the\s+end\s+of|within)|\b(?P<before>before)"
    r"|\b(?P<by>by|until|not? later than)|\b(?P<since>from|as of|since|starting on))?"
    r"(?:\s+(?:the\s+year|the))?\s*"
    rf"(?:\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+(?P<month>{_MONTH})"
    rf"|\b(?P<month_first>{_MONTH})(?:\s+(?P<day_after>\d{{1,2}})(?:st|nd|rd|th)?)?)?"
    r",?\s*\b(?P<year>(?:19|20)\d{2})\b",
    re.IGNORECASE,
)
"""`31 December 2021`, `December 31, 2021`, `October 2021`, `2021`, with the words before it that say what it is."""


def numbers(clause: str) -> list[Printed]:
    """The numbers of a clause with a unit: `within 20 working days`, `at least 80 %`, `two months or less`."""
    found = []
    for match in _NUMBER.finditer(_DATE.sub(" ", clause)):
        unit = re.sub(r"[\s-]+", " ", match["unit"].lower()).removesuffix("s")
        counted, factor = _COUNTED[unit]
        found.append(Printed(match["words"], _amount(match["amount"]) * factor, counted, _relation(match)))
    return found


def _relation(match: re.Match[str]) -> Relation:
    if match["most"] or match["less"]:
        return "<="
    return ">=" if match["least"] or match["more"] else ""


def _amount(words: str) -> Decimal:
    """`20`, `1,000`, `twenty-one`, `a hundred`, `a`."""
    plain = re.sub(r"[\s-]+", " ", words.lower()).replace(",", "")
    if plain[0].isdigit():
        return Decimal(plain)
    if plain.endswith("hundred"):
        return Decimal(100)
    return Decimal(sum(_AMOUNT_OF.get(word, 1) for word in plain.split()))


def _counts(clause: str, counted: Counted) -> Set[Decimal]:
    """Of what is counted in a unit of the plan's own: `74 services`. Dates are none."""
    if counted != "number":
        return frozenset()
    return {_amount(match[0]) for match in _BARE.finditer(_DATE.sub(" ", clause))}


def by(clause: str) -> date | None:
    """The target date: `by 31 December 2021`, `before 1 January 2022`, `by the end of October 2021`, `within 2021`."""
    for match in _DATE.finditer(clause):
        first, last = _days(match)
        if match["before"]:
            return first - timedelta(days=1)
        if match["by"] or match["end"]:
            return last
    return None


def since(clause: str) -> date | None:
    """The day from which a clause binds: `from 1 January 2022`, `as of January 2022`."""
    return next((_days(match)[0] for match in _DATE.finditer(clause) if match["since"]), None)


def _days(match: re.Match[str]) -> tuple[date, date]:
    """The first and the last day of a day, a month or a year."""
    year, month, day = int(match["year"]), *_month_and_day(match)
    last_month = month or 12
    last = day or monthrange(year, last_month)[1]
    try:
        return date(year, month or 1, day or 1), date(year, last_month, last)
    except ValueError:  # 31 April: no such day; the month is what is left of it
        return date(year, month or 1, 1), date(year, last_month, monthrange(year, last_month)[1])


def _month_and_day(match: re.Match[str]) -> Iterator[int]:
    month = match["month"] or match["month_first"]
    yield _MONTHS[month.lower()] if month else 0
    yield int(match["day"] or match["day_after"] or 0)


_EFFORT = (
    r"\baim(?:s|ing)?\b|\bstriv(?:e|es|ing)\b|\bendeavou?rs?\b|\bseeks? to\b|\btr(?:y|ies) to\b|\bencourages?\b"
    r"|\bexplores?\b|\bintends? to\b|\bbest efforts\b"
)
ENGLISH = ClauseLanguage(
    numbers=numbers,
    also=_counts,
    by=by,
    since=since,
    this_year=re.compile(r"\bthis year\b|\bwithin the year\b", re.IGNORECASE),
    nought=re.compile(
        r"\bfree\b|\bno (?:fees?|charges?|costs?)\b|\bnot (?:be )?charged?\b|\bwithout (?:charge|fees?)\b"
        r"|\b(?:must|shall|may) not\b|\bno longer\b|\bnever\b|\bnone\b|\babolish",
        re.IGNORECASE,
    ),
    soft=re.compile(r"\bin principle\b|\bas a rule\b|\bnormally\b|\bgenerally\b|\bas far as possible\b", re.IGNORECASE),
    softened=re.compile(rf"{_EFFORT}|\bpromotes?\b|\bgradually\b|\bwhere(?:ver)? possible\b", re.IGNORECASE),
    governing=re.compile(rf"({_EFFORT})(?!.*\b(?:ensures?|must|shall|guarantees?)\b)", re.IGNORECASE),
    sentence_ends=re.compile(r"(?<=[.!?;])\s"),
    full_stop=re.compile(r"(?<=[.!?])(?=\s)"),
    spaced=True,
)
