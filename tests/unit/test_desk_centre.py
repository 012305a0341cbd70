"""What the operations centre works through: what waits, 通报, texts, what is printed; and the same records as by the
command line."""

import re
import threading
import time
from pathlib import Path

import pytest

from services.acting import statements
from services.acting.decisions import on_extension, on_late_entry
from services.acting.statements import Speaker
from services.desk.access import Role, Viewer
from services.desk.acting.acts import BY_NAME
from services.desk.acting.effects import effects_of
from services.desk.acting.finding import found
from services.domain.plan.plan import SupervisionStep
from services.domain.results.published import ValueRow, Verdict
from services.domain.time.limits import Limit, LimitUnit
from services.ledger.writer import LedgerAway, RequestSender
from services.messaging.codec import canonical
from services.messaging.reader import BrokerUnavailable
from services.messaging.records.decisions import Matter, Statement
from services.messaging.records.ledger import Kind, LedgerRecord, Request, RequestInvalid, subject_of_case
from services.messaging.records.steps import CardKey, RecordedStep
from services.messaging.records.verdicts import verdict_record
from tests.unit.acting_world import KEY, ActingWorld, hidden
from tests.unit.cases import WATER, accepted, completed
from tests.unit.test_desk_acts import ADMIN, AUDITOR, CENTRE, DONE, OF_WORKS, OTHER, START, WORKS, Browser

SUBJECT = subject_of_case("P", f"{WATER} W-1", 1)


@pytest.fixture
def world(tmp_path: Path) -> ActingWorld:
    return ActingWorld(tmp_path, [START])


def step(world: ActingWorld, kind: SupervisionStep) -> LedgerRecord:
    key = CardKey("P", f"{WATER} W-1", 1, "-")
    at, due = "2021-10-19T00:00:00+08:00", "2021-09-23T23:59:59.999999+08:00"
    taken = RecordedStep(key, kind, at, "works", "2021-09-24T00:00:00+08:00", due, 10)
    return world.record(taken.request(f"step-{kind}", "notifier", world.records.number()))


# ---- what waits ------------------------------------------------------------------------------------------
def test_what_waits_is_listed_the_oldest_first_until_it_is_decided(world: ActingWorld) -> None:
    Browser(world, WORKS).send("reason", "S", reason="weather")
    world.now += 3_600_000_000
    Browser(world, WORKS).send("extension", amount="3", unit="working_days")
    centre = Browser(world, CENTRE)
    page = centre.client.get("/waiting").text
    assert page.index("说明理由</a>") < page.index("申请延期</a>") and "3个工作日" in page and "不超过4个工作日" in page
    paths = re.findall(r'<th scope="row"><a href="([^"]*)"', page)
    assert centre.client.get(paths[0].replace("&amp;", "&")).status_code == 200
    centre.send("decide-extension", decision="refuse")
    page = centre.client.get("/waiting").text
    assert "申请延期</a>" not in page and "说明理由</a>" in page


def test_a_request_waits_again_once_the_decision_on_it_is_withdrawn(world: ActingWorld) -> None:
    Browser(world, WORKS).send("reason", "S", reason="weather")
    Browser(world, CENTRE).send("decide-reason", "S", decision="accept")
    (decided,) = world.of_kind(Kind.DECIDED)
    assert not world.desk.acting.stands.waiting()
    body = dict(decided.request.body) | {
        "about": "withdrawal", "decision": "withdrawn", "withdraws": decided.number, "type": "correction",
        "data": {"of": f"ledger-{decided.number}", "event": None},
    }  # fmt: skip
    world.record(Request("w", Kind.DECIDED, "cli", decided.request.subject, seen=decided.number, body=body))
    assert [each.record.request.kind for each in world.desk.acting.stands.waiting()] == [Kind.ASKED]


@pytest.mark.parametrize("viewer", [WORKS, OTHER, AUDITOR, ADMIN, None])
def test_the_list_is_the_operations_centres(world: ActingWorld, viewer: Viewer | None) -> None:
    for path in ("/waiting", "/circulars/1", "/texts/1/erase"):
        assert world.client(viewer).get(path).status_code in (303, 403, 404)


def test_what_the_number_of_the_unit_would_become_is_computed_from_the_published_one(tmp_path: Path) -> None:
    world = ActingWorld(tmp_path, [START, DONE], "2021-10-08T09:00")
    one = found(Matter("P", KEY, 1), world.desk.casebook, world.records, world.now)
    assert one is not None
    row = ValueRow(*[""] * len(ValueRow._fields))._replace(numerator="7", denominator="9")
    september = row._replace(window_start="2021-09-01T00:00:00+08:00", window_end="2021-09-30T23:59:59+08:00")
    october = row._replace(window_start="2021-10-01T00:00:00+08:00", window_end="2021-10-31T23:59:59+08:00")
    for published, number in ((row, (8, 9)), (september, (8, 9)), (october, None), (None, None)):
        accepted_, rejected = effects_of(BY_NAME["decide-late-entry"], one.situation, CENTRE, published)
        assert (accepted_.number and accepted_.number[1]) == number
        assert rejected.number is None or rejected.number[1] == (7, 9)
        assert (accepted_.adds, rejected.adds) == (((0, 1), (1, 1)), ((0, 1), (0, 1)))


