"""The words of a briefing, in both languages."""

from datetime import date, datetime

from services.briefing.model import Language
from services.briefing.period import NAMES, Period, Span
from services.domain.plan.plan import Plan, Title
from services.domain.supervision.orders import OrderState

STATE = Title(zh="状态", en="State")
PROMISES = Title(zh="承诺数（项）", en="Promises")
AT_BEGIN, AT_END = Title(zh="期初", en="At the start"), Title(zh="期末", en="At the end")
PROMISE = Title(zh="承诺", en="Promise")
LEAD = Title(zh="牵头单位", en="Lead")
REQUIRED = Title(zh="方案要求", en="What the plan asks for")
VALUE = Title(zh="完成值", en="Value")
OF = Title(zh="符合／应计（件、项）", en="Kept / counted")
OVERDUE = Title(zh="超期未办结（件）", en="Open overdue")
WHERE = Title(zh="问题所在", en="Where it fails")
DAY = Title(zh="到期日", en="Due")
MATTER = Title(zh="事项", en="Matter")
UNIT = Title(zh="单位", en="Unit")
CASES = Title(zh="办件数", en="Cases")
ORDERS = Title(zh="督办单", en="Written orders")
ANSWER_BY = Title(zh="回告期限", en="Answer by")
TOTAL = Title(zh="合计", en="Total")

OVERALL = Title(zh="总体情况", en="Where the district stands")
CHANGES = Title(zh="本期变化", en="What changed")
PROBLEMS = Title(zh="突出问题（由重到轻）", en="Worst first, and where it fails")
ANSWERS = Title(zh="待回告单位", en="Units that owe an answer")
CHECKPOINT = Title(zh="台账快照", en="Checkpoint of the ledger")
METHOD = Title(zh="统计口径与附件", en="How it was counted, and the appendix")

MORE = Title(zh="另有{}项，见附件。", en="And {} more: see the appendix.")
MORE_OF_CASES = Title(zh="另有{}项未列出。", en="And {} more, which are not listed.")
"""Of what is about cases: the appendix is about promises."""
NONE = Title(zh="无。", en="None.")
NO_LEDGER = Title(zh="编制时未取得台账，本节从略。", en="No ledger was at hand: this section is left out.")
NO_CHECKPOINT = Title(zh="编制时未取得台账快照。", en="No checkpoint of the ledger was at hand.")
ORDER_STATES = {
    OrderState.OPEN: Title(zh="待回告", en="open"),
    OrderState.OVERDUE: Title(zh="超期未回告", en="overdue"),
}
_NUMERALS = "一二三四五六七"


def numbered(number: int, title: str, language: Language) -> str:
    """`一、总体情况`, `1. Where the district stands`."""
    return f"{_NUMERALS[number - 1]}、{title}" if language is Language.ZH else f"{number}. {title}"


def title_of(plan: Plan, period: Period, language: Language) -> str:
    """What the briefing is called."""
    name = language.of(NAMES[period])
    return f"{plan.head.title.zh}{name}" if language is Language.ZH else f"{plan.head.title.en}: {name}"


def day_of(day: int, language: Language) -> str:
    """`2021年10月31日`, `31 October 2021`."""
    one = date.fromordinal(day)
    return f"{one.year}年{one.month}月{one.day}日" if language is Language.ZH else f"{one.day} {one:%B %Y}"


def short_day(day: int, language: Language) -> str:
    """`10月31日`, `31 October`."""
    one = date.fromordinal(day)
    return f"{one.month}月{one.day}日" if language is Language.ZH else f"{one.day} {one:%B}"


def days_of(first: int, last: int, language: Language) -> str:
    """`2021年10月1日至31日`; of one day that day."""
    if first == last:
        return day_of(last, language)
    begin, end = date.fromordinal(first), date.fromordinal(last)
    if language is Language.EN:
        same_year = begin.year == end.year
        month = f" {begin:%B}" if not same_year or begin.month != end.month else ""
        return f"{begin.day}{month}{'' if same_year else f' {begin.year}'} to {day_of(last, language)}"
    if begin.year != end.year:
        return f"{day_of(first, language)}至{day_of(last, language)}"
    return f"{day_of(first, language)}至{f'{end.month}月' if begin.month != end.month else ''}{end.day}日"


def lines_of(plan: Plan, span: Span, language: Language) -> tuple[str, ...]:
    """Which period it is of, and who wrote it."""
    days, office = days_of(span.first, span.last, language), language.of(plan.head.supervision.office)
    last = day_of(span.last, language)
    if language is Language.ZH:
        return (f"统计期：{days}　数据截至：{last}24时", office)
    return (f"Period: {days}. As of the end of {last} ({plan.head.timezone})", office)


def moment_of(written: str, language: Language) -> str:
    """A time as an official writes it; the last second of a day is its 24:00."""
    at = datetime.fromisoformat(written)
    midnight = (at.hour, at.minute, at.second) == (23, 59, 59)
    day = short_day(at.date().toordinal(), language)
    if language is Language.ZH:
        return f"{day}24时" if midnight else f"{day}{at.hour}时{at.minute}分"
    return f"{day}, 24:00" if midnight else f"{day}, {at:%H:%M}"


def is_end_of_month(day: int) -> bool:
    """Whether a day is the last one of its month."""
    return date.fromordinal(day + 1).day == 1
