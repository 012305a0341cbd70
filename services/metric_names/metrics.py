"""Every metric: its name, its labels and its meaning. Exporter, rules, dashboards and backfill read them here.

Labels come from closed sets (the plan's promises, units, items, sources; windows; states), never a case id, a value
or a version. A promise's figures are in the promise's own unit (`kpi_promise_info` says which); shares are 0 to 1;
everything else is in base units, and times are timestamps of the plan's clock, not ages, except ages in working
time, which only the domain can compute.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric family: what is written after # HELP and # TYPE, and the labels each of its series carries."""

    name: str
    documentation: str
    labels: tuple[str, ...] = ()
    type: Literal["gauge", "counter", "histogram"] = "gauge"

    @property
    def samples(self) -> tuple[str, ...]:
        """The names of its samples: its own, or those that a histogram has."""
        return tuple(f"{self.name}{end}" for end in _HISTOGRAM_ENDS) if self.type == "histogram" else (self.name,)


BUCKET = "_bucket"
_HISTOGRAM_ENDS = (BUCKET, "_count", "_sum")

ROW_LABELS = ("kpi", "variant", "unit", "item", "window")
"""The identity of a value row. `unit` is ALL for the whole district, `item` is - where the figure is over all items."""


def _of_row(name: str, documentation: str) -> Metric:
    return Metric(name, documentation, ROW_LABELS)


VALUE = _of_row("kpi_value", "The figure, in the promise's own unit.")
OBJECTIVE = _of_row("kpi_objective", "What the figure must reach, in the promise's own unit.")
N = _of_row("kpi_n", "Cases (or entries) behind the figure.")
NUMERATOR = _of_row("kpi_numerator", "Numerator of a ratio.")
DENOMINATOR = _of_row("kpi_denominator", "Denominator of a ratio: matured cases, open overdue ones included.")
LOWER = _of_row("kpi_interval_lower", "Lower end of the Wilson interval of a ratio.")
UPPER = _of_row("kpi_interval_upper", "Upper end of the Wilson interval of a ratio.")
OPEN_OVERDUE = _of_row("kpi_open_overdue_cases", "Open cases past their limit.")
SUSPENDED_SHARE = _of_row("kpi_suspended_share", "Share of cases whose clock was stopped for a time.")
EXTENDED_SHARE = _of_row("kpi_extended_share", "Share of cases with an approved extension.")
WITHDRAWN_SHARE = _of_row("kpi_withdrawn_share", "Share of cases withdrawn before their limit.")
JUSTIFIED = _of_row("kpi_justified_cases", "Cases outside the denominator because a reason was accepted.")
LATE_ENTRY = _of_row("kpi_late_entry_cases", "Misses turned into hits by what arrived after the limit; unconfirmed.")
UNMEASURED = _of_row("kpi_unmeasured_cases", "Cases whose source did not report the fact that would judge them.")
AWAITING = _of_row("kpi_awaiting_cases", "Cases past their limit whose source may still report the stop in time.")
PROVISIONAL = _of_row(
    "kpi_provisional_cases", "Cases whose limit rests on days of which the calendar is not published."
)
UNCLASSIFIED = _of_row(
    "kpi_unclassified_cases", "Matured cases that leave out a field by which the promise selects its cases."
)
MEAN_GROSS = _of_row("kpi_mean_gross", "Mean with the time included during which the clock was stopped.")
P50 = _of_row("kpi_p50", "Median of the durations.")
P95 = _of_row("kpi_p95", "95th percentile of the durations.")

ROW_METRICS: dict[str, Metric] = {
    "value": VALUE,
    "objective": OBJECTIVE,
    "n": N,
    "numerator": NUMERATOR,
    "denominator": DENOMINATOR,
    "lower": LOWER,
    "upper": UPPER,
    "open_overdue": OPEN_OVERDUE,
    "suspended_share": SUSPENDED_SHARE,
    "extended_share": EXTENDED_SHARE,
    "withdrawn_share": WITHDRAWN_SHARE,
    "justified_n": JUSTIFIED,
    "late_entry_n": LATE_ENTRY,
    "unmeasured_n": UNMEASURED,
    "mean_gross": MEAN_GROSS,
    "p50": P50,
    "p95": P95,
    "awaiting_n": AWAITING,
    "provisional_n": PROVISIONAL,
    "unclassified_n": UNCLASSIFIED,
}
"""Column of a value row → its metric. An empty cell is no series."""

