"""Signals: they do not judge a promise, but whether its numbers can be trusted (rules 12, 13, 16).

They are kept in tallies of their own, whose kpi begins with `~`, and published beside the values, never among them.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any, NamedTuple

from services.domain.history.case import Case
from services.domain.history.registers import CatalogueEntry
from services.domain.judging.binding import earliest
from services.domain.judging.case_clock import unused_extensions
from services.domain.judging.case_span import CaseSpans
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.report_deadline import ReportDeadline
from services.domain.plan.plan import CasePromise, Promise, Source
from services.domain.plan.statutory_time import Law
from services.domain.sums.forecast import forecast
from services.domain.sums.statistic import Statistic, written
from services.domain.sums.tally import NOW, Tally, TallyAmounts, TallyField, TallyKey
from services.domain.time.limits import Ends, due
from services.domain.time.zone import MINUTE_US, Instant

PREFIX = "~"
INCOMPLETE = "~incomplete"
"""Cases that are not accepted yet: they count in no promise that starts at acceptance."""
ORPHAN = "~orphan"
"""Completed without an acceptance for more than 5 working days."""
BACKDATED = "~backdated"
"""先办后录: accepted and completed within 10 minutes, long after the fact. By source; of completed cases."""
ACCEPTANCE = "~acceptance_days"
"""Working days from application to acceptance, and how often supplements were asked for before it."""
REFUSED = "~refused"
"""Applications that were not accepted (不予受理)."""
ANOMALY = "~anomaly"
"""Facts that do not fit together; the item is the code."""
UNCLASSIFIED = "~unclassified"
"""Matured cases that leave out a field by which a promise selects. By source; the item is the key of the promise."""
LIMIT_MISMATCH = "limit_mismatch"
COMPLETED_WITHOUT_STOP = "completed_without_stop"
"""Completed, and not as refused or terminated, while the milestone that stops a promise's clock was never reported."""
HOLDING = "~holding_days"
"""Working days for which each unit held cases in its nodes, beside the unit that accepted them (rule 17)."""
CONTRADICTED = "~contradicted"
"""Entries of a catalogue that declare what their cases of the last 90 days do not bear out (rule 6)."""
FORECAST, FORECAST_LOWER, FORECAST_UPPER = "forecast", "forecast_lower", "forecast_upper"
"""The forecast of a dated figure at its date, and its 95 % interval (`services/domain/sums/forecast.py`)."""
FORECASTS = (FORECAST, FORECAST_LOWER, FORECAST_UPPER)
OVER_QUOTA = "over_quota"
"""More than the upper end of a range that the plan prints (3–5 家): no miss, but shown."""
COUNTED_NOW = "standing"
"""How much of a dated figure counts today, where that is not what counted at its date."""
EXCESS = "excess"
"""By how much a unit's reported numerators exceed their denominators: to be asked about, it counts for nothing."""
_DECLARED = "~declared"
_HANDLED = "~handled"

HONESTY_DAYS = 90

ORPHAN_DAYS = 5
SAME_ENTRY_US = 10 * MINUTE_US
"""Two entries within this time were made together."""

_ONE: TallyAmounts = ((TallyField.N, 1),)
_OF: TallyAmounts = ((TallyField.OPEN, 1),)
_ONE_OF: TallyAmounts = ((TallyField.N, 1), (TallyField.OPEN, 1))


