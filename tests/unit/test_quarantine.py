"""A case that cannot be judged stops no other, is marked, and is judged as if nothing had been once it can be."""

import hashlib
import json
import random
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.history.fact_set import insert
from services.domain.intake.facts import Fact
from services.domain.judging.data_quality import signal_rows
from services.domain.judging.judge import Judge
from services.domain.judging.quarantine import (
    QUARANTINED,
    Named,
    Quarantine,
    cause_of,
    keep,
    named_by,
    refused_corrections,
)
from services.domain.results import case_row
from services.domain.results.cards import written_card
from services.domain.results.case_partition import (
    HEARTBEATS,
    JUDGED_ROW,
    PLAN_ROW,
    UNREADABLE,
    CasePartition,
    Effects,
)
from services.domain.results.case_row import RELEASED, Row
from services.domain.results.published import State, ValueRow
from services.domain.results.safe_judge import SafeJudge
from services.domain.results.value_rows import Valuer
from services.domain.sums.tally import NOW, Tally, TallyField, TallyKey
from services.domain.time.zone import Instant, Zone
from services.messaging.records import tallies as tally_records
from services.messaging.records.quarantine import quarantine_record
from services.messaging.records.rows import dump_row, load_row
from services.messaging.tally_log import TallyLog
from services.messaging.topics import LARGEST_RECORD
from services.replay.judge_cases import PeriodJudge
from services.replay.spill_files import SpilledFact
from tests.unit import histories
from tests.unit.cases import ZONE, accepted, at, completed, correction, day, fulfilled, heartbeat, judge_of, milestone
from tests.unit.cases import promise as a_promise
from tests.unit.poison import POISON, WAYS, Poisoned, judge_with_poisoned_kind, poisoned
from tests.unit.test_partition import Consumer, filled, tallies_at_once

KEY, OTHER = b"/units/water\x1fW-1", b"/units/water\x1fW-2"
EVERY_KIND = histories.judge()
FAILING = {name: way(EVERY_KIND) for name, way in WAYS.items()}
BAD = f"{POISON}-1"
ways = pytest.mark.parametrize("way", list(WAYS))


def partition(judge: Judge, rows: dict[bytes, bytes] | None = None, now: Instant = 0) -> CasePartition:
    found = CasePartition(judge, {} if rows is None else rows, loads=load_row, dumps=dump_row)
    found.rebuild(now)
    return found


