"""PromQL that several dashboards ask. Every query gives one series per key, so that tables can be joined by it."""

from dashboards.page import Page
from dashboards.panels import MEASURED
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


def read(figures: str) -> str:
    """Figures of promises as they are read: of shares per cent. Of `metrics.VALUE` ask `metrics.SHOWN` instead."""
    return f"(100 * {figures} and on (kpi) {_SHARE} or {figures} unless on (kpi) {_SHARE})"


def measured(page: Page, kpi: str = "", variant: str = "official") -> str:
    """What the figures of promises are counted in, as series by kpi (and variant) with the label MEASURED: of a share
    `%`. `kpi`: a further matcher; `variant`: empty: each definition by its own."""
    label = page.label("unit_of_measure")
    chosen = f'{{variant="{variant}"{kpi}}}' if variant else f"{{{kpi.removeprefix(',')}}}"
    info = f"{metrics.PROMISE_INFO.name}{chosen}"
    named = f'label_replace({info}, "{MEASURED}", "$1", "{label}", "(.*)")'
    named = f'label_replace({named}, "{MEASURED}", "%", "unit_of_measure", "share")'
    return f"max by (kpi, {'' if variant else 'variant, '}{MEASURED}) ({named})"


def named(series: str, *labels: str) -> str:
    """The series of promises, with labels of kpi_promise_info beside them."""
    texts = ", ".join(labels)
    return f"{series} * on (kpi) group_left ({texts}) max by (kpi, {texts}) ({INFO})"


def described(page: Page, series: str, *labels: str) -> str:
    """The series of promises with number and title in the label `promise`, the unit of measure in MEASURED, and further
    labels of kpi_promise_info."""
    title = page.label("title")
    texts = ", ".join((PROMISE, MEASURED, *labels))
    info = f'label_join({INFO}, "{PROMISE}", " ", "kpi", "{title}")'
    info = f'label_replace({info}, "{MEASURED}", "$1", "{page.label("unit_of_measure")}", "(.*)")'
    info = f'label_replace({info}, "{MEASURED}", "%", "unit_of_measure", "share")'
    return f"{series} * on (kpi) group_left ({texts}) max by (kpi, {texts}) ({info})"


PROMISE = "promise"
"""The label of `described`: number and title of a promise."""


def of_units(series: str, title: str) -> str:
    """The series of units, with their title beside them; a unit that an open plan does not know has none.

    `title`: the label that holds it.
    """
    titled = f"{series} * on (unit) group_left ({title}) max by (unit, {title}) ({metrics.UNIT_INFO.name})"
    return f"{titled} or on (kpi, unit, window) {series}"


def how_many(series: str) -> str:
    """How many series there are; 0, not absent, where there are none although the figures are there."""
    return f"count({series}) or {NONE}"


def counted(series: str) -> str:
    """A sum that is 0, not absent, where nothing is counted although the figures are there."""
    return f"sum({series}) or {NONE}"


NONE = f"0 * max({metrics.WATERMARK.name})"
"""0 while there are figures at all. Where the exporter does not answer nothing is known: no zero may say otherwise."""
