"""Units that end: who continues the work of a unit, and from when on (rule 17)."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from services.domain.plan.plan import Unit
from services.domain.time.zone import Instant, Zone


class UnitHistory:
    """The ends and the successors of a plan's units. A unit without a successor stays what it is."""

    def __init__(self, units: Iterable[Unit], zone: Zone) -> None:
        self._zone = zone
        known = {unit.id: unit for unit in units}
        self._known = tuple(known)
        self.names = lru_cache(maxsize=4096)(self._names)
        self._next: dict[str, tuple[int, str]] = {}
        """Unit → (first day of its successor, as an ordinal; the successor)."""
        self._last = {unit.id: unit.effective_to.toordinal() for unit in known.values() if unit.effective_to}
        for unit in known.values():
            for before in unit.successor_of:
                first = first_day_after(known[before], unit) if before in known else None
                if first is not None:
                    self._next[before] = (first.toordinal(), unit.id)
                    self._last[before] = first.toordinal() - 1
        self.changes: tuple[Instant, ...] = tuple(sorted({zone.midnight(day) for day, _ in self._next.values()}))
        """The instants from which on a successor is responsible, ascending."""

    def on(self, unit: str, day: int) -> str:
        """Who a unit is on a day: itself or, once it has ended, its successor."""
        for _ in range(len(self._next)):  # `plan check` refuses circles; here one must not run for ever
            following = self._next.get(unit)
            if following is None or following[0] > day:
                break
            unit = following[1]
        return unit

    def at(self, unit: str, now: Instant) -> str:
        """The same at an instant."""
        return self.on(unit, self._zone.day(now)) if self._next else unit

    def _names(self, unit: str, day: int) -> frozenset[str]:
        """The units that are the same one by a day: a source that speaks for one of them speaks for all."""
        today = self.on(unit, day)
        return frozenset({unit, *(each for each in self._known if self.on(each, day) == today)})

    def names_at(self, unit: str, at: Instant) -> frozenset[str]:
        """The same at an instant."""
        return self.names(unit, self._zone.day(at) if self._next else 0)

    def has_ended(self, unit: str, now: Instant) -> bool:
        """Whether a unit's last day has passed."""
        last = self._last.get(unit)
        return last is not None and last < self._zone.day(now)


def first_day_after(ended: Unit, successor: Unit) -> date | None:
    """The first day on which a successor is responsible: the day after the unit's last one, else the successor's own
    first. None: neither is known."""
    if ended.effective_to is not None:
        return date.fromordinal(ended.effective_to.toordinal() + 1)
    return successor.effective_from
