"""`runs_in`: a clock that runs in some nodes only. Outside them it is stopped as in a suspension (rule 4)."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.words.names import NameBook
from services.domain.intake.facts import Fact
from services.domain.judging.case_clock import CaseClock
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.results.explain import Explained, explain
from services.domain.sums.tally import TallyField
from services.domain.time.zone import MINUTE_US, Instant
from services.explanation.phrases import day_words
from tests.unit.cases import (
    WATER,
    ZONE,
    accepted,
    at,
    card_list,
    completed,
    day,
    due_of,
    end_of,
    in_order,
    judge_of,
    judgement,
    node_ended,
    node_started,
    outcome,
    promise,
    resumed,
    row,
    suspended,
)

NODES = judge_of(promise(runs_in=("survey", "design"), clock_stops=("hearing",)))
START = accepted("2021-09-16T09:00")


def node(name: str, begin: str, end: str = "", **given: str) -> list[Fact]:
    found = [node_started(begin, name, **given)]
    return [*found, node_ended(end, name, **given)] if end else found


def the_one(judge: Judge, facts: list[Fact], now: str = "2022-06-01") -> Explained:
    (explained,) = explain(judge, f"{WATER}\x1fW-1", in_order(facts), at(now)).cycles[0].promises
    return explained


def test_days_between_the_nodes_are_subtracted() -> None:
    """Four working days from 2021-09-16: until 09-23; two whole working days outside put it off to Sunday 09-26."""
    facts = [START, *node("survey", "2021-09-16T09:00", "2021-09-17T18:00"), *node("design", "2021-09-22T08:00")]
    assert due_of(NODES, *node("survey", "2021-09-16T09:00"), START, now="2021-09-17") == end_of("2021-09-23")
    assert due_of(NODES, *facts, now="2021-09-24") == end_of(
        "2021-09-24"
    )  # 09-18 is a make-up day; 09-20, 09-21 are free


def test_a_day_counts_if_the_clock_ran_in_some_of_its_opening_hours() -> None:
    last_minute = [*node("survey", "2021-09-16T09:00", "2021-09-17T17:29"), *node("design", "2021-09-22T17:29")]
    assert due_of(NODES, START, *last_minute, now="2021-09-24") == end_of("2021-09-24")
    whole = [*node("survey", "2021-09-16T09:00", "2021-09-17T17:29"), *node("design", "2021-09-22T17:30")]
    assert due_of(NODES, START, *whole, now="2021-09-24") == end_of("2021-09-26")


def test_a_node_that_is_not_listed_is_no_different_from_none() -> None:
    facts = [START, *node("survey", "2021-09-16T09:00", "2021-09-17T18:00"), *node("design", "2021-09-23T08:00")]
    built = node("construction", "2021-09-17T18:00", "2021-09-23T08:00")
    assert due_of(NODES, *facts, *built, now="2021-09-24") == due_of(NODES, *facts, now="2021-09-24")


def test_overlapping_nodes_count_once() -> None:
    one = [START, *node("survey", "2021-09-16T09:00", "2021-09-24T10:00"), completed("2021-09-24T11:00")]
    two = [*one, *node("design", "2021-09-17T09:00", "2021-09-18T10:00")]
    for facts in (one, two):
        assert (TallyField.GROSS, 5) in judgement(NODES, facts, "2021-10-01").cells
        assert judgement(NODES, facts, "2021-10-01").bin == 5
        assert outcome(NODES, facts, "2021-10-01") is Outcome.MISSED


def test_while_the_case_is_in_no_listed_node_the_clock_is_stopped() -> None:
    waits = judgement(NODES, [START], "2022-06-01")
    assert (waits.outcome, waits.due, waits.next_at) == (Outcome.OPEN, None, None)
    between = [START, *node("survey", "2021-09-16T09:00", "2021-09-17T18:00")]
    assert judgement(NODES, between, "2022-06-01").due is None
    assert outcome(NODES, [*between, *node("design", "2022-05-30T08:00")], "2022-06-01") is Outcome.OPEN
    assert outcome(NODES, [*between, *node("design", "2022-05-30T08:00")], "2022-06-02") is Outcome.OVERDUE


def test_leaving_the_nodes_after_the_limit_cures_nothing() -> None:
    facts = [START, *node("survey", "2021-09-16T09:00", "2021-09-27T10:00")]
    assert outcome(NODES, facts, "2021-12-01") is Outcome.OVERDUE
    assert outcome(NODES, [*facts, completed("2021-12-01")], "2021-12-02") is Outcome.MISSED


def test_a_suspension_within_a_node_stops_the_clock_as_ever() -> None:
    facts = [START, *node("survey", "2021-09-16T09:00")]
    held = [suspended("2021-09-17T08:00"), resumed("2021-09-18T18:00")]
    assert due_of(NODES, *facts, *held, now="2021-09-24") == end_of("2021-09-26")
    outside = [START, *node("survey", "2021-09-16T09:00", "2021-09-16T18:00"), *node("design", "2021-09-22T08:00")]
    assert due_of(NODES, *outside, *held, now="2021-09-24") == due_of(NODES, *outside, now="2021-09-24")


def test_minutes_outside_the_nodes_are_subtracted_exactly() -> None:
    judge = judge_of(promise(limit="90 working_minutes", runs_in=("survey",)))
    facts = [START, *node("survey", "2021-09-16T09:00", "2021-09-16T09:30"), *node("survey", "2021-09-16T13:45:30")]
    assert due_of(judge, *facts, now="2021-09-16T15:00") == at("2021-09-16T14:45:30")


def test_a_passage_reported_late_is_a_late_entry() -> None:
    """It ended on 09-17, but that was reported only when the case was overdue."""
    end = node_ended("2021-09-17T18:00", "survey", received="2021-09-27T10:00")
    facts = in_order([START, *node("survey", "2021-09-16T09:00"), end, *node("design", "2021-09-27T08:00")])
    closed = in_order([*facts, completed("2021-09-28T09:00")])
    assert outcome(NODES, closed, "2021-10-01") is Outcome.LATE_ENTRY
    assert [card.level for card in card_list(NODES, facts, "2021-09-27T12:00")] == ["red", "yellow"]
    assert not NODES.judge(facts, at("2021-09-27T12:00")).nothing_to_publish


def test_a_case_that_never_came_near_its_limit_costs_no_second_look() -> None:
    facts = [START, *node("survey", "2021-09-16T09:00", "2021-09-17T18:00"), completed("2021-09-18T09:00")]
    assert NODES.judge(in_order(facts), at("2021-12-01")).nothing_to_publish


def test_the_day_by_day_account_calls_it_outside_the_nodes() -> None:
    facts = [START, *node("survey", "2021-09-16T09:00", "2021-09-17T10:00"), *node("design", "2021-09-22T18:00")]
    explained = the_one(NODES, [*facts, completed("2021-09-24T09:00")])
    counted = explained.account
    assert counted is not None
    assert (counted.net, counted.still) == (3, 2)
    words = {each.day: day_words(each, counted, ZONE, NameBook(NODES.plan)) for each in counted.days}
    assert "环节之外 outside the nodes" in words[day("2021-09-18")]
    assert words[day("2021-09-17")].endswith("部分时间在环节之外 outside the nodes for a part")
    assert "outside" not in words[day("2021-09-23")]
    assert [each.day for each in counted.days if each.still] == [day("2021-09-18"), day("2021-09-22")]


def test_gross_time_and_the_share_with_pauses_are_kept() -> None:
    facts = [START, *node("survey", "2021-09-16T09:00", "2021-09-17T10:00"), *node("design", "2021-09-22T18:00")]
    found = row(NODES, [[*facts, completed("2021-09-24T09:00")]], "2021-10-01")
    assert (found.mean_gross, found.p50, found.suspended_share) == ("5", "3", "1")


LIMITS = ("4 working_days", "9 calendar_days", "600 working_minutes", "9000 minutes")
_FIRST = at("2021-08-25")
moments = st.integers(0, 60 * 24 * 4).map(lambda quarter: _FIRST + quarter * 15 * MINUTE_US)
passages = st.lists(st.tuples(moments, moments, st.sampled_from(("survey", "design", "construction"))), max_size=5)


@cache
def _judge(limit: str) -> Judge:
    return judge_of(promise(limit=limit, runs_in=("survey", "design"), clock_stops=("hearing",)))


def _placed(fact: Fact, time: Instant, number: int) -> Fact:
    return fact._replace(time=time, received=time, id=f"{number}{fact.id[:1]}{fact.type}")


@pytest.mark.parametrize("limit", LIMITS)
@given(first=moments, second=moments, spans=passages, held=st.none() | st.tuples(moments, moments))
def test_the_account_sums_to_the_verdict(
    limit: str,
    first: Instant,
    second: Instant,
    spans: list[tuple[Instant, Instant, str]],
    held: tuple[Instant, Instant] | None,
) -> None:
    judge, facts = _judge(limit), []
    facts.append(_placed(accepted("2021-09-01"), min(first, second), 0))
    for number, (one, other, name) in enumerate(spans, 1):
        unit = f"unit-{number}"
        facts.append(_placed(node_started("2021-09-01", name, unit=unit), min(one, other), number))
        facts.append(_placed(node_ended("2021-09-01", name, unit=unit), max(one, other), number))
    if held is not None:
        facts.append(_placed(suspended("2021-09-01"), min(held), 8))
        facts.append(_placed(resumed("2021-09-01"), max(held), 8))
    facts.append(_placed(completed("2021-09-01"), max(first, second), 9))
    facts = in_order(facts)
    now = at("2022-06-01")
    (verdict,) = [each for each in judge.judge(facts, now).judgements if each.kpi == "P"]
    if not any(name in ("survey", "design") for _, _, name in spans):
        assert verdict.outcome is Outcome.UNMEASURED
        return
    (explained,) = explain(judge, "a\x1fb", facts, now).cycles[0].promises
    counted = explained.account
    assert counted is not None
    assert CaseClock(explained.promise.clock, judge.law).bin(counted.net) == verdict.bin
    assert counted.gross == dict(verdict.cells)[TallyField.GROSS]
    assert counted.net == sum(each.amount for each in counted.days)
    assert counted.still == sum(each.still for each in counted.days)
    assert all(each.outside or each.reasons for each in counted.days if each.still)


def test_a_clock_that_was_never_seen_to_run_is_unmeasured() -> None:
    judge = judge_of(promise(runs_in=("survey", "design")))
    facts = in_order([accepted("2021-09-16T09:00"), completed("2021-11-16T09:00")])
    (verdict,) = [each for each in judge.judge(facts, at("2022-01-01")).judgements if each.kpi == "P"]
    assert (verdict.outcome, verdict.cells) == (Outcome.UNMEASURED, ((TallyField.UNMEASURED, 1),))
