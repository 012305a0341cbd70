"""Working time as a plan counts it, for the questions that are asked of "now": is it open, who has been silent."""

from typing import Self

from services.catalog.calendars import load_calendar
from services.domain.law import Law
from services.domain.limits import Ends, due
from services.domain.plan import Plan, Source
from services.domain.zone import Instant


class WorkingTime:
    """A plan's law, asked about now."""

    def __init__(self, law: Law) -> None:
        self._law = law
        self._default = law.hours("", "")
        self._issued = law.zone.midnight(law.plan.head.issued.toordinal())

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """With the calendar that the plan names; ValueError if it cannot be read."""
        return cls(Law(plan, load_calendar(plan.head.calendar)))

    @property
    def published_through(self) -> Instant:
        """The first instant that no published notice of working days covers any more."""
        return self._law.zone.midnight(self._law.calendar.published_through.toordinal() + 1)

    def is_open(self, now: Instant, unit: str = "") -> bool:
        """Whether now lies in the opening hours of the unit (the default ones if it has none of its own)."""
        spans = self._law.hours(unit, "").spans(self._law.zone.day(now))
        return any(opens <= now < closes for opens, closes in spans)

    def silence(self, last: Instant | None, now: Instant) -> int:
        """Opening time (µs) since the last event of a source; since the plan was issued if there never was one."""
        return self._default.elapsed(self._issued if last is None else last, now)

    def is_silent(self, source: Source, last: Instant | None, now: Instant) -> bool:
        """Whether a source has been silent for longer than its usual delay (DESIGN §4.12); without one it never is."""
        if source.usual_delay is None:
            return False
        since = self._issued if last is None else last
        law = self._law
        return now > due(
            source.usual_delay, since, Ends.INSTANT, zone=law.zone, calendar=law.calendar, hours=self._default
        )

    def text(self, now: Instant) -> str:
        """RFC 3339 in the plan's zone."""
        return self._law.zone.text(now)
