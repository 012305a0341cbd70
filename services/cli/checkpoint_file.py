"""The checkpoint that reports and briefings print."""

from pathlib import Path

from services.cli.failure import WRONG_USAGE, Failure
from services.ledger.checkpoints import Checkpoint, read_checkpoints
from services.runtime.settings import Settings


def latest_checkpoint(file: Path | None, command: str) -> Checkpoint | None:
    """The latest of a file; where none is named, of the keeper's own, if it is there. Raises Failure."""
    own = Settings.from_environment().checkpoints
    if file is None and not own.is_file():
        return None
    try:
        return max(read_checkpoints(file or own), key=lambda one: one.number, default=None)
    except ValueError as error:
        raise Failure(f"{command}: {error}", WRONG_USAGE) from None
