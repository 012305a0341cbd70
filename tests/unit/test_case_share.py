"""Shares that the completion matures although the clock stops at something else: all steps, no later than that."""

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judgement import Outcome
from tests.unit.cases import (
    accepted,
    at,
    completed,
    day,
    in_order,
    judge_of,
    judgement,
    milestone,
    outcome,
    promise,
    row,
    withdrawn,
)

STEPS = judge_of(
    promise(
        kind="case_share", where={"stopped": True}, stop=("milestone:a", "milestone:b"), matures_at="completion",
        objective=">= 100 %",
    )
)  # fmt: skip
START, END = accepted("2021-09-16T09:00"), completed("2021-09-20T09:00")
A, B = milestone("2021-09-17T09:00", "a"), milestone("2021-09-20T09:00", "b")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([A, B], Outcome.MET),
        ([A], Outcome.MISSED),
        ([], Outcome.MISSED),
        ([A, milestone("2021-09-20T23:59", "b")], Outcome.MET),
        ([A, milestone("2021-09-21T00:00", "b")], Outcome.MISSED),
        ([milestone("2021-09-15T09:00", "a"), B], Outcome.MISSED),
    ],
)
def test_all_steps_must_come_by_the_end_of_the_day_of_completion(steps: list[Fact], expected: Outcome) -> None:
    assert outcome(STEPS, in_order([START, *steps, END]), "2021-10-01") is expected


def test_it_is_open_until_it_is_completed_and_counts_on_that_day() -> None:
    found = judgement(STEPS, [START, A, B], "2022-10-01")
    assert (found.outcome, found.next_at) == (Outcome.OPEN, None)
    assert row(STEPS, [[START, A, B]], "2022-10-01").n == "0"
    end = completed("2021-09-27T09:00")
    assert judgement(STEPS, [START, A, B, end], "2022-10-01").day == day("2021-09-27")


def test_withdrawn_before_its_completion_it_is_out() -> None:
    assert outcome(STEPS, [START, A, withdrawn("2021-09-18")], "2021-10-01") is Outcome.WITHDRAWN


def test_a_step_reported_after_the_completion_is_a_late_entry() -> None:
    late = milestone("2021-09-18T09:00", "b", received="2021-09-25")
    assert outcome(STEPS, in_order([START, A, late, END]), "2021-10-01") is Outcome.LATE_ENTRY
    assert STEPS.judge(in_order([START, A, B, END]), at("2021-10-01")).nothing_to_publish


def test_by_one_limit_all_of_several_steps_are_due() -> None:
    judge = judge_of(
        promise(
            kind="case_share", where={"stopped": True}, stop=("milestone:a", "milestone:b"),
            matures_at="3 working_days", objective=">= 100 %",
        )
    )  # fmt: skip
    assert outcome(judge, [START, A], "2021-09-22") is Outcome.OPEN
    assert outcome(judge, [START, A], "2021-09-23") is Outcome.OVERDUE
    assert outcome(judge, [START, A, B], "2021-09-23") is Outcome.MET


def test_a_case_refused_without_its_steps_leaves_the_share() -> None:
    refused = completed("2021-09-20T09:00", outcome="refused")
    assert outcome(STEPS, in_order([START, A, refused]), "2021-10-01") is Outcome.WITHDRAWN
    assert outcome(STEPS, in_order([START, A, B, refused]), "2021-10-01") is Outcome.MET


def test_a_completed_case_waits_for_its_steps_until_its_day_is_over() -> None:
    facts = in_order([START, A, END])
    assert outcome(STEPS, facts, "2021-09-20T23:59") is Outcome.OPEN
    assert outcome(STEPS, facts, "2021-09-21T00:00") is Outcome.MISSED
