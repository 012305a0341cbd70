"""What delivery keeps without a broker: the rows of a partition, what waits to be handled, and the freeze guard."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from services.local.ports import free_ports
from services.messaging.records.rows import CLAIM_KEY, decode, encode
from services.messaging.topics import CASE_EVENTS, KPI_TALLIES, KPI_VALUES
from streams.delivery.bulk import BulkDelivery
from streams.delivery.faust_driver import Consumer
from streams.delivery.freeze_guard import FreezeGuard
from streams.delivery.recovery import OwnedPartition
from streams.delivery.rows import PartitionRows, Superseded
from streams.delivery.stores import MemoryStore, RocksStore, Store


@dataclass
class Record:
    offset: int
    key: bytes | None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = field(default_factory=list)


class Log:
    """A changelog partition: appends what an owner publishes and says where."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.end = 0

    def claim(self) -> int:
        return self._append(CLAIM_KEY, b"claim", [])

    def write(self, epoch: int, key: bytes, row: bytes | None) -> int:
        return self._append(key, *encode(epoch, row))

    def publish(self, rows: PartitionRows, *, acknowledge: bool = True) -> None:
        changes = list(rows.take_changes().items())
        if changes:
            first = self.end
            for key, row in changes:
                self.write(rows.epoch, key, row)
            if acknowledge:
                rows.acknowledge(first, changes)

    def owner(self, store: Store | None = None) -> PartitionRows:
        """Somebody who has claimed the partition and read what was there."""
        rows = PartitionRows(MemoryStore() if store is None else store)
        rows.begin(self.claim())
        rows.absorb(self.records)
        return rows

    def compact(self) -> None:
        """Keep the last record of each key, and the offsets."""
        last = {record.key: record.offset for record in self.records}
        self.records = [record for record in self.records if last[record.key] == record.offset]

    def compacted(self) -> dict[bytes, bytes | None]:
        last = {record.key: record for record in self.records if record.key}
        return {key: decode(record)[1] for key, record in last.items()}

    def _append(self, key: bytes, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> int:
        self.records.append(Record(self.end, key, value, headers))
        self.end += 1
        return self.end - 1


@pytest.fixture(params=["memory", "rocksdb"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    return MemoryStore if request.param == "memory" else lambda: RocksStore(tmp_path / "0.rows")


def test_rows_are_read_as_they_were_written_before_and_after_the_broker_has_them(
    new_store: Callable[[], Store],
) -> None:
    log = Log()
    rows = log.owner(new_store())
    rows[b"a"], rows[b"b"], rows[b"c"] = b"1", b"2", b"3"
    del rows[b"b"]
    for _ in ("pending", "stored"):
        assert dict(rows.items()) == {b"a": b"1", b"c": b"3"}
        assert (rows.get(b"a"), rows.get(b"b"), b"c" in rows, b"b" in rows, len(rows)) == (b"1", None, True, False, 2)
        log.publish(rows)
    with pytest.raises(KeyError):
        del rows[b"b"]
    rows.close()


def test_a_chunk_publishes_one_record_per_changed_key() -> None:
    log = Log()
    rows = log.owner()
    for row in (b"1", b"2", b"3"):
        rows[b"a"] = row
    log.publish(rows)
    log.publish(rows)
    assert [(record.key, decode(record)) for record in log.records[1:]] == [(b"a", (0, b"3"))]


def test_the_disk_is_never_ahead_of_the_changelog(tmp_path: Path) -> None:
    log = Log()
    rows = log.owner(RocksStore(tmp_path / "0.rows"))
    rows[b"a"] = b"acknowledged"
    log.publish(rows)
    rows[b"a"] = b"on its way"
    log.publish(rows, acknowledge=False)
    rows.close()
    del log.records[-1]  # it never arrived
    assert dict(log.owner(RocksStore(tmp_path / "0.rows")).items()) == {b"a": b"acknowledged"}


def test_a_lost_disk_is_restored_from_the_changelog() -> None:
    log = Log()
    rows = log.owner()
    rows[b"a"], rows[b"b"] = b"1", b"2"
    log.publish(rows)
    del rows[b"a"]
    log.publish(rows)
    assert dict(log.owner().items()) == {b"b": b"2"}


def test_an_owner_that_comes_back_undisturbed_has_nothing_to_read() -> None:
    log = Log()
    rows = log.owner()
    rows[b"a"] = b"1"
    log.publish(rows)
    claim = log.claim()
    rows.begin(claim)
    assert rows.position == claim


def test_what_a_replaced_owner_still_writes_does_not_win_and_is_written_over() -> None:
    log = Log()
    old = log.owner()
    old[b"a"] = b"1"
    log.publish(old)
    new = log.owner()
    new[b"a"] = b"12"
    log.publish(new)
    log.write(old.epoch, b"a", b"1 and stale")
    log.write(old.epoch, b"x", b"never committed")
    third = log.owner()
    assert dict(third.items()) == {b"a": b"12"}
    assert third.stale == {b"a", b"x"}
    third.rewrite_stale()
    log.publish(third)
    assert log.compacted() == {b"a": b"12", b"x": None}


def test_a_stale_record_of_a_deleted_row_does_not_delete() -> None:
    log = Log()
    old, new = log.owner(), log.owner()
    new[b"a"] = b"1"
    log.publish(new)
    log.write(old.epoch, b"a", None)
    assert dict(log.owner().items()) == {b"a": b"1"}


def test_a_foreign_record_between_two_of_its_own_disturbs_an_owner() -> None:
    log = Log()
    old, new = log.owner(), log.owner()
    log.write(old.epoch, b"a", b"stale")
    new[b"a"] = b"1"
    log.publish(new)
    assert new.disturbed
    new.absorb(log.records)
    assert not new.stale  # its own record came later
    assert dict(new.items()) == {b"a": b"1"}
    assert new.position == len(log.records) - 1


def test_an_owner_that_reads_a_later_claim_stops() -> None:
    log = Log()
    old = log.owner()
    log.owner()
    with pytest.raises(Superseded):
        old.absorb(log.records)


def test_a_crash_before_a_stale_record_is_written_over_does_not_forget_it(tmp_path: Path) -> None:
    log = Log()
    old, new = log.owner(), log.owner()
    new[b"a"] = b"1"
    log.publish(new)
    log.write(old.epoch, b"a", b"stale")
    crashed = log.owner(RocksStore(tmp_path / "0.rows"))
    crashed.close()
    again = log.owner(RocksStore(tmp_path / "0.rows"))
    assert again.stale == {b"a"}
    again.rewrite_stale()
    log.publish(again)
    again.close()
    assert log.compacted() == {b"a": b"1"}
    assert not log.owner(RocksStore(tmp_path / "0.rows")).stale


def test_a_disk_of_another_changelog_is_not_used(new_store: Callable[[], Store]) -> None:
    log = Log()
    store = new_store()
    rows = log.owner(store)
    rows[b"a"], rows[b"b"] = b"1", b"2"
    log.publish(rows)
    assert dict(Log().owner(store).items()) == {}
    store.close()


FOREIGN: dict[str, Record] = {
    "no key": Record(0, None, b"secret"),
    "neither value nor epoch": Record(0, b"a", None),
    "too short": Record(0, b"a", b"secret"),
    "an epoch below 0": Record(0, b"a", b"\xff" * 9),
    "an epoch of the future": Record(0, b"a", b"\x7f" * 9),
    "another header": Record(0, b"a", None, [("trace", b"x")]),
    "an epoch of 3 bytes": Record(0, b"a", None, [("epoch", b"abc")]),
    "an epoch without bytes": Record(0, b"a", None, [("epoch", None)]),  # type: ignore[list-item]  # the wire has it
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("compacted", [False, True])
def test_what_this_program_did_not_write_is_passed_over_and_what_it_knows_is_written_behind_it(
    foreign: Record, compacted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    log, disk = Log(), MemoryStore()
    first = log.owner(disk)
    first[b"a"], first[b"b"] = b"1", b"2"
    log.publish(first)
    log.records.append(replace(foreign, offset=log.end))
    log.end += 1
    if compacted and foreign.key:
        log.records = [each for each in log.records if each.key != b"a" or each.offset == log.end - 1]
    second = log.owner(disk)
    assert (dict(second.items()), second.lost) == ({b"a": b"1", b"b": b"2"}, set())
    second.rewrite_stale()
    log.publish(second)
    assert {key: row for key, row in log.compacted().items() if key} == {b"a": b"1", b"b": b"2"}
    (line,) = [record.getMessage() for record in caplog.records]
    assert "changelog, offset 3: " in line
    assert "secret" not in line


def test_a_row_that_a_foreign_record_has_pushed_out_is_lost_until_its_events_are_read_again() -> None:
    """The disk is new, and compaction has left nothing but the foreign record. Its deletion is not written: another
    owner must find it lost as well, until the row is there again."""
    log, disk = Log(), MemoryStore()
    log.records = [Record(0, b"a", b"x"), Record(1, b"nobody", b"y")]
    log.end = 2
    rows = log.owner(disk)
    assert rows.lost == {b"a", b"nobody"}
    rows.rewrite_stale()
    assert not rows.take_changes()
    restarted = log.owner(disk)
    assert restarted.lost == {b"a", b"nobody"}
    restarted[b"a"] = b"1"
    log.publish(restarted)
    assert restarted.lost == {b"nobody"}
    restarted.forget_lost()  # all events are read
    log.publish(restarted)
    assert log.owner().lost == log.owner(disk).lost == set()
    assert dict(log.owner().items()) == {b"a": b"1"}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["write", "zombie", "lose disk", "crash", "compact"]), st.integers(0, 3)), max_size=40
    )
)
def test_no_mixture_of_owners_zombies_and_lost_disks_changes_the_rows(steps: list[tuple[str, int]]) -> None:
    """The truth is what the rightful owners wrote. Owners change; any that was replaced may write at any later time;
    compaction never takes a record that an owner has not yet had the chance to read (min.compaction.lag.ms)."""
    log, truth = Log(), dict[bytes, bytes]()
    store: Store = MemoryStore()
    owner = log.owner(store)
    replaced: list[PartitionRows] = []
    for number, (step, which) in enumerate(steps):
        key = b"%d" % which
        if step == "write":
            truth[key] = owner[key] = b"%d" % number
            log.publish(owner)
            if owner.disturbed:
                owner.absorb(log.records)
                owner.rewrite_stale()
                owner.disturbed = False
                log.publish(owner)
        elif step == "zombie" and replaced:
            log.write(replaced[which % len(replaced)].epoch, key, b"zombie %d" % number)
        elif step in ("lose disk", "crash"):
            replaced.append(owner)
            store = MemoryStore() if step == "lose disk" else store
            owner = log.owner(store)
            owner.rewrite_stale()
            log.publish(owner)
        elif step == "compact" and owner.position == log.end - 1:
            log.compact()
        assert dict(owner.items()) == truth
    final = log.owner()
    final.rewrite_stale()
    log.publish(final)
    assert dict(final.items()) == truth
    assert {key: row for key, row in log.compacted().items() if row is not None} == truth


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a guard reads."""
    seconds = [0.0]
    monkeypatch.setattr(FreezeGuard, "_now", staticmethod(lambda: seconds[0]))
    return seconds


def test_a_process_that_was_stopped_ends_before_it_sends(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    guard = FreezeGuard(limit_seconds=0.8)
    clock[0] = 0.7
    guard.check()
    assert ended == []
    clock[0] = 0.9
    guard.check()
    assert ended == [1]


def test_a_process_that_runs_is_not_taken_for_frozen(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    guard = FreezeGuard(limit_seconds=0.8)
    guard.start()
    try:
        for seconds in (0.5, 1.0, 1.5):
            clock[0] = seconds
            end = time.monotonic() + 180  # on a busy machine its thread runs late
            while guard._last_ran != seconds:
                assert time.monotonic() < end, "its thread notes the time"
                time.sleep(0.01)
            guard.check()
    finally:  # its thread outlives the patched os._exit and clock, and would end the whole test run
        guard._limit = float("inf")
    assert ended == []


# ---- what waits to be handled --------------------------------------------------------------------------------
class Fetched:
    """A consumer that knows where partitions end, as far as it has fetched."""

    def __init__(self) -> None:
        self.ends: dict[TP, int] = {}

    def highwater(self, tp: TP) -> int | None:
        return self.ends.get(tp)


class Unconnected(BulkDelivery):
    """A delivery whose partitions are opened by hand."""

    def __init__(self, broker: str = "kafka://127.0.0.1:1", table: str | None = None) -> None:
        super().__init__(faust.App("unconnected", broker=broker), table=table)
        self.fetched = Fetched()

    @property
    def _consumer(self) -> Any:
        return self.fetched

    def open(self, *tps: TP) -> None:
        self.round += 1
        self._parts = {tp.partition: OwnedPartition(tp.partition, None) for tp in tps}
        self._recovered = self.round
        self.opened(self.round, dict.fromkeys(tps, 0))

    def handle(self, tp: TP, count: int) -> None:
        self._next[tp] += count


def test_a_partitions_lag_is_its_own_and_is_known_once_something_is_fetched() -> None:
    first, second = TP(CASE_EVENTS, 0), TP(CASE_EVENTS, 1)
    delivery = Unconnected()
    delivery.open(first, second)
    delivery.fetched.ends[first] = 7
    assert (delivery.lag(0), delivery.lag(1), delivery.total_lag()) == (7, None, None)
    delivery.fetched.ends[second] = 5
    delivery.handle(first, 3)
    assert (delivery.lag(0), delivery.lag(1), delivery.total_lag()) == (4, 5, 9)


def test_what_was_there_when_a_partition_was_opened_is_handled_once_and_stays_so() -> None:
    tallies, values = TP(KPI_TALLIES, 0), TP(KPI_VALUES, 0)
    delivery = Unconnected()
    assert not delivery.caught_up, "it owns nothing"
    for end in (7, 30):
        delivery.open(tallies, values)
        delivery.fetched.ends = {tallies: end}
        assert not delivery.caught_up, "nobody knows where the other ends"
        delivery.fetched.ends[values] = 0
        for count, caught_up in ((end - 1, False), (1, True), (2, True)):
            delivery.handle(tallies, count)
            assert delivery.caught_up == caught_up
            delivery.fetched.ends[tallies] += 10  # always ahead


# ---- where reading starts ------------------------------------------------------------------------------------
class Assigned(Consumer):
    """A consumer of which only the assignment and the committed offsets are there."""

    def __init__(self, delivery: BulkDelivery, committed: dict[TP, int | None]) -> None:
        self._delivery = delivery
        self._committed_offset = committed

    def assignment(self) -> set[TP]:
        return set(self._committed_offset)

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 3)


async def nothing(tp: TP, records: Any) -> None:
    pass


def test_a_partition_that_is_assigned_and_not_yet_taken_over_starts_where_it_is_committed() -> None:
    delivery = Unconnected(table="rows")
    delivery.chunks(delivery.app.topic(CASE_EVENTS), nothing)
    delivery.chunks(delivery.app.topic(KPI_VALUES), nothing, replayed=True)
    old, new, untouched = (TP(CASE_EVENTS, partition) for partition in range(3))
    replayed, foreign = TP(KPI_VALUES, 0), TP(KPI_TALLIES, 0)
    delivery._take_over(frozenset({old.partition}))
    consumer = Assigned(delivery, {old: 5, new: 7, untouched: None, replayed: 9, foreign: 4})
    assert asyncio.run(consumer._starts()) == {old: 5, new: 7, untouched: 3, replayed: 3}
    delivery.rows(old.partition).lost.add(b"row")
    assert asyncio.run(consumer._starts()) == {old: 3, new: 7, untouched: 3, replayed: 3}


def test_rows_are_published_only_where_there_is_a_table() -> None:
    delivery = Unconnected()
    delivery.open(TP(CASE_EVENTS, 0))
    with pytest.raises(LookupError, match="keeps no table"):
        asyncio.run(delivery.publish(0))


# ---- audit ---------------------------------------------------------------------------------------------------
def test_an_audit_while_the_broker_is_away_is_put_off() -> None:
    """Raised from its timer, the refused connection ended every worker of a group at the same minute."""
    delivery = Unconnected(f"kafka://127.0.0.1:{free_ports(1)[0]}", table="rows")
    delivery.open(TP(CASE_EVENTS, 0))
    asyncio.run(delivery._audit())
    assert delivery.ready and delivery.owned == {0}
