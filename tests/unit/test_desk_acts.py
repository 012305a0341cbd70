"""What people do at the desk: each act becomes its record, and what is not open is refused with nothing recorded."""

import re
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from services.desk.access import Role, Viewer
from services.desk.acting.acts import ACTS
from services.messaging.records.decisions import About, Decision, Matter
from services.messaging.records.ledger import Kind, Request
from tests.unit.acting_world import KEY, ActingWorld, hidden
from tests.unit.cases import accepted, completed, node_started

WORKS = Viewer("works-01", Role.UNIT, "works", "zh")
OTHER = Viewer("seals-01", Role.UNIT, "seals")
LEAD = Viewer("bureau-01", Role.UNIT, "bureau")
CENTRE = Viewer("centre-01", Role.OPERATIONS)
OF_WORKS = Viewer("centre-02", Role.OPERATIONS, "works")
AUDITOR = Viewer("audit-01", Role.AUDITOR)
ADMIN = Viewer("admin-01", Role.ADMIN)
START = accepted("2021-09-16T09:00")
DONE = completed("2021-09-22T09:00", received="2021-09-27T09:00")


@pytest.fixture
def world(tmp_path: Path) -> ActingWorld:
    """A case that is red."""
    return ActingWorld(tmp_path, [START])


@pytest.fixture
def late(tmp_path: Path) -> ActingWorld:
    """A case that was completed in time and reported late."""
    return ActingWorld(tmp_path, [START, DONE], "2021-10-08T09:00")


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> ActingWorld:
    """As `world`, for what is refused: the tests of a module share it, and none records anything."""
    return ActingWorld(tmp_path_factory.mktemp("red"), [START])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> ActingWorld:
    """As `late`, for what is refused."""
    return ActingWorld(tmp_path_factory.mktemp("done"), [START, DONE], "2021-10-08T09:00")


class Browser:
    """Opens a form and sends it."""

    def __init__(self, world: ActingWorld, viewer: Viewer | None) -> None:
        self.world = world
        self.client = world.client(viewer)

    def open(self, act: str, kpi: str = "P") -> dict[str, str]:
        page = self.client.get(self.world.act(act, kpi))
        assert page.status_code == 200, page.text
        return hidden(page)

    def send(self, act: str, kpi: str = "P", form: Any = None, **fields: Any) -> Response:
        given = self.open(act, kpi) if form is None else form
        return self.client.post(self.world.act(act, kpi), data={**given, **fields})

    def follow(self, answer: Response) -> str:
        """The sentence that the next page shows."""
        assert answer.status_code == 303, answer.text
        said = re.search(r'<p class="said" role="status">([^<]*)</p>', self.client.get(answer.headers["location"]).text)
        return said[1] if said else ""


# ---- the acts --------------------------------------------------------------------------------------------
def test_a_unit_acknowledges_until_a_day(world: ActingWorld) -> None:
    browser = Browser(world, WORKS)
    page = browser.client.get(world.act("acknowledge"))
    assert "2021年9月26日（1个工作日）" in page.text and "2021年9月28日（3个工作日）" in page.text  # the 26th is worked
    said = browser.follow(browser.send("acknowledge", until="2021-09-27"))
    (record,) = world.of_kind()
    assert (record.request.kind, record.request.unit) == (Kind.ACKNOWLEDGED, "works")
    assert record.request.body["until"] == "2021-09-27" and record.request.body["by"] == "works-01"
    assert record.request.body["role"] == "unit" and f"第{record.number}号：签收" in said


def test_a_reply_has_its_text_in_the_store_and_its_hash_in_the_ledger(world: ActingWorld) -> None:
    browser = Browser(world, WORKS)
    browser.send("reply", text="管道已铺设。\r\n等待通水。", until="2021-09-28")
    (record,) = world.of_kind(Kind.REPLIED)
    assert record.request.body["until"] == "2021-09-28"
    assert world.texts.text(record.request.texts["text"]) == "管道已铺设。\n等待通水。"
    assert "管道" not in record.value().decode()
    assert "管道已铺设" in browser.client.get(world.act("reply")).text