# ---- 通报 -------------------------------------------------------------------------------------------------
def test_a_circular_is_issued_by_a_person_once(world: ActingWorld) -> None:
    proposed = step(world, SupervisionStep.CIRCULAR).number
    centre, path = Browser(world, CENTRE), f"/circulars/{proposed}"
    assert "通报建议" in centre.client.get("/circulars").text
    assert f'href="{path}' not in world.client(WORKS).get("/circulars").text
    case = world.act("reply").partition("/acts")[0]
    for unseen in (case, world.act("reply")):
        assert "通报</" not in world.client(WORKS).get(unseen).text.partition("<main")[2]
    assert "通报建议" in world.client(CENTRE).get(world.act("assign")).text
    assert world.client(WORKS).get(f"{path}/print").status_code == 404
    form, other = hidden(centre.client.get(path)), hidden(centre.client.get(path))
    assert centre.client.post(path, data=form).status_code == 422
    for _ in range(2):
        assert centre.client.post(path, data=form | {"decision": "issue", "units": ["works"]}).status_code == 303
    assert centre.client.post(path, data=other | {"decision": "leave"}).status_code == 409
    (decided,) = world.of_kind(Kind.DECIDED)
    body = decided.request.body
    assert (body["about"], body["decision"], body["step"], body["by"]) == ("circular", "issued", proposed, "centre-01")
    assert decided.request.subject == SUBJECT and "type" not in body
    printed = world.client(WORKS).get(f"{path}/print")
    assert printed.status_code == 200 and "现予通报" in printed.text and "<style" not in printed.text
    assert world.client(OTHER).get(f"{path}/print").status_code == 404


TICKED = re.compile('<input type="checkbox" name="units" value="([^"]*)" checked>')


def test_a_circular_is_issued_to_the_units_that_the_form_shows(world: ActingWorld) -> None:
    """各有关单位: those of the promise unless others are chosen, and the unit that it is about in any case."""
    proposed = step(world, SupervisionStep.CIRCULAR).number
    centre, path = world.client(CENTRE), f"/circulars/{proposed}"
    page = centre.get(path)
    assert TICKED.findall(page.text) == ["works", "bureau"], "the unit that has the case, and the lead of the promise"
    form = hidden(page) | {"decision": "issue"}
    with world.nothing_recorded():
        for units, why in (
            ([], "请选择发送单位"),
            (["bureau"], "须发给承办单位"),
            (["works", "elsewhere"], "请在列表中选择"),
        ):
            answer = centre.post(path, data=form | {"units": units})
            assert answer.status_code == 422 and why in answer.text
            assert TICKED.findall(answer.text) == [unit for unit in ("works", "bureau") if unit in units]
    assert centre.post(path, data=form | {"units": ["helpers", "works"]}).status_code == 303
    (decided,) = world.of_kind(Kind.DECIDED)
    assert decided.request.body["units"] == ["works", "helpers"]
    for unit, status in (("works", 200), ("helpers", 200), ("bureau", 404), ("seals", 404)):
        client = world.client(Viewer(unit, Role.UNIT, unit))
        assert client.get(f"{path}/print").status_code == status
        assert ("W-1" in client.get("/circulars").text) is (status == 200)
        assert client.get(path).status_code == 403, "they read it, and decide nothing"
    assert world.client(Viewer("c-5", Role.OPERATIONS, "helpers")).get(path).status_code == 200
    case = world.act("reply").partition("/acts")[0]
    assert world.client(Viewer("helpers", Role.UNIT, "helpers")).get(case).status_code == 404, "only what is printed"


def test_nobody_decides_on_a_circular_whose_promise_their_unit_leads(world: ActingWorld) -> None:
    path = f"/circulars/{step(world, SupervisionStep.CIRCULAR).number}"
    assert world.client(Viewer("c-4", Role.OPERATIONS, "bureau")).get(path).status_code == 404


def test_a_circular_of_an_older_record_is_of_the_unit_that_it_is_about(world: ActingWorld) -> None:
    proposed = step(world, SupervisionStep.CIRCULAR)
    body = {"about": "circular", "decision": "issued", "by": "centre-01", "step": proposed.number}
    matter = Matter("P", KEY, 1)
    for units, number in ((None, 1), ("works", 2)):
        more = {} if units is None else {"units": units}
        request = Request(f"old-{number}", Kind.DECIDED, "desk", SUBJECT, seen=99, body=matter.fields() | body | more)
        world.record(request)
        for viewer, status in ((WORKS, 200), (OTHER, 404)):
            assert world.client(viewer).get(f"/circulars/{proposed.number}/print").status_code == status


