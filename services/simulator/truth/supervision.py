"""The truth about steps of escalation: day by day, as an official does with a calendar and a file
(docs/supervision.md). It shares nothing with the function that decides them for the record.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from services.domain.plan.plan import Supervision, SupervisionStep
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.zone import Instant, Zone

_LONGEST = 4_000
"""Days after which nobody counts any more."""


ENTRIES = ("accepted", "request", "granted", "refused", "rejected", "reply", "settled")
"""In the order in which entries of the same instant are read."""


DECISIONS = ("accepted", "rejected", "granted", "refused")


class Said(NamedTuple):
    """An entry of the file: one of `ENTRIES`."""

    at: Instant
    what: str
    promised: int | None = None
    """Of a reply: the day by which it will be completed."""


class Red(NamedTuple):
    """For how long a card is red, and which steps of an earlier one need not come again."""

    raised: Instant
    cleared: Instant | None
    had: frozenset[SupervisionStep] = frozenset()
    given: Mapping[SupervisionStep, Instant] = {}
    """When steps of it were put on record, where that is known."""
    due: Instant | None = None
    """The limit that was missed."""

    def ends_by(self, at: Instant) -> bool:
        """Whether it is not red any more at an instant."""
        return self.cleared is not None and self.cleared <= at


class Office(NamedTuple):
    """Who counts: the plan's numbers for the promise, its calendar and zone."""

    supervision: Supervision
    ladder: tuple[tuple[SupervisionStep, int], ...]
    calendar: WorkingCalendar
    zone: Zone

    def steps(self, red: Red, file: Sequence[Said], until: Instant) -> Iterator[tuple[SupervisionStep, Instant]]:
        """Each step that was due by `until`, and when."""
        left = dict(self.ladder)
        counted = max((left.pop(step) for step in red.had), default=0)
        entries, day, last_step = sorted(file, key=_place), self.zone.day(red.raised), -1
        for today in range(day, day + _LONGEST):
            at = max(self.zone.midnight(today), red.raised)
            if at > until or red.ends_by(at):
                return
            if today > max(day, last_step) and self._counts(today, red, entries, last_step):
                counted += 1
            due = [step for step, days in left.items() if days <= counted]
            for step in due:
                del left[step]
                last_step = max(today, self.zone.day(red.given.get(step, at)))
                yield step, at

    def _counts(self, today: int, red: Red, file: Sequence[Said], last_step: int) -> bool:
        """Whether a day is worked, the unit is not excused, and nobody waits for it or for a decision."""
        if not self.calendar.is_working(today) or self._is_excused(today, red, file):
            return False
        since = max(self.zone.day(red.raised), last_step)
        for one in file:
            # the first entry since the last step for which anybody waits
            if self._day(one) >= last_step and self._waits(since + 1, one, file, or_later=True):
                return not self._waits(today, one, file)
        return True

    def _is_excused(self, today: int, red: Red, file: Sequence[Said]) -> bool:
        """Whether by the entries of the days before a reason for this red card is accepted, or an extension was granted
        by the limit and its event is still under way."""
        reason = grant = False
        for one in file:
            if self._day(one) >= today:
                break
            if one.what in ("accepted", "rejected"):
                reason = one.what == "accepted" and (reason or one.at >= red.raised)
            if one.what == "settled":
                grant = False
            if one.what == "granted" and red.due is not None and one.at <= red.due:
                grant = True
        return reason or grant

    def _waits(self, day: int, one: Said, file: Sequence[Said], *, or_later: bool = False) -> bool:
        """Whether anybody waits on a day (or on a later one) because of an entry."""
        if one.what not in ("reply", "request"):
            return False
        most = self.supervision.reply_days if one.what == "reply" else self.supervision.request_days
        worked, waiting = 0, self._day(one) + 1
        last = one.promised if one.what == "reply" else min(self._decided(one, file), waiting + _LONGEST)
        while last is not None and waiting <= last and worked < most:
            worked += self.calendar.is_working(waiting)
            if waiting == day or (or_later and waiting >= day):
                return True
            waiting += 1
        return False

    def _decided(self, request: Said, file: Sequence[Said]) -> int:
        later = (one for one in file if one.at >= request.at and one.what in DECISIONS)
        return min((self._day(one) for one in later), default=_LONGEST * 1_000)

    def _day(self, one: Said) -> int:
        return self.zone.day(one.at)


def _place(one: Said) -> tuple[Instant, int, int]:
    return one.at, ENTRIES.index(one.what), one.promised or 0
