"""Second pass of a replay: each case is judged once per period in which it can have changed."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from services.domain.history.capacity import FULL_CASE, LARGEST_CASE, take_beyond
from services.domain.history.corrections import applied_corrections
from services.domain.history.fact_set import contract_order
from services.domain.history.known_at import known_from
from services.domain.intake.facts import Fact, FactType
from services.domain.judging.judge import Judge
from services.domain.judging.quarantine import Quarantine, keep, refused_corrections
from services.domain.results.cards import case_name, written_card
from services.domain.results.published import Card
from services.domain.results.safe_judge import SafeJudge
from services.domain.results.side_results import Issued
from services.domain.results.verdicts import VerdictState
from services.domain.sums.tally import Contribution, Tally, TallyKey
from services.domain.time.zone import Instant
from services.replay.spill_files import Rejected, SpilledFact, fact_of


class QuarantinedCase(NamedTuple):
    """A case that could not be judged at one moment at least, and why."""

    case: str
    cause: str
    kpis: tuple[str, ...]
    units: tuple[str, ...]


@dataclass
class Judged:
    """What the cases of a spill file add up to: per period, what it adds to the period before."""

    deltas: list[dict[TallyKey, Tally]]
    last_events: list[dict[str, Instant]]
    """Per period, by source, the arrival of its last event; only where silence matters."""
    issued: list[dict[Issued, int]]
    """Per period, how many more cards stand, and cases have a verdict, than in the period before."""
    cases: int = 0
    events: int = 0
    cards: list[Card] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    quarantined: list[QuarantinedCase] = field(default_factory=list)

    @classmethod
    def nothing(cls, moments: int) -> "Judged":
        return cls([{} for _ in range(moments)], [{} for _ in range(moments)], [{} for _ in range(moments)])

    def add(self, other: "Judged") -> None:
        """Take in the periods of another spill file; its cards, rejected events and quarantined cases are the
        caller's to keep."""
        self.cases += other.cases
        self.events += other.events
        for mine, theirs in zip(self.deltas, other.deltas, strict=True):
            merge(mine, theirs)
        for last, later in zip(self.last_events, other.last_events, strict=True):
            for source, received in later.items():
                last[source] = max(received, last.get(source, received))
        for sum_, more in zip(self.issued, other.issued, strict=True):
            for what, n in more.items():
                sum_[what] = sum_.get(what, 0) + n


def merge(mine: dict[TallyKey, Tally], theirs: Mapping[TallyKey, Tally]) -> None:
    """Add tallies to tallies."""
    for key, tally in theirs.items():
        held = mine.get(key)
        if held is None:
            mine[key] = tally
        else:
            held.merge(tally)


class PeriodJudge:
    """Judges the cases of one spill file after the other at the same moments (judging instants, ascending)."""

    def __init__(
        self,
        judge: Judge,
        moments: Sequence[Instant],
        *,
        with_cards: bool,
        with_issued: bool,
        as_corrected: bool = False,
    ) -> None:
        """`with_issued`: count the cards and verdicts, too, and note the last event of every source;
        `as_corrected`: see `right_at_once`."""
        self._as_corrected = as_corrected
        self._judge = SafeJudge(judge)
        self._zone = judge.law.zone
        self._moments = moments
        self._with_cards = with_cards and bool(moments)
        self._with_issued = with_issued and bool(moments)
        sources = judge.plan.sources.values()
        self._watched = {source.id for source in sources if with_issued or source.usual_delay is not None}

    def judge(self, cases: Mapping[str, Sequence[SpilledFact]]) -> Judged:
        """All cases of a spill file."""
        judged = Judged.nothing(len(self._moments))
        for key, records in cases.items():
            judged.cases += 1
            judged.events += len(records)
            facts = facts_of(records, judged.rejected)
            if self._watched:
                self._listen(records, facts, judged)
            if facts:
                self._case(key, self._as_wanted(facts), judged)
        return judged

    def _as_wanted(self, facts: list[Fact]) -> Sequence[Fact]:
        if self._as_corrected:
            with suppress(Exception):  # what cannot be read shows when it is judged
                return right_at_once(facts)
        return facts

    def _case(self, key: str, facts: Sequence[Fact], judged: Judged) -> None:
        """Judge a case at each moment from which on it may be judged otherwise.

        A case that cannot be judged is judged at every moment, as the workers try it again and again: what fails may
        work at the next one without any new fact, and its promise cannot say when. That costs, per moment, two
        judgements of the case: of a full case up to 0.3 s, and so up to 100 s for each year of days."""
        moments = self._moments
        known_at = min(map(known_from, facts))
        period = bisect_left(moments, known_at)
        before: list[Contribution] = []
        verdicts_held: list[Issued] = []
        quiet = True
        trouble: Quarantine | None = None
        while period < len(moments):
            opinion = self._judge.judge(facts, moments[period])
            quiet = quiet and opinion.quiet
            trouble = opinion.quarantine or trouble
            after = [each.contribution() for each in opinion.judgements if each.cells]
            if after != before:
                delta = judged.deltas[period]
                _count(before, -1, delta)
                _count(after, 1, delta)
                before = after
            if self._with_issued:
                verdicts, of_verdicts = self._judge.verdicts(opinion, facts, moments[period])
                trouble = trouble or of_verdicts
                verdicts_held = self._count_verdicts(verdicts_held, verdicts, judged.issued[period])
            if opinion.quarantine is not None:
                period += 1  # nobody knows from when on it can be judged
                continue
            if opinion.next_at is None:
                break
            period = max(period + 1, bisect_left(moments, opinion.next_at))
        if self._with_cards and not quiet:
            cards, of_cards = self._judge.cards(facts, moments[-1])
            trouble = trouble or of_cards
            judged.cards += [written_card(card, key, self._zone) for card in cards]
        if self._with_issued and not quiet:
            self._count_cards(facts, judged.issued)
        if trouble is not None:
            judged.quarantined.append(QuarantinedCase(case_name(key), *trouble))

    @staticmethod
    def _count_verdicts(
        before: list[Issued], verdicts: Sequence[VerdictState], issued: dict[Issued, int]
    ) -> list[Issued]:
        """Note which verdicts are new and which are none any more; those that hold now."""
        now = [(one.kpi, one.judgement.unit, one.verdict) for one in verdicts if one.judgement is not None]
        if now != before:
            for held, sign in ((before, -1), (now, 1)):
                for what in held:
                    issued[what] = issued.get(what, 0) + sign
        return now

    def _count_cards(self, facts: Sequence[Fact], issued: list[dict[Issued, int]]) -> None:
        """Note the periods in which each card began to stand, and stood no more."""
        moments = self._moments
        for card in self._judge.card_periods(facts, moments[-1]):
            begin = bisect_left(moments, card.since)
            end = len(moments) if card.until is None else bisect_left(moments, card.until)
            if begin < end:
                what = (card.kpi, card.unit, card.level)
                issued[begin][what] = issued[begin].get(what, 0) + 1
                if end < len(moments):
                    issued[end][what] = issued[end].get(what, 0) - 1

    def _listen(self, records: Sequence[SpilledFact], facts: Sequence[Fact], judged: Judged) -> None:
        """Note when sources were last heard of: by every fact that is kept, and by each heartbeat in its time."""
        heard = [(fact.source, fact.received) for fact in facts]
        heard += [(record[_SOURCE], record[_RECEIVED]) for record in records if record[_TYPE] == _HEARTBEAT]
        for source, received in heard:
            if source in self._watched:
                period = bisect_left(self._moments, received)
                if period < len(self._moments):
                    last = judged.last_events[period]
                    last[source] = max(received, last.get(source, received))


