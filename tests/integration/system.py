"""The running system for tests: topics, workers as processes, a clock that is stopped."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from services.domain.time.zone import Instant
from services.messaging import topics
from services.messaging.archive_feed import feed
from services.runtime import readiness
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.integration.forks import Fork

ROOT = Path(__file__).parents[2]


class System:
    """Workers of both stages on a broker; everything it starts it ends by its pid."""

    def __init__(
        self, bootstrap: str, plan: Path, folder: Path, *, now: Instant, partitions: int = 4, session: float = 6
    ):
        clock = Clock.simulated(folder / "clock.json")
        clock.set(now, 0)
        self.settings = Settings(
            plan=plan,
            clock=folder / "clock.json",
            bootstrap=bootstrap,
            partitions=partitions,
            state=folder / "state",
            session_timeout_seconds=session,
        )
        self.folder = folder
        self.workers: dict[str, Fork] = {}
        topics.create(bootstrap, partitions)

    def feed(self, lines: list[bytes]) -> int:
        return feed(self.settings.bootstrap, lines, self.settings.partitions)

    def start(self, name: str, module: str = "streams.cases", *arguments: str, **variables: str) -> None:
        settings = self.settings.model_copy(update={"worker": name})
        with (self.folder / f"{name}.log").open("ab") as log:
            environment = os.environ | settings.environment() | variables
            self.workers[name] = Fork([module, *arguments], environment, log.fileno())

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        worker = self.workers.pop(name)
        worker.send_signal(how)
        worker.wait(120)

    def lose_disk(self, name: str) -> None:
        """The rows of a worker that does not run are gone."""
        shutil.rmtree(self.settings.state / name, ignore_errors=True)

    def wait_ready(self, name: str, seconds: float = 300) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            said = readiness.read(self.settings.state, name)
            if said is not None and not said.obstacle and said.pid == self.workers[name].pid:
                return
            if self.workers[name].poll() is not None:
                break
            time.sleep(0.2)
        raise AssertionError(f"{name} is not ready:\n{self.log(name)}")

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        for worker in self.workers.values():
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers.values():
            try:
                worker.wait(60)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait(10)
        self.workers.clear()
