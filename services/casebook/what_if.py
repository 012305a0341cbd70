"""What events would change: the verdicts and cards of the cases that they touch, before and after. Nothing is stored.

Pure functions, of the same parts as the worker: a fact goes into its case by `keep` and `take_out_overflow`, and the
case is judged by the same judge. Before and after are judged as of one moment, so that what differs comes from the
events alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from services.casebook.seen_by import stops_seen
from services.domain.history.capacity import LARGEST_CASE, take_out_overflow
from services.domain.history.case_refusals import WOULD_REPLACE, refused_by_case
from services.domain.history.fact_set import Insertion
from services.domain.history.known_at import known_at
from services.domain.intake.facts import KEY_SEPARATOR, Fact
from services.domain.intake.refusal import Reason, Refused
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Judgement
from services.domain.judging.quarantine import keep, refused_corrections
from services.domain.plan.plan import CasePromise
from services.domain.results.cards import CardState
from services.domain.results.explain import version_that_judged
from services.domain.results.explain_facts import facts_with_status
from services.domain.results.safe_judge import SafeJudge
from services.domain.time.zone import Instant
from services.explanation.document import card_document
from services.explanation.words import outcome_word

Numbered = tuple[int, Fact]
"""An event and its place in the request."""


class Verdicts(NamedTuple):
    """What the promises say of a case at one moment, as far as somebody may see it."""

    judgements: tuple[Judgement, ...]
    cards: tuple[CardState, ...]
    quarantined: str
    """The cause for which some of it cannot be judged; empty: all of it can."""


class TouchedCase(NamedTuple):
    """One case that events are about."""

    key: str
    is_own: bool
    """Whether the source that asks owns it."""
    facts: Sequence[Fact]
    """Afterwards."""
    places: tuple[int, ...]
    """The events about it."""
    repeated: tuple[int, ...]
    """Those that are stored already, or that came twice."""
    refused: tuple[tuple[int, Refused], ...]
    """Those that only the case can refuse."""
    before: Verdicts
    after: Verdicts


class WhatIf:
    """Judges cases with and without events."""

    def __init__(self, judge: Judge, source: str, now: Instant) -> None:
        """`source`: who asks; it sees what `seen_by` shows it of the cases as they are. What it sends to ask shows it
        no more of them. `now`: the moment of both judgements; the events have arrived then."""
        self._judge = judge
        self._safe = SafeJudge(judge)
        self._source = source
        self._now = now

    def case(self, key: str, stored: Sequence[Fact], events: Sequence[Numbered]) -> TouchedCase:
        """A case with its stored facts (in contract order) and events about it. Never raises."""
        owner = key.partition(KEY_SEPARATOR)[0]
        is_own = owner == self._source
        insertion = _Insertion([fact for fact in stored if is_own or fact.source == self._source])
        for event in events:
            insertion.add(event)
        refusals = tuple(insertion.refusals())  # before the rest: what a full case cannot hold is taken out
        facts = insertion.facts
        if is_own:
            before, after = self._all_verdicts(stored), self._all_verdicts(facts)
        else:
            facts = _with_others(stored, self._source, facts)
            stops = self._stops(stored, owner)
            before = self._verdicts_seen(stored, stops)
            after = self._verdicts_seen(facts, stops & self._stops(facts, owner))
        places = tuple(place for place, _ in events)
        return TouchedCase(key, is_own, facts, places, tuple(insertion.repeated), refusals, before, after)

    def _all_verdicts(self, facts: Sequence[Fact]) -> Verdicts:
        """Of a case of the source's own."""
        opinion = self._safe.judge(facts, self._now)
        shown = tuple(each for each in opinion.judgements if each.kpi in self._judge.kinds)
        found, quarantine = self._safe.cards(facts, self._now)
        quarantine = opinion.quarantine or quarantine
        return Verdicts(shown, tuple(found), "" if quarantine is None else quarantine.cause)

    def _verdicts_seen(self, facts: Sequence[Fact], stops: set[str]) -> Verdicts:
        """Of another's case. `stops`: of the clocks whose promises are seen. Where some of the case cannot be judged,
        nothing is seen."""
        opinion = self._safe.judge(facts, self._now) if stops else None
        if opinion is None or opinion.quarantine is not None:
            return Verdicts((), (), "")
        return Verdicts(tuple(each for each in opinion.judgements if self._is_seen(each, stops)), (), "")

    def _stops(self, facts: Sequence[Fact], owner: str) -> set[str]:
        history = facts_with_status(known_at(facts, self._now))
        return stops_seen(history, self._source, owner, self._judge.plan)

    def _is_seen(self, judgement: Judgement, stops: set[str]) -> bool:
        kind = self._judge.kinds.get(judgement.kpi)
        if kind is None or not isinstance(kind.promise, CasePromise):
            return False
        return not stops.isdisjoint(version_that_judged(self._judge, judgement, self._now).stop)


