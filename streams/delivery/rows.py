"""The rows of one partition: on disk what the changelog has acknowledged, in memory what it has not yet.

The changelog topic is the truth; the disk is a copy that is never ahead of it. That order is what makes a crash
harmless. If a row were on disk before the broker has it, a redelivered event would be recognised as known, change
nothing, and be lost for ever with the disk. Nothing here knows Faust.

A changelog record is `key -> epoch (8 bytes) + row`; a deleted row is `key -> None` with the epoch in a header. The
epoch is the offset of the writer's *claim*: the record, under the empty key, that an owner appends when the
partition becomes its own.

Epochs only grow. So a record whose epoch is lower than one seen before comes from an owner that had been replaced (it
was frozen, or cut off) and did not know it. Such a *stale* record is passed over: everything in it is either
acknowledged already, or was never committed and is worked again by the present owner. The present row is then written
once more, so that compaction, which keeps the last record of a key, keeps the right one.

A record that this program cannot have written (no key, no epoch) is passed over like a stale one, and the present row
is written after it. Where there is no present row, the record may have replaced one: that row is *lost*. Its deletion
is not written, and the partition's events are read again from their beginning (bulk.py). Events are kept for ever, and
an event that is known already changes nothing.
"""

import logging
from collections.abc import Collection, ItemsView, Iterator, MutableMapping, Sequence
from typing import Protocol

from services.messaging.records.fields import Unreadable
from services.messaging.records.rows import CLAIM_KEY, ChangelogRecord, decode
from streams.delivery.stores import Change, Store

_log = logging.getLogger(__name__)


