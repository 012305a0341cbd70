"""Why a case is judged as it is: the account, day by day, behind every verdict.

An account is added up day by day, as a person would with a calendar on the wall; the verdict it explains is computed by
prefix sums. That both come to the same is a property under test.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from services.domain.history.case import Case
from services.domain.history.fold import bad_corrections, corrected
from services.domain.history.registers import CatalogueEntry, EntryState, entry_of
from services.domain.intake.facts import Fact, Rank
from services.domain.judging.binding import Binding
from services.domain.judging.bounded_amounts import Amount, bounded_amount
from services.domain.judging.case_clock import MEASURES, CaseClock, Span, full_days
from services.domain.judging.data_quality import ANOMALY, BACKDATED, INCOMPLETE, ORPHAN, PREFIX, REFUSED
from services.domain.judging.judge import Judge, Opinion
from services.domain.judging.judgement import MISSES, Judgement, Outcome
from services.domain.judging.selection import accepts_attributes, compile_exception, compile_selection, wanted_values
from services.domain.plan.plan import CASELESS, Kind, Promise
from services.domain.plan.statutory_time import Law
from services.domain.results.cards import CardState, cards
from services.domain.sums.tally import TallyField
from services.domain.time.calendar import DayKind
from services.domain.time.limits import Limit
from services.domain.time.zone import Instant


# ---- the facts ---------------------------------------------------------------------------------------------
class FactStatus(StrEnum):
    """What became of a fact."""

    STANDS = "stands"
    STRUCK_OUT = "struck_out"
    """By a correction without an event."""
    CORRECTED = "corrected"
    """Another event stands in its place."""
    HOLDS = "holds"
    """A correction that decides of its target."""
    OVERRULED = "overruled"
    """A correction of whose target a later one decides."""
    WAITING = "waiting"
    """A correction whose target has not arrived."""
    REFUSED = "refused"
    """A correction of a correction."""


class FactWithStatus(NamedTuple):
    """A fact as it came, and what became of it."""

    fact: Fact
    standing: FactStatus
    by: Fact | None = None
    """Of a corrected fact: the correction. Of a correction: its target."""
    now: Fact | None = None
    """Of a corrected fact: what stands in its place."""


def history(facts: Sequence[Fact]) -> list[FactWithStatus]:
    """All facts of a key in contract order, corrections with what they did."""
    refused = {id(fact) for fact in bad_corrections(facts)}
    targets = {(fact.source, fact.id): fact for fact in facts if fact.rank != Rank.CORRECTION}
    deciding: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        if fact.rank == Rank.CORRECTION and id(fact) not in refused:
            target = fact.source, fact.data["of"]
            if target in targets and (target not in deciding or _is_later(fact, deciding[target])):
                deciding[target] = fact
    standing = {(fact.source, fact.id): fact for fact in corrected(facts)}
    return [_told(fact, refused, targets, deciding, standing) for fact in facts]


def _told(
    fact: Fact,
    refused: set[int],
    targets: Mapping[tuple[str, str], Fact],
    deciding: Mapping[tuple[str, str], Fact],
    standing: Mapping[tuple[str, str], Fact],
) -> FactWithStatus:
    if fact.rank == Rank.CORRECTION:
        target = fact.source, fact.data["of"]
        if id(fact) in refused:
            return FactWithStatus(fact, FactStatus.REFUSED)
        if target not in targets:
            return FactWithStatus(fact, FactStatus.WAITING)
        holds = deciding[target] is fact
        return FactWithStatus(fact, FactStatus.HOLDS if holds else FactStatus.OVERRULED, targets[target])
    identity = fact.source, fact.id
    correction = deciding.get(identity)
    if correction is None:
        return FactWithStatus(fact, FactStatus.STANDS)
    now = standing.get(identity)
    return FactWithStatus(fact, FactStatus.STRUCK_OUT if now is None else FactStatus.CORRECTED, correction, now)


def _is_later(fact: Fact, held: Fact) -> bool:
    return (fact.time, fact.id) > (held.time, held.id)


# ---- the days ----------------------------------------------------------------------------------------------
class AccountedDay(NamedTuple):
    """What one local date adds to a duration."""

    day: int
    kind: DayKind
    holiday: str
    """Its name, where it is one."""
    amount: int
    """What it adds to the net duration, in the measure's integers."""
    still: int
    """How much the clock stood still on it, in the same."""
    ran: tuple[Span, ...]
    """For durations in minutes and elapsed time: when the clock ran."""
    reasons: tuple[str, ...]
    """Of the suspensions on this day that stop this clock."""
    outside: bool
    """Whether it stood still because the case was in none of the nodes in which it runs."""
    other_reasons: tuple[str, ...]
    """Of those that do not: another reason, or begun when the limit had passed."""


