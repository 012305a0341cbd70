"""A Prometheus of our own on loopback."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from services.local.monitoring_tools import MonitoringTools
from services.local.ports import free_ports
from services.local.web_part import WebPart, check_port


def configuration(
    rules: list[Path], targets: Mapping[str, str], alertmanager: str | None, interval_seconds: float
) -> str:
    """prometheus.yml: `targets` by job name (host:port), rule files, and where alerts go (host:port)."""
    interval = f"{round(interval_seconds * 1_000)}ms"
    content: dict[str, Any] = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(one.absolute()) for one in rules],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()
        ],
    }
    if alertmanager:
        content["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(content, text)
    return text.getvalue()


def start(folder: Path, config: Path, tools: MonitoringTools, port: int | None = None) -> WebPart:
    """Prometheus with its data in `folder`, ready; `port` None: any free one. Raises PartUnavailable."""
    if port is None:
        port = free_ports(1)[0]
    check_port("prometheus", port, "KPIWATCH_PROMETHEUS_PORT")
    folder = folder.absolute()
    argv = [
        str(tools.prometheus),
        f"--config.file={config.absolute()}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        "--storage.tsdb.retention.time=30d",
        f"--web.listen-address=127.0.0.1:{port}",
        # Sent again soon: an alert that fires before Prometheus has looked up its Alertmanager goes nowhere.
        "--rules.alert.resend-delay=5s",
        "--web.enable-lifecycle",
        "--log.level=warn",
    ]
    if tools.unpacked:
        argv.append(f"--web.local-assets={tools.unpacked / 'usr/share/prometheus/web'}/")
    return WebPart("prometheus", argv, folder, port)
