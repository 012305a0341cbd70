"""The state of one partition of `case.events`: rows of facts, the tallies they add up to, and when time must come back.

Rows live in the mapping that is handed in (a store with a changelog, or a dict). In memory are only the tallies and the
due times of open cases. The same class serves the Faust workers, the replay and the tests.
"""

import hashlib
import heapq
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from datetime import date
from functools import partial
from itertools import islice, product
from types import NoneType
from typing import Any, NamedTuple

from services.domain.history.capacity import LARGEST_CASE, room_in, take_beyond, weight
from services.domain.history.fact_set import Insertion, insert
from services.domain.intake.facts import KEY_SEPARATOR, Fact, FactType
from services.domain.judging.judge import Judge, Opinion
from services.domain.judging.judgement import Judgement
from services.domain.judging.quarantine import Quarantine, keep, refused_corrections
from services.domain.results.cards import RETRACTED, CardState, retracted
from services.domain.results.safe_judge import SafeJudge
from services.domain.results.verdicts import VerdictState
from services.domain.sums.tally import TALLY_FIELDS, Tally, TallyKey
from services.domain.time.zone import Instant

PLAN_ROW = b"\x00plan"
"""Under this key a partition keeps the fingerprint of the judge that its rows were judged by."""

JUDGED_ROW = b"\x00judged"
"""Under this key a partition keeps as of when the latest of its rows was judged: a row without facts, due then."""

SET_BACK_US = 60_000_000
"""A clock that is so far behind what is judged was set back: less is the difference between the clocks of machines."""

HEARTBEATS = b"\x00heartbeat "
"""So begins the key of a row that is no case's and holds a heartbeat of the source that the key names."""

UNREADABLE = "row that cannot be read: damaged, or written by a newer version"
"""The cause of a quarantine."""

AT_ONCE: Instant = 0
"""Due as soon as time is looked at again: one instant for all, so that a case waits in line only once."""

Packed = list[Any]

# What `_make` does, without a call of Python each: some of these are made for every event.
_FACT: Callable[[Iterable[Any]], Fact] = partial(tuple.__new__, Fact)
_TALLY_KEY: Callable[[Iterable[Any]], TallyKey] = partial(tuple.__new__, TallyKey)


class RejectedFact(NamedTuple):
    """A fact that only the case could refuse: a conflict, a bad correction, or one that it cannot hold any more."""

    reason: str
    """`id_conflict`, `bad_correction` or `too_large`."""
    fact: Fact


class QuarantineState(NamedTuple):
    """That a case is quarantined, as its row remembers it and as it is published."""

    cause: str
    """As in `Quarantine`; empty: it was once, and is no more."""
    since: Instant
    """When it was first found that it cannot be judged."""
    kpis: tuple[str, ...]
    units: tuple[str, ...]


RELEASED = QuarantineState("", 0, (), ())
"""A row remembers for good that its case was quarantined once: each new owner publishes again that it is no more, since
word of that may have been lost in a crash."""


class Effects(NamedTuple):
    """What one event or one sweep of a case brings forth beside the tallies."""

    key: bytes
    cards: list[CardState]
    """All cards of the case that are new or changed; on a redelivered event, all of them."""
    verdicts: list[VerdictState]
    rejected: list[RejectedFact]
    quarantine: QuarantineState | None = None
    """That the case is quarantined now, or released; None: nothing new."""


