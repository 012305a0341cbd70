"""`kpiwatch report`: what the lead units send each month, as pages to read and print and as CSV."""

from pathlib import Path
from typing import Annotated

import typer

from services.catalog.load.plan_folder import load_plan
from services.cli.arguments import EventFiles, PlanFolder, Processes, chosen_plan
from services.cli.checkpoint_file import latest_checkpoint
from services.cli.failure import WRONG_USAGE, Failure
from services.cli.progress import Display
from services.cli.rejected import end_with
from services.cli.terminal import say
from services.domain.time.zone import Instant, Zone
from services.replay import replay as files
from services.reporting.page import write_page, write_sheet
from services.reporting.report import Reports
from services.reporting.times import end_of_month, times_as_of
from services.runtime.atomic_file import claim

_CSV_HELP = "CSV that Excel opens (a mark for UTF-8, Chinese headings beside the names), or plain, for programs."


def report(
    events: EventFiles,
    month: Annotated[str, typer.Option("--month", metavar="2021-10", help="The month, as of its end.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go; made if it is not there.")],
    checkpoints: Annotated[
        Path | None,
        typer.Option("--checkpoints", metavar="FILE", help="Checkpoints of the ledger: the latest is printed."),
    ] = None,
    plan: PlanFolder = None,
    processes: Processes = None,
    for_excel: Annotated[bool, typer.Option("--for-excel/--plain", help=_CSV_HELP)] = True,
) -> None:
    """Write MONTH-ALL, of the district, and MONTH-UNIT for each unit that leads a promise, each as .html and .csv.

    Every number in them is a value row that `replay` writes as of the end of the month, of the month before, or (in the
    charts) of a week; the end of the month before is also shown restated, by what is known a month later. Exit code 1
    if an event was rejected; the reports are written from the others.
    """
    folder = chosen_plan(plan)
    read = load_plan(folder)
    zone = Zone(read.head.timezone)
    as_of = _end(month, zone)
    times = times_as_of(as_of, zone, read.head.issued)
    checkpoint = latest_checkpoint(checkpoints, "report")
    out.mkdir(parents=True, exist_ok=True)
    claim(out / f"{month}-ALL.html")  # two at once would mix their pages
    with Display() as display:
        done = files.replay(events, folder, times.every, restate=times.previous, processes=processes, progress=display)
    reports = Reports(read, times, done.rows, done.restated)
    named = {"ALL": reports.of_the_district(), **{unit: reports.of_unit(unit) for unit in reports.leads}}
    for name, each in named.items():
        write_page(out / f"{month}-{name}.html", each, read, as_of, checkpoint)
        write_sheet(out / f"{month}-{name}.csv", each, for_excel=for_excel)
    say(f"{len(named)} reports written to {out}, of the district and of {len(named) - 1} lead units", err=True)
    end_with(done)


def _end(month: str, zone: Zone) -> Instant:
    try:
        return end_of_month(month, zone)
    except ValueError as error:
        raise Failure(f"report: --month {error}", WRONG_USAGE) from None
