"""CPU seconds and memory of a process with all that it starts, seen from outside."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

_SAMPLE_SECONDS = 0.1


def _living(process: psutil.Process) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        yield process
        yield from process.children(recursive=True)


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of the tree so far, with the children that ended and were waited for."""
    total = 0.0
    for each in _living(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(each.cpu_times()[:4])  # own user and system time, those of the children
    return total


def resident_bytes(process: psutil.Process) -> int:
    """Memory of the tree now. What processes share is counted in each."""
    total = 0
    for each in _living(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += each.memory_info().rss
    return total


class Finished(NamedTuple):
    """A command that ended, measured as a tree."""

    code: int
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int


def run(command: Sequence[object], folder: Path, log: Path, environment: Mapping[str, str] | None = None) -> Finished:
    """Run a command in `folder` to its end; what it prints goes to `log`."""
    began, peak, seen = time.monotonic(), 0, _Seen()
    with log.open("wb") as output:
        process = psutil.Popen(list(map(str, command)), cwd=folder, env=environment, stdout=output, stderr=output)
        try:
            while process.poll() is None:
                peak = max(peak, resident_bytes(process))
                seen.look(process)
                time.sleep(_SAMPLE_SECONDS)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    return Finished(process.returncode, seen.seconds(), time.monotonic() - began, peak)


class _Seen:
    """CPU seconds of children that are waited for: the system adds a child and its own children up once it ended."""

    def __init__(self) -> None:
        self._before = self._children()
        self._last = 0.0

    @staticmethod
    def _children() -> float:
        times = psutil.Process().cpu_times()
        return float(times.children_user + times.children_system)

    def look(self, process: psutil.Process) -> None:
        self._last = max(self._last, cpu_seconds(process))

    def seconds(self) -> float:
        """Never less than what was seen while it ran: a grandchild that nobody waited for is not added up."""
        return max(self._last, self._children() - self._before)
