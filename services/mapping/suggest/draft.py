"""A draft of a mapping for an export that nobody has described: `kpiwatch import --suggest`."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from services.mapping.cells import Problem
from services.mapping.export import ExportReader
from services.mapping.mapping_file import MappingError, mapping_of
from services.mapping.suggest.known_words import (
    CHANNELS,
    EVENTS,
    OTHER_ROLES,
    TIME_ROLES,
    meaning_of,
    sureness,
)
from services.mapping.suggest.profile import Column, Profile, profile_of
from services.runtime.text_file import parsed_toml

_TRIED: Final = 2000
"""So many rows are read with the draft, to say what does not work."""
_CHANGE: Final = "CHANGE-ME"
_NAMED: Final = 8
"""So many codes of the plan are named in a question."""
_CHINA: Final = "Asia/Shanghai"
_ROLES_OF_EVENTS: Final = {"applied": "case.applied", "accepted": "case.accepted", "completed": "case.completed"}


class Hints(NamedTuple):
    """What is known beside the file."""

    zone: str | None = None
    """The time zone of the plan by which the events will be judged."""
    sources: Mapping[str, Collection[str]] = MappingProxyType({})
    """Source that the plan registers → the units that it may name; `*`: any."""
    units: Mapping[str, Sequence[str]] = MappingProxyType({})
    """Code of each unit of the plan → its names."""
    services: Mapping[str, Sequence[str]] = MappingProxyType({})
    """Code of each service item → its names."""

    def named(self, role: str) -> Mapping[str, Sequence[str]]:
        """What the plan registers of a role: code → names."""
        return {"unit": self.units, "service": self.services}.get(role, {})


class _Draft:
    """What is put together: the lines of the mapping, and the questions that only a person can answer."""

    def __init__(self, profile: Profile, roles: Mapping[str, Column], hints: Hints) -> None:
        self.profile = profile
        self.roles = roles
        self.hints = hints
        self.questions: list[str] = []

    def ask(self, question: str) -> None:
        if question not in self.questions:
            self.questions.append(question)


def suggest(export: Path, hints: Hints) -> str:
    """The text of a mapping: what could be recognised, guesses marked as such, and the open questions. ExportError."""
    profile = profile_of(export)
    draft = _Draft(profile, _roles(profile.columns), hints)
    body = "\n".join([*_head(draft), *_column_tables(draft), *_value_tables(draft), *_events(draft)]) + "\n"
    for question in _tried(export, body):
        draft.ask(question)
    lines = [
        f"# A draft for {export.name}, by `kpiwatch import --suggest`. docs/mapping.md has the language.",
        "# Check each line with GUESSED. What only you can answer:",
        *(f"#   {number}. {question}" for number, question in enumerate(draft.questions, 1)),
        "",
        body,
    ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A text or a key of TOML."""
    return json.dumps(text, ensure_ascii=False)


# ---- which column is what -------------------------------------------------------------------------------------------


def _roles(columns: Sequence[Column]) -> dict[str, Column]:
    """The column of each role, by name and content; each column has one role."""
    found: dict[str, Column] = {}
    free = list(columns)
    for role in (*TIME_ROLES, *OTHER_ROLES, "fee"):
        fitting = [
            (sure, place, column)
            for place, column in enumerate(free)
            if _may_be(column, role) and (sure := sureness(column.name, role)) is not None
        ]
        if fitting:
            _, _, column = min(fitting, key=lambda each: each[:2])
            found[role] = column
            free.remove(column)
    return found


def _may_be(column: Column, role: str) -> bool:
    """Whether the content of a column fits a role."""
    if role in TIME_ROLES:
        return column.is_time
    if role == "fee":
        return column.is_number
    if role == "case":
        return not column.is_time and column.distinct > 0
    return not column.is_time and (bool(column.codes) or role in ("service", "unit"))


# ---- the head -------------------------------------------------------------------------------------------------------


def _head(draft: _Draft) -> Iterator[str]:
    zone, why = _zone(draft)
    yield f"timezone = {_quoted(zone)}  # GUESSED: {why}"
    draft.ask(f"In which time zone are the times written? Taken: {zone} ({why}).")
    profile = draft.profile
    yield from _file(draft, profile)
    for name in profile.doubled:
        draft.ask(f"Several columns are called {name!r}: which is which? They are left out.")
    if "case" in draft.roles:
        yield "# With identity, changed rows are corrected:"
        yield f"# identity = [{', '.join(_quoted(name) for name in _identity(draft))}]"
        draft.ask("Will there be another export of the same rows? Then uncomment `identity`, and import with --memory.")
    yield ""


def _file(draft: _Draft, profile: Profile) -> Iterator[str]:
    """How the file is read."""
    if profile.encoding not in (None, "utf-8"):
        yield f"encoding = {_quoted(str(profile.encoding))}"
        draft.ask(f"Are the names right? The bytes look like {profile.encoding}.")
    if profile.delimiter not in (None, ","):
        yield f"delimiter = {_quoted(str(profile.delimiter))}"
    if profile.sheet is not None:
        yield f"sheet = {_quoted(profile.sheet)}"
    if profile.header != 1:
        yield f"header = {profile.header}"
    markers = sorted({marker for column in profile.columns for marker in column.nothing})
    if markers:
        yield f"empty = [{', '.join(map(_quoted, markers))}]"


