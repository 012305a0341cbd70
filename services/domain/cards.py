"""Cards (黄牌 / 红牌): when each was raised and cleared, as a function of the facts and the moment alone.

The history of a case is walked arrival by arrival, so that a sweep that came late, a crash or a replay raises the same
card at the same instant.
"""

from collections.abc import Sequence
from typing import NamedTuple

from services.domain.case import Case
from services.domain.facts import KEY_SEPARATOR, Fact
from services.domain.judge import Judge
from services.domain.judgement import Judgement, Outcome
from services.domain.published import Card, Level
from services.domain.zone import Instant, Zone


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


RETRACTED = "retracted"
"""Reason of a card (and verdict) that was told and, by the facts known now, never was: it is published as removed."""


def retracted(card: CardState) -> CardState:
    """A told card that never was."""
    return card._replace(cleared_at=card.raised_at, reason=RETRACTED)


class _Standing(NamedTuple):
    level: Level
    raised_at: Instant


def cards(judge: Judge, facts: Sequence[Fact], now: Instant) -> list[CardState]:
    """All cards that a case has had up to `now`, sorted; of a card raised again, the last time."""
    known = [fact for fact in facts if fact.time <= now and fact.received <= now]
    if not known:
        return []
    arrivals = sorted({fact.received for fact in known})
    found: dict[tuple[str, int, str], CardState] = {}
    standing: dict[tuple[str, int], _Standing] = {}
    for arrival, following in zip(arrivals, [*arrivals[1:], None], strict=True):
        cycles = judge.cases([fact for fact in known if fact.received <= arrival])
        until = following - 1 if following is not None else now
        judged = {(each.kpi, each.cycle): each for each in judge.judge_cases(cycles, until)}
        by_cycle = {case.cycle: case for case in cycles}
        for identity in sorted(standing.keys() | judged.keys()):
            _follow(identity, judged.get(identity), by_cycle.get(identity[1]), arrival, until, standing, found)
    return sorted(found.values())


def _follow(
    identity: tuple[str, int],
    judgement: Judgement | None,
    case: Case | None,
    arrival: Instant,
    until: Instant,
    standing: dict[tuple[str, int], _Standing],
    found: dict[tuple[str, int, str], CardState],
) -> None:
    """Move the cards of one promise and cycle from one arrival to just before the next."""
    changes = _levels(judgement, arrival, until)
    for at, level in changes:
        held = standing.get(identity)
        if held is not None and held.level == level:
            continue
        if held is not None:
            reason = "superseded" if level is Level.RED else _why(judgement, case)
            key = (*identity, held.level)
            found[key] = found[key]._replace(cleared_at=at, reason=reason)
            del standing[identity]
        if level is not None and judgement is not None and case is not None:
            standing[identity] = _Standing(level, at)
            found[(*identity, level)] = CardState(
                identity[0], identity[1], "-", level, case.holder(), at, judgement.due, None, ""
            )


def _levels(judgement: Judgement | None, arrival: Instant, until: Instant) -> list[tuple[Instant, Level | None]]:
    """Which level stands from when, between an arrival and the next."""
    if judgement is None or judgement.stop is not None or judgement.outcome not in (Outcome.OPEN, Outcome.OVERDUE):
        return [(arrival, None)]
    yellow, red = judgement.yellow_at, judgement.red_at
    if red is not None and red <= arrival:
        return [(arrival, Level.RED)]
    changes: list[tuple[Instant, Level | None]] = []
    if yellow is not None and yellow <= arrival:
        changes.append((arrival, Level.YELLOW))
    else:
        changes.append((arrival, None))
        if yellow is not None and yellow <= until and (red is None or yellow < red):
            changes.append((yellow, Level.YELLOW))
    if red is not None and red <= until:
        changes.append((red, Level.RED))
    return changes


def _why(judgement: Judgement | None, case: Case | None) -> str:
    """Why a card no longer stands."""
    if judgement is None or case is None:
        return "rejudged"
    if judgement.outcome is Outcome.JUSTIFIED:
        return "justified"
    if judgement.outcome is Outcome.WITHDRAWN and case.withdrawn_at is not None:
        return "withdrawn"
    return "completed" if judgement.stop is not None else "rejudged"


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
