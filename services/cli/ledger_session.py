"""A person at the ledger: what it has about a matter, a request, and the answer."""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, Failure
from services.domain.time.zone import Zone
from services.ledger.writer import Ledger, LedgerAway, LedgerClient, NotRecorded
from services.messaging.reader import BrokerUnavailable
from services.messaging.records.decisions import decision_of_outcome, sent_again_by
from services.messaging.records.ledger import STALE_MAKING, Kind, LedgerRecord, Request

_READ_SECONDS: Final = 60.0
WORDS: Final = {
    Kind.MISSED: "超期或不符合 missed",
    Kind.MET_LATE: "逾期补录 met by late entry",
    Kind.REVERSED: "更正后不再计入 no miss any more",
    Kind.NOTICE: "通知 notice",
    Kind.ACKNOWLEDGED: "签收 acknowledged",
    Kind.REPLIED: "回告 replied",
    Kind.ASKED: "申请 asked",
    Kind.STEP: "督办 step",
    Kind.DECIDED: "决定 decided",
    Kind.IN_FORCE: "决定生效 in force",
    Kind.NOT_IN_FORCE: "决定未生效 not in force",
}


class Session:
    """Reads the ledger once, then asks."""

    def __init__(self, ledger: Ledger, zone: Zone, seconds: Callable[[], float] = time.monotonic) -> None:
        """Raises Failure where the ledger cannot be read to its end."""
        self._ledger = ledger
        self._zone = zone
        self._seconds = seconds
        self._records: list[LedgerRecord] = []
        self.writer = f"cli-{os.getpid()}-{secrets.token_hex(4)}"
        until = seconds() + _READ_SECONDS
        while not ledger.caught_up:
            self._records += ledger.poll()
            if seconds() > until:
                raise Failure("the ledger cannot be read to its end: is Kafka running?", NO_ANSWER)
        self._records += ledger.poll(0)
        self.number = self._records[-1].number if self._records else 0
        """Of the latest record that was read at the start: what is shown is known up to it."""

    def id(self) -> str:
        """Of a new request."""
        return f"{self.writer}/{secrets.token_hex(8)}"

    def record(self, number: int) -> LedgerRecord:
        """Raises Failure where there is no record of this number."""
        found = next((each for each in self._records if each.number == number), None)
        if found is None:
            raise Failure(f"the ledger has no record {number}: it has {self.number:,}", INPUT_HAS_ERRORS)
        return found

    def about(self, subject: str, after: int = 0) -> list[LedgerRecord]:
        """The records about a subject behind a number."""
        return [each for each in self._records if each.number > after and each.request.subject == subject]

    def lines(self, records: Sequence[LedgerRecord]) -> Iterator[str]:
        """Records in words: those that people decide by."""
        for each in records:
            word = WORDS.get(each.request.kind)
            if word is not None:
                yield f"记录 record    #{each.number} {each.time} {word}{_more(each)}"

    def recorded(self, request: Request) -> LedgerRecord:
        """The record of a request. Raises Failure where it is not recorded: of a stale one with what came since."""
        try:
            self._ledger.request(request)
            answer = self._ledger.until_recorded(request)
        except LedgerAway as away:
            raise Failure(str(away), NO_ANSWER) from None
        self._records += self._ledger.poll(0)
        if not isinstance(answer, NotRecorded):
            return answer
        raise Failure(self._why_not(request, answer), INPUT_HAS_ERRORS)

    def _why_not(self, request: Request, answer: NotRecorded) -> str:
        if answer.reason == "claimed":
            return f"not recorded: record {answer.record} has done so already"
        if answer.reason != "stale" or request.seen is None:
            return f"not recorded: the keeper refuses it ({answer.reason})"
        since = [each for each in self.about(request.subject, request.seen) if each.request.kind in STALE_MAKING]
        news = "\n".join(self.lines(since))
        return (
            f"not recorded: it knew the ledger up to record {request.seen}, and since then there is\n{news}\n"
            "Look at the case again, then decide"
        )

    def outcome(self, decision: LedgerRecord, wait: float) -> LedgerRecord | None:
        """The latest that became of the event of a decision, since it was recorded or sent again; None if that is not
        known within so many seconds."""
        number = sent_again_by(decision) or decision.number
        until = self._seconds() + wait
        while True:
            since = [each for each in self._records if each.number > decision.number]
            found = [each for each in since if decision_of_outcome(each) == number]
            left = until - self._seconds()
            if found or left <= 0:
                return found[-1] if found else None
            self._records += self._ledger.poll(min(left, 0.5))


def _more(record: LedgerRecord) -> str:
    body = record.request.body
    named = [
        str(body[name]) for name in ("about", "decision", "step", "until", "by", "withdraws", "again") if name in body
    ]
    named += [f"文字 text {hash}" for hash in record.request.texts.values()]
    return f" ({', '.join(named)})" if named else ""


@contextmanager
def session(bootstrap: str, zone: Zone) -> Iterator[Session]:
    """At the ledger in Kafka. Raises Failure where it does not answer."""
    try:
        client = LedgerClient.open(bootstrap)
    except BrokerUnavailable as error:
        raise Failure(str(error), NO_ANSWER) from None
    with client:
        yield Session(client, zone)
