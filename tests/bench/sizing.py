"""`python -m tests.bench.sizing`: the figures of docs/sizing.md, measured in one process, without a broker.

For each number of open cases: what a start over their rows takes, how much memory the partition keeps of them, what an
event costs beside them, a sweep where nothing is due, and a sweep of 500 due cases. For each number of events: what a
row takes in RocksDB and how much is written to the changelog, how many tallies there are and how large their records
are, and what an event costs at the end of it. Rows are in RocksDB, as a worker has them.
"""

import argparse
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, MutableMapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import orjson
import psutil

from services.catalog.load.plan_folder import load_plan
from services.domain.time.zone import DAY_US, Instant, instant_of
from services.messaging.records.tallies import row as tally_record
from streams.delivery.stores import RocksStore
from tests.bench import generate
from tests.bench.figures import machine, markdown
from tests.bench.guard import AS_OF_JOB, at
from tests.bench.in_process import HotPath, chunks
from tests.bench.job import PLAN

SECOND = 1_000_000
TICKS = 300
SWEPT = 500
"""As many due cases as `streams.cases` judges before it looks at the time."""
PROBE = 10_000
"""Events whose cost is measured."""
RECORD_OVERHEAD = 20
"""Bytes that a record takes in a batch of the log beside its key and value, at most."""


class StoredRows(MutableMapping[bytes, bytes]):
    """Rows in RocksDB; what is written waits, and is stored at the end of a chunk."""

    def __init__(self, store: RocksStore) -> None:
        self._store = store
        self._waiting: dict[bytes, bytes | None] = {}
        self.written = 0
        """Bytes of keys and rows that went to the changelog."""

    def __getitem__(self, key: bytes) -> bytes:
        found = self._waiting[key] if key in self._waiting else self._store.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: bytes, row: bytes) -> None:
        self._waiting[key] = row

    def __delitem__(self, key: bytes) -> None:
        self._waiting[key] = None

    def __iter__(self) -> Iterator[bytes]:
        return (key for key, _ in self.items())

    def __len__(self) -> int:
        return sum(1 for _ in self._store.items())

    def items(self) -> Iterator[tuple[bytes, bytes]]:  # type: ignore[override]  # a view would hold all of them
        return self._store.items()

    def store(self) -> None:
        """The end of a chunk."""
        self.written += sum(len(key) + len(row or b"") + RECORD_OVERHEAD for key, row in self._waiting.items())
        self._store.write(self._waiting.items(), 0, 0)
        self._waiting.clear()


def resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def cost(path: HotPath, rows: StoredRows, lines: Sequence[bytes]) -> float:
    """µs of CPU of an event, rows written."""
    began = time.process_time()
    for chunk in chunks(lines):
        path.take(chunk)
        rows.store()
    return (time.process_time() - began) / len(lines) * 1e6


# ---- open cases -------------------------------------------------------------------------------------------
class Open(NamedTuple):
    """What so many open cases cost."""

    cases: int
    start_seconds: float
    start_cpu: float
    bytes_a_case: float
    event_us: float
    tick_p99_ms: float
    due_ms: float
    """Milliseconds of CPU for a sweep of SWEPT due cases."""


def open_cases(number: int, folder: Path) -> Open:
    """Rows of so many cases that were accepted in the last days, and a worker's partition that starts over them."""
    now = at("2021-09-20")
    rows = StoredRows(RocksStore(folder / f"open-{number}"))
    _fill(rows, number, now)
    before, began, cpu = resident(), time.monotonic(), time.process_time()
    path = HotPath(load_plan(PLAN), now, rows)
    path.partition.rebuild(now)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    kept = (resident() - before) / number
    path.partition.catching_up = False
    _sweep(path, rows, now, number)  # what was due before
    ticks = [_tick(path, now + tick * SECOND) for tick in range(1, TICKS + 1)]
    event = cost(path, rows, _probe())
    due = _due(path, rows, now)
    return Open(number, seconds, cpu, kept, event, statistics.quantiles(ticks, n=100)[98], due)


