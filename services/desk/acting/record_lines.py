"""Records of the ledger about a matter, in words: what was said, decided and done, and by whom."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from services.catalog.words.assignments import assigned_for
from services.catalog.words.case_verdicts import case_verdict
from services.catalog.words.names import NameBook
from services.catalog.words.refusals import REFUSALS
from services.catalog.words.times import day_title
from services.catalog.words.unit_names import unit_title
from services.domain.plan.plan import Plan, SupervisionStep, Title
from services.messaging.records.decisions import About
from services.messaging.records.ledger import Kind, LedgerRecord


class RecordLine(NamedTuple):
    """One record."""

    number: int
    time: str
    """RFC 3339."""
    what: Title
    unit: Title | None
    """Whose it is; None: the operations centre's, or nobody's."""
    by: str
    """The account, an office, or a number of the staff."""
    details: tuple[Title, ...]
    text: str | None
    """What was written to it, for who may read it; None: nothing, or it was erased."""
    hash: str
    """Of the text; empty: there is none."""
    is_erased: bool


Text = Callable[[str], str | None]


def lines_of_records(records: Iterable[LedgerRecord], plan: Plan, text: Text | None) -> Iterator[RecordLine]:
    """The records that people read. `text`: gives the text of a hash; None: the viewer may read none."""
    for record in records:
        request = record.request
        what = what_happened(record, plan)
        if what is None:
            continue
        hash = request.texts.get("text", "")
        written = text(hash) if text is not None and hash else None
        yield RecordLine(
            record.number,
            record.time,
            what,
            unit_title(request.unit, plan) if request.unit else None,
            str(request.body.get("by", "")),
            tuple(_details(request.body, plan)),
            written,
            hash,
            bool(hash) and text is not None and written is None,
        )


def is_of_the_centre(record: LedgerRecord) -> bool:
    """Whether a record is between the operations centre and nobody else: a 通报 that is proposed, or was not issued."""
    body = record.request.body
    if record.request.kind is Kind.STEP:
        return body.get("step") == SupervisionStep.CIRCULAR
    return body.get("about") == About.CIRCULAR and body.get("decision") != "issued"


def what_happened(record: LedgerRecord, plan: Plan) -> Title | None:
    """As `what_of`; and of a verdict what it says, in the words of its promise."""
    if record.request.kind not in (Kind.MISSED, Kind.MET_LATE, Kind.REVERSED):
        return what_of(record)
    kpi = record.request.subject.split("|")[1:2]
    return case_verdict(record.request.kind, next((each for each in plan.promises if [each.key] == kpi), None))


def what_of(record: LedgerRecord) -> Title | None:
    """What a record says happened; None: nothing that people read."""
    body = record.request.body
    match record.request.kind:
        case Kind.ASKED:
            return _asked(body)
        case Kind.STEP:
            return _STEPS.get(str(body.get("step")), _WORDS[Kind.STEP])
        case Kind.DECIDED:
            return _decided(body)
    return _WORDS.get(record.request.kind)


def _asked(body: Mapping[str, Any]) -> Title:
    if "withdraws" in body:
        return Title(zh=f"撤回第{body['withdraws']}号申请", en=f"request {body['withdraws']} is taken back")
    return _ASKED.get(str(body.get("about")), _WORDS[Kind.ASKED])


def _decided(body: Mapping[str, Any]) -> Title:
    if "again" in body:
        return Title(zh=f"重新送达第{body['again']}号决定", en=f"decision {body['again']} is sent again")
    if "withdraws" in body:
        return Title(zh=f"撤销第{body['withdraws']}号决定", en=f"decision {body['withdraws']} is withdrawn")
    return _DECIDED.get((str(body.get("about")), str(body.get("decision"))), _WORDS[Kind.DECIDED])


def _details(body: Mapping[str, Any], plan: Plan) -> Iterator[Title]:
    until, code = body.get("until"), body.get("reason")
    yield from _units_named(body, plan)
    if isinstance(until, str):
        yield _until_words(until, body)
    if isinstance(code, str):
        yield NameBook(plan).reason(code)
    limit = body.get("limit") or _granted(body)
    if isinstance(limit, dict):
        yield limit_words(limit)
    for reason in body.get("reasons", []):
        yield _refusal_words(reason)


def _until_words(until: str, body: Mapping[str, Any]) -> Title:
    """A day of a record: by which an assignment is to be answered; until which what is said holds."""
    try:
        day = day_title(date.fromisoformat(until))
    except ValueError:  # of another writer of the ledger
        day = Title(zh=until, en=until)
    if body.get("about") == About.ASSIGNMENT:
        return Title(zh=f"{day.zh}前回告", en=f"to be answered by {day.en}")
    return Title(zh=f"至{day.zh}", en=f"until {day.en}")


def _refusal_words(reason: Mapping[str, Any]) -> Title:
    """Why the gateway refuses an event: in English its own sentence."""
    known = REFUSALS.get(str(reason.get("reason")), Title(zh="其他原因", en=""))
    return Title(zh=known.zh, en=f"{reason.get('detail')}: {reason.get('remedy')}")


def _units_named(body: Mapping[str, Any], plan: Plan) -> Iterator[Title]:
    """To whom a case is assigned, and why; to whom a 通报 is issued."""
    to, why = body.get("to"), assigned_for(str(body.get("why", "")))
    if isinstance(to, str):
        yield unit_title(to, plan)
    if why is not None:
        yield why
    if isinstance(units := body.get("units"), list):
        yield from (unit_title(str(unit), plan) for unit in units)


def _granted(body: Mapping[str, Any]) -> object:
    data = body.get("data")
    return data.get("limit") if isinstance(data, dict) else None


def limit_words(limit: Mapping[str, Any]) -> Title:
    """A limit of a record: `5个工作日`."""
    amount, unit = limit.get("amount"), str(limit.get("unit"))
    named = _UNITS.get(unit, Title(zh=unit, en=unit))
    return Title(zh=f"{amount}{named.zh}", en=f"{amount} {named.en}")


_UNITS: Final = {
    "working_days": Title(zh="个工作日", en="working days"),
    "calendar_days": Title(zh="日", en="calendar days"),
    "working_minutes": Title(zh="分钟（办公时间内）", en="minutes of opening time"),
    "minutes": Title(zh="分钟", en="minutes"),
    "months": Title(zh="个月", en="months"),
}
_WORDS: Final = {
    Kind.ACKNOWLEDGED: Title(zh="签收", en="acknowledged"),
    Kind.REPLIED: Title(zh="回告", en="replied"),
    Kind.ASKED: Title(zh="申请", en="asked"),
    Kind.STEP: Title(zh="督办", en="step of supervision"),
    Kind.DECIDED: Title(zh="决定", en="decided"),
    Kind.IN_FORCE: Title(zh="决定生效", en="the decision is in force"),
    Kind.NOT_IN_FORCE: Title(zh="决定未生效：系统未接收", en="the decision is not in force: the gateway refuses it"),
}
_ASKED: Final[Mapping[str, Title]] = {
    About.REASON: Title(zh="说明理由", en="gave a reason"),
    About.EXTENSION: Title(zh="申请延期", en="asked for an extension"),
}
_STEPS: Final[Mapping[str, Title]] = {
    SupervisionStep.REMINDER: Title(zh="提醒", en="reminder"),
    SupervisionStep.URGING: Title(zh="催办", en="urging"),
    SupervisionStep.ORDER: Title(zh="督办单", en="written order"),
    SupervisionStep.CIRCULAR: Title(zh="通报建议", en="circular proposed"),
}
_DECIDED: Final[Mapping[tuple[str, str], Title]] = {
    (About.LATE_ENTRY, "accepted"): Title(zh="补录予以认定", en="late entry confirmed"),
    (About.LATE_ENTRY, "rejected"): Title(zh="补录不予认定", en="late entry rejected"),
    (About.REASON, "accepted"): Title(zh="理由成立", en="reason accepted"),
    (About.REASON, "rejected"): Title(zh="理由不成立", en="reason rejected"),
    (About.EXTENSION, "granted"): Title(zh="准予延期", en="extension granted"),
    (About.EXTENSION, "refused"): Title(zh="不予延期", en="extension refused"),
    (About.ASSIGNMENT, "assigned"): Title(zh="交办", en="assigned"),
    (About.CIRCULAR, "issued"): Title(zh="印发通报", en="circular issued"),
    (About.CIRCULAR, "not_issued"): Title(zh="不予通报", en="no circular"),
}
