"""Quarantine: what is known of a case that cannot be judged, and its marks in the tallies.

Such a case contributes nothing but marks: one per promise that may be about it and unit that it names. A mark is a
tally of its own kpi, as signals are; of a promise and unit with a mark no value row is green (`states.py`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from services.domain.history.corrections import bad_corrections
from services.domain.history.fact_set import Inserted, Insertion, insert
from services.domain.intake.facts import CASE_TYPES, Fact
from services.domain.judging.data_quality import PREFIX
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.sums.tally import NOW, TallyField, TallyKey

QUARANTINED = f"{PREFIX}quarantined"
"""Cases that cannot be judged; the item is the promise's key."""
SIGNALS = "-"
"""In the place of a promise: the signals of a case cannot be read."""

_OURS = ("/services/", "/streams/", "/tests/")


class Quarantine(NamedTuple):
    """Why a case, or what some promises say of it, cannot be judged."""

    cause: str
    """Type of the error and place in the code; never its text, in which a payload may be."""
    kpis: tuple[str, ...]
    """Keys of the promises that cannot be judged for this case, in the plan's order."""
    units: tuple[str, ...]
    """That its events name, sorted; one empty text if they name none."""

    def marks(self) -> list[Judgement]:
        """What it contributes."""
        return [
            Judgement(QUARANTINED, 1, Outcome.COUNTED, unit, kpi, NOW, ((TallyField.N, 1),), None)
            for kpi in self.kpis
            for unit in self.units
        ]


class Named(NamedTuple):
    """What the facts of a key name, as far as they can be read."""

    units: tuple[str, ...]
    items: frozenset[str]
    """Service items."""
    others: frozenset[str]
    """Collections, duties and quantities of figures."""
    unknown: bool
    """Whether it is a case whose service item nothing names, or nothing can be read: it may be about any promise."""


def cause_of(error: BaseException) -> str:
    """The innermost place that is our code: `OverflowError in services/domain/time/calendar.py:88 (add)`."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        ours = next((folder for folder in _OURS if folder in code.co_filename), None)
        if ours is not None:
            path = ours.strip("/") + "/" + code.co_filename.rpartition(ours)[2]
            place = f" in {path}:{trace.tb_lineno} ({code.co_name})"
        trace = trace.tb_next
    return type(error).__name__ + place


def named_by(facts: Iterable[Fact]) -> Named:
    """Units, service items and other subjects in facts and in what corrections put in their place. Never raises."""
    found: dict[str, set[str]] = {}
    is_case = False
    for fact in facts:
        try:
            named = list(_named(fact.data))
            is_case |= fact.type in CASE_TYPES
        except Exception:  # a fact that cannot be read names nothing
            continue
        for name, text in named:
            found.setdefault(name, set()).add(text)
    units = tuple(sorted(found.pop("unit", ()))) or ("",)
    items = frozenset(found.pop("service_item", ()))
    others = frozenset(text for texts in found.values() for text in texts)
    return Named(units, items, others, not items and (is_case or not others))


_NAMES = ("unit", "service_item", "collection", "duty", "quantity")


def _named(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _NAMES:
        text = data.get(name)
        if isinstance(text, str):
            yield name, text
    event = data.get("event")
    if isinstance(event, Mapping):
        yield from _named(event.get("data", {}))


def marked(tallies: Iterable[TallyKey]) -> dict[str, set[str]]:
    """Key of a promise → the units for which a quarantined case marks it."""
    found: dict[str, set[str]] = {}
    for key in tallies:
        if key.kpi == QUARANTINED:
            found.setdefault(key.item, set()).add(key.unit)
    return found


def keep(facts: list[Fact], fact: Fact) -> Inserted:
    """As `insert`, but an error never loses the fact: it is kept at the end, and the error shows when it is judged."""
    try:
        return insert(facts, fact)
    except Exception:
        if not any(held is fact for held in facts):
            facts.append(fact)
        return Inserted(facts, Insertion.NEW)


def refused_corrections(facts: Iterable[Fact]) -> list[Fact]:
    """`bad_corrections`; none where the facts cannot be read, which shows when they are judged."""
    try:
        return bad_corrections(facts)
    except Exception:
        return []
