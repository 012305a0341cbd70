"""Notices of steps of escalation: to whom, in which words, and not about what is over."""

import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

import services.notifier.__main__ as process
from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import SupervisionStep
from services.domain.results.published import Card
from services.domain.time.zone import MINUTE_US, Instant
from services.messaging.reader import Record
from services.messaging.records.ledger import Kind
from services.messaging.records.steps import CardKey, RecordedStep
from services.notifier import courier
from services.notifier.notice_subject import Subject
from services.notifier.notice_text import NoticeTexts
from services.notifier.step_notices import StepNotices
from services.notifier.step_sentence import StepSentences
from tests.mutations import shipped_plan
from tests.unit.cases import at
from tests.unit.ledger_world import LedgerWorld
from tests.unit.test_notices import AtOnce, System, World

KEY = CardKey("K06-1", "/units/liangjiang-water W20210922-17", 1, "-")
UNIT = "liangjiang-water"
CARD = Card(*KEY, "red", UNIT, "2021-09-29T00:00:00+08:00", "2021-09-28T23:59:59.999999+08:00", "", "")


def step(kind: SupervisionStep, days: int) -> RecordedStep:
    return RecordedStep(KEY, kind, "2021-10-12T00:00:00+08:00", UNIT, CARD.raised_at, CARD.due_at, days)


class Desk:
    def __init__(self) -> None:
        self.world = LedgerWorld(lambda: at("2021-10-12T00:00:01"))
        self.notices = StepNotices(shipped_plan(), lambda card: "0" * 16)

    def record(self, kind: SupervisionStep, days: int) -> None:
        for record in self.world.record(step(kind, days).request(f"test/{kind}", "test", 10**9)):
            self.notices.take(record)

    def news(self) -> list[Subject]:
        return list(self.notices.news())


def test_a_step_is_notified_to_its_unit_once() -> None:
    desk = Desk()
    desk.notices.take_card(CARD)
    desk.record(SupervisionStep.URGING, 3)
    (subject,) = desk.news()
    assert (subject.unit, subject.active) == (UNIT, True)
    assert desk.news() == []


def test_a_proposal_goes_to_the_operations_centre() -> None:
    desk = Desk()
    desk.notices.take_card(CARD)
    desk.record(SupervisionStep.CIRCULAR, 10)
    (subject,) = desk.news()
    assert subject.unit == "" and "两江水务" in str(subject.content["summary_zh"])


def test_what_is_over_is_not_notified_any_more() -> None:
    desk = Desk()
    desk.notices.take_card(CARD)
    desk.record(SupervisionStep.URGING, 3)
    (subject,) = desk.news()
    over = desk.notices.take_card(CARD._replace(cleared_at="2021-10-12T08:00:00+08:00", reason="completed"))
    assert [(one.id, one.active) for one in over] == [(subject.id, False)]


def test_after_a_start_only_steps_of_active_cards_are_notified() -> None:
    desk = Desk()
    desk.record(SupervisionStep.URGING, 3)
    assert desk.news() == []


@pytest.mark.parametrize(
    ("kind", "days", "words"),
    [
        (SupervisionStep.REMINDER, 1, "亮红牌后第1个工作日仍未办结。请抓紧办理。"),
        (SupervisionStep.URGING, 3, "应于2021年9月28日24时前完成，亮红牌后第3个工作日仍未办结。请立即办理"),
        (SupervisionStep.ORDER, 5, "督办单江北督办〔2021〕1号："),
        (SupervisionStep.ORDER, 5, "请于2021年10月15日24时前书面回告。"),
        (SupervisionStep.CIRCULAR, 10, "建议予以通报，请江北区优化营商环境领导小组办公室主任审定。"),
    ],
)
def test_the_words_are_those_of_an_official(kind: SupervisionStep, days: int, words: str) -> None:
    number = "江北督办〔2021〕1号" if kind is SupervisionStep.ORDER else ""
    sentence = StepSentences(shipped_plan()).of(step(kind, days), number, "2021-10-15T23:59:59.999999+08:00")
    assert words in sentence.zh
    assert "W2021" not in sentence.zh + sentence.en, "no text names the case"
    assert not re.search("[一-鿿]", sentence.en.replace(number, ""))


def test_the_notice_has_a_title_and_the_name_of_the_unit() -> None:
    desk = Desk()
    desk.notices.take_card(CARD)
    desk.record(SupervisionStep.REMINDER, 1)
    desk.record(SupervisionStep.ORDER, 5)
    subjects = desk.news()
    text = NoticeTexts(shipped_plan()).of(UNIT, subjects, at("2021-10-12T09:00"))
    assert text["title"] == "督办事项2项"
    assert text["text_zh"].startswith("两江水务：") and "督办单江北督办〔2021〕1号" in text["text_zh"]


# ---- the whole notifier ------------------------------------------------------------------------------------
class October(System):
    """A notifier that runs by a plan's clock in the autumn of 2021."""

    shows = at("2021-09-29T00:00")

    def now(self) -> Instant:
        return self.shows

    def log_card(self, card: Card) -> None:
        """A record of alert.cards."""
        key = f"{card.kpi}|{card.case.replace(' ', chr(0x1F))}|1|-|{card.level}".encode()
        self.world.log.append(Record("alert.cards", 0, len(self.world.log), key, orjson.dumps(card._asdict())))

    def until(self, when: str) -> None:
        """A quarter of a day is a round."""
        while self.shows < at(when):
            self.run(60)
            self.shows += 6 * 60 * MINUTE_US

    def notified(self) -> list[str]:
        """The steps of which there is a notice, with the unit that has it."""
        subjects = [
            (record.request.unit, one)
            for record in self.world.ledger.records()
            if record.request.kind is Kind.NOTICE
            for one in record.request.body["subjects"]
        ]
        return [f"{one['step']} {unit}".strip() for unit, one in subjects if "step" in one]


@pytest.fixture
def october(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[October]:
    world = World(tmp_path)
    monkeypatch.setattr(process, "Alertmanager", lambda url: world)
    monkeypatch.setattr(WorkingTime, "of", lambda plan: world)
    monkeypatch.setattr(process, "real_now", world.now)
    monkeypatch.setattr(courier, "ThreadPoolExecutor", AtOnce)
    system = October(world)
    world.ledger.now = system.now
    system.log_card(CARD)
    yield system
    system.end()


def test_the_notifier_takes_each_step_and_notifies_it(october: October) -> None:
    october.until("2021-10-11T12:00")
    october.restart()
    october.until("2021-10-20")
    assert october.notified() == [f"reminder {UNIT}", f"urging {UNIT}", f"order {UNIT}", "circular"]
    titles = [one.request.body["title"] for one in october.world.ledger.records() if one.request.kind is Kind.NOTICE]
    assert any(title.startswith("督办单江北督办〔2021〕1号：") for title in titles)


def test_a_step_that_waits_for_opening_hours_is_dropped_when_the_case_is_completed(october: October) -> None:
    october.until("2021-10-08")
    october.world.closed.add(UNIT)
    october.until("2021-10-09T06:00")
    october.log_card(CARD._replace(cleared_at="2021-10-09T05:00:00+08:00", reason="completed"))
    october.until("2021-10-10")
    october.world.closed.clear()
    october.until("2021-10-20")
    assert october.notified() == [f"reminder {UNIT}"]
    kinds = [one.request.kind for one in october.world.ledger.records()]
    assert kinds.count(Kind.STEP) == 2, "the urging was due, and is on record"
