"""The metrics of a relay, for Prometheus."""

from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from services.gateway.relay.relay import Relay
from services.metric_names import gateway_metrics as names


class RelayMetrics(Collector):
    """What a relay has taken from each inbox since its start, and which inboxes are paused."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def collect(self) -> Iterable[Family]:
        """What a scrape gets."""
        events = CounterMetricFamily(
            names.RELAYED.name.removesuffix("_total"), names.RELAYED.documentation, labels=names.RELAYED.labels
        )
        paused = GaugeMetricFamily(names.PAUSED.name, names.PAUSED.documentation, labels=names.PAUSED.labels)
        left_out = CounterMetricFamily(
            names.LEFT_OUT.name.removesuffix("_total"), names.LEFT_OUT.documentation, labels=names.LEFT_OUT.labels
        )
        for figures in self._relay.figures():
            events.add_metric((figures.source, "accepted"), figures.accepted)
            events.add_metric((figures.source, "refused"), figures.refused)
            left_out.add_metric((figures.source,), figures.left_out)
            paused.add_metric((figures.source,), int(figures.is_paused))
        yield from (events, left_out, paused)
