"""`kpiwatch dashboards`: fills a Grafana with what the plan's dashboards are."""

import sys
from typing import Annotated

import typer
from rich.text import Text

from dashboards.build import dashboards
from dashboards.publish import GrafanaUnavailable, Outcome, Published, PublishFailed, WrongAddress, publish
from services.catalog.load.plan_folder import load_plan
from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, WRONG_USAGE, Failure
from services.cli.terminal import safe_console
from services.runtime.settings import Settings

app = typer.Typer(help="Fill a Grafana with the plan's dashboards.", no_args_is_help=True)

_SIGNS = {
    Outcome.CREATED: ("+", "green"),
    Outcome.UPDATED: ("~", "yellow"),
    Outcome.REMOVED: ("-", "red"),
    Outcome.UNCHANGED: ("=", "dim"),
}


@app.callback()
def _dashboards() -> None:
    """A group of commands, though it has one only so far."""


@app.command("publish")
def publish_dashboards(
    url: Annotated[str, typer.Option(help="Where Grafana answers, with its path: http://grafana:3000.")],
    token: Annotated[
        str, typer.Option(help="Of a service account with the role Editor; - reads it from standard input.")
    ] = "-",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be done, line by line; nothing is written.")
    ] = False,
) -> None:
    """Put every dashboard into its folder, and remove those that were published once and are no more."""
    settings = Settings.from_environment()
    made = dashboards(load_plan(settings.plan), settings.desk_url, settings.runbooks_address)
    try:
        done = publish(url, _read() if token == "-" else token, made, dry_run=dry_run)
    except PublishFailed as error:
        raise Failure(f"dashboards publish: {error}", _exit_code(error)) from None
    _tell(done, dry_run)


def _read() -> str:
    """The token, asked for so that it is not visible in the list of processes."""
    if sys.stdin.isatty():
        return str(typer.prompt("Token of a service account", hide_input=True))
    return sys.stdin.readline().strip()


def _exit_code(error: PublishFailed) -> int:
    if isinstance(error, WrongAddress):
        return WRONG_USAGE
    return NO_ANSWER if isinstance(error, GrafanaUnavailable) else INPUT_HAS_ERRORS


def _tell(done: list[Published], dry_run: bool) -> None:
    console = safe_console()
    for one in done:
        sign, style = _SIGNS[one.outcome]
        console.print(Text(f"{sign} {one.uid}  {one.title}", style), soft_wrap=True)
        if dry_run and one.difference:
            console.print(Text(one.difference), soft_wrap=True)
    counts = {outcome: sum(one.outcome is outcome for one in done) for outcome in Outcome}
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    console.print(f"{outcomes}{' if it were published: nothing was written' if dry_run else ''}", soft_wrap=True)
