"""The keeper: each request has one answer, and there is one history, whatever crashes, freezes or starts twice."""

import dataclasses
import random
import re
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.domain.intake.facts import case_key
from services.ledger import keeper as keeper_module
from services.ledger.__main__ import indexed_decisions
from services.ledger.checkpoints import EVERY, Checkpoint, line_of, read_checkpoints
from services.ledger.enforcement import Enforcement
from services.ledger.index import LedgerIndex
from services.ledger.keeper import RecordsLost
from services.ledger.reader import LedgerCut, ValidRecords
from services.ledger.recording import KEEPERS_OWN, answered_by
from services.ledger.texts import StoredText, erasure, salted_hash
from services.ledger.verify import verify_topic
from services.messaging.reader import Record
from services.messaging.records.decisions import About, Decision, Matter, in_force, not_in_force
from services.messaging.records.fields import KeyValue
from services.messaging.records.ledger import EVENT_ID, Kind, LedgerRecord, Request
from services.messaging.topics import CASE_VERDICTS, LEDGER
from tests.unit.keeper_world import START, KeeperWorld
from tests.unit.test_ledger_verify import as_topic

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


def test_a_request_that_cannot_be_read_has_an_answer_by_its_key(world: KeeperWorld) -> None:
    long = "x" * 401
    wrong = [asked("b", unit=long), asked("c", claims=(long,)), asked("d", claims=tuple(map(str, range(2_001))))]
    world.ask(asked("a"), *wrong, *wrong[:1])
    world.requests += [b"x"] * 4
    ids = (b"a", b"b", b"c", b"d", b"b", b"\xff", long.encode(), b"keeper/checkpoint/1", b"")
    world.keys = dict(enumerate(ids))
    world.step(world.keeper())
    answers = [(answered_by(each.request), each.request.body.get("reason")) for each in history(world)]
    assert answers == [("a", None), ("b", "form"), ("c", "form"), ("d", "form")]


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


@pytest.mark.parametrize(
    ("kind", "body", "time"),
    [
        (Kind.CHECKPOINT, {}, ""), (Kind.CHECKPOINT, {"number": "x"}, ""), (Kind.IN_FORCE, {"decision": "x"}, ""),
        (Kind.IN_FORCE, {"decision": []}, ""), (Kind.NOT_IN_FORCE, {}, ""), (Kind.DECIDED, {"type": 1}, ""),
        (Kind.DECIDED, {"type": "x"}, "no time"), (Kind.NOTICE, {}, "2021-10-22T00:00:00+08:00"), (Kind.ERASED, {}, ""),
    ],
)  # fmt: skip
def test_a_record_of_another_form_does_not_end_the_keeper(
    world: KeeperWorld, kind: Kind, body: dict[str, object], time: str
) -> None:
    """It fits to the chain, and somebody else has written it."""
    keeper = world.keeper()
    world.ask(asked("a"))
    world.step(keeper)
    valid = ValidRecords()
    last = [valid.take(Record(LEDGER, 0, offset, None, value)) for offset, value in enumerate(world.log)][-1]
    assert last is not None
    times = (time or last.record.time, time or last.record.written_at)
    other = LedgerRecord(valid.place.number + 1, valid.place.hash, *times, asked("other", kind, body=body), "00")
    world.log.append(other.value())
    world.ask(asked("b"))
    world.step(keeper)
    world.ask(asked("c"))
    world.step(world.keeper())
    assert [each.request.id for each in history(world) if each.request.id in "abc"] == ["a", "b", "c"]


# ---- ids of the keeper ---------------------------------------------------------------------------------
def all_that_a_keeper_records_of_itself(world: KeeperWorld) -> list[Request]:
    """Each of its kinds: a checkpoint, misses, reversals, outcomes of decisions, refusals."""
    matter = Matter("P", case_key("/hall", "A-1"), 1)
    data = {"kpi": "P", "decision": "accepted", "cycle": 1}
    event = Decision(matter, About.LATE_ENTRY, "accepted", "x", "case.confirmed", data).request("d", "cli", 0).body
    keeper = world.keeper()
    for case in ("A-1", "A-2"):
        world.publish("missed", case=case)
    world.ask(asked("d1", Kind.DECIDED, body=event, seen=9**9), asked("d2", Kind.DECIDED, body=event, seen=9**9))
    world.ask(asked("a", claims=("c",)), asked("b", claims=("c",)))
    world.step(keeper)
    first, second = (each for each in history(world) if each.request.kind is Kind.DECIDED)
    keeper.ask(in_force(first, keeper.name))
    keeper.ask(not_in_force(second, keeper.name, []))
    world.step(keeper)
    keeper.ask(in_force(second, keeper.name, second.number))
    world.publish(None)
    world.compacted = {1}  # A-2 is gone
    world.step(world.keeper())
    world.step(keeper)
    records = [LedgerRecord.decode(value).request for value in world.log]
    return [each for each in records if each.writer.startswith("keeper-")]


