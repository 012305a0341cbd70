"""The metrics of the desk."""

from services.metric_names.metrics import Metric

REQUESTS = Metric(
    "kpi_desk_requests_total", "Requests that were answered, by route and status.", ("route", "status"), "counter"
)
SECONDS = Metric("kpi_desk_request_seconds", "How long requests took until their answer.", (), "histogram")
SIGN_INS = Metric(
    "kpi_desk_sign_ins_total",
    "Attempts to sign in: ok, failed, wait (refused unseen, after too many failures).",
    ("outcome",),
    "counter",
)
INDEX_AGE = Metric(
    "kpi_desk_index_age_seconds",
    "For how long the index has not had all that is in the topics, in real time; before it first had, since the start.",
)
INDEX_LAG = Metric("kpi_desk_index_lag_records", "Records that the index does not have yet.", ("topic",))
INDEX_READY = Metric("kpi_desk_index_ready", "1 once it has caught up to the ends that the topics had at the start.")
INDEX_UNREADABLE = Metric(
    "kpi_desk_index_unreadable_records_total", "Records that are not what their topic holds.", ("topic",), "counter"
)
SESSIONS = Metric("kpi_desk_sessions", "Sessions that are open.")
