"""The first page of who reads: what is the viewer's own, and the district at a glance, from the figures that Grafana
has, too.
"""

from typing import Final

from fastapi import Response

from services.desk.access import Role
from services.desk.asking import Asked
from services.desk.pages.assignments import to_answer
from services.desk.pages.said_of import reading_page
from services.desk.reading.card_lists import CardWish
from services.desk.reading.figures import District
from services.domain.results.published import WORST_FIRST, Level, State

_LARGE: Final = (State.MISSED, State.AT_RISK, State.MET)
"""The states that the page shows large; the others are a line below."""
OWN_CARDS: Final = 5
"""Cards, and assigned cases, that a unit sees at once."""
CHANGES: Final = 6
"""Changes of today that are seen at once; `/changes` has all."""


def district_page(ask: Asked) -> Response:
    """The page. Raises ReadingUnavailable, LedgerUnavailable, CasebookUnavailable."""
    viewer, reading = ask.known, ask.desk.reading
    district = reading.district(viewer)
    is_unit = viewer.role is Role.UNIT
    answer: Response = reading_page(
        ask,
        "district.html",
        district=district,
        large=[(state, district.states.get(state, 0)) for state in _LARGE],
        others=[(state, count) for state, count in _other_states(district)],
        totals={level: sum(getattr(count, level) for count in district.cards) for level in Level},
        changes=district.changed[:CHANGES],
        is_unit=is_unit,
        own=reading.open_cards(viewer, CardWish()).lines[:OWN_CARDS] if is_unit else (),
        assigned=to_answer(ask, OWN_CARDS) if is_unit else (),
        counted=reading.counted(viewer) if is_unit else {},
    )
    return answer


def changes_page(ask: Asked) -> Response:
    """All changes of today. Raises ReadingUnavailable."""
    answer: Response = reading_page(ask, "changes.html", lines=ask.desk.reading.district(ask.known).changed)
    return answer


def _other_states(district: District) -> list[tuple[State, int]]:
    states = district.states
    return [(state, states[state]) for state in WORST_FIRST if state not in _LARGE and states.get(state)]
