"""What a real Grafana 12 does with the JSON, as checks of the committed JSON: each finds a fault that a screen showed.

A check says the faults of a dashboard. Below each is a panel that has the fault, so that a check can fail.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dashboards.page import Json
from dashboards.states import ASPIRED_COLOUR, COLOURS, RED_CARD, YELLOW_CARD
from dashboards.write import GENERATED

Check = Callable[[Json], Iterator[str]]

COMMITTED = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(GENERATED.rglob("*.json"))}


def panels(dashboard: Json, kind: str = "") -> Iterator[Json]:
    yield from (panel for panel in dashboard.get("panels", []) if kind in ("", panel["type"]))


def properties(override: Json) -> dict[str, Any]:
    return {one["id"]: one["value"] for one in override["properties"]}


def overrides(panel: Json) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is matched, and what it gets."""
    for one in panel.get("fieldConfig", {}).get("overrides", []):
        yield str(one["matcher"]["options"]), properties(one)


def steps(panel: Json) -> dict[str, Json]:
    return {one["id"]: one["options"] for one in panel.get("transformations", [])}


def texts(value: Any) -> Iterator[str]:
    """Everything that is read on a page, but for queries and addresses."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("expr", "query", "url", "uid", "regex", "definition"):
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


# ---- the checks ------------------------------------------------------------------------------------------------
def a_history_has_the_colours_of_the_states(dashboard: Json) -> Iterator[str]:
    """By thresholds Grafana merges what is alike into ranges of thresholds: all grey, with the text “-∞+”."""
    for panel in panels(dashboard, "state-timeline"):
        defaults = panel["fieldConfig"]["defaults"]
        if defaults.get("color", {}).get("mode") != "fixed":
            yield f"{panel['title']}: its colours are not those of the mappings"
        looks = [look for one in defaults.get("mappings", []) for look in one["options"].values()]
        if not looks or not all(look.get("color") for look in looks):
            yield f"{panel['title']}: a state has no colour"
        if panel["fieldConfig"]["defaults"].get("custom", {}).get("fillOpacity", 100) != 100:
            yield f"{panel['title']}: its bars are mixed with the background"


def a_number_stands_below_its_own_name(dashboard: Json) -> Iterator[str]:
    """A wide panel would put it beside the name of the next one."""
    for panel in panels(dashboard, "stat"):
        if panel["options"].get("wideLayout") is not False:
            yield f"{panel['title']}: names and numbers are side by side"


def a_name_of_a_number_is_large_enough(dashboard: Json) -> Iterator[str]:
    """The sizes that Grafana finds by itself left the strip of time with names of 7 pixels."""
    for panel in panels(dashboard, "stat"):
        sizes = panel["options"].get("text", {})
        if sizes.get("titleSize", 0) < 14 or sizes.get("valueSize", 0) < 28:
            yield f"{panel['title']}: {sizes}"


def no_text_stands_in_the_empty_cells_of_a_table(dashboard: Json) -> Iterator[str]:
    """`noValue` is written into every cell without a figure, not only into an empty table."""
    for panel in panels(dashboard, "table"):
        if "noValue" in json.dumps(panel["fieldConfig"]):
            yield f"{panel['title']}: noValue"
        if not re.search("表为空：|An empty table: ", panel.get("description", "")):
            yield f"{panel['title']}: does not say why it may be empty"


def live_is_the_default(dashboard: Json) -> Iterator[str]:
    """Without a current value the data source that is first by name is taken."""
    first = dashboard["templating"]["list"][0]
    if (first["type"], first["name"]) != ("datasource", "datasource"):
        yield "the data source is not the first choice"
    # Grafana's own word for its default data source; `text` must be the same, else it is no choice
    elif first.get("current") != {"text": "default", "value": "default"}:
        yield f"the data source is {first.get('current')}"


def links_keep_time_data_source_and_variables(dashboard: Json) -> Iterator[str]:
    for link in dashboard["links"]:
        names = {one["name"] for one in dashboard["templating"]["list"]} - {"datasource"}
        explicit = set(re.findall(r"\$\{(\w+):queryparam\}", link.get("url", "")))
        other_source = link.get("url", "").partition("?")[2].startswith("var-datasource=history&refresh=1d")
        if not link["keepTime"] or not (link["includeVars"] or (other_source and explicit == names)):
            yield f"{link['title']} forgets time or variables"
    for url in re.findall(r'"url": "(/d/[^"]*)"', json.dumps(dashboard["panels"])):
        if "?${__url_time_range}&var-datasource=${datasource}" not in url:
            yield f"{url} forgets time or data source"


def a_link_passes_on_codes_not_names(dashboard: Json) -> Iterator[str]:
    """`__data.fields` of a column gives what its cell shows: with mappings the name, which no variable has."""
    for panel in panels(dashboard, "table"):
        named = {name for name, one in overrides(panel) if one.get("mappings")}
        for name in set(re.findall(r'__data\.fields\[\\"(\w+)\\"\]', json.dumps(panel))) & named:
            yield f"{panel['title']}: the name of {name}"


def working_time_is_not_shown_in_days_of_24_hours(dashboard: Json) -> Iterator[str]:
    """Grafana's units of time know days of 24 hours only, and months of them."""
    wrong = {"s", "m", "h", "d", "dtdurations", "dtdurationms", "dthms", "dtdhms", "clocks", "clockms"}
    for panel in panels(dashboard):
        defaults = panel.get("fieldConfig", {}).get("defaults", {})
        for unit in [defaults.get("unit"), *(one.get("unit") for _, one in overrides(panel))]:
            if unit in wrong:
                yield f"{panel['title']}: {unit}"


