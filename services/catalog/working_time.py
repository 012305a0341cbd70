"""Working time as a plan counts it, for the questions that are asked of "now": is it open, who has been silent."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Self

from services.catalog.load.calendars import calendar_of
from services.domain.judging.judge import Judge
from services.domain.plan.plan import DEFAULT_HALL, Plan
from services.domain.plan.statutory_time import hours_version
from services.domain.results.silent_sources import silent_sources
from services.domain.time.opening_hours import DEFAULT_SPANS
from services.domain.time.zone import Instant


class WorkingTime:
    """A plan's law, asked about now."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._law = judge.law
        self._default = judge.law.hours("", "")
        self._issued = judge.law.zone.midnight(judge.plan.head.issued.toordinal())

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """With the calendar that the plan names; ValueError if it cannot be read."""
        return cls(Judge(plan, calendar_of(plan)))

    @property
    def sources(self) -> Iterable[str]:
        """Those of the plan."""
        return self._judge.plan.sources

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
        return self._default.elapsed(self._issued if last is None else max(last, self._issued), now)

    def silent(self, last_events: Mapping[str, Instant], now: Instant) -> frozenset[str]:
        """The sources that have been silent for longer than their usual delay: the same that make promises stale."""
        return silent_sources(self._judge, last_events, now)

    def text(self, now: Instant) -> str:
        """RFC 3339 in the plan's zone."""
        return self._law.zone.text(now)


def working_day_seconds(plan: Plan) -> int:
    """How much opening time a normal working day of the plan's default hall has, by the version that begins last."""
    versions = [entry for entry in plan.hours if entry.id == DEFAULT_HALL]
    weekly = hours_version(max(versions, key=lambda one: one.effective_from)).weekly if versions else {0: DEFAULT_SPANS}
    lengths = Counter(sum(end - start for start, end in spans) for spans in weekly.values() if spans)
    return lengths.most_common(1)[0][0] * 60
