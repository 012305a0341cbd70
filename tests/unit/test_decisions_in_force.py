"""From a decision to its record, its event and what the judge says of it; and whether ledger and topic fit together."""

import json
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import product
from typing import Any, cast

import orjson
import pytest

from services.acting.decisions import effect_of, on_extension, on_late_entry, on_not_in_force, on_reason, on_withdrawal
from services.acting.matters import Named, Shown, lines_of, matters_of
from services.acting.refused import ActRefused
from services.cli.failure import Failure
from services.cli.ledger_session import Session
from services.domain.intake.admission import Admission
from services.domain.intake.facts import Fact, case_key
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.results.explain import explain
from services.domain.time.limits import Limit, LimitUnit
from services.domain.time.zone import Instant
from services.ledger import decisions_check
from services.ledger import enforcement as enforcement_module
from services.ledger.decisions_check import Fault, OperationsEvent, compare, operations_event
from services.ledger.enforcement import Enforcement, GatewayAway, Indexed, NoKey, operations_key, run, sending_to
from services.ledger.reader import BEGINNING, Place
from services.ledger.recording import of_others
from services.messaging.codec import CODEC
from services.messaging.records.decisions import About, Decision, Matter, Refusal, Statement, event_of
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.runtime.key_file import write_keys
from tests.unit.cases import (
    WATER,
    ZONE,
    accepted,
    at,
    completed,
    correction,
    fulfilled,
    in_order,
    judge_of,
    outcome,
    promise,
)
from tests.unit.ledger_world import LedgerWorld
from tests.unit.registries import plan
from tests.unit.served_gateway import gateway, url

__all__ = ["gateway", "url"]

KEY = case_key(WATER, "W-1")
JUDGE = judge_of(promise(extension_moves_limit=True))
SOFT = judge_of(promise(strength="soft"))
START = accepted("2021-09-16T09:00")
DONE = completed("2021-09-22T09:00", received="2021-09-27T09:00")
ADMISSION = Admission(plan(is_open=True), CODEC)
BY = "值班3"


class Centre:
    """A ledger, its keeper, and a gateway that admits events into one case."""

    def __init__(self, facts: list[Fact], judge: Judge = JUDGE) -> None:
        self.facts, self.judge = facts, judge
        self.now: Instant = at("2021-10-08T09:00")
        self.world = LedgerWorld(lambda: self.now)
        self.ledger = self.world.client()
        self.enforcement = Enforcement(self._gateway, self.world.record, "keeper-1")
        self.away = 0
        self.sent: list[bytes] = []

    def session(self) -> Session:
        return Session(self.world.client(), ZONE)

    def shown(self, name: str = "P", cycle: str | None = None) -> Shown:
        explanation = explain(self.judge, KEY, in_order(self.facts), self.now)
        return Named("W-1", name, cycle).among(matters_of(KEY, explanation), self.judge)

    def decide(self, decision: Decision, seen: int | None = None) -> LedgerRecord:
        session = self.session()
        known = session.number if seen is None else seen
        return session.recorded(decision.request(session.id(), session.writer, known))

    def enforce(self) -> None:
        self.enforcement.take(self.ledger.poll())
        self.enforcement.work()

    def outcome(self, now: str = "2021-11-20") -> Outcome | None:
        return outcome(self.judge, self.facts, now)

    def kinds(self) -> list[str]:
        return [str(each.request.kind) for each in self.world.records()]

    def _gateway(self, event: Mapping[str, Any]) -> list[Refusal]:
        self.sent.append(orjson.dumps(event))
        if self.away:
            self.away -= 1
            raise GatewayAway("no answer")
        admitted = ADMISSION.admit(self.sent[-1], received=self.now)
        if all(each.id != admitted.fact.id for each in self.facts):
            self.facts.append(admitted.fact)
        return []


def events(centre: Centre) -> list[OperationsEvent]:
    found = (operations_event(each, (), f"case.events/0@{n}") for n, each in enumerate(dict.fromkeys(centre.sent)))
    return [each for each in found if each is not None]