_IN_FONTS = "✓✗∅"
"""In Grafana's own font. Beside them what every Chinese font has (GB 2312), and every Western one (code page 1252)."""


def _is_in(sign: str, encoding: str) -> bool:
    try:
        sign.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def every_font_has_the_signs(dashboard: Json) -> Iterator[str]:
    for text in texts(dashboard):
        for sign in text:
            if sign not in _IN_FONTS and not (_is_in(sign, "gb2312") or _is_in(sign, "cp1252")):
                yield f"{sign!r} in {text!r}"


def a_table_has_the_rows_of_its_first_query_only(dashboard: Json) -> Iterator[str]:
    """An outer join adds a row for each key that another query has: a unit with cards and no figure."""
    for panel in panels(dashboard, "table"):
        if "joinByField" not in steps(panel):
            continue
        key = steps(panel)["joinByField"]["byField"]
        for target in panel["targets"][1:]:
            if not re.search(rf" and on \({key}\) \(.+\)$", target["expr"], re.DOTALL):
                yield f"{panel['title']} {target['refId']}: may add rows"


def what_changed_is_another_state(dashboard: Json) -> Iterator[str]:
    """The record of midnight and that of now are not of one moment: “met → met” was seen."""
    for panel in panels(dashboard, "table"):
        for target in panel["targets"]:
            if "kpi_state_at_midnight" in target["expr"] and " != on (kpi, unit, window) " not in target["expr"]:
                yield f"{panel['title']} {target['refId']}"


def every_panel_says_in_words_what_it_shows(dashboard: Json) -> Iterator[str]:
    for panel in panels(dashboard):
        said = panel.get("description", "")
        if len(said) < 20 or not re.search("口径|[Cc]omputed", said):
            yield f"{panel['title']}: {said!r}"


