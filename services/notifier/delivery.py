"""What is delivered to whom, once: changes are collected, wait for opening hours (pages do not), ask for silences, and
go into the outbox.

A subject (a card of one level, an alert) has two states that matter: what its notices say, which is what the outbox
holds, and what is so now, which is what was reported last. Whatever differs is due:

| in the outbox | now | due |
|---|---|---|
| nothing, or no notice to this unit | active | a notice to its unit |
| a notice, and no end | over | its end, once: to its unit, or, if that one has no notice, to the last one that has |
| anything else | | nothing |

So what began and ended before its notice was due is never delivered, and whatever was delivered ends. The outbox is the
only memory: after a restart everything is worked out anew from the present state of cards and alerts. A record that
comes twice, or a topic read again from its beginning, delivers nothing twice, and a crash loses nothing.

A yellow card that turned red ends in the notice of the red one. If that one is over before its notice was due, the end
of the yellow card is delivered by itself and says when the red one was raised and cleared, and why. If no such red card
is known, it waits a while for one.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from services.domain.results.published import Card
from services.domain.time.zone import Instant
from services.notifier.journal import Journal
from services.notifier.notice_subject import Alert, Subject, Told, alert_of, card_of

log = logging.getLogger(__name__)


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
    replacement: float = 60.0
    """How long the end of a yellow card waits for a red card that is not known: both are published together."""


@dataclass(slots=True)
class _Waiting:
    """The changes of one group that are due."""

    since: float
    subjects: dict[str, Subject] = field(default_factory=dict)
    ask_at: float = 0.0
    refused_since: float | None = None
    """Since when the Alertmanager has not answered."""


@dataclass(slots=True)
class _Delivered:
    """What the outbox says of a subject that is active by its notices."""

    told: Told
    """What the last notice said about it."""
    units: dict[str, None] = field(default_factory=dict)
    """Who has a notice, in that order: a card may move from one unit to the next."""

    @property
    def last_unit(self) -> str:
        return next(reversed(self.units))


_Group = tuple[str, ...]


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
        self._delivered: dict[str, _Delivered] = {}
        """Subject → what was delivered, until its end is."""
        self._held: dict[str, set[str]] = {}
        """Subject → the units whose notice a silence or an inhibition held back, which is noted; when that ends and
        the subject is active, they get it."""
        self._over: dict[str, Subject] = {}
        """Yellow card of which a notice was delivered → its red card, which is over."""
        self._waiting: dict[_Group, _Waiting] = {}
        self._group_of: dict[str, _Group] = {}
        self._due_since: dict[str, float] = {}
        self.raised_at: dict[str, str] = {}
        """Subject → real time (RFC 3339) of its first notice; where a mirrored card starts after a restart."""
        for number, notice in enumerate(outbox.read, start=1):
            try:
                self._remember(notice)
            except (KeyError, TypeError, ValueError, AttributeError):
                log.warning("record %d of the outbox is no notice: passed over", number)

    @property
    def waiting(self) -> int:
        """Groups of which something is due."""
        return len(self._waiting)

    def cards(self) -> list[Card]:
        """The cards that are active by their notices."""
        found = []
        for delivered in self._delivered.values():
            try:
                found.append(card_of(delivered.told))
            except (KeyError, TypeError, ValueError):
                continue  # an alert
        return found

    def alerts(self) -> list[Alert]:
        """The alerts that are active by their notices."""
        found = (alert_of(id, delivered.told) for id, delivered in self._delivered.items())
        return [alert for alert in found if alert is not None]

    def report(self, subject: Subject) -> None:
        """The present state of a subject, as often as one likes."""
        if subject.stands:
            self._over.pop(subject.replaces, None)
        elif subject.replaces in self._delivered:
            self._over[subject.replaces] = subject
        due = self._due(subject)
        group = (due.unit, *due.group) if due else None
        if self._group_of.get(subject.id) != group:
            self._forget(subject.id)
        if due and group:
            # reported again and again, a subject must not begin to wait anew
            self._waiting.setdefault(group, _Waiting(self._seconds())).subjects[subject.id] = due
            self._group_of[subject.id] = group
            self._due_since.setdefault(subject.id, self._seconds())

    def _due(self, subject: Subject) -> Subject | None:
        """What differs from the notices, with the unit that it is for; None if nothing does."""
        delivered = self._delivered.get(subject.id)
        if subject.stands:
            return None if delivered and subject.unit in delivered.units else subject
        if delivered is None:
            return None
        told = subject.told if subject.unit else {**delivered.told, **subject.told}
        unit = subject.unit if subject.unit in delivered.units else delivered.last_unit
        return replace(subject, unit=unit, told=told)

    def tick(self) -> None:
        """Writes every notice that is due. Raises OSError if the outbox cannot be written; nothing is lost then."""
        now, seconds = self._now(), self._seconds()
        for group in list(self._waiting.values()):
            if seconds - group.since < self._pace.collect or seconds < group.ask_at:
                continue
            subjects = [one for one in group.subjects.values() if self._may_go(one, seconds)]
            if not subjects:
                continue
            if any(subject.urgent for subject in subjects) or self._may_tell(subjects[0].unit, now):
                self._tell(group, subjects, now, seconds)

    def _may_go(self, subject: Subject, seconds: float) -> bool:
        """Whether everything is known that belongs into a notice with it."""
        red = subject.replaced_by
        if not red or red in self._delivered or red in self._group_of or self._red_before(subject):
            return True
        return seconds - self._due_since[subject.id] >= self._pace.replacement

    def _red_before(self, yellow: Subject) -> Subject | None:
        """The red card into which a yellow one turned, if it is over by now."""
        red = self._over.get(yellow.id)
        if red is None or str(red.told.get("raised_at", "")) < str(yellow.told.get("cleared_at", "")):
            return None  # one of an earlier time
        return red

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
        free = [one for one in subjects if one.id not in held and one.replaced_by not in held]
        notices = []
        if free:
            notices.append(self._notice("delivered", free, now) | ({} if asked else {"silences": "not asked"}))
        if new_held:
            by = {"by": sorted({name for one in new_held for name in held[one.id]})}
            notices.append(self._notice("suppressed", new_held, now) | by)
        if notices:
            self._outbox.append(*notices)
        for notice in notices:
            self._remember(notice)
        for subject in free:
            self._forget(subject.id)

    def _notice(self, outcome: str, subjects: Iterable[Subject], now: Instant) -> dict[str, Any]:
        told = [
            # the last two are ours, whatever labels an alert has
            {**self._told_of(one), "id": one.id, "status": (Noticed.RAISED if one.stands else Noticed.ENDED).value}
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

    def _told_of(self, subject: Subject) -> Told:
        red = self._red_before(subject) if subject.replaced_by else None
        if red is None or red.id in self._delivered:
            return subject.told
        past = {f"red_{name}": red.told.get(name, "") for name in ("raised_at", "cleared_at", "reason")}
        return {**subject.told, **past}

    def _remember(self, notice: Mapping[str, Any]) -> None:
        held = notice["outcome"] == "suppressed"
        unit, written_at = notice["unit"], notice["written_at"]
        for told in notice["subjects"]:
            id, status = told["id"], Noticed(told["status"])
            if not all(isinstance(text, str) for text in (unit, written_at, id)):
                raise TypeError("no notice")
            if status is Noticed.ENDED:
                for memory in (self._delivered, self._held, self.raised_at, self._over):
                    memory.pop(id, None)
                continue
            if id not in self._delivered:
                self.raised_at[id] = written_at
            if held:
                self._held.setdefault(id, set()).add(unit)
            else:
                delivered = self._delivered.setdefault(id, _Delivered({}))
                delivered.told = {name: value for name, value in told.items() if name not in ("id", "status")}
                delivered.units[unit] = None

    def _forget(self, id: str) -> None:
        """Takes a subject out of what waits; a group that becomes empty is gone."""
        self._due_since.pop(id, None)
        key = self._group_of.pop(id, None)
        if key is not None:
            group = self._waiting[key]
            del group.subjects[id]
            if not group.subjects:
                del self._waiting[key]
