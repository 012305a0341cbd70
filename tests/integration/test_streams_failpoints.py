"""No crash loses or doubles anything: each step of the order of durability (ARCHITECTURE.md), by a crash right there.

One system lives through a story of many days. Each test lets a day happen, crashes a worker at a named step, starts it
again, and compares values, cards, verdicts and dead letters with what a replay of the days so far says.
"""

import contextlib
import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.domain.intake.refusal import Reason
from services.domain.results.published import Card, State, ValueRow, Verdict
from services.domain.results.value_rows import Valuer
from services.domain.time.zone import Instant
from services.local.kafka import Broker
from services.messaging import dead_letter_reader, topics
from services.messaging.reader import TopicReader
from services.messaging.tally_reader import read_tallies
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.integration.crash_story import Standing, Truth, day_end, days, write_plan
from tests.integration.failing_worker import DIED, WAITED, Failpoint
from tests.integration.system import ROOT, System

PARTITIONS = 2
BEFORE = 7
"""Days that have passed when the first worker starts, so that there are cards to be raised and cleared every day."""
DAYS = 40
SEED = 20210906
SESSION_SECONDS = 6.0
FAILING = "tests.integration.failing_worker"
CASES, OTHER, KPIS = "cases-1", "cases-2", "kpis-1"

pytestmark = pytest.mark.timeout(1200)


