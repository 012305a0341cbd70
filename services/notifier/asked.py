"""What this notifier has asked the keeper for and has no answer to."""

import logging
from collections.abc import Iterable
from typing import Final

from services.ledger.recording import NO_CANONICAL_FORM, TOO_LARGE, answered_by
from services.ledger.writer import Ledger, LedgerAway
from services.messaging.records.ledger import LARGEST, Kind, LedgerRecord, Request, RequestInvalid

log = logging.getLogger(__name__)

REPEAT_SECONDS: Final = 30.0
"""When a request without answer is sent again: Kafka may not have it. With the same id it makes one record at most."""

_OF_THE_KEEPER: Final = 2_000
"""Bytes that a record has beside its request."""


class Asked:
    """Requests on their way. Not thread-safe."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: dict[str, tuple[Request, float]] = {}
        self._impossible: list[Request] = []

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, id: str) -> bool:
        return id in self._open

    def send(self, requests: Iterable[Request], seconds: float) -> None:
        """Ask for new records, and again for those that were not answered for a while. Raises LedgerAway: they are
        asked for again later. One that no keeper can record is not sent: see `impossible`. `seconds`: real ones, from
        any start."""
        again = [one for one, since in self._open.values() if seconds - since >= REPEAT_SECONDS]
        new = [one for one in requests if self._is_possible(one)]
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

    def _is_possible(self, request: Request) -> bool:
        if _can_be_recorded(request):
            return True
        log.error("a %s is too large or has no form for the ledger: it is not asked for", request.kind.value)
        self._impossible.append(request)
        return False

    def impossible(self) -> list[Request]:
        """The requests that were not sent, since no keeper can record them; each once."""
        found, self._impossible = self._impossible, []
        return found

    def take(self, record: LedgerRecord) -> Request | None:
        """A record of the ledger; what it answers, if that was asked for here."""
        found = self._open.pop(answered_by(record.request), None)
        return None if found is None else found[0]


def is_impossible(answer: LedgerRecord) -> bool:
    """Whether an answer of the keeper says that it can never record what was asked for."""
    request = answer.request
    return request.kind is Kind.NOT_RECORDED and request.body.get("reason") in (TOO_LARGE, NO_CANONICAL_FORM)


def _can_be_recorded(request: Request) -> bool:
    """A keeper gives no answer to a request that it cannot read."""
    try:
        value = request.checked_record()[1] or b""
    except RequestInvalid:
        return False
    return len(value) <= LARGEST - _OF_THE_KEEPER
