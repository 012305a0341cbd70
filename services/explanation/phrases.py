"""Short texts of an explanation, used by the page and by the JSON: times, amounts, days, what a case contributes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from services.catalog.words.case_bound import counted_words
from services.catalog.words.event_names import FIELD_NAMES
from services.catalog.words.names import NameBook
from services.catalog.words.phrases import limit_words, measure_words
from services.catalog.words.times import time_title
from services.catalog.words.wording import measure_title
from services.domain.history.case import MICRO, Extension
from services.domain.intake.facts import INSTANTS, Fact, FactType
from services.domain.intake.visible_text import visible
from services.domain.judging.judgement import Judgement
from services.domain.plan.plan import CasePromise, EntryPromise, Promise, Title
from services.domain.results.explain import Explained
from services.domain.results.explain_days import Account, AccountedDay
from services.domain.sums.statistic import written
from services.domain.sums.tally import TallyField
from services.domain.time.limits import Limit
from services.domain.time.zone import Instant, Zone
from services.explanation.words import DAY_KINDS, ENGLISH_HOLIDAYS, MEASURES, UNUSED_EXTENSIONS


def both(title: Title) -> str:
    """Chinese first, English beside; once where both are the same."""
    return title.zh if title.zh == title.en else f"{title.zh} {title.en}"


_ENGLISH_MARKS = str.maketrans({"；": "; ", "：": ": ", "，": ", ", "、": ", ", "（": " (", "）": ")"})


def in_english_marks(text: str) -> str:
    """A text in English alone, whose parts are joined by the marks of Chinese."""
    return text.translate(_ENGLISH_MARKS).strip()


def _colon(say: Callable[[Title], str]) -> str:
    """Between a name and what it is; a text in both languages has that of English."""
    return ": " if say is both else "："


# ---- days --------------------------------------------------------------------------------------------------
def day_words(
    day: AccountedDay, counted: Account, zone: Zone, names: NameBook, say: Callable[[Title], str] = both
) -> str:
    """Why a day counts or not. `say`: in which language; by default in both."""
    text = _day_name(day, say)
    if counted.scale == 1 and day.day == zone.day(counted.start):
        text += f"；{say(_START_DAY)}"
    else:
        text += _stopped(day, names, say)
    if day.ran and counted.measure == "working_minutes":
        text += " " + " ".join(f"{_hour(opens, zone)}–{_hour(closes, zone)}" for opens, closes in day.ran)
    return text + going_on(day, names, say)


_START_DAY = Title(zh="起算日不计", en="start day, not counted")
_GOES_ON = Title(zh="暂停但照常计时", en="suspended, clock goes on")
_STOPPED_PARTLY = Title(zh="部分时间暂停计时", en="stopped for a part")
_OUTSIDE_PARTLY = Title(zh="部分时间在环节之外", en="outside the nodes for a part")
_STOPPED = Title(zh="暂停计时", en="clock stopped")
_OUTSIDE = Title(zh="环节之外", en="outside the nodes")


def going_on(day: AccountedDay, names: NameBook, say: Callable[[Title], str] = both) -> str:
    """Reasons for which the case was suspended while this clock went on; empty where there are none."""
    if not day.other_reasons:
        return ""
    return f"；{say(_GOES_ON)}{_colon(say)}{_reasons(day.other_reasons, names, say)}"


def _reasons(codes: Iterable[str], names: NameBook, say: Callable[[Title], str]) -> str:
    return "、".join(say(names.reason(code)) for code in codes)


def _day_name(day: AccountedDay, say: Callable[[Title], str]) -> str:
    if day.holiday:
        return say(Title(zh=day.holiday, en=ENGLISH_HOLIDAYS.get(day.holiday, "holiday")))
    return say(DAY_KINDS[day.kind])


def _stopped(day: AccountedDay, names: NameBook, say: Callable[[Title], str]) -> str:
    """Why the clock stopped on this day, for all of it or for a part; empty where it did not stop."""
    if day.amount:
        stopped, outside = _STOPPED_PARTLY, _OUTSIDE_PARTLY
    elif day.still:
        stopped, outside = _STOPPED, _OUTSIDE
    else:
        return ""
    reasons = f"；{say(stopped)}{_colon(say)}{_reasons(day.reasons, names, say)}" if day.reasons else ""
    return reasons + (f"；{say(outside)}" if day.outside else "")


# ---- times and amounts -------------------------------------------------------------------------------------
def _hour(instant: Instant, zone: Zone) -> str:
    text = zone.text(instant)[11:]
    return text[:5] if text[5:8] == ":00" and not text[8:].startswith(".") else text[:8]


def clock(instant: Instant, zone: Zone) -> str:
    """A wall clock of the plan's zone; the last microsecond of a date is its 24:00."""
    day = zone.day(instant)
    if instant == zone.midnight(day + 1) - 1:
        return f"{date.fromordinal(day)} 24:00"
    return f"{date.fromordinal(day)} {_hour(instant, zone)}"


