"""rule 14: what is reported in time is in time; from the limit until then its report is awaited."""

from datetime import date

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.judging.late_reports import FIRST_KNOWN_LATE, IN_WAIT
from services.domain.plan.plan import ServiceItem, Source
from services.domain.results.verdicts import verdicts_of
from tests.unit.cases import (
    ANSWERED,
    CN,
    ITEMS,
    OPERATIONS,
    SEALS,
    TITLE,
    WATER,
    accepted,
    at,
    card_list,
    completed,
    confirmed,
    correction,
    end_of,
    fulfilled,
    in_order,
    judge_of,
    judgement,
    justified,
    measured,
    milestone,
    node_started,
    outcome,
    plan,
    promise,
    row,
    standing,
    upserted,
)

START = accepted(
    "2021-09-16T09:00"
)  # until the end of 2021-09-23; the source reports within 2 working days: 2021-09-26
END = "2021-10-20"


def source(id: str = WATER, **given: object) -> Source:
    return Source.model_validate({"id": id, "units": ["works"], "usual_delay": "2 working_days", **given})


SLOW = [source()]
WATER_JUDGE = judge_of(promise(), sources=SLOW)


def signals(judge: Judge, facts: list[Fact], name: str) -> list[tuple[str, str]]:
    return [(each.unit, each.item) for each in judge.judge(in_order(facts), at(END)).judgements if each.kpi == name]


# ---- the deadline ------------------------------------------------------------------------------------------------
def test_a_case_past_its_limit_is_awaited_until_its_report_cannot_come_in_time_any_more() -> None:
    for now, wanted in (
        ("2021-09-23T23:59", Outcome.OPEN),
        ("2021-09-24T00:00", Outcome.AWAITING),
        ("2021-09-26T23:59", Outcome.AWAITING),  # a make-up working day
        ("2021-09-27T00:00", Outcome.OVERDUE),
    ):
        assert outcome(WATER_JUDGE, [START], now) is wanted, now
    awaited = judgement(WATER_JUDGE, [START], "2021-09-25")
    assert (awaited.due, awaited.reported_by) == (end_of("2021-09-23"), end_of("2021-09-26"))


def test_yellow_stays_and_red_comes_with_the_end_of_the_wait() -> None:
    assert standing(WATER_JUDGE, [START], "2021-09-25") == [("P", "yellow")]
    red, yellow = card_list(WATER_JUDGE, [START], END)
    assert (red.level, red.raised_at, red.due_at) == ("red", at("2021-09-27"), end_of("2021-09-23"))
    assert (yellow.cleared_at, yellow.reason) == (at("2021-09-27"), "superseded")


def test_an_awaited_case_is_in_no_n_and_never_plainly_met() -> None:
    done = [accepted("2021-09-16T10:00"), completed("2021-09-17T09:00")]
    found = row(WATER_JUDGE, [[START], done], "2021-09-25", last_reports={WATER: "2021-09-24T09:00"})
    assert (found.n, found.numerator, found.awaiting_n, found.open_overdue) == ("1", "1", "1", "0")
    assert found.state == "at_risk"


def test_what_is_reported_in_time_is_in_time_and_leaves_no_trace_but_a_signal() -> None:
    facts = [START, completed("2021-09-22T09:00", received="2021-09-26T12:00")]
    assert outcome(WATER_JUDGE, facts, END) is Outcome.MET
    assert not verdicts_of(WATER_JUDGE.judge(in_order(facts), at(END)))
    (yellow,) = card_list(WATER_JUDGE, facts, END)
    assert (yellow.level, yellow.cleared_at) == ("yellow", at("2021-09-26T12:00"))
    assert signals(WATER_JUDGE, facts, IN_WAIT) == [(WATER, "-")]


def test_what_is_reported_after_that_is_a_late_entry() -> None:
    facts = [START, completed("2021-09-22T09:00", received="2021-09-27T09:00")]
    assert outcome(WATER_JUDGE, facts, END) is Outcome.LATE_ENTRY
    assert signals(WATER_JUDGE, facts, IN_WAIT) == []
    assert outcome(WATER_JUDGE, [*facts, confirmed("2021-10-08")], END) is Outcome.MET