def _identity(draft: _Draft) -> list[str]:
    keys = ("case", "state", "time") if _is_long(draft) else ("case",)
    return [draft.roles[key].name for key in keys if key in draft.roles]


def _zone(draft: _Draft) -> tuple[str, str]:
    if draft.hints.zone:
        return draft.hints.zone, "the zone of the plan"
    if any("\u4e00" <= letter <= "\u9fff" for column in draft.profile.columns for letter in column.name):
        return _CHINA, "the header is Chinese"
    return "UTC", "nothing says so; name the plan with --plan, or write the zone"


def _column_tables(draft: _Draft) -> Iterator[str]:
    for column in draft.roles.values():
        if not column.is_time:
            continue
        lines = list(_column_table(draft, column))
        if lines:
            yield f"[columns.{_quoted(column.name)}]"
            yield from lines
            yield ""


def _column_table(draft: _Draft, column: Column) -> Iterator[str]:
    if column.no_date:
        yield f"empty = [{', '.join(column.no_date)}]  # GUESSED: dates outside all reason"
        draft.ask(f"Do the dates {', '.join(column.no_date)} in {column.name!r} mean no date?")
    if column.formats and column.formats != ("iso",):
        first = column.formats[0]
        yield f"format = {_quoted(first)}" + ("  # GUESSED" if len(column.formats) > 1 else "")
        if len(column.formats) > 1:
            draft.ask(
                f"Is {column.name!r} written as {first} or as {' or '.join(column.formats[1:])}? All of them fit."
            )


# ---- values ---------------------------------------------------------------------------------------------------------


def _value_tables(draft: _Draft) -> Iterator[str]:
    yield from _channels(draft)
    for role, what in (("unit", "unit"), ("service", "service item")):
        if _has_table(draft, role):
            yield from _codes_of_the_plan(draft, role, what)


def _has_table(draft: _Draft, role: str) -> bool:
    """Whether the contents of a column are names for which the plan has codes."""
    column, known = draft.roles.get(role), draft.hints.named(role)
    return column is not None and bool(known) and not known.keys() >= set(column.codes)


def _codes_of_the_plan(draft: _Draft, role: str, what: str) -> Iterator[str]:
    """The unit or the service item of each content, by its name in the plan."""
    known, column, by_name = draft.hints.named(role), draft.roles[role], _by_name(draft, role)
    yield f"[values.{role}]"
    for content in column.codes:
        code = by_name.get(_folded(content))
        if code is None:
            choice = ", ".join(sorted(known)[:_NAMED]) + (", …" if len(known) > _NAMED else "")
            draft.ask(f"Which {what} of the plan is {content!r} in {column.name!r}: {choice}?")
        yield f"{_quoted(content)} = {_quoted(code or _CHANGE)}" + ("" if code else "  # GUESSED")
    yield ""


def _by_name(draft: _Draft, role: str) -> dict[str, str]:
    """Name or code of what the plan registers → its code."""
    return {_folded(name): code for code, names in draft.hints.named(role).items() for name in (code, *names)}


def _folded(name: str) -> str:
    return name.strip().casefold()


def _channels(draft: _Draft) -> Iterator[str]:
    channel = draft.roles.get("channel")
    if channel is None:
        return
    yield "[values.channel]"
    for code in channel.codes:
        meaning = meaning_of(code, CHANNELS)
        if meaning is None:
            draft.ask(f"Which channel is {code!r} in {channel.name!r}: online, counter, phone or post? Taken: unknown.")
        yield f"{_quoted(code)} = {_quoted(meaning or 'unknown')}" + ("" if meaning else "  # GUESSED")
    yield ""


# ---- events ---------------------------------------------------------------------------------------------------------


def _is_long(draft: _Draft) -> bool:
    """Whether each row is one event, and a column says which."""
    state = draft.roles.get("state")
    known = [code for code in state.codes if meaning_of(code, EVENTS)] if state else []
    return "time" in draft.roles and bool(known)


def _events(draft: _Draft) -> Iterator[str]:
    for role, what in (("case", "the number of the case"), ("service", "the service item"), ("unit", "the unit")):
        if role not in draft.roles:
            draft.ask(f"Which column has {what}? None was recognised; {_CHANGE} is in its place.")
    sources = _sources(draft)
    if not sources:
        draft.ask(f"What is this system called in the plan's sources.toml? {_CHANGE} is in its place.")
    elif len(sources) > 1:
        draft.ask(f"Which source is it: {', '.join(sources)}? Taken: the first.")
    yield from _long_events(draft) if _is_long(draft) else _wide_events(draft)


