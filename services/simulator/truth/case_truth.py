"""The true result of each case under each promise, as seen from the end of the simulated time.

A case history says what happened, and when each thing was reported. The rows use only what had been reported by the
end. Due dates come from statutory time; nothing that judges is asked.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import inf
from typing import Any, NamedTuple

from services.domain.plan.kinds.case_bound import CaseBoundPromise
from services.domain.plan.kinds.case_limit import CaseLimitPromise
from services.domain.plan.kinds.case_share import CaseSharePromise
from services.domain.plan.plan import CasePromise
from services.domain.time.zone import Instant
from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.event import NEVER, OPERATIONS, SimulatedEvent
from services.simulator.stories.report_delay import source_reported_by
from services.simulator.stories.result import Result
from services.simulator.stories.timing import Timing, values_of
from services.simulator.truth.bounds import amount_of, bound_row, can_be_taken_back
from services.simulator.truth.cards import Seen, card_rows, earliest_card, is_yellow, may_have_cards
from services.simulator.truth.decided import Look, is_missed_without
from services.simulator.truth.limits import limit_row
from services.simulator.truth.measures import measure_row, node_rows, reduction_row
from services.simulator.truth.observed_case import ObservedCase
from services.simulator.truth.promise_view import PromiseView
from services.simulator.truth.row import Row
from services.simulator.truth.shares import share_row
from services.simulator.truth.steps import step_rows
from services.simulator.truth.unpublished import is_provisional

_MISSES = (Result.MISSED, Result.OPEN_OVERDUE)
_NO_MISSES = (Result.MET, Result.WITHDRAWN, Result.UNMEASURED)
_MATURED = (Result.MET, Result.MISSED, Result.OPEN_OVERDUE, Result.UNMEASURED, Result.COUNTED)
_RUNNING = (Result.OPEN, Result.AWAITING, Result.OPEN_OVERDUE, Result.STUCK, Result.JUSTIFIED)
_FILINGS = ("case.applied", "case.accepted")
_DECISIONS = ("case.justified", "case.confirmed")
_REVISIONS = frozenset({"case.reclassified", "case.reopened", "case.supplement_requested", "correction"})


class _Stage(NamedTuple):
    """A case as it was known up to an instant."""

    case: ObservedCase
    until: Instant | None


class _Missed(NamedTuple):
    """What was a miss by what was known then."""

    row: Row
    until: Instant
    ended_by: Instant
    """The arrival after which it was none, the last time."""


class CaseTruth:
    """Makes the rows of cases, as seen from `end`; None is after everything."""

    def __init__(self, timing: Timing, end: Instant | None) -> None:
        self._timing = timing
        self._end = end

    def rows(self, history: CaseHistory) -> Iterator[Row]:
        """One row per promise that the case falls under (per node where nodes count), one per fault, one per refused
        event."""
        name = f"{history.owner} {history.subject}"
        yield from self._rejected(history, name)
        last = _Stage(self._observe(history, self._end), None if self._end is None else self._end - 1)
        stages: list[_Stage] | None = None
        for promise in self._timing.about(history.flow.item):
            if promise.is_by_node:
                yield from node_rows(promise, last.case, self._timing, name)
                continue
            row = self._row(promise, last, name)
            late = self._was_reported_late(history, row) or self._was_classified_late(history, promise)
            if late and _is_no_miss(promise, row, last.until):
                stages = self._stages(history) if stages is None else stages
                row = self._after_late_entry(promise, last, stages, row, name)
            if row is None:
                row = self._unclassified(promise, last, name)
            if row is not None:
                yield row

    def cards(self, history: CaseHistory) -> Iterator[Row]:
        """The cards that the case has had, and the steps that followed them: what each promise said of it is read
        arrival by arrival."""
        known = [event for event in history.events if event.is_known(self._end)]
        if self._end is None or not known:
            return
        stages = _Stages(self, history, known, self._end)
        for promise in self._timing.about(history.flow.item):
            if may_have_cards(promise):
                near = list(self._near(promise, stages))
                yield from card_rows(near)
                yield from step_rows(promise, near, self._end - 1)

    def _near(self, promise: CasePromise, stages: "_Stages") -> Iterator[Seen]:
        """What a promise said of a case since it may first have had a card."""
        earliest = earliest_card(promise, self._timing, stages.history.flow, stages.first)
        periods = [each for each in stages.periods if each[1] > earliest]
        if earliest or not stages.only_grows or not _was_never_too_much(self._seen(promise, periods[-1], stages).row):
            yield from (self._seen(promise, period, stages) for period in periods)

    def _seen(self, promise: CasePromise, period: tuple[Instant, Instant], stages: "_Stages") -> Seen:
        stage = stages.of(period)
        view = self._view(promise, stage, f"{stage.case.history.owner} {stage.case.history.subject}")
        return Seen(period[0], period[1] - 1, view, None if view is None else _row_of(view))

    def _rejected(self, history: CaseHistory, name: str) -> Iterator[Row]:
        """What went wrong with its reports, and the events that must be refused."""
        yield from (Row.fault(fault, name) for fault in sorted(history.faults))
        for code, event in history.rejected:
            if event.received != NEVER and (self._end is None or event.received < self._end):
                yield Row.rejected(code, f"{name} {event.id}")

    def _observe(self, history: CaseHistory, at: Instant | None) -> ObservedCase:
        """A case as it is known before an instant; None is after everything."""
        return self.case_of(history, [event for event in history.events if event.is_known(at)])

    def case_of(self, history: CaseHistory, events: Sequence[SimulatedEvent]) -> ObservedCase:
        """A case by some of its events."""
        case = self._read(history, events)
        for promise in self._timing.about(history.flow.item) if case.reasons_seen else ():
            decision, time = case.decisions.get(promise.id, ("", 0))
            if decision == "accepted" and self._has_become_worse(promise, case, events):
                case.decisions[promise.id] = "requested", time
        return case

    def _read(self, history: CaseHistory, events: Sequence[SimulatedEvent]) -> ObservedCase:
        timing = self._timing
        rules, grantors = timing.rules(history.flow.item), timing.law.plan.grantors
        return ObservedCase(history, events, rules, grantors, timing.succession)

    def _has_become_worse(self, promise: CasePromise, case: ObservedCase, events: Sequence[SimulatedEvent]) -> bool:
        """Whether a case that those who accepted a reason had seen closed is open again, or closed later; also without
        what came in its favour since. Or whether they had seen nothing of it."""
        through, history = case.reasons_seen[promise.id], case.history
        seen = [event for event in events if event.received <= through]
        if all(event.type in _DECISIONS for event in seen):
            return True
        then = self._late_by(promise, self._read(history, seen))
        if then is None:
            return False
        without = [each for each in events if not self._helped(promise, history, (seen, each), then)]
        return any(self._lateness(promise, history, known) > then for known in (events, without))

    def _helped(
        self, promise: CasePromise, history: CaseHistory, more: tuple[list[SimulatedEvent], SimulatedEvent], then: int
    ) -> bool:
        """Whether an event beside those that were seen makes a case less late than it was then."""
        seen, event = more
        if event in seen or event.source == OPERATIONS:
            return False
        return self._lateness(promise, history, [*seen, event]) < then

    def _lateness(self, promise: CasePromise, history: CaseHistory, known: Sequence[SimulatedEvent]) -> float:
        """How long after its limit a case was closed by some of its events; while it is not, for ever."""
        late_by = self._late_by(promise, self._read(history, known))
        return inf if late_by is None else late_by

    def _late_by(self, promise: CasePromise, case: ObservedCase) -> Instant | None:
        """How long after its limit a case was closed; None while it is not."""
        view = self._view(promise, _Stage(case, None), "")
        row = None if view is None else _row_of(view)
        if row is None or row.stopped is None:
            return None
        return 0 if row.due is None else row.stopped - row.due

    # ---- late entries --------------------------------------------------------------------------------
    def _stages(self, history: CaseHistory) -> list[_Stage]:
        """What was known just before each arrival but the first. A slip that was put right at once was never known:
        its correction counts as having arrived together with what it corrects."""
        known = [(self._arrival(event), event) for event in history.events if event.is_known(self._end)]
        stages: list[_Stage] = []
        for arrival in sorted({received for received, _ in known})[1:]:
            before = [event for received, event in known if received < arrival]
            events = [event for event in before if event.type == "correction" or event.time < arrival]
            stages.append(_Stage(self.case_of(history, events), arrival - 1))
        return stages

    def _arrival(self, event: SimulatedEvent) -> Instant:
        """When an event counts as having arrived: a decision that the ledger has, when it was recorded."""
        if event.source == OPERATIONS and event.id.startswith("ledger-"):
            return min(event.time, event.received)
        corrected = (event.data or {}).get("event") if event.type == "correction" else None
        if not isinstance(corrected, SimulatedEvent) or corrected.type not in _FILINGS:
            return event.received
        source, zone = self._timing.law.plan.sources.get(corrected.source), self._timing.zone
        until = zone.midnight(zone.day(corrected.received) + 1) - 1
        if source is not None:
            until = max(until, source_reported_by(self._timing, source, corrected.received))
        is_slip = corrected.time <= corrected.received and event.received <= until
        return corrected.received if is_slip else event.received

    def _was_reported_late(self, history: CaseHistory, row: Row | None) -> bool:
        """Whether the case may have looked worse by what was known earlier: it was revised, or reported out of order,
        or after its limit."""
        known = [event for event in history.events if event.is_known(self._end)]
        if any(_revises(event) for event in known):
            return True
        if _is_out_of_order(known):
            return True
        until = None if row is None else row.due if row.due is not None else row.stopped
        return until is not None and any(event.received > until for event in known)

    def _was_classified_late(self, history: CaseHistory, promise: CasePromise) -> bool:
        """Whether a field by which the promise selects came later than the first report."""
        fields = promise.select.keys() - {"service_item"}
        known = [event for event in history.events if event.is_known(self._end)]
        return bool(fields) and any(fields & _attributes(event).keys() for event in known[1:])

    def _after_late_entry(
        self, promise: CasePromise, last: _Stage, stages: Sequence[_Stage], row: Row | None, name: str
    ) -> Row | None:
        """A case that was a miss by what was known once, and is none by what was reported later, is a late entry until
        the operations centre confirms it. So is one that was classified when it would have been a miss."""
        missed = self._last_miss(promise, stages, name)
        if missed is None:
            missed = self._escape_of(promise, last, stages, row, name)
        if missed is None or self._stands(promise, last, missed.ended_by, name):
            return row
        if row is not None:
            return row._replace(result=Result.LATE_ENTRY, provisional=missed.row.provisional)
        if _may_apply(promise, last.case):
            unclassified = self._unclassified(promise, last, name)
            if unclassified is not None:
                return unclassified._replace(result=Result.LATE_ENTRY, provisional=missed.row.provisional)
        return missed.row._replace(result=Result.LATE_ENTRY, day=self._timing.zone.day(missed.until))

    def _stands(self, promise: CasePromise, last: _Stage, ended_by: Instant, name: str) -> bool:
        """Whether it was confirmed that what ended a miss did so, and nothing is needed for that which came later."""
        case, history = last.case, last.case.history
        through = case.confirmed_through(promise.id, ended_by)
        if through is None:
            return False
        reported = [(self._arrival(event), event) for event in history.events if event.is_known(self._end)]

        def watch(events: Sequence[SimulatedEvent], at: Instant | None) -> Look | None:
            happened = [event for event in events if at is None or event.type == "correction" or event.time <= at]
            return self._look(promise, _Stage(self.case_of(history, happened), at), name)

        def accepted(arrival: Instant) -> bool:
            return case.is_confirmed(promise.id, arrival)

        return not is_missed_without(reported, through, accepted, last.until, watch)

    def _look(self, promise: CasePromise, stage: _Stage, name: str) -> Look | None:
        """How a case stands under a promise."""
        row = self._row(promise, stage, name)
        if row is None:
            return None
        amounts = [amount_of(text, stage.case, None) or Fraction(0) for text in promise.bounded]
        sign = -1 if promise.bounded_by is not None and promise.bounded_by.relation == ">=" else 1
        return Look(
            missed=_is_miss(promise, row, stage.until),
            running=row.result in _RUNNING and row.stopped is None,
            leeway=None if row.due is None else row.due - (row.due if row.stopped is None else row.stopped),
            amounts=tuple(sign * each for each in amounts),
        )

    def _last_miss(self, promise: CasePromise, stages: Sequence[_Stage], name: str) -> "_Missed | None":
        """When the case was last a miss by what was known then."""
        missed: _Missed | None = None
        for stage in stages:
            seen = self._row(promise, stage, name)
            assert stage.until is not None
            if seen is not None and _is_miss(promise, seen, stage.until):
                missed = _Missed(seen, stage.until, stage.until + 1)
        return missed

    # ---- unclassified cases --------------------------------------------------------------------------
    def _escape_of(
        self, promise: CasePromise, last: _Stage, stages: Sequence[_Stage], row: Row | None, name: str
    ) -> "_Missed | None":
        """When the case first left out by which promises select, and would have been a miss under one that selects by
        the same fields; None if it is unclassified still, or belongs to another of them in the end."""
        others = self._alternatives(promise)
        if _may_apply(promise, last.case) or (row is None and _is_judged(others, last.case)):
            return None
        escapes = list(self._escapes(promise, others, stages, name))
        first = next((each for each in escapes if row is not None or _has_missed(promise, each.row, each.until)), None)
        return None if first is None else first._replace(ended_by=escapes[-1].ended_by)

    def _escapes(
        self, promise: CasePromise, others: Sequence[CasePromise], stages: Sequence[_Stage], name: str
    ) -> Iterator[_Missed]:
        """Each time at which a case did so."""
        for stage in stages:
            mine = self._escape(promise, others, stage, name)
            if mine is not None and stage.until is not None:
                yield _Missed(mine._replace(provisional=False), stage.until, stage.until + 1)

    def _escape(self, promise: CasePromise, others: Sequence[CasePromise], stage: _Stage, name: str) -> Row | None:
        """What the promise would have said of a case that did not say whether it selects it, and would have been a miss
        under this promise or another."""
        if not _may_apply(promise, stage.case):
            return None
        assert stage.until is not None
        if not any(_has_missed(each, row, stage.until) for each, row in self._open_rows(others, stage, name)):
            return None
        return self._as_if(promise, stage, name)

    def _open_rows(
        self, promises: Sequence[CasePromise], stage: _Stage, name: str
    ) -> Iterator[tuple[CasePromise, Row]]:
        """What those promises would say of the case that may be about it."""
        for promise in promises:
            row = self._as_if(promise, stage, name) if _may_apply(promise, stage.case) else None
            if row is not None:
                yield promise, row

    def _alternatives(self, promise: CasePromise) -> list[CasePromise]:
        """The promises about the same service item that select by the same fields, this one among them."""
        item = next(iter(values_of(promise.select["service_item"])))
        return [each for each in self._timing.about(item) if each.select.keys() == promise.select.keys()]

    def _unclassified(self, promise: CasePromise, stage: _Stage, name: str) -> Row | None:
        """A case that leaves out a field by which the promise selects, once it would have matured."""
        if not _may_apply(promise, stage.case):
            return None
        row = self._as_if(promise, stage, name)
        if row is None or row.result not in _MATURED:
            return None
        judging = [each for each in self._alternatives(promise) if _may_be_missed(each)]
        results = [row.result for _, row in self._open_rows(judging, stage, name)]
        missed = bool(results) and all(result in _MISSES for result in results)
        return row._replace(
            result=Result.UNCLASSIFIED_MISSED if missed else Result.UNCLASSIFIED,
            amount=None,
            base=None,
            provisional=False,
        )

    def _as_if(self, promise: CasePromise, stage: _Stage, name: str) -> Row | None:
        """What the promise would say of the case if it selected it."""
        return self._row(promise.model_copy(update={"select": {}, "unless": {}}), stage, name)

    # ---- one promise ---------------------------------------------------------------------------------
    def _row(self, promise: CasePromise, stage: _Stage, name: str) -> Row | None:
        """None: the promise does not apply, or its clock has not started."""
        view = self._view(promise, stage, name)
        row = None if view is None else _row_of(view)
        if view is None or row is None:
            return None
        near = _may_be_missed(promise) and is_yellow(view, row)
        return row._replace(yellow=near, provisional=is_provisional(view, row))

    def _view(self, promise: CasePromise, stage: _Stage, name: str) -> PromiseView | None:
        case, flow = stage.case, stage.case.flow
        if not _applies(promise, case):
            return None
        start = case.start(promise.start)
        if start is None or not self._timing.is_in_force(promise, start):
            return None
        stop = case.stop(promise.stop, start)
        if stop is not None and stop < start:
            stop = None
        item = flow.item if promise.kept_by_item else "-"
        row = Row(promise.id, promise.variant, flow.unit, item, name, Result.OPEN, start)
        over = case.over_before(stop, refusal_ends="completed" not in promise.stop)
        return PromiseView(promise, case, self._timing, stage.until, row, start, stop, over)


def _was_never_too_much(row: Row | None) -> bool:
    """Whether a bound has been kept all the time in a case of which nothing was taken back."""
    return row is not None and row.result in (Result.OPEN, Result.MET, Result.UNMEASURED, Result.WITHDRAWN)


class _Stages:
    """A case after each of its arrivals."""

    def __init__(self, truth: CaseTruth, history: CaseHistory, known: Sequence[SimulatedEvent], end: Instant) -> None:
        self._truth, self.history, self._known = truth, history, known
        self.periods = list(pairwise([*sorted({event.received for event in known}), end]))
        """Each from an arrival until the next."""
        times = (event.time if event.first_reported_time is None else event.first_reported_time for event in known)
        self.first = min(times)
        self.only_grows = not _is_out_of_order(known) and not any(_revises(event) for event in known)
        """Nothing was taken back, and nothing came before what was before it."""
        self._made: dict[Instant, _Stage] = {}

    def of(self, period: tuple[Instant, Instant]) -> _Stage:
        """The case from an arrival until just before the next. What has arrived counts at once, even if a clock that is
        ahead has dated it some minutes later."""
        arrival, following = period
        if arrival not in self._made:
            arrived = [event for event in self._known if event.received <= arrival]
            self._made[arrival] = _Stage(self._truth.case_of(self.history, arrived), following - 1)
        return self._made[arrival]


def _row_of(view: PromiseView) -> Row | None:
    """What the promise says of the case."""
    promise = view.promise
    if promise.measured == "share":
        return share_row(view)
    match promise:
        case CaseLimitPromise():
            return limit_row(view)
        case CaseBoundPromise():
            return bound_row(view)
        case _ if promise.against_statutory_limit:
            return reduction_row(view)
        case _:
            return measure_row(view)


def _applies(promise: CasePromise, case: ObservedCase) -> bool:
    excepted = promise.unless and case.holds(promise.unless)
    return case.is_filed and case.holds(promise.select) and not excepted


def _has_missed(promise: CasePromise, row: Row, at: Instant | None) -> bool:
    """Whether a case was missed by what was known then: a breach before it matures is no miss yet."""
    return row.result in _MISSES and (at is None or not can_be_taken_back(promise, row, at))


def _is_miss(promise: CasePromise, row: Row, at: Instant | None) -> bool:
    """The same, or completed without the stop that nobody reported in time."""
    if row.result in _MISSES:
        return _has_missed(promise, row, at)
    is_limit = isinstance(promise, CaseLimitPromise) and not promise.clock.runs_in
    return row.result is Result.UNMEASURED and is_limit


def _may_apply(promise: CasePromise, case: ObservedCase) -> bool:
    """Whether the promise may be about the case, which does not say so."""
    excepted = promise.unless and case.holds(promise.unless)
    return case.is_filed and case.may_hold(promise.select) and not excepted


def _is_judged(promises: Sequence[CasePromise], case: ObservedCase) -> bool:
    """Whether one of the promises is, or may be, about the case."""
    return any(_applies(each, case) or _may_apply(each, case) for each in promises)


def _attributes(event: SimulatedEvent) -> dict[str, Any]:
    """The fields that an event reports."""
    data = event.data or {}
    attributes = data.get("attributes")
    return dict(attributes) if attributes else {}


def _may_be_missed(promise: CasePromise) -> bool:
    """Whether a single case can miss it."""
    if isinstance(promise, CaseSharePromise):
        return promise.objective is not None
    return promise.binds_each


def _is_no_miss(promise: CasePromise, row: Row | None, at: Instant | None) -> bool:
    """Whether the case could miss the promise, and has not."""
    if not _may_be_missed(promise) or row is None:
        return _may_be_missed(promise)
    return row.result in _NO_MISSES and not _is_miss(promise, row, at)


def _is_out_of_order(events: Sequence[SimulatedEvent]) -> bool:
    """Whether one event arrived before another that had happened earlier."""
    by_time = sorted(events, key=lambda event: event.time)
    return any(before.received > after.received for before, after in pairwise(by_time))


def _revises(event: SimulatedEvent) -> bool:
    """Whether it changes what earlier events reported; an amount that is taken back does, too."""
    taken_back = event.type == "case.measured" and event.data is not None and event.data["value"] < 0
    return event.type in _REVISIONS or taken_back
