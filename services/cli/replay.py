"""`kpiwatch replay`: the whole computation over files, without a broker."""

import time
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from services.cli.arguments import (
    AsOf,
    EventFiles,
    ForExcel,
    LedgerExport,
    PlanFolder,
    Processes,
    check_sinks,
    chosen_plan,
)
from services.cli.failure import INPUT_HAS_ERRORS, Failure
from services.cli.judging_plan import checked_plan
from services.cli.progress import Display
from services.cli.rejected import end_with
from services.cli.terminal import say
from services.cli.time_arguments import moment
from services.domain.plan.plan import Plan
from services.domain.time.zone import Zone
from services.messaging.records.steps import OnRecord
from services.replay import replay as files
from services.replay.csv_files import write_cards, write_steps, write_values
from services.replay.periods import Every
from services.replay.replay import Replayed
from services.reporting.times import ReportTimes, times_as_of

Restated = Annotated[
    Path | None,
    typer.Option(
        "--restated",
        metavar="restated.csv",
        help="Where the values of the end of the month before go, by what is known as of --as-of.",
    ),
]
Steps = Annotated[
    Path | None,
    typer.Option(
        "--steps", metavar="steps.csv", help="Where the steps of escalation go that were due by --as-of (催办, 督办单)."
    ),
]
TodaysUnits = Annotated[
    bool, typer.Option("--todays-units", help="Count the cases of a unit that has ended under its successor (rule 17).")
]


def replay(
    events: EventFiles,
    as_of: AsOf,
    out: Annotated[Path, typer.Option("--out", metavar="values.csv", help="Where the values go.")],
    plan: PlanFolder = None,
    every: Annotated[
        Every | None, typer.Option("--every", help="Write the values at the end of each of these periods, too.")
    ] = None,
    cards: Annotated[Path | None, typer.Option("--cards", metavar="cards.csv", help="Where the cards go.")] = None,
    steps: Steps = None,
    ledger: LedgerExport = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="report.html", help="Where the report of the district goes, to read and print."
        ),
    ] = None,
    restated: Restated = None,
    rejected: Annotated[
        Path | None,
        typer.Option("--rejected", metavar="rejected.csv", help="Where all rejected events go; else on screen."),
    ] = None,
    todays_units: TodaysUnits = False,
    processes: Processes = None,
    for_excel: ForExcel = False,
) -> None:
    """Compute every promise from event files, by a plan that `plan check` finds right. Exit code 1 if an event was
    rejected; the values are written from the others."""
    folder = chosen_plan(plan)
    read = checked_plan(folder)
    zone = Zone(read.head.timezone)
    until = moment(as_of, zone, "--as-of")
    check_sinks(
        {"--out": out, "--cards": cards, "--steps": steps, "--report": report, "--restated": restated,
         "--rejected": rejected}, events
    )  # fmt: skip
    times = times_as_of(until, zone, read.head.issued)
    began = time.monotonic()
    with Display() as display:
        done = files.replay(
            events, folder, [until], every=every, beside=times.every if report is not None else (),
            with_cards=cards is not None, said=None if steps is None else _said(ledger),
            todays_units=todays_units, processes=processes, progress=display,
            restate=times.previous if report is not None or restated is not None else None,
        )  # fmt: skip
    rows = write_values(out, done.rows, for_excel=for_excel)
    took = time.monotonic() - began
    say(
        f"{done.events:,} events of {done.cases:,} cases in {took:,.1f} s ({done.events / took:,.0f} events/s)",
        err=True,
    )
    say(f"{rows:,} values written to {out}", err=True)
    _write_beside(done, _Beside(restated, cards, steps), for_excel=for_excel)
    if report is not None:
        _write_report(report, done, read, times)
    end_with(done, rejected, for_excel=for_excel)


class _Beside(NamedTuple):
    """The files beside the values; None: not asked for."""

    restated: Path | None
    cards: Path | None
    steps: Path | None


def _write_beside(done: Replayed, files: _Beside, *, for_excel: bool) -> None:
    restated, cards, steps = files
    if restated is not None:
        count = write_values(restated, done.restated, for_excel=for_excel)
        say(f"{count:,} restated values written to {restated}", err=True)
    if cards is not None:
        say(f"{write_cards(cards, done.cards, for_excel=for_excel):,} cards written to {cards}", err=True)
    if steps is not None:
        count = write_steps(steps, done.steps, for_excel=for_excel)
        say(f"{count:,} steps of escalation written to {steps}", err=True)


def _said(ledger: Path | None) -> OnRecord:
    """What an export of the ledger says of red cards; nothing without one."""
    if ledger is None:
        return OnRecord.nothing()
    # what reads the ledger loads a client of Kafka, which most replays do not need
    from services.ledger.exported import exported_records

    try:
        return OnRecord.of(exported_records(ledger))
    except ValueError as error:
        raise Failure(str(error), INPUT_HAS_ERRORS) from None


def _write_report(path: Path, done: Replayed, plan: Plan, times: ReportTimes) -> None:
    # what draws its charts takes a second to load, and most replays draw none
    from services.reporting.page import write_page
    from services.reporting.report import Reports

    write_page(path, Reports(plan, times, done.beside, done.restated).of_the_district(), plan, times.as_of)
    say(f"the report of the district written to {path}", err=True)
