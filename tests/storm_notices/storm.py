"""kill -9 of notifier and keeper, one after another, while cards come and providers fail; then a comparison."""

import contextlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import orjson
from kafka import KafkaProducer

from services.catalog.load.plan_folder import load_plan
from services.domain.results.published import Card
from services.domain.time.zone import Zone
from services.ledger.index import LedgerIndex
from services.ledger.reader import LedgerReader
from services.local.child_process import Command
from services.local.failures import PartUnavailable
from services.local.http_process import HttpProcess
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.records.ledger import LedgerRecord, hash_of
from services.notifier.notice_state import NoticeState
from services.runtime.clock import Clock
from services.runtime.settings import Settings, variable
from tests.storm_notices.comparison import Counts, active_cards, counted, wrong
from tests.storm_notices.providers import WITHOUT_KEYS, Providers

UNITS = 60
"""Of these the first has a robot, and the second an application."""
_CASES_OF_ROBOT = 180
"""One case in so many is of the unit with the robot, which takes 20 messages a minute as the real one does: of more the
storm would measure that limit."""
_FAIL_SECONDS = 120.0
"""How long the providers still fail when no card comes any more."""
_SETTLE_SECONDS = 900.0
"""How long deliveries may take after that."""
_STEPS = ("active", "red", "over")


class Plan(NamedTuple):
    """What is done."""

    cards: int
    kills: int
    seed: int
    folder: Path
    seconds: float
    """How long the cards take to come, at least."""


class Outcome(NamedTuple):
    """What came of it."""

    counts: Counts
    cards: int
    faults: int
    """Calls that met one."""
    published: int
    """Records of alert.cards."""
    crashes: dict[str, int]
    wrong: list[str]
    seconds: float

    def lines(self) -> Iterator[str]:
        counts = self.counts
        kills = ", ".join(f"{number} of the {part}" for part, number in self.crashes.items())
        yield f"{self.cards} cards, {self.published} records of alert.cards, in {self.seconds:.0f} s"
        yield f"kill -9: {kills}; one whole replay: index, ledger and cards read from nothing"
        yield f"{self.faults} calls of providers met a fault"
        yield f"{counts.notices} notices about {counts.subjects} changes; the ledger has {counts.records} records"
        outcomes = ", ".join(f"{number} {kind}" for kind, number in counts.outcomes.items())
        yield f"{counts.attempts} attempts: {outcomes}"
        yield f"{counts.seen} messages were seen, {counts.repeats} of them again"
        yield f"{counts.uncertain} notices are marked uncertain"
        yield f"{len(self.wrong)} things are wrong: lost, doubled, not marked, out of order, or otherwise in the index"
        yield from self.wrong[:20]


def _course(number: int, rng: random.Random) -> Iterator[tuple[float, int, str]]:
    """(when, case, step) of a case: it is raised, turns red or not, and is over or not."""
    at = rng.random()
    yield at, number, "active"
    for step in _STEPS[1:]:
        at += rng.random() / 3
        if rng.random() < 0.6:
            yield at, number, step


class Feed(threading.Thread):
    """Publishes cards, in an order by seed; each case goes on in its own order."""

    def __init__(self, plan: Plan, bootstrap: str, units: list[str]) -> None:
        super().__init__(name="feed", daemon=True)
        self._plan = plan
        self._producer = KafkaProducer(bootstrap_servers=bootstrap)
        self._units = units
        self.active: dict[tuple[str, str], Card] = {}
        """(case, level) → the card that is active."""
        self.published = 0

    def run(self) -> None:
        plan, rng = self._plan, random.Random(self._plan.seed)
        steps = [step for number in range(plan.cards) for step in _course(number, rng)]
        began = time.monotonic()
        for done, (_, number, step) in enumerate(sorted(steps, key=lambda one: one[0])):
            time.sleep(max(0.0, began + plan.seconds * done / len(steps) - time.monotonic()))
            self._go_on(number, step)
        self._producer.flush()

    def _go_on(self, number: int, step: str) -> None:
        unit = self._units[0 if number % _CASES_OF_ROBOT == 0 else 1 + number % (len(self._units) - 1)]
        case, at = f"/units/{unit} N-{number}", "2021-10-12T09:00:00+08:00"
        new = Card("K06-1", case, 1, "-", "yellow", unit, at, "2021-10-13T23:59:59.999999+08:00", "", "")
        if step == "active":
            self._publish(new)
            return
        level = "yellow" if (case, "yellow") in self.active else "red"
        card = self.active[case, level]
        if step == "red":
            self._publish(card._replace(cleared_at=at, reason="superseded"))
            self._publish(card._replace(level="red"))
        else:
            self._publish(card._replace(cleared_at=at, reason="completed"))

    def _publish(self, card: Card) -> None:
        key = f"{card.kpi}|{card.case.replace(' ', chr(0x1F))}|{card.cycle}|{card.node}|{card.level}"
        self._producer.send(topics.ALERT_CARDS, key=key.encode(), value=orjson.dumps(card._asdict()))
        self.published += 1
        if card.cleared_at:
            self.active.pop((card.case, card.level), None)
        else:
            self.active[card.case, card.level] = card


