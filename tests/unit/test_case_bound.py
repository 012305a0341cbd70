"""Bounds: ratios, lists, full traces, exact numbers, and cases that a limit matures."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.results.explain import explain
from services.explanation.document import machine_readable
from tests.unit.cases import (
    WATER,
    accepted,
    at,
    card_list,
    completed,
    day,
    end_of,
    in_order,
    judge_of,
    judgement,
    justified,
    measured,
    milestone,
    outcome,
    promise,
    row,
    standing,
    withdrawn,
)

START = accepted("2021-09-16T09:00")
END = completed("2021-12-16T09:00")


def bound(counts: str | tuple[str, ...], held: str, matures_at: Any = "completion", **given: Any) -> Judge:
    counts = (counts,) if isinstance(counts, str) else counts
    return judge_of(promise(kind="case_bound", counts=counts, bound=held, matures_at=matures_at, **given))


# ---- what is counted ---------------------------------------------------------------------------------------
def shares(prepayment: float | None, value: float | None) -> list[Fact]:
    found = [("prepayment", prepayment), ("contract_value", value)]
    return [START, *(measured("2021-09-20", name, amount) for name, amount in found if amount is not None), END]


@pytest.mark.parametrize(
    ("prepayment", "value", "expected"),
    [
        (30, 100, Outcome.MET),
        (29.999999, 100, Outcome.MISSED),
        (1, 3, Outcome.MET),
        (0, 100, Outcome.MISSED),
        (30, None, Outcome.UNMEASURED),
        (30, 0, Outcome.UNMEASURED),
        (None, 100, Outcome.UNMEASURED),
    ],
)
def test_a_ratio_is_held_against_its_bound_exactly(prepayment: float, value: float, expected: Outcome) -> None:
    assert (
        outcome(bound("ratio:prepayment/contract_value", ">= 30 %"), shares(prepayment, value), "2022-01-01")
        is expected
    )


def test_a_third_is_not_33_333333_percent() -> None:
    facts = shares(1, 3)
    assert outcome(bound("ratio:prepayment/contract_value", "<= 33.333333 %"), facts, "2022-01-01") is Outcome.MISSED
    assert outcome(bound("ratio:prepayment/contract_value", "<= 33.333334 %"), facts, "2022-01-01") is Outcome.MET


@pytest.mark.parametrize(
    ("terminals", "expected"),
    [(["a"], Outcome.MET), (["a", "a"], Outcome.MET), (["a", "b"], Outcome.MISSED), ([], Outcome.MET)],
)
def test_a_list_has_as_many_codes_as_are_different(terminals: list[str], expected: Outcome) -> None:
    facts = [accepted("2021-09-16T09:00", attributes={"terminals": terminals}), END]
    assert outcome(bound("attribute:terminals", "<= 1 count"), facts, "2022-01-01") is expected


def test_a_list_that_nobody_reported_is_unmeasured() -> None:
    traced = accepted("2021-09-16T09:00", attributes={"full_trace": True})
    assert outcome(bound("attribute:terminals", "<= 1 count"), [traced, END], "2022-01-01") is Outcome.UNMEASURED


@pytest.mark.parametrize(
    ("counts", "held", "expected"),
    [
        ("milestone:permit", "<= 0 count", Outcome.MET),
        ("milestone:permit", "= 1 count", Outcome.MISSED),
        ("quantity:fee", "<= 0 CNY", Outcome.MET),
        ("order:intention<tender", "<= 0 count", Outcome.MET),
        ("ratio:fee/value", "<= 10 %", Outcome.UNMEASURED),
    ],
)
def test_what_a_full_trace_does_not_report_did_not_happen(counts: str, held: str, expected: Outcome) -> None:
    for traced, then in ((True, expected), (False, Outcome.UNMEASURED), ("yes", Outcome.UNMEASURED)):
        facts = [accepted("2021-09-16T09:00", attributes={"full_trace": traced}), END]
        assert outcome(bound(counts, held), facts, "2022-01-01") is then


# ---- exactly so many ---------------------------------------------------------------------------------------
ONCE = bound("milestone:inspection", "= 1 count")


def inspections(*times: str) -> list[Fact]:
    return [START, *(milestone(time, "inspection") for time in times)]


def test_one_too_many_is_a_breach_at_once() -> None:
    facts = inspections("2021-09-17", "2021-09-18")
    assert outcome(ONCE, facts, "2021-09-19") is Outcome.OVERDUE
    assert standing(ONCE, facts, "2021-09-19") == [("P", "red")]
    assert outcome(ONCE, [*facts, END], "2022-01-01") is Outcome.MISSED
    assert outcome(ONCE, inspections("2021-09-17"), "2021-09-19") is Outcome.OPEN


def test_one_too_few_is_a_breach_when_the_case_closes() -> None:
    traced = accepted("2021-09-16T09:00", attributes={"full_trace": True})
    assert outcome(ONCE, [traced], "2021-12-01") is Outcome.OPEN
    assert outcome(ONCE, [traced, END], "2022-01-01") is Outcome.MISSED
    assert outcome(ONCE, [*inspections("2021-09-17"), END], "2022-01-01") is Outcome.MET


def test_withdrawn_before_what_is_demanded_was_due_it_is_out() -> None:
    traced = accepted("2021-09-16T09:00", attributes={"full_trace": True})
    assert outcome(ONCE, [traced, withdrawn("2021-09-20")], "2022-01-01") is Outcome.WITHDRAWN
    twice = inspections("2021-09-17", "2021-09-18")
    assert outcome(ONCE, [*twice, withdrawn("2021-09-20")], "2022-01-01") is Outcome.MISSED


# ---- matured by a limit ------------------------------------------------------------------------------------
PREPAID = bound("ratio:prepayment/contract_value", ">= 30 %", "20 working_days")
SIGNED = [START, measured("2021-09-16T10:00", "contract_value", 100)]  # due at the end of 2021-10-20


def paid(time: str, amount: float = 30, **given: Any) -> Fact:
    return measured(time, "prepayment", amount, **given)


def test_what_is_demanded_is_met_at_once_on_the_day_on_which_it_is_reached() -> None:
    found = judgement(PREPAID, [*SIGNED, paid("2021-09-20", 10), paid("2021-09-28T10:00", 20, id="2")], "2021-10-01")
    assert (found.outcome, found.day, found.stop) == (Outcome.MET, day("2021-09-28"), at("2021-09-28T10:00"))
    closed = judgement(PREPAID, [*SIGNED, paid("2021-09-28T10:00"), END], "2022-01-01")
    assert (closed.outcome, closed.day) == (Outcome.MET, day("2021-09-28"))


def test_until_then_it_is_open_and_after_the_limit_overdue() -> None:
    found = judgement(PREPAID, SIGNED, "2021-10-20T23:59")
    assert (found.outcome, found.due, found.next_at) == (Outcome.OPEN, end_of("2021-10-20"), at("2021-10-21"))
    assert outcome(PREPAID, SIGNED, "2021-10-21") is Outcome.OVERDUE
    assert outcome(PREPAID, [START], "2021-10-21") is Outcome.OVERDUE
    few = [*SIGNED, paid("2021-09-28T10:00", 29)]
    assert row(PREPAID, [few, [*SIGNED, paid("2021-09-28")]], "2021-11-01").value == "0.5"


def test_what_is_reached_too_late_is_missed_on_that_day() -> None:
    found = judgement(PREPAID, [*SIGNED, paid("2021-10-25T10:00")], "2021-11-01")
    assert (found.outcome, found.day) == (Outcome.MISSED, day("2021-10-25"))


def test_what_is_reached_and_given_back_in_time_was_not_reached() -> None:
    back = paid("2021-10-08", -30, id="back")
    assert outcome(PREPAID, [*SIGNED, paid("2021-09-28"), back], "2021-10-10") is Outcome.OPEN
    later = [paid("2021-10-25", -30, id="back"), paid("2021-10-26", 30, id="again")]
    for facts in ([*SIGNED, paid("2021-09-28"), *later[:1]], [*SIGNED, paid("2021-09-28"), *later]):
        found = judgement(PREPAID, facts, "2021-11-01")
        assert (found.outcome, found.day) == (Outcome.MET, day("2021-09-28"))


def test_a_case_that_ends_before_its_limit_is_judged_at_its_end() -> None:
    end = completed("2021-09-30")
    assert outcome(PREPAID, [*SIGNED, paid("2021-09-28", 10), end], "2021-10-01") is Outcome.MISSED
    assert outcome(PREPAID, [*SIGNED, end], "2021-10-01") is Outcome.UNMEASURED
    assert outcome(PREPAID, [*SIGNED, withdrawn("2021-09-30")], "2021-10-01") is Outcome.WITHDRAWN
    assert outcome(PREPAID, [*SIGNED, withdrawn("2021-10-30")], "2021-11-01") is Outcome.MISSED
    assert outcome(PREPAID, [*SIGNED, END], "2022-01-01") is Outcome.MISSED


def test_a_yellow_card_warns_before_the_limit_and_a_red_one_follows() -> None:
    cards = [(card.level, card.raised_at, card.reason) for card in card_list(PREPAID, SIGNED, "2021-11-01")]
    assert cards == [("red", at("2021-10-21"), ""), ("yellow", at("2021-10-14"), "superseded")]
    assert row(PREPAID, [SIGNED, [*SIGNED, paid("2021-09-28")]], "2021-10-15").state == "at_risk"
    late = [*SIGNED, paid("2021-10-25T10:00")]
    assert [card.cleared_at for card in card_list(PREPAID, late, "2021-11-01")] == [
        at("2021-10-25T10:00"),
        at("2021-10-21"),
    ]


def test_an_aspirational_one_is_never_red() -> None:
    judge = bound("ratio:prepayment/contract_value", ">= 30 %", "20 working_days", strength="aspirational")
    assert standing(judge, SIGNED, "2021-11-01") == [("P", "yellow")]
    assert not judge.judge(SIGNED, at("2021-11-01")).nothing_to_publish


def test_a_soft_one_is_red_a_working_day_later_and_an_accepted_reason_excuses() -> None:
    judge = bound("ratio:prepayment/contract_value", ">= 30 %", "20 working_days", strength="soft")
    assert standing(judge, SIGNED, "2021-10-21T12:00") == [("P", "yellow")]
    assert standing(judge, SIGNED, "2021-10-22") == [("P", "red")]
    reason = [justified("2021-10-21", "accepted")]
    assert outcome(judge, [*SIGNED, *reason], "2021-11-01") is Outcome.JUSTIFIED
    assert outcome(judge, [*SIGNED, *reason, END], "2022-01-01") is Outcome.JUSTIFIED


def test_a_payment_reported_after_the_limit_and_dated_before_it_is_a_late_entry() -> None:
    late = paid("2021-10-19", received="2021-10-25")
    assert outcome(PREPAID, in_order([*SIGNED, late]), "2021-11-01") is Outcome.LATE_ENTRY
    in_time = paid("2021-10-19", received="2021-10-20T12:00")
    assert outcome(PREPAID, in_order([*SIGNED, in_time]), "2021-11-01") is Outcome.MET


FREE = bound("quantity:fee", "<= 0 CNY", "20 working_days")


def test_what_is_forbidden_is_judged_by_what_happened_until_the_limit() -> None:
    nothing, fee = measured("2021-09-17", "fee", 0), measured("2021-10-08", "fee", 5, id="5")
    after = measured("2021-10-21", "fee", 5, id="5")
    assert outcome(FREE, [START, nothing], "2021-10-20T12:00") is Outcome.OPEN
    found = judgement(FREE, [START, nothing, after], "2021-12-01")
    assert (found.outcome, found.day, found.stop) == (Outcome.MET, day("2021-10-20"), None)
    assert outcome(FREE, [START, nothing, fee], "2021-10-09") is Outcome.OVERDUE
    assert outcome(FREE, [START, nothing, fee], "2021-12-01") is Outcome.OVERDUE
    assert outcome(FREE, [START, nothing, fee, END], "2022-01-01") is Outcome.MISSED
    assert outcome(FREE, [START], "2021-12-01") is Outcome.UNMEASURED


def test_exactly_so_many_must_be_there_by_the_limit() -> None:
    judge = bound("milestone:inspection", "= 1 count", "20 working_days")
    once = inspections("2021-10-08")
    assert outcome(judge, once, "2021-10-20T12:00") is Outcome.OPEN
    assert outcome(judge, once, "2021-12-01") is Outcome.MET
    assert outcome(judge, [START], "2021-12-01") is Outcome.OVERDUE
    assert outcome(judge, inspections("2021-10-25"), "2021-12-01") is Outcome.OVERDUE
    assert standing(judge, [START], "2021-12-01") == [("P", "red")]
    late = milestone("2021-10-08", "inspection", received="2021-11-08")
    assert outcome(judge, in_order([START, late]), "2021-12-01") is Outcome.LATE_ENTRY


def test_a_date_and_the_promises_own_limit_mature_it_too() -> None:
    by_date = bound("milestone:inspection", ">= 1 count", date(2021, 12, 31))
    assert outcome(by_date, [START], "2021-12-31T23:59") is Outcome.OPEN
    assert outcome(by_date, [START], "2022-01-01") is Outcome.OVERDUE
    own = bound("milestone:inspection", ">= 1 count", "limit", limit="1 working_days")
    assert judgement(own, [START], "2021-09-17").due == end_of("2021-09-17")


def test_a_case_with_no_limit_of_its_own_is_matured_by_its_end() -> None:
    judge = bound("milestone:inspection", ">= 1 count", "limit", limit="committed_limit")
    assert outcome(judge, [START], "2022-01-01") is Outcome.OPEN
    assert outcome(judge, [*inspections("2021-09-17"), END], "2022-01-01") is Outcome.MET


# ---- in words -----------------------------------------------------------------------------------------------
def test_an_explanation_says_what_was_counted_and_until_when() -> None:
    explanation = explain(PREPAID, f"{WATER}\x1fW-1", [*SIGNED, paid("2021-09-28", 20)], at("2021-10-01"))
    (explained,) = explanation.cycles[0].promises
    assert explained.account is not None and str(explained.limit) == "20 working_days"
    (reported,) = machine_readable(explanation, PREPAID, [])["cycles"][0]["promises"]
    assert reported["counts"] == "prepayment占contract_value的比例 prepayment ÷ contract_value: 0.2"
    silent = explain(FREE, f"{WATER}\x1fW-1", [START], at("2021-10-01"))
    (reported,) = machine_readable(silent, FREE, [])["cycles"][0]["promises"]
    assert reported["counts"] == "fee: 未报送 unreported"


amounts = st.lists(st.tuples(st.integers(0, 60), st.integers(-5, 20)), max_size=6)


@given(amounts, st.integers(0, 60))
def test_met_by_the_limit_is_what_adding_up_by_hand_says(payments: list[tuple[int, int]], later: int) -> None:
    """Whatever was paid and given back, and whenever one looks after the limit."""
    zone, begin = PREPAID.law.zone, day("2021-09-17")
    facts = list(SIGNED)
    for number, (after, amount) in enumerate(payments):
        reported = paid("2021-09-17", amount, id=str(number))
        time = zone.midnight(begin + after)
        facts.append(reported._replace(time=time, received=time))
    by_limit = sum(amount for after, amount in payments if begin + after <= day("2021-10-20"))
    now = zone.midnight(day("2021-10-21") + later)
    found = outcome(PREPAID, in_order(facts), now)
    assert (found is Outcome.MET) == (by_limit >= 30)
