"""The gateway as a process, on a real broker, over real HTTP and TLS: one broker and one gateway for all of it."""

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import httpx
import orjson
import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from services.local.child_process import ChildProcess, Command
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.codec import admission
from services.messaging.records.gateway_keys import StoredKey
from services.runtime.settings import Settings
from tests.integration import forks
from tests.mutations import shipped_plan

WATER = "/units/liangjiang-water"
GOOD = {
    "specversion": "1.0", "id": "a-1", "source": WATER, "type": "case.accepted", "subject": "W-1",
    "time": "2021-09-16T09:12:00+08:00", "recordedat": "2021-09-16T09:12:05+08:00",
    "data": {"service_item": "water.connection", "unit": "liangjiang-water"},
}  # fmt: skip
BAD = {**GOOD, "id": "a-2", "data": {"service_item": "water.connection", "unit": "moon"}}
PARTITIONS = 3
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


class System(NamedTuple):
    """A broker with its topics, and a gateway."""

    broker: Broker
    gateway: ChildProcess
    client: httpx.Client

    def sources(self, *arguments: str) -> tuple[int, str, str]:
        return kpiwatch(self.broker, "sources", *arguments)

    def send(self, events: list[object], key: str) -> httpx.Response:
        headers = {**BATCH, "Authorization": f"Bearer {key}"}
        return self.client.post("/events", content=orjson.dumps(events), headers=headers)

    def new_key(self) -> str:
        code, key, error = self.sources("add-key", WATER)
        assert code == 0, error
        return key.strip()


def kpiwatch(broker: Broker, *arguments: str, **environment: str) -> tuple[int, str, str]:
    done = forks.run(["services.cli", *arguments, "--bootstrap", broker.bootstrap], {**os.environ, **environment})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def until(true: Callable[[], bool], seconds: float = 120) -> float:
    """How long it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1, signed by itself."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out",
            str(chain),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return chain, key


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("gateway")
    broker = Broker.start(folder / "kafka", cache=Settings.from_environment().cache)
    gateway = client = None
    try:
        topics.create(broker.bootstrap, PARTITIONS)
        (port,) = free_ports(1)
        chain, secret = certificate(folder)
        settings = Settings(
            bootstrap=broker.bootstrap, gateway_port=port, gateway_certificate=chain, gateway_certificate_key=secret
        )
        environment = {**os.environ, **settings.environment()}
        command = Command([sys.executable, "-m", "services.gateway"], environment=environment)
        gateway = ChildProcess("gateway", command, folder / "gateway.log")
        client = httpx.Client(
            base_url=f"https://127.0.0.1:{port}", verify=ssl.create_default_context(cafile=str(chain)), timeout=60
        )
        gateway.wait_until(lambda: ready(client), 120, "Look at the log")
        yield System(broker, gateway, client)
    finally:
        if client is not None:
            client.close()
        if gateway is not None:
            gateway.stop()
        broker.stop()


def ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_what_is_acknowledged_is_in_the_topic_as_a_worker_wants_it(system: System) -> None:
    key = system.new_key()
    events: list[object] = [{**GOOD, "id": f"a-{n}", "subject": f"W-{n % 7}"} for n in range(500)]
    before = time.time_ns() // 1000
    assert system.send(events, key).json() == {"accepted": 500}
    answer = system.send([GOOD, BAD], key)
    assert (answer.status_code, answer.json()["accepted"]) == (422, 1)
    worker, found = admission(shipped_plan(), trust_receivedat=True), list[str]()
    consumer = KafkaConsumer(bootstrap_servers=system.broker.bootstrap, auto_offset_reset="earliest")
    places = [TopicPartition(topics.CASE_EVENTS, number) for number in range(PARTITIONS)]
    consumer.assign(places)
    while len(found) < 501:
        for place, records in consumer.poll(timeout_ms=1000).items():
            for record in records:
                admitted = worker.admit(record.value, key=record.key, headers=record.headers)
                assert topics.partition_of(record.key, PARTITIONS) == place.partition
                assert before <= admitted.fact.received <= time.time_ns() // 1000
                found.append(admitted.fact.id)
    consumer.close()
    assert sorted(found) == sorted([*(f"a-{n}" for n in range(500)), "a-1"])


def test_keys_are_added_rotated_and_revoked_by_the_command(system: System) -> None:
    code, listed, _ = system.sources("list", WATER)
    first = listed.split()[1]
    assert code == 0 and "active" in listed
    second = system.new_key()
    assert system.sources("add-key", WATER)[0] == 1, "two are active: a third is refused"
    assert system.sources("rotate", WATER)[0] == 1
    assert system.sources("add-key", "/units/moon")[0] == 1
    until(lambda: system.send([], second).status_code == 202)
    assert system.sources("revoke", first)[0] == 0
    assert system.sources("revoke", "nothing")[0] == 1
    code, key, _ = system.sources("rotate", WATER, "--keep", "0")
    assert code == 0
    until(lambda: system.send([], key.strip()).status_code == 202)
    until(lambda: system.send([], second).status_code == 401)
    _, listed, _ = system.sources("list", "--all")
    assert sorted(line.split()[2] for line in listed.splitlines()) == ["active", "expired", "revoked"]

    now = time.time_ns() // 1000
    name, value = StoredKey(WATER, "0" * 64, now, revoked_at=now).record(key.split("_")[1])
    with closing(KafkaProducer(bootstrap_servers=system.broker.bootstrap)) as producer:
        producer.send(topics.GATEWAY_KEYS, value, name).get(timeout=30)
        assert until(lambda: system.send([], key.strip()).status_code == 401) < 1.0 or busy()


def busy() -> bool:
    """A machine with more to do than processors: nothing is promised of its times."""
    return os.getloadavg()[0] > (os.cpu_count() or 1)


def test_topics_need_their_copies_outside_a_demo(system: System) -> None:
    code, _, problems = kpiwatch(system.broker, "topics", "--check", "--partitions", str(PARTITIONS))
    assert code == 1 and "case.events is on 1 brokers and must be on 3" in problems
    code, said, _ = kpiwatch(
        system.broker, "topics", "--check", "--partitions", str(PARTITIONS), KPIWATCH_REPLICATION="1"
    )
    assert code == 0 and "all as they must be" in said


def test_without_the_broker_nobody_is_served_and_afterwards_all_goes_on(system: System) -> None:
    """The last test: it stops the broker."""
    for line in system.sources("list")[1].splitlines():
        system.sources("revoke", line.split()[1])
    key = system.new_key()
    until(lambda: system.send([GOOD], key).status_code == 202)
    system.broker.kill()
    answer = system.send([GOOD], key)
    assert answer.status_code == 503 and answer.headers["retry-after"]
    until(lambda: system.client.get("/readyz").status_code == 503)
    assert system.client.get("/livez").status_code == 200
    again = Broker.start(system.broker.folder, cache=Settings.from_environment().cache)
    try:
        until(lambda: system.send([GOOD], key).status_code == 202)
        log = (system.gateway.log).read_text()
        assert "W-1" not in log and key not in log
    finally:
        again.stop()
