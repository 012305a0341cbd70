"""Whether an entry says what its clause says: the words are the plan's own, and so are the numbers."""

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Literal

from services.domain.plan.plan import OwedPromise, Promise, Strength, Tier
from services.domain.time.limits import Limit, LimitUnit

Counted = Literal["working_days", "calendar_days", "minutes", "months", "share", "number"]


Threshold = tuple[str, Decimal, Counted, str]
"""Key of the entry, amount, what is counted, relation."""


class PlanText:
    """The text of a plan, body and annex."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._unbroken = re.sub(r"\s+", "", text)

    def quotes(self, clause: str) -> bool:
        """Whether a clause is in the text, character by character; only where lines are broken does not matter."""
        return clause in self._text or (not re.search(r"\s", clause) and clause in self._unbroken)

    def sentences(self, clause: str) -> list[str]:
        """The sentences in which a clause stands, in the body and in the annex."""
        found = []
        for line in (each for each in self._text.splitlines() if clause in each):
            start = line.index(clause)
            begins = max(line.rfind(mark, 0, start) for mark in "。；") + 1
            found.append(line[begins:].partition("。")[0].strip())
        return found

    def departure(self, clause: str) -> str:
        """Where a clause departs from the text, for the person who corrects it."""
        match = SequenceMatcher(None, clause, self._unbroken, autojunk=False).find_longest_match()
        if match.size < 2:
            return "no part of it is there"
        after = self._unbroken[match.b + match.size : match.b + match.size + 12]
        before = self._unbroken[max(0, match.b - 12) : match.b]
        shared = clause[match.a : match.a + match.size]
        if match.a + match.size < len(clause):
            return f"after “{shared[-12:]}” the plan goes on “{after}”"
        return f"before “{shared[:12]}” the plan has “{before}”"


@dataclass(frozen=True, slots=True)
class Printed:
    """A number that a clause prints."""

    words: str
    amount: Decimal
    counted: Counted
    relation: Literal["<=", ">=", ""]
    named: bool = False
    """Part of a name (“一件事一次办”, “最多跑一次”): it may be a threshold and need not be one."""


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
_NOUGHT = re.compile(r"免费|免收|免办|不得|不再|取消|“零|零费用")


_ENGLISH_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_ENGLISH_DIGITS = {word: amount for amount, word in enumerate(_ENGLISH_WORDS, 1)}
_AT_MOST = r"within|no(?:t)? more than|at most|up to|no(?:t)? later than"
_AT_LEAST = r"at least|no(?:t)? (?:less|fewer) than"
_ENGLISH = re.compile(
    rf"(?:(?P<most>{_AT_MOST})|(?P<least>{_AT_LEAST}))?\s*"
    rf"(?P<words>(?<![\w.,])(?P<amount>\d+(?:\.\d+)?|{'|'.join(_ENGLISH_WORDS)})[\s-]*"
    r"(?P<unit>(?:working|business|calendar) days?|days?|weeks?|months?|minutes?|hours?|%|per ?cent)(?![a-z]))"
    r"(?:\s+or\s+(?:(?P<less>less|fewer)|more))?",
    re.IGNORECASE,
)
_ENGLISH_UNITS: dict[str, tuple[Counted, Decimal]] = {
    "working day": ("working_days", Decimal(1)),
    "business day": ("working_days", Decimal(1)),
    "calendar day": ("calendar_days", Decimal(1)),
    "day": ("calendar_days", Decimal(1)),
    "week": ("calendar_days", Decimal(7)),
    "month": ("months", Decimal(1)),
    "minute": ("minutes", Decimal(1)),
    "hour": ("minutes", Decimal(60)),
    "%": ("share", Decimal("0.01")),
    "percent": ("share", Decimal("0.01")),
    "per cent": ("share", Decimal("0.01")),
}
"""What an English unit counts, and how many of the unit of thresholds it is."""
_CHINESE = re.compile("[\u4e00-\u9fff]")


def _english_numbers(clause: str) -> list[Printed]:
    """The numbers of an English clause: `within 20 working days`, `at least 80 %`, `two months or less`."""
    found = []
    for match in _ENGLISH.finditer(clause):
        counted, factor = _ENGLISH_UNITS[match["unit"].lower().removesuffix("s")]
        amount = Decimal(_ENGLISH_DIGITS.get(match["amount"].lower(), match["amount"])) * factor
        more = match[0].lower().endswith(" more") and not match["less"]
        relation: Literal["<=", ">=", ""] = (
            "<=" if match["most"] or match["less"] else ">=" if match["least"] or more else ""
        )
        found.append(Printed(match["words"], amount, counted, relation))
    return found


def printed_numbers(clause: str) -> list[Printed]:
    """The numbers of a clause that can be a threshold: those with a unit that thresholds have. `10千伏` is none.

    A clause without Chinese characters is read as English.
    """
    if not _CHINESE.search(clause):
        return _english_numbers(clause)
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


def _relation(match: re.Match[str]) -> Literal["<=", ">=", ""]:
    if match["before"] in ("不超过", "不高于", "最多") or match["after"] in ("以内", "内"):
        return "<="
    return ">=" if match["before"] or match["after"] else ""


def printed_by(clause: str) -> date | None:
    """The target date of a clause: `2021年底前`, `2021年10月底前`."""
    match = _DATES.search(clause)
    if match is None or match["by"] is None:
        return None
    year, month = int(match[6]), int(match[7] or 12)
    return date(year, month, monthrange(year, month)[1])


def printed_from(clause: str) -> date | None:
    """The day from which a clause binds: `2022年1月1日起`."""
    match = _DATES.search(clause)
    return date(int(match[2]), int(match[3]), int(match[4])) if match and match["from"] else None


def contradictions(promise: Promise, sentences: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Numbers and words of the clause that the entry contradicts, as (key, sentence).

    `sentences`: those of the plan in which the clause stands. A local entry may have numbers that the clause does not
    print; what the clause prints still holds."""
    thresholds = list(_thresholds(promise))
    numbers = printed_numbers(promise.clause)
    reported_keys: set[str] = set()
    for number in numbers:
        for key, sentence in _of_number(number, thresholds):
            if not _is_among(number, thresholds):
                reported_keys.add(key)
            yield key, sentence
    for threshold in thresholds:
        is_ours = promise.local or threshold[0] in reported_keys
        if not is_ours and not _is_printed(threshold, numbers, promise.clause):
            sentence = "the clause does not print this number: quote the words that do, or mark it `local = true`"
            yield threshold[0], sentence
    yield from _dates(promise, sentences)
    yield from _unprinted(promise)
    yield from _strength(promise, sentences)


