"""The state of one partition of `case.events`: rows of facts, the tallies they add up to, and when to judge them again.

Rows live in the mapping that is given (a store with a changelog, or a dict). Only the tallies and the due times of open
cases are in memory. The same class serves the Faust workers, the replay and the tests.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from services.domain.history.capacity import LARGEST_CASE, free_units_in, take_out_overflow, weight
from services.domain.history.fact_set import Inserted, Insertion, insert
from services.domain.intake.facts import KEY_SEPARATOR, Fact, FactType
from services.domain.judging.judge import Judge, Opinion
from services.domain.judging.judgement import Judgement
from services.domain.judging.quarantine import Quarantine, keep, refused_corrections
from services.domain.results.cards import (
    BY_NEW_RULES,
    NOTHING_KNOWN,
    RETRACTED,
    CardState,
    Known,
    known_cards,
    retracted,
)
from services.domain.results.case_row import (
    RELEASED,
    Packed,
    QuarantineState,
    Row,
    is_plain,
    may_be_unreadable,
    preserved,
)
from services.domain.results.safe_judge import SafeJudge
from services.domain.results.verdicts import VerdictState
from services.domain.sums.tally import Tally, TallyKey
from services.domain.time.zone import Instant

PLAN_ROW = b"\x00plan"
"""Under this key a partition keeps the fingerprint of the judge that its rows were judged by."""

JUDGED_ROW = b"\x00judged"
"""Under this key a partition keeps as of when the latest of its rows was judged: a row without facts, due then."""

SET_BACK_US = 60_000_000
"""A clock that is this far behind the latest judgement was set back. A smaller difference is one between machines."""

HEARTBEATS = b"\x00heartbeat "
"""The beginning of the key of a row that is no case's and holds a heartbeat of the source that the key names."""

UNREADABLE = "row that cannot be read: damaged, or written by a newer version"
"""The cause of a quarantine."""

AT_ONCE: Instant = 0
"""Due at the next sweep: one instant for all, so that a case waits only once."""

# As `_make`, without a call of Python each: some are made for every event.
_TALLY_KEY: Callable[[Iterable[Any]], TallyKey] = partial(tuple.__new__, TallyKey)


class RejectedFact(NamedTuple):
    """A fact that only the case could refuse: a conflict, a bad correction, or one that it cannot hold any more."""

    reason: str
    """`id_conflict`, `bad_correction` or `too_large`."""
    fact: Fact


class Effects(NamedTuple):
    """What is to be published after one event or one sweep of a case, beside the tallies."""

    key: bytes
    cards: list[CardState]
    """All cards of the case that are new or changed; on a redelivered event, all of them."""
    verdicts: list[VerdictState]
    rejected: list[RejectedFact]
    quarantine: QuarantineState | None = None
    """That the case is quarantined now, or released; None: nothing new."""


