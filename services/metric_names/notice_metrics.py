"""The metrics of the notifier."""

from services.metric_names.metrics import Metric

DELIVERIES = Metric(
    "kpi_notice_deliveries_total",
    "Notices to a unit that are no longer under way, by what became of them: a channel accepted it; the file has it, "
    "since there is no channel; every channel refused it; or it is uncertain whether one has it.",
    ("addressee", "outcome"),
    "counter",
)
WAITING = Metric(
    "kpi_notice_waiting_seconds",
    "For how long, in real time, the oldest notice to a unit is tried and not taken; 0: none is.",
    ("addressee",),
)
UNREACHED = Metric(
    "kpi_recipients_unreached",
    "Contacts of a unit for whom no channel works: none can be used, or each has failed for ten minutes.",
    ("addressee",),
)
