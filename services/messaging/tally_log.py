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

A record that cannot be read is passed over. Where it is under the key of a row it may stand in the place of a good one:
the sums of its partition are then incomplete, and there is no watermark until a row under that key is read, or another
owner is complete.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from services.domain.sums.tally import TALLY_FIELDS, Tally, TallyKey
from services.domain.time.zone import Instant
from services.messaging.decoding import Unreadable, fields_of, is_whole, whole

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
    body = {"type": "row", "partition": partition, "epoch": epoch, "key": list(key), "tally": tally.packed()}
    return _row_name(partition, epoch, key), orjson.dumps(body)


def complete(partition: int, epoch: int) -> Record:
    """All rows of this epoch have been appended."""
    body = {"type": "complete", "partition": partition, "epoch": epoch}
    return _mark("complete", partition, epoch), orjson.dumps(body)


def _mark(kind: str, partition: int, epoch: int) -> bytes:
    return _SEPARATOR.join((kind, str(partition), str(epoch))).encode()


_MARKS = ("claim", "complete")


def _row_name(partition: int, epoch: int, key: TallyKey) -> bytes:
    return _SEPARATOR.join(("row", str(partition), str(epoch), key.kpi, key.unit, key.item, str(key.day))).encode()


def _owner(key: bytes) -> tuple[int, int] | None:
    """Partition and epoch of a row, by its key; None where the key is no row's."""
    match key.split(b"|", 3):
        case [b"row", partition, epoch, _] if _is_number(partition) and _is_number(epoch):
            return int(partition), int(epoch)
    return None


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) < 20


_LAST_DAY = 3_000_000
"""Ordinal of a day that no event names."""


def _tally_key(parts: Any) -> TallyKey:
    if type(parts) is not list or len(parts) != 4 or not all(type(part) is str for part in parts[:3]):
        raise Unreadable("it names no tally")
    if not parts[0]:
        raise Unreadable("it names no promise and no signal")
    if not is_whole(parts[3], 0, _LAST_DAY):
        raise Unreadable("it names no day")
    return TallyKey(*parts)


def _tally(packed: Any) -> Tally:
    """A tally out of its packed form (`Tally.packed`), looked at: sums that are not these numbers are wrong sums."""
    match packed:
        case [list(cells), list(bins)] if all(map(_is_cell, cells)) and all(map(_is_bin, bins)):
            return Tally.unpacked(packed)
    raise Unreadable("it holds no tally")


def _is_cell(pair: Any) -> bool:
    match pair:
        case [cell, int() | str() as amount] if is_whole(cell, 0, TALLY_FIELDS - 1) and type(amount) is not bool:
            digits = amount.removeprefix("-") if isinstance(amount, str) else "0"
            return digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS
    return False


_DIGITS = 100
"""Sums have fewer."""


def _is_bin(pair: Any) -> bool:
    match pair:
        case [bin, count]:
            return is_whole(bin, -(2**63)) and is_whole(count, -(2**63))
    return False


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
    judged_to: Instant = 0
    """Nothing in the rows is judged as of later than this, whoever judged it. Later than `swept_to` where the clock was
    set back; 0 where the writer did not say."""
    lost: int = 0
    """Rows of the changelog that nobody can read: their cases are missing in the sums."""

    def record(self) -> Record:
        """As it is sent."""
        return _progress_name(self.partition), orjson.dumps({"type": "progress", **self._asdict()})


def _progress_name(partition: int) -> bytes:
    return PROGRESS + str(partition).encode()


def read_progress(key: bytes, value: bytes | None) -> Progress:
    """The progress of a record. Raises Unreadable."""
    return _progress(key, fields_of(value))


def _progress(key: bytes, body: dict[str, Any]) -> Progress:
    """An earlier version may have written more, or less."""
    if key != _progress_name(whole(body, "partition")):
        raise Unreadable("its key names another partition than its value")
    sources = body.get("sources", {})
    if type(sources) is not dict or not all(
        is_whole(arrived, -_LAST_INSTANT, _LAST_INSTANT) for arrived in sources.values()
    ):
        raise Unreadable("it does not say what has arrived from whom")
    for name in ("swept_to", "judged_to"):
        if not is_whole(body.get(name, 0), 0, _LAST_INSTANT):
            raise Unreadable(f"its field {name} is no time")
    return Progress(
        partition=whole(body, "partition"),
        epoch=whole(body, "epoch"),
        swept_to=whole(body, "swept_to"),
        sources=sources,
        lag=whole(body, "lag", 0),
        position=whole(body, "position", 0),
        judged_to=whole(body, "judged_to", 0),
        lost=whole(body, "lost", 0),
    )