def _fill(rows: StoredRows, number: int, now: Instant) -> None:
    """Cases of the job that were accepted in the last two days, their rows repeated under other keys."""
    made = HotPath(load_plan(PLAN), now)
    made.partition.rebuild(now)  # it notes by which plan the rows are judged: a start takes them over as they are
    accepted = (line for line in generate.lines(60_000, 7) if "case.accepted" in line)
    made.take([line.encode() for line in accepted if now - 2 * DAY_US < _time(line) <= now])
    made.settle()
    templates = [(key, made.rows[key]) for key in made.rows if not key.startswith(b"\0")]
    special = {key: row for key, row in made.rows.items() if key.startswith(b"\0")}
    for key, row in special.items():
        rows[key] = row
    for index in range(number):
        key, row = templates[index % len(templates)]
        rows[b"%s-%d" % (key, index)] = row
        if index % 10_000 == 0:
            rows.store()
    rows.store()


def _time(line: str) -> Instant:
    return instant_of(datetime.fromisoformat(orjson.loads(line)["recordedat"]))


def _probe() -> Sequence[bytes]:
    """Events of other cases."""
    return [line.replace(b"-2021-", b"-2020-") for line in _encoded(PROBE, 11)]


def _encoded(count: int, seed: int) -> Iterator[bytes]:
    return (line.encode() for line in generate.lines(count, seed))


def _sweep(path: HotPath, rows: StoredRows, now: Instant, at_most: int) -> None:
    for _ in path.partition.sweep(now, at_most=at_most):
        pass
    rows.store()


def _tick(path: HotPath, now: Instant) -> float:
    """Milliseconds of CPU of a sweep, 500 due cases at most."""
    began = time.thread_time_ns()
    for _ in path.partition.sweep(now, at_most=SWEPT):
        pass
    return (time.thread_time_ns() - began) / 1e6


def _due(path: HotPath, rows: StoredRows, now: Instant) -> float:
    """The next days, 500 due cases at a time: the median."""
    later, found = now + 60 * DAY_US, [0.0]
    while len(found) < 20 and (next_at := path.partition.next_at) is not None and next_at <= later:
        found.append(_tick(path, later))
        rows.store()
    return statistics.median(found)


# ---- events -------------------------------------------------------------------------------------------------
class Read(NamedTuple):
    """What so many events of the job leave, and what one costs at their end."""

    events: int
    event_us: float
    row_bytes: float
    changelog_bytes: float
    """Of an event, before compaction."""
    disk_bytes: float
    """Of a case, in RocksDB with LZ4."""
    tallies: int
    tally_bytes: float


def events(number: int, folder: Path) -> Read:
    """So many events of the job, then some more whose cost is measured."""
    place = folder / f"events-{number}"
    store = RocksStore(place)
    rows = StoredRows(store)
    path = HotPath(load_plan(PLAN), at(AS_OF_JOB), rows)
    lines = _encoded(number + PROBE, 7)
    for chunk in chunks(islice(lines, number)):
        path.take(chunk)
        rows.store()
    written = rows.written / number
    event = cost(path, rows, list(lines))
    sizes = [len(row) for key, row in store.items() if not key.startswith(b"\0")]
    records = [len(key) + len(value or b"") for key, value in _records(path)]
    store.close()
    disk = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    return Read(
        number, event, statistics.fmean(sizes), written, disk / len(sizes), len(records), statistics.fmean(records)
    )


def _records(path: HotPath) -> Iterator[tuple[bytes, bytes | None]]:
    return (tally_record(0, 0, key, tally)[:2] for key, tally in path.partition.tallies.items())


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.sizing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--open", default="10000,100000,1000000", help="numbers of open cases")
    parser.add_argument("--events", default="100000,1000000", help="numbers of events")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        opened = [open_cases(int(number), folder) for number in filter(None, args.open.split(","))]
        read = [events(int(number), folder) for number in filter(None, args.events.split(","))]
    print(markdown(_OPEN, [[f"{cell:,.4g}" if cell < 100 else f"{cell:,.0f}" for cell in each] for each in opened]))
    print()
    print(markdown(_READ, [[f"{cell:,.4g}" if cell < 100 else f"{cell:,.0f}" for cell in each] for each in read]))
    print(f"\n{machine()}; load {os.getloadavg()[0]:.1f}")


_OPEN = [
    "open cases", "start s", "start CPU s", "bytes of memory a case", "µs an event", "tick, nothing due: p99 ms",
    f"sweep of {SWEPT} due: ms",
]  # fmt: skip
_READ = [
    "events", "µs an event", "bytes a row", "changelog bytes an event", "RocksDB bytes a case", "tallies",
    "bytes a tally record",
]  # fmt: skip


if __name__ == "__main__":
    main()
