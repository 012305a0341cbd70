"""A number, a share or a mean over a catalogue's entries, by a date or standing: items are no cases (DESIGN §4.6)."""

from fractions import Fraction

from services.domain.case import MICRO
from services.domain.entry import Entry
from services.domain.figure import Figure
from services.domain.fold import micro
from services.domain.judgement import Judgement, Outcome
from services.domain.kinds.kind import Moment, Sums
from services.domain.law import Law
from services.domain.plan import Promise
from services.domain.selection import accepts_attributes
from services.domain.tally import NOW, Cell, Cells, total
from services.domain.zone import Instant


class Catalogue:
    """`kind = "catalogue"`. Kept in the present only, with the days since when each entry has counted (burn-up)."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._zone = law.zone
        self._key = promise.key
        self._by = law.zone.midnight(promise.by.toordinal() + 1) - 1 if promise.by else None

    def judge_entry(self, entry: Entry, now: Instant, found: list[Judgement]) -> None:
        """An entry that is selected counts; in the numerator where `where` holds."""
        promise = self.promise
        if entry.collection != promise.collection:
            return
        state = entry.states[-1]
        if state.attributes is None or not accepts_attributes(state.attributes, promise.select):
            return
        met = accepts_attributes(state.attributes, promise.where)
        bin = None
        cells: Cells
        if promise.statistic == "mean":
            amount = state.attributes.get(promise.quantity or "")
            cells = ((Cell.UNMEASURED, 1),) if amount is None else ((Cell.N, 1), (Cell.TOTAL, micro(amount)))
        elif promise.statistic == "share":
            cells = ((Cell.N, 1), (Cell.MET, 1)) if met else ((Cell.N, 1),)
        elif not met:
            return
        else:
            cells, bin = ((Cell.N, 1), (Cell.MET, 1)), self._since(entry)
        found.append(Judgement(self._key, 1, Outcome.COUNTED, state.unit, "-", NOW, cells, bin, state.since))

    def _since(self, entry: Entry) -> int:
        """The day since when the entry has counted without a break."""
        since = entry.states[-1].since
        for state in reversed(entry.states):
            if state.attributes is None or not (
                accepts_attributes(state.attributes, self.promise.select)
                and accepts_attributes(state.attributes, self.promise.where)
            ):
                break
            since = state.since
        return self._zone.day(since)

    def figure(self, sums: Sums, at: Moment) -> Figure:
        """The statistic over the entries as they stand; before its date a count that is not reached is pending."""
        present = total(sums.present.values())
        n, met = present.cells[Cell.N], present.cells[Cell.MET]
        objective = self.promise.objective
        if self.promise.statistic == "mean":
            value = Fraction(present.cells[Cell.TOTAL], n * MICRO) if n else None
            return Figure(value=value, n=n, small_sample_matters=True)
        if self.promise.statistic == "share":
            return Figure(
                value=Fraction(met, n) if n else None, n=n, numerator=met, denominator=n, ratio=True,
                small_sample_matters=objective is not None and objective.amount < 1,
            )  # fmt: skip
        pending = self._by is not None and at.now <= self._by
        # a count has no cases behind it that could be missing: nothing is a number, too
        return Figure(value=Fraction(met), n=met, numerator=met, pending=pending, reached=present.bins)
