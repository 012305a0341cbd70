"""`kpiwatch up`: the whole system on this machine, each part really answering, until Ctrl-C; the data stays.

Starts in order: Kafka, its topics, the feed, the stream workers, exporter, notifier, Alertmanager, Prometheus. Ends in
the opposite order, by pid. Should it die itself, its parts go on; the next `up` or `up --forget` ends them first.
"""

import contextlib
import fcntl
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.catalog.load import load_plan
from services.clock import KEEP_SECONDS, Clock
from services.domain.plan import Plan
from services.domain.zone import instant_of
from services.local import alertmanager, jars, monitoring_tools, prometheus, supervisor
from services.local.child import Child, end_leftover
from services.local.failures import PartUnavailable
from services.local.kafka import Broker
from services.local.monitoring_tools import MonitoringTools
from services.local.standing import Standing, standing
from services.messaging import topics
from services.rules.write import write_rules
from services.settings import Settings, SettingsError

_STATUS_SECONDS = 2.0
_RESTARTS = 5


def up(settings: Settings, console: Console) -> int:
    """Runs until Ctrl-C or SIGTERM (0), or until a part cannot be had or has ended (3, with its reason)."""
    folder = settings.demo_folder.absolute()
    settings = settings.model_copy(
        update={
            "bootstrap": f"127.0.0.1:{settings.kafka_port}",
            "alertmanager_url": f"http://127.0.0.1:{settings.alertmanager_port}",
            "plan": settings.plan.absolute(),
            "state": folder / "state",
            "outbox": folder / "outbox.jsonl",
            "webhook_token_file": None,
            "clock": folder / "clock.json",
        }
    )
    try:
        with _alone(folder), _until_told() as told:
            with ExitStack() as running:
                system = _System(settings, folder, console, running, told)
                try:
                    code = system.run()
                finally:
                    if system.children:
                        console.print("Stopping what was started …")
            console.print("Stopped; the data is kept.")
            return code
    except PartUnavailable as refusal:
        console.print(str(refusal), style="red", markup=False, highlight=False, soft_wrap=True)
        return 3


def forget(settings: Settings, console: Console) -> int:
    """Removes what `up` keeps, ending first what it may have left behind. What was fetched stays."""
    folder = settings.demo_folder.absolute()
    try:
        with _alone(folder):
            _end_leftovers(folder)
            shutil.rmtree(folder)
    except PartUnavailable as refusal:
        console.print(str(refusal), style="red", markup=False, highlight=False, soft_wrap=True)
        return 3
    console.print(f"Forgotten: {folder}")
    return 0


class _Told(Exception):
    """SIGTERM or Ctrl-C came."""


