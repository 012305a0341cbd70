"""Whether a ledger is whole: every record there, unchanged and in its place, and what others hold of it fits.

The chain shows a record that was changed, removed or moved, since the next one does not fit. It does not show that the
end was cut off, nor that the very last records were changed: that is shown by a checkpoint that somebody else holds,
and by the index.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from services.ledger.checkpoints import Checkpoint
from services.ledger.reader import ValidRecords
from services.ledger.recording import answered_by
from services.messaging.reader import Record
from services.messaging.records.fields import Unreadable, fields_of, text
from services.messaging.records.ledger import GENESIS, KEEPERS_ID, LARGEST, Kind, LedgerRecord, chained, content_hash

FORMAT: Final = "kpiwatch-ledger/1"
"""Of the first line of an export."""
_MOST_FAULTS: Final = 50


@dataclass
class Verified:
    """What was found. Hashes take 32 bytes a record."""

    hashes: list[bytes] = field(default_factory=list)
    """Of each record, from number 1 on."""
    checkpoints: list[Checkpoint] = field(default_factory=list)
    """That are in the ledger."""
    faults: list[str] = field(default_factory=list)
    """A sentence each; none: the ledger is whole, as far as it can be seen."""
    hidden: int = 0
    """Records of which an export has the hash only."""
    repeated: int = 0
    """Records that a producer has sent twice: that is no fault."""
    time: str = ""
    """The latest time of a record."""
    proven: int = 0
    """Up to which record the ledger fits to what others hold."""
    rivals: int = 0
    """Records of a second keeper, which nobody counts: that is no fault of the ledger."""

    @property
    def number(self) -> int:
        """Of the last record."""
        return len(self.hashes)

    @property
    def hash(self) -> str:
        """Of the last record, in hex."""
        return self.hashes[-1].hex() if self.hashes else GENESIS

    def fault(self, sentence: str) -> None:
        """Note a fault."""
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(sentence)

    def add(self, hash: str, record: LedgerRecord | None) -> None:
        """The next record. None: only its hash is there."""
        self.hashes.append(bytes.fromhex(hash))
        if record is None:
            self.hidden += 1
            return
        if record.time < self.time:
            self.fault(f"record {record.number} is earlier than one before it: a clock was set back")
        self.time = max(self.time, record.time)
        if record.request.kind is Kind.CHECKPOINT:
            try:
                self.checkpoints.append(Checkpoint.of_record(record))
            except Unreadable as reason:
                self.fault(f"record {record.number} holds no checkpoint: {reason}")

    # ---- what others hold ----------------------------------------------------------------------------
    def compare(self, checkpoints: Iterable[Checkpoint], keys: Iterable[str] = ()) -> None:
        """Compare with checkpoints. `keys`: the public keys that may sign; none: any."""
        allowed = set(keys)
        for one in checkpoints:
            if not one.is_signed:
                self.fault(f"the checkpoint of record {one.number} has no valid signature")
            elif allowed and one.key not in allowed:
                self.fault(f"the checkpoint of record {one.number} is signed by another key, {one.key}")
            self.compare_hash(one.number, one.hash)

    def compare_own(self, keys: Iterable[str] = ()) -> None:
        """The checkpoints in a ledger have to fit to it. They prove nothing: whoever writes it anew may have the key.
        `keys`: as in `compare`."""
        proven = self.proven
        self.compare(self.checkpoints, keys)
        self.proven = proven

    def compare_written(self, written: "Written") -> None:
        """Compare with a checkpoint as a report or a notice has it."""
        self.compare_hash(written.number, written.hash)
        own = [one.signature for one in self.checkpoints if one.number == written.number]
        if own and not any(signature.startswith(written.signature) for signature in own):
            self.fault(f"the ledger has another signature of the checkpoint of record {written.number}")

    def compare_hash(self, number: int, hash: str) -> None:
        """Compare with the number and hash of a checkpoint."""
        if number > self.number:
            self.fault(
                f"a checkpoint covers record {number}, and the ledger ends with record {self.number}: its end was cut "
                f"off, {number - self.number} records are missing"
            )
        elif number < 1 or self.hashes[number - 1].hex() != hash:
            self.fault(
                f"record {number} has another hash than its checkpoint: it, or a record before it, is not the one that "
                "was there"
            )
        else:
            self.proven = max(self.proven, number)

    def compare_index(self, indexed: Iterable[tuple[int, str]]) -> None:
        """Compare with the index: the first record that differs, and what the index has and the ledger does not."""
        last = 0
        for number, hash in indexed:
            last = number
            if number > self.number:
                self.fault(f"the index has record {number}, and the ledger ends with record {self.number}")
                return
            if self.hashes[number - 1].hex() != hash:
                self.fault(f"record {number} is not the one that the index has")
                return
        if not last and self.number:
            self.fault("the index is empty: build it with `kpiwatch ledger rebuild`")


def verify_topic(records: Iterable[Record]) -> Verified:
    """A ledger by the records of its topic, in order."""
    found, valid, void = Verified(), ValidRecords(), _Void()
    for record in records:
        before = valid.void
        read = valid.take(record)
        if read is not None:
            found.add(read.hash, read.record)
            void.note_valid(read.hash, read.record)
            if record.key != read.record.request.id.encode():
                found.fault(f"record {read.record.number} (offset {record.offset}) has the key of another request")
        elif valid.void > before:
            void.judge(record, found)
    found.repeated = valid.repeated
    void.compare(found)
    return found


class _Void:
    """The records that do not fit. Those of a second keeper are no fault: it has asked again for what they answer, and
    its checkpoints are of the one ledger. A record that was put in makes void whatever follows on it: what that answers
    has no other answer, and its checkpoints do not fit any more."""

    def __init__(self) -> None:
        self._known = {GENESIS}
        """Hashes on which a record of a second keeper may follow."""
        self._answered = set[str]()
        """What valid records answer."""
        self._pushed_out: dict[str, str] = {}
        """What void records answer → where the first of them is."""
        self._checkpoints: list[Checkpoint] = []

    def note_valid(self, hash: str, record: LedgerRecord) -> None:
        """The next record of the ledger."""
        self._known.add(hash)
        self._answered.add(answered_by(record.request))

    def judge(self, record: Record, found: Verified) -> None:
        """A record that does not fit: of a second keeper, if it follows on something that is in the topic before it."""
        value = record.value or b""
        try:
            own = LedgerRecord.decode(value)
        except Unreadable as reason:
            found.fault(f"offset {record.offset}: what is there is no record of a ledger, or was changed: {reason}")
            return
        if own.previous in self._known:
            found.rivals += 1
            self._note(own, record.offset)
        else:
            found.fault(
                f"offset {record.offset}: record {own.number} does not follow on record {found.number}: one of the two "
                "was changed, moved, or what was between them removed"
            )
        self._known.add(chained(own.previous, content_hash(value)))

    def _note(self, own: LedgerRecord, offset: int) -> None:
        answered = answered_by(own.request)
        if not answered.startswith(KEEPERS_ID):  # the keeper asks for its own again only while they are true
            self._pushed_out.setdefault(answered, f"offset {offset}: record {own.number}")
        if own.request.kind is Kind.CHECKPOINT:
            with suppress(Unreadable):
                self._checkpoints.append(Checkpoint.of_record(own))

    def compare(self, found: Verified) -> None:
        """Once all is read: what the void records answer, and their checkpoints."""
        lost = [place for answered, place in self._pushed_out.items() if answered not in self._answered]
        if lost:
            found.fault(
                f"{lost[0]} is void, and the ledger has no other answer to its request ({len(lost)} such records): a "
                "record was put in before them. If a second keeper runs at this moment, verify again"
            )
        found.compare(one for one in self._checkpoints if one.is_signed)
        found.proven = 0


# ---- exports -----------------------------------------------------------------------------------------------
def export_lines(records: Iterable[LedgerRecord], unit: str | None) -> Iterator[str]:
    """The lines of an export: of each record its content, or where it belongs to another unit only the hash of it.

    `unit`: None: everything is shown. Checkpoints are shown to everybody.
    """
    yield json.dumps({"format": FORMAT, "unit": unit}, ensure_ascii=False)
    for record in records:
        value = record.value()
        if unit is None or record.request.unit == unit or record.request.kind is Kind.CHECKPOINT:
            yield json.dumps({"record": value.decode()}, ensure_ascii=False)
        else:
            yield json.dumps({"hash": content_hash(value)})


_LONGEST_LINE = 8 * LARGEST
"""Bytes; a record in JSON, in which a byte may become six."""


def verify_export(file: Path) -> Verified:
    """An export by itself. Raises OSError, or ValueError where the file is none."""
    found = Verified()
    with file.open("rb") as source:
        lines = iter(lambda: source.readline(_LONGEST_LINE), b"")  # a device may have no line that ends
        if _line(next(lines, b"")).get("format") != FORMAT:
            raise ValueError(f"{file}: no export of a ledger: name a file of `kpiwatch ledger export`")
        for place, line in enumerate(lines, 2):
            _take_line(_line(line), place, found)
    found.compare_own()
    return found


def _line(line: bytes) -> dict[str, Any]:
    try:
        return fields_of(line)
    except Unreadable:
        return {}


def _take_line(fields: dict[str, Any], place: int, found: Verified) -> None:
    hidden = fields.get("hash")
    try:
        if hidden is not None:
            found.add(chained(found.hash, text(fields, "hash")), None)
            return
        value = text(fields, "record").encode()
        record = LedgerRecord.decode(value)
    except (Unreadable, ValueError) as reason:
        found.fault(f"line {place}: what is there is no record, or was changed: {reason}")
        return
    if record.number != found.number + 1 or record.previous != found.hash:
        found.fault(
            f"line {place}: record {record.number} does not follow on the lines before it: one was changed, moved or "
            "removed"
        )
    found.add(chained(found.hash, content_hash(value)), record)


class Written(NamedTuple):
    """A checkpoint as a report or a notice has it."""

    number: int
    hash: str
    signature: str = ""
    """Its beginning, in base64; empty: it is not given."""


def checkpoint_written(written: str) -> Written:
    """`NUMBER:HASH` as a report prints it, `NUMBER:HASH:SIGNATURE` as a notice has it, or the line in which it is;
    blanks within the hash do not matter. ValueError says what is right."""
    found = _WRITTEN.search(written)
    if found is None:
        raise ValueError(f"{written!r} is no checkpoint; write NUMBER:HASH as a report prints it, or copy the notice")
    return Written(int(found[1]), "".join(found[2].split()).lower(), found[3] or "")


_WRITTEN: Final = re.compile(
    r"(?<![-\w.])([0-9]{1,18})[ \t]*[:：]\s*([0-9a-fA-F](?:\s*[0-9a-fA-F]){63})(?![0-9a-zA-Z])"
    r"(?:[:：]([A-Za-z0-9+/]{16,86}={0,2}))?"
)