def a_table_has_few_columns_and_one_of_values(dashboard: Json) -> Iterator[str]:
    """Two columns for one figure left every second cell empty. The issue names ten of the ten worst."""
    for panel in panels(dashboard, "table"):
        titles = list(steps(panel)["organize"]["renameByName"].values())
        unseen = {name for name, one in overrides(panel) if one.get("custom.hidden")}
        seen = [title for title in titles if title not in unseen]
        if len(seen) > (10 if re.search("十项|Ten farthest", panel["title"]) else 7):
            yield f"{panel['title']}: {seen}"
        if {"占比", "Share"} & set(seen):
            yield f"{panel['title']}: a column of shares beside one of figures"
        measured = [title for title in seen if title in ("计量单位", "Counted in")]
        figures = [title for title in seen if title in ("完成值", "Figure", "已完成", "Done", "平均", "Mean")]
        if len(figures) != len(measured):
            yield f"{panel['title']}: {figures} without what they are counted in"


def numbers_stand_before_names(dashboard: Json) -> Iterator[str]:
    """A phone shows the first columns of a table."""
    for panel in panels(dashboard, "table"):
        wrapped = {name for name, one in overrides(panel) if one.get("custom.cellOptions", {}).get("wrapText")}
        states = {name for name, one in overrides(panel) if "color-background" in json.dumps(one)}
        titles = list(steps(panel)["organize"]["renameByName"].values())
        unseen = {name for name, one in overrides(panel) if one.get("custom.hidden")}
        shown = [(name, one) for name, one in overrides(panel) if name in titles and name not in unseen]
        numbers = [titles.index(name) for name, one in shown if "decimals" in one and "mappings" not in one]
        names = [titles.index(name) for name in wrapped - states if name in titles]
        if numbers and names and min(numbers) > min(names):
            yield f"{panel['title']}: {titles}"


def percentages_have_two_digits(dashboard: Json) -> Iterator[str]:
    """Figures that are judged are not of Grafana's unit: they come as they are read (`metrics.SHOWN`)."""
    for panel in panels(dashboard):
        for name, one in overrides(panel):
            if one.get("unit") == "percentunit" and one.get("decimals") != 2:
                yield f"{panel['title']} {name}: {one}"
        for target in panel.get("targets", []):
            if "kpi_value" in target["expr"].replace("kpi_value_shown", "") and panel["type"] != "timeseries":
                yield f"{panel['title']} {target['refId']}: the figure is rounded by Grafana"


def it_is_asked_rarely_enough(dashboard: Json) -> Iterator[str]:
    most = {"kpiwatch-overview": 25, "kpiwatch-promise": 32}
    asked = sum(len(panel.get("targets", [])) for panel in panels(dashboard))
    if asked > most.get(dashboard["uid"].removesuffix("-en"), 30):
        yield f"{asked} queries"
    if dashboard["refresh"] != "30s":
        yield f"asks again after {dashboard['refresh']}"


