"""Samples of promises about what is no case: entries of a catalogue, duties, figures that a source counts itself."""

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from services.catalog.check.promise_checks import as_tuple
from services.catalog.samples.events import ALL, Expected, Name, Scene, Telling, voice_of
from services.catalog.samples.of_cases import SECOND, another
from services.domain.judging.kinds.in_sync import PLATFORM, VERSION
from services.domain.judging.months_owed import Months, last_day
from services.domain.plan.plan import AttributeSpec, Kind, Promise
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import MINUTE_US, Instant

_TEN = 10 * 60
"""The minute of the day at which entries and figures are told."""
_WHOLE = 100
"""The denominator of a sample figure."""


def scenes(promise: Promise, law: Law) -> Iterator[Scene]:
    """The samples, by what the promise is about."""
    match promise.kind:
        case Kind.DUTY:
            yield from _of_duty(promise, law)
        case Kind.FIGURE:
            yield from _of_figure(promise, law)
        case _ if promise.statistic == "in_sync":
            yield from _in_sync(promise, law)
        case _:
            yield from _of_entries(promise, law)


def _telling(promise: Promise, law: Law, name: Name) -> Telling:
    return Telling(law, f"sample-{promise.key.replace('/', '-')}-{name.replace('_', '-')}")


def _first_day(promise: Promise, law: Law) -> int:
    """The first working day on which the promise is in force."""
    return law.calendar.add_working_days(promise.effective_from.toordinal() - 1, 1)


def _end(day: date, law: Law) -> Instant:
    return law.zone.midnight(day.toordinal() + 1) - 1


# ---- catalogues --------------------------------------------------------------------------------------------
def _declared(promise: Promise, law: Law) -> Mapping[str, AttributeSpec]:
    found = next(each for each in law.plan.head.collections if each.id == promise.collection)
    return found.attributes


def _entry(
    promise: Promise,
    law: Law,
    telling: Telling,
    attributes: Mapping[str, Any],
    *,
    subject: str = "",
    minute: int = _TEN,
) -> str:
    """Tell the state of an entry; the unit in whose name."""
    voice = voice_of(promise, promise.collection or "", law.plan)
    data = {"collection": promise.collection, "unit": voice.unit, "attributes": dict(attributes)}
    time = law.zone.at(_first_day(promise, law), minute)
    telling.tell("item.upserted", time, voice.source, data, subject=subject)
    return voice.unit


def _of_entries(promise: Promise, law: Law) -> Iterator[Scene]:
    """An entry that counts, and one that differs in one attribute; of a mean or a sum, two amounts."""
    wanted = {name: as_tuple(value)[0] for name, value in {**promise.select, **promise.where}.items()}
    until = _end(promise.by, law) if promise.by is not None else 0
    if promise.statistic in ("mean", "sum"):
        yield from _of_amounts(promise, law, wanted, until)
        return
    if promise.listed:
        wanted[promise.listed_by] = promise.listed[0]
    share = promise.statistic == "share"
    telling = _telling(promise, law, "counts")
    unit = _entry(promise, law, telling, wanted)
    yield Scene("counts", telling, Expected("counted", 1, 1, Fraction(1), unit if promise.listed else ALL), until)
    out = _left_out(promise, law, wanted)
    if out is None:
        return
    telling = _telling(promise, law, "does_not_count")
    unit = _entry(promise, law, telling, out)
    if share and promise.where:
        expected = Expected("counted", 1, 0, Fraction(0), unit if promise.listed else ALL)
    elif share:
        expected = Expected(None, len(promise.listed), 0, Fraction(0) if promise.listed else None)
    else:
        expected = Expected(None, 0, 0, Fraction(0))
    yield Scene("does_not_count", telling, expected, until)