def test_a_stop_that_is_reported_to_have_come_late_is_a_miss_at_once() -> None:
    facts = [START, completed("2021-09-24T09:00")]
    assert outcome(WATER_JUDGE, facts, "2021-09-24T09:01") is Outcome.MISSED


def test_of_several_stops_one_that_is_known_to_be_late_ends_the_wait_for_the_others() -> None:
    judge = judge_of(promise(stop=("milestone:a", "milestone:b")), sources=SLOW)
    assert outcome(judge, [START], "2021-09-25") is Outcome.AWAITING
    assert outcome(judge, [START, milestone("2021-09-22T09:00", "a")], "2021-09-25") is Outcome.AWAITING
    assert outcome(judge, [START, milestone("2021-09-24T09:00", "a")], "2021-09-25") is Outcome.OVERDUE


@pytest.mark.parametrize(
    ("sources", "since"),
    [
        ([source(reports_within="4 working_days")], "2021-09-29"),
        ([source(real_time=True)], "2021-09-24"),
        ([source(usual_delay=None)], "2021-09-24"),
        ([source(), source("/units/other", usual_delay="9 working_days")], "2021-09-27"),
        ([source(), source("/units/other", usual_delay="4 working_days", owners=[WATER])], "2021-09-29"),
        ([source(), source("/units/other", usual_delay="9 working_days", owners=[WATER], feeds=["x"])], "2021-09-27"),
        ([source(), source(OPERATIONS, usual_delay="9 working_days", owners=["*"], operations=True)], "2021-09-27"),
    ],
    ids=["its own time", "real-time", "no delay", "not entitled", "the slowest", "feeds another", "operations"],
)  # fmt: skip
def test_the_slowest_source_that_may_report_the_stop_decides(sources: list[Source], since: str) -> None:
    judge = judge_of(promise(), sources=sources)
    (red,) = [card for card in card_list(judge, [START], END) if card.level == "red"]
    assert red.raised_at == at(since)


def test_a_milestone_is_awaited_of_the_source_that_is_registered_for_it() -> None:
    items = ITEMS | {"water": ServiceItem(code="water", title=TITLE, milestones=("connected", "sealed"))}
    seals = source(SEALS, usual_delay="4 working_days", owners=[WATER], milestones=["sealed"], units=["seals"])
    for stop, since in (("connected", "2021-09-27"), ("sealed", "2021-09-29")):
        judge = judge_of(promise(stop=f"milestone:{stop}"), sources=[source(), seals], items=items)
        (red,) = [card for card in card_list(judge, [START], END) if card.level == "red"]
        assert red.raised_at == at(since), stop


def test_an_open_plan_waits_for_nobody() -> None:
    closed = plan(promise(), sources=SLOW)
    judge = Judge(closed.model_copy(update={"head": closed.head.model_copy(update={"open": True})}), CN)
    assert outcome(judge, [START], "2021-09-24") is Outcome.OVERDUE


# ---- strength ------------------------------------------------------------------------------------------------------
def test_a_soft_promise_is_red_at_the_later_of_the_report_and_one_working_day() -> None:
    for delay, since in (("2 working_days", "2021-09-27"), ("60 minutes", "2021-09-25")):
        judge = judge_of(promise(strength="soft"), sources=[source(usual_delay=delay)])
        (red,) = [card for card in card_list(judge, [START], END) if card.level == "red"]
        assert red.raised_at == at(since), delay
    judge = judge_of(promise(strength="soft"), sources=SLOW)
    rejected = [START, justified("2021-09-24T09:00", "requested"), justified("2021-09-25T09:00", "rejected")]
    assert standing(judge, rejected, "2021-09-26") == [("P", "yellow")]
    assert standing(judge, rejected, "2021-09-27T00:01") == [("P", "red")]


def test_a_node_waits_for_its_report_too() -> None:
    started = node_started("2021-09-16T10:00", "survey", limit={"amount": 1, "unit": "working_days"})
    found = judgement(WATER_JUDGE, [START, started], "2021-09-17").nodes[0]
    assert (found.due, found.red_at) == (end_of("2021-09-17"), at("2021-09-23"))


