"""`kpiwatch dead-letters`: what was refused can be listed, looked at, mended and sent again by its own source."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from kafka import KafkaProducer
from rich.table import Table

from services.catalog.load import load_plan
from services.cli.arguments import Bootstrap, PlanFolder, chosen_plan
from services.cli.failure import INPUT_HAS_ERRORS, Failure
from services.cli.terminal import safe_console, say
from services.domain.intake.admission import LARGEST_EVENT
from services.domain.intake.refusal import Reason, Refused
from services.domain.intake.visible_text import visible
from services.messaging.codec import admission
from services.messaging.dead_letter_reader import Filed, OriginalGone, original_of, read
from services.messaging.records.dead_letters import DeadLetter, Headers, as_event
from services.messaging.topics import ANSWER_MS, CASE_EVENTS
from services.process.settings import Settings

app = typer.Typer(help="List, show and send again what was refused.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="NUMBER", min=0, help="Its number in the list.")]


@app.command("list")
def list_letters(
    reason: Annotated[Reason | None, typer.Option(help="Only those with this reason.")] = None,
    source: Annotated[str | None, typer.Option(help="Only those of this source.")] = None,
    bootstrap: Bootstrap = None,
) -> None:
    """List the dead letters of the last 30 days, oldest first."""
    table = Table("number", "received", "reason", "path", "place", "source", "what is wrong", box=None)
    count = 0
    seen: set[int] = set()
    unreadable: list[int] = []
    for number, letter in read(_address(bootstrap), unreadable=unreadable.append):
        if (key := hash(letter.key)) in seen:
            continue  # an earlier version sent a letter again after a crash
        seen.add(key)
        if (reason is None or letter.reason is reason) and (source is None or letter.source == source):
            count += 1
            table.add_row(
                *map(visible, (str(number), letter.received_at, letter.reason, letter.path, letter.place,
                               letter.source or "-", letter.sentence))
            )  # fmt: skip
    console = safe_console(width=None if sys.stdout.isatty() else 240)
    if count:
        console.print(table)
    console.print(f"{count} dead letter{'' if count == 1 else 's'}")
    if unreadable:
        numbers = ", ".join(map(str, unreadable[:5])) + (", …" if len(unreadable) > 5 else "")
        say(
            f"{len(unreadable)} records of the topic are no dead letters of this version ({numbers}): "
            "something else writes there",
            err=True,
        )


@app.command()
def show(
    number: Number,
    original: Annotated[bool, typer.Option("--original", help="Write the whole event, and nothing else.")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """Show a dead letter with the event as it came, or with its head where it is large."""
    address = _address(bootstrap)
    letter = _letter(address, number).letter
    if original:
        _write_event(as_event(*_original(number, letter, address)))
        return
    for name, text in (
        ("reason", letter.reason),
        ("path", letter.path or "the event as a whole"),
        ("wrong", letter.sentence),
        ("right", letter.remedy),
        ("place", letter.place),
        ("source", letter.source or "-"),
        ("received", letter.received_at),
    ):
        say(f"{name:9}{visible(text)}")
    for header, value in letter.headers:
        shown = "null" if value is None else value.decode(errors="backslashreplace")
        say(f"{'header':9}{visible(header)}: {visible(shown)}")
    if (whole := letter.whole) is not None:
        say(f"{'whole':9}{whole.bytes} bytes, {whole.headers} headers, SHA-256 of the value {whole.sha256}")
        say(
            f"{'':9}below is its head of {len(letter.original)} bytes; the whole event, read from {letter.place}: "
            f"kpiwatch dead-letters show {number} --original"
        )
    say(letter.original.decode(errors="backslashreplace"))


@app.command()
def resend(
    number: Number,
    event: Annotated[str, typer.Option("--event", help="File with the mended event; - for standard input.")] = "-",
    unchanged: Annotated[
        bool, typer.Option("--unchanged", help="Send the event as it came: what was wrong was the plan.")
    ] = False,
    source: Annotated[str | None, typer.Option(help="Whose it was, where the original does not say.")] = None,
    plan: PlanFolder = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Send a mended event in the place of a dead letter, under the same source."""
    address = _address(bootstrap)
    letter = _letter(address, number).letter
    owner = letter.source or source
    if owner is None:
        raise Failure(
            f"dead letter {number} names no source: say with --source whose it was", exit_code=INPUT_HAS_ERRORS
        )
    headers: Headers = ()
    if unchanged:
        if event != "-":
            raise Failure("either --unchanged, or --event with the mended event", INPUT_HAS_ERRORS)
        event = f"dead letter {number}"
        mended, headers = _original(number, letter, address)
    else:
        mended = _mended(event)
    try:
        # an event of the service's own topic may have been stamped with its arrival already
        edge = admission(load_plan(chosen_plan(plan)), trust_receivedat=unchanged and letter.topic == CASE_EVENTS)
        admitted = edge.admit(mended, headers=headers)
        if admitted.fact.source != owner:
            raise Refused(
                Reason.SOURCE_MISMATCH,
                "source",
                f"dead letter {number} came from {owner}",
                "a dead letter is sent again by its own source only",
            )
    except Refused as refused:
        raise Failure(f"{event}: {refused}", INPUT_HAS_ERRORS) from None
    producer = KafkaProducer(bootstrap_servers=address.split(","), bootstrap_timeout_ms=ANSWER_MS, acks="all")
    try:
        sent = producer.send(CASE_EVENTS, mended, key=admitted.key.encode(), headers=list(headers)).get(
            timeout=ANSWER_MS / 1000
        )
    finally:
        producer.close()
    say(f"sent to {CASE_EVENTS}, partition {sent.partition}, offset {sent.offset}")


_LINE_END = len(b"\r\n")


def _mended(event: str) -> bytes:
    """The event of a file, or of the standard input, which may be a device or a pipe without end."""
    if event == "-":
        content = sys.stdin.buffer.read(LARGEST_EVENT + _LINE_END + 1)
    else:
        with Path(event).open("rb") as file:
            content = file.read(LARGEST_EVENT + _LINE_END + 1)
    if len(content) > LARGEST_EVENT + _LINE_END:
        raise Failure(
            f"{event}: it is larger than an event may be: {LARGEST_EVENT} bytes. Name a file with the one mended event",
            INPUT_HAS_ERRORS,
        )
    return content.strip()


def _original(number: int, letter: DeadLetter, address: str) -> tuple[bytes, Headers]:
    try:
        return original_of(letter, address)
    except OriginalGone as gone:
        raise Failure(f"the original of dead letter {number} cannot be had: {gone}", 1) from None


def _write_event(event: bytes) -> None:
    """As it came into a file or a pipe; to a terminal nothing that bites."""
    if sys.stdout.isatty():
        say(event.decode(errors="backslashreplace"))
    else:
        sys.stdout.buffer.write(event)


def _address(bootstrap: str | None) -> str:
    return bootstrap or Settings.from_environment().bootstrap


def _letter(address: str, number: int) -> Filed:
    for filed in read(address, start=number):
        if filed.number == number:
            return filed
        break
    raise Failure(f"there is no dead letter {number}: `kpiwatch dead-letters list` has those that are kept", 1)
