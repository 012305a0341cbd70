"""Delivery on a real Kafka: whatever happens to the workers, each event is in its row once and in the last output.

The truth is the list of events that were sent; the answer is read from the rows of a worker that restores
everything from the changelog, id by id, and from the outputs.
"""

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import kafka as kafka_python
import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from services.messaging.records.fields import Unreadable
from services.messaging.records.rows import CLAIM_KEY, decode, encode
from tests.integration.delivery_worker import ID_BYTES, SWEEP_KEY, ids
from tests.integration.forks import Fork

PARTITIONS = 8


class Broker(Protocol):
    @property
    def bootstrap(self) -> str: ...


class Group:
    """A group of workers, its topics, and a feed of events whose truth is known."""

    def __init__(self, bootstrap: str, folder: Path, app_id: str, seed: int) -> None:
        self.bootstrap, self.folder, self.app_id = bootstrap, folder, app_id
        self.rng = random.Random(seed)
        self.workers: dict[str, Fork] = {}
        self.sent: dict[str, list[int]] = {}
        self._events = 0
        self._generation = 0
        self._feeding = threading.Event()
        self._feeder: threading.Thread | None = None
        self._producer = kafka_python.KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, acks="all")
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        compacted = {"cleanup.policy": "compact", "min.compaction.lag.ms": "3600000"}
        admin.create_topics(
            [
                NewTopic(name=f"{app_id}-events", num_partitions=PARTITIONS, replication_factor=1),
                NewTopic(f"{app_id}-outputs", PARTITIONS, 1, topic_configs=compacted),
                NewTopic(f"{app_id}-counts-changelog", PARTITIONS, 1, topic_configs=compacted),
            ]
        )
        admin.close()

    # -- events ------------------------------------------------------------------------------------------------------
    def send(self, count: int, keys: int = 400) -> None:
        for _ in range(count):
            key = f"case-{self.rng.randrange(keys)}"
            self._producer.send(f"{self.app_id}-events", key=key.encode(), value=self._events.to_bytes(ID_BYTES, "big"))
            self.sent.setdefault(key, []).append(self._events)
            self._events += 1
        self._producer.flush()

    def feed(self, per_second: int) -> None:
        """Send on and on, until `settle`."""

        def run() -> None:
            while self._feeding.is_set():
                self.send(per_second // 20)
                time.sleep(0.05)

        self._feeding.set()
        self._feeder = threading.Thread(target=run)
        self._feeder.start()

    # -- workers -----------------------------------------------------------------------------------------------------
    def start(self, name: str, *, lost_disk: bool = False, **conf: Any) -> Fork:
        if lost_disk:
            self._generation += 1
        data_dir = self.folder / f"{name}-{self._generation}" if lost_disk else self._data_dir(name)
        (self.folder / f"{name}.disk").write_text(str(data_dir))
        settings = {
            "id": self.app_id, "bootstrap": self.bootstrap, "worker": name, "partitions": PARTITIONS,
            "data_dir": str(data_dir), **conf,
        }  # fmt: skip
        with (self.folder / f"{name}.log").open("ab") as log:
            arguments = ["tests.integration.delivery_worker", json.dumps(settings)]
            self.workers[name] = Fork(arguments, os.environ, log.fileno())
        return self.workers[name]

    def _data_dir(self, name: str) -> Path:
        disk = self.folder / f"{name}.disk"
        return Path(disk.read_text()) if disk.exists() else self.folder / name

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def wait_for(self, name: str, text: str, seconds: float = 400.0) -> None:
        until = time.monotonic() + seconds
        while text not in self.log(name):
            assert time.monotonic() < until, f"{name} has not said {text!r}:\n{self.log(name)[-3000:]}"
            time.sleep(0.1)

    def wait_for_outputs(self, count: int, seconds: float = 400.0) -> None:
        """Until the workers have published this many outputs."""
        until = time.monotonic() + seconds
        while (found := self.end(f"{self.app_id}-outputs")) < count:
            assert time.monotonic() < until, f"only {found} outputs"
            time.sleep(0.2)

    def end(self, topic: str) -> int:
        consumer = kafka_python.KafkaConsumer(bootstrap_servers=self.bootstrap)
        tps = [kafka_python.TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        ends = consumer.end_offsets(tps)
        consumer.close()
        return sum(ends.values())

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> int:
        worker = self.workers.pop(name)
        worker.send_signal(how)
        return worker.wait(120)

    def stop(self) -> None:
        self._feeding.clear()
        if self._feeder:
            self._feeder.join()
        for name in list(self.workers):
            self.workers[name].send_signal(signal.SIGCONT)
            self.kill(name)
        self._producer.close()

    # -- the answer --------------------------------------------------------------------------------------------------
    def settle(self) -> tuple[dict[str, list[int]], dict[str, int]]:
        """End the feed and the workers; the rows of one that starts with an empty disk, and the last outputs."""
        self._feeding.clear()
        if self._feeder:
            self._feeder.join()
        for name in list(self.workers):
            assert self.kill(name, signal.SIGTERM) in (0, -signal.SIGTERM)  # the latter: it had only just been started
        answer = self.folder / "answer.json"
        last = self.start("last", lost_disk=True, finish=str(answer))
        try:
            assert last.wait(600) == 0, self.log("last")[-3000:]
        except subprocess.TimeoutExpired:
            pytest.fail(f"the last worker does not finish:\n{self.log('last')[-3000:]}")
        self.workers.clear()
        return json.loads(answer.read_text()), self._outputs()

    def _outputs(self) -> dict[str, int]:
        return {record.key.decode(): int(record.value) for record in self._read(f"{self.app_id}-outputs")}

    def _read(self, topic: str) -> Iterator[Any]:
        """Every record of a topic that is there now."""
        consumer = kafka_python.KafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        tps = [kafka_python.TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        consumer.assign(tps)
        ends = consumer.end_offsets(tps)
        while any(consumer.position(tp) < end for tp, end in ends.items()):
            for records in consumer.poll(timeout_ms=500).values():
                yield from records
        consumer.close()

    def changelog(self) -> list[list[tuple[int, bytes, int, bytes | None]]]:
        """For each partition: offset, key, epoch of the writer (its own offset for a claim) and row, in order."""
        found: list[list[tuple[int, bytes, int, bytes | None]]] = [[] for _ in range(PARTITIONS)]
        for record in self._read(f"{self.app_id}-counts-changelog"):
            try:
                epoch, row = (record.offset, None) if record.key == CLAIM_KEY else decode(record)
            except Unreadable:  # made by hand: readers pass it over
                epoch, row = -1, b""
            found[record.partition].append((record.offset, record.key, epoch, row))
        return found

    def assert_exact(self) -> None:
        rows, outputs = self.settle()
        lost = {key: sorted(set(want) - set(rows.get(key, []))) for key, want in self.sent.items()}
        lost = {key: missing for key, missing in lost.items() if missing}
        assert not lost, f"{sum(map(len, lost.values()))} events lost: {dict(list(lost.items())[:5])}"
        assert {key: sorted(row) for key, row in rows.items()} == self.sent
        assert outputs == {key: len(want) for key, want in self.sent.items()}


@pytest.fixture
def group(kafka: Broker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Group]:
    app_id = f"{request.node.name.replace('_', '-')[:60]}-{time.time_ns() % 10**9}"
    made = Group(kafka.bootstrap, tmp_path, app_id, seed=20211001)
    yield made
    made.stop()


def test_a_join_a_kill_and_a_lost_disk_lose_nothing(group: Group) -> None:
    group.start("a")
    group.feed(2000)
    group.wait_for("a", "Worker ready")
    group.start("b")
    group.wait_for("b", "Worker ready")
    time.sleep(1)
    group.kill("a")
    group.start("a", lost_disk=True)
    group.wait_for("a", "Worker ready")
    time.sleep(2)
    group.assert_exact()


@pytest.mark.timeout(1200)
def test_a_storm_loses_nothing(group: Group) -> None:
    rng, names = group.rng, ("a", "b", "c")
    for name in names:
        group.start(name)
    group.feed(1500)
    for _ in range(6):  # twelve with the whole system in test_storm.py
        time.sleep(rng.uniform(4, 9))
        name = rng.choice(names)
        if name in group.workers:
            group.kill(name, signal.SIGKILL if rng.random() < 0.7 else signal.SIGTERM)
            if rng.random() < 0.25:
                continue  # stays away until a later fault brings it back: a leave, then a join
        group.start(name, lost_disk=rng.random() < 0.3)
    group.assert_exact()


def test_a_handler_that_raises_ends_the_worker_and_acknowledges_nothing(group: Group) -> None:
    group.send(3000)
    failing = group.start("a", raise_after=1)
    assert failing.wait(300) == 1
    assert "failpoint: the handler raises" in group.log("a")
    assert group.end(f"{group.app_id}-outputs") > 0  # at least once: what the chunk had sent stays sent
    del group.workers["a"]
    group.assert_exact()


def test_a_crash_between_changelog_and_output_loses_no_output(group: Group) -> None:
    group.send(3000)
    dying = group.start("a", die_between=2)
    assert dying.wait(300) == -signal.SIGKILL
    published = group.end(f"{group.app_id}-outputs")
    del group.workers["a"]
    group.assert_exact()
    assert published < group.end(f"{group.app_id}-outputs")


def test_a_worker_that_was_frozen_past_its_session_ends_before_it_sends(group: Group) -> None:
    frozen = group.start("a")
    group.wait_for("a", "Worker ready")
    group.start("b")
    group.wait_for("b", "Worker ready")
    group.feed(1000)
    time.sleep(2)
    frozen.send_signal(signal.SIGSTOP)
    time.sleep(9)
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(300) == 1
    assert "did not run for" in group.log("a")
    del group.workers["a"]
    group.assert_exact()


def test_what_a_frozen_worker_still_sends_does_not_win(group: Group) -> None:
    """The worst case: nothing ends it, its batches are on their way, and every disk is lost afterwards."""
    frozen = group.start("a", end_when_frozen=False, slow_send=0.7)
    group.wait_for("a", "Worker ready")
    group.start("b")
    group.wait_for("b", "Worker ready")
    group.feed(1000)
    time.sleep(4)
    frozen.send_signal(signal.SIGSTOP)
    time.sleep(10)
    frozen.send_signal(signal.SIGCONT)
    time.sleep(4)
    assert group.kill("a", signal.SIGTERM) in (0, 1)  # 1: it has seen the new owner's claim and ended itself
    group.assert_exact()
    stale = 0
    for records in group.changelog():
        highest = -1
        for _, _, epoch, _ in records:
            stale += epoch < highest
            highest = max(highest, epoch)
        _assert_compaction_would_keep_the_right_rows(group, records)
    assert stale, "nothing stale was written: the test has shown nothing"


def test_a_stale_record_behind_the_owner_is_written_over(group: Group) -> None:
    """As above, with the stale record made by hand: older than the owner's claim, and last in the log."""
    group.send(2000)
    group.start("a")
    group.wait_for_outputs(len(group.sent))
    topic = f"{group.app_id}-counts-changelog"
    for partition, records in enumerate(group.changelog()):
        key = next(key for _, key, _, row in records if row and key != SWEEP_KEY)
        value, _ = encode(-1, b"")
        group._producer.send(topic, partition=partition, key=key, value=value)
    group._producer.flush()
    group.send(2000)
    time.sleep(3)
    group.assert_exact()
    assert "written again behind stale records" in group.log("a")
    for records in group.changelog():
        _assert_compaction_would_keep_the_right_rows(group, records)


def _assert_compaction_would_keep_the_right_rows(
    group: Group, records: list[tuple[int, bytes, int, bytes | None]]
) -> None:
    """Compaction knows nothing of epochs: it keeps the last record of a key."""
    last = {key: row for _, key, _, row in records if key not in (CLAIM_KEY, SWEEP_KEY)}
    for key, row in last.items():
        assert sorted(ids(row or b"")) == group.sent[key.decode()]