def test_a_reason_is_asked_for_and_accepted(world: ActingWorld) -> None:
    Browser(world, WORKS).send("reason", "S", reason="weather", text="连续暴雨")
    (asked,) = world.of_kind(Kind.ASKED)
    assert asked.request.body["about"] == "reason" and asked.request.body["data"]["reason"] == "weather"
    page = Browser(world, CENTRE).client.get(world.act("decide-reason", "S"))
    assert "连续暴雨" in page.text and "不超过4个工作日" in page.text and "超期未办结 → 理由成立" in page.text
    assert "0/1 → 0/0" in page.text
    Browser(world, CENTRE).send("decide-reason", "S", decision="accept", text="情况属实")
    (decided,) = world.of_kind(Kind.DECIDED)
    decision = Decision.read(decided)
    assert (decision.about, decision.decision, decision.by) == (About.REASON, "accepted", "centre-01")
    assert decided.request.body["role"] == "operations" and (decided.request.seen or 0) >= asked.number
    assert decision.data == {
        "kpi": "S", "decision": "accepted", "cycle": 1, "through": "2021-09-16T01:00:00Z"
    }  # fmt: skip


def test_an_extension_is_asked_for_and_granted_as_it_was_asked(world: ActingWorld) -> None:
    Browser(world, WORKS).send("extension", amount="3", unit="working_days", text="待管线迁改")
    page = Browser(world, CENTRE).client.get(world.act("decide-extension"))
    assert 'value="3"' in page.text
    Browser(world, CENTRE).send("decide-extension", decision="grant", amount="2", unit="working_days")
    (decided,) = world.of_kind(Kind.DECIDED)
    assert decided.request.body["data"]["limit"] == {"amount": 2, "unit": "working_days"}


def test_a_late_entry_is_confirmed(late: ActingWorld) -> None:
    page = Browser(late, CENTRE).client.get(late.act("decide-late-entry"))
    assert "逾期补录后按期，待认定 → 按期" in page.text and "0/1 → 1/1" in page.text
    assert ">甲</td>" in page.text and "甲 A" not in page.text, "a Chinese page has its events in Chinese"
    Browser(late, CENTRE).send("decide-late-entry", decision="accept")
    (decided,) = late.of_kind(Kind.DECIDED)
    assert decided.request.body["data"]["through"] == "2021-09-27T01:00:00Z"


def test_a_unit_to_which_a_case_is_assigned_may_answer(world: ActingWorld) -> None:
    helpers = Browser(world, Viewer("helpers-01", Role.UNIT, "helpers"))
    assert helpers.client.get(world.act("reply")).status_code == 404
    Browser(world, CENTRE).send("assign", to="helpers", why="help", until="2021-09-28")
    helpers.send("reply", text="已协调")
    assert [each.request.unit for each in world.of_kind(Kind.REPLIED)] == ["helpers"]


# ---- one form, one record --------------------------------------------------------------------------------
def test_a_form_that_is_sent_twice_is_one_record_and_one_text(world: ActingWorld) -> None:
    browser = Browser(world, WORKS)
    form = browser.open("reply")
    first = browser.follow(browser.send("reply", form=form, text="已办"))
    second = browser.follow(browser.send("reply", form=form, text="已办"))
    assert len(world.of_kind(Kind.REPLIED)) == 1 and first == second
    assert world.stored_texts() == ["已办"]
    third = browser.follow(browser.send("reply", form=form, text="另一内容"))
    assert "未予登记" in third and world.stored_texts() == ["已办"] and len(world.of_kind(Kind.REPLIED)) == 1


def test_a_request_that_closes_its_own_form_may_be_sent_twice(world: ActingWorld) -> None:
    browser = Browser(world, WORKS)
    form, other = browser.open("extension"), browser.open("extension")
    fields = {"amount": "3", "unit": "working_days"}
    assert browser.follow(browser.send("extension", form=form, **fields)) == browser.follow(
        browser.send("extension", form=form, **fields)
    )
    assert len(world.of_kind(Kind.ASKED)) == 1
    answer = browser.send("extension", form=other, **fields)
    assert answer.status_code == 409 and "等待运行中心决定" in answer.text


def test_the_form_of_somebody_else_is_another_one(world: ActingWorld) -> None:
    form = Browser(world, WORKS).open("reply")
    Browser(world, WORKS).send("reply", form=form, text="甲")
    Browser(world, Viewer("works-02", Role.UNIT, "works")).send("reply", form=form, text="乙")
    assert [each.request.body["by"] for each in world.of_kind(Kind.REPLIED)] == ["works-01", "works-02"]


