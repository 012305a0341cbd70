"""Who gets which alert: the Alertmanager's tree of routes, its inhibitions and receivers.

Groups by unit; one route per severity, which names what the receiver has to do and follows from a promise's strength.
Working hours are the notifier's business: the Alertmanager knows the real time only.
"""

from collections.abc import Sequence
from typing import Any

from services.alert_rules.durations import DAY, MINUTE, of_plan, text
from services.domain.plan.plan import Plan

SEVERITIES = ("page", "act", "review", "inform")

FOLLOWS_FROM_THE_PIPELINE = "KpiStale|SourceSilent|SweepOld|StreamLagHigh|FiguresOld"
"""Symptoms of a stopped pipeline, which is the one cause that pages."""
COMES_WITHOUT_THE_EXPORTER = (
    "ExporterDown|GatewayDown|RelayDown|SourceRefused|FeedbackStopped|CasebookDown|LedgerDown|LedgerWaiting|LedgerCut|"
    "LedgerVoid|DecisionNotInForce|NoticeNotTaken|RecipientUnreached|DeskDown|DeskIndexBehind|DeskSignInsFailing|"
    "Watchdog|BriefingsDown|BriefingNotSent|CardOpen"
)
"""Everything else is computed from what the exporter says: while it says nothing, nothing begins and nothing ends."""


def routing(plan: Plan, speed: float, notifier_url: str, token_file: str) -> dict[str, Any]:
    """The Alertmanager's configuration. `notifier_url`: where the notifier answers, without a path; `token_file`: where
    the Alertmanager reads the token that the notifier asks for."""
    return {
        "global": {"resolve_timeout": text(5 * MINUTE)},
        "route": {
            "receiver": "act",  # an unforeseen alert is not lost
            "group_by": ["unit"],
            "group_wait": of_plan(30, speed),
            "group_interval": of_plan(5 * MINUTE, speed),
            # the notifier delivers each transition once; repeats are for a notifier that lost its alerts
            "repeat_interval": text(7 * DAY),
            "routes": [
                _route("watchdog", 'alertname="Watchdog"', group_by=["alertname"]),
                # each card has its own notice from alert.cards: here they are only seen
                _route("operations-view", 'alertname=~"CardOpen|CardRed"'),
                _route("page", 'severity="page"', group_by=["alertname"], group_wait=of_plan(10, speed)),
                *(_route(severity, f'severity="{severity}"') for severity in SEVERITIES if severity != "page"),
            ],
        },
        "inhibit_rules": [
            # of whatever strength: what is missed is no longer at risk
            _inhibition('alertname="KpiMissed"', 'alertname="KpiAtRisk"', equal=["unit", "kpi", "scope"]),
            {
                "source_matchers": ['alertname="CardOpen"', 'level="red"'],
                "target_matchers": ['alertname="CardOpen"', 'level="yellow"'],
                # a card of one case says nothing about the card of another
                "equal": ["unit", "kpi", "card"],
            },
            # a worker that is behind or does not sweep makes every promise stale
            _inhibition('alertname=~"SweepOld|StreamLagHigh"', 'alertname="KpiStale"'),
            _inhibition('alertname="PipelineDown"', f'alertname=~"{FOLLOWS_FROM_THE_PIPELINE}"'),
            _inhibition('alertname="ExporterDown"', f'alertname!~"{COMES_WITHOUT_THE_EXPORTER}"'),
            _inhibition('alertname="CalendarProvisional"', 'alertname="CalendarEnding"'),
        ],
        "receivers": [
            *({"name": severity, "webhook_configs": [_webhook(notifier_url, token_file)]} for severity in SEVERITIES),
            {"name": "operations-view"},
            {"name": "watchdog"},
        ],
    }


def _route(receiver: str, matcher: str, **more: Any) -> dict[str, Any]:
    return {"receiver": receiver, "matchers": [matcher], **more}


def _inhibition(cause: str, effect: str, *, equal: Sequence[str] = ()) -> dict[str, Any]:
    """While the cause is active, no notice is sent about its effect. `equal`: labels in which both must agree."""
    both = {"equal": list(equal)} if equal else {}
    return {"source_matchers": [cause], "target_matchers": [effect], **both}


def _webhook(notifier_url: str, token_file: str) -> dict[str, Any]:
    return {
        "url": f"{notifier_url}/alerts",
        "send_resolved": True,
        "http_config": {"authorization": {"type": "Bearer", "credentials_file": token_file}},
    }
