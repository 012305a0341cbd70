"""`kpiwatch simulate`: the events of an invented district, and a file with the true result of each case."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.cli.arguments import PlanFolder, check_sinks, chosen_plan, finite
from services.cli.failure import INPUT_HAS_ERRORS, WRONG_USAGE, Failure
from services.cli.terminal import safe_console
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import FIRST_YEAR, LAST_YEAR, Zone
from services.runtime.atomic_file import atomic_file
from services.simulator.district.profile import FAULTS, parse_faults, profile
from services.simulator.simulation import Event, Simulation
from services.simulator.truth.row import COLUMNS, Row, lines

_CHUNK = 5_000


def simulate(
    days: Annotated[int, typer.Option("--days", min=1, max=20_000, help="How many days, from the start on.")],
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")],
    out: Annotated[Path, typer.Option("--out", help="Where the events go: .jsonl or .jsonl.gz, in order of arrival.")],
    plan: PlanFolder = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Where the truth about every case goes, as CSV.")
    ] = None,
    start: Annotated[
        datetime | None, typer.Option("--start", formats=["%Y-%m-%d"], help="First day; else the plan's date of issue.")
    ] = None,
    cases_per_day: Annotated[
        float | None,
        typer.Option(
            "--cases-per-day", min=1, max=100_000, callback=finite, help="On a usual working day; else the profile's."
        ),
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option("--faults", help=f"all, none, or name=rate,… of {', '.join(FAULTS)}; else the profile's."),
    ] = None,
    profile_name: Annotated[str, typer.Option("--profile", help="demo or district.")] = "demo",
) -> None:
    """Write the events of an invented district, and what is true of them at the end of the last day."""
    try:
        chosen = profile(profile_name)
        rates = chosen.faults if faults is None else parse_faults(faults)
    except ValueError as error:
        raise Failure(f"simulate: {error}", WRONG_USAGE) from None
    if cases_per_day is not None:
        chosen = chosen.at_volume(cases_per_day)
    check_sinks({"--out": out, "--truth": truth})
    folder = chosen_plan(plan)
    read = load_plan(folder)
    law = Law(read, calendar_of(read))
    first = start.date() if start is not None else read.head.issued
    _check_years(first, days)
    rows: list[Row] = []
    try:
        simulation = Simulation(
            law, chosen, seed, first, days, faults=rates, truth=rows.append if truth is not None else None
        )
    except ValueError as error:
        raise Failure(f"{folder}: {error}", INPUT_HAS_ERRORS) from None
    console = safe_console(stderr=True)
    with _opened(out) as events, _opened(truth) as results:
        count = _write(simulation, events, results, rows, console)
    beside = f", what is true of them to {truth}" if truth is not None else ""
    console.print(f"{count:,} events written to {out}{beside}", soft_wrap=True)


def _check_years(first: date, days: int) -> None:
    begins, ends = date(FIRST_YEAR + 1, 1, 1), date(LAST_YEAR, 1, 1)
    if not begins <= first or first.toordinal() + days > ends.toordinal():
        raise Failure(
            f"simulate: {days} days from {first} (--start, --days) are out of reach: stay between {begins} and {ends}",
            WRONG_USAGE,
        )


def _write(simulation: Simulation, events: BinaryIO, truth: BinaryIO, rows: list[Row], console: Console) -> int:
    """Writes chunk by chunk, so that memory holds only events on their way. Returns the number of events."""
    truth.write((",".join(COLUMNS) + "\n").encode())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]:,} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        zone, end = simulation.zone, simulation.end
        begin = zone.midnight(simulation.first_day)
        assert end is not None
        task = bar.add_task("Simulating", total=end - begin, count=0)
        count = 0
        for chunk in _chunks(simulation.events()):
            events.write(b"\n".join([event.line for event in chunk]) + b"\n")
            _flush(truth, rows, zone)
            count += len(chunk)
            day = date.fromordinal(zone.day(chunk[-1].received))
            bar.update(task, description=f"{day}", completed=chunk[-1].received - begin, count=count)
        _flush(truth, rows, zone)
    return count


def _flush(truth: BinaryIO, rows: list[Row], zone: Zone) -> None:
    if rows:
        truth.write(("\n".join(lines(rows, zone)) + "\n").encode())
        rows.clear()


def _chunks(events: Iterable[Event]) -> Iterator[list[Event]]:
    chunk: list[Event] = []
    for event in events:
        chunk.append(event)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


@contextmanager
def _opened(path: Path | None) -> Iterator[BinaryIO]:
    """A file to write; None: what is written is dropped."""
    with atomic_file(path or Path(os.devnull), level=1) as sink:
        yield sink
