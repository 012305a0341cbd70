"""`kpiwatch cases counted`: the cases behind a number of a dashboard, out of the casebook."""

import sys
from typing import Annotated

import typer
from rich.table import Table

from services.casebook.bad_cursor import BadCursor
from services.casebook.casebook import Casebook
from services.casebook.marked_cases import MarkedCase
from services.casebook.marks import PRESENT
from services.casebook.numbers import SHORT, Number, UnknownPromise
from services.catalog.words.marks import MARKS, SIGNALS
from services.catalog.words.source_names import source_title
from services.catalog.words.unit_names import unit_title
from services.cli.failure import WRONG_USAGE, Failure
from services.cli.terminal import safe_console, say
from services.domain.judging.data_quality import PREFIX
from services.domain.plan.plan import Plan, Window
from services.domain.results.cards import case_name
from services.domain.time.zone import Zone
from services.runtime.clock import Clock
from services.runtime.settings import Settings


def counted_cases(
    mark: Annotated[
        str, typer.Argument(metavar="WHAT", help=f"{', '.join(MARKS)}; or a signal: {', '.join(SIGNALS)}.")
    ],
    promise: Annotated[str, typer.Option(help="Of which promise, e.g. K06-1; signals are of none.")] = "",
    unit: Annotated[str, typer.Option(help="To which it counts; of signals about reporting a source.")] = "",
    item: Annotated[str, typer.Option(help="Service item or node; of a signal its code.")] = "",
    window: Annotated[str, typer.Option(help=f"{', '.join(Window)}; {SHORT}: the month; else the official one.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at once.")] = 100,
    after: Annotated[str | None, typer.Option(metavar="CURSOR", help="As the page before gave it.")] = None,
) -> None:
    """List exactly the cases that a number on a dashboard counts, what is so now first, then the latest first."""
    settings = Settings.from_environment()
    book = Casebook.open(settings)
    number = Number(_known(mark), promise, unit, item, _window(window))
    try:
        wanted = number.wanted(book.judge.law, Clock.from_settings(settings).now())
        page = book.marked(wanted, after=after, limit=limit)
    except UnknownPromise:
        raise Failure(
            f"cases: --promise {promise!r}: the plan has no such promise: see `kpiwatch plan show`", WRONG_USAGE
        ) from None
    except BadCursor as error:
        raise Failure(f"cases: --after {after!r}: {error}", WRONG_USAGE) from None
    _print(page.marks, book.judge.plan, book.judge.law.zone)
    say(f"{len(page.marks):,} counted")
    if page.next is not None:
        say(f"there are more: --after {page.next}")


def _known(mark: str) -> str:
    for known in (mark, f"{PREFIX}{mark}"):
        if known in MARKS or known in SIGNALS:
            return known
    raise Failure(f"cases: there is no number {mark!r}: `kpiwatch cases counted --help` lists them", WRONG_USAGE)


def _window(window: str) -> str:
    if window and window != SHORT and window not in list(Window):
        raise Failure(f"cases: --window {window!r}: write one of {', '.join((*Window, SHORT))}", WRONG_USAGE)
    return window


def _print(marks: tuple[MarkedCase, ...], plan: Plan, zone: Zone) -> None:
    if not marks:
        return
    table = Table("办件 case", "单位 unit", "事项 item", "计入日期 counts on", box=None)
    for each in marks:
        marked = each.marked
        day = "当前 now" if marked.day == PRESENT else zone.text(zone.midnight(marked.day))[:10]
        table.add_row(case_name(each.case_key), _unit(marked.unit, plan), marked.item, day)
    safe_console(width=None if sys.stdout.isatty() else 240).print(table)


def _unit(unit: str, plan: Plan) -> str:
    if unit in plan.sources:
        return source_title(unit, plan).zh
    return unit_title(unit, plan).zh if unit in plan.units else unit
