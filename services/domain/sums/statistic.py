"""Statistics: what a kind of promise computes from tallies for one unit and window, still exact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache

EXACT = Context(prec=50, rounding=ROUND_HALF_EVEN)
SIX_DIGITS = Decimal("0.000001")
Z = Fraction(19599639845400545, 10**16)
"""The standard normal quantile of 97.5 %: Wilson's interval covers 95 %."""


@dataclass(slots=True)
class Statistic:
    """The numbers of one row of values, before they are written."""

    value: Fraction | None = None
    n: int = 0
    numerator: int | Fraction | None = None
    denominator: int | Fraction | None = None
    censored: Fraction | None = None
    """For means: the mean that also counts open cases at their present age."""
    if_all_late: Fraction | None = None
    """What the value becomes if every case with a yellow card runs late; None where that cannot be."""
    small_sample_matters: bool = False
    """Whether fewer than `minimum_n` is `insufficient` (means, and ratio objectives below 100 %)."""
    ratio: bool = False
    """Whether Wilson's interval applies."""
    pending: bool = False
    """A dated target whose date has not come: not reaching it yet is no miss."""
    bins: Mapping[int, int] = field(default_factory=dict)
    """The histogram of durations."""
    bin_scale: int = 1
    """How many bins make one unit of the duration."""
    gross: Fraction | None = None
    """The mean duration, suspensions included."""
    reached: Mapping[int, int | Fraction] | None = None
    """For dated targets: how much has counted since which day (burn-up); None where that is not known."""
    counted_now: Fraction | None = None
    """For dated targets: how much counts today, whether or not it did by the date."""
    reached_of: int = 1
    """What that is divided by to give the value: of a share, its denominator."""
    excess: Fraction = Fraction()
    """By how much parts were reported to be more than their wholes: it counts for nothing."""
    unmeasured: int = 0
    """How much was due and never reported, beside what the tallies count as unmeasured, """
    owed: int | None = None
    """and out of how much; None: out of n."""
    awaiting: int = 0
    """How much was due and may still be reported in time, beside what the tallies count as awaiting: not in n."""
    is_awaited: bool = False
    """Whether something of it is awaiting its report: it is not plainly met."""


@lru_cache(maxsize=4096)  # windows and days often show the same share
def wilson(numerator: int, n: int) -> tuple[Decimal, Decimal]:
    """Wilson's score interval of a share, at 95 % (E. B. Wilson, 1927)."""
    z = Decimal(Z.numerator) / Decimal(Z.denominator)
    p, count = EXACT.divide(Decimal(numerator), Decimal(n)), Decimal(n)
    z2 = EXACT.multiply(z, z)
    centre = EXACT.add(p, EXACT.divide(z2, 2 * count))
    spread = EXACT.multiply(
        z, EXACT.sqrt(EXACT.add(EXACT.divide(EXACT.multiply(p, 1 - p), count), EXACT.divide(z2, 4 * count * count)))
    )
    scale = EXACT.add(Decimal(1), EXACT.divide(z2, count))
    lower, upper = EXACT.divide(centre - spread, scale), EXACT.divide(centre + spread, scale)
    return max(lower, Decimal(0)), min(upper, Decimal(1))


def written(number: Fraction | Decimal | int | None) -> str:
    """A number as the text of a cell: divided once, half-even to 6 digits, no exponent, no trailing zeros."""
    if number is None:
        return ""
    if isinstance(number, int):
        return str(number)
    if isinstance(number, Fraction):
        # the quotient is rounded exactly once: integers, not a rounded decimal, decide ties
        millionths = half_even(number.numerator * 10**6, number.denominator)
        if -_PLAIN < millionths < _PLAIN:
            return _of_millionths(millionths)
        number = Decimal(millionths).scaleb(-6, EXACT)
    text = format(number.quantize(SIX_DIGITS, context=EXACT), "f").rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


_PLAIN = 10**40
"""Below it `EXACT` has digits for every number of millionths."""


def half_even(numerator: int, denominator: int) -> int:
    """The quotient as a whole number, of two that are equally near the even one: as `round` says of a fraction, at a
    part of the cost. `denominator` is positive."""
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2))


def _of_millionths(number: int) -> str:
    whole, digits = divmod(abs(number), 10**6)
    text = f"{whole}.{digits:06}".rstrip("0").rstrip(".") if digits else str(whole)
    return f"-{text}" if number < 0 else text


def whole_number(number: Fraction) -> int | Fraction:
    """A number as an integer, where it is one."""
    return number.numerator if number.denominator == 1 else number


def percentile(bins: Mapping[int, int], share: Fraction) -> Fraction | None:
    """The percentile by linear interpolation between ranks (PERCENTILE.INC) of a histogram of whole values."""
    count = sum(bins.values())
    if not count:
        return None
    rank = share.numerator * (count - 1)  # in parts of the share's denominator
    below, beyond = divmod(rank, share.denominator)
    low = high = None
    seen = 0
    for bin in sorted(bins):
        seen += bins[bin]
        if low is None and seen > below:
            low = bin
        if seen > below + 1 or (low is not None and seen == count):
            high = bin
            break
    assert low is not None and high is not None
    return Fraction(low * share.denominator + (high - low) * beyond, share.denominator)
