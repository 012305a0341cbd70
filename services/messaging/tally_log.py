"""What a reader makes of `kpi.tallies`, the log between the two stages; its records are in `records/tallies.py`.

The topic has one partition: it is one ordered log. A new owner of a source partition appends a *claim* with its *epoch*
(the offset of its claim in the changelog, which only grows). It then appends all its rows, then *complete*. From there
on its rows count, and those of lower epochs are dropped. Until then the rows of the epoch before count.
A row is absolute: appending it twice changes nothing. A row of a lower epoch than the last claim was written by a
frozen worker and is ignored. What an owner changes later counts from its next *progress* on: a case that moves from one
row to another is never in both or in none, wherever the reader is in the log.

The topic is compacted: of each key the last record is kept. So the epoch is part of a key: a frozen worker's record
cannot replace its successor's, and removing an old record never removes a new one. A compacted log says the same as
the whole one. (Of progress only the last record counts, whoever wrote it; the present owner writes its next one soon.)

A record that cannot be read is passed over. If its key is that of a row, it may have replaced a good one: the sums of
its partition are then incomplete, and there is no watermark until a row with that key is read, or another owner is
complete.
"""

from collections.abc import Collection, Iterable, Iterator

from services.domain.sums.tally import Tally, TallyKey
from services.domain.time.zone import Instant
from services.messaging.records.fields import Unreadable
from services.messaging.records.tallies import (
    Claim,
    Complete,
    Progress,
    TallyRow,
    decode,
    mark_keys,
    owner_of_row,
)

_Owner = tuple[int, int]
"""Source partition and epoch."""
_Rows = dict[TallyKey, tuple[bytes, Tally]]
"""Tally key → record key and tally."""


