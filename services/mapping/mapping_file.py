"""How a unit's export becomes events: a mapping is data, one TOML file per export.

    timezone = "Asia/Shanghai"            # of times without offset; of an hour that happens twice, the earlier
    time_format = "%Y-%m-%d %H:%M:%S"     # of time cells; without it, ISO 8601
    delimiter = ","
    encoding = "utf-8"

    [values.channel]                      # a value map: text of a cell = its meaning
    web = "online"

    [[event]]                             # one event of a row; a row may give several
    when = { state = ["done", "closed"] } # only rows whose column has one of these values
    skip_if_empty = ["closed_at"]         # only rows that have these
    type = "case.completed"               # a constant, or a column:
    id = { template = "{case}-{state}-{closed_at}" }
    source = "/units/water"
    subject = { column = "case" }
    time = { column = "closed_at", as = "time" }
    recordedat = { column = "written_at", as = "time" }
    data.channel = { column = "channel", values = "channel", otherwise = "unknown" }

A field whose cell is empty is left out; an empty time of the event itself is an error.

The id of an event must be the same in every export that holds its row: build it of cells that say what happened, to
which case, and when. `{line}` is the number of the row, from 1 (the header is no row). It may be part of an id only
where there will never be another export: in the next one rows have other numbers, so each fact would be reported a
second time under another id.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError

from services.domain.intake.events import MODELS
from services.domain.time.zone import Zone, instant_of
from services.runtime.text_file import Unreadable, read_toml

LINE: Final = "line"
"""In a template: the number of the row."""


class MappingError(ValueError):
    """A mapping that cannot be used: says where, what is wrong and what would be right."""


class AmbiguousColumn(MappingError):
    """The header of an export has a column more than once that its mapping names."""


class ExportError(MappingError):
    """An export that cannot be read with its mapping: the text names the file and the line."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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

Words = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


class EventMapping(_Part):
    """One event that a row may give."""

    when: dict[str, Words] = {}
    skip_if_empty: tuple[str, ...] = ()
    type: Constant | Column
    id: Cell
    source: Cell
    subject: Cell
    time: Column
    recordedat: Column | None = None
    caseowner: Cell | None = None
    data: dict[str, Content] = {}


class ExportMapping(_Part):
    """A mapping: which events the rows of an export give."""

    timezone: str
    time_format: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    values: dict[str, dict[str, Constant]] = {}
    event: Annotated[tuple[EventMapping, ...], Field(min_length=1)]

    @property
    def ids_by_line(self) -> list[int]:
        """The numbers, from 1, of the events whose id is made of the number of the row."""
        templates = ((number, event.id) for number, event in enumerate(self.event, 1))
        return [number for number, id in templates if isinstance(id, Template) and LINE in _names_in(id.template)]


class Problem(NamedTuple):
    """A row that the mapping does not fit."""

    line: int
    """In the file, from 1; the header is line 1."""
    column: str
    sentence: str


def read_mapping(file: Path) -> ExportMapping:
    """The mapping of a file. MappingError lists everything that is wrong with it."""
    try:
        return ExportMapping.model_validate(read_toml(file))
    except Unreadable as error:
        raise MappingError(f"{file}: it {error}") from None
    except ValidationError as error:
        lines = [
            f"{file}: {'.'.join(str(part) for part in one['loc'] if part not in _TAGS)}: {one['msg']}"
            for one in error.errors(include_url=False)
        ]
        raise MappingError("\n".join(lines)) from None


_TAGS: Final = ("constant", "column", "template", "parts")

Row = Mapping[str, str]
_Write = Callable[[Row, int], Any]
"""What a field holds for a row and its number; None where it is left out."""


class _Unreadable(Exception):
    """A cell that cannot be read."""

    def __init__(self, column: str, sentence: str) -> None:
        super().__init__(sentence)
        self.column = column
        self.sentence = sentence


