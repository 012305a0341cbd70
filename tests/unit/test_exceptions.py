"""`unless`, `reached` and `extended`: who is left out of a promise, and which steps a case must have taken."""

from typing import Any

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import CasePromise, Source
from services.domain.results.explain import explain
from services.domain.results.explain_silent import Reason
from tests.unit.cases import (
    SEALS,
    WATER,
    accepted,
    at,
    card_list,
    completed,
    extended,
    in_order,
    judge_of,
    milestone,
    node_ended,
    node_started,
    outcome,
    promise,
    reclassified,
    row,
)

EXEMPT = judge_of(promise(unless={"exempted": True, "applicant": ("public", "individual")}))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"applicant": "public", "attributes": {"exempted": True}}, None),
        ({"applicant": "public", "attributes": {"exempted": False}}, Outcome.OPEN),
        ({"applicant": "enterprise", "attributes": {"exempted": True}}, Outcome.OPEN),
        ({"applicant": "individual"}, Outcome.OPEN),
        ({}, Outcome.OPEN),
    ],
)
def test_a_case_is_left_out_if_all_holds_and_nothing_is_unknown(given: dict[str, Any], expected: object) -> None:
    assert outcome(EXEMPT, [accepted("2021-09-16T09:00", **given)], "2021-09-17") is expected


def test_a_service_item_can_be_left_out() -> None:
    judge = judge_of(promise(select={}, unless={"service_item": "power"}))
    assert outcome(judge, [accepted("2021-09-16T09:00", item="power")], "2021-09-17") is None
    assert outcome(judge, [accepted("2021-09-16T09:00")], "2021-09-17") is Outcome.OPEN


KINDS = [
    promise(unless={"exempted": True}),
    promise(kind="case_mean", measure="working_days", unless={"exempted": True}),
    promise(kind="case_mean", measure="ratio:a/b", unless={"exempted": True}),
    promise(kind="mean_reduction", objective=">= 1 %", select={"service_item": "permit"}, unless={"exempted": True}),
    promise(kind="case_share", where={"channel": "online"}, matures_at="completion", unless={"exempted": True}),
    promise(
        kind="case_bound", counts=("milestone:m",), bound="<= 1 count", matures_at="completion",
        unless={"exempted": True},
    ),
    promise(kind="node_duration", strength="directional", unless={"exempted": True}),
    promise(kind="trend", strength="directional", measure="count", direction="rising", unless={"exempted": True}),
]  # fmt: skip


@pytest.mark.parametrize("entry", KINDS, ids=lambda entry: f"{entry.kind} {getattr(entry, 'measure', '')}")
def test_every_kind_leaves_out(entry: CasePromise) -> None:
    judge, item = judge_of(entry), str(entry.select["service_item"])
    for exempted, n in ((False, 1), (True, 0)):
        facts = [
            accepted("2021-09-16T09:00", item=item, attributes={"exempted": exempted}),
            node_started("2021-09-16T09:00", "survey"),
            node_ended("2021-09-16T10:00", "survey"),
            completed("2021-09-17T09:00"),
        ]
        found = [each for each in judge.judge(facts, at("2021-10-01")).judgements if each.kpi == "P"]
        assert len(found) == n


LATER = judge_of(promise(unless={"exempted": True}))
START = accepted("2021-09-16T09:00")  # until the end of 2021-09-23


def test_exempted_in_time_it_is_nobodys_case() -> None:
    facts = [START, milestone("2021-09-23T10:00", "decided", attributes={"exempted": True})]
    assert outcome(LATER, facts, "2021-12-01") is None
    (card,) = card_list(LATER, facts, "2021-12-01")
    assert (card.level, card.cleared_at, card.reason) == ("yellow", at("2021-09-23T10:00"), "rejudged")
    assert not LATER.judge(facts, at("2021-12-01")).nothing_to_publish


