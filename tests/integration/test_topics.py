"""Topics and dead letters on a real Kafka, by the command line."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient

import services.catalog
from services.catalog.load.plan_folder import load_plan
from services.domain.intake.refusal import Refused
from services.domain.time.rfc3339 import instant_from
from services.local.kafka import Broker
from services.messaging import topics
from services.messaging.archive_feed import feed
from services.messaging.codec import admission
from services.messaging.dead_letter_reader import read
from services.messaging.records.dead_letters import Arrived, DeadLetter
from services.runtime.settings import Settings
from streams.delivery.faust_driver import Producer
from tests.integration import forks

PLAN = Path(services.catalog.__file__).parent / "jiangbei-2021"
SOURCE = "/units/liangjiang-water"
ARRIVED = instant_from("2021-10-01T08:00:00+08:00")
BAD = {
    "specversion": "1.0",
    "id": "a-1",
    "source": SOURCE,
    "type": "case.accepted",
    "subject": "W-1",
    "time": "2021-09-16T09:12:00+08:00",
    "recordedat": "2021-09-16T09:12:05+08:00",
    "data": {"service_item": "water.connection", "unit": "moon"},
}
GOOD = {**BAD, "data": {"service_item": "water.connection", "unit": "liangjiang-water"}}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of its own: these topics have the names of the real ones."""
    started = Broker.start(tmp_path_factory.mktemp("topics"), cache=Settings.from_environment().cache)
    yield started
    started.stop()


