"""A number, a share, a mean or a sum over a catalogue's entries, by a date or standing: items are no cases (rule 6)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from services.domain.history.case import MICRO, micro
from services.domain.history.corrections import corrected
from services.domain.history.decisions import Decision, acceptance, accepts, is_of_the_centre
from services.domain.history.fact_set import contract_order
from services.domain.history.registers import CatalogueEntry, entry_of
from services.domain.intake.facts import Fact
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import EntryKind, Moment, Sums
from services.domain.judging.selection import accepts_attributes
from services.domain.plan.kinds.catalogue import PLATFORM, VERSION, CataloguePromise
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import NOW, Tally, TallyAmounts, TallyField, total
from services.domain.time.zone import Instant

EVERY = "-"
"""The tally's item where entries are not distinguished."""
_SEPARATOR = "\x1f"

Versions = Mapping[str, set[str]]
"""Code → its versions on a platform."""


class CatalogueJudge:
    """`kind = "catalogue"`: a statistic over entries, or whether copies are in step with their master."""

    def __init__(self, promise: CataloguePromise, law: Law) -> None:
        self.promise = promise
        is_in_sync = promise.statistic == "in_sync"
        judge: EntryKind = _InSyncJudge(promise) if is_in_sync else _StatisticJudge(promise, law)
        self.judge_entry, self.figure = judge.judge_entry, judge.figure


