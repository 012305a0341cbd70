"""Second pass of a replay: each case is judged once per period in which it can have changed."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from services.domain.history.known_at import known_from, next_known
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge, Opinion
from services.domain.judging.quarantine import Quarantine
from services.domain.results.cards import case_name, written_card
from services.domain.results.published import Card
from services.domain.results.safe_judge import SafeJudge
from services.domain.results.side_results import Issued
from services.domain.results.verdicts import VerdictState
from services.domain.sums.tally import Contribution, Tally, TallyKey
from services.domain.supervision.red_cards import RedCards, red_cards_of
from services.domain.time.zone import Instant
from services.replay.case_facts import as_if_corrected_on_arrival, facts_of
from services.replay.spill_files import RECEIVED, SOURCE, Rejected, SpilledFact, is_heartbeat


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
    """Per period, how many more cards are active, and cases have a verdict, than in the period before."""
    cases: int = 0
    events: int = 0
    cards: list[Card] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    quarantined: list[QuarantinedCase] = field(default_factory=list)
    red: list[tuple[str, list[RedCards]]] = field(default_factory=list)
    """The cases that had red cards, as people write them, with these cards."""
    restated: dict[TallyKey, Tally] = field(default_factory=dict)
    """What the cases add up to at an earlier moment, by what is known at the last."""

    @classmethod
    def nothing(cls, moments: int) -> "Judged":
        return cls([{} for _ in range(moments)], [{} for _ in range(moments)], [{} for _ in range(moments)])

    def add(self, other: "Judged") -> None:
        """Take in the periods of another spill file; its cards, red cards, rejected events and quarantined
        cases are the caller's to keep."""
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
        merge(self.restated, other.restated)


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
        with_red: bool = False,
        as_corrected: bool = False,
        restated: Instant | None = None,
    ) -> None:
        """`with_red`: keep the red cards of each case with all their times; `with_issued`: count the cards and
        verdicts, too, and note the last event of every source; `as_corrected`: see `as_if_corrected_on_arrival`;
        `restated`: an earlier time that is judged by what is known at the last moment, too."""
        self._as_corrected = as_corrected
        self._restated = None if restated is None else restated - 1
        self._judge = SafeJudge(judge)
        self._zone = judge.law.zone
        self._moments = moments
        self._with_cards = with_cards and bool(moments)
        self._with_issued = with_issued and bool(moments)
        self._with_red = with_red and bool(moments)
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
                self._note_last_events(records, facts, judged)
            if facts:
                self._case(key, self._as_wanted(facts), judged)
        return judged

    def _as_wanted(self, facts: list[Fact]) -> Sequence[Fact]:
        if self._as_corrected:
            with suppress(Exception):  # what cannot be read shows when it is judged
                return as_if_corrected_on_arrival(facts)
        return facts

    def _case(self, key: str, facts: Sequence[Fact], judged: Judged) -> None:
        """Judge a case at each moment from which on it may be judged differently.

        Of one that cannot be judged no promise can say when that is. So at each moment it is tried whether it is still
        for the same reason, as the workers try it again and again."""
        moments = self._moments
        course = _Course()
        period = bisect_left(moments, min(map(known_from, facts)))
        while period < len(moments):
            opinion = self._judge.judge(facts, moments[period])
            self._add(opinion, facts, period, course, judged)
            period = self._next_period(facts, period, opinion)
        if self._restated is not None:
            opinion = self._judge.restate(facts, self._restated, moments[-1])
            _count([each.contribution() for each in opinion.judgements if each.cells], 1, judged.restated)
        if not course.nothing_to_publish:
            self._add_cards(key, facts, course, judged)
        if course.quarantine is not None:
            judged.quarantined.append(QuarantinedCase(case_name(key), *course.quarantine))

    def _next_period(self, facts: Sequence[Fact], period: int, opinion: Opinion) -> int:
        """The next moment at which a case may be judged differently; the number of moments, if there is none."""
        moments = self._moments
        later = len(moments) if opinion.next_at is None else max(period + 1, bisect_left(moments, opinion.next_at))
        if opinion.quarantine is None:
            return later
        try:
            known_later = next_known(facts, moments[period])
            stays = self._judge.stays_quarantined(facts, moments[period])
        except Exception:
            return period + 1
        if known_later is not None:
            later = min(later, max(period + 1, bisect_left(moments, known_later)))
        following = range(period + 1, later)
        return next((each for each in following if not stays(opinion.quarantine, moments[each])), later)

    def _add(self, opinion: Opinion, facts: Sequence[Fact], period: int, course: "_Course", judged: Judged) -> None:
        """Add what a case is from one period on to that period, as the difference to what it was before."""
        course.nothing_to_publish = course.nothing_to_publish and opinion.nothing_to_publish
        course.quarantine = opinion.quarantine or course.quarantine
        after = [each.contribution() for each in opinion.judgements if each.cells]
        if after != course.contributions:
            delta = judged.deltas[period]
            _count(course.contributions, -1, delta)
            _count(after, 1, delta)
            course.contributions = after
        if self._with_issued:
            verdicts, of_verdicts = self._judge.verdicts(opinion, facts, self._moments[period])
            course.quarantine = course.quarantine or of_verdicts
            course.verdicts = self._count_verdicts(course.verdicts, verdicts, judged.issued[period])

    def _add_cards(self, key: str, facts: Sequence[Fact], course: "_Course", judged: Judged) -> None:
        if self._with_cards:
            cards, of_cards = self._judge.cards(facts, self._moments[-1])
            course.quarantine = course.quarantine or of_cards
            judged.cards += [written_card(card, key, self._zone) for card in cards]
        if self._with_red:
            now = self._moments[-1]
            red = red_cards_of(self._judge.card_periods(facts, now), [one for one in facts if one.received <= now])
            if red:
                judged.red.append((case_name(key), red))
        if self._with_issued:
            self._count_cards(facts, judged.issued)

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
        """Note the periods in which each card became active, and ceased to be."""
        moments = self._moments
        for card in self._judge.card_periods(facts, moments[-1]):
            begin = bisect_left(moments, card.since)
            end = len(moments) if card.until is None else bisect_left(moments, card.until)
            if begin < end:
                what = (card.kpi, card.unit, card.level)
                issued[begin][what] = issued[begin].get(what, 0) + 1
                if end < len(moments):
                    issued[end][what] = issued[end].get(what, 0) - 1

    def _note_last_events(self, records: Sequence[SpilledFact], facts: Sequence[Fact], judged: Judged) -> None:
        """Note the last event of each source: every fact that is kept counts, and each heartbeat in its time."""
        events = [(fact.source, fact.received) for fact in facts]
        events += [(record[SOURCE], record[RECEIVED]) for record in records if is_heartbeat(record)]
        for source, received in events:
            if source in self._watched:
                period = bisect_left(self._moments, received)
                if period < len(self._moments):
                    last = judged.last_events[period]
                    last[source] = max(received, last.get(source, received))


@dataclass
class _Course:
    """One case through the periods."""

    contributions: list[Contribution] = field(default_factory=list)
    """What it contributes from the last judged period on."""
    verdicts: list[Issued] = field(default_factory=list)
    """The verdicts that hold from then on."""
    nothing_to_publish: bool = True
    quarantine: Quarantine | None = None
    """The last one, if it could not be judged once."""


def _count(contributions: Sequence[Contribution], sign: int, delta: dict[TallyKey, Tally]) -> None:
    for key, cells, bin in contributions:
        tally = delta.get(key)
        if tally is None:
            tally = delta[key] = Tally()
        tally.add(cells, bin, sign)
