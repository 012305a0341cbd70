"""What is due in the next seven days, who owes an answer, the ledger, and how it was counted."""

from collections.abc import Iterator
from typing import NamedTuple

from services.briefing import words
from services.briefing.district import District
from services.briefing.model import Cell, Language, Section
from services.briefing.parts import cards_counted, orders_counted, record_number, units_counted
from services.briefing.state_sections import unit_of
from services.domain.plan.plan import OwedPromise, Plan, Promise
from services.domain.results.published import Card, Level
from services.domain.supervision.orders import OrderState
from services.domain.time.rfc3339 import read
from services.figures.shown import NOTHING
from services.ledger.order_book import Order
from services.ledger.order_page import time_en, time_zh
from services.messaging.records.steps import instant_of_time

_DAYS = 7


class Due(NamedTuple):
    """Something that is due."""

    day: int
    unit: str
    """Its title."""
    matter: str
    cards: tuple[Card, ...] = ()
    """Of the cases; none: it is not about cases."""


def due(district: District, language: Language) -> Section:
    """Cases with a yellow card, dated promises, reports of a month and written orders, by day."""
    first, last = district.span.last + 1, district.span.last + _DAYS
    days = words.days_of(first, last, language)
    title = f"未来七日到期（{days}）" if language is Language.ZH else f"Due in the next seven days ({days})"
    all_due = (each for each in _all_due(district, language) if first <= each.day <= last)
    found = sorted(all_due, key=lambda each: each[:3])
    headings = (words.DAY, words.MATTER, words.UNIT, words.CASES)
    return Section(
        key="due",
        name="未来七日到期" if language is Language.ZH else "Due next",
        title=title,
        sentences=() if found else ((language.of(words.NONE),),),
        headings=tuple(map(language.of, headings)) if found else (),
        widths=(14, 42, 32, 12),
        rows=tuple(_due_row(each, language) for each in found),
        more=language.of(words.MORE_OF_CASES),
    )


def _due_row(each: Due, language: Language) -> tuple[Cell, ...]:
    number: Cell = (cards_counted(each.cards),) if each.cards else (NOTHING,)
    return ((words.short_day(each.day, language),), (each.matter,), (each.unit,), number)


def _all_due(district: District, language: Language) -> Iterator[Due]:
    yield from _cases_due(district, language)
    yield from _promises_due(district, language)
    yield from _orders_due(district, language)


def _cases_due(district: District, language: Language) -> Iterator[Due]:
    """Open cases near their limit: how many of each promise and unit on each day."""
    titles = {promise.id: language.of(promise.title) for promise in district.promises.values() if promise.is_official}
    found: dict[tuple[int, str, str], list[Card]] = {}
    for card in district.cards:
        limit = instant_of_time(card.due_at)
        if card.level == Level.YELLOW and not card.cleared_at and limit is not None:
            found.setdefault((district.zone.day(limit), card.unit, card.kpi), []).append(card)
    for (day, unit, kpi), cards in found.items():
        matter = f"{kpi} {titles.get(kpi, '')}".strip()
        yield Due(day, unit_of(unit, district, language), matter, tuple(cards))


def _promises_due(district: District, language: Language) -> Iterator[Due]:
    """Promises with a date, and what is owed of a month that ends."""
    for promise in district.promises.values():
        if promise.is_official:
            for day in _days_of(promise, district):
                units = "、".join(unit_of(unit, district, language) for unit in promise.lead[:1])
                yield Due(day, units, f"{promise.id} {language.of(promise.title)}")


def _days_of(promise: Promise, district: District) -> Iterator[int]:
    """The days in the next seven on which it is due."""
    if promise.target_date is not None:
        yield promise.target_date.toordinal()
    elif isinstance(promise, OwedPromise) and promise.period == "month":
        from_day = district.span.last + 1
        yield from (day for day in range(from_day, from_day + _DAYS) if words.is_end_of_month(day))


def _orders_due(district: District, language: Language) -> Iterator[Due]:
    """Written orders that wait for an answer."""
    for order, _ in _unanswered(district):
        day, unit = district.zone.day(read(order.answer_by)), unit_of(order.step.unit, district, language)
        word = "回告督办单" if language is Language.ZH else "answer to the order"
        yield Due(day, unit, f"{word} {order.written(district.plan)}")


