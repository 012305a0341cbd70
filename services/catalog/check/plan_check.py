"""Everything that is wrong with a plan folder, at once: what `kpiwatch plan check` says.

Reading the files finds bad TOML and entries that cannot be judged by (`services.catalog.load.plan_folder`); here is
what only the whole plan can show: names that nothing declares, clauses that the plan does not say, limits that
contradict them, versions that overlap.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from services.catalog.check.annex_check import of_annex
from services.catalog.check.clause_check import contradictions
from services.catalog.check.names_check import unnamed
from services.catalog.check.plan_text import PlanText
from services.catalog.check.promise_checks import (
    beyond_the_law,
    of_attribute,
    of_promise,
    shorter_than_reporting,
    values_of,
)
from services.catalog.load.entry_faults import unknown
from services.catalog.load.lock import broken
from services.catalog.load.plan_folder import Located, Place, Problem, Reading, placed, read_plan
from services.catalog.load.toml_lines import line_of, lines_of
from services.domain.plan.plan import (
    FULL_TRACE,
    AttributeNeed,
    AttributeSpec,
    CasePromise,
    EntryPromise,
    Fault,
    Promise,
    ServiceItem,
    Source,
    Unit,
    as_tuple,
)
from services.domain.plan.unit_history import first_day_after
from services.domain.time.limits import Limit
from services.runtime.text_file import read_text

CASE_FIELDS: Mapping[str, Collection[str]] = {
    "applicant": ("enterprise", "small_micro", "individual", "public", "unknown"),
    "channel": ("online", "counter", "phone", "post", "unknown"),
    "outcome": ("granted", "refused", "partly", "terminated"),
}
"""Fields of a case that a selection may name, with their values (docs/contract.md)."""
_FLAGS = {"parent", "online", "stopped", "extended"}
OF_EVERY_CASE = {*CASE_FIELDS, *_FLAGS, "service_item", "unit", "reached"}
"""What a selection may name without its being declared."""

ANY = "*"
"""In a source: any unit, owner or feed."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


def check_plan(folder: Path, today: date) -> list[Problem]:
    """Every problem of the plan in that folder, by file and line; `today` says which versions are in force."""
    return problems_of(read_plan(folder), today)


