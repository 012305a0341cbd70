"""A file of events through a real broker and the stream workers: what those publish of it."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from services.domain.time.zone import Instant
from services.local.kafka import Broker
from services.messaging.reader import TopicReader
from services.runtime.settings import Settings
from tests.integration.system import ROOT, System

PARTITIONS = 4


def latest_values(bootstrap: str, topic: str) -> dict[bytes, bytes]:
    """Key → the last value of a topic, without what is removed."""
    found: dict[bytes, bytes] = {}
    with TopicReader(bootstrap, [topic]) as reader:
        while not (reader.caught_up and not reader.lag[topic]):
            for record in reader.poll(0.1):
                found.pop(record.key or b"", None)
                if record.value is not None:
                    found[record.key or b""] = record.value
    return found


class Published(NamedTuple):
    """What a system says, as files: values and cards."""

    values: bytes
    cards: bytes


def published(
    events: Path, plan: Path, now: Instant, as_of: str, folder: Path, *, workers: Iterable[str] = ("cases-1", "cases-2")
) -> Published:
    """Starts a broker and workers whose clock shows `now`, feeds them the file, asks `kpiwatch values`, and ends
    them. RuntimeError if the system does not get there."""
    broker = Broker.start(folder / "kafka", cache=Settings.from_environment().cache)
    try:
        system = System(broker.bootstrap, plan, folder, now=now, partitions=PARTITIONS, session=30)
        try:
            for name in workers:
                system.start(name)
            system.feed(events.read_bytes().splitlines())
            return standing(system, as_of, folder)
        finally:
            system.stop()
    finally:
        broker.stop()


def standing(system: System, as_of: str, folder: Path, *, wait: int = 300) -> Published:
    """Values and cards of a system that runs, once it has read everything."""
    values, cards = folder / "streamed.csv", folder / "streamed-cards.csv"
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "values", "--as-of", as_of, "--out", values, "--cards", cards,
         "--wait", str(wait)],
        cwd=ROOT, env=os.environ | system.settings.environment(), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"kpiwatch values: {done.stderr or done.stdout}")
    return Published(values.read_bytes(), cards.read_bytes())
