"""rule 12: silence is not good news: stale sources, facts that nobody reported, duties that nobody did."""

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import Source
from tests.unit.cases import (
    NO_FEE,
    accepted,
    card_list,
    completed,
    fulfilled,
    judge_of,
    measured,
    milestone,
    outcome,
    promise,
    row,
    standing,
    withdrawn,
)

GOOD = [accepted("2021-09-16T09:00"), completed("2021-09-17T09:00")]


def source(id: str, **given: object) -> Source:
    return Source.model_validate({"id": id, "units": ["works"], "feeds": ["water"], **given})


# ---- sources ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("as_of", "state"),
    [
        ("2021-09-29T10:00", "met"),
        ("2021-09-30T10:00", "stale"),
        ("2021-09-30T09:00:00.000001", "met"),
        ("2021-09-30T09:00:00.000002", "stale"),
    ],
)
def test_a_source_that_is_silent_for_longer_than_usual_makes_its_promises_stale(as_of: str, state: str) -> None:
    judge = judge_of(promise(), sources=[source("/units/water", usual_delay="2 working_days")])
    assert row(judge, [GOOD], as_of, last_reports={"/units/water": "2021-09-28T09:00"}).state == state


def test_silence_is_measured_in_working_time() -> None:
    judge = judge_of(promise(), sources=[source("/units/water", usual_delay="2 working_days")])
    last_reports = {"/units/water": "2021-09-30T09:00"}  # National Day follows
    assert row(judge, [GOOD], "2021-10-09T08:00", last_reports=last_reports).state == "met"
    assert row(judge, [GOOD], "2021-10-09T09:01", last_reports=last_reports).state == "stale"


def test_a_source_without_a_usual_delay_is_never_silent() -> None:
    judge = judge_of(promise(), sources=[source("/units/water")])
    assert row(judge, [GOOD], "2022-09-30").state == "met"


def test_only_the_promises_that_it_feeds_go_stale_and_only_its_units() -> None:
    silent = source("/units/seals", usual_delay="1 working_days", feeds=["power"], units=["seals"])
    judge = judge_of(promise(), sources=[silent])
    assert row(judge, [GOOD], "2021-10-20").state == "met"
    feeds = source("/units/seals", usual_delay="1 working_days", units=["seals"])
    judge = judge_of(promise(), sources=[feeds])
    assert row(judge, [GOOD], "2021-10-20").state == "stale"
    assert row(judge, [GOOD], "2021-10-20", unit="works").state == "met"


def test_a_source_that_never_spoke_is_silent_since_the_plan_was_issued() -> None:
    judge = judge_of(promise(), sources=[source("/units/water", usual_delay="2 working_days")])
    old = [accepted("2021-08-02T09:00"), completed("2021-08-03T09:00")]
    assert row(judge, [old], "2021-08-21").state == "met"
    assert row(judge, [old], "2021-08-25").state == "stale"


# ---- unmeasured ------------------------------------------------------------------------------------------
FREE = judge_of(NO_FEE)
PAID_NOTHING = [accepted("2021-09-16T09:00"), measured("2021-09-16T10:00", "fee", 0), completed("2021-09-17T09:00")]


def test_a_case_counts_only_if_its_source_reported_the_fact() -> None:
    assert outcome(FREE, GOOD, "2021-10-01") is Outcome.UNMEASURED
    assert outcome(FREE, PAID_NOTHING, "2021-10-01") is Outcome.MET
    assert outcome(FREE, PAID_NOTHING[:2], "2021-10-01") is Outcome.OPEN


@pytest.mark.parametrize(("reported", "state"), [(19, "met"), (18, "unmeasured")])
def test_more_than_5_percent_unmeasured_is_not_met(reported: int, state: str) -> None:
    found = row(FREE, [PAID_NOTHING] * reported + [GOOD], "2021-10-01")
    assert (found.n, found.unmeasured_n, found.state) == (str(reported), "1", state)


