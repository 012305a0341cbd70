"""Writes what is generated from a plan: Prometheus' configuration and rules, the Alertmanager's routes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from services.alert_rules.alerts import rule_groups
from services.alert_rules.briefing_alerts import BRIEFINGS_JOB
from services.alert_rules.desk_alerts import DESK_JOB
from services.alert_rules.durations import text
from services.alert_rules.intake_alerts import CASEBOOK_JOB, GATEWAY_JOB, RELAY_JOB
from services.alert_rules.ledger_alerts import LEDGER_JOB
from services.alert_rules.notice_alerts import NOTIFIER_JOB
from services.alert_rules.pipeline_alerts import EXPORTER_JOB
from services.alert_rules.routes import routing
from services.domain.plan.plan import Plan
from services.metric_names.alert_pages import NO_ADDRESSES, AlertPages

_HEADER = (
    "# Generated from the plan by `python -m services.alert_rules`. "
    "Do not edit: change the plan or services/alert_rules.\n"
)

TOKEN_FILE = "/secrets/webhook-token"
"""Where the Alertmanager of docker-compose.yml reads the token of the notifier's webhook."""
SCRAPE_SECONDS = 15
"""Of the plan's clock, between two looks at the figures."""
FASTEST_SCRAPE_SECONDS = 4
"""Of the real clock: a look each two seconds, at some 400 alerts, costs a demo on two cores half of one (Prometheus
32 %, Alertmanager 21 % of a core)."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of the system answer, host:port; by default as in docker-compose.yml."""

    exporter: str = "exporter:19100"
    alertmanager: str = "alertmanager:9093"
    prometheus: str = "prometheus:9090"
    notifier_url: str = "http://notifier:19101"
    """Without a path."""
    token_file: str | Path = TOKEN_FILE
    """The file with the token of the notifier's webhook, as the Alertmanager sees it."""
    gateway: str | None = None
    """None: it is not scraped, as for those that follow."""
    casebook: str | None = None
    ledger: str | None = None
    notifier: str | None = None
    desk: str | None = None
    relay: str | None = None
    """Its name is resolved at each scrape: there may be no relay, or several."""
    briefings: str | None = None
    """Resolved at each scrape, too: not everybody has them sent."""
    pages: AlertPages = NO_ADDRESSES
    """Where browsers find dashboards and runbooks."""


DOCKER = Addresses(
    gateway="gateway:19102",
    casebook="casebook:19103",
    ledger="ledger:19105",
    notifier="notifier:19101",
    desk="desk:19106",
    relay="relay:19104",
    briefings="briefings:19107",
)


def prometheus_config(speed: float, at: Addresses) -> dict[str, Any]:
    """Prometheus' own file: scrapes the parts, evaluates rules.yml beside it, sends alerts to the Alertmanager."""
    interval = text(max(SCRAPE_SECONDS / speed, FASTEST_SCRAPE_SECONDS))
    exporter = _job(EXPORTER_JOB, at.exporter)
    # a backfilled series has no such labels, and is to be one with the live one that follows it
    exporter["metric_relabel_configs"] = [{"action": "labeldrop", "regex": "job|instance"}]
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [at.alertmanager]}]}]},
        "scrape_configs": [exporter, *_intake_jobs(at)],
    }


def _intake_jobs(at: Addresses) -> Iterator[dict[str, Any]]:
    jobs = {
        GATEWAY_JOB: at.gateway,
        CASEBOOK_JOB: at.casebook,
        LEDGER_JOB: at.ledger,
        NOTIFIER_JOB: at.notifier,
        DESK_JOB: at.desk,
    }
    for name, target in jobs.items():
        if target is not None:
            yield _job(name, target)
    for name, target in {RELAY_JOB: at.relay, BRIEFINGS_JOB: at.briefings}.items():
        if target is not None:
            host, _, port = target.rpartition(":")
            yield {"job_name": name, "dns_sd_configs": [{"names": [host], "type": "A", "port": int(port)}]}


def _job(name: str, target: str) -> dict[str, Any]:
    return {"job_name": name, "static_configs": [{"targets": [target]}]}


def history_config(prometheus: str) -> dict[str, Any]:
    """The file of the second Prometheus, which shows the backfilled days of the first: it keeps nothing, reads the
    other's samples, and is started with a lookback of a day, since these days have one sample each.

    `prometheus`: host:port of the first.
    """
    return {"remote_read": [{"url": f"http://{prometheus}/api/v1/read", "read_recent": True}]}


def write_rules(plan: Plan, speed: float, folder: Path, at: Addresses = DOCKER) -> list[Path]:
    """Writes prometheus/prometheus.yml, rules.yml and history.yml, and alertmanager/alertmanager.yml under `folder`.

    `speed`: plan seconds per real second; 1 is what is committed under deploy/, others are written at start: as JSON,
    which is YAML, too, and costs a hundredth of the time.
    """
    files = {
        folder / "prometheus" / "prometheus.yml": prometheus_config(speed, at),
        folder / "prometheus" / "rules.yml": rule_groups(plan, speed, at.pages),
        folder / "prometheus" / "history.yml": history_config(at.prometheus),
        folder / "alertmanager" / "alertmanager.yml": routing(plan, speed, at.notifier_url, str(at.token_file)),
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_HEADER + (_yaml(content) if speed == 1 else _json(content)), encoding="utf-8")
    return list(files)


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _yaml(content: dict[str, Any]) -> str:
    yaml = YAML()
    yaml.width = 1_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(content, out)
    return out.getvalue()
