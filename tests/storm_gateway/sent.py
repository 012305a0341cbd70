"""What a storm over the ways in sends: the events of an invented district of the last weeks, by source."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import orjson

from services.catalog.load.calendars import calendar_of
from services.domain.plan.plan import Plan
from services.domain.plan.statutory_time import Law
from services.simulator.district.profile import parse_faults, profile
from services.simulator.simulation import Simulation

_EVENTS_A_CASE: Final = 4
_MOST_DAYS: Final = 40
BY_INBOX: Final = ("/units/district-government-services", "/units/district-finance", "/units/liangjiang-water")
"""These sources send by their inbox, the others over HTTP."""

BAD_EVERY: Final = 40
"""One of so many events has an attribute that the contract does not know."""


class Line(NamedTuple):
    """An event, as its source sends it."""

    source: str
    text: str


def lines(plan: Plan, number: int, seed: int) -> list[Line]:
    """So many events in order of arrival, some of them bad, and some of them twice. They end yesterday."""
    days = max(3, min(_MOST_DAYS, number // 500))
    district = profile("district").at_volume(number / days / _EVENTS_A_CASE)
    start = datetime.now(UTC).date() - timedelta(days=days + 1)
    simulation = Simulation(Law(plan, calendar_of(plan)), district, seed, start, days, faults=parse_faults("all"))
    found: list[Line] = []
    for event in simulation.events():
        try:
            fields = orjson.loads(event.line)
            fields.pop("receivedat", None)
        except (ValueError, AttributeError):
            continue  # no event: it has no source that sends it
        if fields.get("source") in plan.sources:
            bad = {"colour": "red"} if len(found) % BAD_EVERY == BAD_EVERY - 1 else {}
            found.append(Line(fields["source"], orjson.dumps(fields | bad).decode()))
            if len(found) == number:
                break
    return found


def requests(events: Sequence[Line], size: int) -> Iterator[tuple[str, list[str]]]:
    """(source, events): in order of arrival, so many events of a source together, and the rest in the end."""
    waiting: dict[str, list[str]] = {}
    for source, text in events:
        mine = waiting.setdefault(source, [])
        mine.append(text)
        if len(mine) == size:
            yield source, waiting.pop(source)
    yield from waiting.items()