@pytest.mark.slow
def test_while_the_keeper_is_away_the_page_says_that_it_is_being_recorded(world: ActingWorld) -> None:
    browser = Browser(world, WORKS)
    form = browser.open("reply")
    world.keeper_works = False
    answer = browser.send("reply", form=form, text="已办")
    where = answer.headers["location"]
    assert answer.status_code == 303 and where.startswith("/recording/") and world.pauses > 1
    assert "正在登记" in browser.client.get(where).text
    assert browser.send("reply", form=form, text="已办").headers["location"] == where
    world.keep()
    assert re.search("已登记为台账第[0-9]+号：回告", browser.client.get(where).text)
    assert len(world.of_kind(Kind.REPLIED)) == 1 and world.stored_texts() == ["已办"]


@pytest.mark.slow
def test_the_text_of_a_decision_that_is_refused_after_the_wait_does_not_stay(late: ActingWorld) -> None:
    browser = Browser(late, CENTRE)
    form = browser.open("decide-late-entry")
    late.keeper_works = False
    replied = Request("first", Kind.REPLIED, "cli", subject_of_p(), "works", body={"by": "窗口2"})
    late.send(replied, 0)  # it comes first, and the desk cannot know
    where = browser.send("decide-late-entry", form=form, decision="accept", text="情况属实").headers["location"]
    assert where.startswith("/recording/") and late.stored_texts() == ["情况属实"]
    late.keep()
    assert late.stored_texts() == [None] and not late.of_kind(Kind.DECIDED)
    assert "未予登记" in browser.client.get(where).text


@pytest.mark.slow
def test_a_form_that_is_sent_again_with_another_text_while_it_is_recorded_keeps_the_first(world: ActingWorld) -> None:
    browser = Browser(world, WORKS)
    form = browser.open("reply")
    world.keeper_works = False
    for text in ("已办", "另一内容", "已办"):
        assert browser.send("reply", form=form, text=text).headers["location"].startswith("/recording/")
    world.keep()
    assert world.stored_texts() == ["已办"]
    assert "未予登记" in browser.follow(browser.send("reply", form=form, text="另一内容"))
    assert world.stored_texts() == ["已办"]


# ---- what was not seen -----------------------------------------------------------------------------------
def test_a_decision_on_what_has_changed_is_refused_with_what_changed(late: ActingWorld) -> None:
    browser = Browser(late, CENTRE)
    form = browser.open("decide-late-entry")
    Browser(late, OTHER)
    late.now += 1_000_000
    late.arrive(node_started("2021-09-17T10:00", "survey", received="2021-10-08T09:00"))
    answer = browser.send("decide-late-entry", form=form, decision="accept", text="保留此说明")
    assert answer.status_code == 409 and "未作出决定" in answer.text and "环节开始" in answer.text
    assert "保留此说明" in answer.text and not late.of_kind(Kind.DECIDED)
    again = browser.send("decide-late-entry", form=hidden(answer), decision="accept")
    assert again.status_code == 303 and len(late.of_kind(Kind.DECIDED)) == 1


def test_of_two_deciders_the_second_is_told_of_the_first(late: ActingWorld) -> None:
    first, second = Browser(late, CENTRE), Browser(late, Viewer("centre-09", Role.OPERATIONS))
    form = second.open("decide-late-entry")
    first.send("decide-late-entry", decision="accept")
    answer = second.send("decide-late-entry", form=form, decision="reject")
    assert answer.status_code == 409 and "补录予以认定" in answer.text and "centre-01" in answer.text
    assert [each.request.body["decision"] for each in late.of_kind(Kind.DECIDED)] == ["accepted"]


