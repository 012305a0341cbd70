"""Facts → case: any order and any duplication of the same facts give the same case (docs/contract.md, rule 16).

`insert` keeps the set of facts of a key; `fold` reads the cycles of a case out of it. Neither knows a promise.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

from services.domain.history.case import MICRO, Case, Decision, Extension, NodeSpan, Suspension
from services.domain.intake.facts import Fact, Rank
from services.domain.plan.plan import ServiceItem
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.limits import Ends, LimitUnit, due
from services.domain.time.opening_hours import OpeningHours
from services.domain.time.zone import Instant, Zone

DEEMED_ACCEPTANCE_DAYS = 5
"""Working days in which a supplement must be asked for, else the case counts as accepted on application."""


class Insertion(Enum):
    """What became of a fact that came in."""

    NEW = "new"
    DUPLICATE = "duplicate"
    EARLIER = "earlier"
    """A duplicate that had arrived earlier than the one held: the facts have changed, the earlier arrival stands."""
    CONFLICT = "conflict"
    """Same source and id, other payload: the smaller digest stands."""


class Inserted(NamedTuple):
    """The facts after an insertion, in contract order, and what was turned away."""

    facts: list[Fact]
    outcome: Insertion
    rejected: Fact | None = None
    """The loser of a conflict."""


def insert(facts: list[Fact], fact: Fact) -> Inserted:
    """Add one fact to a key's facts; the outcome does not depend on the order of arrival."""
    source, ident = fact.source, fact.id
    for index, held in enumerate(facts):
        if held.id == ident and held.source == source:
            if held.digest == fact.digest:
                if fact.received >= held.received:
                    return Inserted(facts, Insertion.DUPLICATE)
                facts[index] = fact
                return Inserted(facts, Insertion.EARLIER)
            if fact.digest < held.digest:
                facts[index] = fact
                facts.sort(key=contract_order)
                return Inserted(facts, Insertion.CONFLICT, held)
            return Inserted(facts, Insertion.CONFLICT, fact)
    facts.append(fact)
    if len(facts) > 1 and contract_order(facts[-2]) > contract_order(fact):
        facts.sort(key=contract_order)
    return Inserted(facts, Insertion.NEW)


def contract_order(fact: Fact) -> tuple[Instant, int, str, str]:
    """(time, rank, source, id): the order in which facts are folded."""
    return fact[:4]


def bad_corrections(facts: Iterable[Fact]) -> list[Fact]:
    """Corrections that aim at a correction: they are refused and change nothing."""
    corrections = {(fact.source, fact.id) for fact in facts if fact.rank == Rank.CORRECTION}
    if not corrections:
        return []
    return [fact for fact in facts if fact.rank == Rank.CORRECTION and (fact.source, fact.data["of"]) in corrections]


def corrections_that_hold(facts: Iterable[Fact], targets: Collection[tuple[str, str]]) -> dict[tuple[str, str], Fact]:
    """Per (source, id) of those targets that are corrected the correction that holds: the greatest (time, id) wins."""
    winners: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        if fact.rank == Rank.CORRECTION:
            target = (fact.source, fact.data["of"])
            if target in targets:
                best = winners.get(target)
                if best is None or (best.time, best.id) < (fact.time, fact.id):
                    winners[target] = fact
    return winners


def corrected(facts: Sequence[Fact]) -> Sequence[Fact]:
    """The facts as their corrections leave them; null strikes one out."""
    targets = {(fact.source, fact.id): fact for fact in facts if fact.rank != Rank.CORRECTION}
    winners = corrections_that_hold(facts, targets)
    kept = []
    for identity, fact in targets.items():
        winner = winners.get(identity)
        if winner is None:
            kept.append(fact)
        elif (event := winner.data.get("event")) is not None:
            kept.append(replacement(fact, event))
    kept.sort(key=contract_order)
    return kept


def replacement(fact: Fact, event: Mapping[str, Any]) -> Fact:
    """A fact as a correction rewrites it; it keeps its identity."""
    return fact._replace(
        time=event["time"],
        rank=int(_RANKS[event["type"]]),
        data=event.get("data", {}),
        recorded=event.get("recorded", fact.recorded),
    )


_RANKS = {rank.event_type: rank for rank in Rank}


