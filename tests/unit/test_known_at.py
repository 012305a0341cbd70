"""What was known when, and what is a case: one answer for the judge, the cards, the explanation and the replay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.history.fact_set import is_case
from services.domain.history.known_at import by_arrival, known_at, known_from, next_known, steps
from services.domain.intake.facts import Fact
from services.domain.results.explain import explain
from tests.unit import histories
from tests.unit.cases import accepted, at, completed, confirmed, fulfilled, in_order, judge_of, promise, upserted

ACCEPTED = accepted("2021-09-16T09:00")
LATE = completed("2021-09-17T09:00", received="2021-09-20T09:00")
AHEAD = completed("2021-09-22T09:00", received="2021-09-16T10:00", id="ahead")
"""Of a source whose clock is ahead."""
FACTS = in_order([ACCEPTED, LATE, AHEAD])


def test_a_fact_is_known_once_it_has_happened_and_has_arrived() -> None:
    assert known_at(FACTS, at("2021-09-16T08:59")) == []
    assert known_at(FACTS, at("2021-09-18")) == [ACCEPTED]
    assert known_at(FACTS, at("2021-09-20T09:00")) == [ACCEPTED, LATE]
    assert known_at(FACTS, at("2021-09-22T09:00")) == FACTS
    assert [known_from(fact) for fact in FACTS] == [
        at("2021-09-16T09:00"),
        at("2021-09-20T09:00"),
        at("2021-09-22T09:00"),
    ]


def test_the_next_fact_becomes_known_when_both_have_come() -> None:
    assert next_known(FACTS, at("2021-09-16")) == at("2021-09-16T09:00")
    assert next_known(FACTS, at("2021-09-16T09:00")) == at("2021-09-20T09:00")
    assert next_known(FACTS, at("2021-09-20T09:00")) == at("2021-09-22T09:00")
    assert next_known(FACTS, at("2021-09-22T09:00")) is None


def test_each_arrival_is_a_step_up_to_just_before_the_next() -> None:
    found = list(steps(FACTS, at("2021-10-01")))
    assert [step.arrival for step in found] == [at("2021-09-16T09:00"), at("2021-09-16T10:00"), at("2021-09-20T09:00")]
    assert [step.until for step in found] == [at("2021-09-16T10:00") - 1, at("2021-09-20T09:00") - 1, at("2021-10-01")]
    assert [step.facts for step in found] == [[ACCEPTED], [ACCEPTED, AHEAD], FACTS]
    assert [step.known() for step in found] == [[ACCEPTED], [ACCEPTED], FACTS]
    assert all(step.known() == known_at(FACTS, step.until) for step in found)
    assert list(steps(FACTS)) == found[:-1]
    assert list(steps([])) == [] == list(steps([], at("2021-10-01")))


def test_facts_that_arrive_together_are_one_arrival() -> None:
    together = ACCEPTED._replace(id="twin")
    arrived = by_arrival(in_order([ACCEPTED, together, LATE]))
    assert [len(facts) for _, facts in arrived] == [2, 1]
    assert [arrival for arrival, _ in arrived] == [ACCEPTED.received, LATE.received]


DUTY = fulfilled("2021-09-30", "2021-09", received="2021-10-05")
DECISION = confirmed("2021-10-06", kpi="REPORT")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], False),
        ([ACCEPTED], True),
        ([ACCEPTED, DECISION], True),
        ([DUTY], False),
        ([DUTY, DECISION], False),
        ([upserted("2021-09-01"), DECISION], False),
        ([DECISION], True),
        ([DUTY, completed("2021-10-07")], True),
    ],
)
def test_what_is_a_case(facts: list[Fact], expected: bool) -> None:
    assert is_case(in_order(facts)) is expected


def test_the_explanation_of_a_confirmed_duty_has_no_case() -> None:
    """The judge takes it for a duty; the explanation showed an empty case beside it."""
    judge = judge_of(promise(id="REPORT", kind="duty", duty="report", owed_by=("works",), period="month"))
    facts = in_order([DUTY, DECISION])
    assert [each.kpi for each in judge.judge(facts, at("2021-11-01")).judgements] == ["REPORT"]
    explanation = explain(judge, "/units/water\x1freport", facts, at("2021-11-01"))
    assert explanation.cycles == ()
    assert [(each.kpi, each.outcome) for each in explanation.others] == [("REPORT", "met")]


@given(histories.facts(), st.lists(st.integers(histories.BEGIN, histories.END), max_size=4))
def test_divided_steps_cover_the_same_time_with_the_same_facts(facts: list[Fact], breaks: list[int]) -> None:
    end = max((fact.received for fact in facts), default=0) + 1
    whole, parts = list(steps(facts, end)), list(steps(facts, end, sorted(breaks)))
    assert all(before.until + 1 == after.arrival for before, after in zip(parts, parts[1:], strict=False))
    assert {step.arrival for step in whole} <= {step.arrival for step in parts}
    for part in parts:
        assert part.facts == max(step for step in whole if step.arrival <= part.arrival).facts
