"""`kpiwatch send`: files of events to the gateway, and what it has refused."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Annotated

import orjson
import typer

from services.cli.arguments import readable_once
from services.cli.failure import INPUT_HAS_ERRORS, WRONG_USAGE, Failure
from services.cli.progress import Display
from services.cli.senders import (
    Gateway,
    KeyFile,
    SpoolFile,
    Wait,
    client_of,
    end,
    ending_with_words,
    line_of,
    say_retries,
    spool_of,
)
from services.cli.terminal import say
from services.client.client import Client
from services.client.delivery import Delivered, NotAnEvent
from services.client.event_files import EventFile
from services.client.spool import BeingSent, Spool
from services.domain.intake.visible_text import visible
from services.runtime.settings import Settings

_FOLLOW_SECONDS = 1.0


def _files(given: list[str] | None) -> list[str]:
    return readable_once(given or [])


def send(
    events: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EVENTS…]", callback=_files,
            help="Files of events: .jsonl, .jsonl.gz, or - for standard input. None: what waits in the spool.",
        ),
    ] = None,
    gateway: Gateway = None,
    key: KeyFile = None,
    spool: SpoolFile = None,
    wait: Wait = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what others put into the spool.")] = False,
    parked: Annotated[bool, typer.Option("--parked", help="List the refused events; nothing is sent.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --parked: as JSON, each with its event.")] = False,
    resend: Annotated[
        list[str] | None, typer.Option("--resend", metavar="NUMBER", help="Send a parked event again, or `all`.")
    ] = None,
    forget: Annotated[
        list[str] | None, typer.Option("--forget", metavar="NUMBER", help="Give up a parked event, or `all`.")
    ] = None,
) -> None:  # fmt: skip
    """Send events to the gateway. Interrupted, it goes on where it was; refused events are parked (exit code 1)."""
    settings = Settings.from_environment()
    file = spool_of(spool, settings)
    if parked:
        with closing(Spool(file)) as opened:
            _list(opened, as_json)
        return
    if forget:
        with closing(Spool(file)) as opened:
            _forget(opened, forget)
        return
    say_retries()
    with client_of(settings, gateway, key, file, wait) as client:
        _resend(client, resend or [])
        with ending_with_words(client):
            accepted = _send(client, events or [], follow)
            while follow:
                time.sleep(_FOLLOW_SECONDS)
                accepted += _flush(client, follow).accepted
        end(client, accepted)


def _flush(client: Client, follow: bool, progress: Callable[[Delivered], None] = lambda delivered: None) -> Delivered:
    """Send what waits. While somebody else does, whoever follows goes on."""
    try:
        return client.flush(progress)
    except BeingSent:
        if not follow:
            raise
        return Delivered()


def _send(client: Client, names: list[str], follow: bool) -> int:
    """Each file in turn, and what waits; how many events were accepted."""
    total = Delivered()
    with Display() as display:
        total = _flush(client, follow, lambda so_far: display("sending", so_far.accepted + so_far.parked, None))
        for name in names:
            file, lines = EventFile(name, client.spool), 0
            for read in file.read():
                lines += read
                total = total.plus(_flush(client, follow))
                display("sending", total.accepted + total.parked, None)
            _say_of_file(name, file, lines)
    return total.accepted


def _say_of_file(name: str, file: EventFile, lines: int) -> None:
    if file.is_changed:
        say(f"{name}: it has changed since it was sent: all of it was sent again; what is known counts once", err=True)
    if file.taken_before:
        say(f"{name}: {file.taken_before:,} lines were sent before, {lines:,} now", err=True)


def _list(spool: Spool, as_json: bool) -> None:
    for each in spool.parked():
        if as_json:
            event = each.event.decode("utf-8", "replace")
            written = {**each._asdict(), "refusal": each.refusal._asdict(), "event": event}
            say(orjson.dumps(written).decode())
        else:
            say(line_of(each))
    if not as_json:
        say(f"{spool.parked_count:,} events are parked, {spool.waiting:,} wait")
        if spool.parked_count:
            say("correct them where they come from and send them again, or --resend NUMBER, or --forget NUMBER")


def _resend(client: Client, asked: list[str]) -> None:
    """What is no event stays parked, and is named; the others wait again."""
    left: list[str] = []
    for number in _numbers(client.spool, asked):
        try:
            client.resend(number)
        except KeyError:
            left.append(f"{number}: no event could be made of it")
        except NotAnEvent as error:
            left.append(f"{number}: {error.refusal.detail}")
    if "all" in asked and left:
        left = [f"{len(left):,} of what is parked"]
    for each in left:
        say(visible(f"{each}: it cannot be sent and stays parked: correct it where it comes from"), err=True)


def _forget(spool: Spool, asked: list[str]) -> None:
    numbers = _numbers(spool, asked)
    for number in numbers:
        spool.forget(number)
    say(f"{len(numbers):,} events forgotten, {spool.parked_count:,} are parked")


def _numbers(spool: Spool, asked: list[str]) -> list[int]:
    """The numbers of parked events. Failure for one that there is not."""
    known = [each.number for each in spool.parked()] if asked else []
    if "all" in asked:
        return known
    for one in asked:
        if not (one.isascii() and one.isdigit()) or int(one) not in known:
            code = INPUT_HAS_ERRORS if one.isdigit() else WRONG_USAGE
            raise Failure(f"{one}: no parked event has this number: kpiwatch send --parked lists them", code)
    return list(dict.fromkeys(int(one) for one in asked))
