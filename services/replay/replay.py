"""The whole computation over files, without a broker: the same judge, the same values as the running system.

Two passes over all cores. The first admits events and sorts them by case key into buckets on disk; the second folds and
judges each case once per period in which something about it changes. Memory does not grow with the input.
"""

import os
import shutil
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from services.catalog.calendars import load_calendar
from services.catalog.load import load_plan
from services.domain.admission import Admission
from services.domain.cards import CardState, cards
from services.domain.facts import Fact
from services.domain.fold import bad_corrections, insert
from services.domain.judge import Judge
from services.domain.published import ValueRow
from services.domain.tally import Contribution, Tally, TallyKey
from services.domain.values import Valuer
from services.domain.zone import Instant
from services.messaging.codec import CODEC
from services.replay.blocks import Block, blocks, size_of
from services.replay.buckets import BucketWriter, Filed, Rejected, Sorted, read_bucket

BYTES_PER_BUCKET = 12 * 1024 * 1024
"""About 30,000 events: a bucket must fit into memory, with all its cases."""

T = TypeVar("T")

Progress = Callable[[str, int], None]
"""Told, now and then: what is being done, and how many events it was done to."""


class Case(NamedTuple):
    """A case that has cards, with its key."""

    key: str
    cards: list[CardState]


@dataclass
class Judged:
    """What the cases of a bucket add up to: per period, what it adds to the period before."""

    deltas: list[dict[TallyKey, Tally]]
    last_events: list[dict[str, Instant]]
    cases: int = 0
    events: int = 0
    with_cards: list[Case] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass
class Replayed:
    """The outcome of a replay."""

    rows: list[ValueRow]
    cards: list[Case]
    rejected: list[Rejected]
    events: int
    cases: int


# ---- one process ---------------------------------------------------------------------------------------
class _Worker:
    """What one process needs; made once, after the fork or spawn."""

    def __init__(self, plan_folder: Path, buckets_folder: Path, buckets: int, with_cards: bool) -> None:
        plan = load_plan(plan_folder)
        calendar = load_calendar(plan.head.calendar)
        self.judge = Judge(plan, calendar)
        self.folder = buckets_folder
        self.with_cards = with_cards
        self.writer = BucketWriter(
            buckets_folder, str(os.getpid()), buckets, Admission(plan, CODEC, trust_receivedat=True)
        )


_worker: _Worker | None = None


def _start(plan_folder: Path, buckets_folder: Path, buckets: int, with_cards: bool) -> None:
    global _worker
    _worker = _Worker(plan_folder, buckets_folder, buckets, with_cards)


def _sort(block: Block) -> Sorted:
    assert _worker is not None
    result = _worker.writer.sort(block)
    _worker.writer.flush()
    return result


def _judge(bucket: int, moments: Sequence[Instant]) -> Judged:
    assert _worker is not None
    return judge_bucket(_worker.judge, read_bucket(_worker.folder, bucket), moments, _worker.with_cards)


def judge_bucket(judge: Judge, bucket: dict[str, list[Filed]], moments: Sequence[Instant], with_cards: bool) -> Judged:
    """Judge every case at each moment at which it can have changed. Moments are judging instants, ascending."""
    judged = Judged([{} for _ in moments], [{} for _ in moments])
    for key, filed in bucket.items():
        judged.cases += 1
        judged.events += len(filed)
        facts = _facts(filed, judged)
        for fact in facts:
            period = bisect_left(moments, fact.received)
            if period < len(moments):
                last = judged.last_events[period]
                if fact.received > last.get(fact.source, 0):
                    last[fact.source] = fact.received
        period = bisect_left(moments, min(max(fact.received, fact.time) for fact in facts))
        before: list[Contribution] = []
        quiet = True
        while period < len(moments):
            opinion = judge.judge(facts, moments[period])
            quiet = quiet and opinion.quiet
            after = [each.contribution() for each in opinion.judgements if each.cells]
            if after != before:
                delta = judged.deltas[period]
                for sign, contributions in ((-1, before), (1, after)):
                    for tally_key, cells, bin in contributions:
                        tally = delta.get(tally_key)
                        if tally is None:
                            tally = delta[tally_key] = Tally()
                        tally.add(cells, bin, sign)
                before = after
            if opinion.next_at is None:
                break
            period = max(period + 1, bisect_left(moments, opinion.next_at))
        if with_cards and not quiet:
            found = cards(judge, facts, moments[-1])
            if found:
                judged.with_cards.append(Case(key, found))
    return judged


