"""What the signals (services/domain/judging/data_quality.py) are called on a dashboard."""

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.page import Page
from services.domain.judging import data_quality as signals
from services.domain.judging import late_reports

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
    names = {
        signals.INCOMPLETE: page.say("尚未受理", "not accepted yet"),
        signals.ORPHAN: page.say("未受理即办结", "completed without acceptance"),
        signals.BACKDATED: page.say("先办后录", "backdated entry"),
        signals.ACCEPTANCE: page.say("受理前等待", "waited for acceptance"),
        signals.REFUSED: page.say("不予受理", "refused"),
        signals.ANOMALY: page.say("事实矛盾", "facts that do not fit"),
        signals.HOLDING: page.say("各单位持件", "held in nodes"),
        late_reports.IN_WAIT: page.say("期限后报送、按期办结", "on time, reported after the limit"),
        late_reports.FIRST_KNOWN_LATE: page.say("超期后首次报送", "first reported after the limit"),
        signals.CONTRADICTED: page.say("申报与实际不符", "declared, not borne out"),
    }
    return SignalNames({signal.removeprefix(signals.PREFIX): name for signal, name in names.items()})
