"""`kpiwatch import`: a unit's export (CSV, XLSX, XLS, ODS) → events, by a mapping that is data."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO, NamedTuple

import typer
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from services.catalog.load.plan_folder import load_plan
from services.cli.arguments import PlanFolder, check_sinks, no_endless
from services.cli.failure import INPUT_HAS_ERRORS, WRONG_USAGE, Failure
from services.cli.terminal import safe_console, say
from services.cli.time_arguments import moment
from services.domain.intake.visible_text import visible
from services.mapping.cells import Problem
from services.mapping.export import ExportReader, Outcome, line_of
from services.mapping.mapping_file import ExportError, ExportMapping, MappingError, read_mapping
from services.mapping.memory import Memory, UnusableMemory, remembered
from services.mapping.row_reader import zone_of
from services.mapping.suggest.draft import Hints, suggest
from services.runtime.atomic_file import atomic_file

_SHOWN_EVERY = 5_000
_LISTED = 1_000
"""So many problems, and so many vanished rows, are listed; the rest is counted."""


class _Counts(NamedTuple):
    written: int
    problems: int


def import_export(
    export: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, callback=no_endless,
            help="The export: CSV (also .gz), XLSX, XLS or ODS.",
        ),
    ],
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", metavar="MAP.toml", exists=True, dir_okay=False, help="What its rows say."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the events go: .jsonl or .jsonl.gz; with --suggest, the draft.")
    ] = None,
    memory: Annotated[
        Path | None,
        typer.Option(
            "--memory", metavar="FILE.sqlite", dir_okay=False,
            help="What earlier exports have reported; needed where the mapping has `identity`.",
        ),
    ] = None,
    exported_at: Annotated[
        str | None, typer.Option("--exported-at", metavar="TIME", help="When the export was made; else now.")
    ] = None,
    strike_missing: Annotated[
        bool, typer.Option("--strike-missing", help="Strike out the events of rows that the export no longer has.")
    ] = False,
    suggests: Annotated[
        bool, typer.Option("--suggest", help="Draft a mapping for the file, and list what only you can answer.")
    ] = False,
    plan: PlanFolder = None,
) -> None:  # fmt: skip
    """Turn a unit's export into events. Rows that cannot be read are listed (exit code 1), the others written."""
    if suggests:
        _suggest(export, out, plan)
        return
    if mapping is None or out is None:
        raise Failure(
            "name the mapping and where the events go: --mapping MAP.toml --out events.jsonl. Without a mapping, let "
            "--suggest draft one",
            WRONG_USAGE,
        )
    _import(_Import(export, mapping, out, memory, exported_at, strike_missing))


class _Import(NamedTuple):
    """What an import was asked for."""

    export: Path
    mapping: Path
    out: Path
    memory: Path | None
    exported_at: str | None
    strike_missing: bool


def _import(asked: _Import) -> None:
    export, mapping = asked.export, asked.mapping
    check_sinks({"--out": asked.out, "--memory": asked.memory}, (export, mapping))
    try:
        rules = read_mapping(mapping)
        _check_memory(rules, asked.memory, asked.strike_missing)
        at = _exported_at(asked.exported_at, rules)
        reader = ExportReader(export, rules)
        with ExitStack() as stack:
            known = stack.enter_context(remembered(asked.memory, at)) if asked.memory else None
            if known:
                _refuse_to_overwrite(asked.out)
            with atomic_file(asked.out, durable=known is not None) as sink:
                counts = _write(sink, export, _outcomes(reader, known, asked.strike_missing))
            if known:
                known.save()
    except (ExportError, UnusableMemory) as error:
        raise Failure(visible(str(error)), INPUT_HAS_ERRORS) from None
    except MappingError as error:
        raise Failure(f"{mapping}: {str(error).removeprefix(f'{mapping}: ')}", INPUT_HAS_ERRORS) from None
    _say_notes(export, mapping, rules, reader)
    if known:
        _say_vanished(export, known, asked.strike_missing)
    rest = f", {counts.problems:,} not" if counts.problems else ""
    say(f"{counts.written:,} events written to {asked.out}{rest}")
    if counts.problems:
        raise typer.Exit(INPUT_HAS_ERRORS)


