"""Gateway and relay as processes, over real HTTP, TLS and SASL, on one broker that has users and rights."""

import os
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from services.gateway.inboxes import OURS_ALONE, Inboxes
from services.gateway.key_admin import KeyAdmin
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.codec import admission
from services.messaging.dead_letter_reader import read
from services.messaging.records.gateway_keys import NewKey, StoredKey
from services.runtime import readiness
from services.runtime.settings import Settings
from tests.integration import forks
from tests.mutations import shipped_plan
from tests.page import Reader
from tests.unit.commands import run
from tests.unit.gateway import BAD, GOOD, WATER

ROOT = Path(__file__).parents[2]
PARTITIONS = 3
PLACES = [TopicPartition(topics.CASE_EVENTS, number) for number in range(PARTITIONS)]
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
SOURCES = [shipped_plan().sources[name] for name in (WATER, "/units/district-taxation", "/operations")]
INBOX = SOURCES[0].inbox


class System(NamedTuple):
    """A broker with two listeners and its topics, and a gateway."""

    broker: Broker
    sources_port: int
    client: httpx.Client
    folder: Path

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors of `kpiwatch` with these arguments, within this process."""
        with redirect_stdout(StringIO()) as output, redirect_stderr(StringIO()) as errors:
            code = run(*arguments, "--bootstrap", self.broker.bootstrap)
        return code, output.getvalue(), errors.getvalue()

    def sources(self, *arguments: str) -> tuple[int, str, str]:
        return self.command("sources", *arguments)

    def new_key(self) -> str:
        code, key, error = self.sources("add-key", WATER)
        assert code == 0, error
        return key.strip()

    def send(self, events: list[object], key: str) -> httpx.Response:
        headers = {**BATCH, "Authorization": f"Bearer {key}"}
        return self.client.post("/events", content=orjson.dumps(events), headers=headers)

    def answers(self, path: str) -> int:
        """The status of a route; 0 while nobody answers."""
        try:
            return self.client.get(path).status_code
        except httpx.TransportError:
            return 0

    def producer(self, inbox: str, password: str | None = None) -> KafkaProducer:
        """As a source has it."""
        return KafkaProducer(**self.login(inbox, password), max_block_ms=5_000)

    def login(self, inbox: str, password: str | None = None) -> dict[str, Any]:
        """How a client of a source gets in: by its user, on the listener of sources."""
        text = (self.folder / "passwords" / f"{inbox}.properties").read_text(encoding="utf-8")
        return {
            "bootstrap_servers": f"127.0.0.1:{self.sources_port}",
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": inbox,
            "sasl_plain_password": password or text.split('password="')[1].split('"')[0],
            "bootstrap_timeout_ms": 10_000,
        }

    def rights(self, inbox: str, names: list[str]) -> dict[str, set[str]]:
        """What its user may do with each of the topics and, under the empty name, with the cluster."""
        client = KafkaAdminClient(**self.login(inbox))
        with closing(client) as admin:
            found = {one["name"]: set(one["authorized_operations"] or ()) for one in admin.describe_topics(names)}
            return {**found, "": set(admin.describe_cluster()["authorized_operations"] or ())}

    def stored(self, wanted: set[str]) -> list[tuple[TopicPartition, Any]]:
        """The records of case.events and their partitions, once these ids are among them."""
        found: list[tuple[TopicPartition, Any]] = []
        with closing(KafkaConsumer(bootstrap_servers=self.broker.bootstrap, auto_offset_reset="earliest")) as consumer:
            consumer.assign(PLACES)
            end = time.monotonic() + 120
            while wanted - {id_of(record) for _, record in found}:
                assert time.monotonic() < end
                for place, records in consumer.poll(timeout_ms=1_000).items():
                    found += [(place, record) for record in records]
        return found


def id_of(record: Any) -> str:
    return str(orjson.loads(record.value)["id"])


def until(true: Callable[[], bool], seconds: float = 120) -> float:
    """How long it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


@contextmanager
def running(module: str, settings: Settings, log: Path) -> Iterator[forks.Fork]:
    """A process of the project, ended by SIGTERM."""
    with log.open("ab") as output:
        process = forks.Fork([module], {**os.environ, **settings.environment()}, output.fileno())
    try:
        yield process
    finally:
        process.stop()


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
    folder = tmp_path_factory.mktemp("ways-in")
    kafka_port, sources_port, port = free_ports(3)
    cache = Settings.from_environment().cache
    broker = Broker.start(folder / "kafka", kafka_port, cache=cache, sources_port=sources_port)
    try:
        topics.create(broker.bootstrap, PARTITIONS)
        chain, secret = certificate(folder)
        trusted = ssl.create_default_context(cafile=str(chain))
        settings = Settings(
            bootstrap=broker.bootstrap, gateway_port=port, gateway_certificate=chain, gateway_certificate_key=secret,
            replication=1,
        )  # fmt: skip
        with (
            running("services.gateway", settings, folder / "gateway.log") as gateway,
            httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trusted, timeout=60) as client,
        ):
            made = System(broker, sources_port, client, folder)
            until(lambda: made.answers("/readyz") == 200 or gateway.poll() is not None)
            assert gateway.poll() is None, (folder / "gateway.log").read_text()
            yield made
    finally:
        broker.stop()


