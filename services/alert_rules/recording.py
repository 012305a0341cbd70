"""The recording rules; their names are in `services/metric_names/recording_rules.py`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from services.alert_rules.alert import Rule
from services.alert_rules.expressions import REFUSED, by_source
from services.domain.plan.plan import Promise, Window
from services.metric_names import metrics
from services.metric_names.recording_rules import (
    BACKDATED_SHARE,
    CARDS,
    CLOCK,
    DEAD_LETTER_RATIO,
    STATE_COUNT,
    SWEEP_AGE,
    UNIT_RANK,
    UNIT_SHOWN,
    UNIT_STATE,
    UNIT_STATE_AT_MIDNIGHT,
    UNIT_VALUE,
    WORKING,
    rank,
)

_BY_WINDOW = (
    (UNIT_STATE, metrics.STATE, "kpi, unit, state"),
    (UNIT_STATE_AT_MIDNIGHT, metrics.STATE_AT_MIDNIGHT, "kpi, unit, state"),
    (UNIT_VALUE, metrics.VALUE, "kpi, unit"),
    (UNIT_SHOWN, metrics.SHOWN, "kpi, unit"),
)
"""Rules that exist once for each official window: their name, their metric, the labels that they keep."""


def recording_rules(promises: Iterable[Promise]) -> Iterator[Rule]:
    """All of them. `promises`: the official ones."""
    by_window: defaultdict[Window, list[str]] = defaultdict(list)
    for promise in promises:
        by_window[promise.official_window].append(promise.id)
    for record, metric, labels in _BY_WINDOW:
        for window, kpis in sorted(by_window.items()):
            chosen = f'variant="official",item="-",window="{window}",kpi=~"{"|".join(sorted(kpis))}"'
            expr = f"max by ({labels}) ({metric.name}{{{chosen}}})"
            yield {"record": record, "expr": expr, "labels": {"window": window.value}}
    for record, expr in _OTHERS:
        yield {"record": record, "expr": expr}


def _backdated_share() -> str:
    shares = (f'max by (unit) ({metric.name}{{signal="backdated"}})' for metric in (metrics.SIGNAL, metrics.SIGNAL_OF))
    return by_source(" / ".join(shares))


_OTHERS = (
    (UNIT_RANK, rank(UNIT_STATE, "", "kpi, unit, window")),
    (STATE_COUNT, f'count by (state) ({UNIT_STATE}{{unit="ALL"}})'),
    (CARDS, f"sum by (unit, level) (max by (kpi, unit, level) ({metrics.CARDS_OPEN.name}))"),
    (CLOCK, f"max({metrics.CLOCK.name})"),
    (WORKING, f"max({metrics.WORKING_HOURS.name})"),
    (SWEEP_AGE, f"scalar(max({metrics.CLOCK.name})) - min by (partition) ({metrics.SWEEP.name})"),
    # records through the pipeline in real time, no counters of cases: only of these a rate is computed
    (DEAD_LETTER_RATIO, f"{REFUSED} / clamp_min(max(increase({metrics.EVENTS.name}[15m])), 1)"),
    (BACKDATED_SHARE, _backdated_share()),
)
