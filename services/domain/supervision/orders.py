"""Written orders (督办单): their numbers, and their state until they are answered."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from services.domain.supervision.steps import Act, ActKind, RedCard, excuses, in_order
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.zone import Instant, Zone


class OrderState(StrEnum):
    """What has become of a written order."""

    OPEN = "open"
    """待回告: the unit has not answered, and has time."""
    OVERDUE = "overdue"
    """超期未回告: the unit has not answered in time."""
    ANSWERED = "answered"
    """已回告: the unit has answered; the case is not completed."""
    CLOSED = "closed"
    """已销号: what it was about is done, or excused."""


class OrderNumber(NamedTuple):
    """The number of a written order."""

    year: int
    number: int

    def written(self, pattern: str) -> str:
        """By the plan's pattern: 江北督办〔2021〕3号."""
        return pattern.format(year=self.year, number=self.number)


def answer_due(recorded_at: Instant, answer_days: int, calendar: WorkingCalendar, zone: Zone) -> Instant:
    """The last instant at which an order may be answered: 24:00 of a working day. The time counts from when it was
    recorded, not from when it was due: nobody is late with an answer to what was not written."""
    return zone.midnight(calendar.add_working_days(zone.day(recorded_at), answer_days) + 1) - 1


def order_state(since: Instant, by: Instant, card: RedCard, acts: Sequence[Act], now: Instant) -> OrderState:
    """The state of an order at a moment. A reply or a request that was recorded since the order is its answer; so is an
    answer that comes late.

    Args:
        since: when the order was recorded.
        by: until when it is to be answered, inclusive.
        card: the red card that it is about.
        acts: what was said about it.
    """
    known = in_order(act for act in acts if act.at <= now)
    if _is_excused(card, known) or (card.cleared_at is not None and card.cleared_at <= now):
        return OrderState.CLOSED
    if any(act.kind in (ActKind.REPLIED, ActKind.ASKED) and act.at >= since for act in known):
        return OrderState.ANSWERED
    return OrderState.OPEN if now <= by else OrderState.OVERDUE


def _is_excused(card: RedCard, known: Sequence[Act]) -> bool:
    """Whether a reason is accepted: the last decision on one says so. `known`: in order."""
    decided = [act for act in known if act.kind in (ActKind.ACCEPTED, ActKind.REJECTED)]
    return any(act.kind is ActKind.ACCEPTED and excuses(act, card) for act in decided[-1:])