DISTANCE = _of_row(
    "kpi_target_distance_ratio",
    "By how much the figure misses its target: a share in points of one, else a share of the target; <= 0: reached.",
)
"""Of a promise's official window, over all items."""
MISSES_LEFT = _of_row(
    "kpi_misses_left",
    "How many more misses leave the objective reached, by what is counted so far; negative: so many are too many.",
)
"""Of the same rows, where they count cases, duties or entries one by one. A case more is a miss more in n."""
MISSES_PACE = _of_row(
    "kpi_misses_pace_ratio",
    "Misses per what the objective allows of the cases of the month; +Inf where it allows none and there are some.",
)
"""Its window is `month`, or `30d` where the promise has no `month`: a row of the official window says nothing of it."""
BUDGET_METRICS: tuple[Metric, ...] = (DISTANCE, MISSES_LEFT, MISSES_PACE)
"""How far a row is from its target, and what it still allows (services/domain/results/budget.py)."""

SHOWN = _of_row(
    "kpi_value_shown",
    "The figure as it is read: a share in per cent, two digits; a miss never reads as if there were none.",
)
"""Of every row (services/domain/results/as_read.py): tables show figures of several kinds in one column, beside what
they are counted in."""
OF_A_PROMISE: tuple[Metric, ...] = (SHOWN, *BUDGET_METRICS)
"""What is computed of a row and its promise, and has no column in a value row."""

STATE = Metric(
    "kpi_state",
    "1 for the state of the promise; the other states have no series.",
    (*ROW_LABELS, "state"),
)
"""One series per row, with the state as a label: a rule selects {state="missed"} and needs no table of codes, and a
row costs one series instead of nine. A state that ends leaves a stale marker at the next scrape."""

FORECAST_LABELS = ("kpi", "variant", "unit")
FORECAST = Metric(
    "kpi_forecast",
    "A dated figure at its date, if it goes on at the pace of the last 30 days; in its own unit.",
    FORECAST_LABELS,
)
FORECAST_LOWER = Metric("kpi_forecast_lower", "Lower end of the forecast's 95 % interval.", FORECAST_LABELS)
FORECAST_UPPER = Metric("kpi_forecast_upper", "Upper end of the forecast's 95 % interval.", FORECAST_LABELS)
FORECAST_METRICS: dict[str, Metric] = {
    "forecast": FORECAST,
    "forecast_lower": FORECAST_LOWER,
    "forecast_upper": FORECAST_UPPER,
}
"""Signal of a forecast → its metric. While a promise's date is to come; of its official window."""

STATE_AT_MIDNIGHT = Metric(
    "kpi_state_at_midnight",
    "1 for the state of the promise when the day of the plan's clock began, where it is another one now.",
    (*ROW_LABELS, "state"),
)
"""What changed today. Not an offset of `kpi_state`: a simulated day has no fixed length in Prometheus' time."""

PROMISE_INFO = Metric(
    "kpi_promise_info",
    "1; titles, unit of measure, strength and objective of a promise.",
    (
        "kpi",
        "variant",
        "measure",
        "title_zh",
        "title_en",
        "unit_of_measure",
        "unit_of_measure_zh",
        "unit_of_measure_en",
        "strength",
        "kind",
        "objective_text_zh",
        "objective_text_en",
        "official_window",
    ),
)
"""`measure` is the number of the measure in the plan; it is not called `item`, which is a service item elsewhere."""
PROMISE_TEXT = Metric(
    "kpi_promise_text",
    "1; the clause as the plan prints it, what is computed for it, who leads, plan or local threshold, and notes.",
    ("kpi", "variant", "clause", "formula_zh", "formula_en", "lead_zh", "lead_en", "threshold", "notes_zh", "notes_en"),
)
"""`threshold`: `plan` or `local` (非方案指标); `none` where nothing is judged."""
PROMISE_DUE = Metric(
    "kpi_promise_due_timestamp_seconds",
    "End of the day by which a dated promise must be reached.",
    ("kpi", "variant"),
)
UNIT_INFO = Metric("kpi_unit_info", "1; titles of a unit.", ("unit", "title_zh", "title_en"))
ITEM_INFO = Metric("kpi_item_info", "1; titles of a service item.", ("item", "title_zh", "title_en"))
ANNOTATION = Metric(
    "kpi_annotation_timestamp_seconds",
    "When something happened that changes how figures are read, on the plan's clock.",
    ("kind", "title_zh", "title_en"),
)
"""`kind`: `rules_begin` and `rules_end` of versions of promises, `recomputed` where days were computed again. The value
is the time, so that a query finds it in any range and a dashboard draws it at its place."""

