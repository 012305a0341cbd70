"""Notices of what the operations centre decides: a case is assigned (交办), a 通报 is issued."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import services.notifier.__main__ as process
from services.catalog.words.assignments import ASSIGNED_FOR
from services.catalog.working_time import WorkingTime
from services.domain.intake.facts import case_key
from services.domain.plan.plan import SupervisionStep
from services.messaging.records.decisions import About, Decision, Matter
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.notifier import courier
from services.notifier.decision_notices import DecisionNotices
from services.notifier.decision_sentence import DecisionSentences
from services.notifier.notice_text import NoticeTexts
from tests.mutations import shipped_plan
from tests.unit.cases import at
from tests.unit.ledger_world import LedgerWorld
from tests.unit.test_notices import AtOnce, World
from tests.unit.test_step_notices import KEY, UNIT, October, step

MATTER = Matter(KEY.kpi, case_key(*KEY.case.split(" ")), KEY.cycle)
HELPER = "district-urban-management"
TASK = Decision(MATTER, About.ASSIGNMENT, "assigned", "centre-01", to=HELPER, why="help", until="2021-10-25")


def issued(number: int, *units: str) -> Request:
    decision = Decision(MATTER, About.CIRCULAR, "issued", "centre-01", step=number, units=units)
    return decision.request("circular", "desk", 10**9)


class Decided:
    """A ledger, and what is notified of it."""

    def __init__(self) -> None:
        self.world = LedgerWorld(lambda: at("2021-10-20T10:00"))
        self.notices = DecisionNotices(shipped_plan())

    def record(self, *requests: Request) -> None:
        for record in self.world.record(*requests):
            self.notices.take(record)

    def notified(self) -> list[tuple[str, str]]:
        return [(one.unit, str(one.content["summary_zh"])) for one in self.notices.news()]


@pytest.fixture
def decided() -> Decided:
    return Decided()


def test_an_assignment_is_notified_with_who_why_and_by_when(decided: Decided) -> None:
    decided.record(TASK.request("a", "desk", 0))
    ((unit, sentence),) = decided.notified()
    assert unit == HELPER and decided.notified() == []
    for said in (
        "交办：",
        "（K06-1）",
        "10月25日24时前回告",
        "需配合办理",
        "由运行中心交办（经办账号centre-01）",
    ):
        assert said in sentence, said


def test_a_circular_is_notified_to_each_unit_to_which_it_is_issued(decided: Decided) -> None:
    decided.record(step(SupervisionStep.CIRCULAR, 10).request("s", "notifier", 0), issued(1, UNIT, HELPER))
    notified = decided.notified()
    assert [unit for unit, _ in notified] == [UNIT, HELPER]
    assert all("承办单位：两江水务" in said and "第10个工作日" in said for _, said in notified)


@pytest.mark.parametrize(
    "request_",
    [
        TASK._replace(until="").request("old", "desk", 0),
        TASK._replace(to="nobody-knows").request("odd", "desk", 0),
        issued(7, UNIT),
        issued(1),
        Decision(MATTER, About.CIRCULAR, "not_issued", "centre-01", step=1).request("no", "desk", 9),
        Request("x", Kind.DECIDED, "desk", MATTER.subject, seen=9, body={"about": "assignment", "to": 3}),
        Request("y", Kind.DECIDED, "desk", MATTER.subject, seen=9, body={"about": "circular", "step": "1"}),
    ],
    ids=lambda each: each.id,
)
def test_what_names_no_day_or_no_unit_is_not_notified(decided: Decided, request_: Request) -> None:
    decided.record(step(SupervisionStep.CIRCULAR, 10).request("s", "notifier", 0), request_)
    assert decided.notified() == []


@pytest.mark.parametrize("why", [*ASSIGNED_FOR, "of-another-version", ""])
def test_no_sentence_names_the_case_or_a_code(why: str) -> None:
    said = DecisionSentences(shipped_plan())
    for sentence in (said.of_assignment(TASK._replace(why=why)), said.of_circular(step(SupervisionStep.CIRCULAR, 10))):
        assert "W2021" not in sentence.zh + sentence.en
        assert not re.search("[一-鿿]", sentence.en), "English in English"
        assert not re.search("[a-z]{2,}", sentence.zh.replace("centre-01", "")), "no code in Chinese"


def test_a_notice_of_several_counts_them(decided: Decided) -> None:
    decided.record(TASK.request("a", "desk", 0), TASK.request("b", "desk", 9))
    subjects = list(decided.notices.news())
    text = NoticeTexts(shipped_plan()).of(HELPER, subjects, at("2021-10-20T10:00"))
    assert text["title"] == "交办事项2项" and text["text_zh"].startswith("区城市管理局：\n1. 交办：")


# ---- the whole notifier ------------------------------------------------------------------------------------
@pytest.fixture
def october(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[October]:
    world = World(tmp_path)
    monkeypatch.setattr(process, "Alertmanager", lambda url: world)
    monkeypatch.setattr(WorkingTime, "of", lambda plan: world)
    monkeypatch.setattr(process, "real_now", world.now)
    monkeypatch.setattr(courier, "ThreadPoolExecutor", AtOnce)
    system = October(world)
    world.ledger.now = system.now
    yield system
    system.end()


def notices(system: October) -> list[LedgerRecord]:
    return [one for one in system.world.ledger.records() if one.request.kind is Kind.NOTICE]


def test_a_notice_waits_for_opening_hours_and_comes_once_however_often_the_notifier_starts(october: October) -> None:
    october.until("2021-09-30")
    october.world.closed.add(HELPER)
    october.world.ledger.record(TASK.request("a", "desk", 10**9))
    october.until("2021-10-01")
    assert notices(october) == []
    october.world.closed.clear()
    for day in ("2021-10-02", "2021-10-03", "2021-10-04"):
        october.until(day)
        october.restart()
    (notice,) = notices(october)
    assert notice.request.unit == HELPER and notice.request.body["title"].startswith("交办：")
    (subject,) = notice.request.body["subjects"]
    assert (subject["kpi"], subject["case"]) == (KEY.kpi, KEY.case), "the page of the notice leads to the case"
    october.world.ledger.record(TASK.request("b", "desk", 10**9))
    october.until("2021-10-05")
    assert len(notices(october)) == 2, "assigned anew"


@pytest.mark.parametrize("restarts", [False, True])
def test_an_assignment_that_is_withdrawn_before_its_notice_is_notified_to_nobody(
    october: October, restarts: bool
) -> None:
    october.until("2021-09-30")
    october.world.closed.add(HELPER)
    (assigned,) = october.world.ledger.record(TASK.request("a", "desk", 10**9))
    october.until("2021-10-01")
    withdrawn = Decision(MATTER, About.WITHDRAWAL, "withdrawn", "centre-01", withdraws=assigned.number)
    october.world.ledger.record(withdrawn.request("w", "desk", 10**9))
    if restarts:
        october.restart()
    october.until("2021-10-02")
    october.world.closed.clear()
    october.until("2021-10-03")
    assert notices(october) == []


def test_an_assignment_that_is_withdrawn_after_its_notice_is_no_alert_that_ended(october: October) -> None:
    october.until("2021-09-30")
    (assigned,) = october.world.ledger.record(TASK.request("a", "desk", 10**9))
    october.until("2021-10-01")
    withdrawn = Decision(MATTER, About.WITHDRAWAL, "withdrawn", "centre-01", withdraws=assigned.number)
    october.world.ledger.record(withdrawn.request("w", "desk", 10**9))
    for day in ("2021-10-02", "2021-10-03"):
        october.until(day)
        october.restart()
    assert len(notices(october)) == 1


def test_a_circular_goes_to_who_leads_the_unit_and_an_assignment_to_who_is_on_duty() -> None:
    subjects = Decided()
    subjects.record(step(SupervisionStep.CIRCULAR, 10).request("s", "notifier", 0), issued(1, UNIT))
    subjects.record(TASK.request("a", "desk", 9))
    circular, task = subjects.notices.news()
    assert (process._is_for_leaders(circular), process._is_for_leaders(task)) == (True, False)


def test_of_an_assignment_that_is_withdrawn_at_once_nothing_is_to_be_notified(decided: Decided) -> None:
    (assigned,) = decided.world.record(TASK.request("a", "desk", 0))
    withdrawn = Decision(MATTER, About.WITHDRAWAL, "withdrawn", "centre-01", withdraws=assigned.number)
    for record in (assigned, *decided.world.record(withdrawn.request("w", "desk", 9))):
        decided.notices.take(record)
    assert [one.active for one in decided.notices.news()] == [False]
