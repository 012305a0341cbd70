"""Samples of a figure that sources count themselves."""

from collections.abc import Iterator
from fractions import Fraction

from services.catalog.samples.events import Expected, Name, Scene, reporter_of
from services.catalog.samples.register_writer import first_month, history_of
from services.domain.judging.months_owed import last_day
from services.domain.plan.kinds.figure import FigurePromise
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import MINUTE_US

_WHOLE = 100
"""The denominator of a sample figure."""


def scenes(promise: FigurePromise, law: Law) -> Iterator[Scene]:
    """As many as the objective demands, and one fewer; without one, two shares."""
    period = f"{promise.by:%Y-%m}" if promise.by is not None else first_month(promise, law)
    time = law.zone.at(last_day(period), 17 * 60)
    demanded = int(promise.objective.amount * _WHOLE) if promise.objective is not None else _WHOLE // 2
    labels: tuple[tuple[Name, int], ...] = (("higher", demanded), ("lower", demanded - 1))
    for label, part in labels:
        history = history_of(promise, law, label)
        unit = ""
        for place, quantity in enumerate(dict.fromkeys((promise.numerator, promise.denominator))):
            reporter = reporter_of(promise, quantity or "", law.plan)
            unit = reporter.unit
            counts = {"numerator": part if quantity == promise.numerator else _WHOLE, "denominator": _WHOLE}
            data = {"quantity": quantity, "unit": unit, "period": period, **counts}
            subject = f"{history.subject}-{quantity}".replace("_", "-")
            history.add("figure.reported", time + place * MINUTE_US, reporter.source, data, subject=subject)
        yield Scene(label, history, Expected("counted", _WHOLE, part, Fraction(part, _WHOLE), unit))
