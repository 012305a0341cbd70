"""Reads a plan folder into a Plan, or says everything that keeps it from being one.

A folder holds `plan.toml` (the head), `kpis/*.toml` (`[[promise]]`) and, where the plan has them, `units.toml`
(`[[unit]]`), `service_items.toml` or `service_items/*.toml` (`[[service_item]]`), `sources.toml` (`[[source]]`),
`opening_hours.toml` (`[[hours]]`), `calendar.toml` (a calendar of its own) and `lists/*.txt` (one code a line, `#`
begins a comment). `"list:NAME"` in an entry stands for the codes of `lists/NAME.txt`; a line that begins with
`# placeholder` says that its codes are made up until the right ones are known. `names.toml` has what people read
instead of codes; `annex.csv` is read by those who need it (`services.catalog.load.annex`). A plan is readable if every
entry is one that can be judged by; `services.catalog.check.plan_check` says whether it is right, beyond that.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from services.catalog.load import entry_faults
from services.catalog.load.calendars import FOLDER as CALENDARS
from services.domain.intake.visible_text import first_unsafe, visible
from services.domain.plan.all_kinds import KIND_FIELDS, SPECIFICATIONS, promise_of
from services.domain.plan.calendar_file import CalendarFile
from services.domain.plan.plan import (
    DEFAULT_HALL,
    Entry,
    Fault,
    HoursEntry,
    Names,
    Plan,
    PlanHead,
    Promise,
    ServiceItem,
    Source,
    Unit,
)
from services.runtime.text_file import Unreadable, parsed_toml, read_text

TAKES_LISTS = {
    "select",
    "where",
    "unless",
    "listed",
    "copies",
    "owed_by",
    "lead",
    "responsible",
    "units",
    "owners",
    "feeds",
}
"""Keys of an entry in which `"list:NAME"` stands for the codes of a list."""
LIST_PATTERN = "list:([a-z0-9][a-z0-9_-]*)"
_LIST = re.compile(LIST_PATTERN)
_NOT_JUDGED_BY = {
    "title",
    "tier",
    "notes",
    "choices",
    "contact",
    "role",
    "lead",
    "responsible",
    "language",
    "supervision",
}
"""Fields that change no verdict and so do not touch the fingerprint."""

Place = tuple[str | int, ...]
E = TypeVar("E", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a plan: where (file and keys, or line), and a sentence that says what would be right."""

    file: Path
    place: Place
    sentence: str
    line: int | None = None
    """Known for bad TOML only; elsewhere found from the place."""

    @property
    def key(self) -> str:
        """The keys as one reads them, entries counted from 1: `promise[2].limit`."""
        return "".join(f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in self.place).lstrip(".")

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else f"{self.file}"
        return visible(f"{where}: {self.key}: {self.sentence}" if self.place else f"{where}: {self.sentence}")


