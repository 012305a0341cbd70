"""Where the alerts of a notice lead: to their runbooks and dashboards."""

from typing import NamedTuple

from services.domain.plan.plan import Title
from services.metric_names.alert_names import ALERT_NAMES


class AlertLinks(NamedTuple):
    """An alert of a notice."""

    name: Title
    alert: str
    """Its `alertname`; the runbook is at `/runbooks/` behind it."""
    dashboard: str
    """Address; empty: it is not known."""


def alerts_of(subjects: object, grafana: str) -> list[AlertLinks]:
    """The alerts that a notice is about, each once. `subjects`: of the record; `grafana`: address of Grafana.

    The record has what the Alertmanager posted: an address that is not of this Grafana is no link."""
    found: dict[tuple[str, str], AlertLinks] = {}
    for each in subjects if isinstance(subjects, list) else []:
        alert, to = (str(each.get(key, "")) if isinstance(each, dict) else "" for key in ("alertname", "dashboard_url"))
        if alert in ALERT_NAMES:
            dashboard = to if grafana and to.startswith(f"{grafana.rstrip('/')}/d/") else ""
            found.setdefault((alert, dashboard), AlertLinks(ALERT_NAMES[alert], alert, dashboard))
    return [links for _, links in sorted(found.items())]
