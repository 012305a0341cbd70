"""What makes a case count in the numbers that stand beside a figure: the marks that its judgements set.

The numbers are sums of tallies (`services/domain/results/value_rows.py`, `data_quality.signal_rows`). A mark is one
contribution to such a sum, so that the marks of a number are exactly what it counts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from services.domain.history.fact_set import is_case
from services.domain.intake.facts import Fact
from services.domain.judging import data_quality, late_reports
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import MISSES, Judgement, Outcome
from services.domain.judging.quarantine import QUARANTINED, Quarantine
from services.domain.plan.plan import Plan
from services.domain.results.safe_judge import SafeJudge
from services.domain.sums.tally import NOW, TallyField
from services.domain.time.zone import Instant


class Mark(StrEnum):
    """What a promise says of a case beside its verdict."""

    MISSED = "missed"
    """In the denominator and not in the numerator: late, open past its limit, or a late entry."""
    OVERDUE = "overdue"
    AWAITING = "awaiting"
    UNMEASURED = "unmeasured"
    PROVISIONAL = "provisional"
    UNCLASSIFIED = "unclassified"
    JUSTIFIED = "justified"
    LATE_ENTRY = "late_entry"
    SUSPENDED = "suspended"
    EXTENDED = "extended"
    WITHDRAWN = "withdrawn"


_FIELDS: Final[Mapping[Mark, int]] = {
    Mark.OVERDUE: TallyField.OVERDUE,
    Mark.AWAITING: TallyField.AWAITING,
    Mark.UNMEASURED: TallyField.UNMEASURED,
    Mark.PROVISIONAL: TallyField.PROVISIONAL,
    Mark.UNCLASSIFIED: TallyField.UNCLASSIFIED,
    Mark.JUSTIFIED: TallyField.JUSTIFIED,
    Mark.LATE_ENTRY: TallyField.LATE_ENTRY,
    Mark.SUSPENDED: TallyField.SUSPENDED,
    Mark.EXTENDED: TallyField.EXTENDED,
    Mark.WITHDRAWN: TallyField.WITHDRAWN,
}
SIGNALS: Final = (
    data_quality.INCOMPLETE,
    data_quality.ORPHAN,
    data_quality.BACKDATED,
    data_quality.ACCEPTANCE,
    data_quality.REFUSED,
    data_quality.ANOMALY,
    data_quality.HOLDING,
    data_quality.UNCLASSIFIED,
    late_reports.IN_WAIT,
    late_reports.FIRST_KNOWN_LATE,
    QUARANTINED,
)
"""The signals that count cases, by the names of their tallies."""
BY_SOURCE: Final = frozenset(
    (data_quality.BACKDATED, data_quality.UNCLASSIFIED, late_reports.IN_WAIT, late_reports.FIRST_KNOWN_LATE)
)
"""Those that are counted by source, not by unit."""
_OF_ANOTHER: Final = BY_SOURCE | {data_quality.HOLDING}
"""Those whose unit is not the one that accepted the case: who has passed a case on sees no more of it."""
PRESENT: Final = 10_000_000
"""In the place of a day: what is true now counts in every window."""
NO_UNIT: Final = "-"
"""Of a quarantined case whose events name no unit of the plan."""


class Marked(NamedTuple):
    """One mark of a case."""

    mark: str
    """A `Mark`, or the name of a signal."""
    kpi: str
    """Key of the promise; empty: a signal."""
    unit: str
    """To which it counts; of some signals the source."""
    item: str
    """As in the tally: a service item or a node; of signals a code, or the key of a promise."""
    day: int
    """On which it counts (ordinal), or PRESENT."""
    party: str
    """The unit that accepted the case: it sees the mark."""
    cycle: int


class Marks(NamedTuple):
    """All marks of a case."""

    found: tuple[Marked, ...]
    until: Instant | None
    """When time alone may change them; None: never."""


def marks_of(judge: SafeJudge, plain: Judge, facts: Sequence[Fact], now: Instant) -> Marks:
    """The marks of a case at a moment. `plain`: the judge inside of `judge`. Never raises."""
    opinion = judge.judge(facts, now)
    found: list[Marked] = []
    for judgement in opinion.judgements:
        if not judgement.kpi.startswith(data_quality.PREFIX):
            found += _of_promise(judgement)
        elif judgement.kpi in SIGNALS and judgement.kpi != QUARANTINED and _amount(judgement, TallyField.N):
            party = _unit_of(plain, facts) if judgement.kpi in _OF_ANOTHER else judgement.unit
            found.append(_marked(judgement.kpi, "", judgement, party))
    if opinion.quarantine is not None:
        found.append(_quarantined(opinion.quarantine, plain.plan))
    return Marks(tuple(found), opinion.next_at)


def _of_promise(judgement: Judgement) -> Iterator[Marked]:
    if _is_counted_miss(judgement):
        yield _marked(Mark.MISSED, judgement.kpi, judgement, judgement.unit)
    for mark, field in _FIELDS.items():
        if _amount(judgement, field):
            yield _marked(mark, judgement.kpi, judgement, judgement.unit)


def _is_counted_miss(judgement: Judgement) -> bool:
    """Whether it is in the denominator, and stays out of the numerator. A single entry of a catalogue misses
    nothing."""
    if judgement.outcome not in MISSES and judgement.outcome is not Outcome.LATE_ENTRY:
        return False
    return bool(_amount(judgement, TallyField.N) or _amount(judgement, TallyField.OVERDUE))


def _amount(judgement: Judgement, wanted: int) -> int:
    return sum(amount for field, amount in judgement.cells if field == wanted)


def _marked(mark: str, kpi: str, judgement: Judgement, party: str) -> Marked:
    day = PRESENT if judgement.day == NOW else judgement.day
    return Marked(str(mark), kpi, judgement.unit, judgement.item, day, party, judgement.cycle)


def _quarantined(quarantine: Quarantine, plan: Plan) -> Marked:
    """One for the case, to the first unit that its events name, as the metric counts it."""
    unit = next((each for each in quarantine.units if plan.head.open or each in plan.units), NO_UNIT)
    return Marked(QUARANTINED, "", unit, NO_UNIT, PRESENT, unit, 1)


def _unit_of(judge: Judge, facts: Sequence[Fact]) -> str:
    """The unit that accepted the case."""
    try:
        return judge.cases(facts)[-1].unit if is_case(facts) else ""
    except Exception:  # it is quarantined
        return ""


def rows_of(key: str, marks: Iterable[Marked]) -> Iterator[dict[str, object]]:
    """The marks of a case as rows of the table."""
    for place, marked in enumerate(marks):
        yield {"case_key": key, "place": place, **marked._asdict()}
