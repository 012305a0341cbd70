"""Samples of a duty."""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction

from services.catalog.samples.case_writer import SECOND
from services.catalog.samples.events import Expected, Name, Scene, reporter_of
from services.catalog.samples.register_writer import end_of, first_month, history_of
from services.domain.judging.months_owed import last_day
from services.domain.plan.kinds.duty import DutyPromise
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant


def scenes(promise: DutyPromise, law: Law) -> Iterator[Scene]:
    """Done in the last second, and in the first after it, by the first unit that owes it."""
    reporter = reporter_of(promise, promise.duty or "", law.plan)
    period = f"{promise.by:%Y-%m}" if promise.by is not None else first_month(promise, law)
    until = end_of(promise.by or date.fromordinal(last_day(period)), law)
    last_second = until // SECOND * SECOND
    labels: tuple[tuple[Name, Instant, int], ...] = (("met", last_second, 1), ("missed", last_second + SECOND, 0))
    for label, time, met in labels:
        history = history_of(promise, law, label)
        data = {"duty": promise.duty, "unit": reporter.unit, "period": period}
        history.add("duty.fulfilled", time, reporter.source, data)
        yield Scene(label, history, Expected(label, 1, met, Fraction(met), reporter.unit))
