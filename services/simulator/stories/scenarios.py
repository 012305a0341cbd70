"""The scenarios, one function per kind of case: each chooses the result of its case first, then makes its events."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple

from services.domain.plan.plan import CasePromise, Strength
from services.domain.time.zone import MINUTE_US, Instant
from services.simulator.district.profile import Quality
from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.ending import Ending, LimitedEnding, draw_ending
from services.simulator.stories.event import OPERATIONS, SECOND
from services.simulator.stories.generic_scenario import file_generic_case
from services.simulator.stories.result import Result
from services.simulator.stories.timing import HOUR_US, Timing

_CLOCK_STOPS = ("inspection", "testing", "appraisal", "expert_review", "hearing")
_OTHER_REASONS = ("applicant_materials", "customer_site_not_ready", "weather")
_PERMITS_OF_LINES = (
    ("planning_permit", "district-planning"),
    ("road_opening_permit", "district-urban-management"),
    ("traffic_permit", "district-transport"),
)

Faults = Mapping[str, float]
"""Rates of what may go wrong within a scenario."""
Scenario = Callable[[CaseHistory, Instant, Timing, Quality, Faults], None]
"""Makes the events of a case that comes at an instant."""


# ---- water, power, gas -------------------------------------------------------------------------------
class _Works(NamedTuple):
    """Between the acceptance of a connection and its end."""

    accepted: Instant
    surveyed: Instant
    halt: Instant
    """When it ends, or where its events end if it never does."""


def utility(case: CaseHistory, at: Instant, timing: Timing, quality: Quality, faults: Faults) -> None:
    """Water, power, gas: application, survey, permits of others where there is a line to lay, works, connection."""
    rng = case.rng
    case.emit("case.applied", at, case.filing(), point="applied")
    accepted = timing.on_workday(rng, at, 0 if rng.random() < 0.7 else 1)
    case.emit("case.accepted", accepted, case.filing(), point="accepted")
    attributes = case.attributes
    changes = _needs_a_line_after_all(case, faults)
    if changes:
        attributes = {**attributes, "external_line": True}
    ending = _intend(case, attributes, accepted, timing, quality) or _unlimited_connection(
        case, accepted, timing, quality
    )
    halt = ending.stop if ending.stop is not None else timing.on_workday(rng, accepted, 3)
    works = _Works(accepted, _between(rng, (accepted, halt), 0.1, 0.4), halt)
    if changes:
        _reclassify(case, works, attributes)
    if ending.result is Result.WITHDRAWN:
        case.node("site_survey", accepted, None)
        case.withdraw(halt)
        return
    _survey(case, works, quality)
    _lay(case, works, line=bool(attributes.get("external_line")), finished=ending.stop is not None)
    if ending.stop is not None:
        if faults.get("reopened") and rng.random() < faults["reopened"]:
            _complete_and_reopen(case, accepted, ending.stop, milestone=_connection(case))
        _connect(case, accepted, ending.stop)


def _needs_a_line_after_all(case: CaseHistory, faults: Faults) -> bool:
    """A small water project that turns out to need an external line."""
    attributes = case.attributes
    return (
        attributes.get("project_size") == "small"
        and attributes.get("external_line") is False
        and not attributes.get("small_low_risk")
        and case.rng.random() < faults.get("reclassified", 0)
    )


def _unlimited_connection(case: CaseHistory, accepted: Instant, timing: Timing, quality: Quality) -> Ending:
    """Where no promise sets a limit."""
    stop = timing.on_workday(case.rng, accepted, int(28 * quality.pace * (0.5 + case.rng.random())))
    withdrawn = case.rng.random() < quality.withdrawn
    return Ending(Result.WITHDRAWN if withdrawn else Result.COUNTED, stop, None)


def _reclassify(case: CaseHistory, works: _Works, attributes: Mapping[str, Any]) -> None:
    """The survey finds another kind of case. If that came late, the case is of that kind from its beginning instead."""
    if works.surveyed - works.accepted < 36 * HOUR_US:
        seen = works.surveyed + (works.halt - works.surveyed) // 8 // SECOND * SECOND
        event = case.emit("case.reclassified", seen, {"attributes": {"external_line": True}})
        case.reclassified = (event, attributes)
        return
    case.attributes = attributes
    for filed in case.events:
        filed.data = case.filing()


def _survey(case: CaseHistory, works: _Works, quality: Quality) -> None:
    rng = case.rng
    case.node("site_survey", works.accepted, works.surveyed)
    if rng.random() >= quality.unmeasured:
        case.milestone("survey_done", works.surveyed)
        if rng.random() < quality.breach:
            case.milestone("survey_done", _between(rng, (works.surveyed, works.halt), 0.3, 0.9))


def _lay(case: CaseHistory, works: _Works, *, line: bool, finished: bool) -> None:
    """The nodes of the works; if they are never finished, half of them."""
    own = case.flow.unit
    steps = [("design", own)]
    if line:
        steps += _PERMITS_OF_LINES
    steps += [("construction", own), ("energising" if _is_power(case) else "connection", own)]
    span = (works.halt - works.surveyed) // len(steps)
    for index, (node, unit) in enumerate(steps):
        start = works.surveyed + index * span // SECOND * SECOND
        end = works.surveyed + (index + 1) * span // SECOND * SECOND
        if not finished and index == len(steps) // 2:
            case.node(node, start, None, unit)  # where it is stuck
            break
        case.node(node, start, end, unit)


def _connect(case: CaseHistory, accepted: Instant, stop: Instant) -> None:
    case.milestone(_connection(case), stop)
    completed = stop + int((0.2 + case.rng.random() * 20) * 3600) * SECOND
    case.emit("case.completed", completed, {"outcome": "granted"}, point="completed")
    if case.rng.random() < 0.1:
        _suspend_without_effect(case, accepted, stop)


def _connection(case: CaseHistory) -> str:
    """The milestone of being connected."""
    return "energised" if _is_power(case) else "connected"


def _is_power(case: CaseHistory) -> bool:
    return case.flow.item.startswith("power")


# ---- procurement -------------------------------------------------------------------------------------
def award(case: CaseHistory, at: Instant, timing: Timing, quality: Quality, faults: Faults) -> None:
    """From the notice of award to the contract; a soft promise, so there may be a reason."""
    case.emit("case.accepted", at, case.filing("enterprise"), point="accepted")
    notice = at + int(case.rng.random() * 3600) * SECOND
    case.milestone("notice_issued", notice)
    _procure(case, notice, ("contract_signed",), timing, quality)


def contract(case: CaseHistory, at: Instant, timing: Timing, quality: Quality, faults: Faults) -> None:
    """From the performance of a contract to its acceptance being organised, and some days later passed."""
    case.emit("case.accepted", at, case.filing("enterprise"), point="accepted")
    case.milestone("contract_signed", at)
    performed = timing.on_workday(case.rng, at, int(case.rng.random() * 8))
    case.milestone("contract_performed", performed)
    _procure(case, performed, ("acceptance_organised", "acceptance_passed"), timing, quality)


def invoice(case: CaseHistory, at: Instant, timing: Timing, quality: Quality, faults: Faults) -> None:
    """An invoice, and the conditions of its contract: the later of the two starts the clock, in whichever order."""
    rng = case.rng
    parent = f"{case.owner}\x1fTC{case.subject[2:10]}n0001"
    case.emit("case.accepted", at, case.filing("enterprise", parent=parent), point="accepted")
    case.milestone("invoice_received", at)
    if rng.random() < 0.5:
        met = at - int(rng.random() * 48 * 3600) * SECOND
    else:
        met = timing.on_workday(rng, at, 1 + int(rng.random() * 3))
    conditions = case.milestone("conditions_met", met)
    conditions.recorded = max(conditions.recorded, at)
    conditions.received = max(conditions.received, at + SECOND)
    case.measure("amount", 1_000 + int(rng.random() * 400_000), at + 60 * SECOND)
    _procure(case, max(at, met), ("payment_processed", "payment_settled"), timing, quality)


def _procure(case: CaseHistory, start: Instant, milestones: tuple[str, ...], timing: Timing, quality: Quality) -> None:
    """The rest of a procurement case: the milestone that the promise is about, then the one that may follow."""
    rng, flow = case.rng, case.flow
    primary = timing.primary(flow.item, case.attributes)
    if primary is None:
        case.milestone(milestones[0], timing.on_workday(rng, start, 3))
        return
    ending = draw_ending(case, primary, start, quality, timing)
    case.intend(primary.key, ending.result, ending.due)
    if ending.result is Result.WITHDRAWN:
        assert ending.stop is not None
        case.withdraw(ending.stop)
        return
    _ask_to_be_excused(case, primary, ending, timing, quality)
    if ending.stop is None:
        return
    case.milestone(milestones[0], ending.stop)
    end = ending.stop + int(600 + rng.random() * 7200) * SECOND
    for name in milestones[1:]:
        end = timing.on_workday(rng, ending.stop, 1 + int(rng.random() * 5))
        case.milestone(name, end)
    case.emit("case.completed", end + 60 * SECOND, {"outcome": "granted"}, point="completed")


def _ask_to_be_excused(
    case: CaseHistory, promise: CasePromise, ending: LimitedEnding, timing: Timing, quality: Quality
) -> None:
    """A case that is late under a soft promise may give a reason, which the operations centre accepts or rejects."""
    rng = case.rng
    late = ending.result in (Result.MISSED, Result.STUCK)
    if not (late and promise.strength is Strength.SOFT and rng.random() < min(1.0, quality.excused * 1.5)):
        return
    accepted = rng.random() < 2 / 3
    reason = rng.choice(("supplier_delay", "complaint_pending", "budget_adjustment"))
    asked = (ending.due + int(600 + rng.random() * 3 * 3600) * SECOND) // SECOND * SECOND
    request = {"kpi": promise.id, "reason": reason, "decision": "requested"}
    case.emit("case.justified", asked, request)
    decided = timing.on_workday(rng, asked, 1)
    decision = {**request, "decision": "accepted" if accepted else "rejected"}
    case.emit("case.justified", decided, decision, source=OPERATIONS, point="justified" if accepted else "")
    if accepted:
        case.intended = (promise.key, Result.JUSTIFIED)


# ---- items on application ----------------------------------------------------------------------------
def permit(case: CaseHistory, at: Instant, timing: Timing, quality: Quality, faults: Faults) -> None:
    """An item on application: accepted, examined, sometimes inspected with the clock suspended, decided."""
    rng = case.rng
    case.emit("case.applied", at, case.filing(), point="applied")
    accepted = _accept_permit(case, at, timing)
    start = at if case.deemed_acceptance and case.supplement is None else accepted
    limit = timing.statutory(case.flow.item, timing.zone.day(start))
    allowed = limit.amount if limit is not None else 10
    n = int(allowed * quality.pace * (0.2 + 1.6 * rng.random()) + rng.random() * 0.9)
    n = max(n, timing.working_days(start, accepted))
    if rng.random() < quality.withdrawn:
        case.withdraw(timing.on_workday(rng, accepted, 1))
        return
    _inspect(case, (start, accepted), n, timing)
    completed = timing.on_workday(rng, start, n + case.paused_days)
    if completed <= accepted:
        completed = accepted + int(60 + rng.random() * 600) * SECOND
    if rng.random() < faults.get("reopened", 0) and n >= 1:
        _complete_and_reopen(case, accepted, completed)
    _complete(case, completed)


def _accept_permit(case: CaseHistory, at: Instant, timing: Timing) -> Instant:
    """Accepted at once or on the next working day; sometimes only after a supplement."""
    rng = case.rng
    accepted = timing.on_workday(rng, at, 0 if rng.random() < 0.6 else 1)
    case.deemed_acceptance = timing.item(case.flow.item).permit
    if case.deemed_acceptance and rng.random() < 0.05:
        asked = timing.on_workday(rng, at, 1 + int(rng.random() * 3))
        case.supplement = case.emit("case.supplement_requested", asked, {"round": 1})
        accepted = timing.on_workday(rng, asked, 1 + int(rng.random() * 4))
    case.emit("case.accepted", accepted, case.filing(), point="accepted")
    return accepted


def _inspect(case: CaseHistory, begin: tuple[Instant, Instant], n: int, timing: Timing) -> None:
    """In some cases the clock is suspended for some whole days within the n working days. `begin`: start of the clock,
    and acceptance."""
    rng, calendar, zone = case.rng, timing.calendar, timing.zone
    start, accepted = begin
    if n < 2 or rng.random() >= 0.12 or start != accepted:
        return
    case.paused_days = 1 + int(rng.random() * 5)
    first = calendar.add_working_days(zone.day(start), 1 + int(rng.random() * (n - 1)))
    last = calendar.add_working_days(first, case.paused_days - 1)
    _suspend(case, zone.at(first, 8 * 60), zone.at(last, 20 * 60), rng.choice(_CLOCK_STOPS))


def _complete_and_reopen(case: CaseHistory, accepted: Instant, completed: Instant, *, milestone: str = "") -> None:
    """A first completion that is void, and with it the milestone that it certified."""
    early = accepted + (completed - accepted) // 3 // SECOND * SECOND
    again = accepted + (completed - accepted) * 2 // 3 // SECOND * SECOND
    if milestone:
        case.milestone(milestone, early)
    first = case.emit("case.completed", early, {"outcome": "granted", "channel": case.channel})
    reopened = case.emit("case.reopened", again, {"reason": "completion_void"})
    case.voided_completion = (first, reopened)


def establishment(case: CaseHistory, at: Instant, timing: Timing, quality: Quality, faults: Faults) -> None:
    """A new enterprise: licence and seal, both free; the seal is reported by another source."""
    rng, flow = case.rng, case.flow
    case.emit("case.accepted", at, case.filing(), point="accepted")
    limit = timing.statutory(flow.item, timing.zone.day(at))
    completed = timing.on_workday(rng, at, int((limit.amount if limit else 5) * quality.pace * 2 * rng.random()))
    if rng.random() < quality.withdrawn:
        case.withdraw(completed)
        return
    license_at = completed - (completed - at) // 10 // SECOND * SECOND
    case.milestone("registered", at + (license_at - at) * 9 // 10 // SECOND * SECOND)
    case.milestone("elicence_issued", license_at)
    case.measure("elicence_fee", 0, license_at)
    _issue_seal(case, license_at, completed, timing, quality)
    _complete(case, completed)


def _issue_seal(case: CaseHistory, licence: Instant, completed: Instant, timing: Timing, quality: Quality) -> None:
    """The seal and its fee, which may be refunded."""
    rng, flow = case.rng, case.flow
    seals = "/units/district-public-security"
    other = seals in timing.law.plan.sources
    source, unit = (seals, "district-public-security") if other else (flow.source, flow.unit)
    seal_at = licence if rng.random() >= quality.breach else timing.on_workday(rng, completed, 3)
    case.milestone("eseal_issued", seal_at, source=source, unit=unit)
    if rng.random() >= quality.unmeasured:
        fee = 200 if rng.random() < quality.breach else 0
        case.measure("eseal_fee", fee, licence, source=source)
        if fee and rng.random() < 0.5:
            case.measure("eseal_fee", -fee, timing.on_workday(rng, completed, 2), source=source)


def realty(case: CaseHistory, at: Instant, timing: Timing, quality: Quality, faults: Faults) -> None:
    """At the registration hall: a queue, then minutes of opening hours."""
    rng, flow = case.rng, case.flow
    hours = timing.law.hours(flow.unit, flow.item)
    case.emit("case.applied", at, case.filing(), point="applied")
    queue = int(60 + rng.expovariate(1.0) * 600) * SECOND
    case.milestone("queued", at)
    accepted = hours.add(at, queue)
    case.milestone("called", accepted)
    case.emit("case.accepted", accepted, case.filing(), point="accepted")
    ending = _intend(case, case.attributes, accepted, timing, quality) or _counted(
        timing.on_workday(rng, accepted, 1 + int(4 * rng.random()))
    )
    stop = _stop_or_withdraw(case, ending)
    if stop is None:
        return
    if case.attributes.get("registration_type") == "existing_home_transfer":
        case.milestone("tax_done", _between(rng, (accepted, stop), 0.2, 0.5), unit="district-taxation")
    case.milestone("registered", _between(rng, (accepted, stop), 0.8, 0.99))
    _complete(case, stop)
    case.milestone("certificate_issued", stop + int(60 + rng.random() * 900) * SECOND)


def benefit(case: CaseHistory, at: Instant, timing: Timing, quality: Quality, faults: Faults) -> None:
    """Unemployment benefit: one working day from the application."""
    rng = case.rng
    case.emit("case.applied", at, case.filing(), point="applied")
    accepted = at + int(30 + rng.random() * 1500) * SECOND
    case.emit("case.accepted", accepted, case.filing(), point="accepted")
    ending = _intend(case, case.attributes, at, timing, quality) or _counted(timing.on_workday(rng, accepted, 1))
    stop = _stop_or_withdraw(case, ending, earliest=accepted + 60 * SECOND)
    if stop is None:
        return
    stop = max(stop, accepted + 120 * SECOND)
    case.milestone("reviewed", stop - 30 * SECOND)
    _complete(case, stop)
    case.milestone("paid", timing.on_workday(rng, stop, 1 + int(rng.random() * 3)))


def report(case: CaseHistory, at: Instant, timing: Timing, quality: Quality, faults: Faults) -> None:
    """A report or complaint on the oversight platform."""
    rng = case.rng
    case.emit("case.accepted", at, case.filing(), point="accepted")
    ending = _intend(case, case.attributes, at, timing, quality) or _counted(timing.on_workday(rng, at, 5))
    stop = _stop_or_withdraw(case, ending)
    if stop is None:
        return
    case.milestone("assigned", _between(rng, (at, stop), 0.05, 0.3))
    case.milestone("handled", _between(rng, (at, stop), 0.6, 0.99))
    case.emit("case.completed", stop, {"outcome": "granted"}, point="completed")


# ---- courts ------------------------------------------------------------------------------------------
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


def lawsuit(case: CaseHistory, at: Instant, timing: Timing, quality: Quality, faults: Faults) -> None:
    """A lawsuit from filing to its end, node by node, slow or summary."""
    rng = case.rng
    usual = 0.4 + 1.2 * rng.random()
    if rng.random() < 0.5:
        usual *= 0.3
        case.attributes = {**case.attributes, "procedure": rng.choice(("summary", "small_claims"))}
    case.emit("case.accepted", at, case.filing("enterprise"), point="accepted")
    start = at
    for node, milestone, days, share in _STAGES:
        if rng.random() >= share:
            continue
        end = timing.on_workday(rng, start, 1 + int(days * usual * (0.7 + 0.6 * rng.random())))
        case.node(node, start, end)
        if milestone:
            case.milestone(milestone, end)
        start = end
    case.emit("case.completed", start + 300 * SECOND, {"outcome": "granted"}, point="completed")


SCENARIOS: Mapping[str, Scenario] = {
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
    "generic": file_generic_case,
}


# ---- what scenarios share ----------------------------------------------------------------------------
def _between(rng: Random, span: tuple[Instant, Instant], low: float, high: float) -> Instant:
    """An instant in a part of a span, from `low` to `high` of its length."""
    start, end = span
    return start + int((low + rng.random() * (high - low)) * (end - start)) // SECOND * SECOND


def _intend(
    case: CaseHistory, attributes: Mapping[str, Any], start: Instant, timing: Timing, quality: Quality
) -> Ending | None:
    """Choose the result under the promise with a limit; None if there is no such promise about the case."""
    primary = timing.primary(case.flow.item, attributes)
    if primary is None:
        return None
    ending = draw_ending(case, primary, start, quality, timing)
    case.intend(primary.key, ending.result, ending.due)
    return Ending(*ending)


def _counted(stop: Instant) -> Ending:
    """The end of a case that no limit is set for."""
    return Ending(Result.COUNTED, stop, None)


def _stop_or_withdraw(case: CaseHistory, ending: Ending, *, earliest: Instant | None = None) -> Instant | None:
    """When the case stops; None if nothing more happens: it is stuck, or has just been withdrawn, at the `earliest`
    then."""
    if ending.result is not Result.WITHDRAWN:
        return ending.stop
    assert ending.stop is not None
    case.withdraw(ending.stop if earliest is None else max(ending.stop, earliest))
    return None


def _complete(case: CaseHistory, at: Instant) -> None:
    """Completion of an item on application: with its channel, and the visits it took."""
    rng = case.rng
    case.emit("case.completed", at, {"outcome": "granted", "channel": case.channel}, point="completed")
    draw = rng.random()
    if case.channel == "counter":
        if draw < 0.9:
            case.measure("visits", 2 if draw < 0.06 else 1, at)
    elif draw < 0.05:
        case.measure("visits", 1, at + int(rng.random() * 24 * 3600) * SECOND)  # collects the certificate
    elif draw < 0.6:
        case.measure("visits", 0, at)


def _suspend(case: CaseHistory, start: Instant, end: Instant, reason: str) -> None:
    data = {"reason": reason, "unit": case.flow.unit}
    case.emit("case.suspended", start, data)
    case.emit("case.resumed", end, data)


def _suspend_without_effect(case: CaseHistory, start: Instant, stop: Instant) -> None:
    """A suspension whose reason suspends no clock: it is reported, and the limit does not move."""
    first = _between(case.rng, (start, stop), 0.1, 0.4)
    _suspend(case, first, _between(case.rng, (first, stop), 0.3, 0.9), case.rng.choice(_OTHER_REASONS))


def suspend_briefly(case: CaseHistory, timing: Timing) -> None:
    """Many short suspensions, none of which covers the hours of a whole day: they must not move a limit in days."""
    start, stop = case.points.get("accepted"), case.points.get("completed")
    if start is None or stop is None or case.paused_days or case.voided_completion:
        return
    days = timing.working_days(start.time, stop.time)
    primary = timing.primary(case.flow.item, case.attributes)
    if days < 2 or (primary is not None and (primary.clock_stops or timing.is_in_minutes(primary))):
        return
    day = timing.zone.day(start.time)
    for n in range(1, min(days, 5)):
        opens = timing.zone.at(timing.calendar.add_working_days(day, n), 600)
        _suspend(case, opens, opens + 50 * MINUTE_US, "inspection")
