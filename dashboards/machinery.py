"""Whether the machinery works, in PromQL: asked on the overview and on the dashboard of the pipeline."""

from dashboards.page import Page
from services.metric_names import metrics
from services.metric_names.recording_rules import SWEEP_AGE

UP = 'up{job="kpiwatch-exporter"}'
SPEED = f"clamp_min(max(deriv({metrics.CLOCK.name}[5m])), 1)"
"""Plan seconds per real second: 1, unless the clock is a simulated one."""

EXPORTER_DOWN = f"1 - max({UP})"
ALERTING_BROKEN = f'1 - (max(ALERTS{{alertname="Watchdog",alertstate="firing"}}) or 0 * max({UP}))'
STREAMS_BEHIND = f"max({SWEEP_AGE}) > bool scalar(300 * {SPEED})"
ROWS_HIDDEN = f"max({metrics.ROWS_HIDDEN.name}) > bool 0"
"""Each 1 if so, else 0; no series where it is not known."""


def system() -> str:
    """0 where all is well, else the number of what is worst: 1 rows hidden, 2 streams behind, 3 alerting broken, 4
    exporter down. No series in days past, which have none of the machinery."""
    each = (ROWS_HIDDEN, STREAMS_BEHIND, ALERTING_BROKEN, EXPORTER_DOWN)
    numbered = (
        f'label_replace({number} * ({check}), "check", "{number}", "", "")' for number, check in enumerate(each, 1)
    )
    return f"max({' or '.join(numbered)})"


def live_only(page: Page) -> str:
    """What a panel about the machinery says where it has nothing to show."""
    return page.say("无数据（回填的日期没有系统运行记录）", "No data (backfilled days have none of the machinery)")
