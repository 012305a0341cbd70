"""The log of tallies: whose rows count, whatever owners, crashes, frozen workers and compaction do to it."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.sums.tally import Tally, TallyField, TallyKey
from services.messaging import reader, tally_reader
from services.messaging.records import tallies as tally_records
from services.messaging.records.fields import KeyValue
from services.messaging.records.tallies import Progress
from services.messaging.tally_log import TallyLog

DAY = 738_000
PARTITIONS = 2


def key(kpi: str = "K", day: int = DAY) -> TallyKey:
    return TallyKey(kpi, "unit", "-", day)


def tally(n: int) -> Tally:
    counted = Tally()
    if n:
        counted.add(((TallyField.N, n),), n, 1)
    return counted


def row(epoch: int, n: int, *, partition: int = 0, kpi: str = "K") -> KeyValue:
    return tally_records.row(partition, epoch, key(kpi), tally(n))


def progress(epoch: int, swept_to: int = 1, *, partition: int = 0) -> KeyValue:
    return Progress(partition, epoch, swept_to, {"/unit": swept_to}, lag=0, position=swept_to).record()


def read(*records: KeyValue) -> TallyLog:
    log = TallyLog()
    for name, value in records:
        log.append(name, value)
    return log


def counted(log: TallyLog) -> dict[str, int]:
    return {name.kpi: held.cells[TallyField.N] for name, held in log.tallies().items()}


# ---- claim, rows, complete -----------------------------------------------------------------------------------
def test_rows_count_once_their_owner_is_complete() -> None:
    begun = [tally_records.claim(0, 5), row(5, 3)]
    assert counted(read(*begun)) == {}
    assert counted(read(*begun, tally_records.complete(0, 5))) == {"K": 3}


def test_until_a_new_owner_is_complete_the_rows_before_stand() -> None:
    first = [tally_records.claim(0, 5), row(5, 3), tally_records.complete(0, 5)]
    second = [tally_records.claim(0, 9), row(9, 4)]
    assert counted(read(*first, *second)) == {"K": 3}
    assert counted(read(*first, *second, tally_records.complete(0, 9))) == {"K": 4}


def test_a_row_that_the_new_owner_has_not_is_gone() -> None:
    log = read(
        *[tally_records.claim(0, 5), row(5, 3), row(5, 1, kpi="GONE"), tally_records.complete(0, 5)],
        *[tally_records.claim(0, 9), row(9, 3), tally_records.complete(0, 9)],
    )
    assert counted(log) == {"K": 3}


def test_an_owner_that_died_before_it_was_complete_counts_for_nothing() -> None:
    log = read(
        *[tally_records.claim(0, 5), row(5, 3), tally_records.complete(0, 5)],
        *[tally_records.claim(0, 9), row(9, 100), row(9, 7, kpi="HALF")],
        *[tally_records.claim(0, 12), row(12, 4), tally_records.complete(0, 12)],
    )
    assert counted(log) == {"K": 4}


def test_a_row_is_absolute_and_an_empty_one_counts_no_more() -> None:
    owned = [tally_records.claim(0, 5), tally_records.complete(0, 5), row(5, 3)]
    assert counted(read(*owned, row(5, 3), row(5, 4), row(5, 4), progress(5))) == {"K": 4}
    assert counted(read(*owned, row(5, 0), progress(5))) == {}


def test_rows_that_changed_count_together_from_their_progress_on() -> None:
    """A case moves from one row to the other: whoever reads in between must not find it in both."""
    log = read(tally_records.claim(0, 5), row(5, 1, kpi="FROM"), tally_records.complete(0, 5), progress(5))
    log.changed.clear()
    for name, value in (row(5, 1, kpi="TO"), row(5, 0, kpi="FROM")):
        log.append(name, value)
        assert (counted(log), log.changed) == ({"FROM": 1}, set())
    log.append(*progress(5, 2))
    assert (counted(log), log.changed) == ({"TO": 1}, {"FROM", "TO"})


def test_rows_whose_progress_never_came_go_with_their_owner() -> None:
    first = [
        tally_records.claim(0, 5),
        row(5, 3),
        tally_records.complete(0, 5),
        progress(5),
        row(5, 100),
        row(5, 1, kpi="NEW"),
    ]
    log = read(*first, tally_records.claim(0, 9), row(9, 4), tally_records.complete(0, 9))
    assert counted(log) == {"K": 4}
    assert row(5, 1, kpi="NEW")[0] in log.take_superseded()


def test_progress_of_a_version_that_said_more_is_read() -> None:
    name, value = progress(5, 10)
    reported = {**orjson.loads(value or b""), "dead_letters": {"malformed": 1}}
    log = read(tally_records.claim(0, 5), tally_records.complete(0, 5), (name, orjson.dumps(reported)))
    assert log.watermark(1) == 10


def test_a_sum_that_no_json_number_holds_arrives_exactly() -> None:
    """The starts of ten thousand open cases, in microseconds."""
    large, negative = 10_000 * 1_634_000_000_000_001, -(2**70) - 1
    sent = Tally()
    sent.add(((TallyField.BASE, large), (TallyField.TOTAL, negative)), None, 1)
    log = read(tally_records.claim(0, 5), tally_records.row(0, 5, key(), sent), tally_records.complete(0, 5))
    assert log.tallies() == {key(): sent}


def test_a_row_of_no_promise_and_no_signal_is_not_read() -> None:
    log = read(tally_records.claim(0, 5), tally_records.complete(0, 5))
    assert log.append(*row(5, 3, kpi="")) == "it names no promise and no signal"
    log.append(*progress(5))
    assert counted(log) == {} and log.changed == set()


def test_partitions_add_up() -> None:
    log = read(
        *[tally_records.claim(0, 5), row(5, 3), tally_records.complete(0, 5)],
        *[tally_records.claim(1, 2), row(2, 4, partition=1), tally_records.complete(1, 2)],
    )
    assert counted(log) == {"K": 7}


# ---- frozen workers ------------------------------------------------------------------------------------------
def test_what_a_frozen_worker_writes_after_the_claim_of_its_successor_is_ignored() -> None:
    first = [tally_records.claim(0, 5), row(5, 3), tally_records.complete(0, 5), progress(5, 10)]
    log = read(*first, tally_records.claim(0, 9), row(5, 100), row(5, 7, kpi="NEW"), progress(5, 99))
    assert (counted(log), log.watermark(1)) == ({"K": 3}, 10)


def test_a_frozen_worker_cannot_take_the_partition_back() -> None:
    log = read(
        *[tally_records.claim(0, 9), row(9, 4), tally_records.complete(0, 9), progress(9, 10)],
        *[
            tally_records.claim(0, 5),
            row(5, 100),
            tally_records.complete(0, 5),
            progress(5, 99),
            row(9, 6),
            progress(9, 10),
        ],
    )
    assert (counted(log), log.watermark(1)) == ({"K": 6}, 10)


def test_a_frozen_worker_cannot_take_the_partition_back_by_compaction() -> None:
    """Of each key the last record stays: were the epoch not in it, the latecomer's would be all there is."""
    owner = [tally_records.claim(0, 9), row(9, 4), tally_records.complete(0, 9), progress(9, 10)]
    late = [tally_records.claim(0, 5), row(5, 100), tally_records.complete(0, 5)]
    assert counted(read(*dict([*owner, *late]).items())) == {"K": 4}


