"""The lists of `district.toml` as entries, with the changes of each over the days."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from services.domain.plan.plan import Plan

HORIZON = 400
"""Days after the start for which changes are made; entries then stay as they are."""
_GOLDEN = 0.6180339887498949

Changes = dict[int, dict[str, Any] | None]
"""Days after the start → the attributes from then on; None: the entry is removed."""


class Listed(NamedTuple):
    """An entry and its changes."""

    collection: str
    subject: str
    unit: str
    source: str
    changes: Changes


def listed_entries(table: Mapping[str, Any], plan: Plan, seed: int) -> Iterator[Listed]:
    """The entries of one `[[register]]`, those whose unit and source the plan has."""
    columns = {name: _expanded(value, plan) for name, value in table["attributes"].items()}
    count = table.get("entries") or max(len(value) for value in columns.values() if isinstance(value, list))
    for n in range(count - table.get("unreported", 0)):
        yield from _NthEntry(table, columns, n, seed).listed(plan)


def _expanded(value: Any, plan: Plan) -> Any:
    """A list of the plan in place of its name."""
    if isinstance(value, str) and value.startswith("list:"):
        return list(plan.lists.get(value.removeprefix("list:"), ()))
    return value


@dataclass(frozen=True)
class _NthEntry:
    """The n-th entry of a `[[register]]`."""

    table: Mapping[str, Any]
    columns: Mapping[str, Any]
    n: int
    seed: int

    def listed(self, plan: Plan) -> Iterator[Listed]:
        """The entry; of a list with platforms, one on each."""
        collection, unit, changes = self.table["collection"], self._unit(), self._changes()
        platforms = self.table.get("platforms", {"": _source(plan, collection, unit)})
        for platform, source in platforms.items():
            if unit not in plan.units or source not in plan.sources:
                continue
            subject = f"{collection}-{self.n:04}"
            if platform:
                yield Listed(collection, f"{subject}-{platform}", unit, source, self._copied(changes, platform))
            else:
                yield Listed(collection, subject, unit, source, changes)

    def _unit(self) -> str:
        units = self.table["units"]
        if units == "code":
            codes = self.columns["code"]
            return str(codes[self.n % len(codes)]).partition(".")[0]
        return str(units[self.n % len(units)])

    def _random(self, *purpose: str) -> Random:
        return Random("/".join((str(self.seed), self.table["collection"], str(self.n), *purpose)))

    def _changes(self) -> Changes:
        """The attributes from each day on at which one of them changes."""
        rng, constant = self._random(), dict[str, Any]()
        flags: dict[int, dict[str, bool]] = {0: {}}
        for name, value in self.columns.items():
            if isinstance(value, dict) and "from" in value:
                for day, flag in self._flag(value, rng):
                    flags.setdefault(day, {})[name] = flag
            else:
                constant[name] = self._constant(value, rng)
        changes: Changes = {}
        attributes = constant
        for day in sorted(flags):
            changes[day] = attributes = {**attributes, **flags[day]}
        if rng.random() < self.table.get("retires", 0.0):
            removed = 10 + rng.randrange(120)
            changes = {day: attributes for day, attributes in changes.items() if day < removed}
            changes[removed] = None
        return changes

    def _constant(self, value: Any, rng: Random) -> Any:
        """The value of an attribute that does not change."""
        if isinstance(value, dict):
            return rng.randint(value["least"], value["most"])
        if isinstance(value, list):
            return value[self.n % len(value)]
        return value.format(n=self.n) if isinstance(value, str) else value

    def _flag(self, growth: Mapping[str, float], rng: Random) -> Iterator[tuple[int, bool]]:
        """When a flag changes: entries get it one after the other, evenly spread; some lose it again for some days."""
        rank = (self.n + 1) * _GOLDEN % 1.0
        yield 0, rank < growth["from"]
        if growth["from"] <= rank < growth["to"]:
            day = 1 + int(growth["within"] * (rank - growth["from"]) / (growth["to"] - growth["from"]))
            yield day, True
        elif rank < growth["from"] and rng.random() < self.table.get("falls", 0.0):
            lost = 20 + rng.randrange(100)
            yield lost, False
            yield lost + 5 + rng.randrange(20), True

    def _copied(self, changes: Changes, platform: str) -> Changes:
        """The entry on one platform: the master is renewed now and then, a copy follows some days later, or never."""
        master = next(iter(self.table["platforms"]))
        renewals, delays = self._random("renewals"), self._random(platform)
        first = {**(changes[0] or {}), "platform": platform, "version": "v1"}
        found: Changes = {0: first}
        day, version, last = 0, 1, 0
        while True:
            day += 1 + int(renewals.expovariate(1.0) * self.table["renewed_every"])
            version += 1
            if day >= HORIZON:
                return found
            if platform == master:
                found[day] = {**first, "version": f"v{version}"}
            elif delays.random() >= self.table["forgets"]:
                last = max(last + 1, day + 1 + delays.randrange(4))
                found[last] = {**first, "version": f"v{version}"}


def _source(plan: Plan, collection: str, unit: str) -> str:
    """The source that reports an entry: the unit itself if it feeds the list, else another that does; empty if none."""
    feeding = [source for source in plan.sources.values() if collection in source.feeds]
    own = [source for source in feeding if source.id == f"/units/{unit}"]
    return next((source.id for source in own + feeding if unit in source.units or "*" in source.units), "")
