"""After any sequence of card records and alerts, closed hours, failures and crashes: whoever has a notice has its end,
once, nothing is active by the notices or at the Alertmanager that is not, and each notice reaches its recipient.

The whole notifier runs, but its reader, its ledger, its Alertmanager, its providers, its hours and its clocks are in
the test's hand.
"""

import contextlib
import logging
import os
import random
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from errno import ENOSPC
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import services.catalog
import services.notifier.__main__ as process
from services.catalog.load.plan_folder import load_plan
from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import Plan
from services.domain.results.published import Card
from services.ledger.writer import Answer, LedgerAway
from services.messaging.reader import Record, TopicReader
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.notifier import courier, journal
from services.notifier.channels.message import FOR_EVER, Accepted, Message, Outcome, Retry, Uncertain
from services.notifier.channels.rate_limit import Limit
from services.notifier.due_notices import AlertmanagerAway
from services.notifier.notice_subject import Alert, Numbering, alert_id, card_id, mirrored_card
from services.notifier.recipients import LAST_WAY, Role
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.unit.ledger_world import LedgerWorld

JIANGBEI = Path(services.catalog.__file__).parent / "jiangbei-2021"
REAL = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = ("liangjiang-water", "sino-french-water")
CASES = ("/units/liangjiang-water W-1", "/units/liangjiang-water W|2")


class Crash(BaseException):
    """The notifier is killed here."""


