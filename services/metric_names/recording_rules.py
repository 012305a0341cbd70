"""Names of what the recording rules give: services/alert_rules writes them, alerts and dashboards read them."""

from collections.abc import Mapping

from services.domain.plan.plan import Strength
from services.domain.results.published import WORST_FIRST, State
from services.metric_names import metrics

UNIT_STATE = f"unit:{metrics.STATE.name}:official"
"""The state of each promise in its official window, by unit; ALL is the district."""
UNIT_RANK = f"unit:{metrics.STATE.name}:rank"
"""The same as a number: 1 is the worst. So it can be sorted, and drawn over time."""
UNIT_STATE_AT_MIDNIGHT = f"unit:{metrics.STATE_AT_MIDNIGHT.name}:official"
"""The state when the day of the plan's clock began, where it is another one now."""
UNIT_VALUE = f"unit:{metrics.VALUE.name}:official"
UNIT_SHOWN = f"unit:{metrics.SHOWN.name}:official"
"""The figure as it is read."""
STATE_COUNT = f"district:{metrics.STATE.name}:count"
CARDS = f"unit:{metrics.CARDS_OPEN.name}:sum"
CLOCK = f"district:{metrics.CLOCK.name}:max"
WORKING = f"district:{metrics.WORKING_HOURS.name}:max"
SWEEP_AGE = "partition:kpi_sweep_age_seconds:max"
DEAD_LETTER_RATIO = "district:kpi_dead_letters:ratio15m"
BACKDATED_SHARE = "source:kpi_backdated_cases:ratio30d"

ALL: tuple[str, ...] = (
    UNIT_STATE,
    UNIT_RANK,
    UNIT_STATE_AT_MIDNIGHT,
    UNIT_VALUE,
    UNIT_SHOWN,
    STATE_COUNT,
    CARDS,
    CLOCK,
    WORKING,
    SWEEP_AGE,
    DEAD_LETTER_RATIO,
    BACKDATED_SHARE,
)


RANKS: Mapping[State, int] = {state: number for number, state in enumerate(WORST_FIRST, start=1)}
"""1 is the worst."""
ASPIRED = RANKS[State.MISSED] + 0.5
"""The rank of a missed promise that is never red (rule 10): behind those that are, before every other state."""
_NEVER_RED = f'{metrics.PROMISE_INFO.name}{{variant="official",strength="{Strength.ASPIRATIONAL}"}}'


def rank_of(state: State, *, never_red: bool) -> float:
    """The rank of a promise in a state."""
    return ASPIRED if never_red and state is State.MISSED else RANKS[state]


def rank(name: str, chosen: str, by: str) -> str:
    """PromQL: the rank of the states of chosen series, 1 for the worst (`published.WORST_FIRST`).

    `name`: a metric or record with `kpi` and `state`; `chosen`: matchers, may be empty; `by`: the labels that stay.
    """

    def of(state: State) -> str:
        return f'{name}{{{chosen}{"," if chosen else ""}state="{state}"}}'

    missed = of(State.MISSED)
    each = [
        f"{ASPIRED} * {missed} and on (kpi) {_NEVER_RED}",
        f"{RANKS[State.MISSED]} * {missed} unless on (kpi) {_NEVER_RED}",
        *(f"{number} * {of(state)}" for state, number in RANKS.items() if state is not State.MISSED),
    ]
    return f"max by ({by}) ({' or '.join(each)})"
