"""`python -m tests.integration.old_version.record FOLDER`: run this version on the stream, write what it leaves behind.

To record another version: check that version out, copy this folder into it, and run the command there. It imports
nothing of the project beside what starts a broker and workers.
"""

import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from services.local.kafka import Broker
from services.messaging.tally_reader import read_tallies
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.integration.crash_story import day_end
from tests.integration.old_version.recorded import PLAN, WORKER, Committed, Recorded, write_topics
from tests.integration.old_version.stream import BEFORE, PARTITIONS, days
from tests.integration.system import System

GROUP = "kpiwatch-cases"
EVENTS = "case.events"
KEYED_BY_CASE = (EVENTS, "kpiwatch-cases-rows-changelog", "alert.cards", "case.verdicts", "case.quarantine")
TOPICS = (*KEYED_BY_CASE, "case.events.dead-letter", "kpi.tallies", "kpi.values")
KEPT = ("state.tar.gz", "topics.jsonl.gz")


def main(out: Path) -> None:
    """Run the days before the change of the version, then stop the workers and keep what is there."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        broker = Broker.start(folder / "kafka", cache=Settings.from_environment().cache)
        try:
            system = System(broker.bootstrap, PLAN, folder, now=day_end(-1), partitions=PARTITIONS, session=30)
            try:
                _run(system)
            finally:
                system.stop()
            write_topics(out / "topics.jsonl.gz", _committed(broker.bootstrap), _records(broker.bootstrap))
            with tarfile.open(out / "state.tar.gz", "w:gz") as packed:
                packed.add(system.settings.state / WORKER, WORKER, filter=_anonymous)
        finally:
            broker.stop()
    for name in KEPT:
        print(f"{out / name}: {(out / name).stat().st_size:,} bytes")


def _run(system: System) -> None:
    """Each day's events, then the day's end, so that cards are raised and cleared as time passes."""
    system.start(WORKER, "tests.integration.poisoned_worker")
    system.start("kpis-1", "streams.kpis")
    system.wait_ready(WORKER)
    for number, lines in enumerate(days()[:BEFORE]):
        Clock.simulated(system.folder / "clock.json").set(day_end(number), 0)
        system.feed(lines)
        read_tallies(system.settings.bootstrap, PARTITIONS, day_end(number) - 1, timeout_seconds=300)
    system.wait_ready("kpis-1")


def _committed(bootstrap: str) -> list[Committed]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=GROUP, enable_auto_commit=False)
    try:
        offsets = [consumer.committed(TopicPartition(EVENTS, number)) for number in range(PARTITIONS)]
    finally:
        consumer.close()
    return [Committed(number, offset or 0) for number, offset in enumerate(offsets)]


def _records(bootstrap: str) -> list[Recorded]:
    """All records. Their offsets have no gaps, so that a test can write them again at the same offsets."""
    found: list[Recorded] = []
    for topic in TOPICS:
        for partition in range(PARTITIONS if topic in KEYED_BY_CASE else 1):
            records = _of_partition(bootstrap, TopicPartition(topic, partition))
            if [record.offset for record in records] != list(range(len(records))):
                raise SystemExit(f"{topic}, partition {partition}: offsets are missing; record again")
            found += records
    return found


def _of_partition(bootstrap: str, place: TopicPartition) -> Sequence[Recorded]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    found: list[Recorded] = []
    try:
        consumer.assign([place])
        end = consumer.end_offsets([place])[place]
        while len(found) < end and consumer.position(place) < end:
            for batch in consumer.poll(timeout_ms=1_000).values():
                found += [
                    Recorded(one.topic, one.partition, one.offset, one.key, list(one.headers), one.value)
                    for one in batch
                ]
    finally:
        consumer.close()
    return found


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without RocksDB's own logs, which name folders of the machine, and without the machine's users."""
    if Path(member.name).name.startswith(("LOG", "OPTIONS")) and "rows" in member.name:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main(Path(sys.argv[1]))
