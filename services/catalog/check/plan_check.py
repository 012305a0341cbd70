"""Everything that is wrong with a plan folder, at once: what `kpiwatch plan check` says.

Reading the files finds bad TOML and bad entries (`services.catalog.load.plan_folder`); here is what only the whole
plan can show: names that nothing declares, clauses that the plan does not say, limits that contradict them, versions
that overlap.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from services.catalog.check.clause_check import PlanText, contradictions
from services.catalog.check.promise_checks import (
    MEASURES,
    Fault,
    as_tuple,
    beyond_the_law,
    of_attribute,
    of_promise,
    sooner_than_told,
    values_of,
)
from services.catalog.load.calendars import load_calendar
from services.catalog.load.lock import broken
from services.catalog.load.plan_folder import Located, Place, Problem, Reading, read_plan
from services.catalog.load.toml_lines import line_of, lines_of
from services.domain.judging.bounded_amounts import FULL_TRACE
from services.domain.judging.kinds.in_sync import PLATFORM, VERSION
from services.domain.plan.plan import AttributeSpec, HoursEntry, Kind, Promise, ServiceItem, Source, Unit
from services.domain.plan.statutory_time import hours_version
from services.domain.time.limits import Limit
from services.domain.time.opening_hours import OpeningHours
from services.domain.time.zone import Zone
from services.process.text_file import read_text

CASE_FIELDS: Mapping[str, Collection[str]] = {
    "applicant": ("enterprise", "small_micro", "individual", "public", "unknown"),
    "channel": ("online", "counter", "phone", "post", "unknown"),
    "outcome": ("granted", "refused", "partly", "terminated"),
}
"""Fields of a case that a selection may name, with their values (docs/contract.md)."""
_FLAGS = {"parent", "online", "stopped", "extended"}
OF_EVERY_CASE = {*CASE_FIELDS, *_FLAGS, "service_item", "unit", "reached"}
"""What a selection may name without its being declared."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOURS = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)")


def check_plan(folder: Path, today: date) -> list[Problem]:
    """Every problem of the plan in that folder, by file and line; `today` tells which versions are in force."""
    reading = read_plan(folder)
    problems = list(reading.problems)
    if reading.head is not None:
        problems += Checker(reading).problems()
        problems += broken(folder, reading.promises, today)
    return _by_line(problems)


def _by_line(problems: Iterable[Problem]) -> list[Problem]:
    lines: dict[Path, Mapping[Place, int]] = {}
    placed = []
    for problem in problems:
        if problem.file not in lines:
            lines[problem.file] = _places(problem.file)
        line = problem.line or line_of(problem.place, lines[problem.file])
        placed.append(Problem(problem.file, problem.place, problem.sentence, line))
    unique = dict.fromkeys(placed)
    return sorted(unique, key=lambda problem: (str(problem.file), problem.line or 0, str(problem.place)))


def _places(file: Path) -> Mapping[Place, int]:
    """The lines of what a file says; none where it cannot be read, which is a problem by itself."""
    if file.suffix not in (".toml", ".lock"):
        return {}
    try:
        return lines_of(read_text(file))
    except (OSError, ValueError, RecursionError):
        return {}


def unknown(what: str, name: object, known: Iterable[str], where: str) -> str:
    """The sentence for a name that nothing declares, with the nearest that is."""
    near = get_close_matches(str(name), sorted(known), n=1, cutoff=0.6)
    return f"{what} {name!r} is not in {where}" + (f": did you mean {near[0]!r}?" if near else "")


