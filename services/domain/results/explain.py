"""Why a case is judged as it is: every fact, every promise, and the days that were counted.

What is a case, and what was known of it, is decided by the same functions as for the judge (`is_case`, `known_at`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.domain.history.case import Case, Extension
from services.domain.history.corrections import corrected
from services.domain.history.decisions import Decision
from services.domain.history.fact_set import is_case
from services.domain.history.known_at import known_at
from services.domain.history.registers import EntryState, entry_of
from services.domain.intake.facts import Fact
from services.domain.judging.binding import Binding
from services.domain.judging.bounded_amounts import Amount, bounded_amount
from services.domain.judging.case_clock import CaseClock, Span, unused_extensions
from services.domain.judging.data_quality import ANOMALY, BACKDATED, INCOMPLETE, ORPHAN, PREFIX, REFUSED
from services.domain.judging.judge import Judge, Opinion
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.late_entry import Identity, Miss, is_miss
from services.domain.judging.selection import compile_selection
from services.domain.plan.plan import CasePromise
from services.domain.plan.statutory_time import Law
from services.domain.results.cards import CardState, cards
from services.domain.results.explain_days import Account, account
from services.domain.results.explain_facts import FactWithStatus, facts_with_status
from services.domain.results.explain_silent import Silent, silent_promises, uncounted_promises
from services.domain.sums.tally import TallyField
from services.domain.time.limits import Limit
from services.domain.time.zone import Instant


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

    promise: CasePromise
    judgement: Judgement
    ended_by: EndedBy
    limit: Limit | None
    """The one that binds this case, without extensions; None where an instant or no limit does."""
    account: Account | None
    """None for promises that measure no duration."""
    turned_by: tuple[Fact, ...]
    """What arrived late and turned a miss into what it is now (rule 14); of that, what waits for a decision."""
    missed_limit: Instant | None
    """The limit that had passed when that arrived, as it was known until then; None where it is no limit."""
    amounts: tuple[tuple[str, Amount | None], ...] = ()
    """For bounds: each of `counts` and how much it is, in millionths; None while unreported."""
    extensions: tuple[tuple[Extension, str], ...] = ()
    """Of a limit that an extension moves: those that were granted, each with the code of why it is unused, or empty."""
    decisions: tuple[Decision, ...] = ()
    """Of the operations centre, on late entries."""
    missing: tuple[str, ...] = ()
    """Of an unclassified case: the fields that it leaves out, by which the promise selects."""

    @property
    def is_provisional(self) -> bool:
        """Whether what is counted rests on days of which the calendar is not published."""
        return self.judgement.provisional or any(cell == TallyField.PROVISIONAL for cell, _ in self.judgement.cells)


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
    """The explanation of one key at one moment."""

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
    """Of a catalogue entry that is not retired: the promises about its collection that do not count it."""
    cards: tuple[CardState, ...]


def explain(judge: Judge, key: str, facts: Sequence[Fact], now: Instant) -> Explanation:
    """Explain one key's facts (deduplicated, in contract order) at a moment."""
    known = known_at(facts, now)
    opinion = judge.judge(facts, now)
    judged = _Judged(judge, known, opinion, now)
    cycles = judge.cases(known) if is_case(known) else []
    entry = entry_of(corrected(known))
    return Explanation(
        key=key,
        now=now,
        history=tuple(facts_with_status(known, {each for case in cycles for each in case.voided})),
        later=len(facts) - len(known),
        cycles=tuple(_cycle(judged, case) for case in cycles),
        others=tuple(each for each in opinion.judgements if _about(judge, each) not in (None, "case")),
        entry=entry.states if entry is not None else (),
        uncounted=tuple(uncounted_promises(judge, entry, opinion, now)) if entry is not None else (),
        cards=tuple(cards(judge, known, now)),
    )


def _about(judge: Judge, judgement: Judgement) -> str | None:
    kind = judge.kinds.get(judgement.kpi)
    return kind.promise.about if kind is not None else None


class _Judged(NamedTuple):
    """What is explained: the known facts of a key, and what the judge says of them."""

    judge: Judge
    known: Sequence[Fact]
    opinion: Opinion
    now: Instant


def _cycle(judged: _Judged, case: Case) -> ExplainedCycle:
    mine = [each for each in judged.opinion.judgements if each.cycle == case.cycle]
    about_case = [each for each in mine if _about(judged.judge, each) == "case"]
    judged_keys = {each.kpi for each in about_case}
    promises = tuple(_explained(judged, each, case) for each in about_case)
    anomalies = [*case.anomalies, *unused_extensions(each.extensions for each in promises)]
    signals = [*map(_code, filter(_is_signal, mine)), *(f"anomaly:{code}" for code in anomalies)]
    return ExplainedCycle(
        case=case,
        promises=promises,
        silent=tuple(silent_promises(judged.judge, case, judged_keys, judged.now)),
        signals=tuple(dict.fromkeys(signals)),
    )


def _is_signal(judgement: Judgement) -> bool:
    """Whether it is a signal that makes the numbers of the case doubtful."""
    counted = any(field == TallyField.N and amount for field, amount in judgement.cells)
    return judgement.kpi in _DOUBTS and counted


