"""What stands in the ledger now: what waits for a decision, what is not in force, and the 通报 that were proposed.

It is kept in memory, and grows by what the index has more at each question. Any thread may ask.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from services.desk.acting.assigned import ANSWERS, Assignments
from services.desk.acting.requests import OpenRequests
from services.domain.plan.plan import SupervisionStep
from services.ledger.records import LedgerRecords
from services.messaging.records.decisions import (
    About,
    Matter,
    decision_of_outcome,
    taken_back_by,
    units_of,
)
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord
from services.messaging.records.steps import RecordedStep

_KINDS: Final = (*ANSWERS, Kind.STEP, Kind.DECIDED, Kind.IN_FORCE, Kind.NOT_IN_FORCE)
_AT_ONCE: Final = 2_000


class Waiting(NamedTuple):
    """Something on which the operations centre is to decide."""

    about: About
    record: LedgerRecord
    """Since when it waits, and what for."""

    @property
    def matter(self) -> Matter:
        """Raises Unreadable."""
        return Matter.read(self.record.request.body)


class Circular(NamedTuple):
    """A 通报 that was proposed."""

    proposal: LedgerRecord
    step: RecordedStep
    decision: LedgerRecord | None
    """None: nobody has decided on it."""

    @property
    def is_issued(self) -> bool:
        """Whether it was issued."""
        return self.decision is not None and self.decision.request.body.get("decision") == "issued"

    @property
    def units(self) -> tuple[str, ...]:
        """To whom it was issued, and the unit that it is about. Of an older record that one only."""
        if self.decision is None or not self.is_issued:
            return (self.step.unit,)
        with suppress(Unreadable):
            return tuple(dict.fromkeys((self.step.unit, *units_of(self.decision.request.body))))
        return (self.step.unit,)


class Standing:
    """Grows record by record. Not thread-safe: `Stands` is."""

    def __init__(self) -> None:
        self.circulars: dict[int, Circular] = {}
        """Number of the proposal → it."""
        self.refused: dict[int, LedgerRecord] = {}
        """Number of a decision → the record that says why the gateway refuses its event."""
        self._requests: dict[str, OpenRequests] = {}
        """Subject → what units have asked for."""
        self._late_decided: dict[str, int] = {}
        """Subject → number of the latest decision on its late entry."""
        self.assignments = Assignments()
        self.number = 0
        """Of the latest record that was taken."""

    def take(self, record: LedgerRecord) -> None:
        """The next record."""
        self.number = record.number
        self.assignments.take(record)
        match record.request.kind:
            case Kind.ASKED:
                self._ask(record)
            case Kind.STEP:
                self._propose(record)
            case Kind.DECIDED:
                self._decide(record)
            case Kind.IN_FORCE | Kind.NOT_IN_FORCE:
                self._note_outcome(record)

    def _ask(self, record: LedgerRecord) -> None:
        self._requests.setdefault(record.request.subject, OpenRequests()).take(record)
        outcome = self.refused.get(taken_back_by(record) or 0)
        if outcome is not None and outcome.request.subject == record.request.subject:
            self._withdraw(taken_back_by(record))

    def _propose(self, record: LedgerRecord) -> None:
        try:
            step = RecordedStep.read(record.request)
        except Unreadable:
            return
        if step.step is SupervisionStep.CIRCULAR:
            self.circulars[record.number] = Circular(record, step, None)

    def _decide(self, record: LedgerRecord) -> None:
        body = record.request.body
        about = body.get("about")
        if (requests := self._requests.get(record.request.subject)) is not None:
            requests.take(record)
        if about == About.WITHDRAWAL:
            self._withdraw(body.get("withdraws"))
        elif about == About.CIRCULAR:
            self._decide_on_circular(record)
        elif about == About.LATE_ENTRY:
            self._late_decided[record.request.subject] = record.number

    def _withdraw(self, number: object) -> None:
        if type(number) is not int:
            return
        self.refused.pop(number, None)
        self._late_decided = {subject: at for subject, at in self._late_decided.items() if at != number}

    def _decide_on_circular(self, record: LedgerRecord) -> None:
        number = record.request.body.get("step")
        proposed = self.circulars.get(number) if type(number) is int else None
        if proposed is not None:
            self.circulars[proposed.proposal.number] = proposed._replace(decision=record)

    def _note_outcome(self, record: LedgerRecord) -> None:
        decision = decision_of_outcome(record)
        if decision is None:
            return
        if record.request.kind is Kind.IN_FORCE:
            self.refused.pop(decision, None)
        else:
            self.refused[decision] = record

    def waiting(self, late_entries: Iterable[LedgerRecord]) -> list[Waiting]:
        """What waits, the oldest first. `late_entries`: the records of the misses that a late entry would undo."""
        latest = (each for requests in self._requests.values() for each in requests.latest.items())
        found = [Waiting(about, record) for about, record in latest]
        for record in late_entries:
            if self._late_decided.get(record.request.subject, 0) < record.number:
                found.append(Waiting(About.LATE_ENTRY, record))
        return sorted(found, key=lambda one: one.record.number)


class Stands:
    """What stands now, for all threads of a process."""

    def __init__(self, records: LedgerRecords) -> None:
        self._records = records
        self._lock = threading.Lock()
        self._standing = Standing()

    @contextmanager
    def now(self) -> Iterator[Standing]:
        """What stands, read up to now; nobody else reads on meanwhile. Raises LedgerUnavailable."""
        with self._lock:
            if self._records.number() < self._standing.number:  # an index that was built anew has not come so far yet
                self._standing = Standing()
            while records := self._records.after(self._standing.number, _KINDS, _AT_ONCE):
                for record in records:
                    self._standing.take(record)
            yield self._standing

    def assigned(self, case_key: str) -> frozenset[str]:
        """The units to which the operations centre has assigned a case."""
        with self.now() as standing:
            return standing.assignments.units_of(case_key)

    def waiting(self) -> Sequence[Waiting]:
        """What waits for a decision, the oldest first."""
        late = self._records.late_entries()
        with self.now() as standing:
            return standing.waiting(late)
