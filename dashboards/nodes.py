"""How long the steps of a procedure take (各环节用时): the courts, and whatever else the plan has measured by node."""

from dashboards import tables
from dashboards.codes import SHOWN, by_name, item_names, node_titles
from dashboards.frame import assemble, promises, units, windows
from dashboards.page import Json, Name, Page
from dashboards.panels import MEASURED, Column, Figure, Frame, Order, Panel, Place, graph, query_table
from dashboards.queries import measured, of_units, row
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
    return assemble(page, Name.NODES, page.say("6 环节用时", "6 Durations by node"), variables, panels)


def _durations(page: Page) -> Panel:
    mean = page.say("平均", "Mean")
    counted = measured(page, f",{_KPI}")
    columns = [
        Column(
            mean,
            f"{row(metrics.SHOWN, _HERE, 'kpi, item')} * on (kpi) group_left ({MEASURED}) {counted}",
            shown="number",
        ),
        Column(page.say("计量单位", "Counted in"), label=MEASURED, width=90),
        Column(page.say("环节", "Node"), label="item", mapping=item_names(page)),
        Column(page.say("中位数", "P50"), row(metrics.P50, _HERE, "item"), shown="number"),
        Column(page.say("95%分位数", "P95"), row(metrics.P95, _HERE, "item"), shown="number"),
        Column(page.say("样本量", "n"), row(metrics.N, _HERE, "item")),
    ]
    about = page.say(
        "办件在各环节停留多久。口径：所选统计期内走完该环节的办件，每件用时的平均数、中位数和95%分位数。",
        "How long cases stay in each node. Computed: of the cases of the window that passed the node, the mean, the "
        "median and the 95th percentile of their times.",
    )
    frame = Frame(page.say("各环节用时（由长到短）", "Time in each node, the longest first"), Place(12, 12), about)
    return query_table(page, frame, "item", columns, Order(mean, most_first=True), row(metrics.N, _HERE, "item"))


def _course(page: Page) -> Panel:
    about = page.say(
        "平均用时随时间的变化。口径：同左表，计量单位相同。",
        "How the mean went. Computed: as in the table, in the same unit of measure.",
    )
    frame = Frame(page.say("走势（平均）", "Course (mean)"), Place(12, 12), about)
    named = by_name(row(metrics.VALUE, _HERE, "item"), "item", node_titles(page))
    return graph(page, frame, [Figure(f"{{{{{SHOWN}}}}}", named, "number")])


def _units(page: Page) -> Panel:
    title, mean = page.label("title"), page.say("平均", "Mean")
    chosen = f'{_KPI},unit{tables.ANY_UNIT},item="-",window="$window"'
    counted = measured(page, f",{_KPI}")
    means = f"({row(metrics.SHOWN, chosen, 'kpi, unit')} * on (kpi) group_left ({MEASURED}) {counted})"
    columns = [
        Column(mean, of_units(means, title), shown="number"),
        Column(page.say("计量单位", "Counted in"), label=MEASURED, width=90),
        Column(page.say("单位", "Unit"), label=title, shown="text", links=tables.unit_link(page)),
        Column(page.say("95%分位数", "P95"), row(metrics.P95, chosen, "unit"), shown="number"),
        Column(page.say("样本量", "n"), row(metrics.N, chosen, "unit")),
        Column("unit", label="unit", unseen=True),
    ]
    about = page.say(
        "各单位全过程的用时。口径：受理单位的办件，每件从头到尾的用时。",
        "The whole procedure, by unit. Computed: of the cases that the unit accepted, the time from end to end.",
    )
    frame = Frame(page.say("各单位（全过程）", "Units (whole procedure)"), Place(24, 9), about)
    return query_table(page, frame, "unit", columns, Order(mean, most_first=True), row(metrics.N, chosen, "unit"))
