"""What is delivered to whom, once: changes are collected, wait for opening hours (pages do not), and are delivered if
no silence holds them back.

A subject (a card of one level, or an alert) has two states that matter: what its notices say, which is what the outbox
holds, and its present state, which is what was reported last. A difference between the two is due:

| in the outbox | now | due |
|---|---|---|
| nothing, or no notice to this unit | active | a notice to its unit |
| a notice, and no end | over | its end, once: to its unit, or, if that one has no notice, to the last one that has |
| anything else | | nothing |

So what began and ended before its notice was due is never delivered, and whatever was delivered ends. The outbox is the
only memory: after a restart everything is computed again from the present state of cards and alerts. A record that
comes twice, or a topic read again from its beginning, delivers nothing twice, and a crash loses nothing.

A unit with a channel of its own gets its notices there first; then they are in the outbox. While only the outbox fails,
they wait for it in memory, and the unit does not get them again.

A yellow card that turned red ends in the notice of the red one. If that one is over before its notice was due, the end
of the yellow card is delivered by itself and says when the red one was raised and cleared, and why. If no such red card
is known, it waits a while for one.
"""

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from services.domain.time.zone import Instant
from services.notifier.channels.file import FileChannel
from services.notifier.channels.port import Channel, Notice
from services.notifier.ledger import DELIVERED, SUPPRESSED, Ledger, NoticeStatus
from services.notifier.notice_subject import Content, Subject


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
    """How long a notice waits for an Alertmanager that does not answer; then it is delivered: a notice too many is
    better than one too few."""
    try_again: float = 1.0
    """When a notice is tried again that could not be delivered."""
    replacement: float = 60.0
    """How long the end of a yellow card waits for a red card that is not known: both are published together."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The plan's time, and the real one."""

    now: Callable[[], Instant]
    """The plan's."""
    is_open: Callable[[str, Instant], bool]
    """(unit, now) → whether the unit works."""
    plan_text: Callable[[Instant], str]
    seconds: Callable[[], float] = time.monotonic
    """Real ones, from any start."""


@dataclass(slots=True)
class _Waiting:
    """The changes of one group that are due."""

    since: float
    subjects: dict[str, Subject] = field(default_factory=dict)
    ask_at: float = 0.0
    away_since: float | None = None
    """Since when the Alertmanager has not answered."""


_Group = tuple[str, ...]
"""A unit and what its subjects have in common."""
_Suppressed = Mapping[str, list[str]]
"""Subject → what suppresses it."""


