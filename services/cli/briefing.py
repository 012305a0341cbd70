"""`kpiwatch briefing`: 日报, 周报, 月报: two pages that an official forwards, and the long report as their appendix."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from services.briefing.compose import briefing_of
from services.briefing.district import District, Record
from services.briefing.files import Format, write_briefing
from services.briefing.model import Briefing, Language
from services.briefing.pdf_file import CannotPrint
from services.briefing.period import Period, Span, span_sent_on, span_until
from services.catalog.load.calendars import calendar_of
from services.cli.archive import write_archive
from services.cli.arguments import LedgerExport, PlanFolder, chosen_plan, readable_once
from services.cli.checkpoint_file import latest_checkpoint
from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, WRONG_USAGE, Failure
from services.cli.judging_plan import checked_plan
from services.cli.mailing import send_briefing
from services.cli.progress import Display
from services.cli.rejected import end_with
from services.cli.terminal import say
from services.domain.plan.plan import Plan
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Zone
from services.ledger.exported import exported_records
from services.ledger.order_book import OrderBook
from services.ledger.topic import ledger_records
from services.messaging.records.ledger import LedgerRecord
from services.messaging.topics import LEDGER, topic_ids
from services.replay import replay as files
from services.replay.replay import Replayed
from services.reporting.page import write_page
from services.reporting.report import Reports
from services.reporting.times import ReportTimes, times_as_of
from services.runtime.atomic_file import claim
from services.runtime.clock import Clock
from services.runtime.settings import Settings

_EVENTS_HELP = "Files of events: .jsonl, .jsonl.gz, or - for standard input; none: the events of the running system."
_UNTIL_HELP = "The last day; else the day that the calendar says: nothing is written where no briefing is due today."


class Order(NamedTuple):
    """What was asked for."""

    plan: Plan
    folder: Path
    """Of the plan."""
    span: Span
    events: list[str]
    ledger: Path | None
    is_live: bool
    """Whether events and ledger are those of the running system."""

    @property
    def times(self) -> ReportTimes:
        """Of the appendix."""
        zone = Zone(self.plan.head.timezone)
        return times_as_of(self.span.end(zone), zone, self.plan.head.issued)


def briefing(
    period: Annotated[Period, typer.Option("--period", help="日报, 周报 or 月报.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the files go; made if it is not there.")],
    events: Annotated[list[str] | None, typer.Argument(metavar="[EVENTS…]", help=_EVENTS_HELP)] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="2021-10-31", help=_UNTIL_HELP)] = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="html,pdf,docx,xlsx", help="In which formats; a PDF needs Chromium.")
    ] = "html,pdf,docx,xlsx",
    language: Annotated[Language, typer.Option("--language", help="Of the two pages.")] = Language.ZH,
    ledger: LedgerExport = None,
    plan: PlanFolder = None,
    send: Annotated[bool, typer.Option("--send", help="Send it to the contacts that have `briefings`.")] = False,
) -> None:
    """Write two pages: where the district stands, what changed, what is wrong, what is due, who owes an answer.

    Beside them is their appendix, the report of the district with every promise. Exit code 1 if an event was rejected;
    the briefing is written from the others. Exit code 3 if there is no PDF, since no Chromium is found: the other files
    are written and sent."""
    folder, wanted = chosen_plan(plan), _formats(formats)
    loaded = checked_plan(folder)
    span = _span(period, until, loaded)
    if span is None:
        say(f"no {period} briefing is due today: name the last day with --until to have one all the same", err=True)
        return
    with _event_files(readable_once(events or [])) as read_events:
        files = write_files(Order(loaded, folder, span, read_events, ledger, not events), Form(language, wanted, out))
    say(f"written to {out}: {', '.join(path.name for path in (*files.paths, files.appendix))}", err=True)
    if send:
        send_briefing(span, language, files.paths, loaded, folder)
    if files.without_pdf:
        raise Failure(f"briefing: there is no PDF, only the other files: {files.without_pdf}", NO_ANSWER)
    end_with(files.replayed)


class Form(NamedTuple):
    """How a briefing is written."""

    language: Language
    formats: set[Format]
    folder: Path


class Files(NamedTuple):
    """A briefing that was written."""

    paths: list[Path]
    appendix: Path
    without_pdf: str
    """Why there is no PDF, and what to do; empty: there is one, or none was wanted."""
    replayed: Replayed


def write_files(order: Order, form: Form) -> Files:
    """Write a briefing and its appendix. Raises Failure where nothing can be written."""
    form.folder.mkdir(parents=True, exist_ok=True)
    appendix = form.folder / f"{order.span.name}-appendix.html"
    claim(appendix)  # two at once would mix their files
    done = _replayed(order)
    written = _written(order, done, form.language, appendix)
    paths, without_pdf = _pages(written, form, f"{order.span.name}-{form.language}")
    reports = Reports(order.plan, order.times, done.beside, done.restated)
    checkpoint = latest_checkpoint(None, "briefing")
    write_page(appendix, reports.of_the_district(), order.plan, order.times.as_of, checkpoint)
    return Files(paths, appendix, without_pdf, done)


def _pages(written: Briefing, form: Form, name: str) -> tuple[list[Path], str]:
    """The files, and why there is no PDF among them: the others do not wait for a browser."""
    try:
        return write_briefing(written, form.formats, form.folder, name), ""
    except CannotPrint as reason:
        others = form.formats - {Format.PDF}
        if not others:
            raise Failure(f"briefing: {reason}", NO_ANSWER) from None
        return write_briefing(written, others, form.folder, name), str(reason)


def write_live(plan: Plan, folder: Path, span: Span, form: Form) -> Files:
    """Write a briefing of the running system. `folder`: of the plan. Raises Failure, BrokerUnavailable."""
    with _event_files([]) as read_events:
        return write_files(Order(plan, folder, span, read_events, None, True), form)


def _formats(text: str) -> set[Format]:
    named = {one.strip() for one in text.split(",") if one.strip()}
    unknown = named - set(Format)
    if unknown or not named:
        raise Failure(f"--format {text!r} names no format that is known: write some of {','.join(Format)}", WRONG_USAGE)
    return {Format(one) for one in named}


def _span(period: Period, until: str | None, plan: Plan) -> Span | None:
    """Which days it is about; None where none is due today."""
    calendar, zone = calendar_of(plan), Zone(plan.head.timezone)
    if until is None:
        today = zone.day(Clock.from_settings(Settings.from_environment()).now())
        return span_sent_on(period, today, calendar)
    try:
        last = date.fromisoformat(until)
    except ValueError:
        raise Failure(f"briefing: --until {until!r} is no day: write it as 2021-10-31", WRONG_USAGE) from None
    if not 1991 <= last.year <= 2059:
        raise Failure(f"briefing: --until {until} is out of reach: write a year from 1991 to 2059", WRONG_USAGE)
    return span_until(period, last.toordinal(), calendar)


@contextmanager
def _event_files(named: list[str]) -> Iterator[list[str]]:
    """The files that were named; else one with the events that the running system has now."""
    if named:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="kpiwatch-briefing-") as folder:
        file = Path(folder) / "events.jsonl"
        write_archive(file, None, Settings.from_environment().bootstrap)
        yield [str(file)]


def _replayed(order: Order) -> Replayed:
    """The rows at both ends of the period, those of the appendix beside them, and the cards."""
    zone, times = Zone(order.plan.head.timezone), order.times
    ends = sorted({order.span.begin(zone), order.span.end(zone)})
    with Display() as display:
        return files.replay(
            order.events, order.folder, ends, beside=times.every, with_cards=True, restate=times.previous,
            progress=display,
        )  # fmt: skip


def _written(order: Order, done: Replayed, language: Language, appendix: Path) -> Briefing:
    cards = list(done.cards)
    orders = None
    known = _ledger(order)
    if known is not None:
        orders, end = OrderBook(order.plan), order.span.end(Zone(order.plan.head.timezone))
        for record in known:
            if read(record.time) < end:
                orders.take(record)
        for card in cards:
            orders.take_card(card)
    record_of_ledger = Record(orders, latest_checkpoint(None, "briefing"))
    district = District(order.plan, order.span, done.rows, cards, record_of_ledger)
    return briefing_of(district, language, appendix.name)


def _ledger(order: Order) -> Iterable[LedgerRecord] | None:
    """The records of an export; of the running system, where its events are read; else None."""
    if order.ledger is None:
        bootstrap = Settings.from_environment().bootstrap
        return ledger_records(bootstrap) if order.is_live and topic_ids(bootstrap, [LEDGER]).get(LEDGER) else None
    try:
        return list(exported_records(order.ledger))
    except ValueError as error:
        raise Failure(f"briefing: {error}", INPUT_HAS_ERRORS) from None
