"""Short texts of an explanation, used by the page and by the JSON: times, amounts, days, what a case contributes."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from services.domain.history.case import MICRO
from services.domain.intake.facts import Fact
from services.domain.intake.visible_text import visible
from services.domain.judging.judgement import Judgement
from services.domain.plan.plan import CasePromise, EntryPromise, Promise
from services.domain.results.explain import Explained
from services.domain.results.explain_days import Account, AccountedDay
from services.domain.sums.statistic import written
from services.domain.sums.tally import TallyField
from services.domain.time.zone import Instant, Zone
from services.explanation.words import DAY_KINDS, ENGLISH_HOLIDAYS, MEASURES


def day_words(day: AccountedDay, counted: Account, zone: Zone) -> str:
    """Why a day counts or not."""
    text = _day_name(day)
    if counted.scale == 1 and day.day == zone.day(counted.start):
        text += "；起算日不计 start day, not counted"
    else:
        text += _stopped(day)
    if day.ran and counted.measure == "working_minutes":
        text += " " + " ".join(f"{_hour(opens, zone)}–{_hour(closes, zone)}" for opens, closes in day.ran)
    if day.other_reasons:
        text += f"；中止而不停表 suspended, clock goes on: {', '.join(day.other_reasons)}"
    return text


def _day_name(day: AccountedDay) -> str:
    if day.holiday:
        return f"{day.holiday} {ENGLISH_HOLIDAYS.get(day.holiday, 'holiday')}"
    words = DAY_KINDS[day.kind]
    return f"{words.zh} {words.en}"


def _stopped(day: AccountedDay) -> str:
    """Why the clock stopped on this day, for all of it or for a part; empty where it did not stop."""
    if day.amount:
        stopped, outside = "部分中止 stopped for a part", "部分时间在节点之外 outside the nodes for a part"
    elif day.still:
        stopped, outside = "中止 clock stopped", "节点之外 outside the nodes"
    else:
        return ""
    reasons = f"；{stopped}: {', '.join(day.reasons)}" if day.reasons else ""
    return reasons + (f"；{outside}" if day.outside else "")


def _hour(instant: Instant, zone: Zone) -> str:
    text = zone.text(instant)[11:]
    return text[:5] if text[5:8] == ":00" and not text[8:].startswith(".") else text[:8]


def clock(instant: Instant, zone: Zone) -> str:
    """A wall clock of the plan's zone; the last microsecond of a date is its 24:00."""
    day = zone.day(instant)
    if instant == zone.midnight(day + 1) - 1:
        return f"{date.fromordinal(day)} 24:00"
    return f"{date.fromordinal(day)} {_hour(instant, zone)}"


_SHOWN_ELSEWHERE = ("service_item", "attributes", "event")


def content_of(fact: Fact, zone: Zone) -> str:
    """The data of an event in one line."""
    parts = []
    for name, value in fact.data.items():
        if name == "due_at":
            parts.append(f"due_at {clock(value, zone)}")
        elif isinstance(value, dict) and value.keys() == {"amount", "unit"}:
            parts.append(f"{name} {value['amount']} {value['unit']}")
        elif name == "of":
            parts.append(f"更正 of {value}")
        elif name not in _SHOWN_ELSEWHERE:
            parts.append(f"{name} {value}")
    return visible(", ".join(parts))


_MOST_VALUES = 8
"""Of a list, in a line."""


def value_text(value: Any) -> str:
    if isinstance(value, list | tuple):
        shown = " / ".join(map(value_text, value[:_MOST_VALUES]))
        return shown if len(value) <= _MOST_VALUES else f"{shown} … ({len(value)})"
    return {True: "是 yes", False: "否 no"}[value] if isinstance(value, bool) else visible(str(value))


def contribution_of_case(explained: Explained) -> str:
    """What a case contributes to a share, to bounded amounts, or to a mean that is no duration; else empty. Of an
    unclassified case: what it leaves out."""
    promise, cells = explained.promise, dict(explained.judgement.cells)
    if explained.missing:
        return f"未填 not reported: {', '.join(explained.missing)}"
    if explained.amounts:
        return "; ".join(map(_reported, explained.amounts))
    if promise.measured == "share":
        return _in_numerator(cells) if TallyField.N in cells or TallyField.OVERDUE in cells else ""
    is_mean = explained.account is None and bool(promise.measured)
    return _summand(promise, cells) if is_mean and TallyField.N in cells else ""


def _reported(named: tuple[str, int | Fraction | None]) -> str:
    name, amount = named
    return f"{name} {'未报送 unreported' if amount is None else amount_text(amount, MICRO)}"


def _in_numerator(cells: Mapping[int, int]) -> str:
    return "在分子 in the numerator" if TallyField.MET in cells else "不在分子 not in the numerator"


def _summand(promise: CasePromise, cells: Mapping[int, int]) -> str:
    """What a case adds to a mean."""
    if promise.measured == "count":
        return "1 件 case"
    ratio = f" ÷ {amount_text(cells[TallyField.BASE], MICRO)}" if TallyField.BASE in cells else ""
    return f"{promise.measured} {amount_text(cells.get(TallyField.TOTAL, 0), MICRO)}{ratio}"


def contribution_of_record(promise: Promise, judgement: Judgement) -> str:
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
        return f"{promise.summed_attribute} {amount_text(cells.get(TallyField.TOTAL, 0), MICRO)}"
    if isinstance(promise, EntryPromise) and promise.compares_units:
        return "与其他平台比对 compared with the other platforms"
    return _in_numerator(cells)


def duration(counted: Account) -> str:
    """`4 working days = 6 - 2 (clock stopped)`."""
    unit = MEASURES[counted.measure]
    text = f"{amount_text(counted.net, counted.scale)} {unit.zh} {unit.en}"
    if counted.still:
        gross, still = amount_text(counted.gross, counted.scale), amount_text(counted.still, counted.scale)
        text += f" = {gross} − {still}（中止 clock stopped）"
    return text


def amount_text(amount: int | Fraction, scale: int) -> str:
    return written(Fraction(amount) / scale)
