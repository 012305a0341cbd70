"""Tallies → value rows: days into windows, units into the whole, figures into states (rules 7 to 12).

Pure and exact: the same tallies and the same as-of time give the same bytes, wherever they were added up.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from fractions import Fraction

from services.domain.judging.data_quality import SignalRow, figure_signals
from services.domain.judging.judge import Judge
from services.domain.judging.kind import AnyKind, Moment, Sums
from services.domain.judging.quarantine import marked
from services.domain.judging.selection import wanted_values
from services.domain.plan.plan import Kind, Objective, Plan, Promise, Source, Window
from services.domain.results.published import State, ValueRow
from services.domain.sums.forecast import expected
from services.domain.sums.statistic import Statistic, percentile, wilson, written
from services.domain.sums.tally import EVER, NOW, Tally, TallyField, TallyKey, total
from services.domain.time.limits import Ends, due
from services.domain.time.zone import Instant

ALL = "ALL"
"""The unit of a row about the whole."""
FORECAST_DAYS = 30
FORECAST_MINIMUM = 5
"""Days with a figure that a forecast needs."""

Days = dict[int, Tally]
Items = dict[str, Days]
Units = dict[str, Items]


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
    ) -> list[ValueRow]:
        """The rows as of a time, sorted by their first seven columns; of some promises only, if `kpis` names them.
        `lagging`: the tallies are behind the clock, so that every value is stale. A promise whose values cannot be
        computed has stale rows without a figure, and stops no other."""
        series = _by_promise(tallies, self._judge.kinds if kpis is None else kpis)
        moment = Moment(as_of - 1, self._zone.day(as_of - 1))
        silent = silent_sources(self._judge, last_events, moment.now)
        marks = marked(tallies)
        found: list[ValueRow] = []
        for name in self._judge.kinds:
            if kpis is None or name in kpis:
                kind, units = self._judge.in_force(name, moment.day), series.get(name, {})
                in_quarantine = marks.get(name, set())
                try:
                    found += list(self._promise_rows(kind, units, as_of, moment, silent, lagging, in_quarantine))
                except Exception:
                    found += self._rows_without_figure(kind, set(units).union(in_quarantine), as_of, moment)
        found.sort(key=lambda row: row[:7])
        return found

    def beside(self, tallies: Mapping[TallyKey, Tally], as_of: Instant) -> list[SignalRow]:
        """What is published beside the rows: where dated figures will stand at their date, or stand after it, what
        exceeds a quota, and parts that exceed their wholes. Of each promise in its official window."""
        moment = Moment(as_of - 1, self._zone.day(as_of - 1))
        kinds = [self._judge.in_force(name, moment.day) for name in self._judge.kinds]
        kinds = [kind for kind in kinds if _says_more(kind.promise)]
        series = _by_promise(tallies, {kind.promise.key for kind in kinds})
        found: list[SignalRow] = []
        for kind in kinds:
            # what cannot be computed is beside a stale row
            with suppress(Exception):
                found += list(self._promise_signals(kind, series.get(kind.promise.key, {}), moment))
        return sorted(found)

    @staticmethod
    def _promise_signals(kind: AnyKind, units: Units, moment: Moment) -> Iterator[SignalRow]:
        window = kind.promise.official_window
        for unit, items, everywhere in _units(kind.promise, units):
            figure = kind.figure(_sums(unit, items, window, moment, everywhere), moment)
            yield from figure_signals(kind.promise, unit, figure, moment.day)

    def _promise_rows(
        self,
        kind: AnyKind,
        units: Units,
        as_of: Instant,
        moment: Moment,
        silent: Collection[str],
        lagging: bool,
        in_quarantine: Collection[str] = (),
    ) -> Iterable[ValueRow]:
        """`in_quarantine`: the units that a quarantined case marks."""
        promise = kind.promise
        for unit, items, everywhere in _units(promise, units, in_quarantine):
            unjudged = bool(in_quarantine) if unit == ALL else unit in in_quarantine
            stale = lagging or any(
                source.id in silent and (unit == ALL or "*" in source.units or unit in source.units)
                for source in self._feeds[promise.key]
            )
            for window in promise.windows:
                yield self._row(kind, unit, "-", items, window, as_of, moment, stale, everywhere, unjudged)
                if promise.published_by_item:
                    for item in sorted(items):
                        only = {item: items[item]}
                        yield self._row(kind, unit, item, only, window, as_of, moment, stale, everywhere, unjudged)

    def _rows_without_figure(
        self, kind: AnyKind, units: Collection[str], as_of: Instant, moment: Moment
    ) -> Iterator[ValueRow]:
        """What is published where the figure itself cannot be computed: that nobody knows."""
        promise = kind.promise
        state = State.UNTARGETED if promise.target is None else State.STALE
        for unit in (ALL, *sorted(set(units).union(promise.owed_by) - {""})):
            for window in promise.windows:
                begin, end = self._ends(promise, window, as_of, moment)
                told = {"kpi": promise.id, "unit": unit, "item": "-", "variant": promise.variant, "window": window}
                told |= {"window_start": begin, "window_end": end, "n": "0", "objective": _objective(promise.target)}
                told |= {"state": state, "plan_version": self._plan.head.version}
                yield ValueRow(**dict.fromkeys(ValueRow._fields, "") | told)

    def _ends(self, promise: Promise, window: Window, as_of: Instant, moment: Moment) -> tuple[str, str]:
        """Begin and end of a window."""
        zone, first = self._zone, first_day(window, moment.day)
        start = max(zone.midnight(first), 0) if first else zone.midnight(promise.effective_from.toordinal())
        return zone.text(as_of if window is Window.NOW else start), zone.text(as_of)

    def _row(
        self,
        kind: AnyKind,
        unit: str,
        item: str,
        items: Items,
        window: Window,
        as_of: Instant,
        moment: Moment,
        stale: bool,
        everywhere: Mapping[str, Tally],
        unjudged: bool,
    ) -> ValueRow:
        promise = kind.promise
        sums = _sums(unit, items, window, moment, everywhere)
        figure = kind.figure(sums, moment)
        target = promise.target
        done, now = total(sums.closed.values()), total(sums.present.values())
        unmeasured = done.cells[TallyField.UNMEASURED] + now.cells[TallyField.UNMEASURED] + figure.unmeasured
        lower = upper = None
        if figure.ratio and figure.n and isinstance(figure.numerator, int):
            lower, upper = wilson(figure.numerator, figure.n)
        state = self._state(kind, figure, target, unmeasured, stale, window, items, moment)
        if unjudged and state not in _SAID_ALL_THE_SAME:
            state = State.STALE
        p50, p95 = (percentile(figure.bins, share) for share in (Fraction(1, 2), Fraction(19, 20)))
        scale = figure.bin_scale
        n, withdrawn = done.cells[TallyField.N], done.cells[TallyField.WITHDRAWN]
        begin, end = self._ends(promise, window, as_of, moment)
        return ValueRow(
            kpi=promise.id,
            unit=unit,
            item=item,
            variant=promise.variant,
            window=window,
            window_start=begin,
            window_end=end,
            value=written(figure.value),
            n=str(figure.n),
            numerator=written(figure.numerator),
            denominator=written(figure.denominator),
            lower=written(lower),
            upper=written(upper),
            objective=_objective(target),
            state=state,
            open_overdue=str(now.cells[TallyField.OVERDUE]),
            suspended_share=_share(done.cells[TallyField.SUSPENDED], n),
            extended_share=_share(done.cells[TallyField.EXTENDED], n),
            withdrawn_share=_share(withdrawn, n + withdrawn),
            justified_n=str(done.cells[TallyField.JUSTIFIED] + now.cells[TallyField.JUSTIFIED]),
            late_entry_n=str(done.cells[TallyField.LATE_ENTRY] + now.cells[TallyField.LATE_ENTRY]),
            unmeasured_n=str(unmeasured),
            mean_gross=written(figure.gross),
            p50=written(None if p50 is None else p50 / scale),
            p95=written(None if p95 is None else p95 / scale),
            plan_version=self._plan.head.version,
        )

    # ---- states (rule 10) ---------------------------------------------------------------------
    def _state(
        self,
        kind: AnyKind,
        figure: Statistic,
        target: Objective | None,
        unmeasured: int,
        stale: bool,
        window: Window,
        items: Items,
        moment: Moment,
    ) -> State:
        """The first that holds of: untargeted, unmeasured, no_data, stale, missed, insufficient, at_risk, provisional,
        met."""
        promise = kind.promise
        if target is None:
            return State.UNTARGETED
        if self._plan.is_invented(promise):
            return State.UNMEASURED
        owed = figure.n + unmeasured if figure.owed is None else figure.owed
        if (promise.kind in _MUST_BE_REPORTED or promise.runs_in) and unmeasured > promise.unmeasured_tolerance * owed:
            return State.UNMEASURED
        if figure.value is None:
            return State.NO_DATA
        if stale:
            return State.STALE
        if not target.holds(figure.value):
            if not figure.pending:
                if not target.nearly_holds(figure.value, promise.tolerance):
                    return State.MISSED
                small = figure.small_sample_matters and figure.n < promise.minimum_n
                return State.INSUFFICIENT if small else State.AT_RISK
            assert promise.by is not None
            at_date = expected(figure, moment.day, promise.by.toordinal())
            assert at_date is not None
            return State.PROVISIONAL if target.holds(at_date) else State.AT_RISK
        if figure.small_sample_matters and figure.n < promise.minimum_n:
            return State.INSUFFICIENT
        if self._at_risk(kind, figure, target, window, items, moment):
            return State.AT_RISK
        return State.PROVISIONAL if self._judge.law.calendar.is_provisional(moment.day) else State.MET

    def _at_risk(
        self, kind: AnyKind, figure: Statistic, target: Objective, window: Window, items: Items, moment: Moment
    ) -> bool:
        """Not missed, but: the mean with open cases at their age breaks the limit; or the yellow cards would miss the
        objective if all ran late; or the trend of the last 30 days crosses it."""
        if figure.censored is not None and not target.holds(figure.censored):
            return True
        if figure.if_all_late is not None and not target.holds(figure.if_all_late):
            return True
        if not figure.small_sample_matters or window is Window.NOW:
            return False
        predicted = self._forecast(kind, items, window, moment)
        return predicted is not None and not target.holds(predicted)

    def _forecast(self, kind: AnyKind, items: Items, window: Window, moment: Moment) -> Fraction | None:
        """Least squares over the days of the last 30 that have a figure, at the end of the period (or in 30 days)."""
        points = []
        for day in range(moment.day - FORECAST_DAYS + 1, moment.day + 1):
            closed = {name: days[day] for name, days in items.items() if day in days}
            if closed:
                value = kind.figure(Sums(ALL, day, closed, {}), moment).value
                if value is not None:
                    points.append((day - moment.day, value))
        if len(points) < FORECAST_MINIMUM:
            return None
        n = len(points)
        mean_x, mean_y = Fraction(sum(x for x, _ in points), n), sum((y for _, y in points), Fraction()) / n
        spread = sum(((x - mean_x) ** 2 for x, _ in points), Fraction())
        slope = sum(((x - mean_x) * (y - mean_y) for x, y in points), Fraction()) / spread
        ahead = min(FORECAST_DAYS, last_day_of(window, moment.day) - moment.day)
        return mean_y + slope * (ahead - mean_x)


_SAID_ALL_THE_SAME = (State.UNTARGETED, State.UNMEASURED, State.MISSED)
"""States that stand though a case of the row is quarantined: what is never judged; what the source itself leaves
unknown; and a miss, which nobody can hide behind a case that cannot be judged. Every other is `stale`, `no_data` too:
there is a case."""
_MUST_BE_REPORTED = (Kind.CASE_BOUND, Kind.CATALOGUE, Kind.FIGURE)
"""Kinds where silence about the fact would look like keeping the promise (rule 12)."""


def _says_more(promise: Promise) -> bool:
    """Whether there is anything beside its rows to say."""
    quota = promise.target.quota if promise.target is not None else None
    return promise.by is not None or quota is not None or promise.kind is Kind.FIGURE


def _by_promise(tallies: Mapping[TallyKey, Tally], kpis: Collection[str]) -> dict[str, Units]:
    """Tallies sorted by promise, unit, item and day."""
    series: dict[str, Units] = {}
    for key, tally in tallies.items():
        if key.kpi in kpis and not tally.empty:
            units = series.setdefault(key.kpi, {})
            units.setdefault(key.unit, {}).setdefault(key.item, {})[key.day] = tally
    return series


def _units(
    promise: Promise, units: Units, in_quarantine: Collection[str] = ()
) -> Iterable[tuple[str, Items, Mapping[str, Tally]]]:
    """The whole and each unit that has or owes anything, or has a case that cannot be judged: with its items, and what
    is true now everywhere."""
    every = whole(units.values())
    everywhere = _present(every)
    yield ALL, every, everywhere
    for unit in sorted(set(units).union(promise.owed_by, (each for each in in_quarantine if each))):
        yield unit, units.get(unit, {}), everywhere


def _sums(unit: str, items: Items, window: Window, moment: Moment, everywhere: Mapping[str, Tally]) -> Sums:
    """The tallies of a window."""
    first = first_day(window, moment.day)
    closed = {name: in_window(days, first, moment.day) for name, days in items.items()}
    return Sums(unit, first, closed, _present(items), everywhere)


def _present(items: Items) -> dict[str, Tally]:
    return {name: days[NOW] for name, days in items.items() if NOW in days}


def in_window(days: Days, first: int, last: int) -> Tally:
    """The sum of the days of a window; what is kept without days belongs to the window `all`."""
    return total(
        tally for day, tally in days.items() if (day == EVER and not first) or (day > EVER and first <= day <= last)
    )


def whole(units: Iterable[Items]) -> Items:
    """All units together."""
    merged: Items = {}
    for items in units:
        for item, days in items.items():
            mine = merged.setdefault(item, {})
            for day, tally in days.items():
                mine.setdefault(day, Tally()).merge(tally)
    return merged


def first_day(window: Window, last: int) -> int:
    """The first day of a window that ends with a day; 0: from the beginning."""
    day = date.fromordinal(last)
    match window:
        case Window.D7:
            return last - 6
        case Window.D30:
            return last - 29
        case Window.D90:
            return last - 89
        case Window.MONTH:
            return day.replace(day=1).toordinal()
        case Window.QUARTER:
            return day.replace(month=day.month - (day.month - 1) % 3, day=1).toordinal()
        case Window.YEAR:
            return day.replace(month=1, day=1).toordinal()
        case Window.ALL:
            return 0
        case Window.NOW:
            return last


def last_day_of(window: Window, today: int) -> int:
    """The last day of the calendar period; of a rolling window, as far as a forecast looks."""
    day = date.fromordinal(today)
    months = {Window.MONTH: 1, Window.QUARTER: 3, Window.YEAR: 12}.get(window)
    if months is None:
        return today + FORECAST_DAYS
    following = (day.month - 1) // months * months + months
    return date(day.year + following // 12, following % 12 + 1, 1).toordinal() - 1


def feeding(promise: Promise, plan: Plan) -> tuple[Source, ...]:
    """The sources whose silence makes a promise stale."""
    subjects = set(wanted_values(promise.select.get("service_item", ())))
    named = (promise.collection, promise.duty, promise.numerator, promise.denominator)
    subjects |= {subject for subject in named if subject}
    return tuple(
        source
        for source in plan.sources.values()
        if source.usual_delay is not None and ("*" in source.feeds or subjects & set(source.feeds))
    )


def silent_sources(judge: Judge, last_events: Mapping[str, Instant], now: Instant) -> frozenset[str]:
    """Sources whose last event is older than their usual delay in working time (rule 12)."""
    law = judge.law
    silent = set()
    for source in law.plan.sources.values():
        if source.usual_delay is None:
            continue
        began = law.zone.midnight(law.plan.head.issued.toordinal())
        last = max(last_events.get(source.id, began), began)
        hours = law.hours("", "")
        until = due(source.usual_delay, last, Ends.INSTANT, zone=law.zone, calendar=law.calendar, hours=hours)
        if now > until:
            silent.add(source.id)
    return frozenset(silent)


def _objective(target: Objective | None) -> str:
    """The cell: `>= 0.8`, or a range as `3..5`."""
    if target is None:
        return ""
    if target.quota is not None:
        return f"{written(target.amount)}..{written(target.quota)}"
    return f"{target.relation} {written(target.amount)}"


def _share(part: int, of: int) -> str:
    return written(Fraction(part, of)) if of else ""
