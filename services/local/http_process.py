"""A started process that answers over HTTP on loopback, ready when it says so itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from services.local.child_process import Child, end_leftover
from services.local.failures import PartUnavailable
from services.local.ports import free_ports, holder_of, is_free


def check_port(name: str, port: int, setting: str) -> None:
    """Raises PartUnavailable that names who holds the port and the setting to change."""
    if not is_free(port):
        raise PartUnavailable(
            name,
            f"port {port} on 127.0.0.1 is taken by {holder_of(port)}",
            f"Stop that, or choose another port with {setting}",
        )


def own_port(name: str, folder: Path, wished: int | None, setting: str) -> int:
    """The port that a part will answer on: the one wished for, else any free one. What an earlier run left of the part
    in its folder is ended first. Raises PartUnavailable."""
    end_leftover(folder / f"{name}.pid")
    port = free_ports(1)[0] if wished is None else wished
    check_port(name, port, setting)
    return port


def answers(url: str) -> bool:
    """True if a GET is answered with success within a second."""
    try:
        return httpx.get(url, timeout=1, trust_env=False).is_success
    except httpx.HTTPError:
        return False


class WebPart(Child):
    """Such a process, ready; `folder` keeps its log."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        folder: Path,
        port: int,
        *,
        working_folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        timeout_seconds: float = 30,
    ) -> None:
        super().__init__(name, argv, folder / f"{name}.log", folder=working_folder, environment=environment)
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
        """Its own word: GET /-/ready."""
        return answers(f"{self.url}/-/ready")
