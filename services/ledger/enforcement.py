"""Puts decisions into force: each becomes an event of /operations, which is sent through the gateway until it is taken.

It runs in the process of the keeper, which alone has the key of /operations. What the ledger says is all that it needs:
a decision without an outcome is sent, again after each start. The event of a decision has the same id and bytes each
time, so that a repeated one is a duplicate. Decisions on a case are sent in the order of the ledger, one at a time. One
that cannot be sent keeps back those on its own case only.

Only what admission says of an event itself is a refusal. Whatever else the gateway answers, the decision waits.
"""

import logging
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import httpx2

from services.client.client import TIMEOUT, events_url, no_reply, opened, reply_of
from services.client.delivery import Delivery, NoReply, Reply, event_bytes
from services.client.delivery import Request as Post
from services.client.spool import ClientError, Entry
from services.domain.history.decisions import OPERATIONS
from services.domain.intake.refusal import Reason
from services.ledger.database import LedgerUnavailable
from services.ledger.reader import LedgerReader, Place
from services.messaging.reader import BrokerUnavailable
from services.messaging.records.decisions import (
    Matter,
    Refusal,
    decision_of_outcome,
    event_of,
    in_force,
    not_in_force,
    sent_again_by,
    taken_back_by,
)
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.runtime.key_file import read_keys
from services.runtime.text_file import Unreadable as UnreadableFile

log = logging.getLogger(__name__)

OF_DECISIONS: Final = (Kind.DECIDED, Kind.ASKED, Kind.IN_FORCE, Kind.NOT_IN_FORCE)
"""Records that matter here."""
_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 30.0
_FAILURES: Final = 3
"""So many cases of which nothing can be sent end a round: the gateway itself is likely to be away."""
_CANNOT_BE_READ: Final = Refusal("form", "", "it is no decision that has an event", "decide again")


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
        self._decisions: dict[int, LedgerRecord] = {}
        """Those that are not in force: what waits, and what was refused."""
        self._waiting: dict[int, int] = {}
        """Number of a decision → of the record by which it is sent again; 0: it is sent the first time."""
        self._unreadable: dict[int, LedgerRecord] = {}
        self._asked: dict[int, str] = {}
        """Number of a request of a unit from which an event follows → its subject."""
        self._failures: Counter[str] = Counter()
        """Key of a case → how often in a row nothing could be sent of it."""

    def take(self, records: Iterable[LedgerRecord]) -> None:
        """The next records of the ledger."""
        for record in records:
            outcome, again = decision_of_outcome(record), sent_again_by(record)
            if outcome is not None:
                self._settle(outcome, record)
            elif again in self._decisions:
                self._waiting.setdefault(again, record.number)
            elif self._follows(record):
                self._decisions[record.number] = record
                self._waiting[record.number] = 0

    def _settle(self, decision: int, outcome: LedgerRecord) -> None:
        self._waiting.pop(decision, None)
        self._unreadable.pop(decision, None)
        if outcome.request.kind is Kind.IN_FORCE:
            self._decisions.pop(decision, None)

    @property
    def waiting(self) -> int:
        """How many decisions are not yet in force and not refused."""
        return len(self._waiting)

    def work(self) -> None:
        """Send what waits: of each case in the order of the ledger, those cases first that have failed the least.
        Raises GatewayAway: the rest waits."""
        for record in self._unreadable.values():
            self._ask(not_in_force(record, self._writer, [_CANNOT_BE_READ]))
        self._unreadable.clear()
        away: list[GatewayAway] = []
        cases = self._cases()
        for case in sorted(cases, key=self._failures.__getitem__):
            try:
                self._work_on(cases[case])
                self._failures.pop(case, None)
            except GatewayAway as error:
                self._failures[case] += 1
                away.append(error)
            if len(away) == _FAILURES:
                break
        if away:
            raise away[-1]

    def _cases(self) -> dict[str, list[LedgerRecord]]:
        """Key of a case → its decisions that wait."""
        found: dict[str, list[LedgerRecord]] = {}
        for number in sorted(self._waiting):
            record = self._decisions[number]
            found.setdefault(Matter.read(record.request.body).case_key, []).append(record)
        return found

    def _work_on(self, records: Iterable[LedgerRecord]) -> None:
        for record in records:
            event, number = event_of(record), record.number
            refusals = [] if event is None else self._send(event)
            if any(each.reason == Reason.FROM_THE_FUTURE for each in refusals):
                raise GatewayAway("the gateway's clock is behind that of the keeper: set both right")
            again = self._waiting[number]
            if refusals:
                log.error(
                    "decision %d is not in force: the gateway refuses its event: %s at %s",
                    number, refusals[0].reason, refusals[0].path or "the event",
                )  # fmt: skip
                self._ask(not_in_force(record, self._writer, refusals, again))
            else:
                self._ask(in_force(record, self._writer, again))
            del self._waiting[number]

    def _follows(self, record: LedgerRecord) -> bool:
        try:
            has_event = event_of(record) is not None
            if record.request.kind is Kind.ASKED and has_event:
                return self._is_a_units(record)
            return has_event
        except Unreadable as error:
            log.error("record %d of the ledger is a decision that cannot be read: %s", record.number, error)
            if record.request.kind is Kind.DECIDED:
                self._unreadable[record.number] = record
            return False

    def _is_a_units(self, record: LedgerRecord) -> bool:
        """Whether a unit may have an event: it takes back nothing but a request of a unit, in the same matter."""
        subject, withdrawn = record.request.subject, taken_back_by(record)
        if withdrawn is None:
            self._asked[record.number] = subject
            return True
        if self._asked.get(withdrawn) == subject:
            return True
        log.error(
            "record %d of the ledger takes back what is no request of a unit: its event is not sent", record.number
        )
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
            with closing(opened(None)) as spool:
                spool.add([Entry(event_bytes(event))])
                delivery = Delivery(spool, [operations_key(file)])
                reply = _posted(url, delivery.request())
                delivery.take(reply)
                refusals = [Refusal(*each.refusal) for each in spool.parked()]
        except (ClientError, ValueError, OSError, httpx2.HTTPError) as error:
            raise GatewayAway(str(error) or type(error).__name__) from error
        if isinstance(reply, Reply) and reply.status in _ANSWERS:
            return refusals
        raise GatewayAway(f"the gateway takes no event of this decision{_said(reply, refusals)}")

    return send