class Fold:
    """Reads cases out of facts. It needs the plan's service items (permits, suspension limits) and the calendar."""

    def __init__(
        self,
        zone: Zone,
        calendar: WorkingCalendar,
        items: Mapping[str, ServiceItem],
        hours: Callable[[str, str], OpeningHours],
        grantors: Collection[str] = (),
    ) -> None:
        """`hours`: the opening hours at a unit for a service item. `grantors`: the sources that, beside the operations
        centre, grant extensions."""
        self._zone = zone
        self._hours = hours
        self._calendar = calendar
        self._items = items
        self._grantors = frozenset((OPERATIONS, *grantors))
        self._first_stands = {
            code: frozenset(name for name, spec in item.attributes.items() if spec.keeps == "first")
            for code, item in items.items()
        }
        """Of each service item the attributes of which the first word stands."""
        self._of_first_words = frozenset[str]().union(*self._first_stands.values())

    def cycles(self, facts: Sequence[Fact]) -> list[Case]:
        """The cycles of a case, oldest first; `new_request` opens another. `facts` are in contract order."""
        plain = True
        for fact in facts:
            if fact.rank not in _PLAIN:
                plain = False
                if fact.rank == Rank.CORRECTION:
                    facts = corrected(facts)
                    break
        case = Case(plain=plain)
        cycles = [case]
        loose = _LooseEnds()
        for fact in facts:
            rank, data = fact.rank, fact.data
            if fact.received > case.arrived:
                case.arrived = fact.received
            if rank == _ACCEPTED:
                loose.acceptances.append(fact)
                if case.accepted is None:
                    case.accepted = fact
                    case.accepted_at = fact.time
                self._describe(case, fact)
                self._hear(fact, loose)
            elif rank == _COMPLETED:
                loose.completions.append(fact)
            elif rank == _MILESTONE:
                case.milestones.setdefault(data["name"], []).append(fact.time)
                if "attributes" in data:
                    _learn(case, data["attributes"])
                    self._hear(fact, loose)
            elif rank == _REOPENED and data["reason"] == "new_request":
                self._close(case, loose)
                loose = _LooseEnds()
                case = self._next_cycle(case, fact)
                cycles.append(case)
            else:
                self._apply(case, fact, loose)
        self._close(case, loose)
        return cycles

    def _describe(self, case: Case, fact: Fact) -> None:
        """Take over what an application or acceptance says about the case; the earliest acceptance names the unit."""
        data = fact.data
        first = fact is case.accepted or (case.accepted is None and not case.service_item)
        if first:
            case.service_item = data.get("service_item", case.service_item)
            case.unit = data.get("unit", case.unit)
            applicant = data.get("applicant")
            if applicant is not None:
                case.applicant = applicant
            case.parent = data.get("parent", case.parent)
            case.due_at = data.get("due_at", case.due_at)
            case.committed_limit = data.get("committed_limit", case.committed_limit)
            case.statutory_limit = data.get("statutory_limit", case.statutory_limit)
        attributes = data.get("attributes")
        if attributes:
            if first:
                _learn(case, attributes)
            else:
                for name, value in attributes.items():
                    case.attributes.setdefault(name, value)
        channel = data.get("channel")
        if channel is not None and channel != "unknown":
            case.channels.add(channel)

    def _apply(self, case: Case, fact: Fact, loose: "_LooseEnds") -> None:
        """The rarer facts of a case."""
        data = fact.data
        match fact.rank:
            case Rank.CASE_APPLIED:
                if case.applied is None:
                    case.applied = fact
                self._describe(case, fact)
                self._hear(fact, loose)
            case Rank.CASE_SUPPLEMENT_REQUESTED:
                case.supplements.append(fact.time)
            case Rank.CASE_REFUSED:
                case.refused_at = fact.time
                loose.refusals.append(fact.time)
            case Rank.CASE_RECLASSIFIED:
                loose.reclassify(data)
            case Rank.CASE_NODE_STARTED:
                limit = data.get("limit")
                case.nodes.append(NodeSpan(data["node"], data.get("unit", ""), fact.time, None, limit))
                if limit is not None:
                    case.timed_nodes = True
            case Rank.CASE_NODE_ENDED:
                self._end_node(case, fact)
            case Rank.CASE_SUSPENDED:
                loose.suspended.setdefault(_pairing(fact), []).append(len(case.suspensions))
                case.suspensions.append(Suspension(data["reason"], fact.time, None))
            case Rank.CASE_RESUMED:
                waiting = loose.suspended.get(_pairing(fact))
                if waiting:
                    index = waiting.pop(0)
                    case.suspensions[index] = case.suspensions[index]._replace(end=fact.time)
                else:
                    case.anomalies.append("resumed_without_suspension")
            case Rank.CASE_EXTENDED:
                case.extensions.append(Extension(fact.time, data["limit"], fact.source in self._grantors))
            case Rank.CASE_MEASURED:
                name, amount = data["quantity"], micro(data["value"])
                case.quantities[name] = case.quantities.get(name, 0) + amount
                case.measured.append((fact.time, name, amount))
                if amount < 0:
                    case.plain = False  # a refund may have healed a breach
            case Rank.CASE_WITHDRAWN:
                if case.withdrawn_at is None:
                    case.withdrawn_at = fact.time
            case Rank.CASE_REOPENED:
                if loose.completions:
                    loose.completions.clear()
                    case.reopened += 1
                else:
                    case.anomalies.append("reopened_without_completion")
            case Rank.CASE_RATED:
                if data.get("rated_by") != "default":
                    case.rating = data["score"]
            case Rank.CASE_JUSTIFIED:
                _decide(case.justified, fact)
            case Rank.CASE_CONFIRMED:
                _decide(case.confirmed, fact)
            case _:
                pass

    def _hear(self, fact: Fact, loose: "_LooseEnds") -> None:
        """Remember the first word on attributes of which the first stands: first in the contract's order."""
        if self._of_first_words:
            for name in self._of_first_words.intersection(fact.data.get("attributes", ())):
                said = loose.first_words.get(name)
                if said is None or contract_order(fact) < contract_order(said):
                    loose.first_words[name] = fact

    @staticmethod
    def _end_node(case: Case, fact: Fact) -> None:
        """Pair with the earliest open span of the same node and unit."""
        node, unit = fact.data["node"], fact.data.get("unit", "")
        for index, span in enumerate(case.nodes):
            if span.node == node and span.unit == unit and span.end is None:
                case.nodes[index] = span._replace(end=fact.time)
                return
        case.anomalies.append("node_ended_without_start")

    def _next_cycle(self, previous: Case, fact: Fact) -> Case:
        """A new request on an old case: a clock of its own that starts when it was reopened, unless accepted later."""
        return Case(
            cycle=previous.cycle + 1,
            service_item=previous.service_item,
            unit=previous.unit,
            applicant=previous.applicant,
            parent=previous.parent,
            attributes=dict(previous.attributes),
            committed_limit=previous.committed_limit,
            statutory_limit=previous.statutory_limit,
            accepted_at=fact.time,
            timed_nodes=previous.timed_nodes,
            plain=False,
            arrived=fact.received,
        )

    def _close(self, case: Case, loose: "_LooseEnds") -> None:
        """Settle what needs the whole cycle: reclassification, deemed acceptance, which completion holds."""
        if len(loose.acceptances) > 1:
            case.plain = False
        if loose.reclassified or loose.first_words:
            self._settle(case, loose)
        item = self._items.get(case.service_item)
        if case.suspensions and item is not None and item.suspension_maximum:
            case.suspensions = [self._aged(span, item, case) for span in case.suspensions]
        holding: Sequence[Fact] = loose.acceptances
        if case.applied is not None and item is not None and item.permit:
            holding = self._deem(case, loose)
        if len(holding) > 1:
            case.anomalies.append("second_acceptance")
        if not loose.completions:
            return
        start = case.accepted_at if case.accepted_at is not None else case.applied and case.applied.time
        if start is None:
            case.completed = loose.completions[0]  # kept; an orphan once it has stayed alone for long
            return
        for fact in loose.completions:
            if fact.time >= start:
                self._complete(case, fact, loose)
                break
            case.anomalies.append("completed_before_acceptance")

    def _settle(self, case: Case, loose: "_LooseEnds") -> None:
        """The first word stands where it is to stand; what a reclassification says goes before everything."""
        self._reclassify(case, loose)
        if loose.first_words:
            for name in self._first_stands.get(case.service_item, frozenset()) & loose.first_words.keys():
                case.attributes[name] = loose.first_words[name].data["attributes"][name]
            self._reclassify(case, loose)

    @staticmethod
    def _reclassify(case: Case, loose: "_LooseEnds") -> None:
        for name, value in loose.reclassified.items():
            if name == "attributes":
                case.attributes.update(value)
            else:
                setattr(case, name, value)

    def _complete(self, case: Case, fact: Fact, loose: "_LooseEnds") -> None:
        """Take over the completion that holds; one that was void says nothing of the case."""
        case.completed = fact
        case.completed_at = fact.time
        data = fact.data
        case.outcome = data.get("outcome", case.outcome)
        channel = data.get("channel")
        if channel is not None and channel != "unknown":
            case.channels.add(channel)
        if "attributes" in data:
            _learn(case, data["attributes"])
            self._hear(fact, loose)
            self._settle(case, loose)

    def _deem(self, case: Case, loose: "_LooseEnds") -> Sequence[Fact]:
        """Acceptance is deemed on application at once; a supplement asked for (or a refusal) within 5 working days
        undoes it, and the next acceptance starts the clock (行政许可法 §32). Returns the acceptances that count."""
        assert case.applied is not None
        applied, acceptances = case.applied.time, loose.acceptances
        last = self._calendar.add_working_days(self._zone.day(applied), DEEMED_ACCEPTANCE_DAYS)
        asked = [at for at in (*case.supplements, *loose.refusals) if at >= applied and self._zone.day(at) <= last]
        if not asked:
            case.accepted_at = applied
            return acceptances
        since = max(asked)
        holding = [fact for fact in acceptances if fact.time >= since]
        first = case.accepted
        case.accepted = holding[0] if holding else None
        case.accepted_at = holding[0].time if holding else None
        if holding and case.accepted is not first:
            self._describe(case, holding[0])
            self._settle(case, loose)
        return holding

    def _aged(self, span: Suspension, item: ServiceItem, case: Case) -> Suspension:
        """A suspension older than its reason's maximum: the clock runs again from then on."""
        maximum = item.suspension_maximum.get(span.reason)
        if maximum is None:
            return span
        zone, calendar = self._zone, self._calendar
        day = zone.day(span.start)
        if maximum.unit in _IN_MINUTES:
            hours = self._hours(case.unit, case.service_item)
            end = due(maximum, span.start, Ends.DAY, zone=zone, calendar=calendar, hours=hours) + 1
        elif maximum.unit == LimitUnit.WORKING_DAYS:
            end = zone.midnight(calendar.add_working_days(day, maximum.amount) + 1)
        elif maximum.unit == LimitUnit.MONTHS:
            end = zone.midnight(calendar.add_months(day, maximum.amount) + 1)
        else:
            end = zone.midnight(day + maximum.amount + 1)
        return span._replace(end=end) if span.end is None or span.end > end else span


