"""`kpiwatch up`: the whole system on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.terminal import safe_console
from services.local import up as system
from services.runtime.settings import Settings


def up(
    forget: Annotated[bool, typer.Option("--forget", help="Start nothing: remove the data of earlier runs.")] = False,
    plan: Annotated[
        Path | None,
        typer.Option(
            "--plan", metavar="DIR", exists=True, file_okay=False,
            help="By your own plan: with the real clock, and without the simulated district. Sources send the events.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Start Kafka, gateway, feed, workers, exporter, notifier, casebook, Alertmanager and Prometheus until Ctrl-C.

    Without --plan a simulated clock lives through autumn 2021 (KPIWATCH_DEMO_START, KPIWATCH_DEMO_SPEED). The data
    stays for the next start.
    """
    settings, console = Settings.from_environment(), safe_console()
    raise typer.Exit(system.forget(settings, console, plan) if forget else system.up(settings, console, plan))
