"""Where whoever reads an alert goes on: its dashboard, with what the alert is about chosen there, and its runbook."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Self
from urllib.parse import quote

from services.domain.plan.plan import Plan
from services.runtime.settings import Settings

RUNBOOKS: Final = "deploy/runbooks/"
"""Folder of the runbooks' files, from which their pages are made."""
VALUE_OF_LABEL: Final = "{{{{ urlquery $labels.{} }}}}"
"""A template of Prometheus: a label of the alert, as it is written in an address."""

DASHBOARD_OF: Final[Mapping[str, str]] = {
    "KpiMissed": "promise",
    "KpiAtRisk": "promise",
    "KpiUnmeasured": "promise",
    "KpiOverQuota": "deadlines",
    "CardOpen": "unit",
    "CardRed": "unit",
    "CalendarEnding": "deadlines",
    "CalendarProvisional": "deadlines",
    "BackdatedEntry": "sources",
    "KpiStale": "sources",
    "SourceSilent": "sources",
    "SourceRefused": "sources",
    "DeadLetterRatioHigh": "sources",
    "DecisionNotInForce": "sources",
    "FeedbackStopped": "sources",
    "GatewayDown": "sources",
    "RelayDown": "sources",
}
"""Alert → the middle part of its dashboard's address. Every other alert is about the machinery."""
MACHINERY: Final = "pipeline"
VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "promise": ("kpi", "window", "unit"),
    "unit": ("unit",),
    "deadlines": ("kpi",),
}
"""What is chosen on a dashboard, of what an alert knows."""
ALERTS_BY_SEVERITY: Final[Mapping[str, tuple[str, ...]]] = {
    "page": (
        "PipelineDown", "WorkerFailing", "SweepOld", "FiguresOld", "ExporterDown", "GatewayDown", "RelayDown",
        "LedgerDown", "LedgerCut",
    ),
    "act": (
        "KpiMissed", "CardOpen", "SourceSilent", "SourceRefused", "DeadLetterRatioHigh", "CaseQuarantined",
        "DecisionNotInForce", "NoticeNotTaken", "RecipientUnreached", "CalendarProvisional", "StreamLagHigh",
        "FeedbackStopped", "CasebookDown", "DeskDown", "DeskSignInsFailing", "DeskIndexBehind", "BriefingsDown", "BriefingNotSent", "LedgerWaiting", "LedgerVoid",
        "LedgerCheckpointOld",
    ),
    "review": (
        "KpiAtRisk", "KpiMissed", "CardOpen", "KpiStale", "KpiUnmeasured", "BackdatedEntry", "CalendarEnding",
        "RecordsUnreadable", "RowsHidden",
    ),
    "inform": ("KpiMissed", "KpiAtRisk", "KpiOverQuota", "CardRed"),
    "none": ("Watchdog",),
}  # fmt: skip
"""Severity → the alerts that can have it, the usual ones first. How a promise binds decides about its alerts."""


def severities_of(alert: str) -> list[str]:
    """Which severities an alert can have."""
    return [severity for severity, alerts in ALERTS_BY_SEVERITY.items() if alert in alerts]


class AlertPages(NamedTuple):
    """Where browsers find dashboards and runbooks. Empty: there is no such address, and an alert names the dashboard
    and the file of the runbook instead."""

    grafana: str = ""
    runbooks: str = ""
    language: str = "zh"
    """Of the dashboards that alerts link to; each links to the other language."""

    @classmethod
    def of(cls, settings: Settings, plan: Plan) -> Self:
        """As the settings name them, in the plan's language."""
        return cls(settings.grafana_url, settings.runbooks_address, "en" if plan.head.language == "en" else "zh")

    def annotations(self, alert: str, chosen: Mapping[str, str]) -> dict[str, str]:
        """What an alert carries. `chosen`: variables of its dashboard, as they are written in an address.

        The runbook's file is named beside its page: the process that shows the page may be what the alert is about.
        """
        dashboard = dashboard_path(alert, self.language, chosen)
        found = (
            {"dashboard_url": f"{self.grafana.rstrip('/')}/{dashboard}"} if self.grafana else {"dashboard": dashboard}
        )
        if self.runbooks:
            found["runbook_url"] = f"{self.runbooks.rstrip('/')}/{alert}"
        return found | {"runbook": f"{RUNBOOKS}{alert}.md"}


NO_ADDRESSES: Final = AlertPages()


def dashboard_path(alert: str, language: str, chosen: Mapping[str, str] = {}) -> str:
    """`d/kpiwatch-promise?var-kpi=K06-1`, below the address of Grafana."""
    name = DASHBOARD_OF.get(alert, MACHINERY)
    uid = f"kpiwatch-{name}{'-en' if language == 'en' else ''}"
    asked = "&".join(f"var-{each}={chosen[each]}" for each in VARIABLES.get(name, ()) if each in chosen)
    return f"d/{uid}?{asked}" if asked else f"d/{uid}"


def in_address(value: str) -> str:
    """A value as it is written in an address."""
    return quote(value, safe="")
