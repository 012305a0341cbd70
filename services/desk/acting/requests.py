"""What the records about a matter say of requests, decisions and their withdrawals."""

from collections.abc import Iterator, Sequence

from services.acting.decisions import on_not_in_force, on_withdrawal
from services.acting.refused import ActRefused
from services.acting.statements import REQUESTS
from services.messaging.records.decisions import About, decision_of_outcome, sent_again_by, taken_back_by
from services.messaging.records.ledger import Kind, LedgerRecord


class _Requests:
    """Grows record by record."""

    def __init__(self) -> None:
        self.open: dict[About, LedgerRecord] = {}
        self._answered: dict[int, tuple[About, LedgerRecord]] = {}
        """Number of a decision → the request that it answered, for a withdrawal."""

    def take(self, record: LedgerRecord) -> None:
        """The next record."""
        if record.request.kind is Kind.ASKED:
            self._ask(record)
        elif record.request.kind is Kind.DECIDED:
            self._decide(record)

    def _ask(self, record: LedgerRecord) -> None:
        number, about = taken_back_by(record), _about(record)
        if about is not None:
            self.open[about] = record
        self.open = {each: request for each, request in self.open.items() if request.number != number}

    def _decide(self, record: LedgerRecord) -> None:
        about, body = _about(record), record.request.body
        if body.get("about") == About.WITHDRAWAL:
            again = self._answered.pop(_number(body.get("withdraws")), None)
            if again is not None:
                self.open.setdefault(*again)
        elif about in self.open and sent_again_by(record) is None:
            self._answered[record.number] = about, self.open.pop(about)


def open_requests(records: Sequence[LedgerRecord]) -> dict[About, LedgerRecord]:
    """About → the latest request of a unit on which nobody has decided, and which is not taken back. A decision that is
    withdrawn leaves its request open."""
    requests = _Requests()
    for record in records:
        requests.take(record)
    return requests.open


def _about(record: LedgerRecord) -> About | None:
    """What is asked for, or decided on, by a record; None: nothing that a unit asks for."""
    return next((each for each in REQUESTS if each == record.request.body.get("about")), None)


def decisions_to_withdraw(records: Sequence[LedgerRecord]) -> list[LedgerRecord]:
    """The decisions that can be withdrawn, and are not."""
    withdrawn = {each.request.body.get("withdraws") for each in records}
    return [each for each in records if each.number not in withdrawn and _is_withdrawable(each)]


def decisions_to_send_again(records: Sequence[LedgerRecord]) -> list[LedgerRecord]:
    """The decisions that are not in force, and that nobody has sent again or withdrawn since."""
    outcomes = outcomes_of(records)
    withdrawn = {each.request.body.get("withdraws") for each in records}
    sent = {sent_again_by(each): each.number for each in records if sent_again_by(each) is not None}
    return [
        each
        for each in records
        if each.number not in withdrawn
        and _is_refused(each, outcomes.get(each.number))
        and sent.get(each.number, 0) < outcomes[each.number].number
    ]


def outcomes_of(records: Sequence[LedgerRecord]) -> dict[int, LedgerRecord]:
    """Number of a decision → its latest outcome."""
    return {number: each for each in records if (number := decision_of_outcome(each)) is not None}


def assigned_units(records: Sequence[LedgerRecord]) -> frozenset[str]:
    """The units to which a matter is assigned."""
    found: dict[int, str] = {}
    for record in _decided(records):
        body = record.request.body
        if body.get("about") == About.ASSIGNMENT:
            found[record.number] = str(body.get("to", ""))
        elif body.get("about") == About.WITHDRAWAL:
            found.pop(_number(body.get("withdraws")), None)
    return frozenset(found.values())


def _decided(records: Sequence[LedgerRecord]) -> Iterator[LedgerRecord]:
    return (each for each in records if each.request.kind is Kind.DECIDED)


def _number(given: object) -> int:
    return given if type(given) is int else 0


def _is_withdrawable(record: LedgerRecord) -> bool:
    try:
        on_withdrawal(record, "")
    except ActRefused:
        return False
    return True


def _is_refused(record: LedgerRecord, outcome: LedgerRecord | None) -> bool:
    try:
        on_not_in_force(record, outcome, "")
    except ActRefused:
        return False
    return True
