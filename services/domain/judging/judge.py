"""The judge of a plan: facts of a key and a moment → what every promise says. A verdict is a function of nothing else.

The cost of judging depends on the promises that select a case, not on the size of the plan: they are compiled once
into a dispatch by service item.
"""

from collections.abc import Callable, Collection, Sequence
from copy import copy
from typing import NamedTuple, Self, cast

from services.domain.history.case import Case
from services.domain.history.fold import Fold, corrected
from services.domain.history.registers import entry_of, fulfilments_of, reports_of
from services.domain.intake.facts import Fact, Rank
from services.domain.judging.all_kinds import KINDS
from services.domain.judging.data_quality import Signals
from services.domain.judging.judgement import MISSES, Judgement, Outcome
from services.domain.judging.kind import AnyKind, CaseKind, DutyKind, EntryKind, FigureKind
from services.domain.judging.quarantine import Quarantine
from services.domain.judging.selection import Accepts, compile_exception, wanted_values
from services.domain.plan.plan import CASELESS, Kind, Plan
from services.domain.plan.statutory_time import Law
from services.domain.sums.tally import EVER, TallyField
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.zone import Instant


class Opinion(NamedTuple):
    """What the judge says of the facts of one key at one moment."""

    judgements: list[Judgement]
    next_at: Instant | None
    """When, without any new fact, it changes next."""
    reversed: tuple[tuple[str, int], ...] = ()
    """(kpi, cycle) that were missed once and are not any more, by what arrived later."""
    quiet: bool = True
    """No card has ever stood, and nothing was missed: nothing to be told to anyone."""
    quarantine: Quarantine | None = None
    """What cannot be judged of it; only a `SafeJudge` says so, where the judge raises."""


class CaseView(NamedTuple):
    """A case as it was known at one moment, and what every promise says of it, as if that had always been known."""

    cycles: list[Case]
    judgements: list[Judgement]
    unjudged: frozenset[str] = frozenset()
    """Keys of the promises that cannot be judged at that moment; only where a `SafeJudge` looks."""


NOTHING = Opinion([], None)
RULES = 6
"""Raised with every change of the code by which the same facts, plan and moment are judged otherwise than before."""


