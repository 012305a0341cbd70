"""Processes of the project that need not load their libraries first.

A worker of a test lives for seconds, and most of its processor seconds went into imports. One process of the test run
has loaded all that workers load, and forks: what comes of it is `python -m MODULE ARGUMENTS` with an environment, an
output and a session of its own. How a process starts from nothing is tested where `kpiwatch up` starts it.
"""

import atexit
import contextlib
import functools
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile

_ROOT = Path(__file__).parents[2]
_LOADED = (
    *("streams.cases.__main__", "streams.kpis.__main__", "services.exporter.__main__", "services.notifier.__main__"),
    *("services.simulator.__main__", "services.cli.__main__", "services.gateway.__main__"),
    *("services.gateway.relay.__main__",),
)
_NUMBER = struct.Struct("<q")
_MOST_BYTES = 1 << 17
_starting = threading.Lock()
"""The parts of a storm are started by threads of their own."""


def run(
    arguments: Sequence[str], environment: Mapping[str, str], given: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """What subprocess.run has of a command; `given`: what it reads."""
    with TemporaryFile() as read, TemporaryFile() as output, TemporaryFile() as errors:
        read.write(given)
        read.seek(0)
        code = Fork(arguments, environment, output.fileno(), errors.fileno(), read.fileno()).wait(1_200)
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, output.read(), errors.read())


class Fork:
    """One of these processes, as subprocess.Popen has them."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], output: int, *others: int) -> None:
        """`arguments`: the module and what it is started with. `output`: where its output goes; `others`: where its
        errors go, else there, too; and what it reads, else nothing."""
        self._arguments = list(arguments)
        self._answers, answer = os.pipe()
        order = json.dumps({"arguments": self._arguments, "environment": dict(environment)}).encode()
        try:
            with _starting:
                socket.send_fds(_server(), [order], [answer, output, *others])
        finally:
            os.close(answer)
        self.pid = self._number()
        self.returncode: int | None = None

    def _number(self) -> int:
        return int(_NUMBER.unpack(os.read(self._answers, _NUMBER.size))[0])

    def poll(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self._arguments, timeout or 0)
            self.returncode = self._number()
            os.close(self._answers)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def stop(self, seconds: float = 30) -> None:
        """SIGTERM, and SIGKILL if it has not ended by then."""
        self.terminate()
        try:
            self.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()


@functools.cache
def _server() -> socket.socket:
    """To the process that forks. It ends, with all that it has started, when this one does."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, its):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _MOST_BYTES)
    with its:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.integration.forks", str(its.fileno())],
            cwd=_ROOT, pass_fds=[its.fileno()], start_new_session=True,
        )  # fmt: skip

    def close() -> None:
        ours.close()
        process.wait(60)

    atexit.register(close)
    return ours


# ---- the process that forks --------------------------------------------------------------------------------
def _serve(orders: socket.socket) -> list[str]:
    """Forks for each order, until the test run is over. Returns in a forked process, with what that is to run."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([orders.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _report_ends(children)
        if orders.fileno() in ready:
            message, files, _, _ = socket.recv_fds(orders, _MOST_BYTES, 4)
            if not message:
                _end(children)
            answer, *files = files
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                return _become(json.loads(message), *files)
            for file in files:
                os.close(file)
            os.write(answer, _NUMBER.pack(pid))
            children[pid] = answer


def _report_ends(children: dict[int, int]) -> None:
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            answer = children.pop(pid)
            with contextlib.suppress(BrokenPipeError):  # nobody waits for it
                os.write(answer, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
            os.close(answer)


def _end(children: Mapping[int, int]) -> None:
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    sys.exit(0)


def _become(order: Mapping[str, object], output: int, errors: int | None = None, read: int | None = None) -> list[str]:
    """This process is a new one from here on."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in enumerate((nothing if read is None else read, output, output if errors is None else errors)):
        os.dup2(file, number)
    os.closerange(3, max(map(int, os.listdir("/proc/self/fd"))) + 1)
    environment, arguments = order["environment"], order["arguments"]
    assert isinstance(environment, dict) and isinstance(arguments, list)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    return arguments


def main() -> None:
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        for name in _LOADED:
            importlib.import_module(name)
            del sys.modules[name]  # it is run anew
        module, *sys.argv[1:] = _serve(orders)
        orders.detach()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
