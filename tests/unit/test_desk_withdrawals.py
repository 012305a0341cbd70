"""What is taken back or sent again at the desk: a unit its request, the operations centre its decision."""

from pathlib import Path

import pytest

from services.desk.access import Role, Viewer
from services.domain.supervision.steps import ActKind
from services.ledger.enforcement import Enforcement
from services.messaging.records.decisions import (
    About,
    Decision,
    Matter,
    Refusal,
    Statement,
    effect_of_request,
    event_of,
    not_in_force,
)
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.messaging.records.steps import ActReader
from tests.unit.acting_world import KEY, ActingWorld
from tests.unit.test_desk_acts import CENTRE, OF_WORKS, OTHER, START, WORKS, Browser
from tests.unit.test_desk_assignments import HELPERS, TASK, states

ASK = {"amount": "3", "unit": "working_days"}


@pytest.fixture
def world(tmp_path: Path) -> ActingWorld:
    return ActingWorld(tmp_path, [START])


def waiting(world: ActingWorld) -> list[str]:
    return [str(one.about) for one in world.desk.acting.stands.waiting()]


def last(world: ActingWorld, *kinds: Kind) -> LedgerRecord:
    return world.of_kind(*kinds)[-1]


# ---- a unit its request ----------------------------------------------------------------------------------
def test_a_unit_takes_its_request_back_until_it_is_decided(world: ActingWorld) -> None:
    works = Browser(world, WORKS)
    works.send("extension", **ASK)
    asked = last(world)
    page = works.client.get(world.act("withdraw-request"))
    assert f"第{asked.number}号：申请延期（works-01）" in page.text
    form = works.open("withdraw-request")
    said = [works.follow(works.send("withdraw-request", form=form, of=str(asked.number))) for _ in range(2)]
    assert said[0] == said[1] and f"撤回第{asked.number}号申请" in said[0], "sent twice, it is one record"
    (taken_back,) = [one for one in world.of_kind(Kind.ASKED) if one.number != asked.number]
    assert taken_back.request.body["withdraws"] == asked.number and event_of(taken_back) is None
    assert waiting(world) == [] and "没有待决定的申请" in world.client(CENTRE).get(world.act("decide-extension")).text
    works.send("extension", **ASK)
    assert waiting(world) == ["extension"], "it may ask again"


def test_a_reason_that_is_taken_back_is_struck_out(world: ActingWorld) -> None:
    works = Browser(world, WORKS)
    works.send("reason", "S", reason="weather")
    asked = last(world)
    works.send("withdraw-request", "S", of=str(asked.number))
    event = event_of(last(world)) or {}
    assert (event["type"], event["data"]) == ("correction", {"of": f"ledger-{asked.number}", "event": None})
    assert waiting(world) == []


def test_nothing_is_taken_back_once_it_is_decided(world: ActingWorld) -> None:
    works = Browser(world, WORKS)
    works.send("extension", **ASK)
    asked, form = last(world), works.open("withdraw-request")
    Browser(world, CENTRE).send("decide-extension", decision="refuse")
    answer = works.send("withdraw-request", form=form, of=str(asked.number))
    assert answer.status_code == 409 and "没有待决定的申请可以撤回" in answer.text
    assert world.act("withdraw-request").replace("&", "&amp;") not in works.client.get(case(world)).text