_LAST_INSTANT = 13_569_465_600_000_000
"""The year 2400."""


def _latest(progress: Progress) -> Instant:
    return max(progress.swept_to, progress.judged_to, *progress.sources.values())


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
        self._damaged: dict[tuple[int, int], set[bytes]] = {}
        """(source partition, epoch) → keys of rows of which the last record cannot be read."""
        self.changed: set[str] = set()
        """Kpis of which a tally changed since the caller last cleared this set."""

    # ---- reading the log -----------------------------------------------------------------------------
    def append(self, key: bytes | None, value: bytes | None) -> str:
        """Take in the next record of the log. Why it cannot be read and is passed over; empty if it is taken in."""
        key = key or b""
        if value is None:
            self._superseded.pop(key, None)  # wiped out already: only what no longer counts ever is
            self._mended(key)
            return ""
        try:
            self._take(key, fields_of(value))
        except Unreadable as error:
            self._damage(key)
            return str(error)
        return ""

    def _take(self, key: bytes, body: dict[str, Any]) -> None:
        kind = body.get("type")
        if kind == "progress":
            self._progressed(_progress(key, body))
            return
        partition, epoch = whole(body, "partition"), whole(body, "epoch")
        if kind == "row":
            self._row(key, partition, epoch, body)
            return
        if kind not in _MARKS:
            raise Unreadable("its type is none that is known")
        if key not in (_mark(kind, partition, epoch), f"{kind}|{partition}".encode()):  # the second: of older versions
            raise Unreadable("its key names another owner than its value")
        if kind == "claim":
            self._claimed(partition, epoch)
        else:
            self._completed(partition, epoch)

    def _damage(self, key: bytes) -> None:
        """A record under this key cannot be read. A row's is missing in the sums of its owner."""
        owner = _owner(key)
        if owner is not None:
            if owner[1] < self._complete.get(owner[0], -1):
                self._superseded[key] = None
            else:
                self._damaged.setdefault(owner, set()).add(key)

    def _mended(self, key: bytes) -> None:
        if self._damaged and (owner := _owner(key)) in self._damaged:
            self._damaged[owner].discard(key)
            if not self._damaged[owner]:
                del self._damaged[owner]

    def _claimed(self, partition: int, epoch: int) -> None:
        if self._is_outdated(partition, epoch):
            return
        self._marked.setdefault(partition, set()).add(epoch)
        self._epochs[partition] = max(epoch, self._epochs.get(partition, -1))

    def _row(self, key: bytes, partition: int, epoch: int, body: dict[str, Any]) -> None:
        complete = self._complete.get(partition)
        if complete is not None and epoch < complete:
            self._superseded[key] = None
            return
        if complete is not None and epoch < self._epochs.get(partition, -1):
            self._ignored.setdefault(partition, set()).add(key)  # a frozen worker's: the partition has been claimed
            return
        tally_key, tally = _tally_key(body.get("key")), _tally(body.get("tally"))
        if key != _row_name(partition, epoch, tally_key):
            raise Unreadable("its key names another row than its value")
        self._mended(key)
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
        for damaged in [each for each in self._damaged if each[0] == partition and each[1] < epoch]:
            self._supersede(self._damaged.pop(damaged))
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
            if epoch > self._complete.get(partition, -1):
                self._completed(partition, epoch)  # it goes before the first progress, but could not be read
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

    def swept_to(self) -> Instant:
        """The latest progress of any partition."""
        return max((progress.swept_to for progress in self._progress.values()), default=0)

    def judged_to(self) -> Instant:
        """Nothing in the tallies is judged as of later than this, nor has anything arrived later."""
        return max((_latest(progress) for progress in self._progress.values()), default=0)

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