@dataclass(frozen=True, slots=True)
class Account:
    """A duration, day by day. The days' amounts add up to `net`, their stillness to `still`."""

    measure: str
    scale: int
    """How many of the integers make one unit of the measure."""
    start: Instant
    end: Instant
    net: int
    still: int
    days: tuple[AccountedDay, ...]

    @property
    def gross(self) -> int:
        return self.net + self.still


def account(watch: CaseClock, law: Law, case: Case, start: Instant, end: Instant, pauses: Sequence[Span]) -> Account:
    """Add a duration up, day by day."""
    days = tuple(_days(watch, law, case, start, end, pauses))
    net, still = sum(day.amount for day in days), sum(day.still for day in days)
    return Account(watch.measure.name, watch.measure.scale, start, end, net, still, days)


def _days(
    watch: CaseClock, law: Law, case: Case, start: Instant, end: Instant, pauses: Sequence[Span]
) -> Iterator[AccountedDay]:
    zone, calendar, name = law.zone, law.calendar, watch.measure.name
    hours = law.hours(case.unit, case.service_item)
    gaps = _common(watch.outside(case, start, end), pauses)
    first = zone.day(start)
    for day in range(first, zone.day(end) + 1):
        amount = still = 0
        ran: tuple[Span, ...] = ()
        if name == "working_days":
            if day > first and calendar.is_working(day):
                still = hours.fully_covered_working_days(day - 1, day, pauses)
                amount = 1 - still
        elif name == "calendar_days":
            if day > first:
                still = full_days(pauses, day - 1, day, zone.midnight)
                amount = 1 - still
        else:
            open_spans = (
                hours.spans(day) if name == "working_minutes" else [(zone.midnight(day), zone.midnight(day + 1))]
            )
            lasted = [(max(opens, start), min(closes, end)) for opens, closes in open_spans]
            ran = tuple(piece for span in lasted for piece in _without(span, pauses))
            amount = _length(ran)
            still = _length([span for span in lasted if span[0] < span[1]]) - amount
        midnight, next_midnight = zone.midnight(day), zone.midnight(day + 1)
        reasons, other_reasons = _reasons(watch, case, pauses, midnight, next_midnight)
        outside = any(begin < next_midnight and midnight < finish for begin, finish in gaps)
        yield AccountedDay(
            day, calendar.kind(day), calendar.holiday_name(day), amount, still, ran, reasons, outside, other_reasons
        )


def _without(span: Span, pauses: Sequence[Span]) -> Iterator[Span]:
    """What the pauses (in order, disjoint) leave of a span."""
    begin, end = span
    for paused, resumed in pauses:
        if paused >= end or resumed <= begin:
            continue
        if begin < paused:
            yield begin, paused
        begin = max(begin, resumed)
    if begin < end:
        yield begin, end


def _common(spans: Sequence[Span], pauses: Sequence[Span]) -> list[Span]:
    """What of the spans lies in the pauses: only those are pauses that began in time."""
    cut = [(max(begin, paused), min(end, resumed)) for begin, end in spans for paused, resumed in pauses]
    return [(begin, end) for begin, end in cut if begin < end]


def _length(spans: Sequence[Span]) -> int:
    return sum(end - begin for begin, end in spans)


