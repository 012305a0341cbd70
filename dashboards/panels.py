"""The kinds of panel that the dashboards are made of, on top of the SDK's builders.

Half a screen is 12 columns wide; on a phone Grafana puts every panel below the one before, at full width, so that a
panel holds one answer and a table has the state first.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Literal
from unicodedata import east_asian_width

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
    GridPos,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.dashboard import Panel as BuiltPanel
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.page import Page
from dashboards.states import GREEN, RED, mapping
from services.catalog.words.misses import EXCEEDED, NO_MISSES

Panel = Builder[BuiltPanel]

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

Shown = Literal["state", "percent", "number", "count", "moment", "hours", "working_days", "text"]
"""How a figure is shown. A `number` is the figure as it is read (`metrics.SHOWN`) or an amount of no promise; `percent`
is of a share that nothing is judged by. `hours` are hours, `working_days` working days."""

_UNITS: dict[Shown, tuple[str, int | None]] = {
    "percent": ("percentunit", 2),
    "number": ("none", 2),
    "count": ("none", 0),
    "moment": ("time:YYYY-MM-DD HH:mm", None),
    "hours": ("none", 1),
    "working_days": ("none", 1),
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
    unseen: bool = False
    """Not shown, but links of the row pass it on."""
    zero: bool = False
    """Counts: 0 where the table's first query has a row and this one has none."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a stat panel, or a line of a graph."""

    title: str
    expr: str
    shown: Shown = "count"
    colour: str = ""
    mapping: ValueMap | None = None
    dashed: bool = False
    dimmed: bool = False
    """A 0 is shown in grey: nothing to look at."""
    links: tuple[tuple[str, str], ...] = ()
    """Title and address each: where the number leads."""


@dataclass(frozen=True, slots=True)
class Together:
    """Figures that one query asks for, in their order, and that are shown alike: a page of many numbers would ask as
    often as it has numbers."""

    figures: tuple[Figure, ...]
    measured: str = ""
    """Series by kpi with the label MEASURED: then each figure's series have the label kpi, and the legend says behind
    the title in what they are counted. Else each gives one series without labels."""

    @property
    def expr(self) -> str:
        """The figures' series, each with its title in the label NAMED."""
        each = " or ".join(f'label_replace({one.expr}, "{NAMED}", "{one.title}", "", "")' for one in self.figures)
        return f"({each}) * on (kpi) group_left ({MEASURED}) {self.measured}" if self.measured else each

    @property
    def legend(self) -> str:
        """What stands over each number."""
        return f"{{{{{NAMED}}}}} · {{{{{MEASURED}}}}}" if self.measured else f"{{{{{NAMED}}}}}"

    @property
    def shown(self) -> Shown:
        """How they are shown."""
        return self.figures[0].shown


Asked = Figure | Together

NAMED = "named"
"""The label that `Together` adds."""
MEASURED = "measured"
"""The label of `queries.measured`: in what the figures of a promise are counted."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the texts of a stat panel, in pixels: the sizes that Grafana finds by itself leave names too small."""

    name: int = 16
    value: int = 28


@dataclass(frozen=True, slots=True)
class Place:
    """How much of the page a panel takes: columns of 24, and rows; and where, if not behind the one before."""

    width: int
    height: int
    x: int = 0
    y: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """What every panel says of itself."""

    title: str
    place: Place
    about: str = ""
    """What it means and how it is computed, behind the small i."""
    empty: str = ""
    """What is said where there is nothing to show."""
    links: tuple[tuple[str, str], ...] = field(default=())


def tall(rows: int) -> int:
    """The height of a table of so many rows, up to a screenful; a longer one scrolls."""
    return min(4 + rows, 22)


@dataclass(frozen=True, slots=True)
class Order:
    """How the rows of a table are sorted."""

    title: str = ""
    """Of the column by which they are."""
    most_first: bool = False