def refuse(event: Mapping[str, Any]) -> list[Refusal]:
    return [Refusal("invalid_value", "data.cycle", "it is wrong", "write it")]


# ---- the case ----------------------------------------------------------------------------------------
def test_a_late_entry_confirmed_and_a_later_one_in_the_same_cycle_waits_for_its_own_decision() -> None:
    centre = Centre([START, DONE])
    shown = centre.shown()
    assert shown.turned_by == (DONE,) and shown.through == at("2021-09-27T09:00")
    decision = on_late_entry(shown, True, BY, JUDGE)
    assert "予以认定" in effect_of(decision)
    record = centre.decide(decision)
    assert centre.outcome() is Outcome.LATE_ENTRY  # it is recorded, and not in force
    centre.enforce()
    assert centre.outcome() is Outcome.MET
    event = orjson.loads(centre.sent[0])
    assert (event["id"], event["time"], event["source"]) == (f"ledger-{record.number}", record.time, "/operations")
    assert event["data"] == {"kpi": "P", "decision": "accepted", "cycle": 1, "through": "2021-09-27T01:00:00Z"}
    centre.facts += [
        correction("2021-10-11T09:00", DONE, completed("2021-09-26T09:00"), id="wrong"),
        correction("2021-10-13T09:00", DONE, completed("2021-09-22T10:00"), id="back"),
    ]
    centre.now = at("2021-10-14T09:00")
    assert centre.outcome() is Outcome.LATE_ENTRY
    centre.decide(on_late_entry(centre.shown(), True, BY, JUDGE))
    centre.enforce()
    assert centre.outcome() is Outcome.MET
    assert centre.kinds() == ["decided", "in_force", "decided", "in_force"]


def test_what_is_decided_on_is_shown_in_both_languages() -> None:
    text = "\n".join(lines_of(Centre([START, DONE]).shown(), JUDGE))
    for part in ("W-1", "第1次办理 request 1", "逾期补录", "LATE ENTRY", "2021-09-27T09:00:00+08:00", "case.completed"):
        assert part in text, part


def test_a_decision_that_is_withdrawn_was_never_made() -> None:
    centre = Centre([START, DONE])
    record = centre.decide(on_late_entry(centre.shown(), True, BY, JUDGE))
    centre.enforce()
    centre.decide(on_withdrawal(record, BY))
    centre.enforce()
    assert centre.outcome() is Outcome.LATE_ENTRY
    with pytest.raises(Failure, match="record 3 has done so already"):
        centre.decide(on_withdrawal(record, BY))
    with pytest.raises(ActRefused, match="is a withdrawal"):
        on_withdrawal(centre.session().record(3), BY)
    with pytest.raises(ActRefused, match="is no decision"):
        on_withdrawal(centre.session().record(2), BY)
    with pytest.raises(Failure, match="no record 99"):
        centre.session().record(99)


def test_a_stale_decision_is_refused_with_what_came_since() -> None:
    centre = Centre([START, DONE])
    decision = on_late_entry(centre.shown(), True, BY, JUDGE)
    seen = centre.session().number
    matter = decision.matter
    centre.world.record(Request("m", Kind.MET_LATE, "keeper-1", matter.subject))
    centre.world.record(Request("n", Kind.NOTICE, "notifier", matter.subject))
    with pytest.raises(Failure) as caught:
        centre.decide(decision, seen)
    assert "#1" in caught.value.sentence and "逾期补录" in caught.value.sentence
    assert "#2" not in caught.value.sentence  # a notice makes nothing stale
    assert centre.decide(decision).request.kind is Kind.DECIDED


# ---- extensions and reasons ----------------------------------------------------------------------------------
FIVE_DAYS = Limit(amount=5, unit=LimitUnit.WORKING_DAYS)


