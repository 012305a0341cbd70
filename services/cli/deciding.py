"""What each decision of the operations centre becomes: a record of the ledger, and the event that follows from it.

It knows no broker and no terminal.
"""

from services.cli.case_matters import Shown
from services.cli.failure import INPUT_HAS_ERRORS, Failure
from services.domain.intake.facts import FactType
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import CasePromise, Strength, id_of
from services.domain.time.limits import Limit
from services.messaging.records.decisions import About, Decision, event_of, sent_again_by, struck_out
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord

CONFIRMED = FactType.CASE_CONFIRMED.event_type
JUSTIFIED = FactType.CASE_JUSTIFIED.event_type
EXTENDED = FactType.CASE_EXTENDED.event_type


def on_late_entry(shown: Shown, accepts: bool, by: str) -> Decision:
    """Confirm a late entry, or reject it. Failure where there is none, and none was ever decided on."""
    decided = [fact for fact in shown.facts if fact.type == FactType.CASE_CONFIRMED]
    if shown.judgement.outcome is not Outcome.LATE_ENTRY and not decided:
        raise Failure(
            f"{shown.matter.kpi} has no late entry in this case: the verdict is {shown.judgement.outcome}",
            INPUT_HAS_ERRORS,
        )
    word = "accepted" if accepts else "rejected"
    data = {"kpi": id_of(shown.matter.kpi), "decision": word, **shown.about()}
    return Decision(shown.matter, About.LATE_ENTRY, word, by, CONFIRMED, data)


def on_reason(shown: Shown, accepts: bool, by: str, judge: Judge) -> Decision:
    """Accept a reason for a miss, or reject it. Failure where the promise knows none."""
    promise = judge.kinds[shown.matter.kpi].promise
    if not isinstance(promise, CasePromise) or promise.strength is not Strength.SOFT:
        raise Failure(
            f"{shown.matter.kpi} knows no accepted reasons: only soft promises (原则上) do (rule 10)", INPUT_HAS_ERRORS
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
    """Grant an extension, or refuse it. Failure where none can be granted."""
    if grant is None:
        return Decision(shown.matter, About.EXTENSION, "refused", by)
    if shown.period is not None or not shown.is_latest:
        raise Failure("an extension is granted in the last cycle of a case only", INPUT_HAS_ERRORS)
    data = {"limit": grant.model_dump(mode="json"), "authority": by}
    return Decision(shown.matter, About.EXTENSION, "granted", by, EXTENDED, data)


def on_withdrawal(record: LedgerRecord, by: str) -> Decision:
    """Strike out an earlier decision. Failure where the record is none, or has no event."""
    number = record.number
    if record.request.kind is not Kind.DECIDED or not _has_event(record):
        raise Failure(f"record {number} is no decision that has an event: nothing can be withdrawn", INPUT_HAS_ERRORS)
    earlier = Decision.read(record)
    if earlier.about is About.WITHDRAWAL:
        raise Failure(f"record {number} is a withdrawal: decide again instead", INPUT_HAS_ERRORS)
    event_type, data = struck_out(number)
    return Decision(earlier.matter, About.WITHDRAWAL, "withdrawn", by, event_type, data, number)


def on_not_in_force(record: LedgerRecord, outcome: LedgerRecord | None, by: str) -> Decision:
    """Let the event of a decision be sent again. Failure unless the gateway has refused it. `outcome`: the latest."""
    number = record.number
    is_refused = outcome is not None and outcome.request.kind is Kind.NOT_IN_FORCE
    if not is_refused or sent_again_by(record) is not None or not _has_event(record):
        raise Failure(f"record {number} is no decision that the gateway has refused: nothing is sent again",
                      INPUT_HAS_ERRORS)  # fmt: skip
    earlier = Decision.read(record)
    return Decision(earlier.matter, earlier.about, earlier.decision, by, again=number)


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
    (About.LATE_ENTRY, "accepted"): "认定补录属实：该办件按补录内容计入；此后到达的补录须另行认定 / "
    "the late entry counts; what arrives later needs a decision of its own",
    (About.LATE_ENTRY, "rejected"): "不予认定：补录内容不计入分子 / the late entry stays outside the numerator",
    (About.REASON, "accepted"): "理由成立：该办件不计入分母 / the case leaves the denominator",
    (About.REASON, "rejected"): "理由不成立：亮红牌 / the reason is rejected: a red card, once the limit has passed",
    (About.EXTENSION, "granted"): "准予延期：自本决定记录之时起生效 / the extension counts from its record on",
    (About.EXTENSION, "refused"): "不予延期 / the limit stays",
    (About.WITHDRAWAL, "withdrawn"): "撤销原决定：视同未作出 / the earlier decision is struck out",
}