def test_a_decision_that_comes_first_makes_it_stale(world: ActingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    works, send = Browser(world, WORKS), world.send
    works.send("extension", **ASK)
    asked, form = last(world), works.open("withdraw-request")

    def overtaken(request: Request, timeout_seconds: float) -> None:
        monkeypatch.undo()
        body = {"about": "extension", "decision": "refused", "by": "centre-01"}
        send(Request("first", Kind.DECIDED, "cli", request.subject, seen=asked.number, body=body), timeout_seconds)
        send(request, timeout_seconds)

    monkeypatch.setattr(world, "send", overtaken)
    assert works.send("withdraw-request", form=form, of=str(asked.number)).status_code == 409
    assert [one.number for one in world.of_kind(Kind.ASKED)] == [asked.number]


def test_a_unit_takes_back_nothing_of_another_unit(world: ActingWorld) -> None:
    Browser(world, WORKS).send("extension", **ASK)
    asked = last(world)
    Browser(world, CENTRE).send("assign", **TASK)
    helpers = Browser(world, HELPERS)
    with world.nothing_recorded():
        answer = helpers.send("withdraw-request", of=str(asked.number))
        assert answer.status_code == 422 and "只能由其撤回" in answer.text
        for viewer in (OTHER, CENTRE, OF_WORKS, None):
            form = Browser(world, WORKS).open("withdraw-request")
            answer = world.client(viewer).post(world.act("withdraw-request"), data=form | {"of": str(asked.number)})
            assert answer.status_code in (303, 403, 404)
        for number in ("999", "", "x"):
            assert helpers.send("withdraw-request", of=number).status_code == 422


def test_of_two_requests_the_other_one_waits_and_can_be_decided(world: ActingWorld) -> None:
    """A second one comes from the command line, or from another unit at the same moment."""
    works, centre = Browser(world, WORKS), Browser(world, CENTRE)
    works.send("extension", **ASK)
    first = last(world)
    more = {"about": "extension", "limit": {"amount": 5, "unit": "working_days"}}
    second = world.record(Statement(Kind.ASKED, Matter("P", KEY, 1), "works", "x", more).request("x", "cli"))
    assert 'value="5"' in centre.client.get(world.act("decide-extension")).text, "the latest"
    for taken_back, amount in ((second, "3"), (first, "")):
        works.send("withdraw-request", of=str(taken_back.number))
        page = centre.client.get(world.act("decide-extension")).text
        assert (f'value="{amount}"' in page) is (waiting(world) == ["extension"]) is bool(amount)
        assert ("没有待决定的申请" in page) is not bool(amount)


@pytest.mark.parametrize("number", [0, 1])
def test_of_two_requests_each_can_be_taken_back_also_after_a_withdrawn_decision(
    world: ActingWorld, number: int
) -> None:
    works, centre = Browser(world, WORKS), Browser(world, CENTRE)
    works.send("extension", **ASK)
    more = {"about": "extension", "limit": {"amount": 5, "unit": "working_days"}}
    world.record(Statement(Kind.ASKED, Matter("P", KEY, 1), "works", "x", more).request("x", "cli"))
    both = world.of_kind(Kind.ASKED)
    works.send("withdraw-request", of=str(both[number].number))
    centre.send("decide-extension", decision="grant", **ASK)
    assert waiting(world) == []
    centre.send("withdraw-decision", of=str(last(world, Kind.DECIDED).number))
    (left,) = world.desk.acting.stands.waiting()
    assert left.record.number == both[1 - number].number


def test_a_withdrawal_in_another_matter_takes_nothing_back(world: ActingWorld) -> None:
    Browser(world, WORKS).send("extension", **ASK)
    asked = last(world)
    Browser(world, CENTRE).send("assign", **TASK)
    assigned = last(world, Kind.DECIDED)
    elsewhere = Matter("S", KEY, 1)
    more = {"about": "withdrawal", "withdraws": asked.number}
    world.record(Statement(Kind.ASKED, elsewhere, "works", "x", more).request("x", "cli"))
    taken = Decision(elsewhere, About.WITHDRAWAL, "withdrawn", "x", withdraws=assigned.number)
    world.record(taken.request("y", "cli", 99))
    assert waiting(world) == ["extension"] and states(world) == ["待签收"]


def test_the_count_of_supervision_goes_on_as_after_a_refusal(world: ActingWorld) -> None:
    works = Browser(world, WORKS)
    works.send("extension", **ASK)
    works.send("withdraw-request", of=str(last(world).number))
    reader = ActReader()
    acts = [act.kind for act in map(reader.take, world.of_kind()) if act is not None]
    assert acts == [ActKind.ASKED, ActKind.REFUSED]


# ---- what a unit may not have struck out -----------------------------------------------------------------
def test_a_unit_strikes_out_no_decision(world: ActingWorld) -> None:
    """Whoever may write requests could name any number: the keeper sends the event of a request in the same matter
    only."""
    Browser(world, WORKS).send("reason", "S", reason="weather")
    Browser(world, CENTRE).send("decide-reason", "S", decision="reject")
    asked, decided = world.of_kind()
    subject = Matter("S", KEY, 1)
    sent: list[object] = []

    def send(event: object) -> list[Refusal]:
        sent.append(event)
        return []

    def taken_back(number: int, matter: Matter) -> LedgerRecord:
        event = {"type": "correction", "data": {"of": f"ledger-{number}", "event": None}}
        more = {"about": "withdrawal", "withdraws": number, **event}
        return world.record(Statement(Kind.ASKED, matter, "works", "x", more).request(f"{number}-{matter.kpi}", "cli"))

    forged = [taken_back(decided.number, subject), taken_back(asked.number, Matter("P", KEY, 1))]
    enforcement = Enforcement(send, lambda request: None, "keeper")
    enforcement.take([asked, decided, *forged])
    enforcement.work()
    assert len(sent) == 2, "the reason, and the decision on it"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "correction", "data": {"of": "ledger-8", "event": None}},
        {"type": "correction", "data": {"of": "ledger-7", "event": {"x": 1}}},
        {"type": "case.confirmed", "data": {"kpi": "S", "decision": "accepted", "cycle": 1}},
    ],
)
def test_another_event_than_its_own_is_none(event: dict[str, object]) -> None:
    more = {"about": "withdrawal", "withdraws": 7, **event}
    with pytest.raises(Unreadable):
        effect_of_request(Statement(Kind.ASKED, Matter("S", KEY, 1), "works", "x", more).request("x", "cli"))


