"""Whether the entries cover the annex of their plan: every row is quoted, and who leads a row leads its promises."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from services.catalog.check.plan_text import PlanText
from services.catalog.load.annex import ANNEX, AnnexRow, read_annex
from services.catalog.load.plan_folder import Located, Problem
from services.domain.plan.plan import Promise, Unit


def of_annex(
    folder: Path, text: PlanText, promises: Sequence[Located[Promise]], units: Mapping[str, Unit]
) -> Iterator[Problem]:
    """Every problem of `annex.csv`."""
    path = folder / ANNEX
    try:
        rows = read_annex(folder)
    except (ValueError, OSError) as error:
        yield Problem(path, (), f"cannot be read: {error}")
        return
    for number, row in enumerate(rows, start=2):
        quoting = [each for each in promises if row.quoted_by([each.entry])]
        if not text.quotes(row.text):
            yield Problem(path, (), f"row {row.row} is not in the plan: {text.departure(row.text)}", number)
        if not quoting:
            yield Problem(path, (), f"row {row.row} is quoted by no clause: add an entry for it", number)
        for located in quoting:
            yield from _led_otherwise(located, row, units)


def _led_otherwise(located: Located[Promise], row: AnnexRow, units: Mapping[str, Unit]) -> Iterator[Problem]:
    titles = [units[unit].title for unit in located.entry.lead if unit in units]
    if row.leads not in ({title.zh for title in titles}, {title.en for title in titles}):
        sentence = f"row {row.row} of the annex has the lead {'、'.join(sorted(row.leads))}"
        yield Problem(located.file, (*located.place, "lead"), sentence)
