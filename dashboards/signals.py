"""What codes are called on a dashboard: signals (services/domain/judging/data_quality.py) and units."""

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.codes import names
from dashboards.page import Page
from services.catalog.words.marks import SIGNALS
from services.catalog.words.source_names import source_title
from services.domain.judging import data_quality as signals
from services.domain.judging.quarantine import QUARANTINED


class SignalNames(dict[str, str]):
    """Signal, as its metric's label has it → its name for people."""

    def mapping(self) -> ValueMap:
        """For a column that holds signals."""
        return ValueMap({signal: ValueMappingResult(text=name) for signal, name in self.items()})


def signal_names(page: Page) -> SignalNames:
    """Those of cases and of entries that are declared, in the page's language."""
    said = {signal: page.name(name) for signal, name in SIGNALS.items() if signal != QUARANTINED}
    said[signals.CONTRADICTED] = page.say("申报与办件情况不符", "declared, but not so in its cases")
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
        QUARANTINED.removeprefix(signals.PREFIX): page.name(SIGNALS[QUARANTINED]),
    }
    return SignalNames(signal_names(page) | others)


def unit_names(page: Page) -> ValueMap:
    """Unit → its title, for a column that holds units."""
    return names(page, {code: unit.title for code, unit in page.plan.units.items()})


def source_names(page: Page) -> ValueMap:
    """Source → its name, for a column that holds sources."""
    return names(page, {source: source_title(source, page.plan) for source in page.plan.sources})
