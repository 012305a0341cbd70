"""`alert.cards`: one record for each card that was ever raised. This module alone knows its key and its fields.

Key: `kpi|case|cycle|node|level`, the case with U+001F between owner and subject. Value: the fields of `Card`; none
where the card was retracted.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from services.domain.results.cards import RETRACTED, WHOLE, CardState, case_name, written_card
from services.domain.results.published import Card, Level
from services.domain.time.zone import Zone
from services.messaging.records.fields import KeyValue, Unreadable, fields_of, number_of, text, time_text, whole

_LEVELS = tuple(Level)
_TIMES = ("raised_at", "due_at", "cleared_at")
_IDENTITY = ("kpi", "case", "cycle", "node", "level")
_TEXTS = {name: "" for name in Card._fields if name != "cycle"} | {"node": WHOLE}
"""Field → what it is where it is missing, in a card for a notice."""


def card_record(state: CardState, case: str, zone: Zone) -> KeyValue:
    """A card to send; of a retracted one the removal of its key. `case`: the case key."""
    key = f"{state.kpi}|{case}|{state.cycle}|{state.node}|{state.level}".encode()
    if state.reason == RETRACTED:
        return key, None
    return key, orjson.dumps(written_card(state, case, zone)._asdict())


def decode(value: bytes | None) -> Card:
    """A card as it is counted and listed: all its fields are what they should be. Raises Unreadable."""
    fields = fields_of(value)
    for name in _TIMES:
        time_text(fields, name)
    if fields.get("level") not in _LEVELS:
        raise Unreadable("its level is none that is known")
    return Card(
        kpi=text(fields, "kpi"),
        case=text(fields, "case"),
        cycle=whole(fields, "cycle"),
        node=text(fields, "node", WHOLE),
        level=fields["level"],
        unit=text(fields, "unit", ""),
        raised_at=text(fields, "raised_at"),
        due_at=text(fields, "due_at", ""),
        cleared_at=text(fields, "cleared_at", ""),
        reason=text(fields, "reason", ""),
    )


def decode_for_notice(value: bytes | None) -> Card:
    """A card as a notice needs it. Raises Unreadable."""
    return card_for_notice(fields_of(value))


def card_for_notice(fields: Mapping[str, Any]) -> Card:
    """The card of a record, or of a notice. Raises Unreadable.

    A unit gets its notice, and above all the end of what it was notified of, also where a time is missing or odd. What
    is missing or null is empty, but for its identity and, while it is active, its unit. A cleared card is read whenever
    its identity can be read.
    """
    given = _readable(fields)
    cycle = given.get("cycle")
    if given.get("level") not in _LEVELS or not isinstance(cycle, int):
        raise Unreadable("its level is none that is known, or its cycle is no whole number")
    if missing := [name for name in ("kpi", "case", "unit") if name not in given]:
        raise Unreadable(f"its field {missing[0]} is missing")
    return Card(cycle=cycle, **{name: text(given, name, default) for name, default in _TEXTS.items()})


def _readable(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without null; of a cleared card without what is no text, too, beside its identity."""
    given = {name: value for name, value in fields.items() if value is not None}
    if not text(given, "cleared_at", ""):
        return given
    return {"unit": ""} | {name: value for name, value in given.items() if name in _IDENTITY or type(value) is str}


def name_of(card: Card) -> str:
    """What a card is known by: its key, with the case as people write it."""
    return "|".join((card.kpi, card.case, str(card.cycle), card.node, card.level))


def name_of_key(key: bytes) -> str:
    """The name of the card of a record."""
    return case_name(key.decode(errors="replace"))


def case_of_key(key: bytes) -> str:
    """The case key in the key of a record. Raises Unreadable."""
    kpi, _, rest = key.decode(errors="replace").partition("|")
    case, *others = rest.rsplit("|", 3)
    if not kpi or not case or len(others) != 3:
        raise Unreadable("its key is none of a card")
    return case


def retracted_of_name(name: str) -> Card | None:
    """A retracted card, as far as its name describes it; None if it is the name of no card."""
    kpi, _, rest = name.partition("|")
    case, *others = rest.rsplit("|", 3)
    number = number_of(others[0]) if len(others) == 3 else None
    if number is None or others[2] not in _LEVELS:
        return None
    _, node, level = others
    return Card(kpi, case, number, node, level, unit="", raised_at="", due_at="", cleared_at="", reason=RETRACTED)
