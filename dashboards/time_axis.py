"""What every dashboard says first: which time it shows, what the plan's clock says, how old the figures are.

Live samples carry the real time at which Prometheus took them, backfilled ones the time of the plan. With the real
clock both are one; with a simulated clock the same page shows the one or the other, by the range that was chosen.
"""

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.page import Json, Page
from dashboards.panels import DATASOURCE, Figure, Frame, Panel, Place, stat
from services.metric_names import metrics
from services.metric_names.recording_rules import CLOCK, WORKING

_APART_SECONDS = 3_600
"""A real clock and the time of its samples are never as far apart."""
_IS_SAMPLED = f"abs({CLOCK} - timestamp({CLOCK})) > bool {_APART_SECONDS}"


def time_axis(page: Page) -> Panel:
    """The strip at the top of each page."""
    figures = [
        Figure(page.say("时间轴", "time axis"), _IS_SAMPLED, mapping=_axes(page)),
        Figure(page.say("计划时钟", "plan's clock"), f"{CLOCK} * 1000", "moment"),
        Figure(page.say("数据时延", "age of the figures"), f"{CLOCK} - max({metrics.WATERMARK.name})", "duration"),
        Figure(page.say("工作时间", "working hours"), WORKING, mapping=_hours(page)),
    ]
    about = page.say(
        "实时采样按真实时间，回填（`kpiwatch backfill`）按计划时间；真实时钟下两者相同。数据时延按计划时钟计。",
        "Live samples lie at real time, backfilled ones (kpiwatch backfill) at the plan's; with the real clock both "
        "are one. The age is counted on the plan's clock.",
    )
    empty = page.say("此刻无数据", "no figures at this time")
    return stat(page, Frame(page.say("时间", "Time"), Place(24, 4), about, empty=empty), figures)


def live_only(page: Page) -> str:
    """What a panel about the machinery says where it has nothing to show."""
    return page.say("无数据（回填的日期没有系统运行记录）", "No data (backfilled days have none of the machinery)")


def marks(page: Page) -> Json:
    """Versions of the plan's rules and corrections of days, as marks on the axis of the plan's time."""
    # SDK 11.6 does not know the fields of annotations that are Prometheus' own
    return {
        "name": page.say("规则版本与更正", "Rule versions and corrections"),
        "datasource": {"type": DATASOURCE.type_val, "uid": DATASOURCE.uid},
        "enable": True,
        "iconColor": "#8F3BB8",
        "expr": f"max by (kind, {page.label('title')}) ({metrics.ANNOTATION.name}) * 1000",
        "titleFormat": f"{{{{{page.label('title')}}}}}",
        "useValueForTime": True,
    }


def _axes(page: Page) -> ValueMap:
    return ValueMap(
        {
            "0": ValueMappingResult(text=page.say("计划时间", "the plan's time"), index=0),
            "1": ValueMappingResult(
                text=page.say("采样的真实时间（模拟时钟）", "real time of the samples (simulated clock)"), index=1
            ),
        }
    )


def _hours(page: Page) -> ValueMap:
    return ValueMap(
        {
            "0": ValueMappingResult(text=page.say("否", "no"), index=0),
            "1": ValueMappingResult(text=page.say("是", "yes"), index=1),
        }
    )
