"""Facts → case: the same facts give the same case, in whatever order they arrived (rule 16).

`Fold.cycles` reads the cycles of a case out of its facts. It knows no promise.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from services.domain.history.case import NOTHING_DELIVERED, Case, Extension, NodeSpan, Suspension, micro
from services.domain.history.corrections import corrected
from services.domain.history.decisions import OPERATIONS, Decision
from services.domain.history.fact_set import contract_order
from services.domain.intake.facts import DECISIONS, Fact, FactType
from services.domain.plan.plan import ServiceItem, Title
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.limits import Ends, Limit, LimitUnit, due
from services.domain.time.opening_hours import OpeningHours
from services.domain.time.zone import Instant, Zone

DEEMED_ACCEPTANCE_DAYS: Final = 5
"""Working days in which a supplement must be requested, else the case counts as accepted on application."""


class _Unsettled:
    """What can only be settled when all facts of a cycle have been read."""

    __slots__ = ("acceptances", "completions", "first_values", "reclassified", "requests", "stops", "voided_at")

    def __init__(self) -> None:
        self.acceptances: list[Fact] = []
        self.requests: list[Instant] = []
        """Of supplements, and refusals: what undoes a deemed acceptance."""
        self.completions: list[Fact] = []
        self.stops: list[Fact] = []
        """Suspensions and resumptions: how they pair depends on the service item, which may change."""
        self.voided_at: Instant | None = None
        """When a completion was last declared void."""
        self.first_values: dict[str, Fact] = {}
        """By attribute whose first value holds: the fact that gave it first."""
        self.reclassified: dict[str, Any] = {}
        """The fields of reclassifications, the latest value of each: they hold from the start of the case."""

    def reclassify(self, data: Mapping[str, Any]) -> None:
        for name, value in data.items():
            if name == "attributes":
                self.reclassified.setdefault(name, {}).update(value)
            else:
                self.reclassified[name] = value


_Handler = Callable[[Case, Fact, _Unsettled], None]


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
        self._keeps_first = {
            code: frozenset(name for name, spec in item.attributes.items() if spec.keeps == "first")
            for code, item in items.items()
        }
        """By service item: the attributes whose first value holds."""
        self._first_value_names = frozenset[str]().union(*self._keeps_first.values())
        self._handlers: dict[int, _Handler] = {
            **_HANDLERS,
            int(FactType.CASE_APPLIED): self._apply,
            int(FactType.CASE_ACCEPTED): self._accept,
            int(FactType.CASE_MILESTONE): self._reach,
            int(FactType.CASE_EXTENDED): self._extend,
        }

    def cycles(self, facts: Sequence[Fact]) -> list[Case]:
        """The cycles of a case, oldest first; `new_request` opens another. `facts` are in contract order."""
        only_simple_facts = True
        for fact in facts:
            if fact.type not in _PLAIN:
                only_simple_facts = False
                if fact.type == _CORRECTION:
                    facts = corrected(facts)
                    break
        case = Case(only_simple_facts=only_simple_facts)
        cycles = [case]
        unsettled = _Unsettled()
        decisions: list[tuple[Case, Fact]] = []
        handlers = self._handlers
        for fact in facts:
            type_ = fact.type
            if fact.received > case.arrived:
                case.arrived = fact.received
            if type_ == _COMPLETED:  # one of the two that nearly every case has: without a call
                unsettled.completions.append(fact)
                continue
            if type_ == _REOPENED and fact.data["reason"] == "new_request":
                self._close(case, unsettled)
                unsettled = _Unsettled()
                case = _next_cycle(case, fact)
                cycles.append(case)
                continue
            handler = handlers.get(type_)
            if handler is not None:
                handler(case, fact, unsettled)
            elif type_ in DECISIONS:
                decisions.append((case, fact))
        self._close(case, unsettled)
        _decide(cycles, decisions)
        return cycles

    # ---- one fact, where the plan matters ------------------------------------------------------------
    def _apply(self, case: Case, fact: Fact, unsettled: _Unsettled) -> None:
        if case.applied is None:
            case.applied = fact
            if case.accepted is not None:
                case.only_simple_facts = False  # a start that was known has moved to later
        else:
            case.only_simple_facts = False  # what arrived first need not be the first
        _describe(case, fact)
        if self._first_value_names:
            self._note_first_values(fact, unsettled)

    def _accept(self, case: Case, fact: Fact, unsettled: _Unsettled) -> None:
        unsettled.acceptances.append(fact)
        if case.accepted is None:
            case.accepted = fact
            case.accepted_at = fact.time
        _describe(case, fact)
        if self._first_value_names:
            self._note_first_values(fact, unsettled)

    def _reach(self, case: Case, fact: Fact, unsettled: _Unsettled) -> None:
        data = fact.data
        case.milestones.setdefault(data["name"], []).append(fact.time)
        if "attributes" in data:
            _update_attributes(case, data["attributes"])
            if self._first_value_names:
                self._note_first_values(fact, unsettled)

    def _extend(self, case: Case, fact: Fact, unsettled: _Unsettled) -> None:
        case.extensions.append(Extension(fact.time, fact.data["limit"], fact.source in self._grantors))

    def _note_first_values(self, fact: Fact, unsettled: _Unsettled) -> None:
        """Remember the first value of the attributes whose first value holds: first in contract order."""
        for name in self._first_value_names.intersection(fact.data.get("attributes", ())):
            held = unsettled.first_values.get(name)
            if held is None or contract_order(fact) < contract_order(held):
                unsettled.first_values[name] = fact

    # ---- the end of a cycle --------------------------------------------------------------------------
    def _close(self, case: Case, unsettled: _Unsettled) -> None:
        """Settle what needs the whole cycle: reclassification, suspensions, deemed acceptance, the completion."""
        if len(unsettled.acceptances) > 1:
            case.only_simple_facts = False
            case.anomalies.append("second_acceptance")
        if unsettled.reclassified or unsettled.first_values:
            self._settle_attributes(case, unsettled)
        item = self._items.get(case.service_item, _UNKNOWN_ITEM)
        if unsettled.stops:
            self._pair_suspensions(case, item, unsettled.stops)
        if item.permit:
            self._deem_accepted(case, unsettled.requests)
        if unsettled.voided_at is not None:
            _void_certified(case, item.certified_by_completion, unsettled.voided_at)
        if unsettled.completions:
            self._settle_completion(case, unsettled)
        if case.withdrawn_at is not None or case.outcome in NOTHING_DELIVERED:
            _settle_ending(case, item.certified_by_completion)

    def _settle_completion(self, case: Case, unsettled: _Unsettled) -> None:
        """The first completion that is not before the acceptance holds, unless it refuses and a later one grants."""
        start = case.accepted_at if case.accepted_at is not None else case.applied and case.applied.time
        completions = unsettled.completions
        if start is None:
            case.completed = completions[0]  # an orphan, once it has stayed alone for long
            return
        holding: Fact | None = completions[0]
        if len(completions) > 1 or completions[0].time < start:
            holding = _holding(case, completions, start)
        if holding is not None:
            self._complete(case, holding, unsettled)

    def _settle_attributes(self, case: Case, unsettled: _Unsettled) -> None:
        """Apply reclassifications before everything, then the first values of the attributes that keep them."""
        _reclassify(case, unsettled)
        if unsettled.first_values:
            for name in self._keeps_first.get(case.service_item, frozenset()) & unsettled.first_values.keys():
                case.attributes[name] = unsettled.first_values[name].data["attributes"][name]
            _reclassify(case, unsettled)

    def _complete(self, case: Case, fact: Fact, unsettled: _Unsettled) -> None:
        """Take over the completion that holds; a void one adds nothing to the case."""
        case.completed = fact
        case.completed_at = fact.time
        data = fact.data
        case.outcome = data.get("outcome", case.outcome)
        channel = data.get("channel")
        if channel is not None and channel != "unknown":
            case.channels.add(channel)
        if "attributes" in data:
            _update_attributes(case, data["attributes"])
            if self._first_value_names:
                self._note_first_values(fact, unsettled)
            self._settle_attributes(case, unsettled)

    def _deem_accepted(self, case: Case, requests: Collection[Instant]) -> None:
        """Acceptance is deemed on application at once; a supplement request (or a refusal) within 5 working days undoes
        it, and the acceptance that is reported starts the clock (行政许可法 §32). What was reported outweighs what was
        assumed: once an acceptance is reported, no later request undoes anything."""
        if case.applied is None:
            return
        applied, reported = case.applied.time, case.accepted
        last_day = self._calendar.add_working_days(self._zone.day(applied), DEEMED_ACCEPTANCE_DAYS)
        for at in requests:
            in_time = applied <= at and self._zone.day(at) <= last_day
            if in_time and (reported is None or at < reported.time):
                case.accepted_at = reported.time if reported is not None else None
                return
        case.accepted_at = applied

    def _pair_suspensions(self, case: Case, item: ServiceItem, stops: Sequence[Fact]) -> None:
        """Pair suspensions and resumptions (rule 4): a clock that stands cannot be stopped again by the same source and
        unit for the same reason, until a resumption or the maximum age has started it."""
        standing: dict[tuple[str, str, str], int] = {}
        for fact in stops:
            pairing = _pairing(fact)
            index = standing.get(pairing)
            span = case.suspensions[index] if index is not None else None
            if fact.type == _SUSPENDED:
                if span is not None and (span.end is None or fact.time < span.end):
                    case.anomalies.append("suspended_while_suspended")
                    continue
                standing[pairing] = len(case.suspensions)
                end = self._latest_end(fact.data["reason"], fact.time, item, case)
                case.suspensions.append(Suspension(fact.data["reason"], fact.time, end))
            elif span is not None:
                end = fact.time if span.end is None else min(span.end, fact.time)
                case.suspensions[standing.pop(pairing)] = span._replace(end=end)
            else:
                case.anomalies.append("resumed_without_suspension")

    def _latest_end(self, reason: str, start: Instant, item: ServiceItem, case: Case) -> Instant | None:
        """When a suspension ends at the latest, by the maximum age of its reason; None if it has none."""
        maximum = item.suspension_maximum.get(reason)
        return self._end_of(maximum, start, case) if maximum is not None else None

    def _end_of(self, maximum: Limit, start: Instant, case: Case) -> Instant:
        """The instant at which a suspension that began at `start` has reached its maximum."""
        zone, calendar = self._zone, self._calendar
        if maximum.unit in _IN_MINUTES:
            hours = self._hours(case.unit, case.service_item)
            return due(maximum, start, Ends.DAY, zone=zone, calendar=calendar, hours=hours) + 1
        day = zone.day(start)
        if maximum.unit == LimitUnit.WORKING_DAYS:
            return zone.midnight(calendar.add_working_days(day, maximum.amount) + 1)
        if maximum.unit == LimitUnit.MONTHS:
            return zone.midnight(calendar.add_months(day, maximum.amount) + 1)
        return zone.midnight(day + maximum.amount + 1)


# ---- one fact, where the plan does not matter ------------------------------------------------------------
def _request_supplement(case: Case, fact: Fact, unsettled: _Unsettled) -> None:
    case.supplements.append(fact.time)
    unsettled.requests.append(fact.time)


def _refuse(case: Case, fact: Fact, unsettled: _Unsettled) -> None:
    case.refused_at = fact.time
    unsettled.requests.append(fact.time)


def _note_reclassification(case: Case, fact: Fact, unsettled: _Unsettled) -> None:
    unsettled.reclassify(fact.data)


def _start_node(case: Case, fact: Fact, unsettled: _Unsettled) -> None:
    data = fact.data
    limit = data.get("limit")
    case.nodes.append(NodeSpan(data["node"], data.get("unit", ""), fact.time, None, limit))
    if limit is not None:
        case.timed_nodes = True


def _end_node(case: Case, fact: Fact, unsettled: _Unsettled) -> None:
    """Pair with the earliest open span of the same node and unit."""
    node, unit = fact.data["node"], fact.data.get("unit", "")
    for index, span in enumerate(case.nodes):
        if span.node == node and span.unit == unit and span.end is None:
            case.nodes[index] = span._replace(end=fact.time)
            return
    case.anomalies.append("node_ended_without_start")


def _note_stop(case: Case, fact: Fact, unsettled: _Unsettled) -> None:
    unsettled.stops.append(fact)


def _pairing(fact: Fact) -> tuple[str, str, str]:
    """What a suspension and its resumption have in common."""
    return fact.source, fact.data.get("unit", ""), fact.data["reason"]


def _measure(case: Case, fact: Fact, unsettled: _Unsettled) -> None:
    name, amount = fact.data["quantity"], micro(fact.data["value"])
    case.quantities[name] = case.quantities.get(name, 0) + amount
    case.measured.append((fact.time, name, amount, fact.received))
    if amount < 0:
        case.only_simple_facts = False  # a refund may have healed a breach


def _withdraw(case: Case, fact: Fact, unsettled: _Unsettled) -> None:
    if case.withdrawn_at is None:
        case.withdrawn_at = fact.time


def _reopen(case: Case, fact: Fact, unsettled: _Unsettled) -> None:
    """Declare the completions so far void."""
    if unsettled.completions:
        if len(unsettled.completions) > 1 and unsettled.completions[-1].time == fact.time:
            case.anomalies.append("completed_as_reopened")  # it may have been meant to follow the reopening
        case.voided += tuple(("completed", each.time) for each in unsettled.completions)
        unsettled.completions.clear()
        unsettled.voided_at = fact.time
        case.reopened += 1
    else:
        case.anomalies.append("reopened_without_completion")


def _holding(case: Case, completions: Sequence[Fact], start: Instant) -> Fact | None:
    """Of several completions, or one that may be before the acceptance, the one that holds."""
    good = [fact for fact in completions if fact.time >= start]
    for _ in range(len(completions) - len(good)):
        case.anomalies.append("completed_before_acceptance")
    granting = [fact for fact in good if fact.data.get("outcome") not in NOTHING_DELIVERED]
    if granting and granting[0] is not good[0]:
        case.anomalies.append("granted_after_refusal")
        return granting[0]
    if len(good) > 1:
        case.anomalies.append("second_completion")
    return good[0] if good else None


def _settle_ending(case: Case, certified: Collection[str]) -> None:
    """Withdrawn or refused and then delivered, a case is judged as neither (rule 16): else it would pay to end what
    runs late. Delivered: completed as anything but refused or terminated, or a milestone that completion certifies."""
    delivered = [at for name in certified for at in case.milestones.get(name, ())]
    if case.outcome in NOTHING_DELIVERED:
        if case.completed_at is not None and max(delivered, default=case.completed_at) > case.completed_at:
            case.outcome = None
            case.anomalies.append("granted_after_refusal")
    elif case.completed_at is not None:
        delivered.append(case.completed_at)
    if case.withdrawn_at is not None and max(delivered, default=case.withdrawn_at - 1) >= case.withdrawn_at:
        case.withdrawn_at = None
        case.anomalies.append("granted_after_withdrawal")


def _void_certified(case: Case, certified: Collection[str], until: Instant) -> None:
    """A void completion voids what it certified: these milestones, from the acceptance to the reopening (rule 16). What
    several reopenings void, each since the one before, is what the last of them voids since the acceptance."""
    since = case.accepted_at
    for name in certified:
        times = case.milestones.pop(name, ())
        kept = [at for at in times if at > until or (since is not None and at < since)]
        case.voided += tuple((f"milestone:{name}", at) for at in times if at not in kept)
        if kept:
            case.milestones[name] = kept


def _rate(case: Case, fact: Fact, unsettled: _Unsettled) -> None:
    if fact.data.get("rated_by") != "default":
        case.rating = fact.data["score"]


def _decide(cycles: Sequence[Case], decisions: Sequence[tuple[Case, Fact]]) -> None:
    """A decision is about the cycle that it names, else about the one during which it was made. One with a period is
    about a duty or a figure."""
    for during, fact in decisions:
        cycle = fact.data.get("cycle", during.cycle)
        if "period" in fact.data:
            continue
        if cycle > len(cycles):
            cycles[-1].anomalies.append("decided_on_no_cycle")
        else:
            _note_decision(cycles[cycle - 1], fact)


def _note_decision(case: Case, fact: Fact) -> None:
    """Of justifications the last decision holds; a request does not undo one, nor an earlier request."""
    kpi, decision = fact.data["kpi"], Decision.of(fact)
    if fact.type == FactType.CASE_CONFIRMED:
        case.confirmed.setdefault(kpi, []).append(decision)
    elif decision.decision != "requested" or kpi not in case.justified:
        case.justified[kpi] = decision


_HANDLERS: Final[Mapping[int, _Handler]] = {
    int(FactType.CASE_SUPPLEMENT_REQUESTED): _request_supplement,
    int(FactType.CASE_REFUSED): _refuse,
    int(FactType.CASE_RECLASSIFIED): _note_reclassification,
    int(FactType.CASE_NODE_STARTED): _start_node,
    int(FactType.CASE_NODE_ENDED): _end_node,
    int(FactType.CASE_SUSPENDED): _note_stop,
    int(FactType.CASE_RESUMED): _note_stop,
    int(FactType.CASE_MEASURED): _measure,
    int(FactType.CASE_WITHDRAWN): _withdraw,
    int(FactType.CASE_REOPENED): _reopen,
    int(FactType.CASE_RATED): _rate,
}
"""Type of a fact → what it adds to a case, beside those for which the plan matters."""


# ---- what a case says of itself --------------------------------------------------------------------------
def _describe(case: Case, fact: Fact) -> None:
    """Take over the description of the case from an application or acceptance; the earliest acceptance names the
    unit."""
    data = fact.data
    first = fact is case.accepted or (case.accepted is None and not case.service_item)
    if first:
        _take_description(case, data)
    attributes = data.get("attributes")
    if attributes:
        if first:
            _update_attributes(case, attributes)
        else:
            for name, value in attributes.items():
                case.attributes.setdefault(name, value)
    channel = data.get("channel")
    if channel is not None and channel != "unknown":
        case.channels.add(channel)


def _take_description(case: Case, data: Mapping[str, Any]) -> None:
    if case.service_item and case.only_simple_facts and _is_described_otherwise(case, data):
        case.only_simple_facts = False  # it may have been another promise's until now, or had another limit
    case.service_item = data.get("service_item", case.service_item)
    case.unit = data.get("unit", case.unit)
    applicant = data.get("applicant")
    if applicant is not None:
        case.applicant = applicant
    case.parent = data.get("parent", case.parent)
    case.due_at = data.get("due_at", case.due_at)
    case.committed_limit = data.get("committed_limit", case.committed_limit)
    case.statutory_limit = data.get("statutory_limit", case.statutory_limit)


def _is_described_otherwise(case: Case, data: Mapping[str, Any]) -> bool:
    return any(name in data and data[name] != getattr(case, name) for name in _DESCRIBED)


def _update_attributes(case: Case, attributes: Mapping[str, Any]) -> None:
    """The last value of each attribute holds. A changed value may have turned a miss into something else, or moved the
    case into another population: the case has not only simple facts any more."""
    held = case.attributes
    if case.only_simple_facts and held:
        for name, value in attributes.items():
            if held.get(name, value) != value:
                case.only_simple_facts = False
                break
    held.update(attributes)


def _reclassify(case: Case, unsettled: _Unsettled) -> None:
    for name, value in unsettled.reclassified.items():
        if name == "attributes":
            case.attributes.update(value)
        else:
            setattr(case, name, value)


def _next_cycle(previous: Case, fact: Fact) -> Case:
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
        only_simple_facts=False,
        arrived=fact.received,
    )


_CORRECTION, _REOPENED = int(FactType.CORRECTION), int(FactType.CASE_REOPENED)
_COMPLETED, _SUSPENDED = int(FactType.CASE_COMPLETED), int(FactType.CASE_SUSPENDED)
_PLAIN: Final = frozenset(
    int(each)
    for each in (
        FactType.CASE_APPLIED,
        FactType.CASE_ACCEPTED,
        FactType.CASE_MILESTONE,
        FactType.CASE_NODE_STARTED,
        FactType.CASE_NODE_ENDED,
        FactType.CASE_MEASURED,
        FactType.CASE_COMPLETED,
        FactType.CASE_RATED,
    )
)
_DESCRIBED: Final = ("service_item", "unit", "applicant", "parent", "due_at", "committed_limit", "statutory_limit")
_UNKNOWN_ITEM: Final = ServiceItem(code="", title=Title(zh="", en=""))
"""In the place of a service item that the plan does not know."""
_IN_MINUTES = (LimitUnit.MINUTES, LimitUnit.WORKING_MINUTES)