# ---- the operations centre its decision ------------------------------------------------------------------
def test_a_decision_is_withdrawn_and_its_request_waits_again(world: ActingWorld) -> None:
    Browser(world, WORKS).send("reason", "S", reason="weather")
    centre = Browser(world, CENTRE)
    centre.send("decide-reason", "S", decision="accept")
    decided = last(world, Kind.DECIDED)
    assert waiting(world) == []
    assert world.act("withdraw-decision", "S").replace("&", "&amp;") in centre.client.get(case(world)).text
    said = centre.follow(centre.send("withdraw-decision", "S", of=str(decided.number), text="依据有误"))
    assert f"撤销第{decided.number}号决定" in said and waiting(world) == ["reason"]
    assert centre.send("decide-reason", "S", decision="reject").status_code == 303
    assert waiting(world) == []


def test_a_decision_on_an_extension_can_be_made_anew_once_it_is_withdrawn(world: ActingWorld) -> None:
    Browser(world, WORKS).send("extension", **ASK)
    centre = Browser(world, CENTRE)
    centre.send("decide-extension", decision="grant", **ASK)
    centre.send("withdraw-decision", of=str(last(world, Kind.DECIDED).number))
    page = centre.client.get(world.act("decide-extension"))
    assert 'value="3"' in page.text and "没有待决定的申请" not in page.text
    assert centre.send("decide-extension", decision="refuse").status_code == 303


def test_an_assignment_is_withdrawn_and_the_unit_sees_the_case_no_more(world: ActingWorld) -> None:
    centre = Browser(world, CENTRE)
    centre.send("assign", **TASK)
    first = last(world, Kind.DECIDED)
    centre.send("assign", **TASK | {"until": "2021-09-29"})
    second = last(world, Kind.DECIDED)
    for record, status in ((second, 200), (first, 404)):
        assert centre.send("withdraw-decision", of=str(record.number)).status_code == 303
        assert world.client(HELPERS).get(case(world)).status_code == status
        assert len(states(world)) == (status == 200)
    assert world.client(HELPERS).get(world.act("reply")).status_code == 404


