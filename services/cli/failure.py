"""What a user is told when a command cannot go on: place, reason and remedy, and an exit code."""

import errno
import sys

from services.catalog.load.plan_folder import InvalidPlan
from services.local.failures import PartUnavailable
from services.process.atomic_file import BeingWritten
from services.process.settings import SettingsError

INPUT_HAS_ERRORS = 1
WRONG_USAGE = 2
NO_ANSWER = 3


class Failure(Exception):
    """Ends a command. Commands raise it; what libraries raise becomes one in `failure_of`."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.exit_code = exit_code


def failure_of(error: Exception) -> Failure | None:
    """What to tell of an error; None where it is a defect of ours."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, InvalidPlan):
        return Failure(str(error), INPUT_HAS_ERRORS)
    if isinstance(error, SettingsError):
        return Failure(str(error), WRONG_USAGE)
    if isinstance(error, PartUnavailable):
        return Failure(str(error), NO_ANSWER)
    if isinstance(error, BeingWritten):
        return Failure(str(error), WRONG_USAGE)
    if _is_of(error, "services.backfill.store", "StoreSilent"):
        return Failure(str(error), NO_ANSWER)
    if _is_of(error, "services.backfill.store", "StoreRefused"):
        return Failure(str(error), WRONG_USAGE)
    if _is_of(error, "services.messaging.reader", "BrokerUnavailable"):
        return Failure(str(error), NO_ANSWER)
    if _is_of(error, "kafka.errors", "KafkaError"):
        return Failure(f"Kafka does not answer: {error}. Is it running, and is KPIWATCH_BOOTSTRAP right?", NO_ANSWER)
    if _is_of(error, "httpx", "TransportError"):
        return Failure(f"a part does not answer: {error}. Is it running, and is its address right?", NO_ANSWER)
    if isinstance(error, EOFError | UnicodeDecodeError) or _is_of(error, "gzip", "BadGzipFile"):
        remedy = "Write it again; only what is packed has a name in .gz"
        return Failure(f"the input cannot be read to its end: {error}. {remedy}", INPUT_HAS_ERRORS)
    if isinstance(error, OSError) and (error.filename is not None or error.errno == errno.ENOSPC):
        place = f"{error.filename}: " if error.filename is not None else ""
        remedy = _REMEDIES.get(error.errno or 0, "")
        return Failure(f"{place}{error.strerror}{remedy}", WRONG_USAGE)
    return None


_REMEDIES = {
    errno.ENOENT: ": look for a slip in its name",
    errno.EISDIR: ": name the files in it",
    errno.EACCES: ": let this user read and write there, or name another file",
    errno.ENOSPC: ": make room and start the command again",
}


def _is_of(error: Exception, module: str, name: str) -> bool:
    """Whether it is an error of a library, without importing the library: whose error it is, is imported."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, getattr(loaded, name))
