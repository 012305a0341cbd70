"""The forecast of a dated figure at its date, by its burn-up: how much has begun to count on which day (rule 10).

The expected figure goes on at the pace of the last 30 days, which decides between `at_risk` and `provisional`. The
interval around it is predictive, at 95 %:

- Arrivals are taken as Poisson, their rate as unknown. With Jeffreys' prior the number that comes within `left` days,
  after k came within 30, is negative binomial with size k + 1/2 and p = 30 / (30 + left) (A. Gelman et al., *Bayesian
  Data Analysis*, on the Poisson model). It is not empty where nothing has come yet, and wide where little has.
- Arrivals come in batches (a list handed in at once), which a Poisson law does not know. So the days' variance is held
  against their mean: where it is φ times as large, k arrivals count as k / φ batches of φ (quasi-Poisson: P. McCullagh
  and J. A. Nelder, *Generalized Linear Models*, on overdispersion). φ is never below 1.

It speaks of what still counts; what may cease to count again is in neither. Decimal of 50 digits: the same everywhere.
"""

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from services.domain.sums.statistic import EXACT, Statistic

PACE_DAYS = 30
"""The days from which the pace is computed."""
_LOWER, _UPPER = Decimal("0.025"), Decimal("0.975")
_MOST_BATCHES = 2000
"""More are taken in larger batches: their interval is narrow, and counting on would only take time."""


class Forecast(NamedTuple):
    """A figure at its date: expected, and the ends of its 95 % interval."""

    expected: Fraction
    lower: Fraction
    upper: Fraction


def expected(figure: Statistic, today: int, by: int) -> Fraction | None:
    """The figure at its date if what came within the last 30 days goes on coming; None without a figure."""
    if figure.value is None:
        return None
    coming = sum(_recent(figure, today).values(), Fraction()) * _left(today, by) / PACE_DAYS
    return _reached(figure, coming)


def forecast(figure: Statistic, today: int, by: int) -> Forecast | None:
    """The same with its interval; None where the burn-up is not known."""
    most_likely = expected(figure, today, by)
    if most_likely is None or figure.reached is None:
        return None
    came, left = _recent(figure, today), _left(today, by)
    size = _batch(came)
    batches = sum(came.values(), Fraction()) / size
    fewest, most = _interval(batches, left)
    return Forecast(most_likely, _reached(figure, fewest * size), _reached(figure, most * size))


def _left(today: int, by: int) -> int:
    return max(by - today, 0)


def _recent(figure: Statistic, today: int) -> dict[int, Fraction]:
    """What began to count on each of the last 30 days."""
    return {day: Fraction(much) for day, much in (figure.reached or {}).items() if today - PACE_DAYS < day <= today}


def _reached(figure: Statistic, coming: Fraction) -> Fraction:
    """The figure with what is coming; a share never grows beyond the whole."""
    assert figure.value is not None
    at_date = figure.value + coming / figure.reached_of
    return max(min(at_date, Fraction(1)), figure.value) if figure.ratio else at_date


def _batch(came: dict[int, Fraction]) -> Fraction:
    """φ: how large the batches are in which arrivals come."""
    total = sum(came.values(), Fraction())
    if total <= 0:
        return Fraction(1)
    mean = total / PACE_DAYS
    squares = sum((much * much for much in came.values()), Fraction())
    variance = (squares - PACE_DAYS * mean * mean) / (PACE_DAYS - 1)
    return max(Fraction(1), variance / mean, total / _MOST_BATCHES)


def _interval(batches: Fraction, left: int) -> tuple[int, int]:
    """How many batches come within the days left, at least and at most: quantiles of the negative binomial."""
    size = EXACT.add(_decimal(batches), Decimal("0.5"))
    chance = EXACT.divide(Decimal(PACE_DAYS), Decimal(PACE_DAYS + left))
    another = EXACT.subtract(Decimal(1), chance)
    probability = EXACT.power(chance, size)
    number, below, fewest = 0, probability, None
    while True:
        if fewest is None and below >= _LOWER:
            fewest = number
        if fewest is not None and below >= _UPPER:
            return fewest, number
        ratio = EXACT.divide(EXACT.add(size, Decimal(number)), Decimal(number + 1))
        probability = EXACT.multiply(EXACT.multiply(probability, ratio), another)
        below = EXACT.add(below, probability)
        number += 1


def _decimal(number: Fraction) -> Decimal:
    return EXACT.divide(Decimal(number.numerator), Decimal(number.denominator))
