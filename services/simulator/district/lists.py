"""The lists of `district.toml` as entries with their lives: what each is on which day after the start."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

from services.domain.plan.plan import Plan

HORIZON = 400
"""Days after the start for which lives are made up; what is on a list then stays as it is."""
_GOLDEN = 0.6180339887498949


class Listed(NamedTuple):
    """An entry, and what becomes of it."""

    collection: str
    subject: str
    unit: str
    source: str
    changes: Mapping[int, Mapping[str, Any] | None]
    """Days after the start → its attributes from then on; None: it is struck off."""


def listed_entries(table: Mapping[str, Any], plan: Plan, seed: int) -> Iterator[Listed]:
    """The entries of one `[[register]]`, those whose unit and source the plan has."""
    columns = {name: _expanded(value, plan) for name, value in table["attributes"].items()}
    count = table.get("entries") or max(len(value) for value in columns.values() if isinstance(value, list))
    for n in range(count - table.get("untold", 0)):
        rng = Random(f"{seed}/{table['collection']}/{n}")
        unit = _unit(table["units"], columns, n)
        lives = _lives(table, columns, n, rng)
        platforms = table.get("platforms", {"": _source(plan, table["collection"], unit)})
        for platform, source in platforms.items():
            if unit in plan.units and source in plan.sources:
                changes = _published(table, lives, platform, n, seed) if platform else lives
                subject = f"{table['collection']}-{n:04}{f'-{platform}' if platform else ''}"
                yield Listed(table["collection"], subject, unit, source, changes)


def _expanded(value: Any, plan: Plan) -> Any:
    """A list of the plan in place of its name."""
    if isinstance(value, str) and value.startswith("list:"):
        return list(plan.lists.get(value.removeprefix("list:"), ()))
    return value


def _unit(units: str | list[str], columns: Mapping[str, Any], n: int) -> str:
    if units == "code":
        return str(columns["code"][n % len(columns["code"])]).partition(".")[0]
    return str(units[n % len(units)])


def _source(plan: Plan, collection: str, unit: str) -> str:
    """Who tells of it: the unit itself, if it is one of those who tell of the list."""
    feeding = [source for source in plan.sources.values() if collection in source.feeds]
    own = [source for source in feeding if source.id == f"/units/{unit}"]
    return next((source.id for source in own + feeding if unit in source.units or "*" in source.units), "")


def _lives(table: Mapping[str, Any], columns: Mapping[str, Any], n: int, rng: Random) -> dict[int, Any]:
    """The attributes of an entry from each day on at which one of them changes."""
    fixed: dict[str, Any] = {}
    turns: dict[int, dict[str, bool]] = {0: {}}
    for name, value in columns.items():
        if isinstance(value, dict) and "from" in value:
            for day, flag in _flag(value, table.get("falls", 0.0), n, rng):
                turns.setdefault(day, {})[name] = flag
        elif isinstance(value, dict):
            fixed[name] = rng.randint(value["least"], value["most"])
        elif isinstance(value, list):
            fixed[name] = value[n % len(value)]
        else:
            fixed[name] = value.format(n=n) if isinstance(value, str) else value
    life: dict[int, Any] = {}
    state = fixed
    for day in sorted(turns):
        state = {**state, **turns[day]}
        life[day] = state
    if rng.random() < table.get("retires", 0.0):
        gone = 10 + rng.randrange(120)
        life = {day: state for day, state in life.items() if day < gone}
        life[gone] = None
    return life


def _flag(growth: Mapping[str, float], falls: float, n: int, rng: Random) -> Iterator[tuple[int, bool]]:
    """When a flag turns: the entries get it one after the other, spread evenly; some lose it again for some days."""
    rank = (n + 1) * _GOLDEN % 1.0
    yield 0, rank < growth["from"]
    if growth["from"] <= rank < growth["to"]:
        turn = 1 + int(growth["within"] * (rank - growth["from"]) / (growth["to"] - growth["from"]))
        yield turn, True
    elif rank < growth["from"] and rng.random() < falls:
        lost = 20 + rng.randrange(100)
        yield lost, False
        yield lost + 5 + rng.randrange(20), True


def _published(table: Mapping[str, Any], life: Mapping[int, Any], platform: str, n: int, seed: int) -> dict[int, Any]:
    """The same entry on one platform: the master is renewed now and then, a copy follows some days later, or never."""
    master = next(iter(table["platforms"]))
    renewals = Random(f"{seed}/{table['collection']}/{n}/renewals")
    delays = Random(f"{seed}/{table['collection']}/{n}/{platform}")
    found = {0: {**life[0], "platform": platform, "version": "v1"}}
    day, version, last = 0, 1, 0
    while True:
        day += 1 + int(renewals.expovariate(1.0) * table["renewed_every"])
        version += 1
        if day >= HORIZON:
            return found
        if platform == master:
            found[day] = {**found[0], "version": f"v{version}"}
        elif delays.random() >= table["forgets"]:
            last = max(last + 1, day + 1 + delays.randrange(4))
            found[last] = {**found[0], "version": f"v{version}"}
