"""Until when the stop of a case may be reported under one promise (rule 14).

What is reported in time is in time: from the due instant until then a stop that nobody has reported is awaited.
"""

from services.domain.history.case import Case
from services.domain.judging.clock_points import stop_point
from services.domain.plan.plan import CasePromise
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant


class ReportDeadline:
    """The report deadlines of one promise."""

    def __init__(self, promise: CasePromise, law: Law) -> None:
        self._reporting, self._units = law.reporting, law.units
        self._names = promise.stop
        self._points = [(name, stop_point((name,))) for name in promise.stop]

    def of(self, case: Case, start: Instant, due: Instant) -> Instant:
        """The due instant, and what the slowest source of a missing stop takes to report it. Only silence is excused:
        where one of several stops is known to have come later, it is the due instant."""
        if len(self._points) == 1:
            return self.after(case, due, self._names)
        missing: list[str] = []
        for name, point in self._points:
            at = point(case, start)
            if at is None:
                missing.append(name)
            elif at > due:
                return due
        return self.after(case, due, tuple(missing))

    def when_late(self, case: Case, due: Instant) -> Instant:
        """The same of a case whose stops are known: until when they had to be reported."""
        return self.after(case, due, self._names)

    def after(self, case: Case, at: Instant, points: tuple[str, ...]) -> Instant:
        """The last instant at which a report of these points, reached at `at`, is in time."""
        filed = case.filed
        owner = filed.source if filed is not None else ""
        reporting = self._reporting
        delays = reporting.of_points(points, case.service_item, owner, self._units.names_at(case.unit, at))
        return reporting.until(at, delays) if delays else at
