"""The row of one case: its facts, what they contributed when last judged, what was published; and how it is stored.

A row is stored as a list, whose form every version since the first can read:
`[facts, contributions, next_at, cards?, verdicts?, unpublished?, quarantine?, unread?]`; what is empty at the end is
left out.
"""

import hashlib
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from itertools import product
from types import NoneType
from typing import Any, NamedTuple

from services.domain.history.capacity import LARGEST_CASE
from services.domain.intake.facts import CONTRACT_PLACE, Fact
from services.domain.results.cards import CardState
from services.domain.sums.tally import TALLY_FIELDS
from services.domain.time.zone import Instant

Packed = list[Any]

_FACT: Callable[[Iterable[Any]], Fact] = partial(tuple.__new__, Fact)
"""As `Fact._make`, without a call of Python each: some are made for every event."""


class QuarantineState(NamedTuple):
    """That a case is quarantined, as its row keeps it and as it is published."""

    cause: str
    """As in `Quarantine`; empty: it was quarantined once, and is not any more."""
    since: Instant
    """When it was first found that it cannot be judged."""
    kpis: tuple[str, ...]
    units: tuple[str, ...]


UNCHANGED: Instant = 2**63
"""Nothing was added: later than any time."""

RELEASED = QuarantineState("", 0, (), ())
"""A row keeps for good that its case was quarantined once. Each new owner publishes again that it is released,
since the first record of that may have been lost in a crash."""


class Row:
    """One key's row: its facts, what they contributed when last judged, the cards and verdicts published."""

    __slots__ = (
        "cards",
        "changed_at",
        "contributions",
        "facts",
        "next_at",
        "quarantine",
        "room",
        "unpublished",
        "unread",
        "verdicts",
    )

    def __init__(self, packed: Packed | None = None) -> None:
        self.quarantine: QuarantineState | None = None
        """As last published."""
        self.unread: bytes | None = None
        """A row of this key that cannot be read, damaged or written by a newer version. It is kept until it can."""
        self.unpublished = packed is not None and len(packed) > 5 and bool(packed[5])
        """Whether a sweep made its cards and verdicts, and it is not known yet that they were published."""
        self.changed_at: Instant = UNCHANGED
        """The first arrival of what was added since it was last judged; 0 where more has changed than that."""
        self.room = LARGEST_CASE
        """Units that are surely free in the case (`capacity`)."""
        if packed is None:
            self.facts: list[Fact] = []
            self.contributions: list[Packed] = []
            self.next_at: Instant | None = None
            self.cards: list[CardState] = []
            self.verdicts: list[tuple[tuple[str, int], Packed]] = []
            """((kpi, cycle), content) of each verdict published."""
        else:
            self.facts = list(map(_FACT, packed[0]))
            self.contributions = packed[1]
            self.next_at = packed[2]
            self.cards = [CardState(*fields) for fields in packed[3]] if len(packed) > 3 else []
            self.verdicts = [((kpi, cycle), content) for (kpi, cycle), content in packed[4]] if len(packed) > 3 else []
            if len(packed) > 6:
                self._read_quarantine(packed)

    def _read_quarantine(self, packed: Packed) -> None:
        if packed[6] is not None:
            cause, since, kpis, units = packed[6]
            self.quarantine = QuarantineState(cause, since, tuple(kpis), tuple(units))
        if len(packed) > 7:
            self.unread = _bytes_of(packed[7])

    @property
    def has_published(self) -> bool:
        """Whether anything was published of it."""
        return bool(self.cards or self.verdicts) or self.quarantine is not None

    def is_sound(self) -> bool:
        """Whether every part has the types with which this version writes rows: damage can look like JSON."""
        contributions, held = self.contributions, self.quarantine
        return (
            all(map(_is_fact, self.facts))
            and type(self.next_at) in _MAYBE_INT
            and (contributions is None or _are_contributions(contributions))
            and all(tuple(map(type, card)) in _CARDS for card in self.cards)
            and all(type(kpi) is str and type(cycle) is int for (kpi, cycle), _ in self.verdicts)
            and (held is None or _is_quarantine(held))
        )

    def packed(self) -> Packed:
        """The JSON-able form; the rare parts only where there are any."""
        facts = [tuple(fact) for fact in self.facts]
        if self.quarantine is not None or self.unread is not None:
            published = [tuple(card) for card in self.cards], self.verdicts
            unread = [] if self.unread is None else [_text_of(self.unread)]
            state = int(self.unpublished), self.quarantine
            return [facts, self.contributions, self.next_at, *published, *state, *unread]
        if self.cards or self.verdicts:
            published = [tuple(card) for card in self.cards], self.verdicts
            return [facts, self.contributions, self.next_at, *published, *([1] if self.unpublished else [])]
        return [facts, self.contributions, self.next_at]