class RowReader:
    """A mapping, compiled for the columns of a file."""

    def __init__(self, mapping: ExportMapping, columns: Sequence[str]) -> None:
        """MappingError for a column, a value map or a zone that is not there; AmbiguousColumn for a column that is
        there more than once."""
        self._columns = columns
        self._values = mapping.values
        self._format = mapping.time_format
        try:
            self._zone = Zone(mapping.timezone)
        except ValueError as error:
            raise MappingError(f"timezone: {error}") from None
        self._rules = [self._rule(event) for event in mapping.event]

    def events(self, row: Row, line: int, number: int) -> Iterator[dict[str, Any] | Problem]:
        """The events of a row, and problems where it cannot be read. `line`: of the file, for the problems; `number`:
        of the row, for templates."""
        for applies, write in self._rules:
            try:
                if applies(row):
                    yield write(row, number)
            except _Unreadable as cell:
                yield Problem(line, cell.column, cell.sentence)

    def _rule(self, event: EventMapping) -> tuple[Callable[[Row], bool], Callable[[Row, int], dict[str, Any]]]:
        when = [(self._known(column), frozenset(values)) for column, values in event.when.items()]
        needed = [self._known(column) for column in event.skip_if_empty]
        if isinstance(event.type, str) and event.type not in MODELS:
            raise MappingError(f"type: the contract has no {event.type!r}{_near(event.type, list(MODELS))}")
        fields = {
            "id": self._content(event.id),
            "source": self._content(event.source),
            "type": self._content(event.type),
            "subject": self._content(event.subject),
            "time": self._content(event.time.model_copy(update={"as_": "time"})),
        }
        if event.recordedat is not None:
            fields["recordedat"] = self._content(event.recordedat.model_copy(update={"as_": "time"}))
        if event.caseowner is not None:
            fields["caseowner"] = self._content(event.caseowner)
        data = self._content(dict(event.data))
        time_column = event.time.column

        def applies(row: Row) -> bool:
            return all(row[column] in values for column, values in when) and all(row[column] for column in needed)

        def write(row: Row, number: int) -> dict[str, Any]:
            written: dict[str, Any] = {"specversion": "1.0"}
            for name, content in fields.items():
                if (value := content(row, number)) is not None:
                    written[name] = value
                elif name == "time":
                    raise _Unreadable(
                        time_column, "the time of the event is empty; fill it, or list it in skip_if_empty"
                    )
            written["data"] = data(row, number) or {}
            return written

        return applies, write

    def _content(self, content: Any) -> _Write:
        if isinstance(content, Column):
            return self._cell(content)
        if isinstance(content, Template):
            return self._template(content.template)
        if isinstance(content, dict):
            parts = {name: self._content(part) for name, part in content.items()}

            def write(row: Row, number: int) -> dict[str, Any] | None:
                written = {name: value for name, part in parts.items() if (value := part(row, number)) is not None}
                return written or None

            return write
        return lambda row, number: content

    def _cell(self, content: Column) -> _Write:
        column = self._known(content.column)
        if content.values is not None:
            return self._mapped(column, content.values, content.otherwise)
        kind = content.as_
        readers: dict[str, Callable[[str], Any]] = {
            "text": str,
            "integer": int,
            "number": _number,
            "bool": _truth,
            "time": self._time,
        }
        convert = readers[kind]

        def write(row: Row, number: int) -> Any:
            text = row[column]
            if not text:
                return None
            try:
                return convert(text)
            except ValueError:
                raise _Unreadable(column, f"{text!r} is not {_KINDS[kind]}") from None

        return write

    def _mapped(self, column: str, name: str, otherwise: str | None) -> _Write:
        if name not in self._values:
            raise MappingError(f"values: the mapping has no value map {name!r}{_near(name, list(self._values))}")
        meaning = self._values[name]

        def write(row: Row, number: int) -> Any:
            text = row[column]
            if text in meaning:
                return meaning[text]
            if otherwise is None and text:
                raise _Unreadable(column, f"{text!r} is not in values.{name}; add it, or say what it is otherwise")
            return otherwise

        return write

    def _template(self, template: str) -> _Write:
        try:
            template.format_map({LINE: 1, **dict.fromkeys(self._columns, "")})
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            raise MappingError(f"template {template!r}: {error} is neither `line` nor a column") from None
        for name in _names_in(template) - {LINE}:
            self._known(name)
        return lambda row, number: template.format_map({"line": number, **row})

    def _time(self, text: str) -> str:
        moment = datetime.strptime(text, self._format) if self._format else datetime.fromisoformat(text)  # noqa: DTZ007
        return self._zone.text(instant_of(moment) if moment.tzinfo else self._zone.instant(moment))

    def _known(self, column: str) -> str:
        if column not in self._columns:
            raise MappingError(f"the file has no column {column!r}{_near(column, self._columns)}")
        if (times := self._columns.count(column)) > 1:
            raise AmbiguousColumn(
                f"the header has {times} columns {column!r}: which one is meant cannot be known. Give each a name of "
                "its own in the export"
            )
        return column


_KINDS: Final = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "bool": "true or false",
    "time": "a time in the mapping's time_format",
}
_TRUTHS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _truth(text: str) -> bool:
    try:
        return _TRUTHS[text.lower()]
    except KeyError:
        raise ValueError(text) from None


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number


def _names_in(template: str) -> set[str]:
    """The columns that a template names. ValueError is none of this function's: what is no template names nothing."""
    with suppress(ValueError):
        return {name.partition(".")[0].partition("[")[0] for _, name, _, _ in Formatter().parse(template) if name}
    return set()


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f": did you mean {near[0]!r}?" if near else f"; it has {', '.join(known)}" if known else ""
