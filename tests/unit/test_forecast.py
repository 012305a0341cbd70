"""The burn-up of a dated figure, and how sure its forecast is (rule 10)."""

import random
from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.judging.data_quality import SignalRow
from services.domain.results.value_rows import Valuer
from services.domain.sums.forecast import Forecast, expected, forecast
from services.domain.sums.statistic import Statistic
from tests.unit.cases import at, fulfilled, judge_of, promise, tallies_of, upserted

TODAY = 1000


def count(reached: Mapping[int, int]) -> Statistic:
    """A number to which so much was added on these days."""
    number = sum(reached.values())
    return Statistic(value=Fraction(number), n=number, numerator=number, reached=reached)


def share(reached: Mapping[int, int], of: int) -> Statistic:
    met = sum(reached.values())
    return Statistic(value=Fraction(met, of), n=of, numerator=met, ratio=True, reached=reached, reached_of=of)


def ahead(figure: Statistic, days: int) -> Forecast:
    found = forecast(figure, TODAY, TODAY + days)
    assert found is not None
    return found


def test_what_came_within_30_days_goes_on_coming() -> None:
    figure = count({TODAY: 3, TODAY - 29: 3, TODAY - 30: 100})
    assert expected(figure, TODAY, TODAY + 60) == 106 + 12
    assert expected(figure, TODAY, TODAY) == 106
    assert expected(figure, TODAY, TODAY - 5) == 106


def test_the_interval_is_that_of_the_negative_binomial() -> None:
    """k = 2 in 30 days, 30 to come: size 2.5, p = 1/2. Its distribution: 0.177, 0.398, 0.591, 0.736, 0.835, 0.900, …"""
    found = ahead(count({TODAY - 3: 1, TODAY - 20: 1}), 30)
    assert list(found) == [4, 2, 2 + 8]


def test_without_a_figure_or_its_burn_up_there_is_none() -> None:
    assert forecast(Statistic(value=None, reached={TODAY: 1}), TODAY, TODAY + 30) is None
    assert forecast(Statistic(value=Fraction(1), reached=None), TODAY, TODAY + 30) is None
    assert expected(Statistic(value=Fraction(1), reached=None), TODAY, TODAY + 30) == 1


def test_where_nothing_has_come_something_may_still_come() -> None:
    found = ahead(count({}), 90)
    assert found.expected == found.lower == 0
    assert found.upper > 0


def test_on_the_last_day_nothing_is_uncertain() -> None:
    assert list(ahead(count({TODAY: 5}), 0)) == [5, 5, 5]


def test_a_share_does_not_grow_beyond_the_whole() -> None:
    found = ahead(share({TODAY - 5: 6, TODAY - 6: 3}, 10), 365)
    assert found.expected == found.upper == 1
    assert Fraction(9, 10) <= found.lower <= 1


def test_a_list_handed_in_at_once_foretells_little() -> None:
    """Thirty in one batch are no thirty arrivals: another such batch may come, or none."""
    steady, batch = count({TODAY - each: 1 for each in range(30)}), count({TODAY - 10: 30})
    assert ahead(steady, 30).expected == ahead(batch, 30).expected == 60
    assert ahead(steady, 30).lower > 40
    assert ahead(batch, 30).lower == 30
    assert ahead(batch, 30).upper > ahead(steady, 30).upper


def test_a_steady_flow_of_very_much_is_counted_in_batches_and_answers_at_once() -> None:
    found = ahead(count({TODAY - each: 10**9 for each in range(30)}), 365)
    assert found.lower < found.expected < found.upper


@given(
    st.dictionaries(st.integers(TODAY - 60, TODAY), st.integers(1, 20), max_size=12),
    st.integers(0, 400),
)
def test_an_interval_holds_what_is_expected_and_never_less_than_there_is(reached: dict[int, int], days: int) -> None:
    figure = count(reached)
    found = ahead(figure, days)
    assert figure.value is not None
    assert figure.value <= found.lower <= found.expected <= found.upper


def _arrivals(rng: random.Random, days: int, rate: float, batch: int) -> dict[int, int]:
    """Batches of a size, each day with the same chance."""
    found: dict[int, int] = {}
    for each in range(days):
        for _ in range(20):
            if rng.random() < rate / batch / 20:
                found[each] = found.get(each, 0) + batch
    return found


@pytest.mark.parametrize(("rate", "batch", "days"), [(0.2, 1, 60), (2.0, 1, 30), (1.0, 5, 60)])
def test_the_interval_holds_about_19_times_in_20(rate: float, batch: int, days: int) -> None:
    rng, held, tries = random.Random(7), 0, 300
    for _ in range(tries):
        before = _arrivals(rng, 30, rate, batch)
        found = ahead(count({TODAY - each: much for each, much in before.items()}), days)
        in_the_end = sum(before.values()) + sum(_arrivals(rng, days, rate, batch).values())
        held += found.lower <= in_the_end <= found.upper
    assert held / tries > 0.92


# ---- published beside the values ---------------------------------------------------------------------------
NOW = {"windows": ("now",), "official_window": "now", "collection": "catalogue", "kind": "catalogue"}
COUNT = judge_of(
    promise(statistic="count", select={}, where={"done": True}, objective="3..5 items", by="2021-12-31", **NOW),
    promise(id="LEDGER", kind="duty", select={}, duty="report", period="once", by="2021-12-31", owed_by=("works",)),
)


def beside(entries: int, as_of: str) -> dict[tuple[str, str, str], SignalRow]:
    done = [[upserted("2021-11-30", n=number, done=True)] for number in range(entries)]
    done.append([fulfilled("2021-11-30", "2021-11")])
    tallies = tallies_of(COUNT, done, at(as_of) - 1)
    return {each[:3]: each for each in Valuer(COUNT).beside(tallies, at(as_of))}


def test_a_forecast_is_beside_the_values_while_its_date_is_to_come() -> None:
    found = beside(2, "2021-12-17")
    assert found["forecast", "ALL", "P"] == ("forecast", "ALL", "P", "2", "", "3")  # 2 in 30 days, 15 days to come
    assert float(found["forecast_lower", "ALL", "P"].mean) <= 3 <= float(found["forecast_upper", "ALL", "P"].mean)
    assert found["forecast", "works", "LEDGER"].mean == "1"
    assert beside(2, "2022-01-02") == {}


def test_a_forecast_decides_between_at_risk_and_provisional() -> None:
    def state(as_of: str) -> str:
        done = [[upserted("2021-11-30", n=number, done=True)] for number in range(2)]
        (found,) = (
            row for row in Valuer(COUNT).rows(tallies_of(COUNT, done, at(as_of) - 1), at(as_of), {}, kpis={"P"})
            if row.unit == "ALL"
        )  # fmt: skip
        return found.state

    assert (state("2021-12-17"), state("2021-12-18")) == ("provisional", "at_risk")


def test_more_than_a_range_allows_is_seen_and_no_miss() -> None:
    found = beside(6, "2022-01-02")
    assert found["over_quota", "ALL", "P"] == ("over_quota", "ALL", "P", "1", "", "")
    assert ("over_quota", "ALL", "P") not in beside(5, "2022-01-02")
    assert all(signal == "over_quota" for signal, _, _ in found)