class Judge:
    """Judges the facts of a key by every promise of a plan."""

    def __init__(self, plan: Plan, calendar: WorkingCalendar) -> None:
        self.plan = plan
        self.fingerprint = f"{plan.fingerprint}.{RULES}"
        """Of everything that decides a verdict: rows judged under another are judged again."""
        self.law = Law(plan, calendar)
        self.fold = Fold(self.law.zone, calendar, plan.service_items, self.law.hours, plan.grantors)
        self.versions: dict[str, list[AnyKind]] = {}
        """The versions of each promise, by date."""
        for promise in sorted(plan.promises, key=lambda each: each.effective_from):
            self.versions.setdefault(promise.key, []).append(KINDS[promise.kind](promise, self.law))
        self.kinds: dict[str, AnyKind] = {promise.key: self.versions[promise.key][-1] for promise in plan.promises}
        """The latest version of each promise, in the plan's order."""
        every = [kind for key in self.kinds for kind in self.versions[key]]
        self._signals = None if plan.head.open else Signals(self.law)
        """An archive without a registry has no sources to doubt."""
        self._of_entries = [cast(EntryKind, kind) for kind in every if kind.promise.kind is Kind.CATALOGUE]
        self._of_duties = [cast(DutyKind, kind) for kind in every if kind.promise.kind is Kind.DUTY]
        self._of_figures = [cast(FigureKind, kind) for kind in every if kind.promise.kind is Kind.FIGURE]
        self._turns = self._dates_of_turning()
        self._of_any_item: list[CaseKind] = []
        self._by_item: dict[str, list[CaseKind]] = {}
        self._exceptions: list[Accepts] = []
        """Of each promise that leaves some of the selected out (`unless`): whether it leaves a case out."""
        self._dispatch([cast(CaseKind, each) for each in every if each.promise.kind not in CASELESS])

    def wrapped(
        self, kind: Callable[[AnyKind], AnyKind], signals: Callable[[Signals], Signals] = lambda it: it
    ) -> Self:
        """The same judge, with each kind of promise and the signals in a wrapping."""
        made = {id(each): kind(each) for versions in self.versions.values() for each in versions}
        other = copy(self)
        other.versions = {key: [made[id(each)] for each in versions] for key, versions in self.versions.items()}
        other.kinds = {key: made[id(each)] for key, each in self.kinds.items()}
        other._signals = None if self._signals is None else signals(self._signals)
        other._of_entries = [cast(EntryKind, made[id(each)]) for each in self._of_entries]
        other._of_duties = [cast(DutyKind, made[id(each)]) for each in self._of_duties]
        other._of_figures = [cast(FigureKind, made[id(each)]) for each in self._of_figures]
        other._of_any_item = [cast(CaseKind, made[id(each)]) for each in self._of_any_item]
        other._by_item = {
            item: [cast(CaseKind, made[id(each)]) for each in kinds] for item, kinds in self._by_item.items()
        }
        return other

    def about(self, items: Collection[str], others: Collection[str]) -> list[str]:
        """Keys of the promises that may be about service items, and about collections, duties and quantities, by these
        names."""
        found = {kind.promise.key for item in items for kind in self._by_item.get(item, self._of_any_item)}
        beside: list[AnyKind] = [*self._of_entries, *self._of_duties, *self._of_figures]
        for each in beside:
            promise = each.promise
            if not {promise.collection, promise.duty, promise.numerator, promise.denominator}.isdisjoint(others):
                found.add(promise.key)
        return [key for key in self.kinds if key in found]

    def in_force(self, key: str, day: int) -> AnyKind:
        """The version of a promise in force on a day; before its first, that."""
        versions = self.versions[key]
        found = versions[0]
        for kind in versions[1:]:
            if kind.promise.effective_from.toordinal() <= day:
                found = kind
        return found

    def _dates_of_turning(self) -> list[Instant]:
        """The instants at which what is open or standing comes under another version of a promise."""
        dates: set[int] = set()
        for kinds in self.versions.values():
            for kind in kinds:
                promise = kind.promise
                if promise.applies_by == "stop" or (promise.kind is Kind.CATALOGUE and len(kinds) > 1):
                    dates.add(promise.effective_from.toordinal())
                    if promise.effective_to is not None:
                        dates.add(promise.effective_to.toordinal() + 1)
        return sorted(self.law.zone.midnight(day) for day in dates)

    def _dispatch(self, about_cases: Sequence[CaseKind]) -> None:
        """Sort the promises about cases by the service items that they select, in the plan's order."""
        items = set(self.plan.service_items)
        for kind in about_cases:
            items |= wanted_values(kind.promise.select.get("service_item", ()))
        for kind in about_cases:
            wanted = kind.promise.select.get("service_item")
            if wanted is None:
                self._of_any_item.append(kind)
            for item in items if wanted is None else sorted(wanted_values(wanted)):
                self._by_item.setdefault(item, []).append(kind)
            if kind.promise.unless:
                self._exceptions.append(compile_exception({**kind.promise.select, **kind.promise.unless}))

    # ---- judging ---------------------------------------------------------------------------------
    def judge(self, facts: Sequence[Fact], now: Instant) -> Opinion:
        """What is true at `now` of the facts (in contract order) that had happened and arrived by then."""
        later: Instant | None = None
        for fact in facts:
            if fact.time > now or fact.received > now:
                known_at = max(fact.time, fact.received)
                later = known_at if later is None else min(later, known_at)
        if later is not None:
            facts = [fact for fact in facts if fact.time <= now and fact.received <= now]
        if not facts:
            return NOTHING if later is None else Opinion([], later)
        rank = facts[0].rank
        if rank < _FIRST_CASELESS:
            opinion = self._cases(facts, now)
        elif rank == _CORRECTION or len(facts) > 1:
            opinion = self._mixed(facts, now)
        else:
            opinion = _opinion_without_case(self._without_case(facts, facts, now))
        if self._turns:
            turn = next((turn for turn in self._turns if turn > now), None)
            if turn is not None and (later is None or turn < later) and _may_turn(opinion, rank):
                later = turn
        if later is not None and (opinion.next_at is None or later < opinion.next_at):
            opinion = opinion._replace(next_at=later)
        return opinion

    def _mixed(self, facts: Sequence[Fact], now: Instant) -> Opinion:
        """A key whose first fact is no case event: entries, duties, figures, corrections, in any mixture."""
        about_case = any(fact.rank < _FIRST_DECISION for fact in facts)
        judged = self._cases(facts, now) if about_case else NOTHING
        beside = _opinion_without_case(self._without_case(corrected(facts), facts, now))
        return judged._replace(
            judgements=judged.judgements + beside.judgements,
            reversed=judged.reversed + beside.reversed,
            quiet=judged.quiet and beside.quiet,
        )

    def _without_case(self, facts: Sequence[Fact], as_told: Sequence[Fact], now: Instant) -> list[Judgement]:
        """Of facts with their corrections applied, and as they were told."""
        found: list[Judgement] = []
        entry = entry_of(facts, as_told)
        if entry is not None:
            day = self.law.zone.day(now)
            for of_entry in self._of_entries:
                key = of_entry.promise.key
                if len(self.versions[key]) == 1 or self.in_force(key, day) is of_entry:
                    of_entry.judge_entry(entry, now, found)
            if self._signals is not None:
                self._signals.judge_entry(entry, found)
        for fulfilment in fulfilments_of(facts, as_told):
            for of_duty in self._of_duties:
                of_duty.judge_fulfilment(fulfilment, now, found)
        for report in reports_of(as_told) if self._of_figures else ():
            for of_figure in self._of_figures:
                of_figure.judge_report(report, now, found)
        return found

    def cases(self, facts: Sequence[Fact]) -> list[Case]:
        """The cycles of a case."""
        return self.fold.cycles(facts)

    def judge_cases(self, cases: Sequence[Case], now: Instant) -> list[Judgement]:
        """What every promise says of these cycles, as if their facts had always been known."""
        found: list[Judgement] = []
        for case in cases:
            for kind in self._by_item.get(case.service_item, self._of_any_item):
                kind.judge(case, now, found)
            if self._signals is not None:
                self._signals.judge(case, now, found)
        return found

    def look(self, facts: Sequence[Fact], now: Instant) -> CaseView | None:
        """A case as it is known, and what is said of it; None, where a `SafeJudge` looks: it cannot be read."""
        cycles = self.cases(facts)
        return CaseView(cycles, self.judge_cases(cycles, now))

    def _is_left_out(self, case: Case) -> bool:
        """Whether a promise has let go of this case: before that was known, it may have had a card or been missed."""
        return any(excepted(case) for excepted in self._exceptions)

    def _cases(self, facts: Sequence[Fact], now: Instant) -> Opinion:
        cases = self.fold.cycles(facts)
        found = self.judge_cases(cases, now)
        arrived = cases[-1].arrived
        quiet = plain = len(cases) == 1 and cases[0].plain  # a new request is never plain
        suspicious = not plain or (bool(self._exceptions) and any(self._is_left_out(case) for case in cases))
        next_at: Instant | None = None
        for judgement in found:
            if judgement.next_at is not None and (next_at is None or judgement.next_at < next_at):
                next_at = judgement.next_at
            if judgement.outcome in MISSES:
                quiet = False
            elif judgement.needs_late_check_from is not None and arrived >= judgement.needs_late_check_from:
                quiet, suspicious = False, True
            yellow_at = judgement.yellow_at
            if yellow_at is not None and (arrived if judgement.stop is not None else now) >= yellow_at:
                quiet = False
                due = judgement.due
                if judgement.outcome in _IN_TIME and (due is None or arrived > due):
                    suspicious = True
        if quiet and cases[-1].timed_nodes:
            quiet = not _nodes_were_near(found, arrived, now)
        if suspicious and len(facts) > 1:
            return self._reconsidered(facts, cases, found, next_at)
        return Opinion(found, next_at, (), quiet)

    # ---- what arrived late (rule 14) ------------------------------------------------------------
    def _reconsidered(
        self, facts: Sequence[Fact], cases: Sequence[Case], found: list[Judgement], next_at: Instant | None
    ) -> Opinion:
        """Step through the arrivals: what was missed with what was known then, and is no miss any more, became so by
        late entry. It stays outside the numerator until the operations centre confirms it."""
        missed: dict[tuple[str, int], tuple[Judgement, Instant]] = {}
        for known, until in self.stages(facts):
            for judgement in self.judge_cases(self.fold.cycles(known), until):
                if judgement.outcome in MISSES:
                    missed[judgement.kpi, judgement.cycle] = judgement, until
        if not missed:
            return Opinion(found, next_at, (), False)
        by_cycle = {case.cycle: case for case in cases}
        judgements, turned = [], []
        for judgement in found:
            identity = judgement.kpi, judgement.cycle
            if missed.pop(identity, None) is not None and judgement.outcome not in MISSES:
                turned.append(identity)
                if judgement.outcome in _CURED and not _confirmed(by_cycle[judgement.cycle], judgement.kpi):
                    judgement = _late_entry(judgement)
            judgements.append(judgement)
        for (kpi, cycle), (judgement, until) in missed.items():
            # it left the promise's population after the limit had passed
            turned.append((kpi, cycle))
            if cycle not in by_cycle or not _confirmed(by_cycle[cycle], kpi):
                day = self.law.zone.day(until) if self.kinds[kpi].promise.keeps_days else EVER
                judgements.append(
                    _late_entry(judgement)._replace(
                        day=day, cells=((TallyField.N, 1), (TallyField.LATE_ENTRY, 1)), bin=None
                    )
                )
        return Opinion(judgements, next_at, tuple(turned), False)

    @staticmethod
    def stages(facts: Sequence[Fact]) -> list[tuple[list[Fact], Instant]]:
        """What was known after each arrival but the last, just before the next one, and that instant. What is dated
        later than that (a clock that is ahead) had not happened yet."""
        arrivals = sorted({fact.received for fact in facts})
        return [
            ([fact for fact in facts if fact.received <= arrival and fact.time < following], following - 1)
            for arrival, following in zip(arrivals, arrivals[1:], strict=False)
        ]


