"""What is reported after the operations centre has decided: it needs a decision of its own.

After a late entry was confirmed, its stop is corrected to a time after the limit, and back. Or another stop or a
withdrawal is reported that nobody had seen, and then the one that was confirmed is struck out. After a reason was
accepted, the stop is corrected to a later time.
"""

from random import Random

from services.domain.time.zone import DAY_US, Instant
from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.event import OPERATIONS, SECOND, SimulatedEvent
from services.simulator.stories.timing import HOUR_US

_STOPS = ("case.completed", "case.milestone")
_DECISIONS = ("case.confirmed", "case.justified")


def change_after_decision(case: CaseHistory, rng: Random, end: Instant | None) -> None:
    """Change what was decided on, some days after the decision."""
    stop = _stop(case)
    if stop is None or case.due is None or stop.first_reported_time is not None:
        return
    confirmed, justified = case.points.get("confirmed"), case.points.get("justified")
    if confirmed is not None:
        at = confirmed.received + int(HOUR_US + rng.random() * 3 * DAY_US) // SECOND * SECOND
        if rng.random() < 0.5:
            _replace_stop(case, confirmed, at, rng, end)
        else:
            _move_stop(case, stop, at, rng, end)
    elif justified is not None:
        seen = max(stop.received, justified.received) + HOUR_US
        data = {**(justified.data or {})}
        again = SimulatedEvent("case.justified", seen, OPERATIONS, data, delays=(30 * SECOND, 2 * SECOND))
        again.id = f"{justified.id}a"
        case.events.append(again)
        _correct(case, stop, stop.time + 3 * DAY_US, seen + 2 * DAY_US, end, "x1")


def _move_stop(case: CaseHistory, stop: SimulatedEvent, at: Instant, rng: Random, end: Instant | None) -> None:
    """The stop is corrected to a time after the limit, and often back."""
    assert case.due is not None
    _correct(case, stop, max(stop.time, case.due) + DAY_US, at, end, "x1")
    if rng.random() < 0.7:
        _correct(case, stop, stop.time, at + int(rng.random() * 2 * DAY_US) // SECOND * SECOND + HOUR_US, end, "x2")


def _replace_stop(case: CaseHistory, confirmed: SimulatedEvent, at: Instant, rng: Random, end: Instant | None) -> None:
    """Another end is reported, of about the same time as one that was seen, and that is mostly struck out some hours
    later. Sometimes the operations centre decides again in between, or afterwards."""
    seen = [event for event in case.events if event.type in _STOPS and event.received <= confirmed.time]
    struck = at + int(HOUR_US + rng.random() * 10 * HOUR_US) // SECOND * SECOND
    if not seen or (end is not None and struck + DAY_US >= end):
        return
    stop = max(seen, key=lambda event: (event.type == "case.completed", event.time))
    withdrawn = rng.random() < 0.3
    kind, data = ("case.withdrawn", {"reason": "applicant withdrew"}) if withdrawn else (stop.type, stop.data)
    time = stop.time + rng.randrange(-3_600, 3_600) * SECOND
    other = SimulatedEvent(kind, time, stop.source, data, delays=(0, at - time))
    case.events.append(_named(other, f"{stop.id}y"))
    if rng.random() < 0.8:
        strike = {"of": stop.id, "event": None}
        correction = SimulatedEvent("correction", struck, stop.source, strike, delays=(0, SECOND))
        case.events.append(_named(correction, f"{stop.id}x1"))
    if rng.random() < 0.4:
        case.events.append(_decided_again(confirmed, struck + rng.choice((-HOUR_US // 2, HOUR_US)), rng))


def _decided_again(confirmed: SimulatedEvent, time: Instant, rng: Random) -> SimulatedEvent:
    """Another decision of the same promise; mostly it accepts, too."""
    answer = {**(confirmed.data or {}), "decision": rng.choice(("accepted", "accepted", "rejected"))}
    return _named(SimulatedEvent("case.confirmed", time, OPERATIONS, answer, delays=(0, SECOND)), f"{confirmed.id}a")


def _named(event: SimulatedEvent, name: str) -> SimulatedEvent:
    event.id = name
    return event


def _stop(case: CaseHistory) -> SimulatedEvent | None:
    """The event after which nothing else happens that a unit reports: a completion, or a milestone without one."""
    reported = [event for event in case.events if event.source != OPERATIONS and event.type != "case.rated"]
    stops = [event for event in reported if event.type in _STOPS]
    return max(stops, key=lambda event: event.time, default=None)


def _correct(
    case: CaseHistory, stop: SimulatedEvent, time: Instant, sent: Instant, end: Instant | None, mark: str
) -> None:
    """The stop is corrected to a time by an event that arrives at `sent`."""
    if end is not None and sent >= end:
        return
    corrected = SimulatedEvent(stop.type, time, stop.source, stop.data, delays=(0, 0))
    corrected.id, corrected.recorded = stop.id, max(time, stop.recorded)
    sent = max(sent, corrected.recorded + SECOND)
    data = {"of": stop.id, "event": corrected}
    correction = SimulatedEvent("correction", sent - SECOND, stop.source, data, delays=(0, SECOND))
    correction.id = f"{stop.id}{mark}"
    case.events.append(correction)


def say_what_was_seen(case: CaseHistory, rng: Random) -> None:
    """Each decision says what it is about, and the last arrival that its deciders had seen: mostly all that had arrived
    by then; sometimes they had read the case before its latest report."""
    for event in case.events:
        if event.type in _DECISIONS and event.source == OPERATIONS and event.data is not None:
            arrivals = sorted({each.received for each in case.events if each.received <= event.time})
            if len(arrivals) > 1 and rng.random() < 0.1:
                arrivals.pop()
            event.data = {**event.data, "cycle": 1, "through": arrivals[-1] if arrivals else event.time}
