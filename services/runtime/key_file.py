"""A file with an API key of each source, for whoever sends for all of them: the feed of a demo, a hub of many units.

JSON: source → whole key. Only its owner may read it.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from services.runtime.atomic_file import replace_file
from services.runtime.text_file import Unreadable, read_text


def read_keys(file: Path) -> dict[str, str]:
    """The keys in a file. Raises OSError or Unreadable."""
    try:
        held = json.loads(read_text(file))
        return {str(source): str(key) for source, key in held.items()}
    except (json.JSONDecodeError, RecursionError, AttributeError):
        raise Unreadable("is no file of keys: name another one") from None


def write_keys(file: Path, keys: Mapping[str, str]) -> None:
    """On the disk when it returns. Raises OSError."""
    replace_file(file, json.dumps(keys, indent=1), durable=True, private=True)