class _System:
    """What `up` starts, and what it watches."""

    def __init__(
        self, settings: Settings, folder: Path, console: Console, running: ExitStack, told: Callable[[], bool]
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.console = console
        self.running = running
        self.told = told
        self.clock = Clock.from_settings(settings)
        self.plan: Plan = load_plan(settings.plan)
        self.children: list[tuple[supervisor.Part | None, Child]] = []
        self.restarts = 0
        self.kept: float | None = None
        """When the simulated clock was last written down; None before it runs."""

    def run(self) -> int:
        with contextlib.suppress(_Told):
            self._start()
            self._say_what_to_open()
            self._watch()
        return 0

    def _start(self) -> None:
        _end_leftovers(self.folder)
        taken = list(supervisor.taken_ports(self.settings))
        if taken:
            raise PartUnavailable("kpiwatch up", "ports are taken", "".join(f"\n- {one}" for one in taken))
        tools = self._fetch()
        with self._step("Apache Kafka", self.settings.bootstrap):
            broker = Broker.start(self.folder / "kafka", self.settings.kafka_port, cache=self.settings.cache)
            self.running.callback(broker.stop)
            self.broker = broker
        with self._step("topics", f"{self.settings.partitions} partitions for events"):
            topics.create(self.settings.bootstrap, self.settings.partitions)
            wrong = topics.check(self.settings.bootstrap, self.settings.partitions)
            if wrong:
                raise PartUnavailable("topics", "; ".join(wrong), "Or forget the data: make demo-reset")
        self._start_clock()
        for part in supervisor.parts(self.settings):
            with self._step(part.name, f"log: {_short(self.folder / 'logs' / f'{part.name}.log')}"):
                self._start_part(part)
        if tools:
            self._start_monitoring(tools)

    def _fetch(self) -> MonitoringTools | None:
        """Everything that this machine does not have yet; without the monitoring tools the rest goes on."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task("Looking at what is here", total=None)

            def show(what: str, done: int, of: int) -> None:
                self._look_up()
                bar.update(task, description=f"Fetching {what}", completed=done, total=of)

            jars.fetch(self.settings.cache, show)
            try:
                return monitoring_tools.find(self.settings.cache, show)
            except PartUnavailable as refusal:
                self.console.print(
                    f"Going on without them: {refusal}", style="yellow", markup=False, highlight=False, soft_wrap=True
                )
                return None

    def _start_clock(self) -> None:
        assert self.settings.clock
        self.clock.begin(instant_of(self.settings.demo_start), self.settings.demo_speed)
        self.running.callback(self.clock.pause)
        self.kept = time.monotonic()

    def _start_part(self, part: supervisor.Part) -> None:
        child = supervisor.start(part, self.settings, self.folder / "logs")
        self.children.append((part, child))
        self.running.callback(child.stop)
        supervisor.wait_until_ready(part, child, self.settings, self._look_up)

    def _start_monitoring(self, tools: MonitoringTools) -> None:
        settings, folder = self.settings, self.folder / "monitoring"
        write_rules(
            self.plan,
            self.clock.speed,
            folder,
            exporter=f"127.0.0.1:{settings.exporter_port}",
            alertmanager=f"127.0.0.1:{settings.alertmanager_port}",
            prometheus=f"127.0.0.1:{settings.prometheus_port}",
            notifier_url=f"http://127.0.0.1:{settings.notifier_port}",
            token_file=settings.webhook_token,  # the notifier, which is there by now, made it
        )
        routes, rules = folder / "alertmanager", folder / "prometheus"
        for name, start, config, port in (
            ("Alertmanager", alertmanager.start, routes / "alertmanager.yml", settings.alertmanager_port),
            ("Prometheus", prometheus.start, rules / "prometheus.yml", settings.prometheus_port),
            ("History", prometheus.start_history, rules / "history.yml", settings.history_port),
        ):
            with self._step(name, f"http://127.0.0.1:{port}"):
                part = start(folder / name.lower(), config, tools, port)
                self.children.append((None, part))
                self.running.callback(part.stop)

    def _look_up(self) -> None:
        """What is never put off for long: hearing that it is time to stop, and writing down the clock."""
        if self.told():
            raise _Told
        if self.kept and time.monotonic() - self.kept > KEEP_SECONDS / 2:
            self.clock.keep()
            self.kept = time.monotonic()

    @contextmanager
    def _step(self, name: str, what: str) -> Iterator[None]:
        """Shows what is being done while it is, and how long it took."""
        self._look_up()
        started = time.monotonic()
        with self.console.status(f"{name} …"):
            yield
        self.console.print(
            f"[green]✓[/] {name:<14} {what}  [dim]{time.monotonic() - started:.1f} s[/]", highlight=False
        )

    def _say_what_to_open(self) -> None:
        settings = self.settings
        address = f"KPIWATCH_BOOTSTRAP={settings.bootstrap} " if settings.bootstrap != Settings().bootstrap else ""
        rows = [
            (f"http://127.0.0.1:{settings.prometheus_port}", "Prometheus: rules and alerts"),
            (f"http://127.0.0.1:{settings.history_port}", "the same, for the days of `kpiwatch backfill`"),
            (f"http://127.0.0.1:{settings.alertmanager_port}", "Alertmanager: alerts grouped by unit"),
            (f"http://127.0.0.1:{settings.exporter_port}/metrics", "every figure as a metric"),
            (_short(settings.outbox), "the notices that units got"),
            (f"{address}.venv/bin/kpiwatch status", "where the district stands (in a second terminal)"),
        ]
        self.console.print("\nReady. Open:")
        for place, what in rows:
            self.console.print(f"  {place:<34} {what}", highlight=False, soft_wrap=True)
        self.console.print("Ctrl-C stops everything and keeps the data; `make demo-reset` forgets it.\n")

    def _watch(self) -> NoReturn:
        with self.console.status("") as line:
            while True:
                self._look_after()
                found = standing(f"http://127.0.0.1:{self.settings.exporter_port}/metrics")
                said = _sentence(found, self.plan.head.timezone)
                if self.console.is_terminal:
                    line.update(said)
                else:
                    self.console.print(said, highlight=False, soft_wrap=True)
                end = time.monotonic() + (_STATUS_SECONDS if self.console.is_terminal else 10)
                while time.monotonic() < end:
                    self._look_up()
                    time.sleep(0.1)

    def _look_after(self) -> None:
        """Starts a process of ours again that has ended, a few times; anything else that ends is the end."""
        if self.broker.exit_code is not None:
            raise PartUnavailable("Apache Kafka", f"it ended with code {self.broker.exit_code}", "Look at its log")
        for place, (part, child) in enumerate(self.children):
            if child.exit_code is None:
                continue
            self.restarts += 1
            if part is None or self.restarts > _RESTARTS:
                raise PartUnavailable(
                    child.name,
                    f"it ended with code {child.exit_code}; its last words:\n{child.last_words()}\n",
                    f"Look at {child.log}",
                )
            self.console.print(f"{child.name} ended with code {child.exit_code}; starting it again", style="yellow")
            again = supervisor.start(part, self.settings, self.folder / "logs")
            self.running.callback(again.stop)
            self.children[place] = (part, again)


def _sentence(found: Standing | None, zone: str) -> str:
    if found is None:
        return "The exporter does not answer."
    clock = datetime.fromtimestamp(found.clock_seconds, ZoneInfo(zone))
    cards = f"cards [yellow]{found.yellow} yellow[/] [red]{found.red} red[/]"
    return (
        f"{clock:%Y-%m-%d %H:%M}  {found.events:,} events  promises "
        f"[green]{found.met} met[/] [yellow]{found.at_risk} at risk[/] [red]{found.missed} missed[/] "
        f"{found.other} other  {cards}"
    )


@contextmanager
def _until_told() -> Iterator[Callable[[], bool]]:
    """True once SIGTERM or Ctrl-C came; until the end of the block neither interrupts anything."""
    signals: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        signals.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(signals)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One `up` at a time per folder; raises PartUnavailable for a second one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PartUnavailable(
                "kpiwatch up", f"it runs already with the data in {folder}", "Stop that one first (Ctrl-C there)"
            ) from None
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)  # events, stores and notices name cases
        yield


def _end_leftovers(folder: Path) -> None:
    """Ends what an `up` that died has left running: first what uses the broker, then the broker."""
    records = sorted(folder.rglob("*.pid"), key=lambda record: record.name == "broker.pid")
    for record in records:
        end_leftover(record)
        record.unlink(missing_ok=True)


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def main() -> int:
    """`python -m services.local.up [--forget]`."""
    console = Console()
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    return forget(settings, console) if "--forget" in sys.argv[1:] else up(settings, console)


if __name__ == "__main__":
    sys.exit(main())
