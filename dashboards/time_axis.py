"""What every dashboard says first: which time it shows, what the plan's clock says, how old the figures are.

Live samples carry the real time at which Prometheus took them, backfilled ones the time of the plan. With the real
clock both are one; with a simulated clock the same page shows the one or the other, by the range that was chosen.
"""

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.machinery import live_only, system
from dashboards.page import Json, Page
from dashboards.panels import DATASOURCE, Figure, Frame, Panel, Place, Sizes, stat
from dashboards.states import GREEN, RED
from services.metric_names import metrics
from services.metric_names.recording_rules import CLOCK, WORKING

_APART_SECONDS = 3_600
"""A real clock and the time of its samples are never as far apart."""
_IS_SAMPLED = f"abs({CLOCK} - timestamp({CLOCK})) > bool {_APART_SECONDS}"
_HEIGHT = 3
_SIZES = Sizes(name=16, value=28)


def header(page: Page, *, with_system: bool = False) -> list[Panel]:
    """The strip at the top of each page, a panel for each answer: on a phone one stands below the other.

    `with_system`: first whether the system works.
    """
    each = [*([_system(page)] if with_system else ()), _age(page), _clock(page), _hours(page), _axis(page)]
    widths = (5, 4, 5, 4, 6) if with_system else (6, 6, 6, 6)
    return [
        stat(page, Frame("", Place(width, _HEIGHT), about, empty), [figure], _SIZES)
        for width, (figure, about, empty) in zip(widths, each, strict=True)
    ]


_Tile = tuple[Figure, str, str]
"""A figure, what it means, and what is said where there is none."""


def _system(page: Page) -> _Tile:
    figure = Figure(page.say("系统", "system"), system(), mapping=_failures(page))
    about = page.say(
        "系统各部分是否运行；不正常时写明原因，详见“系统运行”看板。口径：导出服务、告警链路、数据处理、结果导出四项检查中最严重的一项。",
        "Whether the parts of the system work, else why not; the dashboard “Pipeline” has the details. Computed: the "
        "worst of four checks: exporter, alerting, streams, export of rows.",
    )
    return figure, about, live_only(page)


def _age(page: Page) -> _Tile:
    figure = Figure(
        page.say("数据时延（小时）", "age of the figures (hours)"),
        f"({CLOCK} - max({metrics.WATERMARK.name})) / 3600",
        "hours",
    )
    about = page.say(
        "数据统计到的时间。口径：系统时间减去最近一次完整计算的时刻，按自然时间计。",
        "Up to when the figures are complete. Computed: the plan's clock less that time, in hours as they pass.",
    )
    return figure, about, _no_figures(page)


def _clock(page: Page) -> _Tile:
    figure = Figure(page.say("系统时间", "plan's clock"), f"{CLOCK} * 1000", "moment")
    about = page.say(
        "系统按此时间判定。口径：系统时间的当前读数，时区为方案所在地。",
        "The moment at which everything is judged. Computed: what the plan's clock shows, in the plan's zone.",
    )
    return figure, about, _no_figures(page)


def _hours(page: Page) -> _Tile:
    figure = Figure(page.say("工作时间", "working hours"), WORKING, mapping=_yes_or_no(page))
    about = page.say(
        "此刻是否为办公时间。口径：方案登记的办公时间，按工作日历。",
        "Whether the hall is open at this moment. Computed: the plan's opening hours on its working days.",
    )
    return figure, about, _no_figures(page)


def _axis(page: Page) -> _Tile:
    figure = Figure(page.say("时间轴", "time axis"), _IS_SAMPLED, mapping=_axes(page))
    about = page.say(
        "实时采样按实际时间，回填（`kpiwatch backfill`）按系统时间；系统时间不是模拟时间的，两者相同。"
        "口径：系统时间与采样时的实际时间相差是否超过1小时。",
        "Live samples lie at real time, backfilled ones (kpiwatch backfill) at the plan's; with the real clock both "
        "are one. Computed: whether the plan's clock and the time of its sample are more than an hour apart.",
    )
    return figure, about, _no_figures(page)


def _no_figures(page: Page) -> str:
    return page.say("此刻无数据", "no figures now")


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


def _failures(page: Page) -> ValueMap:
    """What `machinery.system` gives → what is said of it."""
    said = [
        f"✓ {page.say('正常', 'works')}",
        f"✗ {page.say('结果未导出', 'rows hidden')}",
        f"✗ {page.say('数据处理滞后', 'streams behind')}",
        f"✗ {page.say('告警链路中断', 'alerting broken')}",
        f"✗ {page.say('导出服务中断', 'exporter down')}",
    ]
    return ValueMap(
        {
            str(number): ValueMappingResult(text=text, color=RED if number else GREEN, index=number)
            for number, text in enumerate(said)
        }
    )


def _axes(page: Page) -> ValueMap:
    return ValueMap(
        {
            "0": ValueMappingResult(text=page.say("系统时间", "the plan's time"), index=0),
            "1": ValueMappingResult(text=page.say("实际时间（模拟运行）", "real (simulated)"), index=1),
        }
    )


def _yes_or_no(page: Page) -> ValueMap:
    return ValueMap(
        {
            "0": ValueMappingResult(text=page.say("否", "no"), index=0),
            "1": ValueMappingResult(text=page.say("是", "yes"), index=1),
        }
    )
