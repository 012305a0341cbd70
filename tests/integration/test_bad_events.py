"""Bad events by topic: one dead letter each, with reason, place and original bytes; nothing else is lost."""

import contextlib
import csv
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.codec import has_zstd
from kafka.record.default_records import DefaultRecordBatchBuilder

from services.catalog.load.calendars import load_calendar
from services.catalog.load.plan_folder import load_plan
from services.domain.intake.facts import case_key
from services.domain.intake.refusal import Reason
from services.domain.judging.judge import Judge
from services.domain.results.value_rows import Valuer
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import dead_letter_reader, topics
from services.messaging.dead_letter_reader import original_of
from services.messaging.reader import TopicReader
from services.messaging.records.case_events import record_of_line
from services.messaging.records.dead_letters import DeadLetter
from services.messaging.tally_reader import read_tallies
from services.replay.replay import replay
from services.runtime.settings import Settings
from tests.broken_names import GbkName
from tests.integration import forks
from tests.integration.failing_worker import DIED, Failpoint
from tests.integration.system import ROOT, System

GOLDEN = ROOT / "tests" / "golden" / "admission"
PARTITIONS = 2
NOW = datetime(2021, 10, 1, tzinfo=UTC)
NOW_US = round(NOW.timestamp()) * 1_000_000
SOURCE = "/units/liangjiang-water"
CASES = "cases-1"
Headers = list[tuple[str, bytes]]
Place = tuple[int, int]
"""Partition and offset in `case.events`."""

pytestmark = pytest.mark.timeout(1200)


def accepted(case: str, **data: str) -> dict[str, object]:
    """The acceptance of a water case."""
    return {
        "specversion": "1.0",
        "id": "a",
        "source": SOURCE,
        "type": "case.accepted",
        "subject": case,
        "time": "2021-09-16T09:12:00+08:00",
        "recordedat": "2021-09-16T09:12:05+08:00",
        "receivedat": "2021-09-16T09:12:05+08:00",
        "data": {"service_item": "water.connection", "unit": "liangjiang-water", **data},
    }


def completed(case: str, days: int) -> dict[str, object]:
    time = (datetime(2021, 9, 16, 3, tzinfo=UTC) + timedelta(days=days)).isoformat()
    event = accepted(case) | {"id": "c", "type": "case.completed", "data": {}}
    return event | {"time": time, "recordedat": time, "receivedat": time}


