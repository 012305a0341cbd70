"""How Chinese clauses are read."""

import re
from calendar import monthrange
from collections.abc import Set
from datetime import date
from decimal import Decimal

from services.catalog.check.languages.clause_language import ClauseLanguage, Counted, Printed, Relation

_DIGITS = {"一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
_NUMBER = re.compile(
    r"(?P<before>不超过|不高于|不低于|不少于|最多|至少|力争达到|达到|达)?"
    r"(?P<words>(?P<amount>\d+(?:\.\d+)?|[一两二三四五六七八九十])"
    r"(?P<unit>个工作日|工作日|个月|日|天|分钟|小时|%|％|次性?|项|件|家|名|个(?!工作日|月)))"
    r"(?P<after>以内|内|以上)?"
)
_RANGE = re.compile(r"(\d+)[-—–～~至](\d+)(项|件|家|名|个(?!工作日|月))")
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
    "%": "share",
    "％": "share",
}


def numbers(clause: str) -> list[Printed]:
    """The numbers of a clause that can be a threshold: those with a unit that thresholds have. `10千伏` is none."""
    found = []
    text = _RANGE.sub(r"\1\3、\2\3", _DATES.sub("", clause))
    names = [match.span() for match in _NAME.finditer(text)]
    for match in _NUMBER.finditer(text):
        chinese = match["amount"] in _DIGITS
        named = chinese and any(start < match.start() < end for start, end in names)
        if chinese and not named and not match["unit"].startswith("次"):
            continue  # 一件事, 两个平台: no thresholds
        counted = _COUNTED.get(match["unit"], "number")
        found.append(Printed(match["words"], _amount(match), counted, _relation(match), named))
    return found


def _amount(match: re.Match[str]) -> Decimal:
    """The printed amount in the unit of thresholds: minutes, shares."""
    amount = Decimal(_DIGITS.get(match["amount"], match["amount"]))
    return amount * 60 if match["unit"] == "小时" else amount / 100 if match["unit"] in ("%", "％") else amount


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


def _no_others(_clause: str, _counted: Counted) -> Set[Decimal]:
    return frozenset()


CHINESE = ClauseLanguage(
    numbers=numbers,
    also=_no_others,
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
