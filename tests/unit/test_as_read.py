"""The figure as it is read: two digits, never rounded to what it is not."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.plan.plan import Objective, Promise
from services.domain.results.as_read import as_read
from services.domain.results.published import ValueRow
from services.domain.sums.statistic import written
from services.figures.shown import rounded
from tests.verdicts import shipped

PLAN = shipped().plan
SHARE = next(one for one in PLAN.promises if one.id == "K06-2")
MINUTES = next(one for one in PLAN.promises if one.figure_unit == "minutes")


def row(value: str, objective: str = "") -> ValueRow:
    cells = dict.fromkeys(ValueRow._fields, "")
    return ValueRow(**cells | {"value": value, "objective": objective})


@pytest.mark.parametrize(
    ("value", "objective", "read"),
    [
        ("0.99996", ">= 1", 99.99),
        ("1", ">= 1", 100),
        ("0.940171", ">= 1", 94.02),
        ("0.5", "", 50),
        ("0.57", "", 57),  # 0.57 * 100 is 56.99999999999999 in floating point
        ("0.80004", ">= 0.8", 80),
        ("0.79996", ">= 0.8", 79.99),
        ("0.05003", "<= 0.05", 5.01),
        ("0.00004", "<= 0", 0.01),
        ("0", "<= 0", 0),
        ("", ">= 1", None),
    ],
)
def test_a_share_is_read_in_per_cent_and_no_miss_is_rounded_away(
    value: str, objective: str, read: float | None
) -> None:
    assert as_read(row(value, objective), SHARE) == read


@pytest.mark.parametrize(
    ("value", "objective", "read"),
    [
        ("4.004", "<= 4", 4.01),
        ("3.996", "<= 4", 4),
        ("109.571944", "", 109.57),
        ("7", "3..5", 7),
        ("5.001", "3..5", 5.01),
    ],
)
def test_other_figures_are_read_in_their_own_unit(value: str, objective: str, read: float) -> None:
    assert as_read(row(value, objective), MINUTES) == read


@pytest.mark.parametrize("promise", PLAN.promises, ids=lambda one: one.key)
def test_each_definition_is_read_by_its_own_unit_of_measure(promise: Promise) -> None:
    assert as_read(row("0.5"), promise) == (50 if promise.figure_unit == "share" else 0.5)


@given(st.decimals(0, 1, places=6), st.sampled_from(["0", "0.05", "0.8", "0.9999", "1"]), st.sampled_from(["<=", ">="]))
def test_what_misses_its_objective_reads_so(value: Decimal, end: str, relation: str) -> None:
    read = as_read(row(f"{value:f}", f"{relation} {end}"), SHARE)
    assert read is not None
    limit = Decimal(end)
    if (value < limit) if relation == ">=" else (value > limit):
        assert (read < limit * 100) if relation == ">=" else (read > limit * 100)
    assert abs(read - float(value) * 100) <= 0.01 + 1e-9
    assert (read == 100, read == 0) == (value == 1, value == 0)


@given(st.decimals(0, 1, places=6))
def test_the_terminal_reads_the_same(value: Decimal) -> None:
    of = row(f"{value:f}", ">= 1")
    assert f"{Decimal(str(as_read(of, SHARE))).normalize():f} %" == rounded(of, SHARE)


@pytest.mark.parametrize(
    ("part", "whole", "objective", "read"),
    [
        (9_499_999, 10_000_000, ">= 95 %", 94.99),  # the cell says 0.95
        (9_999_999, 10_000_000, ">= 100 %", 99.99),
        (9_999_999, 10_000_000, ">= 80 %", 99.99),
        (500_001, 10_000_000, "<= 5 %", 5.01),
        (1, 10_000_000, "<= 0 %", 0.01),
        (1, 10_000_000, "= 0 %", 0.01),
        (1, 10_000_000, ">= 5 %", 0.01),
    ],
)
def test_of_sums_so_large_that_the_cell_hides_a_miss_it_is_read(
    part: int, whole: int, objective: str, read: float
) -> None:
    """Of sums of money, or of very many cases: a cell has six digits."""
    target = Objective.parse(objective)
    of = row(written(Fraction(part, whole)), f"{target.relation} {written(target.amount)}")
    of = of._replace(numerator=str(part), denominator=str(whole))
    promise = SHARE.model_copy(update={"objective": target})
    assert as_read(of, promise) == read
    assert rounded(of, promise) == f"{read} %"
