"""rule 13: cases held outside the system: deemed acceptance, backdated entry, refusals, supplements."""

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.data_quality import ACCEPTANCE, BACKDATED, INCOMPLETE, REFUSED
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.sums.tally import TallyField
from tests.unit.cases import (
    USUALLY_A_DAY_LATE,
    accepted,
    applied,
    at,
    completed,
    due_of,
    end_of,
    folded,
    in_order,
    judge_of,
    judgements,
    outcome,
    promise,
    refused,
    supplement,
)

PERMIT = judge_of(promise(select={"service_item": "permit"}))
ANY = judge_of(promise(select={}))
APPLIED = applied("2021-09-16T09:00", item="permit")


def start_of(judge: Judge, *facts: Fact) -> int | None:
    (case,) = folded(judge, *facts)
    return case.accepted_at


def test_acceptance_of_a_permit_is_deemed_on_the_day_of_application_at_once() -> None:
    assert due_of(PERMIT, APPLIED, now="2021-09-16T10:00") == end_of("2021-09-23")
    later = accepted("2021-09-22T09:00", item="permit")
    assert start_of(PERMIT, APPLIED, later) == at("2021-09-16T09:00")


def test_acceptance_of_anything_else_is_not_deemed() -> None:
    start = applied("2021-09-16T09:00")
    assert outcome(ANY, [start], "2021-12-01") is None
    assert [each.kpi for each in ANY.judge([start], at("2021-12-01")).judgements] == [INCOMPLETE]


@pytest.mark.parametrize(
    ("asked", "undone"),
    [("2021-09-16T10:00", True), ("2021-09-24T23:59", True), ("2021-09-25T00:00", False), ("2021-09-15T09:00", False)],
)
def test_a_supplement_asked_for_within_5_working_days_undoes_it(asked: str, undone: bool) -> None:
    start = start_of(PERMIT, APPLIED, supplement(asked))
    assert start == (None if undone else at("2021-09-16T09:00"))


def test_the_next_acceptance_starts_the_clock() -> None:
    facts = [
        APPLIED,
        supplement("2021-09-17T09:00", id="1"),
        supplement("2021-09-22T09:00", id="2"),
        accepted("2021-09-27T09:00", item="permit", unit="seals", id="3"),
        accepted("2021-09-28T09:00", item="permit", unit="planning", id="4"),
    ]
    (case,) = folded(PERMIT, *facts)
    assert (case.accepted_at, case.unit) == (at("2021-09-27T09:00"), "seals")
    assert case.anomalies == ["second_acceptance"]


LATER = [supplement("2021-09-17T09:00"), refused("2021-09-22T09:00")]


@pytest.mark.parametrize("more", [*([each] for each in LATER), LATER], ids=["supplement", "refusal", "both"])
def test_what_was_reported_outweighs_what_was_assumed(more: list[Fact]) -> None:
    """Accepted as reported, nothing that is asked for or refused later undoes it, nor the deemed start before it."""
    reported = accepted("2021-09-16T12:00", item="permit", unit="seals")
    (case,) = folded(PERMIT, APPLIED, reported, *more)
    assert (case.accepted_at, case.accepted, case.unit) == (at("2021-09-16T09:00"), reported, "seals")
    assert outcome(PERMIT, [APPLIED, reported, *more], "2021-12-01") is Outcome.OVERDUE
    again = accepted("2021-09-27T09:00", item="permit", id="again")
    (case,) = folded(PERMIT, APPLIED, reported, *more, again)
    assert (case.accepted_at, case.anomalies) == (at("2021-09-16T09:00"), ["second_acceptance"])


@pytest.mark.parametrize(("asked", "start"), [("11:59:59", "2021-09-17T12:00"), ("12:00", "2021-09-16T09:00")])
def test_a_supplement_counts_until_the_acceptance_is_reported(asked: str, start: str) -> None:
    facts = [APPLIED, supplement(f"2021-09-17T{asked}"), accepted("2021-09-17T12:00", item="permit")]
    assert start_of(PERMIT, *facts) == at(start)


def test_until_it_is_accepted_again_the_case_is_incomplete() -> None:
    facts = [APPLIED, supplement("2021-09-17T09:00")]
    assert judgements(PERMIT, facts, "2021-12-01") == []
    assert [each.kpi for each in PERMIT.judge(facts, at("2021-12-01")).judgements] == [INCOMPLETE]


def test_a_refusal_in_time_undoes_deemed_acceptance_too() -> None:
    facts = [APPLIED, refused("2021-09-18T09:00")]
    assert judgements(PERMIT, facts, "2021-12-01") == []
    assert [each.kpi for each in PERMIT.judge(facts, at("2021-12-01")).judgements] == [REFUSED]
    again = accepted("2021-09-27T09:00", item="permit")
    assert start_of(PERMIT, *facts, again) == at("2021-09-27T09:00")


def test_a_refusal_after_5_working_days_comes_too_late() -> None:
    facts = [APPLIED, refused("2021-09-28T09:00")]
    assert outcome(PERMIT, facts, "2021-12-01") is Outcome.OVERDUE


def test_a_supplement_that_is_reported_late_saves_nobody_without_confirmation() -> None:
    """Deemed accepted and overdue; then a supplement arrives that is said to have been asked for in time."""
    facts = [
        APPLIED,
        supplement("2021-09-17T09:00", received="2021-10-08T09:00"),
        accepted("2021-09-27T09:00", item="permit", received="2021-10-08T09:01"),
        completed("2021-09-29T09:00", received="2021-10-08T09:02"),
    ]
    assert outcome(PERMIT, facts, "2021-10-10") is Outcome.LATE_ENTRY


# ---- signals ---------------------------------------------------------------------------------------------


def signals(judge: Judge, facts: list[Fact], name: str) -> list[tuple[tuple[int, int], ...]]:
    found = judge.judge(in_order(facts), at("2021-12-01")).judgements
    return [each.cells for each in found if each.kpi == name]


@pytest.mark.parametrize(
    ("accepted_at", "completed_at", "backdated"),
    [
        ("2021-09-20T09:00", "2021-09-20T09:05", True),  # in one breath, days after the fact
        ("2021-09-20T09:00", "2021-09-20T10:00", False),  # each by itself
        ("2021-09-17T08:00", "2021-09-17T08:05", False),  # within the source's usual delay
    ],
)
def test_accepting_and_completing_in_one_breath_is_backdated_entry(
    accepted_at: str, completed_at: str, backdated: bool
) -> None:
    judge = judge_of(promise(), sources=[USUALLY_A_DAY_LATE])
    facts = [
        accepted("2021-09-16T09:00", recorded=accepted_at, received=accepted_at),
        completed("2021-09-16T17:00", recorded=completed_at, received=completed_at),
    ]
    (cells,) = signals(judge, facts, BACKDATED)
    assert ((TallyField.N, 1) in cells) is backdated
    assert (TallyField.OPEN, 1) in cells


def test_time_from_application_to_acceptance_and_supplements_are_counted() -> None:
    facts = [
        applied("2021-09-16T09:00"),
        supplement("2021-09-17T09:00", id="1"),
        supplement("2021-09-22T09:00", id="2"),
        accepted("2021-09-23T09:00"),
    ]
    (cells,) = signals(ANY, facts, ACCEPTANCE)
    assert cells == ((TallyField.N, 1), (TallyField.TOTAL, 4), (TallyField.ACTUAL, 2))
