"""A case in one row: what it is listed and found by. A function of its facts and the plan."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from services.domain.history.case import Case
from services.domain.history.fact_set import is_case
from services.domain.history.known_at import known_at
from services.domain.intake.facts import KEY_SEPARATOR, Fact
from services.domain.judging.judge import Judge
from services.domain.time.zone import Instant


class CaseState(StrEnum):
    """Whether a case is open, by all events that are in the index."""

    OPEN = "open"
    CLOSED = "closed"
    """Its last request is completed, withdrawn, or was refused and not accepted since."""
    UNREADABLE = "unreadable"
    """Its events cannot be read as a case: it is quarantined."""
    REGISTER = "register"
    """No case: a catalogue entry, a duty or a figure."""


class IndexedCase(NamedTuple):
    """A case as it is listed. Instants are microseconds since 1970 UTC."""

    case_key: str
    owner: str
    subject: str
    state: CaseState
    unit: str
    """That accepted it; empty where no event says it, as of the two fields that follow."""
    holder: str
    """That holds it now: of the node in which it is, else the one that accepted it."""
    service_item: str
    cycles: int
    """How many requests: one, and one more each time it was reopened for a new one."""
    filed_at: Instant | None
    """When its last request was accepted, or handed in where it is not accepted yet."""
    closed_at: Instant | None
    events: int
    first_arrival: Instant
    last_arrival: Instant


def case_summary(judge: Judge, key: str, facts: Sequence[Fact]) -> IndexedCase:
    """The row of a case. `facts`: all of its facts, in contract order, at least one. Never raises."""
    owner, _, subject = key.partition(KEY_SEPARATOR)
    arrivals = [fact.received for fact in facts]
    state, case, cycles = CaseState.REGISTER, Case(), 0
    if is_case(facts):
        try:
            found = judge.cases(facts)
            case, cycles = found[-1], len(found)
            state = CaseState.OPEN if _closed_at(case) is None else CaseState.CLOSED
        except Exception:  # the worker quarantines it, for the same reason
            state, case, cycles = CaseState.UNREADABLE, Case(), 0
    return IndexedCase(
        case_key=key,
        owner=owner,
        subject=subject,
        state=state,
        unit=case.unit,
        holder=case.holder(),
        service_item=case.service_item,
        cycles=cycles,
        filed_at=_filed_at(case),
        closed_at=_closed_at(case),
        events=len(facts),
        first_arrival=min(arrivals),
        last_arrival=max(arrivals),
    )


class Party(NamedTuple):
    """A unit that accepted a case or held a node of it."""

    unit: str
    until: Instant | None
    """When the last node that it held ended; None: it accepted the case, or holds a node now."""
    filed_at: Instant | None = None
    """As `IndexedCase`, as of the end of the day of `until`; of who holds the case now not given."""
    service_item: str = ""
    accepted_by: str = ""


def parties_of(judge: Judge, facts: Sequence[Fact]) -> tuple[Party, ...]:
    """The units of a case, over all its requests, sorted; none where its events cannot be read as a case. `facts`: as
    in `case_summary`. Never raises."""
    try:
        cycles = judge.cases(facts) if is_case(facts) else []
    except Exception:  # as in `case_summary`
        return ()
    until: dict[str, Instant | None] = {}
    for case in cycles:
        for span in case.nodes:
            unit = span.unit or case.unit
            until[unit] = _later(until.get(unit, span.end), span.end)
    until |= {case.unit: None for case in cycles}
    return tuple(_party(judge, facts, unit, until[unit]) for unit in sorted(until) if unit)


def _party(judge: Judge, facts: Sequence[Fact], unit: str, until: Instant | None) -> Party:
    if until is None:
        return Party(unit, None)
    zone = judge.law.zone
    known = known_at(facts, zone.midnight(zone.day(until) + 1) - 1)
    if not known:
        return Party(unit, until)
    then = case_summary(judge, "", known)
    return Party(unit, until, then.filed_at, then.service_item, then.unit)


def _later(one: Instant | None, other: Instant | None) -> Instant | None:
    """The later of two ends; None, which has not come, is later than any."""
    return None if one is None or other is None else max(one, other)


def _filed_at(case: Case) -> Instant | None:
    if case.accepted_at is not None:
        return case.accepted_at
    return case.filed.time if case.filed is not None else None


def _closed_at(case: Case) -> Instant | None:
    if case.completed is not None and case.completed_at is None:
        return case.completed.time  # completed, and nothing says when it began
    ended = [at for at in (case.completed_at, case.withdrawn_at) if at is not None]
    if ended:
        return min(ended)
    return case.refused_at if case.accepted_at is None else None
