"""Puts decisions into force: each becomes an event of /operations, which is sent through the gateway until it is taken.

It runs in the process of the keeper, which alone has the key of /operations. What the ledger says is all that it needs:
a decision without an outcome is sent, again after each start. The event of a decision has the same id and bytes each
time, so that a repeated one is a duplicate. Decisions are sent in the order of the ledger, one at a time.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from services.client.client import Client
from services.client.delivery import NoAnswer, Paused
from services.domain.history.decisions import OPERATIONS
from services.ledger.reader import LedgerReader
from services.messaging.reader import BrokerUnavailable
from services.messaging.records.decisions import Refusal, decision_of_outcome, event_of, in_force, not_in_force
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import LedgerRecord, Request
from services.runtime.key_file import read_keys
from services.runtime.text_file import Unreadable as UnreadableFile

log = logging.getLogger(__name__)

_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 30.0


class GatewayAway(Exception):
    """The gateway takes nothing now. The sentence says why; nobody knows whether it has the event."""


Send = Callable[[Mapping[str, Any]], list[Refusal]]
"""Sends one event: the reasons why it is refused; empty: it is stored. Raises GatewayAway."""


class Enforcement:
    """Which decisions wait, and what becomes of them. No thread, no broker."""

    def __init__(self, send: Send, ask: Callable[[Request], object], writer: str) -> None:
        """`ask`: records what the keeper alone may record. `writer`: the keeper's name."""
        self._send = send
        self._ask = ask
        self._writer = writer
        self._waiting: dict[int, LedgerRecord] = {}

    def take(self, records: Iterable[LedgerRecord]) -> None:
        """The next records of the ledger."""
        for record in records:
            outcome = decision_of_outcome(record)
            if outcome is not None:
                self._waiting.pop(outcome, None)
            elif self._follows(record):
                self._waiting[record.number] = record

    @property
    def waiting(self) -> int:
        """How many decisions are not yet in force and not refused."""
        return len(self._waiting)

    def work(self) -> None:
        """Send what waits, in the order of the ledger. Raises GatewayAway: the rest waits."""
        for number, record in list(self._waiting.items()):
            event = event_of(record)
            refusals = [] if event is None else self._send(event)
            if refusals:
                log.error(
                    "decision %d is not in force: the gateway refuses its event: %s at %s",
                    number, refusals[0].reason, refusals[0].path or "the event",
                )  # fmt: skip
                self._ask(not_in_force(record, self._writer, refusals))
            else:
                self._ask(in_force(record, self._writer))
            del self._waiting[number]

    @staticmethod
    def _follows(record: LedgerRecord) -> bool:
        try:
            return event_of(record) is not None
        except Unreadable as error:
            log.error("record %d of the ledger is a decision that cannot be read: %s", record.number, error)
            return False


class NoKey(ValueError):
    """The file of keys has none of /operations."""


def operations_key(file: Path) -> str:
    """The key of /operations out of a file of keys, as `kpiwatch sources add-keys` writes it. Raises NoKey."""
    try:
        key = read_keys(file).get(OPERATIONS)
    except OSError as error:
        raise NoKey(f"{file}: {error.strerror}: name a file of keys that this user may read") from None
    except UnreadableFile as error:
        raise NoKey(f"{file}: {error}") from None
    if key is None:
        raise NoKey(f"{file}: it has no key of {OPERATIONS}: make one with `kpiwatch sources add-key {OPERATIONS}`")
    return key


def sending_to(url: str, file: Path) -> Send:
    """Sends through the gateway at an address. The file of keys is read each time: a key may be rotated meanwhile."""

    def send(event: Mapping[str, Any]) -> list[Refusal]:
        try:
            with Client(url, operations_key(file), patience=0) as client:
                client.send([event])
                return [Refusal(*each.refusal) for each in client.parked()]
        except (NoAnswer, Paused, NoKey) as error:
            raise GatewayAway(str(error)) from error

    return send


class Ledger(Protocol):
    """The ledger from its beginning: see `LedgerReader`."""

    @property
    def caught_up(self) -> bool: ...

    def poll(self, timeout_seconds: float = 0.5) -> list[LedgerRecord]: ...


def run(ledger: Ledger, enforcement: Enforcement, ending: threading.Event) -> None:
    """Reads and sends until it is to end. While the gateway is away it tries again, later and later."""
    wait = 0.0
    while not ending.wait(wait):
        enforcement.take(ledger.poll())
        if not ledger.caught_up:
            continue
        try:
            enforcement.work()
            wait = 0.0
        except GatewayAway as away:
            if not wait:
                log.warning("%d decisions wait to be in force: %s", enforcement.waiting, away)
            wait = min(_LONGEST_WAIT, 2 * wait or _FIRST_WAIT)


def start(
    bootstrap: str, send: Send, ask: Callable[[Request], object], writer: str, ending: threading.Event
) -> threading.Thread:
    """A thread of the keeper's process. It ends with `ending`; while the broker is away it begins again."""

    def work() -> None:
        while not ending.is_set():
            try:
                with LedgerReader(bootstrap) as ledger:
                    run(ledger, Enforcement(send, ask, writer), ending)
            except BrokerUnavailable as error:
                log.warning("decisions wait to be in force: %s", error)
                ending.wait(_FIRST_WAIT)

    thread = threading.Thread(target=work, name="enforcement", daemon=True)
    thread.start()
    return thread
