"""An event as one line of JSON. It is written fast: none of the simulator's codes needs escaping."""

from typing import Any, NamedTuple

import orjson

from services.domain.intake.facts import case_key
from services.domain.time.zone import DAY_US, Instant, Zone
from services.simulator.stories.event import Data, SimulatedEvent

_MINUTES = [f"T{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
_SECONDS = [f":{second:02}" for second in range(60)]


class Stamp:
    """RFC 3339 texts in the plan's zone, in whole seconds. It caches the days that it has seen last."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._days: dict[int, tuple[Instant, str, str]] = {}

    def __call__(self, instant: Instant) -> str:
        zone = self._zone
        day = zone.day(instant)
        if day in zone.irregular_days or instant % 1_000_000:
            return zone.text(instant)
        known = self._days.get(day)
        if known is None:
            if len(self._days) > 1_000:
                self._days.clear()
            text = zone.text(zone.midnight(day))
            known = self._days[day] = (zone.midnight(day), text[:10], text[19:])
        midnight, date, offset = known
        minute, second = divmod((instant - midnight) % DAY_US // 1_000_000, 60)
        return f"{date}{_MINUTES[minute]}{_SECONDS[second]}{offset}"


class Subject(NamedTuple):
    """What an event is about: a case, a list entry, a duty or a figure of an owner."""

    owner: str
    name: str

    @property
    def key(self) -> str:
        """The key of its events."""
        return case_key(self.owner, self.name)


def event_line(stamp: Stamp, event: SimulatedEvent, subject: Subject, received: Instant) -> bytes:
    """One structured CloudEvent without line end. `caseowner` is left out if it is the source itself."""
    reported_time = event.time if event.first_reported_time is None else event.first_reported_time
    caseowner = "" if subject.owner == event.source else f',"caseowner":"{subject.owner}"'
    about = f',"subject":"{subject.name}"' if subject.name else ""
    content = "" if event.data is None else f',"data":{orjson.dumps(_data(stamp, event.data, subject)).decode()}'
    return (
        f'{{"specversion":"1.0","id":"{event.id}","source":"{event.source}","type":"{event.type}"{about}{caseowner}'
        f',"time":"{stamp(reported_time)}","recordedat":"{stamp(event.recorded)}","receivedat":"{stamp(received)}"'
        f',"datacontenttype":"application/json"{content}}}'
    ).encode()


def _data(stamp: Stamp, data: Data, subject: Subject) -> Data:
    """The data of an event; in a correction, the corrected event is written out."""
    corrected = data.get("event")
    if not isinstance(corrected, SimulatedEvent):
        return {**data, "through": stamp(data["through"])} if "through" in data else data
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": corrected.id,
        "source": corrected.source,
        "type": corrected.type,
        "subject": subject.name,
        "time": stamp(corrected.time),
        "recordedat": stamp(corrected.recorded),
        "datacontenttype": "application/json",
        "data": corrected.data,
    }
    if subject.owner != corrected.source:
        event["caseowner"] = subject.owner
    return {"of": data["of"], "event": event}