def test_an_extension_counts_from_its_record_though_the_gateway_was_away() -> None:
    centre = Centre([START])
    centre.now = at("2021-09-23T17:00")
    centre.decide(on_extension(centre.shown(), FIVE_DAYS, BY))
    centre.away = 3
    for _ in range(3):
        with pytest.raises(GatewayAway):
            centre.enforce()
    centre.now = at("2021-09-27T09:00")
    centre.enforce()
    assert len(set(centre.sent)) == 1  # the same bytes each time
    centre.facts.append(completed("2021-09-28T09:00"))
    assert centre.outcome() is Outcome.MET
    assert centre.kinds() == ["decided", "in_force"]


def test_of_a_refused_extension_nothing_is_sent() -> None:
    centre = Centre([START])
    record = centre.decide(on_extension(centre.shown(), None, BY))
    assert event_of(record) is None
    centre.enforce()
    assert centre.sent == []
    with pytest.raises(ActRefused, match="no decision that has an event"):
        on_withdrawal(record, BY)


def test_a_reason_is_decided_on_under_soft_promises_only() -> None:
    late = completed("2021-09-27T09:00")
    with pytest.raises(ActRefused, match="only soft promises"):
        on_reason(Centre([START, late]).shown(), True, BY, JUDGE)
    centre = Centre([START, late], SOFT)
    centre.decide(on_reason(centre.shown(), True, BY, SOFT))
    centre.enforce()
    assert centre.outcome() is Outcome.JUSTIFIED


def test_a_reason_that_a_unit_gives_counts_from_its_record() -> None:
    centre = Centre([START], SOFT)
    centre.now = at("2021-09-24T17:00")
    data = {"kpi": "P", "decision": "requested", "cycle": 1}
    more = {"about": "reason", "type": "case.justified", "data": data}
    asked = Statement(Kind.ASKED, Matter("P", KEY, 1), "works", "x", more)
    centre.world.record(asked.request("r", "cli"))
    centre.enforce()
    (_, given) = in_order(centre.facts)
    assert given.data["decision"] == "requested" and given.id == "ledger-1"
    assert SOFT.judge(in_order(centre.facts), at("2021-10-08")).judgements[0].red_at is None


REQUESTED = {"kpi": "P", "decision": "requested", "cycle": 1, "reason": "weather"}
ABOUTS = ("late_entry", "reason", "extension", "withdrawal", None)
TYPES = ("case.confirmed", "case.justified", "case.extended", "correction", "case.completed")
CHANGES: tuple[dict[str, Any], ...] = (
    {}, {"decision": "accepted"}, {"decision": "rejected"}, {"kpi": "Q"}, {"cycle": 2}, {"through": "x"},
)  # fmt: skip


def of_unit(kind: Kind, about: str | None, type: str, change: dict[str, Any]) -> Request:
    more = {"about": about, "decision": "accepted", "type": type, "data": {**REQUESTED, **change}}
    return Statement(kind, Matter("P", KEY, 1), "works", "x", more).request("u", "desk")


def test_no_record_of_a_unit_has_an_event_that_decides() -> None:
    """A unit may give a reason in its own matter; every other event of its records would be a decision."""
    for parts in product(ABOUTS, TYPES, CHANGES):
        for kind in (Kind.REPLIED, Kind.ACKNOWLEDGED):
            assert event_of(LedgerWorld().record(of_unit(kind, *parts))[0]) is None
        request = of_unit(Kind.ASKED, *parts)
        (written,) = LedgerWorld().record(request)  # as an older keeper recorded it
        if parts == ("reason", "case.justified", {}):
            assert event_of(written) is not None and of_others(request, "keeper") is request
            continue
        with pytest.raises(Unreadable):
            event_of(written)
        refused = of_others(request, "keeper")
        assert (refused.kind, refused.body["reason"]) == (Kind.NOT_RECORDED, "event")


