"""What a process of ours writes to its log: lines in which nothing bites (`services.domain.intake.visible_text`)."""

import logging
import sys
from typing import Any

from services.domain.intake.visible_text import LINES, visible


class SeenRecord(logging.LogRecord):
    """A record of any logger, those of libraries included, whose text is visible; that of its traceback, too."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.exc_info and self.exc_info[0] is not None:
            self.exc_text = visible(logging.Formatter().formatException(self.exc_info), keep=LINES)

    def getMessage(self) -> str:
        """The message with its arguments."""
        return visible(super().getMessage(), keep=LINES)


def start_logging() -> None:
    """To standard error, from INFO on; of the clients of Kafka and of HTTP only what is wrong."""
    logging.setLogRecordFactory(SeenRecord)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for library in ("kafka", "httpx"):
        logging.getLogger(library).setLevel(logging.WARNING)


def complain(error: object) -> None:
    """Why the process ends, on standard error."""
    print(visible(str(error), keep=LINES), file=sys.stderr)
