"""The dashboards, laid out by hand (`tests.unit.screen`): nothing is cut off at 1920 pixels and on a phone."""

import json

import pytest

from dashboards.write import GENERATED
from services.catalog.words.wording import unit_of_measure
from tests.unit.screen import (
    CELL_FONT,
    CELL_LINE,
    CELL_PADDING,
    TABLE_HEADER,
    Json,
    bottom,
    columns,
    faults,
    figures,
    grid,
    inside,
    lines,
    outside,
    stat_faults,
    table_faults,
)
from tests.verdicts import shipped

COMMITTED = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(GENERATED.rglob("*.json"))}
OVERVIEWS = [one for name, one in COMMITTED.items() if name.startswith("kpiwatch-overview")]
WIDE, PHONE = 1920, 390
SCALE = 0.78
"""At which docs/dashboards.md has a page of 1920 pixels printed on A3."""
PAPER, PAGE = 1512 / SCALE, 1047 / SCALE
"""Width and height of A3 across within margins of 10 mm: 1512 x 1047 at 96 pixels per inch."""
SCREEN, ABOVE_THE_PANELS = 1080, 145
"""Height of the screen; what Grafana's menu, its buttons and the choices take of it."""

each_overview = pytest.mark.parametrize("overview", OVERVIEWS, ids=lambda one: one["uid"])


@pytest.mark.parametrize("screen", [WIDE, PHONE])
@pytest.mark.parametrize("name", COMMITTED)
def test_nothing_is_cut_off(name: str, screen: int) -> None:
    assert faults(COMMITTED[name], screen) == []


@pytest.mark.parametrize("name", COMMITTED)
def test_a_page_to_print_is_light_stands_still_and_has_no_panel_that_is_longer_than_paper(name: str) -> None:
    (link,) = (one for one in COMMITTED[name]["links"] if one["icon"] == "doc")
    assert link["url"] == f"/d/{name}?kiosk&theme=light&refresh=1d" and link["keepTime"] and link["includeVars"]
    assert max(outside(panel, WIDE).height for panel in COMMITTED[name]["panels"]) <= PAGE


@each_overview
def test_the_overview_is_one_sheet_of_paper_that_can_be_read(overview: Json) -> None:
    assert PAPER >= WIDE and bottom(overview) <= PAGE
    points = CELL_FONT * SCALE * 72 / 96
    assert points >= 8


@each_overview
def test_the_overview_is_one_screen(overview: Json) -> None:
    assert bottom(overview) <= SCREEN - ABOVE_THE_PANELS


def test_the_ten_worst_are_all_seen() -> None:
    """With the longest titles that the plan has, in its language; longer English ones may have to be scrolled."""
    (table,) = (one for one in COMMITTED["kpiwatch-overview"]["panels"] if one["title"].startswith("离目标最远"))
    titles = sorted((f"{one.id} {one.title.zh}" for one in shipped().plan.promises if one.is_official), key=len)
    (width,) = (one.width - 2 * CELL_PADDING for one in columns(table, WIDE) if one.title == "承诺")
    rows = (CELL_LINE * lines(title, CELL_FONT, width) + 2 * CELL_PADDING for title in titles[-10:])
    assert TABLE_HEADER + sum(rows) <= inside(table, WIDE).height


@each_overview
def test_missed_at_risk_and_met_are_read_from_three_metres(overview: Json) -> None:
    """A wall of 3840 pixels that is 1.2 m wide shows a pixel of 1920 at 0.63 mm; at 3 m a sign of 15 mm is read."""
    a_pixel, readable = 0.63, 15
    large = [one for one in overview["panels"] if one["options"].get("text", {}).get("valueSize", 0) > 100]
    assert len(large) == 3
    for panel in large:
        assert panel["options"]["text"]["titleSize"] * a_pixel > readable
    others = [one["options"]["text"]["valueSize"] for one in overview["panels"] if one["type"] == "stat"]
    assert min(others) * a_pixel > readable


@pytest.mark.parametrize("name", COMMITTED)
def test_a_phone_shows_state_and_number_of_a_table_without_scrolling(name: str) -> None:
    for panel in COMMITTED[name]["panels"]:
        if panel["type"] == "table":
            first = columns(panel, PHONE)[:2]
            if any("decimals" in one.of and "mappings" not in one.of for one in first):
                assert sum(one.width for one in first) <= inside(panel, PHONE).width, panel["title"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_unit_of_measure_fits_into_its_column(language: str) -> None:
    plan = shipped().plan
    words = {getattr(unit_of_measure(one, plan), language) for one in plan.promises}
    widths = [
        column.width - 2 * CELL_PADDING
        for name, dashboard in COMMITTED.items()
        for panel in dashboard["panels"]
        if panel["type"] == "table" and name.endswith("-en") is (language == "en")
        for column in columns(panel, WIDE)
        if column.title in ("计量单位", "Counted in")
    ]
    assert max(lines(word, CELL_FONT, min(widths)) for word in words) <= 2


# ---- the layout itself -------------------------------------------------------------------------------------------
def stat(width: int, name: str, value_size: int, many: int = 1) -> Json:
    return {
        "type": "stat",
        "title": "",
        "gridPos": {"x": 0, "y": 0, "w": width, "h": 3},
        "options": {"text": {"titleSize": 16, "valueSize": value_size}},
        "fieldConfig": {"overrides": []},
        "targets": [{"refId": chr(65 + place), "expr": "1", "legendFormat": name} for place in range(many)],
    }


def test_what_does_not_fit_is_found() -> None:
    assert list(stat_faults(stat(6, "数据时延", 28), WIDE)) == []
    assert list(stat_faults(stat(6, "数据时延", 60), WIDE)) != []
    assert list(stat_faults(stat(6, "推进中（未到期）或暂定（节假日安排未公布）", 28, many=4), WIDE)) != []
    narrow = {
        "type": "table",
        "title": "",
        "gridPos": {"x": 0, "y": 0, "w": 24, "h": 8},
        "transformations": [{"id": "organize", "options": {"renameByName": {"a": "状态"}}}],
        "options": {"sortBy": []},
        "fieldConfig": {
            "overrides": [
                {
                    "matcher": {"options": "状态"},
                    "properties": [
                        {"id": "custom.width", "value": 60},
                        {"id": "mappings", "value": [{"options": {"1": {"text": "✗ 未达标（鼓励性）"}}}]},
                    ],
                }
            ]
        },
    }
    assert list(table_faults(narrow, WIDE)) != []


def test_numbers_are_laid_out_as_a_screen_of_grafana_showed() -> None:
    """The unit's page on a phone: eleven numbers in a panel of 358 x 182 pixels stood in two rows, six and five."""
    panel = stat(24, "达标", 28, many=11) | {"title": "区交通局", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 5}}
    box = inside(panel, PHONE)
    cell = grid(box, len(list(figures(panel))))
    assert (round((box.width + 8) / (cell.width + 8)), round((box.height + 8) / (cell.height + 8))) == (6, 2)