@pytest.mark.parametrize(
    "change",
    [
        {"about": "reason"},
        {"decision": "rejected"},
        {"kpi": "Q"},
        {"cycle": 2},
        {"type": "case.extended"},
        {"about": "withdrawal", "decision": "withdrawn", "type": "correction", "withdraws": 1},
        {"about": "extension", "decision": "refused", "type": "case.extended"},
    ],
)
def test_the_event_of_a_decision_is_that_of_what_was_decided(change: dict[str, Any]) -> None:
    centre = Centre([START, DONE])
    good = on_late_entry(centre.shown(), True, BY, JUDGE).request("d", "cli", 0)
    good = replace(good, seen=None)
    assert event_of(centre.world.record(good)[0]) is not None
    with pytest.raises(Unreadable):
        event_of(centre.world.record(replace(good, id="e", body={**good.body, **change}))[0])


def test_what_is_no_late_entry_cannot_be_confirmed() -> None:
    with pytest.raises(ActRefused, match="has no late entry"):
        on_late_entry(Centre([START]).shown(), True, BY, JUDGE)
    with pytest.raises(ActRefused, match="says nothing of the case “W-1”; what does: “A” \\(P\\)"):
        Centre([START]).shown("Q")
    with pytest.raises(ActRefused, match="--cycle which request of the case “W-1” is meant: request 1"):
        Centre([START]).shown("P", "2")


def test_of_a_duty_a_decision_names_unit_and_month() -> None:
    judge = judge_of(promise(kind="duty", select={}, duty="report", period="month", owed_by=("works",)))
    facts = [
        fulfilled("2021-08-31T17:00", "2021-08", received="2021-09-27T09:00"),
        fulfilled("2021-09-30T17:00", "2021-09", received="2021-10-08T09:00"),
    ]
    centre = Centre(facts, judge)
    with pytest.raises(ActRefused, match="2021-08, 2021-09"):
        centre.shown()
    decision = on_late_entry(centre.shown("P", "2021-09"), True, BY, JUDGE)
    assert decision.data["unit"] == "works" and decision.data["period"] == "2021-09"
    assert decision.matter.cycle == 202109
    centre.decide(decision)
    centre.enforce()
    found = {each.cycle: each.outcome for each in judge.judge(in_order(centre.facts), at("2021-11-20")).judgements}
    assert found == {202108: Outcome.LATE_ENTRY, 202109: Outcome.MET}


# ---- enforcement ---------------------------------------------------------------------------------------------
def test_after_a_restart_only_what_has_no_outcome_is_sent_again() -> None:
    centre = Centre([START, DONE])
    first = centre.decide(on_late_entry(centre.shown(), True, BY, JUDGE))
    centre.enforce()
    second = centre.decide(on_withdrawal(first, BY))
    after = Enforcement(centre._gateway, centre.world.record, "keeper-2")
    after.take(centre.world.client().poll())
    assert after.waiting == 1
    after.work()
    assert orjson.loads(centre.sent[-1])["id"] == f"ledger-{second.number}" and len(centre.sent) == 2


def test_a_decision_whose_event_is_refused_is_not_in_force_and_says_why() -> None:
    centre = Centre([START, DONE])
    record = centre.decide(on_late_entry(centre.shown(), True, BY, JUDGE))
    enforcement = Enforcement(refuse, centre.world.record, "keeper-1")
    enforcement.take(centre.ledger.poll())
    enforcement.work()
    (outcome,) = [each for each in centre.world.records() if each.request.kind is Kind.NOT_IN_FORCE]
    assert outcome.request.body["decision"] == record.number
    assert outcome.request.body["reasons"][0]["path"] == "data.cycle"
    assert centre.session().outcome(record, 0) == outcome


def test_the_thread_tries_again_until_the_gateway_answers() -> None:
    centre, ending = Centre([START, DONE]), threading.Event()
    centre.decide(on_late_entry(centre.shown(), True, BY, JUDGE))
    centre.away = 1

    class Once:
        """Ends when all is done; waits no time."""

        waits: list[float] = []

        def wait(self, seconds: float) -> bool:
            self.waits.append(seconds)
            return centre.kinds()[-1] == "in_force" or len(self.waits) > 9

    once = Once()
    run(centre.ledger, centre.enforcement, cast(threading.Event, once))
    assert centre.outcome() is Outcome.MET and once.waits == [0.0, 1.0, 0.0]
    assert not ending.is_set()


