"""How Chinese clauses are read."""

import re
from calendar import monthrange
from collections.abc import Set
from datetime import date
from decimal import Decimal

from services.catalog.check.languages.chinese_numbers import SPAN, amount, is_in_words
from services.catalog.check.languages.clause_language import ClauseLanguage, Counted, Printed, Relation

_NUMBER = re.compile(
    r"(?P<before>不超过|不高于|不低于|不少于|最多|至少|力争达到|达到|达)?"
    rf"(?P<words>(?P<amount>{SPAN})"
    r"(?P<unit>个?工作日|个月|日|天|分钟|个半?小时|小时|个半月|%|％|次性?|项|件|家|名|个(?!工作日|月|小时))(?P<part>(?<=小时)半)?)"
    r"(?P<after>以内|内|以上)?"
)
_PER_CENT = re.compile(rf"百分之(?P<amount>{SPAN})")
_RANGE = re.compile(r"(?<![\d.,/])(\d+)[-—–～~至](\d+)(项|件|家|名|个(?!工作日|月))")
"""Both ends of a range are printed numbers: 3-5家."""
_NAME = re.compile("“[^”]*”")
_DATES = re.compile(
    r"(?P<from>(\d{4})年(\d{1,2})月(\d{1,2})日起)|(?P<by>(\d{4})年(?:(\d{1,2})月)?底前)|\d{4}年\d{1,2}月(?:\d{1,2}日)?"
)
_COUNTED: dict[str, Counted] = {
    "个工作日": "working_days",
    "工作日": "working_days",
    "日": "calendar_days",
    "天": "calendar_days",
    "个月": "months",
    "分钟": "minutes",
    "小时": "minutes",
    "个小时": "minutes",
    "个半小时": "minutes",
    "个半月": "months",
    "%": "share",
    "％": "share",
}


_LENGTH_OF = {"个月": 4, "日": 3, "天": 3, "个工作日": 3, "工作日": 3, "小时": 2, "个小时": 2, "分钟": 1}
"""From the longest on: one length of time is written in this order."""


def numbers(clause: str) -> list[Printed]:
    """The numbers of a clause that can be a threshold: those with a unit that thresholds have. `10千伏` is none."""
    return [printed for printed, in_words in _printed(clause) if not in_words]


def _printed(clause: str) -> list[tuple[Printed, bool]]:
    """Each number with its unit, and whether it is in words and need not be a threshold: 一件事, 两个平台."""
    found: list[tuple[Printed, bool]] = []
    text = _RANGE.sub(r"\1\3、\2\3", _DATES.sub("、", clause))
    names = [match.span() for match in _NAME.finditer(text)]
    before: re.Match[str] | None = None
    for match in _NUMBER.finditer(text):
        chinese = is_in_words(match["amount"])
        named = chinese and any(start < match.start() < end for start, end in names)
        counted = _COUNTED.get(match["unit"], "number")
        printed = Printed(match["words"], _amount(match), counted, _relation(match), named)
        unneeded = chinese and (printed.amount is None or not (named or match["unit"].startswith("次")))
        if before is not None and _goes_on(before, match):
            first, first_unneeded = found.pop()
            printed = first.with_part(printed, first.words + printed.words)
            unneeded = first_unneeded and unneeded
        found.append((printed, unneeded))
        before = match
    return found


def _goes_on(before: re.Match[str], match: re.Match[str]) -> bool:
    """Whether a number is a further part of the length of time before it: the 30分钟 of 1小时30分钟."""
    lengths = [_LENGTH_OF.get(each["unit"], 0) for each in (before, match)]
    adjacent = before.end() == match.start("words") and not before["after"]
    return adjacent and lengths[0] > lengths[1] > 0


def _amount(match: re.Match[str]) -> Decimal | None:
    """The printed amount in the unit of thresholds: minutes, shares. None: it is not read."""
    printed = amount(match["amount"])
    if printed is None:
        return None
    printed += Decimal("0.5") if match["part"] or "半" in match["unit"] else 0
    return printed * 60 if "小时" in match["unit"] else printed / 100 if match["unit"] in ("%", "％") else printed


def _relation(match: re.Match[str]) -> Relation:
    if match["before"] in ("不超过", "不高于", "最多") or match["after"] in ("以内", "内"):
        return "<="
    return ">=" if match["before"] or match["after"] else ""


def by(clause: str) -> date | None:
    """The target date of a clause: `2021年底前`, `2021年10月底前`."""
    match = _DATES.search(clause)
    if match is None or match["by"] is None:
        return None
    year, month = int(match[6]), int(match[7] or 12)
    return date(year, month, monthrange(year, month)[1])


def since(clause: str) -> date | None:
    """The day from which a clause binds: `2022年1月1日起`."""
    match = _DATES.search(clause)
    return date(int(match[2]), int(match[3]), int(match[4])) if match and match["from"] else None


def _in_words(clause: str, counted: Counted) -> Set[Decimal]:
    """二十日, 百分之八十, 半小时: such a number may be a threshold and need not be one."""
    read = {printed.amount for printed, in_words in _printed(clause) if in_words and printed.counted == counted}
    if counted == "share":
        read |= {each and each / 100 for each in (amount(found["amount"]) for found in _PER_CENT.finditer(clause))}
    return {each for each in read if each is not None}


CHINESE = ClauseLanguage(
    numbers=numbers,
    also=_in_words,
    by=by,
    since=since,
    this_year=re.compile("今年内"),
    nought=re.compile(r"免费|免收|免办|不得|不再|取消|“零|零费用"),
    soft=re.compile("原则上|基本实现|基本达到"),
    softened=re.compile("力争|推动|推进|推行|引导|鼓励|探索|支持|加快|逐步"),
    governing=re.compile("(力争|推动|引导|鼓励|探索)(?!.*(实现|确保|应|不得))"),
    sentence_ends=re.compile("[。；]"),
    full_stop=re.compile("。"),
    spaced=False,
)