def _code(signal: Judgement) -> str:
    name = signal.kpi.removeprefix(PREFIX)
    return f"{name}:{signal.item}" if signal.item != "-" else name


def _explained(judged: _Judged, judgement: Judgement, case: Case) -> Explained:
    judge, _, opinion, now = judged
    promise = version_that_judged(judge, judgement, now)
    limit, ended_by, counted = None, EndedBy.NOTHING, None
    extensions: Sequence[tuple[Extension, str]] = ()
    start, stop = judgement.start, judgement.stop
    if stop is not None:
        ended_by = _ended_by(promise, case, judge.law)
    clock = _clock(promise, case, start, judge.law)
    if clock is not None and start is not None:
        end = stop if stop is not None else now
        limit, extensions = clock.limit(case, start), clock.extensions(case, start)
        pauses = _pauses(clock, promise, case, start, stop)
        counted = account(clock, judge.law, case, (start, end), pauses)
    identity = judgement.kpi, judgement.cycle
    turned = identity in opinion.reversed or judgement.outcome is Outcome.LATE_ENTRY
    turned_by, missed_limit = _turning(judged, identity) if turned else ((), None)
    missing = _missing(promise, case, judge.law) if judgement.outcome is Outcome.UNCLASSIFIED else ()
    amounts = () if missing else _amounts(promise, judgement, case, now)
    return Explained(
        promise, judgement, ended_by, limit, counted, turned_by, missed_limit, amounts, tuple(extensions),
        tuple(case.confirmed.get(promise.id, ())), missing,
    )  # fmt: skip


def _missing(promise: CasePromise, case: Case, law: Law) -> tuple[str, ...]:
    """The fields by which a promise selects that a case does not report."""
    tests = {name: compile_selection({name: wanted}, law.unset) for name, wanted in promise.select.items()}
    return tuple(name for name, test in tests.items() if test(case) is None)


def _amounts(
    promise: CasePromise, judgement: Judgement, case: Case, now: Instant
) -> tuple[tuple[str, Amount | None], ...]:
    """What is held against a bound: by the time the case matured, if it has."""
    until = judgement.due if judgement.due is not None and judgement.due < now else None
    return tuple((text, bounded_amount(text)(case, until)) for text in promise.bounded)


def _ended_by(promise: CasePromise, case: Case, law: Law) -> EndedBy:
    """What ended the duration of a closed case."""
    clock = CaseClock(promise.clock, law)
    ended = Binding(promise, law.zone).ended(case, clock.stop(case, clock.start(case)))
    if ended is None:
        return EndedBy.STOP
    return EndedBy.WITHDRAWAL if ended == case.withdrawn_at else EndedBy.COMPLETION


def version_that_judged(judge: Judge, judgement: Judgement, now: Instant) -> CasePromise:
    """The version of a promise about cases that judged."""
    promise = judge.kinds[judgement.kpi].promise
    assert isinstance(promise, CasePromise)
    decisive = judgement.start
    if promise.applies_by == "stop" or decisive is None:
        decisive = judgement.stop if judgement.stop is not None else now
    version = judge.in_force(judgement.kpi, judge.law.zone.day(decisive)).promise
    assert isinstance(version, CasePromise)
    return version


def _clock(promise: CasePromise, case: Case, start: Instant | None, law: Law) -> CaseClock | None:
    """The clock by which a promise measures this case; None if it measures no duration."""
    if promise.against_statutory_limit and start is not None:
        limit = law.statutory_limit(case.service_item, law.zone.day(start))
        # its measure is that of the limit
        return CaseClock(promise.clock._replace(limit=limit), law) if limit else None
    if promise.measures_time:
        return CaseClock(promise.clock, law)
    matures = promise.maturity_limit
    if promise.takes_objective and isinstance(matures, Limit):
        return CaseClock(promise.clock._replace(limit=matures, clock_stops=()), law)
    return None


def _pauses(clock: CaseClock, promise: CasePromise, case: Case, start: Instant, stop: Instant | None) -> Sequence[Span]:
    """The suspensions that count for this promise."""
    if promise.maturity_limit is not None and not promise.measures_time:
        return ()
    if promise.binds_each:
        reading = clock.read(case, start, stop)
        return reading.pauses if reading is not None else ()
    return clock.pauses(case, start, stop)


def _turning(judged: _Judged, identity: Identity) -> tuple[tuple[Fact, ...], Instant | None]:
    """What turned a miss, and the limit that had passed by what was known when it was missed last."""
    judge, facts, _, now = judged
    cases = judge.cases(facts)
    missed = judge.before(facts, cases)[0]
    miss = missed.get(identity)
    if miss is None:
        return (), None
    waiting = judge.undecided(missed, cases, facts, now).get(identity)
    return (_ended(judge, miss, facts) if waiting is None else waiting), miss.judgement.due


def _ended(judge: Judge, miss: Miss, facts: Sequence[Fact]) -> tuple[Fact, ...]:
    """What arrived when a miss ceased to be one, for the last time."""
    if not is_miss(miss.judgement):
        return ()
    return tuple(fact for fact in judge.as_it_counts(facts) if fact.received == miss.ended_by)
