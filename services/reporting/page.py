"""A report as one HTML file that needs nothing beside it, and as CSV."""

from datetime import date
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from services.catalog.words.column_names import heading
from services.catalog.words.promise_text import STRENGTHS
from services.catalog.words.wording import SIGNS, STATE_NAMES, state_name, unit_of_measure, window_names
from services.domain.intake.visible_text import LINES, visible
from services.domain.plan.plan import Plan, Title
from services.domain.results.published import State, ValueRow
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Instant, Zone
from services.ledger.checkpoints import Checkpoint
from services.ledger.order_page import time_en, time_zh
from services.reporting.report import Entry, Report
from services.runtime.atomic_file import atomic_file
from services.runtime.csv_file import atomic_csv

_OF_A_PROMISE = ("measure", "title_zh", "title_en", "lead", "responsible")
_BEFORE = ("previous_window_end", "previous_value", "previous_state")
_RESTATED = ("restated_value", "restated_n", "restated_late_entry_n", "restated_state")


def write_page(path: Path, report: Report, plan: Plan, as_of: Instant, checkpoint: Checkpoint | None = None) -> None:
    """The report as HTML. `checkpoint`: of the ledger, printed at its end, so that whoever has the page is a witness of
    what the ledger was."""
    zone = Zone(plan.head.timezone)
    page = _templates().get_template("report.html")
    text = page.render(
        report=report,
        plan=plan,
        month=_month(as_of, zone),
        as_of=_moment(as_of, zone),
        names=STATE_NAMES,
        state_name=state_name,
        signs=SIGNS,
        strengths=STRENGTHS,
        windows=window_names(plan.head),
        unit_of_measure=unit_of_measure,
        State=State,
        checkpoint=checkpoint,
        checkpoint_time=_written(checkpoint.time, zone) if checkpoint else None,
        hash_groups=_in_groups(checkpoint.hash) if checkpoint else "",
    )
    with atomic_file(path) as sink:
        sink.write(text.encode())


def _in_groups(digits: str) -> str:
    """A hash as people compare it."""
    return " ".join(digits[at : at + 8] for at in range(0, len(digits), 8))


def write_sheet(path: Path, report: Report, *, for_excel: bool = False) -> int:
    """The rows of a report as CSV, with what their promise is about and its row of the month before; how many.
    `for_excel`: with a mark and Chinese headings, as Excel and people read it."""
    count = 0
    columns = (*_OF_A_PROMISE, *ValueRow._fields, *_BEFORE, *_RESTATED)
    with atomic_csv(path, with_mark=for_excel) as writer:
        writer.writerow(tuple(map(heading, columns)) if for_excel else columns)
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


def _written(time: str, zone: Zone) -> Title:
    """A time of the ledger, which is in UTC, as an official writes it in the plan's zone."""
    text = zone.text(read(time))
    return Title(zh=time_zh(text), en=time_en(text))


def _month(as_of: Instant, zone: Zone) -> Title:
    """The month whose last instant lies before."""
    day = date.fromordinal(zone.day(as_of - 1))
    return Title(zh=f"{day.year}年{day.month}月", en=f"{day:%B %Y}")


def _moment(as_of: Instant, zone: Zone) -> Title:
    """The time of the report; a midnight is the 24:00 of the day before."""
    day = date.fromordinal(zone.day(as_of - 1))
    hour = "24:00" if zone.midnight(day.toordinal() + 1) == as_of else zone.text(as_of)[11:16]
    spoken = "24时" if hour == "24:00" else hour
    return Title(zh=f"{day.year}年{day.month}月{day.day}日{spoken}", en=f"{day.day} {day:%B %Y}, {hour}")


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
