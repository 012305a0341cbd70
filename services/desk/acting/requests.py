"""What the records about a matter say of requests, decisions and their withdrawals."""

from collections.abc import Iterable, Iterator, Sequence

from services.acting.decisions import on_not_in_force, on_withdrawal
from services.acting.refused import ActRefused
from services.acting.statements import REQUESTS
from services.messaging.records.decisions import About, decision_of_outcome, sent_again_by, taken_back_by
from services.messaging.records.ledger import Kind, LedgerRecord


class OpenRequests:
    """The requests in one matter that wait. Grows record by record."""

    def __init__(self) -> None:
        self._open: dict[About, list[LedgerRecord]] = {}
        self._answered: dict[int, tuple[About, list[LedgerRecord]]] = {}
        """Number of a decision → the requests that it answered, for a withdrawal."""

    @property
    def every(self) -> list[LedgerRecord]:
        """All of them, in order: two units may ask for the same."""
        return sorted((each for found in self._open.values() for each in found), key=lambda each: each.number)

    @property
    def latest(self) -> dict[About, LedgerRecord]:
        """About → the latest."""
        return {about: found[-1] for about, found in self._open.items() if found}

    def take(self, record: LedgerRecord) -> None:
        """The next record of the matter."""
        if record.request.kind is Kind.ASKED:
            self._ask(record)
        elif record.request.kind is Kind.DECIDED:
            self._decide(record)

    def _ask(self, record: LedgerRecord) -> None:
        number, about = taken_back_by(record), _about(record)
        if about is not None:
            self._open.setdefault(about, []).append(record)
        for found in (*self._open.values(), *(found for _, found in self._answered.values())):
            found[:] = [each for each in found if each.number != number]

    def _decide(self, record: LedgerRecord) -> None:
        about, body = _about(record), record.request.body
        if body.get("about") == About.WITHDRAWAL:
            if (again := self._answered.pop(_number(body.get("withdraws")), None)) is not None:
                self._open[again[0]] = [*again[1], *self._open.get(again[0], [])]
        elif about in self._open and sent_again_by(record) is None:
            self._answered[record.number] = about, self._open.pop(about)


def open_requests(records: Sequence[LedgerRecord]) -> OpenRequests:
    """The requests of units on which nobody has decided, and which are not taken back. A decision that is withdrawn
    leaves its requests open."""
    requests = OpenRequests()
    for record in records:
        requests.take(record)
    return requests


def _about(record: LedgerRecord) -> About | None:
    """What is asked for, or decided on, by a record; None: nothing that a unit asks for."""
    return next((each for each in REQUESTS if each == record.request.body.get("about")), None)


def _withdrawn(records: Iterable[LedgerRecord]) -> set[int]:
    return {_number(each.request.body.get("withdraws")) for each in records}


def decisions_to_withdraw(records: Sequence[LedgerRecord]) -> list[LedgerRecord]:
    """The decisions that can be withdrawn, and are not."""
    withdrawn = _withdrawn(records)
    return [each for each in records if each.number not in withdrawn and _is_withdrawable(each)]


def decisions_to_send_again(records: Sequence[LedgerRecord]) -> list[LedgerRecord]:
    """The decisions that are not in force, and that nobody has sent again or withdrawn since."""
    outcomes = outcomes_of(records)
    withdrawn = _withdrawn(records)
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