# ---- who owes an answer ------------------------------------------------------------------------------------
def answers(district: District, language: Language) -> Section:
    """The written orders that were not answered."""
    found = _unanswered(district)
    title = language.of(words.ANSWERS)
    if district.record.orders is None:
        return Section("answers", title, title, ((language.of(words.NO_LEDGER),),))
    if not found:
        return Section("answers", title, title, ((language.of(words.NONE),),))
    headings = (words.UNIT, words.ORDERS, words.ANSWER_BY, words.STATE)
    return Section(
        key="answers",
        name=title,
        title=title,
        sentences=(_owed(found, district.plan, language),),
        headings=tuple(map(language.of, headings)),
        widths=(36, 28, 18, 18),
        rows=tuple(
            (
                (unit_of(order.step.unit, district, language),),
                (order.written(district.plan),),
                (words.moment_of(order.answer_by, language),),
                (language.of(words.ORDER_STATES[state]),),
            )
            for order, state in found
        ),
        more=language.of(words.MORE_OF_CASES),
    )


def _unanswered(district: District) -> list[tuple[Order, OrderState]]:
    """The orders without an answer as of the end, late ones first."""
    book = district.record.orders
    if book is None:
        return []
    states = ((order, book.state(order, district.end - 1)) for order in book.orders)
    found = [(order, state) for order, state in states if state in words.ORDER_STATES]
    return sorted(found, key=lambda one: (one[1] is OrderState.OPEN, one[0].answer_by, one[0].record))


def _owed(found: list[tuple[Order, OrderState]], plan: Plan, language: Language) -> Cell:
    orders = [order for order, _ in found]
    late = [order for order, state in found if state is OrderState.OVERDUE]
    numbers = (units_counted(orders, plan), orders_counted(orders, plan), orders_counted(late, plan))
    if language is Language.ZH:
        return (numbers[0], "个单位有督办单", numbers[1], "份待回告，其中超期未回告", numbers[2], "份。")
    return (numbers[0], " units owe answers to ", numbers[1], " written orders, ", numbers[2], " of them overdue.")


# ---- the ledger, and how it was counted --------------------------------------------------------------------
def checkpoint(district: District, language: Language) -> Section:
    """The newest checkpoint: whoever has the briefing is a witness of what the ledger was."""
    title, newest = language.of(words.CHECKPOINT), district.record.checkpoint
    if newest is None:
        return Section("checkpoint", title, title, ((language.of(words.NO_CHECKPOINT),),))
    digits = " ".join(newest.hash[at : at + 8] for at in range(0, len(newest.hash), 8))
    at = district.zone.text(read(newest.time))
    written = time_zh(at) if language is Language.ZH else time_en(at)
    number, said = record_number(newest), f"{newest.number}:{digits}"
    cell: Cell
    if language is Language.ZH:
        cell = ("台账第", number, f"条记录（{written}）的哈希值为{said}。请留存，可据此核验台账是否被改动。")
    else:
        end = f" of the ledger ({written}) has the hash {said}. Keep it: it shows whether the ledger was changed later."
        cell = ("Record ", number, end)
    return Section("checkpoint", title, title, (cell,))


def method(district: District, language: Language, appendix: str) -> Section:
    """In one line, with the name of the file of the appendix."""
    title, head = language.of(words.METHOD), district.plan.head
    if language is Language.ZH:
        said = (
            f"按方案（版本{head.version}）逐件计时，扣除暂停、按规定延期；每项承诺取正式口径和正式统计期（多为本年累计），"
            f"并列口径不计入承诺数；数值不作舍入。附件：{appendix}（逐项数据、区间与走势）。"
        )
    else:
        said = (
            f"By plan version {head.version}, case by case, with suspensions and extensions; each promise by its "
            "official definition and window (mostly the year to date); variants are not counted; nothing is rounded. "
            f"Appendix: {appendix} (every promise, interval and trend)."
        )
    return Section("method", title.split("与")[0].split(",")[0], title, ((said,),))
