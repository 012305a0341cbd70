"""An Alertmanager of our own on loopback, alone (no cluster)."""

from pathlib import Path

from services.local.child_process import Command
from services.local.http_process import HttpProcess, own_port
from services.local.monitoring_tools import MonitoringTools

MAINTENANCE = "5s"
"""How often silences and the log of notifications are written to the disk (by default every 15 minutes). A kill -9
loses what came since. An Alertmanager that does not know that it has notified an alert never notifies its end."""


def start(folder: Path, config: Path, tools: MonitoringTools, port: int | None = None) -> HttpProcess:
    """Alertmanager with its silences and log of notices in `folder`, ready; `port` None: any free one."""
    port = own_port("alertmanager", folder, port)
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
    return HttpProcess("alertmanager", Command(argv, working_folder), folder, port)
