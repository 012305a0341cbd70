"""What is known of one promise in one cycle of a case at the moment at which somebody acts on it."""

from collections.abc import Sequence
from typing import NamedTuple

from services.acting.matters import Shown
from services.desk.acting.requests import assigned_units, open_requests
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import RUNNING
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Instant
from services.ledger.records import Known
from services.messaging.records.decisions import About
from services.messaging.records.ledger import Kind, LedgerRecord


class Situation(NamedTuple):
    """The matter as the casebook and the ledger have it."""

    shown: Shown
    judge: Judge
    known: Known
    now: Instant

    @property
    def is_running(self) -> bool:
        """Its clock has not stopped, as far as is known."""
        return self.shown.judgement.outcome in RUNNING

    @property
    def has_card(self) -> bool:
        """A yellow or a red card is active, of the case or of a node of it."""
        judgement = self.shown.judgement
        nodes = (one for one in judgement.nodes if one.is_current)
        begun = [judgement.yellow_at, judgement.red_at, *(at for one in nodes for at in (one.yellow_at, one.red_at))]
        return self.is_running and any(at is not None and at <= self.now for at in begun)

    def request(self, about: About) -> LedgerRecord | None:
        """The latest request of a unit on which nobody has decided."""
        return open_requests(self.known.records).latest.get(about)

    @property
    def requests(self) -> Sequence[LedgerRecord]:
        """What units have asked, answered or acknowledged."""
        kinds = (Kind.ASKED, Kind.REPLIED, Kind.ACKNOWLEDGED)
        return [each for each in self.known.records if each.request.kind in kinds]

    @property
    def assigned(self) -> frozenset[str]:
        """The units to which the operations centre has assigned the matter."""
        return assigned_units(self.known.records)

    @property
    def answering(self) -> frozenset[str]:
        """The units that have the matter by its case: the one that is judged, and the one that holds the case."""
        return frozenset((self.shown.judgement.unit, self.shown.holder))

    @property
    def concerned(self) -> frozenset[str]:
        """The units that a decision on it is about."""
        asked = {each.request.unit for each in self.requests if each.request.unit}
        return frozenset({*self.answering, *asked, *self.assigned})

    def acknowledged_until(self) -> str:
        """The last day on which the latest acknowledgement holds; empty: there is none that holds now."""
        held = [each for each in self.known.records if each.request.kind is Kind.ACKNOWLEDGED]
        until = str(held[-1].request.body.get("until", "")) if held else ""
        today = self.judge.law.zone.text(self.now)[:10]
        return until if until >= today else ""


def arrived_since(situation: Situation, record: LedgerRecord) -> list[int]:
    """The places of the facts that arrived after a record was made: nobody had seen them then."""
    at = read(record.time)
    return [place for place, fact in enumerate(situation.shown.facts) if fact.received > at]
