"""A decision on the real parts: recorded while the gateway is away, in force once it answers, and compared."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import orjson
import pytest
from kafka import KafkaProducer

from services.cli import decide
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.records.case_events import record_of_line
from services.runtime.settings import Settings
from tests.unit.commands import run

WAIT_SECONDS = 120
WATER = "/units/liangjiang-water"
PROMISE = "K06-1"
ACCEPTED = {
    "service_item": "water.connection", "unit": "liangjiang-water",
    "attributes": {"project_size": "small", "external_line": False},
}  # fmt: skip


def event(type: str, time: str, received: str, data: object, **more: object) -> bytes:
    return orjson.dumps({
        "specversion": "1.0", "id": type, "source": WATER, "type": type, "subject": "W-1", "time": time,
        "recordedat": received, "receivedat": received, "data": data, **more,
    })  # fmt: skip


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not what():
        assert time.monotonic() < end
        time.sleep(1)


@contextmanager
def process(module: str, settings: Settings, folder: Path) -> Iterator[None]:
    with (folder / f"{module}.log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", module], env={**os.environ, **settings.environment()}, stderr=log
        )
        try:
            yield
        finally:
            started.terminate()
            started.wait(30)


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Broker]:
    """A broker of its own: the ledger of others has other records."""
    broker = Broker.start(tmp_path / "kafka", cache=Settings.from_environment().cache)
    yield broker
    broker.stop()


@pytest.fixture
def settings(kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    gateway, ledger, casebook = free_ports(3)
    topics.create(kafka.bootstrap, 1)
    made = Settings(
        bootstrap=kafka.bootstrap, replication=1, partitions=1, gateway_port=gateway, ledger_port=ledger,
        casebook_port=casebook, gateway_url=f"http://127.0.0.1:{gateway}", operations_keys=tmp_path / "keys.json",
        ledger=str(tmp_path / "ledger.sqlite"), texts=str(tmp_path / "texts.sqlite"), ledger_key=tmp_path / "key",
        checkpoints=tmp_path / "checkpoints.jsonl", casebook=str(tmp_path / "casebook.sqlite"),
    )  # fmt: skip
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(decide, "OUTCOME_SECONDS", 2.0)
    return made


def write(bootstrap: str, *lines: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for line in lines:
        producer.send(topics.CASE_EVENTS, line, record_of_line(line).key, partition=0).get(30)
    producer.close()


def test_a_decision_comes_into_force_once_the_gateway_answers(
    settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    start, late = "2021-09-16T09:00:00+08:00", "2021-10-20T09:00:00+08:00"
    milestone = {"name": "connected", "unit": "liangjiang-water"}
    write(
        settings.bootstrap,
        event("case.accepted", start, start, ACCEPTED),
        event("case.milestone", "2021-09-17T09:00:00+08:00", late, milestone),
    )

    def said(*arguments: str) -> tuple[int, str]:
        capfd.readouterr()
        code = run(*arguments)
        return code, "".join(capfd.readouterr())

    def verdict() -> str:
        code, out = said("cases", "show", "W-1", "--json")
        found = {} if code else {each["kpi"]: each["verdict"] for each in orjson.loads(out)["cycles"][0]["promises"]}
        return str(found.get(PROMISE, ""))

    with ExitStack() as parts:
        parts.enter_context(process("services.ledger", settings, tmp_path))
        parts.enter_context(process("services.casebook", settings, tmp_path))
        until(lambda: verdict() == "met_by_late_entry")
        assert said("sources", "add-keys", str(settings.operations_keys))[0] == 0
        confirm = ("decide", "--by", "值班3", "--yes", "late-entry", "W-1", "accept", "--promise", PROMISE)
        code, out = said(*confirm)
        assert code == 0 and "not in force yet" in out, out
        assert "not in force yet: 1" in said("ledger", "verify")[1]
        parts.enter_context(process("services.gateway", settings, tmp_path))
        until(lambda: verdict() == "met")
        until(lambda: "not in force yet" not in said("ledger", "verify")[1])
        code, out = said("ledger", "verify")
        assert code == 0, out
        code, out = said("decide", "--by", "值班3", "--yes", "withdraw", "1")
        assert code == 0, out
        until(lambda: verdict() == "met_by_late_entry")
    forged = event("case.confirmed", late, late, {"kpi": PROMISE, "decision": "accepted"}, source="/operations",
                   caseowner=WATER, id="ledger-9")  # fmt: skip
    write(settings.bootstrap, forged)
    code, out = said("ledger", "verify")
    assert code == 1 and "no decision in the ledger (record 9)" in out, out
