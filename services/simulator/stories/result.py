"""The true result of one case under one promise."""

from enum import StrEnum


class Result(StrEnum):
    """The column `fate` of truth.csv. Scenarios choose some of them; the others follow from the as-of time."""

    MET = "met"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"
    STUCK = "stuck"
    """The case is never closed. At an as-of time it is open or open_overdue."""
    LATE_ENTRY = "late_entry"
    """In time, but reported only after the limit, and not confirmed."""
    JUSTIFIED = "justified"
    OPEN = "open"
    OPEN_OVERDUE = "open_overdue"
    AWAITING = "awaiting"
    """Past its limit, while its report may still come in time."""
    COUNTED = "counted"
    """Measured for a mean or a duration."""
    UNMEASURED = "unmeasured"
    UNCLASSIFIED = "unclassified"
    """It leaves out a field by which the promise selects, and would have matured if it were selected."""
    UNCLASSIFIED_MISSED = "unclassified_missed"
    """And would be a miss under every promise that selects by the same fields."""
    PENDING = "pending"
    """Due on a date that has not come: in the denominator, and not missed."""
    REJECTED = "rejected"
    """Not a case: an event that must be refused. The column `variant` is the reason code."""