def own_forms(requests: list[Request]) -> Counter[tuple[str, str]]:
    """Kind and form of the id, without the refusals of what others asked for under an id of the keeper."""
    own = [each for each in requests if each.body.get("reason") != "keeper"]
    return Counter((each.kind.value, form_of(each.id)) for each in own)


def form_of(id: str) -> str:
    return re.sub(r"(?<=/)[0-9]+(?=/|$)", "{}", id)


@pytest.mark.parametrize("how", ["request", "own kind", "unreadable"])
def test_nobody_can_keep_the_keeper_from_recording_by_asking_for_its_ids_first(tmp_path: Path, how: str) -> None:
    for name in ("plain", "taken"):
        (tmp_path / name).mkdir()
    plain = all_that_a_keeper_records_of_itself(KeeperWorld(tmp_path / "plain"))
    forms = {form_of(each.id) for each in plain} | {f"{EVENT_ID}{{}}"}
    assert {each.kind for each in plain} >= KEEPERS_OWN - {Kind.MET_LATE}
    assert len(forms) >= 7
    world = KeeperWorld(tmp_path / "taken")
    for at, id in enumerate(sorted({form.replace("{}", str(number)) for form in forms for number in range(40)})):
        foreign = asked(id, Kind.IN_FORCE if how == "own kind" else Kind.NOTICE, body={"decision": 1})
        world.ask(dataclasses.replace(foreign, unit="u" * 401) if how == "unreadable" else foreign)
        world.keys[at] = id.encode()
    assert own_forms(all_that_a_keeper_records_of_itself(world)) == own_forms(plain)
    refused = [each for each in history(world) if each.request.body.get("reason") == "keeper"]
    assert len(refused) == (0 if how == "unreadable" else len(world.keys))
    assert verify_topic(as_topic(world.log)).faults == []


# ---- a ledger that is not the one that was recorded ----------------------------------------------------
def test_a_ledger_that_was_made_again_is_refused_and_the_index_stays(world: KeeperWorld) -> None:
    world.ask(asked("a"), asked("b"))
    world.step(world.keeper())
    before, world.log = world.content(), []
    world.ids[LEDGER] = "another"
    with pytest.raises(LedgerCut, match="3 records of another topic"):
        world.keeper()
    assert world.content() == before


def test_a_ledger_that_was_cut_and_continued_is_refused(world: KeeperWorld) -> None:
    world.ask(*(asked(f"r{n}") for n in range(5)))
    world.step(world.keeper("one"))
    del world.log[-3:]
    world.ask(*(asked(f"x{n}") for n in range(4)))
    world.step(world.keeper("two"))
    log = list(world.log)
    assert len(log) > 6
    with pytest.raises(LedgerCut):
        world.step(world.keeper("one"))
    assert world.log == log


def test_a_ledger_that_is_cut_while_the_keeper_runs_gets_no_more_records(world: KeeperWorld) -> None:
    keeper = world.keeper()
    world.ask(*(asked(f"r{n}") for n in range(5)))
    world.step(keeper)
    del world.log[-3:]
    log = list(world.log)
    world.ask(asked("x"))
    with pytest.raises(LedgerCut):
        world.step(keeper)
    assert world.log == log


def lose_the_index(world: KeeperWorld) -> None:
    for file in world.folder.glob("one.sqlite*"):
        file.unlink()


@pytest.mark.parametrize("left", [0, 1, 3, 6])
@pytest.mark.parametrize("continued", [False, True])
def test_a_ledger_that_was_cut_together_with_its_index_is_refused_by_the_file_of_checkpoints(
    world: KeeperWorld, left: int, continued: bool
) -> None:
    world.ask(*(asked(f"r{n}") for n in range(5)))
    world.step(world.keeper())
    world.now += 2 * DAY
    world.ask(asked("last"))
    world.step(world.keeper())
    assert checkpoints(world)[-1].number == 7  # five, a checkpoint, the last one
    file = (world.folder / "one.jsonl").read_bytes()
    del world.log[left:]
    lose_the_index(world)
    if continued:  # by somebody who may write it and sign, so that it is as long as it was and has checkpoints
        world.ask(*(asked(f"x{n}") for n in range(9)))
        world.step(world.keeper("two"), 6)
    log = list(world.log)
    world.ask(asked("y"))
    for _ in range(2):  # started again, it finds the same
        keeper = world.keeper()
        with pytest.raises(LedgerCut, match="the file of checkpoints names record [57]"):
            world.step(keeper)
    assert (world.log, (world.folder / "one.jsonl").read_bytes()) == (log, file)
    lose_the_index(world)
    (world.folder / "one.jsonl").rename(world.folder / "kept.jsonl")  # as docs/ledger.md says
    world.step(world.keeper())
    assert history(world)[-1].request.id == "y"


