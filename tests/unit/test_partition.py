"""A partition fed one event after the other ends where the judge ends who sees all facts at once."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.history.fact_set import insert
from services.domain.intake.facts import Fact, FactType
from services.domain.judging.judge import NOTHING, Judge
from services.domain.plan.plan import Plan, Source
from services.domain.results.cards import BY_NEW_RULES, RETRACTED, CardState, cards
from services.domain.results.case_partition import JUDGED_ROW, PLAN_ROW, SET_BACK_US, CasePartition, Effects
from services.domain.results.case_row import Row
from services.domain.results.value_rows import Valuer
from services.domain.results.verdicts import verdicts_of
from services.domain.sums.tally import Tally, TallyKey
from services.domain.time.zone import MINUTE_US, Instant
from services.messaging.records.rows import load_row
from services.replay.judge_cases import PeriodJudge
from services.replay.spill_files import SpilledFact
from tests.unit import histories
from tests.unit.cases import (
    CN,
    SEALS,
    accepted,
    at,
    completed,
    correction,
    fulfilled,
    heartbeat,
    judge_of,
    node_started,
    plan,
    promise,
)
from tests.unit.cases import WATER as WATER_SOURCE

KEY = b"/units/water\x1fW-1"
EVERY_KIND = histories.judge()


def partition(judge: Judge, rows: dict[bytes, bytes] | None = None, now: Instant | None = None) -> CasePartition:
    """A new owner of the rows; unless `now` says otherwise its clock goes on where they were judged last."""
    rows = {} if rows is None else rows
    if now is None:
        now = orjson.loads(rows[JUDGED_ROW])[2] if JUDGED_ROW in rows else 0
    found = CasePartition(judge, rows, loads=orjson.loads, dumps=orjson.dumps)
    found.rebuild(now)
    return found


def filled(tallies: dict[TallyKey, Tally]) -> dict[TallyKey, Tally]:
    return {key: tally for key, tally in tallies.items() if not tally.empty}


class Consumer:
    """Reads what a partition publishes, as the topics keep it: the last word per card and per verdict."""

    def __init__(self) -> None:
        self.cards: dict[tuple[Any, ...], CardState] = {}
        self.verdicts: dict[tuple[bytes, str, int], str] = {}
        self.notices = 0

    def take(self, effects: Effects | None) -> None:
        if effects is None:
            return
        for card in effects.cards:
            identity = (effects.key, *card[:4])
            self.notices += self.cards.get(identity) != card
            self.cards[identity] = card
            if card.reason == RETRACTED:
                del self.cards[identity]
        for verdict in effects.verdicts:
            self.verdicts[effects.key, verdict.kpi, verdict.cycle] = verdict.verdict
            if verdict.verdict == RETRACTED:
                del self.verdicts[effects.key, verdict.kpi, verdict.cycle]


def sweep(of: CasePartition, now: Instant, into: Consumer) -> None:
    swept = list(of.sweep(now))
    for effects in swept:
        into.take(effects)
    of.mark_published(swept)


def told_at_once(judge: Judge, subjects: dict[bytes, list[Fact]], now: Instant) -> Consumer:
    """What is true in the end of each case: its tallies, cards and verdicts."""
    found = Consumer()
    for key, facts in subjects.items():
        for card in cards(judge, facts, now):
            found.cards[key, *card[:4]] = card
        for verdict in verdicts_of(judge.judge(facts, now)):
            found.verdicts[key, verdict.kpi, verdict.cycle] = verdict.verdict
    return found


def tallies_at_once(judge: Judge, subjects: dict[bytes, list[Fact]], now: Instant) -> dict[TallyKey, Tally]:
    found: dict[TallyKey, Tally] = {}
    for facts in subjects.values():
        for each in judge.judge(facts, now).judgements:
            if each.cells:
                contribution = each.contribution()
                found.setdefault(contribution.key, Tally()).add(contribution.cells, contribution.bin, 1)
    return filled(found)


@given(st.data())
def test_in_any_order_with_sweeps_at_any_time_a_partition_ends_as_if_judged_once(data: st.DataObject) -> None:
    feed = data.draw(histories.feeds(subjects=2))
    order = data.draw(st.permutations([*feed, *data.draw(st.lists(st.sampled_from(feed), max_size=3))]))
    end = histories.END
    instants = sorted(data.draw(st.lists(st.integers(histories.BEGIN, end), min_size=len(order), max_size=len(order))))
    rows: dict[bytes, bytes] = {}
    fed, consumer = partition(EVERY_KIND, rows), Consumer()
    subjects: dict[bytes, list[Fact]] = {}
    for (key, fact), now in zip(order, instants, strict=True):
        match data.draw(
            st.sampled_from(("no sweep", "sweep", "dies before it publishes", "dies when it has published"))
        ):
            case "sweep":
                sweep(fed, now, consumer)
            case "dies before it publishes":
                list(fed.sweep(now))
                fed = partition(EVERY_KIND, rows)
            case "dies when it has published":
                for effects in fed.sweep(now):
                    consumer.take(effects)
                fed = partition(EVERY_KIND, rows)
        consumer.take(fed.take(key, fact, now))
        subjects[key] = insert(subjects.get(key, []), fact).facts
    sweep(fed, end, consumer)
    assert filled(fed.tallies) == tallies_at_once(EVERY_KIND, subjects, end)
    at_once = told_at_once(EVERY_KIND, subjects, end)
    assert consumer.cards == at_once.cards
    assert consumer.verdicts == at_once.verdicts
    rebuilt = partition(EVERY_KIND, rows)
    assert filled(rebuilt.tallies) == filled(fed.tallies)
    assert rebuilt.next_at == fed.next_at
    # a replay from the rows sends no notice
    before = consumer.notices
    sweep(rebuilt, end, consumer)
    for effects in rebuilt.active():
        consumer.take(effects)
    assert consumer.notices == before


@given(st.data())
def test_in_chunks_of_any_size_each_case_is_judged_once_and_ends_the_same(data: st.DataObject) -> None:
    feed = data.draw(histories.feeds(subjects=2))
    order = data.draw(st.permutations([*feed, *data.draw(st.lists(st.sampled_from(feed), max_size=3))]))
    fed, consumer = partition(EVERY_KIND), Consumer()
    subjects: dict[bytes, list[Fact]] = {}
    now = histories.BEGIN
    while order:
        size = data.draw(st.integers(1, len(order)))
        chunk, order = order[:size], order[size:]
        now = data.draw(st.integers(now, histories.END))
        if data.draw(st.booleans()):
            sweep(fed, now, consumer)
        for key, fact in chunk:
            consumer.take(fed.add(key, fact, now))
            subjects[key] = insert(subjects.get(key, []), fact).facts
        judged = fed.judge_added(now)
        assert len(judged) <= len({key for key, _ in chunk})
        for effects in judged:
            consumer.take(effects)
    sweep(fed, histories.END, consumer)
    assert filled(fed.tallies) == tallies_at_once(EVERY_KIND, subjects, histories.END)
    at_once = told_at_once(EVERY_KIND, subjects, histories.END)
    assert consumer.cards == at_once.cards
    assert consumer.verdicts == at_once.verdicts


@given(st.data())
def test_cards_looked_at_from_what_has_changed_on_are_those_of_the_whole_history(data: st.DataObject) -> None:
    """As in live operation: each event is judged soon after its arrival, a case is swept when due or later."""
    rows: dict[bytes, bytes] = {}
    fed, facts, now = partition(EVERY_KIND, rows), list[Fact](), histories.BEGIN
    late = st.integers(0, 3 * 24 * 3_600_000_000)
    for key, fact in sorted(data.draw(histories.feeds(subjects=1)), key=lambda each: each[1].received):
        while (due := fed.next_at) is not None and due <= fact.received and data.draw(st.integers(0, 5)):
            now = max(now, due + data.draw(late))
            list(fed.sweep(now))
            assert_whole(fed, rows, key, facts, now)
        now = max(now, fact.received + data.draw(late))
        fed.take(key, fact, now)
        facts = insert(facts, fact).facts
        assert_whole(fed, rows, key, facts, now)


def assert_whole(fed: CasePartition, rows: dict[bytes, bytes], key: bytes, facts: list[Fact], now: Instant) -> None:
    """The cards in a row that is not due are those of a walk through all arrivals."""
    if fed.next_at is not None and fed.next_at <= now:
        return  # an event was delivered again, and nothing is judged for that
    held = [card for card in Row(load_row(rows[key])).cards if card.reason != RETRACTED] if key in rows else []
    assert held == cards(EVERY_KIND, facts, now)


@given(st.data())
def test_between_two_due_times_nothing_changes(data: st.DataObject) -> None:
    """What the judge says at the next due time is the first thing that differs: a sweep misses nothing."""
    facts = data.draw(histories.facts())
    now = data.draw(st.integers(histories.BEGIN, histories.END))
    later = data.draw(st.integers(now, histories.END))
    opinion = EVERY_KIND.judge(facts, now)
    if opinion.next_at is not None:
        assert opinion.next_at > now
        later = min(later, opinion.next_at - 1)
    then = EVERY_KIND.judge(facts, later)
    assert [each.contribution() for each in then.judgements] == [each.contribution() for each in opinion.judgements]
    assert verdicts_of(then) == verdicts_of(opinion)
    assert [card[:6] for card in cards(EVERY_KIND, facts, later)] == [
        card[:6] for card in cards(EVERY_KIND, facts, now)
    ]


@given(st.data())
def test_a_backlog_is_published_by_the_first_sweep_after_it(data: st.DataObject) -> None:
    feed = data.draw(histories.feeds(subjects=2))
    fed, consumer = partition(EVERY_KIND), Consumer()
    fed.catching_up = True
    subjects: dict[bytes, list[Fact]] = {}
    for key, fact in feed:
        effects = fed.take(key, fact, histories.END)
        assert effects is None or not (effects.cards or effects.verdicts)
        subjects[key] = insert(subjects.get(key, []), fact).facts
    assert list(fed.sweep(histories.END)) == []
    fed.catching_up = False
    sweep(fed, histories.END, consumer)
    at_once = told_at_once(EVERY_KIND, subjects, histories.END)
    assert consumer.cards == at_once.cards
    assert consumer.verdicts == at_once.verdicts


# ---- one by one ------------------------------------------------------------------------------------------
WATER = judge_of(promise())


def test_time_comes_to_a_case_that_sends_nothing() -> None:
    fed = partition(WATER)
    assert fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-09-16T09:00")) is None
    assert fed.next_at == at("2021-09-23")  # of 4 working days the last begins
    (yellow,) = fed.sweep(at("2021-09-23"))
    assert [card.level for card in yellow.cards] == ["yellow"]
    assert list(fed.sweep(at("2021-09-23T23:59"))) == []
    (red,) = fed.sweep(at("2021-09-24"))
    assert [(card.level, card.reason) for card in red.cards] == [("red", ""), ("yellow", "superseded")]
    assert [verdict.verdict for verdict in red.verdicts] == ["missed"]
    assert fed.next_at is None


def test_time_comes_to_a_node_that_sends_nothing() -> None:
    """The case has 20 working days, the node two: while catching up its card waits, a new owner publishes it again."""
    roomy, rows = judge_of(promise(limit="20 working_days")), dict[bytes, bytes]()
    fed, consumer = partition(roomy, rows), Consumer()
    survey = node_started("2021-09-16T10:00", "survey", "seals", limit={"amount": 2, "unit": "working_days"})
    for fact in (accepted("2021-09-16T09:00"), survey):
        assert fed.take(KEY, fact, at("2021-09-16T10:00")) is None
    assert partition(roomy, rows).next_at == fed.next_at == at("2021-09-18")
    sweep(fed, at("2021-09-18"), consumer)
    assert [(card.node, card.level, card.unit) for card in consumer.cards.values()] == [("survey", "yellow", "seals")]
    sweep(fed, at("2021-09-20"), consumer)
    (standing,) = partition(roomy, rows).active()
    assert [(card.node, card.level) for card in standing.cards] == [("survey", "red")]
    assert filled(fed.tallies) == tallies_at_once(roomy, {KEY: [accepted("2021-09-16T09:00")]}, at("2021-09-20"))

    behind, later = partition(roomy), Consumer()
    behind.catching_up = True
    for fact in (accepted("2021-09-16T09:00"), survey):
        later.take(behind.take(KEY, fact, at("2021-09-20")))
    assert later.cards == {}
    behind.catching_up = False
    sweep(behind, at("2021-09-20"), later)
    assert later.cards == consumer.cards


def test_the_card_of_a_node_whose_start_is_struck_out_before_it_was_near_is_retracted() -> None:
    """The correction arrived before the node was near its limit, and was read after its card had been published."""
    fed, consumer = partition(judge_of(promise(limit="20 working_days"))), Consumer()
    survey = node_started("2021-09-16T10:00", "survey", "seals", limit={"amount": 2, "unit": "working_days"})
    for fact in (accepted("2021-09-16T09:00"), survey):
        consumer.take(fed.take(KEY, fact, at("2021-09-20")))
    assert len(consumer.cards) == 2
    consumer.take(fed.take(KEY, correction("2021-09-16T11:00", survey, None), at("2021-09-20")))
    assert consumer.cards == {}


def test_a_card_whose_holder_changed_is_published_with_its_new_unit() -> None:
    fed = partition(WATER)
    fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-09-24"))
    effects = fed.take(KEY, node_started("2021-09-27T09:00", "survey", "seals"), at("2021-09-27T09:00"))
    assert effects is not None
    assert [(card.level, card.unit, card.cleared_at) for card in effects.cards] == [("red", "seals", None)]
    assert fed.take(KEY, node_started("2021-09-27T10:00", "works", "seals"), at("2021-09-27T10:00")) is None


def test_a_card_of_a_sweep_that_was_cut_off_is_published_again_or_taken_back_by_the_next_owner() -> None:
    rows: dict[bytes, bytes] = {}
    fed, late = partition(WATER, rows), at("2021-09-24")
    fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-09-16T09:00"))
    (swept,) = fed.sweep(late)  # published or not: it dies
    (again,) = partition(WATER, dict(rows)).sweep(late)
    assert [card.level for card in swept.cards] == ["red", "yellow"]
    assert again.cards == swept.cards and [each.verdict for each in again.verdicts] == ["missed"]
    early = partition(WATER, rows).take(KEY, completed("2021-09-17T09:00", received="2021-09-17T09:00"), late)
    assert early is not None
    assert [(each.level, each.reason) for each in early.cards] == [("red", RETRACTED), ("yellow", RETRACTED)]
    assert [each.verdict for each in early.verdicts] == [RETRACTED]


def test_what_an_event_brings_that_is_delivered_again_when_its_time_has_come_is_published_whole() -> None:
    """A completion of a clock four minutes ahead takes no effect at first; again when it does, before a sweep."""
    fed, consumer = partition(WATER), Consumer()
    late, now = at("2021-09-27T09:00"), at("2021-09-27T09:05")
    done = completed("2021-09-27T09:04", received="2021-09-27T09:00")
    for fact, when in ((accepted("2021-09-16T09:00"), at("2021-09-24")), (done, late), (done, now)):
        reported = fed.take(KEY, fact, when)
        consumer.take(reported)
    assert reported is not None and [verdict.judgement and verdict.judgement.stop for verdict in reported.verdicts] == [
        done.time
    ]
    assert {card.reason for card in consumer.cards.values()} == {"superseded", "completed"}


def test_an_event_that_is_turned_away_brings_nothing_forth_that_its_row_would_then_keep_to_itself() -> None:
    """Delivered again it is refused again: what only its first reading published, a crash would lose."""
    rows: dict[bytes, bytes] = {}
    pair = accepted("2021-09-16T09:00", id="e"), accepted("2021-09-16T09:30", id="e")
    counts, loser = sorted(pair, key=lambda fact: fact.digest)
    fed, late = partition(WATER, rows), at("2021-09-24")
    fed.take(KEY, counts, at("2021-09-16T10:00"))
    reported = fed.take(KEY, loser, late)
    assert reported is not None and [away.fact for away in reported.rejected] == [loser]
    assert (reported.cards, reported.verdicts) == ([], [])
    (swept,) = partition(WATER, rows).sweep(late)
    assert {card.level for card in swept.cards} == {"red", "yellow"}
    again = partition(WATER, rows).take(KEY, loser, late)
    assert again is not None and again.cards == swept.cards, "like a duplicate it publishes all that is active"


def test_a_redelivered_event_publishes_its_cards_and_rulings_again() -> None:
    fed, late = partition(WATER), accepted("2021-09-16T09:00")
    reported = fed.take(KEY, late, at("2021-10-01"))
    again = fed.take(KEY, late, at("2021-10-01"))
    assert reported is not None and again is not None
    assert reported.cards == again.cards and reported.verdicts == again.verdicts


def test_a_duplicate_changes_no_tally() -> None:
    fed, fact = partition(WATER), accepted("2021-09-16T09:00")
    fed.take(KEY, fact, at("2021-10-01"))
    fed.changed.clear()
    fed.take(KEY, fact, at("2021-10-01"))
    assert fed.changed == set()


def test_a_duplicate_that_had_arrived_earlier_takes_its_arrival() -> None:
    fed = partition(WATER)
    fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-10-01"))
    fed.take(KEY, completed("2021-09-17T09:00", received="2021-10-01"), at("2021-10-01"))
    assert late_entries(fed) == 1
    fed.take(KEY, completed("2021-09-17T09:00", received="2021-09-17T09:01"), at("2021-10-02"))
    assert late_entries(fed) == 0


def late_entries(of: CasePartition) -> int:
    return sum(tally.cells[9] for key, tally in of.tallies.items() if key.kpi == "P")


def test_of_a_conflict_the_smaller_digest_counts_and_the_other_is_refused() -> None:
    one = accepted("2021-09-16T09:00", id="e")
    other = accepted("2021-09-17T09:00", id="e")
    smaller, greater = sorted((one, other), key=lambda fact: fact.digest)
    for first, second in ((smaller, greater), (greater, smaller)):
        fed = partition(WATER)
        fed.take(KEY, first, at("2021-09-18"))
        effects = fed.take(KEY, second, at("2021-09-18"))
        assert effects is not None
        assert [(away.reason, away.fact) for away in effects.rejected] == [("id_conflict", greater)]


def test_a_correction_of_a_correction_is_turned_away_in_either_order() -> None:
    start = accepted("2021-09-16T09:00")
    one = correction("2021-09-17T09:00", start, None, id="c1")
    of_it = one._replace(id="c2", data={"of": "c1", "event": None}, digest="0")
    for first, second in ((one, of_it), (of_it, one)):
        fed = partition(WATER)
        fed.take(KEY, start, at("2021-09-18"))
        fed.take(KEY, first, at("2021-09-18"))
        effects = fed.take(KEY, second, at("2021-09-18"))
        assert effects is not None
        assert [(away.reason, away.fact.id) for away in effects.rejected] == [("bad_correction", "c2")]


def test_a_heartbeat_never_replaces_the_facts_of_a_case() -> None:
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows)
    fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-09-16T09:00"))
    fed.take(KEY, heartbeat("2021-09-16T10:00"), at("2021-09-16T10:00"))
    fed.take(KEY, completed("2021-09-17T10:00"), at("2021-09-17T10:00"))
    assert len(orjson.loads(rows[KEY])[0]) == 2
    assert fed.last_events["/units/water"] == at("2021-09-17T10:00")


def test_of_heartbeats_only_the_last_is_kept() -> None:
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows)
    for time in ("2021-09-16T10:00", "2021-09-16T12:00", "2021-09-16T11:00"):
        fed.take(KEY, heartbeat(time), at("2021-09-16T12:00"))
    kept = [fact for key, row in rows.items() if key not in (PLAN_ROW, JUDGED_ROW) for fact in orjson.loads(row)[0]]
    assert [fact[4] for fact in kept] == [at("2021-09-16T12:00")]
    assert partition(WATER, rows, at("2021-09-16T12:00")).last_events == fed.last_events


# ---- when a source last reported -------------------------------------------------------------------------
NOON = at("2021-09-16T12:00")
EARLY = {"received": "2021-09-16T11:00"}
LATE = {"received": "2021-09-16T13:00"}


@pytest.mark.parametrize("of", [accepted, heartbeat])
@pytest.mark.parametrize("new_owner", [False, True])
def test_what_arrives_after_the_clock_counts_as_a_report_when_the_clock_is_there(
    of: Callable[..., Fact], new_owner: bool
) -> None:
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows, NOON)
    for number, when in enumerate((EARLY, LATE, EARLY)):
        fed.take(KEY, of("2021-09-16T10:00", id=f"e{number}", **when), NOON)
    for now, last_reports in ((NOON, "2021-09-16T11:00"), (at("2021-09-16T13:00"), "2021-09-16T13:00")):
        if new_owner:
            fed = partition(WATER, rows, now)
        assert list(fed.sweep(now)) == []
        assert fed.last_events == {"/units/water": at(last_reports)}


def test_what_arrives_after_the_clock_counts_as_a_report_though_its_case_is_judged_before_the_sweep() -> None:
    fed = partition(WATER)
    fed.take(KEY, accepted("2021-09-16T10:00", **LATE), NOON)
    later = at("2021-09-16T14:00")
    fed.take(KEY, accepted("2021-09-16T10:00", id="other", source="/units/seals"), later)
    assert fed.last_events == {"/units/water": at("2021-09-16T13:00"), "/units/seals": at("2021-09-16T10:00")}


def test_a_heartbeat_that_has_not_arrived_leaves_nothing_behind_when_it_has() -> None:
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows)
    for time in ("2021-09-16T13:00", "2021-09-16T14:00", "2021-09-16T14:00"):
        fed.take(KEY, heartbeat(time), NOON)
    assert fed.last_events == {}
    assert list(fed.sweep(at("2021-09-16T14:00"))) == []
    assert (len(rows.keys() - {PLAN_ROW}), fed.next_at) == (1, None)


@given(st.data())
def test_at_every_moment_the_last_report_of_a_source_is_that_of_the_replay(data: st.DataObject) -> None:
    """Events of one id are left out: of them a later arrival may be taken back."""
    watched = [Source(id=name, units=("*",), usual_delay="1 working_days") for name in (WATER_SOURCE, SEALS)]
    judge = judge_of(promise(), sources=watched)
    moments = [histories.BEGIN + number * 100 * histories.HOUR_US for number in range(8)]
    kinds = st.sampled_from([FactType.SOURCE_HEARTBEAT, FactType.CASE_ACCEPTED, FactType.CASE_COMPLETED])
    feed = [
        (data.draw(st.sampled_from(["S-1", "S-2", ""])), data.draw(histories.fact(f"e{number}", kinds, [])))
        for number in range(data.draw(st.integers(1, 8)))
    ]
    rows: dict[bytes, bytes] = {}
    fed, bucket = partition(judge, rows), dict[str, list[SpilledFact]]()
    reads = sorted(data.draw(st.lists(st.integers(0, 7), min_size=len(feed), max_size=len(feed))))
    for subject, fact in feed:
        bucket.setdefault(subject, []).append((subject, "", 0, *fact))
    replayed = PeriodJudge(judge, moments, with_cards=False, with_issued=False).judge(bucket).last_events
    expected: dict[str, Instant] = {}
    for number, now in enumerate(moments):
        for (subject, fact), read in zip(feed, reads, strict=True):
            if read == number:
                fed.take(f"{WATER_SOURCE}\x1f{subject}".encode(), fact, now)
        if data.draw(st.booleans()):
            fed = partition(judge, rows, now)
        for _ in fed.sweep(now):
            pass
        expected |= replayed[number]
        so_far = {
            fact.source for (_, fact), read in zip(feed, reads, strict=True) if read <= number and fact.received <= now
        }
        if number >= reads[-1]:
            assert fed.last_events == expected
        assert fed.last_events.keys() == so_far


def test_a_sweep_judges_at_most_so_many_cases_also_where_they_have_nothing_to_tell() -> None:
    fed = partition(WATER)
    for number in range(5):
        fed.take(b"%d" % number, accepted("2021-09-16T10:00", **LATE), NOON)
    now, left = at("2021-09-16T13:00"), []
    for _ in range(3):
        assert list(fed.sweep(now, at_most=2)) == []
        left.append(sum(at <= now for at in fed._next_at.values()))
    assert left == [3, 1, 0]


def test_rows_judged_by_another_plan_are_judged_again_and_what_changed_is_published() -> None:
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows)
    consumer = Consumer()
    consumer.take(fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-09-24")))
    assert [card.level for card in consumer.cards.values() if card.cleared_at is None] == ["red"]
    longer: Plan = plan(promise(limit="20 working_days"), fingerprint="2")
    renewed = CasePartition(Judge(longer, CN), rows, loads=orjson.loads, dumps=orjson.dumps)
    renewed.rebuild(at("2021-09-24"))
    sweep(renewed, at("2021-09-24"), consumer)
    assert consumer.cards == {}
    assert consumer.verdicts == {}
    assert filled(renewed.tallies) == {} or all(key.kpi != "P" for key in filled(renewed.tallies))


def test_a_card_that_new_rules_raise_for_the_past_is_marked_and_one_of_the_present_is_not() -> None:
    """20 days become 4 on 09-26: the case of 09-16 would have been red since 09-24, that of 09-22 is from 09-28 on."""
    rows: dict[bytes, bytes] = {}
    past, present, changed_at = b"/units/water\x1fpast", b"/units/water\x1fpresent", at("2021-09-26T12:00")
    before = partition(judge_of(promise(limit="20 working_days")), rows)
    before.take(past, accepted("2021-09-16T09:00"), changed_at)
    before.take(present, accepted("2021-09-22T09:00"), changed_at)
    stricter = Judge(plan(promise(), fingerprint="2"), CN)
    consumer = Consumer()

    def active(owner: CasePartition, now: str) -> list[tuple[bytes, str, str]]:
        sweep(owner, at(now), consumer)
        return sorted((key[0], key[4], card.reason) for key, card in consumer.cards.items() if not card.cleared_at)

    owner = partition(stricter, rows, changed_at)
    assert active(owner, "2021-09-26T12:00") == [(past, "red", BY_NEW_RULES)]
    next_owner = partition(stricter, rows, at("2021-09-27T12:00"))  # by the same rules
    assert [card.reason for effects in next_owner.active() for card in effects.cards] == [BY_NEW_RULES]
    assert active(next_owner, "2021-09-28T12:00") == [(past, "red", BY_NEW_RULES), (present, "red", "")]
    consumer.take(next_owner.take(past, completed("2021-09-28T13:00"), at("2021-09-28T14:00")))
    assert consumer.cards[past, "P", 1, "-", "red"].reason == "completed"


def test_what_a_redelivered_event_publishes_amid_a_chunk_is_taken_back_at_its_end() -> None:
    """A completion that makes a late entry of a miss, the acceptance again, and the completion is struck out."""
    fed, consumer, now = partition(WATER), Consumer(), at("2021-09-27")
    start, done = accepted("2021-09-16T09:00"), completed("2021-09-17T09:00", received="2021-09-26T09:00")
    consumer.take(fed.take(KEY, start, now))
    assert list(consumer.verdicts.values()) == ["missed"]
    for each in (done, start, correction("2021-09-26T10:00", done, None)):
        consumer.take(fed.add(KEY, each, now))
    for effects in fed.judge_added(now):
        consumer.take(effects)
    assert list(consumer.verdicts.values()) == ["missed"]


def test_rows_judged_by_other_rules_are_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows)
    fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-09-24"))
    changed = Judge(WATER.plan, CN)
    monkeypatch.setattr(changed, "judge", lambda facts, now: NOTHING)
    assert filled(partition(changed, rows, at("2021-09-24")).tallies) == filled(fed.tallies)
    monkeypatch.setattr(changed, "fingerprint", "of other rules")
    assert filled(partition(changed, rows, at("2021-09-24")).tallies) == {}


def test_a_row_without_contributions_is_judged_again() -> None:
    """A recovery that merges rows leaves them without."""
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows)
    fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-09-16T09:00"))
    fed.take(KEY, completed("2021-09-17T09:00"), at("2021-09-17T09:00"))
    packed = orjson.loads(rows[KEY])
    rows[KEY] = orjson.dumps([packed[0], None, None])
    assert filled(partition(WATER, rows, at("2021-09-17T09:00")).tallies) == filled(fed.tallies)


def test_what_empties_is_named_and_forgotten() -> None:
    fed = partition(WATER)
    start = accepted("2021-09-16T09:00")
    fed.take(KEY, start, at("2021-10-01"))
    fed.take(KEY, completed("2021-09-17T09:00", received="2021-10-01T10:00"), at("2021-10-01T10:00"))
    assert [key.kpi for key in fed.forget_empty() if key.kpi == "P"] == ["P"]
    assert all(not tally.empty for tally in fed.tallies.values())


def test_memory_holds_nothing_of_a_closed_case() -> None:
    fed = partition(judge_of(promise(windows=("all",), official_window="all")))
    for number in range(50):
        key = f"/units/water\x1fW-{number}".encode()
        fed.take(key, accepted("2021-09-16T09:00"), at("2021-09-16T09:00"))
        fed.take(key, completed("2021-09-17T09:00"), at("2021-09-17T09:00"))
    assert len([key for key in fed.tallies if key.kpi == "P"]) == 1
    assert fed.next_at is None


def test_a_fact_that_has_not_happened_yet_waits_for_its_time() -> None:
    """A source's clock may be 5 minutes ahead."""
    fed = partition(WATER)
    ahead = accepted("2021-09-16T09:04", received="2021-09-16T09:00")
    fed.take(KEY, ahead, at("2021-09-16T09:00"))
    assert fed.next_at == at("2021-09-16T09:04")
    assert list(fed.sweep(at("2021-09-16T09:00") + 4 * MINUTE_US)) == []
    assert fed.next_at == at("2021-09-23")


