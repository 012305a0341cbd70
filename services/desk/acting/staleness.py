"""Whether somebody decides on what they were shown: what came since."""

from collections.abc import Mapping
from typing import NamedTuple, Self

from services.desk.acting.situation import Situation
from services.domain.intake.facts import Fact
from services.domain.time.rfc3339 import read
from services.messaging.records.ledger import LedgerRecord


class Posted(NamedTuple):
    """What a form says about itself."""

    form: str
    seen: int
    """The number of the last record of the ledger that was known when it was rendered."""
    through: str
    """The last arrival in the case that was known then."""

    @classmethod
    def of(cls, posted: Mapping[str, str]) -> Self | None:
        """None: it is none of our forms."""
        seen, through = posted.get("seen", ""), posted.get("through", "")
        if not (seen.isascii() and seen.isdecimal() and len(seen) < 16):
            return None
        try:
            read(through)
        except ValueError:
            return None
        return cls(posted.get("form", ""), int(seen), through)


class Changed(NamedTuple):
    """What came since a form was rendered."""

    records: tuple[LedgerRecord, ...]
    facts: tuple[Fact, ...]
    unknown: bool
    """The form names a record that there is not, or an arrival."""

    def __bool__(self) -> bool:
        return bool(self.records or self.facts or self.unknown)


def what_changed(situation: Situation, posted: Posted) -> Changed:
    """What makes a decision stale. A form that knows more than there is was not rendered here."""
    through = read(posted.through)
    return Changed(
        tuple(situation.known.since(posted.seen)),
        tuple(fact for fact in situation.shown.facts if fact.received > through),
        posted.seen > situation.known.number or through > situation.shown.through,
    )
