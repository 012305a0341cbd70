"""The records in an export of the ledger, to compare them with a replay. `services/ledger/verify.py` checks them."""

from collections.abc import Iterator
from pathlib import Path

from services.ledger.verify import FORMAT
from services.messaging.records.fields import Unreadable, fields_of
from services.messaging.records.ledger import LedgerRecord


def exported_records(file: Path) -> Iterator[LedgerRecord]:
    """The records that an export shows, in their order; those of others are left out. Raises OSError, or ValueError
    where the file is no export, or a line of it is no record."""
    with file.open("rb") as lines:
        if _fields(file, 1, next(lines, b"")).get("format") != FORMAT:
            raise ValueError(f"{file}: no export of a ledger: name a file of `kpiwatch ledger export`")
        for place, line in enumerate(lines, 2):
            shown = _fields(file, place, line).get("record")
            if shown is not None:
                yield _record(file, place, shown)


def _fields(file: Path, place: int, line: bytes) -> dict[str, object]:
    try:
        return fields_of(line)
    except Unreadable:
        raise ValueError(f"{file}:{place}: no line of an export: `kpiwatch ledger verify {file}` says more") from None


def _record(file: Path, place: int, shown: object) -> LedgerRecord:
    try:
        return LedgerRecord.decode(str(shown).encode())
    except Unreadable as wrong:
        raise ValueError(f"{file}:{place}: no record of a ledger: {wrong}") from None
