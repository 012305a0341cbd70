"""A case that is completed while the stop of a promise's clock was never reported (rule 16).

Where the case owes that stop, and its report cannot come in time any more, nothing is known of it: completed by the
limit it is unmeasured, completed later it is missed. A share that counts the stop itself misses it in either case.
Nothing stays overdue for ever.
"""

from services.domain.history.case import NOTHING_DELIVERED, Case
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.selection import compile_selection
from services.domain.plan.plan import CasePromise
from services.domain.sums.tally import TallyField
from services.domain.time.zone import Instant


class CompletionWithoutStop:
    """What a completion without the stop means under one promise."""

    def __init__(self, promise: CasePromise) -> None:
        self._waits_for_more = promise.waits_for_more
        self._counts_the_stop = promise.measured == "share"
        owed = promise.stop_owed_if
        self._is_owed = compile_selection(owed) if owed else None

    def needs_no_stop(self, case: Case) -> bool:
        """Whether a case is known not to owe the stop: until that is reported the promise has nothing to say of it."""
        return self._is_owed is not None and self._is_owed(case) is False

    def is_over(self, case: Case) -> bool:
        """Whether a completed case is one of which the stop should have been reported."""
        return self._waits_for_more and case.outcome not in NOTHING_DELIVERED

    def closed(self, judgement: Judgement, case: Case, reported_by: Instant, day: int) -> Judgement:
        """The overdue judgement of such a case, closed by the time that passed without a report; on the tally's day of
        its completion."""
        completed, due = case.completed_at, judgement.due
        in_time = completed is not None and due is not None and completed <= due
        if in_time and not self._counts_the_stop:
            outcome, cells = Outcome.UNMEASURED, ((TallyField.UNMEASURED, 1),)
        else:
            outcome, cells = Outcome.MISSED, ((TallyField.N, 1),)
        return judgement._replace(
            outcome=outcome, cells=cells, day=day, stop=completed, next_at=None, closed_at=reported_by + 1,
            needs_late_check_from=0,  # it had cards while it was open, even where all of it arrived before its start
        )  # fmt: skip
