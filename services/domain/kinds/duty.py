"""A recurring duty: a report a month from each unit that owes it. What is absent is judged, too."""

from datetime import date
from fractions import Fraction

from services.domain.entry import Fulfilment
from services.domain.figure import Figure
from services.domain.judgement import Judgement, Outcome
from services.domain.kinds.kind import Moment, Sums
from services.domain.law import Law
from services.domain.plan import Promise
from services.domain.tally import NOW, Cell, Cells
from services.domain.zone import Instant


class Duty:
    """`kind = "duty"`. The duty of month M is due at the end of its last day. The tally's item is period and unit, so
    that a report sent twice never stands for one that another unit did not send."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._zone = law.zone
        self._owed_by = frozenset(promise.owed_by)
        since = promise.effective_from
        self._first = since if since.day == 1 else date.fromordinal(last_day(since.strftime("%Y-%m")) + 1)
        """Owed from the first whole month in which the promise is in force."""
        self._until = promise.effective_to.toordinal() if promise.effective_to else None

    def judge_fulfilment(self, fulfilment: Fulfilment, now: Instant, found: list[Judgement]) -> None:
        """Done by its due day: met; later: missed for good, but no longer open. Heard of later: a late entry."""
        if fulfilment.duty != self.promise.duty or fulfilment.unit not in self._owed_by:
            return
        last = last_day(fulfilment.period)
        if f"{self._first:%Y-%m}" > fulfilment.period or (self._until is not None and last > self._until):
            return
        due = self._zone.midnight(last + 1) - 1
        cells: Cells = ((Cell.N, 1),)
        if fulfilment.time > due:
            outcome = Outcome.MISSED
        elif fulfilment.received > due and self.promise.id not in fulfilment.confirmed:
            outcome, cells = Outcome.LATE_ENTRY, ((Cell.N, 1), (Cell.LATE_ENTRY, 1))
        else:
            outcome, cells = Outcome.MET, ((Cell.N, 1), (Cell.MET, 1))
        unit, item = fulfilment.unit, f"{fulfilment.period}/{fulfilment.unit}"
        cycle = int(fulfilment.period.replace("-", ""))  # a duty's cycle is its period
        found.append(
            Judgement(self.promise.key, cycle, outcome, unit, item, NOW, cells, None, None, due, fulfilment.time)
        )

    def periods(self, first_day: int, through_day: int) -> list[str]:
        """The periods whose due day lies in a span of days, from when the promise took effect."""
        found: list[str] = []
        month = self._first
        while True:
            period = month.strftime("%Y-%m")
            due = last_day(period)
            if due > through_day or (self._until is not None and due > self._until):
                return found
            if due >= first_day:
                found.append(period)
            month = date.fromordinal(due + 1)

    def figure(self, sums: Sums, at: Moment) -> Figure:
        """Reports done on time ÷ reports due whose last day lies in the window; for `ALL`, of every unit that owes."""
        owing = self._owed_by if sums.unit == "ALL" else self._owed_by & {sums.unit}
        # a month is due at the end of its last day, which must have passed
        through = at.day if at.now >= self._zone.midnight(at.day + 1) - 1 else at.day - 1
        periods = self.periods(sums.first_day, through)
        done = {item for item, tally in sums.present.items() if tally.cells[Cell.MET]}
        met = sum(f"{period}/{unit}" in done for period in periods for unit in owing)
        n = len(owing) * len(periods)
        return Figure(value=Fraction(met, n) if n else None, n=n, numerator=met, denominator=n, ratio=True)


def last_day(period: str) -> int:
    """The last day of a month written `2021-10`."""
    first = date.fromisoformat(f"{period}-01")
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return following.toordinal() - 1
