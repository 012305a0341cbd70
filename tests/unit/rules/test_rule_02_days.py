"""rule 2: working days as the State Council's notices make them, by the clock of a promise."""

from typing import Any

import pytest

from services.domain.judging.case_clock import CaseClock
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import CasePromise
from tests.unit.cases import (
    accepted,
    at,
    completed,
    due_of,
    end_of,
    folded,
    judge_of,
    judgement,
    milestone,
    outcome,
    promise,
    row,
)


@pytest.mark.parametrize(
    ("limit", "start", "last"),
    [
        ("4 working_days", "2021-09-16", "2021-09-23"),
        ("1 working_day", "2021-09-24", "2021-09-26"),  # a Sunday, worked in exchange
        ("7 working_days", "2021-09-30", "2021-10-15"),
        ("13 working_days", "2021-09-22", "2021-10-14"),
        ("28 working_days", "2021-09-10", "2021-10-26"),
        ("4 working_days", "2021-12-30", "2022-01-06"),
        ("5 working_days", "2022-01-27", "2022-02-08"),
        ("20 calendar_days", "2021-09-12", "2021-10-08"),
        ("20 calendar_days", "2021-12-12", "2022-01-04"),
        ("20 calendar_days", "2021-11-01", "2021-11-22"),
        ("20 calendar_days", "2021-09-19", "2021-10-09"),  # a Saturday that is worked stays
    ],
)
@pytest.mark.parametrize("time", ["00:00", "10:00", "23:59:59"])
def test_a_case_has_until_2400_of_the_nth_day(limit: str, start: str, last: str, time: str) -> None:
    judge = judge_of(promise(limit=limit))
    start_fact = accepted(f"{start}T{time}")
    assert due_of(judge, start_fact, now=f"{start}T23:59:59") == end_of(last)
    in_time = completed(f"{last}T23:59:59")
    assert outcome(judge, [start_fact, in_time], "2022-06-01") is Outcome.MET


def test_days_are_counted_in_the_plans_zone_and_not_in_utc() -> None:
    """00:30 in Shanghai is the day before in UTC."""
    assert due_of(judge_of(promise()), accepted("2021-09-16T00:30"), now="2021-09-16T01:00") == end_of("2021-09-23")


def test_completion_on_the_starting_day_took_0_days() -> None:
    judge = judge_of(promise())
    found = row(judge, [[accepted("2021-09-16T09:00"), completed("2021-09-16T17:00")]], "2021-10-01")
    assert (found.p50, found.mean_gross) == ("0", "0")


def test_amount_0_means_by_the_end_of_the_starting_day() -> None:
    judge = judge_of(promise(limit="0 working_days"))
    assert due_of(judge, accepted("2021-10-09T09:00"), now="2021-10-09T10:00") == end_of("2021-10-09")


def test_a_promise_may_end_at_the_close_of_business() -> None:
    judge = judge_of(promise(ends="close"))
    assert due_of(judge, accepted("2021-09-16T09:00"), now="2021-09-16T10:00") == at("2021-09-23T17:30")


@pytest.mark.parametrize(
    ("ends", "until"),
    [("instant", at("2021-09-17T12:00")), ("day", end_of("2021-09-17")), ("close", at("2021-09-17T17:30"))],
)
def test_the_cases_own_due_date_is_judged_by_instant_or_by_day(ends: str, until: int) -> None:
    judge = judge_of(promise(limit="due_at", ends=ends))
    start = accepted("2021-09-16T09:00", due_at=at("2021-09-17T12:00"))
    assert due_of(judge, start, now="2021-09-16T10:00") == until


def test_a_case_without_a_due_date_is_not_judged_by_one() -> None:
    judge = judge_of(promise(limit="due_at", ends="day"))
    assert outcome(judge, [accepted("2021-09-16T09:00")], "2022-01-01") is None


@pytest.mark.parametrize("limit", ["committed_limit", "statutory_limit"])
def test_a_limit_that_the_case_declares(limit: str) -> None:
    judge = judge_of(promise(limit=limit))
    declared: dict[str, Any] = {limit: {"amount": 4, "unit": "working_days"}}
    start = accepted("2021-09-16T09:00", **declared)
    assert due_of(judge, start, now="2021-09-16T10:00") == end_of("2021-09-23")


def test_target_dates_do_not_roll() -> None:
    """2021-12-31 is worked, 2022-01-01 is not: neither moves the date."""
    judge = judge_of(
        promise(
            kind="catalogue", collection="catalogue", statistic="count", objective=">= 1 items", by="2022-01-01",
            select={}, windows=("now",), official_window="now",
        )
    )  # fmt: skip
    assert row(judge, [], "2022-01-01T23:59:59", window="now").state == "at_risk"
    assert row(judge, [], "2022-01-02", window="now").state == "missed", "24:00 of the date shows the verdict"


def test_beyond_the_last_published_year_days_are_provisional_and_judged() -> None:
    judge = judge_of(promise())
    start = accepted("2035-03-01T09:00")
    assert judgement(judge, [start], "2035-03-01T10:00").due == end_of("2035-03-07")
    found = row(judge, [[start, completed("2035-03-02T09:00")]], "2035-03-03")
    assert (found.value, found.state) == ("1", "provisional")


def test_in_a_published_year_the_same_is_met() -> None:
    judge = judge_of(promise())
    assert row(judge, [[accepted("2021-09-16T09:00"), completed("2021-09-17T09:00")]], "2021-10-01").state == "met"


def test_the_clock_starts_at_the_latest_of_several_points_and_not_before_all_are_there() -> None:
    judge = judge_of(promise(start=("milestone:invoice", "milestone:conditions")))
    begun = [accepted("2021-09-10T09:00"), milestone("2021-09-13T09:00", "invoice")]
    assert outcome(judge, begun, "2021-12-01") is None
    assert due_of(judge, *begun, milestone("2021-09-16T09:00", "conditions"), now="2021-09-16T10:00") == end_of(
        "2021-09-23"
    )


def test_a_case_that_was_never_applied_for_was_applied_for_at_its_acceptance() -> None:
    promised = promise(start="applied")
    assert isinstance(promised, CasePromise)
    judge = judge_of(promised)
    (case,) = folded(judge, accepted("2021-09-16T09:00"))
    assert CaseClock(promised.clock, judge.law).start(case) == at("2021-09-16T09:00")


@pytest.mark.parametrize("unit", ["working_days", "calendar_days", "months"])
@pytest.mark.parametrize(
    ("start", "last"),
    [
        ("2021-09-16T09:00", "2021-09-16"),
        ("2021-09-18T23:59", "2021-09-18"),  # a Saturday that is worked
        ("2021-09-19T09:00", "2021-09-22"),  # a Sunday, and then a holiday of two days
        ("2021-10-01T00:00", "2021-10-08"),
    ],
)
def test_a_limit_of_0_days_from_a_day_off_ends_with_the_next_working_day(unit: str, start: str, last: str) -> None:
    assert due_of(judge_of(promise(limit=f"0 {unit}")), accepted(start)) == end_of(last)
