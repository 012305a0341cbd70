"""A case as it is known at an instant, by what has been reported of it.

Nothing is judged here, and no promise is known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

from services.domain.intake.facts import contract_place
from services.domain.time.zone import Instant
from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.event import OPERATIONS, Data, SimulatedEvent
from services.simulator.stories.succession import Succession
from services.simulator.stories.timing import ItemRules

_UNDELIVERED = ("refused", "terminated")


class Passage(NamedTuple):
    """The passage of a case through a node; the end is None while it lasts."""

    node: str
    unit: str
    start: Instant
    end: Instant | None


class Pause(NamedTuple):
    """A suspension; the end is None while it lasts."""

    reason: str
    start: Instant
    end: Instant | None


class ObservedCase:
    """A case by some of its events."""

    def __init__(
        self,
        history: CaseHistory,
        events: Sequence[SimulatedEvent],
        rules: ItemRules,
        grantors: frozenset[str],
        succession: Succession,
    ) -> None:
        """`events`: those that are known. `rules`: what its service item says of it. `grantors`: sources that may
        extend a limit, beside the operations centre."""
        self.history = history
        self.flow = history.flow
        """Its flow, with the unit that the one it names was when the case began."""
        self._grantors = grantors | {OPERATIONS}
        self._rules = rules
        self.attributes: dict[str, Any] = {}
        self.applicant = "unknown"
        self.channels: set[str] = set()
        self.outcome: str | None = None
        self.applied_at: Instant | None = None
        self.accepted_at: Instant | None = None
        self.completed_at: Instant | None = None
        self.withdrawn_at: Instant | None = None
        self.milestones: dict[str, list[Instant]] = {}
        self.measured: list[tuple[Instant, str, Fraction, Instant]] = []
        """When, what and how much, and when that arrived."""
        self.passages: list[Passage] = []
        self.pauses: list[Pause] = []
        self.rating: int | None = None
        self.extended = False
        self.decisions: dict[str, tuple[str, Instant]] = {}
        """Promise → the last decision on a reason for missing it, and its time."""
        self.reasons_seen: dict[str, Instant] = {}
        """Promise → the last arrival that those had seen who decided on that."""
        self.completion_arrived: Instant = 0
        self._confirmations: list[tuple[str, bool, Instant]] = []
        """Promise, whether a late entry was accepted, and the last arrival that the deciders had seen."""
        self._standing: dict[tuple[str, str, str], int] = {}
        """Who holds the clock now, and for which reason → the place of the pause."""
        self._acceptances: list[Instant] = []
        self._requests: list[Instant] = []
        self._reopened_at: Instant | None = None
        """The last time that a completion was declared void."""
        self._completions: list[tuple[Instant, Data]] = []
        self._reclassified: dict[str, Any] = {}
        for event, time in _effective(events):
            read = _READERS.get(event.type)
            if read is not None:
                read(self, event, time)
        self._accept()
        self._name_successors(succession)
        self._void_certified()
        self._complete()
        self._forget_undelivered_end()
        self.attributes |= self._reclassified

    def _name_successors(self, succession: Succession) -> None:
        """What began under the name of a unit that had ended by then was its successor's."""
        if not succession.changes:
            return
        begin = self.accepted_at if self.accepted_at is not None else self.applied_at
        if begin is not None:
            self.flow = replace(self.flow, unit=succession.at(self.flow.unit, begin))
        self.passages = [each._replace(unit=succession.at(each.unit, each.start)) for each in self.passages]

    # ---- reading -------------------------------------------------------------------------------------
    def _read_filing(self, event: SimulatedEvent, time: Instant) -> None:
        data = event.data or {}
        self.applicant = data["applicant"]
        self.channels.add(data["channel"])
        self._take_attributes(data)
        if event.type == "case.accepted":
            self._acceptances.append(time)
        elif self.applied_at is None:
            self.applied_at = time

    def _read_supplement(self, event: SimulatedEvent, time: Instant) -> None:
        self._requests.append(time)

    def _read_reclassification(self, event: SimulatedEvent, time: Instant) -> None:
        self._reclassified |= (event.data or {})["attributes"]

    def _read_milestone(self, event: SimulatedEvent, time: Instant) -> None:
        data = event.data or {}
        self.milestones.setdefault(data["name"], []).append(time)
        self._take_attributes(data)

    def _read_node_start(self, event: SimulatedEvent, time: Instant) -> None:
        data = event.data or {}
        self.passages.append(Passage(data["node"], data["unit"], time, None))

    def _read_node_end(self, event: SimulatedEvent, time: Instant) -> None:
        data = event.data or {}
        for index, passage in enumerate(self.passages):
            if passage.node == data["node"] and passage.unit == data["unit"] and passage.end is None:
                self.passages[index] = passage._replace(end=time)
                return

    def _read_suspension(self, event: SimulatedEvent, time: Instant) -> None:
        """A clock that stands is not stopped again by the same unit for the same reason."""
        who = _stopped_by(event)
        if who not in self._standing:
            self._standing[who] = len(self.pauses)
            self.pauses.append(Pause(who[2], time, None))

    def _read_resumption(self, event: SimulatedEvent, time: Instant) -> None:
        index = self._standing.pop(_stopped_by(event), None)
        if index is not None:
            self.pauses[index] = self.pauses[index]._replace(end=time)

    def _read_measurement(self, event: SimulatedEvent, time: Instant) -> None:
        data = event.data or {}
        self.measured.append((time, data["quantity"], Fraction(str(data["value"])), event.received))

    def _read_completion(self, event: SimulatedEvent, time: Instant) -> None:
        self._completions.append((time, event.data or {}))
        self.completion_arrived = max(self.completion_arrived, event.received)

    def _read_reopening(self, event: SimulatedEvent, time: Instant) -> None:
        if self._completions:
            self._completions.clear()
            self._reopened_at = time

    def _read_withdrawal(self, event: SimulatedEvent, time: Instant) -> None:
        if self.withdrawn_at is None:
            self.withdrawn_at = time

    def _read_rating(self, event: SimulatedEvent, time: Instant) -> None:
        data = event.data or {}
        if data.get("rated_by") != "default":
            self.rating = data["score"]

    def _read_extension(self, event: SimulatedEvent, time: Instant) -> None:
        self.extended |= event.source in self._grantors

    def _read_justification(self, event: SimulatedEvent, time: Instant) -> None:
        data = event.data or {}
        self.decisions[data["kpi"]] = data["decision"], time
        self.reasons_seen[data["kpi"]] = data.get("through", time)

    def _read_confirmation(self, event: SimulatedEvent, time: Instant) -> None:
        data = event.data or {}
        self._confirmations.append((data["kpi"], data["decision"] == "accepted", data["through"]))

    def _take_attributes(self, data: Data) -> None:
        """The last value is kept, or the first one if the service item says so."""
        for name, value in data.get("attributes", {}).items():
            if name not in self._rules.first_values or name not in self.attributes:
                self.attributes[name] = value

    def _accept(self) -> None:
        """A permit's acceptance is deemed on application. A supplement that is asked for before an acceptance is
        reported revokes that, and the reported one counts."""
        reported = self._acceptances[0] if self._acceptances else None
        deemed = self.applied_at if self.history.deemed_acceptance else None
        revoked = any(
            deemed is not None and deemed <= at and (reported is None or at < reported) for at in self._requests
        )
        self.accepted_at = reported if deemed is None or revoked else deemed

    def _void_certified(self) -> None:
        """A reopening voids the milestones that the void completion certified, since the acceptance."""
        if self._reopened_at is None:
            return
        for name in self._rules.certified & self.milestones.keys():
            self.milestones[name] = [time for time in self.milestones[name] if not self._is_void(time)]
            if not self.milestones[name]:
                del self.milestones[name]

    def _is_void(self, time: Instant) -> bool:
        assert self._reopened_at is not None
        return time <= self._reopened_at and (self.accepted_at is None or time >= self.accepted_at)

    def _complete(self) -> None:
        """The first completion counts; of a refusal and a later grant the grant."""
        start = self.accepted_at if self.accepted_at is not None else self.applied_at
        good = [each for each in self._completions if start is not None and each[0] >= start]
        granted = [each for each in good if each[1]["outcome"] not in _UNDELIVERED]
        for time, data in (granted or good)[:1]:
            self.completed_at = time
            self.outcome = data["outcome"]
            if "channel" in data:
                self.channels.add(data["channel"])
            self._take_attributes(data)

    def _forget_undelivered_end(self) -> None:
        """What was delivered after it was withdrawn or refused was neither withdrawn nor refused."""
        refused = self.completed_at if self.is_refused else None
        delivered = [time for name in self._rules.certified for time in self.milestones.get(name, ())]
        if refused is not None and max(delivered, default=refused) > refused:
            self.outcome = None
        if self.completed_at is not None and refused is None:
            delivered.append(self.completed_at)
        if self.withdrawn_at is not None and max(delivered, default=self.withdrawn_at - 1) >= self.withdrawn_at:
            self.withdrawn_at = None

    def is_confirmed(self, promise: str, arrival: Instant) -> bool:
        """Whether the last of those who had seen an arrival, and decided on it, accepted."""
        return self.confirmed_through(promise, arrival) is not None

    def confirmed_through(self, promise: str, arrival: Instant) -> Instant | None:
        """The last arrival that they had seen; None: nobody had seen the arrival, or they did not accept."""
        answers = [each for each in self._confirmations if each[0] == promise and each[2] >= arrival]
        return answers[-1][2] if answers and answers[-1][1] else None

    # ---- what promises ask ---------------------------------------------------------------------------
    def start(self, names: Sequence[str]) -> Instant | None:
        """When a clock starts: the latest of its points, once all are known."""
        found = [self._start(name) for name in names]
        return None if None in found else max(time for time in found if time is not None)

    def _start(self, name: str) -> Instant | None:
        match name:
            case "applied":
                # an accepted case was applied for when it was accepted, at the latest
                return self.applied_at if self.applied_at is not None else self.accepted_at
            case "accepted":
                return self.accepted_at
            case "completed":
                return self.completed_at
        return next(iter(self.milestones.get(name.removeprefix("milestone:"), ())), None)

    def stop(self, names: Sequence[str], start: Instant) -> Instant | None:
        """When a clock stops: the latest of its points, once all are known. Times before the start do not count."""
        found = [self._stop(name, start) for name in names]
        return None if None in found else max(time for time in found if time is not None)

    def _stop(self, name: str, start: Instant) -> Instant | None:
        if name == "completed":
            return self.completed_at
        times = self.milestones.get(name.removeprefix("milestone:"), ())
        return next((time for time in times if time >= start), None)

    def over_before(self, stop: Instant | None, *, refusal_ends: bool) -> Instant | None:
        """When the case was over without its stop: withdrawn, or refused where `refusal_ends` it; else None."""
        ends = [self.withdrawn_at]
        if refusal_ends and self.is_refused:
            ends.append(self.completed_at)
        over = min((end for end in ends if end is not None), default=None)
        return over if over is not None and (stop is None or over < stop) else None

    @property
    def holder(self) -> str:
        """The unit of the node that the case entered last and has not left; else the one that accepted it."""
        return next((passage.unit for passage in reversed(self.passages) if passage.end is None), self.flow.unit)

    @property
    def is_refused(self) -> bool:
        """Whether its completion did not grant what was applied for."""
        return self.outcome in _UNDELIVERED

    def reached(self, name: str, by: Instant) -> bool:
        """Whether a milestone was reached by an instant."""
        return any(time <= by for time in self.milestones.get(name, ()))

    def sum(self, quantity: str, by: Instant | None = None) -> Fraction | None:
        """The sum measured by an instant; None if the quantity was never measured at all."""
        if all(name != quantity for _, name, _, _ in self.measured):
            return None
        return sum(
            (amount for time, name, amount, _ in self.measured if name == quantity and (by is None or time <= by)),
            Fraction(),
        )

    @property
    def is_filed(self) -> bool:
        """Whether its application or acceptance is known: before that its subject is not known."""
        return bool(self.channels)

    @property
    def online(self) -> bool:
        """Whether every channel was online and no visit was made."""
        return self.channels == {"online"} and not self.sum("visits")

    def holds(self, wanted: Mapping[str, Any]) -> bool:
        """Whether it is known to have each of the wanted values."""
        return all(self._has(name, value) for name, value in wanted.items())

    def may_hold(self, wanted: Mapping[str, Any]) -> bool:
        """Whether it leaves out some of the wanted values, and has the others."""
        unsaid = [name for name in wanted if self._leaves_out(name)]
        return bool(unsaid) and self.holds({name: value for name, value in wanted.items() if name not in unsaid})

    def _leaves_out(self, name: str) -> bool:
        """Whether it does not say what promises select by."""
        match name:
            case "applicant":
                return self.applicant == "unknown"
            case "outcome":
                return self.outcome is None and self.completed_at is not None
            case "channel" | "online":
                return not self.channels
        return name not in _FIELDS and name not in self.attributes and name not in self._rules.unset

    def _has(self, name: str, value: Any) -> bool:
        values = value if isinstance(value, tuple) else (value,)
        if name == "channel":
            return not self.channels.isdisjoint(values)
        if name == "online":
            return self.is_filed and self.online in values
        if name in _FIELDS:
            return _FIELDS[name](self) in values
        given = self.attributes.get(name, self._rules.unset.get(name))
        return given in values if not isinstance(given, list) else any(each in values for each in given)

    def is_known(self, name: str) -> bool:
        """Whether anything is known of an attribute or field."""
        return self.is_filed if name == "channel" else name in self.attributes or name in self._rules.unset