def _of_number(number: Printed, thresholds: list[Threshold]) -> Iterator[tuple[str, str]]:
    """What is wrong with the entry by a number that the clause prints."""
    if not _is_among(number, thresholds):
        key, said = _nearest(number, thresholds)
        if not number.named:
            yield (
                key,
                f"the clause prints {number.words}, the entry {said}: correct it, or quote this promise's words only",
            )
    elif number.relation:
        for name, amount, counted, relation in thresholds:
            if _same(number, amount, counted) and relation not in (number.relation, "="):
                yield name, f"the clause means {number.relation} {number.words}, the entry says {relation}"


def _is_among(number: Printed, thresholds: list[Threshold]) -> bool:
    return any(_same(number, amount, counted) for _, amount, counted, _ in thresholds)


def _is_printed(threshold: Threshold, numbers: list[Printed], clause: str) -> bool:
    """Whether the clause says a threshold of the entry, in numbers or in words: 全部, 免费."""
    _, amount, counted, _ = threshold
    whole = counted == "share" and amount == 1
    nought = amount == 0 and _NOUGHT.search(clause)
    return whole or bool(nought) or any(_same(number, amount, counted) for number in numbers)


def _dates(promise: Promise, sentences: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield from _target_date(promise, sentences)
    since = printed_from(promise.clause)
    if since and promise.effective_from != since:
        yield "effective_from", f"the clause binds from {since}, the entry from {promise.effective_from}"


def _target_date(promise: Promise, sentences: Sequence[str]) -> Iterator[tuple[str, str]]:
    by, target = printed_by(promise.clause), promise.target_date
    if by == target:
        return
    # 今年内, or no date at all: what was taken is said among the choices
    if by or not any(str(target) in choice.taken.en for choice in promise.choices):
        remedy = "" if by else ": name the date among `choices`, as `taken`"
        yield "by", f"the clause's target date is {by or 'not printed'}, the entry's {target or 'missing'}{remedy}"
    if not by and not promise.local and "今年内" not in "".join((promise.clause, *sentences)):
        yield "by", "the plan prints no date: mark it `local = true`"


def _unprinted(promise: Promise) -> Iterator[tuple[str, str]]:
    """What no plan prints: how much may be missing (基本), on which day a month's report is due (按月)."""
    if promise.tolerance and not promise.local:
        yield "tolerance", "the plan prints none: mark it `local = true`"
    monthly = isinstance(promise, OwedPromise) and promise.period == "month"
    if monthly and promise.target is not None and not promise.local:
        yield "period", "the plan prints no day on which a month is due: mark it `local = true`"


_SOFT = re.compile("原则上|基本实现|基本达到")
_SOFTENED = re.compile("力争|推动|推进|推行|引导|鼓励|探索|支持|加快|逐步")
"""Words of a clause that ask for an effort, not for a result."""
_GOVERNING = re.compile("(力争|推动|引导|鼓励|探索)(?!.*(实现|确保|应|不得))")
"""Those that reach over the whole of their sentence, unless a result is asked for in between."""


def _strength(promise: Promise, sentences: Sequence[str]) -> Iterator[tuple[str, str]]:
    strength, clause = promise.strength, promise.clause
    if (strength is Strength.DIRECTIONAL) != (promise.tier is Tier.Q) and promise.tier is not None:
        yield "tier", f"{promise.tier} does not go with {strength}: Q is for what is not judged, H and C for what is"
    if (found := _SOFT.search(clause)) and strength is not Strength.SOFT:
        yield "strength", f"the clause says {found[0]}: soft, not {strength}"
    elif strength not in (Strength.HARD, Strength.SOFT):
        return
    elif found := _SOFTENED.search(clause):
        yield "strength", f"the clause says {found[0]}: aspirational, not {strength}"
    else:
        yield from _governed(promise, sentences)


def _governed(promise: Promise, sentences: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A quotation that was cut behind the word that softens it."""
    governing = [_GOVERNING.search(sentence.partition(promise.clause)[0]) for sentence in sentences]
    for word in sorted({found[1] for found in governing if found}):
        if not any(word in choice.about.zh for choice in promise.choices):
            remedy = "quote it and make it aspirational, or say among `choices` how far it reaches"
            yield "strength", f"the sentence begins with {word}: {remedy}"


def _thresholds(promise: Promise) -> Iterator[Threshold]:
    """The numbers of an entry: key, amount, what is counted, relation. That nothing is out of order is no number."""
    for key, amount in promise.thresholds():
        if isinstance(amount, Limit):
            yield key, Decimal(amount.amount), _counted(amount.unit), "<="
        else:
            yield key, amount.amount, _counted(amount.unit), amount.relation
            if amount.quota is not None:
                yield key, amount.quota, _counted(amount.unit), "<="


def _counted(unit: str) -> Counted:
    match unit:
        case "share" | LimitUnit.WORKING_DAYS | LimitUnit.CALENDAR_DAYS | LimitUnit.MONTHS | LimitUnit.MINUTES:
            return unit  # type: ignore[return-value]  # a member of Counted, by the pattern
        case LimitUnit.WORKING_MINUTES:
            return "minutes"
        case "elapsed_days" | "days":
            return "calendar_days"
    return "number"


def _same(number: Printed, amount: Decimal, counted: Counted) -> bool:
    return number.amount == amount and number.counted == counted


def _nearest(number: Printed, thresholds: list[Threshold]) -> tuple[str, str]:
    """The threshold that a number of the clause should have been, and how the entry puts it."""
    alike = [threshold for threshold in thresholds if threshold[2] == number.counted] or thresholds
    if not alike:
        return "clause", "no number at all"
    name, amount, counted, _ = alike[0]
    if counted == "share":
        return name, f"{(amount * 100).normalize():f} %"
    return name, f"{amount.normalize():f}" + ("" if counted == "number" else f" {counted}")
