"""The ledger on a real Kafka: two keepers at once, one killed and one frozen, and an index that is built anew."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select

from services.ledger import schema
from services.ledger.database import INDEX, TEXTS, changing, migrate, open_store
from services.ledger.reader import LedgerReader
from services.ledger.texts import Texts
from services.ledger.writer import LedgerClient, NotRecorded
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.runtime.settings import Settings

WAIT_SECONDS = 120


class KeeperProcess:
    """`python -m services.ledger` with an index of its own."""

    def __init__(self, bootstrap: str, folder: Path, place: str) -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        settings = Settings(
            bootstrap=bootstrap, replication=1, ledger=place, texts=str(folder / "texts.sqlite"),
            ledger_key=folder / "ledger.key", checkpoints=folder / "checkpoints.jsonl", ledger_port=port,
        )  # fmt: skip
        self._command = [sys.executable, "-m", "services.ledger"]
        self._environment = {**os.environ, **settings.environment()}
        self._log = (folder / f"{port}.log").open("wb")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, env=self._environment, stderr=self._log)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def is_ready(self) -> bool:
        assert self.process.poll() is None
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):
                return True
        except (urllib.error.URLError, TimeoutError):
            return False

    def metrics(self) -> str:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def end(self) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            self.process.wait(30)
        self._log.close()


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not what():
        assert time.monotonic() < end
        time.sleep(0.2)


def asked(id: str, *claims: str) -> Request:
    return Request(id=id, kind=Kind.NOTICE, writer="notifier-1a", claims=claims, body={"text": "办件提醒"})


@pytest.fixture(scope="module")
def bootstrap(kafka: Broker) -> str:
    topics.create(kafka.bootstrap, 2)
    return kafka.bootstrap


@pytest.fixture
def places(tmp_path: Path, database: str) -> Iterator[tuple[str, str]]:
    """An index in SQLite and one in PostgreSQL."""
    with psycopg.connect(database) as connection:
        connection.execute("DROP SCHEMA IF EXISTS ledger_test CASCADE")
        connection.execute("CREATE SCHEMA ledger_test")
    yield str(tmp_path / "one.sqlite"), f"{database}?options=-csearch_path%3Dledger_test"


def content(place: str) -> dict[str, list[tuple[object, ...]]]:
    engine = open_store(INDEX, place, writes=False)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(select(table))))
            for table in (schema.records, schema.claims, schema.verdicts)
        }
    engine.dispose()
    return found


def test_two_keepers_that_are_killed_and_frozen_make_one_history(
    bootstrap: str, places: tuple[str, str], tmp_path: Path
) -> None:
    one, two = (KeeperProcess(bootstrap, tmp_path, place) for place in places)
    try:
        until(lambda: one.is_ready() and two.is_ready())
        with LedgerClient.open(bootstrap) as ledger:
            for number in range(8):
                ledger.request(*(asked(f"r{number}-{n}", f"c{number}-{n % 20}") for n in range(30)))
                if number == 1:
                    one.send(signal.SIGSTOP)
                if number == 3:
                    one.send(signal.SIGCONT)
                if number == 4:
                    two.send(signal.SIGKILL)
                    two.process.wait()
                if number == 5:
                    two.start()
                answers = [ledger.until_recorded(asked(f"r{number}-{n}"), WAIT_SECONDS) for n in range(30)]
                assert Counter(type(one) for one in answers) == {LedgerRecord: 20, NotRecorded: 10}
            last = ledger.poll()[-1].number
        until(lambda: f"kpi_ledger_records {last}" in one.metrics().replace(".0\n", "\n"))
        until(lambda: two.is_ready() and f"kpi_ledger_records {last}" in two.metrics().replace(".0\n", "\n"))
    finally:
        one.end()
        two.end()
    grown = content(places[0])
    assert grown == content(places[1])
    records = everything(bootstrap)
    assert [each.number for each in records] == list(range(1, last + 1))
    by_kind = Counter(each.request.kind for each in records)
    assert (by_kind[Kind.NOTICE], by_kind[Kind.NOT_RECORDED]) == (160, 80)
    assert by_kind[Kind.CHECKPOINT] >= 1

    Path(places[0]).unlink()
    anew = KeeperProcess(bootstrap, tmp_path, places[0])
    try:
        until(anew.is_ready)
    finally:
        anew.end()
    assert content(places[0]) == grown
    assert everything(bootstrap) == records


def everything(bootstrap: str) -> list[LedgerRecord]:
    with LedgerReader(bootstrap) as reader:
        found: list[LedgerRecord] = []
        while not reader.caught_up:
            found += reader.poll()
    return found


def test_migrations_make_the_tables_that_the_code_has(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("DROP SCHEMA IF EXISTS migrated CASCADE")
        connection.execute("CREATE SCHEMA migrated")
    for place in (str(tmp_path / "x.sqlite"), f"{database}?options=-csearch_path%3Dmigrated"):
        for store, metadata in ((INDEX, schema.index), (TEXTS, schema.texts_metadata)):
            engine = open_store(store, place, writes=True)
            with changing(store, engine) as connection:
                migrate(store, connection)
                migrate(store, connection)
                names = {*metadata.tables}
                options = {"include_name": lambda name, kind, _, names=names: kind != "table" or name in names}
                assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
            engine.dispose()


def test_texts_are_kept_and_erased_in_postgresql(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("DROP SCHEMA IF EXISTS texts_test CASCADE")
        connection.execute("CREATE SCHEMA texts_test")
    texts = Texts.at(f"{database}?options=-csearch_path%3Dtexts_test")
    hash = texts.keep("家中有病人", "north")
    assert (texts.text(hash), texts.erase([hash]), texts.text(hash)) == ("家中有病人", 1, None)
    texts.close()