_FIELDS: Mapping[str, Callable[[ObservedCase], Any]] = {
    "service_item": lambda case: case.flow.item,
    "unit": lambda case: case.flow.unit,
    "applicant": lambda case: case.applicant,
    "outcome": lambda case: case.outcome,
    "extended": lambda case: case.extended,
}
"""What a promise selects by that is no attribute."""


_READERS: Mapping[str, Callable[[ObservedCase, SimulatedEvent, Instant], None]] = {
    "case.applied": ObservedCase._read_filing,
    "case.accepted": ObservedCase._read_filing,
    "case.supplement_requested": ObservedCase._read_supplement,
    "case.reclassified": ObservedCase._read_reclassification,
    "case.milestone": ObservedCase._read_milestone,
    "case.node_started": ObservedCase._read_node_start,
    "case.node_ended": ObservedCase._read_node_end,
    "case.suspended": ObservedCase._read_suspension,
    "case.resumed": ObservedCase._read_resumption,
    "case.measured": ObservedCase._read_measurement,
    "case.completed": ObservedCase._read_completion,
    "case.reopened": ObservedCase._read_reopening,
    "case.withdrawn": ObservedCase._read_withdrawal,
    "case.rated": ObservedCase._read_rating,
    "case.extended": ObservedCase._read_extension,
    "case.justified": ObservedCase._read_justification,
    "case.confirmed": ObservedCase._read_confirmation,
}


def _stopped_by(event: SimulatedEvent) -> tuple[str, str, str]:
    """The source, the unit and the reason of a suspension or resumption."""
    data = event.data or {}
    return event.source, data["unit"], data["reason"]


def _effective(events: Sequence[SimulatedEvent]) -> list[tuple[SimulatedEvent, Instant]]:
    """The events that count, each with its time, after the corrections among them; in the order of those times."""
    corrections = sorted((e for e in events if e.type == "correction"), key=lambda each: (each.time, each.id))
    corrected = {each.data["of"]: each.data["event"] for each in corrections if each.data is not None}
    deleted = {of for of, replacement in corrected.items() if replacement is None}

    def reported_time(event: SimulatedEvent) -> Instant:
        if event.id in corrected:
            time: Instant = corrected[event.id].time
            return time
        return event.time if event.first_reported_time is None else event.first_reported_time

    effective = [
        (event, reported_time(event)) for event in events if event.type != "correction" and event.id not in deleted
    ]
    return sorted(effective, key=lambda each: (each[1], contract_place(each[0].type), each[0].source, each[0].id))
