"""The steps of escalation that a replay finds (docs/supervision.md): those that the running system had to take."""

from collections.abc import Iterable, Iterator, Sequence

from services.domain.judging.judge import Judge
from services.domain.supervision.published import StepRow, step_row
from services.domain.supervision.red_cards import RedCards, steps_of
from services.domain.supervision.terms import PlanTerms
from services.domain.time.zone import Instant
from services.messaging.records.steps import CardKey, OnRecord


def step_rows(
    red: Iterable[tuple[str, Sequence[RedCards]]], said: OnRecord | None, judge: Judge, times: Sequence[Instant]
) -> list[StepRow]:
    """All steps that were due before the last of the times, sorted by time; none where they are not asked for.

    `red`: each case with its red cards; `said`: what the ledger has, which may be nothing."""
    if said is None or not times:
        return []
    now = times[-1] - 1
    terms = PlanTerms(judge.plan, judge.law.calendar)
    return sorted(row for case, cards in red for one in cards for row in _of_one(case, one, said, terms, now))


def _of_one(case: str, red: RedCards, said: OnRecord, plan: PlanTerms, now: Instant) -> Iterator[StepRow]:
    identity = red.identity
    terms = plan.of(identity.kpi, red.cards[0].raised_at)
    if terms is None:
        return
    key = CardKey(identity.kpi, case, identity.cycle, identity.node)
    acts = [*red.decisions, *said.acts.get(key.subject, ())]
    for card, steps in steps_of(red.cards, acts, terms, now, said.steps.get(key, ())):
        for step in steps:
            yield step_row(step, card, identity, case, plan.zone)