def problems_of(reading: Reading, today: date) -> list[Problem]:
    """The same, of a folder that was read."""
    problems = list(reading.problems)
    if reading.head is not None:
        problems += Checker(reading).problems()
        problems += broken(reading.folder, reading.promises, today)
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
        self._collections = {collection.id: collection for collection in reading.head.collections}
        self._text = PlanText("")

    def problems(self) -> Iterator[Problem]:
        """All of them, in no order."""
        yield from self._of_head()
        yield from self._of_text()
        for unit in self._reading.units:
            yield from placed(unit, self._of_unit(unit.entry))
        for item in self._reading.service_items:
            yield from placed(item, self._of_item(item.entry))
        for source in self._reading.sources:
            yield from placed(source, self._of_source(source.entry))
        for hours in self._reading.hours:
            yield from placed(hours, _name("id", hours.entry.id))
        for promise in self._reading.promises:
            yield from placed(promise, self._of_promise(promise.entry))
        yield from self._repeated()
        yield from self._versions()
        yield from self._unfed()
        yield from unnamed(self._reading)

    def _of_head(self) -> Iterator[Problem]:
        for index, collection in enumerate(self._head.collections):
            for name, spec in collection.attributes.items():
                if spec.unset is not None:
                    place = ("collections", index, "attributes", name, "unset")
                    yield Problem(self._head_file, place, "means something for a service item only: leave it out")
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
            self._text = text = PlanText(read_text(path), self._head.language)
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
        units = {located.entry.id: located.entry for located in self._reading.units}
        yield from of_annex(self._reading.folder, text, self._reading.promises, units)

    def _of_unit(self, unit: Unit) -> Iterator[Fault]:
        yield from _name("id", unit.id)
        if unit.parent is not None and unit.parent not in self._units:
            yield ("parent",), unknown("unit", unit.parent, self._units, "units.toml")
        if unit.effective_from and unit.effective_to and unit.effective_to < unit.effective_from:
            yield ("effective_to",), "is before effective_from"
        for ended in unit.successor_of:
            yield from self._of_succession(ended, unit)

    def _of_succession(self, ended: str, successor: Unit) -> Iterator[Fault]:
        """A unit that ends has one successor, which follows it on the next day, and no circle leads back."""
        place = ("successor_of",)
        units = {located.entry.id: located.entry for located in self._reading.units}
        if ended not in units:
            yield place, unknown("unit", ended, self._units, "units.toml")
            return
        yield from _of_its_first_day(place, units[ended], successor)
        others = sorted(unit.id for unit in units.values() if ended in unit.successor_of and unit.id != successor.id)
        if others:
            yield place, f"{ended!r} has another successor, {others[0]}: name one only"
        if ended == successor.id or ended in _all_before(ended, units):
            yield place, f"{ended!r} would come before itself: leave it out"

    def _of_item(self, item: ServiceItem) -> Iterator[Fault]:
        yield from _name("code", item.code)
        for name, spec in item.attributes.items():
            yield from _of_case_attribute(name, spec)
        dates = [version.effective_from for version in item.statutory]
        if dates != sorted(set(dates)):
            yield ("statutory",), "versions of a limit come in the order of their dates, one a date"
        for reason in item.suspension_maximum:
            yield from self._reason(("suspension_maximum", reason), reason)
        yield from self._of_certified(item)
        for key in ("milestones", "certified_by_completion", "nodes", "quantities"):
            for name, times in Counter(getattr(item, key)).items():
                if times > 1:
                    yield (key,), f"{name!r} is there {times} times"

    def _of_certified(self, item: ServiceItem) -> Iterator[Fault]:
        """What a completion certifies is a milestone of the item, and starts no clock: void, it would take the case out
        of that promise."""
        place = ("certified_by_completion",)
        for name in sorted({*item.certified_by_completion} - {*item.milestones}):
            yield place, unknown("milestone", name, item.milestones, "its milestones")
        for located in self._reading.promises:
            promise = located.entry
            if not isinstance(promise, CasePromise) or item.code not in as_tuple(
                promise.select.get("service_item", item.code)
            ):
                continue
            for name in item.certified_by_completion:
                if f"milestone:{name}" in promise.start:
                    yield place, f"{name!r} starts the clock of {promise.id}: leave it out, else the case escapes it"

    def _of_inbox(self, source: Source) -> Iterator[Fault]:
        """Its inbox is a topic of Kafka, and nobody else's. Kafka takes `.` and `_` for the same in metrics."""
        if not _TOPIC.fullmatch(source.inbox):
            yield (
                ("id",),
                "names no inbox: write a path of letters, digits, dots, dashes and underscores, as /units/NAME",
            )
            return
        same = source.inbox.replace("_", ".")
        for other in self._reading.sources:
            if other.entry.id < source.id and other.entry.inbox.replace("_", ".") == same:
                yield ("id",), f"has the inbox of {other.entry.id}, {other.entry.inbox}: write another id"

    def _of_source(self, source: Source) -> Iterator[Fault]:
        yield from self._of_inbox(source)
        for unit in sorted({*source.units} - {ANY}):
            yield from self._unit(("units",), unit)
        for owner in sorted({*source.owners} - self._sources - {ANY}):
            yield ("owners",), unknown("source", owner, self._sources, "sources.toml")
        if self._open:
            return
        steps = {name for code in source.feeds if code in self._items for name in self._items[code].milestones}
        for name in sorted({*source.milestones} - steps) if ANY not in source.feeds else ():
            yield ("milestones",), unknown("milestone", name, steps, "the service items that it feeds")
        fed = self._fed()
        for name in sorted({*source.feeds} - fed - {ANY}):
            yield ("feeds",), unknown("service item, collection, duty or figure", name, fed, "the plan")

    def _fed(self) -> set[str]:
        """What a source can report on."""
        return {*self._items, *self._collections, *self._head.duties, *self._head.figures}

    def _of_promise(self, promise: Promise) -> Iterator[Fault]:
        yield from _name("id", promise.id)
        yield from _name("variant", promise.variant)
        yield from self._of_responsibility(promise)
        if promise.tier is None and self._head.text:
            yield ("tier",), "is missing: H (a number is printed), C (full coverage, no number) or Q (a direction)"
        yield from of_promise(promise, self._head.issued, is_open=self._open)
        yield from self._of_cases(promise) if isinstance(promise, CasePromise) else self._of_subjects(promise)
        if isinstance(promise, EntryPromise):
            yield from self._of_entries(promise)
        if self._head.text and promise.clause.strip():
            for key, sentence in contradictions(promise, self._text.sentences(promise.clause), self._head.language):
                yield (key,), sentence

    def _of_responsibility(self, promise: Promise) -> Iterator[Fault]:
        """Who leads, who is responsible, who owes it."""
        named = {"lead": promise.lead, "responsible": promise.responsible, "owed_by": promise.owed_units}
        for key, unit in ((key, unit) for key, units in named.items() for unit in units):
            yield from self._unit((key,), unit)
        if not promise.lead and not self._open:
            yield ("lead",), "is missing: the annex says who leads"

    def _of_subjects(self, promise: Promise) -> Iterator[Fault]:
        """The collection, duty or quantities that it names are declared."""
        declared: Mapping[str, tuple[str, Collection[str], str]] = {
            "collection": ("collection", self._collections, "plan.toml"),
            "duty": ("duty", self._head.duties, "plan.toml"),
            "numerator": ("figure", self._head.figures, "the figures of plan.toml"),
            "denominator": ("figure", self._head.figures, "the figures of plan.toml"),
        }
        for key, name in promise.subjects:
            what, names, where = declared[key]
            if name not in names and not (self._open and what == "figure"):
                yield (key,), unknown(what, name, names, where)

    def _of_entries(self, promise: EntryPromise) -> Iterator[Fault]:
        """What it asks of entries is declared by their collection."""
        collection = self._collections.get(promise.collection)
        if collection is None:
            return
        of, declared = f"collection {collection.id}", collection.attributes
        for key, values in promise.conditions().items():
            for name, value in values.items():
                if name not in declared:
                    yield (key, name), unknown("attribute", name, declared, of)
                else:
                    yield from values_of(key, name, value, declared[name])
        for need in promise.attribute_needs():
            yield from _unmet(need, declared, of)

    def _of_cases(self, promise: CasePromise) -> Iterator[Fault]:
        for reason in promise.clock_stops:
            yield from self._reason(("clock_stops",), reason)
        codes = [code for _, code in promise.subjects]
        items = [self._items[code] for code in codes or self._items if code in self._items]
        for key, values in promise.conditions().items():
            for name, value in values.items():
                yield from self._case_value(key, name, value, items)
        for reference in promise.references():
            yield from self._declared((reference.field,), reference.what, reference.name, items)
        if isinstance(promise.clock.limit, Limit):
            yield from beyond_the_law(promise.clock.limit, promise, items)
        yield from shorter_than_reporting(promise, items, [located.entry for located in self._reading.sources])

    def _service_items(self, key: str, codes: Iterable[object]) -> Iterator[Fault]:
        for code in codes:
            if code not in self._items and not self._open:
                yield (key, "service_item"), unknown("service item", code, self._items, "service_items.toml")

    def _case_value(self, key: str, name: str, value: Any, items: list[ServiceItem]) -> Iterator[Fault]:
        """A value that is asked of cases, in `select`, `unless` or `where`."""
        place, values = (key, name), as_tuple(value)
        match name:
            case "service_item" if key == "where":
                yield place, "belongs into `select`"
            case "service_item":
                yield from self._service_items(key, values)
            case "unit":
                for unit in values:
                    yield from self._unit(place, str(unit))
            case "reached":
                for milestone in values:
                    yield from self._declared(place, "milestone", str(milestone), items)
            case _ if name in _FLAGS:
                yield from _flag(key, name, value)
            case _ if name in CASE_FIELDS:
                yield from _case_field(key, name, values)
            case _:
                yield from self._attribute_value(key, name, value, items)

    def _attribute_value(self, key: str, name: str, value: Any, items: list[ServiceItem]) -> Iterator[Fault]:
        yield from self._declared((key, name), "attribute", name, items)
        for item in items:
            if name in item.attributes:
                yield from values_of(key, name, value, item.attributes[name])

    def _declared(self, place: Place, what: str, name: str, items: list[ServiceItem]) -> Iterator[Fault]:
        """Each selected service item declares the name: else its cases could never have it."""
        if self._open and not items:
            return
        declared: Callable[[ServiceItem], Collection[str]] = {
            "attribute": lambda item: item.attributes,
            "codes": lambda item: item.attributes,
            "milestone": lambda item: item.milestones,
            "quantity": lambda item: item.quantities,
            "node": lambda item: item.nodes,
        }[what]
        without = [item for item in items if name not in declared(item)]
        if without and not self._open:
            of = without[0].code + (f" and {len(without) - 1} more" if len(without) > 1 else "")
            yield place, unknown(_CALLED.get(what, what), name, declared(without[0]), f"service item {of}")
        if what == "codes":
            yield from _no_list_of_codes(place, name, items)

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
        for name, (first, *others) in by_id.items():
            if not any(located.entry.is_official for located in (first, *others)):
                yield Problem(first.file, (*first.place, "variant"), f"{name} has no official variant")
            for located in others:
                yield from placed(located, _differing(located.entry, first.entry))

    def _unfed(self) -> Iterator[Problem]:
        """A promise that no source feeds would be silent for ever, and look as if nothing had happened."""
        if self._open or not self._reading.sources:
            return
        fed = {name for located in self._reading.sources for name in located.entry.feeds}
        known = self._fed()
        if ANY in fed:
            return
        for located in self._reading.promises:
            promise = located.entry
            for key, name in promise.subjects:
                if name in known and name not in fed:
                    yield Problem(
                        located.file, (*located.place, key), f"no source feeds {name!r}: say which in sources.toml"
                    )


