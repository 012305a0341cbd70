"""A written order (督办单) as a page to print: A4, in the form of an official document (公文格式, GB/T 9704) as far as
it applies to one. The text is Chinese in a plan of that language, else English."""

from datetime import datetime
from functools import cache
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from services.catalog.words.case_verdicts import miss_of_card
from services.catalog.words.names import NameBook, names_for
from services.catalog.words.times import day_title
from services.domain.intake.visible_text import LINES, visible
from services.domain.plan.plan import Plan, Promise, SupervisionStep, Title
from services.domain.results.cards import WHOLE
from services.domain.time.zone import Instant, Zone
from services.ledger.order_book import Order

_STEPS_ZH = {SupervisionStep.REMINDER: "提醒", SupervisionStep.URGING: "催办", SupervisionStep.ORDER: "督办"}
_STEPS_EN = {SupervisionStep.REMINDER: "reminded", SupervisionStep.URGING: "urged", SupervisionStep.ORDER: "ordered"}
"""What an order says was done before. A 通报 that is only proposed is between the operations centre and nobody else."""


_MOST_ZH, _MOST_EN = 300, 900
"""Characters that one page holds in the usual type."""


class OrderText(NamedTuple):
    """The parts of an order, as they are printed."""

    lang: str
    office: str
    """Who signs it: the red head (发文机关标志), and above the date (落款)."""
    number: str
    """发文字号."""
    title: str
    to: str
    """主送机关."""
    paragraphs: tuple[str, ...]
    date: str
    """成文日期."""
    record: str
    """Where it is in the ledger."""

    @property
    def is_long(self) -> bool:
        """Whether it needs a smaller type, so that it is one page (the standard allows that)."""
        return sum(map(len, self.paragraphs)) > (_MOST_ZH if self.lang == "zh" else _MOST_EN)


def order_page(order: Order, plan: Plan, style: str = "") -> str:
    """The page as HTML. `style`: address of its style sheet (`page_style`); empty: the page needs nothing beside it."""
    return page_of(order_text(order, plan), style)


def page_of(text: OrderText, style: str = "") -> str:
    """A text as a page, as in `order_page`."""
    return templates().get_template("order.html").render(text=text, style=style)


def page_style() -> str:
    """The style sheet of these pages."""
    return templates().get_template("order.css").render()


def order_text(order: Order, plan: Plan) -> OrderText:
    """The parts of an order, in the language of the plan."""
    promise = next((one for one in plan.promises if one.id == order.step.key.kpi), None)
    make = _english if plan.head.language not in ("", "zh") else _chinese
    return make(order, plan, promise)


def _chinese(order: Order, plan: Plan, promise: Promise | None) -> OrderText:
    step, head = order.step, plan.head
    unit = plan.units[step.unit].title.zh if step.unit in plan.units else step.unit
    what = promise.title.zh if promise is not None else step.key.kpi
    node = f"“{_node(order, plan, promise).zh}”环节" if step.key.node != WHOLE else ""
    due = f"，应于{time_zh(step.due_at)}前完成" if step.due_at else "，不符合方案要求"
    miss = miss_of_card(promise, step.key.node, step.due_at)
    broken = "已超期" if miss == "超期" else "不符合方案要求"
    earlier = "、".join(_STEPS_ZH[one] for one in order.before if one in _STEPS_ZH)
    after = f"经{earlier}，" if earlier else ""
    number = f"（{head.number}）" if head.number else ""
    clause = f"：“{promise.clause}”" if promise is not None else ""
    answer = f"请于{time_zh(order.answer_by)}前"
    return OrderText(
        lang="zh",
        office=head.supervision.office.zh,
        number=order.written(plan),
        title=f"关于督办“{what}”{miss}办件的通知",
        to=f"{unit}：",
        paragraphs=(
            f"你单位承办的下列办件{broken}，{after}仍未办结，现予督办。",
            f"一、督办事项。{what}（{step.key.kpi}）{node}，办件编号{_subject(order)}{due}。该办件于"
            f"{day_zh(step.raised_at)}被亮红牌，至{day_zh(step.at)}已满{step.days}个工作日。",
            f"二、督办依据。《{head.title.zh}》{number}{clause}。",
            f"三、办理要求。{answer}书面回告办理进展、未办结原因和预计办结日期；"
            "有正当理由的，一并说明。办结后予以销号。",
        ),
        date=written_zh(order.recorded_at, Zone(head.timezone)),
        record=f"台账第{order.record}号记录",
    )


