"""The present version takes over from the version before: its state folder and its topics, or its topics alone."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from services.domain.results.published import Card, ValueRow, Verdict
from services.domain.results.value_rows import Valuer
from services.local.kafka import Broker
from services.messaging.records import cards as card_records
from services.messaging.records import verdicts as verdict_records
from services.messaging.records.values import decode_row, is_arrivals, is_signal
from services.messaging.tally_reader import read_tallies
from services.messaging.topics import (
    ALERT_CARDS,
    CASE_EVENTS,
    CASE_QUARANTINE,
    CASE_VERDICTS,
    CASES_APP,
    KPI_VALUES,
)
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.integration.crash_story import Truth, day_end
from tests.integration.old_version import recorded
from tests.integration.old_version.recorded import PLAN, WORKER, Committed, Recorded
from tests.integration.old_version.stream import AFTER, BEFORE, PARTITIONS, days
from tests.integration.system import System
from tests.through_kafka import latest_values

LAST = BEFORE + AFTER - 1
NOW = day_end(LAST)

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """Fresh topics with the recorded records in them, at their old offsets; no worker runs yet."""
    with contextlib.ExitStack() as stack:
        broker = Broker.start(tmp_path / "kafka", cache=Settings.from_environment().cache)
        stack.callback(broker.stop)
        built = System(broker.bootstrap, PLAN, tmp_path, now=day_end(BEFORE - 1), partitions=PARTITIONS, session=30)
        stack.callback(built.stop)
        committed, records = recorded.read_topics()
        _publish(broker.bootstrap, records)
        _commit(broker.bootstrap, committed)
        yield built


@pytest.mark.parametrize("with_disk", [True, False], ids=["state_folder_and_topics", "topics_alone"])
def test_the_present_version_goes_on_where_the_version_before_stopped(
    system: System, tmp_path: Path, with_disk: bool
) -> None:
    if with_disk:
        recorded.unpack_state(system.settings.state)
    truth = Truth(PLAN, days(), tmp_path / "events.jsonl")
    system.start(WORKER)
    system.start("kpis-1", "streams.kpis")
    system.wait_ready(WORKER)
    log = system.log(WORKER)
    assert "passed over" not in log and "quarantined: row" not in log, log
    read = [line for line in log.splitlines() if "recovered" in line]
    assert read and (", 0 rows," in read[0]) is with_disk, "the rows come from the disk, or else from the changelog"

    for number, lines in enumerate(days()[BEFORE:], start=BEFORE):
        Clock.simulated(system.folder / "clock.json").set(day_end(number), 0)
        system.feed(lines)
    standing = read_tallies(system.settings.bootstrap, PARTITIONS, NOW - 1, timeout_seconds=300)
    expected = truth.at(NOW)
    assert Valuer(truth.judge).rows(standing.tallies, NOW, standing.last_events) == expected.values
    assert _cards(system) == expected.cards
    assert _verdicts(system) == expected.verdicts
    assert _latest(system, CASE_QUARANTINE) == {}, "the present version can judge what the recorded worker could not"
    assert _values(system, expected.values) == {_identity(row): row for row in expected.values}


def _publish(bootstrap: str, records: list[Recorded]) -> None:
    """At the same offsets: an epoch in the changelog, and a place on the disk, is an offset."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", max_in_flight_requests_per_connection=1)
    sent = [producer.send(each.topic, each.value, each.key, list(each.headers), each.partition) for each in records]
    producer.flush()
    assert [one.get(timeout=120).offset for one in sent] == [each.offset for each in records]
    producer.close()


def _commit(bootstrap: str, committed: list[Committed]) -> None:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=CASES_APP, enable_auto_commit=False)
    places = {TopicPartition(CASE_EVENTS, each.partition): OffsetAndMetadata(each.offset, "", -1) for each in committed}
    consumer.assign(list(places))
    consumer.commit(places)
    consumer.close()


def _latest(system: System, topic: str) -> dict[bytes, bytes]:
    return latest_values(system.settings.bootstrap, topic)


def _cards(system: System) -> dict[tuple[str, str, int, str, str], Card]:
    cards = map(card_records.decode, _latest(system, ALERT_CARDS).values())
    return {card[:5]: card for card in cards}


def _verdicts(system: System) -> dict[tuple[str, str, int], Verdict]:
    verdicts = map(verdict_records.decode, _latest(system, CASE_VERDICTS).values())
    return {verdict[:3]: verdict._replace(judged_at="") for verdict in verdicts}


def _values(system: System, expected: list[ValueRow]) -> dict[tuple[str, ...], ValueRow]:
    """What the kpis stage publishes; it is asked until it has come to the end of the last day."""
    until = time.monotonic() + 240
    while True:
        latest = _latest(system, KPI_VALUES).items()
        rows = [decode_row(value).row for key, value in latest if not (is_signal(key) or is_arrivals(key))]
        if rows and all(row.window_end == expected[0].window_end for row in rows) or time.monotonic() > until:
            return {_identity(row): row for row in rows}
        time.sleep(0.5)


def _identity(row: ValueRow) -> tuple[str, ...]:
    return row.kpi, row.variant, row.unit, row.item, row.window
