"""What an entry of a plan can be told to be wrong by itself: dates, windows, units of measure, maturity, values."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from services.catalog.load.plan_folder import Place
from services.domain.plan.plan import BY_EVENT, CASELESS, AttributeSpec, Kind, Promise, ServiceItem, Source, Window
from services.domain.time.limits import Limit, LimitUnit

Fault = tuple[Place, str]
"""What is wrong within an entry: keys from the entry on, and the sentence."""

_SELECTED = {"select", "unless", "start", "stop", "clock_stops", "applies_by", "by_item"}
_LIMITED = {"limit", "ends", "extension_moves_limit", "yellow_share"}
_READ_BY: Mapping[Kind, set[str]] = {
    Kind.CASE_LIMIT: _SELECTED | _LIMITED | {"matures_at", "runs_in"},
    Kind.CASE_MEAN: _SELECTED | {"measure"},
    Kind.MEAN_REDUCTION: _SELECTED,
    Kind.CASE_SHARE: _SELECTED | _LIMITED | {"where", "known", "matures_at"},
    Kind.CASE_BOUND: _SELECTED | _LIMITED | {"counts", "bound", "matures_at"},
    Kind.CATALOGUE: {
        *("select", "where", "collection", "statistic", "quantity", "by", "yellow_share", "direction"),
        *("listed", "listed_by", "master", "copies"),
    },
    Kind.DUTY: {"duty", "period", "owed_by", "by", "yellow_share"},
    Kind.NODE_DURATION: _SELECTED | {"nodes", "measure", "direction"},
    Kind.FIGURE: {"numerator", "denominator", "statistic", "period", "owed_by", "direction", "by"},
    Kind.TREND: _SELECTED | _LIMITED | {"measure", "direction", "where", "known", "matures_at"},
}
"""Which fields mean something for a kind; the ones not named here mean something for all."""
_READ_BY_STATISTIC: Mapping[str, set[str]] = {
    "share": {"where", "listed", "listed_by"},
    "count": {"where", "listed", "listed_by"},
    "mean": {"quantity"},
    "sum": {"where", "quantity"},
    "in_sync": {"master", "copies", "listed_by"},
    "stock": set(),
}
"""The same for the statistics of a catalogue."""
_STATISTICS = {Kind.CATALOGUE: ("share", "count", "mean", "sum", "in_sync"), Kind.FIGURE: ("share", "stock")}
_KIND_FIELDS = set[str]().union(*_READ_BY.values())
MEASURES = {"working_days": {"working_days"}, "elapsed_days": {"days", "elapsed_days"}, "minutes": {"minutes"}}
MEASURES["working_minutes"] = {"working_minutes", "minutes"}
_TIME_UNITS = {"working_days", "calendar_days", "days", "elapsed_days", "minutes", "working_minutes", "months"}


def of_promise(promise: Promise, issued: date, *, is_open: bool) -> Iterator[Fault]:
    """What is wrong with a promise whatever else the plan says."""
    for name in sorted(promise.model_fields_set & _KIND_FIELDS - _READ_BY[promise.kind]):
        yield (name,), f"means nothing for kind {promise.kind}: leave it out"
    if promise.kind in CASELESS:
        yield from _caseless(promise)
    yield from _dates(promise, issued, is_open=is_open)
    yield from _windows(promise)
    yield from _units_of_measure(promise)
    yield from _tolerance(promise)
    yield from _maturity(promise)
    yield from _exceptions(promise)
    if promise.runs_in and promise.limit == "due_at":
        yield ("runs_in",), 'means nothing with limit = "due_at": an instant waits for nobody'


def _caseless(promise: Promise) -> Iterator[Fault]:
    """What only an entry about catalogues, duties or figures can have wrong."""
    allowed = _STATISTICS.get(promise.kind, ())
    if promise.statistic is not None and promise.statistic not in allowed:
        yield ("statistic",), f"{promise.statistic!r} is not for kind {promise.kind}: one of {', '.join(allowed)}"
    elif promise.kind is Kind.CATALOGUE and promise.statistic is not None:
        by_statistic = set[str]().union(*_READ_BY_STATISTIC.values())
        for name in sorted(promise.model_fields_set & by_statistic - _READ_BY_STATISTIC[promise.statistic]):
            yield (name,), f"means nothing for statistic {promise.statistic}: leave it out"
    if "listed" in promise.model_fields_set and not promise.listed:
        yield ("listed",), "names an empty list: nothing could ever be missing from it"
    if promise.master is not None and promise.master in promise.copies:
        yield ("copies",), f"{promise.master!r} is the master: it is in step with itself"
    if promise.kind is Kind.DUTY and promise.period == "month" and promise.by is not None:
        yield ("by",), 'is for a duty of once: a month is due at its end, so write period = "once" or leave it out'
    if promise.kind is Kind.FIGURE and promise.objective is not None and not promise.owed_by:
        yield ("owed_by",), "is missing: silence could not be told from having nothing to report"
    if promise.kind is not Kind.DUTY:
        if promise.objective is None and promise.direction is None:
            yield ("direction",), "is missing: without an objective, say which way is good"
        if promise.objective is not None and promise.direction is not None:
            yield ("direction",), "means nothing beside an objective: leave it out"


def of_attribute(spec: AttributeSpec) -> Iterator[Fault]:
    if spec.values and spec.type not in ("code", "codes"):
        yield ("values",), f"only a code has a list of values, not a {spec.type}"


def _dates(promise: Promise, issued: date, *, is_open: bool) -> Iterator[Fault]:
    if promise.effective_from < issued and not is_open:
        yield ("effective_from",), f"lies before the plan was issued, {issued}"
    for key in ("by", "matures_at"):
        value = getattr(promise, key)
        if isinstance(value, date) and value < promise.effective_from:
            yield (key,), f"lies before effective_from, {promise.effective_from}"


def _windows(promise: Promise) -> Iterator[Fault]:
    if len(set(promise.windows)) < len(promise.windows):
        yield ("windows",), "names a window twice"
    standing = promise.kind is Kind.CATALOGUE
    if standing and set(promise.windows) != {Window.NOW}:
        yield ("windows",), 'a catalogue is a state: write windows = ["now"] and official_window = "now"'
    if not standing and Window.NOW in promise.windows:
        yield ("windows",), f'"now" is for catalogues, not for kind {promise.kind}'


def _units_of_measure(promise: Promise) -> Iterator[Fault]:
    """The objective is in the unit of the figure, the bound in that of what it counts."""
    objective, bound = promise.objective, promise.bound
    if objective is not None:
        allowed = _objective_units(promise)
        if allowed is not None and objective.unit not in allowed:
            wanted = " or ".join("%" if unit == "share" else unit for unit in sorted(allowed))
            yield ("objective",), f"is in {objective.unit}, the figure in {wanted}"
        elif allowed is None and objective.unit in _TIME_UNITS | {"share"} and promise.kind is not Kind.FIGURE:
            yield ("objective",), f"is in {objective.unit}, the figure is a number: name what is counted, e.g. items"
        if objective.unit == "share" and not 0 <= objective.amount <= 1:
            yield ("objective",), "a share lies between 0 % and 100 %"
    if bound is not None:
        counted_in = {"share": ("ratio:",), "CNY": ("quantity:", "ratio:")}.get(bound.unit, ("",))
        if bound.unit in _TIME_UNITS or not all(count.startswith(counted_in) for count in promise.counts):
            yield ("bound",), f"is in {bound.unit}, which {', '.join(promise.counts)} are not counted in"
        if bound.quota is not None:
            yield ("bound",), "a range belongs into `objective`: a bound has one end"


def _tolerance(promise: Promise) -> Iterator[Fault]:
    """基本 is said of a share."""
    if promise.tolerance and (promise.target is None or promise.target.unit != "share"):
        yield ("tolerance",), "goes with an objective that is a share"


def _objective_units(promise: Promise) -> set[str] | None:
    """The units that an objective may have; None: any that counts things."""
    match promise.kind:
        case Kind.CASE_LIMIT | Kind.CASE_SHARE | Kind.CASE_BOUND | Kind.MEAN_REDUCTION | Kind.DUTY:
            return {"share"}
        case Kind.CASE_MEAN if (promise.measure or "").startswith("ratio:"):
            return {"share"}
        case Kind.CASE_MEAN if promise.measure == "rating":
            return {"points"}
        case Kind.CASE_MEAN:
            return MEASURES.get(promise.measure or "")
        case Kind.CATALOGUE if promise.statistic in ("share", "in_sync"):
            return {"share"}
    return None


def beyond_the_law(limit: Limit, promise: Promise, items: Iterable[ServiceItem]) -> Iterator[Fault]:
    """A committed limit (承诺时限) is never longer than a statutory one (法定时限) in force together with it."""
    for item in items:
        for index, version in enumerate(item.statutory):
            ends = item.statutory[index + 1].effective_from if index + 1 < len(item.statutory) else date.max
            together = promise.effective_from < ends and version.effective_from <= (promise.effective_to or date.max)
            if together and _exceeds(limit, version.limit):
                since = version.effective_from
                sentence = f"{limit} is longer than the statutory limit of {item.code} from {since}, {version.limit}"
                yield ("limit",), sentence


def tellers(point: str, item: ServiceItem, sources: Iterable[Source]) -> list[Source]:
    """The sources that tell of a point of a service item's cases: those that name the milestone; of any other, those
    that name no milestone of the item."""
    feeding = [source for source in sources if not source.operations and {item.code, "*"} & set(source.feeds)]
    naming = [source for source in feeding if point.removeprefix("milestone:") in source.milestones]
    return naming or [source for source in feeding if not set(source.milestones) & set(item.milestones)] or feeding


def sooner_than_told(promise: Promise, items: Iterable[ServiceItem], sources: Iterable[Source]) -> Iterator[Fault]:
    """No limit is shorter than what the source of its stop usually takes to tell of it: done in time, every case would
    be a late entry (rule 14)."""
    if promise.kind not in (Kind.CASE_LIMIT, Kind.CASE_SHARE) or promise.target is None:
        return
    sources = list(sources)
    for item in items:
        for point in promise.stop:
            quickest = _quickest(tellers(point, item, sources))
            if quickest is None or quickest.lateness is None:
                continue
            for key, allowed in _allowed(promise, point, item, sources):
                if _exceeds(quickest.lateness, allowed):
                    late = f"{quickest.id} usually tells of {point} ({quickest.lateness} late)"
                    remedy = "lengthen it, or register a source that tells at once"
                    yield (key,), f"{getattr(promise, key)} is sooner than {late}: {remedy}"
                    return


def _allowed(promise: Promise, point: str, item: ServiceItem, sources: Iterable[Source]) -> Iterator[tuple[str, Limit]]:
    """The limits within which a stop must be known; of a step that a completion matures, what its own source takes."""
    for key in ("limit", "matures_at"):
        value = getattr(promise, key)
        if isinstance(value, Limit):
            yield key, value
    if promise.matures_at == "completion" and point != "completed":
        closing = _quickest(tellers("completed", item, sources))
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


def _maturity(promise: Promise) -> Iterator[Fault]:
    if promise.matures_at == "limit" and promise.limit is None:
        yield ("matures_at",), '"limit" needs a `limit`'
    if promise.matures_at == "limit" and promise.kind is not Kind.CASE_BOUND and isinstance(promise.limit, str):
        yield ("matures_at",), f'"limit" needs one that the plan sets: {promise.limit} is what each case declares'
    if promise.kind is Kind.TREND:
        yield from _of_trend(promise)
    if promise.where == {"stopped": True} and promise.matures_at in BY_EVENT and promise.stop == ("completed",):
        yield ("stop",), "every completed case would count: name the milestones, or let a limit mature the case"
    if promise.kind is Kind.CATALOGUE and promise.statistic == "share" and not promise.where and not promise.listed:
        yield ("where",), "is missing: which of the selected entries count"


def _of_trend(promise: Promise) -> Iterator[Fault]:
    """Only a share has cases that count and cases that do not."""
    if promise.measure != "share":
        for name in sorted({"where", "known", "matures_at"} & promise.model_fields_set):
            yield (name,), f'means something for measure = "share" only, not for {promise.measure}: leave it out'
        return
    if promise.matures_at is None:
        yield ("matures_at",), 'is missing: say what matures a case, e.g. "completion"'
    if not promise.where:
        yield ("where",), "is missing: which of the selected cases count"


def _exceptions(promise: Promise) -> Iterator[Fault]:
    """An exception leaves somebody in."""
    if promise.unless and all(
        name in promise.select and set(as_tuple(promise.select[name])) <= set(as_tuple(value))
        for name, value in promise.unless.items()
    ):
        yield ("unless",), "leaves nobody: all that is selected is left out again"


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


def as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)