@pytest.mark.parametrize("viewer", [WORKS, OTHER, OF_WORKS, Viewer("c", Role.OPERATIONS, "bureau"), None])
def test_nobody_else_withdraws_or_sends_again(world: ActingWorld, viewer: Viewer | None) -> None:
    refused = not_taken(world)
    form = Browser(world, CENTRE).open("withdraw-decision")
    with world.nothing_recorded():
        for act in ("withdraw-decision", "send-again"):
            answer = world.client(viewer).post(world.act(act), data=form | {"of": str(refused.number)})
            assert answer.status_code in (303, 403, 404)
            assert answer.headers.get("location", "/sign-in").startswith("/sign-in")


def test_a_decision_that_is_not_in_force_is_sent_again(world: ActingWorld) -> None:
    refused, centre = not_taken(world), Browser(world, CENTRE)
    page = centre.client.get("/waiting").text
    assert world.act("send-again").replace("&", "&amp;") in page and "单位未登记" in page
    assert "网关" not in page and "kpiwatch" not in page
    form = centre.open("send-again")
    said = [centre.follow(centre.send("send-again", form=form, of=str(refused.number))) for _ in range(2)]
    assert said[0] == said[1] and f"重新送达第{refused.number}号决定" in said[0]
    again = last(world, Kind.DECIDED)
    assert again.request.body["again"] == refused.number and len(world.of_kind(Kind.DECIDED)) == 2
    assert "没有需要重新送达的决定" in centre.client.get(world.act("send-again")).text


@pytest.mark.parametrize("takes_back", [False, True])
def test_an_event_of_a_request_that_is_not_in_force_is_sent_again(world: ActingWorld, takes_back: bool) -> None:
    """That a unit gave a reason, or that it takes that back."""
    works, centre = Browser(world, WORKS), Browser(world, CENTRE)
    works.send("reason", "S", reason="weather")
    if takes_back:
        works.send("withdraw-request", "S", of=str(last(world).number))
    request = last(world)
    world.keeper.ask(not_in_force(request, "keeper", [Refusal("unknown_unit", "data.unit", "no such unit", "x")]))
    world.keep()
    assert works.client.get(case(world)).status_code == centre.client.get(case(world)).status_code == 200
    assert world.act("send-again", "S").replace("&", "&amp;") in centre.client.get("/waiting").text
    assert centre.send("send-again", "S", of=str(request.number)).status_code == 303
    assert waiting(world) == ([] if takes_back else ["reason"])
    sent: list[object] = []
    enforcement = Enforcement(lambda event: sent.append(event) or [], lambda asked: None, "keeper")  # type: ignore[func-returns-value]
    outcomes = world.of_kind(Kind.ASKED, Kind.DECIDED, Kind.NOT_IN_FORCE)
    enforcement.take(outcomes)
    enforcement.work()
    assert event_of(request) in sent


def test_a_request_that_is_taken_back_is_not_to_be_sent_again(world: ActingWorld) -> None:
    works, centre = Browser(world, WORKS), Browser(world, CENTRE)
    works.send("reason", "S", reason="weather")
    asked = last(world)
    world.keeper.ask(not_in_force(asked, "keeper", [Refusal("unknown_unit", "data.unit", "no such unit", "x")]))
    world.keep()
    works.send("withdraw-request", "S", of=str(asked.number))
    assert "没有需要重新送达的决定" in centre.client.get(world.act("send-again", "S")).text
    assert world.act("send-again", "S").replace("&", "&amp;") not in centre.client.get("/waiting").text


def not_taken(world: ActingWorld) -> LedgerRecord:
    """A decision of which the gateway refuses the event."""
    Browser(world, WORKS).send("extension", **ASK)
    Browser(world, CENTRE).send("decide-extension", decision="grant", **ASK)
    decided = last(world, Kind.DECIDED)
    reason = Refusal("unknown_unit", "data.unit", "the plan has no such unit", "register it")
    world.keeper.ask(not_in_force(decided, "keeper", [reason]))
    world.keep()
    return decided


def case(world: ActingWorld) -> str:
    return world.act("reply").partition("/acts")[0]
