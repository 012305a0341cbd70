"""The processes of a storm, and the supervisor that starts again what has ended, as an operator's would.

Why each ended is noted: by which fault of the storm, or by itself.
"""

import contextlib
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import httpx
import psutil

from services.local.failures import PartUnavailable
from tests.integration.forks import Fork

RESTART_SECONDS = 0.3
"""Until what has ended is started again."""
CRASH_LOOP_SECONDS = 2.0
"""The same for what ended soon after its start."""
SOON_SECONDS = 5.0
ENDS_WITHIN_SECONDS = 10.0
"""A process of the project has ended so long after SIGTERM."""
UNHEALTHY_SECONDS = 15.0
"""A process that reports for so long that it is not healthy is killed, as by a health check."""
AFTERMATH_SECONDS = 20.0
"""A fault explains an end for so long after it is over."""


class Started(Protocol):
    """A started process."""

    @property
    def pid(self) -> int: ...
    @property
    def exit_code(self) -> int | None: ...
    def log_tail(self, lines: int = 12) -> str: ...


class Process:
    """A process of the project. Its output goes through us into its log, so that a full disk of its own, made by a
    limit on the size of its files, does not lose its messages about that."""

    def __init__(self, arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        """`arguments`: the module and what it is started with."""
        self._log = log
        read, written = os.pipe()
        self._output = os.fdopen(read, "rb")
        try:
            self._process = Fork(arguments, environment, written)
        finally:
            os.close(written)
        self._begins = log.stat().st_size if log.exists() else 0
        self._writer = threading.Thread(target=self._write_down, daemon=True)
        self._writer.start()

    def _write_down(self) -> None:
        with self._log.open("ab", buffering=0) as log, self._output:
            for line in self._output:
                log.write(line)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        code = self._process.poll()
        if code is not None:
            self._writer.join(timeout=2)
        return code

    def log_tail(self, lines: int = 12) -> str:
        """The end of the output of this process."""
        with self._log.open("rb") as log:
            log.seek(self._begins)
            written = log.read().decode(errors="replace").splitlines()
        return "\n".join(written[-lines:])


@dataclass
class Part:
    """One process of the system, over all its starts."""

    name: str
    kind: str
    """`cases`, `kpis`, `exporter`, `notifier`, `feed`, `broker`, `Prometheus`, `Alertmanager`."""
    start: Callable[[], Started]
    """May take its time; PartUnavailable if it cannot be started."""
    health: str = ""
    """Address that answers with success while it is healthy; empty: it has none."""
    wanted: bool = True
    running: Started | None = None
    done: bool = False
    """It has ended with 0 and is not started again."""
    not_before: float = 0.0
    file_limit: int | None = None
    """Its disk is full: no file of its may become larger than this."""
    frozen: bool = False
    ending: bool = False
    """It has got SIGTERM."""
    started_at: float = 0.0
    _starting: threading.Thread | None = None
    _causes: list[tuple[str, float]] = field(default_factory=list)
    """Fault → until when it explains an end."""
    _unhealthy_since: float | None = None
    _asked_health: float = 0.0

    @property
    def alive(self) -> bool:
        return self.running is not None and self.running.exit_code is None

    def explain(self, fault: str, seconds: float = AFTERMATH_SECONDS) -> None:
        """An end from now on, for so long, comes from this fault."""
        self._causes.append((fault, time.monotonic() + seconds))

    def cause(self) -> str:
        """The fault that explains an end now; empty: none."""
        now = time.monotonic()
        live = [fault for fault, until in self._causes if until >= now]
        return live[-1] if live else ""


class End(NamedTuple):
    """How a process ended, or why it was ended."""

    kind: str
    how: str
    """Exit code or signal, and the last line of its output."""
    cause: str
    """The fault that explains it; empty: it ended by itself."""
    around: str
    """What went on elsewhere."""
    words: str


class Supervisor:
    """Keeps the wanted parts running, from a thread of its own."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.parts: dict[str, Part] = {}
        self.lock = threading.RLock()
        self.ends: list[End] = []
        self.starts: Counter[str] = Counter()
        self.broker_back_at = 0.0
        self._note = note
        self._later: list[tuple[float, Callable[[], None], bool]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def add(self, part: Part) -> Part:
        with self.lock:
            self.parts[part.name] = part
        return part

    def begin(self) -> None:
        self._thread.start()

    def of(self, kind: str, *, alive: bool = True) -> list[Part]:
        """The parts of a kind. `alive`: only those that run, are not frozen and were not asked to end."""
        found = [part for part in self.parts.values() if part.kind == kind]
        return [part for part in found if part.alive and not part.frozen and not part.ending] if alive else found

    def later(self, seconds: float, what: Callable[[], None], *, heals: bool = True) -> None:
        """Do something in so many seconds. `heals`: it ends a fault."""
        with self.lock:
            self._later.append((time.monotonic() + seconds, what, heals))

    def heal(self) -> None:
        """The storm is over: whatever ends a fault is done at once."""
        with self.lock:
            healing = sorted((one for one in self._later if one[2]), key=lambda one: one[0])
            self._later = [one for one in self._later if not one[2]]
            for _, what, _ in healing:
                what()

    # ---- what is done to parts -----------------------------------------------------------------------
    def signal(self, part: Part, number: signal.Signals) -> None:
        if part.running is not None and part.running.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(part.running.pid, number)

    def kill(self, part: Part, fault: str) -> None:
        part.explain(fault)
        self.signal(part, signal.SIGKILL)

    def terminate(self, part: Part, fault: str, patience: float = ENDS_WITHIN_SECONDS) -> None:
        """SIGTERM; one that has not ended after a while is noted and killed."""
        if part.frozen or not part.alive:
            return
        part.explain(fault, patience + AFTERMATH_SECONDS)
        part.ending = True
        self.signal(part, signal.SIGTERM)
        pid = part.running.pid if part.running is not None else None

        def look() -> None:
            if part.alive and part.running is not None and part.running.pid == pid:
                how = f"has not ended {patience:.0f} s after SIGTERM"
                self._ended(part, End(part.kind, how, "", self._around(part), part.running.log_tail()))
                self.signal(part, signal.SIGCONT)
                self.signal(part, signal.SIGKILL)

        self.later(patience, look, heals=False)

    def freeze(self, part: Part, fault: str, seconds: float) -> None:
        part.explain(fault, seconds + AFTERMATH_SECONDS)
        part.frozen = True
        self.signal(part, signal.SIGSTOP)

        def thaw() -> None:
            part.frozen = False
            self.signal(part, signal.SIGCONT)

        self.later(seconds, thaw)

    def limit_files(self, part: Part, fault: str, size: int, seconds: float) -> None:
        """No file of the part may grow beyond so many bytes: writes fail with EFBIG, as on a full disk with ENOSPC."""
        part.explain(fault, seconds + AFTERMATH_SECONDS)
        part.file_limit = size
        _limit(part)

        def lift() -> None:
            part.file_limit = None
            _limit(part)

        self.later(seconds, lift)

    # ---- the thread ----------------------------------------------------------------------------------
    def _run(self) -> None:
        while not self._over.wait(0.1):
            with self.lock:
                now = time.monotonic()
                due = [what for at, what, _ in self._later if at <= now]
                self._later = [one for one in self._later if one[0] > now]
                for what in due:
                    what()
                for part in self.parts.values():
                    self._look_after(part, now)

    def _look_after(self, part: Part, now: float) -> None:
        running = part.running
        if running is not None:
            if running.exit_code is None:
                self._ask_health(part, now)
                return
            self._note_end(part, running)
            part.running = None
            part.frozen = part.ending = False
            soon = now - part.started_at < SOON_SECONDS
            part.not_before = max(part.not_before, now + (CRASH_LOOP_SECONDS if soon else RESTART_SECONDS))
        starting = part._starting is not None and part._starting.is_alive()
        if part.wanted and not part.done and not starting and now >= part.not_before:
            part._starting = threading.Thread(target=self._start, args=(part,), daemon=True)
            part._starting.start()

    def _start(self, part: Part) -> None:
        part.started_at = time.monotonic()
        try:
            started = part.start()
        except (PartUnavailable, OSError) as error:
            with self.lock:
                part.not_before = time.monotonic() + CRASH_LOOP_SECONDS
                how = f"cannot be started: {_shape(str(error))}"
                self._ended(part, End(part.kind, how, part.cause(), self._around(part), str(error)))
            return
        with self.lock:
            part.running = started
            part.started_at = time.monotonic()
            part._unhealthy_since = None
            self.starts[part.kind] += 1
            _limit(part)
            if part.kind == "broker":
                self.broker_back_at = time.monotonic()
            if not part.wanted:
                self.kill(part, "not wanted any more")

    def _note_end(self, part: Part, running: Started) -> None:
        code = running.exit_code
        assert code is not None
        if part.kind == "feed" and code == 0:
            part.done = True
            return
        words = running.log_tail(400)
        how = f"code {code}" if code >= 0 else signal.Signals(-code).name
        if code > 0:
            how += f": {_last_line(words)}"
        self._ended(part, End(part.kind, how, part.cause(), self._around(part), words))

    def _ended(self, part: Part, end: End) -> None:
        self.ends.append(end)
        self._note(f"{part.name}: {end.how} [{end.cause or 'by itself'}; {end.around or 'nothing else'}]")

    def _around(self, part: Part) -> str:
        broker = next(iter(self.of("broker", alive=False)), None)
        away = broker is not None and part is not broker and not (broker.alive and not broker.frozen)
        if away or time.monotonic() - self.broker_back_at < AFTERMATH_SECONDS:
            return "broker away"
        return ""

    def _ask_health(self, part: Part, now: float) -> None:
        """A process whose work has ended while it lives on is found by its health check only."""
        if not part.health or part.frozen or now - part._asked_health < 3:
            return
        part._asked_health = now
        try:
            healthy = httpx.get(part.health, timeout=0.5, trust_env=False).is_success
        except httpx.HTTPError:
            return  # it is only just starting, or busy
        if healthy:
            part._unhealthy_since = None
            return
        part._unhealthy_since = part._unhealthy_since or now
        if now - part._unhealthy_since > UNHEALTHY_SECONDS:
            assert part.running is not None
            words = part.running.log_tail(400)
            how = f"lives on, not healthy: {_last_line(words)}"
            self._ended(part, End(part.kind, how, part.cause(), self._around(part), words))
            self.kill(part, "health check")

    # ---- the end -------------------------------------------------------------------------------------
    def stop(self, order: Sequence[str]) -> None:
        """End everything, kind by kind, by SIGTERM; what does not end in time is noted and killed."""
        self._stop_restarting()
        for kind in order:
            self._stop_kind(kind)

    def _stop_restarting(self) -> None:
        with self.lock:
            for part in self.parts.values():
                part.wanted = False
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        for part in self.parts.values():
            if part._starting is not None:
                part._starting.join(240)
            self.signal(part, signal.SIGCONT)

    def _stop_kind(self, kind: str) -> None:
        parts = [part for part in self.of(kind, alive=False) if part.alive]
        for part in parts:
            self.signal(part, signal.SIGTERM)
        until = time.monotonic() + (30 if kind == "broker" else ENDS_WITHIN_SECONDS)
        while any(part.alive for part in parts) and time.monotonic() < until:
            time.sleep(0.05)
        for part in parts:
            self._note_last_end(part)

    def _note_last_end(self, part: Part) -> None:
        running = part.running
        assert running is not None
        if running.exit_code is None:
            how = f"has not ended {ENDS_WITHIN_SECONDS:.0f} s after SIGTERM"
            self._ended(part, End(part.kind, how, "", self._around(part), running.log_tail(400)))
            self.signal(part, signal.SIGKILL)
            while running.exit_code is None:
                time.sleep(0.05)
        elif running.exit_code > 0 and part.kind not in ("broker", "Prometheus", "Alertmanager"):
            words = running.log_tail(400)
            how = f"after SIGTERM code {running.exit_code}: {_last_line(words)}"
            self._ended(part, End(part.kind, how, "", self._around(part), words))


def _limit(part: Part) -> None:
    """The limit on the size of files as the part has it now. Only the soft one: it can be lifted without root."""
    if part.running is None or part.running.exit_code is not None:
        return
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        process = psutil.Process(part.running.pid)
        _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
        soft = hard if part.file_limit is None else part.file_limit
        process.rlimit(psutil.RLIMIT_FSIZE, (soft, hard))


_VARIES = re.compile(r"0x[0-9a-f]+|\d+(\.\d+)?|/[\w./-]*/")


def _shape(text: str) -> str:
    """A line without what differs each time, so that equal ends are counted as equal."""
    lines = text.strip().splitlines()
    return _VARIES.sub("#", lines[0] if lines else "")[:150]


def _last_line(words: str) -> str:
    """The line with the reason: of a crash of Faust, the last error of a traceback, else the last line."""
    lines = [line for line in words.splitlines() if line.strip()]
    crashed = [line.partition("Crashed reason=")[2] for line in lines if "Crashed reason=" in line]
    if crashed:
        return _shape(crashed[0])  # what comes behind it is what a closing loop complains of
    errors = [line for line in lines if re.match(r"^(\w+\.)*\w*(Error|Exception|Ends|Away|Superseded)\b", line)]
    return _shape((errors or lines or [""])[-1])