def _english(order: Order, plan: Plan, promise: Promise | None) -> OrderText:
    step, head = order.step, plan.head
    unit = plan.units[step.unit].title.en if step.unit in plan.units else step.unit
    what = promise.title.en if promise is not None else step.key.kpi
    node = f", node “{_node(order, plan, promise).en}”" if step.key.node != WHOLE else ""
    due = f", was due on {time_en(step.due_at)}" if step.due_at else " breaks a rule"
    earlier = " and ".join(_STEPS_EN[one] for one in order.before if one in _STEPS_EN)
    after = f" You were {earlier}." if earlier else ""
    clause = f": “{promise.clause}”" if promise is not None else ""
    return OrderText(
        lang="en",
        office=head.supervision.office.en,
        number=order.written(plan),
        title=f"Order about a late case: {what}",
        to=f"{unit}:",
        paragraphs=(
            f"The case below is late and not completed.{after}",
            f"1. Matter. {what} ({step.key.kpi}){node}: case {_subject(order)}{due}. Its red card is of "
            f"{day_en(step.raised_at)}; {step.days} working days had passed on {day_en(step.at)}.",
            f"2. Basis. {head.title.en}{clause}.",
            f"3. What is asked. Complete the case, and answer in writing by {time_en(order.answer_by)}: how far it "
            "is, why it is not completed, and on which day it will be. State your reasons where you have good ones. "
            "The matter is closed once the case is completed.",
        ),
        date=day_en(Zone(head.timezone).text(order.recorded_at)),
        record=f"record {order.record} of the ledger",
    )


def _node(order: Order, plan: Plan, promise: Promise | None) -> Title:
    book = names_for(promise, plan) if promise is not None else NameBook(plan)
    return book.node(order.step.key.node)


def _subject(order: Order) -> str:
    """The number of the case, without the source that keeps it."""
    return order.step.key.case.partition(" ")[2] or order.step.key.case


def _is_end_of_day(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second) == (23, 59, 59)


def time_zh(written: str) -> str:
    """`2021年10月15日24时`, of RFC 3339."""
    moment = datetime.fromisoformat(written)
    if _is_end_of_day(moment):
        return f"{day_zh(written)}24时"
    return f"{day_zh(written)}{moment.hour}时" + (f"{moment.minute}分" if moment.minute else "")


def day_zh(written: str) -> str:
    """`2021年10月15日`."""
    return day_title(datetime.fromisoformat(written)).zh


def written_zh(instant: Instant, zone: Zone) -> str:
    """As the standard wants it: in Arabic figures, without leading zeros."""
    return day_zh(zone.text(instant))


def time_en(written: str) -> str:
    """`15 October 2021, 24:00`."""
    moment = datetime.fromisoformat(written)
    return f"{day_en(written)}, {'24:00' if _is_end_of_day(moment) else f'{moment:%H:%M}'}"


def day_en(written: str) -> str:
    """`15 October 2021`."""
    day = datetime.fromisoformat(written)
    return f"{day.day} {day:%B %Y}"


def _seen(value: object) -> object:
    """Escaped for HTML, bidi marks and their like would still bite."""
    return visible(value, keep=LINES) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def templates() -> Environment:
    """The templates of printed pages."""
    return Environment(
        loader=PackageLoader("services.ledger"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
