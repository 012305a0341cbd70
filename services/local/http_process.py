"""A process that we start and that answers over HTTP on loopback. It is ready when its own /-/ready says so."""

from pathlib import Path

import httpx

from services.local.child_process import ChildProcess, Command, end_leftover
from services.local.failures import PartUnavailable
from services.local.ports import free_ports, holder_of, is_free
from services.runtime.settings import variable


def check_port(name: str, port: int, setting: str) -> None:
    """Raises PartUnavailable where the port is taken; it names the process that holds it and the setting to change."""
    if not is_free(port):
        raise PartUnavailable(
            name,
            f"port {port} on 127.0.0.1 is taken by {holder_of(port)}",
            f"Stop that, or choose another port with {setting}",
        )


def own_port(name: str, folder: Path, wished: int | None) -> int:
    """The port that a part will answer on: the one wished for, else any free one. A process that an earlier run left
    running is ended first. Raises PartUnavailable."""
    end_leftover(folder / f"{name}.pid")
    port = free_ports(1)[0] if wished is None else wished
    check_port(name, port, variable(f"{name}_port"))
    return port


def answers(url: str) -> bool:
    """True if a GET is answered with success within a second."""
    try:
        return httpx.get(url, timeout=1, trust_env=False).is_success
    except httpx.HTTPError:
        return False


class HttpProcess(ChildProcess):
    """Such a process. The constructor returns when it is ready; `folder` keeps its log."""

    def __init__(
        self,
        name: str,
        command: Command,
        folder: Path,
        port: int,
        *,
        timeout_seconds: float = 120,
    ) -> None:
        super().__init__(name, command, folder / f"{name}.log")
        self.port = port
        try:
            self.wait_until(self.is_ready, timeout_seconds, "Look at the log")
        except BaseException:
            self.kill()
            raise

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        """Whether its own GET /-/ready succeeds."""
        return answers(f"{self.url}/-/ready")
