"""Secrets: made at the first start, kept in files that only their owner can read. No repository holds them.

`python -m services.runtime.secret_file [--group] FILE…` makes those that are not there. `--group`: the file's group
reads them, too; that is for containers, whose processes are different users.
"""

import argparse
import contextlib
import os
import secrets
import sys
from pathlib import Path

from services.runtime.logs import complain

OWNER = 0o400
OWNER_AND_GROUP = 0o440
_OTHERS = 0o007
_SHORTEST = 32


def kept_secret(path: Path, mode: int = OWNER) -> str:
    """The secret of a file, made if there is none: 64 hex digits. One that was there keeps its text; other users lose
    their right to read it.

    Raises ValueError if the file holds no secret, OSError if it can be neither read nor made.
    """
    if not path.exists():
        _make(path, mode)
    with contextlib.suppress(PermissionError, OSError):  # mounted read-only: its rights are somebody else's business
        path.chmod(path.stat().st_mode & ~_OTHERS & 0o777)
    text = path.read_text(encoding="ascii", errors="replace").strip()
    if len(text) < _SHORTEST or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(
            f"{path}: no secret of at least {_SHORTEST} printable ASCII characters. Remove the file: a new secret is "
            "made at the next start"
        )
    return text


def _make(path: Path, mode: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    with open(draft, "w", encoding="ascii", opener=lambda name, flags: os.open(name, flags | os.O_EXCL, mode)) as file:
        file.write(f"{secrets.token_hex(32)}\n")
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):  # another process was quicker: its secret is the one
        os.link(draft, path)
    draft.unlink()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m services.runtime.secret_file", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--group", action="store_true", help="the file's group reads it, too")
    given = parser.parse_args(arguments)
    try:
        for path in given.files:
            kept_secret(path, OWNER_AND_GROUP if given.group else OWNER)
            print(path)
    except (OSError, ValueError) as error:
        complain(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