class Checker:
    """The checks that need the whole plan, over what could be read of it."""

    def __init__(self, reading: Reading) -> None:
        assert reading.head is not None
        self._reading = reading
        self._head = reading.head
        self._head_file = reading.folder / "plan.toml"
        self._open = reading.head.open
        self._units = {located.entry.id for located in reading.units}
        self._items = {located.entry.code: located.entry for located in reading.service_items}
        self._sources = {located.entry.id for located in reading.sources}
        self._hours = {located.entry.id for located in reading.hours} | {"default"}
        self._collections = {collection.id: collection for collection in reading.head.collections}
        self._zone, self._weekdays = Zone("UTC"), load_calendar("monday-friday")  # any will do to try hours in

    def problems(self) -> Iterator[Problem]:
        """All of them, in no order."""
        yield from self._of_head()
        yield from self._of_text()
        for unit in self._reading.units:
            yield from _placed(unit, self._of_unit(unit.entry))
        for item in self._reading.service_items:
            yield from _placed(item, self._of_item(item.entry))
        for source in self._reading.sources:
            yield from _placed(source, self._of_source(source.entry))
        for hours in self._reading.hours:
            yield from _placed(hours, self._of_hours(hours.entry))
        for promise in self._reading.promises:
            yield from _placed(promise, self._of_promise(promise.entry))
        yield from self._repeated()
        yield from self._versions()
        yield from self._unfed()

    def _of_head(self) -> Iterator[Problem]:
        if self._head.timezone not in available_timezones():
            sentence = unknown("time zone", self._head.timezone, available_timezones(), "the time zone database")
            yield Problem(self._head_file, ("timezone",), sentence)
        for index, collection in enumerate(self._head.collections):
            for name, spec in collection.attributes.items():
                if spec.keeps == "first":
                    place = ("collections", index, "attributes", name, "keeps")
                    sentence = "each event of an entry is its whole state: leave it out"
                    yield Problem(self._head_file, place, sentence)
                for keys, sentence in of_attribute(spec):
                    yield Problem(self._head_file, ("collections", index, "attributes", name, *keys), sentence)
        if not self._reading.promises and not any(self._reading.folder.glob("kpis/*.toml")):
            yield Problem(self._reading.folder / "kpis", (), "has no promises: write one in kpis/NAME.toml")

    def _of_text(self) -> Iterator[Problem]:
        """Every clause is a literal quotation of the plan; an open plan may have no text."""
        if not self._head.text and self._open:
            return
        path = self._reading.folder / self._head.text
        try:
            text = PlanText(read_text(path))
        except (OSError, ValueError):
            yield Problem(
                self._head_file, ("text",), f"{self._head.text!r} cannot be read: put the plan's text there, as UTF-8"
            )
            return
        for located in self._reading.promises:
            clause = located.entry.clause
            place = (*located.place, "clause")
            if not clause.strip():
                yield Problem(located.file, place, "is empty: quote the plan's words")
            elif not text.quotes(clause):
                yield Problem(located.file, place, f"is not in {self._head.text}: {text.departure(clause)}")

    def _of_unit(self, unit: Unit) -> Iterator[Fault]:
        yield from _name("id", unit.id)
        if unit.opening_hours not in self._hours:
            yield ("opening_hours",), unknown("hours", unit.opening_hours, self._hours, "opening_hours.toml")
        if unit.parent is not None and unit.parent not in self._units:
            yield ("parent",), unknown("unit", unit.parent, self._units, "units.toml")

    def _of_item(self, item: ServiceItem) -> Iterator[Fault]:
        yield from _name("code", item.code)
        for name, spec in item.attributes.items():
            if name in OF_EVERY_CASE:
                yield ("attributes", name), f"{name!r} is a field of every case: give the attribute another name"
            if name == FULL_TRACE and spec.type != "bool":
                yield ("attributes", name, "type"), "is true or false: whether all that happens in a case is reported"
            for keys, sentence in of_attribute(spec):
                yield ("attributes", name, *keys), sentence
        if item.opening_hours is not None and item.opening_hours not in self._hours:
            yield ("opening_hours",), unknown("hours", item.opening_hours, self._hours, "opening_hours.toml")
        dates = [version.effective_from for version in item.statutory]
        if dates != sorted(set(dates)):
            yield ("statutory",), "versions of a limit come in the order of their dates, one a date"
        for reason in item.suspension_maximum:
            yield from self._reason(("suspension_maximum", reason), reason)
        for key in ("milestones", "nodes", "quantities"):
            for name, times in Counter(getattr(item, key)).items():
                if times > 1:
                    yield (key,), f"{name!r} is there {times} times"

    def _of_hours(self, entry: HoursEntry) -> Iterator[Fault]:
        yield from _name("id", entry.id)
        for days, spans in entry.weekly.items():
            for span in spans:
                if not _HOURS.fullmatch(span):
                    yield ("weekly", days), f'{span!r} is no span of hours: write it as "09:00-12:00"'
                    return
        try:
            OpeningHours(self._zone, self._weekdays, [hours_version(entry)])
        except ValueError as error:
            yield ("weekly",), str(error).partition(": ")[2]

    def _of_source(self, source: Source) -> Iterator[Fault]:
        for unit in source.units:
            if unit != "*":
                yield from self._unit(("units",), unit)
        for owner in source.owners:
            if owner != "*" and owner not in self._sources:
                yield ("owners",), unknown("source", owner, self._sources, "sources.toml")
        fed = self._fed()
        steps = {name for code in source.feeds if code in self._items for name in self._items[code].milestones}
        for name in source.milestones:
            if name not in steps and "*" not in source.feeds and not self._open:
                yield ("milestones",), unknown("milestone", name, steps, "the service items that it feeds")
        for name in source.feeds:
            if name != "*" and name not in fed and not self._open:
                yield ("feeds",), unknown("service item, collection, duty or figure", name, fed, "the plan")

    def _fed(self) -> set[str]:
        """What a source can report on."""
        return {*self._items, *self._collections, *self._head.duties, *self._head.figures}

    def _of_promise(self, promise: Promise) -> Iterator[Fault]:
        yield from _name("id", promise.id)
        yield from _name("variant", promise.variant)
        for unit_field in ("lead", "responsible", "owed_by"):
            for unit in getattr(promise, unit_field):
                yield from self._unit((unit_field,), unit)
        if not promise.lead and not self._open:
            yield ("lead",), "is missing: the annex says who leads"
        if promise.tier is None and self._head.text:
            yield ("tier",), "is missing: H (a number is printed), C (full coverage, no number) or Q (a direction)"
        yield from of_promise(promise, self._head.issued, is_open=self._open)
        for reason in promise.clock_stops:
            yield from self._reason(("clock_stops",), reason)
        match promise.kind:
            case Kind.CATALOGUE:
                yield from self._of_catalogue(promise)
            case Kind.DUTY:
                if promise.duty is not None and promise.duty not in self._head.duties:
                    yield ("duty",), unknown("duty", promise.duty, self._head.duties, "plan.toml")
            case Kind.FIGURE:
                for key in ("numerator", "denominator"):
                    name = getattr(promise, key)
                    if name is not None and name not in self._head.figures and not self._open:
                        yield (key,), unknown("figure", name, self._head.figures, "the figures of plan.toml")
            case _:
                yield from self._of_cases(promise)
        if self._head.text:
            for key, sentence in contradictions(promise):
                yield (key,), sentence

    def _of_catalogue(self, promise: Promise) -> Iterator[Fault]:
        collection = self._collections.get(promise.collection or "")
        if collection is None:
            if promise.collection:
                yield ("collection",), unknown("collection", promise.collection, self._collections, "plan.toml")
            return
        for key in ("select", "where"):
            for name, value in getattr(promise, key).items():
                spec = collection.attributes.get(name)
                if spec is None:
                    yield (key, name), unknown("attribute", name, collection.attributes, f"collection {collection.id}")
                else:
                    yield from values_of(key, name, value, spec)
        yield from self._codes_of_entries(promise, collection.id, collection.attributes)
        if promise.quantity is not None:
            spec = collection.attributes.get(promise.quantity)
            if spec is None or spec.type not in ("integer", "number"):
                yield (
                    ("quantity",),
                    f"{promise.quantity!r} is no number among the attributes of collection {collection.id}",
                )

    def _codes_of_entries(
        self, promise: Promise, collection: str, declared: Mapping[str, AttributeSpec]
    ) -> Iterator[Fault]:
        """Where entries are told apart, they declare by what."""
        in_sync = promise.statistic == "in_sync"
        if not in_sync and not promise.listed:
            return
        for name in (promise.listed_by, *((PLATFORM, VERSION) if in_sync else ())):
            if name not in declared:
                key = "listed_by" if name == promise.listed_by else "statistic"
                yield (key,), unknown("attribute", name, declared, f"collection {collection}")
        code = declared.get(promise.listed_by)
        if promise.listed and code is not None and code.type not in ("code", "text"):
            yield ("listed_by",), f"{promise.listed_by!r} is no code among the attributes of collection {collection}"
        if promise.listed and code is not None:
            yield from values_of("listed", promise.listed_by, promise.listed, code)
        if in_sync and PLATFORM in declared:
            yield from values_of("master", PLATFORM, promise.master or (), declared[PLATFORM])
            yield from values_of("copies", PLATFORM, promise.copies, declared[PLATFORM])

    def _of_cases(self, promise: Promise) -> Iterator[Fault]:
        wanted = as_tuple(promise.select.get("service_item", ()))
        for code in wanted:
            if code not in self._items and not self._open:
                yield ("select", "service_item"), unknown("service item", code, self._items, "service_items.toml")
        items = (
            [self._items[str(code)] for code in wanted if code in self._items] if wanted else list(self._items.values())
        )
        for key in ("select", "unless", "where"):
            for name, value in getattr(promise, key).items():
                yield from self._case_value(promise, key, name, value, items)
        for name in promise.known:
            if name not in ("channel", "applicant", "outcome", "unit"):
                yield from self._declared(("known",), "attribute", name, items)
        yield from self._points(promise, items)
        if isinstance(promise.limit, Limit):
            yield from beyond_the_law(promise.limit, promise, items)
        yield from sooner_than_told(promise, items, [located.entry for located in self._reading.sources])
        for key in ("nodes", "runs_in"):
            for node in getattr(promise, key):
                yield from self._declared((key,), "node", node, items)

    def _case_value(
        self, promise: Promise, key: str, name: str, value: Any, items: list[ServiceItem]
    ) -> Iterator[Fault]:
        if name == "service_item":
            if key == "where":
                yield (key, name), "belongs into `select`"
            elif key == "unless":
                for code in as_tuple(value):
                    if code not in self._items and not self._open:
                        yield (key, name), unknown("service item", code, self._items, "service_items.toml")
        elif name == "unit":
            for unit in as_tuple(value):
                yield from self._unit((key, name), str(unit))
        elif name in _FLAGS:
            if not all(isinstance(each, bool) for each in as_tuple(value)):
                yield (key, name), f"is true or false, not {value!r}"
            if name == "stopped" and key != "where":
                yield (key, name), "belongs into `where`: what is not stopped is open, not unselected"
        elif name == "reached":
            for milestone in as_tuple(value):
                yield from self._declared((key, name), "milestone", str(milestone), items)
        elif name in CASE_FIELDS:
            for each in as_tuple(value):
                if each not in CASE_FIELDS[name]:
                    yield (key, name), f"{each!r} is no {name}: one of {', '.join(CASE_FIELDS[name])}"
        else:
            yield from self._declared((key, name), "attribute", name, items)
            for item in items:
                if name in item.attributes:
                    yield from values_of(key, name, value, item.attributes[name])

    def _points(self, promise: Promise, items: list[ServiceItem]) -> Iterator[Fault]:
        """Clock points, counts and measures: each word is known, each name declared."""
        for key, plain in (("start", ("applied", "accepted")), ("stop", ("completed",))):
            for point in getattr(promise, key):
                if point.startswith("milestone:"):
                    yield from self._declared((key,), "milestone", point.removeprefix("milestone:"), items)
                elif point not in plain:
                    yield (key,), f"{point!r} is no clock point: write {', '.join(plain)} or milestone:NAME"
        for count in promise.counts:
            what, _, name = count.partition(":")
            match what:
                case "milestone" | "quantity":
                    yield from self._declared(("counts",), what, name, items)
                case "order" if name.count("<") == 1 and all(name.split("<")):
                    for milestone in name.split("<"):
                        yield from self._declared(("counts",), "milestone", milestone, items)
                case "ratio" if _is_ratio(name):
                    for quantity in name.split("/"):
                        yield from self._declared(("counts",), "quantity", quantity, items)
                case "attribute" if name:
                    yield from self._listing(name, items)
                case _:
                    words = "milestone:NAME, quantity:NAME, ratio:A/B, attribute:NAME or order:A<B"
                    yield ("counts",), f"{count!r} is no count: write {words}"
        if promise.measure is not None:
            what, _, name = promise.measure.partition(":")
            measures = _measures(promise.kind)
            if what == "ratio" and f"{what}:A/B" in measures and _is_ratio(name):
                for quantity in name.split("/"):
                    yield from self._declared(("measure",), "quantity", quantity, items)
            elif what in ("quantity", "milestone") and name:
                yield from self._declared(("measure",), what, name, items)
            elif promise.measure not in measures:
                yield ("measure",), f"{promise.measure!r} is no measure: one of {', '.join(measures)}"

    def _listing(self, name: str, items: list[ServiceItem]) -> Iterator[Fault]:
        """An attribute whose codes are counted is a list of them."""
        yield from self._declared(("counts",), "attribute", name, items)
        for item in items:
            if name in item.attributes and item.attributes[name].type != "codes":
                yield ("counts",), f"{name!r} of {item.code} is no list of codes: declare it with type codes"
                return

    def _declared(self, place: Place, what: str, name: str, items: list[ServiceItem]) -> Iterator[Fault]:
        """Each selected service item declares the name: else its cases could never have it."""
        if self._open and not items:
            return
        declared: Callable[[ServiceItem], Collection[str]] = {
            "attribute": lambda item: item.attributes,
            "milestone": lambda item: item.milestones,
            "quantity": lambda item: item.quantities,
            "node": lambda item: item.nodes,
        }[what]
        without = [item for item in items if name not in declared(item)]
        if without and not self._open:
            of = without[0].code + (f" and {len(without) - 1} more" if len(without) > 1 else "")
            yield place, unknown(what, name, declared(without[0]), f"service item {of}")

    def _unit(self, place: Place, unit: str) -> Iterator[Fault]:
        if unit not in self._units and not self._open:
            yield place, unknown("unit", unit, self._units, "units.toml")

    def _reason(self, place: Place, reason: str) -> Iterator[Fault]:
        if reason not in self._head.reasons and not self._open:
            yield place, unknown("reason", reason, self._head.reasons, "the reasons of plan.toml")

    def _repeated(self) -> Iterator[Problem]:
        """Names that must be unique and are not."""
        reading = self._reading
        for entries, key in (
            (reading.units, lambda entry: entry.id),
            (reading.service_items, lambda entry: entry.code),
            (reading.sources, lambda entry: entry.id),
            (reading.hours, lambda entry: f"{entry.id} from {entry.effective_from}"),
        ):
            yield from _repeats(entries, key)
        for collection, times in Counter(collection.id for collection in self._head.collections).items():
            if times > 1:
                yield Problem(self._head_file, ("collections",), f"{collection!r} is there {times} times")

    def _versions(self) -> Iterator[Problem]:
        """One version of a promise at a time, one official variant, one measure, one tier."""
        groups: dict[str, list[Located[Promise]]] = defaultdict(list)
        by_id: dict[str, list[Located[Promise]]] = defaultdict(list)
        for located in self._reading.promises:
            groups[located.entry.key].append(located)
            by_id[located.entry.id].append(located)
        for versions in groups.values():
            versions.sort(key=lambda located: located.entry.effective_from)
            for earlier, later in pairwise(versions):
                yield from _together(earlier, later)
        for name, entries in by_id.items():
            if not any(located.entry.variant == "official" for located in entries):
                yield Problem(entries[0].file, (*entries[0].place, "variant"), f"{name} has no official variant")
            for located in entries[1:]:
                if located.entry.item != entries[0].entry.item:
                    yield Problem(
                        located.file,
                        (*located.place, "item"),
                        f"{name} belongs to measure {entries[0].entry.item} elsewhere",
                    )
                tiers = located.entry.tier, entries[0].entry.tier
                if None not in tiers and tiers[0] != tiers[1]:
                    yield Problem(located.file, (*located.place, "tier"), f"{name} is of tier {tiers[1]} elsewhere")

    def _unfed(self) -> Iterator[Problem]:
        """A promise that no source feeds would be silent for ever, and look as if nothing had happened."""
        if self._open or not self._reading.sources:
            return
        fed = {name for located in self._reading.sources for name in located.entry.feeds}
        known = self._fed()
        if "*" in fed:
            return
        for located in self._reading.promises:
            promise = located.entry
            selected = as_tuple(promise.select.get("service_item", ())) if promise.collection is None else ()
            needs = [("select", str(name)) for name in selected]
            for key in ("collection", "duty", "numerator", "denominator"):
                needs += [(key, name)] if (name := getattr(promise, key)) else []
            for key, name in needs:
                if name in known and name not in fed:
                    yield Problem(
                        located.file, (*located.place, key), f"no source feeds {name!r}: say which in sources.toml"
                    )


