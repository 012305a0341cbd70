"""rule 14: a verdict may change, nothing is erased; what arrives after the limit is outside the numerator."""

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.results.verdicts import verdicts_of
from tests.unit.cases import (
    NO_FEE,
    accepted,
    applied,
    at,
    card_list,
    completed,
    confirmed,
    correction,
    extended,
    folded,
    fulfilled,
    in_order,
    judge_of,
    judgement,
    measured,
    milestone,
    outcome,
    promise,
    reclassified,
    resumed,
    row,
    standing,
    suspended,
    withdrawn,
)

WATER = judge_of(promise(clock_stops=("hearing",), extension_moves_limit=True))
START = accepted("2021-09-16T09:00")  # until the end of 2021-09-23
LATE = "2021-09-27T09:00"
END = "2021-10-20"


def verdicts(judge: Judge, facts: list[Fact], now: str = END) -> list[tuple[str, str]]:
    return [(each.kpi, each.verdict) for each in verdicts_of(judge.judge(in_order(facts), at(now)))]


CURES = {
    "a completion dated earlier": [completed("2021-09-22T09:00", received=LATE)],
    "a correction": [
        completed("2021-09-25T09:00"),
        correction(LATE, completed("2021-09-25T09:00"), completed("2021-09-22T09:00")),
    ],
    "a correction of the start": [
        completed("2021-09-25T09:00"),
        correction(LATE, START, accepted("2021-09-22T09:00")),
    ],
    "a suspension": [
        suspended("2021-09-17T08:00", received=LATE),
        resumed("2021-09-24T08:00", received=LATE),
        completed("2021-09-26T09:00"),
    ],
    "an extension": [extended("2021-09-20T09:00", 5, received=LATE), completed("2021-09-26T09:00")],
    "a withdrawal dated earlier": [withdrawn("2021-09-22T09:00", received=LATE)],
}


@pytest.mark.parametrize("cure", CURES.values(), ids=CURES.keys())
def test_what_arrives_after_the_limit_stays_outside_the_numerator_until_confirmed(cure: list[Fact]) -> None:
    facts = [START, *cure]
    assert outcome(WATER, facts, END) is Outcome.LATE_ENTRY
    found = row(WATER, [facts], END)
    assert (found.numerator, found.denominator, found.late_entry_n, found.state) == ("0", "1", "1", "missed")
    assert verdicts(WATER, facts) == [("P", "met_by_late_entry")]
    accepted_by_operations = [*facts, confirmed("2021-10-08T09:00")]
    assert outcome(WATER, accepted_by_operations, END) in (Outcome.MET, Outcome.WITHDRAWN)
    assert row(WATER, [accepted_by_operations], END).late_entry_n == "0"
    assert verdicts(WATER, accepted_by_operations) == [("P", "reversed")]
    rejected = [*facts, confirmed("2021-10-08T09:00", "rejected")]
    assert outcome(WATER, rejected, END) is Outcome.LATE_ENTRY


@pytest.mark.parametrize("cure", CURES.values(), ids=CURES.keys())
def test_the_same_in_time_is_simply_true(cure: list[Fact]) -> None:
    in_time = [fact._replace(received=min(fact.received, at("2021-09-23"))) for fact in cure]
    assert outcome(WATER, [START, *in_time], END) in (Outcome.MET, Outcome.WITHDRAWN)


def test_a_reclassification_that_takes_a_late_case_out_of_the_promise_is_a_late_entry() -> None:
    judge = judge_of(
        promise(id="P", select={"service_item": "water", "line": False}),
        promise(id="Q", select={"service_item": "water", "line": True}, limit="20 working_days"),
    )
    start = accepted("2021-09-16T09:00", attributes={"line": False})
    late = [start, completed("2021-09-25T09:00"), reclassified(LATE, attributes={"line": True})]
    assert outcome(judge, late, END, "P") is Outcome.LATE_ENTRY
    assert outcome(judge, late, END, "Q") is Outcome.MET
    assert row(judge, [late], END, kpi="P").denominator == "1"
    sooner = [start, reclassified("2021-09-20", attributes={"line": True}), completed("2021-09-25T09:00")]
    assert outcome(judge, sooner, END, "P") is None
    assert row(judge, [[*late, confirmed("2021-10-08T09:00")]], END, kpi="P").denominator == "0"