def test_a_breach_counts_at_once_and_stays_when_the_case_closes() -> None:
    facts: list[Fact] = [accepted("2021-09-16T09:00"), measured("2021-09-16T10:00", "fee", 5)]
    assert outcome(FREE, facts, "2021-09-17") is Outcome.OVERDUE
    assert standing(FREE, facts, "2021-09-17") == [("P", "red")]
    closed = [*facts, completed("2021-09-17T09:00")]
    assert outcome(FREE, closed, "2021-10-01") is Outcome.MISSED
    (card,) = card_list(FREE, closed, "2021-10-01")
    assert (card.level, card.reason) == ("red", "completed")
    assert not FREE.judge(closed, 10**18).nothing_to_publish


def test_a_breach_is_not_cured_by_withdrawing() -> None:
    facts = [accepted("2021-09-16T09:00"), measured("2021-09-16T10:00", "fee", 5), withdrawn("2021-09-17T09:00")]
    assert outcome(FREE, facts, "2021-10-01") is Outcome.MISSED
    assert outcome(FREE, [facts[0], facts[2]], "2021-10-01") is Outcome.WITHDRAWN


def test_every_bounded_count_must_keep_the_bound_by_itself() -> None:
    judge = judge_of(
        promise(
            kind="case_bound", counts=("milestone:survey", "milestone:visit"), bound="<= 1 count",
            matures_at="completion",
        )
    )  # fmt: skip
    start, end = accepted("2021-09-16T09:00"), completed("2021-09-20T09:00")
    survey, visit = milestone("2021-09-17T09:00", "survey"), milestone("2021-09-17T10:00", "visit")
    assert outcome(judge, [start, survey, visit, end], "2021-10-01") is Outcome.MET
    assert outcome(judge, [start, survey, end], "2021-10-01") is Outcome.UNMEASURED
    again = milestone("2021-09-18T10:00", "visit")
    assert outcome(judge, [start, survey, visit, again, end], "2021-10-01") is Outcome.MISSED


ORDER = judge_of(
    promise(kind="case_bound", counts=("order:intention<tender",), bound="<= 0 count", matures_at="completion")
)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("2021-09-16T10:00", "intention"), ("2021-09-17T10:00", "tender")], Outcome.MET),
        ([("2021-09-17T10:00", "intention"), ("2021-09-17T10:00", "tender")], Outcome.MET),
        ([("2021-09-17T10:00", "tender"), ("2021-09-18T10:00", "intention")], Outcome.MISSED),
        ([("2021-09-17T10:00", "tender")], Outcome.MISSED),
        ([("2021-09-17T10:00", "intention")], Outcome.UNMEASURED),
        ([], Outcome.UNMEASURED),
    ],
)
def test_one_step_must_come_before_another(steps: list[tuple[str, str]], expected: Outcome) -> None:
    facts = [accepted("2021-09-16T09:00"), *(milestone(*step) for step in steps), completed("2021-09-20T09:00")]
    assert outcome(ORDER, facts, "2021-10-01") is expected


# ---- duties ----------------------------------------------------------------------------------------------
REPORTS = judge_of(
    promise(
        kind="duty", select={}, duty="report", period="month", owed_by=("works", "seals"), effective_from="2021-08-20"
    )
)


def done(*reports: Fact, as_of: str, unit: str = "ALL", window: str = "all") -> tuple[str, str, str]:
    found = row(REPORTS, [[report] for report in reports], as_of, unit=unit, window=window)
    return found.numerator, found.denominator, found.state


def test_absence_is_judged() -> None:
    assert done(as_of="2021-12-01") == ("0", "6", "missed")  # September, October, November of two units
    assert done(as_of="2021-12-01", unit="seals") == ("0", "3", "missed")


