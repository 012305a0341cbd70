"""One measure of the plan (指标、任务): its promises, their words, and how each unit does."""

from dashboards import tables
from dashboards.codes import thresholds
from dashboards.frame import assemble, values
from dashboards.page import Json, Name, Page
from dashboards.panels import Column, Frame, Panel, Place, query_table, timeline
from dashboards.queries import named
from services.metric_names import metrics
from services.metric_names.recording_rules import UNIT_RANK

_CHOSEN = 'measure="$measure"'
_OF_IT = f'{metrics.PROMISE_INFO.name}{{variant="official",{_CHOSEN}}}'


def measure(page: Page) -> Json:
    """The page of `$measure`."""
    which = values("measure", page.say("指标（任务）", "Measure"), metrics.PROMISE_INFO.name, "measure")
    panels = [
        tables.promises(
            page,
            Frame(page.say("指标（任务）$measure 的承诺", "Promises of measure $measure"), Place(24, 9)),
            tables.DISTRICT,
            _CHOSEN,
        ),
        _texts(page),
        _units(page),
        _history(page),
    ]
    return assemble(page, Name.MEASURE, page.say("2 指标（任务）", "2 Measure of the plan"), [which], panels)


def _texts(page: Page) -> Panel:
    formula, lead = page.label("formula"), page.label("lead")
    clauses = f'max by (kpi, clause, {formula}, {lead}, threshold) ({metrics.PROMISE_TEXT.name}{{variant="official"}})'
    columns = [
        Column(page.say("编号", "KPI"), label="kpi", width=90),
        Column(page.say("方案原文", "Words of the plan"), label="clause", shown="text"),
        Column(page.say("口径", "What is computed"), label=formula, shown="text"),
        Column(page.say("牵头单位", "Lead"), label=lead, shown="text"),
        Column(page.say("目标值来源", "Threshold"), label="threshold", mapping=thresholds(page), width=110),
        Column("", f"{clauses} and on (kpi) {_OF_IT}", hidden=True),
    ]
    return query_table(page, Frame(page.say("原文与口径", "Clause and formula"), Place(24, 9)), "kpi", columns)


def _units(page: Page) -> Panel:
    standing = f"max by (kpi, unit, window) ({UNIT_RANK}{{unit{tables.ANY_UNIT}}} and on (kpi) {_OF_IT})"
    frame = Frame(page.say("各单位（由差到好）", "Units, the worst first"), Place(24, 10))
    return tables.standings(page, frame, standing)


def _history(page: Page) -> Panel:
    frame = Frame(page.say("状态历史（全区）", "States over time (district)"), Place(24, 8))
    ranked = f'max by (kpi) ({UNIT_RANK}{{unit="ALL"}} and on (kpi) {_OF_IT})'
    title = page.label("title")
    return timeline(page, frame, named(ranked, title), f"{{{{kpi}}}} {{{{{title}}}}}")
