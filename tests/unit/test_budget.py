"""How far a figure is from its target, and how many misses are left (rule 10): against plain fractions."""

import math
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import services.catalog
from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.judging.judge import Judge
from services.domain.judging.kind import Moment
from services.domain.plan.plan import Objective, Plan, Promise, Window
from services.domain.results.budget import (
    Counted,
    Versions,
    counted_of,
    distance,
    distance_of,
    misses_left,
    misses_left_of,
    pace,
    pace_of,
    short_window,
)
from services.domain.results.published import State, ValueRow
from services.domain.results.value_rows import Valuer
from services.domain.results.windows import ALL, sums_of
from services.domain.sums.statistic import written
from services.domain.sums.tally import NOW, Tally, TallyField, TallyKey
from services.domain.time.zone import Zone

PLAN = load_plan(Path(services.catalog.__file__).parent / "jiangbei-2021")
ZONE = Zone(PLAN.head.timezone)
AS_OF = ZONE.midnight(date(2021, 11, 1).toordinal())
DAY = date(2021, 10, 20).toordinal()
BOUNDS = ("0", "0.05", "0.6", "0.8", "0.95", "0.999", "1")
OF_COUNTS = [
    one
    for one in PLAN.promises
    if one.about == "case" and one.target is not None and one.target.unit == "share" and one.is_official
]
JUDGED = [one for one in PLAN.promises if one.target is not None and getattr(one, "statistic", "") != "in_sync"]
"""What is in sync has no sums of its own: platform, code and version are the item of its tallies."""


def aimed_at(promise: Promise, objective: str, tolerance: str = "0") -> Promise:
    return promise.model_copy(update={"objective": Objective.parse(objective), "tolerance": Fraction(tolerance)})


def counted_row(met: int, n: int, objective: str = ">= 80 %", **cells: str) -> tuple[ValueRow, Promise]:
    """A row of K06-1 with n cases, and its promise with another objective."""
    usual = {"kpi": "K06-1", "unit": ALL, "item": "-", "variant": "official", "window": "year", "lower": "0"}
    usual |= {"numerator": str(met), "denominator": str(n), "n": str(n), "value": written(Fraction(met, n))}
    row = ValueRow(*[""] * len(ValueRow._fields))._replace(**(usual | {"state": State.MET} | cells))
    (promise,) = [one for one in PLAN.promises if one.id == "K06-1" and one.is_official]
    return row, aimed_at(promise, objective)


# ---- the definition --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("objective", "value", "apart"),
    [
        (">= 80 %", "0.75", "0.05"),  # five points
        (">= 80 %", "0.8", "0"),
        ("<= 5 %", "0.08", "0.03"),
        ("<= 28 working_days", "35", "0.25"),
        ("<= 28 working_days", "21", "-0.25"),
        (">= 74 items", "37", "0.5"),
        ("3..5 items", "6", "-1"),  # more than the range is no miss
        ("= 4 items", "3", "0.25"),
        ("= 4 items", "5", "0.25"),
        ("<= 0 items", "2", "2"),  # a share of nothing is no number
        ("<= 0 items", "0", "0"),
    ],
)
def test_shares_differ_by_points_and_other_figures_by_a_share_of_the_target(
    objective: str, value: str, apart: str
) -> None:
    assert distance(Objective.parse(objective), Fraction(value)) == Fraction(apart)


def test_a_miss_is_never_a_distance_of_0_because_its_cell_was_rounded() -> None:
    row, promise = counted_row(1, 1, "<= 28 working_days", numerator="", denominator="", lower="")
    assert distance_of(row._replace(value="28", state=State.MISSED), promise) == Fraction(1, 10**6)
    assert distance_of(row._replace(value="28", state=State.MET), promise) == 0
    almost, all_of_them = counted_row(9_999_999, 10_000_000, ">= 100 %")
    assert almost.value == "1"
    assert distance_of(almost, all_of_them) == Fraction(1, 10_000_000)


def test_the_next_late_case_is_one_more_of_those_that_are_counted() -> None:
    """10 of 100 may be late where 80 % must be on time; 12 of 112 more still leave 90 of 112."""
    row, promise = counted_row(90, 100)
    assert misses_left_of(row, promise) == 12
    assert misses_left_of(*counted_row(80, 100)) == 0
    assert misses_left_of(*counted_row(78, 100)) == -2
    assert misses_left_of(*counted_row(50, 50, ">= 100 %")) == 0
    assert misses_left_of(*counted_row(47, 50, ">= 100 %")) == -3
    assert misses_left_of(*counted_row(3, 100, "<= 5 %")) == 2
    assert misses_left_of(*counted_row(3, 100, "<= 100 %")) is None  # whatever comes, it holds
    assert misses_left_of(*counted_row(3, 100, "= 5 %")) is None