CARDS_OPEN = Metric("kpi_cards_open", "Active cards.", ("kpi", "unit", "level"))
VERDICTS = Metric("kpi_verdicts", "Recorded misses, late entries and reversals.", ("kpi", "unit", "verdict"))

QUARANTINED = Metric(
    "kpi_quarantined_cases",
    "Cases that cannot be judged, by the first unit that their events name; - where they name none of the plan.",
    ("unit",),
)
"""By promise: `kpi_signal_cases{signal="quarantined"}`, whose item is the promise; a case counts in each of its own."""

SIGNAL_LABELS = ("signal", "unit", "item")
SIGNAL = Metric(
    "kpi_signal_cases",
    "Cases of the last 30 days that make one doubt the numbers, by signal (services/domain/judging/data_quality.py).",
    SIGNAL_LABELS,
)
"""`unit` is the source for backdated entries; `item` is the code of an anomaly, or the promise over its quota."""
SIGNAL_OF = Metric("kpi_signal_of_cases", "Of how many cases, where a share makes sense.", SIGNAL_LABELS)

CLOCK = Metric("kpi_clock_timestamp_seconds", "What the plan's clock shows; rules compare with it, never with time().")
WORKING_HOURS = Metric("kpi_working_hours", "1 while the default opening hours of the plan run, else 0.")
CALENDAR_END = Metric(
    "kpi_calendar_published_through_timestamp_seconds",
    "End of the last day that a published notice of working days covers.",
)
WATERMARK = Metric("kpi_watermark_timestamp_seconds", "Up to which time the latest published values are complete.")
SWEEP = Metric("kpi_sweep_timestamp_seconds", "Up to which time open cases have been looked at.", ("partition",))
STREAM_LAG = Metric("kpi_stream_lag_records", "Events of a partition that its worker has not read yet.", ("partition",))
SOURCE_LAST_EVENT = Metric(
    "kpi_source_last_event_timestamp_seconds",
    "Arrival of the last event of a source; no series if there never was one.",
    ("source",),
)
SOURCE_SILENCE = Metric(
    "kpi_source_silence_working_seconds",
    "Working time since the last event of a source, or since the plan was issued if there never was one.",
    ("source",),
)
SOURCE_SILENT = Metric(
    "kpi_source_silent",
    "1 if a source has been silent for longer than its registered usual delay; always 0 for one without.",
    ("source", "unit"),
)
"""`unit` is whom to ask: the unit the source is named after, else the first it speaks for."""

EVENTS = Metric("kpi_events_total", "Events ever appended to case.events.", type="counter")
DEAD_LETTERS = Metric("kpi_dead_letters_total", "Dead letters that are kept, by reason.", ("reason",), type="counter")
DEAD_LETTER_RECORDS = Metric(
    "kpi_dead_letter_records_total", "Records ever appended to case.events.dead-letter.", type="counter"
)
"""Beside the counter by reason, which knows only the letters that are still kept: it falls when an exporter that starts
anew no longer finds those of 30 days ago, and a rule would take that for new ones."""
REFUSED_EVENTS = Metric(
    "kpi_refused_events_total",
    "Events of case.events that a worker refused, by the source that sent them; - where that is not known.",
    ("source", "partition"),
    "counter",
)
LETTERS_LEFT_OUT = Metric(
    "kpi_letters_left_out_total",
    "Refused events without a dead letter, since their source had too many in a day.",
    ("source", "partition"),
    "counter",
)
EVENT_TO_CARD = Metric(
    "kpi_event_to_card_seconds",
    "Real time from the arrival of an event in Kafka until it is judged and its cards are sent.",
    ("partition",),
    "histogram",
)
EVENT_TO_VALUE = Metric(
    "kpi_event_to_value_seconds",
    "Real time from the arrival of an event in Kafka until the values that count it can be scraped.",
    type="histogram",
)
EXPORTER_LAG = Metric("kpi_exporter_lag_records", "Records that the exporter has not read yet.", ("topic",))
ROWS_HIDDEN = Metric(
    "kpi_rows_hidden",
    "Value rows that are not exported: outside_plan (a label the plan does not know), over_budget.",
    ("reason",),
)
UNREADABLE = Metric("kpi_exporter_unreadable_records_total", "Records that cannot be read.", ("topic",), "counter")
WORKER_FAILURES = Metric(
    "kpi_worker_failures",
    "How many times in a row a worker has died of one cause; no series for one that works. The cause is in"
    " worker.failures, its log and kpiwatch status.",
    ("stage", "worker"),
)
"""From the third time on. The cause is no label: it has no closed set."""

ALL: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""Every metric of this module, in its order."""