def _count(contributions: Sequence[Contribution], sign: int, delta: dict[TallyKey, Tally]) -> None:
    for key, cells, bin in contributions:
        tally = delta.get(key)
        if tally is None:
            tally = delta[key] = Tally()
        tally.add(cells, bin, sign)


def facts_of(records: Sequence[SpilledFact], rejected: list[Rejected]) -> list[Fact]:
    """The deduplicated facts of a key, in contract order; what only the case can refuse is added to the rejected.
    Heartbeats are no part of a case: they say nothing but that their source lives, whatever subject they name."""
    facts: list[Fact] = []
    conflict = False
    records = [record for record in records if record[_TYPE] != _HEARTBEAT]
    if len(records) == 1:
        return [fact_of(records[0])]
    full = False
    for record in records:
        conflict |= keep(facts, fact_of(record)).rejected is not None
        if len(facts) > 2 * LARGEST_CASE:  # each is compared with all
            full |= bool(take_beyond(facts))
    full |= len(facts) > 1 and bool(take_beyond(facts))
    bad = {(fact.source, fact.id) for fact in refused_corrections(facts)}
    if conflict or bad or full:
        standing = {(fact.source, fact.id): fact.digest for fact in facts}
        for record in records:
            _, file, line = record[:3]
            fact = fact_of(record)
            held = standing.get((fact.source, fact.id))
            if held is None:
                rejected.append(Rejected(file, line, *_TOO_LARGE))
            elif held != fact.digest:
                rejected.append(Rejected(file, line, *_CONFLICT))
            elif (fact.source, fact.id) in bad:
                rejected.append(Rejected(file, line, *_BAD_CORRECTION))
    return facts


def right_at_once(facts: Sequence[Fact]) -> list[Fact]:
    """As if what a correction says had been said at once: of those of an event the one that holds counts from the
    arrival of that event on."""
    targets = {(fact.source, fact.id): fact for fact in facts if fact.type != FactType.CORRECTION}
    hold = applied_corrections(facts, targets)
    kept = [fact for fact in facts if fact.type != FactType.CORRECTION or (fact.source, fact.data["of"]) not in hold]
    for identity, correction in hold.items():
        target = targets[identity]
        kept.append(correction._replace(time=target.time, received=target.received))
    return sorted(kept, key=contract_order)


_HEARTBEAT = int(FactType.SOURCE_HEARTBEAT)
_TYPE, _SOURCE, _RECEIVED = (3 + Fact._fields.index(name) for name in ("type", "source", "received"))
"""Where a record has these fields of its fact."""

_CONFLICT = (
    "id_conflict",
    "id",
    "another event has the same source and id, and the smaller payload hash stands",
    "give every event an id of its own; send the same event again unchanged",
)
_TOO_LARGE = ("too_large", "", *FULL_CASE)
_BAD_CORRECTION = (
    "bad_correction",
    "data.of",
    "it corrects a correction",
    "correct the event itself: of its corrections the one with the greatest time and id holds",
)
