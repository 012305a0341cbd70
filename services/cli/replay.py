"""`kpiwatch replay`: the whole computation over files, without a broker."""

import time
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from services.catalog.load import load_plan
from services.cli.arguments import AsOf, EventFiles, PlanFolder, check_sinks, chosen_plan
from services.cli.failure import INPUT_HAS_ERRORS
from services.cli.moments import moment
from services.cli.rejected import tell
from services.domain.zone import Zone
from services.replay import replay as files
from services.replay.periods import Every
from services.replay.writing import write_cards, write_rejected, write_values

_EXAMPLES = 20
"""So many rejected events are shown where a file takes them all."""
_PLAIN_LINE_EVERY_S = 10.0


def replay(
    events: EventFiles,
    as_of: AsOf,
    out: Annotated[Path, typer.Option("--out", metavar="values.csv", help="Where the values go.")],
    plan: PlanFolder = None,
    every: Annotated[
        Every | None, typer.Option("--every", help="Write the values at the end of each of these periods, too.")
    ] = None,
    cards: Annotated[Path | None, typer.Option("--cards", metavar="cards.csv", help="Where the cards go.")] = None,
    rejected: Annotated[
        Path | None,
        typer.Option("--rejected", metavar="rejected.csv", help="Where all rejected events go; else on screen."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="How many work; else one per core.")
    ] = None,
) -> None:
    """Compute every promise from event files. Exit code 1 if an event was rejected; the values are written all the
    same, from the others."""
    folder = chosen_plan(plan)
    zone = Zone(load_plan(folder).head.timezone)
    until = moment(as_of, zone, "--as-of")
    check_sinks({"--out": out, "--cards": cards, "--rejected": rejected}, events)
    began = time.monotonic()
    with _Display() as told:
        done = files.replay(
            events, folder, [until], every=every, with_cards=cards is not None, processes=processes, progress=told
        )
    rows = write_values(out, done.rows)
    took = time.monotonic() - began
    typer.echo(
        f"{done.events:,} events of {done.cases:,} cases in {took:,.1f} s ({done.events / took:,.0f} events/s)",
        err=True,
    )
    typer.echo(f"{rows:,} values written to {out}", err=True)
    if cards is not None:
        typer.echo(f"{write_cards(cards, done.cards):,} cards written to {cards}", err=True)
    if not done.rejected:
        return
    for each in islice(done.rejected, _EXAMPLES if rejected else None):
        tell(each)
    beyond = ""
    if rejected:
        write_rejected(rejected, done.rejected)
        beyond = f"; all of them are in {rejected}"
    typer.echo(f"{len(done.rejected):,} of {done.events:,} events rejected{beyond}", err=True)
    raise typer.Exit(INPUT_HAS_ERRORS)


class _Display:
    """Shows how far a replay is: a bar in a terminal, now and then a line elsewhere."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
            TextColumn("{task.completed:,} events · {task.fields[rate]:,.0f}/s"), TimeElapsedColumn(),
            console=self._console, transient=True, disable=not self._console.is_terminal,
        )  # fmt: skip
        self._began = self._called = self._told = time.monotonic()
        self._doing = ""
        self._task = self._bar.add_task("reading", total=None, rate=0.0)

    def __enter__(self) -> "_Display":
        self._bar.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._bar.stop()

    def __call__(self, doing: str, events: int, share: float | None) -> None:
        now = time.monotonic()
        if doing != self._doing:
            self._doing, self._began = doing, self._called
        self._called = now
        rate = events / max(now - self._began, 0.001)
        if self._console.is_terminal:
            total = events / share if share else None
            self._bar.update(self._task, description=doing, completed=events, total=total, rate=rate)
        elif now - self._told >= _PLAIN_LINE_EVERY_S:
            self._told = now
            done = f" ({share:.0%})" if share is not None else ""
            typer.echo(f"{doing}: {events:,} events{done}, {rate:,.0f}/s", err=True)
