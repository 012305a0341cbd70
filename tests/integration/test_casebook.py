"""The casebook on a real Kafka, in SQLite and in PostgreSQL: it goes on where it was, and built anew it is the same."""

import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from sqlalchemy import select

from services.casebook import schema
from services.casebook.case_filter import CaseFilter
from services.casebook.casebook import Casebook
from services.casebook.database import open_engine
from services.casebook.index import Index, Positions
from services.casebook.keeper import TOPICS, Keeper
from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.judging.judge import Judge
from services.domain.results.published import Level
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging.archive_feed import feed
from services.messaging.reader import Record, TopicReader
from services.messaging.topics import ALERT_CARDS, CASE_EVENTS, topic_ids
from services.runtime.settings import Settings
from tests.integration.crash_story import write_plan
from tests.integration.forks import Fork

PARTITIONS = 2
OWN = {topic: f"casebook-test.{topic}" for topic in TOPICS}
"""The broker is shared with other tests: topic → its name here."""
WAIT_SECONDS = 120


class OwnTopics(TopicReader):
    """Reads the topics of this test as if they were those of the system."""

    def __init__(self, bootstrap: str, positions: Positions) -> None:
        start = {(OWN[topic], partition): offset for (topic, partition), offset in positions.items()}
        super().__init__(bootstrap, OWN.values(), start=start)

    def poll(self, timeout_seconds: float = 0.5) -> list[Record]:
        names = {name: topic for topic, name in OWN.items()}
        return [each._replace(topic=names[each.topic]) for each in super().poll(timeout_seconds)]


def accepted(number: int) -> bytes:
    time_ = f"2021-09-{6 + number % 20:02}T09:00:00+08:00"
    return orjson.dumps({
        "specversion": "1.0", "id": f"a-{number}", "source": "/units/north", "type": "case.accepted",
        "subject": f"W-{number:04}", "time": time_, "recordedat": time_,
        "data": {"service_item": "permit", "unit": "north"},
    })  # fmt: skip


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    plan = load_plan(write_plan(tmp_path_factory.mktemp("plan") / "plan"))
    return Judge(plan, calendar_of(plan))


@pytest.fixture
def log(kafka: Broker) -> Iterator[str]:
    """A broker with the topics, empty."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    admin.create_topics({name: {"num_partitions": PARTITIONS} for name in OWN.values()}, wait_for_metadata=True)
    yield kafka.bootstrap
    admin.delete_topics([*OWN.values()])
    admin.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Sequence[str]:
    """Where two indexes may be."""
    if request.param == "sqlite":
        return str(tmp_path / "one.sqlite"), str(tmp_path / "two.sqlite")
    address = request.getfixturevalue("database")
    return tuple(f"{address}?options=-csearch_path%3D{schema_of(address, name)}" for name in ("one", "two"))


def schema_of(address: str, name: str) -> str:
    """A namespace of its own in the database."""
    with psycopg.connect(address) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
        connection.execute(f"CREATE SCHEMA {name}")
    return name


def caught_up(place: str, judge: Judge, bootstrap: str) -> int:
    """Let the index at a place catch up, as its process does, and end without a word; how many events it put in."""
    ids = {topic: topic_ids(bootstrap, [name])[name] for topic, name in OWN.items()}
    with closing(Index(open_engine(place, writes=True), judge, PARTITIONS, lambda: 1_640_000_000_000_000)) as index:
        with OwnTopics(bootstrap, index.open(time.time_ns() // 1_000, ids)) as reader:
            keeper = Keeper(index, reader)
            with closing(opened(place, judge)) as book:
                assert not book.read_until().ready
            until = time.monotonic() + WAIT_SECONDS
            while not keeper.ready:
                keeper.step(threading.Event())
                assert time.monotonic() < until
        return index.indexed


def opened(place: str, judge: Judge) -> Casebook:
    return Casebook(open_engine(place, writes=False), lambda: judge, PARTITIONS, lambda: 1_640_000_000_000_000)


def content(place: str) -> dict[str, list[Any]]:
    engine = open_engine(place, writes=False)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in schema.metadata.tables.values()
            if table is not schema.state
        }
    engine.dispose()
    return found


def test_it_goes_on_where_it_was_and_built_anew_it_is_the_same(places: Sequence[str], judge: Judge, log: str) -> None:
    grown, anew = places
    card = {"kpi": "P", "case": "/units/north W-0003", "cycle": 1, "level": "red", "unit": "north",
            "raised_at": "2021-09-20T09:00:00+08:00"}  # fmt: skip
    key = b"P|/units/north\x1fW-0003|1|-|red"
    feed(log, [accepted(number) for number in range(100)], PARTITIONS, topic=OWN[CASE_EVENTS])
    send(log, OWN[ALERT_CARDS], key, orjson.dumps(card))
    assert caught_up(grown, judge, log) == 100
    with closing(opened(grown, judge)) as book:
        (red,) = book.cases(CaseFilter(level=Level.RED)).cases
        assert (red.case.subject, red.level) == ("W-0003", Level.RED)
        assert [each.subject for each in book.find("W-0042")] == ["W-0042"]
        (account,) = book.case("W-0042", seen_by="/units/north")
        assert account.explanation is not None and len(account.explanation.history) == 1

    again = [accepted(number) for number in range(90, 130)]
    feed(log, [*again, b'{"no": "event"}', again[0]], PARTITIONS, topic=OWN[CASE_EVENTS])
    send(log, OWN[ALERT_CARDS], key, None)
    assert caught_up(grown, judge, log) in (40, 41)  # what comes twice in one batch is put in once
    with closing(opened(grown, judge)) as book:
        assert len(book.cases(limit=1_000).cases) == 130
        assert not book.cases(CaseFilter(level=Level.RED)).cases
    assert 130 <= caught_up(anew, judge, log) <= 141
    assert content(grown) == content(anew)


def send(bootstrap: str, topic: str, key: bytes, value: bytes | None) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    producer.send(topic, key=key, value=value, partition=0).get(30)
    producer.close()


def test_the_process_answers_while_it_reads_and_ends_on_sigterm(kafka: Broker, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    settings = Settings(
        plan=write_plan(tmp_path / "plan"), bootstrap=kafka.bootstrap, casebook=str(tmp_path / "c.sqlite"),
        casebook_port=port,
    )  # fmt: skip
    log = tmp_path / "casebook.log"
    with log.open("ab") as output:
        process = Fork(["services.cli", "casebook"], os.environ | settings.environment(), output.fileno())
    try:
        until = time.monotonic() + WAIT_SECONDS
        while not (metrics := asked(port, "/metrics")[1]):
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        assert "kpi_casebook_ready" in metrics and "kpi_casebook_lag_records" in metrics
        assert asked(port, "/-/healthy")[0] == 200
        status, said = asked(port, "/-/ready")  # whether other tests have left topics is no matter
        assert (status, said) in ((200, "ready\n"), (503, "still reading the topics from their beginning\n"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in (0, 143, -signal.SIGTERM)
    finally:
        process.kill()


def asked(port: int, path: str) -> tuple[int, str]:
    """Status and text; 0 and nothing while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()
    except OSError:
        return 0, ""
