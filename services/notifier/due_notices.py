"""What is to be notified to whom, once: changes are collected, wait for opening hours (pages do not), and become
requests for notices if no silence holds them back.

A subject (a card of one level, an alert, a step of escalation) has two states that matter: what its notices say, which
is what the ledger holds (`NoticeState`), and its present state, which is what was reported last. A difference between
the two is due:

| by the ledger | now | due |
|---|---|---|
| nothing, or no notice to this unit | active | a notice to its unit |
| a notice, and no end | over | its end, once: to its unit, or, if that one has no notice, to the last one that has |
| anything else | | nothing |

So what began and ended before its notice was due is never notified, and whatever was notified ends. The ledger is the
only memory: after a restart everything is computed again from the present state of cards and alerts. A record that
comes twice, or a topic read again from its beginning, notifies nobody twice, and a crash loses nothing. Where two
notifiers, or one before and after a crash, ask for the same notice, the keeper records the first one only: each
transition is claimed (`claim_of`).

Several promises of a case are one notice. Where many cases of a unit are due at once, as in the morning, they become
one notice, a digest.

A yellow card that turned red ends in the notice of the red one. If that one is over before its notice was due, the end
of the yellow card is notified by itself and says when the red one was raised and cleared, and why. If no such red card
is known, it waits a while for one.
"""

import itertools
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from services.domain.time.zone import Instant
from services.messaging.records.ledger import Kind, Request
from services.notifier.notice_state import NoticeState, NoticeStatus, claim_of
from services.notifier.notice_subject import Content, Subject

log = logging.getLogger(__name__)


class AlertmanagerAway(Exception):
    """The Alertmanager does not answer."""


Suppressions = Callable[[str, Collection[str]], Mapping[str, list[str]]]
"""(unit, ids at the Alertmanager) → the ids that are suppressed, with what suppresses each. Raises AlertmanagerAway."""
Written = Callable[[str, Sequence[Subject], Instant], Mapping[str, Any]]
"""(unit, subjects, plan's now) → what the body of a notice has beside its subjects: its recipients and texts."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Real seconds, and numbers of notices."""

    collect: float = 0.5
    """How long changes of one group are collected into one notice."""
    ask_again: float = 10.0
    """How often it is asked whether a silence has ended."""
    patience: float = 10.0
    """How long a notice waits for an Alertmanager that does not answer; then it is due: a notice too many is better
    than one too few."""
    replacement: float = 60.0
    """How long the end of a yellow card waits for a red card that is not known: both are published together."""
    digest: int = 5
    """More cases of a unit than these, due at once, are one notice."""
    most: int = 200
    """Subjects of one notice."""
    most_bytes: int = 300_000
    """Of what one notice says about its subjects: about a third of what the ledger takes."""


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


_Group = tuple[str, ...]
"""A unit and what its subjects have in common."""
_Suppressed = Mapping[str, list[str]]
"""At the Alertmanager: subject → what suppresses it."""
_Due = tuple[_Waiting, list[Subject]]
_Item = TypeVar("_Item")


class Ids:
    """Ids of the requests of one notifier."""

    def __init__(self, writer: str) -> None:
        """`writer`: its name, which no other start of it has."""
        self.writer = writer
        self._numbers = itertools.count(1)

    def next(self) -> str:
        """From any thread."""
        return f"{self.writer}/{next(self._numbers)}"


