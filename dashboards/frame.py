"""What surrounds the panels of every dashboard: address, tags, variables, the way to the others, the other language."""

import json
from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    TimePicker,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards.codes import SHOWN, by_name, window_titles
from dashboards.page import GENERATED_TAG, TAG, Json, Language, Name, Page, uid
from dashboards.panels import DATASOURCE, Panel
from dashboards.time_axis import header, marks
from services.metric_names import metrics

Variable = Builder[VariableModel]

WHOLE_DISTRICT = "ALL"
_REFRESH = "30s"
"""At most as often as Prometheus evaluates its rules."""
_NEVER = "1d"
"""For days past, which do not change. An address cannot say “off” to Grafana."""
_HISTORY = "history"
"""Uid of the data source of backfilled days (deploy/grafana/provisioning/datasources)."""


def assemble(page: Page, name: Name, title: str, variables: Sequence[Variable], panels: Sequence[Panel]) -> Json:
    """The dashboard as Grafana's JSON model, with the times of the plan's zone; at its top what its time axis is."""
    made = (
        Dashboard(title)
        .uid(page.uid(name))
        .tags([TAG, GENERATED_TAG, _language_tag(page.language)])
        .description(page.name(page.plan.head.title))
        .timezone(page.plan.head.timezone)
        .readonly()
        .refresh(_REFRESH)
        .time("now-6h", "now")
        .timepicker(TimePicker().refresh_intervals([_REFRESH, "1m", "5m", _NEVER]))
        .with_variable(_datasource(page))
    )
    for variable in variables:
        made = made.with_variable(variable)
    for panel in (*header(page, with_system=name is Name.OVERVIEW), *panels):
        made = made.with_panel(panel)
    chosen = [variable.build().name for variable in variables]
    made = made.link(_others(page)).link(_other_language(page, name)).link(_history(page, name, chosen))
    made = made.link(_to_print(page, name))
    written: Json = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    panels_with_ids = [{"id": number, **panel} for number, panel in enumerate(written["panels"], start=1)]
    return written | {"panels": panels_with_ids, "annotations": {"list": [marks(page)]}}


def _language_tag(language: Language) -> str:
    return f"{TAG}-{language.value}"


def _datasource(page: Page) -> Variable:
    # without a current value Grafana takes the first by name; with this one its own default, which is the live one
    live = VariableOption(text="default", value="default")
    about = page.say("default：实时数据（Grafana的默认数据源）", "default: live (Grafana's default data source)")
    named = DatasourceVariable("datasource").label(page.say("数据源", "Data source")).description(about)
    return named.type("prometheus").current(live)


def _others(page: Page) -> DashboardLink:
    link = DashboardLink(page.say("全部看板", "All dashboards")).type(DashboardLinkType.DASHBOARDS)
    return link.tags([_language_tag(page.language)]).as_dropdown(True).keep_time(True).include_vars(True)


def _other_language(page: Page, name: Name) -> DashboardLink:
    other = Language.EN if page.language is Language.ZH else Language.ZH
    link = DashboardLink("English" if other is Language.EN else "中文").type(DashboardLinkType.LINK)
    return link.url(f"/d/{uid(name, other)}").icon("external link").keep_time(True).include_vars(True)


def _history(page: Page, name: Name, chosen: Sequence[str]) -> DashboardLink:
    """The same page about the days that were backfilled, which is not asked again and again."""
    link = (
        DashboardLink(page.say("历史数据", "Days past")).type(DashboardLinkType.LINK).icon("clock-nine").keep_time(True)
    )
    given = "".join(f"&${{{variable}:queryparam}}" for variable in chosen)
    return link.url(f"/d/{page.uid(name)}?var-datasource={_HISTORY}&refresh={_NEVER}{given}")


