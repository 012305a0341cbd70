"""How a unit's export becomes events: a mapping is data, one TOML file per export. docs/mapping.md has the language,
with an example of each feature."""

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictInt,
    StrictStr,
    Tag,
    ValidationError,
    model_validator,
)

from services.runtime.text_file import Unreadable, read_toml

ROW: Final = "row"
"""In a template of an id: what the row says, as a fingerprint."""
OLD_ROW: Final = "line"
"""The old name of the same. It was the number of the row, which is another one in the next export."""


class MappingError(ValueError):
    """A mapping that cannot be used: says where, what is wrong and what would be right."""


class AmbiguousColumn(MappingError):
    """The header of an export has a column more than once that its mapping names."""


class ExportError(MappingError):
    """An export that cannot be read with its mapping: the text names the file and the line."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _several(value: object) -> object:
    return (value,) if isinstance(value, str | int | float | date) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_several)]
OneCharacter = Annotated[str, Field(min_length=1, max_length=1)]


class Column(_Part):
    """The content of a cell of the row."""

    column: str
    values: str | None = None
    """The value map that says what the cell means."""
    otherwise: str | None = None
    """What a value that the map does not have means; without one it is an error."""
    as_: Annotated[Literal["text", "integer", "number", "bool", "time"], Field(alias="as")] = "text"


class Template(_Part):
    """A text with cells in it: `{case}-{closed_at}`."""

    template: str


def _kind_of(value: object) -> str:
    if isinstance(value, Mapping):
        return "column" if "column" in value else "template" if "template" in value else "parts"
    return "constant"


Constant = str | bool | int | float
Cell = Annotated[
    Annotated[Constant, Tag("constant")] | Annotated[Column, Tag("column")] | Annotated[Template, Tag("template")],
    Discriminator(_kind_of),
]
"""What a field holds: a constant, the content of a cell, or a text with cells in it."""

Content = Annotated[
    Annotated[Constant, Tag("constant")]
    | Annotated[Column, Tag("column")]
    | Annotated[Template, Tag("template")]
    | Annotated[dict[str, Cell], Tag("parts")],
    Discriminator(_kind_of),
]
"""The same, or fields of its own: attributes, a limit."""


class Not(_Part):
    """Any value but these."""

    not_: Annotated[Words, Field(alias="not")]


Condition = Annotated[
    Annotated[Words, Tag("words")] | Annotated[Not, Tag("not")],
    Discriminator(lambda value: "not" if isinstance(value, Mapping | Not) else "words"),
]
"""Values that a cell may have: one of them, or any but these. An empty cell has the value ""."""


class ColumnRules(_Part):
    """How the cells of one column are read, wherever it is used."""

    empty: Annotated[tuple[StrictInt | datetime | date | StrictStr, ...], BeforeValidator(_several)] = ()
    """Contents that mean "nothing": a text, a date, a moment, or the number of a serial date."""
    format: Words = ()
    """Formats of its times; else those of the mapping."""
    clock: str | None = None
    """The column with the time of day, where this one has the date only."""
    offset: str | None = None
    """The column with the offset from UTC."""
    fold: Literal["earlier", "later"] = "earlier"
    """Which of the two is meant where an hour happens twice."""
    thousands: OneCharacter | None = None
    decimal: OneCharacter = "."
    currency: Words = ()

    @model_validator(mode="after")
    def _separators_differ(self) -> "ColumnRules":
        if self.thousands == self.decimal:
            raise ValueError(f"thousands and decimal are both {self.decimal!r}: one of them is another sign")
        return self


class CaseRows(_Part):
    """Which rows are of one case, and in which order."""

    column: str
    order_by: str | None = None
    """A column of times; without it, the order of the file."""


class EventMapping(_Part):
    """One event that a row may give."""

    name: str | None = None
    """Tells events of one row and type apart where the mapping has `identity`."""
    when: dict[str, Condition] = {}
    when_previous: dict[str, Condition] = {}
    """Conditions on the row before, of the same case; the first row of a case has none."""
    when_changed: tuple[str, ...] = ()
    """Only rows in which one of these columns differs from the row before of the same case, and its first row."""
    row: Literal["first", "last"] | None = None
    """Of the rows of a case that fulfil the other conditions only the first or the last."""
    skip_if_empty: tuple[str, ...] = ()
    type: Constant | Column
    id: Cell | None = None
    """Without one the id is made of what the row says, or of the identity columns."""
    source: Cell
    subject: Cell
    time: Column
    recordedat: Column | None = None
    caseowner: Cell | None = None
    data: dict[str, Content] = {}

    @property
    def uses_other_rows(self) -> bool:
        """Whether the other rows of the case decide whether a row gives this event."""
        return bool(self.row or self.when_previous or self.when_changed)

    @property
    def label(self) -> str:
        """The name of this event among those of its row."""
        return self.name or (self.type if isinstance(self.type, str) else "event")


DEFAULT_ENCODING: Final = "utf-8"
DETECT: Final = "detect"


class ExportMapping(_Part):
    """A mapping: which events the rows of an export give."""

    timezone: str
    time_format: Words = ("iso",)
    delimiter: OneCharacter | None = None
    """Without one: the one of , ; tab and | that gives the columns which the mapping names."""
    encoding: Words = (DEFAULT_ENCODING,)
    """Tried in this order; `detect` takes the one that the bytes look like."""
    sheet: str | Annotated[int, Field(ge=1)] | None = None
    """Of a spreadsheet: a name, or a number from 1. Without it, the first sheet with the columns."""
    header: Annotated[int, Field(ge=1)] | Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """The number of the row with the names of the columns, or the names where the file has none. Without it, the first
    row that has all columns which the mapping names."""
    trim: bool = True
    empty: Words = ()
    """Texts that mean "nothing" in every column."""
    columns: dict[str, ColumnRules] = {}
    case: CaseRows | None = None
    identity: Words = ()
    """The columns that say which row it is, in every export."""
    values: dict[str, dict[str, Constant]] = {}
    event: Annotated[tuple[EventMapping, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _events_have_names_of_their_own(self) -> "ExportMapping":
        if any(event.uses_other_rows for event in self.event) and self.case is None:
            raise ValueError(
                "row, when_previous and when_changed need the other rows of a case: say which column names "
                'the case, as in case = { column = "case_id", order_by = "changed_at" }'
            )
        labels = [event.label for event in self.event]
        if self.identity and (twice := {label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"two events are called {min(twice)!r}: with `identity` give each a `name` of its own")
        return self

    @property
    def version(self) -> str:
        """A mark of all that it says."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    @property
    def ids_by_line(self) -> list[int]:
        """The numbers, from 1, of the events whose id uses the old name `{line}`."""
        templates = ((number, event.id) for number, event in enumerate(self.event, 1))
        return [number for number, id in templates if isinstance(id, Template) and OLD_ROW in names_in(id.template)]

    def used_columns(self) -> list[str]:
        """Every column that the mapping names where a row is read, in its order."""
        found: dict[str, None] = {}
        for event in self.event:
            found.update(dict.fromkeys(_used_by(event)))
        found.update(dict.fromkeys(self.identity))
        if self.case is not None:
            found.update(dict.fromkeys(filter(None, (self.case.column, self.case.order_by))))
        for name in [name for name in found if name in self.columns]:
            rules = self.columns[name]
            found.update(dict.fromkeys(filter(None, (rules.clock, rules.offset))))
        return list(found)