class DueNotices:
    """Not thread-safe: one thread reports, asks for requests, and says which were answered."""

    def __init__(
        self, state: NoticeState, suppressions: Suppressions, written: Written, clocks: Clocks, ids: Ids, pace: Pace
    ) -> None:
        """`state`: by the ledger as far as it was read; others carry it on."""
        self.state = state
        self._suppressions = suppressions
        self._written = written
        self._clocks = clocks
        self._ids = ids
        self._pace = pace
        self._over: dict[str, Subject] = {}
        """Yellow card of which there is a notice → its red card, which is over."""
        self._waiting: dict[_Group, _Waiting] = {}
        self._group_of: dict[str, _Group] = {}
        self._due_since: dict[str, float] = {}
        self._asked: dict[str, Subject] = {}
        """What is in a request that the keeper has not answered → how it was reported last."""
        self._subjects_of: dict[str, tuple[str, ...]] = {}
        """Id of such a request → its subjects."""
        self._alone: set[str] = set()
        """What is asked for by itself: a request that had more cannot be recorded."""
        self._given_up: dict[str, bool] = {}
        """Subject of which no notice can be recorded → whether it was active then."""
        self._noted: set[str] = set()
        """What was asked to be noted as held back; a claim of it is taken, whatever the answer was."""
        self._away_since = self._away_last = float("-inf")
        """Since when, and when last, the Alertmanager did not answer."""

    @property
    def waiting(self) -> int:
        """Groups of which something is due."""
        return len(self._waiting)

    # ---- what is due ---------------------------------------------------------------------------------
    def report(self, subject: Subject) -> None:
        """The present state of a subject; it may be reported any number of times."""
        if subject.active:
            self._over.pop(subject.replaces, None)
        elif subject.replaces in self.state.notified or subject.replaces in self._asked:
            self._over[subject.replaces] = subject
        if subject.id in self._asked:
            self._asked[subject.id] = subject
            return
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
        """What differs from the notices, with the unit that it is for; None if nothing does, or if no notice of it can
        be recorded."""
        if self._given_up.get(subject.id) is subject.active:
            return None
        if subject.active:
            return None if self.state.has_notice(subject) else subject
        notified = self.state.notified.get(subject.id)
        if notified is None:
            return None
        content = subject.content if subject.unit else {**notified.content, **subject.content}
        unit = subject.unit if subject.unit in notified.units else notified.last_unit
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

    # ---- asking for notices ----------------------------------------------------------------------------
    def requests(self) -> list[Request]:
        """A request for every notice that is due; each is given once. `answered` says that it is recorded, or not."""
        now = self._clocks.now()
        return [request for unit, due in self._due_now(now).items() for request in self._of_unit(unit, due, now)]

    def answered(self, request: str, *, recorded: bool = True) -> None:
        """The keeper has recorded the request with this id, which the state knows by now, or something in its place.
        What is still due then is asked for after a while: a refusal that stays must not fill the ledger."""
        for id in self._subjects_of.pop(request, ()):
            subject = self._asked.pop(id, None)
            if subject is None:
                continue
            self.report(subject)
            group = self._waiting.get(self._group_of.get(id, ()))
            if group is not None and not recorded:
                group.ask_at = self._clocks.seconds() + self._pace.ask_again

    def impossible(self, request: str) -> None:
        """No keeper can record the request with this id. Each of its subjects is asked for by itself, so that one of
        them keeps no other back; one that was by itself is not asked for again until it changes."""
        ids = self._subjects_of.pop(request, ())
        for id in ids:
            subject = self._asked.pop(id, None)
            if subject is None:
                continue
            if len(ids) > 1:
                self._alone.add(id)
            else:
                self._given_up[id] = subject.active
                log.error("a notice to %s cannot be recorded in the ledger: nobody gets it", subject.unit[:60])
            self.report(subject)

    def _due_now(self, now: Instant) -> dict[str, list[_Due]]:
        """Unit → the groups of which a notice is due now."""
        found: dict[str, list[_Due]] = {}
        seconds = self._clocks.seconds()
        for group in self._waiting.values():
            if seconds - group.since < self._pace.collect or seconds < group.ask_at:
                continue
            subjects = [one for one in group.subjects.values() if self._is_complete(one, seconds)]
            if subjects and (any(one.urgent for one in subjects) or self._clocks.is_open(subjects[0].unit, now)):
                found.setdefault(subjects[0].unit, []).append((group, subjects))
        return found

    def _of_unit(self, unit: str, due: list[_Due], now: Instant) -> Iterator[Request]:
        for groups in self._notices(due):
            yield from self._of_groups(unit, groups, now)

    def _notices(self, due: list[_Due]) -> Iterator[list[_Due]]:
        """Which groups of a unit go into one notice."""
        of_cards: list[_Due] = []
        for one in due:
            if one[1][0].group[0] == "card":
                of_cards.append(one)
            else:
                yield [one]
        most = 1 if len(of_cards) <= self._pace.digest else self._pace.most // 4
        yield from (list(some) for some in _portions(of_cards, most))

    def _of_groups(self, unit: str, groups: list[_Due], now: Instant) -> Iterator[Request]:
        subjects = [one for _, some in groups for one in some]
        suppressed, asked = self._ask(groups, subjects)
        if suppressed is None:
            return
        free = [one for one in subjects if not self._is_suppressed(one, suppressed)]
        for some in self._fitting(free):
            yield self._notice(unit, some, now, asked=asked)
        for some in self._fitting(self._to_be_noted(subjects, suppressed)):
            by = sorted({name for one in some for name in suppressed[one.mirrored_as]})
            yield self._suppressed_notice(unit, some, now, by)

    def _fitting(self, subjects: list[Subject]) -> Iterator[list[Subject]]:
        """Portions of which the ledger takes one in a record."""
        portion: list[Subject] = []
        size = 0
        for one in subjects:
            own = self._pace.most_bytes if one.id in self._alone else len(str(one.content).encode(errors="replace"))
            if portion and (size + own > self._pace.most_bytes or len(portion) >= self._pace.most):
                yield portion
                portion, size = [], 0
            portion.append(one)
            size += own
        if portion:
            yield portion

    def _to_be_noted(self, subjects: list[Subject], suppressed: _Suppressed) -> list[Subject]:
        """What is held back, which is not noted yet."""
        return [one for one in subjects if one.mirrored_as in suppressed and not self._is_noted(one)]

    def _is_complete(self, subject: Subject, seconds: float) -> bool:
        """Whether everything is known that belongs into a notice with it."""
        red = subject.replaced_by
        if not red or red in self.state.notified or red in self._group_of or red in self._asked:
            return True
        return self._red_before(subject) is not None or (
            seconds - self._due_since[subject.id] >= self._pace.replacement
        )

    def _red_before(self, yellow: Subject) -> Subject | None:
        """The red card into which a yellow one turned, if it is over by now."""
        red = self._over.get(yellow.id)
        if red is None or str(red.content.get("raised_at", "")) < str(yellow.content.get("cleared_at", "")):
            return None  # a red card of an earlier time
        return red

    # ---- what holds it back ----------------------------------------------------------------------------
    def _is_suppressed(self, subject: Subject, suppressed: _Suppressed) -> bool:
        """Also the end of a yellow card waits while its red one is held back."""
        red = self._known(subject.replaced_by)
        return subject.mirrored_as in suppressed or (red is not None and red.mirrored_as in suppressed)

    def _is_noted(self, subject: Subject) -> bool:
        """Whether it is noted, or asked for, that the notice is held back."""
        self._noted -= self.state.held.keys()
        return subject.id in self._noted or self.state.is_held(subject)

    def _known(self, id: str) -> Subject | None:
        """A subject that waits."""
        group = self._group_of.get(id)
        return self._waiting[group].subjects.get(id) if group is not None else None

    def _ask(self, groups: list[_Due], subjects: list[Subject]) -> tuple[_Suppressed | None, bool]:
        """What is suppressed, and whether the Alertmanager answered. None: the groups wait for its answer."""
        seconds = self._clocks.seconds()
        try:
            suppressed = self._suppressed(subjects)
        except AlertmanagerAway:
            if seconds - self._away_last > self._pace.patience:
                self._away_since = seconds
            self._away_last = seconds
            return (None if seconds - self._away_since < self._pace.patience else {}), False
        self._away_last = float("-inf")
        if suppressed:
            for group, some in groups:
                if any(one.mirrored_as in suppressed for one in some):
                    group.ask_at = seconds + self._pace.ask_again
        return suppressed, True

    def _suppressed(self, subjects: list[Subject]) -> _Suppressed:
        """What is suppressed of these. They may name other units than the one that gets the notice: those that it
        continues."""
        active = [one for one in subjects if one.active]
        found: dict[str, list[str]] = {}
        for unit in sorted({str(one.content.get("unit", one.unit)) for one in active}):
            found |= self._suppressions(unit, [one.mirrored_as for one in active])
        return found

    # ---- requests --------------------------------------------------------------------------------------
    def _notice(self, unit: str, subjects: Sequence[Subject], now: Instant, *, asked: bool) -> Request:
        """The request for a notice. `asked`: whether the Alertmanager answered."""
        body = {**self._written(unit, subjects, now), **self._body(subjects, now)}
        request = self._request(Kind.NOTICE, unit, subjects, body | ({} if asked else {"silences": "not asked"}))
        for subject in subjects:
            self._forget(subject.id)
            self._asked[subject.id] = subject
            if not subject.active:
                self._over.pop(subject.id, None)
        self._subjects_of[request.id] = tuple(one.id for one in subjects)
        return request

    def _suppressed_notice(self, unit: str, subjects: Sequence[Subject], now: Instant, by: list[str]) -> Request:
        """The request that notes what is held back, and by what."""
        self._noted |= {one.id for one in subjects}
        return self._request(Kind.SUPPRESSED, unit, subjects, self._body(subjects, now) | {"by": by})

    def _body(self, subjects: Iterable[Subject], now: Instant) -> dict[str, Any]:
        contents = [
            # the last three are ours, whatever labels an alert has
            {**self._content(one), "id": one.id, "family": one.family, "status": _status(one).value}
            for one in sorted(subjects, key=lambda one: one.id)
        ]
        return {
            "plan_time": self._clocks.plan_text(now),
            "subjects": contents,
            "urgent": any(one.urgent for one in subjects),
        }

    def _request(self, kind: Kind, unit: str, subjects: Iterable[Subject], body: Mapping[str, Any]) -> Request:
        claims = [claim_of(one, unit, self.state.turns.get(one.id, 0)) for one in subjects]
        if kind is Kind.SUPPRESSED:
            claims = [f"held/{claim}" for claim in claims]
        return Request(self._ids.next(), kind, self._ids.writer, unit=unit, claims=tuple(sorted(claims)), body=body)

    def _content(self, subject: Subject) -> Content:
        red = self._red_before(subject) if subject.replaced_by else None
        if red is None or red.id in self.state.notified:
            return subject.content
        past = {f"red_{name}": red.content.get(name, "") for name in ("raised_at", "cleared_at", "reason")}
        return {**subject.content, **past}


def _status(subject: Subject) -> NoticeStatus:
    return NoticeStatus.RAISED if subject.active else NoticeStatus.ENDED


def _portions(subjects: Sequence[_Item], most: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(subjects), most):
        yield subjects[start : start + most]
