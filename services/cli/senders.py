"""What `kpiwatch send` and `kpiwatch tail` share: gateway, key, spool, and how they end."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import stamina.instrumentation
import typer

from services.cli.arguments import finite
from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, WRONG_USAGE, Failure
from services.cli.terminal import say
from services.client.client import Client
from services.client.delivery import NoAnswer, Paused
from services.client.spool import BeingSent, Parked
from services.domain.intake.refusal import refusal_line
from services.domain.intake.visible_text import visible
from services.runtime.settings import Settings
from services.runtime.text_file import Unreadable, read_text

Gateway = Annotated[
    str | None, typer.Option("--gateway", metavar="URL", help="The gateway's address; else KPIWATCH_GATEWAY_URL.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key", metavar="FILE", exists=True, dir_okay=False,
        help="A file with the API key, or two, one a line; else KPIWATCH_KEY.",
    ),
]  # fmt: skip
SpoolFile = Annotated[
    Path | None,
    typer.Option(
        "--spool", metavar="FILE", dir_okay=False,
        help="Where events wait that the gateway has not accepted; else KPIWATCH_SPOOL.",
    ),
]  # fmt: skip
Wait = Annotated[
    float | None,
    typer.Option(
        "--wait", min=0, max=86_400, callback=finite, help="End after so many seconds without an answer; else never."
    ),
]
_SAY_AGAIN_SECONDS = 10.0


def spool_of(given: Path | None, settings: Settings) -> Path:
    """The file of the spool; its folder is made."""
    file = given or settings.spool
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def client_of(settings: Settings, gateway: str | None, key: Path | None, spool: Path, wait: float | None) -> Client:
    """The client. Failure where there is no address or no key."""
    try:
        return Client(gateway or settings.gateway_url, _keys(settings, key), spool, patience=wait)
    except ValueError as error:
        raise Failure(f"{error}. Name its file with --key, or set KPIWATCH_KEY", WRONG_USAGE) from None


def _keys(settings: Settings, key: Path | None) -> list[str]:
    if key is None:
        return [one for one in settings.key.split(",") if one]
    return text_of(key, f"--key {key}").split()


def text_of(file: Path, named: str) -> str:
    """The text of a file that an option names. Failure, which calls it so."""
    try:
        return read_text(file)
    except Unreadable as error:
        raise Failure(f"{named}: it {error}", WRONG_USAGE) from None


@contextmanager
def ending_with_words(client: Client) -> Iterator[None]:
    """What ends the sending becomes a sentence that says how to go on."""
    try:
        yield
    except (NoAnswer, Paused, BeingSent) as error:
        code = WRONG_USAGE if isinstance(error, Paused) else NO_ANSWER
        waiting = f"{client.waiting:,} events wait in {client.spool.file}: start the command again to go on"
        raise Failure(f"{error}. {waiting}", code) from None


def end(client: Client, accepted: int) -> None:
    """The last sentence; exit code 1 where events are parked."""
    parked = client.spool.parked_count
    rest = f"; {parked:,} are parked: kpiwatch send --parked lists them" if parked else ""
    say(f"{accepted:,} events accepted{rest}")
    if parked:
        raise typer.Exit(INPUT_HAS_ERRORS)


def line_of(parked: Parked) -> str:
    """`number: file:line: reason at path: sentence → remedy`."""
    place = f"{parked.origin}:{parked.place}: " if parked.origin else ""
    return visible(f"{parked.number}: {place}{refusal_line(*parked.refusal)}")


def say_retries() -> None:
    """Say now and then that an answer is awaited. The library says it in a log otherwise."""
    last = [float("-inf")]

    def scheduled(details: stamina.instrumentation.RetryDetails) -> None:
        if time.monotonic() - last[0] > _SAY_AGAIN_SECONDS:
            last[0] = time.monotonic()
            reason = re.sub(r"[.:]\s*$", "", str(details.caused_by))
            say(f"{reason}: tried again in {details.wait_for:.0f} s. Ctrl-C is safe: nothing is lost", err=True)

    stamina.instrumentation.set_on_retry_hooks([scheduled])
