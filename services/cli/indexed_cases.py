"""`kpiwatch cases list` and `show`: the cases of the running system, out of the casebook."""

import sys
from typing import Annotated

import orjson
import typer
from rich.table import Table
from rich.text import Text

from services.casebook.bad_cursor import BadCursor
from services.casebook.case_filter import CaseFilter
from services.casebook.case_summary import CaseState
from services.casebook.casebook import CaseAccount, Casebook, CasePage, ListedCase
from services.casebook.document import account_documents, page_document
from services.catalog.words.unit_names import unit_title
from services.cli.explain import EveryDay, print_explanation
from services.cli.failure import INPUT_HAS_ERRORS, WRONG_USAGE, Failure
from services.cli.terminal import safe_console, say
from services.cli.time_arguments import moment
from services.domain.plan.plan import Plan
from services.domain.results.cards import case_name
from services.domain.results.published import Level
from services.domain.time.zone import Zone
from services.runtime.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable.")]


def list_cases(
    source: Annotated[str | None, typer.Option(help="It owns the case, or has reported on it.")] = None,
    unit: Annotated[
        str | None, typer.Option(help="It accepted or holds the case, or an active card or a verdict names it.")
    ] = None,
    promise: Annotated[str | None, typer.Option(help="Of which the case has a card or a verdict, e.g. K06-1.")] = None,
    item: Annotated[str | None, typer.Option(help="Code of the service item.")] = None,
    level: Annotated[Level | None, typer.Option(help="Of an active card.")] = None,
    state: Annotated[CaseState | None, typer.Option(help="open or closed.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="An event arrived then or later.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at once.")] = 100,
    after: Annotated[str | None, typer.Option(metavar="CURSOR", help="As the page before gave it.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the cases of the running system that fit all options, in the order of owner and subject."""
    book = Casebook.open(Settings.from_environment())
    zone = book.judge.law.zone
    wanted = CaseFilter(
        source, unit, promise, item, level, state, None if since is None else moment(since, zone, "--since")
    )
    try:
        page = book.cases(wanted, after=after, limit=limit)
    except BadCursor as error:
        raise Failure(f"cases: --after {after!r}: {error}", WRONG_USAGE) from None
    if as_json:
        say(orjson.dumps(page_document(page, book.read_until(), zone), option=orjson.OPT_INDENT_2).decode())
        return
    _print(page, book.judge.plan, zone)
    complete_at = book.read_until().complete_at
    upto = "" if complete_at is None else f", read until {zone.text(complete_at)}"
    say(f"{len(page.cases):,} case{'' if len(page.cases) == 1 else 's'}{upto}")
    if page.next is not None:
        say(f"there are more: --after {page.next}")


def _print(page: CasePage, plan: Plan, zone: Zone) -> None:
    if not page.cases:
        return
    table = Table("办件 case", "状态 state", "单位 unit", "事项 item", "受理 filed", "最近到达 last arrival", box=None)
    for listed in page.cases:
        case = listed.case
        unit = unit_title(case.unit, plan).zh if case.unit in plan.units else case.unit
        item = plan.service_items[case.service_item].title.zh if case.service_item in plan.service_items else ""
        filed = "-" if case.filed_at is None else zone.text(case.filed_at)
        table.add_row(
            case_name(case.case_key),
            _state(listed),
            unit,
            item or case.service_item,
            filed,
            zone.text(case.last_arrival),
        )
    safe_console(width=None if sys.stdout.isatty() else 240).print(table)


def _state(listed: ListedCase) -> Text:
    if listed.level is None:
        return Text(listed.case.state)
    red = listed.level is Level.RED
    return Text(f"{listed.case.state} {'■' if red else '▲'} {listed.level}", "red" if red else "yellow")


def show_case(
    case: Annotated[
        str,
        typer.Argument(metavar="CASE", help="Its subject, or 'source subject' where several sources have such a case."),
    ],
    seen_by: Annotated[
        str | None, typer.Option("--seen-by", metavar="SOURCE", help="Only what this source may see.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TIME", help="Judged as of then; else as of now.")
    ] = None,
    as_json: AsJson = False,
    every_day: EveryDay = False,
) -> None:
    """Show a case of the running system as `kpiwatch explain` does.

    Exit code 1 if there is no such case, or it cannot be judged."""
    book = Casebook.open(Settings.from_environment())
    time = None if as_of is None else moment(as_of, book.judge.law.zone, "--as-of")
    account = _the_one(book.case(case, seen_by=seen_by, as_of=time), case, seen_by)
    if account.quarantined:
        raise Failure(f"{case!r} is quarantined, it cannot be judged: {account.quarantined}", INPUT_HAS_ERRORS)
    if as_json:
        (document,) = account_documents([account], book.judge)
        say(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return
    rejected = [f"{each.place}: {each.reason}{f' at {each.path}' if each.path else ''}" for each in account.refused]
    if account.explanation is not None:
        print_explanation(account.explanation, book.judge, rejected, every_day=every_day)
        return
    for line in rejected:
        say(f"! 拒收 rejected: {line}")


def _the_one(accounts: tuple[CaseAccount, ...], case: str, seen_by: str | None) -> CaseAccount:
    """The account of the one case of that name."""
    if len(accounts) == 1:
        return accounts[0]
    if not accounts:
        whom = "" if seen_by is None else f" that {seen_by} may see"
        raise Failure(f"cases: no case {case!r}{whom}: look for a slip in its name", INPUT_HAS_ERRORS)
    names = "\n".join(f"  {case_name(each.case_key)!r}" for each in accounts)
    raise Failure(f"cases: several sources have a case {case!r}: write one of\n{names}", WRONG_USAGE)
