"""How rejected events and quarantined cases are reported to the user."""

from itertools import islice
from pathlib import Path

import typer

from services.cli.failure import INPUT_HAS_ERRORS
from services.cli.terminal import say
from services.domain.intake.refusal import refusal_line
from services.domain.intake.visible_text import visible
from services.replay.csv_files import write_rejected
from services.replay.replay import Replayed
from services.replay.spill_files import Rejected

_EXAMPLES = 20
"""So many rejected events are shown where a file takes them all."""


def line_of(rejected: Rejected) -> str:
    """`file:line: reason at path: sentence → remedy`, as editors understand it."""
    refusal = refusal_line(rejected.reason, rejected.path, rejected.sentence, rejected.remedy)
    return visible(f"{rejected.file}:{rejected.line}: {refusal}")


def report(rejected: Rejected) -> None:
    """One line of it on standard error."""
    say(line_of(rejected), err=True)


def report_quarantined(done: Replayed) -> None:
    """A line of each quarantined case on standard error, and how many they are."""
    for each in islice(done.quarantined, _EXAMPLES):
        say(f"{each.case!r} cannot be judged ({_promises(each.kpis)}): {each.cause}", err=True)
    if done.quarantined:
        say(
            f"{len(done.quarantined):,} of {done.cases:,} cases quarantined: their promises are stale or missed, "
            "the values are those of the other cases → report the causes: they are errors of kpiwatch",
            err=True,
        )


def _promises(kpis: tuple[str, ...]) -> str:
    shown = ", ".join(kpis[:5])
    return shown + f" and {len(kpis) - 5} more promises" if len(kpis) > 5 else shown or "no promise"


def end_with(done: Replayed, sink: Path | None = None, *, for_excel: bool = False) -> None:
    """The end of a command that has written its answer. Rejected events and quarantined cases are reported, with exit
    code 1. `sink`: takes all rejected events, and only some are shown; `for_excel`: as people open it."""
    report_quarantined(done)
    if not done.rejected:
        if done.quarantined:
            raise typer.Exit(INPUT_HAS_ERRORS)
        return
    for each in islice(done.rejected, _EXAMPLES if sink else None):
        report(each)
    beyond = ""
    if sink:
        write_rejected(sink, done.rejected, for_excel=for_excel)
        beyond = f"; all of them are in {sink}"
    say(f"{len(done.rejected):,} of {done.events:,} events rejected{beyond}", err=True)
    raise typer.Exit(INPUT_HAS_ERRORS)
