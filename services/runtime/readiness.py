"""Whether a stream worker is ready: a small file that it writes again and again, `<state folder>/<worker>.ready`.

Workers open no port. Each writes, at least every REPORT_SECONDS and from the same event loop that does its work:

    {"worker": "cases-1", "pid": 4711, "at": 1633017600.0, "partitions": 4, "rebalancing": false, "behind": 0}

A worker is ready while its process lives, partitions are assigned to it, no rebalance is under way and the file is
recent. A worker that may not read a topic or a group never becomes ready. An open port would not show that.

`python -m services.runtime.readiness [URL]` asks from outside, as the health checks of docker-compose.yml do: the
worker that the settings name, or a part that answers over HTTP. Exit code 0 if it is ready, else 3 and why not.
"""

import logging
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from services.runtime.atomic_file import replace_file
from services.runtime.logs import complain
from services.runtime.settings import Settings, SettingsError
from services.runtime.worker_failures import repeated

log = logging.getLogger(__name__)

REPORT_SECONDS = 1.0
RECENT_SECONDS = 10.0


class Readiness(BaseModel):
    """What a worker last reported."""

    model_config = ConfigDict(frozen=True)

    worker: str
    pid: int
    at: float
    """Real seconds since 1970 UTC, whatever the plan's clock says."""
    partitions: int
    """How many partitions of its source topic it has; 0 before it has any."""
    rebalancing: bool
    """Partitions are being given out, or their rows restored."""
    behind: int = 0
    """Records in its partitions that it has not read yet."""

    @classmethod
    def of_this_process(cls, worker: str, *, partitions: int, rebalancing: bool, behind: int = 0) -> Self:
        return cls(
            worker=worker,
            pid=os.getpid(),
            at=time.time(),
            partitions=partitions,
            rebalancing=rebalancing,
            behind=behind,
        )

    @property
    def obstacle(self) -> str:
        """Why it is not ready, for a person to read; empty if it is."""
        if time.time() - self.at > RECENT_SECONDS:
            return f"it has said nothing for {time.time() - self.at:.0f} s"
        if not self.partitions:
            return "no partitions are assigned to it"
        if self.rebalancing:
            return "its partitions are being given out or restored"
        return ""

    def write(self, state: Path) -> None:
        """Write it down. Where the disk is full the worker goes on with its work, and does not seem ready."""
        file = _file(state, self.worker)
        try:
            replace_file(file, self.model_dump_json())
        except OSError as error:
            log.warning("%s cannot be written, so that this worker does not seem ready: %s", file, error)


def read(state: Path, worker: str) -> Readiness | None:
    """What the worker last reported; None if it never did."""
    try:
        return Readiness.model_validate_json(_file(state, worker).read_text())
    except (OSError, ValueError, ValidationError):
        return None


def _file(state: Path, worker: str) -> Path:
    return state / f"{worker}.ready"


def of_worker(state: Path, worker: str) -> str:
    """Why the worker is not ready, and that it dies again and again, if it does; empty if it is ready."""
    said = read(state, worker)
    obstacle = "it has not said anything yet" if said is None else said.obstacle
    return "; ".join(filter(None, (obstacle, repeated(state, worker)))) if obstacle else ""


def of_web_part(url: str) -> str:
    """Why the process at this address is not ready; empty if it is."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return ""
    except urllib.error.HTTPError as refusal:
        return refusal.read().decode(errors="replace").strip() or str(refusal)
    except OSError as error:
        return f"{url} does not answer: {error}"


def main(arguments: Sequence[str]) -> int:
    """Print why it is not ready, if it is not."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        complain(error)
        return 2
    obstacle = of_web_part(arguments[0]) if arguments else of_worker(settings.state, settings.worker)
    if obstacle:
        complain(obstacle)
    return 3 if obstacle else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