def kpiwatch(broker: Broker, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    environment = {**os.environ, "KPIWATCH_REPLICATION": "1"}
    done = forks.run(["services.cli", *arguments, "--bootstrap", broker.bootstrap], environment, stdin)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_topics_are_made_once_and_checked(broker: Broker) -> None:
    code, _, problems = kpiwatch(broker, "topics", "--check", "--partitions", "3")
    assert (code, problems.count("there is no topic")) == (1, len(topics.topics(3)))
    code, made, problems = kpiwatch(broker, "topics", "--partitions", "3")
    assert (code, problems) == (0, "")
    assert [line for line in made.splitlines() if line.startswith("made ")] == [
        f"made {topic.name}" for topic in topics.topics(3)
    ]
    assert kpiwatch(broker, "topics", "--partitions", "3")[1].startswith(f"{len(topics.topics(3))} topics")
    assert topics.check(broker.bootstrap) == []


def test_another_number_of_partitions_or_another_setting_is_reported(broker: Broker) -> None:
    topics.create(broker.bootstrap, 3)
    wrong = topics.check(broker.bootstrap, 4)
    assert len(wrong) == 5
    assert wrong[0].startswith("case.events has 3 partitions and must have 4")
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        admin.create_partitions({topics.KPI_TALLIES: 2})
        admin.delete_topics([topics.KPI_VALUES])
        admin.create_topics({topics.KPI_VALUES: {"num_partitions": 1}}, wait_for_metadata=True)
    code, _, output = kpiwatch(broker, "topics", "--partitions", "3")
    assert code == 1
    assert "kpi.tallies has 2 partitions and must have 1" in output
    assert "kpi.values has cleanup.policy = delete and must have compact" in output


def test_a_dead_letter_is_listed_shown_mended_and_sent_again_by_its_own_source(broker: Broker, tmp_path: Path) -> None:
    topics.create(broker.bootstrap, 3)
    bad = orjson.dumps(BAD)
    with pytest.raises(Refused) as refused:
        admission(load_plan(PLAN)).admit(bad)
    with KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
        for offset, original in enumerate((bad, b"no event")):
            letter = DeadLetter.of(refused.value, Arrived(topics.CASE_EVENTS, 2, offset, ARRIVED, original))
            producer.send(topics.DEAD_LETTER, letter.encode(), key=letter.key).get(timeout=120)
    assert [(filed.number, filed.letter.original) for filed in read(broker.bootstrap)] == [(0, bad), (1, b"no event")]

    code, listed, _ = kpiwatch(broker, "dead-letters", "list", "--source", SOURCE)
    assert code == 0
    assert "unknown_unit" in listed
    assert "case.events/2@0" in listed
    assert listed.endswith("1 dead letter\n")
    code, shown, _ = kpiwatch(broker, "dead-letters", "show", "0")
    assert code == 0
    assert bad.decode() in shown
    assert kpiwatch(broker, "dead-letters", "show", "99")[0] == 1

    def resend(number: str, event: object, *more: str) -> tuple[int, str, str]:
        return kpiwatch(broker, "dead-letters", "resend", number, *more, "--plan", str(PLAN), stdin=orjson.dumps(event))

    code, _, output = resend("0", BAD)
    assert (code, "unknown_unit" in output) == (1, True)
    other = {
        **GOOD,
        "source": "/units/sino-french-water",
        "data": {"service_item": "water.connection", "unit": "sino-french-water"},
    }
    code, _, output = resend("0", other)
    assert (code, "source_mismatch" in output) == (1, True)
    code, _, output = resend("1", GOOD)
    assert (code, "names no source" in output) == (1, True)
    code, sent, _ = resend("0", GOOD)
    assert code == 0, sent
    assert sent.startswith("sent to case.events")

    key = f"{SOURCE}\x1fW-1".encode()
    consumer = KafkaConsumer(
        topics.CASE_EVENTS,
        bootstrap_servers=broker.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=99_000,
    )
    record = next(consumer)
    consumer.close()
    assert (record.key, orjson.loads(record.value)) == (key, GOOD)
    assert record.partition == topics.partition_of(key, 3)
    assert [name for name, _ in record.headers] == ["receivedat"], "it arrives now"


def test_the_archive_of_the_topic_is_a_file_of_events(broker: Broker, tmp_path: Path) -> None:
    topics.create(broker.bootstrap, 3)
    lines = [orjson.dumps({**GOOD, "id": f"r-{number}", "subject": f"R-{number % 2}"}) for number in range(4)]
    feed(broker.bootstrap, lines, 3)
    out = tmp_path / "archive.jsonl"
    code, _, said = kpiwatch(broker, "archive", "--out", str(out))
    assert code == 0, said
    output = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    stamped = [orjson.loads(line) | {"receivedat": GOOD["recordedat"]} for line in lines]
    assert [one for one in output if one["subject"].startswith("R-")] != []
    assert all(one in output for one in stamped)
    for name in ("R-1", f"{SOURCE} R-1"):
        assert kpiwatch(broker, "archive", "--case", name, "--out", str(out))[0] == 0
        assert [orjson.loads(line) for line in out.read_bytes().splitlines()] == stamped[1::2]
    code, _, said = kpiwatch(broker, "archive", "--case", "R-9", "--out", str(out))
    assert code == 1 and "no event of a case 'R-9'" in said


def test_a_briefing_reads_events_and_ledger_of_the_running_system(broker: Broker, tmp_path: Path) -> None:
    topics.create(broker.bootstrap, 3)
    feed(broker.bootstrap, [orjson.dumps({**GOOD, "id": "b-1", "subject": "B-1"})], 3)
    plan = Path(__file__).parents[1] / "golden" / "plans" / "good" / "kinds"
    asked = ("--period", "day", "--until", "2021-10-08", "--out", tmp_path, "--format", "html", "--plan", plan)
    done = forks.run(
        ["services.cli", "briefing", *map(str, asked)], {**os.environ, "KPIWATCH_BOOTSTRAP": broker.bootstrap}
    )
    said = done.stderr.decode()
    assert done.returncode == 1 and "b-1" not in said and " events rejected" in said, said  # of another plan
    page = (tmp_path / "day-2021-10-08-zh.html").read_text("utf-8")
    assert "编制时未取得台账，本节从略" not in page, "the ledger is read, and has no order"


def row_that_repeats_itself(size: int) -> bytes:
    """As cards and rulings of many cycles do."""
    cards = [["K01-1", n, "", "yellow", "liangjiang-water", 1_600_000_000_000_000 + n, None] for n in range(size // 64)]
    return orjson.dumps([[], [], None, cards, []])


async def written_and_read(bootstrap: str, rows: list[bytes]) -> list[tuple[int, bytes]]:
    """The rows, sent to the changelog and read from it as a worker does, each with its offset from the first one on."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        max_batch_size=topics.LARGEST_BATCH,
        max_request_size=1 << 20,
        acks="all",
        enable_idempotence=True,
    )
    sender = Producer.__new__(Producer)
    sender._unacknowledged, sender.failure = set(), None
    vars(sender)["_ensure_producer"] = lambda: producer
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=4 << 20)
    await producer.start()
    await consumer.start()
    try:
        place = TopicPartition(topics.CASES_CHANGELOG, 0)
        sent = await sender.send_batches(
            place.topic, place.partition, [(b"%d" % number, row, [("e", b"1")]) for number, row in enumerate(rows)]
        )
        acknowledged = [(await future).offset for future, _ in sent]
        assert sum(count for _, count in sent) == len(rows)
        consumer.assign([place])
        consumer.seek(place, acknowledged[0])
        records: list[Any] = []
        while len(records) < len(rows):
            records += (await consumer.getmany(timeout_ms=5_000)).get(place, [])
    finally:
        await consumer.stop()
        await producer.stop()
    return [(record.offset - acknowledged[0], record.value) for record in records]


def test_the_row_of_any_case_goes_into_the_changelog_and_comes_back(broker: Broker) -> None:
    """Raw it may be larger than the topic takes; what is small stays in batches as it was."""
    topics.create(broker.bootstrap, 3)
    rows = [b"small", row_that_repeats_itself(600_000), row_that_repeats_itself(6_000_000), b"x", b"y" * 100_000]
    assert len(rows[2]) > 2 << 20
    assert asyncio.run(written_and_read(broker.bootstrap, rows)) == list(enumerate(rows))
