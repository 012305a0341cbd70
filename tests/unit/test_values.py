"""Tallies → rows: exact, and the same however they were grouped (docs/contract.md)."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.judging.kind import Moment
from services.domain.plan.plan import Window
from services.domain.results.published import ValueRow
from services.domain.results.value_rows import Valuer
from services.domain.results.windows import first_day, last_day_of
from services.domain.sums.statistic import percentile, written
from services.domain.sums.tally import TALLY_FIELDS, Tally, TallyField, TallyKey, total
from tests.unit import histories
from tests.unit.cases import accepted, at, completed, day, judge_of, promise, row, rows, tallies_of
from tests.unit.test_partition import EVERY_KIND

# ---- tallies ---------------------------------------------------------------------------------------------
shares = st.sampled_from((Fraction(1, 2), Fraction(19, 20), Fraction(0), Fraction(1)))
contributions = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, TALLY_FIELDS - 1), st.integers(-5, 5)), max_size=4).map(tuple),
        st.none() | st.integers(0, 4),
    ),
    max_size=6,
)


def tally(reported: list[tuple[tuple[tuple[int, int], ...], int | None]]) -> Tally:
    found = Tally()
    for cells, bin in reported:
        found.add(cells, bin, 1)
    return found


def merged(*tallies: Tally) -> Tally:
    return total(tallies)


@given(contributions, contributions, contributions)
def test_tallies_are_a_commutative_monoid(one: list, other: list, third: list) -> None:  # type: ignore[type-arg]  # amounts of a tally
    a, b, c = tally(one), tally(other), tally(third)
    assert merged(merged(a, b), c) == merged(a, merged(b, c))
    assert merged(a, b) == merged(b, a) == tally(one + other)
    assert merged(a, Tally()) == a


@given(contributions, contributions)
def test_what_was_added_can_be_taken_back_exactly(kept: list, gone: list) -> None:  # type: ignore[type-arg]  # amounts of a tally
    found = tally(kept + gone)
    for cells, bin in gone:
        found.add(cells, bin, -1)
    assert found == tally(kept)
    for cells, bin in kept:
        found.add(cells, bin, -1)
    assert found.empty


@given(contributions)
def test_a_tally_is_packed_and_unpacked(reported: list) -> None:  # type: ignore[type-arg]  # amounts of a tally
    assert Tally.unpacked(tally(reported).packed()) == tally(reported)


# ---- numbers as texts ------------------------------------------------------------------------------------
@given(st.integers(-(10**15), 10**15), st.integers(1, 10**9))
def test_a_number_is_divided_once_half_even_to_6_digits(numerator: int, denominator: int) -> None:
    text = written(Fraction(numerator, denominator))
    with localcontext() as exact:
        exact.prec = 200
        quotient = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
    assert Decimal(text) == quotient
    assert "E" not in text and text != "-0"
    assert not ("." in text and text.endswith(("0", ".")))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, ""),
        (0, "0"),
        (100, "100"),
        (Fraction(100), "100"),
        (Fraction(-1, 10**9), "0"),
        (Fraction(1, 2_000_000), "0"),  # half: to the even neighbour
        (Fraction(3, 2_000_000), "0.000002"),
        (Fraction(2, 3), "0.666667"),
        (Decimal("0.80"), "0.8"),
        (Fraction(10**20), "100000000000000000000"),
    ],
)
def test_numbers_are_written_without_exponent_or_trailing_zeros(number: Fraction | None, text: str) -> None:
    assert written(number) == text


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=60),
    shares,
)
def test_percentiles_are_those_of_percentile_inc(values: list[int], share: Fraction) -> None:
    bins: dict[int, int] = {}
    for value in values:
        bins[value] = bins.get(value, 0) + 1
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    assert percentile(bins, share) == ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile({}, Fraction(1, 2)) is None


# ---- windows ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("window", "today", "first", "last"),
    [
        (Window.D7, "2021-10-15", "2021-10-09", "2021-11-14"),
        (Window.D30, "2021-10-15", "2021-09-16", "2021-11-14"),
        (Window.D90, "2021-10-15", "2021-07-18", "2021-11-14"),
        (Window.MONTH, "2021-10-15", "2021-10-01", "2021-10-31"),
        (Window.MONTH, "2021-12-31", "2021-12-01", "2021-12-31"),
        (Window.QUARTER, "2021-12-31", "2021-10-01", "2021-12-31"),
        (Window.QUARTER, "2021-05-01", "2021-04-01", "2021-06-30"),
        (Window.YEAR, "2021-01-01", "2021-01-01", "2021-12-31"),
    ],
)
def test_windows_begin_and_end(window: Window, today: str, first: str, last: str) -> None:
    moment = Moment(at(today), day(today))
    assert first_day(window, moment) == day(first)
    assert last_day_of(window, moment) == day(last)


@pytest.mark.parametrize(
    ("begins", "window", "today", "first", "last"),
    [
        (4, Window.YEAR, "2021-03-31", "2020-04-01", "2021-03-31"),
        (4, Window.YEAR, "2021-04-01", "2021-04-01", "2022-03-31"),
        (4, Window.QUARTER, "2021-03-31", "2021-01-01", "2021-03-31"),
        (12, Window.YEAR, "2021-11-30", "2020-12-01", "2021-11-30"),
        (12, Window.YEAR, "2021-12-31", "2021-12-01", "2022-11-30"),
        (12, Window.QUARTER, "2022-02-28", "2021-12-01", "2022-02-28"),
        (2, Window.QUARTER, "2021-01-31", "2020-11-01", "2021-01-31"),
        (2, Window.QUARTER, "2021-02-01", "2021-02-01", "2021-04-30"),
        (7, Window.MONTH, "2021-10-15", "2021-10-01", "2021-10-31"),
        (7, Window.D30, "2021-10-15", "2021-09-16", "2021-11-14"),
    ],
)
def test_quarters_and_years_are_those_of_the_plan(
    begins: int, window: Window, today: str, first: str, last: str
) -> None:
    moment = Moment(at(today), day(today), begins)
    assert first_day(window, moment) == day(first)
    assert last_day_of(window, moment) == day(last)


def test_the_window_all_begins_with_the_promise() -> None:
    judge = judge_of(promise())
    assert row(judge, [], "2021-10-01").window_start == "2021-01-01T00:00:00+08:00"
    assert row(judge, [], "2021-10-01", window="year").window_start == "2021-01-01T00:00:00+08:00"


def test_a_promise_with_only_the_window_all_keeps_no_days_and_says_the_same() -> None:
    kept, not_kept = judge_of(promise()), judge_of(promise(windows=("all",), official_window="all"))
    cases = [[accepted("2021-09-16T09:00"), completed(f"2021-09-{last}T09:00")] for last in (17, 23, 24, 27)]
    assert row(kept, cases, "2021-10-01") == row(not_kept, cases, "2021-10-01")
    assert len([key for key in tallies_of(not_kept, cases, at("2021-10-01")) if key.kpi == "P"]) == 1
    assert len([key for key in tallies_of(kept, cases, at("2021-10-01")) if key.kpi == "P"]) == 4


def test_rows_by_item_stand_beside_the_whole() -> None:
    judge = judge_of(promise(select={"service_item": ("water", "power")}, by_item=True))
    cases = [
        [accepted("2021-09-16T09:00"), completed("2021-09-17T09:00")],
        [accepted("2021-09-16T09:00", item="power"), completed("2021-09-27T09:00")],
    ]
    found = {item: row(judge, cases, "2021-10-01", item=item).value for item in ("-", "water", "power")}
    assert found == {"-": "0.5", "water": "1", "power": "0"}


def test_rows_are_sorted_by_their_first_seven_columns() -> None:
    judge = judge_of(promise(id="B"), promise(id="A"), promise(id="B", variant="a"))
    cases = [[accepted("2021-09-16T09:00", unit=unit), completed("2021-09-17T09:00")] for unit in ("works", "seals")]
    found = Valuer(judge).rows(tallies_of(judge, cases, at("2021-10-01")), at("2021-10-01"), {})
    assert [each[:7] for each in found] == sorted(each[:7] for each in found)
    assert len({each[:5] for each in found}) == len(found)


def test_only_the_promises_asked_for() -> None:
    judge = judge_of(promise(id="A"), promise(id="B"))
    assert {each.kpi for each in Valuer(judge).rows({}, at("2021-10-01"), {}, kpis={"A"})} == {"A"}


def test_a_clock_ahead_of_the_tallies_makes_values_stale() -> None:
    judge = judge_of(promise())
    tallies = tallies_of(judge, [[accepted("2021-09-16T09:00"), completed("2021-09-17T09:00")]], at("2021-10-01"))
    found = Valuer(judge).rows(tallies, at("2021-10-01"), {}, lagging=True)
    assert {each.state for each in found if each.n == "1"} == {"stale"}


def test_every_cell_is_a_text() -> None:
    judge = judge_of(promise())
    for found in rows(judge, [[accepted("2021-09-16T09:00")]], "2021-10-01").values():
        assert isinstance(found, ValueRow)
        assert all(isinstance(cell, str) for cell in found)


@given(st.lists(histories.facts(), min_size=1, max_size=4), st.data())
def test_values_are_the_same_however_cases_are_grouped_into_partitions(subjects: list, data: st.DataObject) -> None:  # type: ignore[type-arg]  # facts
    end = histories.END
    whole = tallies_of(EVERY_KIND, subjects, end - 1)
    places = [data.draw(st.integers(0, 2)) for _ in subjects]
    summed: dict[TallyKey, Tally] = {}
    for partition in data.draw(st.permutations(range(3))):
        part = [facts for facts, place in zip(subjects, places, strict=True) if place == partition]
        for key, found in tallies_of(EVERY_KIND, part, end - 1).items():
            summed.setdefault(key, Tally()).merge(found)
    valuer = Valuer(EVERY_KIND)
    assert valuer.rows(summed, end, {}) == valuer.rows(whole, end, {})


@given(st.lists(histories.facts(), min_size=1, max_size=4))
def test_figures_keep_within_what_they_count(subjects: list) -> None:  # type: ignore[type-arg]  # facts
    for found in Valuer(EVERY_KIND).rows(tallies_of(EVERY_KIND, subjects, histories.END - 1), histories.END, {}):
        if found.denominator:
            assert 0 <= int(found.numerator) <= int(found.denominator) == int(found.n)
        if found.lower:
            assert 0 <= Decimal(found.lower) <= Decimal(found.value) <= Decimal(found.upper) <= 1
        for share in (found.suspended_share, found.extended_share, found.withdrawn_share):
            assert not share or 0 <= Decimal(share) <= 1


def test_the_cells_are_as_many_as_are_named() -> None:
    named = [value for name, value in vars(TallyField).items() if name.isupper()]
    assert sorted(named) == list(range(TALLY_FIELDS))
