"""A mapping, compiled for the columns of a file: from a record to its cells, and from the cells to events."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from services.domain.intake.events import MODELS
from services.domain.time.zone import Instant, Zone
from services.mapping.cells import Problem, Record, Unreadable, kind_of
from services.mapping.columns import Columns, Row
from services.mapping.mapping_file import (
    OLD_ROW,
    ROW,
    Column,
    Condition,
    EventMapping,
    ExportMapping,
    MappingError,
    Not,
    Template,
    names_in,
    near,
)
from services.mapping.numbers import NumberReader, truth

_Write = Callable[[Row], Any]
"""What a field holds for a row; None where it is left out."""
zone_of = lru_cache(8)(Zone)
"""The zone of a name, read once. ValueError."""
Draft = dict[str, Any]
"""An event without its id."""


class GivenEvent(NamedTuple):
    """An event that a row gives."""

    rule: int
    """The place of its table in the mapping."""
    label: str
    id: str | Callable[[str], str] | None
    """As the mapping writes it; a function of the fingerprint where its template has one in it; None where the mapping
    has no id."""
    draft: Draft


def fingerprint(draft: Draft) -> str:
    """The content of an event, in 32 hexadecimal digits: the same for the same cells, wherever their row is."""
    return sha256(orjson.dumps(draft, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _test(column: str, condition: Condition) -> Callable[[Row], bool]:
    if isinstance(condition, Not):
        refused = frozenset(condition.not_)
        return lambda row: row[column] not in refused
    taken = frozenset(condition)
    return lambda row: row[column] in taken


class Rule(NamedTuple):
    """One table `[[event]]`, compiled."""

    label: str
    row: str | None
    changed: tuple[str, ...]
    applies: Callable[[Row], bool]
    """Whether a row by itself gives the event."""
    follows: Callable[[Row], bool] | None
    """Whether the row before fits; None where that does not matter."""
    id: Callable[[Row], str | Callable[[str], str] | None]
    write: Callable[[Row], Draft]


class RowReader:
    """A mapping, compiled for the columns of a file."""

    def __init__(self, mapping: ExportMapping, columns: Sequence[str]) -> None:
        """MappingError for a column, a value map or a zone that is not there; AmbiguousColumn for a column that is
        there more than once."""
        try:
            self._zone = zone_of(mapping.timezone)
        except ValueError as error:
            raise MappingError(f"timezone: {error}") from None
        self._values = mapping.values
        self._columns = Columns(mapping, columns, self._zone)
        self._names = columns
        self.identity = mapping.identity
        self.rules = [self._rule(event) for event in mapping.event]
        self.case_column = mapping.case.column if mapping.case else None
        self._order = mapping.case.order_by if mapping.case else None

    def row(self, record: Record) -> dict[str, str]:
        """The cells that the mapping uses. Unreadable."""
        return self._columns.row(record)

    def order(self, row: Row) -> Instant:
        """The position of a row among those of its case, as far as the mapping has a column for it. Unreadable."""
        if self._order is None:
            return 0
        instant = self._columns.instant(self._order, row)
        if instant is None:
            raise Unreadable(self._order, "the time by which the rows of a case are ordered is empty; fill it")
        return instant

    def identity_of(self, row: Row) -> tuple[str, ...]:
        """Which row it is. Unreadable where nothing says so."""
        if not any(row[column] for column in self.identity):
            raise Unreadable(self.identity[0], "the identity of the row is empty; fill it, or declare other columns")
        return tuple(str(row[column]) for column in self.identity)

    def events(self, row: Row, place: int, chosen: Callable[[int], bool]) -> tuple[list[GivenEvent], list[Problem]]:
        """The events of a row, and what is wrong with it: a row with a problem gives nothing.

        `chosen`: whether the other rows of its case let it give the event of a rule.
        """
        given: list[GivenEvent] = []
        problems: list[Problem] = []
        for number, rule in enumerate(self.rules):
            try:
                if rule.applies(row) and chosen(number):
                    given.append(GivenEvent(number, rule.label, rule.id(row), rule.write(row)))
            except Unreadable as cell:
                problems.append(Problem(place, cell.column, cell.sentence))
        return given, problems

    def _rule(self, event: EventMapping) -> Rule:
        if isinstance(event.type, str) and event.type not in MODELS:
            raise MappingError(f"type: the contract has no {event.type!r}{near(event.type, list(MODELS))}")
        tests = [_test(column, condition) for column, condition in event.when.items()]
        needed = event.skip_if_empty
        before = [_test(column, condition) for column, condition in event.when_previous.items()]
        return Rule(
            label=event.label,
            row=event.row,
            changed=event.when_changed,
            applies=lambda row: all(row[column] for column in needed) and all(test(row) for test in tests),
            follows=(lambda row: all(test(row) for test in before)) if before else None,
            id=self._id(event),
            write=self._writer(event),
        )

    def _writer(self, event: EventMapping) -> Callable[[Row], Draft]:
        fields = {
            "source": self._content(event.source),
            "type": self._content(event.type),
            "subject": self._content(event.subject),
            "time": self._time(event.time.column),
        }
        if event.recordedat is not None:
            fields["recordedat"] = self._time(event.recordedat.column)
        if event.caseowner is not None:
            fields["caseowner"] = self._content(event.caseowner)
        data = self._content(dict(event.data))
        time_column = event.time.column

        def write(row: Row) -> Draft:
            written: Draft = {"specversion": "1.0"}
            for name, content in fields.items():
                if (value := content(row)) is not None:
                    written[name] = value
                elif name == "time":
                    raise Unreadable(
                        time_column, "the time of the event is empty; fill it, or list it in skip_if_empty"
                    )
            written["data"] = data(row) or {}
            return written

        return write

    def _id(self, event: EventMapping) -> Callable[[Row], str | Callable[[str], str] | None]:
        if event.id is None:
            return lambda row: None
        write = self._content(event.id)
        if isinstance(event.id, Template) and {ROW, OLD_ROW} & names_in(event.id.template):
            template = event.id.template
            return lambda row: lambda mark: template.format_map({**row, ROW: mark, OLD_ROW: mark})
        return write

    def _content(self, content: Any) -> _Write:
        if isinstance(content, Column):
            return self._cell(content)
        if isinstance(content, Template):
            return self._template(content.template)
        if isinstance(content, dict):
            parts = {name: self._content(part) for name, part in content.items()}

            def write(row: Row) -> dict[str, Any] | None:
                written = {name: value for name, part in parts.items() if (value := part(row)) is not None}
                return written or None

            return write
        return lambda row: content

    def _cell(self, content: Column) -> _Write:
        column = content.column
        if content.values is not None:
            return self._mapped(column, content.values, content.otherwise)
        if content.as_ == "time":
            return self._time(column)
        kind = content.as_
        rules = self._columns.rules(column)
        numbers = NumberReader(thousands=rules.thousands or "", decimal=rules.decimal, currency=rules.currency)
        readers: dict[str, Callable[[str], Any]] = {
            "text": str,
            "integer": numbers.integer,
            "number": numbers.number,
            "bool": truth,
        }
        convert = readers[kind]

        def write(row: Row) -> Any:
            text = row[column]
            if not text:
                return None
            try:
                return convert(text)
            except ValueError:
                raise Unreadable(column, f"{kind_of(text)} is not {_KINDS[kind]}") from None

        return write

    def _mapped(self, column: str, name: str, otherwise: str | None) -> _Write:
        if name not in self._values:
            raise MappingError(f"values: the mapping has no value map {name!r}{near(name, list(self._values))}")
        meaning = self._values[name]

        def write(row: Row) -> Any:
            text = row[column]
            if text in meaning:
                return meaning[text]
            if otherwise is None and text:
                raise Unreadable(column, f"{_code(text)} is not in values.{name}; add it, or say what it is otherwise")
            return otherwise

        return write

    def _template(self, template: str) -> _Write:
        try:
            template.format_map({ROW: "", OLD_ROW: "", **dict.fromkeys(self._names, "")})
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            raise MappingError(f"template {template!r}: {error} is neither `row` nor a column") from None
        return lambda row: template.format_map(row)

    def _time(self, column: str) -> _Write:
        self._columns.walls(column)

        def write(row: Row) -> str | None:
            instant = self._columns.instant(column, row)
            return None if instant is None else self._zone.text(instant)

        return write


_LONGEST_CODE: Final = 24


def _code(text: str) -> str:
    """A code as it is, since it has to be added to the mapping; only the form of what may be personal."""
    digits = sum(letter.isdigit() for letter in text)
    if len(text) > _LONGEST_CODE or digits > 5:
        return kind_of(text)
    return repr(str(text))


_KINDS: Final = {
    "text": "a text",
    "integer": "a whole number; separators, the decimal sign and currency are declared under [columns]",
    "number": "a number; separators, the decimal sign and currency are declared under [columns]",
    "bool": "true or false; other words need a value map",
}
