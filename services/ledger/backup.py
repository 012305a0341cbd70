"""A copy of what is not in Kafka: texts, keys, checkpoints, contacts, accounts of the desk, files of the notifier.

A copy is a tar file with a manifest: the SHA-256 of each file in it. It holds secrets: only its owner may read it. A
text that was erased since must not come back: before texts are put back, the ledger is read for what was erased.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from services.ledger.checkpoints import Checkpoint, checkpoints_of
from services.ledger.texts import StoredText, Texts, erased_by, salted_hash
from services.messaging.records.ledger import LedgerRecord, hash_of
from services.runtime.atomic_file import atomic_file
from services.runtime.settings import Settings

FORMAT: Final = "kpiwatch-backup/1"
_MANIFEST: Final = "manifest.json"
_TEXTS: Final = "texts.jsonl"
_CHECKPOINTS: Final = "checkpoints.jsonl"
ACCOUNTS: Final = "accounts.jsonl"
"""The desk's accounts and log, as the desk writes them."""


class NoBackup(ValueError):
    """A file that is no copy, or a damaged one. The sentence says what is wrong."""


def files_of(settings: Settings) -> dict[str, Path]:
    """Name in the copy → the file of these settings, whether it is there or not."""
    outbox = settings.outbox
    found = {
        "ledger.key": settings.ledger_key,
        _CHECKPOINTS: settings.checkpoints,
        "outbox.jsonl": outbox,
        "outbox.key": outbox.with_suffix(".key"),
        "outbox.alerts.jsonl": outbox.with_suffix(".alerts.jsonl"),
        "webhook.token": settings.webhook_token,
    }
    more = {
        "contacts.toml": settings.contacts,
        "feed-keys.json": settings.feed_keys,
        "operations-keys.json": settings.operations_keys,
    }
    return found | {name: file for name, file in more.items() if file is not None}


def back_up(
    target: Path, files: Mapping[str, Path], texts: Iterable[StoredText], accounts: bytes | None = None
) -> list[str]:
    """Write a copy; the names of what is in it. `accounts`: those of the desk; None: there are none. Raises OSError,
    LedgerUnavailable."""
    contents = {name: file.read_bytes() for name, file in files.items() if file.is_file()}
    if accounts is not None:
        contents[ACCOUNTS] = accounts
    contents[_TEXTS] = "".join(f"{_text_line(one)}\n" for one in texts).encode()
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = json.dumps({"format": FORMAT, "sha256": sums}, indent=1).encode()
    with (
        atomic_file(target, durable=True, private=True) as sink,
        tarfile.open(fileobj=sink, mode="w") as archive,
    ):
        for name, content in {_MANIFEST: manifest, **contents}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return sorted(contents)


def read_backup(source: Path) -> dict[str, bytes]:
    """The files of a copy, each as it was written. Raises OSError, NoBackup."""
    contents = _members(source)
    sums = _sums(contents.pop(_MANIFEST, b""), source)
    damaged = [name for name, sum in sums.items() if hashlib.sha256(contents.get(name, b"")).hexdigest() != sum]
    if damaged or contents.keys() != sums.keys():
        named = ", ".join(damaged) or "a file that its manifest does not have"
        raise NoBackup(f"{source}: damaged ({named}): take another copy")
    return contents


def _members(source: Path) -> dict[str, bytes]:
    if source.exists() and not source.is_file():
        raise NoBackup(f"{source}: no file: name a file of `kpiwatch backup`")  # a device may have no end
    try:
        with tarfile.open(source) as archive:
            members = [each for each in archive.getmembers() if each.isfile()]
            return {each.name: (archive.extractfile(each) or io.BytesIO()).read() for each in members}
    except tarfile.TarError:
        raise NoBackup(f"{source}: no copy of kpiwatch: name a file of `kpiwatch backup`") from None


def _sums(manifest: bytes, source: Path) -> Mapping[str, str]:
    try:
        content = json.loads(manifest)
        if content["format"] == FORMAT:
            return dict(content["sha256"])
    except (ValueError, KeyError, TypeError):
        pass
    raise NoBackup(f"{source}: no copy of kpiwatch, or one of another version: name a file of `kpiwatch backup`")


def put_back(contents: Mapping[str, bytes], files: Mapping[str, Path]) -> list[Path]:
    """Write the files of a copy to where these settings have them; which were written. Raises OSError."""
    written = []
    for name, file in files.items():
        if name in contents:
            file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(file, durable=True, private=True) as sink:
                sink.write(contents[name])
            written.append(file)
    return written


def put_texts_back(contents: Mapping[str, bytes], texts: Texts, erased: Collection[str]) -> int:
    """Put the texts of a copy back, without those that were erased since; how many it has. Raises LedgerUnavailable,
    NoBackup.

    `erased`: the hashes of all texts that the ledger says are erased. They are erased here, too.
    """
    found = list(_texts_of(contents.get(_TEXTS, b"")))
    gone = set(erased)
    kept = [one._replace(salt=None, text=None) if one.hash in gone else one for one in found]
    texts.put(kept)
    texts.erase(gone)
    return len(found)


class Erasures(NamedTuple):
    """What a ledger says of erased texts."""

    hashes: set[str]
    missing: int | None
    """Number of a record that the ledger does not have any more, by a checkpoint: it may lack erasures, too."""


def erasures_in(records: Iterable[LedgerRecord], held: Iterable[Checkpoint] = ()) -> Erasures:
    """The texts that a ledger says are erased. `held`: checkpoints that it must fit."""
    expected = {one.number: one.hash for one in held}
    hashes: set[str] = set()
    for record in records:
        if record.number in expected and hash_of(record.previous, record.value()) == expected[record.number]:
            del expected[record.number]
        hashes.update(erased_by(record))
    return Erasures(hashes, min(expected, default=None))


def checkpoints_in(contents: Mapping[str, bytes]) -> list[Checkpoint]:
    """The checkpoints of a copy whose signature is valid."""
    return [one for one in checkpoints_of(contents.get(_CHECKPOINTS, b"")) if one.is_signed]


def _text_line(one: StoredText) -> str:
    return json.dumps(one._asdict() | {"salt": None if one.salt is None else one.salt.hex()}, ensure_ascii=False)


def _checked(one: StoredText) -> StoredText:
    """Raises ValueError or TypeError where it is not the text of its hash."""
    if one.text is not None and (one.salt is None or salted_hash(one.salt, one.text) != one.hash):
        raise ValueError("another text than its hash says")
    return one


def _texts_of(lines: bytes) -> Iterator[StoredText]:
    try:
        for line in lines.decode().split("\n"):
            if line:
                fields: dict[str, Any] = json.loads(line)
                salt = fields.pop("salt")
                yield _checked(StoredText(salt=None if salt is None else bytes.fromhex(salt), **fields))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NoBackup(f"{_TEXTS}: no texts of kpiwatch: take another copy") from None