def large(size: int) -> bytes:
    """A good event but for a long reason."""
    return orjson.dumps(accepted("LARGE") | {"type": "case.withdrawn", "data": {"reason": "很" * (size // 3)}})


def letter_place(letter: DeadLetter) -> Place:
    assert letter.partition is not None and letter.offset is not None
    return letter.partition, letter.offset


class Town:
    """A system with the shipped plan, and what was sent into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker.start(folder / "kafka", cache=Settings.from_environment().cache)
        plan = Settings().plan
        self.system = System(self.broker.bootstrap, plan, folder, now=NOW_US, partitions=PARTITIONS)
        self.judge = Judge(load_plan(plan), load_calendar("cn"))
        self.producer = KafkaProducer(
            bootstrap_servers=self.broker.bootstrap, acks="all", linger_ms=20, max_request_size=3 << 20
        )
        self.good: list[bytes] = []
        """What a replay of the good events reads."""
        self.bad: dict[Place, tuple[Reason, bytes]] = {}

    def send(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
        *,
        bad: Reason | None = None,
        beside: int = 0,
    ) -> Place:
        """Write a record as any producer could; without a key, somewhere. `beside`: so many partitions further."""
        partition = (topics.partition_of(key or b"", PARTITIONS) + beside) % PARTITIONS
        sent = self.producer.send(topics.CASE_EVENTS, value, key, headers or [], partition=partition).get(timeout=120)
        place = sent.partition, sent.offset
        if bad is not None:
            self.bad[place] = bad, value or b""
        return place

    def cli(self, *arguments: str, given: bytes = b"") -> tuple[int, bytes]:
        """`kpiwatch dead-letters`: its exit code and what it says."""
        environment = os.environ | self.system.settings.environment()
        done = forks.run(["services.cli", "dead-letters", *arguments], environment, given)
        return done.returncode, done.stdout + done.stderr

    def send_good(self, event: Mapping[str, object]) -> None:
        line = orjson.dumps(event)
        self.good.append(line)
        self.producer.send(
            topics.CASE_EVENTS,
            line,
            (key := case_key(str(event["source"]), str(event["subject"])).encode()),
            partition=topics.partition_of(key, PARTITIONS),
        )

    def letters(self) -> list[DeadLetter]:
        return [filed.letter for filed in dead_letter_reader.read(self.broker.bootstrap)]

    def assert_values_are_those_of_the_good_events(self) -> None:
        file = self.folder / "good.jsonl"
        file.write_bytes(b"".join(line + b"\n" for line in self.good))
        standing = read_tallies(self.broker.bootstrap, PARTITIONS, NOW_US - 1, timeout_seconds=300)
        found = Valuer(self.judge).rows(standing.tallies, NOW_US, standing.last_events)
        assert found == list(replay([str(file)], self.system.settings.plan, [NOW_US], processes=1).rows)

    def committed(self) -> dict[int, int]:
        """Partition → the offset from which on events are not acknowledged."""
        with KafkaAdminClient(bootstrap_servers=self.broker.bootstrap) as admin:
            offsets = admin.list_group_offsets([topics.CASES_APP])[topics.CASES_APP]
        return {tp.partition: held.offset for tp, held in offsets.items() if tp.topic == topics.CASE_EVENTS}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with contextlib.ExitStack() as stack:
        built = Town(tmp_path_factory.mktemp("town"))
        stack.callback(built.broker.stop)
        stack.callback(built.producer.close)
        stack.callback(built.system.stop)
        yield built


def test_each_bad_event_gets_one_dead_letter_and_nothing_else_is_lost(town: Town) -> None:
    for number in range(150):
        town.send_good(accepted(f"G{number}"))
    with (GOLDEN / "rejected.csv").open(newline="") as text:
        reasons = {int(row["line"]): Reason(row["reason"]) for row in csv.DictReader(text)}
    for number, line in enumerate((GOLDEN / "events.jsonl").read_bytes().splitlines(), 1):
        if line:
            key, headers = record_of_line(line)
            town.send(key, line, [*headers], bad=reasons.get(number))
            if number not in reasons:
                town.good.append(line)
    good = orjson.dumps(accepted("KEYLESS"))
    town.send(b"somebody else", good, bad=Reason.WRONG_KEY)
    town.send(None, good, bad=Reason.WRONG_KEY)
    town.send(b"", good, bad=Reason.WRONG_KEY)
    for poison in (b"\xff\xfe", b"\x00plan", b"\x00heartbeat " + SOURCE.encode()):
        town.send(poison, good, bad=Reason.WRONG_KEY)
    town.send(case_key(SOURCE, "KEYLESS").encode(), good, bad=Reason.WRONG_KEY, beside=1)
    town.send(case_key(SOURCE, "G1").encode(), orjson.dumps(accepted("G1")), bad=Reason.WRONG_KEY, beside=1)
    for size in (780_000, 2_000_000):  # above what a broker takes in base64 by default, and what ours takes
        town.send(case_key(SOURCE, "LARGE").encode(), large(size), [("trace", b"7")], bad=Reason.TOO_LARGE)
    long_name = orjson.dumps(accepted("LONG") | {"data": {"attributes": {"x" * 60_000: 1}}})
    town.send(case_key(SOURCE, "LONG").encode(), long_name, [("h" * 60_000, b"1")] * 3, bad=Reason.INVALID_VALUE)
    town.send(case_key(SOURCE, "GONE").encode(), None, bad=Reason.MALFORMED)
    for case, unit, bad in (("B1", "liangjiang-water", None), ("B2", "moon", Reason.UNKNOWN_UNIT)):
        event = accepted(case, unit=unit)
        body = orjson.dumps(event.pop("data"))
        headers = [(f"ce_{name}", str(value).encode()) for name, value in event.items()]
        town.send(case_key(SOURCE, case).encode(), body, [*headers, ("content-type", b"application/json")], bad=bad)
    town.good.append(orjson.dumps(accepted("B1")))
    for number in range(150):
        town.send_good(completed(f"G{number}", number % 9))
    town.producer.flush()
    assert {reason for reason, _ in town.bad.values()} == set(Reason) - {Reason.SOURCE_MISMATCH}

    # The first worker dies when its letters are out and its rows are not: everything is delivered again.
    armed = town.folder / "armed"
    armed.write_text(Failpoint.LETTERS)
    town.system.start(CASES, "tests.integration.failing_worker", "cases", ARMED=str(armed))
    assert town.system.workers.pop(CASES).wait(300) == DIED, town.system.log(CASES)
    once = len(town.letters())
    assert once
    town.system.start(CASES)
    town.assert_values_are_those_of_the_good_events()

    letters = town.letters()
    by_key = {letter.key: letter for letter in letters}
    found = {
        letter_place(letter): (letter.reason, letter.original)
        for letter in by_key.values()
        if letter.topic == topics.CASE_EVENTS
    }
    heads = {
        letter_place(letter): letter.original if letter.whole is None else original_of(letter, town.broker.bootstrap)[0]
        for letter in letters
    }
    assert {place: (reason, heads[place]) for place, (reason, _) in found.items()} == town.bad
    cut = [letter for letter in letters if letter.whole is not None]
    assert sum(letter.reason is not Reason.PERSONAL_DATA for letter in cut) == 3
    personal = [letter for letter in letters if letter.reason is Reason.PERSONAL_DATA]
    assert personal
    assert all(letter.whole is not None and not letter.original for letter in personal)
    assert len(letters) == len(by_key) == len(town.bad), "one letter each, though the events were delivered twice"
    assert all(letter.sentence and letter.remedy for letter in letters)


def test_a_large_original_is_shown_and_sent_again_from_where_it_lies(town: Town) -> None:
    """Behind the first test: its letters are there."""
    numbers = {filed.number: filed.letter for filed in dead_letter_reader.read(town.broker.bootstrap)}
    number = next(n for n, letter in numbers.items() if letter.whole is not None and letter.whole.bytes > 1_900_000)
    code, said = town.cli("show", str(number))
    assert code == 0 and len(said) < 10_000 and b"SHA-256" in said and b"header   trace: 7" in said, said[:500]
    code, original = town.cli("show", str(number), "--original")
    assert (code, original) == (0, large(2_000_000))
    mended = orjson.dumps(orjson.loads(original) | {"id": "w", "data": {"reason": "很"}})
    code, said = town.cli("resend", str(number), given=mended)
    assert (code, b"receivedat" in said) == (1, True), "mended by hand it is stamped anew"
    code, said = town.cli("resend", str(number), "--unchanged")
    assert (code, b"too_large" in said) == (1, True)

    in_headers = next(
        n
        for n, letter in numbers.items()
        if letter.reason is Reason.UNKNOWN_UNIT and "ce_specversion" in dict(letter.headers)
    )
    code, said = town.cli("resend", str(in_headers), "--unchanged")
    assert (code, b"unknown_unit" in said) == (1, True), said
    code, said = town.cli("show", str(in_headers), "--original")
    mended = orjson.loads(said)
    del mended["receivedat"]
    mended["data"]["unit"] = "liangjiang-water"
    code, said = town.cli("resend", str(in_headers), given=orjson.dumps(mended))
    assert (code, b"sent to case.events" in said) == (0, True), said
    # by the clock of this test it arrives long after the values are asked for: no good event of theirs


def test_a_case_that_is_full_stops_nobody(town: Town) -> None:
    """Its row is larger than a batch of a worker (512 KiB); what it cannot hold are letters, live and in the replay."""
    town.system.kill(CASES, signal.SIGTERM)
    town.system.start(CASES, KPIWATCH_DEAD_LETTER_RATIO="1")
    before = len(town.letters())
    for number in range(100):
        time = (datetime(2021, 9, 16, 3, tzinfo=UTC) + timedelta(seconds=number)).isoformat()
        times = {"id": f"s{number}", "time": time, "recordedat": time, "receivedat": time}
        town.send_good(accepted("FULL") | times | {"type": "case.withdrawn", "data": {"reason": "很" * 1_999}})
    town.send_good(accepted("BESIDE"))
    town.producer.flush()
    town.assert_values_are_those_of_the_good_events()
    refused = town.letters()[before:]
    assert [letter.reason for letter in refused] == [Reason.TOO_LARGE] * 9
    assert all("its case is full" in letter.sentence for letter in refused)


def test_header_names_that_are_not_utf8_stop_nobody(town: Town) -> None:
    """Both clients raise at such a record: between good ones, in a compressed batch, and too large for a letter."""
    if CASES not in town.system.workers:
        town.system.start(CASES)
    before = len(town.letters())
    key = case_key(SOURCE, "ODD").encode()
    partition = topics.partition_of(key, PARTITIONS)
    refused = [orjson.dumps(accepted("ODD") | {"id": "odd"}), large(200_000)]
    with contextlib.closing(
        KafkaProducer(
            bootstrap_servers=town.broker.bootstrap, linger_ms=500, batch_size=1 << 19, compression_type="gzip"
        )
    ) as producer:
        for sender in (town.producer, producer):
            for value, name in zip(refused, ("部门", "ce_部门"), strict=True):
                good = accepted("ODD") | {"id": f"good{len(town.good)}", "type": "case.rated", "data": {"score": 5}}
                town.good.append(orjson.dumps(good))
                sender.send(topics.CASE_EVENTS, town.good[-1], key, partition=partition)
                sender.send(topics.CASE_EVENTS, value, key, [("a", b"1"), (GbkName(name), b"2")], partition=partition)
            sender.flush()
    town.send_good(accepted("BEHIND-ODD"))
    town.producer.flush()
    town.assert_values_are_those_of_the_good_events()
    letters = town.letters()[before:]
    assert [letter.reason for letter in letters] == [Reason.MALFORMED] * 4
    assert {letter.sentence for letter in letters} == {"the name of a header is not UTF-8"}
    assert [original_of(letter, town.broker.bootstrap)[0] for letter in letters] == refused * 2
    town.bad |= {letter_place(letter): (letter.reason, letter.original) for letter in letters}
    with TopicReader(town.broker.bootstrap, [topics.CASE_EVENTS]) as reader:
        records = reader.poll(5)
        while not reader.caught_up:
            records += reader.poll(5)
    names = {(record.partition, record.offset): [name for name, _ in record.headers] for record in records}
    assert [names[letter_place(letter)] for letter in letters] == [["a", "\ufffd" * 4], ["a", "ce_" + "\ufffd" * 4]] * 2


def test_a_codec_that_no_client_here_knows_stops_nobody(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Producers choose among four codecs, and a worker without that library cannot pass over a batch: the broker writes
    it anew."""
    if CASES not in town.system.workers:
        town.system.start(CASES)
    assert not has_zstd()

    def as_zstd(builder: Any) -> bool:
        """One frame with one raw block."""
        head = builder.HEADER_STRUCT.size
        size = len(builder._buffer) - head
        frame = b"\x28\xb5\x2f\xfd\xa0" + size.to_bytes(4, "little") + (size << 3 | 1).to_bytes(3, "little")
        builder._buffer[head:head] = frame
        builder._compression_type = builder.CODEC_ZSTD
        return True

    with contextlib.closing(
        KafkaProducer(bootstrap_servers=town.broker.bootstrap, compression_type="gzip")
    ) as producer:
        monkeypatch.setattr(DefaultRecordBatchBuilder, "_maybe_compress", as_zstd)
        for number in range(3):
            event = accepted(f"ZSTD-{number}")
            town.good.append(orjson.dumps(event))
            key = case_key(SOURCE, f"ZSTD-{number}").encode()
            partition = topics.partition_of(key, PARTITIONS)
            producer.send(topics.CASE_EVENTS, town.good[-1], key, partition=partition).get(timeout=120)
    town.assert_values_are_those_of_the_good_events()


def test_what_one_sender_has_refused_stops_nobody_and_most_of_most_sources_stops_the_worker(town: Town) -> None:
    town.system.kill(CASES, signal.SIGTERM)
    town.system.start(CASES)  # it has seen nothing yet
    town.system.wait_ready(CASES)
    key = case_key(SOURCE, "BEHIND").encode()
    partition = topics.partition_of(key, PARTITIONS)

    def send_bad(values: Iterable[bytes], reason: Reason) -> None:
        for value in values:
            town.producer.send(topics.CASE_EVENTS, value, key, partition=partition).add_callback(
                lambda sent, value=value: town.bad.update({(sent.partition, sent.offset): (reason, value)})
            )
        town.producer.flush()

    before = len({letter.key for letter in town.letters()})
    send_bad((b"no event %d" % number for number in range(300)), Reason.MALFORMED)
    town.send_good(accepted("BEHIND"))
    town.assert_values_are_those_of_the_good_events()
    assert len({letter.key for letter in town.letters()}) == before + 300

    sources = sorted(load_plan(town.system.settings.plan).sources)[:3]
    wrong = [accepted(f"W{n}") | {"source": sources[n % 3], "data": {"colour": n}} for n in range(200)]
    send_bad(map(orjson.dumps, wrong), Reason.UNKNOWN_FIELD)
    assert town.system.workers.pop(CASES).wait(300) == 1, town.system.log(CASES)
    last = town.system.log(CASES).splitlines()[-1]
    assert last.startswith("the worker ends: ") and "sources that sent something were refused" in last
    assert last.endswith("raise KPIWATCH_DEAD_LETTER_RATIO")
    acknowledged = town.committed()[partition]
    run = sorted(offset for where, offset in town.bad if where == partition)[-200:]
    assert acknowledged < run[-1]
    refused_at = {(letter.partition, letter.offset) for letter in town.letters()}
    assert {(partition, offset) for offset in run if offset < acknowledged} <= refused_at, (
        "what is acknowledged is reported"
    )

    town.system.start(CASES)
    assert town.system.workers.pop(CASES).wait(300) == 1, "it is the same run after a restart"

    town.system.start(CASES, KPIWATCH_DEAD_LETTER_RATIO="1")
    town.assert_values_are_those_of_the_good_events()
    assert len({letter.key for letter in town.letters()}) == before + 500


def test_a_worker_does_not_start_on_topics_that_are_not_as_they_must_be(town: Town) -> None:
    port = free_ports(1)[0]
    away = start_alone("streams.cases", town, KPIWATCH_BOOTSTRAP=f"127.0.0.1:{port}")
    for module in ("streams.cases", "streams.kpis"):
        code, said = ended(start_alone(module, town, KPIWATCH_PARTITIONS="3"))
        assert code == 1
        assert "case.events has 2 partitions and must have 3: another number is a migration" in said
        assert "Traceback" not in said
    code, said = ended(away)
    assert code == 3
    assert "Kafka does not answer" in said and "KPIWATCH_BOOTSTRAP" in said and "Traceback" not in said


def start_alone(module: str, town: Town, **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=os.environ | town.system.settings.environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    said, _ = process.communicate(timeout=300)
    return process.returncode, said
