"""rule 8: n travels with every value."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.intake.facts import Fact
from services.domain.sums.statistic import wilson
from tests.unit.cases import accepted, completed, judge_of, promise, row

GOOD = [accepted("2021-09-16T09:00"), completed("2021-09-17T09:00")]
BAD = [accepted("2021-09-01T09:00"), completed("2021-09-17T09:00")]
SHARE = judge_of(promise(kind="case_share", where={"stopped": True}, matures_at="4 working_days", objective=">= 80 %"))
EVERY = judge_of(promise())
MEAN = judge_of(promise(kind="case_mean", measure="working_days", objective="<= 28 working_days"))


def test_no_case_is_no_data() -> None:
    for judge in (SHARE, EVERY, MEAN):
        found = row(judge, [], "2021-10-01")
        assert (found.n, found.value, found.state) == ("0", "", "no_data")


def test_fewer_than_ten_are_too_few_for_a_mean_or_a_ratio_below_100_percent() -> None:
    for judge in (SHARE, MEAN):
        assert row(judge, [GOOD] * 9, "2021-10-01").state == "insufficient"
        assert row(judge, [GOOD] * 10, "2021-10-01").state == "met"


def test_a_promise_about_each_case_is_met_or_missed_at_any_n() -> None:
    assert row(EVERY, [GOOD], "2021-10-01").state == "met"
    assert row(EVERY, [BAD], "2021-10-01").state == "missed"
    assert row(EVERY, [GOOD] * 500 + [BAD], "2021-10-01").state == "missed"


def test_a_ratio_of_100_percent_is_not_too_small_a_sample() -> None:
    judge = judge_of(
        promise(kind="case_share", where={"stopped": True}, matures_at="4 working_days", objective=">= 100 %")
    )
    assert row(judge, [GOOD], "2021-10-01").state == "met"


def test_the_catalogue_may_say_another_minimum() -> None:
    judge = judge_of(
        promise(kind="case_share", where={"stopped": True}, matures_at="4 working_days", objective=">= 80 %",
                minimum_n=3)
    )  # fmt: skip
    assert row(judge, [GOOD] * 2, "2021-10-01").state == "insufficient"
    assert row(judge, [GOOD] * 3, "2021-10-01").state == "met"


def test_a_miss_is_reported_before_a_small_sample() -> None:
    """Precedence of states: missed before insufficient."""
    assert row(SHARE, [BAD], "2021-10-01").state == "missed"


def test_a_ratio_carries_wilsons_interval_and_a_mean_none() -> None:
    cases: list[list[Fact]] = [GOOD] * 8 + [BAD] * 2
    found = row(SHARE, cases, "2021-10-01")
    assert (found.lower, found.upper) == ("0.490162", "0.943318")
    assert (row(MEAN, cases, "2021-10-01").lower, row(MEAN, cases, "2021-10-01").upper) == ("", "")
    assert row(SHARE, [], "2021-10-01").lower == ""


@given(st.integers(1, 10_000), st.data())
def test_wilsons_interval_is_the_textbooks(n: int, data: st.DataObject) -> None:
    met = data.draw(st.integers(0, n))
    lower, upper = wilson(met, n)
    z, p = 1.959963984540054, met / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert float(lower) == pytest.approx(max(0, centre - spread), abs=1e-9)
    assert float(upper) == pytest.approx(min(1, centre + spread), abs=1e-9)
    assert 0 <= lower <= p + 1e-12 and p - 1e-12 <= upper <= 1