def test_a_second_acceptance_that_takes_a_late_case_out_of_the_promise_is_one_too() -> None:
    judge = judge_of(promise(select={"service_item": "water", "size": "small"}))
    small = accepted("2021-09-16T09:00", attributes={"size": "small"})
    large = accepted("2021-09-15T09:00", attributes={"size": "large"}, received=LATE)
    assert outcome(judge, [small, large], END) is Outcome.LATE_ENTRY


@pytest.mark.parametrize(
    "rewrite",
    [
        milestone("2021-10-08T09:00", "connected", attributes={"size": "large"}),
        completed("2021-10-08T09:00", attributes={"size": "large"}),
    ],
    ids=["a milestone", "the completion"],
)
def test_nothing_that_says_otherwise_of_a_late_case_lets_it_go_from_the_promise(rewrite: Fact) -> None:
    judge = judge_of(promise(select={"service_item": "water", "size": "small"}))
    facts = [accepted("2021-09-16T09:00", attributes={"size": "small"}), rewrite]
    assert outcome(judge, facts, END) is Outcome.LATE_ENTRY
    assert verdicts(judge, facts) == [("P", "met_by_late_entry")]
    assert not judge.judge(in_order(facts), at(END)).nothing_to_publish
    assert outcome(judge, [*facts, confirmed("2021-10-12T09:00")], END) is None


def test_an_acceptance_that_says_otherwise_than_the_application_does_not_either() -> None:
    judge = judge_of(promise(select={"service_item": "water", "size": "small"}, start="applied"))
    small = applied("2021-09-16T09:00", attributes={"size": "small"})
    large = accepted("2021-10-08T09:00", attributes={"size": "large"})
    assert outcome(judge, [small, large], END) is Outcome.LATE_ENTRY


def test_what_says_the_same_again_or_something_new_costs_a_case_nothing() -> None:
    small = accepted("2021-09-16T09:00", attributes={"size": "small"})
    again = milestone("2021-09-18T09:00", "surveyed", attributes={"size": "small", "line": True})
    assert folded(WATER, small, again, completed("2021-09-20T09:00", attributes={"line": True}))[0].only_simple_facts


def test_a_list_that_was_too_long_and_is_reported_shorter_later_is_a_late_entry() -> None:
    judge = judge_of(
        promise(kind="case_bound", counts=("attribute:terminals",), bound="<= 1 count", matures_at="completion")
    )
    facts = [
        accepted("2021-09-16T09:00", attributes={"terminals": ["computer", "counter"]}),
        completed("2021-09-17T09:00", attributes={"terminals": ["computer"]}),
    ]
    assert outcome(judge, facts, END) is Outcome.LATE_ENTRY
    assert outcome(judge, [*facts, confirmed("2021-10-08")], END) is Outcome.MET


def test_what_turns_a_hit_into_a_miss_is_believed_at_once() -> None:
    done = completed("2021-09-22T09:00")
    facts = [START, done, correction(LATE, done, completed("2021-09-25T09:00"))]
    assert outcome(WATER, facts, END) is Outcome.MISSED


def test_a_case_that_is_reported_all_at_once_after_its_limit_was_never_missed() -> None:
    """Nothing was known of it while it was late: backdated entry, not late entry."""
    facts = [accepted("2021-09-16T09:00", received=LATE), completed("2021-09-17T09:00", received=LATE)]
    assert outcome(WATER, facts, END) is Outcome.MET


def test_one_arrival_that_completes_an_overdue_case_in_time_resolves_its_card() -> None:
    facts = [START, completed("2021-09-22T09:00", received=LATE)]
    (red, yellow) = card_list(WATER, facts, END)
    assert (red.level, red.raised_at, red.cleared_at, red.reason) == ("red", at("2021-09-24"), at(LATE), "completed")
    assert (yellow.level, yellow.reason) == ("yellow", "superseded")
    assert standing(WATER, facts, "2021-09-26") == [("P", "red")]


def test_an_overdue_case_that_a_late_suspension_reopens_is_a_reversal_and_a_late_entry_when_it_closes() -> None:
    facts = [START, suspended("2021-09-17T08:00", received=LATE)]
    assert outcome(WATER, facts, END) is Outcome.OPEN
    assert verdicts(WATER, facts) == [("P", "reversed")]
    closed = [*facts, resumed("2021-10-18T08:00"), completed("2021-10-18T09:00")]
    assert outcome(WATER, closed, END) is Outcome.LATE_ENTRY


def test_a_miss_that_stays_a_miss_is_no_reversal() -> None:
    facts = [START, suspended("2021-09-28T08:00"), completed("2021-10-18T09:00")]
    assert verdicts(WATER, facts) == [("P", "missed")]


