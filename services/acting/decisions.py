"""What each decision of the operations centre becomes: a record of the ledger, and the event that follows from it.

It knows no broker, no terminal and no page.
"""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from services.acting.matters import Shown, promise_words
from services.acting.refused import ActRefused
from services.catalog.words.assignments import ASSIGNED_FOR
from services.catalog.words.unit_names import unit_title
from services.domain.intake.facts import FactType, case_key
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import CasePromise, Plan, Strength, SupervisionStep, id_of
from services.domain.time.limits import Limit
from services.explanation.words import outcome_word
from services.messaging.records.decisions import About, Decision, Matter, event_of, sent_again_by, struck_out
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord
from services.messaging.records.steps import RecordedStep

CONFIRMED = FactType.CASE_CONFIRMED.event_type
JUSTIFIED = FactType.CASE_JUSTIFIED.event_type
EXTENDED = FactType.CASE_EXTENDED.event_type


def on_late_entry(shown: Shown, accepts: bool, by: str, judge: Judge) -> Decision:
    """Confirm a late entry, or reject it. ActRefused where there is none, and none was ever decided on."""
    decided = [fact for fact in shown.facts if fact.type == FactType.CASE_CONFIRMED]
    if shown.judgement.outcome is not Outcome.LATE_ENTRY and not decided:
        named = promise_words(shown.matter.kpi, judge)
        word = outcome_word(shown.judgement.outcome, judge.kinds[shown.matter.kpi].promise)
        raise ActRefused(
            f"该办件在承诺{named.zh}下没有待认定的逾期补录：判定为{word.zh}",
            f"the promise {named.en} has no late entry in this case: the verdict is {word.en}",
        )
    answer = "accepted" if accepts else "rejected"
    data = {"kpi": id_of(shown.matter.kpi), "decision": answer, **shown.about()}
    return Decision(shown.matter, About.LATE_ENTRY, answer, by, CONFIRMED, data)


def on_reason(shown: Shown, accepts: bool, by: str, judge: Judge) -> Decision:
    """Accept a reason for a miss, or reject it. ActRefused where the promise knows none."""
    promise = judge.kinds[shown.matter.kpi].promise
    if not isinstance(promise, CasePromise) or promise.strength is not Strength.SOFT:
        named = promise_words(shown.matter.kpi, judge)
        raise ActRefused(
            f"承诺{named.zh}不接受理由：只有“原则上”的承诺可以说明理由",
            f"the promise {named.en} knows no accepted reasons: only soft promises (原则上) do (rule 10)",
        )
    word = "accepted" if accepts else "rejected"
    data = {"kpi": promise.id, "decision": word, **shown.about()}
    reason = _given_reason(shown, promise.id)
    return Decision(shown.matter, About.REASON, word, by, JUSTIFIED, {**data, "reason": reason} if reason else data)


def _given_reason(shown: Shown, promise: str) -> str:
    """The code of the reason that was given last; empty without one."""
    given = [
        str(fact.data["reason"])
        for fact in shown.facts
        if fact.type == FactType.CASE_JUSTIFIED and fact.data["kpi"] == promise and "reason" in fact.data
    ]
    return given[-1] if given else ""


def on_extension(shown: Shown, grant: Limit | None, by: str) -> Decision:
    """Grant an extension, or refuse it. ActRefused where none can be granted."""
    if grant is None:
        return Decision(shown.matter, About.EXTENSION, "refused", by)
    if shown.period is not None or not shown.is_latest:
        raise ActRefused(
            "只能就该办件的最近一次办理准予延期", "an extension is granted in the last cycle of a case only"
        )
    data = {"limit": grant.model_dump(mode="json"), "authority": by}
    return Decision(shown.matter, About.EXTENSION, "granted", by, EXTENDED, data)


def on_withdrawal(record: LedgerRecord, by: str) -> Decision:
    """Strike out an earlier decision. ActRefused where the record is none, or has no event; an assignment has none, and
    is taken back all the same."""
    number = record.number
    is_assignment = record.request.body.get("about") == About.ASSIGNMENT
    earlier = _decision_of(record)
    if earlier is None or not (is_assignment or _has_event(record)):
        raise ActRefused(
            f"第{number}号记录不是可以撤销的决定",
            f"record {number} is no decision that has an event: nothing can be withdrawn",
        )
    if earlier.about is About.WITHDRAWAL:
        raise ActRefused(
            f"第{number}号记录本身是撤销：请重新作出决定", f"record {number} is a withdrawal: decide again instead"
        )
    event_type, data = ("", {}) if is_assignment else struck_out(number)
    return Decision(earlier.matter, About.WITHDRAWAL, "withdrawn", by, event_type, data, number)


def on_not_in_force(record: LedgerRecord, outcome: LedgerRecord | None, by: str) -> Decision:
    """Let the event of a decision be sent again, or that of a request of a unit: that it gave a reason, or takes that
    back. ActRefused unless the gateway has refused it.

    `outcome`: the latest."""
    number = record.number
    is_refused = outcome is not None and outcome.request.kind is Kind.NOT_IN_FORCE
    earlier = _sent_by(record)
    if not is_refused or earlier is None or sent_again_by(record) is not None or not _has_event(record):
        raise ActRefused(
            f"第{number}号记录不是未生效的决定：没有可以重新送达的",
            f"record {number} is no decision that the gateway has refused: nothing is sent again",
        )
    return Decision(earlier.matter, earlier.about, earlier.decision, by, again=number)


