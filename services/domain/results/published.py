"""What the streams publish and everybody reads: value rows, cards, verdicts (docs/contract.md).

The columns of `values.csv` and `cards.csv` are the fields of these classes, in that order.
"""

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """The state of a promise (rule 10), in no order; `states.py` says which one holds."""

    UNTARGETED = "untargeted"
    UNMEASURED = "unmeasured"
    NO_DATA = "no_data"
    STALE = "stale"
    MISSED = "missed"
    INSUFFICIENT = "insufficient"
    AT_RISK = "at_risk"
    PROVISIONAL = "provisional"
    MET = "met"


WORST_FIRST = (
    State.MISSED,
    State.AT_RISK,
    State.UNMEASURED,
    State.STALE,
    State.INSUFFICIENT,
    State.PROVISIONAL,
    State.NO_DATA,
    State.MET,
    State.UNTARGETED,
)
"""In which order people look at promises: what needs somebody first, what is fine or never judged last."""


class ValueRow(NamedTuple):
    """One row of `values.csv`. Every field is the text of its cell: numbers have at most 6 digits after the point and
    no exponent, absent ones are empty; times are RFC 3339 in the plan's zone."""

    kpi: str
    unit: str
    item: str
    variant: str
    window: str
    window_start: str
    window_end: str
    value: str
    n: str
    numerator: str
    denominator: str
    lower: str
    upper: str
    objective: str
    state: str
    open_overdue: str
    suspended_share: str
    extended_share: str
    withdrawn_share: str
    justified_n: str
    late_entry_n: str
    unmeasured_n: str
    mean_gross: str
    p50: str
    p95: str
    plan_version: str
    awaiting_n: str
    """Cases past their limit whose report may still come in time."""
    provisional_n: str
    """Cases whose limit rests on days of which the calendar is not published."""
    unclassified_n: str
    """Matured cases that leave out a field by which the promise selects."""


class Level(StrEnum):
    """The colour of a card."""

    YELLOW = "yellow"
    RED = "red"


class Card(NamedTuple):
    """One row of `cards.csv`: an alert about one case. Its identity is (kpi, case, cycle, node, level)."""

    kpi: str
    case: str
    """Owner and subject with a blank between them."""
    cycle: int
    node: str
    """The node that is over its own limit; `-` where the card is about the whole case."""
    level: str
    unit: str
    """Who must act: the unit that holds the current node, else the one that accepted. While a card is active it
    follows the holder, as `due_at` follows the limit."""
    raised_at: str
    """RFC 3339 in the plan's zone."""
    due_at: str
    cleared_at: str
    """Empty while it is active."""
    reason: str
    """Why it was cleared: `completed`, `withdrawn`, `rejudged`, `justified`, `superseded` (a yellow one turned red). Of
    an active card in the topic: `new_rules` where a change of rules raised it for a time that had passed."""


class Verdict(NamedTuple):
    """One record of `case.verdicts`: a miss, a late entry or a reversal, so that a bad number leads to its cases."""

    kpi: str
    case: str
    cycle: int
    unit: str
    item: str
    verdict: str
    """`missed`, `met_by_late_entry`, or `reversed` (was a miss, is none any more)."""
    started_at: str
    due_at: str
    stopped_at: str
    judged_at: str
    clause: str
