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
            Frame(
                page.say("指标（任务）$measure 的承诺", "Promises of measure $measure"),
                Place(24, 9),
                page.say(
                    "该指标（任务）下的承诺在全区的完成值。口径：每项承诺按其条款计算，见下表。",
                    "The figures of its promises in the district. Computed: by the formula of each promise, see below.",
                ),
            ),
            tables.DISTRICT,
            _CHOSEN,
        ),
        _texts(page),
        _units(page),
        _history(page),
    ]
    return assemble(page, Name.MEASURE, page.say("3 指标（任务）", "3 Measure of the plan"), [which], panels)


def _texts(page: Page) -> Panel:
    formula, lead = page.label("formula"), page.label("lead")
    clauses = f'max by (kpi, clause, {formula}, {lead}, threshold) ({metrics.PROMISE_TEXT.name}{{variant="official"}})'
    columns = [
        Column(page.say("编号", "KPI"), label="kpi", width=90),
        Column(page.say("方案原文", "Words of the plan"), label="clause", shown="text"),
        Column(page.say("口径", "What is computed"), label=formula, shown="text"),
        Column(page.say("牵头单位", "Lead"), label=lead, shown="text"),
        Column(page.say("目标值依据", "Threshold"), label="threshold", mapping=thresholds(page), width=110),
        Column("", f"{clauses} and on (kpi) {_OF_IT}", hidden=True),
    ]
    about = page.say(
        "方案原文和本系统的计算口径。口径：见表中“口径”一栏。",
        "What the plan says, and what is computed of it: the column “what is computed”.",
    )
    return query_table(page, Frame(page.say("原文与口径", "Clause and formula"), Place(24, 9), about), "kpi", columns)


def _units(page: Page) -> Panel:
    standing = f"max by (kpi, unit, window) ({UNIT_RANK}{{unit{tables.ANY_UNIT}}} and on (kpi) {_OF_IT})"
    about = page.say(
        "各单位在该指标（任务）各承诺上的状态。口径：该单位正式统计期的状态。",
        "How each unit does. Computed: its state in the official window of each promise.",
    )
    frame = Frame(page.say("各单位（由差到好）", "Units, the worst first"), Place(24, 10), about)
    return tables.standings(page, frame, standing)


def _history(page: Page) -> Panel:
    about = page.say(
        "各承诺的状态随时间的变化。口径：每次采样时正式统计期的状态。",
        "How the state of each promise went. Computed: the state in the official window at each sample.",
    )
    frame = Frame(page.say("状态历史（全区）", "States over time (district)"), Place(24, 8), about)
    ranked = f'max by (kpi) ({UNIT_RANK}{{unit="ALL"}} and on (kpi) {_OF_IT})'
    title = page.label("title")
    return timeline(page, frame, named(ranked, title), f"{{{{kpi}}}} {{{{{title}}}}}")
