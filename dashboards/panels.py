"""The kinds of panel that the dashboards are made of, on top of the SDK's builders.

Half a screen is 12 columns wide; on a phone Grafana puts every panel below the one before, at full width, so that a
panel holds one answer and a table has the state first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Literal

from grafana_foundation_sdk.builders import common as common_builder
from grafana_foundation_sdk.builders import dashboard as dashboard_builder
from grafana_foundation_sdk.builders import prometheus as prometheus_builder
from grafana_foundation_sdk.builders import stat as stat_builder
from grafana_foundation_sdk.builders import statetimeline, table, timeseries
from grafana_foundation_sdk.builders import text as text_builder
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, text
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.dashboard import Panel as BuiltPanel
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.page import Page
from dashboards.states import mapping

Panel = Builder[BuiltPanel]

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

Shown = Literal["state", "percent", "number", "count", "moment", "duration", "text"]
"""How a column is shown. Per cent have 4 digits after the point: a share has 6, and none is rounded into
compliance."""

_UNITS: dict[Shown, tuple[str, int | None]] = {
    "percent": ("percentunit", 4),
    "number": ("none", 2),
    "count": ("none", 0),
    "moment": ("dateTimeAsIso", None),
    "duration": ("dtdurations", 0),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a query of its own, or (`label`) a label of the table's first query."""

    title: str
    expr: str = ""
    label: str = ""
    shown: Shown = "count"
    links: tuple[tuple[str, str], ...] = ()
    """Title and address each."""
    mapping: ValueMap | None = None
    width: int | None = None
    hidden: bool = False
    """Asked for its labels only: its value, always 1, is not shown."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a stat panel, or a line of a graph."""

    title: str
    expr: str
    shown: Shown = "count"
    colour: str = ""
    mapping: ValueMap | None = None
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """How much of the page a panel takes: columns of 24, and rows."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Frame:
    """What every panel says of itself."""

    title: str
    place: Place
    about: str = ""
    """What it means, behind the small i."""
    empty: str = ""
    """What is said where there is nothing to show."""
    links: tuple[tuple[str, str], ...] = field(default=())


def tall(rows: int) -> int:
    """The height of a table of so many rows, up to a screenful; a longer one scrolls."""
    return min(4 + rows, 22)


def query_table(
    page: Page, frame: Frame, key: str, columns: Sequence[Column], sort: str = "", *, most_first: bool = False
) -> Panel:
    """A table with one row per value of `key`: the first query's labels, and each column's own query beside them.

    `sort`: the title of the column by which it is sorted: the least first, as with the ranks of states, or the most.
    """
    panel = table.Panel().title(frame.title).span(frame.place.width).height(frame.place.height)
    panel = panel.description(frame.about).datasource(DATASOURCE).no_value(frame.empty or _nothing(page))
    panel = panel.thresholds(_plain()).show_header(True).align(common.FieldTextAlignment.AUTO).inspect(False)
    asked = [column for column in columns if column.expr]
    for letter, column in zip(ascii_uppercase, asked, strict=False):
        panel = panel.with_target(_instant(letter, column.expr).format(PromQueryFormat.TABLE))
    shown = [column for column in columns if not column.hidden]
    names = _field_names(shown, asked)
    if len(asked) > 1:
        panel = panel.with_transformation(
            DataTransformerConfig(id_val="joinByField", options={"byField": key, "mode": "outer"})
        )
    panel = panel.with_transformation(
        DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": names}})
    )
    panel = panel.with_transformation(
        DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {},
                "indexByName": {name: place for place, name in enumerate(names)},
                "renameByName": {name: column.title for name, column in zip(names, shown, strict=True)},
            },
        )
    )
    for column in shown:
        panel = panel.override_by_name(column.title, _column_properties(page, column))
    if sort:
        panel = panel.sort_by([common_builder.TableSortByFieldState().display_name(sort).desc(most_first)])
    return panel


def _field_names(columns: Sequence[Column], asked: Sequence[Column]) -> list[str]:
    """As Grafana names the fields: labels by their name, values by their query where there are several."""
    if len(asked) == 1:
        return [column.label or "Value" for column in columns]
    letters = {id(column): letter for letter, column in zip(ascii_uppercase, asked, strict=False)}
    return [column.label or f"Value #{letters[id(column)]}" for column in columns]


def _column_properties(page: Page, column: Column) -> list[DynamicConfigValue]:
    found: list[DynamicConfigValue] = []
    mapped = mapping(page) if column.shown == "state" else column.mapping
    if mapped is not None:
        found.append(DynamicConfigValue("mappings", [mapped]))
        if all(result.color for result in mapped.options.values()):
            found.append(DynamicConfigValue("custom.cellOptions", _COLOURED_CELL))
    elif column.shown == "text":
        found.append(DynamicConfigValue("custom.cellOptions", common.TableAutoCellOptions(wrap_text=True)))
    found += [DynamicConfigValue(id_val, value) for id_val, value in _format(column.shown)]
    if column.links:
        found.append(DynamicConfigValue("links", [{"title": title, "url": url} for title, url in column.links]))
    width = column.width or (130 if column.shown == "state" else None)
    if width:
        found.append(DynamicConfigValue("custom.width", width))
    return found


_COLOURED_CELL = common.TableColoredBackgroundCellOptions(mode=common.TableCellBackgroundDisplayMode.BASIC)


def _format(shown: Shown) -> Iterable[tuple[str, object]]:
    unit, decimals = _UNITS.get(shown, ("", None))
    if unit:
        yield "unit", unit
    if decimals is not None:
        yield "decimals", decimals


def _instant(letter: str, expr: str) -> prometheus_builder.Dataquery:
    return prometheus_builder.Dataquery().ref_id(letter).expr(expr).instant()


def stat(page: Page, frame: Frame, figures: Sequence[Figure]) -> Panel:
    """Numbers, each with its name; a colour is given only beside a sign in the name or a mapped text."""
    panel = stat_builder.Panel().title(frame.title).span(frame.place.width).height(frame.place.height)
    panel = panel.description(frame.about).datasource(DATASOURCE).no_value(frame.empty or "–")
    panel = panel.reduce_options(common_builder.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.graph_mode(common.BigValueGraphMode.NONE).color_mode(common.BigValueColorMode.VALUE)
    panel = panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME).thresholds(_plain())
    for letter, figure in zip(ascii_uppercase, figures, strict=False):
        panel = panel.with_target(_instant(letter, figure.expr).legend_format(figure.title))
        panel = panel.override_by_query(letter, _figure_properties(page, figure))
    if frame.links:
        panel = panel.links([_panel_link(title, url) for title, url in frame.links])
    return panel


def _figure_properties(page: Page, figure: Figure) -> list[DynamicConfigValue]:
    found = [DynamicConfigValue("displayName", figure.title)] if figure.title else []
    mapped = mapping(page) if figure.shown == "state" else figure.mapping
    if mapped is not None:
        found.append(DynamicConfigValue("mappings", [mapped]))
    if figure.colour:
        found.append(DynamicConfigValue("color", {"mode": "fixed", "fixedColor": figure.colour}))
    return found + [DynamicConfigValue(id_val, value) for id_val, value in _format(figure.shown)]


def graph(page: Page, frame: Frame, figures: Sequence[Figure]) -> Panel:
    """Lines over time; a line without a title is named by the labels of its series: put `{{label}}` in the title."""
    panel = timeseries.Panel().title(frame.title).span(frame.place.width).height(frame.place.height)
    panel = panel.description(_with_time_axis(page, frame.about)).datasource(DATASOURCE)
    panel = panel.show_points(common.VisibilityMode.NEVER).fill_opacity(0).line_width(2)
    panel = panel.no_value(frame.empty or _nothing(page))
    legend = common_builder.VizLegendOptions().display_mode(common.LegendDisplayMode.LIST)
    panel = panel.legend(legend.placement(common.LegendPlacement.BOTTOM).show_legend(True))
    for letter, figure in zip(ascii_uppercase, figures, strict=False):
        query = prometheus_builder.Dataquery().ref_id(letter).expr(figure.expr).range()
        panel = panel.with_target(query.legend_format(figure.title))
        properties = [DynamicConfigValue(id_val, value) for id_val, value in _format(figure.shown)]
        if figure.colour:
            properties.append(DynamicConfigValue("color", {"mode": "fixed", "fixedColor": figure.colour}))
        if figure.dashed:
            properties.append(DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}))
        panel = panel.override_by_query(letter, properties)
    return panel


def timeline(page: Page, frame: Frame, expr: str, legend: str) -> Panel:
    """States over time, a line per series; the word is in the bar."""
    panel = statetimeline.Panel().title(frame.title).span(frame.place.width).height(frame.place.height)
    panel = panel.description(_with_time_axis(page, frame.about)).datasource(DATASOURCE)
    panel = panel.with_target(prometheus_builder.Dataquery().ref_id("A").expr(expr).range().legend_format(legend))
    panel = panel.mappings([mapping(page)]).show_value(common.VisibilityMode.AUTO).merge_values(True)
    panel = panel.thresholds(_plain()).per_page(20).row_height(0.85).line_width(0).fill_opacity(80)
    return panel.color_scheme(dashboard_builder.FieldColor().mode(FieldColorModeId.THRESHOLDS))


def words(frame: Frame, markdown: str) -> Panel:
    """A text; variables in it are filled in."""
    panel = text_builder.Panel().title(frame.title).span(frame.place.width).height(frame.place.height)
    return panel.mode(text.TextMode.MARKDOWN).content(markdown)


def yes_or_no(page: Page, yes: tuple[str, str], no: tuple[str, str]) -> ValueMap:
    """1 and 0 as a sign and words in both languages; 1 is what needs somebody."""
    return ValueMap(
        {
            "0": ValueMappingResult(text=f"✓ {page.say(*no)}", color="#37872D", index=0),
            "1": ValueMappingResult(text=f"✗ {page.say(*yes)}", color="#C4162A", index=1),
        }
    )


def _nothing(page: Page) -> str:
    """Where the exporter does not answer nothing is known: then the strip at the top is empty, too."""
    return page.say("无（页首须有数据）", "none (if the top shows figures)")


def _with_time_axis(page: Page, about: str) -> str:
    """Live samples carry real time, also where the plan's clock is a simulated one; backfilled ones the plan's."""
    axis = page.say(
        "时间轴是计划时间还是采样的真实时间，见页首“时间轴”。",
        "Whether the time axis is the plan's time or the real time of the samples: “time axis” at the top says it.",
    )
    return f"{about} {axis}".strip()


def _panel_link(title: str, url: str) -> dashboard_builder.DashboardLink:
    return dashboard_builder.DashboardLink(title).url(url)


def _plain() -> dashboard_builder.ThresholdsConfig:
    """No threshold of Grafana's own: the state comes from the domain."""
    return (
        dashboard_builder.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value=None, color="text")])
    )
