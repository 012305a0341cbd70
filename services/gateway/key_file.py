"""Keys of all sources, kept in a file (services/runtime/key_file.py)."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from services.gateway.key_admin import KeyAdmin, NotPossible
from services.runtime.key_file import read_keys, write_keys
from services.runtime.text_file import Unreadable


def add_missing_keys(admin: KeyAdmin, sources: Iterable[str], file: Path) -> int:
    """Make a key of each source that has no good one in the file, and write them there; how many were made.

    Raises NotPossible, also where the file is no such file or cannot be written; BrokerUnavailable, KafkaError.
    """
    return admin.add_missing(sources, _held(file), partial(_keep, file))


def _keep(file: Path, keys: Mapping[str, str]) -> None:
    try:
        write_keys(file, keys)
    except OSError as error:
        raise NotPossible(f"{file}: {error.strerror}: name a file that this user may write") from None


def _held(file: Path) -> dict[str, str]:
    try:
        return read_keys(file) if file.exists() else {}
    except Unreadable:
        raise NotPossible(f"{file}: it is no file of keys: name another one") from None
