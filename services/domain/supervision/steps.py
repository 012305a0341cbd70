"""Which steps of escalation (提醒, 催办, 督办单, 通报) a red card has, and when.

A pure function of the card, of what the unit and the operations centre have said about it, of the calendar and of now.
docs/supervision.md has the rules in words.

The count is in working days. The day of the red card is not counted. A step comes at 00:00 of the working day by which
as many days are counted as the plan says. A day is not counted while a reply or a request stops the count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from services.domain.plan.plan import Ladder, Supervision, SupervisionStep
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.zone import Instant, Zone


class Held(NamedTuple):
    """From when on a unit has had a red card, and for which limit."""

    since: Instant
    unit: str
    due_at: Instant | None
    """None: what is red has no limit."""


class RedCard(NamedTuple):
    """A red card of one promise, case, cycle and node, from when it was raised until it was cleared."""

    held: tuple[Held, ...]
    """Ascending; at least one."""
    cleared_at: Instant | None = None

    @property
    def raised_at(self) -> Instant:
        """When it became red."""
        return self.held[0].since

    def at(self, instant: Instant) -> Held:
        """Who had it then, and for which limit."""
        return next((one for one in reversed(self.held) if one.since <= instant), self.held[0])


class ActKind(StrEnum):
    """What somebody has said about a red card, as far as it matters to the steps."""

    REPLIED = "replied"
    """The unit has answered (回告)."""
    ASKED = "asked"
    """The unit asks that a reason is accepted (说明理由), or for an extension (申请延期)."""
    ACCEPTED = "accepted"
    """The operations centre has accepted a reason."""
    REJECTED = "rejected"
    """The operations centre has rejected a reason, also one that it had accepted."""
    REFUSED = "refused"
    """The operations centre has refused an extension, or the unit has taken its request back: nothing waits."""
    GRANTED = "granted"
    """The operations centre has granted an extension. One that was granted by the limit ends the steps from its record
    on, also while the gateway is away."""
    SETTLED = "settled"
    """The gateway has taken the event of a grant: the limit is the judge's matter from then on. Or it has refused it,
    or the grant is withdrawn."""


_DECISIONS = frozenset((ActKind.ACCEPTED, ActKind.REJECTED, ActKind.REFUSED, ActKind.GRANTED))


class Act(NamedTuple):
    """One of them, when it was recorded."""

    at: Instant
    kind: ActKind
    until: int | None = None
    """Of a reply: the day (an ordinal) by which the unit says that it will have completed; None: it names none."""


def in_order(acts: Iterable[Act]) -> list[Act]:
    """By time; what was recorded in the same instant in an order that does not depend on who reads it."""
    return sorted(acts, key=lambda act: (act.at, act.kind, act.until or 0))


class Taken(NamedTuple):
    """A step that was taken for this red card, or for an earlier one of the same promise, case, cycle and node."""

    step: SupervisionStep
    raised_at: Instant
    due_at: Instant | None
    """The limit for which that card was red."""
    recorded_at: Instant | None = None
    """When the ledger recorded it. None: that is not known; then it counts from when it was due."""


class StepDue(NamedTuple):
    """A step, from when on it is due, and to whom it goes."""

    step: SupervisionStep
    at: Instant
    unit: str
    due_at: Instant | None
    """The limit that was missed."""
    days: int
    """How many working days were counted by then."""


class Terms(NamedTuple):
    """By what the steps of a promise are counted."""

    supervision: Supervision
    ladder: Ladder
    calendar: WorkingCalendar
    zone: Zone


def steps_due(
    card: RedCard, acts: Sequence[Act], terms: Terms, now: Instant, taken: Iterable[Taken] = ()
) -> list[StepDue]:
    """The steps that were due by `now`, in their order.

    They end when the card is cleared (completed, withdrawn, or not late by another limit, as after an extension that
    was granted in time), and after the day on which a reason for this red card is accepted. An extension that was
    granted in time ends them from its record on. A step that was due before that stays.

    Args:
        acts: what was said about it, in any order.
        taken: steps of this red card, and of earlier ones of the same identity. After one of this card that was
            recorded on a later day than it was due, the count goes on from the later day: a step comes only after the
            one before it. If the limit of an earlier card is missed again (a completion was void), the count goes on
            from the last step of that: a void completion does not begin it anew.
        now: a later instant gives the steps that will be due if nothing is said or done any more.
    """
    left = _left(card, terms, list(taken))
    found: list[StepDue] = []
    for step, day, counted in _days(card, in_order(acts), terms, left):
        at = max(terms.zone.midnight(day), card.raised_at)
        if at > now or (card.cleared_at is not None and at >= card.cleared_at):
            break
        held = card.at(at)
        found.append(StepDue(step, at, held.unit, held.due_at, counted))
    return found


class _Left(NamedTuple):
    """The steps of a card, and how many days are counted on the day on which it turned red."""

    steps: tuple[tuple[SupervisionStep, int], ...]
    counted: int
    recorded: Mapping[SupervisionStep, int]
    """The days on which steps of this card were recorded."""


def _left(card: RedCard, terms: Terms, taken: Sequence[Taken]) -> _Left:
    steps, due = terms.ladder.steps(), card.held[0].due_at
    recorded = {
        one.step: terms.zone.day(one.recorded_at)
        for one in taken
        if one.recorded_at is not None and one.raised_at == card.raised_at
    }
    again = {one.step for one in taken if due is not None and one.due_at == due and one.raised_at < card.raised_at}
    last = max((place for place, (step, _) in enumerate(steps) if step in again), default=None)
    return _Left(steps, 0, recorded) if last is None else _Left(steps[last + 1 :], steps[last][1], recorded)


def _days(card: RedCard, acts: Sequence[Act], terms: Terms, left: _Left) -> Iterator[tuple[SupervisionStep, int, int]]:
    """Each step with its day, and the days counted by then."""
    day, counted = terms.zone.day(card.raised_at), left.counted
    excused = list(_excused(card, acts, terms.zone))
    stopped = _stops(acts, terms, day, None)
    for step, days in left.steps:
        while counted < days:
            day = terms.calendar.add_working_days(day, 1)
            if any(day in span for span in excused):
                day = max(span.stop for span in excused if day in span) - 1
                if day >= _FOR_EVER:
                    return
            elif day not in stopped:
                counted += 1
        yield step, day, counted
        day = max(day, left.recorded.get(step, day))
        stopped = _stops(acts, terms, day, terms.zone.midnight(day))


_FOR_EVER = 10**9
"""A day that no calendar has."""


def _excused(card: RedCard, acts: Sequence[Act], zone: Zone) -> Iterator[range]:
    """The days on which from 00:00 on a reason is accepted, or an extension granted that no limit has yet: they are not
    counted."""
    for place, act in enumerate(acts):
        if excuses(act, card):
            end = _ENDED_BY[act.kind]
            again = (zone.day(one.at) for one in acts[place:] if one.kind is end)
            yield range(zone.day(act.at) + 1, next(again, _FOR_EVER) + 1)


_ENDED_BY = {ActKind.ACCEPTED: ActKind.REJECTED, ActKind.GRANTED: ActKind.SETTLED}


def excuses(act: Act, card: RedCard) -> bool:
    """Whether a decision excuses a red card: a reason that was accepted since it is red, or an extension that was
    granted by its limit."""
    if act.kind is ActKind.ACCEPTED:
        return act.at >= card.raised_at
    due = card.held[0].due_at
    return act.kind is ActKind.GRANTED and due is not None and act.at <= due


def _stops(acts: Sequence[Act], terms: Terms, day: int, since: Instant | None) -> range:
    """The days after `day` that are not counted, because of the first act since the last step that stops the count.
    Once between two steps: who replies again and again gains nothing by it.

    `since`: the instant of the last step; None before the first one: what was said before the red card counts, too.
    """
    for act in acts:
        last, said = _last_stopped(act, acts, terms), terms.zone.day(act.at)
        if last is not None and last > max(day, said) and (since is None or act.at >= since):
            return range(said + 1, last + 1)
    return range(0)


def _last_stopped(act: Act, acts: Sequence[Act], terms: Terms) -> int | None:
    """The last day on which an act stops the count; None if it stops nothing."""
    supervision, day = terms.supervision, terms.zone.day(act.at)
    if act.kind is ActKind.REPLIED and act.until is not None:
        return min(act.until, terms.calendar.add_working_days(day, supervision.reply_days))
    if act.kind is ActKind.ASKED:
        decided = (terms.zone.day(one.at) for one in acts if one.kind in _DECISIONS and one.at >= act.at)
        return min([terms.calendar.add_working_days(day, supervision.request_days), *decided])
    return None