class Row:
    """One key's row: its facts, what they contributed when last judged, the cards and verdicts told."""

    __slots__ = ("cards", "contributions", "facts", "next_at", "quarantine", "room", "verdicts", "unread", "untold")

    def __init__(self, packed: Packed | None = None) -> None:
        self.quarantine: QuarantineState | None = None
        """As last published."""
        self.unread: bytes | None = None
        """A row of this key that cannot be read, damaged or written by a newer version. It is kept until it can."""
        self.untold = packed is not None and len(packed) > 5 and bool(packed[5])
        """Whether a sweep brought forth its cards and verdicts and nobody knows yet that they were told."""
        self.room = LARGEST_CASE
        """Units that are surely free in the case; what they are is said in `capacity`."""
        if packed is None:
            self.facts: list[Fact] = []
            self.contributions: list[Packed] = []
            self.next_at: Instant | None = None
            self.cards: list[CardState] = []
            self.verdicts: list[tuple[tuple[str, int], Packed]] = []
            """((kpi, cycle), content) of each verdict told."""
        else:
            self.facts = list(map(_FACT, packed[0]))
            self.contributions = packed[1]
            self.next_at = packed[2]
            self.cards = [CardState(*fields) for fields in packed[3]] if len(packed) > 3 else []
            self.verdicts = [((kpi, cycle), content) for (kpi, cycle), content in packed[4]] if len(packed) > 3 else []
            if len(packed) > 6:
                self._set_aside(packed)

    def _set_aside(self, packed: Packed) -> None:
        if packed[6] is not None:
            cause, since, kpis, units = packed[6]
            self.quarantine = QuarantineState(cause, since, tuple(kpis), tuple(units))
        if len(packed) > 7:
            self.unread = _bytes_of(packed[7])

    @property
    def has_told(self) -> bool:
        """Whether anything was published of it."""
        return bool(self.cards or self.verdicts) or self.quarantine is not None

    def is_sound(self) -> bool:
        """Whether every part has the types with which this version writes rows: damage can look like JSON."""
        contributions, held = self.contributions, self.quarantine
        return (
            _are_facts(self.facts)
            and type(self.next_at) in _MAYBE_INT
            and (contributions is None or (type(contributions) is list and all(map(_is_contribution, contributions))))
            and all(tuple(map(type, card)) in _CARDS for card in self.cards)
            and all(type(kpi) is str and type(cycle) is int for (kpi, cycle), _ in self.verdicts)
            and (held is None or _is_held(held))
        )

    def packed(self) -> Packed:
        """The JSON-able form; the rare parts only where there are any."""
        facts = [tuple(fact) for fact in self.facts]
        if self.quarantine is not None or self.unread is not None:
            told = [tuple(card) for card in self.cards], self.verdicts
            unread = [] if self.unread is None else [_text_of(self.unread)]
            return [facts, self.contributions, self.next_at, *told, int(self.untold), self.quarantine, *unread]
        if self.cards or self.verdicts:
            told = [tuple(card) for card in self.cards], self.verdicts
            return [facts, self.contributions, self.next_at, *told, *([1] if self.untold else [])]
        return [facts, self.contributions, self.next_at]


LARGEST_UNREAD = 1_000_000
"""Characters that a row which cannot be read may take in the row that keeps it: half of the largest record."""
_LARGEST_INFLATED = 16_000_000


def _kept(value: bytes) -> bytes:
    """What is kept of a row that cannot be read: all of it; of one that no record would hold, length and SHA-256."""
    if len(_text_of(value)) <= LARGEST_UNREAD:
        return value
    return b"%d bytes, SHA-256 %s" % (len(value), hashlib.sha256(value).hexdigest().encode())


def _text_of(value: bytes) -> str:
    """Any bytes as a text of JSON. Compressed: the row of a full case is nearly as large as a record may be."""
    return b64encode(zlib.compress(value, 1)).decode()


def _bytes_of(text: str) -> bytes:
    return zlib.decompressobj().decompress(b64decode(text, validate=True), _LARGEST_INFLATED)


def _types(*fields: Iterable[type]) -> frozenset[tuple[type, ...]]:
    """All the types that the fields of a tuple may have, one beside the other: to compare with them is fast."""
    return frozenset(product(*fields))


_MAYBE_INT = frozenset((int, NoneType))
_INT, _STR = (int,), (str,)
_WITHOUT_RECORDED = _INT, _INT, _STR, _STR, _INT, _STR, (dict,)
_FACTS = _types(*_WITHOUT_RECORDED) | _types(*_WITHOUT_RECORDED, _MAYBE_INT)
_CONTRIBUTIONS = _types(_STR, _STR, _STR, _INT, (list,), _MAYBE_INT)
_CARDS = _types(_STR, _INT, _STR, _STR, _STR, _INT, _MAYBE_INT, _MAYBE_INT, _STR)
_MANY_BRACKETS = 150
_DEEPEST = 100