def _suggest(export: Path, out: Path | None, plan: Path | None) -> None:
    """Draft a mapping: to a file, or to standard output."""
    check_sinks({"--out": out}, (export,))
    hints = Hints()
    if plan is not None:
        read = load_plan(plan)
        hints = Hints(
            read.head.timezone,
            {each: read.sources[each].units for each in sorted(read.sources)},
            {unit.id: (unit.title.zh, unit.title.en) for unit in read.units.values()},
            {item.code: (item.title.zh, item.title.en) for item in read.service_items.values()},
        )
    try:
        text = suggest(export, hints)
    except MappingError as error:
        raise Failure(visible(str(error)), INPUT_HAS_ERRORS) from None
    if out is None:
        say(text)
        return
    with atomic_file(out) as sink:
        sink.write(text.encode())
    say(f"a draft written to {out}: answer the questions at its top, then name it as --mapping")


def _check_memory(rules: ExportMapping, memory: Path | None, strike_missing: bool) -> None:
    if rules.identity and memory is None:
        raise Failure(
            "the mapping has `identity`: name the file that remembers what its exports reported, as in "
            "--memory build/export.sqlite. It is made the first time",
            WRONG_USAGE,
        )
    if not rules.identity and (memory or strike_missing):
        raise Failure(
            "--memory and --strike-missing need `identity` in the mapping: the columns that say which row it is",
            WRONG_USAGE,
        )


def _refuse_to_overwrite(out: Path) -> None:
    """What an import with a memory has written is never written again: the memory holds it for reported."""
    if out.is_file() and out.stat().st_size:
        raise Failure(
            f"{out} is there, and its events are in no later import with --memory: send them, then remove the file, or "
            "name another --out",
            INPUT_HAS_ERRORS,
        )


def _exported_at(text: str | None, rules: ExportMapping) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        zone = zone_of(rules.timezone)
    except ValueError as error:
        raise MappingError(f"timezone: {error}") from None
    return datetime.fromisoformat(zone.text(moment(text, zone, "--exported-at"))).astimezone(UTC)


def _outcomes(reader: ExportReader, known: Memory | None, strike_missing: bool) -> Iterator[Outcome]:
    """What is to be written and what is to be listed."""
    if known is not None:
        yield from known.changes(reader.rows(), strike_missing=strike_missing)
        return
    for row in reader.rows():
        if isinstance(row, Problem):
            yield row
        else:
            yield from (event for _, event in row.events)


def _write(sink: BinaryIO, export: Path, outcomes: Iterator[Outcome]) -> _Counts:
    """Write the events, list the problems."""
    console = safe_console(stderr=True)
    written = problems = 0
    with Progress(
        TextColumn("reading"), TextColumn("{task.completed:,} events"), TimeElapsedColumn(), console=console,
        transient=True, disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task("reading", total=None)
        for outcome in outcomes:
            if isinstance(outcome, Problem):
                problems += 1
                if problems <= _LISTED:
                    say(visible(f"{export}:{outcome.line}: {outcome.column}: {outcome.sentence}"), err=True)
                continue
            sink.write(line_of(outcome))
            written += 1
            if written % _SHOWN_EVERY == 0:
                bar.update(task, completed=written)
    return _Counts(written, problems)


def _say_notes(export: Path, mapping: Path, rules: ExportMapping, reader: ExportReader) -> None:
    if reader.taken:
        say(visible(f"{export}: {', '.join(reader.taken)}"), err=True)
    if reader.silent:
        say(f"{export}: {reader.silent:,} rows fulfil no condition of the mapping and gave no event", err=True)
    for number in rules.ids_by_line:
        say(
            visible(f"{mapping}: event {number}: its id is made of {{line}}, which has become {{row}}: ")
            + "a fingerprint of what the row says. The number of a row is another one in the next export",
            err=True,
        )


def _say_vanished(export: Path, known: Memory, struck: bool) -> None:
    """List the rows that an earlier export had."""
    struck = struck and not known.is_incomplete
    for row in known.vanished[:_LISTED]:
        outcome = "struck out" if struck else "still valid"
        say(visible(f"{export}: vanished: {', '.join(row.identity)}: {row.events} events, {outcome}"), err=True)
    if not known.vanished or struck:
        return
    remedy = "repair the rows that could not be read, then" if known.is_incomplete else "to strike them out"
    say(
        f"{export}: {len(known.vanished):,} rows of earlier exports are missing; {remedy} use --strike-missing. Do not "
        "where an export holds a part of the rows only",
        err=True,
    )
