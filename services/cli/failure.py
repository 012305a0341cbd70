"""How a command ends when it cannot go on: a sentence with place, reason and remedy, and an exit code."""

import errno
import sys
from typing import NamedTuple

INPUT_HAS_ERRORS = 1
WRONG_USAGE = 2
NO_ANSWER = 3

_INPUT_CUT_OFF = "the input cannot be read to its end: {}. Write it again; only what is packed has a name in .gz"
_NOT_INSTALLED = (
    "{}: this command needs it. pip install 'kpiwatch[client]' for `send`, 'kpiwatch[tail]' for `import` and `tail`, "
    "'kpiwatch[server]' for all commands"
)


class Failure(Exception):
    """Ends a command. Commands raise it; what libraries raise becomes one in `failure_of`."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.exit_code = exit_code


class KnownError(NamedTuple):
    """An error that a library of ours or of others raises, and how it ends a command."""

    module: str
    name: str
    exit_code: int
    sentence: str = "{}"
    """With the error's own text in place of the braces."""


KNOWN = (
    KnownError("services.acting.refused", "ActUnclear", WRONG_USAGE),
    KnownError("services.acting.refused", "ActRefused", INPUT_HAS_ERRORS),
    KnownError("services.catalog.load.plan_folder", "InvalidPlan", INPUT_HAS_ERRORS),
    KnownError("services.runtime.settings", "SettingsError", WRONG_USAGE),
    KnownError("services.local.failures", "PartUnavailable", NO_ANSWER),
    KnownError("services.runtime.atomic_file", "BeingWritten", WRONG_USAGE),
    KnownError("services.backfill.store", "StoreSilent", NO_ANSWER),
    KnownError("services.backfill.store", "StoreRefused", WRONG_USAGE),
    KnownError("services.messaging.reader", "BrokerUnavailable", NO_ANSWER),
    KnownError("services.client.spool", "SpoolUnusable", WRONG_USAGE),
    KnownError("services.casebook.database", "CasebookUnavailable", NO_ANSWER, "cases: {}"),
    KnownError("services.ledger.database", "LedgerUnavailable", NO_ANSWER, "ledger: {}"),
    KnownError("services.desk.accounts.database", "AccountsUnavailable", NO_ANSWER, "desk: {}"),
    KnownError("services.ledger.writer", "LedgerAway", NO_ANSWER, "ledger: {}"),
    KnownError("services.messaging.records.ledger", "RequestInvalid", INPUT_HAS_ERRORS, "{}: shorten what it says"),
    KnownError(
        "kafka.errors",
        "KafkaError",
        NO_ANSWER,
        "Kafka does not answer: {}. Is it running, and is KPIWATCH_BOOTSTRAP right?",
    ),
    KnownError(
        "httpx",
        "TransportError",
        NO_ANSWER,
        "a part does not answer: {}. Is it running, and is its address right?",
    ),
    KnownError("builtins", "ModuleNotFoundError", WRONG_USAGE, _NOT_INSTALLED),
    KnownError("builtins", "EOFError", INPUT_HAS_ERRORS, _INPUT_CUT_OFF),
    KnownError("builtins", "UnicodeDecodeError", INPUT_HAS_ERRORS, _INPUT_CUT_OFF),
    KnownError("gzip", "BadGzipFile", INPUT_HAS_ERRORS, _INPUT_CUT_OFF),
)
"""By name, so that no library is imported for its errors: one that is not imported raises none. The first entry that
fits is taken."""


def failure_of(error: Exception) -> Failure | None:
    """The failure that an error means for a command; None where the error is a defect of ours."""
    if isinstance(error, Failure):
        return error
    for known in KNOWN:
        if _is(error, known):
            return Failure(known.sentence.format(error), known.exit_code)
    if isinstance(error, OSError) and (error.filename is not None or error.errno == errno.ENOSPC):
        place = f"{error.filename}: " if error.filename is not None else ""
        remedy = _REMEDIES.get(error.errno or 0, "")
        return Failure(f"{place}{error.strerror}{remedy}", WRONG_USAGE)
    return None


def _is(error: Exception, known: KnownError) -> bool:
    module = sys.modules.get(known.module)
    return module is not None and isinstance(error, getattr(module, known.name))


_REMEDIES = {
    errno.ENOENT: ": look for a slip in its name",
    errno.EISDIR: ": name the files in it",
    errno.EACCES: ": let this user read and write there, or name another file",
    errno.ENOSPC: ": make room and start the command again",
}