# ---- rows that cannot be read ----------------------------------------------------------------------------
LARGEST_UNREAD = 1_000_000
"""Characters that a row which cannot be read may take in the row that keeps it: half of the largest record."""
_LARGEST_INFLATED = 16_000_000


def preserved(value: bytes) -> bytes:
    """What is kept of a row that cannot be read: all of it; of one too large for a record, its length and SHA-256."""
    if len(_text_of(value)) <= LARGEST_UNREAD:
        return value
    return b"%d bytes, SHA-256 %s" % (len(value), hashlib.sha256(value).hexdigest().encode())


def _text_of(value: bytes) -> str:
    """Any bytes as a text of JSON. Compressed: the row of a full case is nearly as large as a record may be."""
    return b64encode(zlib.compress(value, 1)).decode()


def _bytes_of(text: str) -> bytes:
    return zlib.decompressobj().decompress(b64decode(text, validate=True), _LARGEST_INFLATED)


# ---- what a sound row looks like -------------------------------------------------------------------------
def _types(*fields: Iterable[type]) -> frozenset[tuple[type, ...]]:
    """All the types that the fields of a tuple may have, one beside the other: to compare with them is fast."""
    return frozenset(product(*fields))


_MAYBE_INT = frozenset((int, NoneType))
_INT, _STR = (int,), (str,)
_WITHOUT_RECORDED = _INT, _INT, _STR, _STR, _INT, _STR, (dict,)
_FACTS = _types(*_WITHOUT_RECORDED) | _types(*_WITHOUT_RECORDED, _MAYBE_INT)
_CONTRIBUTIONS = _types(_STR, _STR, _STR, _INT, (list,), _MAYBE_INT)
_CARDS = _types(_STR, _INT, _STR, _STR, _STR, _INT, _MAYBE_INT, _MAYBE_INT, _STR)
_LAST_DAY = date.max.toordinal()
_MANY_BRACKETS = 150
_DEEPEST = 100


def _is_fact(fact: Fact) -> bool:
    """A type whose code is not known is of a newer version."""
    return tuple(map(type, fact)) in _FACTS and fact[1] in CONTRACT_PLACE


def _are_contributions(contributions: Any) -> bool:
    return type(contributions) is list and all(map(_is_contribution, contributions))


def _is_contribution(packed: Packed) -> bool:
    if tuple(map(type, packed)) not in _CONTRIBUTIONS or not packed[0] or not 0 <= packed[3] <= _LAST_DAY:
        return False
    for field, amount in packed[4]:
        if type(field) is not int or type(amount) is not int or not 0 <= field < TALLY_FIELDS:
            return False
    return True


def _is_quarantine(held: QuarantineState) -> bool:
    return type(held.since) is int and all(type(text) is str for text in (held.cause, *held.kpis, *held.units))


def may_be_unreadable(value: bytes) -> bool:
    """Whether a row may be too deep, or have texts that cannot be written: it does not begin as the rows do that the
    fast reader of JSON reads, which refuses these."""
    return value[:1] != b"[" or value.count(b"[") + value.count(b"{") > _MANY_BRACKETS


def is_plain(value: Any, levels: int = _DEEPEST) -> bool:
    """Whether it is not so deep that reading it takes more stack than there is. Raises UnicodeError where a text cannot
    be written: half of a pair of surrogates."""
    kind = type(value)
    if kind is str:
        value.encode()
    elif kind is dict:
        return levels > 0 and all(is_plain(each, levels - 1) for pair in value.items() for each in pair)
    elif kind is list:
        return levels > 0 and all(is_plain(each, levels - 1) for each in value)
    return True