def test_what_is_not_counted_one_by_one_has_no_misses_left() -> None:
    row, promise = counted_row(90, 100, lower="")  # a ratio of sums has no interval
    assert misses_left_of(row, promise) is None and pace_of(row, promise) is None
    assert distance_of(row, promise) == Fraction(-1, 10)
    assert misses_left_of(counted_row(90, 100)[0]._replace(numerator="90.5"), promise) is None


def test_a_tolerance_allows_misses() -> None:
    row, promise = counted_row(76, 100)
    assert misses_left_of(row, promise) == -4
    assert misses_left_of(row, aimed_at(promise, ">= 80 %", "0.05")) == 1


def test_pace_is_misses_per_what_the_objective_allows_of_the_month() -> None:
    assert pace_of(*counted_row(90, 100)) == 0.5
    assert pace_of(*counted_row(50, 100)) == 2.5
    assert pace_of(*counted_row(5, 5, ">= 100 %")) == 0
    assert pace_of(*counted_row(4, 5, ">= 100 %")) == math.inf


@pytest.mark.parametrize("cell", ["1e-999999999", "1" * 5_000, "0." + "1" * 5_000])
def test_no_cell_of_a_record_makes_the_exporter_count_for_ever(cell: str) -> None:
    row, promise = counted_row(90, 100)
    number = float(cell)
    if math.isfinite(number):  # others are refused where the record is read
        found = distance_of(row._replace(value=cell, numerator=""), promise)
        assert found is not None and float(found) == pytest.approx(0.8 - number)


# ---- properties ------------------------------------------------------------------------------------------
def holds(objective: Objective, met: int, n: int) -> bool:
    """The oracle: a plain fraction against the objective."""
    return objective.holds(Fraction(met, n))


@given(st.sampled_from(BOUNDS), st.sampled_from([">=", "<="]), st.integers(0, 3_000), st.integers(1, 3_000))
def test_exactly_so_many_misses_are_left(amount: str, relation: str, met: int, n: int) -> None:
    met = min(met, n)
    percent = Fraction(amount) * 100
    objective = Objective.parse(f"{relation} {float(percent):g} %")
    row, promise = counted_row(met, n)
    promise = promise.model_copy(update={"objective": objective})
    left = misses_left_of(row, promise)

    def after(misses: int) -> bool:
        """Whether it holds after so many further misses."""
        return holds(objective, met + (misses if relation == "<=" else 0), n + misses)

    if left is None:
        assert all(after(misses) for misses in (0, 1, 10, 100_000))
    elif left >= 0:
        assert after(left) and not after(left + 1)
    else:
        made_good = left if relation == "<=" else -left
        assert holds(objective, met + made_good, n)
        assert not holds(objective, met + made_good + (1 if relation == "<=" else -1), n)
        assert not after(0)


@given(st.fractions(0, 1), st.integers(0, 1_000), st.integers(0, 1_000))
def test_of_a_list_so_many_of_the_entries_may_still_fail(allowed: Fraction, misses: int, n: int) -> None:
    misses = min(misses, n)
    left = misses_left(Counted(n, misses, allowed, grows=False))
    if allowed == 1:
        assert left is None
    else:
        assert left is not None
        assert misses + left <= allowed * n < misses + left + 1


@given(st.fractions(0, 1), st.integers(0, 1_000), st.integers(1, 1_000))
def test_a_pace_above_1_alone_misses_the_objective(allowed: Fraction, misses: int, n: int) -> None:
    counted = Counted(n, min(misses, n), allowed, grows=True)
    assert (pace(counted) > 1) == (Fraction(counted.misses, n) > allowed)


class Judged:
    """The plan's own judge; made once."""

    def __init__(self, plan: Plan) -> None:
        self.judge = Judge(plan, calendar_of(plan))
        self.valuer = Valuer(self.judge)
        self.moment = Moment(AS_OF - 1, ZONE.day(AS_OF - 1))

    def rows(self, promise: Promise, items: dict[str, dict[int, Tally]]) -> dict[tuple[str, str], ValueRow]:
        tallies = {
            TallyKey(promise.key, "u", item, day): tally for item, days in items.items() for day, tally in days.items()
        }
        found = self.valuer.rows(tallies, AS_OF, {}, kpis={promise.key})
        return {(row.window, row.item): row for row in found if row.unit == ALL}

    def value(self, promise: Promise, items: dict[str, dict[int, Tally]]) -> Fraction | None:
        kind = self.judge.in_force(promise.key, self.moment.day)
        sums = sums_of(ALL, items, promise.official_window, self.moment, {})
        return kind.figure(sums, self.moment).value