def _reasons(
    watch: CaseClock, case: Case, pauses: Sequence[Span], midnight: Instant, next_midnight: Instant
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    stopping: set[str] = set()
    other: set[str] = set()
    for span in case.suspensions:
        begin = max(span.start, midnight)
        end = min(next_midnight if span.end is None else span.end, next_midnight)
        if begin < end:
            counted = any(paused < end and begin < resumed for paused, resumed in pauses)
            (stopping if counted and watch.stopped_by(span.reason) else other).add(span.reason)
    return tuple(sorted(stopping)), tuple(sorted(other - stopping))


# ---- the promises ------------------------------------------------------------------------------------------
class EndedBy(StrEnum):
    """What ended a duration."""

    STOP = "stop"
    WITHDRAWAL = "withdrawal"
    COMPLETION = "completion"
    """As refused or terminated: what the clock waits for is not due any more."""
    NOTHING = "nothing"
    """It runs: the account is up to now."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One promise's verdict on one cycle, with its account."""

    promise: Promise
    judgement: Judgement
    ended_by: EndedBy
    limit: Limit | None
    """The one that binds this case, extension included; None where an instant or no limit does."""
    account: Account | None
    """None for promises that measure no duration."""
    turned_by: tuple[Fact, ...]
    """What arrived late and turned a miss into what it is now (rule 14)."""
    amounts: tuple[tuple[str, Amount | None], ...] = ()
    """For bounds: each of `counts` and how much it is, in millionths; None while unreported."""


class Reason(StrEnum):
    """Why a promise about the same service item says nothing of a case."""

    NOT_SELECTED = "not_selected"
    LEFT_OUT = "left_out"
    """Selected, and excepted again (`unless`)."""
    NOT_STARTED = "not_started"
    NOT_IN_FORCE = "not_in_force"
    NOTHING_TO_JUDGE = "nothing_to_judge"
    """It has no limit to be judged by, or is not told what it counts."""


class Silent(NamedTuple):
    """A promise that says nothing of a case."""

    promise: Promise
    reason: Reason
    missing: tuple[tuple[str, Any, Any], ...] = ()
    """Of what it selects (or leaves out) by: name, what it wants, what the case has (None: not known)."""


_DOUBTS = (ANOMALY, BACKDATED, INCOMPLETE, ORPHAN, REFUSED)


@dataclass(frozen=True, slots=True)
class ExplainedCycle:
    """One cycle of a case."""

    case: Case
    promises: tuple[Explained, ...]
    silent: tuple[Silent, ...]
    signals: tuple[str, ...]
    """Codes of what makes its numbers doubtful: anomalies, backdated entry, …"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All there is to say of one key at one moment."""

    key: str
    now: Instant
    history: tuple[FactWithStatus, ...]
    later: int
    """How many of its facts had not happened, or not arrived, by then."""
    cycles: tuple[ExplainedCycle, ...]
    others: tuple[Judgement, ...]
    """What promises about catalogue entries, duties and figures say."""
    entry: tuple[EntryState, ...]
    """Of a catalogue entry: its states, oldest first."""
    uncounted: tuple[Silent, ...]
    """Of a catalogue entry that stands: the promises about its collection that do not count it."""
    cards: tuple[CardState, ...]


def explain(judge: Judge, key: str, facts: Sequence[Fact], now: Instant) -> Explanation:
    """The account of one key's facts (deduplicated, in contract order) at a moment."""
    known = [fact for fact in facts if fact.time <= now and fact.received <= now]
    opinion = judge.judge(facts, now)
    about_case = any(told.fact.rank < Rank.CORRECTION for told in history(known))
    cycles = judge.cases(known) if about_case else []
    entry = entry_of(corrected(known))
    return Explanation(
        key=key,
        now=now,
        history=tuple(history(known)),
        later=len(facts) - len(known),
        cycles=tuple(_cycle(judge, case, known, opinion, now) for case in cycles),
        others=tuple(each for each in opinion.judgements if _kind(judge, each) in CASELESS),
        entry=entry.states if entry is not None else (),
        uncounted=tuple(_uncounted(judge, entry, opinion, now)) if entry is not None else (),
        cards=tuple(cards(judge, known, now)),
    )


def _kind(judge: Judge, judgement: Judgement) -> Kind | None:
    kind = judge.kinds.get(judgement.kpi)
    return kind.promise.kind if kind is not None else None


def _cycle(judge: Judge, case: Case, known: Sequence[Fact], opinion: Opinion, now: Instant) -> ExplainedCycle:
    mine = [each for each in opinion.judgements if each.cycle == case.cycle]
    about_case = [each for each in mine if _kind(judge, each) not in (None, *CASELESS)]
    promises = tuple(_explained(judge, each, case, known, opinion, now) for each in about_case)
    spoken = {each.kpi for each in about_case}
    signals = [
        f"{each.kpi.removeprefix(PREFIX)}:{each.item}" if each.item != "-" else each.kpi.removeprefix(PREFIX)
        for each in mine
        if each.kpi in _DOUBTS and any(cell == TallyField.N and amount for cell, amount in each.cells)
    ]
    signals += [f"anomaly:{code}" for code in case.anomalies]
    return ExplainedCycle(
        case=case,
        promises=promises,
        silent=tuple(_silent(judge, case, spoken, now)),
        signals=tuple(dict.fromkeys(signals)),
    )


def _explained(
    judge: Judge, judgement: Judgement, case: Case, known: Sequence[Fact], opinion: Opinion, now: Instant
) -> Explained:
    promise = _version(judge, judgement, now)
    limit, ended_by, counted = None, EndedBy.NOTHING, None
    start, stop = judgement.start, judgement.stop
    if stop is not None:
        ended_by = _ended_by(promise, case, judge.law)
    watch = _watch(promise, case, start, judge.law)
    if watch is not None and start is not None:
        end = stop if stop is not None else now
        limit = watch.limit(case, start)
        counted = account(watch, judge.law, case, start, end, _pauses(watch, promise, case, start, stop))
    turned = (judgement.kpi, judgement.cycle) in opinion.reversed or judgement.outcome is Outcome.LATE_ENTRY
    turned_by = _turned_by(judge, known, judgement.kpi, judgement.cycle) if turned else ()
    return Explained(promise, judgement, ended_by, limit, counted, turned_by, _amounts(promise, judgement, case, now))


def _amounts(promise: Promise, judgement: Judgement, case: Case, now: Instant) -> tuple[tuple[str, Amount | None], ...]:
    """What is held against a bound: by the time the case matured, if it has."""
    until = judgement.due if judgement.due is not None and judgement.due < now else None
    return tuple((text, bounded_amount(text)(case, until)) for text in promise.counts)


def _ended_by(promise: Promise, case: Case, law: Law) -> EndedBy:
    """What ended the duration of a closed case."""
    watch = CaseClock(promise, law)
    ended = Binding(promise, law.zone).ended(case, watch.stop(case, watch.start(case)))
    if ended is None:
        return EndedBy.STOP
    return EndedBy.WITHDRAWAL if ended == case.withdrawn_at else EndedBy.COMPLETION


def _version(judge: Judge, judgement: Judgement, now: Instant) -> Promise:
    """The version of the promise that judged."""
    promise = judge.kinds[judgement.kpi].promise
    decisive = judgement.start
    if promise.applies_by == "stop" or decisive is None:
        decisive = judgement.stop if judgement.stop is not None else now
    return judge.in_force(judgement.kpi, judge.law.zone.day(decisive)).promise


def _watch(promise: Promise, case: Case, start: Instant | None, law: Law) -> CaseClock | None:
    """The clock by which a promise measures this case; None if it measures no duration."""
    if promise.kind is Kind.MEAN_REDUCTION and start is not None:
        limit = law.statutory_limit(case.service_item, law.zone.day(start))
        # its measure is that of the limit
        return CaseClock(promise.model_copy(update={"limit": limit, "measure": None}), law) if limit else None
    if promise.kind is Kind.CASE_LIMIT or promise.measure in MEASURES:
        return CaseClock(promise, law)
    matures = promise.limit if promise.matures_at == "limit" else promise.matures_at
    if promise.kind in _MATURE_BY_TIME and isinstance(matures, Limit):
        return CaseClock(promise.model_copy(update={"limit": matures, "clock_stops": ()}), law)
    return None


_MATURE_BY_TIME = (Kind.CASE_SHARE, Kind.CASE_BOUND)


def _pauses(watch: CaseClock, promise: Promise, case: Case, start: Instant, stop: Instant | None) -> Sequence[Span]:
    """The suspensions that count for this promise."""
    if promise.kind in _MATURE_BY_TIME:
        return ()
    if promise.kind is Kind.CASE_LIMIT:
        reading = watch.read(case, start, stop)
        return reading.pauses if reading is not None else ()
    return watch.pauses(case, start, stop)


def _turned_by(judge: Judge, facts: Sequence[Fact], kpi: str, cycle: int) -> tuple[Fact, ...]:
    """What arrived when a miss ceased to be one, for the last time."""
    turning: list[Fact] = []
    for known, until in judge.stages(facts):
        arrival = until + 1
        after = [fact for fact in facts if fact.received <= arrival]
        if _missed(judge, known, until, kpi, cycle) and not _missed(judge, after, arrival, kpi, cycle):
            turning = [fact for fact in after if fact.received == arrival]
    return tuple(turning)


def _missed(judge: Judge, facts: Sequence[Fact], now: Instant, kpi: str, cycle: int) -> bool:
    return any(
        (each.kpi, each.cycle) == (kpi, cycle) and each.outcome in MISSES
        for each in judge.judge_cases(judge.cases(facts), now)
    )


def _silent(judge: Judge, case: Case, spoken: set[str], now: Instant) -> Iterator[Silent]:
    """The promises that are about this service item and say nothing of this case."""
    for key, kinds in judge.versions.items():
        promise = kinds[-1].promise
        items = promise.select.get("service_item")
        if key in spoken or promise.kind in CASELESS or items is None:
            continue
        if case.service_item not in wanted_values(items):
            continue
        missing = tuple(
            (name, wanted, _actual(case, name))
            for name, wanted in promise.select.items()
            if name != "service_item" and not compile_selection({name: wanted})(case)
        )
        if not missing and promise.unless and compile_exception(promise.unless)(case):
            excepted = tuple((name, wanted, _actual(case, name)) for name, wanted in promise.unless.items())
            yield Silent(promise, Reason.LEFT_OUT, excepted)
        else:
            yield Silent(promise, _reason(judge, promise, case, missing, now), missing)


def _uncounted(judge: Judge, entry: CatalogueEntry, opinion: Opinion, now: Instant) -> Iterator[Silent]:
    """The promises about a catalogue that do not count an entry of it, with what it would have to be."""
    attributes = entry.states[-1].attributes
    counted = {each.kpi for each in opinion.judgements}
    for key in judge.kinds:
        promise = judge.in_force(key, judge.law.zone.day(now)).promise
        if attributes is None or key in counted or promise.collection != entry.collection:
            continue
        wanted: dict[str, Any] = {**promise.select, **promise.where}
        if promise.listed:
            wanted[promise.listed_by] = promise.listed
        missing = tuple(
            (name, value, attributes.get(name))
            for name, value in wanted.items()
            if not accepts_attributes(attributes, {name: value})
        )
        yield Silent(promise, Reason.NOT_SELECTED, missing)


def _reason(judge: Judge, promise: Promise, case: Case, missing: tuple[object, ...], now: Instant) -> Reason:
    if missing:
        return Reason.NOT_SELECTED
    watch, zone = CaseClock(promise, judge.law), judge.law.zone
    start = watch.start(case)
    stop = watch.stop(case, start)
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
