"""Every row of the plan's annex is quoted by a promise that its lead leads."""

import csv
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from services.catalog.check.plan_check import check_plan
from services.catalog.load.annex import ANNEX, AnnexRow, read_annex
from services.handbook.annex_table import annex_table
from tests.unit.test_load import PLAN, SHIPPED, TEXT
from tests.verdicts import SHARED

ROWS = read_annex(SHIPPED)


def table_of_the_text() -> Iterator[tuple[str, str, str, str]]:
    """Measure, text, leads and responsible units of each row of the table, read off the plan's own text."""
    table = TEXT.rpartition("实施方案任务分解表\n")[2]
    item, leads = "", ""
    for block in re.split(r"\n\n(?=\t)", table.strip("\n")):
        cells = [cell.strip() for cell in re.split(r"^\t", block, flags=re.MULTILINE)[1:]]
        if len(cells) == 1:  # a heading: of a measure, if it begins with its number
            item, leads = (*re.findall(r"^(\d+)[.．]", cells[0]), item)[0], ""
        elif cells[0] != "序号":
            leads = " ".join(cells[2].split("\n")) or leads  # a merged cell holds for the rows below
            yield item, cells[1], leads, cells[3].removeprefix("—")


def test_the_annex_in_the_plan_folder_is_the_table_of_the_plans_text() -> None:
    assert [(row.item, row.text, row.lead, row.responsible) for row in ROWS] == list(table_of_the_text())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.row)
def test_a_row_of_the_annex_is_quoted_by_a_promise_of_its_measure(row: AnnexRow) -> None:
    quoting = row.quoted_by(PLAN.promises)
    assert any(promise.is_official for promise in quoting)
    for promise in quoting:
        assert {PLAN.units[unit].title.zh for unit in promise.lead} == row.leads, promise.key


def test_the_index_says_of_each_row_what_quotes_it_and_which_words_are_measured() -> None:
    table = annex_table(ROWS, PLAN)
    assert f"{len(ROWS)} of {len(ROWS)} rows" in table
    lines = {line.split(" | ")[0].removeprefix("| "): line for line in table.splitlines() if line.startswith("| ")}
    for row in ROWS:
        for promise in row.quoted_by(PLAN.promises):
            assert not promise.is_official or f"[{promise.id}]({promise.id}.md)" in lines[row.row]
    assert "<b>获得用水无需" not in lines["6-1"] and "<b>无需建设外线管道的小型项目" in lines["6-1"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "plan"))


def test_a_row_that_no_clause_quotes_and_a_lead_that_the_annex_does_not_name_are_problems(copy: Path) -> None:
    file = copy / "kpis" / "23-inclusive-innovation.toml"
    text = file.read_text(encoding="utf-8")
    changed = text.replace('"加快培育国家级创新创业孵化平台"', '"提高企业群众的满意度和获得感"')
    file.write_text(changed.replace('lead = ["district-commerce"]', 'lead = ["district-finance"]', 1), encoding="utf-8")
    said = [str(problem).removeprefix(f"{copy}/") for problem in check_plan(copy, date(2021, 8, 19))]
    assert any(each.startswith(f"{ANNEX}:") and "row 23-3 is quoted by no clause" in each for each in said)
    assert any("row 23-7 of the annex has the lead 区商务委" in each for each in said)


@pytest.mark.skipif(not SHARED.exists(), reason="the annex as rows is not beside the repository")
def test_the_annex_is_the_one_that_another_hand_read_off_the_plan() -> None:
    with (SHARED / ANNEX).open(encoding="utf-8", newline="") as lines:
        assert [AnnexRow(**row) for row in csv.DictReader(lines)] == list(ROWS)