class Delivery:
    """Not thread-safe: one thread reports and ticks."""

    def __init__(
        self,
        outbox: FileChannel,
        channels: Mapping[str, Channel],
        suppressions: Suppressions,
        clocks: Clocks,
        pace: Pace | None = None,
    ) -> None:
        """`channels`: unit → its own channel, where it has one."""
        self._outbox = outbox
        self._channels = channels
        self._suppressions = suppressions
        self._clocks = clocks
        self._pace = pace or Pace()
        self.ledger = Ledger(outbox.read)
        self._not_in_outbox: list[Notice] = []
        """What a channel has delivered, or what is to be noted only, in order, while the outbox cannot be written."""
        self._over: dict[str, Subject] = {}
        """Yellow card of which a notice was delivered → its red card, which is over."""
        self._waiting: dict[_Group, _Waiting] = {}
        self._group_of: dict[str, _Group] = {}
        self._due_since: dict[str, float] = {}

    @property
    def waiting(self) -> int:
        """Groups of which something is due."""
        return len(self._waiting)

    # ---- what is due ---------------------------------------------------------------------------------
    def report(self, subject: Subject) -> None:
        """The present state of a subject; it may be reported any number of times."""
        if subject.active:
            self._over.pop(subject.replaces, None)
        elif subject.replaces in self.ledger.delivered:
            self._over[subject.replaces] = subject
        due = self._due(subject)
        group = (due.unit, *due.group) if due else None
        if self._group_of.get(subject.id) != group:
            self._forget(subject.id)
        if due and group:
            # a subject that is reported again and again must not begin to wait anew
            self._waiting.setdefault(group, _Waiting(self._clocks.seconds())).subjects[subject.id] = due
            self._group_of[subject.id] = group
            self._due_since.setdefault(subject.id, self._clocks.seconds())

    def _due(self, subject: Subject) -> Subject | None:
        """What differs from the notices, with the unit that it is for; None if nothing does."""
        if subject.active:
            return None if self.ledger.has_notice(subject) else subject
        delivered = self.ledger.delivered.get(subject.id)
        if delivered is None:
            return None
        content = subject.content if subject.unit else {**delivered.content, **subject.content}
        unit = subject.unit if subject.unit in delivered.units else delivered.last_unit
        return replace(subject, unit=unit, content=content)

    def _forget(self, id: str) -> None:
        """Take a subject out of what waits; a group that becomes empty is removed."""
        self._due_since.pop(id, None)
        key = self._group_of.pop(id, None)
        if key is not None:
            group = self._waiting[key]
            del group.subjects[id]
            if not group.subjects:
                del self._waiting[key]

    # ---- delivering ----------------------------------------------------------------------------------
    def tick(self) -> None:
        """Deliver every notice that is due. Raises OSError if one could not be delivered, once the others were; it is
        not lost."""
        now, failed = self._clocks.now(), None
        for group in list(self._waiting.values()):
            try:
                self._look_at(group, now)
            except OSError as error:
                group.ask_at = self._clocks.seconds() + self._pace.try_again
                failed = failed or error
        if failed is not None:
            raise failed
        self._to_outbox([])

    def _look_at(self, group: _Waiting, now: Instant) -> None:
        seconds = self._clocks.seconds()
        if seconds - group.since < self._pace.collect or seconds < group.ask_at:
            return
        subjects = [one for one in group.subjects.values() if self._is_complete(one, seconds)]
        if not subjects:
            return
        if any(subject.urgent for subject in subjects) or self._clocks.is_open(subjects[0].unit, now):
            self._deliver(group, subjects, now)

    def _is_complete(self, subject: Subject, seconds: float) -> bool:
        """Whether everything is known that belongs into a notice with it."""
        red = subject.replaced_by
        if not red or red in self.ledger.delivered or red in self._group_of or self._red_before(subject):
            return True
        return seconds - self._due_since[subject.id] >= self._pace.replacement

    def _red_before(self, yellow: Subject) -> Subject | None:
        """The red card into which a yellow one turned, if it is over by now."""
        red = self._over.get(yellow.id)
        if red is None or str(red.content.get("raised_at", "")) < str(yellow.content.get("cleared_at", "")):
            return None  # a red card of an earlier time
        return red

    def _deliver(self, group: _Waiting, subjects: list[Subject], now: Instant) -> None:
        """Write the notices of a group: one that is delivered, and one that notes what is held back."""
        suppressed, asked = self._ask(group, subjects)
        if suppressed is None:
            return
        free = [one for one in subjects if not (one.id in suppressed or one.replaced_by in suppressed)]
        delivered = self._delivered_notices(free, asked, now)
        noted = self._suppressed_notices(subjects, suppressed, now)
        self._write(subjects[0].unit, delivered, noted)
        for subject in free:
            self._forget(subject.id)
            if not subject.active:
                self._over.pop(subject.id, None)

    def _delivered_notices(self, free: list[Subject], asked: bool, now: Instant) -> list[Notice]:
        """The notice of what is not held back. `asked`: whether the Alertmanager answered."""
        if not free:
            return []
        return [self._notice(DELIVERED, free, now) | ({} if asked else {"silences": "not asked"})]

    def _suppressed_notices(self, subjects: list[Subject], suppressed: _Suppressed, now: Instant) -> list[Notice]:
        """The notice of what is held back, and by what; nothing if that is noted already."""
        held = [one for one in subjects if one.id in suppressed and not self.ledger.is_held(one)]
        if not held:
            return []
        by = sorted({name for one in held for name in suppressed[one.id]})
        return [self._notice(SUPPRESSED, held, now) | {"by": by}]

    def _write(self, unit: str, delivered: Sequence[Notice], noted: Sequence[Notice]) -> None:
        """Deliver notices to a unit, and write them to the outbox with those that only note what is held back. Raises
        OSError if the unit did not get them."""
        channel = self._channels.get(unit)
        if channel is None or not delivered:
            self._to_outbox([*delivered, *noted])
            return
        try:
            channel.deliver(delivered)
        except OSError:
            self._note(noted)
            raise
        self._note([*delivered, *noted])

    def _note(self, notices: Sequence[Notice]) -> None:
        """These notices count from now on; they are in the outbox as soon as it can be written."""
        self._not_in_outbox += notices
        for notice in notices:
            self.ledger.note(notice)
        with contextlib.suppress(OSError):  # `tick` tries again, and raises it
            self._to_outbox([])

    def _to_outbox(self, notices: Sequence[Notice]) -> None:
        """Write notices, behind those that wait for it. Raises OSError; then none of them counts as delivered."""
        if self._not_in_outbox or notices:
            self._outbox.deliver([*self._not_in_outbox, *notices])
            self._not_in_outbox = []
        for notice in notices:
            self.ledger.note(notice)

    def _ask(self, group: _Waiting, subjects: list[Subject]) -> tuple[_Suppressed | None, bool]:
        """What is suppressed, and whether the Alertmanager answered. None: the group waits for its answer."""
        seconds = self._clocks.seconds()
        try:
            suppressed = self._suppressed(subjects)
        except AlertmanagerAway:
            if group.away_since is None:
                group.away_since = seconds
            if seconds - group.away_since < self._pace.patience:
                return None, False
            group.away_since = None
            return {}, False
        group.away_since = None
        if suppressed:
            group.ask_at = seconds + self._pace.ask_again
        return suppressed, True

    def _suppressed(self, subjects: list[Subject]) -> _Suppressed:
        """What is suppressed of these. They may name other units than the one that gets the notice: those that it
        continues."""
        active = [one for one in subjects if one.active]
        found: dict[str, list[str]] = {}
        for unit in sorted({str(one.content.get("unit", one.unit)) for one in active}):
            found |= self._suppressions(unit, [one.id for one in active])
        return found

    def _notice(self, outcome: str, subjects: Iterable[Subject], now: Instant) -> dict[str, Any]:
        contents = [
            # the last two are ours, whatever labels an alert has
            {**self._content(one), "id": one.id, "status": _status(one).value}
            for one in sorted(subjects, key=lambda one: one.id)
        ]
        return {
            "outcome": outcome,
            "unit": next(iter(subjects)).unit,
            "plan_time": self._clocks.plan_text(now),
            "written_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "subjects": contents,
        }

    def _content(self, subject: Subject) -> Content:
        red = self._red_before(subject) if subject.replaced_by else None
        if red is None or red.id in self.ledger.delivered:
            return subject.content
        past = {f"red_{name}": red.content.get(name, "") for name in ("raised_at", "cleared_at", "reason")}
        return {**subject.content, **past}


def _status(subject: Subject) -> NoticeStatus:
    return NoticeStatus.RAISED if subject.active else NoticeStatus.ENDED
