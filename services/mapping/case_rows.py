"""Which rows of a case give an event whose rule needs the other rows of the case: the first, the last, a change."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import orjson

from services.mapping.cells import Problem, Record, Unreadable
from services.mapping.columns import Row
from services.mapping.row_reader import RowReader, Rule

Chosen = Callable[[int, int], bool]
"""Whether a record, by its number in the file, may give the event of a rule."""


class _Seen(NamedTuple):
    """What is kept of a row: enough to decide once all rows of its case are known."""

    number: int
    applies: bytes
    """For each rule, whether the row by itself gives its event."""
    fits: bytes
    """For each rule, whether the row fits as the one before."""
    watched: list[list[str]]
    """For each rule, the cells whose change it compares."""


def rows_of_cases(records: Iterable[Record | Problem], reader: RowReader) -> Chosen:
    """Reads all records once and decides for each rule which of them give its event.

    The rows are put in order in a file of SQLite's own, so that an export of any size fits. Rows that cannot be read
    are left out: they give nothing.
    """
    rules = _using_other_rows(reader.rules)
    if not rules or reader.case_column is None:
        return lambda record, rule: True
    given: dict[int, set[int]] = {number: set() for number, _ in rules}
    with closing(sqlite3.connect("")) as store:
        store.execute("CREATE TABLE seen (case_key TEXT, place INTEGER, number INTEGER, kept BLOB)")
        store.executemany("INSERT INTO seen VALUES (?, ?, ?, ?)", _kept(records, reader, [rule for _, rule in rules]))
        ordered = store.execute("SELECT case_key, number, kept FROM seen ORDER BY case_key, place, number")
        for _, rows in groupby(ordered, key=itemgetter(0)):
            seen = [_Seen(number, *_unpacked(kept)) for _, number, kept in rows]
            for place, (number, rule) in enumerate(rules):
                given[number].update(_one_of(rule.row, list(_giving(seen, place, rule))))
    return lambda record, rule: rule not in given or record in given[rule]


def _using_other_rows(rules: Sequence[Rule]) -> list[tuple[int, Rule]]:
    return [(number, rule) for number, rule in enumerate(rules) if rule.row or rule.changed or rule.follows]


def _kept(
    records: Iterable[Record | Problem], reader: RowReader, rules: Sequence[Rule]
) -> Iterator[tuple[str, int, int, bytes]]:
    for number, record in enumerate(records):
        if isinstance(record, Problem):
            continue
        try:
            row = reader.row(record)
            place = reader.order(row)
        except Unreadable:
            continue
        yield str(row[reader.case_column or ""]), place, number, orjson.dumps(_packed(row, rules))


def _packed(row: Row, rules: Sequence[Rule]) -> list[object]:
    return [
        [rule.applies(row) for rule in rules],
        [rule.follows is not None and rule.follows(row) for rule in rules],
        [[str(row[column]) for column in rule.changed] for rule in rules],
    ]


def _unpacked(kept: bytes) -> tuple[bytes, bytes, list[list[str]]]:
    applies, fits, watched = orjson.loads(kept)
    return bytes(applies), bytes(fits), watched


def _giving(rows: Sequence[_Seen], place: int, rule: Rule) -> Iterator[int]:
    """The records of one case, in their order, that fulfil the conditions of a rule."""
    before: _Seen | None = None
    for row in rows:
        if row.applies[place] and _fits(row, before, place, rule):
            yield row.number
        before = row


def _fits(row: _Seen, before: _Seen | None, place: int, rule: Rule) -> bool:
    """Whether the row before lets a row give the event."""
    if before is None:
        return rule.follows is None
    if rule.follows is not None and not before.fits[place]:
        return False
    return not rule.changed or before.watched[place] != row.watched[place]


def _one_of(which: str | None, found: list[int]) -> list[int]:
    if which == "first":
        return found[:1]
    return found[-1:] if which == "last" else found
