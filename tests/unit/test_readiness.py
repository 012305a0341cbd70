"""Whether a process is ready, asked from outside: what the health checks of docker-compose.yml run."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from services.runtime import readiness
from services.runtime.readiness import Readiness


def says(state: Path, *, partitions: int = 4, rebalancing: bool = False, seconds_ago: float = 0) -> None:
    said = Readiness.of_this_process("cases-1", partitions=partitions, rebalancing=rebalancing)
    said.model_copy(update={"at": time.time() - seconds_ago}).write(state)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of the worker that the settings name."""
    monkeypatch.setenv("KPIWATCH_STATE", str(tmp_path))
    monkeypatch.setenv("KPIWATCH_WORKER", "cases-1")
    return tmp_path


def test_a_worker_that_has_partitions_and_said_so_just_now_is_ready(worker: Path) -> None:
    says(worker)
    assert readiness.main([]) == 0


def test_a_worker_that_is_not_ready_says_why(worker: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert readiness.main([]) == 3
    says(worker, seconds_ago=60)
    assert readiness.main([]) == 3
    says(worker, partitions=0)
    assert readiness.main([]) == 3
    says(worker, rebalancing=True)
    assert readiness.main([]) == 3
    assert capsys.readouterr().err.splitlines() == [
        "it has not said anything yet",
        "it has said nothing for 60 s",
        "no partitions are assigned to it",
        "its partitions are being given out or restored",
    ]


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ready = self.path == "/-/ready"
        self.send_response(200 if ready else 503)
        self.end_headers()
        self.wfile.write(b"ready" if ready else b"still reading")

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_web_part_is_ready_when_it_says_so_itself(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert readiness.main([f"{url}/-/ready"]) == 0
    assert readiness.main([f"{url}/-/healthy"]) == 3
    assert readiness.main(["http://127.0.0.1:9/-/ready"]) == 3
    still, away = capsys.readouterr().err.splitlines()
    assert still == "still reading"
    assert away.startswith("http://127.0.0.1:9/-/ready does not answer")


def test_a_worker_whose_disk_is_full_goes_on_and_is_not_ready(tmp_path: Path) -> None:
    """Raised from its timer, it ended a kpis worker, which needs no disk."""
    state = tmp_path / "state"
    state.write_text("no folder can be made here")
    Readiness.of_this_process("kpis-1", partitions=1, rebalancing=False).write(state)
    state.unlink()
    assert readiness.of_worker(state, "kpis-1") == "it has not said anything yet"
