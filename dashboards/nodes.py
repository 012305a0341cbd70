"""How long the steps of a procedure take (各环节用时): the courts, and whatever else the plan has measured by node."""

from dashboards import tables
from dashboards.codes import SHOWN, by_name, item_names, node_titles
from dashboards.frame import assemble, promises, units, windows
from dashboards.page import Json, Name, Page
from dashboards.panels import Column, Figure, Frame, Panel, Place, graph, query_table
from dashboards.queries import of_units, row
from services.metric_names import metrics

_KPI = 'kpi="$kpi"'
_HERE = f'{_KPI},unit="$unit",window="$window"'


def nodes(page: Page) -> Json:
    """The page of `$kpi`, one of the promises whose durations are published by node."""
    rows = f'{metrics.STATE.name}{{{_KPI},variant="official"}}'
    variables = [
        promises(page, chosen=',kind="node_duration"'),
        windows(page, rows),
        units(page, rows, whole=True),
    ]
    panels = [_durations(page), _course(page), _units(page)]
    return assemble(page, Name.NODES, page.say("5 环节用时", "5 Durations by node"), variables, panels)


def _durations(page: Page) -> Panel:
    mean = page.say("平均", "Mean")
    columns = [
        Column(page.say("环节", "Node"), label="item", mapping=item_names(page)),
        Column(mean, row(metrics.VALUE, _HERE, "item"), shown="number"),
        Column(page.say("中位数", "P50"), row(metrics.P50, _HERE, "item"), shown="number"),
        Column(page.say("95%分位数", "P95"), row(metrics.P95, _HERE, "item"), shown="number"),
        Column(page.say("样本量 n", "n"), row(metrics.N, _HERE, "item")),
    ]
    about = page.say("计量单位见承诺页。", "The promise's page has the unit of measure.")
    frame = Frame(page.say("各环节用时（由长到短）", "Time in each node, the longest first"), Place(12, 12), about)
    return query_table(page, frame, "item", columns, sort=mean, most_first=True)


def _course(page: Page) -> Panel:
    frame = Frame(page.say("走势（平均）", "Course (mean)"), Place(12, 12))
    named = by_name(row(metrics.VALUE, _HERE, "item"), "item", node_titles(page))
    return graph(page, frame, [Figure(f"{{{{{SHOWN}}}}}", named, "number")])


def _units(page: Page) -> Panel:
    title, mean = page.label("title"), page.say("平均", "Mean")
    chosen = f'{_KPI},unit{tables.ANY_UNIT},item="-",window="$window"'
    columns = [
        Column(page.say("单位", "Unit"), label=title, shown="text", links=tables.unit_link(page)),
        Column(mean, of_units(row(metrics.VALUE, chosen, "unit"), title), shown="number"),
        Column(page.say("95%分位数", "P95"), row(metrics.P95, chosen, "unit"), shown="number"),
        Column(page.say("样本量 n", "n"), row(metrics.N, chosen, "unit")),
        Column(page.say("代码", "Code"), label="unit"),
    ]
    frame = Frame(page.say("各单位（全过程）", "Units (whole procedure)"), Place(24, 9))
    return query_table(page, frame, "unit", columns, sort=mean, most_first=True)