SHARE = judge_of(
    promise(
        kind="case_share", where={"stopped": True}, stop="milestone:answered", matures_at="4 working_days",
        objective=">= 95 %",
    )
)  # fmt: skip


def test_a_share_is_not_bettered_by_late_entry_either() -> None:
    late = [START, milestone("2021-09-22T09:00", "answered", received=LATE)]
    assert outcome(SHARE, late, END) is Outcome.LATE_ENTRY
    in_time = [START, milestone("2021-09-22T09:00", "answered")]
    assert outcome(SHARE, in_time, END) is Outcome.MET


CHECKED = judge_of(
    promise(kind="case_share", where={"reached": "checked"}, objective=">= 100 %", limit=None, matures_at="completion")
)


def test_what_a_clock_that_is_ahead_says_of_the_future_had_not_happened_yet() -> None:
    """The completion arrives four minutes before it happens, the step that it waits for in the minute between."""
    reported = [
        START,
        completed("2021-09-20T09:04", received="2021-09-20T09:00"),
        milestone("2021-09-18T09:00", "checked", received="2021-09-20T09:03"),
    ]
    assert outcome(CHECKED, reported, END) is Outcome.MET
    later = [*reported[:2], milestone("2021-09-18T09:00", "checked", received="2021-09-20T09:06")]
    assert outcome(CHECKED, later, END) is Outcome.LATE_ENTRY


