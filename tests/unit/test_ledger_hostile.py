"""Whatever is in the topics that the keeper reads, it goes on: what is good beside it is recorded, and the ledger is
whole."""

import dataclasses
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.cli.ledger_session import Session
from services.domain.intake.facts import case_key
from services.domain.plan.plan import Plan, SupervisionStep
from services.domain.time.zone import Zone
from services.ledger import keeper as keeper_module
from services.ledger.checkpoints import Signer
from services.ledger.decisions_check import compare
from services.ledger.enforcement import Enforcement
from services.ledger.order_book import OrderBook
from services.ledger.recording import answered_by, verdict_of
from services.ledger.texts import erased_by
from services.ledger.verify import verify_topic
from services.ledger.writer import Answers
from services.messaging.records.decisions import About, Decision, Matter, Statement
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import KEEPERS_ID, Kind, LedgerRecord, Request, is_hash, is_short_text
from services.messaging.records.steps import ActReader, CardKey, OnRecord, RecordedStep
from services.messaging.records.verdicts import verdict_record
from services.notifier.attempts import OUTCOMES
from services.notifier.escalation import Escalation
from services.notifier.notice_state import NoticeState
from services.notifier.step_notices import StepNotices
from services.notifier.witnesses import Witnesses
from services.runtime.settings import Settings
from tests.unit.keeper_world import KeeperWorld
from tests.unit.ledger_world import LedgerWorld
from tests.unit.test_ledger_keeper import asked
from tests.unit.test_ledger_verify import as_topic

MATTER = Matter("P", case_key("/hall", "A-1"), 1)
CONFIRMED = {"kpi": "P", "decision": "accepted", "cycle": 1}
GOOD = [
    asked("n", claims=("c",), body={"subjects": [{"id": "x"}], "recipients": []}),
    Decision(MATTER, About.LATE_ENTRY, "accepted", "x", "case.confirmed", CONFIRMED).request("d", "cli", 9**9),
    Decision(MATTER, About.WITHDRAWAL, "withdrawn", "x", "correction", {"of": "ledger-1", "event": None}, 1).request(
        "w", "cli", 9**9
    ),
    Statement(Kind.ASKED, MATTER, "north", "x", {"about": "reason"}).request("a", "cli"),
    Request("e", Kind.ERASED, "cli", texts={"text": "ab" * 32}),
    Request("v", Kind.VIEWED, "desk", subject="s", unit="north", body={"who": ["x"]}),
]
DIGITS = "9" * 5_000
POISON = f"2021{'-01' * 3_000}"
"""Looks like a period, and has more digits than Python makes a number of."""
WEIRD: list[Any] = [
    None, True, 0, -1, 2**53, 2**63, 1.5, 1e300, "", "x" * 401, "a\0b", "\u2028", "𠮷" * 400, -(2**53) + 1,
    [], {}, [[]], [None], [{}], ["x"], {"": None}, [[[[[[]]]]]] * 3, DIGITS, POISON, {"period": POISON},
    {"period": "2021-13", "cycle": 10**15}, "0000-00", "9999-99", "ledger-1", f"{KEEPERS_ID}checkpoint/1",
    "1900-01-01T00:00:00.000000Z", "2021-W41-1T09:00:00+08:00", "2021-10-22T09:00:00+23:59", "20211022T09+08",
    "2399-12-31T23:59:59-23:59", "9999-12-31", "0001-01-01", *(kind.value for kind in Kind),
]  # fmt: skip


NAMES = ("new", "period", "again", "through", "data", "type")
"""Fields that may be there, too."""


def nested(levels: int) -> bytes:
    return b'{"id":"deep","kind":"notice","writer":"w","body":{"x":' + b"[" * levels + b"]" * levels + b"}}"


RAW = [
    orjson.dumps({**orjson.loads(GOOD[1].record()[1] or b""), "id": "p", "body": {
        **GOOD[1].body, "data": {**CONFIRMED, "period": POISON},
    }}),
    b"", b"null", b"[]", b'"x"', b"{", b'{"id":NaN}', b'{"id":"i","kind":"notice","writer":"w","body":{"x":NaN}}',
    b'{"id":"i","kind":"notice","writer":"w","body":{"x":1e999}}', b'{"id":"i","id":"j","kind":"notice","writer":"w"}',
    b'{"id":"\\ud800","kind":"notice","writer":"w"}', b"\xff", nested(19), nested(20), nested(900), nested(100_000),
    b'{"id":"l","kind":"notice","writer":"w","body":{"x":"' + b"x" * 900_000 + b'"}}',
    b'{"id":"m","kind":"notice","writer":"w","body":{"x":' + DIGITS.encode() + b"}}",
]  # fmt: skip


