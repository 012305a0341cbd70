"""What this notifier has asked the keeper for and has no answer to."""

import logging
import math
from collections.abc import Iterable
from typing import Final

from services.ledger.recording import answered_by
from services.ledger.writer import Ledger, LedgerAway
from services.messaging.records.ledger import LedgerRecord, Request, RequestInvalid

log = logging.getLogger(__name__)

REPEAT_SECONDS: Final = 30.0
"""When a request without answer is sent again: Kafka may not have it. With the same id it makes one record at most."""


class Asked:
    """Requests on their way. Not thread-safe."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: dict[str, tuple[Request, float]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, id: str) -> bool:
        return id in self._open

    def send(self, requests: Iterable[Request], seconds: float) -> None:
        """Ask for new records, and again for those that were not answered for a while. Raises LedgerAway: they are
        asked for again later. `seconds`: real ones, from any start."""
        again = [one for one, since in self._open.values() if seconds - since >= REPEAT_SECONDS]
        new = [one for one in requests if self._is_recordable(one)]
        for one in (*again, *new):
            self._open[one.id] = (one, seconds)
        if not (new or again):
            return
        try:
            self._ledger.request(*again, *new)
        except LedgerAway:
            for one in (*again, *new):  # soon again: it is of no use to wait for an answer
                self._open[one.id] = (one, seconds - REPEAT_SECONDS + 1)
            raise

    def _is_recordable(self, request: Request) -> bool:
        """Whether the ledger can record it. What it cannot is not sent, and not asked for again: it would hold up
        everything behind it."""
        try:
            request.checked_record()
        except RequestInvalid as reason:
            if request.id not in self._open:
                log.error("a %s record is not asked for: %s", request.kind.value, reason)
            self._open[request.id] = (request, math.inf)
            return False
        return True

    def take(self, record: LedgerRecord) -> Request | None:
        """A record of the ledger; what it answers, if that was asked for here."""
        found = self._open.pop(answered_by(record.request), None)
        return None if found is None else found[0]
