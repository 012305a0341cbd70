"""Cards (黄牌 / 红牌): when each was raised and cleared, as a function of the facts and the moment alone.

The history of a case is read arrival by arrival. A late sweep, a crash or a replay therefore raises the same card at
the same instant.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from services.domain.history.case import Case
from services.domain.history.known_at import Step, known_at, steps
from services.domain.intake.facts import KEY_SEPARATOR, Fact, FactType
from services.domain.judging.judge import CaseView
from services.domain.judging.judgement import RUNNING, Judgement, Outcome
from services.domain.plan.plan import is_official
from services.domain.results.published import Card, Level
from services.domain.time.zone import Instant, Zone


class CardState(NamedTuple):
    """A card of a case. Its identity is the first four fields and the level."""

    kpi: str
    cycle: int
    node: str
    level: str
    unit: str
    raised_at: Instant
    due_at: Instant | None
    cleared_at: Instant | None
    reason: str


PROVISIONAL = "provisional"
"""Reason of a card that stands while its due instant rests on days of which the calendar is not published."""
RETRACTED = "retracted"
"""Reason of a card or verdict that was published and, by the facts known now, never was: it is removed."""


BY_NEW_RULES = "new_rules"
"""In the place of a reason, of an active card: other rules or another plan raised it for a time that had passed when
they came into use. It is shown and counted; nobody is notified of it."""


def retracted(card: CardState) -> CardState:
    """A published card that never was."""
    return card._replace(cleared_at=card.raised_at, reason=RETRACTED)


_NOT_OF_A_WALK = frozenset((RETRACTED, BY_NEW_RULES))
_SUSPENDED = int(FactType.CASE_SUSPENDED)

WHOLE = "-"
"""In the place of a node: the card is about the whole case."""

Identity = tuple[str, int, str]
"""Promise, cycle and node: at most one card of these is active at a time."""


class _Running(NamedTuple):
    """A limit whose clock runs: a case's under a promise, or beside it that of a node."""

    unit: str
    due: Instant | None
    yellow_at: Instant | None
    red_at: Instant | None
    provisional: bool = False
    closed_at: Instant | None = None
    """When time alone ended it."""

    @property
    def reason(self) -> str:
        """What a card says while it stands."""
        return PROVISIONAL if self.provisional else ""


class CardPeriod(NamedTuple):
    """For how long a card of a level was active with one unit and for one limit: from `since` until just before `until`
    (None: it is)."""

    kpi: str
    cycle: int
    node: str
    unit: str
    level: Level
    since: Instant
    until: Instant | None
    due_at: Instant | None


class _Change(NamedTuple):
    """What happens to the cards of one identity: from `at` on it has one of that level, or none."""

    identity: Identity
    at: Instant
    level: Level | None
    running: _Running | None
    reason: str
    """Why a card is cleared, if there was one."""


class CaseViewer(Protocol):
    """The judge: it says what was known of a case at a moment, and what the promises say of it."""

    @property
    def version_changes(self) -> Sequence[Instant]:
        """From when on other versions of promises hold, or a successor is responsible for the cases of a unit."""

    def view(self, facts: Sequence[Fact], now: Instant) -> CaseView | None: ...


class Known(NamedTuple):
    """The cards of a case as they are known from an earlier walk through its arrivals."""

    cards: Sequence[CardState]
    until: Instant
    """They are right up to just before this instant."""


NOTHING_KNOWN = Known((), 0)


def known_cards(held: Sequence[CardState], facts: Sequence[Fact], changed_at: Instant) -> Known:
    """What still holds of the cards that a case had when it was last judged. `changed_at`: the first arrival of what
    was added since then, or before it the moment at which time alone changes something; 0: neither is known.

    Nothing is known where the past may look different by now: a fact was dated after its arrival, or a due time moves
    while a clock is stopped."""
    for card in held:
        if card.raised_at >= changed_at or (card.cleared_at or 0) >= changed_at or card.reason in _NOT_OF_A_WALK:
            return NOTHING_KNOWN
    if any(fact.time > fact.received or fact.type == _SUSPENDED for fact in facts):
        return NOTHING_KNOWN
    return Known(held, changed_at)


def cards(judge: CaseViewer, facts: Sequence[Fact], now: Instant, known: Known = NOTHING_KNOWN) -> list[CardState]:
    """All cards that a case has had up to `now`, sorted; of a card raised again, the last time. Only what comes after
    `known` is looked at."""
    found = {(*card[:3], card.level): card for card in known.cards}
    active = {card[:3]: Level(card.level) for card in known.cards if card.cleared_at is None}
    for identity, at, level, running, reason in _changes(judge, facts, now, known.until, set(active)):
        held = active.get(identity)
        if held is not None and held != level:
            why = "superseded" if level is Level.RED else reason
            found[*identity, held] = found[*identity, held]._replace(cleared_at=at, reason=why)
            del active[identity]
        if level is None or running is None:
            continue
        if held == level:  # it follows who must act, and until when
            card = found[*identity, level]
            found[*identity, level] = card._replace(unit=running.unit, due_at=running.due, reason=running.reason)
        else:
            active[identity] = level
            found[*identity, level] = CardState(*identity, level, running.unit, at, running.due, None, running.reason)
    return sorted(found.values())


