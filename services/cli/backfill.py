"""`kpiwatch backfill`: write the values of a replay to Prometheus: dashboards show the whole year from day one."""

import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from services.backfill.history import BLOCK_HOURS, Block, History, Recomputed
from services.backfill.store import Store
from services.catalog.load.plan_folder import load_plan
from services.cli.arguments import EventFiles, PlanFolder, Processes, chosen_plan
from services.cli.failure import WRONG_USAGE, Failure
from services.cli.progress import Display
from services.cli.rejected import end_with
from services.cli.terminal import say
from services.domain.results.published import ValueRow
from services.domain.time.zone import FIRST_YEAR, LAST_YEAR, Instant, Zone
from services.local import monitoring_tools, promtool
from services.local.monitoring_tools import MonitoringTools
from services.replay import replay as files
from services.replay.external_sort import SortedRows
from services.replay.periods import Every, period_ends
from services.runtime.atomic_file import claim
from services.runtime.clock import Clock
from services.runtime.settings import Settings

_DATE = ["%Y-%m-%d"]
_Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="A new folder for the blocks; nothing else is touched.")
]
_Url = Annotated[str | None, typer.Option("--prometheus-url", metavar="URL", help="A running Prometheus, and with it")]
_Data = Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", help="its data folder, on this machine.")]
_Note = Annotated[
    str, typer.Option("--note", help="Why these days are computed again: a mark on dashboards, at the first day.")
]
_AsCorrected = Annotated[
    bool, typer.Option("--as-corrected", help="Corrections count from the arrival of the event that they correct.")
]


class _Period(NamedTuple):
    """The days that are filled."""

    begin: Instant
    end: Instant
    moments: list[Instant]
    """When the values are computed."""

    @classmethod
    def of(cls, first: datetime, last: datetime, every: Every, zone: Zone) -> "_Period":
        """From the midnight before the first day to the one after the last. Failure if that is not a time to fill."""
        if not FIRST_YEAR < first.year <= last.year < LAST_YEAR:
            raise Failure(
                f"backfill: --from {first.date()} --to {last.date()}: write the earlier day first, both from "
                f"{FIRST_YEAR + 1} to {LAST_YEAR - 1}",
                WRONG_USAGE,
            )
        begin, end = (zone.midnight(day) for day in (first.date().toordinal(), last.date().toordinal() + 1))
        moments = period_ends(begin, end + 1, every, zone)
        if not moments:
            raise Failure(f"backfill: no {every} ends from --from to --to: there is nothing to put in", WRONG_USAGE)
        return cls(begin, end, moments)

    def check_past(self, now: Instant) -> None:
        """Failure if it is not over yet."""
        if self.end > now:
            raise Failure(
                "backfill: --to lies in the future: Prometheus would refuse live samples until then. "
                "Name a day that is over",
                WRONG_USAGE,
            )


def backfill(
    events: EventFiles,
    first: Annotated[datetime, typer.Option("--from", formats=_DATE, metavar="DATE", help="The first day.")],
    last: Annotated[datetime, typer.Option("--to", formats=_DATE, metavar="DATE", help="The last day, it included.")],
    plan: PlanFolder = None,
    every: Annotated[Every, typer.Option("--every", help="At the end of what the values are kept.")] = Every.DAY,
    out: _Out = None,
    url: _Url = None,
    data: _Data = None,
    note: _Note = "",
    as_corrected: _AsCorrected = False,
    processes: Processes = None,
) -> None:
    """Compute the values at the end of each day and put them into Prometheus under the names of the exporter.

    The samples have the time of the plan: the value of 1 October has the time of its 24:00. (Live samples have real
    time, so those of a simulated clock have other times.)

    With --prometheus-url the samples of these days, live ones too, are deleted first: to run the command twice changes
    nothing, and to correct the days is to run it again with the corrected events. The values of a day are computed from
    the events that had arrived by its end; a correction that arrived later changes them only with --as-corrected.

    Exit code 1 if an event was rejected; the values are computed from the others.
    """
    folder = chosen_plan(plan)
    read = load_plan(folder)
    period = _Period.of(first, last, every, Zone(read.head.timezone))
    now = Clock.real().now()
    period.check_past(now)
    store = _store(url, data, out)
    if store is not None:
        store.check(period.moments[0], now)
    tools = monitoring_tools.find(Settings.from_environment().cache)
    with Display() as display:
        done = files.replay(
            events, folder, period.moments, beside=[period.begin], with_side_results=True, as_corrected=as_corrected,
            processes=processes, progress=display,
        )  # fmt: skip
    recomputed = Recomputed(period.begin, note) if note else None
    with tempfile.TemporaryDirectory(prefix="kpiwatch-backfill-") as scratch, Display("values") as display:
        rows = _shown(done.rows, display)
        history = History(read, period.moments, Path(scratch)).write(
            rows, done.side_results, recomputed, before=done.beside
        )
        if store is not None:
            _fill(store, period, tools, history)
        elif out is not None:
            _make(tools, history, out)
    say(f"{len(done.rows):,} values at {len(period.moments):,} moments in {data or out}", err=True)
    end_with(done)


def _fill(store: Store, period: _Period, tools: MonitoringTools, history: Iterable[Block]) -> None:
    """Put the blocks in the place of what Prometheus has of the period, and wait until it shows them."""
    with store.beside() as folder:
        made = _make(tools, history, folder)
        store.delete(period.begin, period.end)
        store.take(folder)
    say("Waiting until Prometheus shows them: up to a minute", err=True)
    store.wait_for(made)


def _shown(rows: SortedRows[ValueRow], display: Display) -> Iterator[ValueRow]:
    """The rows, with how many are written."""
    for number, row in enumerate(rows, 1):
        yield row
        if number % 1_000 == 0:
            display("writing", number, number / len(rows))
    display("making blocks", len(rows), None)


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
    if url is not None and data is not None and out is None:
        return Store(url, data)
    if out is None or url is not None or data is not None:
        raise Failure(
            "backfill: name either --out, or --prometheus-url together with --data-dir: blocks are put into the "
            "folder, what was there is deleted through the address",
            WRONG_USAGE,
        )
    _check_out(out)
    return None


def _check_out(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Failure(f"backfill: --out {out} is there already: name a folder that is new or empty", WRONG_USAGE)
    if not out.parent.is_dir():
        raise Failure(f"backfill: --out {out}: there is no folder {out.parent}: make it first", WRONG_USAGE)
    if not out.exists():
        claim(out)  # two at once would mix their blocks
