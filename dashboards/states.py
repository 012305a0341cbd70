"""How the nine states look: a colour, a sign and a word each, never the colour alone."""

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.page import Page
from services.catalog.words.wording import SIGNS, STATE_NAMES, WINDOW_NAMES
from services.domain.results.published import WORST_FIRST, State

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

YELLOW_CARD, RED_CARD = "#F2CC0C", "#C4162A"


def shown(state: State, page: Page) -> str:
    """Sign and word."""
    return f"{SIGNS[state]} {page.name(STATE_NAMES[state])}"


def mapping(page: Page) -> ValueMap:
    """Rank (`records.rank`) → what is shown of it."""
    return ValueMap(
        {
            str(number): ValueMappingResult(text=shown(state, page), color=COLOURS[state], index=number)
            for number, state in enumerate(WORST_FIRST, start=1)
        }
    )


def window_names(page: Page) -> ValueMap:
    """Window → its name, for a column that holds windows."""
    return ValueMap({window: ValueMappingResult(text=page.name(name)) for window, name in WINDOW_NAMES.items()})