def test_it_sends_with_the_key_of_the_operations_centre(url: str, tmp_path: Any) -> None:
    keys = tmp_path / "keys.json"
    event = {"specversion": "1.0", "id": "ledger-1", "source": "/operations", "type": "correction"}
    with pytest.raises(GatewayAway, match=r"keys\.json"):
        sending_to(url, keys)(event)
    write_keys(keys, {"/units/water": "kw_x"})
    with pytest.raises(NoKey, match="no key of /operations"):
        operations_key(keys)
    write_keys(keys, {"/operations": "kw_unknown"})
    with pytest.raises(GatewayAway):  # 401: nobody is refused for that
        sending_to(url, keys)(event)
    with pytest.raises(GatewayAway):
        sending_to("http://127.0.0.1:9", keys)(event)


class Answering(BaseHTTPRequestHandler):
    """A gateway, or what is in its place, that gives one answer."""

    status, body = 202, b""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def refused_as(reason: str) -> bytes:
    problem = {"index": 0, "title": reason, "path": "time", "detail": "it is wrong", "remedy": "write it"}
    return orjson.dumps({"accepted": 0, "problems": [problem]})


def outcome_of(status: int, body: bytes, url: str, keys: Any) -> str:
    Answering.status, Answering.body = status, body
    centre = Centre([START, DONE])
    centre.decide(on_late_entry(centre.shown(), True, BY, JUDGE))
    enforcement = Enforcement(sending_to(url, keys), centre.world.record, "keeper-1")
    enforcement.take(centre.ledger.poll())
    for _ in range(2):
        try:
            enforcement.work()
        except GatewayAway as away:
            assert "W-1" not in str(away)
    assert enforcement.waiting == (centre.kinds() == ["decided"])
    return centre.kinds()[-1]


@pytest.mark.slow
def test_only_what_admission_says_of_the_event_is_a_refusal(answering: str, tmp_path: Any) -> None:
    keys = tmp_path / "keys.json"
    write_keys(keys, {"/operations": "kw_" + "a" * 43})
    problem = b'{"type":"urn:kpiwatch:problem:%s"}'
    waits = [
        (413, problem % b"too_large"), (413, b""), (400, problem % b"unreadable_body"), (500, problem % b"defect"),
        (500, b"oops"), (503, b""), (404, b"x"), (403, b""), (401, b""), (302, b""), (202, b"{}"), (422, b"{}"),
        (422, refused_as("from_the_future")),
    ]  # fmt: skip
    for status, body in waits:
        assert outcome_of(status, body, answering, keys) == "decided", (status, body)
    for reason in ("unknown_unit", "too_large", "malformed"):
        assert outcome_of(422, refused_as(reason), answering, keys) == "not_in_force"
    assert outcome_of(202, b'{"accepted":1}', answering, keys) == "in_force"


@pytest.mark.parametrize("key", ["not a key\u00e9", "", "two words"])
def test_a_malformed_key_is_waited_for(key: str, answering: str, tmp_path: Any) -> None:
    keys = tmp_path / "keys.json"
    write_keys(keys, {"/operations": key})
    assert outcome_of(202, b'{"accepted":1}', answering, keys) == "decided"
    assert outcome_of(202, b'{"accepted":1}', "no address", keys) == "decided"
    assert outcome_of(202, b'{"accepted":1}', answering, tmp_path) == "decided"  # a folder


def of_case(n: int, subject: str | None = None) -> Request:
    matter = Matter("P", case_key(WATER, subject or f"W-{n}"), 1)
    data = {"kpi": "P", "decision": "accepted", "cycle": 1}
    return replace(
        Decision(matter, About.REASON, "accepted", "x", "case.justified", data).request(f"d{n}", "w", 0), seen=None
    )


