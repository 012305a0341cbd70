"""Which events the cases stage turns away by their place, and which letters it does not send a second time."""

import asyncio
from pathlib import Path

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from services.domain.history import capacity
from services.domain.intake.refusal import Refused
from services.domain.judging.judge import Judge
from services.domain.results import case_partition as partition
from services.messaging import letter_budget
from services.messaging.letter_budget import DAY_MS, LetterBudget, Written
from services.messaging.partition_check import _REMEMBERED, PartitionCheck
from services.messaging.records.dead_letters import DeadLetter
from services.messaging.topics import CASE_EVENTS, DEAD_LETTER, partition_of
from streams.cases.dead_letter_limit import MostSourcesRefused
from streams.cases.sent_dead_letters import MARGIN_MS
from tests.stream.delivery import FakeDelivery
from tests.stream.test_cases import NOW_MS, OWNER, Event, Stage, accepted, event, judge, letters, refused

__all__ = ["judge"]

PARTITIONS = 4


def placed(stage: Stage) -> Stage:
    """The stage, on a topic of four partitions."""
    stage.cases._partition_check = PartitionCheck(PARTITIONS)
    return stage


def of_partition(number: int, case: str = "A") -> str:
    """A case whose key belongs into a partition."""
    return next(
        name
        for name in (f"{case}{n}" for n in range(1000))
        if partition_of(accepted(0, name, "2021-09-06T09:00").key or b"", PARTITIONS) == number
    )


@pytest.fixture
def stage(judge: Judge, tmp_path: Path) -> Stage:
    return Stage(judge, tmp_path, FakeDelivery((0, 1, 2, 3)))


# ---- where an event lies -------------------------------------------------------------------------------------
def test_an_event_in_another_partition_than_its_key_gives_is_a_dead_letter_and_counts_once(stage: Stage) -> None:
    placed(stage)
    case = of_partition(2)
    stage.take(accepted(0, case, "2021-09-06T09:00"), partition=2)
    stage.take(accepted(0, case, "2021-09-06T09:00"), accepted(1, case, "2021-09-06T09:30", id="b"), partition=3)
    first, second = letters(stage)
    assert (first.reason, first.partition, first.offset, second.offset) == ("wrong_key", 3, 0, 1)
    assert "it lies in partition 3, and murmur2 of its key gives partition 2 of 4" in first.sentence
    assert "murmur2" in first.remedy and "partition 2" in first.remedy
    assert [key for key in stage.delivery.rows(3) if not key.startswith(b"\x00")] == []
    assert len([key for key in stage.delivery.rows(2) if not key.startswith(b"\x00")]) == 1


def test_a_key_that_is_remembered_is_right_in_its_own_partition_only() -> None:
    placement = PartitionCheck(PARTITIONS)
    keys = [b"/units/a\x1f%d" % number for number in range(_REMEMBERED + 10)]
    for key in keys:
        placement.check(key, partition_of(key, PARTITIONS))
    for key in (keys[0], keys[-1]):
        with pytest.raises(Refused):
            placement.check(key, (partition_of(key, PARTITIONS) + 1) % PARTITIONS)
    assert len(placement._right) <= _REMEMBERED


@pytest.mark.parametrize(
    "key", [None, b"", b"\x00plan", b"\x00heartbeat /units/north", b"\xff\xfe", b"\xed\xa0\x80", b"/units/north\x1f"]
)
@pytest.mark.parametrize("kind", ["case.accepted", "source.heartbeat"])
def test_no_key_but_that_of_a_case_reaches_the_rows(stage: Stage, key: bytes | None, kind: str) -> None:
    good = accepted(0, "A", "2021-09-06T09:00")
    if kind == "source.heartbeat":
        good = event(0, "A", kind, "2021-09-06T09:00")
    before = dict(stage.delivery.rows(0))
    stage.take(Event(0, key, good.value))
    assert [each.reason for each in letters(stage)] == ["wrong_key"]
    assert stage.delivery.rows(0) == before


# ---- no second letter ----------------------------------------------------------------------------------------
def bad(offset: int, timestamp: int = NOW_MS - DAY_MS) -> Event:
    return Event(offset, b"", b"no event", timestamp)


def follower(stage: Stage, judge: Judge, tmp_path: Path, unread: int | None) -> Stage:
    """The next owner of all, to whom so many events are delivered again; none of its rows were published."""
    for rows in stage.delivery.stores.values():
        rows.clear()
    stage.delivery.unread = dict.fromkeys(stage.delivery.stores, unread)
    stage.delivery.read_back.clear()
    return Stage(judge, tmp_path, stage.delivery)


def sent(stage: Stage) -> list[str]:
    return [(key or b"").decode() for topic, _, (key, _) in stage.delivery.sent if topic == DEAD_LETTER]


def test_a_letter_of_an_event_that_is_delivered_again_is_not_sent_again(
    stage: Stage, judge: Judge, tmp_path: Path
) -> None:
    chunk = [bad(5), accepted(6, "A", "2021-09-06T09:00"), bad(7)]
    stage.take(*chunk[:2])
    stage.take(bad(7), partition=1)
    after = follower(stage, judge, tmp_path, unread=3)
    after.take(*chunk)
    assert sent(stage) == ["case.events|0|5", "case.events|1|7", "case.events|0|7"], "another partition's is no reason"
    assert stage.delivery.read_back == [(DEAD_LETTER, 0, NOW_MS - DAY_MS - MARGIN_MS)]
    after.take(bad(8))
    assert sent(stage)[3:] == ["case.events|0|8"]
    assert len(stage.delivery.read_back) == 1, "what no earlier owner can have seen needs no look"


