"""rule 1: bounds are inclusive, and nothing is rounded into compliance."""

from fractions import Fraction

import pytest

from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import Objective
from tests.unit.cases import accepted, completed, judge_of, measured, outcome, promise, row

HALL = judge_of(promise(limit="90 working_minutes"))
DAYS = judge_of(promise())


@pytest.mark.parametrize(
    ("finished", "expected"),
    [
        ("2021-09-16T10:30:00", Outcome.MET),
        ("2021-09-16T10:30:00.000001", Outcome.MISSED),
        ("2021-09-16T10:30:01", Outcome.MISSED),
    ],
)
def test_exactly_90_minutes_are_met_and_a_second_more_is_late(finished: str, expected: Outcome) -> None:
    assert outcome(HALL, [accepted("2021-09-16T09:00"), completed(finished)], "2021-10-01") is expected


@pytest.mark.parametrize(
    ("finished", "expected"),
    [("2021-09-23T23:59:59.999999", Outcome.MET), ("2021-09-24T00:00:00", Outcome.MISSED)],
)
def test_the_deadline_is_2400_of_its_day(finished: str, expected: Outcome) -> None:
    assert outcome(DAYS, [accepted("2021-09-16T09:00"), completed(finished)], "2021-10-01") is expected


@pytest.mark.parametrize(
    ("objective", "value", "kept"),
    [
        (">= 80 %", Fraction(8, 10), True),
        (">= 80 %", Fraction(7999999, 10**7), False),
        (">= 100 %", Fraction(9996, 10**4), False),
        ("<= 28 working_days", Fraction(28), True),
        ("<= 28 working_days", Fraction(28 * 10**9 + 1, 10**9), False),
        ("<= 0.3 visits", Fraction(3, 10), True),
        ("= 3 items", Fraction(3), True),
        ("= 3 items", Fraction(4), False),
    ],
)
def test_exactly_on_the_bound_is_met_and_a_hair_beyond_is_not(objective: str, value: Fraction, kept: bool) -> None:
    assert Objective.parse(objective).holds(value) is kept


def test_99_96_percent_is_not_100_percent() -> None:
    good = [[accepted("2021-09-16T09:00"), completed("2021-09-17T09:00")]] * 2499
    bad = [[accepted("2021-09-16T09:00"), completed("2021-09-27T09:00")]]
    found = row(DAYS, good + bad, "2021-10-01")
    assert (found.value, found.state) == ("0.9996", "missed")


@pytest.mark.parametrize(
    ("bound", "fees", "expected"),
    [
        ("<= 0 CNY", (0,), Outcome.MET),
        ("<= 0 CNY", (0.01,), Outcome.MISSED),
        ("<= 5 CNY", (2.5, 2.5), Outcome.MET),
        ("<= 5 CNY", (2.5, 2.500001), Outcome.MISSED),
        (">= 5 CNY", (5,), Outcome.MET),
        (">= 5 CNY", (4.999999,), Outcome.MISSED),
        ("= 5 CNY", (5,), Outcome.MET),
        ("= 5 CNY", (5.1,), Outcome.MISSED),
    ],
)
def test_a_bound_on_an_amount_is_inclusive(bound: str, fees: tuple[float, ...], expected: Outcome) -> None:
    judge = judge_of(promise(kind="case_bound", counts=("quantity:fee",), bound=bound, matures_at="completion"))
    paid = [measured(f"2021-09-16T1{hour}:00", "fee", fee) for hour, fee in enumerate(fees)]
    facts = [accepted("2021-09-16T09:00"), *paid, completed("2021-09-17T09:00")]
    assert outcome(judge, facts, "2021-10-01") is expected