class LoggedRecord(ChangelogRecord, Protocol):
    """What `PartitionRows.absorb` reads of an aiokafka ConsumerRecord."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...


class Superseded(Exception):
    """Another worker has claimed this partition: this one must not write to it any more."""


class PartitionRows(MutableMapping[bytes, bytes]):
    """One partition's rows as their owner works on them. Changes are remembered until `take_changes` hands them to the
    changelog, and are read from memory until the broker has acknowledged them."""

    def __init__(self, store: Store, place: str = "changelog") -> None:
        """`place`: topic and partition of the changelog, for the log."""
        self._store = store
        self._place = place
        self._stored = store.get
        self.position = store.position
        """Offset of the last changelog record that these rows stand for."""
        self._highest_epoch = store.epoch
        self._pending: dict[bytes, bytes | None] = {}
        self._changed: dict[bytes, bytes | None] = {}
        self.epoch = -1
        """Offset of this owner's claim; -1: not claimed."""
        self.stale: set[bytes] = set()
        """Keys whose last changelog record is stale: their row must be written again."""
        self._rewriting: set[bytes] = set()
        self.lost: set[bytes] = set()
        """Keys under which there is nothing but a record that was not written by this program."""
        self._held: int | None = None  # the place to keep on disk while stale records are not written over
        self.disturbed = False
        """Somebody else has written between our own records: the log must be read before anything is committed."""

    # -- the mapping ---------------------------------------------------------------------------------------------------
    def get(self, key: bytes, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
        row = self._pending[key] if key in self._pending else self._stored(key)
        return default if row is None else row

    def __getitem__(self, key: bytes) -> bytes:
        row = self.get(key)
        if row is None:
            raise KeyError(key)
        return row

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.get(key) is not None

    def __setitem__(self, key: bytes, row: bytes) -> None:
        self._pending[key] = self._changed[key] = row

    def __delitem__(self, key: bytes) -> None:
        if self.get(key) is None:
            raise KeyError(key)
        self._pending[key] = self._changed[key] = None

    def items(self) -> ItemsView[bytes, bytes]:
        return _Items(self)

    def __iter__(self) -> Iterator[bytes]:
        return (key for key, _ in self.items())

    def __len__(self) -> int:
        return sum(1 for _ in self.items())

    def _scan(self) -> Iterator[tuple[bytes, bytes]]:
        pending = dict(self._pending)
        for key, row in self._store.items():
            if key not in pending:
                yield key, row
        for key, changed in pending.items():
            if changed is not None:
                yield key, changed

    # -- towards the changelog -----------------------------------------------------------------------------------------
    def take_changes(self) -> dict[bytes, bytes | None]:
        """What changed since the last call, one entry per key."""
        changes, self._changed = self._changed, {}
        return changes

    def acknowledge(self, first: int, changes: Sequence[Change]) -> None:
        """The broker has this owner's changes at the offsets `first`, `first` + 1, …: they may go to the store."""
        last = first + len(changes) - 1
        if last <= self.position:
            return  # read back from the log in the meantime
        if first != self.position + 1:
            self.disturbed = True
            return
        self._note_rewritten(changes)
        self.position = last
        self._write(changes)

    def _note_rewritten(self, changes: Sequence[Change]) -> None:
        """These changes lie behind what was passed over under their keys."""
        if self._rewriting:
            self._rewriting.difference_update(key for key, _ in changes)
        if self.lost:
            self.lost.difference_update(key for key, row in changes if row is not None)
        if not self._rewriting and not self.stale and not self.lost:
            self._held = None

    # -- from the changelog --------------------------------------------------------------------------------------------
    @property
    def unpublished(self) -> bool:
        """Rows were written that no turn has published yet."""
        return bool(self._changed)

    def begin(self, claim: int) -> None:
        """This worker's claim is at offset `claim`. What is in memory only is in the log as well, before the claim."""
        self.epoch = claim
        self._pending.clear()
        self._changed.clear()
        self.stale |= self._rewriting
        self._rewriting.clear()
        self.disturbed = False
        if self.position >= claim:  # it is a position in another changelog, one that was deleted
            self._store.clear()
            self.position = self._highest_epoch = -1
        if self.position == claim - 1:  # nobody else has written: nothing to read
            self.position = self._highest_epoch = claim
            self._write(())

    def absorb(self, records: Sequence[LoggedRecord]) -> int:
        """Apply records read from the log, in order; returns how many rows they changed.

        Raises:
            Superseded: a claim later than this owner's.
        """
        before = self.position
        position, epoch = before, self._highest_epoch
        changes: dict[bytes, bytes | None] = {}
        for record in records:
            if record.offset <= position:
                continue
            position = record.offset
            key = record.key
            if key is None:
                self._pass_over(position, "it has no key")
                continue
            if key == CLAIM_KEY:
                self._check_claim(position)
                epoch = max(epoch, position)
                continue
            try:
                writer, row = _decoded(record)
            except Unreadable as wrong:
                self._pass_over(position, wrong)
                self._hold(key, position)
                if changes.get(key, self.get(key)) is None:
                    self.lost.add(key)
                continue
            if writer < epoch:
                self._hold(key, position)
                continue
            epoch = writer
            changes[key] = row
            self.stale.discard(key)
            self.lost.discard(key)
        if position > before:
            self.position, self._highest_epoch = position, epoch
            self._write(changes.items())
        return len(changes)

    def _check_claim(self, offset: int) -> None:
        """Raises Superseded where the claim at this offset is later than this owner's."""
        if offset > self.epoch >= 0:
            raise Superseded(f"claimed at offset {offset} of the changelog, after {self.epoch}")

    def _pass_over(self, offset: int, reason: object) -> None:
        _log.error("%s, offset %d: the record was not written by this program and is passed over: %s",
                   self._place, offset, reason)  # fmt: skip

    def _hold(self, key: bytes, position: int) -> None:
        """The record of a key at this position is passed over: its row is written behind it."""
        self.stale.add(key)
        if self._held is None:
            self._held = position - 1

    def skip_to(self, position: int) -> None:
        """The log up to `position` has been read, though its last records have been compacted away."""
        if position > self.position:
            self.position = position
            self._write(())

    def rewrite_stale(self) -> None:
        """Mark the rows of stale keys as changed, so that the next publication puts the right row last in the log."""
        for key in self.stale - self.lost:
            self._pending[key] = self._changed[key] = self.get(key)
        self._rewriting |= self.stale - self.lost
        self.stale.clear()

    def forget_lost(self) -> None:
        """All events have been read again: under keys that are still lost there never was a row of ours. Their
        deletion goes after the record that is there."""
        for key in self.lost:
            if self.get(key) is None:
                self._pending[key] = self._changed[key] = None
        self.lost.clear()

    def close(self) -> None:
        self._store.close()

    def _write(self, changes: Collection[Change]) -> None:
        """To the store, with the place to go on from after a crash: before the first stale record that is not written
        over yet, else a worker that came back would not see it, and compaction might keep it. Reading a stretch twice
        is harmless: what is in it is older than the highest epoch, and its present rows are written again."""
        self._store.write(changes, self.position if self._held is None else self._held, self._highest_epoch)
        pending = self._pending
        for key, row in changes:
            if key in pending and pending[key] == row:
                del pending[key]


def _decoded(record: LoggedRecord) -> tuple[int, bytes | None]:
    """Epoch and row of a record. Raises Unreadable where this program cannot have written it."""
    epoch, row = decode(record)
    if epoch > record.offset:
        raise Unreadable("its epoch is of a claim that is still to come")
    return epoch, row


class _Items(ItemsView[bytes, bytes]):
    def __init__(self, rows: PartitionRows) -> None:
        super().__init__(rows)
        self._rows = rows

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return self._rows._scan()