def test_a_refund_heals_a_breach_only_when_it_is_confirmed() -> None:
    judge = judge_of(promise(kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY", matures_at="completion"))
    facts = [
        START,
        measured("2021-09-16T10:00", "fee", 5),
        completed("2021-09-17T09:00"),
        measured("2021-09-20T10:00", "fee", -5),
    ]
    assert outcome(judge, facts, END) is Outcome.LATE_ENTRY
    assert outcome(judge, [*facts, confirmed("2021-10-08")], END) is Outcome.MET


FREE = judge_of(NO_FEE)
CHARGED = measured("2021-09-17T10:00", "fee", 80)


@pytest.mark.parametrize(
    "ends",
    [
        measured("2021-09-17T10:05", "fee", -80),
        correction("2021-09-17T10:05", CHARGED, measured("2021-09-17T10:00", "fee", 0)),
        correction("2021-09-17T10:05", CHARGED, None),
    ],
    ids=["refunded", "corrected", "struck out"],
)
def test_a_fee_that_is_taken_back_before_the_case_matures_was_never_a_miss(ends: Fact) -> None:
    checked = measured("2021-09-17T10:06", "fee", 0)
    facts = [START, CHARGED, ends, checked]
    assert outcome(FREE, [START, CHARGED], "2021-09-17T10:04") is Outcome.OVERDUE
    assert outcome(FREE, facts, "2021-09-18") is Outcome.OPEN
    assert verdicts(FREE, facts, "2021-09-18") == [("P", "reversed")]
    done = [*facts, completed("2021-09-20T09:00")]
    assert outcome(FREE, done, END) is Outcome.MET
    found = row(FREE, [done], END)
    assert (found.numerator, found.denominator, found.late_entry_n, found.state) == ("1", "1", "0", "met")
    (red,) = card_list(FREE, done, END)
    assert (red.level, red.raised_at, red.cleared_at) == ("red", at("2021-09-17T10:00"), at("2021-09-17T10:05"))


def test_a_fee_that_stays_until_the_case_matures_is_a_miss_whatever_is_refunded_then() -> None:
    done = completed("2021-09-20T09:00")
    assert outcome(FREE, [START, CHARGED, done], END) is Outcome.MISSED
    refund = measured("2021-09-22T09:00", "fee", -80)
    assert outcome(FREE, [START, CHARGED, done, refund], END) is Outcome.LATE_ENTRY


def test_a_completion_that_is_reported_after_the_refund_does_not_make_the_refund_an_early_one() -> None:
    done = completed("2021-09-20T09:00", received="2021-09-24T09:00")
    facts = [START, CHARGED, measured("2021-09-22T09:00", "fee", -80), done]
    assert outcome(FREE, facts, END) is Outcome.LATE_ENTRY
    assert verdicts(FREE, facts) == [("P", "met_by_late_entry")]
    assert outcome(FREE, [*facts, confirmed("2021-10-08T09:00")], END) is Outcome.MET


DONE_LATER = completed("2021-09-20T09:00", received="2021-09-24T09:00")
REFUND = measured("2021-09-22T09:00", "fee", -80)


@pytest.mark.parametrize(
    "later",
    [
        measured("2021-09-18T09:00", "fee", -80, received="2021-10-08T09:00"),
        correction("2021-10-08T09:00", DONE_LATER, completed("2021-09-23T09:00")),
        correction("2021-10-08T09:00", REFUND, measured("2021-09-18T09:00", "fee", -80)),
        correction("2021-10-08T09:00", CHARGED, measured("2021-09-17T10:00", "fee", 0)),
        correction("2021-10-08T09:00", CHARGED, None),
    ],
    ids=["second refund", "completion moved", "refund moved", "fee corrected", "fee struck out"],
)
def test_what_is_backdated_after_a_late_refund_makes_no_refund_in_time(later: Fact) -> None:
    facts = [START, CHARGED, REFUND, DONE_LATER, later]
    assert outcome(FREE, facts[:-1], END) is Outcome.LATE_ENTRY
    assert outcome(FREE, facts, END) is Outcome.LATE_ENTRY
    assert verdicts(FREE, facts) == [("P", "met_by_late_entry")]
    for through in ("2021-09-24T09:00", "2021-10-08T09:00"):
        decision = confirmed("2021-10-12T09:00", cycle=1, through=through)
        assert outcome(FREE, [*facts, decision], END) is Outcome.MET


def test_a_case_that_leaves_a_promise_with_a_breach_that_had_not_matured_leaves_no_miss() -> None:
    judge = judge_of(
        promise(
            kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY", matures_at="completion",
            select={"service_item": "water", "size": "small"},
        )
    )  # fmt: skip
    small = accepted("2021-09-16T09:00", attributes={"size": "small"})
    facts = [small, CHARGED, reclassified("2021-09-18T09:00", attributes={"size": "large"})]
    assert outcome(judge, facts, END) is None


def test_a_step_reported_too_late_heals_a_breach_of_order_only_when_it_is_confirmed() -> None:
    judge = judge_of(promise(kind="case_bound", counts=("order:a<b",), bound="<= 0 count", matures_at="completion"))
    facts = [START, milestone("2021-09-18T09:00", "b"), completed("2021-09-20T09:00")]
    first = milestone("2021-09-17T09:00", "a")
    assert outcome(judge, [*facts, first], END) is Outcome.MET
    assert outcome(judge, [*facts, first._replace(received=at(LATE))], END) is Outcome.LATE_ENTRY


def test_a_report_that_a_correction_makes_another_months_arrives_with_the_correction() -> None:
    judge = judge_of(promise(kind="duty", select={}, duty="report", period="month", owed_by=("works",)))
    september = fulfilled("2021-09-28T09:00", "2021-09")
    october = correction("2021-12-10T09:00", september, fulfilled("2021-09-28T09:00", "2021-10"))
    assert judgement(judge, [september, october], "2021-12-11").outcome is Outcome.LATE_ENTRY
    assert verdicts(judge, [september, october], "2021-12-11") == [("P", "met_by_late_entry")]
    too_late = fulfilled("2021-10-02T09:00", "2021-09")
    backdated = correction("2021-12-10T09:00", too_late, fulfilled("2021-09-29T09:00", "2021-09"))
    assert judgement(judge, [too_late, backdated], "2021-12-11").outcome is Outcome.LATE_ENTRY
    in_time = correction("2021-09-29T09:00", september, fulfilled("2021-09-28T10:00", "2021-09"))
    worded = correction("2021-12-10T09:00", september, fulfilled("2021-09-28T10:00", "2021-09"), id="words")
    assert judgement(judge, [september, in_time, worded], "2021-12-11").outcome is Outcome.MET


def test_a_report_that_arrives_after_its_due_day_waits_for_confirmation() -> None:
    judge = judge_of(promise(kind="duty", select={}, duty="report", period="month", owed_by=("works",)))
    late = fulfilled("2021-09-30T17:00", "2021-09", received="2021-10-08T09:00")
    assert judgement(judge, [late], END).outcome is Outcome.LATE_ENTRY
    assert verdicts(judge, [late]) == [("P", "met_by_late_entry")]
    believed = [late, confirmed("2021-10-09T09:00")]
    assert judgement(judge, believed, END).outcome is Outcome.MET
    assert all(each.kpi == "P" for each in judge.judge(in_order(believed), at(END)).judgements)
    assert row(judge, [believed], "2021-11-01", window="quarter").numerator == "0"  # October was not reported