# ---- the gateway -----------------------------------------------------------------------------------------
def test_what_is_acknowledged_is_in_the_topic_as_a_worker_wants_it(system: System) -> None:
    key = system.new_key()
    events: list[object] = [{**GOOD, "id": f"a-{n}", "subject": f"W-{n % 7}"} for n in range(500)]
    before = time.time_ns() // 1000
    assert system.send(events, key).json() == {"accepted": 500}
    answer = system.send([{**GOOD, "id": "partial"}, BAD], key)
    assert (answer.status_code, answer.json()["accepted"]) == (422, 1)
    worker = admission(shipped_plan(), trust_receivedat=True)
    ids = {f"a-{n}" for n in range(500)} | {"partial"}
    found = system.stored(ids)
    for place, record in found:
        admitted = worker.admit(record.value, key=record.key, headers=record.headers)
        assert topics.partition_of(record.key, PARTITIONS) == place.partition
        assert before <= admitted.fact.received <= time.time_ns() // 1000
    assert sorted(id_of(record) for _, record in found) == sorted(ids)


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


def revoke_all(system: System) -> None:
    """The keys of the tests before."""
    now = time.time_ns() // 1000
    with closing(KafkaProducer(bootstrap_servers=system.broker.bootstrap)) as producer:
        for line, _ in KeyAdmin(system.broker.bootstrap, lambda: now).listed():
            name, value = line.key._replace(revoked_at=now).record(line.id)
            producer.send(topics.GATEWAY_KEYS, value, name)
        producer.flush()


