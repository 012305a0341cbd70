"""Cases of a service item that no scenario describes: their events follow from what the plan's promises ask.

A case of a scenario gets from here what its scenario has not made: milestones, quantities, attributes, a rating.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.domain.plan.plan import CasePromise, Strength
from services.domain.time.limits import Limit
from services.domain.time.zone import MINUTE_US, Instant
from services.simulator.district.profile import Quality
from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.ending import LimitedEnding, draw_ending
from services.simulator.stories.event import OPERATIONS, SECOND, SimulatedEvent
from services.simulator.stories.expected_results import expect_results
from services.simulator.stories.intentions import Intentions, other_value
from services.simulator.stories.result import Result
from services.simulator.stories.timing import Timing, own_limit

_IN_MINUTES = ("minutes", "working_minutes")


def file_generic_case(
    case: CaseHistory, at: Instant, timing: Timing, quality: Quality, faults: Mapping[str, float]
) -> None:
    """Application and acceptance of a case that only the promises describe."""
    case.generic = True
    case.emit("case.applied", at, case.filing(), point="applied")
    accepted = at if case.rng.random() < 0.6 else timing.later_that_day(case.rng, at)
    case.emit("case.accepted", accepted, case.filing(), point="accepted")


def complete_history(case: CaseHistory, timing: Timing, quality: Quality, faults: Mapping[str, float]) -> None:
    """Add everything that the scenario of a case has not made."""
    intentions = Intentions(case, timing, quality)
    _Completion(intentions, faults.get("undelivered", 0)).run()
    if _is_undelivered(intentions):
        case.faults.add("undelivered")
    expect_results(intentions)


def _is_undelivered(intentions: Intentions) -> bool:
    """Whether the unit completes the case as granted without a step that a promise waits for."""
    case = intentions.case
    if "completed" not in case.points or case.outcome != "granted":
        return False
    waiting = (each for each in intentions.promises if each.waits_for_more and each.measured != "share")
    return any(case.has(each.start) and not case.has(each.stop) for each in waiting)


class _Completion:
    """The rest of one case."""

    def __init__(self, intentions: Intentions, undelivered: float) -> None:
        """`undelivered`: the share of cases without a step that a promise waits for that are completed all the same."""
        self._intentions = intentions
        self._undelivered = undelivered
        self._case = intentions.case
        self._timing = intentions.timing
        self._rng = intentions.case.rng

    def run(self) -> None:
        case = self._case
        self._add_milestones()
        if "withdrawn" in case.points:
            return
        if case.generic and not case.stuck:
            self._complete()
        self._report_attributes()
        self._report_amounts()
        if case.extended:
            self._extend()

    # ---- milestones ----------------------------------------------------------------------------------
    def _add_milestones(self) -> None:
        """In the order of the service item; each after the one before it."""
        case = self._case
        accepted = case.points.get("accepted")
        if accepted is None or "withdrawn" in case.points or not (case.generic or "completed" in case.points):
            return  # the scenario has described how the case ends
        required = self._intentions.all_required_milestones()
        of_scenario = set(case.points)
        last = accepted.time
        for name in self._intentions.item.milestones:
            if f"milestone:{name}" in of_scenario:
                last = max(last, case.points[f"milestone:{name}"].time)
            elif not self._is_left_out(name):
                last = self._add_milestone(name, last, name in required)
                if case.stuck or "withdrawn" in case.points:
                    return

    def _is_left_out(self, name: str) -> bool:
        """Never reached here, or only after the milestone that it should precede."""
        then = self._intentions.too_late.get(name)
        return name in self._case.flow.skips or (then is not None and f"milestone:{then}" not in self._case.points)

    def _add_milestone(self, name: str, last: Instant, required: bool) -> Instant:
        """Reach a milestone after the `last` one, and those that come too late after it. Returns the last time."""
        at = self._time_of(name, last)
        if at is None:
            return last
        accepted, completed = self._case.points["accepted"].time, self._case.points.get("completed")
        if completed is not None and at > completed.time and required:
            at = accepted + (completed.time - accepted) // 2 // SECOND * SECOND
        self._emit_milestone(name, at)
        last = max(last, at)
        for first, then in self._intentions.too_late.items():
            if then == name and self._intentions.milestone_counts.get(first, 1):
                last = self._timing.on_workday(self._rng, last, self._rng.randrange(3))
                self._emit_milestone(first, last)
        return last

    def _emit_milestone(self, name: str, at: Instant) -> None:
        case = self._case
        source = case.flow.reporters.get(name, "")
        unit = self._timing.law.plan.sources[source].units[0] if source else ""
        for n in range(self._intentions.milestone_counts.get(name, 1)):
            case.milestone(name, at + n * 3600 * SECOND, source=source, unit=unit)

    def _time_of(self, name: str, last: Instant) -> Instant | None:
        """When a milestone is reached; None: it is not. The case may be stuck or withdrawn afterwards."""
        if self._intentions.milestone_counts.get(name, 1) == 0:
            return None
        promise = self._deciding_promise(f"milestone:{name}")
        if promise is None:
            return self._usual_time(name, last)
        case = self._case
        ending = self._draw_ending(promise)
        if ending.stop is None and (case.generic or self._is_completed_without_it()):
            self._intend(promise, Result.STUCK, ending)
            case.stuck = case.generic and not self._is_completed_without_it()
            return None
        while ending.stop is None:  # the scenario completes the case, and its unit does so rightly
            ending = self._draw_ending(promise)
        at = max(ending.stop, last)
        if ending.result is Result.WITHDRAWN and "completed" not in case.points:
            at = min(at, ending.due // SECOND * SECOND) if last <= ending.due else at
            case.withdraw(max(at, last))
            return None
        at = self._before_completion(promise, ending, at)
        self._intend(promise, ending.in_time(at), ending)
        return at

    def _before_completion(self, promise: CasePromise, ending: LimitedEnding, at: Instant) -> Instant:
        """A unit that does it rightly waits with the completion for a step that a promise waits for. What is asked for
        only after the completion is done in time."""
        completed, start = self._case.points.get("completed"), self._case.start_of(promise.start)
        if completed is None or start is None or at <= completed.time or self._is_completed_without_it():
            return at
        if start <= completed.time:
            return start + (completed.time - start) // 2 // SECOND * SECOND
        return max(start, min(at, ending.due // SECOND * SECOND))

    def _is_completed_without_it(self) -> bool:
        """Whether the unit completes the case before a step that a promise waits for."""
        return self._rng.random() < self._undelivered

    def _draw_ending(self, promise: CasePromise) -> LimitedEnding:
        start = self._case.start_of(promise.start)
        assert start is not None, f"{promise.key}: its clock has not started"
        return draw_ending(self._case, promise, start, self._intentions.quality, self._timing)

    def _intend(self, promise: CasePromise, result: Result, ending: LimitedEnding) -> None:
        """The first promise that binds is the one that the case is made for."""
        if self._case.intended is None and promise.strength is not Strength.DIRECTIONAL:
            self._case.intend(promise.key, result, ending.due)

    def _deciding_promise(self, point: str) -> CasePromise | None:
        """The promise whose clock has started and is stopped last by this milestone."""
        order = self._intentions.item.milestones
        for promise in self._intentions.promises:
            if own_limit(promise) is None or point not in promise.stop or point in promise.start:
                continue
            last = max(promise.stop, key=lambda each: order.index(each.removeprefix("milestone:")))
            if last == point and self._case.start_of(promise.start) is not None:
                return promise
        return None

    def _usual_time(self, name: str, last: Instant) -> Instant:
        """Without a limit: soon, in the unit of the promise that measures it."""
        rng, pace = self._rng, self._intentions.quality.pace
        for promise in self._intentions.promises:
            if f"milestone:{name}" in promise.stop and promise.measured in _IN_MINUTES:
                amount = int(60 + rng.expovariate(1.0) * pace * 2400) * SECOND
                if promise.measured == "minutes":
                    return last + amount
                return self._timing.law.hours(self._case.flow.unit, self._case.flow.item).add(last, amount)
        if rng.random() < 0.5:
            return last + int(60 + rng.random() * 5400) * SECOND
        return self._timing.on_workday(rng, last, int(rng.random() * (1 + 6 * pace)))

    # ---- completion ----------------------------------------------------------------------------------
    def _complete(self) -> None:
        case = self._case
        at = self._completion_time(max(event.time for event in case.events))
        if at is None:
            return
        self._pass_nodes(at)
        draw = 0.0 if case.intended_result is Result.STUCK else self._rng.random()
        case.outcome = "granted" if draw < 0.94 else "refused" if draw < 0.97 else "terminated"
        case.emit("case.completed", at, {"outcome": case.outcome, "channel": case.channel}, point="completed")

    def _completion_time(self, last: Instant) -> Instant | None:
        """None: the case is stuck or withdrawn instead."""
        case, rng, promises = self._case, self._rng, self._intentions.promises
        limiting = [
            each
            for each in promises
            if own_limit(each) is not None and each.stop == ("completed",) and each.start[0] in case.points
        ]
        if limiting:
            return self._limited_completion_time(limiting[0], last)
        if case.intended is None and rng.random() < self._intentions.quality.withdrawn:
            case.withdraw(last + 60 * SECOND)
            return None
        if any(each.measured in _IN_MINUTES for each in promises):
            return last + int(30 + rng.expovariate(1.0) * 1800) * SECOND
        return self._timing.on_workday(rng, last, int(rng.random() * (1 + 12 * self._intentions.quality.pace)))

    def _limited_completion_time(self, promise: CasePromise, last: Instant) -> Instant | None:
        case, ending = self._case, self._draw_ending(promise)
        if ending.stop is None:
            self._intend(promise, Result.STUCK, ending)
            case.stuck = True
            return None
        at = max(ending.stop, last + 30 * SECOND)
        if ending.result is Result.WITHDRAWN and at <= ending.due:
            case.withdraw(at)
            self._intend(promise, Result.WITHDRAWN, ending)
            return None
        self._intend(promise, ending.in_time(at), ending)
        return at

    def _pass_nodes(self, end: Instant) -> None:
        nodes, start = self._intentions.item.nodes, self._case.points["accepted"].time
        for n, node in enumerate(nodes):
            span = (end - start) // len(nodes) // SECOND * SECOND
            self._case.node(node, start + n * span, start + (n + 1) * span)

    # ---- attributes ----------------------------------------------------------------------------------
    def _report_attributes(self) -> None:
        """With the completion, or with a milestone before it."""
        case, rng = self._case, self._rng
        left = self._unreported_attributes()
        for name in sorted(self._timing.rules(case.flow.item).first_values & left.keys()):  # sets have no fixed order
            self._report_first_value(name, left.pop(name))
        self._report_with_their_milestones(left)
        completed = case.points.get("completed")
        if left and completed is not None:
            own = [event for event in case.events if _is_own_milestone(case, event)]
            earlier = [event for event in own if event.time <= completed.time]
            carrier = rng.choice(earlier) if earlier and rng.random() < 0.5 else completed
            carrier.add_attributes(left)

    def _unreported_attributes(self) -> dict[str, Any]:
        """The decided attributes that the case does not have from its beginning."""
        decided = self._intentions.final_attributes.items()
        return {name: value for name, value in decided if value is not None and name not in self._case.attributes}

    def _report_with_their_milestones(self, left: dict[str, Any]) -> None:
        """What a promise asks about a milestone is reported with it, and taken out of `left`."""
        for promise in self._intentions.promises:
            stop = self._case.points.get(promise.stop[-1])
            judged_there = own_limit(promise) is not None or promise.maturity == "stop"
            if judged_there and stop is not None and stop.type == "case.milestone":
                for name in sorted(promise.condition.keys() & left.keys()):
                    stop.add_attributes({name: left.pop(name)})

    def _report_first_value(self, name: str, value: Any) -> None:
        """With its milestone. A later value changes nothing."""
        case, rng = self._case, self._rng
        about = name.rpartition("_")[0]
        milestone = next((each for each in self._intentions.item.milestones if each.startswith(about)), "")
        first = case.points.get(f"milestone:{milestone}")
        if first is None:
            return
        first.add_attributes({name: value})
        other = other_value(rng, self._intentions.item.attributes[name], value)
        if other is not None and rng.random() < 0.2:
            at = self._timing.on_workday(rng, first.time, 1 + rng.randrange(10))
            data = {**(first.data or {}), "attributes": {name: other}}
            again = case.emit("case.milestone", at, data, source=first.source)
            again.received = max(again.received, first.received)

    # ---- amounts -------------------------------------------------------------------------------------
    def _report_amounts(self) -> None:
        """At the end; a ratio that is due on a date, from the start of its clock on."""
        case = self._case
        reported = {event.data["quantity"] for event in case.events if event.type == "case.measured" and event.data}
        left_out = reported | set(case.flow.skips)
        demanded = self._demanding_promise()
        for name, amounts in self._intentions.amounts.items():
            if name in left_out:
                continue
            if demanded is not None and name in demanded.bounded[0]:
                self._report_demanded(demanded, name, amounts)
            elif "completed" in case.points:
                self._report_after_completion(name, amounts)

    def _demanding_promise(self) -> CasePromise | None:
        """The promise that demands an amount by a date."""
        promises = self._intentions.promises
        return next((each for each in promises if isinstance(each.maturity, Limit) and each.bounded_by), None)

    def _report_after_completion(self, name: str, amounts: Sequence[float]) -> None:
        at = self._case.points["completed"].time
        for amount in amounts:
            self._case.measure(name, amount, at)
            at = self._timing.on_workday(self._rng, at, 1 + self._rng.randrange(4))

    def _report_demanded(self, promise: CasePromise, name: str, amounts: Sequence[float]) -> None:
        """The whole at the start; the parts in time, or too late."""
        case, rng = self._case, self._rng
        start = case.start_of(promise.start)
        if start is None:
            return
        due = self._timing.due(promise, start, case.flow.unit, case.flow.item)
        whole = name == promise.bounded[0].partition("/")[2]
        late = rng.random() < self._intentions.quality.late
        at = start
        for amount in amounts:
            if not whole:
                days = 1 + rng.randrange(8)
                at = self._timing.on_workday(rng, max(at, due) if late else at, days)
            case.measure(name, amount, at + 60 * SECOND)

    def _extend(self) -> None:
        accepted = self._case.points["accepted"].time
        at = self._timing.on_workday(self._rng, accepted, 2 + self._rng.randrange(3))
        data = {"limit": {"amount": 10, "unit": "working_days"}, "reason": "complex_case"}
        may_extend = self._case.owner in self._timing.law.plan.grantors
        self._case.emit("case.extended", at, data, source="" if may_extend else OPERATIONS)


def _is_own_milestone(case: CaseHistory, event: SimulatedEvent) -> bool:
    """Whether it is a milestone that the owner of the case reports."""
    return event.type == "case.milestone" and event.source == case.owner


def add_rating(case: CaseHistory, timing: Timing) -> None:
    """The applicant's score, if a promise measures it; some scores are given by default."""
    completed = case.points.get("completed")
    if completed is None or case.rng.random() >= 0.25:
        return
    if not any(promise.measured == "rating" for promise in timing.about(case.flow.item)):
        return
    ratings = "/platforms/service-ratings"
    source = ratings if ratings in timing.law.plan.sources else ""
    by = "applicant" if case.rng.random() < 0.85 else "default"
    score = 5 if by == "default" else case.rng.choice((2, 3, 4, 4, 5, 5, 5))
    at = completed.time + (5 + case.rng.randrange(180)) * MINUTE_US
    case.emit("case.rated", at, {"score": score, "rated_by": by}, source=source)