# ---- shares and bounds -------------------------------------------------------------------------------------------
ANSWERED_LATER = judge_of(ANSWERED, sources=SLOW)


def test_a_share_with_a_limit_awaits_its_stop() -> None:
    assert outcome(ANSWERED_LATER, [START], "2021-09-25") is Outcome.AWAITING
    assert outcome(ANSWERED_LATER, [START], "2021-09-27") is Outcome.OVERDUE
    answered = milestone("2021-09-22T09:00", "answered", received="2021-09-25T12:00")
    assert outcome(ANSWERED_LATER, [START, answered], END) is Outcome.MET
    late = milestone("2021-09-22T09:00", "answered", received="2021-09-28T12:00")
    assert outcome(ANSWERED_LATER, [START, late], END) is Outcome.LATE_ENTRY


@pytest.mark.parametrize(
    "given", [{"where": {"reached": "checked"}}, {"where": {"stopped": True}, "stop": "milestone:checked"}],
    ids=["reached", "stopped"],
)  # fmt: skip
def test_a_share_that_the_completion_matures_awaits_its_steps(given: dict[str, object]) -> None:
    judge = judge_of(
        promise(kind="case_share", objective=">= 100 %", limit=None, matures_at="completion", **given), sources=SLOW
    )
    done = [START, completed("2021-09-22T09:00")]
    assert outcome(judge, done, "2021-09-23T12:00") is Outcome.AWAITING
    assert outcome(judge, done, END) is Outcome.MISSED
    in_time = milestone("2021-09-21T09:00", "checked", received="2021-09-23T12:00")
    assert outcome(judge, [*done, in_time], END) is Outcome.MET
    afterwards = milestone("2021-09-23T09:00", "checked")
    assert outcome(judge, [*done, afterwards], "2021-09-23T12:00") is Outcome.MISSED
    too_late = milestone("2021-09-21T09:00", "checked", received="2021-09-28T12:00")
    assert outcome(judge, [*done, too_late], END) is Outcome.LATE_ENTRY


def test_a_bound_that_a_limit_matures_awaits_what_it_demands() -> None:
    judge = judge_of(
        promise(
            kind="case_bound", counts=("quantity:paid",), bound=">= 30 CNY", limit=None, matures_at="4 working_days"
        ),
        sources=SLOW,
    )
    assert outcome(judge, [START], "2021-09-25") is Outcome.AWAITING
    assert standing(judge, [START], "2021-09-25") == [("P", "yellow")]
    assert outcome(judge, [START], "2021-09-27") is Outcome.OVERDUE


ORDER = judge_of(
    promise(kind="case_bound", counts=("order:a<b",), bound="<= 0 count", matures_at="completion"), sources=SLOW
)


def test_an_order_awaits_the_first_step_while_only_the_second_is_known() -> None:
    facts = [START, milestone("2021-09-22T09:00", "b")]
    assert outcome(ORDER, facts, "2021-09-24T12:00") is Outcome.AWAITING
    assert standing(ORDER, facts, "2021-09-24T12:00") == []
    assert outcome(ORDER, facts, "2021-09-25") is Outcome.OVERDUE
    assert outcome(ORDER, [*facts, milestone("2021-09-23T09:00", "a")], "2021-09-23T10:00") is Outcome.OVERDUE
    in_time = milestone("2021-09-21T09:00", "a", received="2021-09-24T12:00")
    assert outcome(ORDER, [*facts, in_time, completed("2021-10-08T09:00")], END) is Outcome.MET


def test_a_first_step_that_is_reported_late_is_a_late_entry_also_before_the_case_matures() -> None:
    late = milestone("2021-09-21T09:00", "a", received="2021-09-27T12:00")
    facts = [START, milestone("2021-09-22T09:00", "b"), late, completed("2021-10-08T09:00")]
    assert outcome(ORDER, facts, END) is Outcome.LATE_ENTRY


