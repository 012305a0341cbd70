"""Tallies → value rows: days into windows, units into the whole, statistics into states (rules 7 to 12).

Pure and exact: the same tallies and the same as-of time give the same bytes, wherever they were added up.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import date
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple, Self

from services.domain.judging.data_quality import SignalRow, figure_signals
from services.domain.judging.judge import Judge
from services.domain.judging.kind import AnyKind, Moment
from services.domain.judging.quarantine import marked
from services.domain.plan.plan import Objective, Promise, Window
from services.domain.results.published import State, ValueRow
from services.domain.results.silent_sources import feeding, silent_sources
from services.domain.results.states import LastDays, StateInput, has_side_rows, in_quarantine, state_of
from services.domain.results.unknown import Unknown, unknown_of
from services.domain.results.windows import (
    ALL,
    ALL_ITEMS,
    Items,
    Units,
    by_promise,
    first_day,
    of_todays_units,
    present,
    sums_of,
    whole,
    with_whole,
)
from services.domain.sums.statistic import Statistic, percentile, wilson, written
from services.domain.sums.tally import EVER, Tally, TallyField, TallyKey, total
from services.domain.time.zone import Instant


class _Now(NamedTuple):
    """When rows are computed, and what makes all of them stale."""

    as_of: Instant
    moment: Moment
    ends: dict[tuple[Window, date], tuple[str, str]]
    """Window and first day of a promise → begin and end of the window, as they are written."""
    silent: Collection[str] = ()
    """Sources that are silent."""
    lagging: bool = False
    """Whether the tallies are behind the clock."""
    names: Mapping[str, frozenset[str]] = MappingProxyType({})
    """Unit of today → the units that it was; empty: a case keeps its unit."""
    known: Instant | None = None
    """Where an earlier time is restated: by what is known when."""

    def of(self, promise: Promise) -> Moment:
        """The moment at which the figure of a promise is read. What is owed of a month is reported later: restated, it
        is awaited no more."""
        if self.known is None or promise.about not in ("duty", "figure"):
            return self.moment
        return self.moment._replace(now=self.known)


class _Figures(NamedTuple):
    """What rows of one unit and item show in windows that hold the same days."""

    statistic: Statistic
    unknown: Unknown
    row: ValueRow
    """The row, but for its window and state."""


class _Read:
    """What was read of one unit and item for an earlier window of it."""

    def __init__(self, items: Items) -> None:
        self.last_days = LastDays()
        self.figures: dict[int, _Figures] = {}
        """How many days lie before the window → its figures."""
        self._days = sorted({day for days in items.values() for day in days})

    def days_before(self, first: int) -> int:
        """How many days that anything is kept of lie before a window. What is kept without days (`EVER`) belongs to the
        window that has no first day only."""
        if not first and EVER in self._days:
            return -1
        return bisect_left(self._days, first or EVER + 1)


class _Part(NamedTuple):
    """What one row is about, beside its promise and window."""

    unit: str
    item: str
    items: Items
    everywhere: Mapping[str, Tally]
    """What is true now, of all units."""
    stale: bool
    silent: Mapping[str, Tally]
    """What is true now of the units whose source is silent, by item."""
    quarantined: bool
    """Whether a case of it cannot be judged."""
    read: _Read

    def of(self, item: str) -> Self:
        """The row of one item."""
        silent = {item: self.silent[item]} if item in self.silent else {}
        items = {item: self.items[item]}
        return self._replace(item=item, items=items, silent=silent, read=_Read(items))


class Valuer:
    """Turns the tallies of a plan into its value rows."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._plan = judge.plan
        self._zone = judge.law.zone
        self._feeds = {key: feeding(kind.promise, judge.plan) for key, kind in judge.kinds.items()}

    def rows(
        self,
        tallies: Mapping[TallyKey, Tally],
        as_of: Instant,
        last_events: Mapping[str, Instant],
        *,
        kpis: Collection[str] | None = None,
        lagging: bool = False,
        todays_units: bool = False,
        known: Instant | None = None,
    ) -> list[ValueRow]:
        """The rows as of a time, sorted by their first seven columns; of some promises only, if `kpis` names them.
        `lagging`: the tallies are behind the clock, so that every value is stale. A promise whose values cannot be
        computed has stale rows without a value, and stops no other. `todays_units`: a unit that has ended is read as
        the one that continues its work at that time (rule 17). `known`: the later time whose knowledge the tallies are
        of, where an earlier one is restated."""
        moment = self._moment(as_of)
        names = self._todays_units(moment.day) if todays_units else {}
        if names:
            tallies = of_todays_units(tallies, self._judge.law.units, moment.day)
        series = by_promise(tallies, self._judge.kinds if kpis is None else kpis)
        now = _Now(as_of, moment, {}, silent_sources(self._judge, last_events, moment.now), lagging, names, known)
        marks = marked(tallies)
        found: list[ValueRow] = []
        for name in self._judge.kinds:
            if kpis is None or name in kpis:
                kind, units = self._judge.in_force(name, moment.day), series.get(name, {})
                quarantined = marks.get(name, set())
                try:
                    found += list(self._promise_rows(kind, units, now, quarantined))
                except Exception:
                    found += self._rows_without_value(kind, set(units).union(quarantined), now)
        found.sort(key=lambda row: row[:7])
        return found

    def beside(self, tallies: Mapping[TallyKey, Tally], as_of: Instant) -> list[SignalRow]:
        """What is published beside the rows: the forecast of dated figures, what they are after their date, what
        exceeds a quota, and parts that exceed their wholes. Of each promise in its official window."""
        moment = self._moment(as_of)
        kinds = [self._judge.in_force(name, moment.day) for name in self._judge.kinds]
        kinds = [kind for kind in kinds if has_side_rows(kind.promise)]
        series = by_promise(tallies, {kind.promise.key for kind in kinds})
        found: list[SignalRow] = []
        for kind in kinds:
            # what cannot be computed is beside a stale row
            with suppress(Exception):
                found += list(self._promise_signals(kind, series.get(kind.promise.key, {}), moment))
        return sorted(found)

    def _moment(self, as_of: Instant) -> Moment:
        return Moment(as_of - 1, self._zone.day(as_of - 1), self._plan.head.year_begins)

    @staticmethod
    def _promise_signals(kind: AnyKind, units: Units, moment: Moment) -> Iterator[SignalRow]:
        window = kind.promise.official_window
        for unit, items, everywhere in with_whole(units, kind.promise.owed_units):
            statistic = kind.figure(sums_of(unit, items, window, moment, everywhere), moment)
            yield from figure_signals(kind.promise, unit, statistic, moment.day)

    def _promise_rows(self, kind: AnyKind, units: Units, now: _Now, quarantined: Collection[str]) -> Iterator[ValueRow]:
        """`quarantined`: the units of which a case cannot be judged."""
        promise = kind.promise
        besides = self._owing(promise, now).union(quarantined)
        for unit, items, everywhere in with_whole(units, besides):
            has_quarantined = bool(quarantined) if unit == ALL else unit in quarantined
            stale = self._is_stale(promise, unit, now)
            silent = self._of_silent(promise, units if unit == ALL else {unit: items}, now) if stale else {}
            part = _Part(unit, ALL_ITEMS, items, everywhere, stale, silent, has_quarantined, _Read(items))
            by_item = [part.of(item) for item in sorted(items)] if promise.published_by_item else []
            for window in promise.windows:
                yield self._row(kind, part, window, now)
                yield from (self._row(kind, each, window, now) for each in by_item)

    def _owing(self, promise: Promise, now: _Now) -> set[str]:
        """The units that owe, or owed, a promise reports: each by its own name and as the unit that it is today."""
        today = {self._judge.law.units.on(unit, now.moment.day) for unit in promise.owed_units}
        return today if now.names else today.union(promise.owed_units)

    def _is_stale(self, promise: Promise, unit: str, now: _Now) -> bool:
        """Whether the tallies are behind, or a source that feeds the promise for this unit is silent."""
        if now.lagging or not now.silent:
            return now.lagging
        speaking = self._judge.law.units.names(unit, now.moment.day)
        return any(
            source.id in now.silent and (unit == ALL or "*" in source.units or not speaking.isdisjoint(source.units))
            for source in self._feeds[promise.key]
        )

    def _todays_units(self, day: int) -> dict[str, frozenset[str]]:
        """Unit of a day → the units that it was."""
        found: dict[str, set[str]] = {}
        for unit in self._plan.units:
            found.setdefault(self._judge.law.units.on(unit, day), set()).add(unit)
        return {unit: frozenset(names) for unit, names in found.items()}

    def _of_silent(self, promise: Promise, units: Units, now: _Now) -> Mapping[str, Tally]:
        """What is true now of those units whose source is silent, by item."""
        return present(whole(items for unit, items in units.items() if self._is_stale(promise, unit, now)))

    def _rows_without_value(self, kind: AnyKind, units: Collection[str], now: _Now) -> Iterator[ValueRow]:
        """The rows of a promise whose value cannot be computed: it is unknown."""
        promise = kind.promise
        state = State.UNTARGETED if promise.target is None else State.STALE
        for unit in (ALL, *sorted(set(units).union(promise.owed_units) - {""})):
            for window in promise.windows:
                begin, end = self._ends(promise, window, now)
                known = {
                    "kpi": promise.id,
                    "unit": unit,
                    "item": ALL_ITEMS,
                    "variant": promise.variant,
                    "window": window,
                }
                known |= {"window_start": begin, "window_end": end, "n": "0", "objective": _objective(promise.target)}
                known |= {"state": state, "plan_version": self._plan.head.version}
                yield ValueRow(**dict.fromkeys(ValueRow._fields, "") | known)

    def _ends(self, promise: Promise, window: Window, now: _Now) -> tuple[str, str]:
        """Begin and end of a window."""
        key = (window, promise.effective_from)
        found = now.ends.get(key)
        if found is None:
            zone, first = self._zone, first_day(window, now.moment)
            start = max(zone.midnight(first), 0) if first else zone.midnight(promise.effective_from.toordinal())
            found = zone.text(now.as_of if window is Window.NOW else start), zone.text(now.as_of)
            now.ends[key] = found
        return found

    def _row(self, kind: AnyKind, part: _Part, window: Window, now: _Now) -> ValueRow:
        promise, moment = kind.promise, now.of(kind.promise)
        statistic, unknown, row = self._figures(kind, part, window, now)
        state = state_of(
            StateInput(kind, statistic, unknown, part.items, window, moment, part.stale, part.read.last_days),
            self._judge,
        )
        begin, end = self._ends(promise, window, now)
        return row._replace(
            window=window,
            window_start=begin,
            window_end=end,
            state=in_quarantine(state) if part.quarantined else state,
        )

    def _figures(self, kind: AnyKind, part: _Part, window: Window, now: _Now) -> _Figures:
        """The figures of a window: those of another one that holds the same days, unless what is owed by its first day
        counts, too."""
        before = part.read.days_before(first_day(window, now.of(kind.promise)))
        if kind.promise.about in ("duty", "figure"):
            return self._figures_of(kind, part, window, now)
        found = part.read.figures.get(before)
        if found is None:
            found = part.read.figures[before] = self._figures_of(kind, part, window, now)
        return found

    def _figures_of(self, kind: AnyKind, part: _Part, window: Window, now: _Now) -> _Figures:
        promise, moment = kind.promise, now.of(kind.promise)
        sums = sums_of(part.unit, part.items, window, moment, part.everywhere)
        if now.names:
            sums = sums._replace(names=now.names.get(part.unit, frozenset()))
        statistic = kind.figure(sums, moment)
        done, standing = total(sums.closed.values()), total(sums.present.values())
        unknown = unknown_of(done, standing, statistic, part.silent)
        lower, upper = _interval(statistic)
        p50, p95 = (percentile(statistic.bins, share) for share in (Fraction(1, 2), Fraction(19, 20)))
        scale = statistic.bin_scale
        n, withdrawn = done.cells[TallyField.N], done.cells[TallyField.WITHDRAWN]
        row = ValueRow(
            kpi=promise.id,
            unit=part.unit,
            item=part.item,
            variant=promise.variant,
            window="",
            window_start="",
            window_end="",
            value=written(statistic.value),
            n=str(statistic.n),
            numerator=written(statistic.numerator),
            denominator=written(statistic.denominator),
            lower=lower,
            upper=upper,
            objective=_objective(promise.target),
            state="",
            open_overdue=str(standing.cells[TallyField.OVERDUE]),
            suspended_share=_share(done.cells[TallyField.SUSPENDED], n),
            extended_share=_share(done.cells[TallyField.EXTENDED], n),
            withdrawn_share=_share(withdrawn, n + withdrawn),
            justified_n=str(done.cells[TallyField.JUSTIFIED] + standing.cells[TallyField.JUSTIFIED]),
            late_entry_n=str(done.cells[TallyField.LATE_ENTRY] + standing.cells[TallyField.LATE_ENTRY]),
            unmeasured_n=str(unknown.unmeasured),
            mean_gross=written(statistic.gross),
            p50=written(None if p50 is None else p50 / scale),
            p95=written(None if p95 is None else p95 / scale),
            plan_version=self._plan.head.version,
            awaiting_n=str(unknown.awaiting),
            provisional_n=str(unknown.provisional),
            unclassified_n=str(unknown.unclassified),
        )
        return _Figures(statistic, unknown, row)


def _interval(statistic: Statistic) -> tuple[str, str]:
    """Wilson's interval of a share; empty where there is none."""
    if not (statistic.ratio and statistic.n and isinstance(statistic.numerator, int)):
        return "", ""
    lower, upper = wilson(statistic.numerator, statistic.n)
    return written(lower), written(upper)


def _objective(target: Objective | None) -> str:
    """The cell: `>= 0.8`, or a range as `3..5`."""
    if target is None:
        return ""
    if target.quota is not None:
        return f"{written(target.amount)}..{written(target.quota)}"
    return f"{target.relation} {written(target.amount)}"


def _share(part: int, of: int) -> str:
    return written(Fraction(part, of)) if of else ""
