"""`kpiwatch clock`: runs a simulated clock for the other processes (docker-compose.yml)."""

import signal
import threading
from typing import Annotated

import typer

from services.cli.failure import NO_ANSWER, WRONG_USAGE, Failure
from services.cli.terminal import say
from services.domain.time.zone import instant_of
from services.runtime.clock import KEEP_SECONDS, Clock
from services.runtime.settings import Settings, variable


def clock(
    check: Annotated[bool, typer.Option("--check", help="Only say whether it runs.")] = False,
) -> None:
    """Run the simulated clock of KPIWATCH_CLOCK until Ctrl-C; it stops until the next start.

    It begins at KPIWATCH_DEMO_START and runs at KPIWATCH_DEMO_SPEED; a later start continues where it stopped.
    """
    settings = Settings.from_environment()
    if settings.clock is None:
        raise Failure(f"clock: {variable('clock')} names no file: the real time needs no such process", WRONG_USAGE)
    simulated = Clock.simulated(settings.clock)
    if check:
        if not (settings.clock.exists() and simulated.speed):
            raise Failure(f"clock: {settings.clock} does not run", NO_ANSWER)
        return
    _lead(simulated, settings)


def _lead(simulated: Clock, settings: Settings) -> None:
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    simulated.begin(instant_of(settings.demo_start), settings.demo_speed)
    say(f"the clock runs at speed {simulated.speed:g}: {settings.clock}")
    while not ending.wait(KEEP_SECONDS / 2):
        simulated.keep()
    simulated.pause()