@pytest.mark.parametrize("outcomes", [("granted", "refused"), ("refused", "granted")])
def test_nor_is_one_of_an_event_that_its_case_turned_away(
    stage: Stage, judge: Judge, tmp_path: Path, outcomes: tuple[str, str]
) -> None:
    chunk = [
        event(n, "A", "case.completed", "2021-09-06T11:00", id="c", outcome=outcome)
        for n, outcome in enumerate(outcomes)
    ]
    stage.take(*chunk)
    (key,) = sent(stage)
    follower(stage, judge, tmp_path, unread=2).take(*chunk)
    assert sent(stage) == [key]


def test_the_letters_are_looked_up_only_where_an_event_is_refused_and_once(
    stage: Stage, judge: Judge, tmp_path: Path
) -> None:
    after = follower(stage, judge, tmp_path, unread=100)
    after.take(accepted(0, "A", "2021-09-06T09:00"))
    assert stage.delivery.read_back == []
    after.take(bad(1))
    after.take(bad(2, timestamp=9_000_000_000))
    assert stage.delivery.read_back == [(DEAD_LETTER, 0, -MARGIN_MS)], "from the first event since the assignment on"
    after.assign(fresh=False)
    after.take(bad(3))
    assert len(stage.delivery.read_back) == 2, "after an assignment events may be delivered again"


def test_while_the_end_is_not_known_any_event_may_be_one_that_is_delivered_again(
    stage: Stage, judge: Judge, tmp_path: Path
) -> None:
    stage.take(bad(5), bad(6))
    after = follower(stage, judge, tmp_path, unread=None)
    after.take(bad(5))
    after.delivery.unread[0] = 1
    after.take(bad(6))
    after.take(bad(7))
    assert sent(stage) == ["case.events|0|5", "case.events|0|6", "case.events|0|7"]


def test_a_run_of_bad_events_that_stopped_a_worker_is_not_filed_twice(
    stage: Stage, judge: Judge, tmp_path: Path
) -> None:
    run = [refused(offset, f"/units/{offset % 3}") for offset in range(200)]
    for owner in (stage, follower(stage, judge, tmp_path, unread=200)):
        with pytest.raises(MostSourcesRefused, match="were refused"):
            owner.take(*run)
    assert len(sent(stage)) == len(set(sent(stage))) == 60


def test_no_owner_begins_to_count_the_letters_of_a_day_anew(
    stage: Stage, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topic says how many there are; those of another partition and of the day before are none of them."""
    monkeypatch.setattr(letter_budget, "LETTERS_A_DAY", 60)
    stage.delivery.appended_ms = stage.now_ms
    stage.take(bad(0), partition=1)
    stage.take(*map(bad, range(59)))
    after = follower(stage, judge, tmp_path, unread=0)
    after.take(*map(bad, range(59, 69)))
    assert len(sent(stage)) == 61
    after.now_ms += DAY_MS
    after.take(bad(69))
    assert len(sent(stage)) == 62


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, DAY_MS // 4)), max_size=40))
def test_of_each_sender_no_more_letters_are_written_in_any_day_than_the_budget(
    asked: list[tuple[str | None, int]],
) -> None:
    most, now = letter_budget.LETTERS_A_DAY, 0
    try:
        letter_budget.LETTERS_A_DAY = 3  # type: ignore[misc]  # a test of what it does, not of its size
        budget, written = LetterBudget(), list[Written]()
        for number, (sender, wait) in enumerate(asked):
            now += wait
            if budget.take(sender, now):
                written.append(Written(b"%d" % number, sender, now))
            budget = budget if number % 3 else LetterBudget(one for one in written if one.timestamp_ms > now - DAY_MS)
        for one in written:
            day = [
                each
                for each in written
                if each.sender == one.sender and 0 <= one.timestamp_ms - each.timestamp_ms < DAY_MS
            ]
            assert len(day) <= 3
    finally:
        letter_budget.LETTERS_A_DAY = most  # type: ignore[misc]  # as above


def test_every_letter_names_headers_and_partition_of_its_record(stage: Stage) -> None:
    asyncio.run(stage.cases.on_events(TP(CASE_EVENTS, 1), [Event(4, b"k", None, 0, [("trace", b"\xff"), ("n", b"")])]))
    (letter,) = letters(stage)
    assert (letter.partition, letter.headers) == (1, (("trace", b"\xff"), ("n", b"")))
    assert DeadLetter.decode(letter.encode()) == letter


# ---- a case that is full ---------------------------------------------------------------------------------------
def rating(offset: int, minute: int) -> Event:
    time = f"2021-09-06T{9 + minute // 60:02d}:{minute % 60:02d}"
    return event(offset, "A", "case.rated", time, id=f"r{minute}", score=5)


def test_what_a_full_case_cannot_hold_is_a_letter_and_stops_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "LARGEST_CASE", 120)
    monkeypatch.setattr(partition, "LARGEST_CASE", 120)
    stage.take(*(rating(n, 100 + n) for n in range(30)))
    assert letters(stage) == []
    before = dict(stage.delivery.rows(0))
    stage.take(rating(30, 200))
    (late,) = letters(stage)
    assert (late.reason, late.offset) == ("too_large", 30) and "its case is full" in late.sentence
    assert stage.delivery.rows(0) == before
    stage.take(rating(31, 50))  # it had arrived before all that is kept
    (last,) = letters(stage)
    assert (last.reason, last.offset) == ("too_large", None) and b'"r129"' in last.original
    assert stage.cases._dead_letters.refused_of(0) == {OWNER: 2}
    assert stage.cases._dead_letters._limit.reasons == {}, "it is the source's own"
