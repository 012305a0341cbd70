"""The cases stage over a delivery without a broker: what it sends, in which order, and when it waits."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from faust.types import TP

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.intake.facts import case_key
from services.domain.judging.judge import Judge
from services.domain.results.case_partition import JUDGED_ROW, PLAN_ROW
from services.domain.sums.tally import TallyField
from services.domain.time.zone import Instant
from services.messaging import letter_budget
from services.messaging.codec import admission
from services.messaging.records import tallies as tally_records
from services.messaging.records.dead_letters import DeadLetter
from services.messaging.records.latencies import Latencies
from services.messaging.tally_log import TallyLog
from services.messaging.tally_reader import Passed, tallies_as_of
from services.messaging.topics import ALERT_CARDS, CASE_EVENTS, CASE_VERDICTS, DEAD_LETTER, KPI_TALLIES
from services.runtime.clock import Clock
from streams.cases.cases import CATCHING_UP, Cases
from streams.cases.dead_letter_limit import ENOUGH, MANY_SOURCES, MostSourcesRefused
from streams.cases.stage_settings import StageSettings
from streams.delivery.bulk import BulkDelivery
from tests.integration.crash_story import write_plan
from tests.stream.delivery import FLUSHED, PUBLISHED, FakeDelivery
from tests.unit.cases import at

OWNER = "/units/north"
NOW_MS = 1_700_000_000_000


@dataclass
class Event:
    """A record of `case.events`."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = field(default_factory=list)


def event(offset: int, case: str, kind: str, time: str, *, id: str = "", **body: object) -> Event:
    reported = f"{time}:00+08:00"
    value = {
        "specversion": "1.0",
        "id": id or f"{kind}@{time}",
        "source": OWNER,
        "type": kind,
        "subject": case,
        "time": reported,
        "recordedat": reported,
        "receivedat": reported,
        "data": body,
    }
    return Event(offset, case_key(OWNER, case).encode(), orjson.dumps(value))


def accepted(offset: int, case: str, time: str, **given: Any) -> Event:
    return event(offset, case, "case.accepted", time, service_item="permit", unit="north", **given)


def completed(offset: int, case: str, time: str, **given: Any) -> Event:
    return event(offset, case, "case.completed", time, **given)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    plan = load_plan(write_plan(tmp_path_factory.mktemp("plan") / "plan"))
    return Judge(plan, calendar_of(plan))


class Stage:
    """A worker's cases, its clock and its delivery."""

    def __init__(self, judge: Judge, folder: Path, delivery: FakeDelivery | None = None) -> None:
        self.delivery = delivery or FakeDelivery()
        self.clock = Clock.simulated(folder / "clock.json")
        edge = admission(judge.plan, trust_receivedat=True)
        bulk = cast(BulkDelivery, self.delivery)
        self.cases = Cases(bulk, judge, edge, self.clock, StageSettings())
        self.now_ms = NOW_MS
        """The real time."""
        self.cases._dead_letters._sent._now_ms = lambda: self.now_ms
        self.at("2021-09-06T12:00")
        self.assign()

    def at(self, time: str) -> Instant:
        self.clock.set(at(time), 0)
        return at(time)

    def assign(self, *, fresh: bool = True) -> None:
        owned = self.delivery.owned
        asyncio.run(self.cases.on_assigned(owned, owned if fresh else frozenset()))

    def take(self, *records: Event, partition: int = 0) -> None:
        asyncio.run(self.cases.on_events(TP(CASE_EVENTS, partition), records))

    def tick(self) -> None:
        asyncio.run(self.cases.on_tick())

    def log(self) -> TallyLog:
        """All that it has sent to the log of tallies, read."""
        log = TallyLog()
        for topic, _, (key, value) in self.delivery.sent:
            if topic == KPI_TALLIES:
                log.append(key or b"", value)
        return log

    def counted(self, kpi: str = "WITHIN") -> list[int]:
        """Matured, met and overdue."""
        cells = [0, 0, 0]
        for key, tally in self.log().tallies().items():
            if key.kpi == kpi:
                for place, cell in enumerate((TallyField.N, TallyField.MET, TallyField.OVERDUE)):
                    cells[place] += tally.cells[cell]
        return cells