def query_table(
    page: Page, frame: Frame, key: str, columns: Sequence[Column], order: Order = Order(), rows: str = ""
) -> Panel:
    """A table with one row per value of `key`: the first query's labels, and each column's own query beside them.

    `rows`: series with the label `key`, one for each row of the first query, where these are cheaper to ask for. A
    column has cells in those rows only: an outer join would add a row for each other key.
    """
    panel = table.Panel().title(frame.title).grid_pos(_at(frame.place))
    panel = panel.description(_with_reason(page, frame)).datasource(DATASOURCE)
    panel = panel.thresholds(_plain()).show_header(True).align(common.FieldTextAlignment.AUTO).inspect(False)
    asked = [column for column in columns if column.expr]
    there = rows or asked[0].expr
    for letter, column in zip(ascii_uppercase, asked, strict=False):
        expr = column.expr if column is asked[0] else _beside(column, key, there)
        panel = panel.with_target(_instant(letter, expr).format(PromQueryFormat.TABLE))
    shown = [column for column in columns if not column.hidden]
    for step, options in _steps(key, shown, asked):
        panel = panel.with_transformation(DataTransformerConfig(id_val=step, options=options))
    for column in shown:
        panel = panel.override_by_name(column.title, _column_properties(page, column))
    if order.title:
        panel = panel.sort_by([common_builder.TableSortByFieldState().display_name(order.title).desc(order.most_first)])
    return panel


def _steps(key: str, shown: Sequence[Column], asked: Sequence[Column]) -> Iterator[tuple[str, dict[str, object]]]:
    """What Grafana does with the answers: one table of them, with these columns, in this order, under these titles."""
    names = _field_names(shown, asked)
    if len(asked) > 1:
        yield "joinByField", {"byField": key, "mode": "outer"}
    yield "filterFieldsByName", {"include": {"names": names}}
    order = {
        "excludeByName": {},
        "indexByName": {name: place for place, name in enumerate(names)},
        "renameByName": {name: column.title for name, column in zip(names, shown, strict=True)},
    }
    yield "organize", dict(order)


def _beside(column: Column, key: str, there: str) -> str:
    """The query of a further column, in the rows of the first one."""
    expr = f"({column.expr} or 0 * max by ({key}) ({there}))" if column.zero else f"({column.expr})"
    return f"{expr} and on ({key}) ({there})"


def _with_reason(page: Page, frame: Frame) -> str:
    """What a table shows, and why it may be empty: cells without a figure stay empty, so no text stands for them."""
    reason = frame.empty or page.say(
        "没有符合条件的内容；页首也没有数据的，为系统此刻没有数据。",
        "there is no such row; if the top of the page is empty, too, there are no figures at this time.",
    )
    return f"{frame.about}{page.say('表为空：', ' An empty table: ')}{reason}".strip()


def _field_names(columns: Sequence[Column], asked: Sequence[Column]) -> list[str]:
    """As Grafana names the fields: labels by their name, values by their query where there are several."""
    if len(asked) == 1:
        return [column.label or "Value" for column in columns]
    letters = {id(column): letter for letter, column in zip(ascii_uppercase, asked, strict=False)}
    return [column.label or f"Value #{letters[id(column)]}" for column in columns]


def _column_properties(page: Page, column: Column) -> list[DynamicConfigValue]:
    found: list[DynamicConfigValue] = []
    mapped = column.mapping or (mapping(page) if column.shown == "state" else None)
    if mapped is not None:
        found.append(DynamicConfigValue("mappings", [mapped]))
    if looks := _looks_of_cells(column, mapped):
        found.append(DynamicConfigValue("custom.cellOptions", looks))
    found += [DynamicConfigValue(id_val, value) for id_val, value in _format(column.shown)]
    if column.links:
        found.append(_links(column.links))
    if column.unseen:
        found.append(DynamicConfigValue("custom.hidden", True))
    elif width := _width(column):
        found.append(DynamicConfigValue("custom.width", width))
    elif (least := _title_width(column)) > _AT_LEAST:
        found.append(DynamicConfigValue("custom.minWidth", least))
    return found


def _looks_of_cells(
    column: Column, mapped: ValueMap | None
) -> common.TableColoredBackgroundCellOptions | common.TableAutoCellOptions | None:
    """Coloured where each text has a colour; words go on on the next line, and the row grows."""
    if mapped is not None and all(result.color for result in mapped.options.values()):
        return _COLOURED_CELL
    return common.TableAutoCellOptions(wrap_text=True) if column.label or column.shown == "text" else None


