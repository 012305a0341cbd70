"""The metrics of the ledger's keeper."""

from services.metric_names.metrics import Metric

NUMBER = Metric("kpi_ledger_records", "Number of the last record of the ledger that is in the index.")
LAG = Metric("kpi_ledger_lag_records", "Records of the topic that the keeper has not handled yet.", ("topic",))
VOID = Metric(
    "kpi_ledger_void_records_total",
    "Records in the ledger's topic that do not belong to the chain: of a second keeper, or of none.",
    (),
    "counter",
)
UNREADABLE = Metric(
    "kpi_ledger_unreadable_records_total", "Records that are not what their topic holds.", ("topic",), "counter"
)
READY = Metric("kpi_ledger_ready", "1 once the keeper has read the ledger and what was asked for before its start.")
CUT = Metric(
    "kpi_ledger_cut",
    "1 if the keeper has stopped: the ledger does not have what the index or the file of checkpoints has.",
)
CHECKPOINT = Metric(
    "kpi_ledger_checkpoint_timestamp_seconds",
    "Time, by the plan's clock, of the latest checkpoint of the ledger; 0: there is none.",
)
UNCOVERED = Metric("kpi_ledger_uncovered_records", "Records behind the latest checkpoint.")
WAITING = Metric(
    "kpi_ledger_decision_waiting_seconds",
    "For how long, in real time, the oldest decision waits to be in force; 0: none waits.",
)
REFUSED = Metric("kpi_ledger_decisions_refused", "Decisions whose event the gateway refused: they are not in force.")