_ANSWERS: Final = (202, 422)
"""What a gateway answers once it has checked an event."""


def _posted(url: str, post: Post | None) -> Reply | NoReply:
    if post is None:
        raise ValueError("there is nothing to be sent")
    try:
        return reply_of(httpx2.post(events_url(url), content=post.body, headers=post.headers, timeout=TIMEOUT))
    except httpx2.TransportError as error:
        return no_reply(error)


def _said(reply: Reply | NoReply, refusals: list[Refusal]) -> str:
    status = f" ({reply.status})" if isinstance(reply, Reply) else ""
    return f"{status}: {refusals[0].detail}" if refusals else status


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


class Indexed(NamedTuple):
    """What the index knows of decisions, so that a start reads no more of the ledger than what came after it."""

    place: Place
    """How far it goes."""
    records: Sequence[LedgerRecord]
    """Those about decisions up to there, in order."""


def start(
    bootstrap: str, indexed: Callable[[], Indexed], made: Callable[[], Enforcement], ending: threading.Event
) -> threading.Thread:
    """A thread of the keeper's process. It ends with `ending`; while the broker or the index is away, and after any
    error, it begins again: the keeper records meanwhile. `made`: a new enforcement."""

    def work() -> None:
        while not ending.is_set():
            try:
                enforcement, (place, records) = made(), indexed()
                enforcement.take(records)
                with LedgerReader(bootstrap, place) as ledger:
                    run(ledger, enforcement, ending)
            except (BrokerUnavailable, LedgerUnavailable) as error:
                log.warning("decisions wait to be in force: %s", error)
                ending.wait(_FIRST_WAIT)
            except Exception as error:
                log.error("decisions wait to be in force: an error that nobody expected: %s", _place_of(error))
                ending.wait(_LONGEST_WAIT)

    thread = threading.Thread(target=work, name="enforcement", daemon=True)
    thread.start()
    return thread


def _place_of(error: Exception) -> str:
    """Its type and where it was raised. What it says may quote a case."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
