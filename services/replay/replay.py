"""The whole computation over files, without a broker: the same judge and the same values as the running system.

Two passes over all cores. The first admits events and sorts them by case key into spill files on disk. The second
judges each case once per period in which something about it changes. Memory does not grow with the input.
"""

import errno
import gc
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import active_children, forkserver, get_context, parent_process, resource_tracker
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.judging.data_quality import signal_rows
from services.domain.judging.judge import Judge
from services.domain.results.published import Card, ValueRow
from services.domain.results.side_results import Issued, SideResults
from services.domain.results.value_rows import Valuer
from services.domain.sums.tally import Tally, TallyKey
from services.domain.supervision.published import StepRow
from services.domain.time.zone import Instant
from services.messaging.codec import admission
from services.messaging.records.steps import OnRecord
from services.replay.external_sort import SortedRows
from services.replay.file_chunks import CHUNK_BYTES, FileChunk, file_chunks, size_of
from services.replay.judge_cases import Judged, PeriodJudge, QuarantinedCase
from services.replay.periods import Every, period_ends
from services.replay.spill_files import ChunkResult, Rejected, SpillWriter, read_spill_file
from services.replay.steps import step_rows

FILES_IN_MEMORY_BYTES = 24 * 1024 * 1024
"""Of events, over all processes: some 60,000 of them, that become 10 times as large as objects."""
_FEWEST_FILES, _MOST_FILES = 8, 400

T = TypeVar("T")


class ProgressCallback(Protocol):
    """Receives, now and then, how far a replay is."""

    def __call__(self, doing: str, events: int, share: float | None, /) -> None:
        """What is being done (`reading`, `judging`, `computing values`), to how many events it was done, and which
        share of this pass that is (0 to 1; None: not known)."""
        ...


@dataclass
class Replayed:
    """The outcome of a replay, all of it sorted."""

    rows: SortedRows[ValueRow] = field(default_factory=SortedRows)
    beside: SortedRows[ValueRow] = field(default_factory=SortedRows)
    """The rows as of the times that were asked for beside."""
    restated: list[ValueRow] = field(default_factory=list)
    """The rows as of the earlier time that was to be restated."""
    side_results: list[SideResults] = field(default_factory=list)
    """One per time, ascending; only where they were asked for."""
    cards: SortedRows[Card] = field(default_factory=SortedRows)
    steps: list[StepRow] = field(default_factory=list)
    """The steps of escalation that were due by the last time; only where they were asked for."""
    rejected: SortedRows[Rejected] = field(default_factory=SortedRows)
    quarantined: SortedRows[QuarantinedCase] = field(default_factory=SortedRows)
    """Cases that could not be judged at one of the times at least."""
    events: int = 0
    cases: int = 0

    def keep(
        self, time: Instant, rows: Sequence[ValueRow], asked: Collection[Instant], beside: Collection[Instant]
    ) -> None:
        """Keep the rows as of a time where they were asked for."""
        if time in asked:
            self.rows.add(rows)
        if time in beside:
            self.beside.add(rows)


def replay(
    files: Sequence[str],
    plan_folder: Path,
    as_of: Sequence[Instant],
    *,
    every: Every | None = None,
    beside: Collection[Instant] = (),
    with_cards: bool = False,
    said: OnRecord | None = None,
    with_side_results: bool = False,
    as_corrected: bool = False,
    todays_units: bool = False,
    restate: Instant | None = None,
    processes: int | None = None,
    progress: ProgressCallback = lambda doing, events, share: None,
) -> Replayed:
    """Values as of each time (ascending) over all events that had happened and arrived before it; with `every`, at the
    ends of its periods, too, from the first event up to the last of those times. `beside`: more times, whose rows are
    kept apart. `said`: what the ledger says of red cards; with it the steps of escalation are found, too.
    `with_side_results`: what is known beside the values as of each time, too. `as_corrected`: as if what corrections
    say had been said at once. `todays_units`: see `Valuer.rows`. `restate`: an earlier time, whose rows are computed
    once more by what is known at the last one. `processes`: exactly so many work.

    InvalidPlan if there is no plan in the folder; OSError, EOFError where a file cannot be read.
    """
    judge = _judge_of(plan_folder)
    replayed = Replayed()
    size = size_of(files)
    workers = processes or _useful_processes(size)
    spill_files = _spill_files(size, workers)
    with ExitStack() as stack:
        folder = stack.enter_context(_temporary_folder())
        crew = stack.enter_context(
            _alone(judge, folder, spill_files) if workers == 1 else _crew(workers, plan_folder, folder, spill_files)
        )
        first = _sort_all(crew, files, size, replayed, progress)
        asked = set(as_of)
        if every is not None and first is not None and as_of:
            asked.update(period_ends(first, as_of[-1], every, judge.law.zone))
        times = sorted(asked.union(beside))
        moments = [time - 1 for time in times]
        wanted = _Wanted(moments, with_cards, said is not None, with_side_results, as_corrected, restate)
        outcome = _judge_all(crew, spill_files, wanted, replayed, progress)
    side_results: list[SideResults] = []
    computed = _values(judge, outcome, times, side_results if with_side_results else None, todays_units)
    for number, (time, rows) in enumerate(zip(times, computed, strict=True), 1):
        replayed.keep(time, rows, asked, beside)
        progress("computing values", replayed.events, number / len(times))
    replayed.steps = step_rows(outcome.red, said, judge, times)
    replayed.restated = _restated_rows(judge, outcome, restate, times)
    replayed.side_results = [side for side in side_results if side.as_of in asked]
    return replayed


