"""Which marks a number counts that a dashboard shows: of a promise in a window, or a signal of the last 30 days."""

from typing import Final, NamedTuple

from services.casebook.marked_cases import MarkFilter
from services.casebook.marks import SIGNALS
from services.domain.judging.kind import Moment
from services.domain.plan.plan import Plan, Promise, Window
from services.domain.plan.statutory_time import Law
from services.domain.results.budget import short_window
from services.domain.results.windows import ALL, ROLLING_DAYS, first_day
from services.domain.time.zone import Instant

SHORT: Final = "short"
"""The window that shows the month (`budget.short_window`)."""


class UnknownPromise(ValueError):
    """The number is one of a promise, and the plan has no such promise."""


class Number(NamedTuple):
    """A number, as an address or a command names it."""

    mark: str
    """A `Mark`, or the name of a signal."""
    promise: str = ""
    """Its id; a signal has none."""
    unit: str = ""
    """To which it counts; empty or `ALL`: to any. Of some signals a source."""
    item: str = ""
    window: str = ""
    """A `Window`, SHORT, or empty: the official one."""

    def of(self, plan: Plan) -> Promise | None:
        """The promise; None: it is a signal. Raises UnknownPromise."""
        if self.mark in SIGNALS:
            return None
        found = next((each for each in plan.promises if each.is_official and each.id == self.promise), None)
        if found is None:
            raise UnknownPromise(self.promise)
        return found

    def window_of(self, promise: Promise) -> Window:
        """In which window of its promise it counts."""
        if self.window == SHORT:
            return short_window(promise) or promise.official_window
        return Window(self.window) if self.window else promise.official_window

    def wanted(self, law: Law, now: Instant) -> MarkFilter:
        """What it counts as of a time. Raises UnknownPromise."""
        unit, day = "" if self.unit == ALL else self.unit, law.zone.day(now - 1)
        promise = self.of(law.plan)
        if promise is None:
            return MarkFilter(self.mark, "", unit, self.item, day - ROLLING_DAYS + 1)
        first = first_day(self.window_of(promise), Moment(now - 1, day, law.plan.head.year_begins))
        return MarkFilter(self.mark, promise.key, unit, self.item, first)