def test_nobody_issues_a_circular_about_their_own_unit(world: ActingWorld) -> None:
    proposed = step(world, SupervisionStep.CIRCULAR).number
    form = hidden(world.client(CENTRE).get(f"/circulars/{proposed}"))
    with world.nothing_recorded():
        for viewer in (OF_WORKS, WORKS, AUDITOR, ADMIN, None):
            answer = world.client(viewer).post(f"/circulars/{proposed}", data=form | {"decision": "issue"})
            assert answer.status_code in (303, 403, 404)


# ---- texts -----------------------------------------------------------------------------------------------
def test_a_text_is_erased_and_the_record_of_it_stays(world: ActingWorld) -> None:
    Browser(world, WORKS).send("reply", text="张三已到现场")
    (replied,) = world.of_kind(Kind.REPLIED)
    path = f"/texts/{replied.number}/erase"
    centre = world.client(CENTRE)
    page = centre.get(path)
    assert "张三已到现场" in page.text
    for viewer in (WORKS, OF_WORKS, AUDITOR, ADMIN):
        assert world.client(viewer).post(path, data=hidden(page)).status_code in (403, 404)
    assert world.stored_texts() == ["张三已到现场"]
    for _ in range(2):
        assert centre.post(path, data=hidden(page)).status_code == 303
    (erased,) = world.of_kind(Kind.ERASED)
    assert erased.request.body == {"by": "centre-01", "role": "operations"}
    assert world.stored_texts() == [None]
    assert "文字已删除" in world.client(WORKS).get(world.act("reply")).text
    assert Browser(world, WORKS).world.of_kind(Kind.REPLIED) == [replied]


@pytest.mark.parametrize(
    ("unit", "may_erase"),
    [("works", False), ("helpers", False), ("bureau", False), ("seals", True), ("", True)],
    ids=["unit of the case", "who wrote it", "lead", "another unit", "no unit"],
)
def test_nobody_erases_a_text_that_concerns_their_own_unit(world: ActingWorld, unit: str, may_erase: bool) -> None:
    """The text is that of `helpers`, who answered for the case once; the case is that of `works` under a promise that
    `bureau` leads."""
    text = world.texts.keep("张三已到现场", "helpers")
    reply = Statement(Kind.REPLIED, Matter("P", KEY, 1), "helpers", "helpers-01", texts={"text": text})
    path = f"/texts/{world.record(reply.request('reply', 'cli')).number}/erase"
    form = hidden(world.client(CENTRE).get(path))
    client = world.client(Viewer("eraser", Role.OPERATIONS, unit))
    assert client.get(path).status_code == (200 if may_erase else 404)
    assert client.post(path, data=form).status_code == (303 if may_erase else 404)
    assert world.stored_texts() == ([None] if may_erase else ["张三已到现场"])
    assert len(world.of_kind(Kind.ERASED)) == may_erase


def test_a_text_that_there_is_not_looks_like_that_of_ones_own_unit(world: ActingWorld) -> None:
    acknowledged = Statement(Kind.ACKNOWLEDGED, Matter("P", KEY, 1), "works", "works-01").request("a", "cli")
    number = world.record(acknowledged).number
    for path in (f"/texts/{number}/erase", "/texts/99/erase", "/texts/x/erase", "/texts/٢/erase"):
        assert world.client(CENTRE).get(path).status_code == 404


def test_while_kafka_is_away_a_request_waits_no_longer_than_it_says() -> None:
    ended, opened = threading.Event(), threading.Event()

    def never() -> None:
        opened.set()
        ended.wait(10)
        raise BrokerUnavailable("no broker")

    sender = RequestSender(never)
    before = time.monotonic()
    for number in range(2):  # the second finds the first still opening
        with pytest.raises(LedgerAway, match="TimeoutError"):
            sender.send(Request(f"r{number}", Kind.REPLIED, "desk"), 0.05)
    assert time.monotonic() - before < 5 and opened.is_set()
    with pytest.raises(RequestInvalid):
        sender.send(Request("x" * 500, Kind.REPLIED, "desk"), 0.05)
    ended.set()
    sender.close()