@dataclass
class World:
    """What surrounds the notifier and outlives it."""

    folder: Path
    seconds: float = 0.0
    log: list[Record] = field(default_factory=list)
    """alert.cards."""
    closed: set[str] = field(default_factory=set)
    silenced: set[str] = field(default_factory=set)
    away: bool = False
    at_alertmanager: dict[tuple[tuple[str, str], ...], datetime] = field(default_factory=dict)
    """Labels → when the alert ends."""
    firing: dict[str, Alert] = field(default_factory=dict)
    """Alerts that Prometheus has sent."""
    forgets_until: float = 0.0
    """The Alertmanager was started again, and until then lists none of them."""
    next_write: str = ""
    """What becomes of the next write to a journal: nothing happens, or a way of failing."""
    next_request: str = ""
    """What becomes of the next requests to the ledger."""
    next_call: str = ""
    """What becomes of the next call of a provider."""
    asked_for: list[Request] = field(default_factory=list)
    """What was asked of the ledger since the last check."""
    crashes: int = 0
    ledger: LedgerWorld = field(init=False)
    with_keys: "Provider" = field(init=False)
    without_keys: "Provider" = field(init=False)
    file: "Provider" = field(init=False)
    """What has the notices that nobody else takes."""

    def __post_init__(self) -> None:
        self.ledger = LedgerWorld(lambda: int(self.now().timestamp() * 1e6))
        self.with_keys, self.without_keys = Provider(self, FOR_EVER), Provider(self, 0.0)
        self.file = Provider(self, FOR_EVER)

    def now(self) -> datetime:
        return REAL + timedelta(seconds=self.seconds)

    # the Alertmanager
    def post(self, alerts: list[dict[str, Any]]) -> None:
        if self.away:
            raise AlertmanagerAway("no answer")
        for alert in alerts:
            assert alert["startsAt"] <= alert["endsAt"]
            self.at_alertmanager[tuple(sorted(alert["labels"].items()))] = datetime.fromisoformat(alert["endsAt"])

    def suppressions(self, unit: str, ids: Collection[str]) -> Mapping[str, list[str]]:
        if self.away:
            raise AlertmanagerAway("no answer")
        return {id: ["silence"] for id in ids if id in self.silenced}

    def listed(self) -> Mapping[str, Alert]:
        if self.away:
            raise AlertmanagerAway("no answer")
        always = {"w": Alert("w", "firing", {"alertname": "Watchdog"}, {})}
        return always if self.seconds < self.forgets_until else {**self.firing, **always}

    # working time
    def is_open(self, now: int, unit: str) -> bool:
        return unit not in self.closed

    def text(self, now: int) -> str:
        return "2021-10-12T09:00:00+08:00"

    # the disk
    def write(self, file: Any, content: bytes) -> None:
        outcome, self.next_write = self.next_write, ""
        if outcome in ("torn", "full"):
            file.write(content[: len(content) * 2 // 3])
        elif outcome != "before":
            file.write(content)
        if outcome == "full":
            raise OSError(ENOSPC, "no space left")
        if outcome:
            raise Crash


@dataclass
class Provider:
    """Takes messages, and drops those whose key it knows if it has keys."""

    world: World
    window_seconds: float
    received: list[str] = field(default_factory=list)
    """Keys, in the order of the messages that its users see."""
    limits: Sequence[Limit] = ()
    limits_of_recipient: Sequence[Limit] = ()

    def render(self, message: Message) -> bytes:
        return orjson.dumps([message.number, message.title])

    def send(self, rendered: bytes, key: str) -> Outcome:
        what, self.world.next_call = self.world.next_call, ""
        assert key.startswith(f"kw-{orjson.loads(rendered)[0]}-")
        if what == "before":
            raise Crash
        if what == "retry":
            return Retry("too many")
        if what != "lost before" and not (self.window_seconds and key in self.received):
            self.received.append(key)
        if what == "after":
            raise Crash
        return Uncertain("no answer") if what.startswith("lost") else Accepted()

    def was_accepted(self, key: str) -> bool | None:
        return None


class Frail:
    """The ledger, which may fail, or be the last that a notifier sees."""

    caught_up = True

    def __init__(self, world: World) -> None:
        self.world = world
        self.ledger = world.ledger.client()
        self.asked: set[str] = set()

    def poll(self, timeout_seconds: float = 0.5) -> list[LedgerRecord]:
        return self.ledger.poll()

    def request(self, *requests: Request) -> None:
        for request in requests:
            if request.id not in self.asked:
                self.world.asked_for.append(request)
                self.asked.add(request.id)
        what, self.world.next_request = self.world.next_request, ""
        if what == "before":
            raise Crash
        if what in ("away", "lost"):
            if what == "lost":
                self.ledger.request(*requests)
            raise LedgerAway("no answer")
        self.ledger.request(*requests)
        if what == "after":
            raise Crash

    def until_recorded(self, request: Request, timeout_seconds: float = 1) -> Answer:
        return self.ledger.until_recorded(request)


@dataclass(frozen=True)
class Addressee:
    id: str
    channels: tuple[tuple[str, Provider], ...]
    quiet: tuple[datetime, ...] = ()


class Book:
    """The second unit has a provider without keys, whoever else one with keys."""

    def __init__(self, world: World) -> None:
        self.world = world

    def recipients(self, unit: str, role: Role = Role.DUTY) -> tuple[Addressee, ...]:
        return (self.recipient(f"{unit}/duty"),)

    def recipient(self, id: str) -> Addressee:
        without = id.startswith(UNITS[1])
        robot = self.world.without_keys if without else self.world.with_keys
        return Addressee(id, (("robot", robot), (LAST_WAY, self.world.file)))


class AtOnce(Executor):
    """Calls at once what a pool would call beside."""

    def __init__(self, *what: object, **else_: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(function(*given, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


class Reader:
    """The topic as a process reads it that has just started."""

    def __init__(self, log: list[Record]) -> None:
        self._log = log
        self._next = 0
        self._first_end = len(log)

    @property
    def caught_up(self) -> bool:
        return self._next >= self._first_end

    def poll(self, timeout_seconds: float) -> list[Record]:
        found = self._log[self._next : self._next + 3]
        self._next += len(found)
        return found


class System:
    """A notifier that is started again whenever it dies, and what should be so by now."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cards: dict[tuple[str, str], Card] = {}
        """(case, level) → the card that is active by the topic."""
        self.known: dict[str, Alert] = {}
        """Fingerprint → alert that is firing as far as the notifier may know: lost ends are found later."""
        self.pages: set[str] = set()
        self.raised = 0
        self.publish("/units/kaiyuan-gas G-1", "red", "completed", "kaiyuan-gas")  # the topic is never empty
        self.start()

    def start(self) -> None:
        folder = self.world.folder
        self.notifier = process.Notifier(
            Settings(outbox=folder / "outbox.jsonl"),
            plan(),
            cast(Clock, self),
            process.Logs(cast(TopicReader, Reader(self.world.log)), Frail(self.world)),
            Book(self.world),
            process.RealTime(lambda: self.world.seconds, epoch=lambda: self.world.now().timestamp()),
        )
        self.numbering = Numbering(bytes.fromhex((folder / "outbox.key").read_text()))

    def now(self) -> int:
        """The plan's clock."""
        return 0

    def end(self) -> None:
        self.notifier.accepted.close()

    def restart(self) -> None:
        self.end()
        self.start()

    def run(self, seconds: float) -> None:
        for _ in range(3):
            self.world.seconds += seconds / 3
            with self.surviving():
                self.notifier.step()

    @contextlib.contextmanager
    def surviving(self) -> Iterator[None]:
        try:
            yield
        except Crash:
            self.world.crashes += 1
            self.restart()

    # ---- what happens --------------------------------------------------------------------------------------
    def publish(self, case: str, level: str, state: str, unit: str) -> None:
        before = self.cards.pop((case, level), None)
        self.raised += 1
        at = f"2021-10-12T{9 + self.raised // 3600:02}:{self.raised // 60 % 60:02}:{self.raised % 60:02}+08:00"
        card = before or Card("K06-1", case, 1, "-", level, unit, at, "", "", "")
        if state == "active":
            card = self.cards[case, level] = card._replace(unit=unit)
        else:
            card = card._replace(unit=unit, cleared_at=at, reason=state)
        key = f"K06-1|{case.replace(' ', chr(0x1F))}|1|-|{level}".encode()
        value = None if state == "retracted" else orjson.dumps(card._asdict())
        self.world.log.append(Record("alert.cards", 0, len(self.world.log), key, value))

    def publish_what_is_no_card(self, value: bytes | None) -> None:
        self.world.log.append(Record("alert.cards", 0, len(self.world.log), b"K06-1|another|1|-|red", value))

    def turn_red(self, case: str, unit: str) -> None:
        """What the cases stage publishes when a limit passes, in either order."""
        both = [("yellow", "superseded"), ("red", "active")]
        for level, state in both if self.raised % 2 else reversed(both):
            self.publish(case, level, state, unit)

    def alert(self, fingerprint: str, status: str, severity: str) -> None:
        alert = Alert(fingerprint, status, {"alertname": "A", "unit": UNITS[0], "severity": severity, "id": "x"}, {})
        for memory in (self.world.firing, self.known):
            memory.pop(fingerprint, None)
            if status == "firing":
                memory[fingerprint] = alert
        if severity == "page":
            self.pages.add(alert_id(fingerprint))
        done = False
        while not done:  # the Alertmanager sends again what was not answered with success
            with self.surviving(), contextlib.suppress(OSError):
                self.notifier.accepted.accept([alert])
                done = True

    def end_inhibited(self, fingerprint: str) -> None:
        """An alert ends, and no webhook reports it."""
        self.world.firing.pop(fingerprint, None)

    def fire_again(self, fingerprint: str) -> None:
        """An alert whose end no webhook has reported begins again, and no webhook reports that."""
        if fingerprint in self.known:
            self.world.firing[fingerprint] = self.known[fingerprint]

    def alertmanager_starts_again(self) -> None:
        self.world.forgets_until = self.world.seconds + 60

    def compact(self, removed_are_gone: bool, seed: int) -> None:
        """What Kafka does to the topic; between keys no order is promised to who reads it anew."""
        last = {record.key: record for record in self.world.log}
        kept = [record for record in last.values() if record.value is not None or not removed_are_gone]
        random.Random(seed).shuffle(kept)
        self.world.log[:] = kept
        self.restart()

    # ---- what must be so -----------------------------------------------------------------------------------
    def mirrored(self, card: Card) -> str:
        return mirrored_card(self.numbering.of(card), card.level)

    def active(self) -> dict[str, str]:
        """Subject → unit, by the topic and by Prometheus."""
        cards = {card_id(card): card.unit for card in self.cards.values()}
        return cards | {alert_id(one): UNITS[0] for one in self.world.firing}

    def notices(self) -> list[dict[str, Any]]:
        outcomes = {Kind.NOTICE: "delivered", Kind.SUPPRESSED: "suppressed"}
        return [
            {**one.request.body, "number": one.number, "unit": one.request.unit, "outcome": outcomes[one.request.kind]}
            for one in self.world.ledger.records()
            if one.request.kind in outcomes
        ]

    def by_notices(self) -> dict[str, list[str]]:
        """Subject that is active by the ledger → the units that got it. Fails where one is delivered twice, or ends
        without having been delivered."""
        found: dict[str, list[str]] = {}
        for notice in self.notices():
            if notice["outcome"] != "delivered":
                continue
            assert notice["subjects"]
            for notified in notice["subjects"]:
                if notified["status"] == "raised":
                    assert notice["unit"] not in found.get(notified["id"], ()), "delivered twice"
                    found.setdefault(notified["id"], []).append(notice["unit"])
                else:
                    assert notice["unit"] in found.pop(notified["id"]), "an end for one who had no notice"
        return found

    def check_news(self) -> None:
        """What was asked for since: true, in opening hours, and nothing that a silence holds back."""
        active = self.active()
        silenced = {card_id(card) for card in self.cards.values() if self.mirrored(card) in self.world.silenced}
        asked_for, self.world.asked_for = self.world.asked_for, []
        for request in asked_for:
            if request.kind not in (Kind.NOTICE, Kind.SUPPRESSED):
                continue
            ids = {notified["id"]: notified["status"] for notified in request.body["subjects"]}
            assert request.unit not in self.world.closed or ids.keys() & self.pages
            for id, status in ids.items():
                if id in {alert_id(one) for one in self.known.keys() - self.world.firing.keys()}:
                    continue  # its end is lost and not found yet
                assert status == "ended" or active[id] == request.unit
                assert status == "raised" or id not in active
                if request.kind is Kind.NOTICE and status == "raised" and not request.body.get("silences"):
                    assert id not in silenced

    def check_in_the_end(self) -> None:
        """All is open, nothing is silenced, everything answers, and time passes."""
        world = self.world
        world.closed, world.silenced, world.away, world.ledger.keeper_works = set(), set(), False, True
        world.next_write = world.next_request = world.next_call = ""
        for _ in range(30):
            self.run(60)
        active, by_notices = self.active(), self.by_notices()
        assert by_notices.keys() == active.keys()
        assert all(active[id] in units for id, units in by_notices.items())
        there = {
            mirrored_card(dict(labels)["card"], dict(labels)["level"]): dict(labels)["unit"]
            for labels, end in world.at_alertmanager.items()
            if end > world.now()
        }
        assert there == {self.mirrored(card): card.unit for card in self.cards.values()}
        self.check_deliveries()
        written = len(self.notices())
        self.compact(removed_are_gone=True, seed=0)
        for alert in world.firing.values():
            self.notifier.accepted.accept([alert])
        for _ in range(8):
            self.run(60)
        assert len(self.notices()) == written, "what is known is notified again"

    def check_deliveries(self) -> None:
        """Each notice reached its recipient, once where the provider has keys. Where it has none, a crash makes one
        repeat at most, of a notice that is marked uncertain; and so is what may be lost."""
        world, records = self.world, self.world.ledger.records()
        notices = {one["number"]: one for one in self.notices() if one["outcome"] == "delivered"}
        with_keys = [number_of(key) for key in world.with_keys.received]
        without = [number_of(key) for key in world.without_keys.received]
        uncertain = {one.request.body["notice"] for one in records if one.request.kind is Kind.UNCERTAIN}
        assert sorted(with_keys) == [number for number, one in notices.items() if one["unit"] != UNITS[1]]
        assert len(without) - len(set(without)) <= world.crashes
        assert {number for number in without if without.count(number) > 1} <= uncertain
        lost = {number for number, one in notices.items() if one["unit"] == UNITS[1]} - set(without)
        assert lost <= uncertain & {number_of(key) for key in world.file.received}
        ends = [one.request.body for one in records if one.request.kind in (Kind.ACCEPTED, Kind.UNCERTAIN)]
        assert set(notices) == {one["notice"] for one in ends}
        for received in (with_keys, list(dict.fromkeys(without))):
            self.check_order(received, notices)

    def check_order(self, received: list[int], notices: Mapping[int, dict[str, Any]]) -> None:
        """What was received about a card is in the order in which it happened."""
        last: dict[str, int] = {}
        for number in received:
            for one in notices[number]["subjects"]:
                assert last.get(one["family"], 0) <= number
                last[one["family"]] = number


def number_of(key: str) -> int:
    """The number of the notice with this key."""
    return int(key.split("-")[1])


cases, units = st.sampled_from(CASES), st.sampled_from(UNITS)
steps = st.one_of(
    st.tuples(
        st.just("publish"),
        cases,
        st.sampled_from(("yellow", "red")),
        st.sampled_from(("active", "active", "completed", "rejudged", "retracted")),
        units,
    ),
    st.tuples(st.just("publish"), cases, st.just("yellow"), st.just("superseded"), units),
    st.tuples(st.just("turn_red"), cases, units),
    st.tuples(st.just("publish_what_is_no_card"), st.sampled_from((b"{}", b"[", b"7", None))),
    st.tuples(st.just("alert"), st.sampled_from(("f1", "f2")), st.sampled_from(("firing", "resolved")), st.just("act")),
    st.tuples(st.just("alert"), st.just("f3"), st.sampled_from(("firing", "resolved")), st.just("page")),
    st.tuples(st.just("end_inhibited"), st.sampled_from(("f1", "f2", "f3"))),
    st.tuples(st.just("fire_again"), st.sampled_from(("f1", "f2", "f3"))),
    st.tuples(st.just("alertmanager_starts_again")),
    st.tuples(st.just("run"), st.sampled_from((1.0, 3.0, 30.0, 150.0))),
    st.tuples(st.just("hours"), units),
    st.tuples(st.just("silence"), cases, st.sampled_from(("yellow", "red"))),
    st.tuples(st.just("away")),
    st.tuples(st.just("next_write"), st.sampled_from(("before", "torn", "after", "full"))),
    st.tuples(st.just("next_request"), st.sampled_from(("before", "after", "away", "lost"))),
    st.tuples(st.just("next_call"), st.sampled_from(("before", "after", "retry", "lost after", "lost before"))),
    st.tuples(st.just("keeper")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("compact"), st.booleans(), st.integers(0, 9)),
)


@cache
def plan() -> Plan:
    return load_plan(JIANGBEI)


def took_place(system: System, step: tuple[Any, ...]) -> None:
    world, (name, *what) = system.world, step
    if name == "hours":
        world.closed ^= {what[0]}
    elif name == "silence":
        world.silenced ^= {
            mirrored_card(system.numbering.of(Card("K06-1", what[0], 1, "-", "", "", "", "", "", "")), what[1])
        }
    elif name == "away":
        world.away = not world.away
    elif name == "keeper":
        world.ledger.keeper_works = not world.ledger.keeper_works
    elif name.startswith("next_"):
        setattr(world, name, what[0])
    else:
        getattr(system, name)(*what)


CLOSED = [("hours", UNITS[0]), ("hours", UNITS[1])]
FIRES = ("alert", "f1", "firing", "act")
YELLOW = [("publish", CASES[0], "yellow", "active", UNITS[0]), ("run", 3.0)]


@pytest.mark.slow
@given(steps=st.lists(steps, max_size=30))
@example(
    steps=[*YELLOW, *CLOSED, ("turn_red", CASES[0], UNITS[0]), ("publish", CASES[0], "red", "completed", UNITS[0])]
)
@example(
    steps=[*YELLOW, *CLOSED, ("turn_red", CASES[0], UNITS[0]), ("publish", CASES[0], "red", "retracted", UNITS[0])]
)
@example(
    steps=[
        *YELLOW,
        ("turn_red", CASES[0], UNITS[0]),
        ("run", 3.0),
        ("publish", CASES[0], "yellow", "retracted", UNITS[0]),
    ]
)
@example(
    steps=[
        *YELLOW, *CLOSED, ("publish", CASES[0], "yellow", "superseded", UNITS[0]), ("run", 3.0),
        ("publish", CASES[0], "yellow", "retracted", UNITS[0]), ("compact", True, 0),
    ]
)  # fmt: skip
@example(
    steps=[
        *YELLOW, ("hours", UNITS[1]), ("publish", CASES[0], "yellow", "active", UNITS[1]),
        ("publish", CASES[0], "yellow", "completed", UNITS[1]),
    ]
)  # fmt: skip
@example(steps=[FIRES, ("run", 3.0), ("end_inhibited", "f1")])
@example(
    steps=[FIRES, ("run", 3.0), ("end_inhibited", "f1"), *[("run", 150.0)] * 3, ("fire_again", "f1"), ("run", 150.0)]
)
@example(steps=[FIRES, ("run", 3.0), ("alertmanager_starts_again",), ("run", 30.0), ("run", 150.0)])
@example(steps=[FIRES, ("run", 3.0), ("alertmanager_starts_again",), ("end_inhibited", "f1"), ("restart",)])
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_notice_ends_once_and_nothing_is_active_that_is_not(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[Any, ...]]
) -> None:
    with TemporaryDirectory() as folder, monkeypatch.context() as patched:
        world = World(Path(folder))
        patched.setattr(process, "Alertmanager", lambda url: world)
        patched.setattr(WorkingTime, "of", lambda plan: world)
        patched.setattr(process, "real_now", world.now)
        patched.setattr(journal, "_write_all", world.write)
        patched.setattr(os, "fsync", lambda file: None)
        patched.setattr(courier, "ThreadPoolExecutor", AtOnce)
        logging.disable()
        system = System(world)
        try:
            for step in steps:
                took_place(system, step)
                system.run(1)
                system.by_notices()
                system.check_news()
            system.check_in_the_end()
        finally:
            logging.disable(logging.NOTSET)
            system.end()


def test_what_nobody_thought_of_ends_the_process_and_shows_no_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever started it starts it again; a thread that has died would leave a process that delivers nothing."""
    world, signals = World(tmp_path), list[int]()
    monkeypatch.setattr(process, "Alertmanager", lambda url: world)
    monkeypatch.setattr(signal, "raise_signal", signals.append)
    system = System(world)

    def fail() -> None:
        raise KeyError("SECRET")

    monkeypatch.setattr(system.notifier, "step", fail)
    system.notifier.run(threading.Event())
    system.end()
    assert signals == [signal.SIGTERM]
    assert "KeyError at " in caplog.text
    assert "SECRET" not in caplog.text
