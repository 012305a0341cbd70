"""A storm over a whole system: start it, cause faults, wait until it is at rest, and compare it with a replay."""

import asyncio
import contextlib
import itertools
import os
import queue
import random
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from services.alert_rules.write import Addresses, write_rules
from services.domain.intake.refusal import Refused
from services.local import alertmanager, monitoring_tools, prometheus
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.codec import admission
from services.messaging.topics import CASE_EVENTS
from services.runtime.clock import KEEP_SECONDS, Clock
from services.runtime.settings import Settings
from services.simulator.simulation import Event
from tests.recorded_notices import recorded_notices
from tests.storm import comparison, faults, poison
from tests.storm.district import District
from tests.storm.faults import FAULTS, Field, Planned
from tests.storm.feed import arguments_of
from tests.storm.parts import End, Part, Process, Started, Supervisor
from tests.storm.work import Count, Work

PARTITIONS = 8
POISON_SHARE = 0.4
"""After so many of the faults a poisoned record follows."""
REST_SECONDS = 600
"""How long the system may take to come to rest."""
SETTLE_SECONDS = 600.0
"""How long after that the exporter and the notifier may take to show it: an end that the Alertmanager lost is reported
after some minutes (services/notifier/lost_ends.py)."""
ENOUGH_WORK = 0.5
"""Of the events that arrived during the storm, the share that must have been taken before it ended. A fault waits for
it, so that the speed of a machine decides nothing."""
PACE_SECONDS = 120.0
"""How long a fault waits for that. A system that does not work by then is not at work."""


@dataclass(frozen=True)
class Plan:
    """What is asked of a storm."""

    faults: int
    seed: int
    days: int
    folder: Path
    poison: bool = True
    cases_per_day: float = 40
    backlog_days: int = 20
    cases_workers: int = 4
    kpis_workers: int = 2


@dataclass
class Outcome:
    """What came of it."""

    plan: Plan
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    """Faults for which nobody was there."""
    poison: Counter[str] = field(default_factory=Counter)
    """Poisoned records that the broker has."""
    work: list[Count] = field(default_factory=list)
    """At the beginning and at each fault."""
    events: int = 0
    """In the topic at the end."""
    rejected: int = 0
    cards: tuple[int, int] = (0, 0)
    notices: tuple[int, int] = (0, 0)
    verdicts: int = 0
    rows: int = 0
    differences: dict[str, list[str]] = field(default_factory=dict)
    """What was compared → the differences."""
    ends: list[End] = field(default_factory=list)
    starts: Counter[str] = field(default_factory=Counter)

    @property
    def arrived(self) -> int:
        """Events that came in while the storm lasted."""
        return self.work[-1].arrived - self.work[0].arrived

    @property
    def taken(self) -> int:
        """Events that were worked while it lasted."""
        return self.work[-1].taken - self.work[0].taken

    @property
    def is_behind(self) -> bool:
        """Whether less has been taken so far than must be in the end."""
        return self.taken < ENOUGH_WORK * self.arrived

    @property
    def did_enough(self) -> bool:
        """Whether the storm has met a system at work."""
        return self.arrived > 0 and not self.is_behind

    @property
    def wrong(self) -> int:
        return sum(map(len, self.differences.values()))


def storm(plan: Plan, write_line: Callable[[str], None]) -> Outcome:
    """Runs it. Its progress goes to `write_line`, line by line."""
    began, used = time.monotonic(), _cpu()
    outcome = Outcome(plan)
    with _System(plan, write_line) as system:
        system.start()
        _strike(system, outcome)
        system.note("the storm is over: everything may come back")
        system.calm()
        _compare(system, outcome)
    outcome.ends, outcome.starts = system.supervisor.ends, system.supervisor.starts
    outcome.seconds, outcome.cpu_seconds = time.monotonic() - began, _cpu() - used
    return outcome


def _cpu() -> float:
    """CPU seconds of this process and of all that it has started and that have ended."""
    mine, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