def _time(instant: Instant, zone: Zone, say: Callable[[Title], str]) -> str:
    """A time in one language as people write it; beside both languages in the form that both read."""
    return clock(instant, zone) if say is both else say(time_title(instant, zone))


def extension_words(extension: Extension, why: str, zone: Zone, say: Callable[[Title], str] = both) -> str:
    """An extension, and whether it is used; `why`: the code of why it is not, or empty. `say`: in which language."""
    more = limit_words(Limit.model_validate(dict(extension.limit)))
    return f"{_time(extension.time, zone, say)} {say(more)}：{say(UNUSED_EXTENSIONS[why])}"


def duration(counted: Account, say: Callable[[Title], str] = both) -> str:
    """`4 working days = 6 - 2 (clock stopped)`. `say`: in which language; by default in both."""
    between = " " if say is both else say(Title(zh="", en=" "))
    text = f"{amount_text(counted.net, counted.scale)}{between}{say(MEASURES[counted.measure])}"
    if counted.still:
        gross, still = amount_text(counted.gross, counted.scale), amount_text(counted.still, counted.scale)
        text += f" = {gross} − {still}（{say(_STOPPED)}）"
    return text


def amount_text(amount: int | Fraction, scale: int) -> str:
    return written(Fraction(amount) / scale)


# ---- the data of an event ----------------------------------------------------------------------------------
_SHOWN_ELSEWHERE = ("service_item", "event")
_DECISIONS = {
    "requested": Title(zh="提出申请", en="requested"),
    "accepted": Title(zh="同意", en="accepted"),
    "rejected": Title(zh="驳回", en="rejected"),
    "completion_void": Title(zh="办结作废", en="completion void"),
    "new_request": Title(zh="新的申请", en="new request"),
    "applicant": Title(zh="申请人", en="applicant"),
    "default": Title(zh="系统默认", en="by default"),
}


def content_of(fact: Fact, zone: Zone, names: NameBook, say: Callable[[Title], str] = both) -> str:
    """The data of an event in one line. `say`: in which language; by default in both."""
    parts = []
    for name, value in fact.data.items():
        if name in _SHOWN_ELSEWHERE or (name == "attributes" and fact.type <= FactType.CASE_ACCEPTED):
            continue
        if text := _datum(name, value, zone, names, say):
            parts.append(text)
    return visible("；".join(parts))


def _datum(name: str, value: Any, zone: Zone, names: NameBook, say: Callable[[Title], str]) -> str:
    """One field of an event: the name of what it says; a number or a text with what it is."""
    if name == "attributes" and isinstance(value, Mapping):
        return "；".join(say(names.clause(each, of)) for each, of in sorted(value.items()))
    if name in _NAMED:
        return say(_NAMED[name](names, value))
    if isinstance(value, str) and value in _DECISIONS:
        return say(_DECISIONS[value])
    label = say(FIELD_NAMES.get(name) or Title(zh=name, en=name))
    if name in INSTANTS:
        return f"{label} {_time(value, zone, say)}"
    if isinstance(value, Mapping) and "amount" in value:
        return f"{label} {say(limit_words(Limit(amount=value['amount'], unit=value['unit'])))}"
    return f"{label} {value}"


def _reason_of(names: NameBook, code: Any) -> Title:
    return _DECISIONS.get(code) or names.reason(str(code))


_NAMED: Mapping[str, Callable[[NameBook, Any], Title]] = {
    "unit": lambda names, value: names.value("unit", value),
    "channel": lambda names, value: names.value("channel", value),
    "applicant": lambda names, value: names.value("applicant", value),
    "outcome": lambda names, value: names.value("outcome", value),
    "name": lambda names, value: names.milestone(value),
    "node": lambda names, value: names.node(value),
    "quantity": lambda names, value: names.quantity(value),
    "collection": lambda names, value: names.collection(value),
    "duty": lambda names, value: names.duty(value),
    "unit_of_measure": lambda _, value: measure_title(value),
    "reason": _reason_of,
}
"""Fields that hold a code whose name says all."""