def spoiled(chance: random.Random, of: Sequence[Request] = GOOD) -> bytes:
    """A good request of which one or two fields, at any depth, are something else."""
    fields = orjson.loads(chance.choice(of).record()[1] or b"")
    fields["id"] = f"s{chance.randrange(10**9)}"
    for _ in range(chance.choice([1, 1, 2])):
        place: Any = fields
        while True:
            name = chance.choice([*place, *NAMES])
            inner = place.get(name)
            if type(inner) is list and inner and type(inner[0]) is dict and chance.random() < 0.5:
                inner = inner[0]
            if type(inner) is dict and chance.random() < 0.8:
                place = inner
                continue
            place[name] = chance.choice(WEIRD)
            break
    return orjson.dumps(fields, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeeperWorld:
    monkeypatch.setattr(keeper_module, "_READ_BACK_SECONDS", 0.001)
    monkeypatch.setattr(keeper_module, "_AGAIN_SECONDS", 0.0)
    return KeeperWorld(tmp_path)


def goes_on(world: KeeperWorld) -> None:
    """What is good beside it is recorded by this keeper and by one that starts again, and the ledger is whole."""
    keeper = world.keeper()
    world.step(keeper)
    world.ask(asked("good-1"))
    world.step(keeper)
    again = world.keeper()
    world.step(again)
    world.ask(asked("good-2"))
    world.step(again)
    records = [LedgerRecord.decode(value) for value in world.log]
    answered = [answered_by(one.request) for one in records]
    assert {"good-1", "good-2"} <= set(answered)
    assert len(answered) == len(set(answered))
    assert verify_topic(as_topic(world.log)).faults == []
    world.step(world.keeper("anew"))
    assert world.content() == world.content("anew")


@pytest.mark.parametrize("seed", range(2))
def test_no_request_ends_the_keeper(world: KeeperWorld, seed: int) -> None:
    chance = random.Random(seed)
    world.requests += [spoiled(chance) for _ in range(250)]
    goes_on(world)


def test_no_bytes_in_the_topic_of_requests_end_the_keeper(world: KeeperWorld) -> None:
    world.requests += [*RAW, *RAW]
    world.keys = {at: f"raw-{at}".encode() for at in range(len(world.requests))}
    goes_on(world)


@pytest.mark.parametrize("seed", range(2))
def test_no_record_of_verdicts_ends_the_keeper(world: KeeperWorld, seed: int) -> None:
    chance = random.Random(seed)
    world.publish("missed")
    key, value = world.verdicts.pop()
    fields = orjson.loads(value or b"")
    for number in range(200):
        changed = {**fields, chance.choice([*fields, "new"]): chance.choice(WEIRD)}
        cycle = chance.choice(["1", str(number), DIGITS, "-1", "", "x", "٣"])
        kpi, case = chance.choice(["kpi-1", "", "k|k"]), chance.choice([f"/hall\x1fA-{number}", "", "a\0b", "x" * 500])
        world.verdicts.append((f"{kpi}|{case}|{cycle}".encode(), orjson.dumps(changed)))
    world.verdicts += [(b"\xff", value), (b"", None), (key, None), (key, b"{"), (DIGITS.encode(), None)]
    world.verdicts += [verdict_record("kpi-1", "/hall\x1fgood", 1, None)]
    goes_on(world)


def test_a_second_answer_in_the_ledger_does_not_end_the_keeper(world: KeeperWorld) -> None:
    """Somebody else has written it, and it fits to the chain: the index has it, too."""
    world.ask(asked("a", claims=("c",)))
    world.step(world.keeper())
    last = verify_topic(as_topic(world.log))
    first = LedgerRecord.decode(world.log[0])
    again = dataclasses.replace(first, number=last.number + 1, previous=last.hash)
    world.log.append(again.value())
    keeper = world.keeper()
    world.step(keeper)
    world.ask(asked("b"), asked("a"))
    world.step(keeper)
    ids = [LedgerRecord.decode(value).request.id for value in world.log]
    assert ids[:1] + ids[2:] == ["a", "a", "b"]
    assert [row[0] for row in world.content()["ledger_records"]] == [1, 2, 3, 4]


# ---- readers -------------------------------------------------------------------------------------------
CARD = CardKey("P", "/hall A-1", 1, "-")
SUBJECT = {"id": "card/1/red", "family": "card/1", "status": "raised", "kpi": "P", "case": "/hall A-1", "level": "red"}
ATTEMPT = {"notice": 1, "recipient": "north/duty", "attempt": 1}
NOTICE = {"subjects": [SUBJECT], "recipients": ["north/duty"], "title": "T", "text_zh": "字", "checkpoint": "1:ab:cd"}
OLD = {**SUBJECT, "to": "north", "outcome": "delivered", "written_at": "2021-10-22T09:00:00+08:00"}
RECORDED = [
    *GOOD,
    RecordedStep(CARD, SupervisionStep.ORDER, "2021-10-22T09:00:00+08:00", "north", "2021-10-12T09:00:00+08:00", "", 3)
    .request("o", "notifier", 9**9),
    Request("n", Kind.NOTICE, "notifier", unit="north", body=NOTICE),
    Request("s", Kind.SENDING, "notifier", body={**ATTEMPT, "channel": "x", "key": "k", "rendered": "r"}),
    *(Request("o", kind, "notifier", body={**ATTEMPT, "reason": "r", "after_seconds": 1}) for kind in OUTCOMES),
    Request("t", Kind.TAKEN_OVER, "notifier", body={"subjects": [OLD], "portion": 1, "complete": True}),
    Request("u", Kind.SUPPRESSED, "notifier", unit="north", body={"subjects": [SUBJECT], "by": ["x"]}),
    Request("r", Kind.REPLIED, "cli", MATTER.subject, "north", body={**MATTER.fields(), "until": "2021-10-30"}),
    Request("i", Kind.IN_FORCE, "k", MATTER.subject, body={"decision": 2}),
    Request("j", Kind.NOT_IN_FORCE, "k", MATTER.subject, body={"decision": 2, "reasons": [{"reason": "x"}]}),
    Request("c", Kind.CHECKPOINT, "k", body=Signer.of_hex("11" * 32).sign(1, "ab" * 32, "x").fields),
    Request("x", Kind.NOT_RECORDED, "k", body={"request": "q", "reason": "claimed", "record": 1}),
]  # fmt: skip


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Settings().plan)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_no_record_of_the_ledger_ends_whoever_reads_it(plan: Plan, seed: int) -> None:
    """Of whoever may write requests most kinds are taken as they are: what they hold concerns their readers."""
    chance, world = random.Random(seed), LedgerWorld()
    world.record(next(one for one in RECORDED if one.kind is Kind.NOTICE and one.body == NOTICE))  # `ATTEMPT` is of it
    for number in range(900):
        try:
            request = Request.decode(spoiled(chance, RECORDED))
        except Unreadable:
            continue
        world.record(request)
        if number % 10 == 0:  # so that what is spoiled meets what is good
            world.record(dataclasses.replace(chance.choice(RECORDED), id=f"g{number}"))
    records = world.records()
    assert len(records) > 500
    state, witnesses, acts, answers = NoticeState(), Witnesses(Zone("Asia/Shanghai")), ActReader(), Answers()
    escalation, book = Escalation(plan, calendar_of(plan), "notifier/1"), OrderBook(plan)
    steps = StepNotices(plan, lambda card: "0" * 16)
    enforcement = Enforcement(lambda event: [], lambda request: None, "keeper-1")
    for record in records:
        columns = [answered_by(record.request), verdict_of(record).due_at, verdict_of(record).source]
        assert all(map(is_short_text, columns)), "PostgreSQL takes none of them"
        assert all(map(is_hash, erased_by(record)))
        for reader in (state.note, witnesses.take, acts.take, answers.take, escalation.take, book.take, steps.take):
            reader(record)
    enforcement.take(records)
    enforcement.work()
    for subjects in (state.cards(), state.alerts(), steps.news(), witnesses.due("north", 0).items()):
        list(subjects)
    compare(records, [])
    OnRecord.of(records)
    for order in book.orders:
        book.state(order, 1_640_000_000_000_000)
    list(Session(world.client(), Zone("Asia/Shanghai")).lines(records))
    assert verify_topic(as_topic(world.log)).number == len(records)