JUDGE = Judged(PLAN)


def a_tally(**cells: int) -> Tally:
    tally = Tally()
    for name, amount in cells.items():
        tally.cells[getattr(TallyField, name)] = amount
    return tally


@given(
    st.sampled_from(OF_COUNTS),
    st.sampled_from(("", ">= 60 %", ">= 80 %", ">= 99.9 %", "<= 5 %")),
    st.integers(0, 2_000),
    st.integers(0, 60),
    st.integers(0, 9),
)
def test_of_every_promise_of_the_plan_so_many_late_cases_more_are_met_and_one_more_is_missed(
    promise: Promise, objective: str, met: int, late: int, overdue: int
) -> None:
    """By its own objective, and by others: most of the plan's allow none."""
    promise = aimed_at(promise, objective) if objective else promise
    tallies = {"-": {DAY: a_tally(N=met + late, MET=met), NOW: a_tally(OVERDUE=overdue)}}
    row = JUDGE.rows(promise, tallies)[promise.official_window, "-"]
    left = misses_left_of(row, promise)
    if counted_of(row, promise) is None:
        assert met + late + overdue == 0 or promise.kind == "mean_reduction"
        return
    assert left is not None and promise.target is not None
    misses = {"MET": 1} if objective.startswith("<=") else {}  # "at most": the numerator counts the misses

    def value_after(further: int) -> Fraction:
        """With further misses; of fewer than none, with so many of those that are counted made good."""
        more = {name: each * max(further, 0) for name, each in misses.items()}
        better = min(further, 0) if misses else -min(further, 0)
        days = {DAY: a_tally(N=met + late + overdue, MET=met + better), DAY + 1: a_tally(N=max(further, 0), **more)}
        value = JUDGE.value(promise, {"-": days})
        assert value is not None
        return value

    assert promise.target.holds(value_after(left)) and not promise.target.holds(value_after(left + 1))


@given(st.sampled_from(JUDGED), st.data())
def test_a_distance_is_0_or_less_where_the_value_reaches_the_target(promise: Promise, data: Any) -> None:
    n = data.draw(st.integers(0, 300))
    met = data.draw(st.integers(0, n))
    sums = {name: data.draw(st.integers(1, 10**9)) for name in ("TOTAL", "BASE", "ACTUAL", "GROSS")}
    tally = a_tally(N=n, MET=met, **sums)
    tally.bins = {DAY: met} if met else {}
    days = {NOW: tally} if promise.is_a_state or promise.about in ("duty", "figure") else {DAY: tally}
    items = {"2021-09/u" if promise.about == "figure" else "-": days}
    row, value = JUDGE.rows(promise, items)[promise.official_window, "-"], JUDGE.value(promise, items)
    assert written(value) == row.value or not row.value
    found = distance_of(row, promise)
    if value is None or not row.value:
        assert found is None
        return
    assert found is not None and promise.target is not None
    is_exact = bool(row.numerator and row.denominator) or abs(value - Fraction(promise.target.amount)) > Fraction(
        1, 10**6
    )
    if is_exact or row.state == State.MISSED:
        assert (found <= 0) is promise.target.holds(value)
    if row.state == State.MISSED:
        assert found > 0
    if row.state == State.MET:
        assert found <= 0


# ---- which rows ------------------------------------------------------------------------------------------
def test_a_row_belongs_to_the_version_that_was_in_force_on_its_last_day() -> None:
    row, promise = counted_row(9, 10)
    first = promise.model_copy(update={"effective_from": date(2021, 8, 20)})
    later = promise.model_copy(update={"effective_from": date(2022, 1, 1)})
    versions = Versions({("K06-1", "official"): [first, later]})
    assert versions.at(row._replace(window_end="2022-01-01T00:00:00+08:00")) is first
    assert versions.at(row._replace(window_end="2022-01-02T00:00:00+08:00")) is later
    assert versions.at(row._replace(window_end="2021-01-01T00:00:00+08:00")) is first
    assert versions.at(row._replace(kpi="unknown")) is None


def test_the_month_is_shown_by_its_own_window_or_by_the_last_30_days() -> None:
    by_window = {short_window(promise) for promise in PLAN.promises if promise.is_official}
    assert by_window == {Window.MONTH, Window.D30, None}
