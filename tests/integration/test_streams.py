"""Real casework through the stream workers on a real Kafka: values and cards equal those of `kpiwatch replay`, byte for
byte, though a worker is killed and one joins. Many faults, of all parts: test_storm.py and test_delivery_storm.py.
"""

import gzip
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from services.domain.time.zone import Zone
from services.local.kafka import Broker
from services.messaging.topics import CASES_CHANGELOG
from services.runtime.settings import Settings
from tests.integration.system import ROOT, System

BOSTON = ROOT.parent / "shared" / "data" / "us-boston311-2011"
ZONE = "America/New_York"
AS_OF = "2012-07-01"
PARTITIONS = 4

pytestmark = pytest.mark.skipif(
    not BOSTON.exists(), reason="../shared/data/us-boston311-2011 is not beside the project"
)


def kpiwatch(*arguments: str | Path, **variables: str) -> None:
    """Run the command line; its output shows if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small plan of the oracle, in Boston's zone."""
    folder = tmp_path_factory.mktemp("plan")
    for file in (ROOT / "tests" / "oracle_plan").rglob("*.*"):
        copy = folder / file.relative_to(ROOT / "tests" / "oracle_plan")
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(file.read_text().replace("Asia/Shanghai", ZONE))
    return folder


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every third of Boston's requests as events (test_oracle looks at all)."""
    file = tmp_path_factory.mktemp("boston") / "events.jsonl"
    export = file.with_name("third.csv.gz")
    with gzip.open(BOSTON / "events_normalised.csv.gz", "rt") as whole, gzip.open(export, "wt", 1) as third:
        third.write(next(whole))
        third.writelines(line for line in whole if zlib.crc32(line.partition(",")[0].encode()) % 3 == 0)
    mapping = ROOT / "tests" / "mappings" / "us-boston311-2011.toml"
    kpiwatch("import", export, "--mapping", mapping, "--out", file)
    return file


@pytest.fixture(scope="module")
def replayed(events: Path, plan: Path) -> tuple[bytes, bytes]:
    """What the replay says: values and cards."""
    values, cards = events.with_name("values.csv"), events.with_name("cards.csv")
    kpiwatch("replay", events, "--plan", plan, "--as-of", AS_OF, "--out", values, "--cards", cards)
    return values.read_bytes(), cards.read_bytes()


@pytest.fixture
def system(plan: Path, tmp_path: Path) -> Iterator[System]:
    """A system of its own broker: topics have fixed names."""
    broker = Broker.start(tmp_path / "kafka", cache=Settings.from_environment().cache)
    now = Zone(ZONE).instant(datetime.fromisoformat(AS_OF))
    system = System(broker.bootstrap, plan, tmp_path, now=now, partitions=PARTITIONS)
    yield system
    system.stop()
    broker.stop()


def standing(system: System, folder: Path) -> tuple[bytes, bytes]:
    """Values and cards of the running system."""
    values, cards = folder / "streamed.csv", folder / "streamed-cards.csv"
    arguments = ("values", "--as-of", AS_OF, "--out", values, "--cards", cards, "--wait", "600")
    kpiwatch(*arguments, **system.settings.environment())
    return values.read_bytes(), cards.read_bytes()


def in_the_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def wait_for_rows(system: System, count: int) -> None:
    """Until the workers have written so many."""
    places = [TopicPartition(CASES_CHANGELOG, number) for number in range(PARTITIONS)]
    until = time.monotonic() + 300
    with KafkaConsumer(bootstrap_servers=system.settings.bootstrap) as consumer:
        while (found := sum(consumer.end_offsets(places).values())) < count:
            assert time.monotonic() < until, f"only {found} rows"
            time.sleep(0.05)


@pytest.mark.timeout(1200)
def test_three_workers_of_which_one_is_killed_and_one_joins_give_what_the_replay_gives(
    system: System, events: Path, replayed: tuple[bytes, bytes], tmp_path: Path
) -> None:
    for name in ("cases-1", "cases-2", "cases-3"):
        system.start(name)
    system.wait_ready("cases-1")
    feed = in_the_background(lambda: system.feed(events.read_bytes().splitlines()))
    wait_for_rows(system, 2_000)  # in the midst of it
    system.kill("cases-2")
    system.start("cases-4")
    feed.join()
    system.start("cases-2")
    assert standing(system, tmp_path) == replayed
