"""The engines of `make bench`: programs that read a topic and write rows, started, watched from outside and measured.

A program reads these variables: `BOOTSTRAP`, `INPUT` (a topic, from its beginning), `OUTPUT` (the topic of its rows,
which exists), `GROUP` (its consumer group; part of the name of every topic that it makes), `STATE_DIR` (its own folder,
kept over a crash), `CALENDAR`. It prints READY at its first record, commits about once a second, and goes on until
SIGTERM. It is done when the last row of every key is the right one and all input is committed.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psutil
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from services.local.kafka import Broker
from services.messaging.reader import TopicReader
from services.messaging.tally_log import TallyLog
from tests.bench import environments
from tests.bench.in_process import Packed, packed
from tests.bench.job import PARTITIONS, ROOT, Rows, tallies_topic
from tests.bench.process_tree import cpu_seconds, resident_bytes
from tests.bench.stream import Stream, make_topics

OURS = "kpiwatch"

Run = dict[str, Any]
"""Figures of one run, by name."""

_IDLE_SECONDS = 15.0
"""So long without another row and with another answer: it is wrong. After a crash longer: a dead member goes first."""
_IDLE_AFTER_CRASH_SECONDS = 25.0
_SAMPLE_SECONDS = 0.25


class Program(NamedTuple):
    """How an engine is started."""

    command: Sequence[str]
    environment: Mapping[str, str] = {}


def programs(names: Sequence[str]) -> tuple[dict[str, Program], dict[str, str]]:
    """Those of the engines that can run on this machine, and of the others the reason. Raises NotPossible for a name
    that there is not."""
    if unknown := set(names) - set(_MADE):
        raise environments.NotPossible(f"there is no engine {', '.join(sorted(unknown))}; there are {', '.join(_MADE)}")
    found, skipped = {}, {}
    for name in names:
        try:
            found[name] = _MADE[name]()
        except environments.NotPossible as reason:
            skipped[name] = str(reason)
    return found, skipped


def _java(name: str, **environment: str) -> Callable[[], Program]:
    return lambda: Program([*environments.java(), f"caseclock.{name}"], environment)


_MADE: Mapping[str, Callable[[], Program]] = {
    "floor-python": lambda: Program([environments.python(), "-m", "tests.bench.peers.floor"]),
    "floor-java": _java("Floor"),
    "kstreams-1": _java("Streams", THREADS="1"),
    "kstreams-2": _java("Streams", THREADS="2"),
    "kstreams-1-partials": _java("StreamsPartials", THREADS="1"),
    OURS: lambda: Program([sys.executable, "-m", "tests.bench.worker"]),
}


class Place(NamedTuple):
    """Where a run takes place."""

    broker: Broker
    stream: Stream
    folder: Path
    timeout: float
    """Seconds for one run."""


# ---- the answer ------------------------------------------------------------------------------------------
class Answer(Protocol):
    """What an engine has answered so far, beside the right one."""

    changed: float
    """When something last changed, in monotonic seconds."""

    def poll(self) -> None: ...
    def exact(self) -> bool: ...
    def close(self) -> None: ...


class RowsAnswer:
    """Rows of the job, read from the output topic."""

    def __init__(self, bootstrap: str, topic: str, right: Rows) -> None:
        self._reader = TopicReader(bootstrap, [topic])
        self._right = right
        self._rows: Rows = {}
        self.changed = time.monotonic()

    def poll(self) -> None:
        for record in self._reader.poll(0.1):
            name, row = (record.key or b"").decode(), json.loads(record.value or b"{}")
            if self._rows.get(name) != row:
                self._rows[name] = row
                self.changed = time.monotonic()

    def exact(self) -> bool:
        return self._rows == self._right

    def completed(self) -> float:
        """The share of the completed cases that is counted."""
        return _completed(self._rows) / _completed(self._right)

    def errors(self) -> Run:
        """How many completed cases the answer lacks or has too many, over all rows."""
        nothing = {"completed": 0}
        gaps = [self._rows.get(name, nothing)["completed"] - row["completed"] for name, row in self._right.items()]
        return {"missing": -sum(gap for gap in gaps if gap < 0), "extra": sum(gap for gap in gaps if gap > 0)}

    def close(self) -> None:
        self._reader.close()


class TalliesAnswer:
    """Tallies of a worker, read as the exporter reads them."""

    def __init__(self, bootstrap: str, topic: str, right: Packed) -> None:
        self._reader = TopicReader(bootstrap, [topic])
        self._log = TallyLog()
        self._right = right
        self.changed = time.monotonic()

    def poll(self) -> None:
        for record in self._reader.poll(0.2):
            self._log.append(record.key, record.value)
        if self._log.changed:
            self._log.changed.clear()
            self.changed = time.monotonic()

    def exact(self) -> bool:
        return packed(self._log.tallies()) == self._right

    def close(self) -> None:
        self._reader.close()


def _completed(rows: Rows) -> int:
    return sum(row["completed"] for row in rows.values())


# ---- one start of a program --------------------------------------------------------------------------------
class Engine:
    """A program that runs."""

    def __init__(self, program: Program, place: Place, group: str, output: str) -> None:
        self.ready_at: float | None = None
        self.ready_cpu = 0.0
        self.ready_broker = 0.0
        self.peak = 0
        self._broker = psutil.Process(place.broker.pid)
        state = place.folder / f"state-{group}"
        state.mkdir(exist_ok=True)
        given = {
            "BOOTSTRAP": place.broker.bootstrap,
            "INPUT": place.stream.topic,
            "OUTPUT": output,
            "GROUP": group,
            "STATE_DIR": str(state),
            "CALENDAR": str(place.stream.folder / "calendar.csv"),
            "PYTHONPATH": str(ROOT),
        }
        self._log = (place.folder / f"{group}.log").open("ab")
        self.started = time.monotonic()
        self.process = psutil.Popen(
            program.command,
            cwd=ROOT,
            env=os.environ | given | dict(program.environment),
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            # Faust writes what is printed as a log line: only its end is the word
            if line.strip().endswith(b"READY") and self.ready_at is None:
                self.ready_cpu, self.ready_broker = self.sample(), self.broker_cpu()
                self.ready_at = time.monotonic()
            else:
                self._log.write(line)

    def sample(self) -> float:
        """CPU seconds so far; notes the memory."""
        self.peak = max(self.peak, resident_bytes(self.process))
        return cpu_seconds(self.process)

    def broker_cpu(self) -> float:
        return cpu_seconds(self._broker)

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End it and all that it started."""
        if self.process.poll() is None:
            if by is signal.SIGTERM:
                self.process.terminate()
            else:
                os.killpg(self.process.pid, by)
            try:
                self.process.wait(30)
            except psutil.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(10)
        self._reader.join(5)
        self._log.close()


