"""`kpiwatch dead-letters`: list refused events, look at one, and send it again, corrected."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from kafka import KafkaProducer
from rich.table import Table

from services.catalog.load.plan_folder import load_plan
from services.cli.arguments import Bootstrap, PlanFolder, chosen_plan
from services.cli.failure import INPUT_HAS_ERRORS, Failure
from services.cli.terminal import safe_console, say
from services.domain.intake.admission import LARGEST_EVENT
from services.domain.intake.refusal import Reason, Refused
from services.domain.intake.visible_text import visible
from services.gateway.admit import admit
from services.gateway.event_log import EventRecord
from services.gateway.resending import Incoming, Resending
from services.gateway.wire import Sent
from services.messaging.dead_letter_reader import Filed, OriginalGone, original_of, read
from services.messaging.records.dead_letters import DeadLetter, Headers, as_event
from services.messaging.topics import ANSWER_MS, CASE_EVENTS
from services.runtime.clock import Clock
from services.runtime.settings import Settings

app = typer.Typer(help="List, show and send again what was refused.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="NUMBER", min=0, help="Its number in the list.")]


@app.command("list")
def list_letters(
    reason: Annotated[Reason | None, typer.Option(help="Only those with this reason.")] = None,
    source: Annotated[str | None, typer.Option(help="Only those of this source.")] = None,
    bootstrap: Bootstrap = None,
) -> None:
    """List the dead letters of the last 30 days, oldest first."""
    headings = (
        "编号 number",
        "接收时间 received",
        "原因 reason",
        "字段 path",
        "位置 place",
        "数据源 source",
        "错误 what is wrong",
    )
    table = Table(*headings, box=None)
    unreadable: list[int] = []
    for number, letter in _without_repeats(read(_address(bootstrap), unreadable=unreadable.append)):
        if reason in (None, letter.reason) and source in (None, letter.source):
            table.add_row(
                *map(visible, (str(number), letter.received_at, letter.reason, letter.path, letter.place,
                               letter.source or "-", letter.sentence))
            )  # fmt: skip
    console = safe_console(width=None if sys.stdout.isatty() else 240)
    if table.row_count:
        console.print(table)
    console.print(f"拒收事件 {table.row_count} 条 / {table.row_count} dead letter{'' if table.row_count == 1 else 's'}")
    if unreadable:
        numbers = ", ".join(map(str, unreadable[:5])) + (", …" if len(unreadable) > 5 else "")
        say(
            f"{len(unreadable)} records of the topic are no dead letters of this version ({numbers}): "
            "something else writes there",
            err=True,
        )


def _without_repeats(letters: Iterable[Filed]) -> Iterator[Filed]:
    """Each letter once: an earlier version published a letter again after a crash."""
    seen: set[int] = set()
    for filed in letters:
        if (key := hash(filed.letter.key)) not in seen:
            seen.add(key)
            yield filed


@app.command()
def show(
    number: Number,
    original: Annotated[bool, typer.Option("--original", help="Write the whole event, and nothing else.")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """Show a dead letter with the event as it was received, or with the first part of a large one."""
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
    event: Annotated[str, typer.Option("--event", help="File with the corrected event; - for standard input.")] = "-",
    unchanged: Annotated[
        bool, typer.Option("--unchanged", help="Send the event as it was received: the plan was wrong, not the event.")
    ] = False,
    source: Annotated[str | None, typer.Option(help="The source, where the original names none.")] = None,
    plan: PlanFolder = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Send a corrected event in the place of a dead letter, for the source that sent it. It arrives now; unchanged it
    keeps its arrival."""
    if unchanged and event != "-":
        raise Failure("either --unchanged, or --event with the corrected event", INPUT_HAS_ERRORS)
    settings = Settings.from_environment()
    address, loaded = bootstrap or settings.bootstrap, load_plan(chosen_plan(plan))
    letter = _letter(address, number).letter
    owner = letter.owner({one.inbox: one.id for one in loaded.sources.values()}) or source
    if owner is None:
        raise Failure(f"dead letter {number} names no source: name it with --source", exit_code=INPUT_HAS_ERRORS)
    resending = Resending.of(loaded)
    if unchanged:
        event = f"dead letter {number}"
        incoming = resending.unchanged(letter, *_original(number, letter, address))
    else:
        now = Clock.from_settings(settings).now()
        incoming = resending.mended(letter, Incoming([Sent(_corrected(event))], [now], resending.door))
    try:
        record = admit(incoming.events[0], owner, incoming.arrivals[0], incoming.admission)
    except Refused as refused:
        raise Failure(f"{event}: {refused}", INPUT_HAS_ERRORS) from None
    _send(address, record)


def _send(address: str, record: EventRecord) -> None:
    producer = KafkaProducer(bootstrap_servers=address.split(","), bootstrap_timeout_ms=ANSWER_MS, acks="all")
    try:
        sending = producer.send(CASE_EVENTS, record.value, key=record.key, headers=record.headers)
        sent = sending.get(timeout=ANSWER_MS / 1000)
    finally:
        producer.close()
    say(f"sent to {CASE_EVENTS}, partition {sent.partition}, offset {sent.offset}")


_LINE_END = len(b"\r\n")


def _corrected(event: str) -> bytes:
    """The event in a file or in the standard input, which may be a pipe without end."""
    if event == "-":
        content = sys.stdin.buffer.read(LARGEST_EVENT + _LINE_END + 1)
    else:
        with Path(event).open("rb") as file:
            content = file.read(LARGEST_EVENT + _LINE_END + 1)
    if len(content) > LARGEST_EVENT + _LINE_END:
        raise Failure(
            f"{event}: it is larger than an event may be: {LARGEST_EVENT} bytes. "
            "Name a file with the one corrected event",
            INPUT_HAS_ERRORS,
        )
    return content.strip()


def _original(number: int, letter: DeadLetter, address: str) -> tuple[bytes, Headers]:
    try:
        return original_of(letter, address)
    except OriginalGone as gone:
        raise Failure(f"the original of dead letter {number} is not available: {gone}", 1) from None


def _write_event(event: bytes) -> None:
    """The bytes of the event to a file or a pipe; to a terminal, with control characters as escapes."""
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