def test_what_comes_between_the_look_and_the_record_is_found_by_the_keeper(
    late: ActingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, send = Browser(late, CENTRE), late.send
    form = browser.open("decide-late-entry")

    def overtaken(request: Request, timeout_seconds: float) -> None:
        monkeypatch.undo()
        send(Request("first", Kind.REPLIED, "cli", request.subject, "works", body={"by": "窗口2"}), timeout_seconds)
        send(request, timeout_seconds)

    monkeypatch.setattr(late, "send", overtaken)
    answer = browser.send("decide-late-entry", form=form, decision="accept", text="情况属实")
    assert answer.status_code == 409 and "窗口2" in answer.text and "情况属实" in answer.text
    assert not late.of_kind(Kind.DECIDED) and late.stored_texts() == [None]


@pytest.mark.parametrize(
    "forged",
    [{"seen": "999999"}, {"through": "2059-01-01T00:00:00Z"}],
)
def test_who_claims_to_know_more_than_there_is_decides_nothing(done: ActingWorld, forged: dict[str, str]) -> None:
    form = Browser(done, CENTRE).open("decide-late-entry")
    answer = Browser(done, CENTRE).send("decide-late-entry", form=form | forged, decision="accept")
    assert answer.status_code == 409 and "与台账不符" in answer.text and not done.of_kind(Kind.DECIDED)


@pytest.mark.parametrize(
    ("name", "value"),
    [("form", ""), ("form", "../x"), ("seen", "-1"), ("seen", "١"), ("seen", "1" * 40), ("through", "soon")],
)
def test_what_is_no_form_of_ours_is_not_recorded(done: ActingWorld, name: str, value: str) -> None:
    form = Browser(done, CENTRE).open("decide-late-entry")
    answer = Browser(done, CENTRE).send("decide-late-entry", form=form | {name: value}, decision="accept")
    assert answer.status_code == 400 and not done.of_kind(Kind.DECIDED)


def subject_of_p() -> str:
    """What records about the case have as their subject."""
    return Matter("P", KEY, 1).subject


# ---- who may ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("viewer", [None, OTHER, LEAD, AUDITOR, ADMIN, OF_WORKS])
def test_nobody_else_acts(done: ActingWorld, viewer: Viewer | None) -> None:
    form = Browser(done, CENTRE).open("decide-late-entry")
    with done.nothing_recorded():
        for act in ACTS:
            fields = form | {"decision": "accept", "to": "seals", "text": "x"}
            answer = done.client(viewer).post(done.act(act.name), data=fields)
            assert answer.status_code in (303, 403, 404)
            assert answer.headers.get("location", "/sign-in").startswith("/sign-in")


def test_a_decider_who_belongs_to_the_unit_that_was_assigned_decides_nothing(world: ActingWorld) -> None:
    Browser(world, WORKS).send("extension", amount="3", unit="working_days")
    Browser(world, CENTRE).send("assign", to="helpers", why="help", until="2021-09-28")
    answer = world.client(Viewer("c-3", Role.OPERATIONS, "helpers")).get(world.act("decide-extension"))
    assert answer.status_code == 404


def test_who_says_it_for_whom_is_never_taken_from_the_form(world: ActingWorld) -> None:
    names = ("unit", "by", "role", "account", "kind", "subject", "case", "cycle", "promise")
    Browser(world, WORKS).send("acknowledge", until="2021-09-27", **dict.fromkeys(names, "seals"))
    (record,) = world.of_kind()
    assert (record.request.unit, record.request.body["by"], record.request.body["role"]) == (
        "works",
        "works-01",
        "unit",
    )
    assert record.request.body["kpi"] == "P" and record.request.subject.endswith("1")


def test_a_case_that_is_completed_is_not_answered(done: ActingWorld) -> None:
    browser = Browser(done, WORKS)
    for act, fields in (
        ("acknowledge", {"until": "2021-10-09"}),
        ("reply", {"text": "x"}),
        ("extension", {"amount": "1", "unit": "working_days"}),
    ):
        answer = browser.send(act, form=Browser(done, CENTRE).open("decide-late-entry"), **fields)
        assert answer.status_code == 409 and "已办结" in answer.text
    assert not done.of_kind()


def test_a_get_changes_nothing(red: ActingWorld) -> None:
    for viewer in (WORKS, CENTRE):
        for act in ACTS:
            red.client(viewer).get(red.act(act.name) + "&form=" + "0" * 32 + "&decision=accept&until=2021-09-27&text=x")
    assert not red.requests and red.stored_texts() == []


# ---- what is written -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * 100_000, "最多2000字"),
        ("甲\x00乙", "\\u0000"),
        ("甲\x1b[2J乙", "\\u001b"),
        ("甲\u202e乙", "\\u202e"),
        ("甲\u200b乙", "\\u200b"),
        ("电话 13812345678", "手机号码"),
        ("身份证 11010519491231002X", "身份证号码"),
    ],
)
def test_a_text_that_cannot_be_kept_is_said_beside_its_field(red: ActingWorld, text: str, why: str) -> None:
    browser = Browser(red, WORKS)
    answer = browser.send("reply", text=text, until="2021-09-28")
    assert answer.status_code == 422 and why in answer.text
    assert 'aria-invalid="true"' in answer.text and 'value="2021-09-28"' in answer.text  # the rest is kept
    assert not red.of_kind() and red.stored_texts() == []