def test_exempted_after_the_limit_it_stays_counted_until_confirmed() -> None:
    facts = [START, milestone("2021-10-08T10:00", "decided", attributes={"exempted": True})]
    assert outcome(LATER, facts, "2021-12-01") is Outcome.LATE_ENTRY
    found = row(LATER, [facts], "2021-12-01")
    assert (found.n, found.numerator, found.late_entry_n) == ("1", "0", "1")


def test_whom_nothing_excepts_costs_no_second_look() -> None:
    assert LATER.judge([START, completed("2021-09-17T09:00")], at("2021-12-01")).nothing_to_publish


def test_an_explanation_says_why_a_case_is_left_out() -> None:
    facts = [accepted("2021-09-16T09:00", attributes={"exempted": True})]
    (cycle,) = explain(LATER, f"{WATER}\x1fW-1", facts, at("2021-10-01")).cycles
    assert [(each.reason, each.missing) for each in cycle.silent] == [(Reason.LEFT_OUT, (("exempted", True, True),))]


# ---- steps and extensions ----------------------------------------------------------------------------------
def share(**where: object) -> Judge:
    return judge_of(promise(kind="case_share", where=where, matures_at="completion", objective=">= 50 %"))


END = completed("2021-09-20T09:00")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("2021-09-17", "a"), ("2021-09-18", "b")], Outcome.MET),
        ([("2021-09-20T09:00", "a"), ("2021-09-18", "b")], Outcome.MET),
        ([("2021-09-17", "a")], Outcome.MISSED),
        ([("2021-09-17", "a"), ("2021-09-20T09:01", "b")], Outcome.MISSED),
        ([], Outcome.MISSED),
    ],
)
def test_every_step_counts_that_was_reached_when_the_case_matured(steps: list[tuple[str, str]], expected: str) -> None:
    facts: list[Fact] = [START, *(milestone(*step) for step in steps), END]
    assert outcome(share(reached=("a", "b")), facts, "2021-10-01") == expected


def test_cases_can_be_selected_by_the_steps_that_they_have_reached() -> None:
    judge = judge_of(promise(select={"service_item": "water", "reached": ("a", "b")}))
    both = [START, milestone("2021-09-17", "a"), milestone("2021-09-17T10:00", "b")]
    assert outcome(judge, both[:2], "2021-09-18") is None
    assert outcome(judge, both, "2021-09-18") is Outcome.OPEN


def test_an_extension_counts_if_it_was_granted() -> None:
    judge = share(extended=True)
    assert outcome(judge, [START, extended("2021-09-17", 3), END], "2021-10-01") is Outcome.MET
    assert outcome(judge, [START, extended("2021-09-17", 3, source=WATER), END], "2021-10-01") is Outcome.MISSED
    assert outcome(share(extended=False), [START, END], "2021-10-01") is Outcome.MET


# ---- what comes late ---------------------------------------------------------------------------------------
def test_what_a_step_adds_after_the_completion_is_a_late_entry() -> None:
    said = milestone("2021-09-19", "a", received="2021-09-25")
    assert outcome(share(reached="a"), in_order([START, said, END]), "2021-10-01") is Outcome.LATE_ENTRY
    in_time = milestone("2021-09-19", "a", received="2021-09-20T08:00")
    assert outcome(share(reached="a"), in_order([START, in_time, END]), "2021-10-01") is Outcome.MET
    assert share(reached="a").judge(in_order([START, in_time, END]), at("2021-10-01")).nothing_to_publish


def test_a_reclassified_case_is_left_out_by_what_it_now_is() -> None:
    facts = [START, reclassified("2021-09-17", attributes={"exempted": True})]
    assert outcome(LATER, facts, "2021-09-18") is None


def test_a_source_that_grants_extends_by_its_own_authority() -> None:
    asked = [START, extended("2021-09-17", 3, source=WATER), END]
    registered = [Source(id=source, units=("*",), grants=source == WATER) for source in (WATER, SEALS)]
    judge = judge_of(*share(extended=True).plan.promises, sources=registered)
    assert outcome(judge, asked, "2021-10-01") is Outcome.MET
    assert outcome(judge, [asked[0], asked[1]._replace(source=SEALS), asked[2]], "2021-10-01") is Outcome.MISSED
