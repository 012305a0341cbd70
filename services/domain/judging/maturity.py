"""What matures a case where no event does (`BY_EVENT`): a limit after its start, or a date (rule 7)."""

from datetime import date

from services.domain.history.case import Case
from services.domain.judging.case_clock import CaseClock, Reading
from services.domain.plan.plan import CasePromise
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant


class Maturity:
    """`matures_at` of one promise. No suspension puts it off."""

    def __init__(self, promise: CasePromise, law: Law) -> None:
        matures, limit = promise.maturity, promise.maturity_limit
        self._date: Reading | None = None
        self._clock: CaseClock | None = None
        if isinstance(matures, date):
            self._date = Reading(law.zone.midnight(matures.toordinal() + 1) - 1, None, ())
        elif limit is not None:
            self._clock = CaseClock(promise.clock._replace(limit=limit, clock_stops=(), runs_in=()), law)

    def reading(self, case: Case, start: Instant) -> Reading | None:
        """The last instant before a case is judged, and from when little is left until then; None: its completion
        or its stop matures it."""
        if self._clock is not None:
            return self._clock.read(case, start, None)
        return self._date