class _StartedBroker:
    """A broker that answers."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    @property
    def pid(self) -> int:
        return self._broker.pid

    @property
    def exit_code(self) -> int | None:
        return self._broker.exit_code

    def log_tail(self, lines: int = 12) -> str:
        """The end of its log."""
        log = (self._broker.folder / "broker.log").read_text(errors="replace")
        return "\n".join(log.splitlines()[-lines:])


class _System:
    """The whole system, and the clock that it lives by."""

    def __init__(self, plan: Plan, write_line: Callable[[str], None]) -> None:
        self.plan = plan
        self.write_line = write_line
        self.folder = plan.folder.absolute()
        self.district = District(plan.seed, plan.days, plan.cases_per_day, plan.backlog_days)
        names = ("exporter_port", "notifier_port", "ledger_port", "alertmanager_port", "prometheus_port", "kafka_port")
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        cache = Settings.from_environment().cache.absolute()
        self.settings = Settings(
            bootstrap=f"127.0.0.1:{ports['kafka_port']}",
            alertmanager_url=f"http://127.0.0.1:{ports['alertmanager_port']}",
            partitions=PARTITIONS,
            session_timeout_seconds=faults.SESSION_SECONDS,
            state=self.folder / "state",
            outbox=self.folder / "notices" / "outbox.jsonl",
            ledger=str(self.folder / "ledger.sqlite"),
            texts=str(self.folder / "texts.sqlite"),
            ledger_key=self.folder / "ledger.key",
            checkpoints=self.folder / "checkpoints.jsonl",
            clock=self.folder / "clock.json",
            demo_folder=self.folder,
            cache=cache,
            **ports,
        )
        self.planned = list(itertools.islice(faults.planned(plan.seed), plan.faults))
        self.clock = Clock.from_settings(self.settings)
        self.supervisor = Supervisor(self.note)
        self.began = time.monotonic()
        self.guests: list[Part] = []
        self.work: Work | None = None
        self._over = threading.Event()
        self._held = threading.Event()
        """The plan's clock is to stand."""
        self._clockwork = threading.Thread(target=self._lead_clock, name="clock", daemon=True)

    def __enter__(self) -> "_System":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self.work is not None:
            self.work.stop()
        self.supervisor.stop(
            ("feed", "cases", "kpis", "notifier", "ledger", "exporter", "Prometheus", "Alertmanager", "broker")
        )

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.settings.environment(), "PYTHONUNBUFFERED": "1"}

    def note(self, line: str) -> None:
        self.write_line(f"{time.monotonic() - self.began:6.1f}  {line}")

    # ---- start ---------------------------------------------------------------------------------------
    def start(self) -> None:
        settings = self.settings
        self._write_configuration()
        self.clock.set(self.district.begin, 0)
        self.supervisor.add(Part("broker", "broker", self._start_broker))
        self.supervisor.begin()
        self._wait("the broker", lambda: self.supervisor.parts["broker"].alive, 240)
        topics.create(settings.bootstrap, settings.partitions)
        self._ours("feed", "feed", "tests.storm.feed", *arguments_of(self.district))
        for number in range(1, self.plan.cases_workers + 1):
            self._ours(f"cases-{number}", "cases", "streams.cases")
        for number in range(1, self.plan.kpis_workers + 1):
            self._ours(f"kpis-{number}", "kpis", "streams.kpis")
        self._ours("exporter", "exporter", "services.exporter", port=settings.exporter_port)
        self._ours("ledger", "ledger", "services.ledger", port=settings.ledger_port)
        self._ours("notifier", "notifier", "services.notifier", port=settings.notifier_port)
        self.guests.append(self._ours("cases-guest", "cases", "streams.cases", wanted=False))
        self._monitoring()
        self.work = Work(settings.bootstrap)

    def _ours(self, name: str, kind: str, module: str, *arguments: str, port: int = 0, wanted: bool = True) -> Part:
        environment = {**self.environment, "KPIWATCH_WORKER": name}
        log = self.folder / "logs" / f"{name}.log"
        log.parent.mkdir(exist_ok=True)

        def start() -> Started:
            return Process([module, *arguments], log, environment)

        health = f"http://127.0.0.1:{port}/-/healthy" if port else ""
        return self.supervisor.add(Part(name, kind, start, health, wanted))

    def _start_broker(self) -> Started:
        folder, port = self.folder / "kafka", self.settings.kafka_port
        return _StartedBroker(Broker.start(folder, port, cache=self.settings.cache, heap_megabytes=384))

    def _monitoring(self) -> None:
        settings, folder = self.settings, self.folder / "monitoring"
        tools = monitoring_tools.find(settings.cache)
        for name, start, config, port in (
            ("Alertmanager", alertmanager.start, folder / "alertmanager/alertmanager.yml", settings.alertmanager_port),
            ("Prometheus", prometheus.start, folder / "prometheus/prometheus.yml", settings.prometheus_port),
        ):
            data = folder / name.lower() / "data"

            def started(start: object = start, config: Path = config, port: int = port, data: Path = data) -> Started:
                return start(data, config, tools, port)  # type: ignore[operator,no-any-return]  # one of the two above

            self.supervisor.add(Part(name, name, started))

    def _write_configuration(self) -> None:
        settings = self.settings
        write_rules(
            self.district.plan,
            self.speed,
            self.folder / "monitoring",
            Addresses(
                exporter=f"127.0.0.1:{settings.exporter_port}",
                alertmanager=f"127.0.0.1:{settings.alertmanager_port}",
                prometheus=f"127.0.0.1:{settings.prometheus_port}",
                notifier_url=f"http://127.0.0.1:{settings.notifier_port}",
                token_file=settings.webhook_token,
            ),
        )

    def _wait(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > until:
                raise RuntimeError(f"{what}: not there within {seconds:.0f} s; see {self.folder / 'logs'}")
            time.sleep(0.1)

    # ---- the clock -----------------------------------------------------------------------------------
    @property
    def speed(self) -> float:
        """So that the days of the plan pass while the faults come."""
        return (self.district.end - self.district.begin) / 1e6 / (self.planned[-1].moment + faults.GAP_SECONDS[0])

    def begin(self) -> None:
        """The backlog is there: the clock starts."""
        self.began = time.monotonic()
        self.clock.set(self.district.begin, self.speed)
        self._clockwork.start()

    def _lead_clock(self) -> None:
        """Stops it at the end of the last day, and while a fault waits for work."""
        kept = time.monotonic()
        while not self._over.wait(0.1):
            if self._held.is_set() == bool(self.clock.speed):
                self.clock.set(self.clock.now(), 0 if self._held.is_set() else self.speed)
            if self.clock.now() >= self.district.end - int(0.3e6 * self.speed):
                break
            if time.monotonic() - kept > KEEP_SECONDS / 2:
                self.clock.keep()
                kept = time.monotonic()
        self.clock.set(self.district.end, 0)

    @contextlib.contextmanager
    def clock_held(self) -> Iterator[None]:
        """The days do not pass meanwhile."""
        self._held.set()
        try:
            yield
        finally:
            self._held.clear()

    # ---- the end -------------------------------------------------------------------------------------
    def calm(self) -> None:
        """Everything is alive, nothing is full, guests have left, the clock has stopped, all is sent."""
        self._clockwork.join(300)
        supervisor = self.supervisor
        supervisor.heal()
        with supervisor.lock:
            for part in supervisor.parts.values():
                part.wanted = part not in self.guests
            for guest in self.guests:
                if guest.alive:
                    supervisor.terminate(guest, "a cases worker leaves")
        self._wait("the rest of the events", lambda: supervisor.parts["feed"].done, REST_SECONDS)


# ---- the storm ---------------------------------------------------------------------------------------
def _strike(system: _System, outcome: Outcome) -> None:
    """All faults, each in its moment; between them poison now and then."""
    work = system.work
    assert work is not None
    system.note("the system is started; the backlog comes in")
    system._wait("first events in the rows", lambda: work.count().taken > 0, 300)
    system.begin()
    outcome.work.append(work.count())
    where = Field(system.supervisor, system.settings, system.guests)
    with _Poisoner(system) if system.plan.poison else contextlib.nullcontext() as poisoner:
        for planned in system.planned:
            _wait_for_work(system, work, outcome)
            time.sleep(max(0.0, planned.moment - (time.monotonic() - system.began)))
            _one_fault(system, where, planned, outcome)
            outcome.work.append(work.count())
            if poisoner is not None and planned.draw * 7 % 1 < POISON_SHARE:
                poisoner.send()
    if poisoner is not None:
        outcome.poison = poisoner.sent
    outcome.work.append(work.count())
    _wait_for_work(system, work, outcome)


def _wait_for_work(system: _System, work: Work, outcome: Outcome) -> None:
    """Until the system has caught up with half of what has arrived: a busy machine takes longer, and meets the same
    storm. The last count becomes the present one."""
    until = time.monotonic() + PACE_SECONDS
    with system.clock_held():
        while outcome.is_behind and time.monotonic() < until:
            time.sleep(0.1)
            outcome.work[-1] = work.count()


def _one_fault(system: _System, where: Field, planned: Planned, outcome: Outcome) -> None:
    hit = ""
    until = time.monotonic() + 2.5
    while not hit and time.monotonic() < until:  # whom it is meant for may be just coming back
        with system.supervisor.lock:
            hit = FAULTS[planned.kind](where, planned)
        if not hit:
            time.sleep(0.2)
    (outcome.faults if hit else outcome.missed)[planned.kind] += 1
    system.note(f"FAULT {planned.kind}: {hit or 'nobody is there'}")


class _Poisoner:
    """Sends poisoned records from a thread of its own: the broker may be away."""

    def __init__(self, system: _System) -> None:
        self.sent: Counter[str] = Counter()
        self._system = system
        self._corpus = self._records(system)
        self._wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="poison", daemon=True)

    @staticmethod
    def _records(system: _System) -> Iterator[poison.Poison]:
        admit = admission(system.district.plan, trust_receivedat=True).admit
        good: list[Event] = []
        for event in itertools.islice(system.district.simulation().events(), 2_000):
            with contextlib.suppress(Refused):
                if b'"case.' in event.line and admit(event.line, key=event.key.encode()):
                    good.append(event)
        return poison.corpus(random.Random(f"{system.plan.seed}/poison"), good, system.settings.partitions)

    def __enter__(self) -> "_Poisoner":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wanted.put(False)
        self._thread.join(150)

    def send(self) -> None:
        self._wanted.put(True)

    def _run(self) -> None:
        asyncio.run(self._send_all())

    async def _send_all(self) -> None:
        """With aiokafka: the other client sends no header whose value is null."""
        settings = self._system.settings
        producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap, acks="all", max_request_size=4 << 20)
        await producer.start()
        while await asyncio.to_thread(self._wanted.get):
            record = next(self._corpus)
            self._system.note(f"POISON {record.name}")
            with contextlib.suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(poison.send(producer, CASE_EVENTS, record, settings.partitions), 60)
                self.sent[record.name] += 1
        with contextlib.suppress(KafkaError, TimeoutError):
            await asyncio.wait_for(producer.stop(), 10)