def card_periods(judge: CaseViewer, facts: Sequence[Fact], now: Instant) -> list[CardPeriod]:
    """When the cards of a case were active, and with whom, up to `now`: every time, in no order."""
    ended: list[CardPeriod] = []
    active: dict[Identity, CardPeriod] = {}
    for identity, at, level, running, _ in _changes(judge, facts, now, 0, set()):
        held = active.get(identity)
        now_held = (level, running.unit, running.due) if running is not None else None
        if held is not None and (held.level, held.unit, held.due_at) == now_held:
            continue
        if held is not None:
            ended.append(held._replace(until=at))
            del active[identity]
        if level is not None and running is not None:
            active[identity] = CardPeriod(*identity, running.unit, level, at, None, running.due)
    return ended + list(active.values())


def _changes(
    judge: CaseViewer, facts: Sequence[Fact], now: Instant, since: Instant, seen: set[Identity]
) -> Iterator[_Change]:
    """The effect on cards of each arrival, and of the time up to the next one; also where it leaves them unchanged.
    `since`: what was before is left out. `seen`: who had a card then."""
    for step in steps(known_at(facts, now), now, judge.version_changes, since):
        if step.until < since:
            continue
        view = judge.view(step.facts, step.until)
        if view is not None:  # else nothing is known of it, and its cards stay as they were
            yield from _changes_in(step._replace(arrival=max(step.arrival, since)), view, seen)


def _changes_in(step: Step, view: CaseView, seen: set[Identity]) -> Iterator[_Change]:
    """The same within one step. `seen`: the identities that may have had a card so far; this step's are added."""
    judged = {(each.kpi, each.cycle): each for each in view.judgements}
    by_cycle = {case.cycle: case for case in view.cycles}
    running = _running(judged.values(), by_cycle)
    seen.update(running)
    for identity in sorted(seen):
        kpi, cycle, node = identity
        if kpi in view.unjudged:
            continue
        limit = running.get(identity)
        reason = _why(judged.get((kpi, cycle)), by_cycle.get(cycle), node)
        for at, level in _levels(limit, step):
            held = limit and limit._replace(unit=view.units.at(limit.unit, at))
            yield _Change(identity, at, level, held, reason)


def _running(judged: Iterable[Judgement], by_cycle: Mapping[int, Case]) -> dict[Identity, _Running]:
    """The limits that may have a card, with the unit that holds the case, or the node, now."""
    found: dict[Identity, _Running] = {}
    for each in judged:
        if (each.stop is not None or each.outcome not in RUNNING) and each.closed_at is None:
            continue
        if not is_official(each.kpi):
            continue  # another definition of a promise is shown beside it: a case has one card only
        for clock in each.nodes:
            if clock.is_current:
                limit = _Running(
                    clock.unit, clock.due, clock.yellow_at, clock.red_at, clock.provisional, each.closed_at
                )
                found[each.kpi, each.cycle, clock.node] = limit
        holder = by_cycle[each.cycle].holder()
        running = _Running(holder, each.due, each.yellow_at, each.red_at, each.provisional, each.closed_at)
        found[each.kpi, each.cycle, WHOLE] = running
    return found


def _levels(running: _Running | None, step: Step) -> list[tuple[Instant, Level | None]]:
    """The level of a card at an arrival, and at each instant until the next arrival at which it changes."""
    if running is None:
        return [(step.arrival, None)]
    changes = (running.yellow_at, running.red_at, running.closed_at)
    instants = {at for at in changes if at is not None and step.arrival < at <= step.until}
    return [(at, _level_at(running, at)) for at in (step.arrival, *sorted(instants))]


def _level_at(running: _Running, at: Instant) -> Level | None:
    if running.closed_at is not None and running.closed_at <= at:
        return None
    if running.red_at is not None and running.red_at <= at:
        return Level.RED
    if running.yellow_at is not None and running.yellow_at <= at:
        return Level.YELLOW
    return None


def _why(judgement: Judgement | None, case: Case | None, node: str) -> str:
    """The reason for which a card is cleared."""
    if judgement is None or case is None:
        return "rejudged"
    if _is_excused(judgement):
        return "justified"
    if judgement.stop is not None and judgement.stop == case.withdrawn_at != case.completed_at:
        return "withdrawn"
    return "completed" if judgement.stop is not None or _was_left(case, node) else "rejudged"


def _is_excused(judgement: Judgement) -> bool:
    if judgement.outcome is Outcome.JUSTIFIED:
        return True
    if judgement.outcome is Outcome.UNCLASSIFIED:  # it has no card, whatever its limit
        return False
    return judgement.stop is None and judgement.due is not None and judgement.yellow_at is None


def _was_left(case: Case, node: str) -> bool:
    """Whether the case was in a node and is not any more."""
    return node != WHOLE and node not in case.open_nodes() and any(span.node == node for span in case.nodes)


def case_name(key: str) -> str:
    """A case key as people write it: owner and subject with a blank between them."""
    return key.replace(KEY_SEPARATOR, " ", 1)


def written_card(card: CardState, key: str, zone: Zone) -> Card:
    """A card as it is published; `key` is the case's."""
    return Card(
        kpi=card.kpi,
        case=case_name(key),
        cycle=card.cycle,
        node=card.node,
        level=card.level,
        unit=card.unit,
        raised_at=zone.text(card.raised_at),
        due_at="" if card.due_at is None else zone.text(card.due_at),
        cleared_at="" if card.cleared_at is None else zone.text(card.cleared_at),
        reason=card.reason,
    )