def _width(column: Column) -> int:
    """In pixels, at least as much as its title takes; 0: what the others leave. Names have no width of their own."""
    wanted = column.width or ("" if column.label else column.shown) and _WIDTHS.get(column.shown, 0)
    return max(wanted, _title_width(column)) if wanted else 0


def _title_width(column: Column) -> int:
    """What the title takes, with the padding of a cell and the sign of sorting."""
    return round(sum(14 if east_asian_width(sign) in "WF" else 8.4 for sign in column.title)) + 36


_AT_LEAST = 150
"""The width that Grafana gives to a column without one."""


_WIDTHS: dict[Shown, int] = {"state": 130, "number": 90, "percent": 90, "count": 90, "moment": 150}
_COLOURED_CELL = common.TableColoredBackgroundCellOptions(
    mode=common.TableCellBackgroundDisplayMode.BASIC, wrap_text=True
)


def _links(links: tuple[tuple[str, str], ...]) -> DynamicConfigValue:
    return DynamicConfigValue("links", [{"title": title, "url": url} for title, url in links])


def _format(shown: Shown) -> Iterable[tuple[str, object]]:
    unit, decimals = _UNITS.get(shown, ("", None))
    if unit:
        yield "unit", unit
    if decimals is not None:
        yield "decimals", decimals


def _instant(letter: str, expr: str) -> prometheus_builder.Dataquery:
    return prometheus_builder.Dataquery().ref_id(letter).expr(expr).instant()


def stat(page: Page, frame: Frame, asked: Sequence[Asked], sizes: Sizes = Sizes()) -> Panel:
    """Numbers, each below its name; a colour is given only beside a sign in the name or a mapped text."""
    panel = stat_builder.Panel().title(frame.title).grid_pos(_at(frame.place))
    panel = panel.description(frame.about).datasource(DATASOURCE).no_value(frame.empty or "–")
    panel = panel.reduce_options(common_builder.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.graph_mode(common.BigValueGraphMode.NONE).color_mode(common.BigValueColorMode.VALUE)
    panel = panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME).thresholds(_plain()).wide_layout(False)
    panel = panel.text(common_builder.VizTextDisplayOptions().title_size(sizes.name).value_size(sizes.value))
    for letter, one in zip(ascii_uppercase, asked, strict=False):
        if isinstance(one, Together):
            panel = panel.with_target(_instant(letter, one.expr).legend_format(one.legend))
            panel = panel.override_by_query(letter, [DynamicConfigValue(*each) for each in _format(one.shown)])
            for figure in one.figures:
                if properties := _figure_properties(page, figure):
                    panel = panel.override_by_name(figure.title, properties)
        else:
            panel = panel.with_target(_instant(letter, one.expr).legend_format(one.title))
            named = [DynamicConfigValue("displayName", one.title)] if one.title else []
            formats = [DynamicConfigValue(*each) for each in _format(one.shown)]
            panel = panel.override_by_query(letter, [*named, *_figure_properties(page, one), *formats])
    if frame.links:
        panel = panel.links([_panel_link(title, url) for title, url in frame.links])
    return panel


DIMMED = "#808080"
"""Of a 0 that asks for nothing: large enough to be read on either theme."""


def _figure_properties(page: Page, figure: Figure) -> list[DynamicConfigValue]:
    """What a figure has of its own, beside its name and its format."""
    found = []
    mapped = mapping(page) if figure.shown == "state" else figure.mapping
    if figure.dimmed:
        mapped = ValueMap({"0": ValueMappingResult(text="0", color=DIMMED, index=0)})
    if mapped is not None:
        found.append(DynamicConfigValue("mappings", [mapped]))
    if figure.colour:
        found.append(DynamicConfigValue("color", {"mode": "fixed", "fixedColor": figure.colour}))
    if figure.links:
        found.append(_links(figure.links))
    return found