# ---- the comparison ----------------------------------------------------------------------------------
def _compare(system: _System, outcome: Outcome) -> None:
    """`kpiwatch values` of the system beside `kpiwatch replay` of its archive, then all that is made of it."""
    folder, environment, district = system.folder, system.environment, system.district
    actual, expected = folder / "values-actual.csv", folder / "values-expected.csv"
    actual_cards, expected_cards = folder / "cards-actual.csv", folder / "cards-expected.csv"
    archive, rejected = folder / "archive.jsonl", folder / "rejected.csv"
    as_of = ("--as-of", district.as_of)
    differences = outcome.differences
    system.note("waiting for the system to come to rest")
    failed = comparison.kpiwatch(
        environment, "values", *as_of, "--out", actual, "--cards", actual_cards, "--wait", str(REST_SECONDS)
    )
    if failed:
        differences["at rest"] = [failed]
        return
    system.note("at rest; replaying the archive of its events")
    for arguments, good in (
        (("archive", "--out", archive), (0,)),
        (("replay", archive, *as_of, "--out", expected, "--cards", expected_cards, "--rejected", rejected), (0, 1)),
    ):
        if failed := comparison.kpiwatch(environment, *arguments, good=good):
            differences["commands"] = [failed]
            return
    outcome.events = archive.read_bytes().count(b"\n")
    outcome.rejected = max(0, rejected.read_bytes().count(b"\n") - 1) if rejected.exists() else 0
    outcome.rows = len(expected.read_text().splitlines()) - 1
    outcome.cards = comparison.card_count(expected_cards)
    differences["values"] = comparison.of_lines("values", actual, expected)
    differences["cards"] = comparison.of_lines("cards", actual_cards, expected_cards)
    settings = system.settings
    now = district.end - 1
    verdicts = comparison.final_verdicts(archive, district.judge, now)
    outcome.verdicts = len(verdicts)
    exporter = f"http://127.0.0.1:{settings.exporter_port}/metrics"
    until = time.monotonic() + SETTLE_SECONDS
    for what, compare in (
        ("exporter", lambda: comparison.of_exporter(exporter, expected, expected_cards, verdicts.values())),
        ("verdicts", lambda: comparison.of_verdicts(settings.bootstrap, verdicts)),
        ("notices of cards", lambda: comparison.of_cards(recorded_notices(settings.bootstrap), expected_cards)),
        (
            "notices of alerts",
            lambda: comparison.of_alerts(recorded_notices(settings.bootstrap), settings.alertmanager_url),
        ),
    ):
        differences[what] = _settled(compare, until)
        system.note(f"compared: {what}, {len(differences[what])} differences")
    notices = comparison.Notices.of(recorded_notices(settings.bootstrap))
    outcome.notices = (notices.raised, notices.ended)


def _settled(compare: Callable[[], list[str]], until: float) -> list[str]:
    """The differences that stay."""
    while (found := compare()) and time.monotonic() < until:
        time.sleep(2)
    return found
