"""`kpiwatch ledger …`: the record of what was missed, notified, answered and decided."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from services.cli.arguments import Bootstrap
from services.cli.failure import INPUT_HAS_ERRORS, WRONG_USAGE, Failure
from services.cli.terminal import say
from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.ledger.checkpoints import Checkpoint
    from services.ledger.index import LedgerIndex
    from services.ledger.verify import Verified, Written

app = typer.Typer(help="The record of what was missed, notified, answered and decided.", no_args_is_help=True)


@app.command()
def keep() -> None:
    """Keep the ledger, until Ctrl-C: record what is asked for in Kafka, and sign checkpoints.

    Exit code 3 if the broker or a database does not answer at the start."""
    from services.ledger.__main__ import main

    raise typer.Exit(main())


@app.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="An export; without one, the ledger in Kafka.")
    ] = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option("--checkpoints", metavar="FILE", help="Checkpoints that somebody holds; may be given again."),
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option("--checkpoint", metavar="NUMBER:HASH", help="As a report or a notice has it; may be given again."),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="HEX", help="A public key that may sign; without one, any may."),
    ] = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Check that no record was changed, removed or moved, and that decisions and events of /operations fit together.

    Without FILE the ledger in Kafka is read, and compared with `case.events`, and with the index where there is one.
    Only a checkpoint that somebody else holds shows that the end was cut off. Exit code 1 if anything does not fit."""
    from services.ledger.verify import verify_export

    settings = Settings.from_environment()
    held = _Held.read(checkpoints or (), checkpoint or ())
    try:
        found = _of_kafka(bootstrap or settings.bootstrap, settings) if file is None else verify_export(file)
    except ValueError as reason:
        raise Failure(f"ledger: {reason}", WRONG_USAGE) from None
    if key:
        found.compare_own(key)
    held.compare(found, key or ())
    held.say_of(found)
    if found.faults:
        raise Failure("ledger: it is not whole: docs/ledger.md says what to do", INPUT_HAS_ERRORS)


class _Held(NamedTuple):
    """What somebody holds of a ledger."""

    checkpoints: "list[Checkpoint]"
    written: "list[Written]"
    """As reports and notices have them."""

    @classmethod
    def read(cls, files: Sequence[Path], written: Sequence[str]) -> "_Held":
        """Raises Failure."""
        from services.ledger.checkpoints import read_checkpoints
        from services.ledger.verify import checkpoint_written

        try:
            found = [one for file in files for one in read_checkpoints(file)]
            return cls(found, [checkpoint_written(one) for one in written])
        except ValueError as reason:
            raise Failure(f"ledger: {reason}", WRONG_USAGE) from None

    def compare(self, found: "Verified", keys: Sequence[str]) -> None:
        """Compare a ledger with it. `keys`: that may sign; none: any."""
        found.compare(self.checkpoints, keys)
        for one in self.written:
            found.compare_written(one)

    def say_of(self, found: "Verified") -> None:
        """Print what was found, and what this proves."""
        for fault in found.faults:
            say(fault, err=True)
        given = len(self.checkpoints) + len(self.written)
        say(
            f"{found.number} records ({found.hidden} of them by their hash only), {len(found.checkpoints)} checkpoints "
            f"in the ledger, {given} compared; {found.rivals} records of a second keeper, which nobody counts\n"
            f"last record {found.number}, hash {found.hash}"
        )
        if given:
            after = found.number - found.proven
            say(f"what was given is found up to record {found.proven}; {after} records came after it")


def _of_kafka(bootstrap: str, settings: Settings) -> "Verified":
    from services.ledger.topic import topic_records
    from services.ledger.verify import verify_topic

    with ExitStack() as stack:
        index, last = None, 0
        if "://" in settings.ledger or Path(settings.ledger).is_file():
            index = stack.enter_context(_index(settings))
            last = index.place().number  # before the topic is read: the keeper carries the index on meanwhile
        found = verify_topic(topic_records(bootstrap))
        _compare_decisions(bootstrap, settings, found)
        if index is not None:
            found.compare_index(index.hashes(last))
    return found


