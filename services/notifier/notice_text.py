"""What a notice says, as an official writes it: units and promises by name, `10月25日24时前`; English beside it.

No text names a case: it leaves the house through messengers. The link leads to the page that does.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.domain.plan.plan import Plan, Title
from services.domain.results.published import Card, Level
from services.domain.time.zone import Instant, Zone
from services.messaging.records.cards import card_for_notice
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import LedgerRecord
from services.metric_names.alert_names import ALERT_NAMES
from services.notifier.card_sentence import CardSentences
from services.notifier.channels.message import Message
from services.notifier.contacts import OPERATIONS
from services.notifier.decision_notices import ASSIGNMENT, CIRCULAR
from services.notifier.notice_subject import Subject
from services.notifier.witnesses import TOLD

SHOWN: Final = 20
"""Sentences of one notice; of more it says how many there are."""


class NoticeTexts:
    """The texts of notices of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sentences = CardSentences(plan)
        self._zone = Zone(plan.head.timezone)

    def of(self, unit: str, subjects: Sequence[Subject], now: Instant) -> dict[str, str]:
        """`title`, `text_zh` and `text_en` of a notice to a unit. `now`: the plan's."""
        year = datetime.fromisoformat(self._zone.text(now)).year
        said = [self._sentence(one, year) for one in _in_order(subjects)]
        name = self._unit(unit)
        title = said[0].zh if len(said) == 1 else self._count(subjects).zh
        shown, more = said[:SHOWN], len(said) - SHOWN
        zh = [f"{name.zh}：", *_numbered([one.zh for one in shown])]
        en = [f"{name.en}:", *_numbered([one.en for one in shown])]
        if more > 0:
            zh.append(f"另有{more}项，请登录督办台查看。")
            en.append(f"{more} more; see them in the system.")
        return {"title": title, "text_zh": "\n".join(zh), "text_en": "\n".join(en)}

    def _unit(self, id: str) -> Title:
        unit = self._plan.units.get(id)
        if unit is not None:
            return unit.title
        if id in ("", OPERATIONS):
            return Title(zh="运行中心", en="operations centre")
        return Title(zh=id, en=id)  # of an alert, whose labels are free text

    def _sentence(self, subject: Subject, year: int) -> Title:
        card = _card(subject)
        if card is not None:
            return self._sentences.of(card, year)
        content = subject.content
        name = _alert_name(str(content.get("alertname", "")))
        zh, en = str(content.get("summary_zh", name.zh)), str(content.get("summary_en", name.en))
        return (
            Title(zh=zh, en=en)
            if subject.active
            else Title(zh=f"以下告警已解除：{zh}", en=f"this alert has ended: {en}")
        )

    def _count(self, subjects: Sequence[Subject]) -> Title:
        """`红牌2项、黄牌3项、已解除1项`: how many of each."""
        terms = self._plan.names.terms
        names = {
            Level.RED: terms.red_card,
            Level.YELLOW: terms.yellow_card,
            "alert": Title(zh="告警", en="alerts"),
            "step": Title(zh="督办事项", en="steps of supervision"),
            ASSIGNMENT: Title(zh="交办事项", en="assigned cases"),
            CIRCULAR: Title(zh="通报", en="circulars"),
            "ended": Title(zh="已解除", en="ended"),
        }
        counted: dict[str, int] = dict.fromkeys(names, 0)
        for one in subjects:
            counted[_kind(one)] += 1
        said = [(names[kind], number) for kind, number in counted.items() if number]
        return Title(
            zh="、".join(f"{name.zh}{number}项" for name, number in said),
            en=", ".join(f"{name.en}: {number}" for name, number in said),
        )


def message_of(notice: LedgerRecord, desk_url: str) -> Message:
    """What the channels send of a notice, whose number each of them shows. `desk_url`: of the units' page, or empty."""
    body: Mapping[str, Any] = notice.request.body
    return Message(
        number=notice.number,
        title=str(body.get("title", "")),
        text_zh=str(body.get("text_zh", "")),
        text_en=str(body.get("text_en", "")),
        link=f"{desk_url.rstrip('/')}/notices/{notice.number}" if desk_url else "",
        unit=notice.request.unit,
        urgent=body.get("urgent") is True,
        checkpoint=str(body.get(TOLD, "")),
    )


def _in_order(subjects: Sequence[Subject]) -> list[Subject]:
    """Red cards first, what has ended last; the end of a yellow card that turned red goes without saying."""
    places = {"step": 0, ASSIGNMENT: 0, CIRCULAR: 0, Level.RED: 0, Level.YELLOW: 1, "alert": 0, "ended": 2}
    ids = {one.id for one in subjects}
    shown = [one for one in subjects if one.active or one.replaced_by not in ids] or list(subjects)
    return sorted(shown, key=lambda one: (places[_kind(one)], str(one.content.get("due_at", "")), one.id))


def _kind(subject: Subject) -> str:
    if not subject.active:
        return "ended"
    if "step" in subject.content:
        return "step"
    if (decision := subject.content.get("decision")) in (ASSIGNMENT, CIRCULAR):
        return str(decision)
    level = str(subject.content.get("level", ""))
    return level if level in tuple(Level) else "alert"


def _alert_name(name: str) -> Title:
    """What an alert that has no sentence of its own is called."""
    return ALERT_NAMES.get(name, Title(zh=f"系统告警（{name}）" if name else "系统告警", en=name or "an alert"))


def _card(subject: Subject) -> Card | None:
    try:
        return card_for_notice(subject.content)
    except Unreadable:
        return None


def _numbered(sentences: Sequence[str]) -> list[str]:
    if len(sentences) == 1:
        return list(sentences)
    return [f"{number}. {one}" for number, one in enumerate(sentences, start=1)]
