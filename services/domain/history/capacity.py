"""How much one case may hold. A case is judged as a whole and its row is one record: neither may grow without limit.

A source that repeats itself (a retry under new ids, a loop) would otherwise make a row that no broker takes, or that
takes seconds to judge, and would stop all cases of its partition. The facts that arrived first are kept, in whatever
order they are read. There is one exception. Where two events of a full case share source and id (a conflict), the one
that arrived first and the one that wins may be different events, and what was taken out before the winner came does not
come back. Which facts are kept then depends on the order, and a replay may keep others than the worker. Each event that
is taken out has its dead letter in either case.
"""

from typing import Any, Final

from services.domain.intake.facts import CASE_TYPES, CONTRACT_PLACE, Fact, FactType
from services.domain.time.zone import Instant

LARGEST_CASE: Final = 1_000
"""Units of a case. A state of a catalogue entry, a duty or a figure counts one: 1,000 figures are judged in 25 ms. Any
other event counts four, since a case is judged again at each arrival: 250 events took 0.2 s, 1,000 took 2 to 7 s, each
time one more came. Reopening a case counts nine more: each new request has cards and values of its own. Texts, id and
source among them, count one more for every 256 characters, so that the facts of no full case are above 2 MB."""
FULL_CASE: Final = (
    "its case is full: one case holds 250 events, or 1,000 figures, duties or catalogue states, and fewer with long "
    "texts or many new requests; those that arrived first are kept",
    "look whether the source repeats itself under new ids; give what goes on for ever a subject per year, and a new "
    "request a case of its own",
)
"""What is wrong with an event that a case cannot hold, and what is right."""
_CHARACTERS: Final = 256
_CYCLE: Final = 9

_EVENT: Final = 4
_BYTES_PER_UNIT: Final = 6
"""No unit has fewer bytes in a packed row: the shortest fact of thirteen units has 80."""


def free_units_in(packed: bytes) -> int:
    """Units that are surely free in a case whose row is packed so; it may have more."""
    return LARGEST_CASE - len(packed) // _BYTES_PER_UNIT


def weight(fact: Fact) -> int:
    """The units of a fact."""
    characters = len(fact.source) + len(fact.id)
    for value in fact.data.values():
        kind = type(value)
        if kind is str:
            characters += len(value)
        elif kind is dict or kind is list:
            characters += _characters(value)
    units = (_EVENT if fact.type in _EVENT_TYPES else 1) + characters // _CHARACTERS
    return units + _CYCLE if fact.type in _MAY_REOPEN else units


def take_out_overflow(facts: list[Fact]) -> list[Fact]:
    """Take out the facts that the case cannot hold: each before whose arrival the others fill it already."""
    units = [weight(fact) for fact in facts]
    if sum(units) <= LARGEST_CASE:
        return []
    full, beyond = 0, set[int]()
    for place in sorted(range(len(facts)), key=lambda place: _arrival(facts[place])):
        if full >= LARGEST_CASE:
            beyond.add(place)
        else:
            full += units[place]
    taken = [facts[place] for place in sorted(beyond)]
    facts[:] = [fact for place, fact in enumerate(facts) if place not in beyond]
    return taken


def _arrival(fact: Fact) -> tuple[Instant, Instant, int, str, str]:
    return fact.received, fact.time, CONTRACT_PLACE[fact.type], fact.source, fact.id


def _characters(value: Any) -> int:
    if type(value) is str:
        return len(value)
    if type(value) is list:
        return sum(map(_characters, value))
    if type(value) is dict:
        return sum(len(name) + _characters(content) for name, content in value.items())
    return 4


_EVENT_TYPES: Final = CASE_TYPES | {int(FactType.CORRECTION)}
"""What happens to a case. The other types hold the state of a catalogue entry, a duty or a figure."""
_MAY_REOPEN: Final = frozenset((int(FactType.CASE_REOPENED), int(FactType.CORRECTION)))
"""A correction may put a reopening in the place of its target."""