class Story:
    """The system as it lives, and how far the story is."""

    def __init__(self, folder: Path) -> None:
        self.plan = write_plan(folder / "plan")
        self.days = days(SEED, DAYS)
        self.truth = Truth(self.plan, self.days, folder / "events.jsonl")
        self.broker = Broker.start(folder / "kafka", cache=Settings.from_environment().cache)
        self.day = -1
        self.system = System(
            self.broker.bootstrap,
            self.plan,
            folder,
            now=day_end(-1),
            partitions=PARTITIONS,
            session=SESSION_SECONDS,
        )
        self.armed = folder / "armed"
        while self.day < BEFORE:
            self.next_day()

    @property
    def now(self) -> Instant:
        return day_end(self.day)

    def next_day(self) -> None:
        """The clock moves on by a day, and its events arrive."""
        self.day += 1
        Clock.simulated(self.system.folder / "clock.json").set(self.now, 0)
        self.system.feed(self.days[self.day])

    # ---- workers -----------------------------------------------------------------------------------
    def start(self, name: str = CASES, stage: str = "cases") -> None:
        """A worker that dies where the test says; until then it is like any other."""
        self.system.start(name, FAILING, stage, ARMED=str(self.armed))

    def wait_ready(self, name: str = CASES, stage: str = "cases") -> None:
        """It works, and nothing is armed."""
        if name not in self.system.workers:
            self.start(name, stage)
        self.system.wait_ready(name)

    def arm(self, failpoint: Failpoint) -> None:
        self.armed.write_text(failpoint)

    def died(self, name: str = CASES) -> int:
        """Wait for the end of a worker; its exit code."""
        try:
            code = self.system.workers[name].wait(300)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{name} goes on:\n{self.system.log(name)}") from None
        finally:
            self.armed.unlink(missing_ok=True)
        del self.system.workers[name]
        return code

    # ---- what is published -------------------------------------------------------------------------
    def standing(self) -> Standing:
        """What the running system says as of now, once everything of the story so far is in it."""
        standing = read_tallies(self.broker.bootstrap, PARTITIONS, self.now - 1, timeout_seconds=300)
        published = self.latest(topics.ALERT_CARDS, topics.CASE_VERDICTS).values()
        cards = [Card(**body) for body in published if "level" in body]
        verdicts = [Verdict(**body)._replace(judged_at="") for body in published if "verdict" in body]
        return Standing(
            Valuer(self.truth.judge).rows(standing.tallies, self.now, standing.last_events),
            {card[:5]: card for card in cards},
            {verdict[:3]: verdict for verdict in verdicts},
        )

    def latest(self, *names: str) -> dict[tuple[str, bytes], dict[str, Any]]:
        """The last record of each topic and key; without those that are wiped out."""
        held: dict[tuple[str, bytes], dict[str, Any]] = {}
        with TopicReader(self.broker.bootstrap, names) as reader:
            while not (reader.caught_up and not any(reader.lag.values())):
                for record in reader.poll(0.1):
                    held.pop((record.topic, record.key or b""), None)
                    if record.value is not None:
                        held[record.topic, record.key or b""] = orjson.loads(record.value)
        return held

    def values(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        """What is in `kpi.values`, by what identifies a row; with the watermark, which is one of all."""
        return {
            tuple(body[name] for name in ("kpi", "variant", "unit", "item", "window")): tuple(
                body[name] for name in (*ValueRow._fields, "watermark")
            )
            for (_, key), body in self.latest(topics.KPI_VALUES).items()
            if not key.startswith((b"signal|", b"arrivals|"))
        }

    # ---- what must be ------------------------------------------------------------------------------
    def assert_right(self) -> None:
        """Nothing is lost and nothing is doubled."""
        expected, found = self.truth.at(self.now), self.standing()
        assert found.values == expected.values
        assert found.cards == expected.cards
        assert found.verdicts == expected.verdicts
        self.assert_letters()

    def assert_letters(self) -> None:
        """Each bad event has one dead letter, under one key however often it was delivered."""
        filed = [each.letter for each in dead_letter_reader.read(self.broker.bootstrap)]
        letters = {letter.key: letter for letter in filed}
        of_records = [letter.key for letter in filed if letter.digest is None]
        assert len(of_records) == len(set(of_records)), "a record has one letter, however often it is delivered"
        so_far = [line for day in self.days[: self.day + 1] for line in day]
        malformed = [letter.original for letter in letters.values() if letter.reason is Reason.MALFORMED]
        assert sorted(malformed) == sorted(line for line in so_far if line.startswith(b"no event"))
        payloads_of: dict[str, set[object]] = {}
        for event in (orjson.loads(line) for line in so_far if line.startswith(b"{")):
            payloads_of.setdefault(event["id"], set()).add(orjson.dumps(event["data"]))
        conflicts = {name for name, payloads in payloads_of.items() if len(payloads) > 1}
        found = {
            orjson.loads(letter.original)["id"] for letter in letters.values() if letter.reason is Reason.ID_CONFLICT
        }
        assert found == conflicts

    def kpiwatch_values(self, as_of: Instant, out: Path) -> tuple[int, str]:
        """`kpiwatch values`: its exit code and what it says."""
        arguments = ("--as-of", self.truth.judge.law.zone.text(as_of), "--out", str(out), "--wait", "300")
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", "values", *arguments],
            cwd=ROOT,
            env=os.environ | self.system.settings.environment(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def wait_for_values(self, expected: dict[tuple[str, ...], tuple[str, ...]]) -> None:
        """The kpis stage publishes exactly these."""
        until, found = time.monotonic() + 300, self.values()
        while found != expected and time.monotonic() < until:
            time.sleep(0.3)
            found = self.values()
        assert found == expected

    def expected_values(self, rows: Sequence[ValueRow] | None = None) -> dict[tuple[str, ...], tuple[str, ...]]:
        """What `kpi.values` must hold: these rows, or what the replay says as of now."""
        watermark = self.truth.judge.law.zone.text(self.now - 1)
        return {
            (row.kpi, row.variant, row.unit, row.item, row.window): (*row, watermark)
            for row in (self.truth.at(self.now).values if rows is None else rows)
        }


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with contextlib.ExitStack() as stack:
        new_story = Story(tmp_path_factory.mktemp("story"))
        stack.callback(lambda: new_story.broker.stop())
        stack.callback(new_story.system.stop)
        yield new_story


# ---- the cases stage -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("failpoint", "ends"),
    [
        (Failpoint.JUDGED, DIED),
        (Failpoint.CHANGELOG_FIRST, DIED),
        (Failpoint.CHANGELOG, DIED),
        (Failpoint.LETTERS, DIED),
        (Failpoint.SWEEP_MARKED, DIED),
        (Failpoint.SWEEP_TOLD, DIED),
        # the reverse cannot happen: the row of a sweep keeps its mark until its card is acknowledged
        (Failpoint.SWEEP_UNMARKED_FIRST, WAITED),
        (Failpoint.TALLIES, DIED),
    ],
)
def test_a_worker_that_dies_between_two_steps_goes_on_from_there(story: Story, failpoint: Failpoint, ends: int) -> None:
    story.wait_ready()
    story.arm(failpoint)
    story.next_day()
    assert story.died() == ends, story.system.log(CASES)
    story.start()
    story.assert_right()


@pytest.mark.parametrize("failpoint", [Failpoint.CHANGELOG_FIRST, Failpoint.SWEEP_MARKED, Failpoint.SWEEP_TOLD])
def test_the_disk_may_be_lost_with_the_worker(story: Story, failpoint: Failpoint) -> None:
    story.wait_ready()
    story.arm(failpoint)
    story.next_day()
    assert story.died() == DIED, story.system.log(CASES)
    story.system.lose_disk(CASES)
    story.start()
    story.assert_right()


@pytest.mark.parametrize("failpoint", [Failpoint.CLAIMED, Failpoint.ROWS, Failpoint.COMPLETE])
def test_an_owner_that_dies_while_it_takes_over_leaves_the_values_as_they_are(
    story: Story, failpoint: Failpoint
) -> None:
    story.wait_ready()
    story.system.kill(CASES)
    story.next_day()
    story.arm(failpoint)
    story.start()
    assert story.died() == DIED, story.system.log(CASES)
    story.start()
    story.assert_right()


# ---- the kpis stage ------------------------------------------------------------------------------------------
def test_a_kpis_worker_that_dies_while_it_publishes_is_taken_up_by_the_next(story: Story) -> None:
    story.wait_ready()
    story.wait_ready(KPIS, "kpis")
    story.wait_for_values(story.expected_values())
    story.arm(Failpoint.VALUES)
    story.next_day()
    assert story.died(KPIS) == DIED, story.system.log(KPIS)
    story.start(KPIS, "kpis")
    story.wait_for_values(story.expected_values())


def test_published_values_are_those_that_kpiwatch_values_writes(story: Story, tmp_path: Path) -> None:
    story.wait_ready()
    story.wait_ready(KPIS, "kpis")
    story.next_day()
    code, said = story.kpiwatch_values(story.now, tmp_path / "values.csv")
    assert code == 0, said
    with (tmp_path / "values.csv").open(newline="") as file:
        rows = [ValueRow(**row) for row in csv.DictReader(file)]
    assert rows == story.truth.at(story.now).values
    story.wait_for_values(story.expected_values(rows))


def test_values_of_a_time_that_has_passed_or_of_a_running_clock_are_refused(story: Story, tmp_path: Path) -> None:
    story.wait_ready()
    story.assert_right()
    code, said = story.kpiwatch_values(story.now - 3_600_000_000, tmp_path / "values.csv")
    assert (code, "is judged up to" in said, "Traceback" in said) == (2, True, False), said
    clock = Clock.simulated(story.system.folder / "clock.json")
    clock.set(story.now, 20)  # slow enough that the next day of the story is still to come, however busy the machine
    try:
        code, said = story.kpiwatch_values(story.now + 60_000_000, tmp_path / "values.csv")
    finally:
        story.day += 1
        clock.set(story.now, 0)
        story.system.feed(story.days[story.day])
    assert (code, "Stop the clock" in said, "Traceback" in said) == (2, True, False), said
    assert not (tmp_path / "values.csv").exists()


def test_while_no_worker_judges_every_value_is_stale_but_a_proven_miss(story: Story) -> None:
    story.wait_ready()
    story.wait_ready(KPIS, "kpis")
    story.wait_for_values(story.expected_values())
    story.system.kill(CASES)
    before = story.truth.at(story.now).values
    stale = [row._replace(state=State.STALE) if _may_change(row) else row for row in before]
    assert stale != before
    expected = story.expected_values(stale)  # the watermark stays
    story.next_day()
    story.wait_for_values(expected)
    story.start()
    story.wait_for_values(story.expected_values())


def _may_change(row: ValueRow) -> bool:
    """Whether what is not judged yet may change the state: a miss is proven, but not that of a mean."""
    return row.state in _JUDGED and (row.state is not State.MISSED or row.kpi == "MEAN")


_JUDGED = {State.MET, State.MISSED, State.AT_RISK, State.INSUFFICIENT, State.PROVISIONAL}


# ---- the broker ----------------------------------------------------------------------------------------------
def test_a_broker_that_is_killed_under_flow_goes_on_with_all_of_it(story: Story) -> None:
    story.wait_ready()
    story.next_day()
    story.next_day()
    time.sleep(0.2)  # some of it is read
    story.broker.kill()
    time.sleep(1)
    story.broker = Broker.start(story.broker.folder, story.broker.port, cache=Settings.from_environment().cache)
    story.next_day()
    story.assert_right()


# ---- the last word, since the group waits for the frozen worker's session ------------------------------------------
def test_a_frozen_worker_changes_nothing_when_it_wakes(story: Story) -> None:
    story.wait_ready()
    story.next_day()
    time.sleep(0.3)  # so that it may have something in hand
    frozen = story.system.workers[CASES]
    frozen.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    story.next_day()
    story.wait_ready(OTHER)
    story.assert_right()
    time.sleep(max(0.0, SESSION_SECONDS + 0.5 - (time.monotonic() - began)))
    frozen.send_signal(signal.SIGCONT)
    assert story.died() == 1, story.system.log(CASES)
    assert "did not run for" in story.system.log(CASES)
    story.assert_right()
    story.system.kill(OTHER)
    story.system.lose_disk(OTHER)  # the changelog says the same
    story.start(OTHER)
    story.assert_right()
    story.system.kill(OTHER, signal.SIGTERM)
