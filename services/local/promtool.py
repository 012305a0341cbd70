"""promtool, Prometheus's own tool: makes blocks out of OpenMetrics."""

import subprocess
from pathlib import Path

from services.local.failures import PartUnavailable
from services.local.monitoring_tools import MonitoringTools


def create_blocks(tools: MonitoringTools, openmetrics: Path, folder: Path, hours: int) -> None:
    """The blocks of a file, in `folder`, each of at most so many hours. Raises PartUnavailable."""
    command = [str(tools.promtool), "tsdb", "create-blocks-from", "--quiet", f"--max-block-duration={hours}h"]
    done = subprocess.run(
        [*command, "openmetrics", str(openmetrics), str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PartUnavailable(
            "promtool",
            f"it made no blocks of {openmetrics} (code {done.returncode}): {done.stderr.strip()}",
            "Is there room on the disk, and is promtool of version 2.39 or newer?",
        )