def test_what_cannot_be_sent_keeps_back_decisions_on_its_own_case_only() -> None:
    world, sent = LedgerWorld(), list[str]()
    bad = {f"W-{n}" for n in range(4)}

    def send(event: Mapping[str, Any]) -> list[Refusal]:
        sent.append(event["id"])
        if event["subject"] in bad:
            raise GatewayAway("500")
        return []

    world.record(*(of_case(n) for n in range(4)), of_case(4, "W-0"), of_case(5), of_case(6, "W-5"))
    enforcement = Enforcement(send, world.record, "keeper-1")
    enforcement.take(world.client().poll())
    for _ in range(2):
        with pytest.raises(GatewayAway):
            enforcement.work()
    assert enforcement.waiting == 5 and sent.index("ledger-6") < sent.index("ledger-7")
    assert "ledger-5" not in sent  # on the case of the first
    assert sent[:3] == ["ledger-1", "ledger-2", "ledger-3"]  # then the gateway seems to be away
    world.record(of_case(7))
    enforcement.take(each for each in world.records() if each.request.id == "d7")
    with pytest.raises(GatewayAway):
        enforcement.work()
    assert enforcement.waiting == 5
    bad.clear()
    enforcement.work()
    assert enforcement.waiting == 0 and sent.index("ledger-1") < sent.index("ledger-5")


