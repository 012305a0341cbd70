"""A process that we start: its log, its pid, and its end. Processes are ended by their pid, never by their name."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import psutil

from services.local.failures import PartUnavailable


class Command(NamedTuple):
    """What is started, and with what around it."""

    argv: Sequence[str]
    folder: Path | None = None
    """The working folder; None: that of this process."""
    environment: Mapping[str, str] | None = None
    """None: that of this process."""


class ChildProcess:
    """A started process in a session of its own, so that Ctrl-C reaches only its parent, which stops it in order.

    A file beside its log says which process it is. If the parent dies, the next start of the same part ends it.
    """

    def __init__(self, name: str, command: Command, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.log = log
        self._record = log.with_suffix(".pid")
        end_leftover(self._record)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=command.folder,
                env=command.environment,
                start_new_session=True,
            )
        self._record.write_text(_identity(self.pid))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def stop(self, grace_seconds: float = 20) -> None:
        """SIGTERM, and SIGKILL if it has not ended after `grace_seconds`. Returns when it is gone."""
        if self.exit_code is None:
            self._process.terminate()
            try:
                self._process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self._record.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL: the process cannot flush or report anything."""
        self._process.kill()
        self._process.wait()
        self._record.unlink(missing_ok=True)

    def wait_until(self, ready: Callable[[], bool], seconds: float, remedy: str) -> None:
        """Return once `ready()` is true. Raises PartUnavailable if the process ends first or the time is over."""
        end = time.monotonic() + seconds
        while not ready():
            if self.exit_code is not None:
                self._give_up(f"it ended with code {self.exit_code} before it answered", remedy)
            if time.monotonic() > end:
                self._give_up(f"it did not answer within {seconds:.0f} s", remedy)
            time.sleep(0.1)

    def _give_up(self, reason: str, remedy: str) -> NoReturn:
        raise PartUnavailable(
            self.name, f"{reason}; the end of its log:\n{self.log_tail()}\n", f"{remedy} (log: {self.log})"
        )

    def log_tail(self, lines: int = 12) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _identity(pid: int) -> str:
    """What distinguishes this process from a later one with the same pid."""
    return f"{pid} {psutil.Process(pid).create_time():.2f}"


def end_leftover(record: Path) -> bool:
    """End the process that `record` (a .pid file of a ChildProcess) names, if it still runs. True if it did."""
    try:
        pid = int(record.read_text().split()[0])
        if _identity(pid) != record.read_text():
            return False
        leftover = psutil.Process(pid)
        for end in (leftover.terminate, leftover.kill):
            end()
            deadline = time.monotonic() + 30
            while not _is_gone(leftover) and time.monotonic() < deadline:
                time.sleep(0.05)
            if _is_gone(leftover):
                break
    except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        return False
    return True


def _is_gone(process: psutil.Process) -> bool:
    """Whether it has ended. A zombie, whose exit code nobody has read yet, counts as ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
