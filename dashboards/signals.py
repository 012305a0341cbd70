"""What codes are called on a dashboard: signals (services/domain/judging/data_quality.py) and units."""

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.codes import names
from dashboards.page import Page
from services.catalog.words.source_names import source_title
from services.domain.judging import data_quality as signals
from services.domain.judging import late_reports
from services.domain.judging.quarantine import QUARANTINED

BY_SOURCE = frozenset(
    name.removeprefix(signals.PREFIX)
    for name in (signals.BACKDATED, late_reports.IN_WAIT, late_reports.FIRST_KNOWN_LATE)
)
"""Signals of which the label `unit` is a source."""


class SignalNames(dict[str, str]):
    """Signal, as its metric's label has it → its name for people."""

    def mapping(self) -> ValueMap:
        """For a column that holds signals."""
        return ValueMap({signal: ValueMappingResult(text=name) for signal, name in self.items()})


def signal_names(page: Page) -> SignalNames:
    """Those that count cases, in the page's language."""
    said = {
        signals.INCOMPLETE: page.say("尚未受理", "not accepted yet"),
        signals.ORPHAN: page.say("未受理即办结", "completed without acceptance"),
        signals.BACKDATED: page.say("先办后录", "backdated entry"),
        signals.ACCEPTANCE: page.say("受理前等待", "waiting for acceptance"),
        signals.REFUSED: page.say("不予受理", "refused"),
        signals.ANOMALY: page.say("报送内容前后矛盾", "facts that do not fit"),
        signals.HOLDING: page.say("各环节停留办件", "cases now in each node"),
        signals.CONTRADICTED: page.say("申报与办件情况不符", "declared, but not so in its cases"),
        late_reports.IN_WAIT: page.say("按期办结，期限后才报送", "on time, reported after the limit"),
        late_reports.FIRST_KNOWN_LATE: page.say("超期后首次报送", "first reported after the limit"),
        signals.UNCLASSIFIED: page.say("要素未填报（按承诺计）", "unclassified, by promise"),
    }
    return SignalNames({signal.removeprefix(signals.PREFIX): name for signal, name in said.items()})


def all_signal_names(page: Page) -> SignalNames:
    """Those that count cases, and those about figures and entries."""
    others = {
        signals.OVER_QUOTA: page.say("超出数量上限", "above the upper end of a range"),
        signals.EXCESS: page.say("分子大于分母", "numerator above denominator"),
        signals.COUNTED_NOW: page.say("当前完成数", "number reached now"),
        signals.FORECAST: page.say("预测值", "forecast"),
        signals.FORECAST_LOWER: page.say("预测下限", "forecast, lower"),
        signals.FORECAST_UPPER: page.say("预测上限", "forecast, upper"),
        QUARANTINED.removeprefix(signals.PREFIX): page.say("无法判定，已隔离", "cannot be judged, quarantined"),
    }
    return SignalNames(signal_names(page) | others)


def unit_names(page: Page) -> ValueMap:
    """Unit → its title, for a column that holds units."""
    return names(page, {code: unit.title for code, unit in page.plan.units.items()})


def source_names(page: Page) -> ValueMap:
    """Source → its name, for a column that holds sources."""
    return names(page, {source: source_title(source, page.plan) for source in page.plan.sources})
