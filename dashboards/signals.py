"""What the signals (services/domain/judging/data_quality.py) are called on a dashboard."""

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.page import Page
from services.domain.judging import data_quality as signals


class SignalNames(dict[str, str]):
    """Signal, as its metric's label has it → its name for people."""

    def mapping(self) -> ValueMap:
        """For a column that holds signals."""
        return ValueMap({signal: ValueMappingResult(text=name) for signal, name in self.items()})


def signal_names(page: Page) -> SignalNames:
    """Those that count cases, in the page's language."""
    names = {
        signals.INCOMPLETE: page.say("尚未受理", "not accepted yet"),
        signals.ORPHAN: page.say("未受理即办结", "completed without acceptance"),
        signals.BACKDATED: page.say("先办后录", "backdated entry"),
        signals.ACCEPTANCE: page.say("受理前等待", "waited for acceptance"),
        signals.REFUSED: page.say("不予受理", "refused"),
        signals.ANOMALY: page.say("事实矛盾", "facts that do not fit"),
        signals.UNCLASSIFIED: page.say("要素未填（按承诺计）", "unclassified, by promise"),
        signals.HOLDING: page.say("各单位持件", "held in nodes"),
        signals.CONTRADICTED: page.say("申报与实际不符", "declared, not borne out"),
    }
    return SignalNames({signal.removeprefix(signals.PREFIX): name for signal, name in names.items()})
