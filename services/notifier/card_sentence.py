"""A card in a sentence, in both languages, for people who read notices and silences."""

from datetime import datetime, timedelta

from services.catalog.words.card_reasons import CARD_REASONS
from services.catalog.words.names import NameBook, names_for
from services.catalog.words.promise_text import objective
from services.domain.plan.plan import CasePromise, Plan, Title
from services.domain.results.cards import WHOLE
from services.domain.results.published import Card, Level

_LAST_OF_A_DAY = timedelta(microseconds=1)


class CardSentences:
    """The sentences of a plan's cards. None names the case."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._promises = {promise.id: promise for promise in plan.promises}

    def of(self, card: Card, year: int = 0) -> Title:
        """`红牌：小型项目供水接入（K06-1），应于2021年9月23日24时前完成`; of a cleared card also why it was cleared.
        `year`: the present one, which a due time in it leaves out."""
        promise = self._promises.get(card.kpi)
        title = promise.title if promise is not None else Title(zh=card.kpi, en=card.kpi)
        terms = self._plan.names.terms
        term = terms.red_card if card.level == Level.RED else terms.yellow_card
        zh, en = title.zh, title.en
        if card.node != WHOLE:
            names = names_for(promise, self._plan) if promise is not None else NameBook(self._plan)
            node = names.node(card.node)
            zh, en = f"{zh}，{node.zh}环节", f"{en}, node {node.en}"
        due, cleared = self.due(card, year), _cleared(card)
        return Title(
            zh=f"{term.zh}{cleared.zh}：{zh}（{card.kpi}），{due.zh}",
            en=f"{term.en}{cleared.en}: {en} ({card.kpi}), {due.en}",
        )

    def due(self, card: Card, year: int = 0) -> Title:
        """Until when it must be done; of a promise without a limit what was broken. `year`: as in `of`."""
        promise = self._promises.get(card.kpi)
        has_limit = isinstance(promise, CasePromise) and promise.clock.limit is not None
        if card.due_at or has_limit or promise is None or card.level != Level.RED:
            return due_words(card.due_at, year)
        rule = objective(promise, self._plan)
        return Title(zh=f"不符合要求：{rule.zh}", en=f"the rule is broken: {rule.en}")


def _cleared(card: Card) -> Title:
    """Why a card was cleared; empty of an active one."""
    if not card.cleared_at:
        return Title(zh="", en="")
    why = CARD_REASONS.get(card.reason, Title(zh="其他原因", en=card.reason or "another reason"))
    return Title(zh=f"已解除（{why.zh}）", en=f" cleared ({why.en})")


def due_words(written: str, year: int = 0) -> Title:
    """A due time as an official writes it: `应于2021年9月23日24时前完成`, in the present `year` without the year.

    `written`: RFC 3339, or empty. Of another form it is shown as it is: a unit gets its notice all the same."""
    if not written:
        return Title(zh="暂停计时，期限未定", en="due time not known while the clock is stopped")
    try:
        due = datetime.fromisoformat(written)
    except ValueError:
        return Title(zh=f"期限{written}", en=f"due {written}")
    if (due + _LAST_OF_A_DAY).date() > due.date():
        return Title(zh=f"应于{_day(due, year)}24时前完成", en=f"due {due:%Y-%m-%d} 24:00")
    minutes = f"{due.minute}分" if due.minute else ""
    return Title(zh=f"应于{_day(due, year)}{due.hour}时{minutes}前完成", en=f"due {due:%Y-%m-%d %H:%M}")


def moment_words(written: str) -> Title:
    """A time of a card: `2021年9月23日9时`. `written`: RFC 3339; of another form it is shown as it is."""
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return Title(zh=written, en=written)
    minutes = f"{moment.minute}分" if moment.minute else ""
    return Title(zh=f"{_day(moment, 0)}{moment.hour}时{minutes}", en=f"{moment:%Y-%m-%d %H:%M}")


def _day(moment: datetime, year: int) -> str:
    day = f"{moment.month}月{moment.day}日"
    return day if moment.year == year else f"{moment.year}年{day}"