class CasePartition:
    """One partition, owned by one worker at a time."""

    def __init__(
        self,
        judge: Judge,
        rows: MutableMapping[bytes, bytes],
        *,
        loads: Callable[[bytes], Any],
        dumps: Callable[[Any], bytes],
    ) -> None:
        self._fingerprint = judge.fingerprint.encode()
        self._judge = judge
        self._safe = SafeJudge(judge)
        self._rows = rows
        self._loads = loads
        self._dumps = dumps
        self.tallies: dict[TallyKey, Tally] = {}
        self.changed: set[TallyKey] = set()
        """Tallies that changed since the caller last cleared this set."""
        self.last_events: dict[str, Instant] = {}
        """Source → arrival of its last event up to now. A later arrival counts once the clock reaches it."""
        self.judged_to: Instant = 0
        """No row is judged as of later than this. After the present only where the clock was set back."""
        self._past_until: Instant = 0
        """As of when the rules before these judged last; 0: there were none."""
        self.catching_up = False
        """While it is set, cards wait: a case that may have some falls due at once, and the first sweep afterwards
        publishes them, so that a backlog of years does not publish every card that ever was."""
        self._added: dict[bytes, Row] = {}
        """Cases with facts that are not judged yet: never left over between chunks."""
        self._due: list[tuple[Instant, bytes]] = []
        self._next_at: dict[bytes, Instant] = {}
        self.retried = 0
        """How many times a quarantined case was judged again."""
        self._quarantined: dict[bytes, None] = {}
        """Cases that cannot be judged, in the order in which they are tried again."""

    # ---- start -------------------------------------------------------------------------------------
    def rebuild(self, now: Instant) -> None:
        """Read all rows once: tallies and due times come out of what each row contributed. Rows judged by another plan
        or by other rules, or merged by a recovery, are judged again, and so are all once the clock was set back.

        Each row is checked thoroughly, here and not later: whatever is in one, the start succeeds, and no other case is
        lost."""
        self._clear()
        fingerprint = self._fingerprint
        was_catching_up, self.catching_up = self.catching_up, True  # nobody reads yet: the first sweep publishes
        self.judged_to, self._past_until = self._kept_judged_to(now)
        set_back = self.judged_to - now > SET_BACK_US
        same_plan = self._rows.get(PLAN_ROW) == fingerprint and not set_back
        stale = [
            key
            for key, value in self._rows.items()
            if key not in _NO_CASES and not self._take_over(key, value, now, same_plan=same_plan)
        ]
        self._renew(stale, now)
        if not same_plan:
            self._rows[PLAN_ROW] = fingerprint
        if set_back:
            self.judged_to = 0
        if stale:
            self._judged(now)
        heapq.heapify(self._due)
        self.catching_up = was_catching_up

    def _renew(self, keys: Iterable[bytes], now: Instant) -> None:
        """Judge rows again that were judged by other rules."""
        for key in keys:
            if key.startswith(HEARTBEATS):
                del self._rows[key]  # the next heartbeat says the same
            else:
                self._judge_stale(key, now)

    def _clear(self) -> None:
        self.tallies.clear()
        self.changed.clear()
        self.last_events.clear()
        self._added.clear()
        self._due.clear()
        self._next_at.clear()
        self._quarantined.clear()

    def _take_over(self, key: bytes, value: bytes, now: Instant, *, same_plan: bool) -> bool:
        """Take over what a row contributed when it was judged; False where it must be judged again."""
        row = self._read(value, thoroughly=True)
        if row.unread is not None:
            return False
        self._note_last_events(row.facts, now)
        if key.startswith(HEARTBEATS):
            self._schedule(key, row.next_at)
            return True
        if row.quarantine is not None and row.quarantine.cause:
            self._quarantined[key] = None
        if not same_plan or row.contributions is None:
            return False
        self._count(row.contributions, 1)
        self._schedule(key, AT_ONCE if row.unpublished else row.next_at)
        return True

    def _judge_stale(self, key: bytes, now: Instant) -> None:
        """Judge a row again that was judged differently; where that raises, it is kept as one that cannot be read."""
        value = self._rows[key]
        row = self._read(value, thoroughly=True)
        row.contributions = []
        try:
            self._judge_row(key, row, now)
        except Exception:
            self._count(row.contributions, -1)
            row = Row()
            row.unread = preserved(value)
            self._judge_row(key, row, now)

    # ---- events ------------------------------------------------------------------------------------
    def add(self, key: bytes, fact: Fact, now: Instant) -> Effects | None:
        """Add one event to its case, which `judge_added` judges when all events of a chunk are in.

        Returns what is to be published whatever the judgement: a rejected fact; on a redelivered event all that was
        published of the case. Called per event: the common case, a new fact that fits, is one straight path.
        """
        if fact.type == _HEARTBEAT:
            self._keep_heartbeat(fact, now)
            return None
        row = self._added.get(key)
        if row is None:
            row = self._opened(key)
        try:
            inserted = insert(row.facts, fact)
        except Exception:
            inserted = keep(row.facts, fact)
            row.changed_at = 0
        if inserted.outcome is Insertion.DUPLICATE:
            return self._republished(key, row, now) if row.has_published else None
        if inserted.rejected is fact:
            # it changes nothing; delivered again it is rejected again, so that it publishes what a duplicate does
            return self._republished(key, row, now)._replace(rejected=[RejectedFact("id_conflict", fact)])
        overflow = self._overflow(row, fact)
        if overflow and overflow == [fact] and inserted.outcome is Insertion.NEW:
            return Effects(key, [], [], [RejectedFact("too_large", fact)])  # nothing has changed
        # only what is kept counts as an event of its source: a new owner, who reads the rows, must come to the same
        self._note_last_events((fact,), now)
        self._added[key] = row
        row.changed_at = _changed_at(row, fact, inserted, overflow)
        if inserted.rejected is None and fact.type != _CORRECTION and not overflow:
            return None
        rejected = _rejected_in(row.facts, fact, inserted, overflow)
        return Effects(key, [], [], rejected) if rejected else None

    def _opened(self, key: bytes) -> Row:
        """The row of a case, or a new one."""
        packed = self._rows.get(key)
        if packed is None:
            return Row()
        row = self._read(packed)
        row.room = free_units_in(packed)
        return row

    def _overflow(self, row: Row, added: Fact) -> list[Fact]:
        """Take out of a case what it cannot hold. The whole case is weighed only where it may be full."""
        row.room -= weight(added)
        if row.room >= 0:
            return []
        overflow = take_out_overflow(row.facts)
        row.room = LARGEST_CASE - sum(map(weight, row.facts))
        return overflow

    def _republished(self, key: bytes, row: Row, now: Instant) -> Effects:
        """All that was published of a case of which an event was delivered again: its records may have been lost."""
        verdicts = self._verdicts_again(row, now)
        published = [(each.identity, each.content) for each in verdicts]
        if published != row.verdicts:  # facts of the same chunk may yet change it back
            row.verdicts = published
            self._added[key] = row
        return Effects(key, row.cards, verdicts, [], row.quarantine)

    def judge_added(self, now: Instant) -> list[Effects]:
        """Judge every case that was added to, once: a verdict is a function of all its facts and of `now`."""
        return [effects for effects in self.judging_added(now) if effects is not None]

    def judging_added(self, now: Instant) -> Iterator[Effects | None]:
        """The same, case by case: the caller may do other work in between, and must come to the end."""
        added, self._added = self._added, {}
        if added:
            self._judged(now)
        for key, row in added.items():
            yield self._judge_row(key, row, now)

    def take(self, key: bytes, fact: Fact, now: Instant) -> Effects | None:
        """One event alone, added and judged; None if nothing is to be published."""
        effects = self.add(key, fact, now)
        for judged in self.judge_added(now):
            effects = _together(effects, judged)
        return effects

    def _keep_heartbeat(self, fact: Fact, now: Instant) -> None:
        """Keep the last heartbeat of a source that has arrived: it only says that the source is alive, whatever subject
        it names. One that arrives later waits in a row of its own until the clock reaches it."""
        key, row = HEARTBEATS + fact.source.encode(), Row()
        row.facts = [fact]
        if fact.received > now:
            key += b"\x1f%d" % fact.received
            row.next_at = fact.received
            self._schedule(key, row.next_at)
        else:
            held = self._rows.get(key)
            facts = [] if held is None else self._read(held, thoroughly=True).facts
            if facts and facts[0].received >= fact.received:
                return
            self._note_last_events(row.facts, now)
        self._rows[key] = self._dumps(row.packed())

    # ---- time --------------------------------------------------------------------------------------
    def sweep(self, now: Instant, at_most: int | None = None) -> Iterator[Effects]:
        """Judge again the cases that are due, at most `at_most`, whether they have anything to publish or not. The cost
        depends on how many are due, not on how many are open. What is left, also when the caller stops iterating, stays
        due. While catching up nothing is swept.

        A row with effects is marked, since nothing delivers a sweep again. Once the effects are known to be published
        the caller says so with `mark_published`; otherwise they are published again after a restart."""
        if self.catching_up:
            return
        judged = 0
        while self._due and self._due[0][0] <= now and judged != at_most:
            at, key = heapq.heappop(self._due)
            if self._next_at.get(key) != at:
                continue  # judged since then
            del self._next_at[key]
            packed = self._rows.get(key)
            if packed is None:
                continue
            judged += 1
            row = self._read(packed)
            if key.startswith(HEARTBEATS):  # it has arrived
                del self._rows[key]
                for fact in row.facts[:1]:
                    self._keep_heartbeat(fact, now)
                continue
            self._judged(now)
            effects = self._judge_row(key, row, now, swept=True)
            if effects is not None:
                yield effects

    @property
    def quarantined(self) -> int:
        """How many cases cannot be judged."""
        return len(self._quarantined)

    def retry(self, now: Instant, at_most: int) -> Iterator[Effects]:
        """Judge quarantined cases again, at most `at_most`, those first that have waited longest: at another moment, or
        with another version of the code, it may be possible. The effects are published as those of a sweep."""
        if self.catching_up:
            return
        for key in list(islice(self._quarantined, at_most)):
            self._quarantined[key] = self._quarantined.pop(key)  # to the end of the line
            self.retried += 1
            packed = self._rows.get(key)
            if packed is None:
                del self._quarantined[key]
                continue
            self._judged(now)
            effects = self._judge_row(key, self._read(packed), now, swept=True)
            if effects is not None:
                yield effects

    def mark_published(self, effects: Iterable[Effects]) -> None:
        """The effects of a sweep are known to have been published."""
        for effect in effects:
            row = self._read(self._rows[effect.key])
            row.unpublished = False
            self._rows[effect.key] = self._dumps(row.packed())

    @property
    def next_at(self) -> Instant | None:
        """When the next case is due; None: none is."""
        while self._due and self._next_at.get(self._due[0][1]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def active(self) -> Iterator[Effects]:
        """Every card not cleared, and every case that is quarantined or was once, to be published again by a new owner:
        consumers act on changes only."""
        for key, value in self._rows.items():
            if key in _NO_CASES:
                continue
            try:
                packed = self._loads(value)
                row = Row(packed) if len(packed) > 3 else None
            except Exception:
                continue  # `rebuild` has quarantined it, and nothing of it is known
            if row is not None:
                active = [card for card in row.cards if card.cleared_at is None]
                if active or row.quarantine is not None:
                    yield Effects(key, active, [], [], row.quarantine)

    # ---- reading -----------------------------------------------------------------------------------
    def _read(self, value: bytes, *, thoroughly: bool = False) -> Row:
        """A row; where it cannot be read, one that has no facts and keeps its bytes. `thoroughly`: what only looks like
        a row is found, too; a rebuild does that once for all later reads."""
        try:
            packed = self._loads(value)
            row = Row(packed)
            if packed is None or (
                thoroughly and not (row.is_sound() and (not may_be_unreadable(value) or is_plain(packed)))
            ):
                raise ValueError("not in the form of a row")
        except Exception:
            row = Row()
            row.unread = preserved(value)
        return row if row.unread is None else self._recovered(row)

    def _recovered(self, row: Row) -> Row:
        """The row that could not be read, if it can be now, with what has come since."""
        try:
            packed = self._loads(row.unread or b"")
            whole = Row(packed)
            if packed is None or not whole.is_sound() or not is_plain(packed):
                return row
        except Exception:
            return row
        for fact in row.facts:
            keep(whole.facts, fact)
        whole.changed_at = 0
        whole.contributions, whole.quarantine, whole.unpublished = row.contributions, row.quarantine, True
        return whole

    # ---- how late it is judged ---------------------------------------------------------------------
    def _judged(self, now: Instant) -> None:
        """Rows are judged as of `now`. It is kept with the rows: a new owner must know it, whatever its clock shows."""
        if now > self.judged_to:
            self.judged_to = now
            self._rows[JUDGED_ROW] = self._dumps([[], [], now, *([self._past_until] if self._past_until else [])])

    def _kept_judged_to(self, now: Instant) -> tuple[Instant, Instant]:
        """As kept, and as of when other rules judged last. Later than any time where that cannot be read: every case is
        judged again."""
        kept, judged_to, before = self._rows.get(JUDGED_ROW), 0, 0  # a version that did not keep it
        if kept is not None:
            try:
                _, _, judged_last, *by_others = self._loads(kept)
                judged_to, before = int(judged_last), int(*by_others)
            except Exception:
                judged_to = 2**62
        if self._rows.get(PLAN_ROW) not in (None, self._fingerprint):
            before = min(judged_to, now)
        return judged_to, before

    # ---- judging -----------------------------------------------------------------------------------
    def _judge_row(self, key: bytes, row: Row, now: Instant, *, swept: bool = False) -> Effects | None:
        """Judge one case, move the tallies by the difference, keep the row. Called per event: hence in one piece."""
        if row.next_at is not None and row.next_at <= now:
            self._note_last_events(
                row.facts, now
            )  # what had not arrived when it was last judged may have arrived since
        if row.unread is not None:
            opinion = self._unreadable(key, row)
        else:
            try:
                opinion = self._judge.judge(row.facts, now)
            except Exception:
                opinion = self._safe.quarantined(row.facts, now)
        before = row.contributions
        after = [_packed(each) for each in opinion.judgements if each.cells]
        if before != after:
            self._count(before, -1)
            self._count(after, 1)
            row.contributions = after
        effects, next_at = None, opinion.next_at
        if not opinion.nothing_to_publish or row.has_published:
            if self.catching_up:
                next_at = AT_ONCE
            else:
                effects = self._effects(key, row, opinion, now)
        row.next_at = next_at
        row.unpublished = row.unpublished if self.catching_up else swept and effects is not None
        self._schedule(key, next_at)
        packed = self._dumps(row.packed())
        if row.quarantine is None or self._rows.get(key) != packed:  # mostly, a case tried again changes nothing
            self._rows[key] = packed
        return effects

    def _unreadable(self, key: bytes, row: Row) -> Opinion:
        owner = key.partition(KEY_SEPARATOR.encode())[0].decode(errors="replace")
        return self._safe.unreadable(row.facts, owner, UNREADABLE)

    def _effects(self, key: bytes, row: Row, opinion: Opinion, now: Instant) -> Effects | None:
        """The cards and verdicts that are new, and those published that turn out never to have been: an event that
        happened and arrived before others may be read after them."""
        quarantine = opinion.quarantine
        if row.unread is not None:  # what was published of it is in the part that cannot be read
            new_cards: list[CardState] = []
            new_verdicts: list[VerdictState] = []
        else:
            new_cards, of_cards = self._new_cards(row, now)
            new_verdicts, of_verdicts = self._new_verdicts(row, opinion, now)
            quarantine = quarantine or of_cards or of_verdicts
        changed = row.quarantine if self._note_quarantine(key, row, quarantine, now) else None
        if new_cards or new_verdicts or changed:
            return Effects(key, new_cards, new_verdicts, [], changed)
        return None

    def _new_cards(self, row: Row, now: Instant) -> tuple[list[CardState], Quarantine | None]:
        published = set() if row.unpublished else set(row.cards)
        present, quarantine = self._safe.cards(row.facts, now, self._known_cards(row))
        if self._past_until:
            present = self._marked(present, row.cards)
        identities = {card[:4] for card in present}
        row.cards = present + [retracted(card) for card in row.cards if card[:4] not in identities]
        return [card for card in row.cards if card not in published], quarantine

    def _known_cards(self, row: Row) -> Known:
        """What is known of its cards since it was last judged."""
        if row.quarantine is not None or self._past_until:
            return NOTHING_KNOWN
        changed_at = row.changed_at if row.next_at is None else min(row.changed_at, row.next_at)
        return known_cards(row.cards, row.facts, changed_at)

    def _marked(self, present: list[CardState], before: list[CardState]) -> list[CardState]:
        """The cards, those marked that new rules raised for a time when others held: nobody was to act on them then."""
        held = {card[:4]: card for card in before if card.cleared_at is None}
        marked = []
        for card in present:
            known = held.get(card[:4])
            by_new_rules = card.raised_at <= self._past_until if known is None else known.reason == BY_NEW_RULES
            marked.append(card._replace(reason=BY_NEW_RULES) if by_new_rules and card.cleared_at is None else card)
        return marked

    def _new_verdicts(self, row: Row, opinion: Opinion, now: Instant) -> tuple[list[VerdictState], Quarantine | None]:
        before = dict(row.verdicts)
        known = {} if row.unpublished else before
        verdicts, quarantine = self._safe.verdicts(opinion, row.facts, now)
        held = {each.identity for each in verdicts}
        verdicts += [VerdictState(*identity, RETRACTED, None) for identity in before if identity not in held]
        row.verdicts = [(each.identity, each.content) for each in verdicts]
        return [each for each in verdicts if known.get(each.identity) != each.content], quarantine

    def _note_quarantine(self, key: bytes, row: Row, quarantine: Quarantine | None, now: Instant) -> bool:
        """Note in the row whether the case is quarantined; whether that is to be published."""
        held = row.quarantine
        if quarantine is not None:
            since = held.since if held is not None and held.cause else now
            row.quarantine = QuarantineState(quarantine.cause, since, quarantine.kpis, quarantine.units)
            self._quarantined.setdefault(key)
        elif held is not None:
            row.quarantine = RELEASED
            self._quarantined.pop(key, None)
        return row.quarantine != held or (row.unpublished and held is not None)

    def _verdicts_again(self, row: Row, now: Instant) -> list[VerdictState]:
        if not row.verdicts:
            return []
        verdicts, _ = self._safe.verdicts(self._safe.judge(row.facts, now), row.facts, now)
        found = {each.identity: each for each in verdicts}
        return [found.get(identity, VerdictState(*identity, RETRACTED, None)) for identity, _ in row.verdicts]

    # ---- tallies -----------------------------------------------------------------------------------
    def _count(self, contributions: list[Packed], sign: int) -> None:
        tallies, changed = self.tallies, self.changed
        for kpi, unit, item, day, cells, bin in contributions:
            key = _TALLY_KEY((kpi, unit, item, day))
            tally = tallies.get(key)
            if tally is None:
                tally = tallies[key] = Tally()
            tally.add(cells, bin, sign)
            changed.add(key)

    def forget_empty(self) -> list[TallyKey]:
        """Drop tallies that count nothing any more, and return their keys."""
        empty = [key for key in self.changed if key in self.tallies and self.tallies[key].empty]
        for key in empty:
            del self.tallies[key]
        return empty

    def _schedule(self, key: bytes, at: Instant | None) -> None:
        if at is None:
            self._next_at.pop(key, None)
        elif self._next_at.get(key) != at:
            self._next_at[key] = at
            heapq.heappush(self._due, (at, key))

    def _note_last_events(self, facts: Iterable[Fact], now: Instant) -> None:
        """Note the arrivals up to now. For a later one the judge says when to judge the row again."""
        last_events = self.last_events
        for fact in facts:
            if last_events.get(fact.source, _NEVER) < fact.received <= now:
                last_events[fact.source] = fact.received


_NO_CASES = frozenset((PLAN_ROW, JUDGED_ROW))
_NEVER: Instant = -(2**63)
_HEARTBEAT = int(FactType.SOURCE_HEARTBEAT)
_CORRECTION = int(FactType.CORRECTION)


def _changed_at(row: Row, fact: Fact, inserted: Inserted, overflow: list[Fact]) -> Instant:
    """From when on a row may say something else now that a fact was added; 0: at any time, since another is gone."""
    is_plain = inserted.outcome is Insertion.NEW and inserted.rejected is None and not overflow
    return min(fact.received, row.changed_at) if is_plain else 0


def _rejected_in(facts: list[Fact], fact: Fact, inserted: Inserted, overflow: list[Fact]) -> list[RejectedFact]:
    """What the case refuses once a fact has been added to it."""
    rejected = [RejectedFact("too_large", each) for each in overflow]
    if inserted.rejected is not None:
        rejected.append(RejectedFact("id_conflict", inserted.rejected))
    return rejected + [
        RejectedFact("bad_correction", bad)
        for bad in refused_corrections(facts)
        if bad is fact or (bad.data["of"] == fact.id and bad.source == fact.source)
    ]


def _together(one: Effects | None, other: Effects) -> Effects:
    """The effects of an event that was added and judged; of each card and verdict the later one holds."""
    if one is None:
        return other
    quarantine = other.quarantine or one.quarantine
    return Effects(one.key, one.cards + other.cards, one.verdicts + other.verdicts, one.rejected, quarantine)


def _packed(judgement: Judgement) -> Packed:
    return [judgement.kpi, judgement.unit, judgement.item, judgement.day, judgement.cells, judgement.bin]
