"""The months for which a duty or a figure is due: whole ones, while the promise is in force."""

from collections.abc import Collection
from datetime import date
from functools import lru_cache

from services.domain.judging.kind import Moment
from services.domain.plan.plan import Promise
from services.domain.plan.unit_history import UnitHistory
from services.domain.time.zone import Zone


class Months:
    """The periods of one promise, written `2021-10`; each is due at 24:00 of its last day."""

    def __init__(self, promise: Promise, zone: Zone) -> None:
        self._zone = zone
        self._first = first_whole_month(promise.effective_from)
        """Owed from the first whole month in which the promise is in force."""
        self._until = promise.effective_to.toordinal() if promise.effective_to else None

    def holds(self, period: str) -> bool:
        """Whether a month is one of them."""
        return f"{self._first:%Y-%m}" <= period and (self._until is None or last_day(period) <= self._until)

    def ended(self, first_day: int, at: Moment) -> list[str]:
        """Those whose last day lies in a window from a day on and has passed."""
        through = at.day if at.now >= self._zone.midnight(at.day + 1) - 1 else at.day - 1
        found: list[str] = []
        month = self._first
        while True:
            period = month.strftime("%Y-%m")
            due = last_day(period)
            if due > through or not self.holds(period):
                return found
            if due >= first_day:
                found.append(period)
            month = date.fromordinal(due + 1)


def first_whole_month(since: date) -> date:
    """The first day of the first month that lies whole on or after a day."""
    return since if since.day == 1 else date.fromordinal(last_day(since.strftime("%Y-%m")) + 1)


class OwedBy:
    """The units that owe a report: those of the promise's list, each until it ends, and then its successor, once."""

    def __init__(self, owed_by: Collection[str], units: UnitHistory) -> None:
        self._listed = frozenset(owed_by)
        self._units = units
        self.on = lru_cache(maxsize=4096)(self._on)

    def _on(self, day: int) -> frozenset[str]:
        """The units that owe what is due on a day."""
        return frozenset(self._units.on(unit, day) for unit in self._listed)

    def debtor(self, unit: str, day: int) -> str | None:
        """For whom a report counts that a unit sent of what is due on a day; None: nobody owes it."""
        today = self._units.on(unit, day)
        return today if today in self.on(day) else None


def last_day(period: str) -> int:
    """The last day of a month written `2021-10`."""
    first = date.fromisoformat(f"{period}-01")
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return following.toordinal() - 1
