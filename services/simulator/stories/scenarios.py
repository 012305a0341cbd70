"""The stories, one function per kind of case: each decides the fate of its case first, then tells what realises it."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from services.domain.plan.plan import Promise, Strength
from services.domain.time.limits import LimitUnit
from services.domain.time.zone import MINUTE_US, Instant
from services.simulator.district.profile import Quality
from services.simulator.stories.case_history import OPERATIONS, SECOND, Fate, Story
from services.simulator.stories.generic_scenario import composed
from services.simulator.stories.timing import HOUR_US, Placement

_CLOCK_STOPS = ("inspection", "testing", "appraisal", "expert_review", "hearing")
_OTHER_REASONS = ("applicant_materials", "customer_site_not_ready", "weather")
_PERMITS_OF_LINES = (
    ("planning_permit", "district-planning"),
    ("road_opening_permit", "district-urban-management"),
    ("traffic_permit", "district-transport"),
)

Scene = Callable[[Story, Instant, Placement, Quality, Mapping[str, float]], None]
"""Tells the story of a case that comes at an instant; the last argument are the rates of what may go wrong in it."""


def utility(story: Story, at: Instant, place: Placement, quality: Quality, faults: Mapping[str, float]) -> None:
    """Water, power, gas: application, survey, permits of others where there is a line to lay, works, connection."""
    rng, lane = story.rng, story.lane
    story.tell("case.applied", at, story.filing(), point="applied")
    accepted = place.on_workday(rng, at, 0 if rng.random() < 0.7 else 1)
    story.tell("case.accepted", accepted, story.filing(), point="accepted")
    attributes = story.attributes
    changes = (
        attributes.get("project_size") == "small"
        and attributes.get("external_line") is False
        and not attributes.get("small_low_risk")
        and rng.random() < faults.get("reclassified", 0)
    )
    if changes:
        attributes = {**attributes, "external_line": True}
    last = "energised" if lane.item.startswith("power") else "connected"
    primary = place.primary(lane.item, attributes)
    if primary is None:
        stop: Instant | None = place.on_workday(rng, accepted, int(28 * quality.pace * (0.5 + rng.random())))
        fate, until = Fate.COUNTED, None
        if rng.random() < quality.withdrawn:
            fate = Fate.WITHDRAWN
    else:
        fate, stop, until = place.ending(rng, primary, accepted, quality, lane.unit, lane.item)
        story.decided, story.due = (primary.key, fate), until
    halt = stop if stop is not None else place.on_workday(rng, accepted, 3)
    surveyed = _between(rng, accepted, halt, 0.1, 0.4)
    if changes and surveyed - accepted < 36 * HOUR_US:
        seen = surveyed + (halt - surveyed) // 8 // SECOND * SECOND
        moment = story.tell("case.reclassified", seen, {"attributes": {"external_line": True}})
        story.reclassified = (moment, attributes)
    elif changes:  # it would come late in the case's life: then the case was known for what it is from the beginning
        story.attributes = attributes
        for filed in story.moments:
            filed.data = story.filing()
    if fate is Fate.WITHDRAWN:
        story.node("site_survey", accepted, None)
        _withdraw(story, halt)
        return
    story.node("site_survey", accepted, surveyed)
    if rng.random() >= quality.unmeasured:
        story.milestone("survey_done", surveyed)
        if rng.random() < quality.breach:
            story.milestone("survey_done", _between(rng, surveyed, halt, 0.3, 0.9))
    steps = [("design", lane.unit)]
    if attributes.get("external_line"):
        steps += _PERMITS_OF_LINES
    steps += [("construction", lane.unit), ("energising" if last == "energised" else "connection", lane.unit)]
    span = (halt - surveyed) // len(steps)
    for index, (node, unit) in enumerate(steps):
        start = surveyed + index * span // SECOND * SECOND
        end = surveyed + (index + 1) * span // SECOND * SECOND
        if stop is None and index == len(steps) // 2:
            story.node(node, start, None, unit)  # where it is stuck
            break
        story.node(node, start, end, unit)
    if stop is None:
        return
    story.milestone(last, stop)
    completed = stop + int((0.2 + rng.random() * 20) * 3600) * SECOND
    story.tell("case.completed", completed, {"outcome": "granted"}, point="completed")
    if rng.random() < 0.1:
        _suspend_in_vain(story, accepted, stop)


def award(story: Story, at: Instant, place: Placement, quality: Quality, faults: Mapping[str, float]) -> None:
    """From the notice of award to the contract; a soft promise, so there may be a reason."""
    story.tell("case.accepted", at, story.filing("enterprise"), point="accepted")
    notice = at + int(story.rng.random() * 3600) * SECOND
    story.milestone("notice_issued", notice)
    _soft(story, notice, "contract_signed", place, quality)


def contract(story: Story, at: Instant, place: Placement, quality: Quality, faults: Mapping[str, float]) -> None:
    """From the performance of a contract to its acceptance being organised, and some days later passed."""
    story.tell("case.accepted", at, story.filing("enterprise"), point="accepted")
    story.milestone("contract_signed", at)
    performed = place.on_workday(story.rng, at, int(story.rng.random() * 8))
    story.milestone("contract_performed", performed)
    _soft(story, performed, "acceptance_organised", place, quality, then="acceptance_passed")


def invoice(story: Story, at: Instant, place: Placement, quality: Quality, faults: Mapping[str, float]) -> None:
    """An invoice, and the conditions of its contract: the later of the two starts the clock, in whichever order."""
    rng = story.rng
    parent = f"{story.owner}\x1fTC{story.subject[2:10]}n0001"
    story.tell("case.accepted", at, story.filing("enterprise", parent=parent), point="accepted")
    story.milestone("invoice_received", at)
    if rng.random() < 0.5:
        met = at - int(rng.random() * 48 * 3600) * SECOND
    else:
        met = place.on_workday(rng, at, 1 + int(rng.random() * 3))
    conditions = story.milestone("conditions_met", met)
    conditions.recorded = max(conditions.recorded, at)
    conditions.received = max(conditions.received, at + SECOND)
    story.measure("amount", 1_000 + int(rng.random() * 400_000), at + 60 * SECOND)
    _soft(story, max(at, met), "payment_processed", place, quality, then="payment_settled")


def permit(story: Story, at: Instant, place: Placement, quality: Quality, faults: Mapping[str, float]) -> None:
    """An item on application: accepted, examined, sometimes inspected with the clock stopped, decided."""
    rng, lane = story.rng, story.lane
    story.tell("case.applied", at, story.filing(), point="applied")
    accepted = place.on_workday(rng, at, 0 if rng.random() < 0.6 else 1)
    start = at
    item = place.law.plan.service_items[lane.item]
    story.deemed = item.permit
    if item.permit and rng.random() < 0.05:
        asked = place.on_workday(rng, at, 1 + int(rng.random() * 3))
        story.supplement = story.tell("case.supplement_requested", asked, {"round": 1})
        accepted = start = place.on_workday(rng, asked, 1 + int(rng.random() * 4))
    story.tell("case.accepted", accepted, story.filing(), point="accepted")
    start = accepted if story.supplement or not item.permit else at
    limit = place.statutory(lane.item, place.zone.day(start))
    allowed = limit.amount if limit is not None else 10
    n = int(allowed * quality.pace * (0.2 + 1.6 * rng.random()) + rng.random() * 0.9)
    n = max(n, place.working_days(start, accepted))
    if rng.random() < quality.withdrawn:
        _withdraw(story, place.on_workday(rng, accepted, 1))
        return
    if n >= 2 and rng.random() < 0.12 and start == accepted:
        story.paused_days = 1 + int(rng.random() * 5)
        first = place.calendar.add_working_days(place.zone.day(start), 1 + int(rng.random() * (n - 1)))
        last = place.calendar.add_working_days(first, story.paused_days - 1)
        _suspend(story, place.zone.at(first, 8 * 60), place.zone.at(last, 20 * 60), story.rng.choice(_CLOCK_STOPS))
    completed = place.on_workday(rng, start, n + story.paused_days)
    if completed <= accepted:
        completed = accepted + int(60 + rng.random() * 600) * SECOND
    if rng.random() < faults.get("reopened", 0) and n >= 1:
        early = accepted + (completed - accepted) // 3 // SECOND * SECOND
        again = accepted + (completed - accepted) * 2 // 3 // SECOND * SECOND
        first_time = story.tell("case.completed", early, {"outcome": "granted", "channel": story.channel})
        reopened = story.tell("case.reopened", again, {"reason": "completion_void"})
        story.void = (first_time, reopened)
    _complete(story, completed)


def establishment(story: Story, at: Instant, place: Placement, quality: Quality, faults: Mapping[str, float]) -> None:
    """A new enterprise: licence and seal, both free; the seal is reported by another source."""
    rng, lane = story.rng, story.lane
    story.tell("case.accepted", at, story.filing(), point="accepted")
    limit = place.statutory(lane.item, place.zone.day(at))
    completed = place.on_workday(rng, at, int((limit.amount if limit else 5) * quality.pace * 2 * rng.random()))
    if rng.random() < quality.withdrawn:
        _withdraw(story, completed)
        return
    license_at = completed - (completed - at) // 10 // SECOND * SECOND
    story.milestone("registered", at + (license_at - at) * 9 // 10 // SECOND * SECOND)
    story.milestone("elicence_issued", license_at)
    story.measure("elicence_fee", 0, license_at)
    seals = "/units/district-public-security"
    other = seals in place.law.plan.sources
    source, unit = (seals, "district-public-security") if other else (lane.source, lane.unit)
    seal_at = license_at if rng.random() >= quality.breach else place.on_workday(rng, completed, 3)
    story.milestone("eseal_issued", seal_at, source=source, unit=unit)
    if rng.random() >= quality.unmeasured:
        fee = 200 if rng.random() < quality.breach else 0
        story.measure("eseal_fee", fee, license_at, source=source)
        if fee and rng.random() < 0.5:
            story.measure("eseal_fee", -fee, place.on_workday(rng, completed, 2), source=source)
    _complete(story, completed)


def realty(story: Story, at: Instant, place: Placement, quality: Quality, faults: Mapping[str, float]) -> None:
    """At the registration hall: a queue, then minutes of opening hours."""
    rng, lane = story.rng, story.lane
    hours = place.law.hours(lane.unit, lane.item)
    story.tell("case.applied", at, story.filing(), point="applied")
    queue = int(60 + rng.expovariate(1.0) * 600) * SECOND
    story.milestone("queued", at)
    accepted = hours.add(at, queue)
    story.milestone("called", accepted)
    story.tell("case.accepted", accepted, story.filing(), point="accepted")
    stop = _ending(story, accepted, place, quality, lambda: place.on_workday(rng, accepted, 1 + int(4 * rng.random())))
    if stop is None:
        return
    if story.attributes.get("registration_type") == "existing_home_transfer":
        story.milestone("tax_done", _between(rng, accepted, stop, 0.2, 0.5), unit="district-taxation")
    story.milestone("registered", _between(rng, accepted, stop, 0.8, 0.99))
    _complete(story, stop)
    story.milestone("certificate_issued", stop + int(60 + rng.random() * 900) * SECOND)


def benefit(story: Story, at: Instant, place: Placement, quality: Quality, faults: Mapping[str, float]) -> None:
    """Unemployment benefit: one working day from the application."""
    rng = story.rng
    story.tell("case.applied", at, story.filing(), point="applied")
    accepted = at + int(30 + rng.random() * 1500) * SECOND
    story.tell("case.accepted", accepted, story.filing(), point="accepted")
    stop = _ending(
        story, at, place, quality, lambda: place.on_workday(rng, accepted, 1), soonest=accepted + 60 * SECOND
    )
    if stop is None:
        return
    stop = max(stop, accepted + 120 * SECOND)
    story.milestone("reviewed", stop - 30 * SECOND)
    _complete(story, stop)
    story.milestone("paid", place.on_workday(rng, stop, 1 + int(rng.random() * 3)))


def report(story: Story, at: Instant, place: Placement, quality: Quality, faults: Mapping[str, float]) -> None:
    """A report or complaint on the oversight platform."""
    rng = story.rng
    story.tell("case.accepted", at, story.filing(), point="accepted")
    stop = _ending(story, at, place, quality, lambda: place.on_workday(rng, at, 5))
    if stop is None:
        return
    story.milestone("assigned", _between(rng, at, stop, 0.05, 0.3))
    story.milestone("handled", _between(rng, at, stop, 0.6, 0.99))
    story.tell("case.completed", stop, {"outcome": "granted"}, point="completed")


_STAGES = (
    ("filing", "filed", 3, 1.0),
    ("assignment", "assigned", 2, 1.0),
    ("service", "served", 6, 1.0),
    ("appraisal", "", 15, 0.15),
    ("hearing", "hearing_held", 12, 1.0),
    ("judgment", "judged", 8, 1.0),
    ("taking_effect", "effective", 12, 1.0),
    ("enforcement", "", 15, 0.3),
)
"""Node, the milestone at its end, usual working days, share of lawsuits that pass through it."""


def lawsuit(story: Story, at: Instant, place: Placement, quality: Quality, faults: Mapping[str, float]) -> None:
    """A lawsuit from filing to its end, node by node, slow or summary."""
    rng = story.rng
    usual = 0.4 + 1.2 * rng.random()
    if rng.random() < 0.5:
        usual *= 0.3
        story.attributes = {**story.attributes, "procedure": rng.choice(("summary", "small_claims"))}
    story.tell("case.accepted", at, story.filing("enterprise"), point="accepted")
    start = at
    for node, milestone, days, share in _STAGES:
        if rng.random() >= share:
            continue
        end = place.on_workday(rng, start, 1 + int(days * usual * (0.7 + 0.6 * rng.random())))
        story.node(node, start, end)
        if milestone:
            story.milestone(milestone, end)
        start = end
    story.tell("case.completed", start + 300 * SECOND, {"outcome": "granted"}, point="completed")


SCENES: Mapping[str, Scene] = {
    "utility": utility,
    "award": award,
    "contract": contract,
    "invoice": invoice,
    "permit": permit,
    "establishment": establishment,
    "realty": realty,
    "benefit": benefit,
    "report": report,
    "lawsuit": lawsuit,
    "composed": composed,
}


def _between(rng: Random, start: Instant, end: Instant, low: float, high: float) -> Instant:
    return start + int((low + rng.random() * (high - low)) * (end - start)) // SECOND * SECOND


def _ending(
    story: Story,
    start: Instant,
    place: Placement,
    quality: Quality,
    usual: Callable[[], Instant],
    *,
    soonest: Instant | None = None,
) -> Instant | None:
    """Decides the fate of a case and gives the stop of its clock; None where nothing more is to be told: it is stuck,
    or withdrawn. `usual`: the stop where no promise is about the case; `soonest`: no withdrawal before that."""
    lane = story.lane
    primary = place.primary(lane.item, story.attributes)
    if primary is None:
        return usual()
    fate, stop, story.due = place.ending(story.rng, primary, start, quality, lane.unit, lane.item)
    story.decided = (primary.key, fate)
    if fate is not Fate.WITHDRAWN:
        return stop
    assert stop is not None
    _withdraw(story, stop if soonest is None else max(stop, soonest))
    return None


def _withdraw(story: Story, at: Instant) -> None:
    story.tell("case.withdrawn", at, {"reason": "applicant withdrew"}, point="withdrawn")


def _complete(story: Story, at: Instant) -> None:
    """Completion of an item on application: with its channel, the visits it took."""
    rng = story.rng
    story.tell("case.completed", at, {"outcome": "granted", "channel": story.channel}, point="completed")
    draw = rng.random()
    if story.channel == "counter":
        if draw < 0.9:
            story.measure("visits", 2 if draw < 0.06 else 1, at)
    elif draw < 0.05:
        story.measure("visits", 1, at + int(rng.random() * 24 * 3600) * SECOND)  # collects the certificate
    elif draw < 0.6:
        story.measure("visits", 0, at)


def _suspend(story: Story, start: Instant, end: Instant, reason: str) -> None:
    place = {"reason": reason, "unit": story.lane.unit}
    story.tell("case.suspended", start, place)
    story.tell("case.resumed", end, place)


def _suspend_in_vain(story: Story, start: Instant, stop: Instant) -> None:
    """A suspension whose reason stops no clock: kept and shown, and the limit does not move."""
    first = _between(story.rng, start, stop, 0.1, 0.4)
    _suspend(story, first, _between(story.rng, first, stop, 0.3, 0.9), story.rng.choice(_OTHER_REASONS))


def stop_and_go(story: Story, place: Placement) -> None:
    """Many short suspensions, none of which covers the hours of a whole day: they must not move a limit in days."""
    start, stop = story.points.get("accepted"), story.points.get("completed")
    if start is None or stop is None or story.paused_days or story.void:
        return
    days = place.working_days(start.time, stop.time)
    primary = place.primary(story.lane.item, story.attributes)
    if days < 2 or (primary is not None and (primary.clock_stops or _in_minutes(primary))):
        return
    day = place.zone.day(start.time)
    for n in range(1, min(days, 5)):
        opens = place.zone.at(place.calendar.add_working_days(day, n), 600)
        _suspend(story, opens, opens + 50 * MINUTE_US, "inspection")


def _in_minutes(promise: Promise) -> bool:
    limit = promise.limit
    return (
        not isinstance(limit, str)
        and limit is not None
        and limit.unit in (LimitUnit.WORKING_MINUTES, LimitUnit.MINUTES)
    )


def _soft(story: Story, start: Instant, milestone: str, place: Placement, quality: Quality, *, then: str = "") -> None:
    """The rest of a procurement case: the milestone that the promise is about, what follows, a reason if it is late."""
    rng, lane = story.rng, story.lane
    primary = place.primary(lane.item, story.attributes)
    if primary is None:
        story.milestone(milestone, place.on_workday(rng, start, 3))
        return
    fate, stop, due = place.ending(rng, primary, start, quality, lane.unit, lane.item)
    story.decided, story.due = (primary.key, fate), due
    if fate is Fate.WITHDRAWN:
        assert stop is not None
        _withdraw(story, stop)
        return
    late = fate in (Fate.MISSED, Fate.STUCK)
    if late and primary.strength is Strength.SOFT and rng.random() < min(1.0, quality.excused * 1.5):
        accepted = rng.random() < 2 / 3
        reason = rng.choice(("supplier_delay", "complaint_pending", "budget_adjustment"))
        asked = due + int(600 + rng.random() * 3 * 3600) * SECOND
        story.tell(
            "case.justified", asked // SECOND * SECOND, {"kpi": primary.id, "reason": reason, "decision": "requested"}
        )
        decided = place.on_workday(rng, asked // SECOND * SECOND, 1)
        decision = {"kpi": primary.id, "reason": reason, "decision": "accepted" if accepted else "rejected"}
        story.tell("case.justified", decided, decision, source=OPERATIONS, point="justified" if accepted else "")
        if accepted:
            story.decided = (primary.key, Fate.JUSTIFIED)
    if stop is None:
        return
    story.milestone(milestone, stop)
    end = stop + int(600 + rng.random() * 7200) * SECOND
    if then:
        end = place.on_workday(rng, stop, 1 + int(rng.random() * 5))
        story.milestone(then, end)
    story.tell("case.completed", end + 60 * SECOND, {"outcome": "granted"}, point="completed")


def confirmed(kpi: str, decision: str) -> dict[str, Any]:
    """What the operations centre says about a late entry."""
    return {"kpi": kpi, "decision": decision}