def _with_others(stored: Iterable[Fact], source: str, own: Iterable[Fact]) -> list[Fact]:
    """A case of another source, with what this source has in it. How full others have made it is not for this source:
    no event is refused, and no verdict changes, for that."""
    facts = [fact for fact in stored if fact.source != source]
    for fact in own:
        keep(facts, fact)
    return facts


class _Insertion:
    """Facts of a case while events are added to them, as a worker adds them."""

    def __init__(self, stored: Sequence[Fact]) -> None:
        self.facts = list(stored)
        self.repeated: list[int] = []
        self._stored = {id(fact) for fact in stored}
        self._displacing: set[int] = set()
        self._sent: list[Numbered] = []

    def add(self, event: Numbered) -> None:
        place, fact = event
        inserted = keep(self.facts, fact)
        if inserted.outcome in (Insertion.DUPLICATE, Insertion.EARLIER):
            self.repeated.append(place)
            return
        self._sent.append(event)
        if id(inserted.rejected) in self._stored:
            self._displacing.add(place)
        if len(self.facts) > 2 * LARGEST_CASE:  # each is compared with all
            take_out_overflow(self.facts)

    def refusals(self) -> Iterator[tuple[int, Refused]]:
        """What the case refuses once all are in."""
        take_out_overflow(self.facts)
        kept = {(fact.source, fact.id): fact for fact in self.facts}
        bad = {id(fact) for fact in refused_corrections(self.facts)}
        for place, fact in self._sent:
            other = kept.get((fact.source, fact.id))
            if other is None:
                yield place, refused_by_case(Reason.TOO_LARGE)
            elif other is not fact or place in self._displacing:
                yield place, WOULD_REPLACE if other is fact else refused_by_case(Reason.ID_CONFLICT)
            elif id(fact) in bad:
                yield place, refused_by_case(Reason.BAD_CORRECTION)


# ---- as JSON ---------------------------------------------------------------------------------------------
def case_document(touched: TouchedCase, judge: Judge) -> dict[str, Any]:
    """A case before and after. `events`: the places of the events about it in the request, from 0."""
    owner, _, subject = touched.key.partition(KEY_SEPARATOR)
    return {
        "owner": owner,
        "subject": subject,
        "events": list(touched.places),
        "before": _verdicts_document(touched.before, touched, judge),
        "after": _verdicts_document(touched.after, touched, judge),
    }


def _verdicts_document(verdicts: Verdicts, touched: TouchedCase, judge: Judge) -> dict[str, Any]:
    document = _own_judgement_document if touched.is_own else _judgement_document
    return {
        "verdicts": [document(each, judge) for each in verdicts.judgements],
        "cards": [card_document(each, judge.law.zone) for each in verdicts.cards],
        "quarantined": verdicts.quarantined or None,
    }


def _own_judgement_document(judgement: Judgement, judge: Judge) -> dict[str, Any]:
    return _judgement_document(judgement, judge) | {"unit": judgement.unit, "item": judgement.item}


def _judgement_document(judgement: Judgement, judge: Judge) -> dict[str, Any]:
    """Without unit and item: they are read from the owner's events, which no other source sees."""
    word = outcome_word(judgement.outcome, judge.kinds[judgement.kpi].promise)
    return {
        "kpi": judgement.kpi,
        "cycle": judgement.cycle,
        "verdict": judgement.outcome,
        "words": {"zh": word.zh, "en": word.en},
        "start": _text(judgement.start, judge),
        "due": _text(judgement.due, judge),
        "stop": _text(judgement.stop, judge),
    }


def _text(at: Instant | None, judge: Judge) -> str | None:
    return None if at is None else judge.law.zone.text(at)


def titles(cases: Iterable[TouchedCase], judge: Judge) -> dict[str, Any]:
    """Promise → its title in both languages and its clause, of those that say something of the cases."""
    mentioned = {each.kpi for case in cases for each in (*case.before.judgements, *case.after.judgements)}
    promises = {key: kind.promise for key, kind in judge.kinds.items() if key in mentioned}
    return {key: {"title": each.title.model_dump(), "clause": each.clause} for key, each in promises.items()}
