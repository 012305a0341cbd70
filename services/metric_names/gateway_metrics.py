"""The metrics of a gateway and of a relay, which each process shows itself, from its start."""

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
RELAYED: Final = Metric(
    "kpi_relay_events_total", "Events taken from inboxes: accepted or refused.", ("source", "outcome"), "counter"
)
PAUSED: Final = Metric(
    "kpi_relay_inbox_paused", "1 while the inbox of a source is paused after a burst of refused events.", ("source",)
)
LEFT_OUT: Final = Metric(
    "kpi_relay_letters_left_out_total",
    "Refused events of an inbox without a dead letter, since its source had too many in a day.",
    ("source",),
    "counter",
)
FEEDBACK_CURRENT: Final = Metric(
    "kpi_gateway_feedback_current",
    "1 while dead letters and progress are read as of now; else sources are answered 503 about themselves.",
)
