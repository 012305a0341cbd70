"""What the samples of entries, duties and figures share: when and by whom they are reported."""

from datetime import date

from services.catalog.samples.events import Name, SampleHistory
from services.domain.judging.months_owed import Months, last_day
from services.domain.plan.plan import Promise
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant


def history_of(promise: Promise, law: Law, name: Name) -> SampleHistory:
    return SampleHistory(law, f"sample-{promise.key.replace('/', '-')}-{name.replace('_', '-')}")


def first_day(promise: Promise, law: Law) -> int:
    """The first working day on which the promise is in force."""
    return law.calendar.add_working_days(promise.effective_from.toordinal() - 1, 1)


def end_of(day: date, law: Law) -> Instant:
    return law.zone.midnight(day.toordinal() + 1) - 1


def first_month(promise: Promise, law: Law) -> str:
    """The first month that is owed."""
    months, day = Months(promise, law.zone), promise.effective_from
    period = f"{day:%Y-%m}"
    while not months.holds(period):
        period = f"{date.fromordinal(last_day(period) + 1):%Y-%m}"
    return period