def _long_events(draft: _Draft) -> Iterator[str]:
    state, time = draft.roles["state"], draft.roles["time"]
    by_type: dict[str, list[str]] = {}
    for code in state.codes:
        if kind := meaning_of(code, EVENTS):
            by_type.setdefault(kind, []).append(code)
        else:
            draft.ask(f"What does {code!r} in {state.name!r} say of the case? Its rows give no event yet.")
    for kind in (kind for kind in EVENTS if kind in by_type):
        codes = ", ".join(map(_quoted, by_type[kind]))
        yield from _event(draft, kind, time, [f"when = {{ {_quoted(state.name)} = [{codes}] }}"])


def _wide_events(draft: _Draft) -> Iterator[str]:
    found = {kind: draft.roles[role] for role, kind in _ROLES_OF_EVENTS.items() if role in draft.roles}
    if not found and "time" in draft.roles:
        found = {"case.accepted": draft.roles["time"]}
        draft.ask(f"What happened at {draft.roles['time'].name!r}? Taken: the case was accepted.")
    if not found:
        draft.ask("Which columns say when something happened? None was recognised, so there is no [[event]] yet.")
    if "state" in draft.roles:
        draft.ask(f"What do the states in {draft.roles['state'].name!r} say that the times do not?")
    for kind, column in found.items():
        yield from _event(draft, kind, column, [f"skip_if_empty = [{_quoted(column.name)}]"])


def _event(draft: _Draft, kind: str, time: Column, conditions: Sequence[str]) -> Iterator[str]:
    """The table of one event."""
    yield "[[event]]"
    yield from conditions
    yield f"type = {_quoted(kind)}"
    yield f"source = {_source(draft)}"
    yield f"subject = {_content(draft, 'case')}"
    yield f"time = {{ column = {_quoted(time.name)} }}"
    yield _recorded(draft, time)
    yield from _data(draft, kind)
    yield ""


def _recorded(draft: _Draft, time: Column) -> str:
    if "recorded" in draft.roles:
        return f"recordedat = {{ column = {_quoted(draft.roles['recorded'].name)} }}"
    draft.ask("When were the rows written down? Taken: when it happened, so nothing is found to be entered late.")
    return f"recordedat = {{ column = {_quoted(time.name)} }}  # GUESSED: written down when it happened"


def _data(draft: _Draft, kind: str) -> Iterator[str]:
    """What the event says."""
    opens = kind in ("case.applied", "case.accepted")
    if opens:
        yield f"data.service_item = {_content(draft, 'service')}"
    if opens or kind in ("case.suspended", "case.resumed"):
        yield f"data.unit = {_content(draft, 'unit')}"
    if kind == "case.suspended":
        draft.ask("Why were cases suspended? `data.reason` says it; without one no clock stops for it.")
    if "channel" in draft.roles and (opens or kind == "case.completed"):
        column = _quoted(draft.roles["channel"].name)
        yield f'data.channel = {{ column = {column}, values = "channel", otherwise = "unknown" }}'
    if opens and "due" in draft.roles:
        yield f'data.due_at = {{ column = {_quoted(draft.roles["due"].name)}, as = "time" }}'


def _source(draft: _Draft) -> str:
    sources = _sources(draft)
    if not sources:
        return _quoted(f"/units/{_CHANGE}") + "  # GUESSED"
    if len(draft.hints.sources) == 1:
        return _quoted(sources[0])
    why = ": no other may name these units" if len(sources) == 1 else ""
    return f"{_quoted(sources[0])}  # GUESSED{why}"


def _sources(draft: _Draft) -> list[str]:
    """The sources of the plan that may name every unit of the export, as far as the plan knows them. One that may name
    any unit is a last resort."""
    column, known = draft.roles.get("unit"), _by_name(draft, "unit")
    units = {known[_folded(content)] for content in column.codes if _folded(content) in known} if column else set()
    registered = draft.hints.sources
    of_these = [source for source, named in registered.items() if units <= set(named)]
    return of_these or [source for source, named in registered.items() if "*" in named] or list(registered)


def _content(draft: _Draft, role: str) -> str:
    column = draft.roles.get(role)
    if column is not None and _has_table(draft, role):
        return f'{{ column = {_quoted(column.name)}, values = "{role}" }}'
    return f"{{ column = {_quoted(column.name)} }}" if column else _quoted(_CHANGE) + "  # GUESSED"


# ---- the draft, tried -----------------------------------------------------------------------------------------------


def _tried(export: Path, body: str) -> Iterator[str]:
    """What does not work yet, by the first rows of the export."""
    try:
        reader = ExportReader(export, mapping_of(parsed_toml(body), export.name))
        rows = list(islice(reader.rows(), _TRIED))
    except MappingError as error:
        yield f"The draft cannot be used yet: {error}"
        return
    problems = [row for row in rows if isinstance(row, Problem)]
    if problems:
        first = problems[0]
        yield (
            f"{len(problems):,} of {len(rows):,} rows cannot be read, the first in line {first.line}: "
            f"{first.column}: {first.sentence}"
        )
    if reader.silent:
        yield f"{reader.silent:,} of {len(rows):,} rows give no event. Which conditions are missing?"
