"""`kpiwatch import`: a unit's export (CSV) → events, by a mapping that is data."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from services.cli.arguments import check_sinks, no_endless
from services.cli.failure import INPUT_HAS_ERRORS, Failure
from services.cli.terminal import safe_console, say
from services.domain.intake.visible_text import visible
from services.mapping.export import events_of
from services.mapping.mapping_file import ExportError, MappingError, Problem, read_mapping
from services.runtime.atomic_file import atomic_file

_SHOWN_EVERY = 5_000
_LISTED = 1_000
"""So many problems are listed; the rest is counted."""


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
    console = safe_console(stderr=True)
    written, problems = 0, 0
    with ExitStack() as stack:
        bar = stack.enter_context(
            Progress(
                TextColumn("reading"), TextColumn("{task.completed:,} events"), TimeElapsedColumn(), console=console,
                transient=True, disable=not console.is_terminal,
            )
        )  # fmt: skip
        task = bar.add_task("reading", total=None)
        try:
            rules = read_mapping(mapping)
            outcomes = events_of(export, rules)
            sink = stack.enter_context(atomic_file(out))
            for outcome in outcomes:
                if isinstance(outcome, Problem):
                    problems += 1
                    if problems <= _LISTED:
                        say(visible(f"{export}:{outcome.line}: {outcome.column}: {outcome.sentence}"), err=True)
                    continue
                sink.write(orjson.dumps(outcome, option=orjson.OPT_APPEND_NEWLINE))
                written += 1
                if written % _SHOWN_EVERY == 0:
                    bar.update(task, completed=written)
        except ExportError as error:
            raise Failure(visible(str(error)), INPUT_HAS_ERRORS) from None
        except MappingError as error:
            raise Failure(f"{mapping}: {str(error).removeprefix(f'{mapping}: ')}", INPUT_HAS_ERRORS) from None
    for number in rules.ids_by_line:
        say(
            visible(
                f"{mapping}: event {number}: its id is made of {{line}}, which is another number in the next export. "
            )
            + "Use cells that say what happened to which case, and when",
            err=True,
        )
    rest = f", {problems:,} not" if problems else ""
    say(f"{written:,} events written to {out}{rest}")
    if problems:
        raise typer.Exit(INPUT_HAS_ERRORS)
