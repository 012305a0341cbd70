"""An event as one line of JSON, written fast: the simulator knows that its codes need no escaping."""

from collections.abc import Mapping
from typing import Any

import orjson

from services.domain.time.zone import DAY_US, Instant, Zone

_MINUTES = [f"T{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
_SECONDS = [f":{second:02}" for second in range(60)]


class Stamp:
    """RFC 3339 texts in the plan's zone, in whole seconds; remembers the days it has seen last."""

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


def line(
    stamp: Stamp,
    *,
    id: str,
    source: str,
    type: str,
    subject: str,
    time: Instant,
    recorded: Instant,
    received: Instant,
    data: Mapping[str, Any] | None,
    owner: str,
) -> bytes:
    """One structured CloudEvent without line end. `owner` is left out where it is the source itself."""
    caseowner = "" if owner == source else f',"caseowner":"{owner}"'
    about = f',"subject":"{subject}"' if subject else ""
    content = "" if data is None else f',"data":{orjson.dumps(data).decode()}'
    return (
        f'{{"specversion":"1.0","id":"{id}","source":"{source}","type":"{type}"{about}{caseowner}'
        f',"time":"{stamp(time)}","recordedat":"{stamp(recorded)}","receivedat":"{stamp(received)}"'
        f',"datacontenttype":"application/json"{content}}}'
    ).encode()