def _of_its_first_day(place: Place, ended: Unit, successor: Unit) -> Iterator[Fault]:
    """A successor is responsible from the day on which the unit is not any more."""
    first = first_day_after(ended, successor)
    if first is None:
        yield place, f"when {ended.id!r} ends is not known: write effective_from here, or effective_to there"
    elif successor.effective_from is not None and first < successor.effective_from:
        yield place, f"{ended.id!r} ends before effective_from: nobody would be responsible in between"


def _all_before(unit: str, units: Mapping[str, Unit]) -> set[str]:
    """The units that a unit continues, and those that they continue."""
    found: set[str] = set()
    waiting = [unit]
    while waiting:
        known = units.get(waiting.pop())
        new = set(known.successor_of) - found if known is not None else set()
        found |= new
        waiting += new
    return found


def _unmet(need: AttributeNeed, declared: Mapping[str, AttributeSpec], of: str) -> Iterator[Fault]:
    """Why the attributes of a collection do not serve a promise."""
    spec = declared.get(need.name)
    if spec is None and not need.is_number:
        yield (need.field,), unknown("attribute", need.name, declared, of)
    elif spec is None or (need.types and spec.type not in need.types):
        what = "number" if need.is_number else "code"
        yield (need.field,), f"{need.name!r} is no {what} among the attributes of {of}"
    for key, value in need.values if spec is not None else ():
        yield from values_of(key, need.name, value, declared[need.name])


