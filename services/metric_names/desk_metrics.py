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
SESSIONS = Metric("kpi_desk_sessions", "Sessions that are open.")
