"""The judge of a plan: facts of a key and a moment → what every promise says. A verdict is a function of nothing else.

The cost of judging depends on the promises that select a case, not on the size of the plan: they are compiled once
into a dispatch by service item (`PromiseIndex`).
"""

from collections.abc import Callable, Collection, Sequence
from copy import copy
from functools import partial
from typing import NamedTuple, Self

from services.domain.history.case import Case
from services.domain.history.corrections import corrected
from services.domain.history.decisions import as_recorded
from services.domain.history.fact_set import is_case
from services.domain.history.fold import Fold
from services.domain.history.known_at import Step, by_arrival, known_at, known_of, next_known, steps
from services.domain.history.registers import entry_of, fulfilments_of, reports_of
from services.domain.intake.facts import CASE_TYPES, Fact, FactType
from services.domain.judging.all_kinds import judge_of
from services.domain.judging.data_quality import Signals
from services.domain.judging.doubts import IN_TIME, Doubts, doubts_of
from services.domain.judging.judgement import MISSES, Judgement, Outcome
from services.domain.judging.kind import AnyKind
from services.domain.judging.late_entry import Identity, Missed, apply_late_entry, note_miss, note_unclassified
from services.domain.judging.late_reports import first_known_signals, late_report_signals
from services.domain.judging.promise_index import PromiseIndex
from services.domain.judging.quarantine import Quarantine
from services.domain.judging.reads import last_arrival, only_adds
from services.domain.judging.reasons import Reasons
from services.domain.judging.slips import Slips
from services.domain.judging.unclassified import Unclassified
from services.domain.judging.undecided import Standing, undecided
from services.domain.plan.plan import CasePromise, Plan, id_of
from services.domain.plan.statutory_time import Law
from services.domain.plan.unit_history import UnitHistory
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.zone import Instant


class Opinion(NamedTuple):
    """What the judge says of the facts of one key at one moment."""

    judgements: list[Judgement]
    next_at: Instant | None
    """When, without any new fact, it changes next."""
    reversed: tuple[Identity, ...] = ()
    """(kpi, cycle) that were missed once and are not any more, because of something that arrived later."""
    nothing_to_publish: bool = True
    """There was never a card and never a miss."""
    quarantine: Quarantine | None = None
    """What of it cannot be judged; only a `SafeJudge` gives it, where the judge raises."""


class CaseView(NamedTuple):
    """A case as it was known at one moment, and what the promises that a single case can miss say of it, as if that had
    always been known."""

    cycles: list[Case]
    judgements: list[Judgement]
    units: UnitHistory
    """Who continues the work of units that have ended."""
    unjudged: frozenset[str] = frozenset()
    """Keys of the promises that cannot be judged at that moment; only a `SafeJudge` gives any."""


NOTHING = Opinion([], None)
RULES = 10
"""Raised with every change of the code by which the same facts, plan and moment are judged differently."""


