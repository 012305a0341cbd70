"""Which briefings are to be sent: those whose day and hour have come and that were not sent yet.

What was sent is kept in a file, so that a start finds it. A day on which nothing ran is caught up.
"""

import json
from datetime import date
from pathlib import Path
from typing import Final

from services.briefing.period import Period, Span, span_sent_on
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Instant, Zone
from services.runtime.atomic_file import replace_file

LONGEST_DAYS: Final = 31
"""What could not be sent for so many days is given up."""
_FORGOTTEN_DAYS: Final = 2 * LONGEST_DAYS
"""What was sent so long ago is not kept: it can not become due again."""
_MINUTE_US: Final = 60_000_000


class Schedule:
    """The briefings of a plan. Not thread-safe."""

    def __init__(self, file: Path, calendar: WorkingCalendar, zone: Zone, minutes: int) -> None:
        """`file`: what was sent; made at the first question. `minutes`: of the local day, from which on it is sent.
        Raises ValueError where the file is something else."""
        self._file = file
        self._calendar = calendar
        self._zone = zone
        self._minutes = minutes
        self._since: int | None = None
        """The first day whose briefings are sent. At the very first start it is that day: none of before is sent."""
        self._sent: dict[str, str] = {}
        """Name of a span → when it was sent; empty: nobody was to get it."""
        if file.exists():
            self._since, self._sent = _read(file)

    def waiting(self, now: Instant) -> list[Span]:
        """What is to be sent now, the oldest first. Raises OSError."""
        day = self._zone.day(now)
        if self._since is None or self._since > day:  # the clock was ahead: else nothing would be sent until then
            self._since = day
            self._write()
        last = day if now >= self._zone.midnight(day) + self._minutes * _MINUTE_US else day - 1
        days = range(max(self._since, day - LONGEST_DAYS), last + 1)
        found = (span_sent_on(period, each, self._calendar) for each in days for period in Period)
        return [span for span in found if span is not None and span.name not in self._sent]

    def note_sent(self, span: Span, now: Instant, *, to_nobody: bool = False) -> None:
        """Everybody has it who is to have it. It is on the disk when this returns. Raises OSError."""
        oldest = self._zone.day(now) - _FORGOTTEN_DAYS
        kept = {name: at for name, at in self._sent.items() if date.fromisoformat(name[-10:]).toordinal() >= oldest}
        self._sent = kept | {span.name: "" if to_nobody else self._zone.text(now)}
        self._write()

    def last_sent(self) -> dict[Period, Instant]:
        """When the latest of each period was sent."""
        found: dict[Period, Instant] = {}
        for name, at in self._sent.items():
            if at:
                period = Period(name.partition("-")[0])
                found[period] = max(read(at), found.get(period, 0))
        return found

    def _write(self) -> None:
        since = date.fromordinal(self._since or 1).isoformat()
        replace_file(self._file, json.dumps({"since": since, "sent": self._sent}, indent=1), durable=True)


def _read(file: Path) -> tuple[int, dict[str, str]]:
    try:
        content = json.loads(file.read_bytes())
        since, sent = date.fromisoformat(content["since"]).toordinal(), dict(content["sent"])
        for name, at in sent.items():
            Period(name[:-11])
            date.fromisoformat(name[-10:])
            if at:
                read(at)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"{file}: it does not say which briefings were sent. Remove it: then only what is due from today on is sent"
        ) from None
    return since, sent