def _left_out(promise: Promise, law: Law, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The same entry with another value of one attribute, so that it does not count; None where every entry does."""
    tests = promise.where or promise.select or ({promise.listed_by: promise.listed} if promise.listed else {})
    for name, value in tests.items():
        return {**wanted, name: another(name, value, _declared(promise, law).get(name))}
    return None


def _of_amounts(promise: Promise, law: Law, wanted: Mapping[str, Any], until: Instant) -> Iterator[Scene]:
    """On the objective and one more of its last digit, where there is one."""
    objective = promise.objective
    low = Fraction(objective.amount) if objective is not None else Fraction(1)
    step = Fraction(1, low.denominator)
    labels: tuple[tuple[Name, Fraction], ...] = (("lower", low), ("higher", low + step))
    for label, amount in labels:
        telling = _telling(promise, law, label)
        written = int(amount) if amount.denominator == 1 else float(amount)
        _entry(promise, law, telling, {**wanted, promise.quantity or "": written})
        yield Scene(label, telling, Expected("counted", 1, None, amount), until)


def _in_sync(promise: Promise, law: Law) -> Iterator[Scene]:
    """One code on the master and on every copy; then the last copy has another version."""
    copies = len(promise.copies)
    wanted = {name: as_tuple(value)[0] for name, value in promise.select.items()}
    labels: tuple[tuple[Name, int], ...] = (("counts", copies), ("does_not_count", copies - 1))
    for label, met in labels:
        telling = _telling(promise, law, label)
        for place, platform in enumerate((promise.master, *promise.copies)):
            version = "2" if place <= met else "1"
            attributes = {**wanted, PLATFORM: platform, promise.listed_by: "sample-item", VERSION: version}
            _entry(promise, law, telling, attributes, subject=f"{telling.subject}-{platform}", minute=_TEN + place)
        yield Scene(label, telling, Expected("counted", copies, met, Fraction(met, copies)))


# ---- duties and figures ------------------------------------------------------------------------------------
def _first_month(promise: Promise, law: Law) -> str:
    """The first month that is owed."""
    months, day = Months(promise, law.zone), promise.effective_from
    period = f"{day:%Y-%m}"
    while not months.holds(period):
        period = f"{date.fromordinal(last_day(period) + 1):%Y-%m}"
    return period


def _of_duty(promise: Promise, law: Law) -> Iterator[Scene]:
    """Done in the last second, and in the first after it, by the first unit that owes it."""
    voice = voice_of(promise, promise.duty or "", law.plan)
    period = f"{promise.by:%Y-%m}" if promise.by is not None else _first_month(promise, law)
    until = _end(promise.by or date.fromordinal(last_day(period)), law)
    last_second = until // SECOND * SECOND
    labels: tuple[tuple[Name, Instant, int], ...] = (("met", last_second, 1), ("missed", last_second + SECOND, 0))
    for label, time, met in labels:
        telling = _telling(promise, law, label)
        data = {"duty": promise.duty, "unit": voice.unit, "period": period}
        telling.tell("duty.fulfilled", time, voice.source, data)
        yield Scene(label, telling, Expected(label, 1, met, Fraction(met), voice.unit))


def _of_figure(promise: Promise, law: Law) -> Iterator[Scene]:
    """As many as the objective demands, and one fewer; without one, two shares."""
    period = f"{promise.by:%Y-%m}" if promise.by is not None else _first_month(promise, law)
    time = law.zone.at(last_day(period), 17 * 60)
    demanded = int(promise.objective.amount * _WHOLE) if promise.objective is not None else _WHOLE // 2
    labels: tuple[tuple[Name, int], ...] = (("higher", demanded), ("lower", demanded - 1))
    for label, part in labels:
        telling = _telling(promise, law, label)
        unit = ""
        for place, quantity in enumerate(dict.fromkeys((promise.numerator, promise.denominator))):
            voice = voice_of(promise, quantity or "", law.plan)
            unit = voice.unit
            counts = {"numerator": part if quantity == promise.numerator else _WHOLE, "denominator": _WHOLE}
            data = {"quantity": quantity, "unit": unit, "period": period, **counts}
            subject = f"{telling.subject}-{quantity}".replace("_", "-")
            telling.tell("figure.reported", time + place * MINUTE_US, voice.source, data, subject=subject)
        yield Scene(label, telling, Expected("counted", _WHOLE, part, Fraction(part, _WHOLE), unit))
