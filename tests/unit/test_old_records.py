"""Every record that the version before has written is read by the decoders of this version."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.domain.results.case_partition import CasePartition
from services.domain.results.value_rows import Valuer
from services.domain.sums.tally import Tally, TallyKey
from services.domain.time.zone import Instant
from services.messaging.records import cards, quarantine, values, verdicts
from services.messaging.records.dead_letters import DeadLetter
from services.messaging.records.rows import CLAIM_KEY, decode, dump_row, load_row
from services.messaging.tally_log import TallyLog
from services.messaging.topics import (
    ALERT_CARDS,
    CASE_EVENTS,
    CASE_QUARANTINE,
    CASE_VERDICTS,
    CASES_CHANGELOG,
    DEAD_LETTER,
    KPI_TALLIES,
    KPI_VALUES,
)
from tests.integration.crash_story import Truth, day_end
from tests.integration.old_version.recorded import PLAN, Recorded, of_topic, read_topics
from tests.integration.old_version.stream import BEFORE, PARTITIONS, days, missing_types

_COMMITTED, RECORDS = read_topics()


def _value(record: Recorded) -> Any:
    if (record.key or b"").startswith(b"signal|"):
        return values.decode_signal(record.value)
    return values.decode_row(record.value)


DECODERS: dict[str, Callable[[Recorded], Any]] = {
    KPI_VALUES: _value,
    ALERT_CARDS: lambda record: cards.decode(record.value),
    CASE_VERDICTS: lambda record: verdicts.decode(record.value),
    CASE_QUARANTINE: lambda record: quarantine.decode(record.value),
    DEAD_LETTER: lambda record: DeadLetter.decode(record.value or b""),
}


def test_the_stream_has_every_event_type() -> None:
    assert missing_types() == set()


def test_the_recorded_events_are_those_of_the_stream() -> None:
    recorded = [record.value for record in of_topic(RECORDS, CASE_EVENTS)]
    assert Counter(recorded) == Counter(line for day in days()[:BEFORE] for line in day)


@pytest.mark.parametrize("topic", DECODERS)
def test_every_published_record_is_read(topic: str) -> None:
    records = [record for record in of_topic(RECORDS, topic) if record.value is not None]
    assert records
    for record in records:
        assert DECODERS[topic](record)


def test_every_record_of_the_tallies_is_read() -> None:
    log = TallyLog()
    for record in of_topic(RECORDS, KPI_TALLIES):
        assert not log.append(record.key, record.value), record
    assert log.watermark(PARTITIONS) == day_end(BEFORE - 1) - 1
    assert not log.incomplete()


@pytest.mark.parametrize("judged_anew", [False, True], ids=["contributions_as_stored", "judged_anew"])
def test_the_rows_of_the_changelog_give_the_values_of_a_replay(judged_anew: bool, tmp_path: Path) -> None:
    truth = Truth(PLAN, days()[:BEFORE], tmp_path / "events.jsonl")
    if judged_anew:
        truth.judge.fingerprint = "another"
    now = day_end(BEFORE - 1)
    tallies: dict[TallyKey, Tally] = {}
    last_events: dict[str, Instant] = {}
    for number in range(PARTITIONS):
        partition = CasePartition(truth.judge, _rows_of(number), loads=load_row, dumps=dump_row)
        partition.rebuild(now - 1)
        list(partition.retry(now - 1, partition.quarantined))
        assert partition.quarantined == 0, "this version can judge what the recorded worker could not"
        partition.forget_empty()
        for key, tally in partition.tallies.items():
            tallies.setdefault(key, Tally()).merge(tally)
        for source, arrived in partition.last_events.items():
            last_events[source] = max(arrived, last_events.get(source, arrived))
    assert Valuer(truth.judge).rows(tallies, now, last_events) == truth.at(now).values


def _rows_of(number: int) -> dict[bytes, bytes]:
    """The rows of a partition as its changelog gives them."""
    rows: dict[bytes, bytes] = {}
    for record in of_topic(RECORDS, CASES_CHANGELOG):
        if record.partition == number and record.key != CLAIM_KEY:
            _, row = decode(record)
            assert record.key is not None and row is not None
            rows[record.key] = row
    return rows