class Office:
    """The processes that are killed."""

    def __init__(self, plan: Plan, bootstrap: str, providers: Providers, units: list[str]) -> None:
        folder = plan.folder
        (folder / "contacts.toml").write_text(providers.contacts(units), "utf-8")
        self.settings = Settings(
            bootstrap=bootstrap,
            alertmanager_url=providers.url,
            clock=folder / "clock.json",
            outbox=folder / "notifier" / "outbox.jsonl",
            webhook_token_file=folder / "webhook.token",
            contacts=folder / "contacts.toml",
            ledger=str(folder / "ledger.sqlite"),
            texts=str(folder / "texts.sqlite"),
            ledger_key=folder / "ledger.key",
            checkpoints=folder / "checkpoints.jsonl",
        )
        zone = Zone("Asia/Shanghai")
        Clock.from_settings(self.settings).set(zone.instant(datetime(2021, 10, 12, 9, 5)), 0)
        self._environment = {
            **os.environ,
            **self.settings.environment(),
            **providers.secrets(),
            "PYTHONUNBUFFERED": "1",
        }
        self._folder = folder
        self._parts: dict[str, HttpProcess] = {}
        self.crashes = {"notifier": 0, "keeper": 0}

    def start(self, name: str) -> None:
        """On a port of its own each time: meanwhile another process may have taken the last one. Raises PartUnavailable
        if it does not become ready, or the other part has ended by itself."""
        for _ in range(3):
            (port,) = free_ports(1)
            environment = {**self._environment, variable(f"{name}_port"): str(port)}
            command = Command([sys.executable, "-m", f"services.{name}"], environment=environment)
            self._parts[name] = part = HttpProcess(name, command, self._folder, port, timeout_seconds=300)
            time.sleep(0.2)
            if part.exit_code is None:
                break  # else it was another process that answered on that port
        for other in self._parts.values():
            if other.exit_code is not None:
                raise PartUnavailable(other.name, f"it ended by itself: {other.log_tail()}", f"See {other.log}")

    def kill(self, name: str) -> None:
        self.crashes["keeper" if name == "ledger" else name] += 1
        self._parts.pop(name).kill()
        self.start(name)

    def replay_all(self) -> None:
        """Both are killed and lose what they have on the disk: the index is built anew of the whole ledger, and the
        notifier reads all cards and the whole ledger again. The name of the installation stays: under another one the
        attempts that were under way wait for 24 minutes, which the small storm does in its own time."""
        for name in ("notifier", "ledger"):
            self.crashes["keeper" if name == "ledger" else name] += 1
            self._parts.pop(name).kill()
        for path in (*self.settings.outbox.parent.iterdir(), *self._folder.glob("ledger.sqlite*")):
            if path.suffix != ".installation":
                path.unlink()
        self.start("ledger")
        self.start("notifier")

    def stop(self) -> None:
        for part in self._parts.values():
            part.kill()


def storm(plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Raises TimeoutError where it does not come to rest."""
    began = time.monotonic()
    units = sorted(load_plan(Settings().plan).units)[:UNITS]
    with contextlib.ExitStack() as running:
        broker = Broker.start(plan.folder / "kafka", cache=Settings.from_environment().cache, heap_megabytes=256)
        running.callback(broker.stop)
        topics.create(broker.bootstrap, 2)
        providers = running.enter_context(Providers(plan.seed).running())
        office = Office(plan, broker.bootstrap, providers, units)
        running.callback(office.stop)
        office.start("ledger")
        office.start("notifier")
        feed = Feed(plan, broker.bootstrap, units)
        feed.start()
        _kill(plan, office, feed, say)
        feed.join()
        records = _at_rest(broker.bootstrap, feed, providers, say)
        seen = providers.seen()
        found = wrong(records, seen, feed.active, office.crashes["notifier"], WITHOUT_KEYS)
        found += _index_differs(office.settings.ledger, records)
    counts, faults = counted(records, seen), sum(providers.desk.faults.drawn.values())
    seconds = time.monotonic() - began
    return Outcome(counts, plan.cards, faults, feed.published, office.crashes, found, seconds)


def _kill(plan: Plan, office: Office, feed: Feed, say: Callable[[str], None]) -> None:
    """One part after another, at times by seed; as soon as it is back if that takes longer."""
    rng, began, at = random.Random(plan.seed), time.monotonic(), 0.0
    for number in range(plan.kills):
        at += rng.uniform(0.2, 1.8) * plan.seconds / plan.kills
        name = rng.choice(("notifier", "notifier", "ledger"))
        time.sleep(max(0.0, began + at - time.monotonic()))
        office.replay_all() if number == plan.kills // 2 else office.kill(name)
        say(f"{time.monotonic() - began:6.1f}  kill {number + 1}; {feed.published} records published")


def _index_differs(place: str, records: list[LedgerRecord]) -> list[str]:
    """A sentence if the index does not have the records of the topic."""
    index = LedgerIndex.at(place)
    try:
        found = dict(index.hashes(len(records)))
    finally:
        index.close()
    return [f"the index has {len(found)} of {len(records)} records, or others"] if found != _hashes(records) else []


def _hashes(records: list[LedgerRecord]) -> dict[int, str]:
    return {one.number: hash_of(one.previous, one.value()) for one in records}


def _at_rest(bootstrap: str, feed: Feed, providers: Providers, say: Callable[[str], None]) -> list[LedgerRecord]:
    """The ledger, once everything is delivered, or the time is over."""
    began, records, state = time.monotonic(), list[LedgerRecord](), NoticeState()
    with LedgerReader(bootstrap) as reader:
        while True:
            for record in reader.poll(2.0):
                records.append(record)
                state.note(record)
            passed = time.monotonic() - began
            if reader.caught_up and not state.under_way and active_cards(records).keys() == feed.active.keys():
                return records
            say(f"at rest? {len(state.under_way)} deliveries are under way, {len(records)} records, {passed:.0f} s")
            if passed > _FAIL_SECONDS:
                providers.recover()
            if passed > _FAIL_SECONDS + _SETTLE_SECONDS:
                return records
            time.sleep(3)
