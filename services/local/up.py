"""`kpiwatch up`: starts the whole system on this machine and runs it until Ctrl-C. The data stays.

Starts in order: Kafka, its topics, gateway, feed, stream workers, exporter, ledger, notifier, casebook, desk,
Alertmanager, Prometheus. Ends in the opposite order, by pid. Should it die itself, its parts go on; the next `up` or
`up --forget` ends them first.
"""

import contextlib
import fcntl
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from services.alert_rules.write import Addresses, write_rules
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan
from services.domain.time.zone import instant_of
from services.gateway.key_admin import KeyAdmin, NotPossible
from services.gateway.key_file import add_missing_keys
from services.local import alertmanager, jars, monitoring_tools, prometheus, supervisor
from services.local.child_process import ChildProcess, end_leftover
from services.local.demo_accounts import write_demo_accounts
from services.local.exporter_summary import ExporterSummary, answers, ask_exporter
from services.local.failures import PartUnavailable
from services.local.kafka import Broker
from services.local.message_doubles.contacts import write_demo_contacts
from services.local.monitoring_tools import MonitoringTools
from services.messaging import topics
from services.metric_names.alert_pages import AlertPages
from services.runtime.clock import KEEP_SECONDS, Clock
from services.runtime.settings import Settings, SettingsError

_STATUS_SECONDS = 2.0
_DELAYS = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds until a part that has died is started again: longer with every death in a row."""
_WELL_SECONDS = 120.0
"""After so many seconds a part counts as well: its next death is counted as the first."""


def up(settings: Settings, console: Console, plan: Path | None = None) -> int:
    """Runs until Ctrl-C or SIGTERM (0), or until the broker cannot be had or has ended (3, with its reason). Another
    part that dies is started again, however often, and the rest goes on.

    `plan`: the folder of somebody's own plan. Then the clock is the real one, and events come from sources only."""
    folder = _folder(settings, plan)
    simulated = {
        "clock": folder / "clock.json",
        "gateway_url": f"http://127.0.0.1:{settings.gateway_port}",
        "feed_keys": folder / "state" / "feed-keys.json",
        "operations_keys": folder / "state" / "feed-keys.json",
        "contacts": folder / "contacts.toml",
        "secrets": folder / "secrets",
    }
    settings = settings.model_copy(
        update={
            "bootstrap": f"127.0.0.1:{settings.kafka_port}",
            "alertmanager_url": f"http://127.0.0.1:{settings.alertmanager_port}",
            "replication": 1,  # it has one broker
            "plan": (plan or settings.plan).absolute(),
            "state": folder / "state",
            "outbox": folder / "outbox.jsonl",
            "webhook_token_file": None,
            "casebook": str(folder / "casebook.sqlite"),
            "ledger": str(folder / "ledger.sqlite"),
            "texts": str(folder / "texts.sqlite"),
            "accounts": str(folder / "accounts.sqlite"),
            "desk_index": folder / "desk.sqlite",
            "desk_url": settings.desk_url or f"http://127.0.0.1:{settings.desk_port}",
            "ledger_key": folder / "ledger.key",
            "checkpoints": folder / "checkpoints.jsonl",
            **(simulated if plan is None else {"clock": None, "feed_keys": None}),
        }
    )
    try:
        with _alone(folder), _signals_noted() as interrupted:
            with ExitStack() as running:
                system = _System(settings, folder, console, running, interrupted)
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


def _folder(settings: Settings, plan: Path | None) -> Path:
    """Where everything is kept: in a folder for each plan, since data of one cannot be judged by another."""
    demo = settings.demo_folder.absolute()
    return demo if plan is None else demo.with_name(f"up-{load_plan(plan).head.id}")


