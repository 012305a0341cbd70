"""`kpi.tallies`, the log between the two stages: what owners of partitions append, and what a reader makes of it.

The topic has one partition: it is one ordered log. A new owner of a source partition appends a *claim* with its *epoch*
(the offset of its claim in the changelog: monotone whatever happens to groups and names). It then appends all its
rows, then *complete*;
from there on its rows count and those of lower epochs are dropped. Until then the rows of the epoch before stand.
Rows are absolute: appending one twice changes nothing. A row of a lower epoch than the last claim is a frozen worker's
and is ignored. What an owner changes later counts from the *progress* behind it on: a case that moves from one row to
another is never in both or in none, wherever the reader stands in the log.

The topic is compacted: of each key the last record stays. So the epoch is part of a key: a frozen worker's record
cannot push out its successor's, and wiping out an old record can never wipe out a new one. A compacted log says the
same as the whole one. (Of progress only the last counts, whoever wrote it; the present owner's next is never far.)
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from services.domain.tally import Tally, TallyKey
from services.domain.zone import Instant

Record = tuple[bytes, bytes | None]
"""Key and value as they are sent."""

PROGRESS = b"progress|"
"""Begins the key of a progress; the partition's number follows."""
_SEPARATOR = "|"


def claim(partition: int, epoch: int) -> Record:
    """The owner of this epoch takes over a source partition."""
    body = {"type": "claim", "partition": partition, "epoch": epoch}
    return _mark("claim", partition, epoch), orjson.dumps(body)


def row(partition: int, epoch: int, key: TallyKey, tally: Tally) -> Record:
    """The whole tally as it stands; an empty one says that it counts nothing any more."""
    name = _SEPARATOR.join(("row", str(partition), str(epoch), key.kpi, key.unit, key.item, str(key.day)))
    body = {"type": "row", "partition": partition, "epoch": epoch, "key": list(key), "tally": tally.packed()}
    return name.encode(), orjson.dumps(body)


def complete(partition: int, epoch: int) -> Record:
    """All rows of this epoch have been appended."""
    body = {"type": "complete", "partition": partition, "epoch": epoch}
    return _mark("complete", partition, epoch), orjson.dumps(body)


def _mark(kind: str, partition: int, epoch: int) -> bytes:
    return _SEPARATOR.join((kind, str(partition), str(epoch))).encode()


_MARKS = ("claim", "complete")


class Progress(NamedTuple):
    """How far an owner has got with a source partition."""

    partition: int
    epoch: int
    swept_to: Instant
    """Every case of the partition is judged as of this instant at least."""
    sources: Mapping[str, Instant]
    """Source → arrival of its last event in this partition."""
    lag: int
    """Records of this partition not yet read."""
    position: int = 0
    """Every record of the partition before this offset is in the rows."""

    def record(self) -> Record:
        """As it is sent."""
        return PROGRESS + str(self.partition).encode(), orjson.dumps({"type": "progress", **self._asdict()})


class TallyLog:
    """Reads the log from its beginning and holds what it says: tallies over all partitions, and how far they go."""

    def __init__(self) -> None:
        self._epochs: dict[int, int] = {}
        """Source partition → epoch of the last claim."""
        self._complete: dict[int, int] = {}
        """Source partition → the epoch whose rows count."""
        self._rows: dict[tuple[int, int], dict[TallyKey, tuple[bytes, Tally]]] = {}
        self._waiting: dict[tuple[int, int], dict[TallyKey, tuple[bytes, Tally]]] = {}
        """Rows that were changed since the last progress, and count from the next one on."""
        self._progress: dict[int, Progress] = {}
        self._marked: dict[int, set[int]] = {}
        """Source partition → the epochs whose claim or completion the log may still hold."""
        self._ignored: dict[int, set[bytes]] = {}
        """Source partition → keys of frozen workers' rows that arrived while their successor was not complete."""
        self._superseded: dict[bytes, None] = {}
        self.changed: set[str] = set()
        """Kpis of which a tally changed since the caller last cleared this set."""

    # ---- reading the log -----------------------------------------------------------------------------
    def append(self, key: bytes, value: bytes | None) -> None:
        """Take in the next record of the log."""
        if value is None:
            self._superseded.pop(key, None)  # wiped out already: only what no longer counts ever is
            return
        body = orjson.loads(value)
        match body["type"]:
            case "claim":
                self._claimed(body["partition"], body["epoch"])
            case "row":
                self._row(key, body)
            case "complete":
                self._completed(body["partition"], body["epoch"])
            case "progress":
                # an earlier version may have said more
                self._progressed(Progress(**{name: body[name] for name in Progress._fields if name in body}))

    def _claimed(self, partition: int, epoch: int) -> None:
        if self._is_outdated(partition, epoch):
            return
        self._marked.setdefault(partition, set()).add(epoch)
        self._epochs[partition] = max(epoch, self._epochs.get(partition, -1))

    def _row(self, key: bytes, body: dict[str, Any]) -> None:
        partition, epoch = body["partition"], body["epoch"]
        complete = self._complete.get(partition)
        if complete is not None and epoch < complete:
            self._superseded[key] = None
            return
        if complete is not None and epoch < self._epochs.get(partition, -1):
            self._ignored.setdefault(partition, set()).add(key)  # a frozen worker's: the partition has been claimed
            return
        tally_key, tally = TallyKey(*body["key"]), Tally.unpacked(body["tally"])
        rows = self._waiting if complete == epoch else self._rows
        rows.setdefault((partition, epoch), {})[tally_key] = key, tally  # also an empty one: its record is in the log

    def _completed(self, partition: int, epoch: int) -> None:
        if self._is_outdated(partition, epoch) or epoch < self._epochs.get(partition, -1):
            return
        self._complete[partition] = epoch
        self._rows.setdefault((partition, epoch), {})
        for held in [held for held in self._rows if held[0] == partition]:
            self.changed.update(key.kpi for key in self._rows[held])
            if held[1] < epoch:
                self._supersede(key for key, _ in self._rows.pop(held).values())
                self._supersede(key for key, _ in self._waiting.pop(held, {}).values())
        self._supersede(self._ignored.pop(partition, ()))
        marked = self._marked.setdefault(partition, {epoch})
        for outdated in [each for each in marked if each < epoch]:
            self._supersede(_mark(kind, partition, outdated) for kind in _MARKS)
            marked.remove(outdated)
        progress = self._progress.get(partition)
        if progress is not None and progress.epoch < epoch:
            del self._progress[partition]  # it spoke of rows that are gone; the present ones may not have come so far

    def _progressed(self, progress: Progress) -> None:
        partition, epoch = progress.partition, progress.epoch
        if epoch >= max(self._epochs.get(partition, -1), self._complete.get(partition, -1)):
            self._progress[partition] = progress
            if changed := self._waiting.pop((partition, epoch), {}):
                self._rows[partition, epoch].update(changed)
                self.changed.update(key.kpi for key in changed)

    def _is_outdated(self, partition: int, epoch: int) -> bool:
        """Whether the rows of a later epoch count; what such a latecomer has written can be wiped out."""
        if epoch >= self._complete.get(partition, -1):
            return False
        self._supersede(_mark(kind, partition, epoch) for kind in _MARKS)
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
        """Up to when everything is judged: the least progress over all source partitions; None while one has none."""
        reached = [
            self._progress[partition].swept_to
            for partition in range(partitions)
            if partition in self._complete and partition in self._progress
        ]
        return min(reached) if len(reached) == partitions else None

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
        """Keys of records that count no more and can be wiped out of the log."""
        keys, self._superseded = list(self._superseded), {}
        return keys
