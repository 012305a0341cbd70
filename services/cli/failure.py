"""What a user is told when a command cannot go on: place, reason and remedy, and an exit code."""

import sys

from services.catalog.load import InvalidPlan
from services.local.failures import PartUnavailable
from services.settings import SettingsError

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
    if _is_of(error, "services.messaging.reader", "BrokerUnavailable"):
        return Failure(str(error), NO_ANSWER)
    if _is_of(error, "kafka.errors", "KafkaError"):
        return Failure(f"Kafka does not answer: {error}. Is it running, and is KPIWATCH_BOOTSTRAP right?", NO_ANSWER)
    if _is_of(error, "httpx", "TransportError"):
        return Failure(f"a part does not answer: {error}. Is it running, and is its address right?", NO_ANSWER)
    if isinstance(error, EOFError | UnicodeDecodeError) or _is_of(error, "gzip", "BadGzipFile"):
        return Failure(f"the input cannot be read to its end: {error}. Write it again", INPUT_HAS_ERRORS)
    if isinstance(error, OSError) and error.filename is not None:
        return Failure(f"{error.filename}: {error.strerror}", WRONG_USAGE)
    return None


def _is_of(error: Exception, module: str, name: str) -> bool:
    """Whether it is an error of a library, without importing the library: whose error it is, is imported."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, getattr(loaded, name))