def _is_ratio(name: str) -> bool:
    """Whether it is written as A/B."""
    return name.count("/") == 1 and all(name.split("/"))


def _measures(kind: Kind) -> list[str]:
    """The words for what a kind measures."""
    words = [*MEASURES, "quantity:NAME", "milestone:NAME"]
    if kind in (Kind.CASE_MEAN, Kind.TREND):
        words += ["ratio:A/B", "rating"]
    return words + ["share", "count"] * (kind is Kind.TREND)


def _together(earlier: Located[Promise], later: Located[Promise]) -> Iterator[Problem]:
    """What is wrong if two versions of a promise are in force on one day."""
    ends, begins = earlier.entry.effective_to, later.entry.effective_from
    line = line_of(earlier.place, lines_of(earlier.file.read_text(encoding="utf-8")))
    first = f"{earlier.file.name}:{line}"
    if earlier.entry.effective_from == begins:
        sentence = f"{later.entry.key} is there already ({first}): name a variant, or the date of a new version"
        yield Problem(later.file, (*later.place, "id"), sentence)
    elif ends is None or ends >= begins:
        since, last = earlier.entry.effective_from, begins - timedelta(days=1)
        sentence = f"overlaps the version of {since} ({first}): end that with effective_to = {last}"
        yield Problem(later.file, (*later.place, "effective_from"), sentence)


def _placed(located: Located[Any], faults: Iterable[Fault]) -> Iterator[Problem]:
    for keys, sentence in faults:
        yield Problem(located.file, (*located.place, *keys), sentence)


def _repeats(entries: Iterable[Located[Any]], key: Callable[[Any], str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for located in entries:
        name = key(located.entry)
        if name in seen:
            yield Problem(located.file, located.place, f"{name!r} is there already")
        seen.add(name)


def _name(key: str, name: str) -> Iterator[Fault]:
    """Names become labels and parts of keys."""
    if not _NAME.fullmatch(name):
        yield (key,), f"{name!r} is no name: letters, digits, '.', '_' and '-', at most 64"
