"""A slip in the report of an acceptance that is put right at once (rule 14).

A case that was entered with a wrong date, and corrected on the same day or within what its source usually takes to
report, is judged by the corrected limit: the wrong one never held. A correction that comes later does not buy a new
limit. Nor does one that moves the acceptance past the moment at which it had been reported: it had happened by then.
"""

from collections.abc import Mapping, Sequence

from services.domain.history.corrections import Identity, applied_corrections
from services.domain.intake.facts import FACT_TYPE_OF, Fact, FactType
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant

_CORRECTION = int(FactType.CORRECTION)
_FILED = frozenset((int(FactType.CASE_APPLIED), int(FactType.CASE_ACCEPTED)))
"""What may be put right: applications and acceptances, which start the clocks."""


def _moved(correction: Fact, arrival: Instant) -> Fact:
    return correction._replace(received=arrival, time=min(correction.time, arrival))


class Slips:
    """Finds the corrections that came at once."""

    def __init__(self, law: Law) -> None:
        self._law = law

    def settled(self, facts: Sequence[Fact]) -> Sequence[Fact]:
        """The facts, with each correction that came at once arriving together with what it corrects; of several such
        corrections of one fact the last."""
        filed = {(fact.source, fact.id): fact for fact in facts if fact.type in _FILED}
        at_once = [fact for fact in facts if self._comes_at_once(fact, filed)]
        if not at_once:
            return facts
        last = applied_corrections(at_once, filed)
        moved = [_moved(fact, filed[identity].received) for identity, fact in last.items()]
        return [*(fact for fact in facts if fact not in at_once), *moved]

    def _comes_at_once(self, correction: Fact, filed: Mapping[Identity, Fact]) -> bool:
        event = correction.data.get("event") if correction.type == _CORRECTION else None
        target = None if event is None else filed.get((correction.source, correction.data["of"]))
        if target is None or event is None:
            return False
        if int(FACT_TYPE_OF[event["type"]]) not in _FILED or event["time"] > target.received:
            return False
        return correction.received <= self._until(target)

    def _until(self, target: Fact) -> Instant:
        """The end of the day on which a fact arrived, or of what its source takes to report, whichever is later."""
        zone = self._law.zone
        same_day = zone.midnight(zone.day(target.received) + 1) - 1
        source = self._law.plan.sources.get(target.source)
        if source is None or source.lateness is None:
            return same_day
        return max(same_day, self._law.reporting.until(target.received, frozenset((source.lateness,))))
