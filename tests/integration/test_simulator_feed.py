"""The live feed against a real Kafka: at the pace of the clock, and after a restart or a kill without a gap."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from kafka.partitioner.default import murmur2

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import DAY_US
from services.local.kafka import Broker
from services.messaging import topics
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from services.simulator.district.profile import profile
from services.simulator.feed import Feed, FeedFailed
from services.simulator.kafka_sender import KafkaSender
from services.simulator.simulation import Simulation

START = date(2021, 8, 20)
PARTITIONS = 4


def law() -> Law:
    plan = load_plan(Path("services/catalog/jiangbei-2021"))
    return Law(plan, calendar_of(plan))


def simulation(days: int | None = None) -> Simulation:
    return Simulation(law(), profile("demo").at_volume(60), 7, START, days, faults={})


@pytest.fixture
def topic(kafka: Broker, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"feed-{os.getpid()}-{abs(hash(request.node.name)) % 10**8}"
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    yield name
    admin.delete_topics([name])
    admin.close()


def records(bootstrap: str, topic: str) -> list[tuple[int, bytes, bytes]]:
    """Partition, key and value of everything in the topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(places)
        left = sum(consumer.end_offsets(places).values())
        found: list[tuple[int, bytes, bytes]] = []
        until = time.monotonic() + 240
        while len(found) < left and time.monotonic() < until:
            for batch in consumer.poll(timeout_ms=500).values():
                found += [(one.partition, one.key, one.value) for one in batch]
        return found
    finally:
        consumer.close()


class FixedPace(NamedTuple):
    """A clock that always shows the same time."""

    time: int

    def now(self) -> int:
        return self.time

    def real_seconds(self, plan_seconds: float) -> float:
        return plan_seconds


def feed(kafka: Broker, topic: str, folder: Path, now: int, made: Simulation, name: str = "seed 7") -> Feed:
    return Feed(made, name, FixedPace(now), sender=KafkaSender(kafka.bootstrap, topic), file=folder / "feed.json")


def run_for(fed: Feed, seconds: float) -> None:
    ending = threading.Event()
    threading.Timer(seconds, ending.set).start()
    fed.run(ending)


def test_what_has_arrived_by_now_is_sent_and_nothing_more(kafka: Broker, topic: str, tmp_path: Path) -> None:
    now = law().zone.midnight(START.toordinal()) + 2 * DAY_US + DAY_US // 2
    run_for(feed(kafka, topic, tmp_path, now, simulation()), 3)
    expected = [event for event in simulation(5).events() if event.received <= now]
    sent = records(kafka.bootstrap, topic)
    assert sorted(value for _, _, value in sent) == sorted(event.line for event in expected)
    keys = {event.line: event.key.encode() for event in expected}
    for partition, key, value in sent:
        assert key == keys[value]
        assert partition == (murmur2(key) & 0x7FFFFFFF) % PARTITIONS


def test_a_restart_leaves_no_gap(kafka: Broker, topic: str, tmp_path: Path) -> None:
    midnight = law().zone.midnight(START.toordinal())
    for days in (1, 3):
        run_for(feed(kafka, topic, tmp_path, midnight + days * DAY_US + DAY_US // 2, simulation()), 2)
    expected = {event.line for event in simulation(5).events() if event.received <= midnight + 3 * DAY_US + DAY_US // 2}
    sent = [value for _, _, value in records(kafka.bootstrap, topic)]
    assert set(sent) == expected
    assert len(sent) <= len(expected) + 5, "only what arrived at the very last instant is sent twice"


def test_another_history_is_not_mixed_into_the_topic(kafka: Broker, topic: str, tmp_path: Path) -> None:
    run_for(feed(kafka, topic, tmp_path, 1 << 60, simulation(1)), 2)
    with pytest.raises(FeedFailed, match="make demo-reset"):
        feed(kafka, topic, tmp_path, 1 << 60, simulation(1), name="seed 8")


def test_the_process_survives_a_kill_and_ends_on_sigterm(kafka: Broker, tmp_path: Path) -> None:
    """`python -m services.simulator` as `kpiwatch up` starts it: killed with -9 in mid-flow, then ended politely."""
    topics.create(kafka.bootstrap, PARTITIONS)
    clock = Clock.simulated(tmp_path / "clock.json")
    midnight = law().zone.midnight(START.toordinal())
    clock.set(midnight + DAY_US, 20_000)
    settings = Settings(bootstrap=kafka.bootstrap, clock=tmp_path / "clock.json", state=tmp_path / "state")
    environment = {**os.environ, **settings.environment()}

    with ExitStack() as running, (tmp_path / "log").open("ab") as log:

        def start() -> "subprocess.Popen[bytes]":
            process = subprocess.Popen([sys.executable, "-m", "services.simulator"], env=environment, stderr=log)
            running.callback(process.wait)
            running.callback(process.kill)
            return process

        _kill_and_end(start, tmp_path / "state" / "feed.json", midnight)
    reached = json.loads((tmp_path / "state" / "feed.json").read_text())["sent"]
    demo = Simulation(law(), profile("demo"), settings.demo_seed, START)
    expected = set()
    for event in demo.events():
        if event.received >= reached:
            break
        expected.add(event.line)
    assert expected <= {value for _, _, value in records(kafka.bootstrap, topics.CASE_EVENTS)}
    assert "Traceback" not in (tmp_path / "log").read_text()


def _kill_and_end(start: Callable[[], "subprocess.Popen[bytes]"], file: Path, midnight: int) -> None:
    first = start()
    _wait(lambda: file.exists() and json.loads(file.read_text())["sent"] > midnight + DAY_US)
    first.send_signal(signal.SIGKILL)
    first.wait()
    killed_at = json.loads(file.read_text())["sent"]
    second = start()
    _wait(lambda: json.loads(file.read_text())["sent"] > killed_at + DAY_US)
    second.send_signal(signal.SIGTERM)
    assert second.wait(timeout=300) == 0


def test_without_a_broker_it_says_so(tmp_path: Path) -> None:
    clock = Clock.simulated(tmp_path / "clock.json")
    clock.set(law().zone.midnight(START.toordinal()), 0)
    settings = Settings(bootstrap="127.0.0.1:1", clock=tmp_path / "clock.json", state=tmp_path / "state")
    ended = subprocess.run(
        [sys.executable, "-m", "services.simulator"],
        env={**os.environ, **settings.environment()},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 3
    assert "KPIWATCH_BOOTSTRAP" in ended.stderr and "Traceback" not in ended.stderr


def _wait(holds: Callable[[], bool], seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.1)
