"""Inboxes on a broker with users and rights: a source writes its own, the relay takes it from there."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, TopicAuthorizationFailedError

from services.gateway.inboxes import Inboxes
from services.local.child_process import ChildProcess, Command
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.codec import admission
from services.messaging.dead_letter_reader import read
from services.runtime import readiness
from services.runtime.settings import Settings
from tests.integration import forks
from tests.mutations import shipped_plan
from tests.unit.gateway import BAD, GOOD, WATER

PARTITIONS = 2
SOURCES = [shipped_plan().sources[name] for name in (WATER, "/units/district-taxation", "/operations")]
INBOX = SOURCES[0].inbox


class System(NamedTuple):
    """A broker with two listeners."""

    broker: Broker
    sources_port: int
    folder: Path

    def producer(self, source: str, password: str | None = None) -> KafkaProducer:
        """As a source has it: by its user, on the listener of sources."""
        text = (self.folder / "passwords" / f"{source}.properties").read_text(encoding="utf-8")
        return KafkaProducer(
            bootstrap_servers=f"127.0.0.1:{self.sources_port}",
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_plain_username=source,
            sasl_plain_password=password or text.split('password="')[1].split('"')[0],
            bootstrap_timeout_ms=10_000,
            max_block_ms=5_000,
        )


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("inboxes")
    port, sources_port = free_ports(2)
    cache = Settings.from_environment().cache
    broker = Broker.start(folder / "kafka", port, cache=cache, sources_port=sources_port)
    try:
        topics.create(broker.bootstrap, PARTITIONS)
        yield System(broker, sources_port, folder)
    finally:
        broker.stop()


def test_the_command_makes_topics_users_and_rights_once(system: System) -> None:
    inboxes = Inboxes(system.broker.bootstrap, SOURCES, copies=1)
    assert len(inboxes.problems()) == 3 * len(SOURCES)
    done = list(inboxes.make(system.folder / "passwords"))
    assert len(done) == 3 * len(SOURCES)
    assert inboxes.problems() == [] and list(inboxes.make(system.folder / "passwords")) == []
    for file in (system.folder / "passwords").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
    fewer = Inboxes(system.broker.bootstrap, SOURCES[:-1], copies=1)
    (problem, *_) = fewer.problems()
    assert problem.startswith("inbox.operations may use inbox.operations")
    assert list(fewer.make(system.folder / "passwords")) == [
        "removed the user inbox.operations: no source has this inbox"
    ]
    assert fewer.problems() == []


def test_a_source_may_write_its_inbox_and_nothing_else(system: System) -> None:
    with closing(system.producer(INBOX)) as producer:
        producer.send(INBOX, orjson.dumps(GOOD)).get(timeout=30)
        producer.send(INBOX, orjson.dumps(BAD)).get(timeout=30)
        for topic in (SOURCES[1].inbox, topics.CASE_EVENTS, topics.GATEWAY_KEYS):
            with pytest.raises((TopicAuthorizationFailedError, KafkaError)):
                producer.send(topic, b"{}", partition=0).get(timeout=30)
    with pytest.raises(KafkaError):
        system.producer(INBOX, password="guessed").close()


def test_the_relay_takes_it_from_there(system: System, tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    settings = Settings(bootstrap=system.broker.bootstrap, state=tmp_path, worker="relay-1", plan=plan)
    environment = {**os.environ, **settings.environment()}
    command = Command([sys.executable, "-m", "services.gateway.relay"], environment=environment)
    child = ChildProcess("relay", command, tmp_path / "relay.log")
    try:
        child.wait_until(lambda: not readiness.of_worker(tmp_path, "relay-1"), 120, "Look at the log")
        (record,) = records(system, 1)
        found = admission(shipped_plan(), trust_receivedat=True).admit(
            record.value, key=record.key, headers=record.headers
        )
        assert (found.fact.source, found.fact.id) == (WATER, GOOD["id"])
        child.wait_until(lambda: len(list(read(system.broker.bootstrap))) == 1, 60, "Look at the log")
        (filed,) = read(system.broker.bootstrap)
        assert (filed.letter.reason, filed.letter.topic) == ("unknown_unit", INBOX)
        child.kill()
        with closing(system.producer(INBOX)) as producer:
            producer.send(INBOX, orjson.dumps({**GOOD, "id": "late"})).get(timeout=30)
        child = ChildProcess("relay", command, tmp_path / "relay.log")
        assert "late" in {orjson.loads(one.value)["id"] for one in records(system, 2)}
        assert "W-1" not in child.log.read_text()
    finally:
        child.stop()


def small_plan(folder: Path) -> Path:
    """The shipped plan, with the sources only that have an inbox here."""
    plan = folder / "plan"
    shutil.copytree(Settings().plan, plan)
    text = (plan / "sources.toml").read_text(encoding="utf-8")
    head, *entries = text.split("[[source]]\n")
    ids = tuple(f'id = "{source.id}"' for source in SOURCES[:-1])
    kept = [entry for entry in entries if entry.startswith(ids)]
    assert len(kept) == len(ids)
    (plan / "sources.toml").write_text("[[source]]\n".join([head, *kept]), encoding="utf-8")
    return plan


def records(system: System, number: int) -> list[Any]:
    """So many records of case.events, or more."""
    found: list[Any] = []
    with closing(KafkaConsumer(bootstrap_servers=system.broker.bootstrap, auto_offset_reset="earliest")) as consumer:
        consumer.assign([TopicPartition(topics.CASE_EVENTS, place) for place in range(PARTITIONS)])
        while len(found) < number:
            for some in consumer.poll(timeout_ms=1_000).values():
                found += some
    return found


def test_the_command_names_what_is_missing(system: System) -> None:
    environment = {**os.environ, "KPIWATCH_REPLICATION": "1"}
    done = forks.run(["services.cli", "inboxes", "--check", "--bootstrap", system.broker.bootstrap], environment)
    missing = len(shipped_plan().sources) - len(SOURCES)
    assert done.returncode == 1 and done.stderr.decode().count("there is no topic inbox.") == missing
