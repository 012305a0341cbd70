"""What people do about a matter: a form for each act, and where it is sent.

Each act is a route of its own, with the access of the act. The card page shows the same forms by
`services/desk/templates/acts/forms.html` and `offers_on` (`services/desk/acting/offers.py`).
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, NamedTuple

from fastapi import Depends, Request, Response

from services.acting.matters import Shown, cycle_words, matters_of
from services.acting.refused import ActRefused
from services.desk.access import About, Access
from services.desk.acting.acts import ACTS, TEXT, Act, Made
from services.desk.acting.addresses import MatterAddress, matter_of
from services.desk.acting.checking import check
from services.desk.acting.effects import effects_of
from services.desk.acting.evidence import evidence_of, fact_lines
from services.desk.acting.fields import Checked
from services.desk.acting.finding import Found, found
from services.desk.acting.offers import offer, offers_on, why_not_theirs
from services.desk.acting.record_lines import lines_of_records, what_of
from services.desk.acting.recording import Pending, Repeated, Sent, is_form
from services.desk.acting.situation import Situation
from services.desk.acting.staleness import Posted, what_changed
from services.desk.asking import Ask, Asked
from services.desk.reading.case_seen import CaseSeen
from services.desk.refusal import Refusal
from services.desk.routes import Pages
from services.domain.plan.plan import Title, id_of
from services.domain.results.cards import WHOLE
from services.domain.results.published import ValueRow
from services.ledger.recording import CLAIMED, STALE, TOO_LARGE
from services.ledger.writer import NotRecorded
from services.messaging.records.ledger import LedgerRecord, RequestInvalid

PAGES: Final = Pages()
MOST_FIELDS: Final = 500
"""Of a form: one that chooses units has a field for each."""


async def posted_form(request: Request) -> dict[str, str]:
    """The fields of a form as text. Files that somebody sends are passed over."""
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    return {name: value for name, value in form.items() if isinstance(value, str)}


Form = Annotated[dict[str, str], Depends(posted_form)]


def about_matter(request: Request) -> About | None:
    """Whose business the matter of an address is."""
    query = request.query_params
    matter = matter_of(request.path_params["token"], query.get("promise", ""), query.get("cycle", ""))
    if matter is None:
        return None
    desk = request.app.state.desk
    one = found(matter, desk.casebook, desk.acting.records, desk.clock.now())
    if one is None:
        return None
    request.state.found = one
    return one.about


def _found(ask: Asked) -> Found:
    one: Found = ask.request.state.found
    return one


def _page_of(act: Act) -> Callable[..., Response]:
    def page(ask: Ask) -> Response:
        situation = _found(ask).situation
        _check_theirs(act, situation, ask)
        return _shown(ask, act, situation)

    return page


def _sent_to(act: Act) -> Callable[..., Response]:
    def sent(ask: Ask, form: Form) -> Response:
        situation = _found(ask).situation
        _check_theirs(act, situation, ask)
        return _Sending(ask, act, situation, form).answer()

    return sent


for _act in ACTS:
    PAGES.get(f"/cases/{{token}}/acts/{_act.name}", _act.access, about_matter)(_page_of(_act))
    PAGES.post(f"/cases/{{token}}/acts/{_act.name}", _act.access, about_matter)(_sent_to(_act))


def _check_theirs(act: Act, situation: Situation, ask: Asked) -> None:
    why = why_not_theirs(act, situation, ask.known)
    if why is not None:
        raise Refusal(403, _NOT_OPEN, why)


_NOT_OPEN: Final = Title(zh="不能办理", en="This is not open to you")
_OLD_FORM: Final = Title(zh="页面已过期，未予登记", en="The page is too old: nothing was recorded")
_OLD_FORM_REMEDY: Final = Title(zh="请重新打开该页面后再提交。", en="Open the page again, then send it.")


def old_form() -> Refusal:
    """What was sent is no form that was rendered here."""
    return Refusal(400, _OLD_FORM, _OLD_FORM_REMEDY)


class _Sending:
    """One form that was sent."""

    def __init__(self, ask: Asked, act: Act, situation: Situation, form: Mapping[str, str]) -> None:
        self._ask = ask
        self._act = act
        self._situation = situation
        self._form = form
        self._recording = ask.desk.acting.recording
        self._address = MatterAddress(situation.shown.matter)

    def answer(self) -> Response:
        """What became of it."""
        posted = Posted.of(self._form)
        if posted is None or not is_form(posted.form):
            raise old_form()
        matter = self._situation.shown.matter
        sent = Sent(posted.form, self._ask.known.account, self._act.name, matter.subject)
        before = self._recording.answer(sent.id)
        checked = check(self._act.fields(self._situation), self._form)
        if before is None:
            closed = self._act.closed(self._situation)
            if closed is not None:
                return self._again(checked, closed)
            if self._act.decides and (changed := what_changed(self._situation, posted)):
                return self._again(checked, None, changed)
        if checked.errors and isinstance(before, LedgerRecord):  # what it chose from may be gone since
            return self._told(before, checked)
        if checked.errors:
            return self._again(checked)
        return self._recorded(checked, sent, posted.seen)

    def _recorded(self, checked: Checked, sent: Sent, seen: int) -> Response:
        try:
            made: Made = self._act.made(self._situation, self._ask.known, checked.filled)
            result = self._recording.record(made, checked.filled.get(TEXT, ""), sent, seen)
        except ActRefused as refused:
            if refused.field in checked.filled:
                checked.errors[refused.field] = refused.text
                return self._again(checked)
            return self._again(checked, refused.text)
        except (RequestInvalid, ValueError) as error:
            return self._again(checked, Title(zh="台账不能登记这项内容：请缩短内容后重新提交", en=str(error)))
        return self._told(result, checked)

    def _told(self, result: LedgerRecord | NotRecorded | Repeated | Pending, checked: Checked) -> Response:
        match result:
            case LedgerRecord():
                return self._ask.see_other(self._address.case, recorded_words(result))
            case Repeated():
                return self._ask.see_other(self._address.case, repeated_words(result.record))
            case Pending():
                return self._ask.see_other(waiting_path(result.id, self._address.case))
        if result.reason == STALE:
            return self._stale(checked)
        return self._again(checked, _REFUSED.get(result.reason, _REFUSED_FORM))

    def _stale(self, checked: Checked) -> Response:
        """Something came between the look at the ledger and the record."""
        desk, posted = self._ask.desk, Posted.of(self._form)
        now = found(self._situation.shown.matter, desk.casebook, desk.acting.records, self._ask.now)
        self._situation = self._situation if now is None else now.situation
        return self._again(checked, _NOT_RECORDED, posted and what_changed(self._situation, posted))

    def _again(self, checked: Checked, why: Title | None = None, changed: object = None) -> Response:
        status = 409 if why is not None or changed else 422
        return _shown(self._ask, self._act, self._situation, status, checked=checked, why=why, changed=changed)


def _shown(ask: Asked, act: Act, situation: Situation, status: int = 200, **more: Any) -> Response:
    checked, changed = more.pop("checked", None), more.get("changed")
    closed = act.closed(situation)
    effects = effects_of(act, situation, ask.known, _row_of(ask, situation)) if act.decides and closed is None else []
    content = {
        "offer": offer(act, situation, checked),
        "evidence": evidence_of(situation, ask.desk.texts.text, decides=act.decides),
        "effects": effects,
        "about": ask.about,
        "back": MatterAddress(situation.shown.matter).case,
        "closed": closed,
        "why": None,
        "changed": changed,
        "changed_records": [],
        "changed_facts": [],
        **more,
    }
    if changed:
        content["changed_records"] = list(lines_of_records(changed.records, ask.desk.plan, ask.desk.texts.text))
        content["changed_facts"] = fact_lines(changed.facts, situation)
    return ask.page_with("acts/act.html", content, status)


def _row_of(ask: Asked, situation: Situation) -> ValueRow | None:
    """The number of the unit that is judged, as it is published now."""
    judgement = situation.shown.judgement
    lines = ask.desk.reading.promise(ask.known, id_of(judgement.kpi))
    own = (line.row for line in lines if line.promise.key == judgement.kpi and line.unit == judgement.unit)
    return next((row for row in own if row.item == WHOLE), None)


# ---- on the page of a case -------------------------------------------------------------------------------
class MatterActs(NamedTuple):
    """What a viewer may do about one promise in one cycle of a case."""

    title: Title
    kpi: str
    cycle: Title | None
    """None: the first request of a case."""
    open: list[tuple[Title, str]]
    """Its name, and where it is."""
    closed: list[tuple[Title, Title]]
    """What is not open now, and why."""
    note: Title | None


def acts_of_case(ask: Asked, seen: CaseSeen) -> list[MatterActs]:
    """What the viewer may do about a case that they see. Whoever sees it as of a past day, or only leads promises
    behind it, does nothing about it. Raises LedgerUnavailable."""
    if seen.explanation is None or seen.last_day is not None or seen.is_led:
        return []
    return [acts for acts in (_acts_of(shown, ask) for shown in matters_of(seen.case_key, seen.explanation)) if acts]


def _acts_of(shown: Shown, ask: Asked) -> MatterActs | None:
    desk = ask.desk
    situation = Situation(shown, desk.casebook.judge, desk.acting.records.about(shown.matter.subject), ask.now)
    offers = offers_on(situation, ask.known, ask.about)
    if not (offers.open or offers.note):
        return None
    promise = desk.casebook.judge.kinds[shown.matter.kpi].promise
    return MatterActs(
        promise.title,
        shown.matter.kpi,
        None if shown.cycle == "1" else cycle_words(shown),
        [(each.act.title, each.action) for each in offers.open],
        [(act.title, why) for act, why in offers.closed],
        offers.note,
    )


# ---- what is recorded ------------------------------------------------------------------------------------
def recorded_words(record: LedgerRecord) -> Title:
    """That something is recorded."""
    what = what_of(record) or Title(zh="", en="")
    return Title(zh=f"已登记为台账第{record.number}号：{what.zh}", en=f"Recorded as No. {record.number}: {what.en}")


def repeated_words(record: LedgerRecord) -> Title:
    """That the same form said something else before."""
    return Title(
        zh=f"该表单此前已登记为台账第{record.number}号，这次的内容与之不同，未予登记。如需补充，请重新打开表单。",
        en=f"This form was recorded before, as No. {record.number}. What you wrote now differs and is not recorded: "
        "open the form again to add it.",
    )


def waiting_path(id: str, back: str) -> str:
    """The page that says whether a request is recorded by now."""
    return f"/recording/{id.rpartition('/')[2]}?back={back}"


@PAGES.get("/recording/{id}", Access.ACCOUNT)
def recording(ask: Ask, id: str, back: str = "/") -> Response:
    """Whether a request is recorded by now. Nobody guesses its id."""
    answer = ask.desk.acting.recording.answer(f"desk/{id[:64]}")
    where = back if back.startswith(("/cases/", "/circulars/")) and back.isprintable() else "/"
    said = recorded_words(answer) if isinstance(answer, LedgerRecord) else _NOT_RECORDED if answer else None
    return ask.page("acts/recording.html", said=said, back=where, again=ask.request.url.path + f"?back={where}")


def not_recorded() -> Title:
    """That the keeper has not recorded it as asked."""
    return _NOT_RECORDED


_REFUSED_FORM: Final = Title(
    zh="台账未予登记：内容不符合台账的格式要求，请报告系统值班人员",
    en="the ledger does not record it: it has not the form of a record; please tell whoever runs the system",
)
_REFUSED: Final = {
    CLAIMED: Title(zh="台账未予登记：该事项已有记录", en="the ledger does not record it: it has such a record already"),
    TOO_LARGE: Title(
        zh="台账未予登记：内容过长，请缩短", en="the ledger does not record it: it is too long, shorten it"
    ),
}
_NOT_RECORDED: Final = Title(
    zh="未予登记：该事项已有新的记录。请返回查看后再决定。",
    en="It is not recorded: there was something newer. Go back, look at it, then decide.",
)