@pytest.mark.parametrize("duplicates", [1, 2])
def test_a_duty_reported_twice_counts_once(duplicates: int) -> None:
    judge = judge_of(promise(kind="duty", select={}, duty="report", period="month", owed_by=("works", "seals")))
    fed = partition(judge)
    for number in range(duplicates):
        fed.take(f"/units/water\x1fR-{number}".encode(), fulfilled("2021-10-20", "2021-10"), at("2021-10-20"))
    rows = Valuer(judge).rows(fed.tallies, at("2021-11-01"), {})
    month = {row.unit: (row.numerator, row.denominator) for row in rows if row.window == "month"}
    assert month == {"ALL": ("1", "2"), "works": ("1", "1"), "seals": ("0", "1")}


# ---- a clock that is set back --------------------------------------------------------------------------------
def test_how_late_rows_are_judged_is_kept_with_them_whoever_owns_them() -> None:
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows)
    fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-09-16T12:00"))
    fed.take(b"/units/water\x1fW-2", accepted("2021-09-16T09:00"), at("2021-09-16T10:00"))
    assert fed.judged_to == at("2021-09-16T12:00")
    list(fed.sweep(at("2021-09-24")))
    assert fed.judged_to == partition(WATER, rows).judged_to == at("2021-09-24")