def _used_by(event: EventMapping) -> Iterator[str]:
    yield from (*event.when, *event.when_previous, *event.when_changed, *event.skip_if_empty)
    for content in (event.type, event.id, event.source, event.subject, event.time, event.recordedat, event.caseowner):
        yield from _columns_of(content)
    yield from _columns_of(event.data)


def _columns_of(content: Any) -> Iterator[str]:
    if isinstance(content, Column):
        yield content.column
    elif isinstance(content, Template):
        yield from sorted(names_in(content.template) - {ROW, OLD_ROW})
    elif isinstance(content, Mapping):
        for part in content.values():
            yield from _columns_of(part)


def read_mapping(file: Path) -> ExportMapping:
    """The mapping of a file. MappingError lists everything that is wrong with it."""
    try:
        return mapping_of(read_toml(file), str(file))
    except Unreadable as error:
        raise MappingError(f"{file}: it {error}") from None


def mapping_of(tables: Mapping[str, Any], file: str) -> ExportMapping:
    """The mapping of the tables of a file. MappingError lists everything that is wrong with it."""
    try:
        return ExportMapping.model_validate(tables)
    except ValidationError as error:
        raise MappingError("\n".join(_sentence(file, one) for one in error.errors(include_url=False))) from None


def _sentence(file: str, error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"] if part not in _TAGS)
    return f"{file}: {place + ': ' if place else ''}{error['msg'].removeprefix('Value error, ')}"


_TAGS: Final = ("constant", "column", "template", "parts", "words")


def names_in(template: str) -> set[str]:
    """The columns that a template names. ValueError is none of this function's: what is no template names nothing."""
    with suppress(ValueError):
        return {name.partition(".")[0].partition("[")[0] for _, name, _, _ in Formatter().parse(template) if name}
    return set()


def near(name: str, known: Sequence[str]) -> str:
    """The known name that a wrong one is probably meant to be, or all of them."""
    found = difflib.get_close_matches(name, known, n=1)
    return f": did you mean {found[0]!r}?" if found else f"; it has {', '.join(known)}" if known else ""
