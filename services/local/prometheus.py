"""A Prometheus of our own on loopback."""

from pathlib import Path

from services.local.monitoring_tools import MonitoringTools
from services.local.web_part import WebPart, own_port

RETENTION = "10y"
"""How long history is kept: longer than a plan and the years it is compared with."""


def start(folder: Path, config: Path, tools: MonitoringTools, port: int | None = None) -> WebPart:
    """Prometheus with its data in `folder`, ready; `port` None: any free one. Raises PartUnavailable."""
    port = own_port("prometheus", folder, port, "KPIWATCH_PROMETHEUS_PORT")
    folder = folder.absolute()
    argv = [
        str(tools.prometheus),
        f"--config.file={config.absolute()}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--storage.tsdb.retention.time={RETENTION}",
        # A corrected range is deleted before it is put in again (`kpiwatch backfill`): only this machine can ask.
        "--web.enable-admin-api",
        f"--web.listen-address=127.0.0.1:{port}",
        # Sent again soon: an alert that fires before Prometheus has looked up its Alertmanager goes nowhere.
        "--rules.alert.resend-delay=5s",
        "--web.enable-lifecycle",
        "--log.level=warn",
    ]
    if tools.unpacked:
        argv.append(f"--web.local-assets={tools.unpacked / 'usr/share/prometheus/web'}/")
    return WebPart("prometheus", argv, folder, port)