_IN_TIME = (Outcome.MET, Outcome.WITHDRAWN)
_CURED = (Outcome.MET, Outcome.WITHDRAWN, Outcome.UNMEASURED)
_CORRECTION = int(Rank.CORRECTION)
_FIRST_CASELESS = int(Rank.CORRECTION)
_FIRST_DECISION = int(Rank.CASE_JUSTIFIED)
"""Decisions alone make no case: one may be about a duty."""


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
    quiet = not late and all(each.outcome is not Outcome.MISSED for each in found)
    return Opinion(found, None, late, quiet)


def _may_turn(opinion: Opinion, rank: int) -> bool:
    """Whether something of the subject is open or standing: a closed case stays under its version."""
    return rank >= _FIRST_CASELESS or not opinion.judgements or any(each.stop is None for each in opinion.judgements)


def _confirmed(case: Case, kpi: str) -> bool:
    decision = case.confirmed.get(kpi.partition("/")[0])
    return decision is not None and decision.decision == "accepted"


def _late_entry(judgement: Judgement) -> Judgement:
    """The same case, in the denominator and not in the numerator."""
    kept = tuple(
        cell
        for cell in judgement.cells
        if cell[0] not in (TallyField.N, TallyField.MET, TallyField.WITHDRAWN, TallyField.UNMEASURED)
    )
    cells = ((TallyField.N, 1), (TallyField.LATE_ENTRY, 1), *kept)
    return judgement._replace(outcome=Outcome.LATE_ENTRY, cells=cells, yellow_at=None, red_at=None, next_at=None)