def test_a_keeper_that_finds_the_ledger_cut_stays_and_says_so(world: KeeperWorld) -> None:
    keeper = world.keeper()
    world.ask(*(asked(f"r{n}") for n in range(5)))
    world.step(keeper)
    del world.log[-3:]
    ending = threading.Event()
    thread = threading.Thread(target=keeper.run, args=(ending,))
    thread.start()
    while not keeper.cut:
        thread.join(0.01)
        assert thread.is_alive()
    assert not keeper.ready
    ending.set()
    thread.join()


def test_what_is_no_checkpoint_in_the_file_refuses_nothing(world: KeeperWorld) -> None:
    world.ask(asked("a"))
    world.step(world.keeper())
    forged = dataclasses.replace(checkpoints(world)[0], number=99)  # its signature is of another number
    (world.folder / "one.jsonl").write_text(f"{line_of(forged)}\n{{}}\nno line", encoding="utf-8")
    world.ask(asked("b"))
    world.step(world.keeper())
    assert history(world)[-1].request.id == "b"


def test_a_decision_whose_record_was_cut_is_not_recorded_again_with_another_time(world: KeeperWorld) -> None:
    world.ask(asked("a"), asked("d", Kind.REPLIED))
    world.step(world.keeper())
    del world.log[1:]
    index = LedgerIndex.at(str(world.folder / "one.sqlite"))
    index.clear()
    index.close()
    (world.folder / "one.jsonl").unlink()
    world.now += 20 * DAY
    world.ask(asked("b"))
    world.step(world.keeper())
    assert [each.request.id for each in history(world)] == ["a", "b"]


def test_an_index_that_the_keeper_carries_on_meanwhile_is_compared_up_to_where_it_was(world: KeeperWorld) -> None:
    keeper = world.keeper()
    world.ask(asked("a"), asked("b"))
    world.step(keeper)
    index = LedgerIndex.at(str(world.folder / "one.sqlite"))
    last = index.place().number
    ids = [LedgerRecord.decode(value).request.id.encode() for value in world.log]
    found = verify_topic(Record(LEDGER, 0, at, ids[at], value) for at, value in enumerate(world.log))
    indexed = index.hashes(last)
    first = next(indexed)
    world.ask(asked("c"))
    world.step(keeper)  # what compares does not lock the index
    found.compare_index([first, *indexed])
    index.close()
    assert found.faults == []
    assert found.number == last < keeper.number


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


def test_an_emptied_topic_of_verdicts_reverses_nothing(world: KeeperWorld) -> None:
    for case in range(3):
        world.publish("missed", case=f"A-{case}")
    world.step(world.keeper())
    world.compacted = set(range(3))
    world.step(world.keeper())
    assert kinds(world) == ["missed"] * 3


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


@pytest.mark.parametrize("wrong", [{"unit": "u" * 401}, {"unit": "a\0b"}, {"case": "A\x001"}, {"case": "A" * 500}])
def test_a_verdict_that_cannot_be_recorded_does_not_stop_the_keeper(world: KeeperWorld, wrong: dict[str, str]) -> None:
    keeper = world.keeper()
    world.step(keeper)
    world.publish("missed", **wrong)
    world.publish("missed", case="A-2")
    world.ask(asked("a"))
    world.step(keeper)
    assert kinds(world) == ["missed", "notice"]
    assert keeper.unreadable[CASE_VERDICTS] == 1


def test_a_keeper_whose_records_do_not_come_back_ends(world: KeeperWorld) -> None:
    keeper, rounds = world.keeper(), []
    world.append = lambda records: rounds.append(len(records))
    world.ask(asked("a"))
    with pytest.raises(RecordsLost):
        world.step(keeper)
    assert len(rounds) == 5


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


def test_no_record_is_left_without_a_checkpoint_where_many_are_recorded_at_once(world: KeeperWorld) -> None:
    keeper = world.keeper()
    world.ask(*(asked(f"a{n}") for n in range(EVERY)))
    world.step(keeper)
    world.ask(*(asked(f"b{n}") for n in range(EVERY)))
    world.step(keeper, 1)
    assert keeper.uncovered == EVERY  # the metric does not count from the record of the checkpoint
    world.ask(*(asked(f"c{n}") for n in range(EVERY)))
    world.step(keeper)
    assert checkpoints(world)[-1].number >= 3 * EVERY
    assert keeper.uncovered == 0
    log = len(world.log)
    world.now += 2 * DAY
    world.step(keeper)
    assert len(world.log) == log  # behind the last checkpoint there is nothing but its record


