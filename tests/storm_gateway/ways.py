"""A broker, gateways and a relay as processes, and whatever else a test starts.

Each is started again when it has ended, as an operator's supervisor would do it.
"""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, Protocol, Self

import httpx
from kafka import KafkaProducer

from services.catalog.load.plan_folder import load_plan
from services.domain.time.zone import Instant
from services.local.failures import PartUnavailable
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.records.gateway_keys import NewKey, StoredKey, hash_of
from services.runtime import readiness
from services.runtime.settings import Settings
from tests.integration.forks import Fork

AGAIN_SECONDS: Final = 0.5
"""Until what has ended is started again."""
_READY_SECONDS: Final = 300.0


class Running(Protocol):
    """A started process."""

    @property
    def pid(self) -> int: ...
    @property
    def exit_code(self) -> int | None: ...
    def stop(self) -> None: ...


class Process:
    """A process of the project."""

    def __init__(self, arguments: Sequence[str], settings: Settings, log: Path) -> None:
        """`arguments`: the module and what it is started with."""
        with log.open("ab") as output:
            self._fork = Fork(arguments, {**os.environ, **settings.environment()}, output.fileno())
        self.pid = self._fork.pid
        self._asking = threading.Lock()
        """Its keeper and who kills it ask how it ended."""

    @property
    def exit_code(self) -> int | None:
        with self._asking:
            return self._fork.poll()

    def stop(self) -> None:
        with self._asking:
            self._fork.stop()


class Part:
    """One of the processes, over all its starts, kept by a thread of its own."""

    def __init__(self, name: str, start: Callable[[], Running], ready: Callable[[Running], bool]) -> None:
        """`ready`: whether this start of it does its work."""
        self.name = name
        self.running: Running | None = None
        self.ends: list[int] = []
        """Exit codes, also of those that were killed."""
        self._killed = 0
        """The process that was killed last."""
        self._start = start
        self._ready = ready
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        while not self._over.is_set():
            try:
                running = self.running = self._start()
            except PartUnavailable:
                self._over.wait(AGAIN_SECONDS)
                continue
            while (code := running.exit_code) is None:
                if self._over.wait(0.05):
                    running.stop()
                    return
            self.running = None
            self.ends.append(code)
            if not code:
                return  # its work is done
            self._over.wait(AGAIN_SECONDS)

    @property
    def is_done(self) -> bool:
        """It has ended by itself, with 0."""
        return bool(self.ends) and not self.ends[-1]

    @property
    def is_ready(self) -> bool:
        running = self.running
        lives = running is not None and running.pid != self._killed and running.exit_code is None
        return self.is_done or (lives and running is not None and self._ready(running))

    def kill(self) -> bool:
        """kill -9; whether there was anything to kill."""
        running = self.running
        if running is None or running.exit_code is not None:
            return False
        self._killed = running.pid
        with suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGKILL)
        return True

    def wait_ready(self, seconds: float = _READY_SECONDS) -> float:
        """Seconds that it took. AssertionError where it does not get there."""
        began = time.monotonic()
        while not self.is_ready:
            assert time.monotonic() - began < seconds, f"{self.name} is not ready; it ended with {self.ends}"
            time.sleep(0.05)
        return time.monotonic() - began

    def end(self) -> None:
        self._over.set()
        self._thread.join(60)


class Ways:
    """The ways in, on a broker of their own."""

    def __init__(self, folder: Path, gateways: int = 1, partitions: int = 4, inboxes: Sequence[str] = ()) -> None:
        """`inboxes`: of these sources only, since each costs a topic; of all, if none is named."""
        self.folder = folder
        self.partitions = partitions
        broker_port, relay_port, *self.ports = free_ports(2 + gateways)
        cache = Settings.from_environment().cache
        self.settings = Settings(
            bootstrap=f"127.0.0.1:{broker_port}", partitions=partitions, replication=1, state=folder / "state",
            worker="relay-1", relay_port=relay_port, gateway_rate=1_000_000, dead_letter_ratio=1,
        )  # fmt: skip
        self.parts: dict[str, Part] = {}
        self._add("broker", lambda: Broker.start(folder / "kafka", broker_port, cache=cache), lambda broker: True)
        self.parts["broker"].wait_ready()
        topics.create(self.settings.bootstrap, partitions)
        self.plan = load_plan(self.settings.plan)
        self._relayed = plan_of_sources(self.settings.plan, folder / "plan", inboxes) if inboxes else self.settings.plan
        sources = load_plan(self._relayed).sources.values()
        topics.create_all(self.settings.bootstrap, [topics.inbox(source.inbox) for source in sources], copies=1)

    def _add(self, name: str, start: Callable[[], Running], ready: Callable[[Running], bool]) -> Part:
        part = self.parts[name] = Part(name, start, ready)
        return part

    @contextmanager
    def running(self) -> Iterator[Self]:
        """With gateways and relay, all of them ready. In the end all parts are ended."""
        try:
            self._start()
            yield self
        finally:
            for part in reversed(self.parts.values()):
                part.end()

    def _start(self) -> None:
        for number, port in enumerate(self.ports, 1):
            self._add(f"gateway-{number}", self._gateway(number, port), partial(answers, port))
        relay = self.settings.model_copy(update={"plan": self._relayed})
        self.process("relay", ["services.gateway.relay"], self._is_relaying, relay)
        for part in self.parts.values():
            part.wait_ready()

    def _gateway(self, number: int, port: int) -> Callable[[], Running]:
        settings = self.settings.model_copy(update={"gateway_port": port})
        log = self.folder / f"gateway-{number}.log"
        return lambda: Process(["services.gateway"], settings, log)

    def process(
        self,
        name: str,
        arguments: Sequence[str],
        ready: Callable[[Running], bool],
        settings: Settings | None = None,
    ) -> Part:
        """One more process that is kept running until it ends with 0."""
        log = self.folder / f"{name}.log"
        return self._add(name, lambda: Process(arguments, settings or self.settings, log), ready)

    def _is_relaying(self, running: Running) -> bool:
        said = readiness.read(self.settings.state, self.settings.worker)
        return said is not None and not said.obstacle and said.pid == running.pid

    def url(self, number: int = 0) -> str:
        return f"http://127.0.0.1:{self.ports[number]}"

    def keys(self, sources: Sequence[str]) -> dict[str, str]:
        """A new API key of each, written at once."""
        made = {source: NewKey.made() for source in sources}
        with closing(KafkaProducer(bootstrap_servers=self.settings.bootstrap)) as producer:
            for source, key in made.items():
                name, value = StoredKey(source, hash_of(key.whole), now()).record(key.id)
                producer.send(topics.GATEWAY_KEYS, value, name).get(60)
        return {source: key.whole for source, key in made.items()}

    def logs(self) -> str:
        """What gateways and relay have written."""
        return "".join(file.read_text(errors="replace") for file in self.folder.glob("*.log"))


def plan_of_sources(plan: Path, copy: Path, sources: Sequence[str]) -> Path:
    """A copy of a plan in which these sources only may publish."""
    shutil.copytree(plan, copy)
    file = copy / "sources.toml"
    head, *entries = file.read_text(encoding="utf-8").split("[[source]]\n")
    kept = [entry for entry in entries if entry.startswith(tuple(f'id = "{source}"' for source in sources))]
    assert len(kept) == len(sources)
    file.write_text("[[source]]\n".join([head, *kept]), encoding="utf-8")
    return copy


def now() -> Instant:
    """The real time."""
    return time.time_ns() // 1000


def answers(port: int, running: Running) -> bool:
    """Whether a process that answers over HTTP is ready there."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