def test_what_cannot_be_seen_is_taken_out_and_the_rest_kept(world: ActingWorld) -> None:
    answer = Browser(world, WORKS).send("reply", text="甲\u202e乙")
    assert "<textarea" in answer.text and "甲乙</textarea>" in answer.text
    answer = Browser(world, WORKS).send("reply", form=hidden(answer), text="甲乙")
    assert answer.status_code == 303 and world.stored_texts() == ["甲乙"]


def test_half_a_surrogate_is_no_text(world: ActingWorld) -> None:
    browser = Browser(world, WORKS)
    form = browser.open("reply")
    body = "&".join(f"{name}={value}" for name, value in form.items()).replace("+", "%2B") + "&text=%ED%A0%80x"
    answer = browser.client.post(
        world.act("reply"), content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code in (303, 422)
    assert all("\ud800" not in (each or "") for each in world.stored_texts())


def test_html_in_a_text_is_shown_as_it_was_written(world: ActingWorld) -> None:
    browser = Browser(world, WORKS)
    browser.send("reply", text="<script>alert(1)</script> & </textarea>")
    page = browser.client.get(world.act("reply"))
    assert "<script>alert" not in page.text and "&lt;script&gt;alert(1)" in page.text
    answer = browser.send("reply", text="</textarea><script>x</script>", until="1999-01-01")
    assert answer.status_code == 422 and "<script>x" not in answer.text


@pytest.mark.parametrize(
    ("act", "kpi", "fields", "why"),
    [
        ("acknowledge", "P", {}, "请选择其一"),
        ("acknowledge", "P", {"until": "2022-09-27"}, "请在列表中选择"),
        ("reply", "P", {}, "请填办理情况"),
        ("reply", "P", {"until": "2021-09-01"}, "今天或以后"),
        ("reply", "P", {"until": "2021-02-30"}, "不是日期"),
        ("reason", "S", {}, "请选择理由类别"),
        ("reason", "S", {"reason": "mood"}, "请在列表中选择"),
        ("extension", "P", {"amount": "0", "unit": "working_days"}, "大于0"),
        ("extension", "P", {"amount": "9999999999", "unit": "minutes"}, "大于0"),
        ("extension", "P", {"amount": "-1", "unit": "working_days"}, "大于0"),
        ("extension", "P", {"amount": "2", "unit": "years"}, "请在列表中选择"),
        ("extension", "P", {}, "请填写"),
    ],
)
def test_each_field_says_what_is_wrong_with_it(
    red: ActingWorld, act: str, kpi: str, fields: dict[str, str], why: str
) -> None:
    answer = Browser(red, WORKS).send(act, kpi, **fields)
    assert answer.status_code == 422 and why in answer.text and not red.of_kind()


def test_a_decision_is_never_taken_for_granted(done: ActingWorld) -> None:
    assert Browser(done, CENTRE).send("decide-late-entry").status_code == 422
    assert Browser(done, CENTRE).send("decide-late-entry", decision="maybe").status_code == 422
    assert not done.of_kind()


def test_a_matter_that_there_is_not_is_not_found(red: ActingWorld) -> None:
    for address in ("/cases/x/acts/reply", red.act("reply", "Z"), red.act("reply", "P", 2), red.act("reply")[:-1]):
        assert red.client(WORKS).get(address).status_code == 404


def test_every_page_is_there_in_english(red: ActingWorld) -> None:
    english = WORKS._replace(language="en")
    page = red.client(english).get(red.act("reply")).text
    assert "Send the reply" in page and "OVERDUE" in page
