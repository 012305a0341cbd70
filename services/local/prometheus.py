"""A Prometheus of our own on loopback, and beside it the one that shows its history."""

from pathlib import Path

from services.local.child_process import Command
from services.local.http_process import HttpProcess, own_port
from services.local.monitoring_tools import MonitoringTools

FOR_GRACE_PERIOD = "1m"
"""How long an alert that was firing takes to fire again when Prometheus is started again. By default 10 minutes, and an
alert with a shorter `for` waits for all of it: to the Alertmanager it has ended after 4 minutes."""
RETENTION = "10y"
"""How long history is kept: longer than a plan and the years it is compared with."""
LOOKBACK = "86399s"
"""A backfilled series has one sample a day: who asks in between gets that of the last midnight. A second less than a
day, so that a state that ended does not stand beside the one that follows it (where clocks are put forward, for an
hour of that day it does)."""


def start(folder: Path, config: Path, tools: MonitoringTools, port: int | None = None) -> HttpProcess:
    """Prometheus with its data in `folder`, ready; `port` None: any free one. Raises PartUnavailable."""
    flags = [
        f"--config.file={config.absolute()}",
        f"--storage.tsdb.retention.time={RETENTION}",
        # A corrected range is deleted before it is put in again (`kpiwatch backfill`): only this machine can ask.
        "--web.enable-admin-api",
        # Sent again soon: an alert that fires before Prometheus has looked up its Alertmanager goes nowhere.
        "--rules.alert.resend-delay=5s",
        f"--rules.alert.for-grace-period={FOR_GRACE_PERIOD}",
        "--web.enable-lifecycle",
    ]
    return _start("prometheus", folder, flags, tools, port)


def start_history(folder: Path, config: Path, tools: MonitoringTools, port: int | None = None) -> HttpProcess:
    """A Prometheus that keeps nothing and reads another one's samples (`rules.write.history_config`), looking back for
    a day instead of 5 minutes. Ready; raises PartUnavailable."""
    flags = [f"--config.file={config.absolute()}", f"--query.lookback-delta={LOOKBACK}"]
    return _start("history", folder, flags, tools, port)


def _start(name: str, folder: Path, flags: list[str], tools: MonitoringTools, port: int | None) -> HttpProcess:
    port = own_port(name, folder, port)
    folder = folder.absolute()
    argv = [
        str(tools.prometheus),
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        *flags,
    ]
    if tools.unpacked:
        argv.append(f"--web.local-assets={tools.unpacked / 'usr/share/prometheus/web'}/")
    return HttpProcess(name, Command(argv), folder, port)
