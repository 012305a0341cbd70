"""Grafana's layout by hand: how large panels, numbers and columns are on a screen, and whether their texts fit.

The sizes are those of Grafana 12: a grid of 24 columns, rows of 30 pixels with gaps of 8; a panel has a header of 32
and a padding of 8, a big number one of 8 or 12. A text is as wide as its signs: a Chinese one as its size, another 0.6
of it.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

ROW, GAP, COLUMNS, PAGE_PADDING = 30, 8, 24, 16
PHONE_BELOW = 769
"""Below this width every panel is as wide as the screen."""
HEADER, PADDING, BORDER = 32, 8, 1
LINE = 1.2
CELL_FONT, CELL_LINE, CELL_PADDING, TABLE_HEADER, COLUMN_AT_LEAST = 14, 22, 6, 28, 150
SORT_ICON = 22


@dataclass(frozen=True)
class Box:
    """Width and height in pixels."""

    width: float
    height: float


@dataclass(frozen=True)
class Figure:
    """A number with its name."""

    name: str
    value: str
    """As long as it gets."""


def text_width(text: str, size: float) -> float:
    return sum(size if unicodedata.east_asian_width(sign) in "WF" else 0.6 * size for sign in text)


def lines(text: str, size: float, width: float) -> int:
    """How many lines a text takes that may break between its signs, or words."""
    return max(1, math.ceil(text_width(text, size) / width))


def bottom(dashboard: Json) -> float:
    """The height of a dashboard on a wide screen."""
    rows: int = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    return rows * (ROW + GAP) - GAP


def outside(panel: Json, screen: int) -> Box:
    """A panel with its frame. `screen`: its width."""
    place, whole = panel["gridPos"], screen - 2 * PAGE_PADDING
    column = (whole - GAP * (COLUMNS - 1)) / COLUMNS
    width = whole if screen < PHONE_BELOW else place["w"] * column + (place["w"] - 1) * GAP
    return Box(width, place["h"] * (ROW + GAP) - GAP)


def inside(panel: Json, screen: int) -> Box:
    """What a panel has for its content."""
    box, frame = outside(panel, screen), 2 * (PADDING + BORDER)
    return Box(box.width - frame, box.height - frame - (HEADER if panel["title"] else 0))


def grid(box: Box, many: int) -> Box:
    """The place of each of several numbers (`calculateGridDimensions`)."""
    square = max(_square(box.width, box.height, many), _square(box.height, box.width, many))
    rows = math.ceil(many / max(1, math.floor(box.width / square)))
    columns = math.ceil(many / rows)
    return Box(box.width / columns - GAP + GAP / columns, box.height / rows - GAP + GAP / rows)


def _square(width: float, height: float, many: int) -> float:
    parts = math.ceil(math.sqrt(many * width / height))
    if math.floor(parts * height / width) * parts < many:
        return height / math.ceil(parts * height / width)
    return width / parts


_LONGEST = {"percentunit": "100.00%", "time:YYYY-MM-DD HH:mm": "2021-10-04 13:00"}


def figures(panel: Json) -> Iterator[Figure]:
    """The numbers of a stat panel, each as long as it gets."""
    overrides = {one["matcher"]["options"]: _properties(one) for one in panel["fieldConfig"]["overrides"]}
    for target in panel["targets"]:
        of_query = overrides.get(target["refId"], {})
        together = re.findall(r', "named", "([^"]+)", "", ""\)', target["expr"])
        for name in together or [of_query.get("displayName", target["legendFormat"])]:
            measured = " · 分钟（办公时间）" if "{{measured}}" in target["legendFormat"] else ""
            yield Figure(name + measured, _longest(of_query | overrides.get(name, {})))


def _properties(override: Json) -> Json:
    return {one["id"]: one["value"] for one in override["properties"]}


def _longest(of: Json) -> str:
    texts: list[str] = [look["text"] for mapped in of.get("mappings", []) for look in mapped["options"].values()]
    number = _LONGEST.get(of.get("unit", ""), "9999" + ("." + "9" * of["decimals"] if of.get("decimals") else ""))
    return max([*texts, "" if texts and texts != ["0"] else number], key=lambda text: text_width(text, 1))


def stat_faults(panel: Json, screen: int) -> Iterator[str]:
    """Which number or name of a stat panel is cut off."""
    shown = list(figures(panel))
    cell, sizes = grid(inside(panel, screen), len(shown)), panel["options"]["text"]
    padding = 12 if cell.height > 100 else 8
    room = Box(cell.width - 2 * padding, cell.height - 2 * padding)
    for figure in shown:
        # a number stays on its line, a name or a word breaks
        words = not re.fullmatch(r"[0-9.%: -]+", figure.value)
        of_value = lines(figure.value, sizes["valueSize"], room.width) if words else 1
        height = LINE * (
            lines(figure.name, sizes["titleSize"], room.width) * sizes["titleSize"] + of_value * sizes["valueSize"]
        )
        if height > room.height + 1 or (not words and text_width(figure.value, sizes["valueSize"]) > room.width):
            yield f"{panel['title']!r} {figure}: {height:.0f} of {room.height:.0f} high, in {room.width:.0f}"


@dataclass(frozen=True)
class Shown:
    """A column of a table: its title, how wide it is, what it shows."""

    title: str
    width: float
    of: Json


def columns(panel: Json, screen: int) -> list[Shown]:
    """The columns that are seen, from the left."""
    (order,) = (one["options"] for one in panel["transformations"] if one["id"] == "organize")
    of = {one["matcher"]["options"]: _properties(one) for one in panel["fieldConfig"]["overrides"]}
    titles = [title for title in order["renameByName"].values() if not of.get(title, {}).get("custom.hidden")]
    fixed = {title: of.get(title, {}).get("custom.width", 0) for title in titles}
    free = sum(not width for width in fixed.values())
    left = inside(panel, screen).width - sum(fixed.values())
    least = {title: of.get(title, {}).get("custom.minWidth", COLUMN_AT_LEAST) for title in titles}
    return [Shown(one, fixed[one] or max(least[one], left / free), of.get(one, {})) for one in titles]


def table_faults(panel: Json, screen: int) -> Iterator[str]:
    """Which title or mapped text of a table is cut off."""
    sorted_by = {one["displayName"] for one in panel["options"].get("sortBy", [])}
    for column in columns(panel, screen):
        room = column.width - 2 * CELL_PADDING
        if text_width(column.title, CELL_FONT) + (SORT_ICON if column.title in sorted_by else 0) > room:
            yield f"{panel['title']!r}: the title {column.title} in {room:.0f}"
        may_wrap = column.of.get("custom.cellOptions", {}).get("wrapText")
        for mapped in column.of.get("mappings", []):
            for look in mapped["options"].values():
                if lines(look["text"], CELL_FONT, room) > (4 if may_wrap else 1):
                    yield f"{panel['title']!r}: {look['text']} in {room:.0f}"


def faults(dashboard: Json, screen: int) -> list[str]:
    """All that is cut off on a screen of that width."""
    found = []
    for panel in dashboard["panels"]:
        room = outside(panel, screen).width - 2 * PADDING - 24  # beside the small i
        title = re.sub(r"\$\{?\w+(:text)?\}?", "小型项目供水接入", panel["title"])
        if text_width(title, CELL_FONT) > room:
            found.append(f"the title {panel['title']} in {room:.0f}")
        found += {"stat": stat_faults, "table": table_faults}.get(panel["type"], lambda *_: ())(panel, screen)
    return found