def _useful_processes(size: int | None) -> int:
    """One per core, and fewer for an input that is done before they would have started."""
    cores = os.cpu_count() or 1
    return cores if size is None else min(cores, 1 + size // (2 * CHUNK_BYTES))


def _spill_files(size: int | None, workers: int) -> int:
    """Enough for a spill file of each process to fit into memory; each process holds that many files open."""
    may_open, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(_MOST_FILES, may_open // 2)
    if size is None:
        return most
    return max(_FEWEST_FILES, min(most, size * workers // FILES_IN_MEMORY_BYTES))


def _judge_of(plan_folder: Path) -> Judge:
    plan = load_plan(plan_folder)
    return Judge(plan, calendar_of(plan))


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="kpiwatch-replay-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


# ---- the two passes --------------------------------------------------------------------------------------
def _sort_all(
    crew: "_Crew", files: Sequence[str], size: int | None, replayed: Replayed, progress: ProgressCallback
) -> Instant | None:
    """Admit and sort every event; the time of the earliest."""
    first: Instant | None = None
    read = 0
    for done in crew.each(_sort, ((chunk,) for chunk in file_chunks(files))):
        read += done.bytes
        replayed.events += done.events
        replayed.rejected.add(done.rejected)
        if done.first is not None:
            first = done.first if first is None else min(first, done.first)
        progress("reading", replayed.events, min(1.0, read / size) if size else None)
    return first


class _Wanted(NamedTuple):
    """What is to be known of each case."""

    moments: list[Instant]
    with_cards: bool
    with_red: bool
    with_issued: bool
    as_corrected: bool
    restated: Instant | None
    """An earlier time that is to be judged by what is known at the last of the moments."""


def _judge_all(
    crew: "_Crew", spill_files: int, wanted: _Wanted, replayed: Replayed, progress: ProgressCallback
) -> Judged:
    outcome = Judged.nothing(len(wanted.moments))
    judged = crew.each(_judge, ((spill_file, wanted) for spill_file in range(spill_files)))
    for number, of_file in enumerate(judged, 1):
        outcome.add(of_file)
        replayed.cards.add(of_file.cards)
        outcome.red += of_file.red
        replayed.rejected.add(of_file.rejected)
        replayed.quarantined.add(of_file.quarantined)
        progress("judging", outcome.events, number / spill_files)
    replayed.cases = outcome.cases
    return outcome


def _restated_rows(judge: Judge, outcome: Judged, restated: Instant | None, times: Sequence[Instant]) -> list[ValueRow]:
    """The rows as of an earlier time by what is known as of the last one; none where there is no earlier time."""
    if restated is None:
        return []
    last_events: dict[str, Instant] = {}
    for last in outcome.last_events:
        last_events |= last
    return Valuer(judge).rows(outcome.restated, restated, last_events, known=times[-1] - 1)


def _values(
    judge: Judge,
    outcome: Judged,
    times: Sequence[Instant],
    side_results: list[SideResults] | None,
    todays_units: bool,
) -> Iterator[list[ValueRow]]:
    """Add the periods up, one after the other; what is known beside the values goes to `side_results`."""
    valuer = Valuer(judge)
    tallies: dict[TallyKey, Tally] = {}
    last_events: dict[str, Instant] = {}
    issued: Counter[Issued] = Counter()
    for time, delta, last, more in zip(times, outcome.deltas, outcome.last_events, outcome.issued, strict=True):
        for key, tally in delta.items():
            held = tallies.get(key)
            if held is None:
                held = tallies[key] = tally
            else:
                held.merge(tally)
            if held.empty:
                del tallies[key]
        delta.clear()
        last_events |= last
        if side_results is not None:
            issued.update(more)
            signals = [*signal_rows(tallies, judge.law.zone.day(time - 1)), *valuer.beside(tallies, time)]
            side_results.append(SideResults(time, signals, dict(+issued), dict(last_events)))
        yield valuer.rows(tallies, time, last_events, todays_units=todays_units)


# ---- one process ---------------------------------------------------------------------------------------
class _Worker:
    """What one process needs; made once, after it started."""

    def __init__(self, judge: Judge, spill_folder: Path, spill_files: int) -> None:
        self.judge = judge
        self.folder = spill_folder
        self.writer = SpillWriter(
            spill_folder, str(os.getpid()), spill_files, admission(self.judge.plan, trust_receivedat=True)
        )


_worker: _Worker | None = None


def _start(plan_folder: Path, spill_folder: Path, spill_files: int) -> None:
    global _worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = _Worker(_judge_of(plan_folder), spill_folder, spill_files)
    # Facts and tallies have no cycles: to look for some among a million live objects costs more than to judge them.
    gc.freeze()
    gc.disable()


def _sort(chunk: FileChunk) -> ChunkResult:
    assert _worker is not None
    return _worker.writer.sort(chunk)


def _judge(spill_file: int, wanted: _Wanted) -> Judged:
    assert _worker is not None
    period_judge = PeriodJudge(
        _worker.judge,
        wanted.moments,
        with_cards=wanted.with_cards,
        with_issued=wanted.with_issued,
        with_red=wanted.with_red,
        as_corrected=wanted.as_corrected,
        restated=wanted.restated,
    )
    cases = read_spill_file(_worker.folder, spill_file)
    judged = period_judge.judge(cases)
    # Of standard input, whose size is not known, most spill files may be empty; a process that works alone collects.
    if cases and not gc.isenabled():
        gc.collect()
    return judged


# ---- many processes --------------------------------------------------------------------------------------
class _Crew(Protocol):
    """Those who do the work."""

    def each(self, function: Callable[..., T], tasks: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        """The results of a function over many tasks, as they come. Only so many are under way: input is streamed."""
        ...


class _Alone:
    """This process: a small input is done before others would have started."""

    def each(self, function: Callable[..., T], tasks: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        for task in tasks:
            yield function(*task)


class _Pool:
    def __init__(self, pool: ProcessPoolExecutor, workers: int) -> None:
        self._pool = pool
        self._limit = workers * 2

    def each(self, function: Callable[..., T], tasks: Iterable[tuple[Any, ...]]) -> Iterator[T]:
        running: set[Future[T]] = set()
        for task in tasks:
            running.add(self._pool.submit(function, *task))
            if len(running) >= self._limit:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


@contextmanager
def _alone(judge: Judge, folder: Path, spill_files: int) -> Iterator[_Crew]:
    global _worker
    _worker = _Worker(judge, folder, spill_files)
    try:
        yield _Alone()
    finally:
        _worker.writer.close()
        _worker = None


@contextmanager
def _crew(workers: int, plan_folder: Path, folder: Path, spill_files: int) -> Iterator[_Crew]:
    # A server that has the modules and no threads, and forks: processes start at once and share that memory.
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    arguments = (plan_folder, folder, spill_files)
    _start_server()
    others = set(active_children())
    with ProcessPoolExecutor(workers, context, _start, arguments) as pool:
        try:
            yield _Pool(pool, workers)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(active_children()) - others:
                child.kill()  # its work is not needed any more, and all it holds is temporary
            raise


def _start_server() -> None:
    """The server and its children leave Ctrl-C, which a terminal sends to all of them, and what is to be said to this
    process: what goes wrong in a task comes back with it."""
    with _muted():
        resource_tracker.ensure_running()  # first: it unblocks signals
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        except OSError as error:
            if "path too long" not in str(error):
                raise
            remedy = "its name is too long for a socket: name a shorter folder in TMPDIR"
            raise OSError(errno.ENAMETOOLONG, remedy, tempfile.gettempdir()) from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _muted() -> Iterator[None]:
    """A process that starts here has neither standard output nor standard error."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        for number, descriptor in enumerate(kept, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.close(nowhere)


def _end_with_parent() -> None:
    """A process whose parent is gone (kill -9) would wait for tasks for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