class Reader(Consumer):
    """Beside cards and verdicts the cases that are quarantined, as the topic keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.quarantined: dict[bytes, str] = {}

    def take(self, effects: Effects | None) -> None:
        super().take(effects)
        if effects is not None and effects.quarantine is not None:
            self.quarantined[effects.key] = effects.quarantine.cause
            if not effects.quarantine.cause:
                del self.quarantined[effects.key]


def tick(of: CasePartition, now: Instant, into: Reader) -> None:
    """What a worker does about once a second."""
    for look in (of.sweep(now), of.retry(now, 50)):
        effects = list(look)
        for each in effects:
            into.take(each)
        of.mark_published(effects)


def poison(feed: list[tuple[bytes, Fact]], number: int) -> list[tuple[bytes, Fact]]:
    """The same events, of which one of the first subject is poisoned, and is never one that another conflicts with."""
    mine = [index for index, (key, _) in enumerate(feed) if key.endswith(b"S-0")]
    place = mine[number % len(mine)]
    key, fact = feed[place]
    return [*feed[:place], (key, fact._replace(id=BAD)), *feed[place + 1 :]]


def safely(judge: Judge, subjects: dict[bytes, list[Fact]], now: Instant) -> tuple[dict[TallyKey, Tally], Reader]:
    """What is true of each case in the end, whatever was said of it before."""
    tallies: dict[TallyKey, Tally] = {}
    reported, safe = Reader(), SafeJudge(judge)
    for key, facts in subjects.items():
        opinion = safe.judge(facts, now)
        for each in opinion.judgements:
            if each.cells:
                contribution = each.contribution()
                tallies.setdefault(contribution.key, Tally()).add(contribution.cells, contribution.bin, 1)
        reported.cards |= {(key, *card[:4]): card for card in safe.cards(facts, now)[0]}
        for verdict in safe.verdicts(opinion, facts, now)[0]:
            reported.verdicts[key, verdict.kpi, verdict.cycle] = verdict.verdict
    return filled(tallies), reported


@pytest.mark.slow
@ways
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_said_of_a_poisoned_case_does_not_depend_on_what_was_said_before(way: str, data: st.DataObject) -> None:
    """Any order, sweeps and crashes between: the partition ends as a judge says who sees all facts at once; and so does
    the replay."""
    judge = FAILING[way]
    feed = poison(data.draw(histories.feeds(subjects=2)), data.draw(st.integers(0, 7)))
    order = data.draw(st.permutations(feed))
    instants = sorted(data.draw(st.lists(st.integers(histories.BEGIN, histories.END), min_size=len(order),
                                         max_size=len(order))))  # fmt: skip
    rows: dict[bytes, bytes] = {}
    fed, reader = partition(judge, rows), Reader()
    subjects: dict[bytes, list[Fact]] = {}
    bucket: dict[str, list[SpilledFact]] = {}
    for (key, fact), now in zip(order, instants, strict=True):
        match data.draw(st.sampled_from(("nothing", "tick", "dies before it publishes"))):
            case "tick":
                tick(fed, now, reader)
            case "dies before it publishes":
                list(fed.sweep(now))
                fed = partition(judge, rows)
        reader.take(fed.take(key, fact, now))
        subjects[key] = insert(subjects.get(key, []), fact).facts
        bucket.setdefault(key.decode(), []).append((key.decode(), "", 0, *fact))
    tick(fed, histories.END, reader)
    tallies, reported = safely(judge, subjects, histories.END)
    assert filled(fed.tallies) == tallies
    assert (reader.cards, reader.verdicts) == (reported.cards, reported.verdicts)
    replayed = PeriodJudge(judge, [histories.END], with_cards=True, with_issued=True).judge(bucket)
    assert filled(replayed.deltas[0]) == tallies
    assert sorted(replayed.cards) == sorted(written_card(card, key.decode(), ZONE) for (key, *_), card in
                                            reported.cards.items())  # fmt: skip
    if way == "the case cannot be read" and any(fact.id == BAD for facts in subjects.values() for fact in facts):
        assert set(reader.quarantined) == {b"/units/water\x1fS-0"}
    assert {each.cause for each in replayed.quarantined} == set(reader.quarantined.values())


@pytest.mark.slow
@ways
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_once_it_can_be_judged_everything_is_as_if_it_always_could(way: str, data: st.DataObject) -> None:
    feed = poison(data.draw(histories.feeds(subjects=2)), data.draw(st.integers(0, 7)))
    rows: dict[bytes, bytes] = {}
    fed, reader = partition(FAILING[way], rows), Reader()
    subjects: dict[bytes, list[Fact]] = {}
    for key, fact in feed:
        reader.take(fed.take(key, fact, histories.END))
        subjects[key] = insert(subjects.get(key, []), fact).facts
        if data.draw(st.booleans()):
            tick(fed, histories.END, reader)
    mended = partition(EVERY_KIND, rows, histories.END)
    for effects in mended.active():
        reader.take(effects)
    tick(mended, histories.END, reader)
    assert filled(mended.tallies) == tallies_at_once(EVERY_KIND, subjects, histories.END)
    whole, reported = safely(EVERY_KIND, subjects, histories.END)
    assert (filled(mended.tallies), reader.cards, reader.verdicts) == (whole, reported.cards, reported.verdicts)
    assert (reader.quarantined, mended.quarantined) == ({}, 0)
    # word of the release may have been lost: the next owner says it again
    late = Reader()
    late.quarantined = {b"/units/water\x1fS-0": "old"} if fed.quarantined else {}
    for effects in partition(EVERY_KIND, rows, histories.END).active():
        late.take(effects)
    assert late.quarantined == {}


@pytest.mark.slow
@ways
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_values_of_the_other_cases_are_the_same_and_no_marked_row_is_green(way: str, data: st.DataObject) -> None:
    judge = FAILING[way]
    feed = poison(data.draw(histories.feeds(subjects=2)), data.draw(st.integers(0, 7)))
    subjects: dict[bytes, list[Fact]] = {}
    for key, fact in feed:
        subjects[key] = insert(subjects.get(key, []), fact).facts
    ill = {key: facts for key, facts in subjects.items() if SafeJudge(judge).judge(facts, histories.END).quarantine}
    tallies, _ = safely(judge, subjects, histories.END)
    marks = {(key.item, key.unit) for key in tallies if key.kpi == QUARANTINED}
    failed = {kpi for kpi, _ in marks}
    healthy, _ = safely(judge, {key: facts for key, facts in subjects.items() if key not in ill}, histories.END)
    with_it, without = (
        {tuple(row[:5]): row for row in Valuer(judge).rows(each, histories.END + 1, {})} for each in (tallies, healthy)
    )
    for identity, row in with_it.items():
        kpi = row.kpi if row.variant == "official" else f"{row.kpi}/{row.variant}"
        if kpi not in failed:
            if way == "the case cannot be read":
                assert row == without[identity]
            continue
        is_marked = (kpi, row.unit) in marks or row.unit == "ALL"
        other = without.get(identity)
        if other is not None:
            state = row.state if is_marked else other.state
            assert row == other._replace(state=state)
        if is_marked:
            assert row.state in (State.STALE, State.MISSED, State.UNTARGETED, State.UNMEASURED)
            assert other is None or other.state != State.MISSED or row.state == State.MISSED


# ---- one by one --------------------------------------------------------------------------------------------
WATER = judge_of(a_promise(), a_promise(id="Q", limit="1 working_days"))
BEGUN, DONE = accepted("2021-09-13T09:00"), completed("2021-09-14T09:00")
ILL = DONE._replace(id=BAD)
LATER = at("2021-10-01")


def state_of(tallies: Mapping[TallyKey, Tally], kpi: str, unit: str = "ALL", judge: Judge = WATER) -> str:
    window = judge.kinds[kpi].promise.official_window
    identity = kpi, unit, window
    rows = Valuer(judge).rows(tallies, LATER, {})
    (state,) = {row.state for row in rows if (row.kpi, row.unit, row.window) == identity}
    return state


def marks(of: CasePartition) -> set[tuple[str, str]]:
    return {(key.item, key.unit) for key in filled(of.tallies) if key.kpi == QUARANTINED}


def test_where_one_kind_raises_only_its_promise_is_marked_and_the_others_judge_on() -> None:
    fed = partition(judge_with_poisoned_kind(WATER, "Q"))
    effects = fed.take(KEY, BEGUN, LATER), fed.take(KEY, ILL, LATER)
    assert marks(fed) == {("Q", "works")}
    assert (state_of(fed.tallies, "Q"), state_of(fed.tallies, "Q", "works")) == (State.STALE, State.STALE)
    assert state_of(fed.tallies, "P") == State.MET
    assert effects[1] is not None and effects[1].quarantine is not None
    assert effects[1].quarantine[2:] == (("Q",), ("works",))


def test_a_case_that_cannot_be_read_marks_the_promises_about_its_service_item() -> None:
    other = a_promise(id="OTHER", select={"service_item": "permit"})
    fed = partition(poisoned(judge_of(a_promise(), other)))
    fed.take(KEY, BEGUN, LATER)
    fed.take(KEY, ILL, LATER)
    assert marks(fed) == {("P", "works")}
    assert fed.take(OTHER, DONE._replace(id=f"{POISON}-2"), LATER) is not None
    assert marks(fed) == {("P", "works"), ("P", ""), ("OTHER", "")}, "of this one nothing is known but its completion"


def test_a_miss_cannot_be_hidden_behind_a_case_that_cannot_be_judged() -> None:
    fed = partition(poisoned(WATER))
    fed.take(OTHER, accepted("2021-09-01T09:00"), LATER)
    assert state_of(fed.tallies, "P") == State.MISSED
    fed.take(KEY, BEGUN, LATER)
    fed.take(KEY, ILL, LATER)
    assert marks(fed) >= {("P", "works")}
    assert (state_of(fed.tallies, "P"), state_of(fed.tallies, "P", "works")) == (State.MISSED, State.MISSED)


def test_a_promise_without_any_other_case_is_stale_and_not_without_data() -> None:
    fed = partition(poisoned(WATER))
    fed.take(KEY, BEGUN._replace(id=BAD), LATER)
    assert (state_of({}, "P"), state_of(fed.tallies, "P"), state_of(fed.tallies, "P", "works")) == (
        State.NO_DATA, State.STALE, State.STALE,
    )  # fmt: skip


def test_its_card_stays_as_it_was_before_the_event_that_cannot_be_read() -> None:
    fed, reader = partition(poisoned(WATER)), Reader()
    before = at("2021-09-20")
    reader.take(fed.take(KEY, BEGUN, before))
    tick(fed, before, reader)
    previous = dict(reader.cards)
    assert {card.level for card in previous.values() if card.cleared_at is None} == {"red"}
    reader.take(fed.take(KEY, completed("2021-09-20T09:00", id=BAD, received="2021-09-20T09:00"), LATER))
    tick(fed, LATER, reader)
    assert (reader.cards, set(reader.quarantined)) == (previous, {KEY})
    assert reader.verdicts == {}, "a verdict is what the judge says, who says nothing of it"


def test_a_correction_does_not_release_a_case_whose_history_cannot_be_read() -> None:
    """What was missed before the correction is not known: only a version that can read all of it may say."""
    fed, reader = partition(poisoned(WATER)), Reader()
    for fact in (BEGUN, ILL, correction("2021-09-15T09:00", ILL, None)):
        reader.take(fed.take(KEY, fact, LATER))
    assert (set(reader.quarantined), marks(fed)) == ({KEY}, {("P", "works"), ("Q", "works")})


def test_the_row_remembers_cause_and_since_when_and_no_payload() -> None:
    rows: dict[bytes, bytes] = {}
    fed, reader = partition(poisoned(WATER), rows), Reader()
    fed.take(KEY, BEGUN, at("2021-09-15"))
    reader.take(fed.take(KEY, ILL, at("2021-09-15")))
    tick(fed, LATER, reader)
    (effects,) = partition(poisoned(WATER), rows, LATER).active()
    assert effects.quarantine is not None
    assert effects.quarantine.since == at("2021-09-15")
    assert effects.quarantine.cause.startswith("Poisoned in tests/unit/poison.py:")
    assert b"SECRET" not in rows[KEY]


def test_trying_again_writes_nothing_where_nothing_has_changed() -> None:
    class Counting(dict[bytes, bytes]):
        written = 0

        def __setitem__(self, key: bytes, value: bytes) -> None:
            self.written += 1
            super().__setitem__(key, value)

    rows = Counting()
    fed, reader = partition(poisoned(WATER), rows), Reader()
    fed.take(KEY, BEGUN, LATER)
    fed.take(KEY, ILL, LATER)
    tick(fed, LATER, reader)
    before = rows.written
    for _ in range(3):
        tick(fed, LATER, reader)
    assert (rows.written, fed.quarantined) == (before, 1)


def test_so_many_are_tried_again_with_each_look_one_after_the_other() -> None:
    rows: dict[bytes, bytes] = {}
    ill = partition(poisoned(WATER), rows)
    for number in range(5):
        ill.take(KEY + b"%d" % number, BEGUN._replace(id=BAD), LATER)
    mended = partition(WATER, rows, LATER)
    assert mended.quarantined == 5, "the same plan: nothing else would judge them again"
    assert [len(list(mended.retry(LATER, 2))) for _ in range(4)] == [2, 2, 1, 0]
    ill = partition(poisoned(WATER), rows, LATER)
    assert ill.quarantined == 0, "rows of released cases are as good as any"


def test_one_poisoned_case_does_not_keep_the_others_of_its_chunk() -> None:
    fed = partition(poisoned(WATER))
    for key, fact in ((KEY, BEGUN), (OTHER, BEGUN), (KEY, ILL), (OTHER, DONE)):
        fed.add(key, fact, LATER)
    fed.judge_added(LATER)
    assert fed.tallies[TallyKey("P", "works", "-", day("2021-09-14"))].cells[TallyField.MET] == 1


def test_while_it_catches_up_a_case_is_marked_at_once_and_reported_by_the_first_sweep() -> None:
    rows: dict[bytes, bytes] = {}
    fed, reader = partition(poisoned(WATER), rows), Reader()
    fed.catching_up = True
    assert (fed.take(KEY, BEGUN._replace(id=BAD), LATER), list(fed.retry(LATER, 9))) == (None, [])
    assert marks(fed) == {("P", "works"), ("Q", "works")}
    fed = partition(poisoned(WATER), rows, LATER)
    tick(fed, LATER, reader)
    assert set(reader.quarantined) == {KEY}


def test_an_event_delivered_again_publishes_again_that_its_case_is_quarantined_or_was() -> None:
    fed = partition(poisoned(WATER))
    fed.take(KEY, BEGUN._replace(id=BAD), LATER)
    again = fed.take(KEY, BEGUN._replace(id=BAD), LATER)
    assert again is not None and again.quarantine is not None and again.quarantine.cause
    rows: dict[bytes, bytes] = {}
    partition(poisoned(WATER), rows).take(KEY, BEGUN._replace(id=BAD), LATER)
    mended = partition(WATER, rows, LATER)
    list(mended.retry(LATER, 1))
    again = mended.take(KEY, BEGUN._replace(id=BAD), LATER)
    assert again is not None and again.quarantine == RELEASED


# ---- rows that cannot be read ------------------------------------------------------------------------------
DAMAGED = [
    b"\x00\xff", b"", b"{}", b"[]", b"null", b"7", b"[1,2,3]", b'["abc",[],null]', b"[[[1]],[],null]",
    b"[[],[[1]],null]",
    b'[[],[["P","works","-",5,[[99,1]],null]],null]', b'[[],[["P","works","-",5,[[0,"x"]],null]],null]',
    b"[[],[],null,[],[],0,[1]]", b'{"version":9,"facts":[]}', b"\x01{",
    b'[[[1,2,["x"],"id",5,"d",{}]],[],null]', b'[[[1,2,5,"id",5,"d",{}]],[],null]',
    b'[[[1,2,"s",5,5,"d",{}]],[],null]',
    b'[[[1,2,"s","id",5,6,{}]],[],null]', b'[[[1,99,"s","id",5,"d",{}]],[],null]',
    b'[[[1,2,"s","id",5,"d",[]]],[],null]',
    b'[[[1,2,"s","id",5,"d",{},"x"]],[],null]', b'[[[true,2,"s","id",5,"d",{}]],[],null]',
    b'[[],[],"x"]', b"[[],[],[]]", b"[[],[],1.5]", b'[[],"",null]', b"[[],{},null]",
    b'[[],[["","works","-",5,[[0,1]],null]],null]', b'[[],[["P","works","-",-5,[[0,1]],null]],null]',
    b'[[],[["P","works","-",99999999,[[0,1]],null]],null]', b'[[],[["P","works","-",5,[[0,1]],"x"]],null]',
    b'[[],[["P","works","-",5,[[-1,1]],null]],null]', b'[[],[["P","works","-",5,[[0,1.5]],null]],null]',
    b'[[],[],null,[["P",1,"-","red",5,6,null,"","u"]],[]]', b'[[],[],null,[["P","x","-","red","u",5,6,null,""]],[]]',
    b'[[],[],null,[],[[["P",[]],[1]]]]', b'[[],[],null,[],[[[1,1],[1]]]]', b'[[],[],null,[],["x"]]',
    b'[[],[],null,[],[],0,["c","noon",[],[]]]', b'[[],[],null,[],[],0,["c",5,[1],[]]]',
    b'[[],[],null,[],[],0,[1,5,[],[]]]',
    b'[[],[],null,[],[],0,["c",5,7,[]]]', b'[[],[],null,[],[],0,null,"no base64"]', b"[[],[],null,[],[],0,null,5]",
    b'\x01[[[1,2,"\\ud800","id",5,"d",{}]],[],null]', b'\x01[[],[["P","\\ud800","-",5,[[0,1]],null]],null]',
    b'[[[1,2,"s","id",5,"d",{"a":' + b"[" * 400 + b"]" * 400 + b"}]],[],null]",
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_or_newer_row_is_set_aside_and_kept_and_events_of_its_case_are_not_lost(damage: bytes) -> None:
    rows: dict[bytes, bytes] = {}
    partition(WATER, rows).take(OTHER, BEGUN, LATER)
    good = partition(WATER, rows, LATER)
    rows[KEY] = damage
    fed, reader = partition(WATER, rows, LATER), Reader()
    for effects in fed.active():
        reader.take(effects)
    tick(fed, LATER, reader)
    assert reader.quarantined == {KEY: UNREADABLE}
    assert marks(fed) >= {("P", ""), ("Q", "")}
    assert {key: tally for key, tally in filled(fed.tallies).items() if key.kpi != QUARANTINED} == filled(good.tallies)
    fed.take(KEY, DONE, LATER)
    fed = partition(WATER, rows, LATER)
    tick(fed, LATER, reader)
    assert marks(fed) >= {("P", ""), ("Q", "")}, "also of the next owner"
    # the version that wrote it, or a mended disk, can read it again
    whole = dump_row([[list(BEGUN)], [], None])
    kept = load_row(rows[KEY])
    rows[KEY] = dump_row([*kept[:7], case_row._text_of(whole)])
    mended = partition(WATER, rows, LATER)
    tick(mended, LATER, reader)
    assert (reader.quarantined, mended.quarantined) == ({}, 0)
    assert mended.tallies[TallyKey("P", "works", "-", day("2021-09-14"))].cells[TallyField.MET] == 1


ILL_WATER = poisoned(WATER)


def contributed(rows: Mapping[bytes, bytes]) -> dict[TallyKey, Tally]:
    """What the rows say that they contribute, added up."""
    tallies: dict[TallyKey, Tally] = {}
    for key, value in rows.items():
        if key.startswith(b"/"):
            for *identity, cells, bin in load_row(value)[1]:
                tallies.setdefault(TallyKey(*identity), Tally()).add(cells, bin, 1)
    return filled(tallies)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(("P", "works")),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def mutated(row: Any, data: st.DataObject) -> Any:
    """A copy with one value at any depth replaced, removed or doubled."""
    if isinstance(row, list | tuple) and row and data.draw(st.integers(0, 9)):
        copy, place = list(row), data.draw(st.integers(0, len(row) - 1))
        match data.draw(st.integers(0, 9)):
            case 0:
                del copy[place]
            case 1:
                copy.insert(place, copy[place])
            case _:
                copy[place] = mutated(copy[place], data)
        return copy
    if isinstance(row, dict) and row and data.draw(st.integers(0, 9)):
        name = data.draw(st.sampled_from(sorted(row)))
        return {**row, name: mutated(row[name], data)}
    return data.draw(_VALUES)


def damaged(good: bytes, data: st.DataObject) -> bytes:
    match data.draw(st.sampled_from(("mutation", "value", "bytes", "cut"))):
        case "mutation":
            row = load_row(good)
            for _ in range(data.draw(st.integers(1, 3))):
                row = mutated(row, data)
            return data.draw(st.sampled_from((b"", b"\x01"))) + json.dumps(row).encode()
        case "value":
            return json.dumps(data.draw(_VALUES)).encode()
        case "bytes":
            return data.draw(st.binary())
    return good[: data.draw(st.integers(0, len(good)))]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_in_a_row_ends_no_start_or_sweep_and_changes_no_other_case(data: st.DataObject) -> None:
    """The tallies are at every time what the rows contribute, and those of the other cases contribute what they did."""
    before, seen = at("2021-09-20"), Reader()
    rows: dict[bytes, bytes] = {}
    for judge, now in ((ILL_WATER, before), (data.draw(st.sampled_from((WATER, ILL_WATER))), LATER)):
        fed = partition(judge, rows, now)
        for fact in (BEGUN, ILL) if now == before else (milestone("2021-09-13T10:00", "a"),):
            fed.take(KEY, fact, now)
            fed.take(OTHER, fact._replace(id=fact.id.replace(POISON, "E")), now)
        tick(fed, now, seen)
    other, good = load_row(rows[OTHER])[1], rows[KEY]
    heartbeats = HEARTBEATS + b"/units/water"
    for key in data.draw(st.sampled_from(((KEY,), (heartbeats,), (PLAN_ROW,), (JUDGED_ROW, KEY), (KEY, heartbeats)))):
        rows[key] = damaged(good, data)
    if data.draw(st.booleans()):
        rows[PLAN_ROW] = b"another plan"
    for later in (LATER, at("2021-10-02")):
        fed = partition(WATER, rows, later)
        for effects in fed.active():
            published(effects)
        for look in (fed.sweep(later), fed.retry(later, 50)):
            effects_of_look = list(look)
            for effects in effects_of_look:
                published(effects)
            fed.mark_published(effects_of_look)
        for fact in (BEGUN, DONE, heartbeat("2021-09-20T09:00")):
            published(fed.take(KEY, fact, later))
        assert filled(fed.tallies) == contributed(rows)
        assert load_row(rows[OTHER])[1] == other
        orjson.dumps(fed.last_events)
        for identity, tally in fed.tallies.items():
            tally_records.row(0, 1, identity, tally)


def published(effects: Effects | None) -> None:
    """What a worker writes of it."""
    if effects is not None:
        if effects.quarantine is not None:
            quarantine_record(effects.key, effects.quarantine, ZONE)
        for card in effects.cards:
            orjson.dumps(written_card(card, "", ZONE)._asdict())


@pytest.mark.parametrize("compressible", [True, False])
def test_what_is_kept_of_a_row_that_cannot_be_read_fits_into_a_record(compressible: bool) -> None:
    """Of damage that no record would hold only length and SHA-256 are kept."""
    damage = b"\xff" + (b"x" * 1_900_000 if compressible else random.Random(1).randbytes(1_900_000))
    rows = {KEY: damage}
    for _ in range(3):
        fed, reader = partition(WATER, rows, LATER), Reader()
        tick(fed, LATER, reader)
        assert reader.quarantined == {KEY: UNREADABLE} or not reader.quarantined
        assert fed.quarantined == 1
    assert len(rows[KEY]) < LARGEST_RECORD // 2
    kept = Row(load_row(rows[KEY])).unread
    digest = hashlib.sha256(damage).hexdigest()
    assert kept == (damage if compressible else b"1900001 bytes, SHA-256 " + digest.encode())


def test_a_damaged_row_is_found_when_its_case_is_added_to() -> None:
    rows: dict[bytes, bytes] = {}
    fed, reader = partition(WATER, rows), Reader()
    rows[KEY] = b"\xff"
    reader.take(fed.take(KEY, BEGUN, LATER))
    assert (reader.quarantined, marks(fed)) == ({KEY: UNREADABLE}, {("P", "works"), ("Q", "works")})
    assert load_row(rows[KEY])[0][0][3] == BEGUN.id


def test_a_damaged_heartbeat_is_forgotten() -> None:
    rows = {HEARTBEATS + b"/units/water": b"\xff"}
    fed = partition(WATER, rows)
    fed.take(b"/units/water\x1f", heartbeat("2021-09-20T09:00"), LATER)
    assert (fed.quarantined, fed.last_events) == (0, {"/units/water": at("2021-09-20T09:00")})


def test_rows_of_an_older_version_are_read_as_ever() -> None:
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows)
    fed.take(KEY, BEGUN, LATER)
    packed = load_row(rows[KEY])
    assert len(packed) == 5, "a case that was never quarantined has the row that it always had"
    rows[KEY] = dump_row([*packed, 1])
    assert filled(partition(WATER, rows, LATER).tallies) == filled(fed.tallies)


@pytest.mark.parametrize("value", [2**64, -(2**70), 10**30])
def test_what_the_fast_writer_of_json_cannot_write_is_kept_all_the_same(value: int) -> None:
    fact = BEGUN._replace(data={**BEGUN.data, "attributes": {"amount": value}})
    with pytest.raises(TypeError):
        orjson.dumps(value)
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows)
    fed.take(KEY, fact, LATER)
    assert load_row(rows[KEY])[0][0][6]["attributes"]["amount"] == value
    assert filled(partition(WATER, rows, LATER).tallies) == filled(fed.tallies)


def test_a_deep_fact_is_kept_all_the_same() -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(TypeError):
        orjson.dumps(deep)
    assert load_row(dump_row(deep)) == deep


# ---- other subjects, and what else can raise ---------------------------------------------------------------
def test_of_a_duty_that_cannot_be_judged_the_promises_about_it_are_marked() -> None:
    fact = fulfilled("2021-09-30T12:00", "2021-09")._replace(id=BAD)
    quarantine = SafeJudge(poisoned(EVERY_KIND)).judge([fact], histories.END).quarantine
    assert quarantine is not None and quarantine.kpis == ("REPORT", "LEDGER")


def test_cards_are_left_as_they_were_where_only_an_earlier_arrival_cannot_be_looked_at() -> None:
    judge = judge_with_poisoned_kind(WATER, "P")
    facts = [accepted("2021-09-13T09:00", id=BAD), milestone("2021-09-14T09:00", "a", received="2021-09-25T09:00")]
    shown, quarantine = SafeJudge(judge).cards(facts, LATER)
    assert {card.kpi for card in shown} == {"Q"}
    assert quarantine is not None and quarantine.kpis == ("P",)


def test_a_card_that_cannot_be_written_is_not_published_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def text(zone: Zone, instant: Instant) -> str:
        raise OverflowError("SECRET")

    facts = [accepted("2021-09-13T09:00")]
    safe = SafeJudge(WATER)
    opinion = safe.judge(facts, LATER)
    monkeypatch.setattr(Zone, "text", text)
    for shown, quarantine in (safe.cards(facts, LATER), safe.verdicts(opinion, facts, LATER)):
        assert shown == [] and quarantine is not None and quarantine.cause.startswith("OverflowError in ")


@pytest.mark.parametrize("instant", [10**18, -(10**18), 2**63])
def test_an_instant_beyond_the_calendar_can_be_written(instant: Instant) -> None:
    assert ZONE.text(instant)[:4] in ("0001", "9999")


def test_a_fact_that_cannot_be_put_in_order_is_kept_at_the_end() -> None:
    odd = BEGUN._replace(time=None, id="odd")  # type: ignore[arg-type]
    facts = [BEGUN]
    kept = keep(facts, odd)
    assert (kept.rejected, facts) == (None, [BEGUN, odd])
    assert SafeJudge(WATER).judge(facts, LATER).quarantine is not None


def test_a_correction_that_names_nothing_is_no_reason_to_stop() -> None:
    odd = correction("2021-09-15T09:00", ILL, None)._replace(data={})
    assert refused_corrections([BEGUN, odd]) == []
    assert SafeJudge(WATER).judge([BEGUN, odd], LATER).quarantine is not None


def test_what_cannot_be_read_names_nothing() -> None:
    odd = BEGUN._replace(data=None)  # type: ignore[arg-type]
    assert named_by([odd]) == Named(("",), frozenset(), frozenset(), True)
    named = named_by([odd, accepted("2021-09-13T09:00"), milestone("2021-09-13T10:00", "a")])
    assert (named.units, named.items, named.unknown) == (("works",), frozenset(("water",)), False)


def test_a_cause_is_type_and_place_and_never_the_text_of_an_error() -> None:
    try:
        raise Poisoned
    except Poisoned as error:
        cause = cause_of(error)
    assert cause.startswith("Poisoned in tests/unit/test_quarantine.py:") and "SECRET" not in cause
    assert cause_of(ValueError("SECRET")) == "ValueError"


def test_signals_that_cannot_be_read_mark_no_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.domain.judging.data_quality import Signals

    def judge(self: Signals, case: Any, now: Instant, found: list[Any]) -> None:
        raise Poisoned

    monkeypatch.setattr(Signals, "judge", judge)
    opinion = SafeJudge(judge_of(a_promise(), sources=[])).judge([BEGUN, DONE], LATER)
    assert opinion.quarantine is not None
    assert {each.kpi for each in opinion.judgements} == {"P", QUARANTINED}
    assert opinion.quarantine.kpis == ("-",)


# ---- values ------------------------------------------------------------------------------------------------
def test_a_promise_whose_values_cannot_be_computed_is_stale_and_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = partition(WATER)
    fed.take(KEY, BEGUN, LATER)
    fed.take(KEY, DONE, LATER)
    whole = {row[:5]: row for row in Valuer(WATER).rows(fed.tallies, LATER, {})}

    def figure(*_: Any) -> Any:
        raise Poisoned

    monkeypatch.setattr(WATER.kinds["Q"], "figure", figure)
    rows = {row[:5]: row for row in Valuer(WATER).rows(fed.tallies, LATER, {})}
    assert rows.keys() == whole.keys()
    for identity, row in rows.items():
        if row.kpi == "P":
            assert row == whole[identity]
        else:
            blank = dict.fromkeys(ValueRow._fields, "") | row._asdict() | {"value": "", "n": "0", "state": "stale"}
            assert row._asdict() == blank
            assert row[5:7] == whole[identity][5:7]
    assert Valuer(WATER).beside(fed.tallies, LATER) == []


def test_marks_travel_through_the_log_of_tallies_and_are_signals_by_promise_and_unit() -> None:
    fed = partition(poisoned(WATER))
    fed.take(KEY, BEGUN._replace(id=BAD), LATER)
    log = TallyLog()
    log.append(*tally_records.claim(0, 1))
    for key, tally in fed.tallies.items():
        log.append(*tally_records.row(0, 1, key, tally))
    log.append(*tally_records.complete(0, 1))
    assert log.tallies() == filled(fed.tallies)
    found = {(each.signal, each.unit, each.item, each.n) for each in signal_rows(log.tallies(), day("2021-10-01"))}
    assert found >= {("quarantined", "works", "P", "1"), ("quarantined", "works", "Q", "1")}
    assert all(key.day == NOW for key in fed.tallies if key.kpi == QUARANTINED)
    assert Quarantine("x", ("P",), ("a", "b")).marks()[1].unit == "b"
