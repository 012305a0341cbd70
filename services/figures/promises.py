"""Which promises a reader sees, and how they are counted. Reports, briefings and the terminal ask here, so that no two
of them count differently."""

import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Protocol, TypeVar

from services.domain.plan.plan import Plan, Promise, Title
from services.domain.results.published import WORST_FIRST, State, ValueRow

_BETTER, _WORSE = Title(zh="↑ 好转", en="better"), Title(zh="↓ 变差", en="worse")
_SAME, _OTHER = Title(zh="= 持平", en="same"), Title(zh="~ 有变化", en="changed")
_BETTER_IS: dict[str | None, int] = {">=": 1, "rising": 1, "<=": -1, "falling": -1}
"""Relation of a target, or direction without one → whether a higher figure is better (1) or a lower one (-1)."""


class Standing(Protocol):
    """A promise, and the state in which it is."""

    @property
    def promise(self) -> Promise: ...

    @property
    def state(self) -> State: ...


S = TypeVar("S", bound=Standing)


def promises_by_state(standings: Iterable[S]) -> dict[State, list[S]]:
    """The promises in each state, worst state first; states without a promise are left out. Tables count these lists
    and lists show them, so that both have the same number. A variant is another definition of a promise, and is none
    itself: it is left out."""
    found: dict[State, list[S]] = {state: [] for state in WORST_FIRST}
    for one in standings:
        if one.promise.is_official:
            found[one.state].append(one)
    return {state: several for state, several in found.items() if several}


def worst_first(
    promise: Promise, state: State, distance: Fraction | float | None
) -> tuple[int, bool, Fraction | float, str]:
    """The order in which promises are listed: by state; what the plan binds to before what it asks to strive for; then
    by the distance to the target (`budget.distance_of`), those without one last."""
    least: Fraction | float = math.inf if distance is None else -distance
    return WORST_FIRST.index(state), promise.is_never_red, least, promise.id


def in_force(plan: Plan, day: int) -> dict[tuple[str, str], Promise]:
    """Each promise in the version that binds on a day, else in its first (rule 11)."""
    found: dict[tuple[str, str], Promise] = {}
    for promise in sorted(plan.promises, key=lambda one: one.effective_from):
        if promise.effective_from.toordinal() <= day or (promise.id, promise.variant) not in found:
            found[promise.id, promise.variant] = promise
    order = {(promise.id, promise.variant): place for place, promise in enumerate(plan.promises)}
    return dict(sorted(found.items(), key=lambda one: order[one[0]]))


def change(promise: Promise, before: ValueRow, now: ValueRow) -> Title | None:
    """Whether a figure got better; None where one of the two is missing."""
    if not before.value or not now.value:
        return None
    step = Decimal(now.value) - Decimal(before.value)
    if not step:
        return _SAME
    better = _BETTER_IS.get(promise.target.relation if promise.target else promise.good_direction)
    if better is None:
        return _OTHER
    return _BETTER if step * better > 0 else _WORSE
