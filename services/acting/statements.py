"""What each statement of a unit becomes: 签收 acknowledge, 回告 reply, 说明理由 justify, 申请延期 ask for an extension.

It knows no broker, no terminal and no page.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from services.acting.matters import Shown, promise_words
from services.acting.refused import ActRefused, ActUnclear
from services.catalog.words.names import NameBook
from services.catalog.words.unit_names import unit_title
from services.domain.intake.facts import FactType
from services.domain.judging.judge import Judge
from services.domain.plan.plan import CasePromise, Plan, Strength, id_of
from services.domain.time.limits import Limit, LimitUnit
from services.messaging.records.decisions import About, Statement, struck_out
from services.messaging.records.ledger import Kind, LedgerRecord

REQUESTS: Final = (About.REASON, About.EXTENSION)
"""What a unit asks for."""
JUSTIFIED = FactType.CASE_JUSTIFIED.event_type


class Speaker(NamedTuple):
    """Who says something, for which unit."""

    unit: str
    by: str
    """An account, an office, or a number of the staff; no name."""
    texts: Mapping[str, str] = {}
    """Name → salted hash of a text that was written to it."""


def may_answer(shown: Shown, unit: str, plan: Plan, assigned: Collection[str] = ()) -> None:
    """ActRefused unless the case is the unit's. `assigned`: units to which the operations centre has assigned it."""
    own = [shown.judgement.unit, shown.holder, *assigned]
    if unit not in own:
        held = [unit_title(each, plan) for each in dict.fromkeys(own)]
        mine, case = unit_title(unit, plan), shown.number
        zh, en = "、".join(each.zh for each in held), " or ".join(each.en for each in held)
        raise ActRefused(
            f"办件“{case}”不属于{mine.zh}：可以回告的单位为{zh}",
            f"“{case}” is not a case of {mine.en}: {en} may answer",
        )


def acknowledgement(shown: Shown, speaker: Speaker, until: date | None = None) -> Statement:
    """The unit has read the card (签收). `until`: the last day on which that holds; None: until the card changes."""
    more = {} if until is None else {"until": until.isoformat()}
    return _said(Kind.ACKNOWLEDGED, shown, speaker, more)


def reply(shown: Shown, speaker: Speaker, until: date | None = None) -> Statement:
    """What the unit does about the case (回告). `until`: the day by which it will be completed."""
    return _said(Kind.REPLIED, shown, speaker, {} if until is None else {"until": until.isoformat()})


def justification(shown: Shown, speaker: Speaker, code: str | None, judge: Judge) -> Statement:
    """A reason for missing a soft promise (说明理由): it counts as given from its record on. ActRefused where
    the promise knows no reasons, or the plan not this one."""
    if not takes_reasons(shown, judge):
        named = promise_words(shown.matter.kpi, judge)
        raise ActRefused(
            f"承诺{named.zh}不接受理由：只有“原则上”的承诺可以说明理由",
            f"the promise {named.en} knows no reasons: only soft promises (原则上) do",
        )
    coded = _coded(code, judge)
    data = {"kpi": id_of(shown.matter.kpi), "decision": "requested", "cycle": shown.matter.cycle, **coded}
    more = {"about": About.REASON.value, **coded, "type": JUSTIFIED, "data": data}
    return _said(Kind.ASKED, shown, speaker, more)


def takes_reasons(shown: Shown, judge: Judge) -> bool:
    """Whether a reason for missing the promise may be given."""
    promise = judge.kinds[shown.matter.kpi].promise
    return isinstance(promise, CasePromise) and promise.strength is Strength.SOFT


def extension_request(shown: Shown, speaker: Speaker, limit: Limit, code: str | None, judge: Judge) -> Statement:
    """A request for an extension (申请延期). It is none until the operations centre has granted it."""
    more = {"about": About.EXTENSION.value, "limit": limit.model_dump(mode="json"), **_coded(code, judge)}
    return _said(Kind.ASKED, shown, speaker, more)


def withdrawal(shown: Shown, speaker: Speaker, request: LedgerRecord, seen: int) -> Statement:
    """Take back a request on which nobody has decided (撤回申请). ActRefused where the record is none in this matter.

    `seen`: the ledger is known up to this record: the keeper refuses it where a decision came first."""
    number, body = request.number, request.request.body
    is_request = request.request.kind is Kind.ASKED and body.get("about") in REQUESTS
    if not is_request or request.request.subject != shown.matter.subject:
        raise ActRefused(
            f"第{number}号记录不是可以撤回的申请", f"record {number} is no request that can be taken back", "of"
        )
    more: dict[str, Any] = {"about": About.WITHDRAWAL.value, "withdraws": number}
    if body.get("type"):
        type, data = struck_out(number)
        more |= {"type": type, "data": data}
    return _said(Kind.ASKED, shown, speaker, more)._replace(seen=seen)


def _coded(code: str | None, judge: Judge) -> dict[str, str]:
    """The code of a reason, if one is given. ActRefused for one that the plan does not have."""
    known = judge.plan.head.reasons
    if code is not None and known and code not in known:
        book = NameBook(judge.plan)
        named = [(book.reason(each), each) for each in sorted(known)]
        zh = "、".join(f"{title.zh}`{each}`" for title, each in named)
        en = ", ".join(f"{title.en} `{each}`" for title, each in named)
        raise ActRefused(
            f"方案中没有理由类别“{code}”，可填：{zh}", f"the plan has no reason “{code}”: it has {en}", "reason"
        )
    return {} if code is None else {"reason": code}


def _said(kind: Kind, shown: Shown, speaker: Speaker, more: Mapping[str, Any]) -> Statement:
    return Statement(kind, shown.matter, speaker.unit, speaker.by, more, speaker.texts)


def day_of(text: str, field: str = "until") -> date:
    """A day as people write it: 2021-10-11. Raises ActUnclear."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ActUnclear(f"“{text}”不是日期：请写成2021-10-11", f"“{text}” is no day: write it as 2021-10-11",
                         field) from None  # fmt: skip


def limit_of(text: str, field: str = "limit") -> Limit:
    """A limit as people write it: `5 working days`, `5个工作日`. Raises ActUnclear."""
    written = _CHINESE.fullmatch(text.strip())
    try:
        return Limit.parse(text if written is None else f"{written[1]} {_UNITS[written[2]]}")
    except ValueError:
        raise ActUnclear(
            f"“{text}”不是期限：请写数字和单位，如5个工作日、5日、90分钟、1个月",
            f"“{text}” is no limit: write a number and working days, calendar days, working minutes, minutes or months",
            field,
        ) from None


_UNITS: Final = {
    "个工作日": LimitUnit.WORKING_DAYS,
    "日": LimitUnit.CALENDAR_DAYS,
    "分钟": LimitUnit.MINUTES,
    "个月": LimitUnit.MONTHS,
}
_CHINESE: Final = re.compile(rf"([0-9]{{1,12}}) *({'|'.join(_UNITS)})")
