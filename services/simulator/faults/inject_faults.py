"""What sources do wrong. Each fault has a rate and is drawn from the seed.

A fault does not change what happened. It changes what is reported, and when; the truth is read from those reports.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import Random

from services.domain.time.zone import DAY_US, Instant
from services.simulator.faults.decided_again import change_after_decision, say_what_was_seen
from services.simulator.faults.rejected_events import contradict, correct_a_correction
from services.simulator.faults.reported_otherwise import apply_later, extend_again, slip
from services.simulator.faults.silence import Silence
from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.event import OPERATIONS, SECOND, SimulatedEvent
from services.simulator.stories.report_delay import case_reported_by, source_reported_by
from services.simulator.stories.result import Result
from services.simulator.stories.scenarios import suspend_briefly
from services.simulator.stories.timing import HOUR_US, Timing

_DELAYED = 0.2
"""The share of cases in which a source takes as long to report as it may."""
LARGEST_LEAD_US = 290 * SECOND
"""A wrong clock is at most this far ahead: events from five minutes ahead are refused."""
_STARTS = frozenset({"case.applied", "case.accepted"})
_WITH_ATTRIBUTES = _STARTS | {"case.milestone", "case.completed"}


class Faults:
    """The faults of one district."""

    def __init__(
        self, rates: Mapping[str, float], seed: int, timing: Timing, silence: Silence, end: Instant | None
    ) -> None:
        self.rates = rates
        self.silence = silence
        self._seed = seed
        self._timing = timing
        self._end = end
        self._not_yet_rejected = {"id_conflict", "bad_correction"}
        """Reason codes of which each must occur at least once."""

    def inject(self, case: CaseHistory) -> None:
        """Whatever goes wrong with the reports of a case. The intended result stays what it is, except for a late
        entry."""
        # What a case needs to be met must arrive while its report is in time, else it would be a late entry.
        limit = self._reported_by(case) if case.intended_result in (Result.MET, Result.WITHDRAWN) else None
        self._report_with_delay(case)
        if self.rates and self._reports_wrongly(case):
            limit = None
        if limit is not None:
            _arrive_by(case, limit // SECOND * SECOND)
        for n, event in enumerate(case.events, 1):
            event.id = event.id or f"{case.subject}-{n}"
        if self.rates:
            self._correct_reports(case, limit)
            self._add_rejected(case)
        self._fall_silent(case)
        say_what_was_seen(case, self._rng("seen", case))

    def _fall_silent(self, case: CaseHistory) -> None:
        """A reclassification is never late: the results in the promise that a case leaves are another matter."""
        if self.silence.occurs and case.reclassified is None:
            with _noted(case, "silence"):
                for event in case.events:
                    event.received = self.silence.arrival(event)

    def _reports_wrongly(self, case: CaseHistory) -> bool:
        """What is wrong with the reports before they are numbered; whether one is entered late on purpose."""
        self._note_story(case)
        self._leave_empty(case)
        case.rng = Random(f"{self._seed}/{case.subject}/faults")
        self._report_otherwise(case)
        self._delay(case)
        return self._is_entered_late(case)

    @staticmethod
    def _note_story(case: CaseHistory) -> None:
        """What the story of the case itself has of these."""
        if case.voided_completion is not None:
            case.faults.add("reopened")
        if case.reclassified is not None:
            case.faults.add("reclassified")

    def _reported_by(self, case: CaseHistory) -> Instant | None:
        """Until when the stop of the promise that a case was made for may be reported."""
        if case.intended is None or case.due is None:
            return None
        key = case.intended[0]
        promise = next(promise for promise in self._timing.about(case.flow.item) if promise.key == key)
        points = promise.bounded or promise.stop
        return case_reported_by(self._timing, case.due, points, case.owner, case.flow)

    def _report_with_delay(self, case: CaseHistory) -> None:
        """No fault: in some cases a source takes as long to report as it may, from some moment on."""
        rng = Random(f"{self._seed}/{case.subject}/delays")
        if rng.random() >= _DELAYED or case.reclassified is not None or not case.events:
            return
        since = rng.choice(case.events).time
        last: dict[str, Instant] = {}
        for event in sorted(case.events, key=lambda event: event.time):
            if event.time < since:
                continue
            source = self._timing.law.plan.sources.get(event.source)
            latest = event.received if source is None else source_reported_by(self._timing, source, event.time)
            if latest > event.received:
                event.received += int(rng.random() * ((latest - event.received) // SECOND)) * SECOND
            event.received = last[event.source] = max(event.received, last.get(event.source, 0))

    def _report_otherwise(self, case: CaseHistory) -> None:
        """Short suspensions, one that is reported twice, a supplement after the acceptance, an application before it, a
        case that is entered when it is done."""
        rng, rates = case.rng, self.rates
        if rng.random() < rates.get("stop_and_go", 0):
            with _noted(case, "stop_and_go"):
                suspend_briefly(case, self._timing)
        for fault, inject in (("stopped_twice", _stop_twice), ("asked_again", _ask_again)):
            if rates.get(fault):
                with _noted(case, fault):
                    inject(case, rates[fault], self._rng(fault, case))
        if rates.get("granted_after_all"):
            with _noted(case, "granted_after_all"):
                _grant_after_all(case, rates["granted_after_all"], self._rng("granted", case))
        if self._occurs("extensions", case):
            with _noted(case, "extensions"):
                extend_again(case, self._rng("extension", case))
        if self._occurs("applied_later", case):
            with _noted(case, "applied_later"):
                apply_later(case, self._rng("application", case))
        if rng.random() < rates.get("held_back", 0):
            with _noted(case, "held_back"):
                _hold_back(case, self._timing)
        if rng.random() < rates.get("backdated", 0) and case.reclassified is None:
            with _noted(case, "backdated"):
                _backdate(case)

    def _rng(self, name: str, case: CaseHistory) -> Random:
        """A random generator of its own for each fault of a case."""
        return Random(f"{self._seed}/{case.subject}/{name}")

    def _occurs(self, fault: str, case: CaseHistory) -> bool:
        rate = self.rates.get(fault, 0)
        return rate > 0 and case.reclassified is None and self._rng(fault, case).random() < rate

    def _leave_empty(self, case: CaseHistory) -> None:
        """A field by which promises select is left out; of every third case it comes with the last event that may have
        attributes."""
        rng = Random(f"{self._seed}/{case.subject}/empty")
        names = _selecting(case, self._timing)
        if rng.random() >= self.rates.get("empty", 0) or not names or case.reclassified is not None:
            return
        name = rng.choice(names)
        value = case.attributes[name]
        case.faults.add("empty")
        for event in case.events:
            _drop(event, name)
        last = max((event for event in case.events if event.type in _WITH_ATTRIBUTES), key=lambda event: event.time)
        if rng.random() < 0.3 and last.type not in _STARTS:
            last.add_attributes({name: value})

    def _delay(self, case: CaseHistory) -> None:
        """Events that arrive out of order, and a clock that is ahead."""
        rng, disorder = case.rng, self.rates.get("disorder", 0)
        with _noted(case, "disorder"):
            for event in case.events if disorder else ():
                if rng.random() < disorder and event.type != "case.reclassified":
                    event.received += int(HOUR_US + rng.random() * 60 * HOUR_US) // SECOND * SECOND
        if rng.random() < self.rates.get("skew", 0):
            case.faults.add("skew")
            lead = int(30 + rng.random() * 260) * SECOND
            for event in case.events:
                if event.received - event.time < HOUR_US:
                    event.received = max(event.time - lead, event.time - LARGEST_LEAD_US)

    def _is_entered_late(self, case: CaseHistory) -> bool:
        """A case that was met may be entered only after its limit."""
        late = case.intended_result is Result.MET and case.rng.random() < self.rates.get("late_entry", 0)
        if late:
            self._enter_late(case)
        return late

    def _enter_late(self, case: CaseHistory) -> None:
        """The completion in time is reported after the limit; sometimes the operations centre confirms it."""
        assert case.intended is not None and case.due is not None
        rng, key = case.rng, case.intended[0]
        promise = next(promise for promise in self._timing.about(case.flow.item) if promise.key == key)
        stops = [case.points[name] for name in promise.stop if name in case.points]
        if not stops:
            return
        reported_by = self._reported_by(case) or case.due
        entered = reported_by // SECOND * SECOND + int(600 + rng.random() * 4 * 86_400) * SECOND
        case.faults.add("late_entry")
        _enter(case, stops, entered)
        case.intended = (key, Result.LATE_ENTRY)
        if rng.random() < 0.3:
            confirmed = self._timing.on_workday(rng, entered, 1)
            data = {"kpi": promise.id, "decision": "accepted"}
            case.emit("case.confirmed", confirmed, data, source=OPERATIONS, point="confirmed")

    def _correct_reports(self, case: CaseHistory, limit: Instant | None) -> None:
        """What is corrected: a completion, a slip, and what was decided on."""
        self._correct(case, limit)
        if self._occurs("slips", case):
            with _noted(case, "slips"):
                slip(case, self._timing, self._rng("slip", case), self._end)
        if self._occurs("decided_again", case):
            with _noted(case, "decided_again"):
                change_after_decision(case, self._rng("decision", case), self._end)

    def _correct(self, case: CaseHistory, limit: Instant | None) -> None:
        """The completion is first reported with a wrong time of the same day, and corrected some hours later."""
        rng, completed = case.rng, case.points.get("completed")
        drawn = rng.random() < self.rates.get("corrections", 0)
        if not drawn or completed is None or case.voided_completion is not None:
            return
        wrong = completed.time - int(300 + rng.random() * 1800) * SECOND
        if not self._changes_nothing(case, completed, wrong):
            return
        sent = completed.received + int(600 + rng.random() * 6 * 3600) * SECOND
        if limit is not None and limit >= completed.received:
            sent = min(sent, max(limit // SECOND * SECOND, completed.received + SECOND))
        if self._end is not None and sent >= self._end:
            return
        case.faults.add("corrections")
        completed.first_reported_time = wrong
        time = min(sent, completed.time + HOUR_US)
        data = {"of": completed.id, "event": completed}
        correction = SimulatedEvent("correction", time, completed.source, data, delays=(sent - time, 0))
        correction.id = f"{completed.id}c"
        case.events.append(correction)

    def _changes_nothing(self, case: CaseHistory, completed: SimulatedEvent, wrong: Instant) -> bool:
        """Whether a completion at a wrong time has the same result: after the start, and on a day of the limit."""
        zone = self._timing.zone
        started = max((event.time for event in case.events if event.type in _STARTS), default=completed.time)
        if wrong <= started or zone.day(wrong) != zone.day(completed.time):
            return False
        if self._timing.primary(case.flow.item, case.attributes) is None:
            return True
        return case.due is not None and case.due + 1 == zone.midnight(zone.day(case.due) + 1)

    def _add_rejected(self, case: CaseHistory) -> None:
        """Events that are refused only because of the case: each kind once as early as possible, then by its rate."""
        rng, rates, missing = case.rng, self.rates, self._not_yet_rejected
        if rng.random() < rates.get("conflicts", 0) or ("conflicts" in rates and "id_conflict" in missing):
            contradict(case)
        if rng.random() < rates.get("bad", 0) / 50 or ("bad" in rates and "bad_correction" in missing):
            correct_a_correction(case)
        missing -= {code for code, _ in case.rejected}


@contextmanager
def _noted(case: CaseHistory, fault: str) -> Iterator[None]:
    """Note a fault, if it changes what is reported."""
    before = _reports(case)
    yield
    if _reports(case) != before:
        case.faults.add(fault)


def _reports(case: CaseHistory) -> list[tuple[int, int, int | None]]:
    return [(event.time, event.received, event.first_reported_time) for event in case.events]


def _selecting(case: CaseHistory, timing: Timing) -> list[str]:
    """The attributes of a case by which promises select."""
    wanted = {name for promise in timing.about(case.flow.item) for name in promise.select}
    return sorted(wanted & case.attributes.keys())


def _drop(event: SimulatedEvent, name: str) -> None:
    """Leave an attribute out of an event."""
    data = event.data or {}
    attributes = data.get("attributes", {})
    if name in attributes:
        left = {each: value for each, value in attributes.items() if each != name}
        event.data = {**data, "attributes": left}


def _enter(case: CaseHistory, stops: list[SimulatedEvent], entered: Instant) -> None:
    """The stops, and whatever happened from the last of them on, arrive at `entered` or later."""
    for event in case.events:
        if event in stops:
            event.received, event.recorded = entered, entered - 60 * SECOND
        elif event.time >= stops[-1].time:
            event.received = max(event.received, entered)
            event.recorded = max(event.recorded, entered - 60 * SECOND)


def _arrive_by(case: CaseHistory, limit: Instant) -> None:
    """What happened by the limit arrives by the limit."""
    for event in case.events:
        if event.received > limit >= event.time:
            event.received = limit
            event.recorded = min(event.recorded, limit)


def _stop_twice(case: CaseHistory, rate: float, rng: Random) -> None:
    """The first suspension is reported twice, under two ids: for the same time, or for a time before it ends."""
    suspended = next((event for event in case.events if event.type == "case.suspended"), None)
    if suspended is None or rng.random() >= rate:
        return
    ends = (event.time for event in case.events if event.type == "case.resumed" and event.data == suspended.data)
    later = int(rng.random() * (min(ends) - suspended.time)) // SECOND * SECOND if rng.random() < 0.5 else 0
    delays = suspended.recorded - suspended.time, suspended.received - suspended.recorded + SECOND
    case.events.append(
        SimulatedEvent("case.suspended", suspended.time + later, suspended.source, suspended.data, delays=delays)
    )


def _ask_again(case: CaseHistory, rate: float, rng: Random) -> None:
    """A supplement is asked for after the acceptance of a permit: it undoes nothing."""
    accepted = case.points.get("accepted")
    if accepted is None or not case.deemed_acceptance or case.supplement is not None or rng.random() >= rate:
        return
    later = int(rng.random() * 20 * HOUR_US) // SECOND * SECOND
    delays = accepted.recorded - accepted.time, accepted.received - accepted.recorded + SECOND
    case.events.append(
        SimulatedEvent("case.supplement_requested", accepted.time + later, case.owner, {"round": 1}, delays=delays)
    )


def _grant_after_all(case: CaseHistory, rate: float, rng: Random) -> None:
    """A case that was withdrawn, refused or terminated is granted some days later: its result follows from that."""
    ended = case.points.get("withdrawn")
    if ended is None and case.outcome != "granted":
        ended = case.points.get("completed")
    if ended is None or rng.random() >= rate:
        return
    time = ended.time + int(60 + rng.random() * 120 * 3600) * SECOND
    delays = ended.recorded - ended.time, ended.received - ended.recorded
    case.events.append(SimulatedEvent("case.completed", time, case.owner, {"outcome": "granted"}, delays=delays))
    case.intended = None


def _backdate(case: CaseHistory) -> None:
    """先办后录: the whole case is entered at once when it is done."""
    completed = case.points.get("completed")
    if completed is None or case.intended_result is not Result.MET:
        return
    at = completed.time + int(600 + case.rng.random() * 3600) * SECOND
    for n, event in enumerate(case.events):
        if event.time <= completed.time:
            event.recorded = event.received = at + n * SECOND


def _hold_back(case: CaseHistory, timing: Timing) -> None:
    """体外循环: the applicant had come long before the unit accepted the case; no clock in it starts there."""
    applied, primary = case.points.get("applied"), timing.primary(case.flow.item, case.attributes)
    if applied is None or case.deemed_acceptance or (primary is not None and "applied" in primary.start):
        return
    applied.time -= (5 + case.rng.randrange(30)) * DAY_US