def test_an_error_that_nobody_expects_does_not_end_the_thread(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ending, begun = threading.Event(), list[int]()

    def reader(bootstrap: str, after: Place) -> Any:
        begun.append(1)
        if len(begun) > 2:
            ending.set()
        raise RuntimeError("case W-1")

    monkeypatch.setattr(enforcement_module, "LedgerReader", reader)
    monkeypatch.setattr(enforcement_module, "_LONGEST_WAIT", 0.0)
    thread = enforcement_module.start(
        "nowhere", lambda: Indexed(BEGINNING, []), lambda: Enforcement(refuse, lambda request: None, "k"), ending
    )
    thread.join(10)
    assert len(begun) == 3 and "RuntimeError at" in caplog.text and "W-1" not in caplog.text


def test_a_decision_that_was_refused_is_sent_again_once_that_is_asked_for() -> None:
    centre = Centre([START])
    centre.now = at("2021-09-23T17:00")
    record = centre.decide(on_extension(centre.shown(), FIVE_DAYS, BY))
    refusing = Enforcement(refuse, centre.world.record, "keeper-1")
    refusing.take(centre.ledger.poll())
    refusing.work()
    refusing.take(centre.ledger.poll())
    assert refusing.waiting == 0
    centre.now = at("2021-09-27T09:00")
    repeated = on_not_in_force(record, centre.session().outcome(record, 0), BY)
    assert "重新送达第1号" in effect_of(repeated)
    asked = centre.decide(repeated)
    assert event_of(asked) is None and centre.session().outcome(asked, 0) is None
    refusing.take(centre.ledger.poll())
    assert refusing.waiting == 1
    centre.enforcement.take(centre.world.client().poll())  # the keeper was started again
    centre.enforcement.work()
    found = centre.session().outcome(asked, 0)
    assert found is not None and found.request.kind is Kind.IN_FORCE
    centre.facts.append(completed("2021-09-28T09:00"))
    assert centre.outcome() is Outcome.MET  # it counts from its own record
    result = compare(centre.world.records(), events(centre))
    assert (result.faults, result.waiting, result.decisions) == ([], [], 1)
    after = Enforcement(refuse, centre.world.record, "keeper-2")
    after.take(centre.world.client().poll())
    assert after.waiting == 0
    for each in (record, asked):  # it is in force; and what sends again is no decision of its own
        with pytest.raises(ActRefused, match="nothing is sent again"):
            on_not_in_force(each, centre.session().outcome(each, 0), BY)


# ---- ledger and topic ----------------------------------------------------------------------------------------
def compared(centre: Centre, found: list[OperationsEvent]) -> list[tuple[str, int | None]]:
    return [(each.fault.value, each.number) for each in compare(centre.world.records(), found).faults]


def in_force() -> Centre:
    """Two decisions that are in force, and one that waits."""
    centre = Centre([START, DONE])
    first = centre.decide(on_late_entry(centre.shown(), True, BY, JUDGE))
    centre.enforce()
    centre.decide(on_withdrawal(first, BY))
    centre.enforce()
    centre.decide(on_late_entry(centre.shown(), False, BY, JUDGE))
    return centre


def test_decisions_and_events_that_fit_together_are_no_fault() -> None:
    centre = in_force()
    result = compare(centre.world.records(), events(centre))
    assert (result.faults, result.waiting, result.decisions) == ([], [5], 3)


def test_each_change_of_an_event_is_found() -> None:
    centre = in_force()
    good = events(centre)
    assert compared(centre, good[1:]) == [(Fault.NO_EVENT, 1)]
    assert compared(centre, [*good, *good]) == []  # a duplicate
    for name in good[0].event:
        other = {**good[0].event, name: "ledger-77" if name == "id" else "other"}
        expected = [(Fault.NO_RECORD, 77), (Fault.NO_EVENT, 1)] if name == "id" else [(Fault.DIFFERS, 1)]
        assert compared(centre, [good[0]._replace(event=other), *good[1:]]) == expected, name
    more = good[0]._replace(event={**good[0].event, "recordedat": good[0].event["time"]})
    assert compared(centre, [more, good[1]]) == [(Fault.DIFFERS, 1)]


def test_the_arrival_is_the_services_own() -> None:
    centre = in_force()
    stamped = orjson.dumps({**orjson.loads(centre.sent[0]), "receivedat": "2021-10-09T00:00:00Z"})
    found = operations_event(stamped, (), "case.events/0@0")
    assert found is not None and found.event == events(centre)[0].event


@pytest.mark.parametrize("id", ["ledger-2", "ledger-01", "ledger-", "W-1-7", 7, None])
def test_an_event_without_its_decision_is_found(id: object) -> None:
    centre = in_force()
    forged = OperationsEvent("case.events/0@9", {**events(centre)[0].event, "id": id})
    found = compared(centre, [*events(centre), forged])
    assert [fault for fault, _ in found] == [Fault.NO_RECORD]


def arriving(centre: Centre, arrived: str, id: str) -> OperationsEvent:
    event = {**orjson.loads(centre.sent[0]), "id": id}
    stamped = orjson.dumps({**event, "receivedat": f"{arrived}+08:00"})
    found = operations_event(stamped, (), "case.events/0@9")
    in_header = operations_event(orjson.dumps(event), [("receivedat", f"{arrived}+08:00".encode())], "case.events/0@9")
    by_kafka = operations_event(orjson.dumps(event), (), "case.events/0@9", at(arrived[:16]) // 1000)
    assert found == in_header == by_kafka and found is not None
    return found


def test_what_arrived_before_there_was_a_ledger_is_no_fault_unless_it_names_a_record() -> None:
    centre = in_force()  # since 2021-10-08 09:00
    good = events(centre)
    old = arriving(centre, "2021-10-08T08:59:00", "W-1-7")
    result = compare(centre.world.records(), [*good, old])
    assert (result.faults, result.earlier) == ([], 1)
    for forged in (
        arriving(centre, "2021-10-08T09:00:00", "W-1-7"),
        arriving(centre, "2021-10-08T08:59:00", "ledger-99"),
    ):
        assert [fault for fault, _ in compared(centre, [*good, forged])] == [Fault.NO_RECORD]
    unreadable = operations_event(orjson.dumps({**good[0].event, "id": "x", "receivedat": "then"}), (), "x")
    assert unreadable is not None and compared(centre, [*good, unreadable]) == [(Fault.NO_RECORD, None)]
    assert compare([], [old]).earlier == 1  # there is none yet


def test_in_a_simulated_district_an_event_that_names_no_record_is_no_fault() -> None:
    centre = in_force()
    good = events(centre)
    own, forged = (arriving(centre, "2021-10-09T09:00:00", id) for id in ("W-1-7", "ledger-99"))
    changed = good[0]._replace(event={**good[0].event, "type": "case.extended"})
    found = compare(centre.world.records(), [changed, good[1], own, forged])
    assert len(found.faults) == 3
    left = [(each.fault, each.number) for each in found.in_a_simulated_district().faults]
    assert left == [(Fault.DIFFERS, 1), (Fault.NO_RECORD, 99)]


def test_what_came_into_force_while_the_events_were_read_is_not_asked_for() -> None:
    centre = in_force()
    first = len(centre.world.records()) - 3  # the second decision came later
    late = compare(centre.world.records(), events(centre)[:1], before=first)
    assert late.faults == []
    assert [each.number for each in compare(centre.world.records(), events(centre)[:1]).faults] == [3]


def test_an_event_that_the_ledger_says_is_refused_is_found() -> None:
    centre = Centre([START, DONE])
    centre.decide(on_late_entry(centre.shown(), True, BY, JUDGE))
    enforcement = Enforcement(refuse, centre.world.record, "keeper-1")
    enforcement.take(centre.ledger.poll())
    enforcement.work()
    event = event_of(centre.world.records()[0])
    assert event is not None
    assert compared(centre, [OperationsEvent("x", event)]) == [(Fault.REFUSED, 1)]


def test_a_decision_that_cannot_be_read_is_found_and_waits_for_nothing() -> None:
    world = LedgerWorld()
    world.record(Request("d", Kind.DECIDED, "desk", "s", body={"type": "case.confirmed", "data": 7}))
    assert [each.fault for each in compare(world.records(), []).faults] == [Fault.UNREADABLE]
    enforcement = Enforcement(refuse, world.record, "keeper-1")
    enforcement.take(world.client().poll())
    assert enforcement.waiting == 0
    enforcement.work()
    enforcement.take(world.client().poll())
    enforcement.work()
    assert [each.request.kind for each in world.records()] == [Kind.DECIDED, Kind.NOT_IN_FORCE]
    with pytest.raises(ActRefused, match="nothing is sent again"):
        on_not_in_force(world.records()[0], world.records()[1], BY)


@pytest.mark.parametrize(
    "value",
    [None, b"", b"\xff", b"[1]", b'{"source":"/units/water","data":"/operations"}', b'{"source":"/operations"'],
)
def test_other_records_of_the_topic_are_passed_over(value: bytes | None) -> None:
    assert operations_event(value, (), "x") is None


def spelled(name: str, escaped: set[int]) -> str:
    """A text of JSON, with escapes at those places."""
    return "".join(f"\\u{ord(each):04x}" if n in escaped else each for n, each in enumerate(name))


def test_an_event_is_found_however_its_source_is_written() -> None:
    name = "/operations"
    some = random.Random(7)
    places = [{n} for n in range(len(name))] + [set(some.sample(range(len(name)), 4)) for _ in range(50)]
    for written in [r"\/operations", *(spelled(name, each) for each in [*places, set(range(len(name)))])]:
        for value in (written, written.replace("6f", "6F").replace("2f", "2F")):
            line = b'{"specversion":"1.0","id":"forged","\\u0073ource":"%s","data":{"a":"\\u7406"}}' % value.encode()
            found = operations_event(line, (), "x")
            assert found is not None and found.event["id"] == "forged", value
            assert orjson.loads(line)["source"] == name


def test_what_an_honest_sender_escapes_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions_check, "line_of_record", lambda *_: pytest.fail("it was decoded"))
    line = json.dumps({"source": "/units/water", "data": {"note": "办件\n理由"}}).encode()
    assert b"\\u" in line and operations_event(line, (), "x") is None


def test_an_event_in_binary_mode_is_read() -> None:
    headers = [("ce_specversion", b"1.0"), ("ce_source", b"/operations"), ("ce_id", b"ledger-1"), ("ce_type", b"x")]
    found = operations_event(b'{"kpi":"P"}', headers, "x")
    assert found is not None and found.event["id"] == "ledger-1" and found.event["data"] == {"kpi": "P"}