def graph(page: Page, frame: Frame, asked: Sequence[Asked]) -> Panel:
    """Lines over time; a line without a title is named by the labels of its series: put `{{label}}` in the title."""
    panel = timeseries.Panel().title(frame.title).grid_pos(_at(frame.place))
    panel = panel.description(_with_time_axis(page, frame.about)).datasource(DATASOURCE)
    panel = panel.show_points(common.VisibilityMode.NEVER).fill_opacity(0).line_width(2)
    panel = panel.no_value(frame.empty or _nothing(page))
    legend = common_builder.VizLegendOptions().display_mode(common.LegendDisplayMode.LIST)
    panel = panel.legend(legend.placement(common.LegendPlacement.BOTTOM).show_legend(True))
    for letter, one in zip(ascii_uppercase, asked, strict=False):
        query = prometheus_builder.Dataquery().ref_id(letter).expr(one.expr).range()
        formats = [DynamicConfigValue(*each) for each in _format(one.shown)]
        if isinstance(one, Together):
            panel = panel.with_target(query.legend_format(one.legend)).override_by_query(letter, formats)
            for figure in one.figures:
                panel = panel.override_by_regexp(f"/^{figure.title}/", _line_properties(figure))
        else:
            panel = panel.with_target(query.legend_format(one.title))
            panel = panel.override_by_query(letter, [*formats, *_line_properties(one)])
    return panel


def _line_properties(figure: Figure) -> list[DynamicConfigValue]:
    found = []
    if figure.colour:
        found.append(DynamicConfigValue("color", {"mode": "fixed", "fixedColor": figure.colour}))
    if figure.dashed:
        found.append(DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}))
    return found


def timeline(page: Page, frame: Frame, expr: str, legend: str) -> Panel:
    """States over time, a line per series; the word is in the bar."""
    panel = statetimeline.Panel().title(frame.title).grid_pos(_at(frame.place))
    panel = panel.description(_with_time_axis(page, frame.about)).datasource(DATASOURCE)
    panel = panel.with_target(prometheus_builder.Dataquery().ref_id("A").expr(expr).range().legend_format(legend))
    panel = panel.mappings([mapping(page)]).show_value(common.VisibilityMode.AUTO).merge_values(True)
    panel = panel.thresholds(_plain()).per_page(20).row_height(0.85).line_width(0).fill_opacity(100)
    # by thresholds Grafana merges values into ranges of these, all grey; a fixed colour leaves those of the mapping
    return panel.color_scheme(dashboard_builder.FieldColor().mode(FieldColorModeId.FIXED).fixed_color("text"))


def words(frame: Frame, markdown: str) -> Panel:
    """A text; variables in it are filled in."""
    panel = text_builder.Panel().title(frame.title).grid_pos(_at(frame.place))
    return panel.description(frame.about).mode(text.TextMode.MARKDOWN).content(markdown)


def yes_or_no(page: Page, yes: tuple[str, str], no: tuple[str, str]) -> ValueMap:
    """1 and 0 as a sign and words in both languages; 1 is what needs somebody."""
    return ValueMap(
        {
            "0": ValueMappingResult(text=f"✓ {page.say(*no)}", color=GREEN, index=0),
            "1": ValueMappingResult(text=f"✗ {page.say(*yes)}", color=RED, index=1),
        }
    )


def pace_words(page: Page) -> ValueMap:
    """A pace that is no figure in words: 0, and +Inf, which a browser calls Infinity."""
    return ValueMap(
        {
            "0": ValueMappingResult(text=page.name(NO_MISSES), index=0),
            "Infinity": ValueMappingResult(text=page.name(EXCEEDED), index=1),
        }
    )


def _nothing(page: Page) -> str:
    """Where the exporter does not answer nothing is known: then the strip at the top is empty, too."""
    return page.say("无（页首也没有数据的，为数据缺失）", "none (if the top shows figures)")


def _with_time_axis(page: Page, about: str) -> str:
    """Live samples carry real time, also where the plan's clock is a simulated one; backfilled ones the plan's."""
    axis = page.say(
        "时间轴为系统时间还是实际时间，见页首“时间轴”。",
        " Whether the time axis is the plan's time or the real time of the samples: “time axis” at the top says it.",
    )
    return f"{about}{axis}".strip()


def _panel_link(title: str, url: str) -> dashboard_builder.DashboardLink:
    return dashboard_builder.DashboardLink(title).url(url)


def _at(place: Place) -> GridPos:
    return GridPos(h=place.height, w=place.width, x=place.x, y=place.y)


def _plain() -> dashboard_builder.ThresholdsConfig:
    """No threshold of Grafana's own: the state comes from the domain."""
    return (
        dashboard_builder.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value=None, color="text")])
    )
