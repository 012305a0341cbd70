"""A report as one HTML file that needs nothing beside it, and as CSV."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from services.catalog.words.promise_text import STRENGTHS
from services.catalog.words.wording import SIGNS, STATE_NAMES, WINDOW_NAMES, state_name, unit_of_measure
from services.domain.intake.visible_text import LINES, visible
from services.domain.plan.plan import Plan
from services.domain.results.published import State, ValueRow
from services.domain.time.zone import Instant, Zone
from services.reporting.report import Entry, Report
from services.runtime.atomic_file import atomic_file
from services.runtime.csv_file import atomic_csv

_OF_A_PROMISE = ("measure", "title_zh", "title_en", "lead", "responsible")
_BEFORE = ("previous_window_end", "previous_value", "previous_state")
_RESTATED = ("restated_value", "restated_n", "restated_late_entry_n", "restated_state")


def write_page(path: Path, report: Report, plan: Plan, as_of: Instant) -> None:
    """The report as HTML."""
    zone = Zone(plan.head.timezone)
    page = _templates().get_template("report.html")
    text = page.render(
        report=report,
        plan=plan,
        month=zone.text(as_of - 1)[:7],
        as_of=zone.text(as_of),
        names=STATE_NAMES,
        state_name=state_name,
        signs=SIGNS,
        strengths=STRENGTHS,
        windows=WINDOW_NAMES,
        unit_of_measure=unit_of_measure,
        State=State,
    )
    with atomic_file(path) as sink:
        sink.write(text.encode())


def write_sheet(path: Path, report: Report) -> int:
    """The rows of a report as CSV, with what their promise is about and its row of the month before; how many."""
    count = 0
    with atomic_csv(path) as writer:
        writer.writerow((*_OF_A_PROMISE, *ValueRow._fields, *_BEFORE, *_RESTATED))
        for entry in report.entries:
            for row in (entry.official, entry.short, *(entry.units if report.unit else ())):
                if row is not None:
                    of_official = row is entry.official
                    before = entry.previous.row if entry.previous and of_official else None
                    restated = entry.restated.row if entry.restated and of_official else None
                    writer.writerow((*_about(entry), *row.row, *_cells_before(before), *_cells_restated(restated)))
                    count += 1
    return count


def _about(entry: Entry) -> tuple[str, ...]:
    promise = entry.promise
    units = (" ".join(promise.lead), " ".join(promise.responsible))
    return (str(promise.item), promise.title.zh, promise.title.en, *units)


def _cells_before(row: ValueRow | None) -> tuple[str, ...]:
    return (row.window_end, row.value, row.state) if row else ("", "", "")


def _cells_restated(row: ValueRow | None) -> tuple[str, ...]:
    return (row.value, row.n, row.late_entry_n, row.state) if row else ("", "", "", "")


def _seen(value: object) -> object:
    """Escaped for HTML, bidi marks and their like would still bite."""
    return visible(value, keep=LINES) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("services.reporting"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
