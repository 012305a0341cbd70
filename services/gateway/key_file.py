"""A file with a key of each source, for whoever sends for all of them: the feed of a demo, a hub of many units.

JSON: source → whole key. Only its owner may read it.
"""

import json
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from services.gateway.key_admin import KeyAdmin, NotPossible
from services.runtime.atomic_file import replace_file
from services.runtime.text_file import Unreadable, read_text


def add_missing_keys(admin: KeyAdmin, sources: Iterable[str], file: Path) -> int:
    """Make a key of each source that has no good one in the file, and write them there; how many were made.

    Raises NotPossible, also where the file is no such file or cannot be written; BrokerUnavailable, KafkaError.
    """
    return admin.add_missing(sources, _read(file), partial(_write, file))


def _write(file: Path, keys: Mapping[str, str]) -> None:
    before = os.umask(0o077)
    try:
        replace_file(file, json.dumps(keys, indent=1), durable=True)
    except OSError as error:
        raise NotPossible(f"{file}: {error.strerror}: name a file that this user may write") from None
    finally:
        os.umask(before)


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    try:
        held = json.loads(read_text(file))
        return {str(source): str(key) for source, key in held.items()}
    except (Unreadable, ValueError, AttributeError):
        raise NotPossible(f"{file}: it is no file of keys: name another one") from None