def test_after_the_clock_was_set_back_a_new_owner_judges_every_case_as_of_the_present() -> None:
    """What was judged later is no miss yet; the cards that were raised meanwhile never were."""
    present = at("2021-09-20T09:00")
    rows, consumer = dict[bytes, bytes](), Consumer()
    fed = partition(WATER, rows)
    fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-09-16T09:00"))
    sweep(fed, at("2021-09-24"), consumer)
    assert consumer.cards
    set_back = partition(WATER, rows, present)
    sweep(set_back, present, consumer)
    assert consumer.cards == {}
    assert set_back.judged_to == present
    never = partition(WATER, {})
    never.take(KEY, accepted("2021-09-16T09:00"), present)
    assert filled(set_back.tallies) == filled(never.tallies)
    assert set_back.next_at == never.next_at


def test_clocks_of_machines_that_differ_a_little_make_nobody_judge_again() -> None:
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows)
    fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-09-24"))
    assert partition(WATER, rows, at("2021-09-24") - SET_BACK_US).judged_to == at("2021-09-24")


def test_a_version_that_did_not_keep_how_late_rows_are_judged_is_taken_over() -> None:
    rows: dict[bytes, bytes] = {}
    fed = partition(WATER, rows)
    fed.take(KEY, accepted("2021-09-16T09:00"), at("2021-09-24"))
    del rows[JUDGED_ROW]
    assert filled(partition(WATER, rows, at("2021-09-24")).tallies) == filled(fed.tallies)
    rows[JUDGED_ROW] = b"garbage"
    assert filled(partition(WATER, rows, at("2021-09-24")).tallies) == filled(fed.tallies)