def test_a_file_gets_a_key_of_each_source_and_a_new_one_for_each_that_is_not_good(
    system: System, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    revoke_all(system)
    assert system.sources("add-keys", str(file))[0] == 0
    assert file.stat().st_mode & 0o077 == 0, "only its owner may read it"
    keys = orjson.loads(file.read_bytes())
    assert keys.keys() == shipped_plan().sources.keys()
    until(lambda: system.send([{**GOOD, "id": "by-a-file"}], keys[WATER]).status_code == 202)
    assert system.sources("add-keys", str(file))[1].startswith("0 keys made")
    assert system.sources("revoke", keys[WATER].split("_")[1])[0] == 0
    assert system.sources("add-keys", str(file))[1].startswith("1 keys made")
    assert {name for name, key in orjson.loads(file.read_bytes()).items() if key != keys[name]} == {WATER}
    file.write_text("none")
    assert "it is no file of keys" in system.sources("add-keys", str(file))[2]


def test_a_key_that_was_kept_and_not_added_is_added_and_none_is_added_that_cannot_be_kept(
    system: System, tmp_path: Path
) -> None:
    revoke_all(system)
    nowhere = tmp_path / "file" / "keys.json"
    nowhere.parent.write_text("no folder")
    code, _, error = system.sources("add-keys", str(nowhere))
    assert code == 1 and "name a file that this user may write" in error
    assert system.sources("list")[1] == ""
    kept = {source: NewKey.made().whole for source in shipped_plan().sources}
    file = tmp_path / "keys.json"
    file.write_bytes(orjson.dumps(kept))
    assert system.sources("add-keys", str(file))[0] == 0
    assert orjson.loads(file.read_bytes()) == kept
    until(lambda: system.send([{**GOOD, "id": "kept"}], kept[WATER]).status_code == 202)


def test_topics_need_their_copies_outside_a_demo(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    check = ("topics", "--check", "--partitions", str(PARTITIONS))
    code, _, problems = system.command(*check)
    assert code == 1 and "case.events is on 1 brokers and must be on 3" in problems
    monkeypatch.setenv("KPIWATCH_REPLICATION", "1")
    code, report, _ = system.command(*check)
    assert code == 0 and "all as they must be" in report


@pytest.mark.parametrize("module", ["services.gateway", "services.gateway.relay"])
def test_nor_does_what_acknowledges_start_without_them(system: System, module: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(module, Settings(bootstrap=system.broker.bootstrap), log) as started:
        assert started.wait(120) == 1
    said = log.read_text()
    assert "case.events is on 1 brokers and must be on 3" in said and "KPIWATCH_REPLICATION=1" in said
    assert "case.events has min.insync.replicas = 1 and must have 2" in said and "Traceback" not in said


def test_an_export_is_sent_by_the_page_to_a_gateway_with_a_plan_of_its_own(system: System, tmp_path: Path) -> None:
    for name in ("docs", "services"):
        (tmp_path / name).symlink_to(ROOT / name)
    port, casebook_port = free_ports(2)
    casebook = tmp_path / ".kpiwatch" / "up-waterveen-permits" / "casebook.sqlite"
    casebook.parent.mkdir(parents=True)
    settings = Settings(
        bootstrap=system.broker.bootstrap, gateway_port=port, casebook=str(casebook), casebook_port=casebook_port,
        partitions=PARTITIONS, plan=ROOT / "services" / "catalog" / "example-permits", replication=1,
    )  # fmt: skip
    log = tmp_path / "log"
    with (
        running("services.gateway", settings, log) as gateway,
        running("services.casebook", settings, log),
        httpx.Client(timeout=60) as client,
    ):
        until(lambda: gateway.poll() is not None or is_ready(client, port))
        assert gateway.poll() is None, log.read_text()
        replaced = {"source .venv/bin/activate": "true", "127.0.0.1:19102": f"127.0.0.1:{port}"}
        exported = {"KPIWATCH_BOOTSTRAP": system.broker.bootstrap, "KPIWATCH_PARTITIONS": str(PARTITIONS)}
        reader = Reader(tmp_path, replaced, exported=exported)
        reader.follow(ROOT / "docs" / "integrate.md", running=True)
    assert not reader.printed


def test_a_casebook_with_another_number_of_partitions_does_not_start(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearly every event would seem to have the wrong key, and every case would seem to be missing."""
    monkeypatch.setenv("KPIWATCH_BOOTSTRAP", system.broker.bootstrap)
    monkeypatch.setenv("KPIWATCH_PARTITIONS", str(PARTITIONS + 1))
    monkeypatch.setenv("KPIWATCH_CASEBOOK", str(tmp_path / "casebook.sqlite"))
    with redirect_stderr(StringIO()) as errors:
        assert run("casebook") == 2
    assert f"case.events has {PARTITIONS} partitions: set KPIWATCH_PARTITIONS={PARTITIONS}" in errors.getvalue()


def is_ready(client: httpx.Client, port: int) -> bool:
    try:
        return client.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


# ---- inboxes ---------------------------------------------------------------------------------------------
def test_the_command_makes_topics_users_and_rights_once(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    inboxes = Inboxes(system.broker.bootstrap, SOURCES, copies=1)
    assert len(inboxes.problems()) == 3 * len(SOURCES) + len(OURS_ALONE)
    done = list(inboxes.make(system.folder / "passwords"))
    assert len(done) == 3 * len(SOURCES) + len(OURS_ALONE)
    assert inboxes.problems() == [] and list(inboxes.make(system.folder / "passwords")) == []
    for file in (system.folder / "passwords").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
    fewer = Inboxes(system.broker.bootstrap, SOURCES[:-1], copies=1)
    (problem, *_) = fewer.problems()
    assert problem.startswith("inbox.operations may use inbox.operations")
    removed = "removed the user inbox.operations: no source has this inbox"
    assert list(fewer.make(system.folder / "passwords")) == [removed]
    assert fewer.problems() == []
    monkeypatch.setenv("KPIWATCH_REPLICATION", "1")
    code, _, problems = system.command("inboxes", "--check")
    assert code == 1 and problems.count("there is no topic inbox.") == len(shipped_plan().sources) - len(SOURCES)


def test_a_source_may_write_its_inbox_and_nothing_else(system: System) -> None:
    with closing(system.producer(INBOX)) as producer:
        producer.send(INBOX, orjson.dumps({**GOOD, "id": "by-inbox"})).get(timeout=30)
        producer.send(INBOX, orjson.dumps(BAD)).get(timeout=30)
        for topic in (SOURCES[1].inbox, topics.CASE_EVENTS, topics.GATEWAY_KEYS):
            with pytest.raises(KafkaError):
                producer.send(topic, b"{}", partition=0).get(timeout=30)
    with pytest.raises(KafkaError):
        system.producer(INBOX, password="guessed").close()


def test_whatever_rights_somebody_has_only_an_administrator_writes_keys_and_ledger(system: System) -> None:
    """The wildcard is in force: the other topic can be written."""
    everything = ResourcePattern(ResourceType.TOPIC, "*")
    right = ACL(f"User:{INBOX}", "*", ACLOperation.ALL, ACLPermissionType.ALLOW, everything)
    wildcard = ACLFilter(
        f"User:{INBOX}", None, ACLOperation.ANY, ACLPermissionType.ANY,
        ResourcePatternFilter(ResourceType.TOPIC, "*", ACLResourcePatternType.LITERAL),
    )  # fmt: skip
    inboxes = Inboxes(system.broker.bootstrap, SOURCES[:-1], copies=1)
    with closing(KafkaAdminClient(bootstrap_servers=system.broker.bootstrap)) as admin:
        assert not admin.create_acls([right])["failed"]
        try:
            with closing(system.producer(INBOX)) as producer:
                until(lambda: may_write(producer, topics.GATEWAY_KEY_USES))
                for topic in OURS_ALONE:
                    with pytest.raises(KafkaError):
                        producer.send(topic, b"{}", partition=0).get(timeout=30)
            assert any(f"{INBOX} may use *" in problem for problem in inboxes.problems())
        finally:
            admin.delete_acls([wildcard])
    assert inboxes.problems() == []


def may_write(producer: KafkaProducer, topic: str) -> bool:
    try:
        producer.send(topic, b"{}", b"nobody", partition=0).get(timeout=30)
    except KafkaError:
        return False
    return True


def test_the_relay_takes_it_from_there(system: System, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    plan = plan_with_inboxes(tmp_path)
    settings = Settings(
        bootstrap=system.broker.bootstrap, state=tmp_path, worker="relay-1", plan=plan, relay_port=port, replication=1
    )
    log = tmp_path / "relay.log"
    with running("services.gateway.relay", settings, log) as relay:
        until(lambda: not readiness.of_worker(tmp_path, "relay-1"))
        (record,) = (one for _, one in system.stored({"by-inbox"}) if id_of(one) == "by-inbox")
        worker = admission(shipped_plan(), trust_receivedat=True)
        assert worker.admit(record.value, key=record.key, headers=record.headers).fact.source == WATER
        until(lambda: len(list(read(system.broker.bootstrap))) == 1)
        (filed,) = read(system.broker.bootstrap)
        assert (filed.letter.reason, filed.letter.topic) == ("unknown_unit", INBOX)
        assert (
            f'kpi_relay_events_total{{outcome="refused",source="{WATER}"}} 1.0'
            in httpx.get(f"http://127.0.0.1:{port}/metrics").text
        )
        relay.kill()
    with closing(system.producer(INBOX)) as producer:
        producer.send(INBOX, orjson.dumps({**GOOD, "id": "while-it-was-away"})).get(timeout=30)
    with running("services.gateway.relay", settings, log):
        system.stored({"while-it-was-away"})
    assert GOOD["subject"] not in log.read_text()


def test_of_every_source_the_user_may_write_its_inbox_and_use_no_other_topic(system: System) -> None:
    """Every user × every topic × every operation, as the broker's own authorizer says."""
    sources = list(shipped_plan().sources.values())
    list(Inboxes(system.broker.bootstrap, sources, copies=1).make(system.folder / "passwords"))
    with closing(KafkaAdminClient(bootstrap_servers=system.broker.bootstrap)) as admin:
        names = sorted(admin.list_topics())
    assert {source.inbox for source in sources} | {topic.name for topic in topics.topics(1)} <= set(names)
    for source in sources:
        found = system.rights(source.inbox, names)
        assert found.pop(source.inbox) == {"WRITE", "DESCRIBE"}
        assert not any(found.values()), (source.inbox, found)


def plan_with_inboxes(folder: Path) -> Path:
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


# ---- the broker away -------------------------------------------------------------------------------------
def test_without_the_broker_nobody_is_served_and_afterwards_all_goes_on(system: System) -> None:
    """The broker stops answering and keeps its connections: the hardest form of being away."""
    for line in system.sources("list")[1].splitlines():
        system.sources("revoke", line.split()[1])
    key = system.new_key()
    until(lambda: system.send([GOOD], key).status_code == 202)
    os.kill(system.broker.pid, signal.SIGSTOP)
    try:
        answer = system.send([GOOD], key)
        assert answer.status_code == 503 and answer.headers["retry-after"]
        until(lambda: system.answers("/readyz") == 503)
        assert system.answers("/livez") == 200
    finally:
        os.kill(system.broker.pid, signal.SIGCONT)
    until(lambda: system.send([GOOD], key).status_code == 202)
    log = (system.folder / "gateway.log").read_text()
    assert GOOD["subject"] not in log and key not in log