def test_time_never_runs_backwards_and_a_clock_that_was_ahead_stops_no_checkpoint(world: KeeperWorld) -> None:
    keeper = world.keeper()
    for days in (0, 400, -400, 3, 4, 5):
        world.now = START + days * DAY
        world.ask(asked(f"r{days}"))
        world.step(keeper)
    times = [LedgerRecord.decode(value).time for value in world.log]
    assert times == sorted(times)
    assert len(checkpoints(world)) == 6


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


def test_the_text_of_a_request_that_is_not_recorded_is_erased(world: KeeperWorld) -> None:
    """Whoever asked may have gone by then. A request that is asked for again keeps the text of its record."""
    texts, keeper = world.texts(), world.keeper()
    kept, lost = texts.keep("已核实", "north"), texts.keep("家中有病人", "north")
    first = asked("first", Kind.REPLIED, subject="subject", texts={"text": kept})
    world.ask(first, first, asked("late", Kind.DECIDED, subject="subject", texts={"text": lost}, seen=0))
    world.step(keeper)
    assert (texts.text(kept), texts.text(lost)) == ("已核实", None)
    everything = b"".join(file.read_bytes() for file in world.folder.iterdir())
    assert "家中有病人".encode() not in everything
    left = StoredText(salted_hash(b"0" * 16, "家中有老人"), b"0" * 16, "家中有老人", "north")
    world.ask(asked("later", Kind.DECIDED, subject="subject", texts={"text": left.hash}, seen=0))
    world.step(keeper)
    texts.put([left])  # as if the keeper had ended before it erased it
    world.keeper()
    assert texts.text(left.hash) is None


# ---- decisions -----------------------------------------------------------------------------------------
def test_a_decision_waits_until_its_event_is_taken_or_refused(world: KeeperWorld) -> None:
    keeper = world.keeper()
    matter = Matter("P", case_key("/hall", "A-1"), 1)
    data = {"kpi": "P", "decision": "accepted", "cycle": 1}
    event = Decision(matter, About.LATE_ENTRY, "accepted", "x", "case.confirmed", data).request("d", "cli", 0).body
    world.ask(
        asked("d1", Kind.DECIDED, body=event, seen=0),
        asked("d2", Kind.DECIDED, body=event, seen=9),
        asked("d3", Kind.DECIDED, seen=9),
    )  # the third is followed by no event
    world.step(keeper)
    one, two, _ = history(world)
    assert keeper.waiting_since == START / 1e6
    for kind, of in ((Kind.IN_FORCE, one.number), (Kind.NOT_IN_FORCE, two.number), (Kind.NOT_IN_FORCE, 999)):
        keeper.ask(asked(f"keeper/{kind.value}/{of}", kind, body={"decision": of}))
    world.step(keeper)
    for each in (keeper, world.keeper()):
        assert (each.waiting_since, each.decisions_refused) == (None, 1)
    for number in (999, one.number):
        world.ask(asked(f"again-{number}", Kind.DECIDED, body={"again": number}, seen=99))
    world.step(keeper)
    assert keeper.waiting_since is None  # nothing of these was refused
    world.ask(asked("again", Kind.DECIDED, body={"again": two.number}, seen=99))
    world.step(keeper)
    for each in (keeper, world.keeper()):
        assert each.waiting_since is not None
    keeper.ask(asked("keeper/again", Kind.IN_FORCE, body={"decision": two.number}))
    world.step(keeper)
    for each in (keeper, world.keeper()):
        assert (each.waiting_since, each.decisions_refused) == (None, 1)


def test_enforcement_begins_with_what_the_index_knows_and_knows_what_the_whole_ledger_says(
    world: KeeperWorld,
) -> None:
    all_that_a_keeper_records_of_itself(world)
    for case in ("A-3", "A-4"):
        matter = Matter("P", case_key("/hall", case), 1)
        data = {"kpi": "P", "decision": "accepted", "cycle": 1}
        world.ask(Decision(matter, About.LATE_ENTRY, "accepted", "x", "case.confirmed", data).request(case, "cli", 99))
    keeper = world.keeper()
    world.step(keeper)
    valid = ValidRecords()
    taken = [valid.take(Record(LEDGER, 0, offset, None, value)) for offset, value in enumerate(world.log)]
    records = [each.record for each in taken if each is not None]
    index = LedgerIndex.at(str(world.folder / "one.sqlite"))
    place, of_decisions = indexed_decisions(index)
    index.close()
    sent: list[list[object]] = []
    for begun in (records, of_decisions):
        events: list[object] = []
        enforcement = Enforcement(lambda event, events=events: events.append(event) or [], lambda _: None, "k")  # type: ignore[misc]
        enforcement.take(begun)
        enforcement.work()
        sent.append(events)
    assert place == valid.place
    assert len(of_decisions) < len(records)
    assert sent[0] == sent[1] != []