class _LooseEnds:
    """What can only be settled when all facts of a cycle have been read."""

    __slots__ = ("acceptances", "completions", "first_words", "reclassified", "refusals", "suspended")

    def __init__(self) -> None:
        self.acceptances: list[Fact] = []
        self.refusals: list[Instant] = []
        self.completions: list[Fact] = []
        self.suspended: dict[tuple[str, str, str], list[int]] = {}
        """Open suspensions by pairing, oldest first, as indices into the case's suspensions."""
        self.first_words: dict[str, Fact] = {}
        """By attribute of which the first word stands: who said it first."""
        self.reclassified: dict[str, Any] = {}
        """What reclassifications say, the latest of each field: it holds from the start of the case."""

    def reclassify(self, data: Mapping[str, Any]) -> None:
        for name, value in data.items():
            if name == "attributes":
                self.reclassified.setdefault(name, {}).update(value)
            else:
                self.reclassified[name] = value


OPERATIONS = "/operations"
"""The source of the operations centre, whose decisions are facts like any other."""

_ACCEPTED, _COMPLETED, _MILESTONE, _REOPENED = (
    int(Rank.CASE_ACCEPTED),
    int(Rank.CASE_COMPLETED),
    int(Rank.CASE_MILESTONE),
    int(Rank.CASE_REOPENED),
)
_PLAIN = frozenset(
    int(rank)
    for rank in (
        Rank.CASE_APPLIED,
        Rank.CASE_ACCEPTED,
        Rank.CASE_MILESTONE,
        Rank.CASE_NODE_STARTED,
        Rank.CASE_NODE_ENDED,
        Rank.CASE_MEASURED,
        Rank.CASE_COMPLETED,
        Rank.CASE_RATED,
    )
)


_IN_MINUTES = (LimitUnit.MINUTES, LimitUnit.WORKING_MINUTES)


def _decide(decisions: MutableMapping[str, Decision], fact: Fact) -> None:
    """The last word, for one promise. A request does not undo a decision, nor an earlier request."""
    data = fact.data
    kpi, decision = data["kpi"], data["decision"]
    if decision != "requested" or kpi not in decisions:
        decisions[kpi] = Decision(decision, fact.time, data.get("reason", ""))


def _learn(case: Case, attributes: Mapping[str, Any]) -> None:
    """The last word on each attribute stands. One that was another before may have made a miss of the case, or put it
    among others."""
    held = case.attributes
    if case.plain and held and any(held.get(name, value) != value for name, value in attributes.items()):
        case.plain = False
    held.update(attributes)


def _pairing(fact: Fact) -> tuple[str, str, str]:
    """Under what suspension and resumption find each other."""
    return fact.source, fact.data.get("unit", ""), fact.data["reason"]


def micro(value: float) -> int:
    """A measured value in millionths, exactly as it was written."""
    return int((Decimal(str(value)) * MICRO).to_integral_value())