class TallyLog:
    """Reads the log from its beginning and holds what it says: tallies over all partitions, and how far they go."""

    def __init__(self) -> None:
        self._epochs: dict[int, int] = {}
        """Source partition → epoch of the last claim."""
        self._complete: dict[int, int] = {}
        """Source partition → the epoch whose rows count."""
        self._rows: dict[_Owner, _Rows] = {}
        self._waiting: dict[_Owner, _Rows] = {}
        """Rows that were changed since the last progress, and count from the next one on."""
        self._progress: dict[int, Progress] = {}
        self._marked: dict[int, set[int]] = {}
        """Source partition → the epochs whose claim or completion the log may still hold."""
        self._ignored: dict[int, set[bytes]] = {}
        """Source partition → keys of frozen workers' rows that arrived while their successor was not complete."""
        self._superseded: dict[bytes, None] = {}
        self._damaged: dict[_Owner, set[bytes]] = {}
        """Owner → keys of rows of which the last record cannot be read."""
        self.changed: set[str] = set()
        """Kpis of which a tally changed since the caller last cleared this set."""

    # ---- reading the log -----------------------------------------------------------------------------
    def append(self, key: bytes | None, value: bytes | None) -> str:
        """Take the next record of the log. Returns why it cannot be read; empty if it can."""
        key = key or b""
        if value is None:
            self._superseded.pop(key, None)  # removed already: only what no longer counts ever is
            self._no_longer_damaged(key)
            return ""
        try:
            self._take(decode(key, value))
        except Unreadable as error:
            self._damage(key)
            return str(error)
        return ""

    def _take(self, record: Claim | Complete | TallyRow | Progress) -> None:
        match record:
            case TallyRow():
                self._row(record)
            case Progress():
                self._progressed(record)
            case Claim():
                self._claimed(*record)
            case Complete():
                self._completed(*record)

    def _damage(self, key: bytes) -> None:
        """A record with this key cannot be read. If it is a row, it is missing in the sums of its owner."""
        owner = owner_of_row(key)
        if owner is not None:
            if owner[1] < self._complete.get(owner[0], -1):
                self._superseded[key] = None
            else:
                self._damaged.setdefault(owner, set()).add(key)

    def _no_longer_damaged(self, key: bytes) -> None:
        if self._damaged and (owner := owner_of_row(key)) in self._damaged:
            self._damaged[owner].discard(key)
            if not self._damaged[owner]:
                del self._damaged[owner]

    def _claimed(self, partition: int, epoch: int) -> None:
        if self._is_outdated(partition, epoch):
            return
        self._marked.setdefault(partition, set()).add(epoch)
        self._epochs[partition] = max(epoch, self._epochs.get(partition, -1))

    def _row(self, row: TallyRow) -> None:
        partition, epoch, record_key, _ = row
        complete = self._complete.get(partition)
        if complete is not None and epoch < complete:
            self._superseded[record_key] = None
            return
        if complete is not None and epoch < self._epochs.get(partition, -1):
            self._ignored.setdefault(partition, set()).add(record_key)  # a frozen worker's: the partition is claimed
            return
        key, tally = row.decode()
        self._no_longer_damaged(record_key)
        rows = self._waiting if complete == epoch else self._rows
        rows.setdefault((partition, epoch), {})[key] = record_key, tally  # also an empty one: its record is in the log

    def _completed(self, partition: int, epoch: int) -> None:
        if self._is_outdated(partition, epoch) or epoch < self._epochs.get(partition, -1):
            return
        self._complete[partition] = epoch
        self._rows.setdefault((partition, epoch), {})
        self.changed.update(key.kpi for owner in self._rows if owner[0] == partition for key in self._rows[owner])
        self._drop_rows_before(partition, epoch)
        self._drop_marks_before(partition, epoch)
        progress = self._progress.get(partition)
        if progress is not None and progress.epoch < epoch:
            del self._progress[partition]  # it is about rows that are dropped; the new ones may not have come so far

    def _drop_rows_before(self, partition: int, epoch: int) -> None:
        """The rows of earlier owners no longer count; their records can be removed."""
        for held in (self._rows, self._waiting):
            for owner in _earlier(held, partition, epoch):
                self._supersede(key for key, _ in held.pop(owner).values())
        for owner in _earlier(self._damaged, partition, epoch):
            self._supersede(self._damaged.pop(owner))
        self._supersede(self._ignored.pop(partition, ()))

    def _drop_marks_before(self, partition: int, epoch: int) -> None:
        marked = self._marked.setdefault(partition, {epoch})
        for outdated in [each for each in marked if each < epoch]:
            self._supersede(mark_keys(partition, outdated))
            marked.remove(outdated)

    def _progressed(self, progress: Progress) -> None:
        partition, epoch = progress.partition, progress.epoch
        if epoch >= max(self._epochs.get(partition, -1), self._complete.get(partition, -1)):
            if epoch > self._complete.get(partition, -1):
                self._completed(partition, epoch)  # it comes before the first progress, but could not be read
            self._progress[partition] = progress
            if changed := self._waiting.pop((partition, epoch), {}):
                self._rows[partition, epoch].update(changed)
                self.changed.update(key.kpi for key in changed)

    def _is_outdated(self, partition: int, epoch: int) -> bool:
        """Whether the rows of a later epoch count; then this owner's records can be removed."""
        if epoch >= self._complete.get(partition, -1):
            return False
        self._supersede(mark_keys(partition, epoch))
        return True

    def _supersede(self, keys: Iterable[bytes]) -> None:
        self._superseded.update(dict.fromkeys(keys))

    # ---- what it says --------------------------------------------------------------------------------
    def tallies(self) -> dict[TallyKey, Tally]:
        """The tallies that count, added up over all source partitions."""
        merged: dict[TallyKey, Tally] = {}
        for key, tally in self._counting():
            held = merged.get(key)
            if held is None:
                held = merged[key] = Tally()
            held.merge(tally)
        return {key: tally for key, tally in merged.items() if not tally.empty}

    def _counting(self) -> Iterator[tuple[TallyKey, Tally]]:
        for partition, epoch in self._complete.items():
            for key, (_, tally) in self._rows.get((partition, epoch), {}).items():
                yield key, tally

    def watermark(self, partitions: int) -> Instant | None:
        """Up to when everything is judged: the least progress over all source partitions; None while one has none, or
        has sums that are incomplete."""
        if self.incomplete():
            return None
        reached = [
            self._progress[partition].swept_to
            for partition in range(partitions)
            if partition in self._progress and self._progress[partition].epoch == self._complete.get(partition)
        ]
        return min(reached) if len(reached) == partitions else None

    def incomplete(self) -> list[int]:
        """The source partitions in whose sums something is missing that could not be read."""
        damaged = {partition for partition, epoch in self._damaged if epoch == self._complete.get(partition)}
        return sorted(damaged | {progress.partition for progress in self._progress.values() if progress.lost})

    def judged_to(self) -> Instant:
        """Nothing in the tallies is judged as of later than this, nor has anything arrived later."""
        return max((progress.latest for progress in self._progress.values()), default=0)

    def progress(self) -> Collection[Progress]:
        """The last progress of each source partition."""
        return self._progress.values()

    def last_events(self) -> dict[str, Instant]:
        """Source → arrival of its last event in any partition."""
        latest: dict[str, Instant] = {}
        for progress in self._progress.values():
            for source, received in progress.sources.items():
                latest[source] = max(received, latest.get(source, received))
        return latest

    def take_superseded(self) -> list[bytes]:
        """Keys of records that no longer count and can be removed from the log."""
        keys, self._superseded = list(self._superseded), {}
        return keys


def _earlier(held: Iterable[_Owner], partition: int, epoch: int) -> list[_Owner]:
    """The owners of a partition before this epoch."""
    return [owner for owner in held if owner[0] == partition and owner[1] < epoch]
