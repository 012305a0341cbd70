"""Whether a case that was confirmed as met is met by what was decided on, or only by what was reported since.

What the deciders had seen counts. Of what came later, a closed case takes over what does it harm. The rest is set
aside, and taken back where the case runs within its limit.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from services.domain.intake.facts import contract_place
from services.domain.time.zone import Instant
from services.simulator.stories.event import OPERATIONS, SimulatedEvent


class Look(NamedTuple):
    """A case under a promise."""

    missed: bool
    running: bool
    leeway: Instant | None
    """From its end to its limit, in microseconds; None: it has no limit."""
    amounts: tuple[Fraction, ...]
    """What is bounded; the greater, the worse."""

    @property
    def runs_in_time(self) -> bool:
        """Whether it is open and not missed."""
        return self.running and not self.missed

    def harmed(self, by: "Look | None") -> bool:
        """Whether what turned it into another state did it harm."""
        if self.runs_in_time or by is None:
            return self.runs_in_time
        if self.missed or by.missed:
            return by.missed
        return by.running or self._is_better_than(by)

    def _is_better_than(self, other: "Look") -> bool:
        if other.leeway is not None and (self.leeway is None or other.leeway < self.leeway):
            return True
        return any(theirs > mine for mine, theirs in zip(self.amounts, other.amounts, strict=True))


Arrivals = Sequence[tuple[Instant, SimulatedEvent]]
"""What was reported, each with its arrival."""
Watch = Callable[[Sequence[SimulatedEvent], Instant | None], Look | None]
"""How a case stands by some of its events at an instant (None: after everything); None: it is none of the promise's."""


def is_missed_without(
    reported: Arrivals, through: Instant, accepted: Callable[[Instant], bool], end: Instant | None, watch: Watch
) -> bool:
    """Whether a case is missed without what was reported after `through` and set aside. `accepted`: whether what
    arrived at an instant was accepted; `end`: the last instant."""
    taken = [event for arrival, event in reported if arrival <= through]
    aside: list[SimulatedEvent] = []
    for arrival, events in _later(reported, through):
        if aside and _is_missed(watch(taken, arrival - 1)):
            return True
        harmful = _harmful(taken, events, arrival, accepted(arrival), watch)
        taken += harmful
        aside += [event for event in events if event not in harmful]
        if _runs_in_time(watch(taken, arrival)):
            taken, aside = [*taken, *aside], []
    return bool(aside) and _is_missed(watch(taken, end))


def _later(reported: Arrivals, through: Instant) -> Iterator[tuple[Instant, list[SimulatedEvent]]]:
    """What was reported after an instant, by arrival."""
    later = sorted((each for each in reported if each[0] > through), key=_place)
    for arrival, together in groupby(later, key=lambda each: each[0]):
        yield arrival, [event for _, event in together]


def _harmful(
    before: Sequence[SimulatedEvent], events: Sequence[SimulatedEvent], arrival: Instant, accepted: bool, watch: Watch
) -> list[SimulatedEvent]:
    """Which of the events that arrived together a case takes over: what does it harm, and what was decided."""
    taken: list[SimulatedEvent] = []
    look = watch(before, arrival)
    for event in events:
        then = watch([*before, *taken, event], arrival)
        harms = look.harmed(then) if look is not None else then is not None
        if harms or accepted or _is_a_decision(event):
            taken.append(event)
            look = then
    return taken


def _runs_in_time(look: Look | None) -> bool:
    return look is not None and look.runs_in_time


def _is_missed(look: Look | None) -> bool:
    return look is not None and look.missed


def _is_a_decision(event: SimulatedEvent) -> bool:
    """Whether the operations centre itself decided so: an extension, where the ledger has it."""
    return event.source == OPERATIONS and (event.type != "case.extended" or event.id.startswith("ledger-"))


def _place(reported: tuple[Instant, SimulatedEvent]) -> tuple[Instant, Instant, int, str, str]:
    """Its place among what was reported: by arrival, then in the order of the contract."""
    arrival, event = reported
    time = event.time if event.first_reported_time is None else event.first_reported_time
    return arrival, time, contract_place(event.type), event.source, event.id