# ---- duties and dated counts ---------------------------------------------------------------------------------------
def test_a_duty_is_awaited_of_its_source_before_it_is_missed() -> None:
    judge = judge_of(promise(kind="duty", select={}, duty="report", period="month", owed_by=("works",)), sources=SLOW)
    quiet = row(judge, [], "2021-10-01", unit="works", window="month")
    assert (quiet.n, quiet.awaiting_n) == ("0", "1")
    assert row(judge, [], "2021-10-09", unit="works", window="90d").awaiting_n == "1"  # 10-08 and 10-09 are worked
    september = row(judge, [], "2021-10-10", unit="works", window="year", last_reports={WATER: "2021-10-09T09:00"})
    assert (september.n, september.awaiting_n, september.state) == ("9", "0", "missed")
    in_time = fulfilled("2021-09-30T17:00", "2021-09", received="2021-10-09T09:00")
    assert judgement(judge, [in_time], END).outcome is Outcome.MET
    too_late = fulfilled("2021-09-30T17:00", "2021-09", received="2021-10-11T09:00")
    assert judgement(judge, [too_late], END).outcome is Outcome.LATE_ENTRY


def test_a_dated_count_is_judged_when_what_was_reached_by_its_date_can_be_known() -> None:
    judge = judge_of(
        promise(
            kind="catalogue", select={}, statistic="count", collection="catalogue", objective=">= 1 items",
            by=date(2021, 9, 30), windows=("now",), official_window="now",
        ),
        sources=SLOW,
    )  # fmt: skip

    def state(facts: list[Fact], as_of: str) -> str:
        return row(judge, [facts], as_of, window="now", last_reports={WATER: as_of}).state

    other = upserted("2021-10-05T09:00", unit="works")
    assert state([other], "2021-10-09") in ("at_risk", "provisional")
    assert state([other], "2021-10-11") == "missed"
    in_time = upserted("2021-09-29T09:00")._replace(received=at("2021-10-09T09:00"))
    assert state([in_time], "2021-10-11") == "met"
    too_late = in_time._replace(received=at("2021-10-12T09:00"))
    assert state([too_late], "2021-10-13") == "missed"


# ---- what is first known late, and slips ---------------------------------------------------------------------------
def test_a_case_of_which_nothing_was_known_by_then_is_judged_by_what_it_says_and_counted_per_source() -> None:
    late = "2021-09-28T09:00"
    facts = [accepted("2021-09-16T09:00", received=late), completed("2021-09-17T09:00", received=late)]
    assert outcome(WATER_JUDGE, facts, END) is Outcome.MET
    assert signals(WATER_JUDGE, facts, FIRST_KNOWN_LATE) == [(WATER, "-")]
    sooner = [fact._replace(received=at("2021-09-26T09:00")) for fact in facts]
    assert signals(WATER_JUDGE, sooner, FIRST_KNOWN_LATE) == []


PAID = judge_of(
    promise(kind="case_bound", counts=("quantity:paid",), bound=">= 30 CNY", limit=None, matures_at="4 working_days"),
    sources=SLOW,
)
FEW_CHECKS = judge_of(
    promise(kind="case_bound", counts=("milestone:check",), bound="<= 2 count", matures_at="4 working_days"),
    sources=SLOW,
)


@pytest.mark.parametrize(
    ("judge", "did"),
    [
        (ANSWERED_LATER, milestone("2021-09-22T09:00", "answered")),
        (PAID, measured("2021-09-22T09:00", "paid", 30)),
        (FEW_CHECKS, milestone("2021-09-22T09:00", "check")),
    ],
    ids=["a share", "a bound that demands", "a bound that caps"],
)
def test_so_is_a_case_of_a_share_or_a_bound_that_time_matures(judge: Judge, did: Fact) -> None:
    facts = [START, did, completed("2021-09-23T09:00")]

    def known_from(received: str) -> list[tuple[str, str]]:
        arrived = [fact._replace(received=at(received)) for fact in facts]
        assert outcome(judge, arrived, END) is Outcome.MET
        return signals(judge, arrived, FIRST_KNOWN_LATE)

    assert known_from("2021-09-28T09:00") == [(WATER, "-")]
    assert known_from("2021-09-26T23:59") == []
    begun = [facts[0], *(fact._replace(received=at("2021-09-28T09:00")) for fact in facts[1:])]
    assert signals(judge, begun, FIRST_KNOWN_LATE) == []  # it was known


