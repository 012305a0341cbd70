"""Mutated events by file and by topic: the same verdict on each, reason by reason and place by place.

Some thousands; ten thousand with `--thorough`.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from services.catalog.load.calendars import load_calendar
from services.domain.intake.admission import Admission
from services.domain.intake.refusal import Reason, Refused
from services.domain.judging.judge import Judge
from services.domain.results.value_rows import Valuer
from services.domain.time.rfc3339 import instant_from
from services.local.kafka import Broker
from services.messaging import dead_letter_reader, topics
from services.messaging.codec import CODEC
from services.messaging.records.dead_letters import DeadLetter
from services.messaging.tally_reader import read_tallies
from services.replay.replay import Replayed, replay
from services.runtime.settings import Settings
from tests.integration.system import ROOT, System
from tests.mutations import mutated, shipped_plan

NUMBER, THOROUGH = 2_500, 10_000
"""How many events are mutated."""
SEED = 1
PARTITIONS = 2
NOW = instant_from("2022-03-01T00:00:00+08:00")
ONLY_THE_CASE = (Reason.ID_CONFLICT, Reason.BAD_CORRECTION)
"""Of two events in conflict, the topic's letter may be of the one that came first, without its place: counted instead.
A correction of a correction is refused for what it says itself, by both ways at once, or by its case."""
Verdicts = Counter[tuple[bytes, str, str, str]]
"""Of each refused event its bytes, reason, place and sentence."""

HOSTILE = ROOT.parent / "shared" / "cases" / "hostile"
"""Records that once stopped, skewed or fooled the system, where they are beside the project: each has to be refused."""

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def system(kafka_of_its_own: Broker, tmp_path: Path) -> Iterator[System]:
    with contextlib.ExitStack() as stack:
        built = System(
            kafka_of_its_own.bootstrap, Settings().plan, tmp_path, now=NOW, partitions=PARTITIONS, session=30
        )
        stack.callback(built.stop)
        yield built


@pytest.fixture
def kafka_of_its_own(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker.start(tmp_path / "kafka", cache=Settings.from_environment().cache)
    yield broker
    broker.stop()


def test_mutated_events_get_the_same_verdict_by_file_and_by_topic(
    system: System, tmp_path: Path, thorough: bool
) -> None:
    number = THOROUGH if thorough else NUMBER
    system.start("cases-1", KPIWATCH_DEAD_LETTER_RATIO="1")
    events = list(mutated(SEED, number))
    hostile = [line for each in sorted(HOSTILE.glob("*.jsonl")) for line in each.read_bytes().splitlines()]
    lines = [*hostile, *(event.line for event in events)]
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(lines))
    system.feed(lines)
    by_file = replay([str(file)], system.settings.plan, [NOW], processes=1)

    standing = read_tallies(system.settings.bootstrap, PARTITIONS, NOW - 1, timeout_seconds=600)
    judge = Judge(shipped_plan(), load_calendar("cn"))
    assert Valuer(judge).rows(standing.tallies, NOW, standing.last_events) == list(by_file.rows)
    sent = records(system)
    assert Counter(sent.values()) == Counter(lines), "the topic holds the bytes of the file"

    of_file, cases_of_file = split(verdicts_of_file(by_file, lines))
    of_topic, cases_of_topic = split(verdicts_of_topic(system, sent))
    differences = (of_file - of_topic) + (of_topic - of_file)
    reasons = Counter(reason for _, reason, _, _ in of_file.elements())
    print(
        f"\n{number:,} mutated events ({len(events):,} with the good ones between them), seed {SEED}: "
        f"{by_file.events - of_file.total():,} admitted, {of_file.total():,} refused by file, "
        f"{of_topic.total():,} by topic, {differences.total()} differences\n"
        f"{len(hostile)} hostile records of {HOSTILE.relative_to(ROOT.parent)} among them (0: they are not there)\n"
        f"{', '.join(f'{reason} {count:,}' for reason, count in reasons.most_common())}; "
        f"by their case: {cases_of_file.total()} and {cases_of_topic.total()}"
    )
    assert not differences, list(differences)[:5]
    assert {verdict[0] for verdict in of_file} >= set(hostile), "each of them is refused"
    assert by_reason(cases_of_file) == by_reason(cases_of_topic)
    assert len(reasons) >= 12

    exported = tmp_path / "exported.jsonl"
    archive(system, exported)
    again = Admission(shipped_plan(), CODEC, trust_receivedat=True)
    of_export = refusals(again, exported.read_bytes().split(b"\n")[:-1])
    assert of_export == refusals(again, lines), "an export is refused where its events were"


def split(verdicts: Verdicts) -> tuple[Verdicts, Verdicts]:
    """What the event alone is refused for, and what only its case can know."""
    of_case = Counter({verdict: count for verdict, count in verdicts.items() if verdict[1] in ONLY_THE_CASE})
    return verdicts - of_case, of_case


def by_reason(verdicts: Verdicts) -> Counter[str]:
    return Counter(reason for _, reason, _, _ in verdicts.elements())


def refusals(admission: Admission, lines: list[bytes]) -> Counter[tuple[str, ...]]:
    """Of refused events reason and place, of the others what the case keeps of them."""
    found: Counter[tuple[str, ...]] = Counter()
    for line in lines:
        try:
            admitted = admission.admit(line)
            found[admitted.key, admitted.fact.id, admitted.fact.digest, str(admitted.fact.received)] += 1
        except Refused as refused:
            found[str(refused.code), refused.path] += 1
    return found


def verdicts_of_file(replayed: Replayed, lines: list[bytes]) -> Verdicts:
    return Counter((lines[each.line - 1], each.reason, each.path, each.sentence) for each in replayed.rejected)


def verdicts_of_topic(system: System, sent: dict[tuple[int, int], bytes]) -> Verdicts:
    until = time.monotonic() + 300
    letters: dict[bytes, DeadLetter] = {}
    while time.monotonic() < until:
        held = {filed.letter.key: filed.letter for filed in dead_letter_reader.read(system.settings.bootstrap)}
        if held and held.keys() == letters.keys():
            break
        letters = held
    return Counter(
        (event_of(letter, sent), str(letter.reason), letter.path, letter.sentence) for letter in letters.values()
    )


def event_of(letter: DeadLetter, sent: dict[tuple[int, int], bytes]) -> bytes:
    if letter.partition is None or letter.offset is None:
        return letter.original
    return sent[letter.partition, letter.offset]


def records(system: System) -> dict[tuple[int, int], bytes]:
    """The values that stand in the topic, by partition and offset."""
    places = [TopicPartition(topics.CASE_EVENTS, number) for number in range(PARTITIONS)]
    found: dict[tuple[int, int], bytes] = {}
    with contextlib.closing(
        KafkaConsumer(bootstrap_servers=system.settings.bootstrap, group_id=None, auto_offset_reset="earliest")
    ) as consumer:
        consumer.assign(places)
        ends = consumer.end_offsets(places)
        while any(consumer.position(place) < ends[place] for place in places):
            for batch in consumer.poll(timeout_ms=1_000).values():
                found |= {(record.partition, record.offset): record.value for record in batch}
    return found


def archive(system: System, out: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "archive", "--out", out],
        cwd=ROOT, env=os.environ | system.settings.environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
