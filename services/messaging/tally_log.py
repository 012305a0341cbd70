"""`kpi.tallies`, the log between the two stages: what owners of partitions append, and what a reader makes of it.

The topic has one partition: it is one ordered log. A new owner of a source partition appends a *claim* with its *epoch*
(the offset of its claim in the changelog: monotone whatever happens to groups and names). It then appends all its
rows, then *complete*;
from there on its rows count and those of lower epochs are dropped. Until then the rows of the epoch before stand.
Rows are absolute: appending one twice changes nothing. A row of a lower epoch than the last claim is a frozen worker's
and is ignored. The epoch is part of a row's key, so that wiping out an old row can never wipe out a new one.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from services.domain.tally import Tally, TallyKey
from services.domain.zone import Instant

Record = tuple[bytes, bytes | None]
"""Key and value as they are sent."""

_SEPARATOR = "|"


def claim(partition: int, epoch: int) -> Record:
    """The owner of this epoch takes over a source partition."""
    body = {"type": "claim", "partition": partition, "epoch": epoch}
    return f"claim|{partition}".encode(), orjson.dumps(body)


def row(partition: int, epoch: int, key: TallyKey, tally: Tally) -> Record:
    """The whole tally as it stands; an empty one says that it counts nothing any more."""
    name = _SEPARATOR.join(("row", str(partition), str(epoch), key.kpi, key.unit, key.item, str(key.day)))
    body = {"type": "row", "partition": partition, "epoch": epoch, "key": list(key), "tally": tally.packed()}
    return name.encode(), orjson.dumps(body)


def complete(partition: int, epoch: int) -> Record:
    """All rows of this epoch have been appended."""
    body = {"type": "complete", "partition": partition, "epoch": epoch}
    return f"complete|{partition}".encode(), orjson.dumps(body)


class Progress(NamedTuple):
    """How far an owner has got with a source partition."""

    partition: int
    epoch: int
    swept_to: Instant
    """Every case of the partition is judged as of this instant at least."""
    sources: Mapping[str, Instant]
    """Source → arrival of its last event in this partition."""
    lag: int
    """Records of `case.events` not yet read."""
    position: int = 0
    """Every record of the partition before this offset is in the rows."""
    dead_letters: Mapping[str, int] = {}
    """Reason → how many events were turned away since the owner took over."""

    def record(self) -> Record:
        """As it is sent."""
        return f"progress|{self.partition}".encode(), orjson.dumps({"type": "progress", **self._asdict()})


class TallyLog:
    """Reads the log from its beginning and holds what it says: tallies over all partitions, and how far they go."""

    def __init__(self) -> None:
        self._epochs: dict[int, int] = {}
        """Source partition → epoch of the last claim."""
        self._complete: dict[int, int] = {}
        """Source partition → the epoch whose rows count."""
        self._rows: dict[tuple[int, int], dict[TallyKey, tuple[bytes, Tally]]] = {}
        self._progress: dict[int, Progress] = {}
        self._superseded: list[bytes] = []
        self.changed: set[str] = set()
        """Kpis of which a tally changed since the caller last cleared this set."""

    # ---- reading the log -----------------------------------------------------------------------------
    def append(self, key: bytes, value: bytes | None) -> None:
        """Take in the next record of the log."""
        if value is None:
            return  # only rows that no longer count are wiped out
        body = orjson.loads(value)
        match body["type"]:
            case "claim":
                partition = body["partition"]
                self._epochs[partition] = max(body["epoch"], self._epochs.get(partition, -1))
            case "row":
                self._row(key, body)
            case "complete":
                self._completed(body["partition"], body["epoch"])
            case "progress":
                del body["type"]
                progress = Progress(**body)
                if progress.epoch >= self._epochs.get(progress.partition, -1):
                    self._progress[progress.partition] = progress

    def _row(self, key: bytes, body: dict[str, Any]) -> None:
        partition, epoch = body["partition"], body["epoch"]
        if epoch < self._complete.get(partition, -1):
            self._superseded.append(key)
            return
        if epoch < self._epochs.get(partition, -1) and self._complete.get(partition) is not None:
            return  # a frozen worker's: its successor has claimed the partition
        tally_key, tally = TallyKey(*body["key"]), Tally.unpacked(body["tally"])
        rows = self._rows.setdefault((partition, epoch), {})
        if tally.empty:
            rows.pop(tally_key, None)
        else:
            rows[tally_key] = key, tally
        if self._complete.get(partition) == epoch:
            self.changed.add(tally_key.kpi)

    def _completed(self, partition: int, epoch: int) -> None:
        if epoch < self._epochs.get(partition, -1):
            return
        self._complete[partition] = epoch
        self._rows.setdefault((partition, epoch), {})
        for held in [held for held in self._rows if held[0] == partition]:
            self.changed.update(key.kpi for key in self._rows[held])
            if held[1] < epoch:
                self._superseded += [key for key, _ in self._rows[held].values()]
                del self._rows[held]

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
        """Keys of rows that count no more and can be wiped out of the log."""
        keys, self._superseded = self._superseded, []
        return keys
