"""Where the district stands, in a few numbers of the exporter: for the line that `kpiwatch up` keeps showing."""

from collections import Counter
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from services.names import metrics


@dataclass(frozen=True, slots=True)
class Standing:
    """Promises of the whole district in their official window, by state; cards that stand."""

    clock_seconds: float
    events: int
    met: int
    at_risk: int
    missed: int
    other: int
    yellow: int
    red: int


def standing(url: str) -> Standing | None:
    """Asks the exporter; None if it does not answer."""
    try:
        text = httpx.get(url, timeout=5, trust_env=False).raise_for_status().text
    except httpx.HTTPError:
        return None
    return read(text)


def read(text: str) -> Standing:
    """From the text of /metrics."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    official = {
        (one.labels["kpi"], one.labels["variant"]): one.labels["official_window"]
        for one in samples
        if one.name == metrics.PROMISE_INFO.name
    }
    states: Counter[str] = Counter()
    cards: Counter[str] = Counter()
    single: dict[str, float] = {}
    for one in samples:
        labels = one.labels
        if one.name == metrics.STATE.name:
            whole = (labels["variant"], labels["unit"], labels["item"]) == ("official", "ALL", "-")
            if whole and labels["window"] == official.get((labels["kpi"], "official")):
                states[labels["state"]] += 1
        elif one.name == metrics.CARDS_OPEN.name:
            cards[labels["level"]] += int(one.value)
        else:
            single[one.name] = one.value
    shown = ("met", "at_risk", "missed")
    return Standing(
        clock_seconds=single.get(metrics.CLOCK.name, 0.0),
        events=int(single.get(metrics.EVENTS.name, 0)),
        met=states["met"],
        at_risk=states["at_risk"],
        missed=states["missed"],
        other=sum(count for state, count in states.items() if state not in shown),
        yellow=cards["yellow"],
        red=cards["red"],
    )
