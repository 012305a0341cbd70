"""Cases that the operations centre has assigned to units (交办), and what these have answered since."""

from collections.abc import Collection
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple

from services.messaging.records.decisions import About, Decision, Matter, taken_back_by
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord

ANSWERS = (Kind.ACKNOWLEDGED, Kind.REPLIED, Kind.ASKED)


class AssignmentState(StrEnum):
    """What has become of an assignment."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    """Read, and not answered yet."""
    OVERDUE = "overdue"
    """Not answered on the day by which it was to be."""
    ANSWERED = "answered"
    CLOSED = "closed"
    """The case is completed."""


class Assigned(NamedTuple):
    """One promise and one cycle of a case, assigned to a unit."""

    record: LedgerRecord
    matter: Matter
    unit: str
    until: str
    """The last day on which it is to answer; empty: an older record names none."""

    def state(self, answer: LedgerRecord | None, today: str) -> AssignmentState:
        """By the ledger. `answer`: the unit's latest since; `today`: 2021-10-15."""
        if answer is not None and answer.request.kind is not Kind.ACKNOWLEDGED:
            return AssignmentState.ANSWERED
        if self.until and self.until < today:
            return AssignmentState.OVERDUE
        return AssignmentState.OPEN if answer is None else AssignmentState.ACKNOWLEDGED


class Assignments:
    """Grows record by record. Not thread-safe."""

    def __init__(self) -> None:
        self._all: dict[int, Assigned] = {}
        """Number of its record → every assignment that is not withdrawn."""
        self._latest: dict[tuple[str, str], Assigned] = {}
        """(subject, unit) → the latest assignment."""
        self._units: dict[str, frozenset[str]] = {}
        """Key of a case → the units to which it is assigned."""
        self._answers: dict[str, dict[str, list[LedgerRecord]]] = {}
        """Subject of an assignment → unit → what it answered, without the requests that it took back."""

    def take(self, record: LedgerRecord) -> None:
        """The next record."""
        request = record.request
        if request.kind in ANSWERS:
            self._answer(record)
        elif request.kind is Kind.DECIDED and request.body.get("about") in (About.ASSIGNMENT, About.WITHDRAWAL):
            with suppress(Unreadable):
                self._decide(record, Decision.read(record))

    def _decide(self, record: LedgerRecord, decision: Decision) -> None:
        if decision.about is About.ASSIGNMENT:
            self._assign(record, decision)
        else:
            self._withdraw(record.request.subject, self._all.get(decision.withdraws or 0))

    def _assign(self, record: LedgerRecord, decision: Decision) -> None:
        if not decision.to:
            return
        subject, key = record.request.subject, decision.matter.case_key
        assigned = Assigned(record, decision.matter, decision.to, decision.until)
        self._all[record.number] = self._latest[subject, decision.to] = assigned
        self._units[key] = self._units.get(key, frozenset()) | {decision.to}
        self._answers.setdefault(subject, {}).pop(decision.to, None)

    def _withdraw(self, subject: str, assigned: Assigned | None) -> None:
        """An assignment of the same matter is withdrawn. An earlier one to the same unit stays."""
        if assigned is None or assigned.record.request.subject != subject:
            return
        del self._all[assigned.record.number]
        key = assigned.record.request.subject, assigned.unit
        before = [one for one in self._all.values() if (one.record.request.subject, one.unit) == key]
        if before:
            self._latest[key] = before[-1]
        else:
            self._latest.pop(key, None)
        case = assigned.matter.case_key
        self._units[case] = frozenset(one.unit for one in self._all.values() if one.matter.case_key == case)

    def _answer(self, record: LedgerRecord) -> None:
        answers = self._answers.get(record.request.subject)
        if answers is None:
            return
        of_unit, withdrawn = answers.setdefault(record.request.unit, []), taken_back_by(record)
        if withdrawn is None:
            of_unit.append(record)
        else:
            of_unit[:] = [each for each in of_unit if each.number != withdrawn]

    def units_of(self, case_key: str) -> frozenset[str]:
        """The units to which a case is assigned."""
        return self._units.get(case_key, frozenset())

    def all(self) -> list[Assigned]:
        """The latest of each promise, cycle and unit, in the order of the ledger."""
        return sorted(self._latest.values(), key=lambda one: one.record.number)

    def answer(self, assigned: Assigned, units: Collection[str]) -> LedgerRecord | None:
        """The latest answer since; an acknowledgement where there is no other. `units`: that of the assignment, and who
        continues its work."""
        answers = self._answers.get(assigned.record.request.subject, {})
        theirs = [record for unit, found in answers.items() if unit in units for record in found]
        since = [record for record in theirs if record.number > assigned.record.number]
        return max(since, key=lambda one: (one.request.kind is not Kind.ACKNOWLEDGED, one.number), default=None)