CHECKS: dict[Check, Json] = {
    a_history_has_the_colours_of_the_states: {
        "type": "state-timeline",
        "title": "",
        "fieldConfig": {"defaults": {"color": {"mode": "thresholds"}}},
    },
    a_number_stands_below_its_own_name: {"type": "stat", "title": "", "options": {}},
    a_name_of_a_number_is_large_enough: {"type": "stat", "title": "", "options": {"text": {"titleSize": 16}}},
    no_text_stands_in_the_empty_cells_of_a_table: {
        "type": "table",
        "title": "",
        "description": "表为空：无",
        "fieldConfig": {"defaults": {"noValue": "无"}},
    },
    live_is_the_default: {"templating": {"list": [{"type": "datasource", "name": "datasource"}]}},
    links_keep_time_data_source_and_variables: {
        "links": [{"title": "English", "keepTime": True, "includeVars": False}],
        "templating": {"list": []},
        "panels": [],
    },
    a_link_passes_on_codes_not_names: {
        "type": "table",
        "title": "",
        "links": [{"url": '/d/x?var-window=${__data.fields["window"]}'}],
        "fieldConfig": {
            "overrides": [{"matcher": {"options": "window"}, "properties": [{"id": "mappings", "value": [1]}]}]
        },
    },
    working_time_is_not_shown_in_days_of_24_hours: {
        "type": "stat",
        "title": "",
        "fieldConfig": {"defaults": {"unit": "dtdurations"}},
    },
    every_font_has_the_signs: {"type": "stat", "title": "⏸ 数据未更新"},
    a_table_has_the_rows_of_its_first_query_only: {
        "type": "table",
        "title": "",
        "transformations": [{"id": "joinByField", "options": {"byField": "unit"}}],
        "targets": [{"refId": "A", "expr": "a"}, {"refId": "B", "expr": "sum by (unit) (b)"}],
    },
    what_changed_is_another_state: {
        "type": "table",
        "title": "",
        "targets": [{"refId": "A", "expr": "now and on (kpi) unit:kpi_state_at_midnight:official"}],
    },
    every_panel_says_in_words_what_it_shows: {"type": "text", "title": "", "description": "各单位"},
    a_table_has_few_columns_and_one_of_values: {
        "type": "table",
        "title": "",
        "transformations": [{"id": "organize", "options": {"renameByName": {"a": "占比", "b": "完成值"}}}],
    },
    numbers_stand_before_names: {
        "type": "table",
        "title": "",
        "transformations": [{"id": "organize", "options": {"renameByName": {"a": "承诺", "b": "完成值"}}}],
        "fieldConfig": {
            "overrides": [
                {
                    "matcher": {"options": "承诺"},
                    "properties": [{"id": "custom.cellOptions", "value": {"type": "auto", "wrapText": True}}],
                },
                {"matcher": {"options": "完成值"}, "properties": [{"id": "decimals", "value": 2}]},
            ]
        },
    },
    percentages_have_two_digits: {"type": "table", "title": "", "targets": [{"refId": "A", "expr": "kpi_value{}"}]},
    it_is_asked_rarely_enough: {"uid": "kpiwatch-overview", "refresh": "10s", "panels": []},
}
"""Each check, with a panel or dashboard that has its fault."""

each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


@each_check
@pytest.mark.parametrize("name", COMMITTED)
def test_what_is_committed_has_no_fault_that_a_real_grafana_shows(check: Check, name: str) -> None:
    assert list(check(COMMITTED[name])) == []


@each_check
def test_each_check_finds_its_fault(check: Check) -> None:
    faulty = CHECKS[check]
    assert list(check({"panels": [faulty]} if "type" in faulty else faulty)) != []


# ---- contrast, in the dark theme and in the light one --------------------------------------------------------------
DARK, LIGHT = "#181b1f", "#ffffff"
"""Grafana's background of a panel."""


def luminance(colour: str) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def text_on(background: str) -> str:
    """As Grafana chooses it for a coloured cell or bar (`getTextColorForAlphaBackground`)."""
    red, green, blue = (int(background[place : place + 2], 16) for place in (1, 3, 5))
    return "#202226" if (red * 299 + green * 587 + blue * 114) / 1000 > 180 else "#f7f8fa"


@pytest.mark.parametrize("colour", [*COLOURS.values(), ASPIRED_COLOUR, RED_CARD, YELLOW_CARD])
def test_each_colour_can_be_read_as_a_cell_and_as_a_large_number_on_either_theme(colour: str) -> None:
    assert contrast(colour, text_on(colour)) >= 4.5
    assert min(contrast(colour, DARK), contrast(colour, LIGHT)) >= 3


def test_a_dimmed_zero_can_still_be_read() -> None:
    dimmed = {
        look["color"]
        for panel in itertools.chain.from_iterable(panels(one, "stat") for one in COMMITTED.values())
        for _, one in overrides(panel)
        for mapped in one.get("mappings", [])
        for value, look in mapped["options"].items()
        if value == "0" and look["text"] == "0"
    }
    assert dimmed
    assert all(min(contrast(colour, DARK), contrast(colour, LIGHT)) >= 3 for colour in dimmed)
