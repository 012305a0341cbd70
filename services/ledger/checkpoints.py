"""Checkpoints: signed statements that the ledger had this hash at this number.

They are in the ledger, in a file, in the reports and with the units. A ledger that was changed does not fit to a
checkpoint that somebody else holds: that is why they are given away. The signature (Ed25519) shows who made one.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.messaging.codec import canonical
from services.messaging.records.fields import Unreadable, fields_of, text, whole
from services.messaging.records.ledger import LedgerRecord
from services.runtime.secret_file import kept_secret
from services.runtime.text_file import read_text

EVERY: Final = 1_000
"""Records between two checkpoints, at most."""
SHORT: Final = 16
"""Characters of a signature in its short form."""
FORMAT: Final = "kpiwatch-checkpoint/1"
"""What is signed begins with it, so that no other signature by the key can be taken for one of a checkpoint."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint."""

    number: int
    """Of the last record that it covers."""
    hash: str
    """Of that record, in hex."""
    time: str
    """When it was made: the plan's time."""
    key: str
    """The public key, 32 bytes in hex."""
    signature: str
    """In base64."""

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """Of the fields of a record or of a line. Raises Unreadable."""
        texts = {name: text(fields, name) for name in ("hash", "time", "key", "signature")}
        return cls(number=whole(fields, "number"), **texts)

    @classmethod
    def of_record(cls, record: LedgerRecord) -> Self:
        """The one in a record of the kind `checkpoint`. Raises Unreadable."""
        return cls.of(record.request.body)

    @property
    def fields(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @property
    def written(self) -> str:
        """As a notice has it: number, hash and the beginning of the signature."""
        return f"{self.number}:{self.hash}:{self.signature[:SHORT]}"

    @property
    def is_signed(self) -> bool:
        """Whether the signature is that of the key it names."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))
            key.verify(base64.b64decode(self.signature, validate=True), _signed(self.number, self.hash, self.time))
        except (ValueError, binascii.Error, InvalidSignature):
            return False
        return True


def _signed(number: int, hash: str, time: str) -> bytes:
    """The bytes that are signed."""
    return canonical({"format": FORMAT, "number": number, "hash": hash, "time": time})


class Signer:
    """Makes checkpoints with one private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw().hex()

    @classmethod
    def of_file(cls, file: Path) -> Self:
        """Of the key in a file, made if there is none. Raises OSError, ValueError."""
        try:
            return cls.of_hex(kept_secret(file))
        except ValueError:
            raise ValueError(
                f"{file}: no key of the ledger (64 hex digits). Put it back from a copy. If there is none, remove it: "
                "a new key is made, and its public half has to be given to the units"
            ) from None

    @classmethod
    def of_hex(cls, key: str) -> Self:
        """Of a private key of 32 bytes in hex. Raises ValueError."""
        return cls(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key)))

    def sign(self, number: int, hash: str, time: str) -> Checkpoint:
        """A checkpoint."""
        signature = base64.b64encode(self._key.sign(_signed(number, hash, time))).decode()
        return Checkpoint(number, hash, time, self.public, signature)


class CheckpointFile:
    """The checkpoints in a file, one a line, oldest first."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last: int | None = None

    def add(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Append those that are newer than the last one in it. Raises OSError."""
        for one in checkpoints:
            if self._last is None:
                self._last = max((each.number for each in self._held()), default=0)
            if one.number > self._last:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with self._file.open("a", encoding="utf-8") as sink:
                    sink.write(f"{line_of(one)}\n")
                self._last = one.number

    def signed(self) -> list[Checkpoint]:
        """Those in it whose signature is that of the key that they name, whichever it is. Raises OSError."""
        return [each for each in self._held() if each.is_signed]

    def _held(self) -> Iterator[Checkpoint]:
        """What is in it; a line that was cut off is passed over, and what follows begins a line of its own."""
        try:
            content = self._file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        if content and not content.endswith("\n"):
            with self._file.open("a", encoding="utf-8") as sink:
                sink.write("\n")
        yield from checkpoints_of(content.encode())


def checkpoints_of(lines: bytes) -> Iterator[Checkpoint]:
    """The checkpoints in lines; what is none is passed over."""
    for line in lines.splitlines():
        try:
            yield Checkpoint.of(fields_of(line))
        except Unreadable:
            continue


def line_of(checkpoint: Checkpoint) -> str:
    """A checkpoint as a line of a file."""
    return json.dumps(checkpoint.fields)


def read_checkpoints(file: Path) -> list[Checkpoint]:
    """The checkpoints in a file. Raises OSError, or ValueError with the number of a line that is none."""
    found = []
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(Checkpoint.of(fields_of(line.encode())))
        except Unreadable as reason:
            raise ValueError(f"{file}, line {number}: no checkpoint: {reason}. Name a file of checkpoints") from None
    return found
