"""The metrics of the casebook's own process. No case is in them: cases are listed by the casebook itself."""

from services.metric_names.metrics import Metric

INDEXED = Metric("kpi_casebook_indexed_events_total", "Events put into the index since the start.", (), "counter")
UNREADABLE = Metric(
    "kpi_casebook_unreadable_records_total", "Records that are not what their topic holds.", ("topic",), "counter"
)
LAG = Metric("kpi_casebook_lag_records", "Records that the index does not have yet.", ("topic",))
READY = Metric("kpi_casebook_ready", "1 once it has caught up to the ends that the topics had when it started.")
COMPLETE = Metric(
    "kpi_casebook_complete_timestamp_seconds", "All that was in the topics at this real time is in the index."
)
