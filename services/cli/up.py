"""`kpiwatch up`: the whole system on this machine."""

from typing import Annotated

import typer

from services.cli.terminal import safe_console
from services.local import up as system
from services.runtime.settings import Settings


def up(
    forget: Annotated[bool, typer.Option("--forget", help="Start nothing: remove the data of earlier runs.")] = False,
) -> None:
    """Start Kafka, the feed, the workers, exporter, notifier, Alertmanager and Prometheus, and run until Ctrl-C.

    A simulated clock lives through autumn 2021 (KPIWATCH_DEMO_START, KPIWATCH_DEMO_SPEED). The data stays for the next
    start.
    """
    settings, console = Settings.from_environment(), safe_console()
    raise typer.Exit(system.forget(settings, console) if forget else system.up(settings, console))
