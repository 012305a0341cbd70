"""`kpiwatch up`: each part answers before the next starts, nothing is left behind, and the data stays.

What is supervised here are small processes in the places of the project's own (`up_with_small_parts`), beside a real
Kafka, Prometheus and Alertmanager.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from services.local.monitoring_tools import MonitoringTools
from services.local.ports import free_ports
from services.local.supervisor import appended
from services.messaging import topics
from services.settings import variable


class Up:
    """One `kpiwatch up` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        names = ("kafka_port", "prometheus_port", "alertmanager_port", "exporter_port", "notifier_port")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.folder = folder / "demo"
        self.output = folder / "output"
        settings = {"demo_folder": str(self.folder), "demo_speed": "1000", **self.ports}
        self.environment = {**os.environ, **{variable(name): str(value) for name, value in settings.items()}}
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            argv = [sys.executable, "-m", "tests.integration.up_with_small_parts", *arguments]
            return subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, env=self.environment)

    def start(self) -> None:
        self.process = self.run()
        self.until("Ready.")

    def until(self, text: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < end, self.said
            time.sleep(0.1)

    def end(self, number: signal.Signals) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(60)

    @property
    def said(self) -> str:
        return self.output.read_text()

    def pids(self) -> dict[str, int]:
        """Of every part that was recorded as running."""
        return {record.stem: int(record.read_text().split()[0]) for record in self.folder.rglob("*.pid")}

    def shows(self) -> int:
        """The simulated clock's file."""
        found: int = json.loads((self.folder / "clock.json").read_text())["simulated_epoch_us"]
        return found


@pytest.fixture
def up(tmp_path: Path, prometheus_tools: MonitoringTools) -> Iterator[Up]:
    running = Up(tmp_path)
    yield running
    if running.process and running.process.poll() is None:
        running.end(signal.SIGTERM)


def alive(pids: dict[str, int]) -> list[str]:
    return [
        name
        for name, pid in pids.items()
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    ]


def test_everything_answers_then_ends_and_goes_on_with_its_data(up: Up) -> None:
    up.start()
    pids = up.pids()
    assert pids.keys() == {
        *("broker", "feed", "cases-1", "cases-2", "kpis-1", "exporter", "notifier", "prometheus", "alertmanager")
    }
    for port in ("prometheus_port", "alertmanager_port", "exporter_port", "notifier_port"):
        assert httpx.get(f"http://127.0.0.1:{up.ports[port]}/-/ready").status_code == 200
    first = appended(f"127.0.0.1:{up.ports['kafka_port']}", topics.CASE_EVENTS)
    assert first == 1

    assert up.end(signal.SIGINT) == 0
    assert alive(pids) == []
    stopped_at = up.shows()

    up.start()
    assert appended(f"127.0.0.1:{up.ports['kafka_port']}", topics.CASE_EVENTS) == 2
    assert up.shows() >= stopped_at
    assert up.end(signal.SIGTERM) == 0

    assert up.run("--forget").wait(30) == 0
    assert not up.folder.exists()


def test_a_worker_that_dies_is_started_again_and_a_dead_broker_ends_it_all(up: Up) -> None:
    up.start()
    before = up.pids()
    os.kill(before["cases-1"], signal.SIGKILL)
    up.until("cases-1 ended with code -9; starting it again")
    os.kill(before["broker"], signal.SIGKILL)
    assert up.process
    assert up.process.wait(60) == 3
    assert "Apache Kafka: it ended with code -9" in up.said
    assert alive(up.pids() | before) == []


def test_what_a_killed_up_left_behind_is_ended_and_time_does_not_go_back(up: Up) -> None:
    up.start()
    lost = up.pids()
    shown = up.shows()
    assert up.end(signal.SIGKILL) == -signal.SIGKILL
    assert set(alive(lost)) == lost.keys()
    up.start()
    assert alive(lost) == []
    assert up.shows() >= shown


def test_a_taken_port_and_a_second_up_are_refused_with_the_remedy(up: Up) -> None:
    with socket.create_server(("127.0.0.1", up.ports["exporter_port"])):
        refused = up.run()
        assert refused.wait(60) == 3
    assert f"port {up.ports['exporter_port']} on 127.0.0.1 is taken by process" in up.said
    assert f"(pid {os.getpid()})" in up.said
    assert "choose another port with KPIWATCH_EXPORTER_PORT" in up.said

    up.start()
    second = Up(up.folder.parent)
    second.output = up.output.with_name("second")
    assert second.run().wait(60) == 3
    assert "it runs already with the data in" in second.said