def _are_facts(facts: Iterable[Fact]) -> bool:
    return all(tuple(map(type, fact)) in _FACTS and 0 <= fact[1] <= _LAST_RANK for fact in facts)


def _is_contribution(packed: Packed) -> bool:
    if tuple(map(type, packed)) not in _CONTRIBUTIONS or not packed[0] or not 0 <= packed[3] <= _LAST_DAY:
        return False
    for cell, amount in packed[4]:
        if type(cell) is not int or type(amount) is not int or not 0 <= cell < TALLY_FIELDS:
            return False
    return True


def _is_held(held: QuarantineState) -> bool:
    return type(held.since) is int and all(type(text) is str for text in (held.cause, *held.kpis, *held.units))


def _is_odd(value: bytes) -> bool:
    """Whether a row may be deep, or have texts in it that cannot be written: it does not begin as all rows do that the
    fast reader of JSON reads, which refuses these."""
    return value[:1] != b"[" or value.count(b"[") + value.count(b"{") > _MANY_BRACKETS


def _is_plain(value: Any, levels: int = _DEEPEST) -> bool:
    """Whether it is not so deep that to read it takes more stack than there is. Raises UnicodeError where a text cannot
    be written: half of a pair of surrogates."""
    kind = type(value)
    if kind is str:
        value.encode()
    elif kind is dict:
        return levels > 0 and all(_is_plain(each, levels - 1) for pair in value.items() for each in pair)
    elif kind is list:
        return levels > 0 and all(_is_plain(each, levels - 1) for each in value)
    return True


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
        """Source → arrival of its last event up to now: a later one is not heard of before the clock is there."""
        self.judged_to: Instant = 0
        """No row is judged as of later than this. After the present only where the clock was set back."""
        self.catching_up = False
        """While it is set, cards wait: a case that may have some falls due at once and is told of by the first sweep
        after, so that a backlog of years is not told card by card."""
        self._added: dict[bytes, Row] = {}
        """Cases with facts that are not judged yet: never left over between chunks."""
        self._due: list[tuple[Instant, bytes]] = []
        self._next_at: dict[bytes, Instant] = {}
        self._quarantined: dict[bytes, None] = {}
        """Cases that cannot be judged, in the order in which they are tried again."""

    # ---- start -------------------------------------------------------------------------------------
    def rebuild(self, now: Instant) -> None:
        """Read all rows once: tallies and due times come out of what each row contributed. Rows judged by another plan
        or by other rules, or merged by a recovery, are judged again, and so are all once the clock was set back.

        Each row is looked at closely, here and not later: whatever is in one, it ends no start, and no other case is
        lost for it."""
        self.tallies.clear()
        self.changed.clear()
        self.last_events.clear()
        self._added.clear()
        self._due.clear()
        self._next_at.clear()
        self._quarantined.clear()
        fingerprint = self._fingerprint
        was_catching_up, self.catching_up = self.catching_up, True  # nobody listens yet: the first sweep tells
        self.judged_to = self._kept_judged_to()
        set_back = self.judged_to - now > SET_BACK_US
        same_plan = self._rows.get(PLAN_ROW) == fingerprint and not set_back
        stale: list[bytes] = []
        for key, value in self._rows.items():
            if key in _NO_CASES:
                continue
            row = self._read(value, thoroughly=True)
            if row.unread is not None:
                stale.append(key)
                continue
            self._hear(row.facts, now)
            if key.startswith(HEARTBEATS):
                self._schedule(key, row.next_at)
                continue
            if row.quarantine is not None and row.quarantine.cause:
                self._quarantined[key] = None
            if same_plan and row.contributions is not None:
                self._count(row.contributions, 1)
                self._schedule(key, AT_ONCE if row.untold else row.next_at)
            else:
                stale.append(key)
        for key in stale:
            if key.startswith(HEARTBEATS):
                del self._rows[key]  # the next heartbeat says the same
            else:
                self._judge_stale(key, now)
        if not same_plan:
            self._rows[PLAN_ROW] = fingerprint
        if set_back:
            self.judged_to = 0
        if stale:
            self._judged(now)
        heapq.heapify(self._due)
        self.catching_up = was_catching_up

    def _judge_stale(self, key: bytes, now: Instant) -> None:
        """Judge a row that was judged otherwise; where that raises, it is set aside as one that cannot be read."""
        value = self._rows[key]
        row = self._read(value, thoroughly=True)
        row.contributions = []
        try:
            self._judge_row(key, row, now)
        except Exception:
            self._count(row.contributions, -1)
            row = Row()
            row.unread = _kept(value)
            self._judge_row(key, row, now)

    # ---- events ------------------------------------------------------------------------------------
    def add(self, key: bytes, fact: Fact, now: Instant) -> Effects | None:
        """Add one event to its case, which `judge_added` judges when all events of a chunk are in.

        Returns what is to be told whatever the judgement: a fact turned away; on a redelivered event all that stands.
        """
        if fact.type == _HEARTBEAT:
            self._keep_heartbeat(fact, now)
            return None
        row = self._added.get(key)
        if row is None:
            packed = self._rows.get(key)
            row = Row()
            if packed is not None:
                row = self._read(packed)
                row.room = room_in(packed)
        try:
            inserted = insert(row.facts, fact)
        except Exception:
            inserted = keep(row.facts, fact)
        if inserted.outcome is Insertion.DUPLICATE:
            return self._again(key, row, now) if row.has_told else None
        if inserted.rejected is fact:
            # it changes nothing; delivered again it is turned away again, so that it tells what a duplicate does
            return self._again(key, row, now)._replace(rejected=[RejectedFact("id_conflict", fact)])
        beyond = self._beyond(row, fact)
        if fact in beyond and len(beyond) == 1 and inserted.outcome is Insertion.NEW:
            return Effects(key, [], [], [RejectedFact("too_large", fact)])  # nothing has changed
        self._hear((fact,), now)  # only what is kept: a new owner, who reads the rows, must hear the same
        self._added[key] = row
        if inserted.rejected is None and fact.type != _CORRECTION and not beyond:
            return None
        rejected = [RejectedFact("too_large", each) for each in beyond]
        rejected += [RejectedFact("id_conflict", inserted.rejected)] if inserted.rejected is not None else []
        rejected += [
            RejectedFact("bad_correction", bad)
            for bad in refused_corrections(row.facts)
            if bad is fact or (bad.data["of"] == fact.id and bad.source == fact.source)
        ]
        return Effects(key, [], [], rejected) if rejected else None

    def _beyond(self, row: Row, added: Fact) -> list[Fact]:
        """Take out of a case what it cannot hold. All of it is weighed only where it may be full."""
        row.room -= weight(added)
        if row.room >= 0:
            return []
        beyond = take_beyond(row.facts)
        row.room = LARGEST_CASE - sum(map(weight, row.facts))
        return beyond

    def _again(self, key: bytes, row: Row, now: Instant) -> Effects:
        """All that stands of a case that an event was delivered of again: what it brought forth may have been lost."""
        verdicts = self._verdicts_again(row, now)
        told = [(each.identity, each.content) for each in verdicts]
        if told != row.verdicts:  # facts of the same chunk may yet take it back
            row.verdicts = told
            self._added[key] = row
        return Effects(key, row.cards, verdicts, [], row.quarantine)

    def judge_added(self, now: Instant) -> list[Effects]:
        """Judge every case that was added to, once: a verdict is a function of all its facts and of `now`."""
        added, self._added = self._added, {}
        if added:
            self._judged(now)
        told = (self._judge_row(key, row, now) for key, row in added.items())
        return [effects for effects in told if effects is not None]

    def take(self, key: bytes, fact: Fact, now: Instant) -> Effects | None:
        """One event alone, added and judged; None if nothing is to be told to anyone."""
        told = self.add(key, fact, now)
        for judged in self.judge_added(now):
            if told is None:
                told = judged
            else:  # the later word of each holds
                quarantine = judged.quarantine or told.quarantine
                told = Effects(
                    key, told.cards + judged.cards, told.verdicts + judged.verdicts, told.rejected, quarantine
                )
        return told

    def _keep_heartbeat(self, fact: Fact, now: Instant) -> None:
        """Of a source's heartbeats the last that has arrived is kept: they say nothing but that it lives, whatever
        subject they name. One that arrives later waits in a row of its own until the clock is there."""
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
            self._hear(row.facts, now)
        self._rows[key] = self._dumps(row.packed())

    # ---- time --------------------------------------------------------------------------------------
    def sweep(self, now: Instant, at_most: int | None = None) -> Iterator[Effects]:
        """Judge again the cases whose time has come, `at_most` so many, whether they have anything to tell or not. The
        cost depends on how many there are, not on how many are open. What is left, also when the caller stops
        iterating, stays due. While catching up time waits.

        A row that brings something forth is marked, since nothing delivers a sweep again: once its effects are known to
        be told the caller says so with `told`, else they are told again after a restart."""
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
        """Judge quarantined cases again, `at_most` so many, those first that have waited for longest: at another
        moment, or by another version of the code, it may be possible. What comes out is published as a sweep's is."""
        if self.catching_up:
            return
        for key in list(islice(self._quarantined, at_most)):
            self._quarantined[key] = self._quarantined.pop(key)  # to the end of the line
            packed = self._rows.get(key)
            if packed is None:
                del self._quarantined[key]
                continue
            self._judged(now)
            effects = self._judge_row(key, self._read(packed), now, swept=True)
            if effects is not None:
                yield effects

    def told(self, effects: Iterable[Effects]) -> None:
        """What a sweep brought forth is known to have been told."""
        for effect in effects:
            row = self._read(self._rows[effect.key])
            row.untold = False
            self._rows[effect.key] = self._dumps(row.packed())

    @property
    def next_at(self) -> Instant | None:
        """When the next case is due; None: no case waits for time."""
        while self._due and self._next_at.get(self._due[0][1]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def standing(self) -> Iterator[Effects]:
        """Every card not cleared, and every case that is quarantined or was once, to be published again by a new owner:
        consumers act on change only."""
        for key, value in self._rows.items():
            if key in _NO_CASES:
                continue
            try:
                packed = self._loads(value)
                row = Row(packed) if len(packed) > 3 else None
            except Exception:
                continue  # `rebuild` has set it aside, and nothing of it is known
            if row is not None:
                held = [card for card in row.cards if card.cleared_at is None]
                if held or row.quarantine is not None:
                    yield Effects(key, held, [], [], row.quarantine)

    # ---- reading -----------------------------------------------------------------------------------
    def _read(self, value: bytes, *, thoroughly: bool = False) -> Row:
        """A row; where it cannot be read, one that has no facts and keeps it. `thoroughly`: what only looks like a row
        is found, too, which a rebuild does for all that come later."""
        try:
            packed = self._loads(value)
            row = Row(packed)
            if packed is None or (thoroughly and not (row.is_sound() and (not _is_odd(value) or _is_plain(packed)))):
                raise ValueError("not in the form of a row")
        except Exception:
            row = Row()
            row.unread = _kept(value)
        return row if row.unread is None else self._reunited(row)

    def _reunited(self, row: Row) -> Row:
        """The row that could not be read, if it can be now, with what has come since."""
        try:
            packed = self._loads(row.unread or b"")
            whole = Row(packed)
            if packed is None or not whole.is_sound() or not _is_plain(packed):
                return row
        except Exception:
            return row
        for fact in row.facts:
            keep(whole.facts, fact)
        whole.contributions, whole.quarantine, whole.untold = row.contributions, row.quarantine, True
        return whole

    # ---- how late it is judged ---------------------------------------------------------------------
    def _judged(self, now: Instant) -> None:
        """Rows are judged as of `now`. Kept with the rows: a new owner must know it, whatever its clock shows."""
        if now > self.judged_to:
            self.judged_to = now
            self._rows[JUDGED_ROW] = self._dumps([[], [], now])

    def _kept_judged_to(self) -> Instant:
        """Unknown, where what is kept cannot be read, is later than any time: every case is judged again."""
        kept = self._rows.get(JUDGED_ROW)
        if kept is None:
            return 0  # of a version that did not keep it
        try:
            return int(self._loads(kept)[2])
        except Exception:
            return 2**62

    # ---- judging -----------------------------------------------------------------------------------
    def _judge_row(self, key: bytes, row: Row, now: Instant, *, swept: bool = False) -> Effects | None:
        if row.next_at is not None and row.next_at <= now:
            self._hear(row.facts, now)  # what had not arrived when it was last judged may have arrived since
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
        told, next_at = None, opinion.next_at
        if not opinion.quiet or row.cards or row.verdicts or row.quarantine is not None:
            if self.catching_up:
                next_at = AT_ONCE
            else:
                told = self._tell(key, row, opinion, now)
        row.next_at = next_at
        row.untold = row.untold if self.catching_up else swept and told is not None
        self._schedule(key, next_at)
        packed = self._dumps(row.packed())
        if row.quarantine is None or self._rows.get(key) != packed:  # mostly, a case tried again changes nothing
            self._rows[key] = packed
        return told

    def _unreadable(self, key: bytes, row: Row) -> Opinion:
        owner = key.partition(KEY_SEPARATOR.encode())[0].decode(errors="replace")
        return self._safe.unreadable(row.facts, owner, UNREADABLE)

    def _tell(self, key: bytes, row: Row, opinion: Opinion, now: Instant) -> Effects | None:
        """Which cards and verdicts are new, and which were told and turn out never to have been: an event that happened
        and arrived before others may be read after them."""
        quarantine = opinion.quarantine
        if row.unread is not None:  # what it has published is in the part that cannot be read
            new_cards: list[CardState] = []
            new_verdicts: list[VerdictState] = []
        else:
            new_cards, of_cards = self._new_cards(row, now)
            new_verdicts, of_verdicts = self._new_verdicts(row, opinion, now)
            quarantine = quarantine or of_cards or of_verdicts
        changed = self._set_aside(key, row, quarantine, now)
        told = row.quarantine if changed else None
        return Effects(key, new_cards, new_verdicts, [], told) if new_cards or new_verdicts or told else None

    def _new_cards(self, row: Row, now: Instant) -> tuple[list[CardState], Quarantine | None]:
        told = set() if row.untold else set(row.cards)
        present, trouble = self._safe.cards(row.facts, now)
        identities = {card[:4] for card in present}
        row.cards = present + [retracted(card) for card in row.cards if card[:4] not in identities]
        return [card for card in row.cards if card not in told], trouble

    def _new_verdicts(self, row: Row, opinion: Opinion, now: Instant) -> tuple[list[VerdictState], Quarantine | None]:
        before = dict(row.verdicts)
        known = {} if row.untold else before
        verdicts, trouble = self._safe.verdicts(opinion, row.facts, now)
        ruled = {each.identity for each in verdicts}
        verdicts += [VerdictState(*identity, RETRACTED, None) for identity in before if identity not in ruled]
        row.verdicts = [(each.identity, each.content) for each in verdicts]
        return [each for each in verdicts if known.get(each.identity) != each.content], trouble

    def _set_aside(self, key: bytes, row: Row, quarantine: Quarantine | None, now: Instant) -> bool:
        """Note in the row whether the case is quarantined; whether that is to be published."""
        held = row.quarantine
        if quarantine is not None:
            since = held.since if held is not None and held.cause else now
            row.quarantine = QuarantineState(quarantine.cause, since, quarantine.kpis, quarantine.units)
            self._quarantined.setdefault(key)
        elif held is not None:
            row.quarantine = RELEASED
            self._quarantined.pop(key, None)
        return row.quarantine != held or (row.untold and held is not None)

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
        """Drop tallies that count nothing any more, and name them."""
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

    def _hear(self, facts: Iterable[Fact], now: Instant) -> None:
        """Note the arrivals up to now. Of a later one the judge says when to look at the row again."""
        last_events = self.last_events
        for fact in facts:
            if last_events.get(fact.source, _NEVER) < fact.received <= now:
                last_events[fact.source] = fact.received


_NO_CASES = frozenset((PLAN_ROW, JUDGED_ROW))
_NEVER: Instant = -(2**63)
_HEARTBEAT = int(FactType.SOURCE_HEARTBEAT)
_LAST_RANK = max(map(int, FactType))
_LAST_DAY = date.max.toordinal()
_CORRECTION = int(FactType.CORRECTION)


def _packed(judgement: Judgement) -> Packed:
    return [judgement.kpi, judgement.unit, judgement.item, judgement.day, judgement.cells, judgement.bin]
