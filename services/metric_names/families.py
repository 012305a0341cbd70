"""Metrics of a process that counts for itself, as its collector gives them to the client library."""

from collections.abc import Mapping

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family

from services.metric_names.metrics import Metric

Figures = Mapping[tuple[str, ...], float]
"""Label values in the metric's order → figure."""


def counter(metric: Metric, figures: Figures) -> Family:
    """A counter. The library writes `_total` itself: the family has the name without it."""
    family = CounterMetricFamily(metric.name.removesuffix("_total"), metric.documentation, labels=metric.labels)
    return _filled(family, figures)


def gauge(metric: Metric, figures: Figures) -> Family:
    """A gauge."""
    return _filled(GaugeMetricFamily(metric.name, metric.documentation, labels=metric.labels), figures)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, figures: Figures) -> Family:
    for labels, figure in figures.items():
        family.add_metric(labels, figure)
    return family