def _decision_of(record: LedgerRecord) -> Decision | None:
    """None: it is no decision, or none that can be read."""
    try:
        return Decision.read(record) if record.request.kind is Kind.DECIDED else None
    except Unreadable:
        return None


def _sent_by(record: LedgerRecord) -> Decision | None:
    """The decision of a record, or a request of a unit as one; None: it is neither."""
    if record.request.kind is not Kind.ASKED:
        return _decision_of(record)
    try:
        return Decision(Matter.read(record.request.body), About(str(record.request.body.get("about"))), "requested", "")
    except (Unreadable, ValueError):
        return None


class Assignment(NamedTuple):
    """What a unit is to do (交办)."""

    unit: str
    why: str
    """A code of `ASSIGNED_FOR`."""
    until: date
    """The last day on which it is to answer."""


def on_assignment(shown: Shown, assignment: Assignment, by: str, plan: Plan) -> Decision:
    """Let a unit answer for a case (交办), beside the one that holds it. ActRefused where the plan has no such unit."""
    unit, why, until = assignment
    if unit not in plan.units:
        raise ActRefused("请在列表中选择单位", "choose a unit of the list", "to")
    if why not in ASSIGNED_FOR:
        raise ActRefused("请在列表中选择交办原因", "choose a reason of the list", "why")
    return Decision(shown.matter, About.ASSIGNMENT, "assigned", by, to=unit, why=why, until=until.isoformat())


def on_circular(record: LedgerRecord, units: Collection[str], by: str, plan: Plan) -> Decision:
    """Issue a 通报 that was proposed to these units; to none: do not issue it. ActRefused where the record proposes
    none, the plan has no such unit, or the unit that it is about is not among them."""
    number, step = record.number, _proposal(record)
    if step is None:
        raise ActRefused(f"第{number}号记录没有提出通报建议", f"record {number} proposes no circular")
    if not set(units) <= set(plan.units):
        raise ActRefused("请在列表中选择单位", "choose units of the list", "units")
    if units and step.unit in plan.units and step.unit not in units:
        named = unit_title(step.unit, plan)
        raise ActRefused(
            f"通报须发给承办单位{named.zh}", f"a circular goes to the unit that it is about, too: {named.en}", "units"
        )
    owner, _, subject = step.key.case.partition(" ")
    matter = Matter(step.key.kpi, case_key(owner, subject), step.key.cycle)
    ordered = tuple(unit for unit in plan.units if unit in units)
    return Decision(matter, About.CIRCULAR, "issued" if units else "not_issued", by, step=number, units=ordered)


def _proposal(record: LedgerRecord) -> RecordedStep | None:
    try:
        step = RecordedStep.read(record.request) if record.request.kind is Kind.STEP else None
    except Unreadable:
        return None
    return step if step is not None and step.step is SupervisionStep.CIRCULAR else None


def units_concerned(step: RecordedStep, plan: Plan) -> tuple[str, ...]:
    """各有关单位, to whom a 通报 is issued unless the operations centre chooses others: the unit that has the case, and
    those that the plan names for the promise, as lead or as responsible. In the order of the plan."""
    promise = next((each for each in plan.promises if each.key == step.key.kpi), None)
    named = {step.unit} if promise is None else {step.unit, *promise.lead, *promise.responsible}
    return tuple(unit for unit in plan.units if unit in named)


def _has_event(record: LedgerRecord) -> bool:
    try:
        return event_of(record) is not None
    except Unreadable:
        return False


def effect_of(decision: Decision) -> str:
    """What a decision does, in words."""
    if decision.again is not None:
        number = decision.again
        return f"重新送达第{number}号决定，仍自该决定登记之时起生效 / the event of record {number} is sent again"
    return _EFFECTS[decision.about, decision.decision]


_EFFECTS = {
    (About.LATE_ENTRY, "accepted"): "补录予以认定：该办件按补录内容计入；此后到达的补录须另行认定 / "
    "the late entry counts; what arrives later needs a decision of its own",
    (About.LATE_ENTRY, "rejected"): "补录不予认定：补录内容不计入分子 / the late entry stays outside the numerator",
    (About.REASON, "accepted"): "理由成立：该办件不计入分母 / the case leaves the denominator",
    (About.REASON, "rejected"): "理由不成立：亮红牌 / the reason is rejected: a red card, once the limit has passed",
    (About.EXTENSION, "granted"): "准予延期：自本决定登记之时起生效 / the extension counts from its record on",
    (About.EXTENSION, "refused"): "不予延期 / the limit stays",
    (About.ASSIGNMENT, "assigned"): "交办：该单位可以签收、回告 / the unit may answer",
    (About.CIRCULAR, "issued"): "印发通报 / the circular is issued",
    (About.CIRCULAR, "not_issued"): "不予通报 / no circular is issued",
    (About.WITHDRAWAL, "withdrawn"): "撤销原决定：视同未作出 / the earlier decision is struck out",
}