def _to_print(page: Page, name: Name) -> DashboardLink:
    """The same page for paper: dark on white, without Grafana's menus, and not asked again while it is printed."""
    link = DashboardLink(page.say("打印版式", "To print")).type(DashboardLinkType.LINK).icon("doc").target_blank(True)
    return link.url(f"/d/{page.uid(name)}?kiosk&theme=light&refresh={_NEVER}").keep_time(True).include_vars(True)


def choice(name: str, label: str, series: str, value: str, text: str, *, first: str = "") -> Variable:
    """A variable whose values are a label of a series, each shown with its text behind it.

    `series`: what is asked of Prometheus, with the labels `value` and `text`; `first`: what is chosen at first.
    """
    found = _shown(name, label, f'label_join({series}, "{SHOWN}", " ", "{value}", "{text}")', value)
    return found.current(VariableOption(text=first, value=first)) if first else found


def values(name: str, label: str, series: str, of: str, *, first: str = "") -> Variable:
    """A variable whose values are a label of a series."""
    found = _labels(name, label, series, of)
    return found.current(VariableOption(text=first, value=first)) if first else found


def windows(page: Page, rows: str) -> Variable:
    """Which window, of those of the rows, by its name. `rows`: a metric with the label `window`."""
    series = f"max by (window, {SHOWN}) ({by_name(rows, 'window', window_titles(page))})"
    return _shown("window", page.say("统计期", "Window"), series, "window")


def everything(page: Page, name: str, label: str, series: str, of: str) -> Variable:
    """The same, of which several may be chosen, and all are at first."""
    every = VariableOption(text=[page.say("全部", "All")], value=["$__all"])
    return _labels(name, label, series, of).multi(True).include_all(True).current(every)


def promises(page: Page, chosen: str = "") -> Variable:
    """Which promise. `chosen`: further matchers of kpi_promise_info."""
    title = page.label("title")
    series = f'max by (kpi, {title}) ({metrics.PROMISE_INFO.name}{{variant="official"{chosen}}})'
    return choice("kpi", page.say("承诺", "Promise"), series, "kpi", title)


def units(page: Page, counted: str, *, whole: bool) -> Variable:
    """Which unit, of those that a series counts. `whole`: with the whole district, which is chosen at first."""
    title = page.label("title")
    known = f'{metrics.UNIT_INFO.name}{{unit!="{"" if whole else WHOLE_DISTRICT}"}}'
    whose = counted if whole else f'{counted} unless on (unit) {metrics.UNIT_INFO.name}{{unit="{WHOLE_DISTRICT}"}}'
    # an open plan admits units that it does not know
    by_title = f'label_join({known} and on (unit) {counted}, "{SHOWN}", "", "{title}")'
    by_code = f'label_join({whose}, "{SHOWN}", "", "unit")'
    series = f"max by (unit, {SHOWN}) ({by_title}) or on (unit) max by (unit, {SHOWN}) ({by_code})"
    found = _shown("unit", page.say("单位", "Unit"), series, "unit")
    whole_district = VariableOption(text=page.say("全区", "Whole district"), value=WHOLE_DISTRICT)
    return found.current(whole_district) if whole else found


def _labels(name: str, label: str, series: str, of: str) -> QueryVariable:
    # not label_values: a Prometheus that reads another one's samples gives no labels
    return _query(name, label, f"query_result(count by ({of}) ({series}))").regex(f'/{of}="(?<value>[^"]+)"/')


def _shown(name: str, label: str, series: str, value: str) -> QueryVariable:
    """Of series whose label SHOWN says what is read."""
    # Prometheus answers with the labels in the order of their names
    groups = sorted([f'{SHOWN}="(?<text>[^"]+)"', f'{value}="(?<value>[^"]+)"'])
    return _query(name, label, f"query_result({series})").regex(f"/{'.*'.join(groups)}/")


def _query(name: str, label: str, query: str) -> QueryVariable:
    variable = QueryVariable(name).label(label).query(query).datasource(DATASOURCE)
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.NATURAL_ASC)
