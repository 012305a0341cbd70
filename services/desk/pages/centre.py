"""What the operations centre works through: what waits for a decision, 通报 to issue, texts to erase. And what is
printed: written orders and 通报."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, Request, Response

from services.acting.decisions import on_circular, units_concerned
from services.acting.refused import ActRefused
from services.catalog.words.source_names import source_title
from services.catalog.words.unit_names import unit_title
from services.desk.access import About, Access, may
from services.desk.acting.acts import SEND_AGAIN
from services.desk.acting.addresses import MatterAddress
from services.desk.acting.checking import check
from services.desk.acting.fields import Choice, Field
from services.desk.acting.record_lines import RecordLine, lines_of_records
from services.desk.acting.recording import Pending, Repeated, Result, Sent, is_form, new_form
from services.desk.acting.standing import Circular, Waiting
from services.desk.asking import Ask, Asked, Desk
from services.desk.numbers import Place
from services.desk.pages.acts import (
    MOST_FIELDS,
    Form,
    not_recorded,
    old_form,
    recorded_words,
    repeated_words,
    waiting_path,
)
from services.desk.reading.case_seen import token_of
from services.desk.refusal import NotFound
from services.desk.routes import LISTED, Pages
from services.domain.intake.facts import case_key
from services.domain.plan.plan import Plan, Title
from services.domain.supervision.orders import OrderNumber
from services.ledger.circular_page import IssuedCircular, circular_text
from services.ledger.order_book import Order
from services.ledger.order_page import order_page, page_of, page_style
from services.ledger.texts import erasure
from services.ledger.writer import NotRecorded
from services.messaging.records.decisions import About as DecidedAbout
from services.messaging.records.decisions import Decision, Matter
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import LedgerRecord

PAGES: Final = Pages()
_MOST: Final = 100
"""Lines of a page of what waits."""
_STYLE: Final = "/print.css"
_ACTS: Final = {
    DecidedAbout.REASON: "decide-reason",
    DecidedAbout.EXTENSION: "decide-extension",
    DecidedAbout.LATE_ENTRY: "decide-late-entry",
}
_NAMES: Final = {
    DecidedAbout.REASON: Title(zh="说明理由", en="Reason"),
    DecidedAbout.EXTENSION: Title(zh="申请延期", en="Extension"),
    DecidedAbout.LATE_ENTRY: Title(zh="逾期补录", en="Late entry"),
}


# ---- what waits ------------------------------------------------------------------------------------------
@PAGES.get("/waiting", Access.OPERATE)
def waiting(ask: Ask, after: Place = None) -> Response:
    """A page of what waits for a decision, the oldest first, and the decisions that are not in force."""
    acting, plan = ask.desk.acting, ask.desk.plan
    every = acting.stands.waiting()
    later = [one for one in every if one.record.number > (after or 0)]
    with acting.stands.now() as standing:
        refused = dict(standing.refused)
    return ask.page(
        "acts/waiting.html",
        lines=[line for line in (_line(one, ask) for one in later[:_MOST]) if line is not None],
        count=len(every),
        more=later[_MOST - 1].record.number if len(later) > _MOST else None,
        refused=list(lines_of_records(refused.values(), plan, None)),
        again=list(_to_send_again(refused, ask)),
    )


def _to_send_again(refused: Mapping[int, LedgerRecord], ask: Asked) -> Iterator[tuple[int, str]]:
    """Number of a decision that is not in force, and where it is sent again, for who may."""
    reading, stands = ask.desk.reading, ask.desk.acting.stands
    for number, outcome in refused.items():
        matter = _matter_of(outcome)
        if matter is not None:
            about = reading.about_case(matter.case_key, stands.assigned(matter.case_key)) or About()
            leads = about.leads | reading.about_units((), [matter.kpi]).leads
            if may(ask.viewer, Access.DECIDE, about._replace(leads=leads)):
                yield number, MatterAddress(matter).act(SEND_AGAIN)


def _line(one: Waiting, ask: Asked) -> dict[str, object] | None:
    request = one.record.request
    matter = _matter_of(one.record)
    if matter is None:
        return None
    promise = next((each for each in ask.desk.plan.promises if each.key == matter.kpi), None)
    (line,) = lines_of_records([one.record], ask.desk.plan, None) or (None,)
    return {
        "what": _NAMES[one.about],
        "path": MatterAddress(matter).act(_ACTS[one.about]),
        "case": request.subject and MatterAddress(matter).case,
        "number": matter.case_key.partition("\x1f")[2],
        "promise": promise.title if promise else Title(zh=matter.kpi, en=matter.kpi),
        "kpi": matter.kpi,
        "clause": promise.clause if promise else "",
        "unit": unit_title(request.unit, ask.desk.plan) if request.unit else None,
        "line": line,
    }


def _matter_of(record: LedgerRecord) -> Matter | None:
    """The matter of a record that people or the keeper made; None: it is about none."""
    with suppress(Unreadable):
        return Matter.read(record.request.body)
    kind, _, rest = record.request.subject.partition("|")
    kpi, _, rest = rest.partition("|")
    case, _, cycle = rest.rpartition("|")
    owner, _, subject = case.partition(" ")
    return Matter(kpi, case_key(owner, subject), int(cycle)) if kind == "case" and cycle.isdecimal() else None


async def chosen_units(request: Request) -> list[str]:
    """The units that are ticked in a form, each once."""
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    return list(dict.fromkeys(value for value in form.getlist("units") if isinstance(value, str)))


Chosen = Annotated[list[str], Depends(chosen_units)]


# ---- 通报 -------------------------------------------------------------------------------------------------
def _circular_of(request: Request) -> Circular | None:
    desk: Desk = request.app.state.desk
    number = request.path_params["number"]
    if not (number.isascii() and number.isdecimal() and len(number) < 16):
        return None
    with desk.acting.stands.now() as standing:
        return standing.circulars.get(int(number))


def about_circular(request: Request) -> About | None:
    """Whose business a 通报 is: of the unit that has the case, and of the leads of the promise."""
    found, desk = _circular_of(request), request.app.state.desk
    return None if found is None else desk.reading.about_units([found.step.unit], [found.step.key.kpi])


def about_issued(request: Request) -> About | None:
    """Whose one is that was issued: of those to whom it was. None: it was not."""
    found = _circular_of(request)
    return _about(found, request.app.state.desk) if found is not None and found.is_issued else None


def _about(circular: Circular, desk: Desk) -> About:
    return desk.reading.about_units(circular.units)


@PAGES.get("/circulars", Access.READ, LISTED)
def circulars(ask: Ask) -> Response:
    """通报, the latest first: the operations centre sees those that are proposed, too."""
    with ask.desk.acting.stands.now() as standing:
        every = sorted(standing.circulars.values(), key=lambda one: -one.proposal.number)
    is_centre = may(ask.viewer, Access.OPERATE)
    shown = [one for one in every if is_centre or one.is_issued]
    mine = [one for one in shown if may(ask.viewer, Access.READ, _about(one, ask.desk))]
    return ask.page("acts/circulars.html", circulars=mine[:_MOST], promises=_promises(ask))


def _promises(ask: Asked) -> dict[str, Title]:
    return {each.key: each.title for each in ask.desk.plan.promises}


@PAGES.get("/circulars/{number}", Access.DECIDE, about_circular)
def circular(ask: Ask, number: str) -> Response:
    """One that is proposed: whether it is issued."""
    return _circular_page(ask, 200)


def _case_of(circular: Circular, ask: Asked) -> dict[str, object]:
    """The case of a 通报 as people call it."""
    owner, _, number = circular.step.key.case.partition(" ")
    found = next(iter(ask.desk.casebook.find(circular.step.key.case)), None)
    item = None if found is None else ask.desk.plan.service_items.get(found.service_item)
    return {
        "number": number,
        "business": None if item is None else item.title,
        "source": source_title(owner, ask.desk.plan),
        "case": f"/cases/{token_of(case_key(owner, number))}",
    }


def _current_units(plan: Plan) -> list[str]:
    return [id for id, unit in plan.units.items() if unit.effective_to is None]


def _circular_page(
    ask: Asked,
    status: int,
    errors: Mapping[str, Title] = {},
    why: Title | None = None,
    chosen: Sequence[str] | None = None,
) -> Response:
    """`chosen`: the units that were ticked; None: it is opened anew."""
    found, plan = _circular_of(ask.request), ask.desk.plan
    if found is None:
        raise NotFound
    records = ask.desk.acting.records.about(found.proposal.request.subject)
    concerned = units_concerned(found.step, plan)
    return ask.page(
        "acts/circular.html",
        status,
        circular=found,
        promises=_promises(ask),
        form=new_form(),
        seen=records.number,
        errors=errors,
        why=why,
        about=ask.about,
        concerned=concerned,
        **_case_of(found, ask),
        others=[unit for unit in _current_units(plan) if unit not in concerned],
        chosen=concerned if chosen is None else chosen,
        lines=list(lines_of_records(records.records, ask.desk.plan, ask.desk.texts.text)),
    )


_DECISION: Final = Field(
    "decision",
    Title(zh="决定", en="Decision"),
    "radio",
    choices=(
        Choice("issue", Title(zh="印发通报", en="Issue it")),
        Choice("leave", Title(zh="不予通报", en="Do not issue it")),
    ),
)


@PAGES.post("/circulars/{number}", Access.DECIDE, about_circular)
def circular_decided(ask: Ask, number: str, form: Form, units: Chosen) -> Response:
    """Issue a 通报 that was proposed, or do not."""
    found, seen = _circular_of(ask.request), form.get("seen", "")
    if found is None:
        raise NotFound
    if not (is_form(form.get("form", "")) and seen.isascii() and seen.isdecimal() and len(seen) < 16):
        raise old_form()
    checked = check((_DECISION,), form)
    if checked.errors:
        return _circular_page(ask, 422, checked.errors, chosen=units)
    try:
        decision = _circular_decision(found, checked.filled["decision"] == "issue", units, ask)
    except ActRefused as refused:
        return _circular_page(ask, 422, {"units": refused.text}, chosen=units)
    return _circular_recorded(found, decision, Sending(form["form"], int(seen), units), ask)


def _circular_decision(found: Circular, issues: bool, units: Sequence[str], ask: Asked) -> Decision:
    """Raises ActRefused."""
    if issues and not units:
        raise ActRefused("请选择发送单位", "choose the units to which it is issued", "units")
    return on_circular(found.proposal, units if issues else (), ask.known.account, ask.desk.plan)


class Sending(NamedTuple):
    """A form about a 通报."""

    form: str
    seen: int
    units: Sequence[str]


def _circular_recorded(found: Circular, decision: Decision, sending: Sending, ask: Asked) -> Response:
    acting, subject = ask.desk.acting, found.proposal.request.subject
    sent = Sent(sending.form, ask.known.account, "circular", subject)
    known = acting.records.about(subject)
    is_new = acting.recording.answer(sent.id) is None
    if is_new and (known.since(sending.seen) or sending.seen > known.number):
        return _circular_page(ask, 409, why=_CHANGED, chosen=sending.units)
    result = acting.recording.record(decision, "", sent, sending.seen)
    if isinstance(result, NotRecorded):
        return _circular_page(ask, 409, why=_CHANGED, chosen=sending.units)
    return _after(ask, result, f"/circulars/{found.proposal.number}")


_CHANGED: Final = Title(
    zh="打开本页之后有新的记录，未作出决定。请核对下列记录后再决定。",
    en="Something was recorded since you opened the page: nothing was decided. Look at the records, then decide.",
)


def _after(ask: Asked, result: Result, back: str) -> Response:
    match result:
        case Pending():
            return ask.see_other(waiting_path(result.id, back))
        case Repeated():
            return ask.see_other(back, repeated_words(result.record))
        case LedgerRecord():
            return ask.see_other(back, recorded_words(result))
    return ask.see_other(back, not_recorded())


# ---- texts -----------------------------------------------------------------------------------------------
def _text_line(ask: Asked) -> tuple[LedgerRecord, RecordLine, str]:
    """The record of an address, the hash of its text, and where it is shown."""
    record = _record_of(ask.request)
    hash = "" if record is None else record.request.texts.get("text", "")
    if record is None or not hash:
        raise NotFound
    lines = list(lines_of_records([record], ask.desk.plan, ask.desk.texts.text))
    matter = _matter_of(record)
    if not lines or matter is None:
        raise NotFound
    return record, lines[0], MatterAddress(matter).case


def _record_of(request: Request) -> LedgerRecord | None:
    desk: Desk = request.app.state.desk
    number = request.path_params["number"]
    is_number = number.isascii() and number.isdecimal() and len(number) < 16
    return desk.acting.records.record(int(number)) if is_number else None


def about_text(request: Request) -> About | None:
    """Whose business the text of a record is: of the units of the case, of who wrote it, and of the leads of the
    promise that it is about."""
    desk: Desk = request.app.state.desk
    record = _record_of(request)
    matter = None if record is None else _matter_of(record)
    if record is None or matter is None or not record.request.texts:
        return None
    of_case = desk.reading.about_case(matter.case_key, desk.acting.stands.assigned(matter.case_key)) or About()
    said = desk.reading.about_units([record.request.unit], [matter.kpi])
    return of_case._replace(owners=of_case.owners | said.owners, leads=of_case.leads | said.leads)


@PAGES.get("/texts/{number}/erase", Access.DECIDE, about_text)
def text(ask: Ask, number: str) -> Response:
    """Asks whether a text is to be erased."""
    record, line, back = _text_line(ask)
    return ask.page("acts/erase.html", line=line, lines=[line], back=back, form=new_form(), about=ask.about)


@PAGES.post("/texts/{number}/erase", Access.DECIDE, about_text)
def text_erased(ask: Ask, number: str, form: Form) -> Response:
    """Let the keeper erase a text. That it was erased is recorded."""
    record, line, back = _text_line(ask)
    if not is_form(form.get("form", "")):
        raise old_form()
    recording, account = ask.desk.acting.recording, ask.known.account
    sent = Sent(form["form"], account, "erase", str(record.number))
    request = erasure(line.hash, recording.writer, sent.id, record.request.unit, account)
    return _after(ask, recording.ask(request), back)


# ---- to print --------------------------------------------------------------------------------------------
def _order_of(request: Request) -> Order | None:
    desk: Desk = request.app.state.desk
    year, _, number = request.path_params["number"].partition("-")
    if not all(each.isascii() and each.isdecimal() and len(each) < 10 for each in (year, number)):
        return None
    return desk.supervision.order(OrderNumber(int(year), int(number)))


def about_order(request: Request) -> About | None:
    """Whose a written order is: of the unit to which it is addressed."""
    order = _order_of(request)
    return None if order is None else request.app.state.desk.reading.about_units([order.step.unit])


@PAGES.get("/orders/{number}/print", Access.READ, about_order)
def order(ask: Ask, number: str) -> Response:
    """A written order to print: A4, one page. `number`: 2021-3."""
    found = _order_of(ask.request)
    if found is None:
        raise NotFound
    return Response(order_page(found, ask.desk.plan, _STYLE), media_type="text/html")


@PAGES.get("/circulars/{number}/print", Access.READ, about_issued)
def circular_printed(ask: Ask, number: str) -> Response:
    """A 通报 that was issued, to print."""
    found = _circular_of(ask.request)
    if found is None or found.decision is None:
        raise NotFound
    text = circular_text(IssuedCircular(found.step, found.decision, found.units), ask.desk.plan)
    return Response(page_of(text, _STYLE), media_type="text/html")


@PAGES.get(_STYLE, Access.ANYONE)
def style(ask: Ask) -> Response:
    """The style sheet of what is printed."""
    return Response(page_style(), media_type="text/css")