@pytest.fixture
def stage(judge: Judge, tmp_path: Path) -> Stage:
    return Stage(judge, tmp_path)


def letters(stage: Stage) -> list[DeadLetter]:
    """The dead letters sent since the last call."""
    return [DeadLetter.decode(value or b"") for _, value in stage.delivery.take(DEAD_LETTER)]


def kinds(stage: Stage) -> list[str]:
    return [(key or b"").split(b"|")[0].decode() for key, _ in stage.delivery.take(KPI_TALLIES)]


def levels(stage: Stage) -> list[tuple[str, str]]:
    """(case, level) of the cards sent since the last call."""
    bodies = [orjson.loads(value) for _, value in stage.delivery.take(ALERT_CARDS) if value is not None]
    return sorted((body["case"].split()[1], body["level"]) for body in bodies if body["kpi"] == "WITHIN")


def test_a_new_owner_claims_sends_all_its_rows_and_is_complete(stage: Stage, judge: Judge, tmp_path: Path) -> None:
    stage.take(accepted(0, "A", "2021-09-06T09:00"), completed(1, "A", "2021-09-06T10:00"))
    stage.tick()
    follower = Stage(judge, tmp_path, stage.delivery)
    follower.delivery.epochs[0] = 7
    stage.delivery.take(KPI_TALLIES)
    follower.assign()
    sent = [(key or b"").decode().split("|") for key, _ in follower.delivery.take(KPI_TALLIES)]
    assert [each[0] for each in sent] == ["claim", *["row"] * (len(sent) - 2), "complete"]
    assert len(sent) > 2
    assert {each[2] for each in sent} == {"7"}


def test_what_stays_through_a_rebalance_is_published_under_the_new_epoch(stage: Stage) -> None:
    stage.take(accepted(0, "A", "2021-09-06T09:00"), completed(1, "A", "2021-09-06T10:00"))
    stage.tick()
    before = stage.counted()
    stage.delivery.epochs[0] = 9
    stage.assign(fresh=False)
    stage.tick()
    assert (before, stage.counted(), [each.epoch for each in stage.log().progress()]) == ([1, 1, 0], [1, 1, 0], [9])


def test_active_cards_are_published_again_by_a_new_owner(stage: Stage, judge: Judge, tmp_path: Path) -> None:
    stage.take(accepted(0, "A", "2021-09-06T09:00"), accepted(1, "B", "2021-09-06T09:00"))
    stage.at("2021-09-10T12:00")
    stage.tick()
    stage.take(completed(2, "B", "2021-09-10T11:00"))
    stage.delivery.take(ALERT_CARDS)
    Stage(judge, tmp_path, stage.delivery)
    assert levels(stage) == [("A", "red")], "those of B are cleared, and the yellow one of A is superseded"


def test_a_sweep_publishes_between_its_marked_rows_and_those_that_know_it_and_before_its_progress(stage: Stage) -> None:
    stage.take(accepted(0, "A", "2021-09-06T09:00"))
    stage.tick()
    stage.delivery.order.clear()
    stage.at("2021-09-10T12:00")
    stage.tick()
    order = stage.delivery.order
    first = order.index(ALERT_CARDS)
    assert set(order[:first]) == {PUBLISHED, FLUSHED}
    assert order[first : first + 3] == [ALERT_CARDS, CASE_VERDICTS, FLUSHED]
    assert order[-2:] == [PUBLISHED, KPI_TALLIES]
    assert kinds(stage)[-1] == "progress"
    assert first + 2 < order.index(KPI_TALLIES)
    assert levels(stage) == [("A", "red"), ("A", "yellow")]


def test_progress_comes_behind_the_tallies_that_it_covers(stage: Stage) -> None:
    stage.delivery.take(KPI_TALLIES)
    stage.take(accepted(0, "A", "2021-09-06T09:00"), completed(1, "A", "2021-09-06T10:00"))
    stage.delivery.next = 2
    stage.tick()
    sent = kinds(stage)
    assert set(sent[:-1]) == {"row"} and sent[-1] == "progress"
    stage.tick()
    assert kinds(stage) == ["progress"], "what has not changed is not sent again"