def test_a_duty_of_which_nothing_was_known_is_a_late_entry_and_counted_as_that() -> None:
    """It is owed whether anything is known of it or not; so is what a dated count counts."""
    judge = judge_of(promise(kind="duty", select={}, duty="report", period="month", owed_by=("works",)), sources=SLOW)
    late = [fulfilled("2021-09-30T17:00", "2021-09", received="2021-10-11T09:00")]
    assert outcome(judge, late, END) is Outcome.LATE_ENTRY
    assert signals(judge, late, FIRST_KNOWN_LATE) == []


AT_ONCE = judge_of(promise())


def slip(entered: str, true: str, reported: str, put_right: str) -> list[Fact]:
    """An acceptance entered with a wrong time, and its correction."""
    wrong = accepted(entered, received=reported)
    return [wrong, correction(put_right, wrong, accepted(true))]


def test_a_wrong_month_that_is_put_right_at_once_costs_nothing() -> None:
    facts = slip("2021-10-12T10:00", "2021-11-12T10:00", "2021-11-12T10:00", "2021-11-12T10:05")
    assert outcome(AT_ONCE, facts, "2021-11-13") is Outcome.OPEN
    done = [*facts, completed("2021-11-16T10:00")]
    assert outcome(AT_ONCE, done, "2021-12-01") is Outcome.MET
    assert not any(card.cleared_at is None for card in card_list(AT_ONCE, done, "2021-12-01"))
    assert outcome(AT_ONCE, [*facts, completed("2021-11-19T10:00")], "2021-12-01") is Outcome.MISSED


@pytest.mark.parametrize("put_right", ["2021-11-16T10:05", "2021-11-18T10:00"])
def test_a_slip_after_which_no_limit_passed_costs_nothing_whenever_it_is_put_right(put_right: str) -> None:
    """Entered as of the Friday before: its limit, 11-18, was still to come when it was corrected."""
    facts = slip("2021-11-12T10:00", "2021-11-16T10:00", "2021-11-16T10:00", put_right)
    assert outcome(AT_ONCE, [*facts, completed("2021-11-22T10:00")], "2021-12-01") is Outcome.MET


@pytest.mark.parametrize(
    ("put_right", "wanted"),
    [("2021-11-12T23:59", Outcome.MET), ("2021-11-16T23:00", Outcome.MET), ("2021-11-17T00:00", Outcome.LATE_ENTRY)],
)
def test_a_slip_may_be_put_right_within_what_its_source_takes_to_report(put_right: str, wanted: Outcome) -> None:
    facts = slip("2021-10-12T10:00", "2021-11-12T09:00", "2021-11-12T10:00", put_right)
    assert outcome(WATER_JUDGE, [*facts, completed("2021-11-17T10:00")], "2021-12-01") is wanted


def test_a_correction_that_comes_later_does_not_buy_a_new_limit() -> None:
    """Accepted on 10-12 and moved on 10-29 to 10-28: the limit of 10-18 had passed."""
    facts = slip("2021-10-12T10:00", "2021-10-28T10:00", "2021-10-12T10:00", "2021-10-29T09:00")
    assert outcome(AT_ONCE, [*facts, completed("2021-10-29T10:00")], "2021-12-01") is Outcome.LATE_ENTRY


def test_an_acceptance_cannot_be_moved_past_the_moment_at_which_it_was_reported() -> None:
    """An hour's limit that has run out is not bought again on the same day."""
    judge = judge_of(promise(limit="60 minutes"))
    facts = slip("2021-11-12T09:00", "2021-11-12T15:00", "2021-11-12T09:00", "2021-11-12T15:30")
    assert outcome(judge, [*facts, completed("2021-11-12T15:40")], "2021-12-01") is Outcome.LATE_ENTRY


def test_the_last_of_several_corrections_that_came_at_once_counts() -> None:
    wrong = accepted("2021-10-12T10:00", received="2021-11-12T10:00")
    first = correction("2021-11-12T10:05", wrong, accepted("2021-10-13T10:00"))
    second = correction("2021-11-12T10:07", wrong, accepted("2021-11-12T10:00"))
    assert outcome(AT_ONCE, [wrong, first, second, completed("2021-11-16T10:00")], "2021-12-01") is Outcome.MET