class Signals:
    """Reads the signals off cases."""

    def __init__(self, law: Law) -> None:
        self._law = law
        self._sources: Mapping[str, Source] = law.plan.sources
        self._honesty = {
            collection.id: collection.honesty for collection in law.plan.head.collections if collection.honesty
        }
        of_cases = [each for each in law.plan.promises if isinstance(each, CasePromise)]
        self._extending = tuple(
            spans for spans in (CaseSpans(promise, law) for promise in of_cases) if spans.clock.extends
        )
        """Of the promises whose due instant an extension moves: which cases, from when."""
        self._wait_for_more = dict(_waiting(of_cases, law))

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """Append the signals of one cycle, to which the promises have been applied. Called per event."""
        codes = self._anomalies(case, found, now)
        if case.accepted_at is None:
            self._unaccepted(case, now, found)
        elif case.completed is not None and case.completed_at is not None:
            self._completed(case, case.completed.source, case.completed_at, found)
        if case.nodes:
            self._nodes(case, found)
        if case.applied is not None and case.accepted is not None and case.accepted.time >= case.applied.time:
            found.append(self._acceptance(case, case.applied.time, case.accepted.time))
        for code in codes:
            found.append(self._signal(ANOMALY, case, case.unit, code, NOW, _ONE))

    def _completed(self, case: Case, source: str, completed_at: Instant, found: list[Judgement]) -> None:
        day = self._law.zone.day(completed_at)
        found.append(self._signal(BACKDATED, case, source, "-", day, _ONE_OF if self._is_backdated(case) else _OF))
        if self._honesty:
            found.append(self._signal(_HANDLED, case, case.unit, case.service_item, day, self._handled(case, day)))

    def _nodes(self, case: Case, found: list[Judgement]) -> None:
        """For how many working days each unit held the case."""
        zone, calendar = self._law.zone, self._law.calendar
        for span in case.nodes:
            if span.end is not None and span.end >= span.start:
                day = zone.day(span.end)
                held = calendar.working_days(zone.day(span.start), day)
                fields = ((TallyField.N, 1), (TallyField.TOTAL, held))
                found.append(self._signal(HOLDING, case, span.unit or case.unit, case.service_item, day, fields))

    def _acceptance(self, case: Case, applied: Instant, accepted: Instant) -> Judgement:
        """Working days from application to acceptance, and the requests for supplements."""
        zone = self._law.zone
        day = zone.day(accepted)
        waited = self._law.calendar.working_days(zone.day(applied), day)
        supplements = len(case.supplements)
        fields = ((TallyField.N, 1), (TallyField.TOTAL, waited), (TallyField.ACTUAL, supplements))
        return self._signal(ACCEPTANCE, case, case.unit, "-", day, fields)

    def _handled(self, case: Case, day: int) -> TallyAmounts:
        """A completed case, as the declarations about its service item are held against it."""
        assert case.accepted_at is not None
        cells: TallyAmounts = ((TallyField.N, 1),)
        if case.online is False:
            cells += ((TallyField.ACTUAL, 1),)
        if self._law.zone.day(case.accepted_at) != day:
            cells += ((TallyField.BASE, 1),)
        return cells

    def judge_entry(self, entry: CatalogueEntry, found: list[Judgement]) -> None:
        """Append what an entry declares about its service item."""
        state = entry.states[-1]
        if state.attributes is None or "service_item" not in state.attributes:
            return
        for attribute, check in self._honesty.get(entry.collection, {}).items():
            if state.attributes.get(attribute) is True:
                item = "|".join((check, f"{entry.collection}.{attribute}", state.attributes["service_item"]))
                found.append(Judgement(_DECLARED, 1, Outcome.COUNTED, state.unit, item, NOW, _ONE, None))

    def _unaccepted(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        if case.refused_at is not None:
            found.append(self._signal(REFUSED, case, case.unit, "-", self._law.zone.day(case.refused_at), _ONE))
            return
        if case.completed is None:
            found.append(self._signal(INCOMPLETE, case, case.unit, "-", NOW, _ONE))
            return
        zone, seen = self._law.zone, case.completed.time
        last = self._law.calendar.add_working_days(zone.day(seen), ORPHAN_DAYS)
        orphan_at = zone.midnight(last + 1)
        name, next_at = (ORPHAN, None) if now >= orphan_at else (INCOMPLETE, orphan_at)
        source = case.unit or case.completed.source
        found.append(self._signal(name, case, source, "-", NOW, _ONE)._replace(next_at=next_at))

    def _is_backdated(self, case: Case) -> bool:
        """Both entries were made together, later than the source usually is after the fact."""
        accepted, completed = case.accepted, case.completed
        if accepted is None or completed is None or accepted.recorded is None or completed.recorded is None:
            return False
        if abs(completed.recorded - accepted.recorded) > SAME_ENTRY_US:
            return False
        if completed.time - accepted.time <= SAME_ENTRY_US:
            return False
        source = self._sources.get(accepted.source)
        if source is None or source.usual_delay is None:
            return False
        law = self._law
        hours = law.hours(case.unit, case.service_item)
        usual = due(source.usual_delay, accepted.time, Ends.INSTANT, zone=law.zone, calendar=law.calendar, hours=hours)
        return accepted.recorded > usual

    def _anomalies(self, case: Case, judged: list[Judgement], now: Instant) -> list[str]:
        codes = case.anomalies
        if case.extensions:
            codes = [*codes, *self._unused_extensions(case, now)]
        if case.statutory_limit is not None and self._is_mismatch(case, case.statutory_limit):
            codes = [*codes, LIMIT_MISMATCH]
        if case.completed_at is not None and self._wait_for_more and self._waits(case, judged, now):
            codes = [*codes, COMPLETED_WITHOUT_STOP]
        return codes

    def _unused_extensions(self, case: Case, now: Instant) -> list[str]:
        """Why each extension that moves no limit at all counts for nothing."""
        spans = ((each.clock, each.of(case, now)) for each in self._extending)
        return unused_extensions(clock.extensions(case, span[0]) for clock, span in spans if span is not None)

    def _is_mismatch(self, case: Case, declared: Mapping[str, Any]) -> bool:
        if case.accepted_at is None:
            return False
        limit = self._law.statutory_limit(case.service_item, self._law.zone.day(case.accepted_at))
        return limit is not None and (limit.amount, limit.unit) != (declared["amount"], declared["unit"])

    def _waits(self, case: Case, judged: list[Judgement], now: Instant) -> bool:
        """Whether a promise still waits for more than the completion of this case, although what it waits for cannot be
        reported in time any more. Time must come back to one that can."""
        found = False
        for index, each in enumerate(judged):
            if each.cycle != case.cycle or (deadline := self._wait_for_more.get(each.kpi)) is None:
                continue
            if each.closed_at is not None or each.outcome is Outcome.OVERDUE:
                found = True
            elif each.stop is None and each.due is None:
                until = _reported_by(deadline, case, each)
                found = found or now > until
                judged[index] = each._replace(next_at=earliest(now, each.next_at, until + 1))
        return found

    @staticmethod
    def _signal(name: str, case: Case, unit: str, item: str, day: int, cells: TallyAmounts) -> Judgement:
        return Judgement(name, case.cycle, Outcome.COUNTED, unit, item, day, cells, None)


def _reported_by(deadline: ReportDeadline, case: Case, judgement: Judgement) -> Instant:
    """Until when the stop of a completed case without a limit may be reported: counted from its completion."""
    assert case.completed_at is not None and judgement.start is not None
    return deadline.of(case, judgement.start, case.completed_at)


def _waiting(promises: Iterable[CasePromise], law: Law) -> Iterator[tuple[str, ReportDeadline]]:
    """The promises whose clock does not stop at the completion. A share misses a step that was not taken: nothing about
    it is doubtful."""
    for promise in promises:
        if promise.waits_for_more and promise.measured != "share":
            yield promise.key, ReportDeadline(promise, law)


class SignalRow(NamedTuple):
    """A signal of one unit (or source): how many, of how many, and the mean where there is one. Texts, as in a value
    row. Of a forecast: how many count by now, and as mean the figure foretold; the item is the promise's key."""

    signal: str
    unit: str
    item: str
    n: str
    of: str
    mean: str


def signal_rows(tallies: Mapping[TallyKey, Tally], through: int, days: int = 30) -> list[SignalRow]:
    """The signals of the last `days` days (and of the present), sorted. One that cannot be computed is left out, and
    stops no other."""
    sums: dict[tuple[str, str, str], Tally] = {}
    for key, tally in tallies.items():
        recent = key.day == NOW or through - days < key.day <= through
        if recent and key.kpi.startswith(PREFIX) and key.kpi not in (_DECLARED, _HANDLED):
            sums.setdefault((key.kpi, key.unit, key.item), Tally()).merge(tally)
    rows: list[SignalRow] = []
    with suppress(Exception):
        rows += _contradictions(tallies, through)
    for (signal, unit, item), tally in sorted(sums.items()):
        with suppress(Exception):
            rows.append(_signal_row(signal, unit, item, tally))
    return sorted(rows)


def _signal_row(signal: str, unit: str, item: str, tally: Tally) -> SignalRow:
    n, of = tally.cells[TallyField.N], tally.cells[TallyField.OPEN]
    mean = Fraction(tally.cells[TallyField.TOTAL], n) if signal in (ACCEPTANCE, HOLDING) and n else None
    return SignalRow(signal.removeprefix(PREFIX), unit, item, str(n), str(of) if of else "", written(mean))


def figure_signals(promise: Promise, unit: str, statistic: Statistic, today: int) -> list[SignalRow]:
    """Of one promise's statistic: its forecast before its date, its present value after it where that differs (what was
    reached late does not count), by how much it exceeds its quota, and by how much parts exceed their wholes."""
    rows = _forecast_rows(promise, unit, statistic, today)
    excess = statistic.excess or None
    amounts = {COUNTED_NOW: _counted_now(statistic), OVER_QUOTA: _over_quota(promise, statistic), EXCESS: excess}
    for name, amount in amounts.items():
        if amount is not None:
            rows.append(SignalRow(name, unit, promise.key, written(amount), "", ""))
    return rows


def _forecast_rows(promise: Promise, unit: str, statistic: Statistic, today: int) -> list[SignalRow]:
    if promise.target_date is None or not statistic.pending:
        return []
    ahead = forecast(statistic, today, promise.target_date.toordinal())
    if ahead is None:
        return []
    by_now = written(statistic.n if statistic.numerator is None else statistic.numerator)
    return [
        SignalRow(name, unit, promise.key, by_now, "", written(expected))
        for name, expected in zip(FORECASTS, ahead, strict=True)
    ]


def _counted_now(statistic: Statistic) -> Fraction | None:
    """What counts today, where that is not what counted at the date."""
    in_time = statistic.value if statistic.numerator is None else statistic.numerator
    return statistic.counted_now if statistic.counted_now != in_time else None


def _over_quota(promise: Promise, statistic: Statistic) -> Fraction | None:
    quota = promise.target.quota if promise.target is not None else None
    if quota is None or statistic.value is None or statistic.value <= quota:
        return None
    return statistic.value - Fraction(quota)


def _contradictions(tallies: Mapping[TallyKey, Tally], through: int) -> list[SignalRow]:
    """Per declared attribute: how many entries declare it, and how many of them their cases contradict."""
    handled: dict[str, Tally] = {}
    for key, tally in tallies.items():
        if key.kpi == _HANDLED and through - HONESTY_DAYS < key.day <= through:
            handled.setdefault(key.item, Tally()).merge(tally)
    declared: dict[str, list[int]] = {}
    for key, tally in tallies.items():
        if key.kpi == _DECLARED:
            parts = key.item.split("|", 2)
            if len(parts) != 3:
                continue  # no entry of a catalogue declares that: somebody else wrote into the log of tallies
            check, attribute, service_item = parts
            counts = declared.setdefault(attribute, [0, 0])
            counts[1] += tally.cells[TallyField.N]
            if not _borne_out(check, handled.get(service_item, Tally())):
                counts[0] += tally.cells[TallyField.N]
    name = CONTRADICTED.removeprefix(PREFIX)
    return [SignalRow(name, "ALL", attribute, str(n), str(of), "") for attribute, (n, of) in declared.items()]


def _borne_out(check: str, cases: Tally) -> bool:
    if check == "used":
        return cases.cells[TallyField.N] > 0
    return not cases.cells[TallyField.ACTUAL if check == "online" else TallyField.BASE]
