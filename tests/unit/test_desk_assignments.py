"""Cases that the operations centre assigns (交办): the form, the list of the unit, and its first page."""

import re
from pathlib import Path

import pytest

from services.desk.access import Role, Viewer
from services.messaging.records.decisions import About, Decision, Matter
from services.messaging.records.ledger import Kind, Request
from tests.unit.acting_world import KEY, ActingWorld
from tests.unit.cases import completed
from tests.unit.test_desk_acts import CENTRE, LEAD, OTHER, START, WORKS, Browser

HELPERS = Viewer("helpers-01", Role.UNIT, "helpers")
TASK = {"to": "helpers", "why": "help", "until": "2021-09-28"}
STATE = re.compile('<td data-label="状态"><span class="tag [a-z]+"><span aria-hidden="true">. </span>([^<]*)</span>')


@pytest.fixture
def world(tmp_path: Path) -> ActingWorld:
    return ActingWorld(tmp_path, [START])


def states(world: ActingWorld, viewer: Viewer = HELPERS) -> list[str]:
    """Of each line of the viewer's list."""
    page = world.client(viewer).get("/assignments")
    assert page.status_code == 200, page.text
    return STATE.findall(page.text)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (TASK | {"why": ""}, "请选择其一"),
        (TASK | {"why": "mood"}, "请在列表中选择"),
        (TASK | {"to": "elsewhere"}, "请在列表中选择"),
        (TASK | {"until": ""}, "请填写"),
        (TASK | {"until": "2021-09-01"}, "今天或以后"),
        (TASK | {"until": "2021-02-30"}, "不是日期"),
        (TASK | {"why": "other"}, "请写明交办原因"),
    ],
)
def test_an_assignment_says_to_whom_why_and_by_when(world: ActingWorld, fields: dict[str, str], why: str) -> None:
    with world.nothing_recorded():
        answer = Browser(world, CENTRE).send("assign", **fields)
    assert answer.status_code == 422 and why in answer.text


def test_the_unit_sees_what_is_assigned_to_it_and_answers(world: ActingWorld) -> None:
    assert states(world) == []
    Browser(world, CENTRE).send("assign", **TASK, text="请协助协调管线迁改")
    page = world.client(HELPERS).get("/assignments").text
    for said in ("W-1", "需配合办理", "请协助协调管线迁改", "centre-01", "2021年9月28日 24:00", "还剩"):
        assert said in page, said
    assert "待回告的交办" in world.client(HELPERS).get("/district").text
    assert states(world) == ["待签收"] == states(world, CENTRE)
    Browser(world, HELPERS).send("acknowledge", until="2021-09-27")
    assert states(world) == ["已签收，待回告"]
    Browser(world, HELPERS).send("reply", text="已协调")
    assert states(world) == ["已回告"]
    Browser(world, HELPERS).send("acknowledge", until="2021-09-27")
    assert states(world) == ["已回告"], "an acknowledgement takes no answer back"
    assert "待回告的交办" not in world.client(HELPERS).get("/district").text
    Browser(world, CENTRE).send("assign", **TASK)
    assert states(world) == ["待签收"], "assigned anew"


def test_a_reply_stays_when_a_later_request_is_taken_back(world: ActingWorld) -> None:
    Browser(world, CENTRE).send("assign", **TASK)
    helpers = Browser(world, HELPERS)
    for act, fields in (("acknowledge", {"until": "2021-09-27"}), ("reply", {"text": "已协调"})):
        helpers.send(act, **fields)
    helpers.send("extension", amount="3", unit="working_days")
    helpers.send("withdraw-request", of=str(world.of_kind(Kind.ASKED)[-1].number))
    assert states(world) == ["已回告"]


def test_an_acknowledgement_stays_when_the_only_answer_is_taken_back(world: ActingWorld) -> None:
    Browser(world, CENTRE).send("assign", **TASK)
    helpers = Browser(world, HELPERS)
    helpers.send("acknowledge", until="2021-09-27")
    helpers.send("extension", amount="3", unit="working_days")
    helpers.send("withdraw-request", of=str(world.of_kind(Kind.ASKED)[-1].number))
    assert states(world) == ["已签收，待回告"]


def test_the_list_is_there_in_english(world: ActingWorld) -> None:
    Browser(world, CENTRE).send("assign", **TASK)
    page = world.client(HELPERS._replace(language="en")).get("/assignments").text
    for said in ("Assigned cases to answer", "the unit has to help", "to acknowledge", "operations centre"):
        assert said in page, said


@pytest.mark.parametrize("viewer", [WORKS, OTHER, LEAD])
def test_nobody_else_sees_it(world: ActingWorld, viewer: Viewer) -> None:
    Browser(world, CENTRE).send("assign", **TASK, text="请协助协调管线迁改")
    for path in ("/assignments", "/district"):
        page = world.client(viewer).get(path).text.partition("<main")[2]
        assert "协调管线迁改" not in page and "需配合办理" not in page and states(world, viewer) == []


def test_it_is_overdue_after_its_day_and_done_with_its_case(world: ActingWorld) -> None:
    Browser(world, CENTRE).send("assign", **TASK)
    world.now += 5 * 86_400_000_000
    assert states(world) == ["超期未回告"]
    world.arrive(completed("2021-09-29T09:00"))
    assert states(world) == ["已办结"]


def test_an_assignment_of_an_older_record_is_listed_without_a_day(world: ActingWorld) -> None:
    decision = Decision(Matter("P", KEY, 1), About.ASSIGNMENT, "assigned", "centre-01", to="helpers")
    world.record(decision.request("old", "desk", 0))
    assert states(world) == ["待签收"] and "未定期限" in world.client(HELPERS).get("/assignments").text


@pytest.mark.parametrize("more", [{"to": ["helpers"]}, {"to": "helpers", "until": 7}, {"to": ""}, {"owner": 3}])
def test_what_is_no_assignment_is_passed_over(world: ActingWorld, more: dict[str, object]) -> None:
    matter = Matter("P", KEY, 1)
    body = matter.fields() | {"about": "assignment", "decision": "assigned", "by": "x"} | more
    world.record(Request("odd", Kind.DECIDED, "desk", matter.subject, seen=9, body=body))
    assert states(world, CENTRE) == []


def test_what_is_to_be_answered_comes_by_time_left(world: ActingWorld) -> None:
    days = {"P": "2021-10-08", "S": "2021-09-27"}
    for kpi, day in days.items():
        Browser(world, CENTRE).send("assign", kpi, **TASK | {"until": day})
    page = world.client(HELPERS).get("/assignments").text
    assert page.index("2021年9月27日") < page.index("2021年10月8日")
