"""A 通报 that was issued, as a page to print: in the form of a written order (`order_page`)."""

from typing import NamedTuple

from services.catalog.words.case_verdicts import miss_of_card
from services.catalog.words.unit_names import unit_title
from services.domain.plan.plan import Plan
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Zone
from services.ledger.order_page import OrderText, day_en, day_zh, time_en, time_zh
from services.messaging.records.ledger import LedgerRecord
from services.messaging.records.steps import RecordedStep


class IssuedCircular(NamedTuple):
    """A 通报: what it is about, and the decision to issue it."""

    step: RecordedStep
    decision: LedgerRecord
    units: tuple[str, ...]
    """To whom it was issued; at least the unit that it is about."""


def circular_text(circular: IssuedCircular, plan: Plan) -> OrderText:
    """The parts of a 通报, in the language of the plan."""
    return (_english if plan.head.language not in ("", "zh") else _chinese)(circular, plan)


def _chinese(circular: IssuedCircular, plan: Plan) -> OrderText:
    step, head, record = circular.step, plan.head, circular.decision
    promise = next((one for one in plan.promises if one.key == step.key.kpi), None)
    what = promise.title.zh if promise is not None else step.key.kpi
    clause = f"：“{promise.clause}”" if promise is not None else ""
    due = f"，应于{time_zh(step.due_at)}前完成" if step.due_at else "，不符合方案要求"
    number = f"（{head.number}）" if head.number else ""
    return OrderText(
        lang="zh",
        office=head.supervision.office.zh,
        number=f"台账第{record.number}号",
        title=f"关于“{what}”{miss_of_card(promise, step.key.node, step.due_at)}办件的通报",
        to="各有关单位：",
        paragraphs=(
            f"{unit_title(step.unit, plan).zh}承办的办件{_subject(step)}{due}。"
            f"该办件于{day_zh(step.raised_at)}被亮红牌，经督办，至{day_zh(step.at)}满{step.days}个工作日仍未办结，现予通报。",
            f"《{head.title.zh}》{number}要求{clause}。",
            "请承办单位尽快办结，并书面报告原因和整改措施；请各单位引以为戒，按期兑现承诺。",
            f"发送单位：{'、'.join(unit_title(unit, plan).zh for unit in circular.units)}。",
        ),
        date=day_zh(Zone(head.timezone).text(read(record.time))),
        record=f"台账第{record.number}号记录",
    )


def _english(circular: IssuedCircular, plan: Plan) -> OrderText:
    step, head, record = circular.step, plan.head, circular.decision
    promise = next((one for one in plan.promises if one.key == step.key.kpi), None)
    what = promise.title.en if promise is not None else step.key.kpi
    clause = f": “{promise.clause}”" if promise is not None else ""
    due = f", which was due on {time_en(step.due_at)}," if step.due_at else ", which breaks a rule,"
    return OrderText(
        lang="en",
        office=head.supervision.office.en,
        number=f"Record {record.number}",
        title=f"Circular about a late case: {what}",
        to="To all units concerned:",
        paragraphs=(
            f"Case {_subject(step)} of {unit_title(step.unit, plan).en}{due} turned red on {day_en(step.raised_at)}. A "
            f"written order was sent; {step.days} working days had passed on {day_en(step.at)}. It is not completed.",
            f"Basis: {head.title.en}{clause}.",
            "The unit completes the case and reports in writing why it is late and what it changes. All units keep "
            "their promises in time.",
            f"Issued to: {', '.join(unit_title(unit, plan).en for unit in circular.units)}.",
        ),
        date=day_en(Zone(head.timezone).text(read(record.time))),
        record=f"record {record.number} of the ledger",
    )


def _subject(step: RecordedStep) -> str:
    return step.key.case.partition(" ")[2] or step.key.case
