"""The acts of the desk, one description each: its name, who does it, what it asks, when it is open, what it becomes.

Pure: it knows no request and no page. The records are made by `services/acting`, as those of the command line.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Final, NamedTuple

from services.acting import statements
from services.acting.decisions import (
    Assignment,
    on_assignment,
    on_extension,
    on_late_entry,
    on_not_in_force,
    on_reason,
    on_withdrawal,
)
from services.acting.refused import ActRefused
from services.acting.statements import Speaker, day_of, takes_reasons
from services.catalog.words.assignments import ASSIGNED_FOR, OTHER
from services.catalog.words.names import names_for
from services.catalog.words.times import day_title
from services.catalog.words.unit_names import unit_title
from services.desk.access import Access, Viewer
from services.desk.acting.fields import Choice, Field, Filled
from services.desk.acting.record_lines import what_of
from services.desk.acting.requests import (
    decisions_to_send_again,
    decisions_to_withdraw,
    open_requests,
    outcomes_of,
)
from services.desk.acting.situation import Situation
from services.domain.intake.facts import FactType
from services.domain.judging.judgement import MISSES, Outcome
from services.domain.plan.plan import Title
from services.domain.time.limits import Limit, LimitUnit
from services.messaging.records.decisions import About, Decision, Statement
from services.messaging.records.ledger import LedgerRecord

LONGEST_ACKNOWLEDGEMENT: Final = 3
"""Working days: then a card has to be acknowledged again."""
_LATEST_PROMISED: Final = 366
"""Days: a reply names no later day."""

SEND_AGAIN: Final = "send-again"

Made = Statement | Decision


class Act(NamedTuple):
    """One thing that somebody may do."""

    name: str
    """In addresses."""
    title: Title
    hint: Title
    """What follows from it."""
    button: Title
    access: Access
    fields: Callable[[Situation], tuple[Field, ...]]
    closed: Callable[[Situation], Title | None]
    """Why it is not open; None: it is."""
    made: Callable[[Situation, Viewer, Filled], Made]
    """What is to be recorded, without texts. Raises ActRefused."""
    is_quiet: bool = False
    """It is not named where it is not open: mostly there is nothing to it."""

    @property
    def decides(self) -> bool:
        """Whether it is a decision of the operations centre."""
        return self.access is Access.DECIDE


# ---- fields ----------------------------------------------------------------------------------------------
TEXT: Final = "text"


def _text(label: Title, hint: Title | None = None, *, required: bool = False) -> Field:
    return Field(TEXT, label, "text", hint or _NO_PERSONS, required)


_CHOOSE: Final = Choice("", Title(zh="（请选择）", en="(choose)"))
_NO_PERSONS: Final = Title(
    zh="不写姓名、身份证号、电话。运行中心可以删除这段文字，删除会留下记录。",
    en="No names of people, no identity or phone numbers. The operations centre can erase it; that is recorded.",
)
_REMARK: Final = Title(zh="说明", en="Remark")


def _reason(situation: Situation) -> Field:
    book = names_for(situation.judge.kinds[situation.shown.matter.kpi].promise, situation.judge.plan)
    known = tuple(Choice(code, book.reason(code)) for code in situation.judge.plan.head.reasons)
    choices = (Choice("", Title(zh="（不选）", en="(none)")), *known)
    return Field("reason", Title(zh="理由类别", en="Kind of reason"), "select", None, False, choices)


def _length(situation: Situation, asked: Limit | None, *, required: bool) -> tuple[Field, Field]:
    """Amount and unit of an extension; `asked`: what they begin with."""
    units = (LimitUnit.WORKING_DAYS, LimitUnit.CALENDAR_DAYS, LimitUnit.WORKING_MINUTES, LimitUnit.MINUTES)
    choices = tuple(Choice(unit.value, _UNITS[unit]) for unit in units)
    amount = "" if asked is None else str(asked.amount)
    unit = LimitUnit.WORKING_DAYS.value if asked is None else asked.unit.value
    return (
        Field("amount", Title(zh="延长时间", en="How much longer"), "number", None, required, (), amount),
        Field("unit", Title(zh="计量单位", en="Unit"), "select", None, required, choices, unit),
    )


_UNITS: Final = {
    LimitUnit.WORKING_DAYS: Title(zh="个工作日", en="working days"),
    LimitUnit.CALENDAR_DAYS: Title(zh="日（自然日）", en="calendar days"),
    LimitUnit.WORKING_MINUTES: Title(zh="分钟（办公时间内）", en="minutes of opening time"),
    LimitUnit.MINUTES: Title(zh="分钟", en="minutes"),
}


def _decision(yes: Title, no: Title, words: tuple[str, str] = ("accept", "reject")) -> Field:
    choices = (Choice(words[0], yes), Choice(words[1], no))
    return Field("decision", Title(zh="决定", en="Decision"), "radio", None, True, choices)


def _working_days(situation: Situation) -> Iterator[Choice]:
    zone, calendar = situation.judge.law.zone, situation.judge.law.calendar
    today = zone.day(situation.now)
    for count in range(1, LONGEST_ACKNOWLEDGEMENT + 1):
        day = date.fromordinal(calendar.add_working_days(today, count))
        named, more = day_title(day), "s"[: count - 1]
        label = Title(zh=f"{named.zh}（{count}个工作日）", en=f"{named.en} ({count} working day{more})")
        yield Choice(day.isoformat(), label)


# ---- when an act is open ---------------------------------------------------------------------------------
_DONE: Final = Title(zh="该办件已办结，没有需要回告的红黄牌", en="the case is closed: there is no card to answer")
_NO_CARD: Final = Title(zh="该办件没有未解除的红黄牌", en="the case has no active card")
_ASKED: Final = Title(zh="已申请，等待运行中心决定", en="it is asked for already, and waits for the operations centre")
_HARD: Final = Title(
    zh="只有“原则上”的承诺可以说明理由", en="only soft promises (原则上) know reasons for missing them"
)
_NOT_ASKED: Final = Title(zh="没有待决定的申请", en="nobody has asked for it")


def _no_card(situation: Situation) -> Title | None:
    if not situation.is_running:
        return _DONE
    return None if situation.has_card else _NO_CARD


def _no_reason_to_give(situation: Situation) -> Title | None:
    if not takes_reasons(situation.shown, situation.judge):
        return _HARD
    if not situation.is_running and situation.shown.judgement.outcome not in MISSES:
        return Title(zh="该办件未超期，无需说明理由", en="the case is not late: no reason is needed")
    return _ASKED if situation.request(About.REASON) else None


def _no_extension_to_ask(situation: Situation) -> Title | None:
    if not situation.is_running:
        return _DONE
    if situation.shown.period is not None or not situation.shown.is_latest:
        return Title(zh="只能就该办件的最近一次办理申请延期", en="an extension is for the last cycle of a case only")
    return _ASKED if situation.request(About.EXTENSION) else None


def _no_reason_to_decide(situation: Situation) -> Title | None:
    if not takes_reasons(situation.shown, situation.judge):
        return _HARD
    given = any(fact.type == FactType.CASE_JUSTIFIED for fact in situation.shown.facts)
    return None if given or situation.request(About.REASON) else _NOT_ASKED


def _no_extension_to_decide(situation: Situation) -> Title | None:
    return None if situation.request(About.EXTENSION) else _NOT_ASKED


def _no_late_entry(situation: Situation) -> Title | None:
    decided = any(fact.type == FactType.CASE_CONFIRMED for fact in situation.shown.facts)
    if situation.shown.judgement.outcome is Outcome.LATE_ENTRY or decided:
        return None
    return Title(zh="没有待认定的逾期补录", en="there is no late entry")


def _nothing_to_assign(situation: Situation) -> Title | None:
    return None if situation.is_running else _DONE


# ---- what it becomes -------------------------------------------------------------------------------------
def _speaker(viewer: Viewer) -> Speaker:
    return Speaker(viewer.unit, viewer.account)


def _acknowledged(situation: Situation, viewer: Viewer, filled: Filled) -> Statement:
    until = day_of(filled["until"])
    if filled["until"] not in {each.value for each in _working_days(situation)}:
        raise ActRefused("请在列表中选择日期", "choose a day of the list", "until")
    return statements.acknowledgement(situation.shown, _speaker(viewer), until)


def _replied(situation: Situation, viewer: Viewer, filled: Filled) -> Statement:
    until = _coming_day(situation, filled["until"]) if filled["until"] else None
    if until is None and not filled[TEXT]:
        raise ActRefused("请填办理情况，或预计办结日期", "write what is done, or by which day it will be", TEXT)
    return statements.reply(situation.shown, _speaker(viewer), until)


def _justified(situation: Situation, viewer: Viewer, filled: Filled) -> Statement:
    if not filled["reason"] and not filled[TEXT]:
        raise ActRefused("请选择理由类别，或写明理由", "choose a kind of reason, or write it", "reason")
    return statements.justification(situation.shown, _speaker(viewer), filled["reason"] or None, situation.judge)


def _extension_asked(situation: Situation, viewer: Viewer, filled: Filled) -> Statement:
    limit, code = _limit(filled), filled["reason"] or None
    return statements.extension_request(situation.shown, _speaker(viewer), limit, code, situation.judge)


def _limit(filled: Filled) -> Limit:
    """Raises ActRefused."""
    amount = filled["amount"]
    try:
        limit = Limit(
            amount=int(amount) if amount.isascii() and amount.isdecimal() else 0, unit=LimitUnit(filled["unit"])
        )
    except ValueError:  # longer than a century
        limit = None
    if limit is None or limit.amount == 0:
        raise ActRefused(
            "请填大于0的整数，延长时间不超过100年", "write a number above 0, of no more than a century", "amount"
        )
    return limit


def _reason_decided(situation: Situation, viewer: Viewer, filled: Filled) -> Decision:
    return on_reason(situation.shown, filled["decision"] == "accept", viewer.account, situation.judge)


def _late_entry_decided(situation: Situation, viewer: Viewer, filled: Filled) -> Decision:
    return on_late_entry(situation.shown, filled["decision"] == "accept", viewer.account, situation.judge)


def _extension_decided(situation: Situation, viewer: Viewer, filled: Filled) -> Decision:
    granted = _limit(filled) if filled["decision"] == "grant" else None
    return on_extension(situation.shown, granted, viewer.account)


def _assigned(situation: Situation, viewer: Viewer, filled: Filled) -> Decision:
    if filled["why"] == OTHER and not filled[TEXT]:
        raise ActRefused("请写明交办原因", "write why", TEXT)
    assignment = Assignment(filled["to"], filled["why"], _coming_day(situation, filled["until"]))
    return on_assignment(situation.shown, assignment, viewer.account, situation.judge.plan)


def _coming_day(situation: Situation, written: str) -> date:
    """Today or a later day. Raises ActRefused."""
    day = day_of(written)
    today = situation.judge.law.zone.day(situation.now)
    if not today <= day.toordinal() <= today + _LATEST_PROMISED:
        raise ActRefused("请填今天或以后一年内的日期", "write today or a day within a year", "until")
    return day


# ---- what is taken back, or sent again -------------------------------------------------------------------
def _record_field(records: Iterable[LedgerRecord], label: Title) -> Field:
    """Which of some records is meant."""
    choices = tuple(Choice(str(each.number), _record_words(each)) for each in records)
    return Field("of", label, "select", None, True, choices if len(choices) == 1 else (_CHOOSE, *choices))


def _record_words(record: LedgerRecord) -> Title:
    what, by = what_of(record) or Title(zh="", en=""), record.request.body.get("by", "")
    return Title(zh=f"第{record.number}号：{what.zh}（{by}）", en=f"No. {record.number}: {what.en} ({by})")


def _record(situation: Situation, number: str) -> LedgerRecord:
    return next(each for each in situation.known.records if str(each.number) == number)


def _open_requests(situation: Situation) -> list[LedgerRecord]:
    return open_requests(situation.known.records).every


def _no_request_to_withdraw(situation: Situation) -> Title | None:
    if _open_requests(situation):
        return None
    return Title(zh="没有待决定的申请可以撤回", en="there is no request that waits and could be taken back")


def _request_withdrawn(situation: Situation, viewer: Viewer, filled: Filled) -> Statement:
    record = _record(situation, filled["of"])
    units, asked = situation.judge.law.units, record.request.unit
    if viewer.unit not in (asked, units.at(asked, situation.now)):
        named = unit_title(asked, situation.judge.plan)
        raise ActRefused(f"该申请由{named.zh}提出，只能由其撤回", f"only {named.en}, who made it, takes it back", "of")
    return statements.withdrawal(situation.shown, _speaker(viewer), record, situation.known.number)


def _no_decision_to_withdraw(situation: Situation) -> Title | None:
    if decisions_to_withdraw(situation.known.records):
        return None
    return Title(zh="没有可以撤销的决定", en="there is no decision that could be withdrawn")


def _decision_withdrawn(situation: Situation, viewer: Viewer, filled: Filled) -> Decision:
    return on_withdrawal(_record(situation, filled["of"]), viewer.account)


def _no_decision_to_send(situation: Situation) -> Title | None:
    if decisions_to_send_again(situation.known.records):
        return None
    return Title(zh="没有需要重新送达的决定", en="there is no decision to send again")


def _decision_sent_again(situation: Situation, viewer: Viewer, filled: Filled) -> Decision:
    record = _record(situation, filled["of"])
    outcome = outcomes_of(situation.known.records).get(record.number)
    return on_not_in_force(record, outcome, viewer.account)


# ---- the acts --------------------------------------------------------------------------------------------
_ASSIGNED_FOR: Final = Field(
    "why",
    Title(zh="交办原因", en="Why"),
    "select",
    choices=(_CHOOSE, *(Choice(code, name) for code, name in ASSIGNED_FOR.items())),
)


def _units(situation: Situation) -> Field:
    plan = situation.judge.plan
    choices = tuple(Choice(id, unit.title) for id, unit in plan.units.items() if unit.effective_to is None)
    return Field("to", Title(zh="办理单位", en="Which unit is to answer"), "select", None, True, (_CHOOSE, *choices))


def _asked_limit(situation: Situation) -> Limit | None:
    record = situation.request(About.EXTENSION)
    asked = None if record is None else record.request.body.get("limit")
    return Limit.model_validate(asked) if isinstance(asked, dict) else None


ACTS: Final = (
    Act(
        "acknowledge",
        Title(zh="签收", en="Acknowledge"),
        Title(
            zh="表示已知悉，不停止计时。到期后需重新签收。",
            en="It says that the card was read, and stops nothing. After that day it has to be acknowledged again.",
        ),
        Title(zh="签收", en="Acknowledge"),
        Access.ACT,
        lambda situation: (
            Field("until", Title(zh="有效至", en="Holds until"), "select", None, True, tuple(_working_days(situation))),
        ),
        _no_card,
        _acknowledged,
    ),
    Act(
        "reply",
        Title(zh="回告", en="Reply"),
        Title(
            zh="写明办理情况。写明预计办结日期的，督办计时最多暂停方案规定的天数，一次有效。",
            en="Say what is done. A reply that names a day of completion stops the count of supervision once, for as "
            "many days as the plan allows.",
        ),
        Title(zh="提交回告", en="Send the reply"),
        Access.ACT,
        lambda situation: (
            _text(Title(zh="办理情况", en="What is done")),
            Field("until", Title(zh="预计办结日期", en="Will be completed by"), "day", None, False),
        ),
        _no_card,
        _replied,
    ),
    Act(
        "reason",
        Title(zh="说明理由", en="Give a reason"),
        Title(
            zh="自登记时起视为已说明；是否成立由运行中心决定。",
            en="It counts as given from its record on; the operations centre decides whether it is accepted.",
        ),
        Title(zh="提交理由", en="Send the reason"),
        Access.ACT,
        lambda situation: (_reason(situation), _text(Title(zh="理由", en="The reason"))),
        _no_reason_to_give,
        _justified,
    ),
    Act(
        "extension",
        Title(zh="申请延期", en="Ask for an extension"),
        Title(
            zh="运行中心准予后才延期；期限届满后准予的，不改变已亮的红牌。",
            en="There is none until the operations centre grants it. One that is granted after the limit clears no red "
            "card.",
        ),
        Title(zh="提交申请", en="Send the request"),
        Access.ACT,
        lambda situation: (
            *_length(situation, None, required=True),
            _reason(situation),
            _text(Title(zh="延期原因", en="Why")),
        ),
        _no_extension_to_ask,
        _extension_asked,
    ),
    Act(
        "decide-reason",
        Title(zh="决定理由是否成立", en="Decide on the reason"),
        Title(
            zh="成立：该办件不计入分母。不成立：期限届满后亮红牌。",
            en="Accepted: the case leaves the denominator. Rejected: a red card, once the limit has passed.",
        ),
        Title(zh="作出决定", en="Decide"),
        Access.DECIDE,
        lambda situation: (
            _decision(Title(zh="理由成立", en="Accept the reason"), Title(zh="理由不成立", en="Reject the reason")),
            _text(_REMARK),
        ),
        _no_reason_to_decide,
        _reason_decided,
    ),
    Act(
        "decide-extension",
        Title(zh="决定是否延期", en="Decide on the extension"),
        Title(
            zh="准予：自登记时起生效。不予：原期限不变。",
            en="Granted: it counts from its record on. Refused: the limit stays.",
        ),
        Title(zh="作出决定", en="Decide"),
        Access.DECIDE,
        lambda situation: (
            _decision(
                Title(zh="准予延期", en="Grant it"), Title(zh="不予延期", en="Refuse it"), words=("grant", "refuse")
            ),
            *_length(situation, _asked_limit(situation), required=False),
            _text(_REMARK),
        ),
        _no_extension_to_decide,
        _extension_decided,
    ),
    Act(
        "decide-late-entry",
        Title(zh="认定逾期补录", en="Decide on the late entry"),
        Title(
            zh="予以认定：按补录内容计入。不予认定：补录内容不计入分子。此后到达的补录须另行认定。",
            en="Confirmed: it counts as reported. Rejected: it stays outside the numerator. What arrives later needs a "
            "decision of its own.",
        ),
        Title(zh="作出决定", en="Decide"),
        Access.DECIDE,
        lambda situation: (
            _decision(Title(zh="予以认定", en="Confirm it"), Title(zh="不予认定", en="Reject it")),
            _text(_REMARK),
        ),
        _no_late_entry,
        _late_entry_decided,
    ),
    Act(
        "assign",
        Title(zh="交办", en="Assign"),
        Title(
            zh="所选单位可以查看该办件并签收、回告，原承办单位仍可签收、回告。交办通知写明经办账号、交办原因和回告期限。",
            en="The unit that you choose may see the case and answer; the unit that has it still may, too. It gets a "
            "notice that says who assigns it, why, and by when it is to answer.",
        ),
        Title(zh="交办", en="Assign"),
        Access.DECIDE,
        lambda situation: (
            _units(situation),
            _ASSIGNED_FOR,
            Field("until", Title(zh="回告期限", en="To be answered by"), "day"),
            _text(_REMARK),
        ),
        _nothing_to_assign,
        _assigned,
    ),
    Act(
        "withdraw-request",
        Title(zh="撤回申请", en="Take a request back"),
        Title(
            zh="运行中心决定之前可以撤回。撤回后视为未申请，督办计时继续。",
            en="As long as the operations centre has not decided. Then nothing is asked for any more, and the count of "
            "supervision goes on.",
        ),
        Title(zh="撤回", en="Take it back"),
        Access.ACT,
        lambda situation: (
            _record_field(_open_requests(situation), Title(zh="撤回哪项申请", en="Which request")),
            _text(_REMARK),
        ),
        _no_request_to_withdraw,
        _request_withdrawn,
        is_quiet=True,
    ),
    Act(
        "withdraw-decision",
        Title(zh="撤销决定", en="Withdraw a decision"),
        Title(
            zh="撤销后视同未作出该决定；原申请恢复为待决定。",
            en="It is struck out, as if it had never been made. What was asked for waits again.",
        ),
        Title(zh="撤销", en="Withdraw it"),
        Access.DECIDE,
        lambda situation: (
            _record_field(
                decisions_to_withdraw(situation.known.records), Title(zh="撤销哪项决定", en="Which decision")
            ),
            _text(_REMARK),
        ),
        _no_decision_to_withdraw,
        _decision_withdrawn,
        is_quiet=True,
    ),
    Act(
        SEND_AGAIN,
        Title(zh="重新送达决定", en="Send a decision again"),
        Title(
            zh="系统未接收的决定，排除原因后重新送达；仍自原决定登记之时起生效。",
            en="Once the reason is mended for which the gateway refused it. It counts from its own record on.",
        ),
        Title(zh="重新送达", en="Send it again"),
        Access.DECIDE,
        lambda situation: (
            _record_field(
                decisions_to_send_again(situation.known.records), Title(zh="重新送达哪项决定", en="Which decision")
            ),
        ),
        _no_decision_to_send,
        _decision_sent_again,
        is_quiet=True,
    ),
)
"""In the order in which they are shown."""
BY_NAME: Final = {act.name: act for act in ACTS}
