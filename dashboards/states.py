"""How the nine states look: a colour, a sign and a word each, never the colour alone."""

from typing import NamedTuple

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.codes import names
from dashboards.page import Page
from services.catalog.words import wording
from services.catalog.words.wording import MISSED_EFFORT, SIGNS, STATE_NAMES
from services.domain.plan.plan import Title
from services.domain.results.published import WORST_FIRST, State
from services.metric_names.recording_rules import ASPIRED, RANKS

RED, GREEN = "#D9122F", "#1A812A"
COLOURS = {
    State.MISSED: RED,
    State.AT_RISK: "#BE4E00",
    State.UNMEASURED: "#9F56A6",
    State.STALE: "#7A6A0E",
    State.INSUFFICIENT: "#276FD6",
    State.PROVISIONAL: "#D6118B",
    State.NO_DATA: "#6E7276",
    State.MET: GREEN,
    State.UNTARGETED: "#764EF9",
}
"""Only `met` is green and only `missed` red; what is not judged looks like neither (rule 9). White text on each is read
at a glance (4.5 to 1), and each as a large number on the dark and the light theme (3 to 1)."""
ASPIRED_COLOUR = "#007682"
"""Of a missed promise that is never red (rule 10)."""

YELLOW_CARD, RED_CARD = "#8A6D00", RED

_SHORT = {
    State.UNMEASURED: Title(zh="无法评价", en="unmeasured"),
    State.PROVISIONAL: Title(zh="推进中或暂定", en="not due, provisional"),
}
"""Names that have to fit above a number."""


def shown(state: State, page: Page) -> str:
    """Sign and word."""
    return f"{SIGNS[state]} {page.name(_SHORT.get(state, STATE_NAMES[state]))}"


class Look(NamedTuple):
    """How a rank looks."""

    rank: float
    text: str
    colour: str


def looks(page: Page) -> list[Look]:
    """Every rank (`recording_rules.rank`), the worst first; a miss that is never red has one of its own."""
    found = [Look(RANKS[state], shown(state, page), COLOURS[state]) for state in WORST_FIRST]
    aspired = f"{SIGNS[State.MISSED]} {page.name(MISSED_EFFORT)}"
    return sorted([*found, Look(ASPIRED, aspired, ASPIRED_COLOUR)])


def mapping(page: Page) -> ValueMap:
    """Rank → what is shown of it."""
    return ValueMap(
        {
            f"{look.rank:g}": ValueMappingResult(text=look.text, color=look.colour, index=index)
            for index, look in enumerate(looks(page))
        }
    )


def window_names(page: Page) -> ValueMap:
    """Window → its name, for a column that holds windows."""
    return names(page, wording.window_names(page.plan.head))
