"""The keeper: each request has one answer, and there is one history, whatever crashes, freezes or starts twice."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.domain.intake.facts import case_key
from services.ledger import keeper as keeper_module
from services.ledger.checkpoints import EVERY, Checkpoint, read_checkpoints
from services.ledger.reader import ValidRecords
from services.ledger.recording import answered_by
from services.ledger.texts import erasure
from services.messaging.reader import Record
from services.messaging.records.decisions import About, Decision, Matter
from services.messaging.records.fields import KeyValue
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.messaging.topics import LEDGER
from tests.unit.keeper_world import START, KeeperWorld

DAY = 86_400_000_000


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeeperWorld:
    monkeypatch.setattr(keeper_module, "_READ_BACK_SECONDS", 0.001)
    monkeypatch.setattr(keeper_module, "_AGAIN_SECONDS", 0.0)
    return KeeperWorld(tmp_path)


def asked(id: str, kind: Kind = Kind.NOTICE, **fields: object) -> Request:
    return Request(**{"id": id, "kind": kind, "writer": "notifier-1a", **fields})  # type: ignore[arg-type]


def history(world: KeeperWorld) -> list[LedgerRecord]:
    """The valid records, without checkpoints."""
    valid = ValidRecords()
    taken = [valid.take(Record(LEDGER, 0, offset, None, value)) for offset, value in enumerate(world.log)]
    return [each.record for each in taken if each and each.record.request.kind is not Kind.CHECKPOINT]


def kinds(world: KeeperWorld) -> list[str]:
    return [each.request.kind.value for each in history(world)]


def test_what_is_asked_for_is_recorded_in_order_and_once(world: KeeperWorld) -> None:
    world.ask(asked("a"), asked("b"), asked("a"))
    world.requests.append(b"no request")
    world.step(world.keeper())
    world.ask(asked("b"), asked("c"))
    world.step(world.keeper())
    assert [each.request.id for each in history(world)] == ["a", "b", "c"]


@pytest.mark.parametrize("answer", ["lost", "unanswered"])
def test_records_without_the_brokers_answer_are_written_once(world: KeeperWorld, answer: str) -> None:
    world.ask(asked("a"), asked("b"))
    keeper, failed = world.keeper(), []

    def fail_once(records: Sequence[KeyValue]) -> None:
        failed.append(1)
        (getattr(world, answer) if len(failed) == 1 else world.appended)(records)

    world.append = fail_once
    world.step(keeper)
    assert [each.request.id for each in history(world)] == ["a", "b"]


def test_a_second_keeper_that_is_quicker_makes_the_first_ones_records_void_and_nothing_is_lost(
    world: KeeperWorld,
) -> None:
    one, two = world.keeper("one"), world.keeper("two")
    world.ask(*(asked(f"r{n}", claims=(f"c{n % 3}",)) for n in range(6)))

    def other_first(records: Sequence[KeyValue]) -> None:
        world.append = world.appended
        world.now += 1
        world.step(two)
        world.appended(records)

    world.append = other_first
    world.step(one)
    world.step(two)
    assert Counter(answered_by(each.request) for each in history(world)) == Counter(f"r{n}" for n in range(6))
    assert kinds(world) == ["notice"] * 3 + ["not_recorded"] * 3
    assert world.content("one") == world.content("two")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_no_order_of_crashes_races_and_lost_answers_makes_a_second_answer(world: KeeperWorld, seed: int) -> None:
    chance = random.Random(seed)
    keepers = {name: world.keeper(name) for name in ("one", "two")}
    depth = 0

    def append(records: Sequence[KeyValue]) -> None:
        nonlocal depth
        what = chance.choice(["other", "other", "lost", "unanswered", "part", "fine"])
        world.now += 1
        if what == "other" and depth < 2:
            depth += 1
            world.step(other, 2)
            depth -= 1
        elif what == "part":
            world.appended(records[: chance.randrange(len(records))])
            return world.lost(records)
        elif what in ("lost", "unanswered"):
            return getattr(world, what)(records)  # type: ignore[no-any-return]
        world.appended(records)

    world.append = append
    for number in range(14):
        world.ask(*(asked(f"r{number}-{n}", claims=(f"c{chance.randrange(25)}",)) for n in range(3)))
        name = chance.choice(["one", "two"])
        other = keepers["two" if name == "one" else "one"]
        if chance.random() < 0.3:
            world.publish(chance.choice(["missed", "reversed", None]), case=f"A-{chance.randrange(3)}")
        world.step(keepers[name], 2)
        if chance.random() < 0.2:  # it is killed, and starts again
            keepers[name] = world.keeper(name)
    world.append = world.appended
    for keeper in keepers.values():
        world.step(keeper, 4)
    world.step(keepers["one"], 4)
    answers = Counter(answered_by(each.request) for each in history(world) if each.request.writer.startswith("noti"))
    refused = {str(each.request.body["request"]) for each in history(world) if each.request.kind is Kind.NOT_RECORDED}
    assert len(world.log) > len(history(world)) + 2  # there were races
    assert set(answers.values()) == {1}
    assert answers.keys() | refused == {f"r{number}-{n}" for number in range(14) for n in range(3)}
    assert not answers.keys() & refused
    held = [claim for each in history(world) for claim in each.request.claims]
    assert len(held) == len(set(held))
    world.keeper("anew")
    world.step(world.keeper("anew"))
    world.step(keepers["two"])
    assert world.content("one") == world.content("two") == world.content("anew")


def test_an_index_that_was_deleted_is_built_anew_and_equal(world: KeeperWorld) -> None:
    world.ask(*(asked(f"r{n}", claims=(f"c{n}",), subject=f"s{n}") for n in range(20)))
    world.publish("missed")
    world.step(world.keeper())
    before, log = world.content(), list(world.log)
    (world.folder / "one.sqlite").unlink()
    world.step(world.keeper())
    assert world.content() == before
    assert world.log == log


# ---- verdicts ------------------------------------------------------------------------------------------
def test_a_miss_is_recorded_once_and_again_only_where_it_changed(world: KeeperWorld) -> None:
    keeper = world.keeper()
    for verdict, unit, day in [
        ("missed", "north", 1), ("missed", "north", 1), ("missed", "south", 1), ("missed", "south", 2),
        ("met_by_late_entry", "south", 2), ("reversed", "south", 2), ("missed", "south", 2),
    ]:  # fmt: skip
        world.publish(verdict, unit=unit, due=f"2021-10-0{day}T18:00:00+08:00")
        world.step(keeper)
    assert kinds(world) == ["missed", "missed", "missed", "met_by_late_entry", "reversed", "missed"]
    first = history(world)[0].request
    assert (first.subject, first.unit, first.body["clause"]) == ("case|kpi-1|/hall A-1|1", "north", "三")


def test_verdicts_that_were_published_before_the_start_count_by_their_latest_state(world: KeeperWorld) -> None:
    for verdict in ("missed", "reversed", "missed"):
        world.publish(verdict)
    world.step(world.keeper())
    assert kinds(world) == ["missed"]
    world.step(world.keeper())
    assert kinds(world) == ["missed"]


def test_a_retracted_verdict_reverses_the_miss_also_where_nobody_read_it(world: KeeperWorld) -> None:
    world.publish("missed")
    world.publish("missed", case="A-2")
    world.publish("missed", case="A-3")
    world.step(world.keeper())
    world.publish(None)
    world.publish(None, case="A-2")
    world.compacted = {1, 4}  # Kafka has forgotten A-2 while no keeper ran
    world.step(world.keeper())
    world.step(world.keeper())
    assert kinds(world) == ["missed"] * 3 + ["reversed"] * 2
    assert {each.request.subject for each in history(world)[3:]} == {f"case|kpi-1|/hall A-{n}|1" for n in (1, 2)}


def test_a_keeper_that_is_late_does_not_record_what_is_over(world: KeeperWorld) -> None:
    """It was frozen with a miss in its memory, and the other one has recorded the reversal."""
    one, two = world.keeper("one"), world.keeper("two")
    world.step(one)
    world.step(two)
    world.publish("missed")

    def other_first(records: Sequence[KeyValue]) -> None:
        world.append = world.appended
        world.step(two)
        world.publish("reversed")
        world.step(two)
        world.appended(records)

    world.append = other_first
    world.step(one)
    assert kinds(world) == ["missed", "reversed"]


# ---- checkpoints, texts --------------------------------------------------------------------------------
def checkpoints(world: KeeperWorld) -> list[Checkpoint]:
    return read_checkpoints(world.folder / "one.jsonl")


def test_there_is_a_checkpoint_after_a_thousand_records_and_after_a_day(world: KeeperWorld) -> None:
    keeper = world.keeper()
    world.step(keeper)
    assert not (world.folder / "one.jsonl").exists()
    world.ask(asked("first"))
    world.step(keeper)
    assert [each.number for each in checkpoints(world)] == [1]
    world.ask(*(asked(f"r{n}") for n in range(EVERY - 1)))
    world.step(keeper)
    assert len(checkpoints(world)) == 1
    world.ask(asked("last"))
    world.step(keeper)
    assert [each.number for each in checkpoints(world)] == [1, EVERY + 2]  # the first one is a record, too
    world.ask(asked("one more"))
    world.now += DAY - 1
    world.step(keeper)
    assert len(checkpoints(world)) == 2
    world.now = START + 2 * DAY
    world.step(keeper)
    assert len(checkpoints(world)) == 3
    world.now += 5 * DAY
    world.step(keeper)
    assert len(checkpoints(world)) == 3  # nothing new
    assert all(each.is_signed for each in checkpoints(world))


def test_a_lost_file_of_checkpoints_is_written_again(world: KeeperWorld) -> None:
    world.ask(asked("first"))
    world.step(world.keeper())
    before = checkpoints(world)
    (world.folder / "one.jsonl").unlink()
    world.step(world.keeper())
    assert checkpoints(world) == before


def test_a_text_is_erased_once_that_is_recorded(world: KeeperWorld) -> None:
    texts = world.texts()
    hash = texts.keep("家中有病人，请求延期", "north")
    world.ask(asked("reply", Kind.REPLIED, texts={"text": hash}))
    world.step(world.keeper())
    assert texts.text(hash) == "家中有病人，请求延期"
    world.ask(erasure(hash, "desk-1", "erase-1"))
    world.step(world.keeper())
    assert texts.text(hash) is None
    everything = b"".join(file.read_bytes() for file in world.folder.iterdir())
    assert "家中有病人".encode() not in everything


# ---- decisions -----------------------------------------------------------------------------------------
def test_a_decision_waits_until_its_event_is_taken_or_refused(world: KeeperWorld) -> None:
    keeper = world.keeper()
    matter = Matter("P", case_key("/hall", "A-1"), 1)
    data = {"kpi": "P", "decision": "accepted", "cycle": 1}
    event = Decision(matter, About.LATE_ENTRY, "accepted", "x", "case.confirmed", data).request("d", "cli", 0).body
    world.ask(
        asked("d1", Kind.DECIDED, body=event), asked("d2", Kind.DECIDED, body=event), asked("d3", Kind.DECIDED)
    )  # the third is followed by no event
    world.step(keeper)
    one, two, _ = history(world)
    assert keeper.waiting_since == START / 1e6
    for kind, of in ((Kind.IN_FORCE, one.number), (Kind.NOT_IN_FORCE, two.number), (Kind.NOT_IN_FORCE, 999)):
        keeper.ask(asked(f"keeper/{kind.value}/{of}", kind, body={"decision": of}))
    world.step(keeper)
    for each in (keeper, world.keeper()):
        assert (each.waiting_since, each.decisions_refused) == (None, 1)
