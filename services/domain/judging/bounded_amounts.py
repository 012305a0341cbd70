"""What a bound is about, read off a case: how many steps, an amount, a ratio, how many codes, the order of two steps.

Amounts are in millionths, ratios exact. None is what the source never reported: silence is no news (rule 12),
unless it says that it reports every step (`full_trace = true`).
"""

from collections.abc import Callable
from fractions import Fraction
from functools import partial

from services.domain.history.case import MICRO, Case
from services.domain.plan.plan import FULL_TRACE
from services.domain.time.zone import Instant

Amount = int | Fraction
Count = Callable[[Case, Instant | None], Amount | None]
"""How much it is by an instant (None: by all that is known); None while unreported."""


def bounded_amount(text: str) -> Count:
    """What one entry of `counts` reads off a case."""
    subject, _, name = text.partition(":")
    match subject:
        case "quantity":
            return partial(_measured, name)
        case "ratio":
            above, _, below = name.partition("/")
            return partial(_ratio, above, below)
        case "attribute":
            return partial(_codes, name)
        case "order":
            return partial(_disorder, *steps_of(text))
    return partial(_steps, name)


def steps_of(order: str) -> tuple[str, str]:
    """`order:A<B` → (A, B)."""
    first, _, then = order.removeprefix("order:").partition("<")
    return first, then


def _unreported(case: Case) -> int | None:
    return 0 if case.attributes.get(FULL_TRACE) is True else None


def _steps(milestone: str, case: Case, until: Instant | None) -> Amount | None:
    times = case.milestones.get(milestone)
    if times is None:
        return _unreported(case)
    return (len(times) if until is None else sum(time <= until for time in times)) * MICRO


def _measured(quantity: str, case: Case, until: Instant | None) -> Amount | None:
    amount = case.quantities.get(quantity)
    if amount is None:
        return _unreported(case)
    if until is None:
        return amount
    return sum(amount for time, name, amount, _ in case.measured if name == quantity and time <= until)


def _ratio(above: str, below: str, case: Case, until: Instant | None) -> Amount | None:
    """None, too, while there is nothing to divide by."""
    numerator, denominator = _measured(above, case, until), _measured(below, case, until)
    if numerator is None or not denominator:
        return None
    return Fraction(numerator) * MICRO / Fraction(denominator)


def _codes(attribute: str, case: Case, until: Instant | None) -> Amount | None:
    """Of a list it is known what it is, not since when."""
    codes = case.attributes.get(attribute)
    if codes is None:
        return None
    return (len(set(codes)) if isinstance(codes, list) else 1) * MICRO


def _disorder(first: str, then: str, case: Case, until: Instant | None) -> Amount | None:
    """1 if the second step came without the first before it; None while the second has not come."""
    later = case.milestones.get(then)
    if not later or (until is not None and later[0] > until):
        return _unreported(case)
    earlier = case.milestones.get(first)
    return 0 if earlier and earlier[0] <= later[0] else MICRO
