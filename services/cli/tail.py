"""`kpiwatch tail`: follows a folder of growing files, or a query on a database, and sends what is new."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from services.cli.arguments import finite
from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, WRONG_USAGE, Failure
from services.cli.senders import (
    Gateway,
    KeyFile,
    SpoolFile,
    client_of,
    end,
    ending_with_words,
    say_retries,
    spool_of,
    text_of,
)
from services.cli.terminal import say
from services.client.client import Client
from services.client.delivery import NoAnswer
from services.client.spool import BeingSent
from services.domain.intake.visible_text import visible
from services.mapping.growing import check_growing
from services.mapping.mapping_file import ExportMapping, MappingError, read_mapping
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from services.tail.folder import FolderTail
from services.tail.lines import EventLines, MappedLines
from services.tail.query import Asked, DatabaseAway, QueryTail, WrongQuery, opened
from services.tail.taking import RowTaker

_PATIENCE_SECONDS = 20.0
"""For one answer, before it is looked again whether there is more."""
_US = 1_000_000


Folder = Annotated[
    Path | None,
    typer.Argument(metavar="[FOLDER]", exists=True, file_okay=False, help="A folder of files that grow."),
]
MappingFile = Annotated[
    Path | None,
    typer.Option(
        "--mapping", metavar="MAP.toml", exists=True, dir_okay=False,
        help="What rows say, as for `import`; without it, lines are events.",
    ),
]  # fmt: skip
Files = Annotated[
    str | None, typer.Option("--files", metavar="PATTERN", help="Of the names of files; else *.csv or *.jsonl.")
]
Whole = Annotated[bool, typer.Option("--whole", help="Files are put there whole: their last line needs no end.")]
Query = Annotated[
    Path | None,
    typer.Option(
        "--query", metavar="FILE.sql", exists=True, dir_okay=False,
        help="A query (SELECT) on the database KPIWATCH_DATABASE, instead of a folder.",
    ),
]  # fmt: skip
Watermark = Annotated[
    str | None, typer.Option("--watermark", metavar="COLUMN", help="Of the query: it grows with every change.")
]
Overlap = Annotated[
    float,
    typer.Option(
        "--overlap", min=0, max=10_000_000, callback=finite,
        help="Read again so many seconds (or numbers) before the highest watermark, for late commits.",
    ),
]  # fmt: skip
Every = Annotated[
    float, typer.Option("--every", min=0.1, max=86_400, callback=finite, help="Seconds between two readings.")
]
Once = Annotated[bool, typer.Option("--once", help="End when all that is there was accepted; 1: not all was.")]


class _Followed(NamedTuple):
    """What is followed, and how."""

    tail: FolderTail | QueryTail
    every: float
    once: bool


def tail(
    folder: Folder = None,
    mapping: MappingFile = None,
    files: Files = None,
    whole: Whole = False,
    query: Query = None,
    watermark: Watermark = None,
    overlap: Overlap = 600.0,
    every: Every = 2.0,
    once: Once = False,
    gateway: Gateway = None,
    key: KeyFile = None,
    spool: SpoolFile = None,
) -> None:
    """Send what is new in a folder or in a database, until Ctrl-C. Started again, it goes on where it was."""
    settings = Settings.from_environment()
    if (folder is None) == (query is None):
        raise Failure("name a folder, or a query with --query FILE.sql", WRONG_USAGE)
    rules = None if mapping is None else _rules(mapping)
    say_retries()
    with client_of(settings, gateway, key, spool_of(spool, settings), _PATIENCE_SECONDS) as client:
        now = _now(Clock.from_settings(settings))
        if folder is not None:
            files_of = _folder(folder, files, rules, client, now)
            if whole:
                files_of.put_whole()
            followed: FolderTail | QueryTail = files_of
        else:
            assert query is not None
            asked = Asked(text_of(query, str(query)), watermark or "", overlap)
            followed = _query(settings.database, asked, rules, RowTaker(client.spool, _name(query), now))
        try:
            with ending_with_words(client):
                accepted = _follow(_Followed(followed, every, once), client)
        finally:
            _leave(followed)
        unread = _say_unread(followed)
        end(client, accepted)
        if unread:
            raise typer.Exit(INPUT_HAS_ERRORS)


def _now(clock: Clock) -> Callable[[], datetime]:
    return lambda: datetime.fromtimestamp(clock.now() / _US, UTC)


def _rules(mapping: Path) -> ExportMapping:
    try:
        rules = read_mapping(mapping)
        check_growing(rules)
        return rules
    except MappingError as error:
        raise Failure(f"{mapping}: {str(error).removeprefix(f'{mapping}: ')}", INPUT_HAS_ERRORS) from None


def _folder(
    folder: Path, files: str | None, rules: ExportMapping | None, client: Client, now: Callable[[], datetime]
) -> FolderTail:
    name = _name(folder)
    if rules is None:
        return FolderTail(folder, files or "*.jsonl", client.spool, name, EventLines(client.spool))
    taker = RowTaker(client.spool, name, now)
    return FolderTail(folder, files or "*.csv", client.spool, name, MappedLines(rules, taker))


def _name(source: Path) -> str:
    """Of the tail of a folder or of a query, in the spool."""
    return f"tail {source.resolve()}"


def _query(database: str, asked: Asked, rules: ExportMapping | None, taker: RowTaker) -> QueryTail:
    if not database or not asked.watermark or rules is None:
        raise Failure(
            "a query needs --mapping MAP.toml, --watermark COLUMN, and the address of the database in "
            "KPIWATCH_DATABASE",
            WRONG_USAGE,
        )
    try:
        return QueryTail(opened(database), asked, rules, taker)
    except WrongQuery as error:
        raise Failure(str(error), WRONG_USAGE) from None


def _follow(followed: _Followed, client: Client) -> int:
    """How many events were accepted. Nothing is read while something waits: what was read first is answered first."""
    accepted, parked = 0, client.spool.parked_count
    while True:
        try:
            accepted += client.flush().accepted
        except (NoAnswer, BeingSent) as error:
            _rest(followed, error)
            continue
        parked = _say(followed, client, parked)
        if not _step(followed):
            if followed.once:
                _say(followed, client, parked)
                return accepted
            time.sleep(followed.every)


def _say_unread(tail: FolderTail | QueryTail) -> bool:
    """Whether a file was not read to its end. Why one cannot be read, a note has said."""
    if not isinstance(tail, FolderTail):
        return False
    for file in tail.held:
        say(
            visible(
                f"{file}: a line, a row or the header at its end is not whole, or no header fits the mapping: it waits "
                "(--whole: a last line needs no end)"
            ),
            err=True,
        )
    return bool(tail.held or tail.unreadable)


def _step(followed: _Followed) -> bool:
    try:
        return followed.tail.step()
    except DatabaseAway as error:
        if followed.once:
            raise Failure(f"{error}. Is it running, and is KPIWATCH_DATABASE right?", NO_ANSWER) from None
        say(f"{error}: asked again in {followed.every:.0f} s", err=True)
        return False
    except WrongQuery as error:
        raise Failure(str(error), INPUT_HAS_ERRORS) from None


def _rest(followed: _Followed, error: NoAnswer | BeingSent) -> None:
    """The gateway is away, or somebody else sends what waits: the source is left alone."""
    _leave(followed.tail)
    if followed.once:
        raise error
    if isinstance(error, BeingSent):
        time.sleep(followed.every)


def _leave(tail: FolderTail | QueryTail) -> None:
    """No transaction stays open in the database."""
    if isinstance(tail, QueryTail):
        tail.rest()


def _say(followed: _Followed, client: Client, parked: int) -> int:
    """What is noteworthy since the last time; how many events are parked now."""
    for note in followed.tail.notes:
        say(visible(note), err=True)
    followed.tail.notes.clear()
    now = client.spool.parked_count
    if now > parked:
        say(f"{now - parked:,} refused, {now:,} parked: kpiwatch send --parked lists them", err=True)
    return now