# ---- to print --------------------------------------------------------------------------------------------
def test_a_written_order_is_printed_by_whom_it_is_addressed_to(world: ActingWorld) -> None:
    step(world, SupervisionStep.ORDER)
    for viewer, status in ((WORKS, 200), (CENTRE, 200), (OTHER, 404)):
        page = world.client(viewer).get("/orders/2021-1/print")
        assert page.status_code == status
    printed = world.client(WORKS).get("/orders/2021-1/print").text
    assert "现予督办" in printed and "<style" not in printed and 'href="/print.css"' in printed
    style = world.client(None).get("/print.css")
    assert style.headers["content-type"].startswith("text/css") and "@page" in style.text
    for number in ("2021-9", "x", "2021-1-1", "٢٠٢١-1"):
        assert world.client(WORKS).get(f"/orders/{number}/print").status_code == 404


# ---- the page of a case ----------------------------------------------------------------------------------
def test_the_page_of_a_case_leads_to_what_may_be_done_about_it(world: ActingWorld) -> None:
    case = world.act("reply").partition("/acts")[0]
    page = world.client(WORKS).get(case).text
    for act in ("acknowledge", "reply", "extension"):
        assert world.act(act).replace("&", "&amp;") in page
    assert world.act("reason", "S").replace("&", "&amp;") in page and "/acts/decide-" not in page
    assert "/acts/" not in world.client(Viewer("b", Role.UNIT, "bureau")).get(case).text
    assert world.act("assign").replace("&", "&amp;") in world.client(CENTRE).get(case).text
    Browser(world, CENTRE).send("assign", to="helpers", why="help", until="2021-09-28")
    assert world.act("reply").replace("&", "&amp;") in world.client(Viewer("h", Role.UNIT, "helpers")).get(case).text


# ---- one record, whoever asks for it ---------------------------------------------------------------------
def test_desk_and_command_line_make_the_same_record_byte_by_byte(tmp_path: Path) -> None:
    """Apart from the id and the writer. What both call is `services/acting`; tests/unit/test_decide_command.py has the
    command line."""
    world = ActingWorld(tmp_path, [START])
    one = found(Matter("P", KEY, 1), world.desk.casebook, world.records, world.now)
    soft = found(Matter("S", KEY, 1), world.desk.casebook, world.records, world.now)
    assert one is not None and soft is not None
    shown, judge, works = one.situation.shown, one.situation.judge, Browser(world, WORKS)
    speaker, limit = Speaker("works", "works-01"), Limit(amount=3, unit=LimitUnit.WORKING_DAYS)
    works.send("acknowledge", until="2021-09-27")
    works.send("reply", until="2021-09-28")
    works.send("reason", "S", reason="weather")
    works.send("extension", amount="3", unit="working_days")
    expected = [
        statements.acknowledgement(shown, speaker, statements.day_of("2021-09-27")),
        statements.reply(shown, speaker, statements.day_of("2021-09-28")),
        statements.justification(soft.situation.shown, speaker, "weather", judge),
        statements.extension_request(shown, speaker, limit, None, judge),
    ]
    for record, statement in zip(world.of_kind(), expected, strict=True):
        assert content(record.request) == content(statement.request("id", "cli"))
    Browser(world, CENTRE).send("decide-extension", decision="grant", amount="3", unit="working_days")
    (decided,) = world.of_kind(Kind.DECIDED)
    granted = on_extension(shown, limit, "centre-01").request("id", "cli", decided.request.seen or 0)
    assert content(decided.request) == content(granted)


def test_a_late_entry_is_confirmed_by_desk_and_command_line_alike(tmp_path: Path) -> None:
    world = ActingWorld(tmp_path, [START, DONE], "2021-10-08T09:00")
    one = found(Matter("P", KEY, 1), world.desk.casebook, world.records, world.now)
    assert one is not None
    Browser(world, CENTRE).send("decide-late-entry", decision="reject")
    (decided,) = world.of_kind(Kind.DECIDED)
    rejected = on_late_entry(one.situation.shown, False, "centre-01", one.situation.judge)
    assert content(decided.request) == content(rejected.request("id", "cli", decided.request.seen or 0))


def content(request: Request) -> bytes:
    """The bytes of a request without its id and writer."""
    return canonical({**request._fields(), "id": "", "writer": ""})


def test_a_late_entry_that_the_keeper_noted_waits(tmp_path: Path) -> None:
    late = completed("2021-09-22T09:00", received="2021-09-27T09:00")
    world = ActingWorld(tmp_path, [accepted("2021-09-16T09:00"), late], "2021-10-08T09:00")
    state = Verdict("P", f"{WATER} W-1", 1, "works", "water", "met_by_late_entry", "", "", "", "", "三")
    world.keeper_world.verdicts.append(verdict_record("P", KEY, 1, state))
    world.keep()
    page = world.client(CENTRE).get("/waiting").text
    assert "逾期补录</a>" in page and "W-1" in page
    Browser(world, CENTRE).send("decide-late-entry", decision="reject")
    assert "逾期补录</a>" not in world.client(CENTRE).get("/waiting").text
