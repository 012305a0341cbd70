"""What a source may see of a case: pure functions.

The owner of a case sees all of it. Another source that reports on it sees what it has reported itself, and of each
promise whose clock stops at a milestone that it reports the verdict with start, due instant and stop. It sees no other
event and nothing that is read out of one: no attribute, no other verdict, no card, and not the account of the days,
which shows the suspensions by the owner.
"""

from collections.abc import Iterable
from dataclasses import replace

from services.domain.history.case import Case
from services.domain.intake.facts import KEY_SEPARATOR, FactType
from services.domain.plan.plan import Plan
from services.domain.results.explain import Explained, ExplainedCycle, Explanation
from services.domain.results.explain_facts import FactWithStatus


def seen_by(explanation: Explanation, source: str, plan: Plan) -> Explanation | None:
    """The part of an explanation that a source may see; None where it may see nothing, as if there were no case."""
    owner = explanation.key.partition(KEY_SEPARATOR)[0]
    if source == owner:
        return explanation
    history = tuple(each for each in explanation.history if each.fact.source == source)
    stops = stops_seen(history, source, owner, plan)
    cycles = tuple(cycle for each in explanation.cycles if (cycle := _cycle_seen(each, source, stops)).promises)
    if not history and not cycles:
        return None
    return Explanation(explanation.key, explanation.now, history, 0, cycles, (), (), (), ())


def stops_seen(history: Iterable[FactWithStatus], source: str, owner: str, plan: Plan) -> set[str]:
    """The stops of the clocks whose promises another source than the owner may see. `history`: what is known of the
    case, at least of this source."""
    milestones = _entitled(plan, source, owner) | _reported(history, source)
    return {f"milestone:{name}" for name in milestones}


def _entitled(plan: Plan, source: str, owner: str) -> set[str]:
    """The milestones that the plan expects of the source in cases of the owner."""
    registered = plan.sources.get(source)
    if registered is None or not {"*", owner} & set(registered.owners):
        return set()
    return set(registered.milestones)


def _reported(history: Iterable[FactWithStatus], source: str) -> set[str]:
    """The milestones that it has reported in this case, as corrected."""
    facts = [each.now or each.fact for each in history if each.fact.source == source]
    return {fact.data["name"] for fact in facts if fact.type == FactType.CASE_MILESTONE}


def _cycle_seen(cycle: ExplainedCycle, source: str, stops: set[str]) -> ExplainedCycle:
    promises = tuple(_promise_seen(each, source) for each in cycle.promises if stops.intersection(each.promise.stop))
    return ExplainedCycle(Case(cycle=cycle.case.cycle), promises, (), ())


def _promise_seen(explained: Explained, source: str) -> Explained:
    """The verdict without what was read out of the events of others."""
    return replace(
        explained,
        limit=None,
        account=None,
        turned_by=tuple(fact for fact in explained.turned_by if fact.source == source),
        missed_limit=None,
        amounts=(),
        extensions=(),
        decisions=(),
        missing=(),
    )
