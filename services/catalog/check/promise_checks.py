"""Checks of one promise against dates, statutory limits, sources and declared attributes."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from services.domain.plan.plan import AttributeSpec, CasePromise, Fault, Promise, ServiceItem, Source, as_tuple
from services.domain.plan.reporting_time import reporting_sources
from services.domain.time.limits import Limit, LimitUnit


def of_promise(promise: Promise, issued: date, *, is_open: bool) -> Iterator[Fault]:
    """What is wrong with the dates of a promise."""
    if promise.effective_from < issued and not is_open:
        yield ("effective_from",), f"lies before the plan was issued, {issued}"
    maturity = promise.maturity if isinstance(promise, CasePromise) else None
    for key, value in (("by", promise.target_date), ("matures_at", maturity)):
        if isinstance(value, date) and value < promise.effective_from:
            yield (key,), f"lies before effective_from, {promise.effective_from}"


def of_attribute(spec: AttributeSpec) -> Iterator[Fault]:
    if spec.values and spec.type not in ("code", "codes"):
        yield ("values",), f"only a code has a list of values, not a {spec.type}"
    if spec.unset is not None:
        if isinstance(spec.unset, bool) != (spec.type == "bool") or spec.type not in ("bool", "code"):
            yield (
                ("unset",),
                f"{spec.unset!r} is no {spec.type}: only a bool or a code can have a value that is left out",
            )
        elif spec.values and spec.unset not in spec.values:
            yield ("unset",), f"{spec.unset!r} is none of its values: {', '.join(spec.values)}"


def beyond_the_law(limit: Limit, promise: CasePromise, items: Iterable[ServiceItem]) -> Iterator[Fault]:
    """A committed limit (承诺时限) is never longer than a statutory one (法定时限) in force together with it."""
    for item in items:
        for index, version in enumerate(item.statutory):
            ends = item.statutory[index + 1].effective_from if index + 1 < len(item.statutory) else date.max
            together = promise.effective_from < ends and version.effective_from <= (promise.effective_to or date.max)
            if together and _exceeds(limit, version.limit):
                since = version.effective_from
                sentence = f"{limit} is longer than the statutory limit of {item.code} from {since}, {version.limit}"
                yield ("limit",), sentence


def shorter_than_reporting(
    promise: CasePromise, items: Iterable[ServiceItem], sources: Iterable[Source]
) -> Iterator[Fault]:
    """No limit is shorter than what the source of its stop usually takes to report it: done in time, every case would
    be a late entry (rule 14)."""
    if not promise.stop_must_be_known_in_time or promise.target is None:
        return
    sources = list(sources)
    for item in items:
        for point in promise.stop:
            quickest = _quickest(reporting_sources(point, item, sources))
            if quickest is None or quickest.lateness is None:
                continue
            for key, allowed in _allowed(promise, point, item, sources):
                if _exceeds(quickest.lateness, allowed):
                    late = f"{quickest.id} usually reports {point} ({quickest.lateness} late)"
                    remedy = "lengthen it, or register a source that reports at once"
                    yield (key,), f"{getattr(promise, key)} is sooner than {late}: {remedy}"
                    return


def _allowed(
    promise: CasePromise, point: str, item: ServiceItem, sources: Iterable[Source]
) -> Iterator[tuple[str, Limit]]:
    """The limits within which a stop must be known; of a step that a completion matures, what its own source takes."""
    for key, value in (("limit", promise.clock.limit), ("matures_at", promise.maturity)):
        if isinstance(value, Limit):
            yield key, value
    if promise.maturity == "completion" and point != "completed":
        closing = _quickest(reporting_sources("completed", item, sources))
        yield "matures_at", (closing and closing.lateness) or Limit(amount=0, unit=LimitUnit.WORKING_DAYS)


def _quickest(sources: Iterable[Source]) -> Source | None:
    """The one that is least late."""
    found: Source | None = None
    for source in sources:
        if found is None or source.lateness is None or (found.lateness and _exceeds(found.lateness, source.lateness)):
            found = source
    return found


def _exceeds(limit: Limit, other: Limit) -> bool:
    """Whether a limit is longer, in one unit exactly, across units only where that is beyond doubt."""
    if limit.unit == other.unit:
        return limit.amount > other.amount
    return limit.amount * _DAYS[limit.unit][0] > other.amount * _DAYS[other.unit][1]


_DAYS: Mapping[LimitUnit, tuple[Decimal, Decimal]] = {
    LimitUnit.WORKING_DAYS: (Decimal(1), Decimal(3)),
    LimitUnit.CALENDAR_DAYS: (Decimal(1), Decimal(2)),
    LimitUnit.MINUTES: (Decimal(1) / 1440, Decimal(1) / 1440),
    LimitUnit.WORKING_MINUTES: (Decimal(1) / 1440, Decimal(3) / 60),
    LimitUnit.MONTHS: (Decimal(28), Decimal(41)),
}
"""How many days a unit is at least and at most, holidays included."""


def values_of(key: str, name: str, value: Any, spec: AttributeSpec) -> Iterator[Fault]:
    """Wanted values fit the declared attribute."""
    for each in as_tuple(value):
        fits = {
            "bool": isinstance(each, bool),
            "integer": isinstance(each, int) and not isinstance(each, bool),
            "number": isinstance(each, int | float) and not isinstance(each, bool),
        }.get(spec.type, isinstance(each, str))
        if not fits:
            yield (key, name), f"{each!r} is no {spec.type}"
        elif spec.values and each not in spec.values:
            yield (key, name), f"{each!r} is not among the values of {name}: {', '.join(spec.values)}"
