"""Which notices follow from decisions of the operations centre: an assignment (交办), and a 通报 that is issued.

Each is notified once to each of its units; an assignment that is withdrawn before that, never. What an older record
does not say is not notified: an assignment without a day, and a 通报 that names no units.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace

from services.domain.plan.plan import Plan, SupervisionStep
from services.domain.plan.unit_history import UnitHistory
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Zone
from services.messaging.records.decisions import About, Decision
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord
from services.messaging.records.steps import RecordedStep
from services.notifier.decision_sentence import DecisionSentences
from services.notifier.notice_subject import Content, Subject

log = logging.getLogger(__name__)

ASSIGNMENT = About.ASSIGNMENT.value
CIRCULAR = About.CIRCULAR.value
"""What `decision` of the content of such a subject is."""


class DecisionNotices:
    """Not thread-safe."""

    def __init__(self, plan: Plan) -> None:
        self._sentences = DecisionSentences(plan)
        self._known = frozenset(plan.units)
        self._units = UnitHistory(plan.units.values(), Zone(plan.head.timezone))
        self._proposed: dict[int, RecordedStep] = {}
        """Number of a proposal of a 通报 → it, until it is decided on."""
        self._assigned: dict[int, Subject] = {}
        """Number of an assignment → what is notified of it, until it is withdrawn."""
        self._new: list[Subject] = []

    def take(self, record: LedgerRecord) -> None:
        """The next record of the ledger. One that cannot be read is logged and passed over."""
        try:
            if record.request.kind is Kind.STEP:
                self._propose(record)
            elif record.request.kind is Kind.DECIDED:
                found = list(self._subjects(record))  # it may take out of what is new
                self._new += found
        except Unreadable as wrong:
            log.warning("record %d of the ledger is passed over: %s", record.number, wrong)

    def news(self) -> Iterator[Subject]:
        """What is to be notified since the last time; one that is not active, no more, if it was not yet. The ledger
        must have been read to its end."""
        new, self._new = self._new, []
        yield from new

    def _propose(self, record: LedgerRecord) -> None:
        if record.request.body.get("step") == SupervisionStep.CIRCULAR:
            self._proposed[record.number] = RecordedStep.read(record.request)

    def _subjects(self, record: LedgerRecord) -> Iterator[Subject]:
        about = record.request.body.get("about")
        if about == About.ASSIGNMENT:
            yield from self._of_assignment(record, Decision.read(record))
        elif about == About.WITHDRAWAL:
            withdrawn = self._assigned.pop(Decision.read(record).withdraws or 0, None)
            if withdrawn is not None:
                self._new = [one for one in self._new if one.id != withdrawn.id]
                yield replace(withdrawn, active=False)
        elif about == About.CIRCULAR:
            yield from self._of_circular(record, Decision.read(record))

    def _of_assignment(self, record: LedgerRecord, decision: Decision) -> Iterator[Subject]:
        if decision.to in self._known and decision.until:
            sentence = self._sentences.of_assignment(decision)
            case = decision.matter.fields()["case"]
            more: Content = {"decision": ASSIGNMENT, "kpi": decision.matter.kpi, "case": case}
            assigned = self._subject(record, decision.to, sentence.zh, sentence.en, more)
            self._assigned[record.number] = assigned
            yield assigned

    def _of_circular(self, record: LedgerRecord, decision: Decision) -> Iterator[Subject]:
        step = self._proposed.pop(decision.step or 0, None)
        if step is None or decision.decision != "issued":
            return
        sentence = self._sentences.of_circular(step)
        for unit in dict.fromkeys(decision.units):
            if unit not in self._known:
                continue
            more: Content = {"decision": CIRCULAR, "circular": decision.step or 0}
            yield self._subject(record, unit, sentence.zh, sentence.en, more)

    def _subject(self, record: LedgerRecord, named: str, zh: str, en: str, more: Content) -> Subject:
        """Of a unit that had ended by then its successor gets it."""
        unit = self._units.at(named, read(record.time))
        id = f"decision/{record.number}/{named}"
        return Subject(
            id=id,
            family=id,
            mirrored_as=id,
            group=(str(more["decision"]),),
            unit=unit,
            active=True,
            content={**more, "summary_zh": zh, "summary_en": en, "unit": unit},
        )
