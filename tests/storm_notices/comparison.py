"""What the ledger and the providers have in the end, compared with what should have been notified."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.domain.results.published import Card
from services.messaging.records.ledger import Kind, LedgerRecord
from tests.recorded_notices import notices_of
from tests.storm.comparison import Notices

_NUMBER = re.compile(r"kw-(\d+)-|第(\d+)号")


class Seen(NamedTuple):
    """One message that a person would see."""

    channel: str
    number: int
    """Of its notice."""

    @classmethod
    def of(cls, channel: str, key: str, text: str) -> "Seen | None":
        """None where it bears no number."""
        found = _NUMBER.search(key) or _NUMBER.search(text)
        return None if found is None else cls(channel, int(found[1] or found[2]))


class Counts(NamedTuple):
    """The numbers of a storm."""

    notices: int
    subjects: int
    """What they are about: one notice may be about several cards."""
    attempts: int
    outcomes: Mapping[str, int]
    """Kind of an outcome → how many."""
    seen: int
    repeats: int
    """Messages that somebody saw twice."""
    uncertain: int
    """Notices with an attempt of which nobody knows the outcome."""
    records: int


def counted(records: Sequence[LedgerRecord], seen: Sequence[Seen]) -> Counts:
    """What happened."""
    kinds = Counter(one.request.kind for one in records)
    notices = [one for one in notices_of(records) if one["outcome"] == "delivered"]
    return Counts(
        notices=len(notices),
        subjects=sum(len(one["subjects"]) for one in notices),
        attempts=kinds[Kind.SENDING],
        outcomes={kind.value: kinds[kind] for kind in (Kind.ACCEPTED, Kind.REFUSED, Kind.RETRY, Kind.UNCERTAIN)},
        seen=len(seen),
        repeats=len(seen) - len(set(seen)),
        uncertain=len(_uncertain(records)),
        records=len(records),
    )


def active_cards(records: Iterable[LedgerRecord]) -> dict[tuple[str, str], set[str]]:
    """(case, level) of what is active by the notices → the units that know of it."""
    notices = Notices.of(notices_of(records))
    return {notices.cards[id][1::3]: units for id, units in notices.of_kind("card").items()}


def wrong(
    records: Sequence[LedgerRecord],
    seen: Sequence[Seen],
    active: Mapping[tuple[str, str], Card],
    crashes: int,
    without_keys: str,
) -> list[str]:
    """A sentence for each thing that is not as it must be.

    Args:
        active: the cards that are active in the end.
        crashes: of notifiers.
        without_keys: the channel that knows no keys.
    """
    found = list(Notices.of(notices_of(records)).wrong)
    by_notices = active_cards(records)
    missing = [key for key, card in active.items() if card.unit not in by_notices.get(key, ())]
    found += [f"active and not notified to its unit: {key}" for key in missing]
    found += [f"notified as active, and it has ended: {key}" for key in by_notices.keys() - active.keys()]
    return [*found, *_deliveries(records, seen, crashes, without_keys), *_order(records, seen)]


def _uncertain(records: Iterable[LedgerRecord]) -> set[int]:
    return {int(one.request.body["notice"]) for one in records if one.request.kind is Kind.UNCERTAIN}


def _deliveries(records: Sequence[LedgerRecord], seen: Sequence[Seen], crashes: int, without_keys: str) -> list[str]:
    notices = {one["number"] for one in notices_of(records) if one["outcome"] == "delivered"}
    times, uncertain = Counter(seen), _uncertain(records)
    reached = {one.number for one in seen}
    found = [f"notice {number} reached nobody, and is not marked" for number in notices - reached - uncertain]
    found += [f"notice {number} was seen, and is not in the ledger" for number in reached - notices]
    doubled = [one for one, number in times.items() if number > 1]
    found += [f"notice {one.number} was seen twice by {one.channel}" for one in doubled if one.channel != without_keys]
    found += [f"notice {one.number} was repeated and is not marked" for one in doubled if one.number not in uncertain]
    repeats = sum(times[one] - 1 for one in doubled if one.channel == without_keys)
    if repeats > crashes:
        found.append(f"{repeats} repeats by {without_keys} after {crashes} crashes")
    return found


def _order(records: Sequence[LedgerRecord], seen: Sequence[Seen]) -> list[str]:
    """What was seen about a card is in the order in which it happened."""
    families: dict[int, Sequence[Mapping[str, Any]]] = {one["number"]: one["subjects"] for one in notices_of(records)}
    last: dict[tuple[str, str], int] = {}
    found = []
    for one in dict.fromkeys(seen):
        for family in {subject["family"] for subject in families.get(one.number, ())}:
            if last.get((one.channel, family), 0) > one.number:
                found.append(f"notice {one.number} came after notice {last[one.channel, family]} of the same card")
            last[one.channel, family] = one.number
    return found
