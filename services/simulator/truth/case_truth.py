"""The truth file: what was decided for each case under each promise, as seen from the end of the simulated time.

A story says what really happened, and when each thing was said. A row says what becomes of it under a promise, cut off
at the end: what has not been said by then is not known. Due dates come from the law alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from services.domain.plan.plan import Kind, Objective, Promise
from services.domain.time.limits import Limit
from services.domain.time.zone import Instant
from services.simulator.stories.case_history import NEVER, Fate, Moment, Story
from services.simulator.stories.timing import Placement, own_limit
from services.simulator.truth.observed_case import Known

COLUMNS = (
    "kpi", "variant", "unit", "item", "case", "fate", "started_at", "due_at", "stopped_at", "day", "amount", "base",
)  # fmt: skip

MICRO = 1_000_000


class Row(NamedTuple):
    """One line of the truth. `case` is owner and subject with a blank between; `day` is the local date under which a
    closed case counts; `amount` is what a mean or a figure takes (days, microseconds, millionths of a quantity), `base`
    what that is compared with or divided by."""

    kpi: str
    variant: str
    unit: str
    item: str
    case: str
    fate: Fate
    started: Instant | None = None
    due: Instant | None = None
    stopped: Instant | None = None
    day: int | None = None
    amount: int | None = None
    base: int | None = None


class Look(NamedTuple):
    """A case under a promise as one looks at it at an instant."""

    promise: Promise
    known: Known
    now: Instant | None
    """None: at the end of all days."""
    row: Row
    start: Instant
    stop: Instant | None
    gone: Instant | None
    """When it was over before its stop: withdrawn, or refused what it waits for."""

    def passed(self, due: Instant) -> bool:
        """Whether an instant has gone by."""
        return self.now is None or self.now > due


class Truth:
    """Says the rows of stories, as seen from `end`; None is the end of all days."""

    def __init__(self, place: Placement, end: Instant | None) -> None:
        self._place = place
        self._end = end
        self._zone = place.zone

    def rows(self, story: Story) -> Iterator[Row]:
        """One row per promise that the case falls under (per node where nodes are what counts)."""
        case = f"{story.owner} {story.subject}"
        for code, moment in story.rejected:
            if moment.received != NEVER and (self._end is None or moment.received < self._end):
                yield Row("-", code, "-", "-", f"{case} {moment.id}", Fate.REJECTED)
        known = self._known(story, self._end)
        now = None if self._end is None else self._end - 1
        stages: list[tuple[Known, Instant]] | None = None
        for promise in self._place.about(story.lane.item):
            if promise.kind is Kind.NODE_DURATION:
                yield from self._nodes(promise, known, case)
                continue
            row = self._row(promise, known, now, case)
            if _may_be_missed(promise) and (row is None or row.fate in _CURED) and self._is_doubtful(story, row):
                stages = self._stages(story) if stages is None else stages
                row = self._cured(promise, known, stages, row, case)
            if row is not None:
                yield row

    # ---- what was said late (rule 14) -----------------------------------------------------------
    def _known(self, story: Story, at: Instant | None) -> Known:
        plan = self._place.law.plan
        return Known(story, at, self._place.first_words(story.lane.item), plan.grantors)

    def _stages(self, story: Story) -> list[tuple[Known, Instant]]:
        """What was known just before each arrival but the first."""
        arrivals = sorted({moment.received for moment in story.moments if moment.known(self._end)})
        return [(self._known(story, arrival), arrival - 1) for arrival in arrivals[1:]]

    def _is_doubtful(self, story: Story, row: Row | None) -> bool:
        """Whether what was said may ever have looked worse than what is: nothing was, that was said as it happened."""
        told = [moment for moment in story.moments if moment.known(self._end)]
        if any(moment.type in _REVISES or _takes_back(moment) for moment in told):
            return True
        told.sort(key=lambda moment: moment.time)
        if any(before.received > after.received for before, after in zip(told, told[1:], strict=False)):
            return True
        until = None if row is None else row.due if row.due is not None else row.stopped
        return until is not None and any(moment.received > until for moment in told)

    def _cured(
        self, promise: Promise, known: Known, stages: Sequence[tuple[Known, Instant]], row: Row | None, case: str
    ) -> Row | None:
        """What was a miss by what was known once, and is none by what was said later, is a late entry until the
        operations centre confirms it."""
        if promise.id in known.confirmed:
            return row
        missed: tuple[Row, Instant] | None = None
        for earlier, until in stages:
            seen = self._row(promise, earlier, until, case)
            if seen is not None and seen.fate in _MISSES:
                missed = seen, until
        if missed is None:
            return row
        if row is not None:
            return row._replace(fate=Fate.LATE_ENTRY)
        return missed[0]._replace(fate=Fate.LATE_ENTRY, day=self._zone.day(missed[1]))

    # ---- one promise ---------------------------------------------------------------------------------
    def _row(self, promise: Promise, known: Known, now: Instant | None, case: str) -> Row | None:
        if not known.is_filed or not known.holds(promise.select) or (promise.unless and known.holds(promise.unless)):
            return None
        start = known.start(promise.start)
        if start is None:
            return None
        if not self._place.is_in_force(promise, start):
            return None
        stop = known.stop(promise.stop, start)
        if stop is not None and stop < start:
            stop = None
        lane = known.story.lane
        item = lane.item if promise.by_item or promise.kind is Kind.MEAN_REDUCTION else "-"
        row = Row(promise.id, promise.variant, lane.unit, item, case, Fate.OPEN, start)
        gone = _over(known, stop, refused_is_over="completed" not in promise.stop)
        look = Look(promise, known, now, row, start, stop, gone)
        if promise.measure == "share" or promise.kind is Kind.CASE_SHARE:
            return self._shared(look)
        match promise.kind:
            case Kind.CASE_LIMIT:
                return self._limited(look)
            case Kind.CASE_BOUND:
                return self._bounded(look)
            case Kind.MEAN_REDUCTION:
                return self._reduced(look)
            case _:
                return self._measured(look)

    def _closed(self, row: Row, fate: Fate, at: Instant) -> Row:
        return row._replace(fate=fate, stopped=at, day=self._zone.day(at))

    # ---- limits --------------------------------------------------------------------------------------
    def _limited(self, look: Look) -> Row:
        promise, known = look.promise, look.known
        lane = known.story.lane
        if promise.runs_in:
            due = self._due_in_nodes(look)
            if due is None:
                return look.row
        else:
            due = self._place.due(promise, look.start, lane.unit, lane.item)
        row = look.row._replace(due=due)
        excused = promise.id in known.excused
        end = look.gone or look.stop
        on_time = end is not None and end <= due
        if end is not None and promise.runs_in and not (look.gone is not None and on_time):
            seen = {passage.node for passage in known.passages}
            if seen.isdisjoint(promise.runs_in):
                return self._closed(row, Fate.UNMEASURED, end)
        if look.gone is not None:
            return self._closed(row, Fate.WITHDRAWN if look.gone <= due else Fate.MISSED, look.gone)
        if look.stop is None:
            if look.now is None:
                return row._replace(fate=Fate.STUCK)
            overdue = Fate.JUSTIFIED if excused else Fate.OPEN_OVERDUE
            return row._replace(fate=overdue if look.passed(due) else Fate.OPEN)
        if look.stop > due:
            return self._closed(row, Fate.JUSTIFIED if excused else Fate.MISSED, look.stop)
        return self._closed(row, Fate.MET, look.stop)

    def _due_in_nodes(self, look: Look) -> Instant | None:
        """The end of the day on which the allowed number of working days has been spent in the nodes in which the clock
        runs: a day is not spent if the case was in none of them through all of its opening hours. None while the case
        is in none of them and they are not spent."""
        limit = own_limit(look.promise)
        assert limit is not None
        end = look.gone or look.stop or NEVER
        outside, left = [], look.start
        inside = [passage for passage in look.known.passages if passage.node in look.promise.runs_in]
        for _, _, begin, finish in sorted(inside, key=lambda passage: passage.start):
            if begin > left:
                outside.append((left, min(begin, end)))
            left = max(left, NEVER if finish is None else finish)
        if left < end:
            outside.append((left, end))
        lane, calendar = look.known.story.lane, self._place.calendar
        day, spent = self._zone.day(look.start), 0
        while spent < limit.amount:
            if outside and outside[-1][1] == NEVER and self._zone.midnight(day) > outside[-1][0]:
                return None
            day = calendar.add_working_days(day, 1)
            spent += not self._place.covered_days(lane.unit, lane.item, day - 1, day, outside)
        return self._zone.midnight(day + 1) - 1

    # ---- shares --------------------------------------------------------------------------------------
    def _shared(self, look: Look) -> Row | None:
        promise, known = look.promise, look.known
        limit = own_limit(promise)
        if limit is None and promise.stop != ("completed",) and (promise.matures_at != "stop" or look.stop is None):
            return self._delivered(look)
        lane = known.story.lane
        due = None if limit is None else self._place.due(promise, look.start, lane.unit, lane.item)
        row = look.row._replace(due=due)
        if look.gone is not None:
            return self._closed(row, Fate.WITHDRAWN if due is None or look.gone <= due else Fate.MISSED, look.gone)
        if look.stop is None:
            if due is None:
                return row if promise.objective is not None else None
            if look.now is None:
                return row._replace(fate=Fate.STUCK)
            return row._replace(fate=Fate.OPEN_OVERDUE if look.passed(due) else Fate.OPEN)
        if not all(known.is_known(name) for name in promise.known):
            return None
        kept = (due is None or look.stop <= due) and self._counts(promise, known, look.stop)
        return self._closed(row, Fate.MET if kept else Fate.MISSED, look.stop)

    def _delivered(self, look: Look) -> Row | None:
        """Its completion matures it, or nothing before it has; but there are other steps to be taken by the end of that
        day; refused, it owes none."""
        promise, known, row = look.promise, look.known, look.row
        done = known.completed_at
        if done is not None and done < look.start:
            done = None
        gone = _over(known, done, refused_is_over=False)
        if gone is not None:
            return self._closed(row, Fate.WITHDRAWN, gone)
        if done is None:
            return row
        due = self._zone.midnight(self._zone.day(done) + 1) - 1
        in_time = look.stop is not None and look.stop <= due
        if not in_time and not look.passed(due):
            return row
        if not in_time and known.outcome in _REFUSED:
            return self._closed(row, Fate.WITHDRAWN, done)
        if not all(known.is_known(name) for name in promise.known):
            return None
        row = row._replace(due=due)
        return self._closed(row, Fate.MET if in_time and self._counts(promise, known, done) else Fate.MISSED, done)

    @staticmethod
    def _counts(promise: Promise, known: Known, end: Instant) -> bool:
        wanted = {name: value for name, value in promise.where.items() if name not in ("stopped", "reached")}
        reached = promise.where.get("reached", ())
        names = reached if isinstance(reached, tuple) else (reached,)
        return known.holds(wanted) and all(known.reached(str(name), end) for name in names)

    # ---- bounds --------------------------------------------------------------------------------------
    def _bounded(self, look: Look) -> Row:
        promise, known = look.promise, look.known
        bound, limit = promise.bound, promise.matures_at
        assert bound is not None
        end = look.gone or look.stop
        if limit == "completion" and promise.stop != ("completed",):
            end = _over(known, known.completed_at, refused_is_over=False) or known.completed_at
        elif limit == "stop" and end is None:
            end = known.completed_at
        due = None
        if isinstance(limit, Limit):
            lane = known.story.lane
            due = self._place.due(promise, look.start, lane.unit, lane.item)
        row = look.row._replace(due=due)
        by = due if end is None else end if due is None else min(end, due)
        amounts = [amount_of(text, known, by if due is not None else None) for text in promise.counts]
        if _exceeds(bound, amounts):
            return row._replace(fate=Fate.OPEN_OVERDUE) if end is None else self._closed(row, Fate.MISSED, end)
        if due is not None and bound.relation == ">=":
            return self._demanded(look, row, bound, due, end)
        if end is None:
            return row
        if look.gone is not None:
            return self._closed(row, Fate.WITHDRAWN, end)
        if bound.relation != "<=" and any(amount is not None and amount < bound.amount for amount in amounts):
            return self._closed(row, Fate.MISSED, end)
        return self._closed(row, Fate.UNMEASURED if None in amounts else Fate.MET, end)

    def _demanded(self, look: Look, row: Row, bound: Objective, due: Instant, end: Instant | None) -> Row:
        """What is demanded by a date: met on the day on which it was reached for good, missed when that comes too
        late, or never."""
        known, (text,) = look.known, look.promise.counts
        steps = sorted({look.start, *(time for time, _, _ in known.measured)})
        steps = [step for step in steps if step >= look.start and (end is None or step <= end)]
        in_time = [step for step in steps if step <= due]
        for considered in (in_time, steps):
            since = None
            for step in reversed(considered):
                amount = amount_of(text, known, step)
                if amount is None or amount < bound.amount:
                    break
                since = step
            if since is not None:
                return self._closed(row, Fate.MET if since <= due else Fate.MISSED, since)
        if end is not None and end <= due:
            amount = amount_of(text, known, end)
            missed = Fate.UNMEASURED if amount is None else Fate.MISSED
            return self._closed(row, Fate.WITHDRAWN if look.gone is not None else missed, end)
        if not look.passed(due):
            return row
        if end is not None:
            return self._closed(row, Fate.MISSED, end)
        return row._replace(fate=Fate.STUCK if look.now is None else Fate.OPEN_OVERDUE)

    # ---- means and counts ----------------------------------------------------------------------------
    def _measured(self, look: Look) -> Row | None:
        promise, known, stop = look.promise, look.known, look.stop
        measure = promise.measure or ""
        subject, _, name = measure.partition(":")
        if look.gone is not None:
            return None
        if stop is None:
            return None
        row = self._closed(look.row, Fate.COUNTED, stop)
        lane = known.story.lane
        match subject:
            case "count":
                return row._replace(amount=MICRO)
            case "rating":
                return None if known.rating is None else row._replace(amount=known.rating * MICRO)
            case "ratio":
                above, below = (known.sum(each) for each in name.split("/"))
                if below is None:
                    return row._replace(fate=Fate.UNMEASURED)
                return row._replace(amount=int((above or 0) * MICRO), base=int(below * MICRO))
            case "milestone":
                times = len(known.milestones.get(name, ()))
                return row._replace(amount=times * MICRO) if times else row._replace(fate=Fate.UNMEASURED)
            case "quantity":
                amount = known.sum(name)
                if name == "visits" and not amount and "counter" in known.channels:
                    amount = Fraction(1)
                return (
                    row._replace(fate=Fate.UNMEASURED) if amount is None else row._replace(amount=int(amount * MICRO))
                )
            case "working_days":
                return row._replace(amount=(self._place.working_days(look.start, stop) - self._stood(look)) * MICRO)
            case "working_minutes":
                return row._replace(amount=self._place.law.hours(lane.unit, lane.item).elapsed(look.start, stop))
            case "minutes" | "elapsed_days":
                return row._replace(amount=stop - look.start)
        raise AssertionError(f"{promise.key}: nothing is known of the measure {measure}")

    def _reduced(self, look: Look) -> Row | None:
        lane, stop = look.known.story.lane, look.stop
        if look.gone is not None or stop is None:
            return None
        limit = self._place.statutory(lane.item, self._zone.day(look.start))
        if limit is None:
            return None
        if limit.unit == "calendar_days":
            amount = self._zone.day(stop) - self._zone.day(look.start)
        else:
            amount = self._place.working_days(look.start, stop) - self._stood(look)
        return self._closed(look.row, Fate.COUNTED, stop)._replace(amount=amount, base=limit.amount)

    def _stood(self, look: Look) -> int:
        """Working days on which the clock stood still through all opening hours."""
        assert look.stop is not None
        spans = [
            (max(pause.start, look.start), look.stop if pause.end is None else min(pause.end, look.stop))
            for pause in look.known.pauses
            if pause.reason in look.promise.clock_stops
        ]
        spans = [span for span in spans if span[0] < span[1]]
        if not spans:
            return 0
        lane, day = look.known.story.lane, self._zone.day
        return self._place.covered_days(lane.unit, lane.item, day(look.start), day(look.stop), spans)

    def _nodes(self, promise: Promise, known: Known, case: str) -> Iterator[Row]:
        if not known.is_filed or not known.holds(promise.select):
            return
        for node, unit, start, end in known.passages:
            if end is None or end < start or not self._place.is_in_force(promise, start):
                continue
            if not promise.nodes or node in promise.nodes:
                row = Row(promise.id, promise.variant, unit, node, case, Fate.COUNTED, start)
                yield self._closed(row, Fate.COUNTED, end)._replace(amount=end - start)


_REFUSED = ("refused", "terminated")
_CURED = (Fate.MET, Fate.WITHDRAWN, Fate.UNMEASURED)
_MISSES = (Fate.MISSED, Fate.OPEN_OVERDUE)
_REVISES = frozenset({"case.reclassified", "case.reopened", "case.supplement_requested", "correction"})


def _over(known: Known, stop: Instant | None, *, refused_is_over: bool) -> Instant | None:
    """When a case was over before its stop."""
    ends = [known.withdrawn_at]
    if refused_is_over and known.outcome in _REFUSED:
        ends.append(known.completed_at)
    gone = min((end for end in ends if end is not None), default=None)
    return gone if gone is not None and (stop is None or gone < stop) else None


def _may_be_missed(promise: Promise) -> bool:
    """Whether a single case can miss it."""
    if promise.kind is Kind.CASE_SHARE:
        return promise.objective is not None
    return promise.kind in (Kind.CASE_LIMIT, Kind.CASE_BOUND)


def _takes_back(moment: Moment) -> bool:
    return moment.type == "case.measured" and moment.data is not None and moment.data["value"] < 0


def _exceeds(bound: Objective, amounts: Sequence[Fraction | None]) -> bool:
    return bound.relation != ">=" and any(amount is not None and amount > bound.amount for amount in amounts)


def amount_of(text: str, known: Known, by: Instant | None) -> Fraction | None:
    """What an entry of `counts` counts, by an instant; None if it was not reported: unless the source says that it
    reports every step."""
    subject, _, name = text.partition(":")
    unreported = Fraction(0) if known.attributes.get("full_trace") is True else None
    match subject:
        case "quantity":
            amount = known.sum(name, by)
            return unreported if amount is None else amount
        case "ratio":
            above, below = (amount_of(f"quantity:{each}", known, by) for each in name.split("/"))
            return above / below if above is not None and below else None
        case "attribute":
            codes = known.attributes.get(name)
            return None if codes is None else Fraction(len(set(codes)))
        case "order":
            first, _, then = name.partition("<")
            later = next(iter(known.milestones.get(then, ())), None)
            if later is None or (by is not None and later > by):
                return unreported
            return Fraction(not known.reached(first, later))
    times = known.milestones.get(name)
    return unreported if times is None else Fraction(sum(by is None or time <= by for time in times))


def lines(rows: Iterable[Row], place: Placement) -> Iterator[str]:
    """The lines of truth.csv, without the header. No field needs quoting."""
    zone = place.zone
    for row in rows:
        yield (
            f"{row.kpi},{row.variant},{row.unit},{row.item},{row.case},{row.fate},"
            f"{'' if row.started is None else zone.text(row.started)},{'' if row.due is None else zone.text(row.due)},"
            f"{'' if row.stopped is None else zone.text(row.stopped)},{'' if row.day is None else _date(row.day)},"
            f"{'' if row.amount is None else row.amount},{'' if row.base is None else row.base}"
        )


def _date(day: int) -> str:
    return date.fromordinal(day).isoformat()
