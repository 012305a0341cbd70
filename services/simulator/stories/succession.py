"""Units that end, and the units that continue their work, as the plan names them (rule 17)."""

from collections.abc import Iterable

from services.domain.plan.plan import Unit
from services.domain.time.zone import Instant, Zone


class Succession:
    """Who a unit is at an instant. It reads the plan's units and asks nothing that judges."""

    def __init__(self, units: Iterable[Unit], zone: Zone) -> None:
        self._zone = zone
        known = {unit.id: unit for unit in units}
        self._known = tuple(known)
        self._passed_on: dict[str, tuple[int, str]] = {}
        """Unit → the first day on which another one is responsible, and that one."""
        self._ends = {unit.id: unit.effective_to.toordinal() + 1 for unit in known.values() if unit.effective_to}
        for unit in known.values():
            for ended in unit.successor_of:
                begins = unit.effective_from.toordinal() if unit.effective_from else None
                first = self._ends.get(ended, begins)
                if first is not None:
                    self._passed_on[ended] = (first, unit.id)
                    self._ends[ended] = first
        self.changes = sorted({zone.midnight(first) for first, _ in self._passed_on.values()})
        """The instants from which on a successor is responsible."""

    def at(self, unit: str, instant: Instant) -> str:
        """The unit itself or, once it has ended, the one that continues its work."""
        passed_on = self._passed_on.get(unit)
        while passed_on is not None and self._zone.midnight(passed_on[0]) <= instant:
            unit = passed_on[1]
            passed_on = self._passed_on.get(unit)
        return unit

    def names(self, unit: str, instant: Instant) -> frozenset[str]:
        """The units for which a source speaks at an instant that speaks for this one: those that are the same one by
        then."""
        if not self._passed_on:
            return frozenset((unit,))
        today = self.at(unit, instant)
        return frozenset({unit, *(each for each in self._known if self.at(each, instant) == today)})

    def has_ended(self, unit: str, instant: Instant) -> bool:
        """Whether the last day of a unit has passed."""
        first_after = self._ends.get(unit)
        return first_after is not None and self._zone.midnight(first_after) <= instant