_MOST_VALUES = 8
"""Of a list, in a line."""


def lack_words(missing: tuple[str, Any, Any], names: NameBook) -> Title:
    """What a promise wants of a field, and what the case or the entry has instead."""
    name, wanted, actual = missing
    wants = _clause(name, wanted, names)
    has = _clause(name, actual, names) if actual is not None else Title(zh="未报送", en="not reported")
    return Title(zh=visible(f"要求{wants.zh}，本件{has.zh}"), en=visible(f"it asks for: {wants.en}; here: {has.en}"))


def _clause(name: str, value: Any, names: NameBook) -> Title:
    """A condition; of a long list its first values."""
    if not isinstance(value, list | tuple) or len(value) <= _MOST_VALUES:
        return names.clause(name, value)
    first, more = names.clause(name, tuple(value[:_MOST_VALUES])), len(value)
    return Title(zh=f"{first.zh}等{more}项", en=f"{first.en} … ({more})")


# ---- what a case contributes -------------------------------------------------------------------------------
def contribution_of_case(explained: Explained, names: NameBook) -> str:
    """What a case contributes to a share, to bounded amounts, or to a mean that is no duration; else empty. Of an
    unclassified case: what it leaves out."""
    promise, cells = explained.promise, dict(explained.judgement.cells)
    if explained.missing:
        return _left_out(explained.missing, names)
    if explained.amounts:
        return "；".join(_reported(count, amount, names) for count, amount in explained.amounts)
    if promise.measured == "share":
        return _in_numerator(cells) if TallyField.N in cells or TallyField.OVERDUE in cells else ""
    is_mean = explained.account is None and not promise.measures_time and bool(promise.measured)
    return _summand(promise, cells, names) if is_mean and TallyField.N in cells else ""


def _left_out(missing: Sequence[str], names: NameBook) -> str:
    """The fields that an unclassified case does not report."""
    titles = [names.attribute(name) for name in missing]
    return f"未填报 not reported: {'；'.join(f'{title.zh} {title.en}' for title in titles)}"


def _reported(count: str, amount: int | Fraction | None, names: NameBook) -> str:
    said = "未报送 unreported" if amount is None else amount_text(amount, MICRO)
    return f"{both(counted_words(count, names))}: {said}"


def _in_numerator(cells: Mapping[int, int]) -> str:
    return "计入分子 in the numerator" if TallyField.MET in cells else "不计入分子 not in the numerator"


def _summand(promise: CasePromise, cells: Mapping[int, int], names: NameBook) -> str:
    """What a case adds to a mean."""
    if promise.measured == "count":
        return "1件 1 case"
    ratio = f" ÷ {amount_text(cells[TallyField.BASE], MICRO)}" if TallyField.BASE in cells else ""
    return f"{both(measure_words(promise, names))}: {amount_text(cells.get(TallyField.TOTAL, 0), MICRO)}{ratio}"


def contribution_of_record(promise: Promise, judgement: Judgement, names: NameBook) -> str:
    """What a catalogue entry, a duty or a reported figure contributes to its promise."""
    cells = dict(judgement.cells)
    if promise.about == "figure":
        halves = [
            (TallyField.MET, f"分子 numerator {amount_text(cells.get(TallyField.TOTAL, 0), MICRO)}"),
            (TallyField.N, f"分母 denominator {amount_text(cells.get(TallyField.BASE, 0), MICRO)}"),
        ]
        return f"{judgement.item.partition('/')[0]}: {', '.join(words for cell, words in halves if cell in cells)}"
    if TallyField.UNMEASURED in cells:
        return "未报送该数据 it does not say"
    if isinstance(promise, EntryPromise) and promise.summed_attribute:
        amount = amount_text(cells.get(TallyField.TOTAL, 0), MICRO)
        return f"{both(names.attribute(promise.summed_attribute))}: {amount}"
    if isinstance(promise, EntryPromise) and promise.compares_units:
        return "与其他平台比对 compared with the other platforms"
    return _in_numerator(cells)