def test_progress_says_up_to_when_and_to_which_event(stage: Stage) -> None:
    stage.delivery.next = 2
    now = stage.at("2021-09-07T12:00")
    stage.tick()
    (progress,) = stage.log().progress()
    assert (progress.swept_to, progress.position, progress.lag) == (now - 1, 2, 0)


@pytest.mark.parametrize("unread", [None, CATCHING_UP + 1])
def test_while_it_catches_up_cards_and_sweeps_wait(stage: Stage, unread: int | None) -> None:
    stage.delivery.unread[0] = unread
    stage.at("2021-09-10T12:00")
    stage.take(accepted(0, "A", "2021-09-06T09:00"), accepted(1, "B", "2021-09-06T09:00"))
    stage.tick()
    stage.take(completed(2, "B", "2021-09-10T11:00"))
    assert levels(stage) == []
    assert [progress.swept_to for progress in stage.log().progress()] == [0]
    stage.delivery.unread[0] = 0
    stage.tick()
    reported = levels(stage)
    assert reported == [("A", "red"), ("A", "yellow"), ("B", "red"), ("B", "yellow")], "each once, at the end"
    stage.tick()
    assert levels(stage) == []


def test_a_partition_that_lags_makes_no_other_wait_and_each_says_its_own_lag(judge: Judge, tmp_path: Path) -> None:
    stage = Stage(judge, tmp_path, FakeDelivery((0, 1)))
    stage.delivery.unread = {0: CATCHING_UP + 1, 1: 7}
    now = stage.at("2021-09-10T12:00")
    stage.take(accepted(0, "A", "2021-09-06T09:00"), partition=0)
    stage.take(accepted(0, "B", "2021-09-06T09:00"), partition=1)
    stage.tick()
    assert levels(stage) == [("B", "red"), ("B", "yellow")]
    assert {reported.partition: (reported.swept_to, reported.lag) for reported in stage.log().progress()} == {
        0: (0, CATCHING_UP + 1),
        1: (now - 1, 7),
    }


