"""How English clauses are read."""

import re
from calendar import monthrange
from collections.abc import Iterator, Set
from datetime import date, timedelta
from decimal import Decimal

from services.catalog.check.languages.clause_language import ClauseLanguage, Counted, Printed, Relation
from services.catalog.check.languages.english_numbers import SPAN, amount

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
    rf"(?:\b(?P<most>{_AT_MOST})|\b(?P<least>{_AT_LEAST}))?\s*(?P<words>"
    rf"(?:(?P<amount>{SPAN})(?:\s*\((?P<again>{SPAN})\))?|(?:(?<=within\s)|(?<=and\s)|(?<=than\s))\ban?)"
    rf"[\s-]*(?P<unit>{_UNIT})(?![a-z])(?:\s+and\s+(?:an?\s+)?(?P<part>half|(?:three\s+)?quarters?)\b)?)"
    r"(?:\s+or\s+(?:(?P<less>less|fewer|sooner|earlier)|(?P<more>more|above)))?",
    re.IGNORECASE,
)
_BARE = re.compile(rf"{SPAN}(?!\w|\s*(?:%|per\s?cent))", re.IGNORECASE)
_BETWEEN_PARTS = re.compile(r"(?:,?\s+and|,)?\s*", re.IGNORECASE)
"""Between the parts of one length of time: 1 hour 30 minutes, one year and six months."""
_COUNTED: dict[str, tuple[Counted, Decimal]] = {
    "working day": ("working_days", Decimal(1)),
    "business day": ("working_days", Decimal(1)),
    "calendar day": ("calendar_days", Decimal(1)),
    "day": ("calendar_days", Decimal(1)),
    "week": ("calendar_days", Decimal(7)),
    "month": ("months", Decimal(1)),
    "year": ("months", Decimal(12)),
    "minute": ("minutes", Decimal(1)),
    "working minute": ("working_minutes", Decimal(1)),
    "opening minute": ("working_minutes", Decimal(1)),
    "hour": ("minutes", Decimal(60)),
    "working hour": ("working_minutes", Decimal(60)),
    "opening hour": ("working_minutes", Decimal(60)),
    "%": ("share", Decimal("0.01")),
    "percent": ("share", Decimal("0.01")),
    "per cent": ("share", Decimal("0.01")),
}
"""What an English unit counts, and how many of the unit of thresholds it is."""
_LENGTHS = ("year", "month", "week", "day", "hour", "minute")
"""From the longest on: one length of time is written in this order."""

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
    rf",?\s*\b(?P<year>(?:19|20)\d{{2}})\b(?![.,/'’]\d|[\s-]*(?:{_UNIT})(?![a-z]))",
    re.IGNORECASE,
)
"""`31 December 2021`, `December 31, 2021`, `October 2021`, `2021`, with the words before it that say what it is."""
_AT_ANY = re.compile(rf"\b(?:{_AT_LEAST}|at most|up to|no(?:t)? more than|a maximum of)\s*$", re.IGNORECASE)
"""Words after which 2000 is no year: at least 2000 services."""


def numbers(clause: str) -> list[Printed]:
    """The numbers of a clause with a unit: `within 20 working days`, `at least 80 %`, `1 hour 30 minutes or less`."""
    found: list[Printed] = []
    text = _without_dates(clause)
    before: re.Match[str] | None = None
    begin = 0
    for match in _NUMBER.finditer(text):
        printed = Printed(match["words"], _amount(match), _counted(match)[0], _relation(match))
        if before is not None and _goes_on(before, match, text):
            printed = found.pop().with_part(printed, text[begin : match.end("words")])
        elif not match["amount"] and text[: match.start("words")].rstrip().lower().endswith("and"):
            continue  # a hearing and a day: no number
        else:
            begin = match.start("words")
        found.append(printed)
        before = match
    return found


def _without_dates(clause: str) -> str:
    return _DATE.sub(lambda match: match[0] if _AT_ANY.search(clause[: match.start()]) else " ", clause)


def _counted(match: re.Match[str]) -> tuple[Counted, Decimal]:
    return _COUNTED[_unit(match)]


def _unit(match: re.Match[str]) -> str:
    return re.sub(r"[\s-]+", " ", match["unit"].lower()).removesuffix("s")


def _amount(match: re.Match[str]) -> Decimal | None:
    """The printed amount in the unit of thresholds; None: it is not read."""
    counted, factor = _counted(match)
    printed = amount(match["amount"], share=counted == "share") if match["amount"] else Decimal(1)
    part = amount(match["part"]) if match["part"] else Decimal(0)
    if printed is None or part is None or (match["again"] and amount(match["again"]) != printed):
        return None
    return (printed + part) * factor


def _goes_on(before: re.Match[str], match: re.Match[str], text: str) -> bool:
    """Whether a number is a further part of the length of time before it: the 30 minutes of `1 hour 30 minutes`."""
    lengths = [_unit(each).rpartition(" ")[2] for each in (before, match)]
    if not set(lengths) <= set(_LENGTHS) or match["most"] or match["least"] or before["less"] or before["more"]:
        return False
    between = text[before.end() : match.start("words")]
    return bool(_BETWEEN_PARTS.fullmatch(between)) and _LENGTHS.index(lengths[0]) < _LENGTHS.index(lengths[1])


def _relation(match: re.Match[str]) -> Relation:
    if match["most"] or match["less"]:
        return "<="
    return ">=" if match["least"] or match["more"] else ""


def _counts(clause: str, counted: Counted) -> Set[Decimal]:
    """Of what is counted in a unit of the plan's own: `74 services`. Dates are none."""
    if counted != "number":
        return frozenset()
    amounts = (amount(match[0]) for match in _BARE.finditer(_without_dates(clause)))
    return {each for each in amounts if each is not None}


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
    has_working_minutes=True,
)
