"""Lists as XLSX: whatever a text is, it stays that text; numbers stay numbers; what is too long says so."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from services.casebook.casebook import ALL
from services.desk.access import Role, Viewer
from services.desk.pages import sheet as sheet_module
from services.desk.pages.sheet import sheet
from services.domain.intake.visible_text import visible
from tests.unit.desk import client_of
from tests.unit.desk_reading import WATER_UNIT, make_cards, reading_desk

FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://x","y")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "=cmd|' /C calc'!A0",
    "＝1",
    "#REF!",
    "TRUE",
]


def cells(file: bytes) -> list[list[tuple[object, str]]]:
    """Value and type of each cell, as a program reads them that keeps formulas."""
    page = load_workbook(io.BytesIO(file)).active
    assert page is not None
    return [[(cell.value, cell.data_type) for cell in row] for row in page.iter_rows()]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_is_a_formula(text: str) -> None:
    assert cells(sheet("名单", ["编号"], [(text,)]))[1] == [(visible(text), "s")]


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_any_text_comes_back_as_it_is_read(text: str) -> None:
    (value, kind) = cells(sheet("名单", ["编号"], [(text, 1)]))[1][0]
    assert kind in ("s", "n") and (value or "") == visible(text).replace("\r\n", "\n").replace("\r", "\n")


def test_numbers_stay_numbers_under_headers_in_chinese() -> None:
    assert cells(sheet("名单", ["单位", "件数"], [("两江水务", 12)])) == [
        [("单位", "s"), ("件数", "s")],
        [("两江水务", "s"), (12, "n")],
    ]


def test_a_list_that_is_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet_module, "MOST_ROWS", 2)
    found = cells(sheet("名单", ["编号"], [(str(number),) for number in range(5)]))
    assert [row[0][0] for row in found[1:3]] == ["0", "1"] and "仅导出前" in str(found[3][0][0]) and len(found) == 4


def test_a_file_has_every_line_of_all_pages_and_only_the_viewers_own(tmp_path: Path) -> None:
    desk = reading_desk(tmp_path, [])
    make_cards(tmp_path, 500)
    unit, centre = Viewer("unit", Role.UNIT, WATER_UNIT), Viewer("centre", Role.OPERATIONS)
    for viewer in (unit, centre):
        counted = sum(desk.reading.counted(viewer).values())
        listed = len(desk.reading.cases(viewer, ALL, limit=1_000).cases)
        client = client_of(desk, viewer)
        cards, cases = (cells(client.get(f"/{name}.xlsx").content) for name in ("cards", "cases"))
        assert (len(cards) - 1, len(cases) - 1) == (counted, listed) and counted > 0
        assert [cell[0] for cell in cards[0]][:3] == ["牌色", "承诺", "环节"]
    assert {row[4][0] for row in cells(client_of(desk, unit).get("/cards.xlsx").content)[1:]} == {"两江水务"}