class Group:
    """The consumer group of an engine, seen from outside."""

    def __init__(self, place: Place, name: str) -> None:
        self._name = name
        self._count = place.stream.number
        self._partitions = [TopicPartition(place.stream.topic, number) for number in range(PARTITIONS)]
        self._admin = KafkaAdminClient(bootstrap_servers=place.broker.bootstrap)

    def lag(self) -> int:
        """Input records that are not committed."""
        try:
            found = self._admin.list_group_offsets({self._name: self._partitions})[self._name]
        except KafkaError:
            return self._count
        committed: int = sum(max(0, each.offset) for each in found.values())
        return self._count - committed

    def members(self) -> int:
        found: list[Any] = self._admin.describe_groups([self._name])[self._name]["members"]
        return len(found)

    def clean(self) -> None:
        """Remove the topics that bear its name."""
        for _ in range(2):  # an engine that ends may make one again
            if ours := [name for name in self._admin.list_topics() if self._name in name]:
                self._admin.delete_topics(ours, raise_errors=False)
            time.sleep(0.5)
        self._admin.close()


# ---- measuring --------------------------------------------------------------------------------------------
class Watched:
    """One engine at work: its group, its answer, its figures."""

    def __init__(self, program: Program, place: Place, group: str, answer: Callable[[str], Answer]) -> None:
        """`answer` makes the reader of what the engine answers, given its output topic."""
        self._program = program
        self.place = place
        self.name = group
        self._output = f"{group}.kpi.values"
        compacted = {"num_partitions": PARTITIONS, "configs": {"cleanup.policy": "compact"}}
        make_topics(place.broker.bootstrap, {self._output: compacted, tallies_topic(group): _ONE_COMPACTED})
        self.group = Group(place, group)
        self.answer = answer(self._output)
        self.engine = self.start()

    def start(self) -> Engine:
        self.engine = Engine(self._program, self.place, self.name, self._output)
        return self.engine

    def wait(self, idle_seconds: float = _IDLE_SECONDS, until: Callable[[], bool] = lambda: False) -> str:
        """Until it is done, or `until` holds (`stopped`), or it is idle with another answer (`wrong`), or dead."""
        deadline, sample_at, engine = time.monotonic() + self.place.timeout, 0.0, self.engine
        while True:
            self.answer.poll()
            now = time.monotonic()
            if now > sample_at:
                engine.sample()
                sample_at = now + _SAMPLE_SECONDS
            if until():
                return "stopped"
            if engine.process.poll() is not None:
                return f"exited {engine.process.returncode}"
            if now > deadline:
                return "timeout"
            idle = engine.ready_at is not None and min(now - self.answer.changed, now - engine.ready_at)
            if idle is not False and (note := self._finished(idle, idle_seconds)):
                return note

    def _finished(self, idle: float, idle_seconds: float) -> str:
        if self.answer.exact():
            return "exact" if self.group.lag() == 0 else ""
        return "wrong" if idle > idle_seconds else ""

    def end(self) -> None:
        self.engine.end()
        self.answer.close()
        self.group.clean()
        shutil.rmtree(self.place.folder / f"state-{self.name}", ignore_errors=True)


