"""On a real Kafka: records that are not ours in every topic, a worker that dies again and again, a clock set back."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import orjson
import pytest
from kafka import KafkaProducer

from services.domain.time.zone import Instant, instant_of
from services.local.kafka import Broker
from services.messaging import topics
from services.runtime import readiness
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.integration import forks
from tests.integration.crash_story import write_plan
from tests.integration.system import System
from tests.unit.mutated_records import STRANGERS

PARTITIONS = 2
LATE, EARLY = "2021-09-20T12:00:00+08:00", "2021-09-10T12:00:00+08:00"


def instant(text: str) -> Instant:
    return instant_of(datetime.fromisoformat(text))


def accepted(case: str, time: str) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0", "id": f"a-{case}", "source": "/units/north", "type": "case.accepted", "subject": case,
            "time": time, "recordedat": time, "receivedat": time, "data": {"service_item": "permit", "unit": "north"},
        }
    )  # fmt: skip


DAYS = (6, 7, 8, 9, 10, 15)
EVENTS = [accepted(f"W-{day}", f"2021-09-{day:02}T09:00:00+08:00") for day in DAYS]


class Town:
    """A broker, a small plan, one worker of each stage, and strangers' records in all topics."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self.broker = Broker.start(folder / "kafka", cache=Settings.from_environment().cache)
        stack.callback(self.broker.stop)
        plan = write_plan(folder / "plan")
        self.system = System(self.broker.bootstrap, plan, folder, now=instant(LATE), partitions=PARTITIONS)
        stack.callback(self.system.stop)
        self.events = folder / "events.jsonl"
        self.events.write_bytes(b"".join(line + b"\n" for line in EVENTS))

    def litter(self) -> None:
        """What nobody of ours writes, in every topic that is read; compacted ones take no record without a key."""
        producer = KafkaProducer(bootstrap_servers=self.broker.bootstrap, acks="all")
        compacted = (topics.KPI_TALLIES, topics.KPI_VALUES, topics.ALERT_CARDS, topics.CASE_VERDICTS,
                     topics.WORKER_FAILURES, topics.CASES_CHANGELOG)  # fmt: skip
        for topic in compacted:
            for key, value in STRANGERS:
                # an empty key is a claim in the changelog: an owner that finds a later one must end
                if key and value is not None:
                    producer.send(topic, value[:100_000], key, partition=0)
        producer.flush(timeout=120)
        producer.close()

    def kpiwatch(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | self.system.settings.environment()
        done = forks.run(["services.cli", *map(str, arguments)], environment)
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def values(self, as_of: str) -> "subprocess.CompletedProcess[str]":
        return self.kpiwatch(
            "values", "--as-of", as_of, "--out", self.folder / "values.csv", "--cards", self.folder / "cards.csv",
            "--wait", "300",
        )  # fmt: skip

    def replayed(self, as_of: str) -> tuple[bytes, bytes]:
        values, cards = self.folder / "replayed.csv", self.folder / "replayed-cards.csv"
        plan = self.system.settings.plan
        done = self.kpiwatch(
            "replay", self.events, "--plan", plan, "--as-of", as_of, "--out", values, "--cards", cards
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return values.read_bytes(), cards.read_bytes()

    def written(self) -> tuple[bytes, bytes]:
        return (self.folder / "values.csv").read_bytes(), (self.folder / "cards.csv").read_bytes()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with contextlib.ExitStack() as stack:
        yield Town(tmp_path_factory.mktemp("town"), stack)


def test_workers_start_on_whatever_strangers_have_left_and_what_they_say_is_right(town: Town) -> None:
    town.litter()
    town.system.start("cases-1")
    town.system.start("kpis-1", "streams.kpis")
    town.system.wait_ready("cases-1", 400)
    town.system.wait_ready("kpis-1", 400)
    town.system.feed(EVENTS)
    done = town.values(LATE)
    assert "Traceback" not in done.stderr
    assert done.returncode == 1 and "records of alert.cards cannot be read" in done.stderr
    assert town.written() == town.replayed(LATE)
    status = town.kpiwatch("status", "--wait", "300")
    assert status.returncode == 0, status.stderr
    assert "records cannot be read and are left out" in status.stdout
    for log in ("cases-1", "kpis-1"):
        assert "Traceback" not in (town.folder / f"{log}.log").read_text()


def test_after_the_clock_was_set_back_values_say_so_until_the_cases_are_judged_again(town: Town) -> None:
    assert town.system.settings.clock
    Clock.simulated(town.system.settings.clock).set(instant(EARLY), 0)
    refused = town.values(EARLY)
    assert refused.returncode == 2, refused.stderr
    assert "is judged up to 2021-09-20T12:00:00+08:00 already" in " ".join(refused.stderr.split())
    assert "If the clock was set back" in " ".join(refused.stderr.split())
    town.system.kill("cases-1")
    town.system.start("cases-1")
    town.system.wait_ready("cases-1", 400)
    done = town.values(EARLY)
    assert done.returncode == 1 and "records of alert.cards cannot be read" in done.stderr
    assert town.written()[0] == town.replayed(EARLY)[0]


def test_a_worker_that_dies_three_times_of_one_cause_says_so_where_people_look(town: Town) -> None:
    town.system.kill("kpis-1")
    (town.system.settings.state / "kpis-1.running").unlink()
    for _ in range(4):
        town.system.start("kpis-1", "tests.integration.dying_worker")
        assert town.system.workers["kpis-1"].wait(400) == 1
    status = town.kpiwatch("status", "--wait", "300")
    said = " ".join(status.stdout.split())
    assert "worker kpis-1 (kpis) has died 3 times in a row" in said
    assert "at services/domain/sums/tally.py:" in said
    assert "it has died 4 times in a row" in readiness.of_worker(town.system.settings.state, "kpis-1")
    assert "secret" not in status.stdout