class Judge:
    """Judges the facts of a key by every promise of a plan."""

    def __init__(self, plan: Plan, calendar: WorkingCalendar) -> None:
        self.plan = plan
        self.fingerprint = f"{plan.fingerprint}.{RULES}"
        """Of everything that decides a verdict: rows judged under another one are judged again."""
        self.law = Law(plan, calendar)
        self.fold = Fold(self.law.zone, calendar, plan.service_items, self.law.hours, plan.grantors)
        self.slips = Slips(self.law)
        self.versions: dict[str, list[AnyKind]] = {}
        """The versions of each promise, by date."""
        for promise in sorted(plan.promises, key=lambda each: each.effective_from):
            self.versions.setdefault(promise.key, []).append(judge_of(promise, self.law))
        self._signals = None if plan.head.open else Signals(self.law)
        """None for an archive without a registry: it has no sources to doubt."""
        of_cases = [promise for promise in plan.promises if isinstance(promise, CasePromise)]
        self._unclassified = Unclassified(of_cases, self.law)
        self.version_changes: Sequence[Instant] = self._version_changes()
        """The instants at which an open case comes under another version of a promise, or passes to the successor of
        its unit."""
        self._index = PromiseIndex(plan, self.versions)
        self._reasons = Reasons(self._index.of_cases)
        self.kinds: dict[str, AnyKind] = self._index.latest
        """The latest version of each promise, in the plan's order."""

    def wrapped(
        self, kind: Callable[[AnyKind], AnyKind], signals: Callable[[Signals], Signals] = lambda it: it
    ) -> Self:
        """The same judge, with each kind of promise and the signals wrapped."""
        other = copy(self)
        other.versions = {key: [kind(each) for each in versions] for key, versions in self.versions.items()}
        other._signals = None if self._signals is None else signals(self._signals)
        other._unclassified = self._unclassified.wrapped(kind)
        other._index = PromiseIndex(self.plan, other.versions)
        other._reasons = Reasons(other._index.of_cases)
        other.kinds = other._index.latest
        return other

    def about(self, items: Collection[str], others: Collection[str]) -> list[str]:
        """Keys of the promises that may be about these service items, or about collections, duties and quantities of
        these names."""
        return self._index.about(items, others)

    def in_force(self, key: str, day: int) -> AnyKind:
        """The version of a promise in force on a day; before its first, that."""
        versions = self.versions[key]
        found = versions[0]
        for kind in versions[1:]:
            if kind.promise.effective_from.toordinal() <= day:
                found = kind
        return found

    def _version_changes(self) -> list[Instant]:
        """The instants at which an open case or a catalogue entry comes under another version of a promise, or an open
        case passes to the successor of its unit."""
        dates: set[int] = set()
        for kinds in self.versions.values():
            for kind in kinds:
                promise = kind.promise
                by_stop = isinstance(promise, CasePromise) and promise.applies_by == "stop"
                if by_stop or (promise.about == "entry" and len(kinds) > 1):
                    dates.add(promise.effective_from.toordinal())
                    if promise.effective_to is not None:
                        dates.add(promise.effective_to.toordinal() + 1)
        return sorted({*self.law.units.changes, *(self.law.zone.midnight(day) for day in dates)})

    # ---- judging ---------------------------------------------------------------------------------
    def judge(self, facts: Sequence[Fact], now: Instant) -> Opinion:
        """What is true at `now` of the facts (in contract order) that had happened and arrived by then."""
        later = next_known(facts, now)
        if later is not None:
            facts = known_at(facts, now)
        if not facts:
            return NOTHING if later is None else Opinion([], later)
        opinion = self._opinion(facts, now)
        if self.version_changes:
            later = self._next_version_change(facts, opinion, now, later)
        if later is not None and (opinion.next_at is None or later < opinion.next_at):
            opinion = opinion._replace(next_at=later)
        return opinion

    def restate(self, facts: Sequence[Fact], moment: Instant, now: Instant) -> Opinion:
        """What is true at an earlier moment by what is known `now`: the end of a month, restated a month later. Late
        entries stay late entries; it changes nothing that was published then."""
        known = known_of(facts, moment, now)
        return self._opinion(known, moment) if known else NOTHING

    def _opinion(self, facts: Sequence[Fact], now: Instant) -> Opinion:
        """What is said of these facts, all of which are known."""
        type_ = facts[0].type
        if type_ in CASE_TYPES:
            return self._cases(facts, now)
        if type_ == _CORRECTION or len(facts) > 1:
            return self._mixed(facts, now)
        return _opinion_without_case(self._without_case(facts, facts, now))

    def _next_version_change(
        self, facts: Sequence[Fact], opinion: Opinion, now: Instant, later: Instant | None
    ) -> Instant | None:
        """The earlier of `later` and the next change of a version that may concern these facts."""
        change = next((each for each in self.version_changes if each > now), None)
        if change is not None and (later is None or change < later) and _may_change_version(facts, opinion):
            return change
        return later

    def _mixed(self, facts: Sequence[Fact], now: Instant) -> Opinion:
        """A key whose first fact is no case event: entries, duties, figures, corrections, in any mixture."""
        judged = self._cases(facts, now) if is_case(facts) else NOTHING
        beside = _opinion_without_case(self._without_case(corrected(facts), facts, now))
        return judged._replace(
            judgements=judged.judgements + beside.judgements,
            reversed=judged.reversed + beside.reversed,
            nothing_to_publish=judged.nothing_to_publish and beside.nothing_to_publish,
        )

    def _without_case(self, facts: Sequence[Fact], uncorrected: Sequence[Fact], now: Instant) -> list[Judgement]:
        """What is said of entries, duties and figures. `facts`: with corrections applied; `uncorrected`: as they
        arrived."""
        found: list[Judgement] = []
        index = self._index
        self._judge_entry(facts, uncorrected, now, found)
        for fulfilment in fulfilments_of(facts, uncorrected):
            for of_duty in index.of_duties:
                of_duty.judge_fulfilment(fulfilment, now, found)
        for report in reports_of(uncorrected) if index.of_figures else ():
            for of_figure in index.of_figures:
                of_figure.judge_report(report, now, found)
        return found

    def _judge_entry(
        self, facts: Sequence[Fact], uncorrected: Sequence[Fact], now: Instant, found: list[Judgement]
    ) -> None:
        entry = entry_of(facts, uncorrected)
        if entry is None:
            return
        day = self.law.zone.day(now)
        for of_entry in self._index.of_collection.get(entry.collection, ()):
            key = of_entry.promise.key
            if len(self.versions[key]) == 1 or self.in_force(key, day) is of_entry:
                of_entry.judge_entry(entry, now, found)
        if self._signals is not None:
            self._signals.judge_entry(entry, found)

    def cases(self, facts: Sequence[Fact]) -> list[Case]:
        """The cycles of a case."""
        cycles = self.fold.cycles(facts)
        if not cycles[-1].only_simple_facts or len(cycles) > 1:
            self._reasons.settle(cycles, facts, self.fold.cycles)
        if self.law.units.changes:
            for case in cycles:
                self._name_successors(case)
        return cycles

    def _name_successors(self, case: Case) -> None:
        """What began under the name of a unit that had ended by then was its successor's."""
        units, begin = self.law.units, case.filed
        if begin is not None:
            case.unit = units.at(case.unit, begin.time)
        case.nodes = [span._replace(unit=units.at(span.unit, span.start)) for span in case.nodes]

    def judge_cases(self, cases: Sequence[Case], now: Instant) -> list[Judgement]:
        """What every promise says of these cycles, as if their facts had always been known."""
        found: list[Judgement] = []
        for case in cases:
            self._by_promises(case, now, found)
            self._unclassified.judge(case, now, found)
            if self._signals is not None:
                self._signals.judge(case, now, found)
        return found

    def _by_promises(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """Append what the promises say that select a cycle."""
        index = self._index
        for kind in index.by_item.get(case.service_item, index.of_any_item):
            kind.judge(case, now, found)

    def view(self, facts: Sequence[Fact], now: Instant) -> CaseView | None:
        """A case as it is known, and what is said of it; None, where a `SafeJudge` asks: it cannot be read."""
        cycles = self.cases(facts)
        found: list[Judgement] = []
        for case in cycles:
            for kind in self._index.in_question(case.service_item, None).kinds:
                kind.judge(case, now, found)
            self._unclassified.judge(case, now, found)
        return CaseView(cycles, found, self.law.units)

    def _cases(self, facts: Sequence[Fact], now: Instant) -> Opinion:
        cases = self.cases(facts)
        found = self.judge_cases(cases, now)
        screening = _screen(found, cases, now)
        suspicious = screening.suspicious or self._index.leaves_out(cases)
        if len(facts) > 1 and (suspicious or self._unclassified.classified_later(cases, facts)):
            missed, awaited = self.before(facts, cases, self._doubts(found, cases, facts, now))
            missed = self._unclassified.settled(missed, found)
            for identity, waiting in self.undecided(missed, cases, facts, now).items():
                missed[identity] = missed[identity]._replace(ended_by=max(fact.received for fact in waiting))
            judgements, turned = apply_late_entry(found, missed, cases, self._late_day) if missed else (found, ())
            if self._signals is not None:
                judgements += late_report_signals(judgements, awaited, facts, self.law.zone)
                first = min(fact.received for fact in facts)
                judgements += first_known_signals(judgements, cases, first, self.law.zone)
            return Opinion(judgements, screening.next_at, turned, False)
        return Opinion(found, screening.next_at, (), screening.nothing_to_publish)

    def _doubts(
        self, found: Sequence[Judgement], cases: Sequence[Case], facts: Sequence[Fact], now: Instant
    ) -> Doubts | None:
        """The promises that a plain case may have missed; None where any may have been missed at any arrival."""
        case = cases[-1]
        if len(cases) > 1 or not case.only_simple_facts or not self._is_always_classified(cases, facts):
            return None
        return doubts_of(found, case, now)

    def before(
        self, facts: Sequence[Fact], cases: Sequence[Case], doubts: Doubts | None = None
    ) -> tuple[Missed, dict[Identity, Instant]]:
        """Step through the arrivals: what was missed by what was known then, and when last; and what was awaited, until
        just before something arrived. `cases`: by all of the facts; what is confirmed in them was never in doubt.
        `doubts`: which steps and promises can have a miss, where not every one can."""
        if doubts is not None:
            return self._before_by_what_is_read(facts, cases[-1], doubts)
        facts = self.as_it_counts(facts)
        if self._is_read_in_part(facts, cases):
            return self._before_by_what_is_read(facts, cases[-1])
        missed: Missed = {}
        awaited: dict[Identity, Instant] = {}
        confirmed = {case.cycle: case.confirmed for case in cases if case.confirmed}
        for step in steps(facts, breaks=self.version_changes):
            cycles = self.cases(step.known())
            known: list[Judgement] = []
            for case in cycles:
                case.confirmed = confirmed.get(case.cycle, case.confirmed)
                for kind in self._index.in_question(case.service_item, None).kinds:
                    kind.judge(case, step.until, known)
            _note(known, step, missed, awaited)
            for judgement in self._unclassified.missed(cycles, step.until):
                note_unclassified(missed, judgement, step)
        return missed, awaited

    def _is_read_in_part(self, facts: Sequence[Fact], cases: Sequence[Case]) -> bool:
        """Whether what a promise does not read changes nothing that it says, at any arrival."""
        return bool(cases) and only_adds(facts) and self._is_always_classified(cases, facts)

    def _before_by_what_is_read(
        self, facts: Sequence[Fact], case: Case, doubts: Doubts | None = None
    ) -> tuple[Missed, dict[Identity, Instant]]:
        """The same, of a case without decisions, that is and was of one cycle and one service item: a promise is judged
        only where something that it reads ends a step."""
        missed: Missed = {}
        awaited: dict[Identity, Instant] = {}
        asked = self._index.in_question(case.service_item, None if doubts is None else doubts.kpis)
        is_divided = self._is_divided(facts)
        read = facts if is_divided else asked.read(facts, timed_nodes=case.timed_nodes)
        arrivals = dict(by_arrival(read))
        since = 0 if doubts is None else doubts.since
        for step in steps(read, breaks=self.version_changes, since=since):
            kinds = asked.kinds if is_divided else asked.asked(arrivals[step.ended_by])
            if not kinds and doubts is not None:
                continue
            (then,) = self.cases(step.known())
            then.arrived = last_arrival(facts, step.until)
            known: list[Judgement] = []
            for kind in kinds:
                kind.judge(then, step.until, known)
            _note(known, step, missed, awaited)
            if doubts is None:
                for judgement in self._unclassified.missed((then,), step.until):
                    note_unclassified(missed, judgement, step)
        return missed, awaited

    def _is_divided(self, facts: Sequence[Fact]) -> bool:
        """Whether other rules came into force between the arrivals: then time alone may take back a miss."""
        arrivals = [fact.received for fact in facts]
        return any(min(arrivals) < at <= max(arrivals) for at in self.version_changes)

    def _is_always_classified(self, cases: Sequence[Case], facts: Sequence[Fact]) -> bool:
        """Whether it was known from the first arrival on of each promise whether it is about the case."""
        is_classified = self._unclassified.is_classified(cases[-1]) and not self._index.leaves_out(cases)
        return is_classified and not self._unclassified.classified_later(cases, facts)

    def undecided(
        self, missed: Missed, cases: Sequence[Case], facts: Sequence[Fact], now: Instant
    ) -> dict[Identity, tuple[Fact, ...]]:
        """Of the misses whose end is confirmed: what arrived after the decision and waits for one of its own, since the
        case would be missed without it."""
        found: dict[Identity, tuple[Fact, ...]] = {}
        confirmed = {case.cycle: case.confirmed for case in cases if case.confirmed}
        for (kpi, cycle), miss in missed.items() if confirmed else ():
            decisions = confirmed.get(cycle, {}).get(id_of(kpi), ())
            says = partial(self._standing, (kpi, cycle))
            waiting = undecided(self.as_it_counts(facts), decisions, miss.ended_by, now, says)
            if waiting:
                found[kpi, cycle] = waiting
        return found

    def _standing(self, identity: Identity, facts: Sequence[Fact], at: Instant) -> Standing | None:
        """What a promise says of a cycle by some of its facts, all of which are known."""
        kpi, cycle = identity
        cases = self.cases(facts) if facts else []
        found: list[Judgement] = []
        for case in cases[cycle - 1 : cycle]:
            for kind in self._index.in_question(case.service_item, (kpi,)).kinds:
                kind.judge(case, at, found)
            for judgement in found[:1]:
                promise = self.kinds[kpi].promise
                assert isinstance(promise, CasePromise)
                return Standing.of(promise, case, judgement)
        return None

    def as_it_counts(self, facts: Sequence[Fact]) -> Sequence[Fact]:
        """The facts, each with the arrival that counts: a slip that was put right at once was never known, and what the
        operations centre decided was known from its record on."""
        return as_recorded(self.slips.settled(facts))

    def _late_day(self, kpi: str, until: Instant) -> int:
        """The tally's day of a case that left a promise's population after it was missed."""
        return self._index.day_of(kpi, self.law.zone.day(until))


def _note(known: Sequence[Judgement], step: Step, missed: Missed, awaited: dict[Identity, Instant]) -> None:
    """Note what was missed, and what was awaited, in a step."""
    for judgement in known:
        note_miss(missed, judgement, step)
        if judgement.outcome is Outcome.AWAITING:
            awaited[judgement.kpi, judgement.cycle] = step.until


class _Screening(NamedTuple):
    """Whether a case needs a closer look."""

    next_at: Instant | None
    nothing_to_publish: bool
    suspicious: bool
    """An earlier miss may have been undone by something that arrived later: the arrivals must be stepped through."""


def _screen(found: Sequence[Judgement], cases: Sequence[Case], now: Instant) -> _Screening:
    """Judged per event, hence one loop without calls: nearly every case is plain and closed in time, and then nothing
    else has to be done for it."""
    arrived = cases[-1].arrived
    nothing_to_publish = plain = len(cases) == 1 and cases[0].only_simple_facts  # a new request is never plain
    suspicious = not plain
    next_at: Instant | None = None
    for judgement in found:
        if judgement.next_at is not None and (next_at is None or judgement.next_at < next_at):
            next_at = judgement.next_at
        if judgement.outcome in MISSES:
            nothing_to_publish = False
        elif judgement.needs_late_check_from is not None and arrived >= judgement.needs_late_check_from:
            nothing_to_publish, suspicious = False, True
        yellow_at = judgement.yellow_at
        if yellow_at is not None and (arrived if judgement.stop is not None else now) >= yellow_at:
            nothing_to_publish = False
            due = judgement.due
            if judgement.outcome in IN_TIME and (due is None or arrived > due):
                suspicious = True
    if nothing_to_publish and cases[-1].timed_nodes:
        nothing_to_publish = not _nodes_were_near(found, arrived, now)
    return _Screening(next_at, nothing_to_publish, suspicious)


_CORRECTION = int(FactType.CORRECTION)


def _nodes_were_near(found: Sequence[Judgement], arrived: Instant, now: Instant) -> bool:
    """Whether a node has ever come near its own limit, as far as was known."""
    for judgement in found:
        for clock in judgement.nodes:
            known_until = now if clock.is_current and judgement.stop is None else arrived
            if clock.yellow_at is not None and known_until >= clock.yellow_at:
                return True
    return False


def _opinion_without_case(found: list[Judgement]) -> Opinion:
    """Of entries, duties and figures: nothing changes by time alone."""
    late = tuple((each.kpi, each.cycle) for each in found if each.outcome is Outcome.LATE_ENTRY)
    nothing_to_publish = not late and all(each.outcome is not Outcome.MISSED for each in found)
    return Opinion(found, None, late, nothing_to_publish)


def _may_change_version(facts: Sequence[Fact], opinion: Opinion) -> bool:
    """Whether something of the subject is open, or a catalogue entry: a closed case stays under its version."""
    return (
        facts[0].type not in CASE_TYPES
        or not opinion.judgements
        or any(each.stop is None for each in opinion.judgements)
    )