def test_a_month_is_due_at_the_end_of_its_last_day() -> None:
    assert done(as_of="2021-09-30T23:59") == ("0", "0", "no_data")
    assert done(as_of="2021-10-01") == ("0", "2", "missed")
    in_time = [fulfilled("2021-09-30T23:59:59", "2021-09", unit=unit) for unit in ("works", "seals")]
    assert done(*in_time, as_of="2021-10-01") == ("2", "2", "met")
    too_late = fulfilled("2021-10-01T00:00", "2021-09")
    assert done(too_late, as_of="2021-10-02") == ("0", "2", "missed")


def test_two_reports_count_once() -> None:
    twice = [fulfilled("2021-09-20", "2021-09", id="1"), fulfilled("2021-09-21", "2021-09", id="2")]
    assert done(*twice, as_of="2021-10-01") == ("1", "2", "missed")
    assert done(*twice, as_of="2021-10-01", unit="works") == ("1", "1", "met")
    found = row(REPORTS, [twice], "2021-10-01")
    assert found.numerator == "1"


def test_a_window_has_the_months_whose_last_day_lies_in_it() -> None:
    report = fulfilled("2021-10-20", "2021-10")
    assert done(report, as_of="2021-11-01", unit="works", window="month") == ("1", "1", "met")
    assert done(report, as_of="2021-11-15", unit="works", window="month") == ("0", "0", "no_data")
    assert done(report, as_of="2021-11-15", unit="works", window="quarter") == ("1", "1", "met")
    assert done(report, as_of="2021-11-15", unit="works", window="year") == ("1", "2", "missed")


def test_a_unit_that_owes_nothing_is_not_judged() -> None:
    assert done(fulfilled("2021-09-20", "2021-09", unit="planning"), as_of="2021-10-01") == ("0", "2", "missed")


# ---- what is owed once -------------------------------------------------------------------------------------
LEDGER = judge_of(
    promise(
        kind="duty", select={}, duty="report", period="once", by="2021-12-31", owed_by=("works", "seals"),
        effective_from="2021-08-20",
    )
)  # fmt: skip


def filed(*reports: Fact, as_of: str, unit: str = "ALL", window: str = "all") -> tuple[str, str, str]:
    found = row(LEDGER, [[report] for report in reports], as_of, unit=unit, window=window)
    return found.numerator, found.denominator, found.state


def test_what_is_owed_once_is_no_miss_before_its_date_and_a_miss_for_good_after_it() -> None:
    report = fulfilled("2021-10-20", "2021-10")
    assert filed(as_of="2021-09-01") == ("0", "2", "at_risk")
    assert filed(report, as_of="2021-12-31T23:59")[:2] == ("1", "2")
    assert filed(report, as_of="2021-12-31T23:59")[2] in ("at_risk", "provisional")
    assert filed(report, as_of="2022-01-01") == ("1", "2", "missed")
    late = fulfilled("2022-01-01", "2021-12", unit="seals")
    assert filed(report, late, as_of="2022-02-01") == ("1", "2", "missed")
    assert filed(report, as_of="2022-02-01", unit="works") == ("1", "1", "met")


def test_any_period_fulfils_it_and_twice_is_once() -> None:
    twice = [fulfilled("2021-09-20", "2021-09"), fulfilled("2021-10-20", "2021-10")]
    assert filed(*twice, as_of="2022-01-02") == ("1", "2", "missed")
    both = [*twice, fulfilled("2021-12-31T23:59:59", "2021-12", unit="seals")]
    assert filed(*both, as_of="2022-01-02") == ("2", "2", "met")


def test_what_was_never_done_stays_missed_in_every_window() -> None:
    assert filed(as_of="2022-06-01", window="30d") == ("0", "2", "missed")
    assert filed(as_of="2022-06-01", window="year") == ("0", "2", "missed")


def test_what_was_done_before_the_promise_was_made_does_not_count() -> None:
    assert filed(fulfilled("2021-08-19", "2021-08"), as_of="2022-01-02")[0] == "0"
