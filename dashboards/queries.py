"""PromQL that several dashboards ask. Every query gives one series per key, so that tables can be joined by it."""

from services.metric_names import metrics
from services.metric_names.metrics import Metric
from services.metric_names.recording_rules import UNIT_RANK

INFO = f'{metrics.PROMISE_INFO.name}{{variant="official"}}'
_SHARE = f'{metrics.PROMISE_INFO.name}{{variant="official",unit_of_measure="share"}}'


def official(metric: Metric, unit: str, by: str = "kpi") -> str:
    """A figure of every promise in its official window. `unit`: a matcher, as in `="ALL"`."""
    rows = f'{metric.name}{{variant="official",item="-",unit{unit}}}'
    return f"max by ({by}) ({rows} and on (kpi, unit, window) {UNIT_RANK})"


def row(metric: Metric, chosen: str, by: str) -> str:
    """A figure of chosen rows of one promise (or several); `chosen`: matchers."""
    return f'max by ({by}) ({metric.name}{{variant="official",{chosen}}})'


def shares(figures: str) -> str:
    """Those of the figures that are shares of one: shown in per cent."""
    return f"{figures} and on (kpi) {_SHARE}"


def others(figures: str) -> str:
    """Those that are counted in a unit of measure of their own."""
    return f"{figures} unless on (kpi) {_SHARE}"


def named(series: str, *labels: str) -> str:
    """The series of promises, with labels of kpi_promise_info beside them."""
    texts = ", ".join(labels)
    return f"{series} * on (kpi) group_left ({texts}) max by (kpi, {texts}) ({INFO})"


def of_units(series: str, title: str) -> str:
    """The series of units, with their title beside them; a unit that an open plan does not know has none.

    `title`: the label that holds it.
    """
    titled = f"{series} * on (unit) group_left ({title}) max by (unit, {title}) ({metrics.UNIT_INFO.name})"
    return f"{titled} or on (kpi, unit, window) {series}"


def how_many(series: str) -> str:
    """How many series there are; 0, not absent, where there are none although the figures are there."""
    return f"count({series}) or {_NONE}"


def counted(series: str) -> str:
    """A sum that is 0, not absent, where nothing is counted although the figures are there."""
    return f"sum({series}) or {_NONE}"


_NONE = f"0 * max({metrics.WATERMARK.name})"
"""0 while there are figures at all. Where the exporter does not answer nothing is known: no zero may say otherwise."""