# ---- progress ------------------------------------------------------------------------------------------------
def test_the_watermark_is_the_least_progress_and_there_is_none_while_a_partition_has_none() -> None:
    def owned(partition: int, swept_to: int) -> list[KeyValue]:
        return [
            tally_records.claim(partition, 5),
            tally_records.complete(partition, 5),
            progress(5, swept_to, partition=partition),
        ]

    assert read(*owned(0, 20)).watermark(2) is None
    log = read(*owned(0, 20), *owned(1, 10))
    assert (log.watermark(2), log.last_events()) == (10, {"/unit": 20})


def test_the_progress_of_the_owner_before_says_nothing_of_the_rows_of_the_new_one() -> None:
    """It died before its last rows were acknowledged: the new owner begins behind what it had claimed."""
    log = read(
        *[tally_records.claim(0, 5), row(5, 3), tally_records.complete(0, 5), progress(5, 10)],
        *[tally_records.claim(0, 9), row(9, 2), tally_records.complete(0, 9)],
    )
    assert (log.watermark(1), list(log.progress())) == (None, [])
    log.append(*progress(9, 8))
    assert log.watermark(1) == 8


# ---- wiping out ----------------------------------------------------------------------------------------------
@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lays records into `kpi.tallies`: what was there before, and what comes with each further look."""

    def lay(before: Sequence[KeyValue], *later: Sequence[KeyValue]) -> None:
        class Topic:
            caught_up = False
            looks = iter((before, *later))

            def poll(self, seconds: float) -> list[reader.Record]:
                found = [reader.Record("kpi.tallies", 0, 0, *each) for each in next(self.looks, ())]
                self.caught_up = True
                return found

        @contextmanager
        def opened(*_: object) -> Iterator[Topic]:
            yield Topic()

        monkeypatch.setattr(tally_reader, "TopicReader", opened)

    return lay


def retrying(retried: int, quarantined: int | None = 2, epoch: int = 5) -> KeyValue:
    given = {"sources": {}, "lag": 0, "quarantined": quarantined, "retried": retried}
    return tally_records.Progress(0, epoch, 1, **given).record()  # type: ignore[arg-type]  # of a table of values


@pytest.mark.parametrize(
    ("later", "done"),
    [
        ([retrying(7), retrying(8)], False),
        ([retrying(7), retrying(8), retrying(9)], True),
        ([retrying(9)], False),  # when it was asked, they had been judged already
        ([retrying(7), retrying(7, quarantined=0)], True),
        ([retrying(7), retrying(1, epoch=6)], False),
        ([retrying(7), retrying(2, epoch=6)], True),  # another owner has judged both
    ],
)
def test_a_case_was_judged_again_when_its_owner_has_gone_through_all_of_them(
    topic: Callable[..., None], later: list[KeyValue], done: bool
) -> None:
    """However many a tick had the time for."""
    topic([retrying(3)], later)
    assert tally_reader.judged_again("nowhere", {0: 2}, 0.05) == ([] if done else [0])


def test_a_worker_of_an_older_version_is_not_waited_for(topic: Callable[..., None]) -> None:
    """Its progress does not say how many cases are quarantined. What it wrote before is no matter."""
    topic([retrying(3, quarantined=None)], [retrying(7), retrying(7, quarantined=None)])
    with pytest.raises(tally_reader.OlderWorker, match="0"):
        tally_reader.judged_again("nowhere", {0: 2}, 5)
    topic([retrying(3, quarantined=None)], [retrying(7), retrying(9)])
    assert tally_reader.judged_again("nowhere", {0: 2}, 5) == []


def test_a_foreign_record_under_the_key_of_a_progress_is_none(topic: Callable[..., None]) -> None:
    foreign: list[tuple[bytes | None, bytes | None]] = [
        (b"progress|x", b"{}"), (b"progress|", b"1"), (b"progress|0", b"{}"), (b"progress|0", None), (None, b"\xff"),
        (b"progress|1", progress(5)[1]),
    ]  # fmt: skip
    topic((), (*foreign, retrying(1, 0)))
    assert tally_reader.judged_again("nowhere", {0: 1}, 5) == []
    topic((), (*foreign, retrying(1, 0)))
    assert tally_reader.judged_again("nowhere", {1: 1}, 0.01) == [1]


def test_what_counts_no_more_is_wiped_out_once() -> None:
    first = [tally_records.claim(0, 5), row(5, 3), row(5, 0, kpi="EMPTY"), tally_records.complete(0, 5)]
    frozen = [row(5, 100, kpi="LATE")]
    second = [tally_records.claim(0, 9), *frozen, row(9, 4), tally_records.complete(0, 9)]
    log = read(*first, *second)
    superseded = log.take_superseded()
    assert sorted(superseded) == sorted(name for name, _ in [*first, *frozen])
    assert log.take_superseded() == []
    assert read(*first, *second, *((name, None) for name in superseded)).take_superseded() == []


# ---- the property --------------------------------------------------------------------------------------------
@dataclass
class World:
    """Owners that append to the log, and what is right."""

    records: list[KeyValue] = field(default_factory=list)
    epochs: dict[int, list[int]] = field(default_factory=lambda: {number: [] for number in range(PARTITIONS)})
    counts: dict[int, dict[str, int]] = field(default_factory=lambda: {number: {} for number in range(PARTITIONS)})
    """What the rows of a partition add up to, whoever owns it."""
    settled: dict[int, bool] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), False))

    def own(self, partition: int, upto: int) -> None:
        """A new owner; it gets as far as `upto` records, and dies there if that is not all."""
        epoch = 3 + 2 * sum(map(len, self.epochs.values()))
        self.epochs[partition].append(epoch)
        rows = [row(epoch, n, partition=partition, kpi=kpi) for kpi, n in self.counts[partition].items()]
        everything = [tally_records.claim(partition, epoch), *rows, tally_records.complete(partition, epoch)]
        self.records += everything[: 1 + upto]
        self.settled[partition] = upto >= len(everything) - 1

    def change(self, partition: int, kpi: str, n: int) -> None:
        if self.settled[partition]:
            self.counts[partition][kpi] = n
            epoch = self.epochs[partition][-1]
            self.records += [row(epoch, n, partition=partition, kpi=kpi), progress(epoch, n, partition=partition)]

    def go_on(self) -> None:
        """The next second: each owner says how far it is."""
        for partition, settled in self.settled.items():
            if settled:
                self.records.append(progress(self.epochs[partition][-1], partition=partition))

    def late(self, partition: int, which: int, what: int, kpi: str, n: int) -> None:
        """Something that an owner who has been replaced still had in hand."""
        replaced = self.epochs[partition][:-1]
        if replaced:
            epoch = replaced[which % len(replaced)]
            self.records.append(
                (
                    tally_records.claim(partition, epoch),
                    row(epoch, n, partition=partition, kpi=kpi),
                    tally_records.complete(partition, epoch),
                    progress(epoch, n, partition=partition),
                )[what % 4]
            )

    def expected(self) -> dict[str, int]:
        sums: dict[str, int] = {}
        for counts in self.counts.values():
            for kpi, n in counts.items():
                sums[kpi] = sums.get(kpi, 0) + n
        return {kpi: n for kpi, n in sums.items() if n}


_partition = st.integers(0, PARTITIONS - 1)
_kpi = st.sampled_from("ABC")
_n = st.integers(0, 5)
_steps: st.SearchStrategy[Callable[[World], None]] = st.one_of(
    st.builds(lambda p, upto: lambda world: world.own(p, upto), _partition, st.sampled_from((0, 1, 2, 99, 99))),
    st.builds(lambda p, kpi, n: lambda world: world.change(p, kpi, n), _partition, _kpi, _n),
    st.builds(
        lambda p, which, what, kpi, n: lambda world: world.late(p, which, what, kpi, n),
        *(_partition, st.integers(0, 9), st.integers(0, 3), _kpi, _n),
    ),
)


def compacted(records: Iterable[KeyValue], rng: random.Random) -> list[KeyValue]:
    """Of each key the last record is kept, and any of those before it may be. A wiped-out key may vanish whole, but
    never the wiping alone."""
    listed = list(records)
    last = {name: place for place, (name, _) in enumerate(listed)}
    kept = [place for place, (name, _) in enumerate(listed) if last[name] == place or rng.random() < 0.5]
    still_there = {listed[place][0] for place in kept if place != last[listed[place][0]]}
    return [
        listed[place]
        for place in kept
        if not (
            listed[place][1] is None
            and place == last[listed[place][0]]
            and listed[place][0] not in still_there
            and rng.random() < 0.5
        )
    ]


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(_steps, min_size=5, max_size=40), st.integers(0, 2**32))
def test_whatever_compaction_leaves_says_the_same_as_the_whole_log(
    steps: list[Callable[[World], None]], seed: int
) -> None:
    world, reader, rng = World(), TallyLog(), random.Random(seed)
    read_to = 0

    def reading() -> None:
        """A reader follows the log and wipes out what no longer counts, now and then."""
        nonlocal read_to
        while read_to < len(world.records):
            reader.append(*world.records[read_to])
            read_to += 1
        live = {(partition, world.epochs[partition][-1]) for partition in world.epochs if world.settled[partition]}
        for name in reader.take_superseded():
            kind, partition, epoch = name.decode().split("|")[:3]
            assert (int(partition), int(epoch)) not in live, f"a {kind} that counts is wiped out"
            world.records.append((name, None))

    for step in steps:
        step(world)
        if rng.random() < 0.3:
            reading()
        if rng.random() < 0.2 and all(world.settled.values()):
            world.records = compacted(world.records, rng)
            reader, read_to = TallyLog(), 0
    for partition in range(PARTITIONS):
        if not world.settled[partition]:
            world.own(partition, 99)
    world.go_on()  # the last progress may have been a frozen worker's
    reading()
    assert counted(reader) == world.expected()
    assert counted(read(*world.records)) == world.expected()
    for _ in range(2):
        world.records = compacted(world.records, rng)
        assert counted(read(*world.records)) == world.expected()
