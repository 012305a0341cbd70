"""Arguments and options that several commands share: the same words, meaning and checks."""

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from services.cli.failure import WRONG_USAGE, Failure
from services.replay.file_chunks import STANDARD_INPUT
from services.runtime.atomic_file import claim
from services.runtime.settings import Settings, broker_addresses


def readable_once(files: list[str]) -> list[str]:
    """Refuses standard input that is named twice, and devices that never end."""
    if files.count(STANDARD_INPUT) > 1:
        raise typer.BadParameter("standard input can be read only once: name - once")
    for file in files:
        if file != STANDARD_INPUT:
            no_endless(Path(file))
    return files


def no_endless(file: Path) -> Path:
    """Refuses a device that never ends, such as /dev/zero; a terminal, a pipe and /dev/null end."""
    if file.is_char_device() and not file.samefile(os.devnull):
        with file.open("rb") as device:
            if not device.isatty():
                raise typer.BadParameter(f"{file} is a device that never ends: name a file")
    return file


def finite(number: float | None) -> float | None:
    """Refuses nan, which no range refuses."""
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter(f"{number} is no number that can be counted with: write one such as 10")
    return number


def _address(text: str | None) -> str | None:
    """The broker's address as it was given, once it is one."""
    try:
        return None if text is None else ",".join(broker_addresses(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


EventFiles = Annotated[
    list[str],
    typer.Argument(
        metavar="EVENTS…",
        help="Files of events: .jsonl, .jsonl.gz, or - for standard input.",
        callback=readable_once,
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
LedgerExport = Annotated[
    Path | None,
    typer.Option(
        "--ledger",
        metavar="ledger.jsonl",
        exists=True,
        dir_okay=False,
        callback=lambda file: file and no_endless(file),
        help="An export of the ledger: replies, requests and decisions count (in replay with --steps).",
    ),
]
ForExcel = Annotated[
    bool,
    typer.Option("--for-excel", help="Write CSV that Excel opens: marked as UTF-8, Chinese headings beside the names."),
]
MOST_PROCESSES = max(16, 4 * (os.cpu_count() or 1))
"""More than that would only wait for one another, each with a copy of the plan in memory."""
Processes = Annotated[
    int | None, typer.Option("--processes", min=1, max=MOST_PROCESSES, help="How many work; else one per core.")
]
Bootstrap = Annotated[
    str | None,
    typer.Option("--bootstrap", callback=_address, help="The broker, host:port; else KPIWATCH_BOOTSTRAP."),
]
Wait = Annotated[
    float, typer.Option("--wait", min=0, max=86_400, callback=finite, help="Seconds to wait for the system, at most.")
]


def chosen_plan(given: Path | None) -> Path:
    """The plan folder that was named, or else the one of the settings."""
    return given or Settings.from_environment().plan


def check_sinks(sinks: Mapping[str, Path | None], sources: Iterable[str | Path] = ()) -> None:
    """Refuses, before any work is done, a file that cannot be written, that another option names, or that another
    process is writing. From now on no other process may write it.

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
        claim(sink)
