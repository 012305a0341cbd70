"""`kpiwatch import`: a unit's export (CSV) → events, by a mapping that is data."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, TextIO, cast

import orjson
import typer
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from services.cli.arguments import check_sinks, no_endless
from services.cli.failure import INPUT_HAS_ERRORS, Failure
from services.cli.mapping import ExportMapping, MappingError, Problem, RowReader, read_mapping
from services.cli.terminal import safe_console, say
from services.domain.intake.visible_text import visible
from services.process.atomic_file import atomic_file

_TOLD_EVERY = 5_000
_LISTED = 1_000
"""So many problems are told one by one; the rest is counted."""

_LONGEST_LINE = 4 * 1024 * 1024
"""Characters: more than all cells of a row together, each of which csv bounds, can need."""

_OUTCOME = dict[str, object] | Problem


def import_export(
    export: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv", exists=True, dir_okay=False, callback=no_endless, help="The export: .csv or .csv.gz."
        ),
    ],
    mapping: Annotated[
        Path, typer.Option("--mapping", metavar="MAP.toml", exists=True, dir_okay=False, help="What its rows say.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Where the events go: .jsonl or .jsonl.gz.")],
) -> None:
    """Turn a unit's export into events. Rows that cannot be read are listed (exit code 1), the others written."""
    check_sinks({"--out": out}, (export, mapping))
    told = safe_console(stderr=True)
    written, problems = 0, 0
    with ExitStack() as stack:
        bar = stack.enter_context(
            Progress(
                TextColumn("reading"), TextColumn("{task.completed:,} events"), TimeElapsedColumn(), console=told,
                transient=True, disable=not told.is_terminal,
            )
        )  # fmt: skip
        task = bar.add_task("reading", total=None)
        try:
            outcomes = events_of(export, read_mapping(mapping))
            sink = stack.enter_context(atomic_file(out))
            for outcome in outcomes:
                if isinstance(outcome, Problem):
                    problems += 1
                    if problems <= _LISTED:
                        say(visible(f"{export}:{outcome.line}: {outcome.column}: {outcome.sentence}"), err=True)
                    continue
                sink.write(orjson.dumps(outcome, option=orjson.OPT_APPEND_NEWLINE))
                written += 1
                if written % _TOLD_EVERY == 0:
                    bar.update(task, completed=written)
        except MappingError as error:
            raise Failure(f"{mapping}: {str(error).removeprefix(f'{mapping}: ')}", INPUT_HAS_ERRORS) from None
    rest = f", {problems:,} not" if problems else ""
    say(f"{written:,} events written to {out}{rest}")
    if problems:
        raise typer.Exit(INPUT_HAS_ERRORS)


def events_of(export: Path, mapping: ExportMapping) -> Iterator[_OUTCOME]:
    """What the rows of an export say, in their order: events, and problems where a row cannot be read.

    Raises MappingError where the mapping does not fit the columns.
    """
    with _rows(export, mapping) as rows:
        try:
            columns = rows.fieldnames
        except csv.Error as error:
            yield Problem(1, "-", f"it is not CSV: {error}")
            return
        if not columns:
            raise MappingError(f"{export} has no header: its first line must name the columns")
        reader = RowReader(mapping, columns)
        number = 0
        try:
            for number, row in enumerate(rows, 1):
                if None in row or None in row.values():
                    cells = len(columns) + len(row.get(None, ())) - sum(cell is None for cell in row.values())
                    yield Problem(rows.line_num, "-", f"the row has {cells} cells, the header {len(columns)}")
                    continue
                if unread := _undecoded(row):
                    yield Problem(rows.line_num, unread, f"it is not {mapping.encoding}; name the file's encoding")
                    continue
                yield from reader.events(row, rows.line_num, number)
        except csv.Error as error:
            yield Problem(rows.line_num, "-", f"it is not CSV: {error}")


def _undecoded(row: dict[str, str]) -> str | None:
    """The first column whose cell has bytes that the encoding does not know."""
    try:
        "".join(row.values()).encode()
    except UnicodeEncodeError:
        return next(column for column, cell in row.items() if any("\udc80" <= letter <= "\udcff" for letter in cell))
    return None


@contextmanager
def _rows(export: Path, mapping: ExportMapping) -> Iterator["csv.DictReader[str]"]:
    raw = cast(BinaryIO, gzip.GzipFile(export)) if export.suffix == ".gz" else export.open("rb")
    encoding = "utf-8-sig" if mapping.encoding.lower() in ("utf-8", "utf8") else mapping.encoding
    try:
        # bytes that are no text come as surrogates, so that their line and column can be told
        text: TextIO = io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline="")
    except LookupError:
        raw.close()
        raise MappingError(f"encoding: {mapping.encoding!r} is not known: write one such as utf-8 or gb18030") from None
    with text:
        yield csv.DictReader(_lines(text), delimiter=mapping.delimiter)


def _lines(text: TextIO) -> Iterator[str]:
    """The lines, none longer than any row of an export: else one of a gigabyte would be held whole."""
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and line[-1] not in "\r\n":
            raise csv.Error(f"the next line is longer than {_LONGEST_LINE:,} characters; write one row per line")
        yield line
