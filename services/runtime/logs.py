"""The log of a process. Control characters in its lines are made visible (`services.domain.intake.visible_text`)."""

import logging
import sys
from typing import Any

from services.domain.intake.visible_text import LINES, visible


class SeenRecord(logging.LogRecord):
    """A record of any logger, libraries included. Control characters in its text and its traceback are made visible.

    Of an error of the Kafka client only its last line stays: a broker that is away is no defect of a program.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.exc_info and self.exc_info[0] is not None:
            text = logging.Formatter().formatException(self.exc_info)
            shown = text.rpartition("\n")[2] if self.name.startswith("kafka.") else text
            self.exc_text = visible(shown, keep=LINES)

    def getMessage(self) -> str:
        """The message with its arguments."""
        return visible(super().getMessage(), keep=LINES)


def start_logging() -> None:
    """Log to standard error, from INFO on; for the Kafka and HTTP clients from WARNING on. The lines of the library for
    retries name no reason: whoever tries again logs its own."""
    logging.setLogRecordFactory(SeenRecord)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for library in ("kafka", "httpx", "httpx2"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.getLogger("stamina").setLevel(logging.ERROR)


def complain(error: object) -> None:
    """Print to standard error why the process ends."""
    print(visible(str(error), keep=LINES), file=sys.stderr)
