"""The truth file: what was decided for each case under each promise, as seen from the end of the simulated time.

Nothing here judges. A story knows when each of its points really happened, when it was said, and the due date its fate
was placed by; a row says that, cut off at the end: what has not been said by then is not known.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from services.domain.plan import Kind, Promise
from services.domain.zone import Instant
from services.simulator.placement import Placement, own_limit
from services.simulator.story import Fate, Moment, Story

COLUMNS = (
    "kpi", "variant", "unit", "item", "case", "fate", "started_at", "due_at", "stopped_at", "day", "amount", "base",
)  # fmt: skip


class Row(NamedTuple):
    """One line of the truth. `case` is owner and subject with a blank between; `day` is the local date under which a
    closed case counts; `amount` is what a mean takes (days, visits, microseconds of a node), `base` the statutory limit
    that it is compared with."""

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


class Truth:
    """Says the rows of stories, as seen from `end`; None is the end of all days."""

    def __init__(self, place: Placement, end: Instant | None) -> None:
        self._place = place
        self._end = end
        self._from = {
            promise.key: place.zone.midnight(promise.effective_from.toordinal()) for promise in place.promises
        }

    def rows(self, story: Story) -> Iterator[Row]:
        """One row per promise that the case falls under (per node where nodes are what counts)."""
        case = f"{story.owner} {story.subject}"
        for code, moment in story.rejected:
            if self._end is None or moment.received < self._end:
                yield Row("-", code, "-", "-", f"{case} {moment.id}", Fate.REJECTED)
        attributes = story.attributes
        if story.reclassified is not None and story.reclassified[0].known(self._end):
            attributes = story.reclassified[1]
        for promise in self._place.selected(story.lane.item, attributes):
            if promise.kind is Kind.NODE_DURATION:
                yield from self._nodes(promise, story, case)
                continue
            row = self._row(promise, story, case)
            if row is not None:
                yield row

    def _row(self, promise: Promise, story: Story, case: str) -> Row | None:
        starts = [moment for name in promise.start if (moment := self._start(name, story)) is not None]
        if len(starts) < len(promise.start) or not all(moment.known(self._end) for moment in starts):
            return None
        started = max(moment.time for moment in starts)
        heard = max(moment.received for moment in starts)
        if started < self._from[promise.key]:
            return None
        stop = self._last([self._stop(name, story) for name in promise.stop])
        gone = story.points.get("withdrawn")
        if gone is not None and not gone.known(self._end):
            gone = None
        lane = story.lane
        row = Row(promise.id, promise.variant, lane.unit, "-", case, Fate.OPEN, started)
        match promise.kind:
            case Kind.CASE_LIMIT | Kind.CASE_SHARE if own_limit(promise) is not None:
                return self._limited(promise, story, row, heard, stop, gone)
            case Kind.CASE_MEAN | Kind.MEAN_REDUCTION:
                return self._measured(promise, story, row, started, stop, gone)
            case Kind.CASE_BOUND:
                return self._bounded(promise, story, row, stop, gone)
            case Kind.TREND:
                if stop is None or gone is not None:
                    return None if stop is None else row._replace(fate=Fate.WITHDRAWN)
                online = story.channel == "online" and not self._sum("visits", story)
                return self._closed(row, Fate.MET if online else Fate.MISSED, stop.time)
            case _:
                return None

    def _closed(self, row: Row, fate: Fate, at: Instant) -> Row:
        return row._replace(fate=fate, stopped=at, day=self._place.zone.day(at))

    def _limited(
        self, promise: Promise, story: Story, row: Row, heard: Instant, stop: Moment | None, gone: Moment | None
    ) -> Row:
        """`heard`: since when the case is known to have started. An end in time is a late entry if it was only heard of
        after the limit, of a case that was known by then."""
        assert row.started is not None
        due = self._place.due(promise, row.started, story.lane.unit, story.lane.item)
        row = row._replace(due=due)
        excused = self._known(story.points.get("justified"))
        end = gone or stop
        confirmed = self._known(story.points.get("confirmed"))
        if end is not None and end.time <= due and end.received > due and heard < end.received and not confirmed:
            return self._closed(row, Fate.LATE_ENTRY, end.time)
        if gone is not None:
            return self._closed(row, Fate.WITHDRAWN if gone.time <= due else Fate.MISSED, gone.time)
        if stop is None:
            if self._end is None:
                return row._replace(fate=Fate.STUCK)
            overdue = Fate.JUSTIFIED if excused else Fate.OPEN_OVERDUE
            return row._replace(fate=overdue if self._end - 1 > due else Fate.OPEN)
        if stop.time > due:
            return self._closed(row, Fate.JUSTIFIED if excused else Fate.MISSED, stop.time)
        return self._closed(row, Fate.MET, stop.time)

    def _measured(
        self, promise: Promise, story: Story, row: Row, started: Instant, stop: Moment | None, gone: Moment | None
    ) -> Row | None:
        place, lane = self._place, story.lane
        if gone is not None:
            return self._closed(row, Fate.WITHDRAWN, gone.time) if promise.kind is Kind.CASE_MEAN else None
        if stop is None:
            return row if promise.kind is Kind.CASE_MEAN else None
        row = self._closed(row, Fate.COUNTED, stop.time)
        if promise.measure == "quantity:visits":
            visits = self._sum("visits", story)
            if not visits and story.channel == "counter":
                visits = 1
            return row._replace(fate=Fate.UNMEASURED) if visits is None else row._replace(amount=visits)
        if promise.kind is Kind.CASE_MEAN:
            return row._replace(amount=place.working_days(started, stop.time))
        limit = place.statutory(lane.item, place.zone.day(started))
        if limit is None:
            return None
        if limit.unit == "calendar_days":
            amount = place.zone.day(stop.time) - place.zone.day(started)
        else:
            amount = place.working_days(started, stop.time) - story.paused_days
        return row._replace(item=lane.item, amount=amount, base=limit.amount)

    def _bounded(self, promise: Promise, story: Story, row: Row, stop: Moment | None, gone: Moment | None) -> Row:
        amounts = [self._count(text, story) for text in promise.counts]
        assert promise.bound is not None
        breached = any(amount is not None and amount > promise.bound.amount for amount in amounts)
        end = gone or stop
        if end is None:
            return row._replace(fate=Fate.OPEN_OVERDUE if breached else Fate.OPEN)
        if breached:
            return self._closed(row, Fate.MISSED, end.time)
        if gone is not None:
            return self._closed(row, Fate.WITHDRAWN, gone.time)
        if None in amounts:
            return self._closed(row, Fate.UNMEASURED, end.time)
        return self._closed(row, Fate.LATE_ENTRY if self._was_refunded(promise, story) else Fate.MET, end.time)

    def _was_refunded(self, promise: Promise, story: Story) -> bool:
        """Whether a breach was known for a while and then made good."""
        wanted = {text.removeprefix("quantity:") for text in promise.counts}
        told = [
            (moment.received, moment.data["value"])
            for moment in story.moments
            if moment.type == "case.measured"
            and moment.data is not None
            and moment.data["quantity"] in wanted
            and moment.known(self._end)
        ]
        fees, refunds = [at for at, value in told if value > 0], [at for at, value in told if value < 0]
        return bool(fees and refunds) and min(fees) < max(refunds)

    def _nodes(self, promise: Promise, story: Story, case: str) -> Iterator[Row]:
        filed = story.points.get("accepted") or story.points.get("applied")
        if filed is None or not filed.known(self._end):
            return
        for node, first, last in story.nodes:
            known = first.known(self._end) and last.known(self._end)
            if known and node in promise.nodes and first.time >= self._from[promise.key]:
                row = Row(promise.id, promise.variant, story.lane.unit, node, case, Fate.COUNTED, first.time)
                yield self._closed(row, Fate.COUNTED, last.time)._replace(amount=last.time - first.time)

    def _start(self, name: str, story: Story) -> Moment | None:
        if name == "accepted" and story.deemed:
            # deemed on application while nobody knows of a supplement; the acceptance where that is all one knows
            applied = story.points["applied"]
            if applied.known(self._end) and not self._known(story.supplement):
                return applied
        moment = story.points.get(name)
        if name == "applied" and not self._known(moment):
            return story.points.get("accepted")  # it was applied for by then at the latest
        return moment

    def _stop(self, name: str, story: Story) -> Moment | None:
        moment = story.points.get(name)
        if moment is not None and moment.known(self._end):
            return moment
        if name == "completed" and story.void is not None:
            first, reopened = story.void
            if first.known(self._end) and not reopened.known(self._end):
                return first
        return None

    @staticmethod
    def _last(stops: list[Moment | None]) -> Moment | None:
        there = [moment for moment in stops if moment is not None]
        return max(there, key=lambda moment: moment.time) if there and len(there) == len(stops) else None

    def _known(self, moment: Moment | None) -> bool:
        return moment is not None and moment.known(self._end)

    def _sum(self, quantity: str, story: Story) -> int | None:
        reported = [
            moment.data["value"]
            for moment in story.moments
            if moment.type == "case.measured"
            and moment.data is not None
            and moment.data["quantity"] == quantity
            and moment.known(self._end)
        ]
        return sum(reported) if reported else None

    def _count(self, text: str, story: Story) -> int | None:
        subject, _, name = text.partition(":")
        if subject == "quantity":
            return self._sum(name, story)
        times = sum(
            moment.type == "case.milestone"
            and moment.data is not None
            and moment.data["name"] == name
            and moment.known(self._end)
            for moment in story.moments
        )
        return times or None


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
