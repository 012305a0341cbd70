"""`kpiwatch backfill`: a replay becomes Prometheus's history, so that dashboards show the whole year from day one."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.backfill.history import BLOCK_HOURS, Block, History, Recomputed
from services.backfill.store import Store
from services.catalog.load import load_plan
from services.cli.arguments import EventFiles, PlanFolder, Processes, chosen_plan
from services.cli.failure import WRONG_USAGE, Failure
from services.cli.progress import Display
from services.cli.rejected import end_with
from services.cli.terminal import say
from services.clock import Clock
from services.domain.results.published import ValueRow
from services.domain.time.zone import FIRST_YEAR, LAST_YEAR, Instant, Zone
from services.local import monitoring_tools, promtool
from services.local.monitoring_tools import MonitoringTools
from services.replay import replay as files
from services.replay.external_sort import SortedRows
from services.replay.periods import Every, period_ends
from services.settings import Settings
from services.whole_file import claim

_DATE = ["%Y-%m-%d"]


def backfill(
    events: EventFiles,
    first: Annotated[datetime, typer.Option("--from", formats=_DATE, metavar="DATE", help="The first day.")],
    last: Annotated[datetime, typer.Option("--to", formats=_DATE, metavar="DATE", help="The last day, it included.")],
    plan: PlanFolder = None,
    every: Annotated[Every, typer.Option("--every", help="At the end of what the values are kept.")] = Every.DAY,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="A new folder for the blocks; nothing else is touched.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--prometheus-url", metavar="URL", help="A running Prometheus, and with it")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data-dir", metavar="DIR", help="its data folder, on this machine.")
    ] = None,
    note: Annotated[
        str, typer.Option("--note", help="Why these days are computed again: a mark on dashboards, at the first day.")
    ] = "",
    as_corrected: Annotated[
        bool, typer.Option("--as-corrected", help="Corrections count from the arrival of the event that they correct.")
    ] = False,
    processes: Processes = None,
) -> None:
    """Compute the values at the end of each day and put them into Prometheus under the names of the exporter.

    They carry the time of the plan: the value of 1 October stands at its 24:00. (Live samples carry real time, so those
    of a simulated clock lie elsewhere.)

    With --prometheus-url what stood in these days, live samples too, is deleted before: the same command twice changes
    nothing, and a correction is the same command with the corrected events. What was known at the end of a day is what
    had arrived by then: of a correction that came later only --as-corrected changes it.

    Exit code 1 if an event was rejected; the others are put in all the same.
    """
    folder = chosen_plan(plan)
    read = load_plan(folder)
    zone = Zone(read.head.timezone)
    _check_years(first, last)
    begin, end = (zone.midnight(day) for day in (first.date().toordinal(), last.date().toordinal() + 1))
    moments = period_ends(begin, end + 1, every, zone)
    now = Clock.real().now()
    _check_range(moments, every, end, now)
    store = _store(url, data, out)
    if store is not None:
        store.check(moments[0], now)
    tools = monitoring_tools.find(Settings.from_environment().cache)
    with Display() as told:
        done = files.replay(
            events,
            folder,
            moments,
            beside=[begin],
            with_side_results=True,
            as_corrected=as_corrected,
            processes=processes,
            progress=told,
        )
    recomputed = Recomputed(begin, note) if note else None
    with tempfile.TemporaryDirectory(prefix="kpiwatch-backfill-") as scratch, Display("values") as told:
        rows = _shown(done.rows, told)
        history = History(read, moments, Path(scratch)).write(rows, done.side_results, recomputed, before=done.beside)
        if store is None:
            assert out is not None
            _make(tools, history, out)
        else:
            with store.beside() as folder:
                made = _make(tools, history, folder)
                store.delete(begin, end)
                store.take(folder)
            say("Waiting until Prometheus shows them: up to a minute", err=True)
            store.wait_for(made)
    say(f"{len(done.rows):,} values at {len(moments):,} moments in {data or out}", err=True)
    end_with(done)


def _shown(rows: SortedRows[ValueRow], told: Display) -> Iterator[ValueRow]:
    """The rows, with how many are written."""
    for number, row in enumerate(rows, 1):
        yield row
        if number % 1_000 == 0:
            told("writing", number, number / len(rows))
    told("making blocks", len(rows), None)


def _make(tools: MonitoringTools, history: Iterable[Block], folder: Path) -> list[Block]:
    """The blocks in a folder, one after the other: the lines of one that is made are no longer needed."""
    made = []
    for block in history:
        promtool.create_blocks(tools, block.openmetrics, folder, BLOCK_HOURS)
        block.openmetrics.unlink()
        made.append(block)
    return made


def _store(url: str | None, data: Path | None, out: Path | None) -> Store | None:
    """The Prometheus to fill; None where the blocks go to a folder."""
    if (url is None) != (data is None) or (url is None) == (out is None):
        raise Failure(
            "backfill: name either --out, or --prometheus-url together with --data-dir: blocks are put into the "
            "folder, what was there is deleted through the address",
            WRONG_USAGE,
        )
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Failure(f"backfill: --out {out} is there already: name a folder that is new or empty", WRONG_USAGE)
    if out is not None and not out.parent.is_dir():
        raise Failure(f"backfill: --out {out}: there is no folder {out.parent}: make it first", WRONG_USAGE)
    if out is not None and not out.exists():
        claim(out)  # two at once would mix their blocks
    return Store(url, data) if url is not None and data is not None else None


def _check_years(first: datetime, last: datetime) -> None:
    if not FIRST_YEAR < first.year <= last.year < LAST_YEAR:
        raise Failure(
            f"backfill: --from {first.date()} --to {last.date()}: write the earlier day first, both from "
            f"{FIRST_YEAR + 1} to {LAST_YEAR - 1}",
            WRONG_USAGE,
        )


def _check_range(moments: Sequence[Instant], every: Every, end: Instant, now: Instant) -> None:
    if not moments:
        raise Failure(f"backfill: no {every} ends from --from to --to: there is nothing to put in", WRONG_USAGE)
    if end > now:
        raise Failure(
            "backfill: --to lies in the future: Prometheus would refuse live samples until then. "
            "Name a day that is over",
            WRONG_USAGE,
        )
