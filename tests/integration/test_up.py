"""`kpiwatch up`: each part answers before the next starts, nothing is left behind.

How parts that die are treated is tried with small processes in the places of the project's own (`up_with_small_parts`),
beside a real Kafka, Prometheus and Alertmanager. The whole runs in `test_demo`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.local.monitoring_tools import MonitoringTools
from services.local.ports import free_ports
from services.runtime.settings import variable
from tests.recorded_notices import recorded_notices

WEB_PORTS = ("prometheus_port", "history_port", "alertmanager_port", "exporter_port", "notifier_port")
MORE_PORTS = ("gateway_port", "casebook_port", "ledger_port", "desk_port", "doubles_port", "doubles_mail_port")
PATIENCE_SECONDS = 600
"""How long a test waits for what a busy machine does late."""
SMALL_PARTS = ("tests.integration.up_with_small_parts",)

pytestmark = pytest.mark.timeout(1800)


class Up:
    """One `kpiwatch up` in a process of its own."""

    def __init__(self, folder: Path, *command: str, speed: int = 1_000) -> None:
        self.command = command
        names = ("kafka_port", *WEB_PORTS, *MORE_PORTS)
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.folder = folder / "demo"
        self.output = folder / "output"
        settings = {"demo_folder": str(self.folder), "demo_speed": speed, **self.ports}
        self.environment = {**os.environ, **{variable(name): str(value) for name, value in settings.items()}}
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", *self.command, *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
            )

    def start(self) -> None:
        self.process = self.run()
        self.until("Ctrl-C stops everything")  # the last line of what it says when it is ready

    def until(self, text: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while text not in self.said:
            assert time.monotonic() < end, self.said
            time.sleep(0.1)

    def end(self, number: signal.Signals) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    @property
    def said(self) -> str:
        return self.output.read_text()

    def pids(self) -> dict[str, int]:
        """Of every part that was recorded as running."""
        return {record.stem: int(record.read_text().split()[0]) for record in self.folder.rglob("*.pid")}

    def notices(self) -> list[dict[str, Any]]:
        """The notices that are recorded."""
        return recorded_notices(f"127.0.0.1:{self.ports['kafka_port']}")

    def shows(self) -> int:
        """The simulated clock's file."""
        found: int = json.loads((self.folder / "clock.json").read_text())["simulated_epoch_us"]
        return found


@pytest.fixture
def up(tmp_path: Path, prometheus_tools: MonitoringTools) -> Iterator[Up]:
    with ended(Up(tmp_path, *SMALL_PARTS)) as running:
        yield running


@contextmanager
def ended(running: Up) -> Iterator[Up]:
    """Whatever the test did, nothing goes on after it."""
    try:
        yield running
    finally:
        if running.process and running.process.poll() is None:
            running.end(signal.SIGTERM)


def alive(pids: dict[str, int]) -> list[str]:
    return [
        name
        for name, pid in pids.items()
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    ]


def test_a_worker_that_dies_is_started_again_and_a_dead_broker_ends_it_all(up: Up) -> None:
    up.start()
    before = up.pids()
    os.kill(before["cases-1"], signal.SIGKILL)
    up.until("cases-1 ended with code -9; starting it again")
    os.kill(before["broker"], signal.SIGKILL)
    assert up.process
    assert up.process.wait(PATIENCE_SECONDS) == 3
    assert "Apache Kafka: it ended with code -9" in up.said
    assert alive(up.pids() | before) == []


def test_a_part_that_never_starts_keeps_no_other_from_its_work_and_the_screen_says_so(up: Up) -> None:
    up.environment["DIES"] = "kpis-1"
    up.start()
    assert "Going on without it: kpis-1: it ended with code 1 before it answered" in up.said
    up.until("kpis-1 ended with code 1 (3 times in a row); starting it again in 2 s")
    assert "kpis-1 is down" in up.said
    working = up.pids()
    assert {"broker", "cases-1", "cases-2", "exporter", "notifier", "prometheus"} <= set(alive(working))
    assert up.end(signal.SIGTERM) == 0
    assert alive(working) == []


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
        assert refused.wait(PATIENCE_SECONDS) == 3
    assert f"port {up.ports['exporter_port']} on 127.0.0.1 is taken by process" in up.said
    assert f"(pid {os.getpid()})" in up.said
    assert "choose another port with KPIWATCH_EXPORTER_PORT" in up.said

    up.start()
    second = Up(up.folder.parent, *SMALL_PARTS)
    second.output = up.output.with_name("second")
    assert second.run().wait(PATIENCE_SECONDS) == 3
    assert "it runs already with the data in" in second.said
