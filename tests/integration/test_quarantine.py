"""Cases that the judge of a running worker cannot read: it lives, live is replay, and the next version heals."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.domain.results.cards import RETRACTED
from services.domain.results.published import Card, State, ValueRow
from services.domain.results.value_rows import Valuer
from services.local.kafka import Broker
from services.messaging import topics
from services.messaging.tally_reader import read_tallies
from services.replay import replay as replaying
from services.replay.replay import Replayed
from services.runtime.settings import Settings
from tests.integration.crash_story import BEGIN, Truth, day_end, days, write_plan
from tests.integration.system import ROOT, System
from tests.through_kafka import latest_values
from tests.unit.poison import POISON, PoisonedJudge

PARTITIONS = 2
DAYS = 8
NOW = day_end(DAYS - 1)
ILL = ("C3", "C40", "C41", "C77")

pytestmark = pytest.mark.timeout(1200)


def events() -> list[bytes]:
    """A week of the district; of four cases one more event, that a judge cannot read."""
    lines = [line for day in days(seed=5, count=DAYS) for line in day]
    known: dict[str, dict[str, Any]] = {}
    for line in lines:
        if line.startswith(b"{"):
            event = orjson.loads(line)
            known.setdefault(event["subject"], event)
    end = (BEGIN + timedelta(days=DAYS, hours=-3)).isoformat()
    for number, case in enumerate(ILL):
        begin = datetime.fromisoformat(known[case]["time"])
        arrival = end if number % 2 else (begin + timedelta(hours=1)).isoformat()
        event = known[case] | {
            "id": f"{POISON}-{case}",
            "type": "case.milestone",
            "time": arrival,
            "recordedat": arrival,
        }
        unit = known[case]["data"]["unit"]
        lines.append(orjson.dumps(event | {"receivedat": arrival, "data": {"name": "seen", "unit": unit}}))
    return lines


class Story:
    """The system, and what a replay of the same events says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan = write_plan(folder / "plan")
        self.file = folder / "events.jsonl"
        self.lines = events()
        self.file.write_bytes(b"".join(line + b"\n" for line in self.lines))
        self.judge = Truth(self.plan, [], folder / "none.jsonl").judge
        self.broker = Broker.start(folder / "kafka", cache=Settings.from_environment().cache)
        self.system = System(self.broker.bootstrap, self.plan, folder, now=NOW, partitions=PARTITIONS)

    def replayed(self) -> Replayed:
        return replaying.replay([str(self.file)], self.plan, [NOW], with_cards=True, processes=1)

    def values(self) -> list[ValueRow]:
        standing = read_tallies(self.broker.bootstrap, PARTITIONS, NOW - 1, timeout_seconds=300)
        return Valuer(self.judge).rows(standing.tallies, NOW, standing.last_events)

    def latest(self, topic: str) -> dict[bytes, bytes]:
        return latest_values(self.broker.bootstrap, topic)

    def cards(self) -> list[Card]:
        return sorted(Card(**orjson.loads(value)) for value in self.latest(topics.ALERT_CARDS).values())

    def kpiwatch(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "services.cli", *arguments],
            cwd=ROOT,
            env=os.environ | self.system.settings.environment(),
            capture_output=True,
            text=True,
            timeout=400,
        )


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    story = Story(tmp_path)
    yield story
    story.system.stop()
    story.broker.stop()


def test_poisoned_cases_stop_nobody_and_the_next_version_judges_them_by_itself(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = story.replayed()
    monkeypatch.setattr(replaying, "Judge", PoisonedJudge)
    ill = story.replayed()
    assert sorted(each.case.split()[1] for each in ill.quarantined) == sorted(ILL)
    assert {row.state for row in ill.rows if row.unit == "ALL"} <= {State.STALE, State.MISSED}

    system = story.system
    system.start("cases-1", "tests.integration.poisoned_worker")
    system.start("kpis-1", "streams.kpis")
    system.feed(story.lines)
    assert story.values() == list(ill.rows)
    assert story.cards() == list(ill.cards)
    assert {key.split(b"\x1f")[1].decode() for key in story.latest(topics.CASE_QUARANTINE)} == set(ILL)
    listed = story.kpiwatch("cases", "quarantined", "--retry")
    assert listed.returncode == 1, listed.stderr
    assert "4 judged again, 0 released" in listed.stdout and "4 quarantined cases" in listed.stdout
    assert all(f" {case} " in listed.stdout for case in ILL) and "Poisoned in tests/unit/poison.py:" in listed.stdout
    assert "SECRET" not in listed.stdout + system.log("cases-1")
    status = story.kpiwatch("status")
    assert "已隔离办件4件" in status.stdout, status.stderr

    # a restart with the same code changes nothing
    system.kill("cases-1")
    system.start("cases-1", "tests.integration.poisoned_worker")
    system.wait_ready("cases-1")
    assert (story.values(), story.cards()) == (list(ill.rows), list(ill.cards))

    system.kill("cases-1")
    system.start("cases-1")
    system.wait_ready("cases-1")
    listed = story.kpiwatch("cases", "quarantined", "--retry")
    assert (listed.returncode, listed.stdout.splitlines()[-1]) == (0, "0 quarantined cases"), listed
    assert story.values() == list(healthy.rows)
    assert story.cards() == list(healthy.cards)
    assert RETRACTED not in {card.reason for card in healthy.cards}
    assert story.latest(topics.CASE_QUARANTINE) == {}
