"""Small text files that people write: plans, calendars, mappings. They are read whole, up to a limit: a device, an
endless pipe or a wrong file is refused at once."""

import tomllib
from pathlib import Path
from typing import Any

MOST_BYTES = 4 * 1024 * 1024
"""Ten times the largest file of the shipped plan."""


class Unreadable(ValueError):
    """The file is no such text. The message says what is wrong and what would be right, without the file's name."""


def read_text(path: Path) -> str:
    """The text of a file, with line feeds as line ends and without a byte order mark. Raises OSError or Unreadable."""
    if path.exists() and not path.is_file() and not path.is_dir() and not path.is_fifo():
        raise Unreadable("is a device and no file: name a file of text")
    with path.open("rb") as source:
        content = source.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Unreadable(f"is larger than {MOST_BYTES // 1024 // 1024} MiB: name the right file, or split it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 (line {content.count(10, 0, error.start) + 1}): save it as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parsed_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises ValueError, whose text mostly names the line: `(at line …)`."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file of TOML. OSError, Unreadable."""
    text = read_text(path)
    try:
        return parsed_toml(text)
    except ValueError as error:
        raise Unreadable(f"is not TOML: {error}") from None
