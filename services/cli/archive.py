"""`kpiwatch archive`: the events of the running system as a file, for the commands that read files."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from services.cli.arguments import Bootstrap, check_sinks
from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, Failure
from services.cli.progress import Display
from services.cli.terminal import say
from services.domain.intake.facts import KEY_SEPARATOR
from services.domain.results.cards import case_name
from services.messaging.reader import BrokerUnavailable, Record, TopicReader
from services.messaging.records.case_events import line_of_record
from services.messaging.topics import CASE_EVENTS
from services.runtime.atomic_file import atomic_file
from services.runtime.settings import Settings

_THERE_WITHIN_SECONDS = 15
"""How long the topic may take to be found."""


def archive(
    out: Annotated[Path, typer.Option("--out", help="Where the events go, one a line.")],
    case: Annotated[
        str | None, typer.Option("--case", help="Only of this case: its subject, or 'source subject'.")
    ] = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Write the events that case.events holds now, each with its arrival: `explain`, `replay`, `report` and `backfill`
    read the file. Refused events are in it, too, and are refused again, unless only the key or the partition was wrong.

    Exit code 1 if there is nothing about the case."""
    check_sinks({"--out": out})
    count = write_archive(out, case, bootstrap or Settings.from_environment().bootstrap)
    say(f"{count:,} events in {out}", err=True)
    if case is not None and not count:
        raise Failure(f"archive: no event of a case {case!r} in {CASE_EVENTS}: look for a slip in it", INPUT_HAS_ERRORS)


def write_archive(out: Path, case: str | None, address: str) -> int:
    """Write the events of one case, or of all, that case.events holds now; how many they are."""
    count = 0
    try:
        with TopicReader(address, [CASE_EVENTS]) as reader, atomic_file(out) as sink, Display() as display:
            for line in _lines(_events(reader, address), case):
                sink.write(line + b"\n")
                count += 1
                display("reading", count, None)
    except BrokerUnavailable as error:
        raise Failure(f"archive: {error}", NO_ANSWER) from None
    return count


def _events(reader: TopicReader, address: str) -> Iterator[Record]:
    """Every event up to the ends that the topic has at first."""
    until = time.monotonic() + _THERE_WITHIN_SECONDS
    while not reader.caught_up:
        for record in reader.poll():
            if record.value is not None:
                yield record
        if reader.appended(CASE_EVENTS) is None and time.monotonic() > until:
            raise Failure(f"archive: {address} has no topic {CASE_EVENTS}: `kpiwatch topics` makes it", NO_ANSWER)


def _lines(records: Iterable[Record], case: str | None) -> Iterator[bytes]:
    """The records as lines of a file: of one case, or of all."""
    for record in records:
        if case is None or _is_of(case, record.key or b""):
            line = line_of_record(record.value or b"", record.headers, record.timestamp)
            if line is not None:
                yield line


def _is_of(case: str, key: bytes) -> bool:
    whole = key.decode(errors="replace")
    return case in (case_name(whole), whole.partition(KEY_SEPARATOR)[2])