def _facts(filed: Sequence[Filed], judged: Judged) -> list[Fact]:
    """The deduplicated facts of a case; what only the case can refuse is listed as rejected."""
    if len(filed) == 1:
        return [filed[0].fact]
    facts: list[Fact] = []
    origin = {}
    for each in filed:
        inserted = insert(facts, each.fact)
        origin[id(each.fact)] = each
        if inserted.turned_away is not None:
            loser = origin.get(id(inserted.turned_away), each)
            judged.rejected.append(
                Rejected(
                    loser.file, loser.line, "id_conflict", "id", "another event has the same source and id",
                    "give every event an id of its own; send the same event again unchanged",
                )
            )  # fmt: skip
    for bad in bad_corrections(facts):
        each = origin[id(bad)]
        judged.rejected.append(
            Rejected(
                each.file, each.line, "bad_correction", "data.of", "it corrects a correction",
                "correct the event itself: the later correction of the same event wins",
            )
        )  # fmt: skip
    return facts


# ---- all of it -------------------------------------------------------------------------------------------
@contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="kpiwatch-replay-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def replay(
    files: Sequence[str],
    plan_folder: Path,
    as_of: Sequence[Instant],
    *,
    with_cards: bool = False,
    processes: int | None = None,
    progress: Progress = lambda doing, events: None,
) -> Replayed:
    """Values as of each time (ascending), over all events that had happened and arrived before it."""
    judge = Judge(plan := load_plan(plan_folder), load_calendar(plan.head.calendar))
    moments = [time - 1 for time in as_of]
    workers = processes or os.cpu_count() or 1
    buckets = max(8, min(200, size_of(list(files)) // BYTES_PER_BUCKET))
    rejected: list[Rejected] = []
    events = 0
    with _folder() as folder:
        arguments = (plan_folder, folder, buckets, with_cards)
        with ProcessPoolExecutor(workers, get_context("spawn"), _start, arguments) as pool:
            for done in _in_flight(pool, _sort, ((block,) for file in files for block in blocks(file)), workers * 3):
                events += done.events
                rejected += done.rejected
                progress("reading", events)
            outcome = Judged([{} for _ in moments], [{} for _ in moments])
            tasks = ((bucket, moments) for bucket in range(buckets))
            for judged in _in_flight(pool, _judge, tasks, workers * 2):
                _add(outcome, judged)
                progress("judging", outcome.events)
    rejected += outcome.rejected
    rejected.sort()
    return Replayed(_values(judge, outcome, as_of), sorted(outcome.with_cards), rejected, events, outcome.cases)


def _in_flight(
    pool: ProcessPoolExecutor, function: Callable[..., T], tasks: Iterator[tuple[Any, ...]], limit: int
) -> Iterator[T]:
    """The results of a function over many tasks, as they come, with only so many under way: the input is streamed."""
    running: set[Future[T]] = set()
    for task in tasks:
        running.add(pool.submit(function, *task))
        if len(running) >= limit:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


def _add(outcome: Judged, judged: Judged) -> None:
    outcome.cases += judged.cases
    outcome.events += judged.events
    outcome.with_cards += judged.with_cards
    outcome.rejected += judged.rejected
    for mine, theirs in zip(outcome.deltas, judged.deltas, strict=True):
        for key, tally in theirs.items():
            if key in mine:
                mine[key].merge(tally)
            else:
                mine[key] = tally
    for last, other in zip(outcome.last_events, judged.last_events, strict=True):
        for source, received in other.items():
            last[source] = max(received, last.get(source, received))


def _values(judge: Judge, outcome: Judged, as_of: Sequence[Instant]) -> list[ValueRow]:
    """Add the periods up, one after the other."""
    valuer = Valuer(judge)
    tallies: dict[TallyKey, Tally] = {}
    last_events: dict[str, Instant] = {}
    rows: list[ValueRow] = []
    for time, delta, last in zip(as_of, outcome.deltas, outcome.last_events, strict=True):
        for key, tally in delta.items():
            if key in tallies:
                tallies[key].merge(tally)
                if tallies[key].empty:
                    del tallies[key]
            elif not tally.empty:
                tallies[key] = tally
        last_events |= last
        rows += valuer.rows(tallies, time, last_events)
    rows.sort(key=lambda row: row[:7])
    return rows