def test_progress_says_how_long_events_waited_and_when_those_arrived_that_are_counted_anew(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.cases.answer_times.real_ms", lambda: NOW_MS)
    first, second = accepted(0, "A", "2021-09-06T09:00"), accepted(1, "B", "2021-09-06T09:00")
    first.timestamp, second.timestamp = NOW_MS - 400, NOW_MS - 7_200_000
    stage.take(first, second)
    stage.tick()
    (progress,) = stage.log().progress()
    waited = Latencies.unpacked(list(progress.answered))
    assert (sum(waited.counts), waited.counts[3], waited.counts[-1], waited.total_ms) == (2, 1, 1, 7_200_400)
    assert progress.arrivals == ((NOW_MS - 60_000, 1), (NOW_MS - 400, 1)), "an older one counts as a minute old"
    stage.tick()
    (again,) = stage.log().progress()
    assert (again.answered, again.arrivals) == (progress.answered, ())


def test_a_tick_comes_last_to_the_partition_whose_chunk_is_in_hand(judge: Judge, tmp_path: Path) -> None:
    stage = Stage(judge, tmp_path, FakeDelivery((0, 1, 2)))
    stage.delivery.take(KPI_TALLIES)
    stage.delivery.busy = {0}
    stage.tick()
    order = [
        tally_records.decode_progress(key or b"", value).partition for key, value in stage.delivery.take(KPI_TALLIES)
    ]
    assert order == [1, 2, 0]


@pytest.mark.parametrize("unread", [0, CATCHING_UP + 1])
def test_other_tasks_work_while_a_large_chunk_is_in_hand(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, unread: int
) -> None:
    """Live, and in a backlog: heartbeats, commits and timers are tasks of the same event loop."""
    monkeypatch.setattr("streams.cases.cases.AT_ONCE", 10)
    stage.delivery.unread[0] = unread
    chunk = [accepted(number, f"A{number}", "2021-09-06T09:00") for number in range(100)]
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def both() -> None:
        task = asyncio.ensure_future(other())
        await stage.cases.on_events(TP(CASE_EVENTS, 0), chunk)
        task.cancel()

    asyncio.run(both())
    assert turns >= (20 if unread else 10)
    assert len(stage.delivery.stores[0].keys() - {PLAN_ROW, JUDGED_ROW}) == 100


def test_a_sweep_looks_at_the_time_after_so_many_cases_that_have_nothing_to_tell(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.cases.cases.SWEEP_AT_ONCE", 2)
    monkeypatch.setattr("streams.cases.cases.SWEEP_SECONDS", 0.0)
    stage.at("2021-09-06T08:00")
    stage.take(*(accepted(number, f"A{number}", "2021-09-06T09:00") for number in range(5)))
    now, reached = stage.at("2021-09-06T12:00"), []
    for _ in range(3):
        stage.tick()
        (progress,) = stage.log().progress()
        reached.append(progress.swept_to)
    assert [each == now - 1 for each in reached] == [False, False, True]


def test_a_redelivered_event_counts_once_and_is_published_again(stage: Stage) -> None:
    chunk = [accepted(0, "A", "2021-09-06T09:00"), completed(1, "A", "2021-09-10T10:00")]
    stage.at("2021-09-10T12:00")
    stage.take(*chunk)
    stage.tick()
    first, counted = levels(stage), stage.counted()
    verdicts = dict(stage.delivery.take(CASE_VERDICTS))  # the last word on each
    stage.take(*chunk)
    stage.tick()
    assert set(levels(stage)) == set(first) != set()
    assert dict(stage.delivery.take(CASE_VERDICTS)) == verdicts != {}
    assert stage.counted() == counted == [1, 0, 0]


def test_what_follows_from_an_event_is_published_behind_its_rows(stage: Stage) -> None:
    """Else a crash in between leaves a card that no row knows: the backlog after it may never raise nor retract it."""
    stage.at("2021-09-10T12:00")
    stage.delivery.order.clear()
    stage.take(accepted(0, "A", "2021-09-06T09:00"))
    assert stage.delivery.order == [PUBLISHED, FLUSHED, ALERT_CARDS, CASE_VERDICTS]


def test_dead_letters_are_acknowledged_before_the_rows_of_their_chunk(stage: Stage) -> None:
    stage.delivery.order.clear()
    stage.take(accepted(0, "A", "2021-09-06T09:00"), Event(1, b"", b"no event"))
    assert stage.delivery.order[:2] == [DEAD_LETTER, FLUSHED]
    ((key, value),) = stage.delivery.take(DEAD_LETTER)
    letter = DeadLetter.decode(value or b"")
    assert (key, letter.reason, letter.original) == (b"case.events|0|1", "malformed", b"no event")


@pytest.mark.parametrize("key", [None, b"", b"somebody"])
def test_an_event_under_another_key_than_its_case_is_a_dead_letter(stage: Stage, key: bytes | None) -> None:
    good = accepted(0, "A", "2021-09-06T09:00")
    stage.take(Event(0, key, good.value))
    assert [DeadLetter.decode(value or b"").reason for _, value in stage.delivery.take(DEAD_LETTER)] == ["wrong_key"]
    assert not [key for key in stage.delivery.rows(0) if key != b"\x00plan"]


def test_what_only_the_case_can_refuse_is_a_dead_letter_too(stage: Stage) -> None:
    stage.take(
        accepted(0, "A", "2021-09-06T09:00"),
        event(1, "A", "correction", "2021-09-06T10:00", id="x1", of="case.accepted@2021-09-06T09:00", event=None),
        event(2, "A", "correction", "2021-09-06T10:01", id="x2", of="x1", event=None),
        completed(3, "A", "2021-09-06T11:00", id="c"),
        completed(4, "A", "2021-09-06T11:00", id="c", outcome="granted"),
    )
    letters = [DeadLetter.decode(value or b"") for _, value in stage.delivery.take(DEAD_LETTER)]
    assert [(letter.reason, letter.offset) for letter in letters] == [("bad_correction", 2), ("id_conflict", 4)]


def refused(offset: int, source: str) -> Event:
    """An event of a source that admission refuses."""
    value = orjson.loads(accepted(offset, f"R{offset}", "2021-09-06T09:00").value or b"")
    value |= {"source": source, "data": {**value["data"], "colour": "red"}}
    return Event(offset, case_key(source, f"R{offset}").encode(), orjson.dumps(value))


@pytest.mark.parametrize("source", ["/units/a", None])
def test_however_much_of_one_source_is_refused_the_others_are_judged(
    stage: Stage, source: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The letters of the one end at its budget; another's letter is written all the same, and its events count."""
    monkeypatch.setattr(letter_budget, "LETTERS_A_DAY", 150)
    too_many = 350
    for first in range(0, too_many, 100):
        numbers = range(first, min(first + 100, too_many))
        stage.take(*(Event(n, b"", b"no event") if source is None else refused(n, source) for n in numbers))
    case = accepted(too_many, "A", "2021-09-06T09:00"), completed(too_many + 1, "A", "2021-09-06T10:00", id="c")
    stage.take(*case, refused(too_many + 2, "/units/b"))
    stage.tick()
    assert stage.counted() == [1, 1, 0]
    written = [DeadLetter.decode(value or b"") for _, value in stage.delivery.take(DEAD_LETTER)]
    assert Counter(letter.sender for letter in written) == {source: 150, "/units/b": 1}
    (progress,) = stage.log().progress()
    assert progress.refused == {source or "": too_many, "/units/b": 1}
    assert progress.left_out == {source or "": 200}


def test_what_a_case_refuses_stops_nobody_whoever_sends_it(stage: Stage) -> None:
    for offset in range(300):
        stage.take(completed(offset, "A", "2021-09-06T11:00", id="c", outcome="granted" if offset % 2 else "refused"))
    assert stage.log() is not None


def test_where_most_of_most_sources_is_refused_the_worker_ends_and_leaves_the_letters_to_look_at(stage: Stage) -> None:
    """The doors have admitted all this by the same plan, so that it is this worker's that is wrong."""
    sources = [f"/units/{number}" for number in range(MANY_SOURCES)]
    run = [refused(offset, sources[offset % MANY_SOURCES]) for offset in range(200)]
    with pytest.raises(MostSourcesRefused, match="most events of 3 of the 3 sources .* \\(unknown_field 60\\)"):
        stage.take(*run)
    assert len(stage.delivery.take(DEAD_LETTER)) == ENOUGH * MANY_SOURCES


def test_three_sources_with_bad_events_stop_nobody_while_as_many_have_good_ones(stage: Stage) -> None:
    good = [f"/units/good-{number}" for number in range(MANY_SOURCES)]
    for offset, source in enumerate(good):
        value = orjson.loads(accepted(offset, "G", "2021-09-06T09:00").value or b"") | {"source": source}
        stage.take(Event(offset, case_key(source, "G").encode(), orjson.dumps(value)))
    sources = [f"/units/{number}" for number in range(MANY_SOURCES)]
    stage.take(*(refused(offset, sources[offset % MANY_SOURCES]) for offset in range(10, 310)))
    assert len(stage.delivery.take(DEAD_LETTER)) == 300


def test_a_tally_that_counts_nothing_any_more_is_sent_as_such_and_forgotten(stage: Stage) -> None:
    stage.take(accepted(0, "A", "2021-09-06T09:00"), completed(1, "A", "2021-09-06T10:00", id="c"))
    stage.tick()
    assert stage.counted() == [1, 1, 0]
    stage.take(
        event(2, "A", "correction", "2021-09-06T10:30", id="x1", of="c", event=None),
        event(3, "A", "correction", "2021-09-06T10:31", id="x2", of="case.accepted@2021-09-06T09:00", event=None),
    )
    stage.tick()
    assert stage.counted() == [0, 0, 0]
    assert stage.log().tallies() == {}
    stage.delivery.take(KPI_TALLIES)
    stage.assign(fresh=False)
    assert kinds(stage) == ["claim", "complete"]


OUTCOMES = ("granted", "refused")


@pytest.mark.parametrize("order", [OUTCOMES, OUTCOMES[::-1]])
def test_of_two_events_under_one_id_the_letter_is_of_the_one_that_does_not_stand(
    stage: Stage, order: Sequence[str]
) -> None:
    pair = [completed(1 + n, "A", "2021-09-06T11:00", id="c", outcome=outcome) for n, outcome in enumerate(order)]
    stage.take(accepted(0, "A", "2021-09-06T09:00"), *pair)
    (letter,) = letters(stage)
    ((_, row),) = [(key, row) for key, row in stage.delivery.rows(0).items() if key == pair[0].key]
    (kept,) = [fact[6]["outcome"] for fact in orjson.loads(row)[0] if fact[3] == "c"]
    original = orjson.loads(letter.original)
    assert original["data"] == {"outcome": next(outcome for outcome in OUTCOMES if outcome != kept)}
    assert (original["id"], original["subject"], letter.source) == ("c", "A", OWNER)
    in_hand = order[1] != kept
    assert letter.offset == (2 if in_hand else None)
    assert ("this is what was kept of it" in letter.sentence) == (not in_hand)


@pytest.mark.parametrize("order", [OUTCOMES, OUTCOMES[::-1]])
def test_however_often_a_conflict_is_delivered_its_letter_has_one_key(stage: Stage, order: Sequence[str]) -> None:
    chunk = [completed(n, "A", "2021-09-06T11:00", id="c", outcome=outcome) for n, outcome in enumerate(order)]
    stage.take(*chunk)
    rows = dict(stage.delivery.rows(0))
    stage.take(*chunk)  # its rows were published
    stage.delivery.rows(0).clear()
    stage.take(*chunk)  # they were not
    assert stage.delivery.rows(0).keys() == rows.keys() - {PLAN_ROW, JUDGED_ROW}
    reported = [key for key, _ in stage.delivery.take(DEAD_LETTER)]
    assert (len(reported), len(set(reported))) == (3, 1)


def test_of_corrections_of_a_correction_the_letters_are_of_those_that_are_void(stage: Stage) -> None:
    """They came before it, so that it was not known then what they correct."""
    void = [
        event(number, "A", "correction", f"2021-09-06T10:0{number}", id=f"x{number}", of="x0", event=None)
        for number in (1, 2)
    ]
    stage.take(accepted(0, "A", "2021-09-06T09:00"), *void)
    assert letters(stage) == []
    stage.take(
        event(3, "A", "correction", "2021-09-06T10:00", id="x0", of="case.accepted@2021-09-06T09:00", event=None)
    )
    assert [(each.reason, orjson.loads(each.original)["id"], each.offset) for each in letters(stage)] == [
        ("bad_correction", "x1", None),
        ("bad_correction", "x2", None),
    ]


# ---- a clock that is set back --------------------------------------------------------------------------------
def test_what_was_judged_before_the_clock_was_set_back_is_no_answer_until_a_new_owner_has_judged_again(
    judge: Judge, tmp_path: Path
) -> None:
    events = (accepted(0, "A", "2021-09-06T09:00"), accepted(1, "B", "2021-09-06T10:00"))
    stage = Stage(judge, tmp_path)
    late = stage.at("2021-09-20T12:00") - 1
    stage.take(events[0])
    stage.tick()
    standing = tallies_as_of(stage.log(), 1, late, unread=0)
    assert standing is not None and stage.counted() == [0, 0, 1]

    early = stage.at("2021-09-07T12:00") - 1
    stage.tick()
    stage.take(events[1])  # judged as of the present
    stage.tick()
    with pytest.raises(Passed) as passed:
        tallies_as_of(stage.log(), 1, early, unread=0)
    assert passed.value.judged_to == late

    stage.delivery.epochs[0] = 2
    successor = Stage(judge, tmp_path, stage.delivery)
    successor.at("2021-09-07T12:00")
    successor.tick()
    again = tallies_as_of(successor.log(), 1, early, unread=0)
    (tmp_path / "never").mkdir()
    never = Stage(judge, tmp_path / "never")
    never.at("2021-09-07T12:00")
    never.take(*events)
    never.tick()
    expected = tallies_as_of(never.log(), 1, early, unread=0)
    assert again is not None and expected is not None
    assert again.tallies == expected.tallies
    cards: dict[bytes, bytes | None] = {}
    for topic, _, (key, value) in stage.delivery.sent:
        if topic == ALERT_CARDS:
            cards[key or b""] = value
    assert cards and set(cards.values()) == {None}, "what was raised later never was"
