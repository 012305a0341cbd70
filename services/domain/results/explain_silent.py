"""The promises that say nothing of a case or of a catalogue entry, and why."""

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from services.domain.history.case import Case
from services.domain.history.registers import CatalogueEntry
from services.domain.judging.case_clock import CaseClock
from services.domain.judging.judge import Judge, Opinion
from services.domain.judging.selection import accepts_attributes, compile_exception, compile_selection, wanted_values
from services.domain.plan.plan import CasePromise, EntryPromise, Promise
from services.domain.time.zone import Instant


class Reason(StrEnum):
    """Why a promise about the same service item says nothing of a case."""

    NOT_SELECTED = "not_selected"
    LEFT_OUT = "left_out"
    """Selected, and left out again (`unless`)."""
    NOT_STARTED = "not_started"
    NOT_IN_FORCE = "not_in_force"
    NOTHING_TO_JUDGE = "nothing_to_judge"
    """It has no limit to be judged by, or what it counts is not reported."""


class Silent(NamedTuple):
    """A promise that says nothing of a case."""

    promise: Promise
    reason: Reason
    missing: tuple[tuple[str, Any, Any], ...] = ()
    """Of what it selects (or leaves out) by: name, what it wants, what the case has (None: not known)."""


def silent_promises(judge: Judge, case: Case, judged: Collection[str], now: Instant) -> Iterator[Silent]:
    """The promises that are about the service item of a case and say nothing of it. `judged`: keys of those that do."""
    for key, kinds in judge.versions.items():
        promise = kinds[-1].promise
        if key in judged or not isinstance(promise, CasePromise):
            continue
        items = promise.select.get("service_item")
        if items is not None and case.service_item in wanted_values(items):
            yield _silent(judge, promise, case, now)


def _silent(judge: Judge, promise: CasePromise, case: Case, now: Instant) -> Silent:
    missing = tuple(
        (name, wanted, _actual(case, name))
        for name, wanted in promise.select.items()
        if name != "service_item" and not compile_selection({name: wanted}, judge.law.unset)(case)
    )
    if missing:
        return Silent(promise, Reason.NOT_SELECTED, missing)
    if promise.unless and compile_exception(promise.unless, judge.law.unset)(case):
        excepted = tuple((name, wanted, _actual(case, name)) for name, wanted in promise.unless.items())
        return Silent(promise, Reason.LEFT_OUT, excepted)
    return Silent(promise, _reason(judge, promise, case, now))


def uncounted_promises(judge: Judge, entry: CatalogueEntry, opinion: Opinion, now: Instant) -> Iterator[Silent]:
    """The promises about a catalogue that do not count an entry of it, with what it would have to be."""
    attributes = entry.states[-1].attributes
    counted = {each.kpi for each in opinion.judgements}
    for key in judge.kinds:
        promise = judge.in_force(key, judge.law.zone.day(now)).promise
        if attributes is None or key in counted or not isinstance(promise, EntryPromise):
            continue
        if promise.collection != entry.collection:
            continue
        missing = tuple(
            (name, value, attributes.get(name))
            for name, value in promise.wanted.items()
            if not accepts_attributes(attributes, {name: value})
        )
        yield Silent(promise, Reason.NOT_SELECTED, missing)


def _reason(judge: Judge, promise: CasePromise, case: Case, now: Instant) -> Reason:
    """Of a selected case."""
    clock, zone = CaseClock(promise.clock, judge.law), judge.law.zone
    start = clock.start(case)
    stop = clock.stop(case, start)
    if start is None:
        return Reason.NOT_STARTED
    decisive = start
    if promise.applies_by == "stop":
        decisive = stop if stop is not None else now
    day = zone.day(decisive)
    until = promise.effective_to
    if day < promise.effective_from.toordinal() or (until is not None and day > until.toordinal()):
        return Reason.NOT_IN_FORCE
    return Reason.NOTHING_TO_JUDGE


def _actual(case: Case, name: str) -> Any:
    """What a case has of what a promise selects by."""
    match name:
        case "unit" | "applicant" | "outcome" | "online" | "extended" | "service_item":
            return getattr(case, name)
        case "channel":
            return sorted(case.channels) or None
        case "parent":
            return case.parent is not None
        case "reached":
            return sorted(case.milestones) or None
    return case.attributes.get(name)
