"""From an act to its record. A form that is sent twice is one record, by its id. A page waits a moment for it."""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol

from services.desk.acting.acts import Made
from services.ledger.records import LedgerRecords
from services.ledger.texts import Texts, salted_hash
from services.ledger.writer import LedgerAway, NotRecorded, answer_of
from services.messaging.records.decisions import Statement
from services.messaging.records.ledger import LedgerRecord, Request

WAIT_SECONDS: Final = 2.0
"""How long a page waits for its own record."""
_POLL_SECONDS: Final = 0.05
_MOST_WAITING: Final = 10_000
"""Requests without an answer that are remembered."""
_FORM: Final = re.compile(r"[0-9a-f]{32}")


def new_form() -> str:
    """The id of a form, made when it is rendered: 128 random bits, in hex."""
    return secrets.token_hex(16)


def is_form(id: str) -> bool:
    """Whether a text is the id of a form."""
    return _FORM.fullmatch(id) is not None


class Pending(NamedTuple):
    """It is not recorded yet; it may be in a moment."""

    id: str
    """Of the request."""


class Repeated(NamedTuple):
    """The form was sent before, and said something else then: this is what was recorded."""

    record: LedgerRecord


Result = LedgerRecord | NotRecorded | Repeated | Pending


class Sender(Protocol):
    """Asks the keeper: `services.ledger.writer.RequestSender`, or a ledger in memory."""

    def send(self, request: Request, timeout_seconds: float) -> None:
        """Raises LedgerAway, RequestInvalid."""


class Sent(NamedTuple):
    """Which form of whom a request comes from."""

    form: str
    account: str
    act: str
    subject: str

    @property
    def id(self) -> str:
        """Of the request. The form itself is in no record: whoever knew it could guess a text that was erased."""
        return f"desk/{self._digest('id').hex()}"

    @property
    def salt(self) -> bytes:
        """Of the text of the form: the same form with the same text is one row of the store."""
        return self._digest("salt")[:16]

    def _digest(self, purpose: str) -> bytes:
        return hashlib.sha256("\0".join((purpose, *self)).encode()).digest()


class Recording:
    """Asks for records, and waits for them. Any thread may ask."""

    def __init__(
        self, records: LedgerRecords, texts: Texts, sender: Sender, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._records = records
        self._texts = texts
        self._sender = sender
        self._pause = pause
        self._waiting: dict[str, str] = {}
        """Id of a request that has no answer yet → the hash of its text."""
        self.writer = f"desk-{os.getpid()}-{secrets.token_hex(4)}"

    def record(self, made: Made, text: str, sent: Sent, seen: int) -> Result:
        """Record what somebody does. `text`: what they wrote; empty: nothing. `seen`: up to which record the ledger was
        known when the form was rendered.

        Raises ValueError where it can never be recorded, LedgerUnavailable."""
        before = self.answer(sent.id)
        if text:
            made = made._replace(texts={"text": salted_hash(sent.salt, text)})
        if before is None:
            if self._waits_with_another_text(sent.id, made.texts.get("text", "")):
                return Pending(sent.id)  # the first one counts, and the text of this one would be nobody's
            if text:
                self._texts.keep(text, made.unit if isinstance(made, Statement) else "", sent.salt)
        if isinstance(made, Statement):
            request = made.request(sent.id, self.writer)
        else:
            request = made.request(sent.id, self.writer, seen)
        result = self._result(request, before)
        if not isinstance(result, Pending):
            self._waiting.pop(sent.id, None)
        if isinstance(result, NotRecorded):
            self._texts.erase(request.texts.values())  # no record has it
        if isinstance(result, Repeated):
            self._texts.erase(set(request.texts.values()) - set(result.record.request.texts.values()))
        return result

    def _waits_with_another_text(self, id: str, hash: str) -> bool:
        """Whether the same form was sent with another text, and nobody knows yet what came of that."""
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.pop(next(iter(self._waiting)), None)
        return self._waiting.setdefault(id, hash) != hash

    def ask(self, request: Request) -> Result:
        """Record another request, whose id says which form it comes from."""
        return self._result(request, self.answer(request.id))

    def answer(self, id: str) -> LedgerRecord | NotRecorded | None:
        """What came of a request; None: nothing yet."""
        record = self._records.answer_to(id)
        return None if record is None else answer_of(record)

    def _result(self, request: Request, before: LedgerRecord | NotRecorded | None) -> Result:
        answer = before or self._asked(request)
        if isinstance(answer, LedgerRecord) and not _says(answer, request):
            return Repeated(answer)
        return answer or Pending(request.id)

    def _asked(self, request: Request) -> LedgerRecord | NotRecorded | None:
        until = time.monotonic() + WAIT_SECONDS
        with suppress(LedgerAway):  # it may be there nevertheless: the index says so
            self._sender.send(request, WAIT_SECONDS)
        while True:
            answer = self.answer(request.id)
            if answer is not None or time.monotonic() >= until:
                return answer
            self._pause(_POLL_SECONDS)


def _says(record: LedgerRecord, request: Request) -> bool:
    """Whether a record says what a request does. What has arrived between two clicks is no other content."""
    return (_said(record.request), record.request.texts) == (_said(request), dict(request.texts))


def _said(request: Request) -> dict[str, Any]:
    data = request.body.get("data")
    return {**request.body, "data": {**data, "through": None} if isinstance(data, dict) else data}
