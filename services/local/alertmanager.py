"""An Alertmanager of our own on loopback, alone (no cluster)."""

from pathlib import Path

from services.local.http_process import WebPart, own_port
from services.local.monitoring_tools import MonitoringTools

MAINTENANCE = "5s"
"""How often silences, and what was notified, are written down (else every 15 minutes): what a kill -9 takes with it. An
Alertmanager that does not know that it has notified an alert never notifies its end."""


def start(folder: Path, config: Path, tools: MonitoringTools, port: int | None = None) -> WebPart:
    """Alertmanager with its silences and log of notices in `folder`, ready; `port` None: any free one."""
    port = own_port("alertmanager", folder, port, "KPIWATCH_ALERTMANAGER_PORT")
    folder = folder.absolute()
    argv = [
        str(tools.alertmanager),
        f"--config.file={config.absolute()}",
        f"--storage.path={folder / 'storage'}",
        f"--data.maintenance-interval={MAINTENANCE}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    # Unpacked, it finds its templates only from its own folder (monitoring_tools).
    working_folder = tools.alertmanager.parent if tools.unpacked else None
    return WebPart("alertmanager", argv, folder, port, working_folder=working_folder)