_ONE_COMPACTED = {"num_partitions": 1, "configs": {"cleanup.policy": "compact"}}


def measure(name: str, watched: Watched) -> Run:
    """One uninterrupted run, from READY to the right answer."""
    try:
        note = watched.wait()
        engine = watched.engine
        done, cpu, broker = time.monotonic(), engine.sample(), engine.broker_cpu()
    finally:
        watched.end()
    count = watched.place.stream.number
    run: Run = {"engine": name, "events": count, "note": note}
    if engine.ready_at is None:
        return run
    return run | {
        "cpu_s_per_million": round((cpu - engine.ready_cpu) / count * 1e6, 2),
        "events_per_s": round(count / (done - engine.ready_at)),
        "startup_cpu_s": round(engine.ready_cpu, 2),
        "startup_s": round(engine.ready_at - engine.started, 2),
        "broker_cpu_s_per_million": round((broker - engine.ready_broker) / count * 1e6, 2),
        "peak_rss_mb": round(engine.peak / 2**20),
    }


def crash(name: str, watched: Watched, *, lose_disk: bool) -> Run:
    """kill -9 halfway and started again: is the answer exact, and how soon? Needs the answer of the job."""
    answer = watched.answer
    assert isinstance(answer, RowsAnswer)
    run: Run = {"engine": name, "events": watched.place.stream.number, "disk": "lost" if lose_disk else "kept"}
    try:
        run["note"] = watched.wait(until=lambda: answer.completed() > 0.5)
        time.sleep(0.6)  # rows often come with a commit: it dies between two
        watched.engine.end(signal.SIGKILL)
        if run["note"] == "stopped":
            run |= _again(watched, answer, lose_disk=lose_disk)
        run |= answer.errors()
    finally:
        watched.end()
    return run


def _again(watched: Watched, answer: RowsAnswer, *, lose_disk: bool) -> Run:
    until = time.monotonic() + 90
    while watched.group.members() and time.monotonic() < until:  # until the broker has let the dead member go
        time.sleep(0.2)
    if lose_disk:
        shutil.rmtree(watched.place.folder / f"state-{watched.name}")
    engine = watched.start()
    answer.changed = time.monotonic()
    note = watched.wait(_IDLE_AFTER_CRASH_SECONDS)
    # of a wrong answer: until its last row, not through the seconds that were waited for another one
    done, cpu = answer.changed if note == "wrong" else time.monotonic(), engine.sample()
    if engine.ready_at is None:
        return {"note": note}
    return {
        "note": note,
        "recovery_s": round(engine.ready_at - engine.started, 2),
        "recovery_cpu_s": round(engine.ready_cpu, 2),
        "rest_s": round(done - engine.ready_at, 2),
        "rest_cpu_s": round(cpu - engine.ready_cpu, 2),
    }