def _compare_decisions(bootstrap: str, settings: Settings, found: "Verified") -> None:
    """Compare the decisions with the events of /operations. A simulated district decides without a ledger."""
    from services.ledger.decisions_check import sentence_of
    from services.ledger.topic import decisions_compared

    all_found = decisions_compared(bootstrap)
    compared = all_found if settings.clock is None else all_found.in_a_simulated_district()
    for each in compared.faults:
        found.fault(sentence_of(each))
    simulated = len(all_found.faults) - len(compared.faults)
    if simulated:
        say(f"{simulated} events of /operations of the simulated district have no decision", err=True)
    if compared.earlier:
        say(f"{compared.earlier} events of /operations arrived before there was a ledger", err=True)
    if compared.waiting:
        say(f"decisions that are not in force yet: {', '.join(map(str, compared.waiting))}", err=True)


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the export goes.")],
    unit: Annotated[
        str | None,
        typer.Option("--unit", metavar="UNIT", help="Show what belongs to this unit, of the rest the hashes only."),
    ] = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Write the ledger to a file that anybody can verify without this system: `kpiwatch ledger verify FILE`."""
    from services.ledger.topic import ledger_records
    from services.ledger.verify import export_lines
    from services.runtime.atomic_file import atomic_file

    settings = Settings.from_environment()
    count = -1  # the first line is no record
    with atomic_file(out) as sink:
        for line in export_lines(ledger_records(bootstrap or settings.bootstrap), unit):
            sink.write(f"{line}\n".encode())
            count += 1
    say(f"{count} records written to {out}", err=True)


@app.command()
def rebuild(bootstrap: Bootstrap = None) -> None:
    """Build the index anew from Kafka. A keeper that runs meanwhile ends, and continues once it is started again.

    What the index has and the ledger in Kafka has not is given up: first see what `kpiwatch ledger verify` says."""
    from services.ledger.topic import rebuild as build_anew

    settings = Settings.from_environment()
    with _index(settings) as index:
        number = build_anew(index, bootstrap or settings.bootstrap)
    say(f"the index is built anew, up to record {number}")


@app.command()
def checkpoint(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it to a file, for `verify --checkpoints`.")
    ] = None,
) -> None:
    """Show the latest checkpoint: give it to units, and to whoever shall be able to prove what the ledger was."""
    from services.ledger.checkpoints import line_of, read_checkpoints
    from services.runtime.atomic_file import replace_file

    settings = Settings.from_environment()
    if not settings.checkpoints.is_file() or not (found := read_checkpoints(settings.checkpoints)):
        raise Failure(
            f"ledger: there is no checkpoint in {settings.checkpoints}: the keeper makes one with the first record",
            INPUT_HAS_ERRORS,
        )
    last = found[-1]
    say(f"{last.number}:{last.hash}\ntime {last.time}\nkey {last.key}\nsignature {last.signature}")
    if out is not None:
        replace_file(out, f"{line_of(last)}\n")


@app.command("text")
def show_text(
    hash: Annotated[str, typer.Argument(metavar="HASH", help="Of the text, as a record of the ledger has it.")],
) -> None:
    """Show a text that somebody wrote, with an answer for instance."""
    from services.ledger.texts import Texts

    with closing(Texts.at(Settings.from_environment().texts)) as texts:
        found = texts.text(_hash(hash))
    if found is None:
        raise Failure(
            f"ledger: there is no text {hash}: it was erased, or KPIWATCH_TEXTS is another place", INPUT_HAS_ERRORS
        )
    say(found)


def _hash(hash: str) -> str:
    """Raises Failure where it is none."""
    from services.messaging.records.ledger import is_hash

    if not is_hash(hash):
        raise Failure(f"ledger: {hash!r} is no hash of a text: write the 64 hex digits of the record", WRONG_USAGE)
    return hash


@app.command()
def erase(
    hash: Annotated[str, typer.Argument(metavar="HASH", help="Of the text, as a record of the ledger has it.")],
    bootstrap: Bootstrap = None,
) -> None:
    """Erase a text that somebody wrote, with its salt. That it was erased is recorded; the text cannot be had back."""
    from services.ledger.texts import erasure
    from services.ledger.writer import LedgerClient, NotRecorded

    settings = Settings.from_environment()
    request = erasure(
        _hash(hash), f"cli-{secrets.token_hex(4)}", f"erase/{secrets.token_hex(16)}"
    )  # nobody can take it first
    with LedgerClient.open(bootstrap or settings.bootstrap) as ledger:
        ledger.request(request)
        answer = ledger.until_recorded(request)
    if isinstance(answer, NotRecorded):
        raise Failure(f"ledger: not recorded ({answer.reason}), so the text is not erased", INPUT_HAS_ERRORS)
    say("recorded; the keeper erases the text")


@contextmanager
def _index(settings: Settings) -> Iterator["LedgerIndex"]:
    from services.ledger.index import LedgerIndex

    index = LedgerIndex.at(settings.ledger)
    try:
        yield index
    finally:
        index.close()
