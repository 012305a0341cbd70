"""The annex of a plan (任务分解表) as data: `annex.csv` in the plan folder, one line per row of the plan's table.

Columns: `row` (the measure and the row's number within it, `23-4`), `item` (the measure), `text` (主要内容, as
printed), `lead` (牵头单位) and `responsible` (责任单位). A merged cell of leads is repeated in each of its rows. A plan
may have no annex.
"""

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from services.domain.plan.plan import Promise
from services.runtime.text_file import read_text

ANNEX = "annex.csv"


class AnnexRow(NamedTuple):
    """One row of the table."""

    row: str
    item: str
    text: str
    lead: str
    responsible: str

    @property
    def leads(self) -> frozenset[str]:
        """The names of the units in the cell of leads."""
        if not re.search("[\u4e00-\u9fff]", self.lead):  # words with spaces between them
            return frozenset(filter(None, (name.strip() for name in self.lead.split(";"))))
        named = re.sub(r"\s+(?=（)", "", self.lead)
        return frozenset(filter(None, re.split(r"[、\s]+|(?<=）)", named)))

    def quoted_by(self, promises: Iterable[Promise]) -> list[Promise]:
        """The entries of its measure whose clause is in its text."""
        return [each for each in promises if str(each.item) == self.item and each.clause in self.text]


def read_annex(folder: Path) -> tuple[AnnexRow, ...]:
    """Its rows, in order; none where the plan has no annex. ValueError or OSError if the file cannot be read."""
    path = folder / ANNEX
    if not path.exists():
        return ()
    head, *lines = csv.reader(read_text(path).splitlines())
    if tuple(head) != AnnexRow._fields:
        raise ValueError(f"begins with {','.join(head)}: write {','.join(AnnexRow._fields)}")
    for number, line in enumerate(lines, start=2):
        if len(line) != len(head):
            raise ValueError(f"line {number} has {len(line)} cells, not {len(head)}")
    return tuple(AnnexRow(*line) for line in lines)
