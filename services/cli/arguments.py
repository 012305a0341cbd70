"""What several commands are asked with: the same words, meaning and checks everywhere."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from services.cli.failure import WRONG_USAGE, Failure
from services.replay.blocks import STANDARD_INPUT
from services.settings import Settings


def _standard_input_once(files: list[str]) -> list[str]:
    if files.count(STANDARD_INPUT) > 1:
        raise typer.BadParameter("standard input can be read only once: name - once")
    return files


EventFiles = Annotated[
    list[str],
    typer.Argument(
        metavar="EVENTS…",
        help="Files of events: .jsonl, .jsonl.gz, or - for standard input.",
        callback=_standard_input_once,
    ),
]
PlanFolder = Annotated[
    Path | None,
    typer.Option("--plan", metavar="DIR", exists=True, file_okay=False, help="The plan folder; else KPIWATCH_PLAN."),
]
AsOf = Annotated[
    str,
    typer.Option(
        "--as-of", metavar="TIME", help="A date (its first instant) or RFC 3339; without offset in the plan's zone."
    ),
]
Processes = Annotated[int | None, typer.Option("--processes", min=1, help="How many work; else one per core.")]


def chosen_plan(given: Path | None) -> Path:
    """The plan folder that was named, or else the one of the settings."""
    return given or Settings.from_environment().plan


def check_sinks(sinks: Mapping[str, Path | None], sources: Iterable[str | Path] = ()) -> None:
    """Refuses, before any work is done, what cannot be written or is already meant for something else.

    `sinks`: by option; None where it is not given. `sources`: what the command reads.
    """
    taken = {Path(source).resolve(): "is read, too: write to another file" for source in sources}
    for option, sink in sinks.items():
        if sink is None:
            continue
        if str(sink) == STANDARD_INPUT:
            raise Failure(f"{option} {sink} is no file: write /dev/stdout for standard output", WRONG_USAGE)
        if not sink.parent.is_dir():
            raise Failure(f"{option} {sink}: there is no folder {sink.parent}: make it first", WRONG_USAGE)
        if sink.is_dir():
            raise Failure(f"{option} {sink} is a folder: name a file in it", WRONG_USAGE)
        if sink.exists() and not sink.is_file():  # a terminal, a pipe, /dev/null: takes any number of writers
            continue
        if place := taken.get(sink.resolve()):
            raise Failure(f"{option} {sink} {place}", WRONG_USAGE)
        taken[sink.resolve()] = f"is {option}, too: give each a file of its own"
