"""Every process of the system has ended ten seconds after SIGTERM: at work, while it recovers or catches up, and while
the broker is away."""

import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Zone
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.runtime.readiness import read
from services.runtime.settings import Settings
from services.simulator.district.profile import profile
from services.simulator.simulation import Simulation
from tests.integration.system import System

PARTITIONS = 2
FIRST = date(2021, 8, 20)
DAYS = 20
WITHIN_SECONDS = 10.0
"""On a machine that has nothing else to do."""
MOST_BUSY = 3.0
"""How many times slower a busy machine may be; whoever lives for longer than that is not waited for."""
MODULES = {
    "cases-1": "streams.cases",
    "kpis-1": "streams.kpis",
    "exporter": "services.exporter",
    "ledger": "services.ledger",
    "notifier": "services.notifier",
    "feed": "services.simulator",
}

pytestmark = pytest.mark.timeout(1200)


def busy() -> float:
    """How many times slower than alone on the machine a process is now."""
    began, used = time.monotonic(), time.process_time()
    while time.process_time() - used < 0.3:
        pass
    return min(MOST_BUSY, (time.monotonic() - began) / (time.process_time() - used))


class Running(System):
    """The system, with its broker."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        plan = Path("services/catalog/jiangbei-2021")
        zone = Zone("Asia/Shanghai")
        super().__init__(
            broker.bootstrap,
            plan,
            folder,
            now=zone.midnight((FIRST + timedelta(DAYS)).toordinal()),
            partitions=PARTITIONS,
        )
        self.broker = broker
        names = ("exporter_port", "notifier_port", "ledger_port", "alertmanager_port")
        ports = dict(zip(names, free_ports(4), strict=True))
        # the feed sends its history once more, with faults: no worker may end because of them
        ledger = {name: str(folder / f"{name}.sqlite") for name in ("ledger", "texts")}
        files = {"ledger_key": folder / "ledger.key", "checkpoints": folder / "checkpoints.jsonl"}
        own = {"outbox": folder / "outbox.jsonl", "dead_letter_ratio": 1.0, **ledger, **files}
        self.settings = self.settings.model_copy(update={**ports, **own})

    def end(self, name: str) -> float:
        """How long a process lives after SIGTERM, in the seconds of a machine that has nothing else to do."""
        began = time.monotonic()
        worker = self.workers.pop(name)
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(WITHIN_SECONDS * MOST_BUSY)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait(60)
            return float("inf")
        took = time.monotonic() - began
        return took if took < WITHIN_SECONDS else took / busy()

    def wait_for(self, name: str, words: str, seconds: float = 300) -> None:
        """Until the log of a process has these words."""
        until = time.monotonic() + seconds
        while words not in (self.folder / f"{name}.log").read_text(errors="replace"):
            assert time.monotonic() < until and self.workers[name].poll() is None, self.log(name)
            time.sleep(0.05)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("ending")
    broker = Broker.start(folder / "kafka", cache=Settings.from_environment().cache)
    running = Running(broker, folder)
    law = Law(plan := load_plan(running.settings.plan), calendar_of(plan))
    history = Simulation(law, profile("demo"), running.settings.demo_seed, FIRST, DAYS, faults={})
    assert running.feed([event.line for event in history.events()]) > 15_000
    try:
        yield running
    finally:
        running.stop()
        broker.kill()


def test_a_worker_that_catches_up_ends(system: Running) -> None:
    system.start("cases-1")
    system.wait_ready("cases-1")
    assert system.end("cases-1") < WITHIN_SECONDS, system.log("cases-1")


@pytest.mark.parametrize("after", [0.0, 0.5, 2.0])
def test_a_worker_that_recovers_ends(system: Running, after: float) -> None:
    system.lose_disk("cases-1")
    system.start("cases-1")
    until = time.monotonic() + 300
    while (said := read(system.settings.state, "cases-1")) is None or said.pid != system.workers["cases-1"].pid:
        assert time.monotonic() < until and system.workers["cases-1"].poll() is None, system.log("cases-1")
        time.sleep(0.05)
    time.sleep(after)
    assert system.end("cases-1") < WITHIN_SECONDS, system.log("cases-1")


def test_everybody_ends_at_work_and_while_the_broker_is_away(system: Running) -> None:
    took = {}
    for broker_is_away in (False, True):
        for name, module in MODULES.items():
            system.start(name, module)
        system.wait_ready("cases-1")
        system.wait_ready("kpis-1")
        system.wait_for("notifier", "webhook on")
        time.sleep(2)
        if broker_is_away:
            system.broker.kill()
            time.sleep(3)
        for name in MODULES:
            took[name, broker_is_away] = system.end(name)
    assert {key: seconds for key, seconds in took.items() if seconds >= WITHIN_SECONDS} == {}, took
