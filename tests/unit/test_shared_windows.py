"""Windows that hold the same days share their figures: the rows are those of windows that are read one by one."""

import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

import services.catalog
import services.domain.judging.kinds
from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.judging.judge import Judge
from services.domain.results.value_rows import Valuer, _Read
from services.domain.sums.statistic import EXACT, SIX_DIGITS, percentile, written
from services.domain.sums.tally import EVER, NOW, TALLY_FIELDS, Tally, TallyKey, total

PLAN = Path(services.catalog.__file__).parent / "jiangbei-2021"


@pytest.fixture(scope="module")
def judge() -> Judge:
    plan = load_plan(PLAN)
    return Judge(plan, calendar_of(plan))


def _tallies(judge: Judge, chosen: random.Random, today: int) -> Iterator[tuple[TallyKey, Tally]]:
    """Sums of few days, so that windows often hold the same ones, and sometimes do not."""
    for name, kind in judge.kinds.items():
        if kind.promise.about in ("duty", "figure"):
            continue
        unit = (*kind.promise.lead, *kind.promise.responsible, "operations")[0]
        for day in chosen.sample((NOW, EVER, *range(today - 120, today + 1)), chosen.randint(0, 9)):
            tally = Tally()
            n = chosen.randint(1, 9)
            tally.add(((0, n), (1, chosen.randint(0, n)), (11, n * 10**6), (13, n * 10**6)), chosen.randint(0, 40), 1)
            yield TallyKey(name, unit, "-", day), tally


@pytest.mark.parametrize("seed", range(4))
def test_rows_are_those_of_windows_that_are_read_one_by_one(
    judge: Judge, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = random.Random(seed)
    as_of = judge.law.zone.midnight(738_100 + chosen.randint(0, 60))
    tallies = dict(_tallies(judge, chosen, judge.law.zone.day(as_of - 1)))
    shared = Valuer(judge).rows(tallies, as_of, {})
    numbers = iter(range(10**9))
    monkeypatch.setattr(_Read, "days_before", lambda self, first: next(numbers))
    assert shared == Valuer(judge).rows(tallies, as_of, {})
    assert len({row.value for row in shared}) > 10


def test_only_what_is_owed_counts_from_the_first_day_of_a_window() -> None:
    """Whoever reads `Sums.first_day` elsewhere must not share figures (`Valuer._figures`)."""
    folder = Path(services.domain.judging.kinds.__file__).parent
    assert {path.stem for path in folder.glob("*.py") if ".first_day" in path.read_text()} == {"duty", "figure"}


def test_a_number_is_written_as_it_was_by_decimals() -> None:
    chosen = random.Random(5)

    def by_decimals(number: Fraction) -> str:
        from decimal import Decimal

        decimal = Decimal(round(number * 10**6)).scaleb(-6, EXACT)
        text = format(decimal.quantize(SIX_DIGITS, context=EXACT), "f").rstrip("0").rstrip(".")
        return "0" if text in ("-0", "") else text

    for _ in range(3_000):
        top, bottom = (
            chosen.randint(-(10 ** chosen.randint(0, 44)), 10**9),
            chosen.choice((1, 2, 3, 7, 10**6, 2 * 10**6)),
        )
        number = Fraction(top, bottom)
        assert written(number) == by_decimals(number)


def test_a_percentile_is_between_its_two_ranks() -> None:
    chosen = random.Random(6)
    for _ in range(300):
        values = sorted(chosen.choices(range(-3, 50), k=chosen.randint(1, 30)))
        share = Fraction(chosen.choice((1, 19, 7, 20)), 20)
        rank = share * (len(values) - 1)
        low = rank.numerator // rank.denominator
        high = min(low + 1, len(values) - 1)
        bins = {value: values.count(value) for value in values}
        assert percentile(bins, share) == values[low] + (values[high] - values[low]) * (rank - low)


def test_the_sum_of_one_tally_is_another_one() -> None:
    one = Tally()
    one.add(((0, 3),), 4, 1)
    found = total([one])
    found.add(((0, 1),), 4, 1)
    assert (one.cells, one.bins) == ([3, *[0] * (TALLY_FIELDS - 1)], {4: 1})
