"""What a source reports otherwise than it was, or more often than it was: slips, extensions, suspensions, requests.

Each follows from a random generator of its own, so that no fault changes another.
"""

from random import Random

from services.domain.time.zone import DAY_US, Instant
from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.event import OPERATIONS, SECOND, SimulatedEvent
from services.simulator.stories.report_delay import source_reported_by
from services.simulator.stories.timing import HOUR_US, Timing


def slip(case: CaseHistory, timing: Timing, rng: Random, end: Instant | None) -> None:
    """The acceptance is entered with a date that is days too early, and corrected: on the same day, within what its
    source takes to report, or later."""
    accepted = case.points.get("accepted")
    if accepted is None:
        return
    zone, source = timing.zone, timing.law.plan.sources.get(accepted.source)
    wrong = accepted.time - (1 + rng.randrange(20)) * DAY_US
    same_day = zone.midnight(zone.day(accepted.received) + 1) - SECOND
    in_time = same_day if source is None else max(same_day, source_reported_by(timing, source, accepted.received))
    begin, finish = rng.choice(
        (
            (accepted.received, same_day),
            (same_day, in_time),
            (in_time, in_time + 5 * DAY_US),
            (in_time, in_time + DAY_US),
        )
    )
    sent = begin + int((0.05 + 0.9 * rng.random()) * (finish - begin)) // SECOND * SECOND
    sent = max(sent, accepted.received + SECOND)
    if end is not None and sent >= end:
        return
    accepted.first_reported_time = wrong
    time = max(accepted.time, sent - HOUR_US)
    data = {"of": accepted.id, "event": accepted}
    correction = SimulatedEvent("correction", time, accepted.source, data, delays=(sent - time, 0))
    correction.id = f"{accepted.id}s"
    case.events.append(correction)


def extend_again(case: CaseHistory, rng: Random) -> None:
    """More time is granted: once, once more, too late, or in another unit than the limit's."""
    accepted = case.points.get("accepted")
    if accepted is None:
        return
    last = max(event.time for event in case.events)
    for n in range(1 + rng.randrange(2)):
        at = accepted.time + int(rng.random() * (last + 3 * DAY_US - accepted.time)) // SECOND * SECOND
        unit, amount = rng.choice((("working_days", 5), ("working_days", 30), ("calendar_days", 10), ("minutes", 60)))
        data = {"limit": {"amount": amount, "unit": unit}, "reason": "complex_case"}
        # a request of the unit alone moves nothing
        source = OPERATIONS if rng.random() < 0.7 else case.owner
        delays = int(30 + rng.random() * 600) * SECOND, 2 * SECOND
        event = SimulatedEvent("case.extended", at + n * SECOND, source, data, delays=delays)
        if source == OPERATIONS and rng.random() < 0.5:  # the ledger has it, and the gateway was away
            event.id = f"ledger-{1 + 7 * rng.randrange(10_000) + n}"
            event.received += int(rng.random() * 5 * 86_400) * SECOND
        case.events.append(event)


def apply_later(case: CaseHistory, rng: Random) -> None:
    """The application of a permit, which is its deemed acceptance, is reported some days after its acceptance."""
    applied, accepted = case.points.get("applied"), case.points.get("accepted")
    if applied is None or accepted is None or not case.deemed_acceptance:
        return
    applied.received = max(applied.received, accepted.received + int(60 + rng.random() * 6 * 86_400) * SECOND)
    applied.recorded = max(applied.recorded, applied.received - 60 * SECOND)
