"""`kpiwatch validate`: which events of a file would be refused, without any server."""

from typing import Annotated, Any

import orjson
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from services.catalog.load.plan_folder import load_plan
from services.cli.arguments import EventFiles, PlanFolder, chosen_plan
from services.cli.failure import INPUT_HAS_ERRORS
from services.cli.judging_plan import say_plan
from services.cli.rejected import line_of
from services.cli.terminal import safe_console, say
from services.replay.replay import replay


def validate(
    events: EventFiles,
    plan: PlanFolder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """List the events that would be refused: line, path, reason and remedy. Exit code 1 if there are any."""
    folder = chosen_plan(plan)
    console = safe_console(stderr=True)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[events]:,} events"),
        TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task("reading", total=None, events=0)

        def show(doing: str, count: int, share: float | None, /) -> None:
            bar.update(task, description=doing, events=count, total=1.0 if share is not None else None, completed=share)

        done = replay(events, folder, [], progress=show)
    say_plan(load_plan(folder), folder)
    accepted = done.events - len(done.rejected)
    if as_json:
        outcome: dict[str, Any] = {"accepted": accepted, "rejected": [each._asdict() for each in done.rejected]}
        say(orjson.dumps(outcome, option=orjson.OPT_INDENT_2).decode())
    else:
        for each in done.rejected:
            say(line_of(each))
        say(f"{accepted:,} accepted, {len(done.rejected):,} rejected")
    if done.rejected:
        raise typer.Exit(INPUT_HAS_ERRORS)