def _of_case_attribute(name: str, spec: AttributeSpec) -> Iterator[Fault]:
    if name in OF_EVERY_CASE:
        yield ("attributes", name), f"{name!r} is a field of every case: give the attribute another name"
    if name == FULL_TRACE and spec.type != "bool":
        yield ("attributes", name, "type"), "is true or false: whether all that happens in a case is reported"
    for keys, sentence in of_attribute(spec):
        yield ("attributes", name, *keys), sentence


_CALLED = {"codes": "attribute"}


def _no_list_of_codes(place: Place, name: str, items: Iterable[ServiceItem]) -> Iterator[Fault]:
    """An attribute whose codes are counted is a list of them."""
    for item in items:
        if name in item.attributes and item.attributes[name].type != "codes":
            yield place, f"{name!r} of {item.code} is no list of codes: declare it with type codes"
            return


def _case_field(key: str, name: str, values: Iterable[Any]) -> Iterator[Fault]:
    for each in values:
        if each not in CASE_FIELDS[name]:
            yield (key, name), f"{each!r} is no {name}: one of {', '.join(CASE_FIELDS[name])}"


def _flag(key: str, name: str, value: Any) -> Iterator[Fault]:
    if not all(isinstance(each, bool) for each in as_tuple(value)):
        yield (key, name), f"is true or false, not {value!r}"
    if name == "stopped" and key != "where":
        yield (key, name), "belongs into `where`: what is not stopped is open, not unselected"


def _differing(entry: Promise, first: Promise) -> Iterator[Fault]:
    """In what an entry of a promise must not differ from its first one, and does."""
    if entry.item != first.item:
        yield ("item",), f"{entry.id} belongs to measure {first.item} elsewhere"


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
