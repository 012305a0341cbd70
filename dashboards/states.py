"""How the nine states look: a colour, a sign and a word each, never the colour alone."""

from typing import NamedTuple

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.page import Page
from services.catalog.words import wording
from services.catalog.words.wording import MISSED_EFFORT, SIGNS, STATE_NAMES
from services.domain.results.published import WORST_FIRST, State
from services.metric_names.recording_rules import ASPIRED, RANKS

COLOURS = {
    State.MISSED: "#C4162A",
    State.AT_RISK: "#FF780A",
    State.UNMEASURED: "#8F3BB8",
    State.STALE: "#6B4F2A",
    State.INSUFFICIENT: "#8AB8FF",
    State.PROVISIONAL: "#E0529C",
    State.NO_DATA: "#7B8087",
    State.MET: "#37872D",
    State.UNTARGETED: "#1F60C4",
}
"""Only `met` is green and only `missed` red; what is not judged looks like neither (rule 9)."""
ASPIRED_COLOUR = "#0B8A8F"
"""Of a missed promise that is never red (rule 10)."""

YELLOW_CARD, RED_CARD = "#F2CC0C", "#C4162A"


def shown(state: State, page: Page) -> str:
    """Sign and word."""
    return f"{SIGNS[state]} {page.name(STATE_NAMES[state])}"


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
    return ValueMap(
        {
            window: ValueMappingResult(text=page.name(name))
            for window, name in wording.window_names(page.plan.head).items()
        }
    )
