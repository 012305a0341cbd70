"""The metrics of the process that sends briefings."""

from services.metric_names.metrics import Metric

WAITING = Metric(
    "kpi_briefings_waiting", "Briefings whose time has come and that not everybody has who gets them.", ("period",)
)
LAST_SENT = Metric(
    "kpi_briefing_last_sent_timestamp_seconds",
    "Time, by the plan's clock, at which the latest briefing of a period was sent; none: nobody got one yet.",
    ("period",),
)
WITHOUT_PDF = Metric("kpi_briefings_without_pdf_total", "Briefings that were sent without their PDF.", (), "counter")
