"""Means and trends of ratios, of the applicants' scores and of how many cases there are."""

from collections.abc import Sequence

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.results.explain import explain
from services.domain.results.verdicts import verdicts_of
from services.explanation.document import machine_readable
from tests.unit.cases import (
    WATER,
    accepted,
    at,
    completed,
    in_order,
    judge_of,
    measured,
    milestone,
    outcome,
    promise,
    rated,
    row,
    withdrawn,
)


def trend(measure: str, **given: object) -> Judge:
    return judge_of(promise(kind="trend", strength="directional", measure=measure, direction="rising", **given))


def case(*facts: Fact, end: str = "2021-09-20") -> list[Fact]:
    return in_order([accepted("2021-09-16T09:00"), *facts, completed(end)])


def shown(judge: Judge, cases: Sequence[Sequence[Fact]], window: str = "all") -> tuple[str, str, str]:
    found = row(judge, cases, "2021-10-01", window=window)
    return found.value, found.n, found.state


def of(prepayment: float | None, value: float | None) -> list[Fact]:
    given = (("prepayment", prepayment), ("value", value))
    return case(*(measured("2021-09-17", name, amount) for name, amount in given if amount is not None))


# ---- ratios of sums ----------------------------------------------------------------------------------------
BY_VALUE = trend("ratio:prepayment/value")


def test_a_ratio_is_of_the_sums_and_not_the_mean_of_ratios() -> None:
    assert shown(BY_VALUE, [of(50, 100), of(0, 900)]) == ("0.05", "2", "untargeted")


def test_a_part_of_what_nobody_reports_the_whole_of_does_not_swell_the_ratio() -> None:
    found = row(BY_VALUE, [of(100, 1000), of(500, None)], "2021-10-01")
    assert (found.value, found.n, found.unmeasured_n) == ("0.1", "1", "1")
    assert row(BY_VALUE, [of(100, 1000), of(None, 1000)], "2021-10-01").value == "0.05"


def test_a_case_that_reports_neither_quantity_is_unmeasured() -> None:
    found = row(BY_VALUE, [of(50, 100), of(None, 100), of(None, None)], "2021-10-01")
    assert (found.value, found.n, found.unmeasured_n) == ("0.25", "2", "1")


def test_there_is_no_ratio_to_nothing() -> None:
    assert shown(BY_VALUE, [of(50, None)]) == ("", "0", "untargeted")
    assert shown(BY_VALUE, [])[:2] == ("", "0")


def test_only_cases_whose_clock_has_stopped_count() -> None:
    opened = of(50, 100)[:-1]
    assert shown(BY_VALUE, [of(10, 100), opened, [*opened, withdrawn("2021-09-20")]])[:2] == ("0.1", "1")


@pytest.mark.parametrize(("prepayment", "state"), [(30, "met"), (29, "missed")])
def test_a_mean_may_be_a_ratio_with_an_objective(prepayment: float, state: str) -> None:
    judge = judge_of(promise(kind="case_mean", measure="ratio:prepayment/value", objective=">= 30 %", minimum_n=1))
    assert row(judge, [of(prepayment, 100)], "2021-10-01").state == state


# ---- the applicants' scores --------------------------------------------------------------------------------
SCORES = trend("rating")


def test_the_last_score_of_the_applicant_counts() -> None:
    twice = case(rated("2021-09-21", 2), rated("2021-09-22", 5))
    assert shown(SCORES, [twice, case(rated("2021-09-21", 4))]) == ("4.5", "2", "untargeted")


def test_a_score_by_default_is_none_and_does_not_undo_one() -> None:
    default = rated("2021-09-25", 5, rated_by="default")
    assert shown(SCORES, [case(default)]) == ("", "0", "untargeted")
    assert shown(SCORES, [case(rated("2021-09-21", 3), default)])[:2] == ("3", "1")
    unsaid = case(rated("2021-09-21", 3)._replace(data={"score": 3}))
    assert shown(SCORES, [unsaid])[:2] == ("3", "1")


def test_nobody_owes_a_score() -> None:
    found = row(SCORES, [case(), case(rated("2021-09-21", 3))], "2021-10-01")
    assert (found.n, found.unmeasured_n) == ("1", "0")


# ---- how many ----------------------------------------------------------------------------------------------
def test_a_count_is_how_many_cases_reached_their_stop_in_the_window() -> None:
    judge = trend("count", stop="milestone:listed")
    listed = [case(milestone(f"2021-09-{day}", "listed")) for day in (17, 20, 28)]
    assert shown(judge, [*listed, case()]) == ("3", "3", "untargeted")
    assert shown(judge, listed, window="7d")[:2] == ("1", "1")
    assert shown(judge, [])[:2] == ("0", "0")
    ended = [accepted("2021-09-16T09:00"), withdrawn("2021-09-17"), milestone("2021-09-18", "listed")]
    assert outcome(judge, in_order(ended), "2021-10-01") is None


@pytest.mark.parametrize(
    ("measure", "counts"),
    [
        (
            "ratio:prepayment/value",
            "prepayment合计占value合计的比例 the ratio of all prepayment to all value: 50 ÷ 100",
        ),
        ("rating", "申请人评价的平均分 the mean of the applicants' own scores: 4"),
        ("count", "1件 1 case"),
    ],
)
def test_an_explanation_says_what_a_case_adds(measure: str, counts: str) -> None:
    judge = trend(measure)
    facts = in_order([*of(50, 100), rated("2021-09-21", 4)])
    reported = machine_readable(explain(judge, f"{WATER}\x1fW-1", facts, at("2021-10-01")), judge, [])
    assert reported["cycles"][0]["promises"][0]["counts"] == counts


# ---- shares that nobody promised ---------------------------------------------------------------------------
def test_where_nothing_was_promised_nobody_missed_it_and_no_word_comes_too_late() -> None:
    """A filing on its way is behind after a working day and counts as not received; reported afterwards that it was
    withdrawn in time, it leaves the share, as a receipt reported afterwards enters it."""
    judge = trend("share", stop="milestone:received", matures_at="1 working_days")
    start = accepted("2021-09-16T09:00")
    gone = withdrawn("2021-09-16T10:00", received="2021-09-23T10:00")
    there = milestone("2021-09-16T10:00", "received", received="2021-09-23T10:00")
    waiting = row(judge, [[start]], "2021-09-22")
    assert (waiting.value, waiting.open_overdue) == ("0", "1")
    assert verdicts_of(judge.judge([start], at("2021-09-22"))) == []
    assert judge.judge([start], at("2021-09-22")).nothing_to_publish
    for reported, value in ((gone, ""), (there, "1")):
        found = row(judge, [[start, reported]], "2021-10-01")
        assert (found.value, found.late_entry_n, found.open_overdue) == (value, "0", "0")
