"""The metrics of a gateway, which it shows itself: one process, one set of counters from its start."""

from typing import Final

from services.metric_names.metrics import Metric

EVENTS: Final = Metric(
    "kpi_gateway_events_total",
    "Events that sources sent, by what became of them: accepted, uncertain, or the reason of the refusal.",
    ("source", "outcome"),
    "counter",
)
REQUESTS: Final = Metric(
    "kpi_gateway_requests_total", "Requests that were answered, by route and status.", ("route", "status"), "counter"
)
IN_HAND: Final = Metric("kpi_gateway_requests_in_hand", "Requests with events that are being read or written.")
ACKNOWLEDGED: Final = Metric(
    "kpi_gateway_acknowledge_seconds_total",
    "Seconds that accepted requests took from the last byte to the answer.",
    (),
    "counter",
)
KEYS_CURRENT: Final = Metric(
    "kpi_gateway_keys_current", "1 while the API keys are known as of now; without them nobody is served."
)
