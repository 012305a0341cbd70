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
from services.messaging.records.fields import KeyValue, Unreadable, fields_of, text, time_text, whole

_LEVELS = tuple(Level)
_TIMES = ("raised_at", "due_at", "cleared_at")


def card_record(state: CardState, case: str, zone: Zone) -> KeyValue:
    """A card to send; of a retracted one the removal of its key. `case`: the case key."""
    key = f"{state.kpi}|{case}|{state.cycle}|{state.node}|{state.level}".encode()
    if state.reason == RETRACTED:
        return key, None
    return key, orjson.dumps(written_card(state, case, zone)._asdict())


def decode(value: bytes | None) -> Card:
    """A card. Raises Unreadable."""
    return card_of(fields_of(value))


def card_of(fields: Mapping[str, Any]) -> Card:
    """The card of these fields. What a version did not write, or wrote as null, is empty. Raises Unreadable."""
    given = {name: value for name, value in fields.items() if value is not None}
    for name in _TIMES:
        time_text(given, name)
    if given.get("level") not in _LEVELS:
        raise Unreadable("its level is none that is known")
    return Card(
        kpi=text(given, "kpi"),
        case=text(given, "case"),
        cycle=whole(given, "cycle"),
        node=text(given, "node", WHOLE),
        level=given["level"],
        unit=text(fields, "unit", ""),
        raised_at=text(given, "raised_at"),
        due_at=text(given, "due_at", ""),
        cleared_at=text(given, "cleared_at", ""),
        reason=text(given, "reason", ""),
    )


def name_of(card: Card) -> str:
    """What a card is known by: its key, with the case as people write it."""
    return "|".join((card.kpi, card.case, str(card.cycle), card.node, card.level))


def name_of_key(key: bytes) -> str:
    """The name of the card of a record."""
    return case_name(key.decode(errors="replace"))


def retracted_of_name(name: str) -> Card | None:
    """A retracted card, as far as its name describes it; None if it is the name of no card."""
    kpi, _, rest = name.partition("|")
    case, *others = rest.rsplit("|", 3)
    if len(others) != 3 or not others[0].isdecimal() or others[2] not in _LEVELS:
        return None
    cycle, node, level = others
    return Card(kpi, case, int(cycle), node, level, unit="", raised_at="", due_at="", cleared_at="", reason=RETRACTED)