class InvalidPlan(ValueError):
    """A folder that is not a readable plan; `problems` has them all."""

    def __init__(self, folder: Path, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{folder} is not a plan (`kpiwatch plan check {folder}` says where to look):\n{lines}")


@dataclass(frozen=True, slots=True)
class Located(Generic[E]):
    """An entry and where it was read."""

    file: Path
    place: Place
    entry: E


@dataclass(slots=True)
class Reading:
    """What could be read of a plan folder, and every problem on the way."""

    folder: Path
    language: str = ""
    """That `plan.toml` declares; empty: none."""
    head: PlanHead | None = None
    promises: list[Located[Promise]] = field(default_factory=list)
    units: list[Located[Unit]] = field(default_factory=list)
    service_items: list[Located[ServiceItem]] = field(default_factory=list)
    sources: list[Located[Source]] = field(default_factory=list)
    hours: list[Located[HoursEntry]] = field(default_factory=list)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    placeholders: list[str] = field(default_factory=list)
    calendar: CalendarFile | None = None
    """Its own calendar, where it has one."""
    names: Names | None = None
    """None where the folder has no readable `names.toml`."""
    problems: list[Problem] = field(default_factory=list)


def read_plan(folder: Path) -> Reading:
    """Read every file of a plan folder; never raises for what is in it."""
    reading = Reading(folder)
    for path in sorted(folder.glob("lists/*.txt")):
        text = _text(path, reading) or ""
        reading.lists[path.stem] = _codes(text)
        if _PLACEHOLDER.search(text):
            reading.placeholders.append(path.stem)
    _read_head(reading)
    for path in sorted(folder.glob("kpis/*.toml")):
        reading.promises += _read_table(path, "promise", promise_of, reading)
    reading.units += _read_table(folder / "units.toml", "unit", Unit.model_validate, reading)
    for path in [folder / "service_items.toml", *sorted(folder.glob("service_items/*.toml"))]:
        reading.service_items += _read_table(path, "service_item", ServiceItem.model_validate, reading)
    reading.sources += _read_table(folder / "sources.toml", "source", Source.model_validate, reading)
    reading.hours += _read_table(folder / "opening_hours.toml", "hours", HoursEntry.model_validate, reading)
    _read_names(reading)
    reading.problems += _unfit(reading)
    return reading


def _unfit(reading: Reading) -> Iterator[Problem]:
    """What of the entries cannot be judged by."""
    if reading.head is not None:
        for keys, sentence in entry_faults.of_head(reading.head):
            yield Problem(reading.folder / "plan.toml", keys, sentence)
    for promise in reading.promises:
        yield from placed(promise, promise.entry.faults())
    week = range(5) if reading.calendar is None else reading.calendar.working_weekdays
    for hours in reading.hours:
        yield from placed(hours, entry_faults.of_hours(hours.entry, week))
    halls = {located.entry.id for located in reading.hours} | {DEFAULT_HALL}
    for unit in reading.units:
        yield from placed(unit, entry_faults.of_hall(unit.entry.opening_hours, halls))
    for item in reading.service_items:
        yield from placed(item, entry_faults.of_hall(item.entry.opening_hours, halls))


def placed(located: Located[Any], faults: Iterable[Fault]) -> Iterator[Problem]:
    """The faults of an entry, each at its place."""
    for keys, sentence in faults:
        yield Problem(located.file, (*located.place, *keys), sentence)


def load_plan(folder: Path) -> Plan:
    """The plan in that folder. InvalidPlan, with all its problems, if it cannot be read."""
    return plan_of(read_plan(folder))


def plan_of(reading: Reading) -> Plan:
    """The same, of a folder that was read."""
    if reading.problems or reading.head is None:
        raise InvalidPlan(reading.folder, reading.problems)
    return assemble(reading, reading.head)


def assemble(reading: Reading, head: PlanHead) -> Plan:
    """A plan of what was read, with its fingerprint."""
    plan = Plan(
        head=head,
        promises=tuple(located.entry for located in reading.promises),
        units={located.entry.id: located.entry for located in reading.units},
        service_items={located.entry.code: located.entry for located in reading.service_items},
        sources={located.entry.id: located.entry for located in reading.sources},
        hours=tuple(located.entry for located in reading.hours),
        calendar=reading.calendar,
        lists=reading.lists,
        placeholders=tuple(reading.placeholders),
        names=reading.names or Names(),
        fingerprint="",
    )
    return plan.model_copy(update={"fingerprint": fingerprint_of(plan)})


def fingerprint_of(plan: Plan) -> str:
    """SHA-256, as 64 hex digits, of everything that decides a verdict, the calendar's file included; titles, notes and
    who is notified are left out, and the order of entries does not matter."""
    deciding = {
        "head": _judged(plan.head),
        "calendar": _digest_of_calendar(plan),
        "promises": sorted((_judged(promise) for promise in plan.promises), key=_canonical),
        "units": [_judged(plan.units[key]) for key in sorted(plan.units)],
        "service_items": [_judged(plan.service_items[key]) for key in sorted(plan.service_items)],
        "sources": [_judged(plan.sources[key]) for key in sorted(plan.sources)],
        "hours": sorted((_judged(entry) for entry in plan.hours), key=_canonical),
        "placeholders": sorted(plan.placeholders),
    }
    return hashlib.sha256(_canonical(deciding).encode()).hexdigest()


def _digest_of_calendar(plan: Plan) -> str:
    """SHA-256 of the calendar: of its file in the catalogue, or of what the plan's own says."""
    if plan.calendar is None:
        return hashlib.sha256((CALENDARS / f"{plan.head.calendar}.toml").read_bytes()).hexdigest()
    return hashlib.sha256(_canonical(plan.calendar.model_dump(mode="json")).encode()).hexdigest()


def digest_of(promise: Promise) -> str:
    """SHA-256 of what a version of a promise binds to, its end date apart: what `plan.lock` keeps. Fields left at their
    defaults are left out, so that a field added to the schema edits no promise."""
    bound = promise.model_dump(mode="json", exclude={*_NOT_JUDGED_BY, "effective_to"}, exclude_defaults=True)
    return hashlib.sha256(_canonical(bound).encode()).hexdigest()


def _judged(entry: Entry) -> dict[str, Any]:
    return entry.model_dump(mode="json", exclude=_NOT_JUDGED_BY)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


_PLACEHOLDER = re.compile(r"^# placeholder\b", re.MULTILINE)


def _codes(text: str) -> tuple[str, ...]:
    lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
    return tuple(line for line in lines if line)


def _text(path: Path, reading: Reading) -> str | None:
    try:
        text = read_text(path)
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror
        reading.problems.append(Problem(path, (), f"cannot be read: {reason}"))
        return None
    except Unreadable as error:
        reading.problems.append(Problem(path, (), str(error)))
        return None
    for number, line in enumerate(text.split("\n"), 1):
        if found := first_unsafe(line.replace("\t", " ")):
            reading.problems.append(Problem(path, (), _UNSEEN.format(found), number))
    return text


_UNSEEN = "holds {}, a character that cannot be seen and may bite where it is shown: remove it"


def _unseen(raw: object, path: Path, place: Place, reading: Reading) -> None:
    """TOML can also write such a character as an escape. Line feeds are the author's own."""
    if isinstance(raw, dict):
        for key, inner in raw.items():
            _unseen(str(key), path, place, reading)
            _unseen(inner, path, (*place, key), reading)
    elif isinstance(raw, list):
        for index, inner in enumerate(raw):
            _unseen(inner, path, (*place, index), reading)
    elif isinstance(raw, str) and (found := first_unsafe(raw.replace("\n", " ").replace("\t", " "))):
        reading.problems.append(Problem(path, place, _UNSEEN.format(found)))


_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


def _tables(path: Path, reading: Reading) -> dict[str, Any] | None:
    text = _text(path, reading)
    if text is None:
        return None
    try:
        tables = parsed_toml(text)
    except ValueError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        sentence = f"is not TOML: {_AT_LINE.sub('', str(error))}"
        reading.problems.append(Problem(path, (), sentence, line))
        return None
    if "\\" in text:  # the text itself was looked at; only an escape can bring another character
        _unseen(tables, path, (), reading)
    return tables


def _read_head(reading: Reading) -> None:
    path = reading.folder / "plan.toml"
    tables = _tables(path, reading)
    if tables is None:
        return
    reading.language = str(tables.get("language", ""))
    reading.head = _validated(path, (), PlanHead.model_validate, _in_both(tables, reading), reading)
    if reading.head is not None:
        _read_calendar(path, reading.head.calendar, reading)


OWN_CALENDAR = "calendar.toml"


def _read_calendar(head: Path, name: str, reading: Reading) -> None:
    """The plan's own calendar, if `plan.toml` names the file; else one of the catalogue."""
    path = reading.folder / OWN_CALENDAR
    if name != OWN_CALENDAR:
        if path.exists():
            sentence = f'{OWN_CALENDAR} is there and is not used: write calendar = "{OWN_CALENDAR}", or remove the file'
            reading.problems.append(Problem(head, ("calendar",), sentence))
        elif not (CALENDARS / f"{name}.toml").exists():
            known = ", ".join(sorted(calendar.stem for calendar in CALENDARS.glob("*.toml")))
            sentence = f"there is no such calendar: name one of {known}, or write {OWN_CALENDAR} beside plan.toml"
            reading.problems.append(Problem(head, ("calendar",), sentence))
        return
    tables = _tables(path, reading)
    if tables is None:
        return
    reading.calendar = _validated(path, (), CalendarFile.model_validate, tables, reading)
    if reading.calendar is not None:
        reading.problems += (Problem(path, *fault) for fault in entry_faults.of_calendar(reading.calendar))


def _read_names(reading: Reading) -> None:
    path = reading.folder / "names.toml"
    tables = _tables(path, reading) if path.exists() else None
    if tables is not None:
        reading.names = _validated(path, (), Names.model_validate, _in_both(tables, reading), reading)


def _read_table(path: Path, table: str, read: Callable[[Any], E], reading: Reading) -> Iterator[Located[E]]:
    tables = _tables(path, reading) if path.exists() else None
    if tables is None:
        return
    for key in tables:
        if key != table:
            reading.problems.append(Problem(path, (key,), f"only [[{table}]] belongs into this file"))
    entries = tables.get(table, [])
    if not isinstance(entries, list):
        reading.problems.append(Problem(path, (table,), f"write [[{table}]] with two brackets: there may be several"))
        return
    for index, raw in enumerate(entries):
        place = (table, index)
        expanded = {key: _expanded(value, path, (*place, key), reading) for key, value in raw.items()}
        if table == "promise":
            expanded = _of_its_kind(expanded, path, place, reading)
        entry = _validated(path, place, read, _in_both(expanded, reading), reading)
        if entry is not None:
            yield Located(path, place, entry)


def _in_both(value: Any, reading: Reading) -> Any:
    """A value of a file, in which a title `{ en = "…" }` is the Chinese one, too: a plan that declares another language
    than Chinese need not have any."""
    if reading.language.partition("-")[0] in ("", "zh"):
        return value
    if isinstance(value, list):
        return [_in_both(each, reading) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: _in_both(each, reading) for key, each in value.items()}
    return {"zh": found["en"], **found} if isinstance(found.get("en"), str) else found


def _expanded(value: Any, path: Path, place: Place, reading: Reading) -> Any:
    """A value of an entry, with the codes of lists in the place of their names; by its key."""
    if place[2] not in TAKES_LISTS:
        return value
    if isinstance(value, dict):
        return {key: _expanded(inner, path, (*place, key), reading) for key, inner in value.items()}
    if isinstance(value, list):
        return [code for inner in value for code in _spliced(inner, path, place, reading)]
    named = _LIST.fullmatch(value) if isinstance(value, str) else None
    return _spliced(value, path, place, reading) if named else value


def _spliced(value: Any, path: Path, place: Place, reading: Reading) -> list[Any]:
    named = _LIST.fullmatch(value) if isinstance(value, str) else None
    if named is None:
        return [value]
    if named[1] not in reading.lists:
        reading.problems.append(Problem(path, place, f"there is no lists/{named[1]}.txt in the plan folder"))
    return list(reading.lists.get(named[1], ()))


def _of_its_kind(raw: Mapping[str, Any], path: Path, place: Place, reading: Reading) -> dict[str, Any]:
    """The entry of a promise without the fields of other kinds, which are a problem each."""
    kind = SPECIFICATIONS.get(str(raw.get("kind")))
    surplus = raw.keys() & KIND_FIELDS - kind.model_fields.keys() if kind is not None else set()
    for name in sorted(surplus):
        sentence = f"means nothing for kind {raw['kind']}: leave it out"
        reading.problems.append(Problem(path, (*place, name), sentence))
    return {name: value for name, value in raw.items() if name not in surplus}


def _validated(path: Path, place: Place, read: Callable[[Any], E], raw: object, reading: Reading) -> E | None:
    try:
        return read(raw)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        if read is promise_of and isinstance(raw, dict):
            _explain_promise(faults, raw, path, place, reading)
        else:
            reading.problems += _problems(faults, raw, path, place)
        return None


def _problems(faults: Iterable[ErrorDetails], raw: object, path: Path, place: Place) -> Iterator[Problem]:
    for fault in faults:
        keys, sentences = _explained(fault, raw)
        for sentence in sentences:
            yield Problem(path, (*place, *keys), sentence)


def _explain_promise(
    faults: Sequence[ErrorDetails], raw: Mapping[str, Any], path: Path, place: Place, reading: Reading
) -> None:
    """What is wrong with the entry of a promise. pydantic looks at its kind first."""
    of_kind = [_explained_by_kind(fault, raw) for fault in faults]
    for fault, found in zip(faults, of_kind, strict=True):
        if found is None:
            # the first step of its location is the kind
            reading.problems += _problems([{**fault, "loc": fault["loc"][1:]}], raw, path, place)
        else:
            keys, sentence = found
            reading.problems.append(Problem(path, (*place, *keys), sentence))
    if all(of_kind):
        # what is wrong with its kind hides nothing that is wrong with the rest
        common = {name: value for name, value in raw.items() if name in Promise.model_fields} | {"kind": "any"}
        _validated(path, place, Promise.model_validate, common, reading)


def _is_of_kind(fault: ErrorDetails) -> bool:
    """Whether an entry lacks a field that its kind must have."""
    _, *field = fault["loc"]  # pydantic names the kind first
    return fault["type"] in ("missing", "too_short", "string_too_short") and len(field) == 1 and field[0] in KIND_FIELDS


def _explained(fault: ErrorDetails, raw: object) -> tuple[Place, list[str]]:
    """Where in an entry pydantic found a fault, and what it is in words for the person who edits the file."""
    kind, loc = fault["type"], fault["loc"]
    keys = _keys_within(raw, loc)
    match kind:
        case "missing":
            return (*keys, loc[-1]), ["is missing"]
        case "extra_forbidden":
            return keys, ["is not a key of this table: look for a slip of the keyboard"]
        case "value_error":
            sentence = fault["msg"].removeprefix("Value error, ")
            return keys, [sentence] if keys else sentence.split("; ")  # of a whole entry several at once
    return keys, [f"{fault.get('input')!r}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"]


def _explained_by_kind(fault: ErrorDetails, raw: Mapping[str, Any]) -> tuple[Place, str] | None:
    """What is wrong with the kind of a promise, or missing of it; None of any other fault."""
    match fault["type"]:
        case "union_tag_not_found":
            return ("kind",), "is missing"
        case "union_tag_invalid":
            return ("kind",), f"{raw['kind']!r}: input should be {_any_of(SPECIFICATIONS)}"
    if _is_of_kind(fault):
        return (), f"kind {raw.get('kind')} needs `{fault['loc'][-1]}`"
    return None


def _any_of(names: Iterable[str]) -> str:
    *first, last = (f"'{name}'" for name in names)
    return f"{', '.join(first)} or {last}"


def _keys_within(raw: object, loc: Sequence[str | int]) -> Place:
    """The part of pydantic's location that is keys of the file: it also names branches of unions."""
    keys: list[str | int] = []
    for step in loc:
        inside = isinstance(raw, dict) and step in raw
        if inside or (isinstance(raw, list | tuple) and isinstance(step, int) and step < len(raw)):
            raw = raw[step]  # type: ignore[index]  # one of the two containers just tested
            keys.append(step)
    return tuple(keys)
