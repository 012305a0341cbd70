"""Who is told what, once: changes are collected, wait for working hours, ask for silences, and go into the outbox.

The outbox is the only memory: what is in it has been told, everything else is worked out anew from the present state
of cards and alerts after a restart. So a record that comes twice, or a topic read again from its beginning, tells
nothing twice, and a crash between the two loses nothing.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from services.domain.zone import Instant
from services.notifier.journal import Journal
from services.notifier.subjects import Subject


class Noticed(StrEnum):
    """What a notice says of a subject."""

    RAISED = "raised"
    ENDED = "ended"


class AlertmanagerAway(Exception):
    """The Alertmanager does not answer."""


Suppressions = Callable[[str, Collection[str]], Mapping[str, list[str]]]
"""(unit, ids) → the ids that are suppressed, with what suppresses each. Raises AlertmanagerAway."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Real seconds."""

    collect: float = 0.5
    """How long changes of one group are collected into one notice."""
    ask_again: float = 10.0
    """How often it is asked whether a silence has ended."""
    patience: float = 10.0
    """How long a notice waits for an Alertmanager that does not answer; then it is delivered: rather told than not."""


@dataclass(slots=True)
class _Waiting:
    """The changes of one group that nobody has been told yet."""

    since: float
    subjects: dict[str, Subject] = field(default_factory=dict)
    ask_at: float = 0.0
    refused_since: float | None = None
    """Since when the Alertmanager has not answered."""


def is_news(subject: Subject, told: Collection[str]) -> bool:
    """Whether there is something to tell: it stands and its unit was not told, or it ended and somebody was."""
    return subject.unit not in told if subject.stands else bool(told)


class Delivery:
    """Not thread-safe: one thread reports and ticks."""

    def __init__(
        self,
        outbox: Journal,
        suppressions: Suppressions,
        may_tell: Callable[[str, Instant], bool],
        now: Callable[[], Instant],
        plan_text: Callable[[Instant], str],
        *,
        pace: Pace | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`may_tell`: whether a unit may be told now (working hours); `now`, `plan_text`: the plan's clock."""
        self._outbox = outbox
        self._suppressions = suppressions
        self._may_tell = may_tell
        self._now = now
        self._plan_text = plan_text
        self._pace = pace or Pace()
        self._seconds = seconds
        self._told: dict[str, set[str]] = {}
        """Subject → the units that know that it stands: a card may move from one to the next."""
        self._held: dict[str, set[str]] = {}
        """Subject → the units whose notice a silence or an inhibition held back, which is noted; when that ends and
        the subject stands, they are told."""
        self._waiting: dict[tuple[str, ...], _Waiting] = {}
        self._group_of: dict[str, tuple[str, ...]] = {}
        self.raised_at: dict[str, str] = {}
        """Subject → real time (RFC 3339) at which it was first told; where a mirrored card starts after a restart."""
        for notice in outbox.read:
            self._remember(notice)

    @property
    def waiting(self) -> int:
        """Groups that have not been told."""
        return len(self._waiting)

    def report(self, subject: Subject) -> None:
        """The present state of a subject, as often as one likes."""
        news = self._is_news(subject)
        if not news or self._group_of.get(subject.id) != subject.group:
            self._forget(subject.id)  # told again and again, a subject must not begin to wait anew
        if news:
            group = self._waiting.setdefault(subject.group, _Waiting(self._seconds()))
            group.subjects[subject.id] = subject
            self._group_of[subject.id] = subject.group

    def _is_news(self, subject: Subject) -> bool:
        return is_news(subject, self._told.get(subject.id, ()))

    def tick(self) -> None:
        """Writes every notice that is due."""
        now, seconds = self._now(), self._seconds()
        for group in list(self._waiting.values()):
            subjects = list(group.subjects.values())
            if seconds - group.since < self._pace.collect or seconds < group.ask_at:
                continue
            if all(subject.quiet for subject in subjects) or not self._may_tell(subjects[0].unit, now):
                continue
            self._tell(group, subjects, now, seconds)

    def _tell(self, group: _Waiting, subjects: list[Subject], now: Instant, seconds: float) -> None:
        held: Mapping[str, list[str]] = {}
        asked = True
        try:
            held = self._suppressions(subjects[0].unit, [one.id for one in subjects if one.stands])
        except AlertmanagerAway:
            if group.refused_since is None:
                group.refused_since = seconds
            if seconds - group.refused_since < self._pace.patience:
                return
            asked = False
        group.refused_since = None
        if held:
            group.ask_at = seconds + self._pace.ask_again
        new_held = [one for one in subjects if one.id in held and one.unit not in self._held.get(one.id, ())]
        tell = [one for one in subjects if one.id not in held]
        notices = []
        if any(not one.quiet for one in tell):
            notices.append(self._notice("delivered", tell, now) | ({} if asked else {"silences": "not asked"}))
        if new_held:
            by = {"by": sorted({name for one in new_held for name in held[one.id]})}
            notices.append(self._notice("suppressed", new_held, now) | by)
        if notices:
            self._outbox.append(*notices)
        for notice in notices:
            self._remember(notice)
        for subject in subjects:
            if not self._is_news(subject):
                self._forget(subject.id)

    def _notice(self, outcome: str, subjects: Iterable[Subject], now: Instant) -> dict[str, Any]:
        told = [
            {"id": one.id, "status": (Noticed.RAISED if one.stands else Noticed.ENDED).value, **one.told}
            for one in sorted(subjects, key=lambda one: one.id)
        ]
        unit = next(iter(subjects)).unit
        return {
            "outcome": outcome,
            "unit": unit,
            "plan_time": self._plan_text(now),
            "written_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "subjects": told,
        }

    def _remember(self, notice: Mapping[str, Any]) -> None:
        held = notice["outcome"] == "suppressed"
        for told in notice["subjects"]:
            id = told["id"]
            if told["status"] == Noticed.ENDED:
                for memory in (self._told, self._held, self.raised_at):
                    memory.pop(id, None)
                continue
            if id not in self._told:
                self.raised_at[id] = notice["written_at"]
            (self._held if held else self._told).setdefault(id, set()).add(notice["unit"])

    def _forget(self, id: str) -> None:
        """Takes a subject out of what waits; a group that becomes empty is gone."""
        key = self._group_of.pop(id, None)
        if key is not None:
            group = self._waiting[key]
            del group.subjects[id]
            if not group.subjects:
                del self._waiting[key]