class _StatisticJudge:
    """A number, a share, a mean or a sum. Kept in the present only, with the days since when each entry has counted.

    Where the plan refers to a list, the tally's item is the code on it, so that an entry reported twice counts once: of
    a share, if all with that code do. Of a dated sum it is the day since when an entry has counted.

    By a date, that is for good: only what has counted since then without a break, and was known by then (or is
    confirmed), is in the numerator. What is reached later does not undo a miss; what is lost later is one."""

    def __init__(self, promise: CataloguePromise, law: Law) -> None:
        self.promise = promise
        self._zone = law.zone
        self._key = promise.key
        self._by = law.zone.midnight(promise.by.toordinal() + 1) - 1 if promise.by else None
        self._last_day = promise.by.toordinal() if promise.by else None
        self._listed = frozenset(promise.listed)
        self._reporting, self._units = law.reporting, law.units

    def _reported_by(self, by: Instant, unit: str) -> Instant:
        """Until when it may be reported what a unit had reached by the date; of any unit where it is empty."""
        units = self._units.names_at(unit, by) if unit else frozenset[str]()
        return self._reporting.until(by, self._reporting.of_subject(self.promise.collection, units))

    # ---- an entry ----------------------------------------------------------------------------------
    def judge_entry(self, entry: CatalogueEntry, now: Instant, found: list[Judgement]) -> None:
        """An entry that is selected counts; in the numerator where `where` holds."""
        state = entry.states[-1]
        if entry.collection != self.promise.collection or state.attributes is None:
            return
        item = self._item(state.attributes)
        if item is None:
            return
        since = self._since(entry)
        if since is not None and self._is_late(entry, since):
            cells: TallyAmounts | None = ((TallyField.N, 1), (TallyField.LATE_ENTRY, 1))
            item = EVERY if self.promise.statistic == "sum" else item
            outcome, bin = Outcome.LATE_ENTRY, None
        else:
            cells, outcome = self._cells(state.attributes, since), Outcome.COUNTED
            bin = since if self._by is not None else None
            if self.promise.statistic == "sum" and self._by is not None:
                item, bin = str(since), None
        if cells is not None:
            found.append(Judgement(self._key, 1, outcome, state.unit, item, NOW, cells, bin, state.since))

    def _cells(self, attributes: Mapping[str, Any], since: int | None) -> TallyAmounts | None:
        """What an entry adds; None: it does not count."""
        match self.promise.statistic:
            case "mean":
                return self._measured(attributes)
            case "share" if since is None:
                return ((TallyField.N, 1),)
        if since is None:
            return None
        return (
            self._measured(attributes) if self.promise.statistic == "sum" else ((TallyField.N, 1), (TallyField.MET, 1))
        )

    def _item(self, attributes: Mapping[str, Any]) -> str | None:
        """Where a selected entry is kept; None if it is not selected, or not on the list."""
        if not accepts_attributes(attributes, self.promise.select):
            return None
        if not self._listed:
            return EVERY
        code = attributes.get(self.promise.listed_by)
        return code if isinstance(code, str) and code in self._listed else None

    def _measured(self, attributes: Mapping[str, Any]) -> TallyAmounts:
        amount = attributes.get(self.promise.quantity or "")
        return (
            ((TallyField.UNMEASURED, 1),) if amount is None else ((TallyField.N, 1), (TallyField.TOTAL, micro(amount)))
        )

    def _since(self, entry: CatalogueEntry) -> int | None:
        """The day since when the entry has counted in the numerator without a break; None if it does not."""
        since, kept_as = None, None
        for state in reversed(entry.states):
            item = self._counted(state.attributes)
            if item is None or item != (kept_as or item):
                break
            since, kept_as = state.since, item
        return None if since is None else self._zone.day(since)

    def _is_late(self, entry: CatalogueEntry, since: int) -> bool:
        """Whether it is said to have counted by the date, but had not been said to by then (rule 14)."""
        if self._by is None or self._last_day is None or since > self._last_day:
            return False
        reported_by = self._reported_by(self._by, entry.states[-1].unit)
        if all(fact.received <= reported_by for fact in entry.facts) or self._was_reached(entry, reported_by):
            return False
        decisions = entry.confirmations.on(self.promise.id)
        decision = acceptance(decisions, self._decisive_arrival(entry)) if decisions else None
        return decision is None or not self._is_reached_without_help(entry, decisions, decision.through)

    def _is_reached_without_help(self, entry: CatalogueEntry, decisions: Sequence[Decision], through: Instant) -> bool:
        """Whether it has counted since the date by what was decided on: what arrived after `through` counts where it
        makes it worse, or was decided on itself."""
        kept = [fact for fact in entry.facts if fact.received <= through]
        later = sorted(entry.facts, key=lambda each: (each.received, contract_order(each)))
        for fact in later[len(kept) :]:
            is_decided = is_of_the_centre(fact) or accepts(decisions, fact.received)
            if is_decided or self._is_worse(self._since_by([*kept, fact]), self._since_by(kept)):
                kept.append(fact)
        since = self._since_by(kept)
        return since is not None and self._is_by_date(since)

    @staticmethod
    def _is_worse(since: int | None, before: int | None) -> bool:
        """Whether it does not count any more, or only since later."""
        return since is None or (before is not None and since > before)

    def _since_by(self, facts: Iterable[Fact]) -> int | None:
        """The day since when it has counted by some of its facts."""
        entry = entry_of(corrected(sorted(facts, key=contract_order)))
        return None if entry is None else self._since(entry)

    def _was_reached(self, entry: CatalogueEntry, at: Instant) -> bool:
        """Whether it had counted since the date, by what was known at an instant."""
        known = entry.known_by(at)
        since = None if known is None else self._since(known)
        return since is not None and self._last_day is not None and since <= self._last_day

    def _decisive_arrival(self, entry: CatalogueEntry) -> Instant:
        """The arrival by which it was last said to have counted by the date, after it had not been."""
        decisive = max(fact.received for fact in entry.facts)
        for arrival in sorted({fact.received for fact in entry.facts}, reverse=True):
            if not self._was_reached(entry, arrival):
                break
            decisive = arrival
        return decisive

    def _counted(self, attributes: Mapping[str, Any] | None) -> str | None:
        """Where an entry is kept, if it counts in the numerator."""
        if attributes is None or not accepts_attributes(attributes, self.promise.where):
            return None
        return self._item(attributes)

    # ---- the figure --------------------------------------------------------------------------------
    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The statistic over the entries as they are now, or by its date; until it can be reported what was reached by
        then, what is not reached is pending.

        Of a list the whole list is the denominator; for a unit, those of its codes that it has reported.
        """
        match self.promise.statistic:
            case "mean":
                figure = self._mean(sums)
            case "sum":
                figure = self._sum(sums)
            case _:
                figure = self._number(sums)
        figure.pending = self._by is not None and at.now < self._reported_by(self._by, sums.one_unit)
        return figure

    @staticmethod
    def _mean(sums: Sums) -> Statistic:
        present = total(sums.present.values())
        n = present.cells[TallyField.N]
        value = Fraction(present.cells[TallyField.TOTAL], n * MICRO) if n else None
        return Statistic(value=value, n=n, small_sample_matters=True)

    def _sum(self, sums: Sums) -> Statistic:
        """A sum of nothing is nothing: what is promised by a date must be there, reported or not."""
        present = total(tally for item, tally in sums.present.items() if item == EVERY or self._is_by_date(int(item)))
        value = Fraction(present.cells[TallyField.TOTAL], MICRO)
        reached = None
        if self._by is not None:
            reached = {
                int(item): Fraction(tally.cells[TallyField.TOTAL], MICRO)
                for item, tally in sums.present.items()
                if item != EVERY and tally.cells[TallyField.N]
            }
        return Statistic(value=value, n=present.cells[TallyField.N], reached=reached, counted_now=_counted_now(reached))

    def _number(self, sums: Sums) -> Statistic:
        """How many count, or which share of all."""
        n, met, reached = self._of_the_list(sums) if self._listed else self._of_the_entries(sums)
        figure = Statistic()
        if self._by is not None:
            figure.reached, figure.counted_now = reached, _counted_now(reached)
            met = sum(count for day, count in reached.items() if self._is_by_date(day))
        figure.numerator = met
        if self.promise.statistic != "share":
            # a count has no cases behind it that could be missing: nothing is a number, too
            figure.value, figure.n = Fraction(met), met
            return figure
        objective = self.promise.objective
        figure.value, figure.n, figure.denominator = Fraction(met, n) if n else None, n, n
        figure.ratio, figure.reached_of = True, max(n, 1)
        figure.small_sample_matters = objective is not None and objective.amount < 1
        return figure

    def _is_by_date(self, since: int) -> bool:
        return self._last_day is None or since <= self._last_day

    @staticmethod
    def _of_the_entries(sums: Sums) -> tuple[int, int, Mapping[int, int]]:
        present = total(sums.present.values())
        return present.cells[TallyField.N], present.cells[TallyField.MET], present.bins

    def _of_the_list(self, sums: Sums) -> tuple[int, int, Mapping[int, int]]:
        there = {code: tally for code, tally in sums.present.items() if code in self._listed}
        met = {code: tally for code, tally in there.items() if tally.cells[TallyField.MET] == tally.cells[TallyField.N]}
        n = len(self._listed) if sums.unit == "ALL" else len(there)
        return n, len(met), Counter(max(tally.bins) for tally in met.values() if tally.bins)


def _counted_now(reached: Mapping[int, int | Fraction] | None) -> Fraction | None:
    """How much counts today, since whichever day."""
    return None if reached is None else sum(map(Fraction, reached.values()), Fraction())


# ---- copies of a master (同源发布) --------------------------------------------------------------------------
class _InSyncJudge:
    """`statistic = "in_sync"`, as of now. Master and copies are reported by different sources and meet in the figure
    only: the tally's item is platform, code and version. A code belongs to the unit of its master's entry."""

    def __init__(self, promise: CataloguePromise) -> None:
        self.promise = promise
        self._master = promise.master or ""
        self._platforms = (self._master, *promise.copies)

    def judge_entry(self, entry: CatalogueEntry, now: Instant, found: list[Judgement]) -> None:
        """An entry is on its platform as it is now. A master's entry without code or version cannot be compared."""
        state = entry.states[-1]
        if entry.collection != self.promise.collection or state.attributes is None:
            return
        if not accepts_attributes(state.attributes, self.promise.select):
            return
        platform = state.attributes.get(PLATFORM)
        if platform not in self._platforms:
            return
        identity = self._identity(state.attributes)
        cells: TallyAmounts = ((TallyField.N, 1),)
        if identity is None:
            if platform != self._master:
                return
            identity, cells = ("", ""), ((TallyField.UNMEASURED, 1),)
        item = _SEPARATOR.join((platform, *identity))
        key = self.promise.key
        found.append(Judgement(key, 1, Outcome.COUNTED, state.unit, item, NOW, cells, None, state.since))

    def _identity(self, attributes: Mapping[str, object]) -> tuple[str, str] | None:
        code, version = attributes.get(self.promise.listed_by), attributes.get(VERSION)
        return None if code is None or version is None else (str(code), str(version))

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """Of the master's codes times the copies: how many copies have the code in the master's version."""
        master = _versions(sums.present, self._master)
        copies = [_versions(sums.everywhere, copy) for copy in self.promise.copies]
        n = len(master) * len(copies)
        met = sum(theirs.get(code) == versions for theirs in copies for code, versions in master.items())
        objective = self.promise.objective
        return Statistic(
            value=Fraction(met, n) if n else None, n=n, numerator=met, denominator=n, ratio=True,
            small_sample_matters=objective is not None and objective.amount < 1,
        )  # fmt: skip


def _versions(present: Mapping[str, Tally], platform: str) -> Versions:
    """What is published on a platform: the versions of each code."""
    found: dict[str, set[str]] = {}
    for item, tally in present.items():
        where, code, version = item.split(_SEPARATOR, 2)
        if where == platform and tally.cells[TallyField.N]:
            found.setdefault(code, set()).add(version)
    return found