def forget(settings: Settings, console: Console, plan: Path | None = None) -> int:
    """Remove the data of `up`. Processes that an earlier `up` left running are ended first. Fetched programs stay."""
    folder = _folder(settings, plan)
    try:
        with _alone(folder):
            _end_leftovers(folder)
            shutil.rmtree(folder)
    except PartUnavailable as refusal:
        console.print(str(refusal), style="red", markup=False, highlight=False, soft_wrap=True)
        return 3
    console.print(f"Forgotten: {folder}")
    return 0


@dataclass
class _SupervisedPart:
    """A part that is kept running."""

    child: ChildProcess
    start: Callable[[], ChildProcess]
    part: supervisor.Part | None = None
    """None: no process of the project."""
    deaths: int = 0
    """In a row."""
    again_at: float | None = None
    """When it will be started again (monotonic); None while it runs."""
    started: float = field(default_factory=time.monotonic)


class _Interrupted(Exception):
    """SIGTERM or Ctrl-C came."""


class _System:
    """The processes that `up` starts and watches."""

    def __init__(
        self, settings: Settings, folder: Path, console: Console, running: ExitStack, interrupted: Callable[[], bool]
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.console = console
        self.running = running
        self.interrupted = interrupted
        self.clock = Clock.from_settings(settings)
        self.plan: Plan = load_plan(settings.plan)
        self.demo_accounts = folder / "desk-accounts.txt"
        self.children: list[_SupervisedPart] = []
        self.kept: float | None = None
        """When the simulated clock was last written down; None before it runs."""

    def run(self) -> int:
        with contextlib.suppress(_Interrupted):
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
        if self.settings.feed_keys:
            with self._step("keys", "one for each source, for the feed"):
                self._make_keys(self.settings.feed_keys)
            write_demo_contacts(self.plan.units, self.settings)
        if self.settings.clock:
            self._start_clock()
            write_demo_accounts(self.plan, self.settings, self.demo_accounts)
        self._start_parts()
        if tools:
            self._start_monitoring(tools)

    def _make_keys(self, file: Path) -> None:
        admin = KeyAdmin(self.settings.bootstrap, Clock.real().now)
        try:
            add_missing_keys(admin, self.plan.sources, file)
        except NotPossible as refusal:
            raise PartUnavailable("keys", str(refusal), "Or forget the data: make demo-reset") from None

    def _fetch(self) -> MonitoringTools | None:
        """Fetch the programs that this machine does not have yet. Without the monitoring tools the rest goes on."""
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
        self.clock.begin(instant_of(self.settings.demo_start), self.settings.demo_speed)
        self.running.callback(self.clock.pause)
        self.kept = time.monotonic()

    def _start_parts(self) -> None:
        """All at once: each waits for what it needs. Then they are waited for, one after the other."""
        logs = self.folder / "logs"
        started = [
            (part, self._keep(partial(supervisor.start, part, self.settings, logs), part))
            for part in supervisor.parts(self.settings)
        ]
        for part, kept in started:
            with self._unless_unavailable(), self._step(part.name, f"log: {_short(logs / f'{part.name}.log')}"):
                supervisor.wait_until_ready(part, kept.child, self.settings, self._look_up)

    def _keep(self, start: Callable[[], ChildProcess], part: supervisor.Part | None = None) -> _SupervisedPart:
        """Start a process that is started again when it ends, and stopped with the rest."""
        kept = _SupervisedPart(start(), start, part)
        self.children.append(kept)
        self.running.callback(lambda: kept.child.stop())
        return kept

    @contextmanager
    def _unless_unavailable(self) -> Iterator[None]:
        """A part that is not available is reported, and the others go on."""
        try:
            yield
        except PartUnavailable as refusal:
            self._warn(f"Going on without it: {refusal}", "red")

    def _warn(self, text: str, style: str = "yellow") -> None:
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def _start_monitoring(self, tools: MonitoringTools) -> None:
        settings, folder = self.settings, self.folder / "monitoring"
        write_rules(
            self.plan,
            self.clock.speed,
            folder,
            Addresses(
                exporter=f"127.0.0.1:{settings.exporter_port}",
                alertmanager=f"127.0.0.1:{settings.alertmanager_port}",
                prometheus=f"127.0.0.1:{settings.prometheus_port}",
                notifier_url=f"http://127.0.0.1:{settings.notifier_port}",
                token_file=settings.webhook_token,  # the notifier, which is there by now, made it
                gateway=f"127.0.0.1:{settings.gateway_port}",
                casebook=f"127.0.0.1:{settings.casebook_port}",
                ledger=f"127.0.0.1:{settings.ledger_port}",
                notifier=f"127.0.0.1:{settings.notifier_port}",
                desk=f"127.0.0.1:{settings.desk_port}",
                pages=AlertPages.of(settings, self.plan),
            ),
        )
        routes, rules = folder / "alertmanager", folder / "prometheus"
        for name, start, config, port in (
            ("Alertmanager", alertmanager.start, routes / "alertmanager.yml", settings.alertmanager_port),
            ("Prometheus", prometheus.start, rules / "prometheus.yml", settings.prometheus_port),
            ("History", prometheus.start_history, rules / "history.yml", settings.history_port),
        ):
            with self._unless_unavailable(), self._step(name, f"http://127.0.0.1:{port}"):
                self._keep(partial(start, folder / name.lower(), config, tools, port))

    def _look_up(self) -> None:
        """What is never postponed for long: noticing that it is time to stop, and writing down the clock."""
        if self.interrupted():
            raise _Interrupted
        if self.kept and time.monotonic() - self.kept > KEEP_SECONDS / 2:
            self.clock.keep()
            self.kept = time.monotonic()

    @contextmanager
    def _step(self, name: str, what: str) -> Iterator[None]:
        """Show what is being done, and afterwards how long it took."""
        self._look_up()
        started = time.monotonic()
        with self.console.status(f"{name} …"):
            yield
        self.console.print(
            f"[green]✓[/] {name:<14} {escape(what)}  [dim]{time.monotonic() - started:.1f} s[/]",
            highlight=False,
            markup=True,
        )

    def _say_what_to_open(self) -> None:
        settings = self.settings
        address = f"KPIWATCH_BOOTSTRAP={settings.bootstrap} " if settings.bootstrap != Settings().bootstrap else ""
        signs_in = (
            f"accounts: {_short(self.demo_accounts)}" if settings.clock else "accounts: kpiwatch desk account add"
        )
        rows = [
            (settings.desk_url, f"the desk: promises, cards, cases; {signs_in}"),
            (_page_of_prometheus(settings.prometheus_port, "alerts"), "Prometheus: rules and alerts"),
            (_page_of_prometheus(settings.history_port, "graph"), "the same, for the days of `kpiwatch backfill`"),
            # Debian's Alertmanager has no page
            (f"http://127.0.0.1:{settings.alertmanager_port}/api/v2/alerts/groups", "alerts grouped by unit, as JSON"),
            (f"http://127.0.0.1:{settings.exporter_port}/metrics", "every figure as a metric"),
            (f"http://127.0.0.1:{settings.gateway_port}/events", "the gateway, through which every event comes"),
            (_short(settings.outbox), "the notices of units without a channel"),
            *([(f"http://127.0.0.1:{settings.doubles_port}", "what messengers show")] if settings.feed_keys else ()),
        ]
        commands = [
            (f"{address}.venv/bin/kpiwatch status", "the state of every promise"),
            (f"KPIWATCH_CASEBOOK={_short(Path(settings.casebook))} .venv/bin/kpiwatch cases list", "the cases"),
        ]
        for heading, listed in (("\nReady. Open:", rows), ("In a second terminal:", commands)):
            self.console.print(heading, highlight=False)
            width = max(len(place) for place, _ in listed)
            for place, what in listed:
                self.console.print(f"  {place:<{width}}  {what}", highlight=False, soft_wrap=True)
        forgets = "make demo-reset" if settings.clock else "the same command with --forget"
        self.console.print(f"Ctrl-C stops everything and keeps the data; {forgets} forgets it.\n")

    def _watch(self) -> NoReturn:
        with self.console.status("") as line:
            while True:
                self._look_after()
                found = ask_exporter(f"http://127.0.0.1:{self.settings.exporter_port}/metrics")
                said = _sentence(found, self.plan.head.timezone) + self._down()
                if self.console.is_terminal:
                    line.update(said)
                else:
                    self.console.print(said, highlight=False, soft_wrap=True)
                end = time.monotonic() + (_STATUS_SECONDS if self.console.is_terminal else 10)
                while time.monotonic() < end:
                    self._look_up()
                    time.sleep(0.1)

    def _look_after(self) -> None:
        """Start a process that has ended again, after a growing delay. Without a broker nothing can go on."""
        if self.broker.exit_code is not None:
            raise PartUnavailable("Apache Kafka", f"it ended with code {self.broker.exit_code}", "Look at its log")
        for kept in self.children:
            if kept.child.exit_code is not None:
                self._revive(kept)
            elif time.monotonic() - kept.started > _WELL_SECONDS:
                kept.deaths = 0

    def _revive(self, kept: _SupervisedPart) -> None:
        name, now = kept.child.name, time.monotonic()
        if kept.again_at is None:
            delay = _DELAYS[min(kept.deaths, len(_DELAYS) - 1)]
            kept.deaths += 1
            kept.again_at = now + delay
            when = f" in {delay:.0f} s" if delay else ""
            often = f" ({kept.deaths} times in a row)" if kept.deaths > 1 else ""
            self._warn(f"{name} ended with code {kept.child.exit_code}{often}; starting it again{when}")
            if dying := self._dying(kept):
                self._warn(f"{name}: {dying}. Look at {kept.child.log}", "red")
        if now >= kept.again_at:
            kept.started, kept.again_at = now, None
            with self._unless_unavailable():
                kept.child = kept.start()

    def _dying(self, kept: _SupervisedPart) -> str:
        return "" if kept.part is None else supervisor.dying(kept.part, self.settings)

    def _down(self) -> str:
        """The parts that do not run, or die again and again, for the status line on the screen."""
        down = [kept for kept in self.children if kept.again_at is not None or self._dying(kept)]
        return "".join(
            f"  [red]{escape(kept.child.name)} is down: {escape(self._dying(kept) or 'it is started again soon')}[/]"
            for kept in down
        )


def _sentence(found: ExporterSummary | None, zone: str) -> Text:
    if found is None:
        return Text("The exporter does not answer.")
    clock = datetime.fromtimestamp(found.clock_seconds, ZoneInfo(zone))
    cards = f"cards [yellow]{found.yellow} yellow[/] [red]{found.red} red[/]"
    return Text.from_markup(
        f"{clock:%Y-%m-%d %H:%M}  {found.events:,} events  promises "
        f"[green]{found.met} met[/] [yellow]{found.at_risk} at risk[/] [red]{found.missed} missed[/] "
        f"{found.other} other  {cards}"
    )


@contextmanager
def _signals_noted() -> Iterator[Callable[[], bool]]:
    """A function that is true once SIGTERM or Ctrl-C has come. Within the block neither interrupts anything."""
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
    """End the processes that an `up` which died has left running: first those that use the broker, then the broker."""
    records = sorted(folder.rglob("*.pid"), key=lambda record: record.name == "broker.pid")
    for record in records:
        end_leftover(record)
        record.unlink(missing_ok=True)


def _page_of_prometheus(port: int, page: str) -> str:
    """The address of a page that answers: Debian's Prometheus has the pages of older versions only; without any page
    the API."""
    address = f"http://127.0.0.1:{port}"
    paths = (page, f"classic/{page}")
    return next((f"{address}/{path}" for path in paths if answers(f"{address}/{path}")), f"{address}/api/v1/alerts")


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
