"""The state of the district in a few numbers of the exporter: for the line that `kpiwatch up` keeps showing."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from services.metric_names import metrics

_ASKED = tuple(
    metric.name for metric in (metrics.CLOCK, metrics.EVENTS, metrics.PROMISE_INFO, metrics.STATE, metrics.CARDS_OPEN)
)


@dataclass(frozen=True, slots=True)
class ExporterSummary:
    """Promises of the whole district in their official window, by state; active cards."""

    clock_seconds: float
    events: int
    met: int
    at_risk: int
    missed: int
    other: int
    yellow: int
    red: int


def ask_exporter(url: str) -> ExporterSummary | None:
    """Asks the exporter for what is shown, a tenth of what it has; None if it does not answer."""
    try:
        text = httpx.get(url, params={"name[]": _ASKED}, timeout=5, trust_env=False).raise_for_status().text
    except httpx.HTTPError:
        return None
    return read(text)


def answers(url: str) -> bool:
    """Whether there is a page."""
    try:
        return httpx.get(url, timeout=2, trust_env=False, follow_redirects=True).is_success
    except httpx.HTTPError:
        return False


def read(text: str) -> ExporterSummary:
    """From the text of /metrics. Only the lines that are asked for are parsed: there are tens of thousands."""
    lines = "\n".join(line for line in text.splitlines() if line.startswith(_ASKED))
    samples = [sample for family in text_string_to_metric_families(lines + "\n") for sample in family.samples]
    states = _states(samples)
    cards: Counter[str] = Counter()
    for one in _named(samples, metrics.CARDS_OPEN.name):
        cards[one.labels["level"]] += int(one.value)
    shown = ("met", "at_risk", "missed")
    return ExporterSummary(
        clock_seconds=_last(samples, metrics.CLOCK.name),
        events=int(_last(samples, metrics.EVENTS.name)),
        met=states["met"],
        at_risk=states["at_risk"],
        missed=states["missed"],
        other=sum(count for state, count in states.items() if state not in shown),
        yellow=cards["yellow"],
        red=cards["red"],
    )


def _states(samples: Iterable[Sample]) -> Counter[str]:
    """State → how many promises of the whole district are in it, in their official window."""
    samples = list(samples)
    official = {
        (one.labels["kpi"], one.labels["variant"]): one.labels["official_window"]
        for one in _named(samples, metrics.PROMISE_INFO.name)
    }
    states: Counter[str] = Counter()
    for one in _named(samples, metrics.STATE.name):
        labels = one.labels
        whole = (labels["variant"], labels["unit"], labels["item"]) == ("official", "ALL", "-")
        if whole and labels["window"] == official.get((labels["kpi"], "official")):
            states[labels["state"]] += 1
    return states


def _named(samples: Iterable[Sample], name: str) -> list[Sample]:
    return [one for one in samples if one.name == name]


def _last(samples: Iterable[Sample], name: str) -> float:
    """The value of a metric with one series; 0 if it is not there."""
    found = _named(samples, name)
    return found[-1].value if found else 0.0
