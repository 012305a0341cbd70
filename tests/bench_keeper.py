"""`make bench-keeper`: records per second and CPU seconds per 1,000 records of one keeper, over a real Kafka.

It is compared with a process that copies the same requests from topic to topic with the same client, and decides,
chains, indexes and reads back nothing. CPU seconds are those of the process alone, user and system, from its first
request to its last record.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from services.ledger.reader import LedgerReader
from services.ledger.writer import producer_of, send_all
from services.local import http_process
from services.local.child_process import ChildProcess, Command
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.reader import TopicReader
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.runtime.settings import Settings

COPIED: Final = "ledger.copy"
_LEDGER: Final = next(one for one in topics.topics(1) if one.name == topics.LEDGER)
_SENT_AT_ONCE: Final = 2_000
_TEXT: Final = "黄牌：小型项目供水接入（无外线）（K06-1），应于10月25日24时前完成"


class Measured(NamedTuple):
    """One run."""

    records: int
    wall_seconds: float
    cpu_seconds: float

    def line(self, name: str) -> str:
        return (
            f"{name:16}{self.records / self.wall_seconds:>10,.0f} records/s"
            f"{self.cpu_seconds / self.records * 1000:>10.2f} CPU s per 1,000 records"
        )


def requests(number: int) -> list[Request]:
    """Notices, each with what it claims, and the two records of its delivery."""
    found = []
    for n in range(number // 3 + 1):
        unit = f"unit-{n % 20}"
        subjects = [{"id": f"card/{n:032x}/yellow", "family": f"card/{n:032x}", "status": "raised", "kpi": "K06-1"}]
        body = {"subjects": subjects, "recipients": [unit], "title": _TEXT, "text_zh": _TEXT, "text_en": "yellow"}
        found.append(
            Request(f"b/{n}", Kind.NOTICE, "bench", unit=unit, claims=(f"notice/{unit}/card/{n}/0",), body=body)
        )
        for kind in (Kind.SENDING, Kind.ACCEPTED):
            attempt = {"notice": n, "recipient": unit, "attempt": 1, "rendered": _TEXT}
            claim = f"{kind.value}/{n}/{unit}/1"
            found.append(Request(f"b/{n}/{kind.value}", kind, "bench", unit=unit, claims=(claim,), body=attempt))
    return found[:number]


def measured(bootstrap: str, child: ChildProcess, number: int, read: Callable[[], int]) -> Measured:
    """Ask for so many records, and wait until so many are there. `read`: how many have come."""
    process = psutil.Process(child.pid)
    producer = producer_of(bootstrap)
    asked = [one.record() for one in requests(number)]
    before, began = process.cpu_times(), time.monotonic()
    for at in range(0, number, _SENT_AT_ONCE):
        send_all(producer, topics.LEDGER_REQUESTS, asked[at : at + _SENT_AT_ONCE])
    came = 0
    while came < number:
        came += read()
    wall, after = time.monotonic() - began, process.cpu_times()
    producer.close()
    return Measured(number, wall, after.user + after.system - before.user - before.system)


def copy(bootstrap: str) -> None:
    """The other process: until it is ended."""
    producer = producer_of(bootstrap)
    with TopicReader(bootstrap, [topics.LEDGER_REQUESTS]) as reader:
        while True:
            send_all(producer, COPIED, [(one.key or b"", one.value) for one in reader.poll(0.2)])


def main() -> int:
    """The exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--records", type=int, default=20_000)
    arguments.add_argument("--copy", metavar="BOOTSTRAP", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.copy:
        copy(given.copy)
    for name, run in (("keeper", of_keeper), ("copy", of_copy)):
        with tempfile.TemporaryDirectory() as folder:
            broker = Broker.start(Path(folder) / "kafka", cache=Settings.from_environment().cache)
            try:
                topics.create_all(broker.bootstrap, [*topics.topics(1), replace(_LEDGER, name=COPIED)], 1)
                print(run(broker.bootstrap, Path(folder), given.records).line(name), flush=True)
            finally:
                broker.stop()
    return 0


def of_keeper(bootstrap: str, folder: Path, number: int) -> Measured:
    """Of a keeper with an index in SQLite."""
    (port,) = free_ports(1)
    settings = Settings(
        bootstrap=bootstrap, replication=1, ledger=str(folder / "index.sqlite"), texts=str(folder / "texts.sqlite"),
        ledger_key=folder / "ledger.key", checkpoints=folder / "checkpoints.jsonl", ledger_port=port,
    )  # fmt: skip
    command = Command([sys.executable, "-m", "services.ledger"], environment={**os.environ, **settings.environment()})
    with started("keeper", command, folder) as child, LedgerReader(bootstrap) as reader:
        child.wait_until(lambda: http_process.answers(f"http://127.0.0.1:{port}/-/ready"), 120, "Look at the log")
        return measured(bootstrap, child, number, lambda: sum(_is_ours(one) for one in reader.poll(0.2)))


def of_copy(bootstrap: str, folder: Path, number: int) -> Measured:
    """Of the copying process."""
    command = Command([sys.executable, "-m", "tests.bench_keeper", "--copy", bootstrap])
    with started("copy", command, folder) as child, TopicReader(bootstrap, [COPIED]) as reader:
        producer = producer_of(bootstrap)
        send_all(producer, topics.LEDGER_REQUESTS, [(b"first", b"")])  # until it works
        producer.close()
        while not reader.poll(0.2):
            pass
        return measured(bootstrap, child, number, lambda: len(reader.poll(0.2)))


def _is_ours(record: LedgerRecord) -> bool:
    return record.request.writer == "bench"


@contextmanager
def started(name: str, command: Command, folder: Path) -> Iterator[ChildProcess]:
    """A process that ends with the block."""
    child = ChildProcess(name, command, folder / f"{name}.log")
    try:
        yield child
    finally:
        child.stop()


if __name__ == "__main__":
    sys.exit(main())
