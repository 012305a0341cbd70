"""Writes sample cases: one case each, opened on the first working day on which the promise is in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from services.catalog.check.plan_check import CASE_FIELDS, OF_EVERY_CASE
from services.catalog.samples.events import OPERATIONS, Expected, Name, NoReporter, SampleHistory, Scene, reporter_of
from services.domain.plan.plan import AttributeSpec, CasePromise, ServiceItem, Title, as_tuple
from services.domain.plan.statutory_time import Law
from services.domain.time.limits import Limit, LimitUnit, due
from services.domain.time.zone import DAY_US, MINUTE_US, Instant

SECOND = 1_000_000
_BEFORE_THE_CLOCK = 30 * MINUTE_US
"""How long before a clock that starts with a milestone the case was accepted."""
_COURSE = 4 * 60 * MINUTE_US
"""How long a case takes where nothing depends on it."""
_A_STEP = 10 * MINUTE_US
"""How far the steps within a case lie from the start of its clock."""
ANY_ITEM = "any-item"
"""A service item of an open plan that declares none."""
_DAYS = (LimitUnit.WORKING_DAYS, LimitUnit.CALENDAR_DAYS)
OWN_LIMIT = Limit(amount=5, unit=LimitUnit.WORKING_DAYS)
"""What a sample case declares for itself, where a promise goes by what the case declares."""


@dataclass(frozen=True, slots=True)
class Course:
    """What happens in one sample case, in so far as it matters to its promise."""

    end: Instant | None
    """When its clock stops; None: it does not."""
    completed_at: Instant | None = None
    """When it is completed, where the clock stops with something else."""
    wanted: Mapping[str, Any] = field(default_factory=dict)
    """What is true of it beyond being selected."""
    measured: tuple[tuple[str, float], ...] = ()
    steps: tuple[str, ...] = ()
    """Milestones beside those of its clock, in order, all of them before it stops."""
    score: int | None = None
    node: str | None = None
    """In which it is while its clock runs."""


class SampleCase:
    """Writes cases that a promise selects."""

    def __init__(self, promise: CasePromise, law: Law) -> None:
        self.promise = promise
        self.law = law
        self.item = self._service_item()
        self.reporter = reporter_of(promise, self.item.code, law.plan)
        self.hours = law.hours(self.reporter.unit, self.item.code)
        self.opened = self.hours.spans(self._first_day())[0][0]
        by_step = any(point.startswith("milestone:") for point in promise.start)
        self.start = self.opened + (_BEFORE_THE_CLOCK if by_step else 0)
        self.later = self.start + _COURSE

    def _service_item(self) -> ServiceItem:
        """The first one selected; of a reduction the first with a statutory limit in days. An open plan need not
        declare it."""
        items = self.law.plan.service_items
        codes = [str(code) for code in as_tuple(self.promise.select.get("service_item", ()))] or [*items, ANY_ITEM]
        if self.promise.against_statutory_limit:
            codes = [code for code in codes if self.statutory(code) is not None]
        if not codes:
            raise NoReporter(self.promise.key)
        return items.get(codes[0]) or ServiceItem(code=codes[0], title=Title(zh=codes[0], en=codes[0]))

    def _first_day(self) -> int:
        """The first working day on which the promise is in force; of a limit in calendar days the first from which it
        ends on a working day after another, so that no rest day hides a day of it."""
        calendar = self.law.calendar
        day = calendar.add_working_days(self.promise.effective_from.toordinal() - 1, 1)
        limits = [limit for limit in (self.promise.clock.limit, self.promise.maturity) if isinstance(limit, Limit)]
        of_days = [limit.amount for limit in limits if limit.unit is LimitUnit.CALENDAR_DAYS]
        while not all(calendar.is_working(day + n) and calendar.is_working(day + n - 1) for n in of_days):
            day = calendar.add_working_days(day, 1)
        return day

    def statutory(self, code: str) -> Limit | None:
        """The statutory limit of a service item, where it is in days."""
        limit = self.law.statutory_limit(code, self.promise.effective_from.toordinal())
        return limit if limit is not None and limit.unit in _DAYS else None

    def due(self, limit: Limit) -> Instant:
        """The last instant within a limit from the start of the clock."""
        return due(
            limit, self.start, self.promise.clock.ends, zone=self.law.zone, calendar=self.law.calendar, hours=self.hours
        )

    def after(self, amount: int, measure: str) -> Instant:
        """When the clock has run for so much of a measure."""
        zone, day = self.law.zone, self.law.zone.day(self.start)
        match measure:
            case "working_days":
                return zone.on(self.law.calendar.add_working_days(day, amount), self.start + _COURSE)
            case "calendar_days":
                return zone.on(day + amount, self.start + _COURSE)
            case "elapsed_days":
                return self.start + amount * DAY_US
            case "working_minutes":
                return self.hours.add(self.start, amount * MINUTE_US)
        return self.start + amount * MINUTE_US

    # ---- writing -----------------------------------------------------------------------------------
    def scene(self, name: Name, course: Course, expected: Expected, until: Instant = 0) -> Scene:
        """The events of a case that takes this course, and the time until which a report of it is awaited."""
        history = SampleHistory(self.law, f"sample-{self.promise.key.replace('/', '-')}-{name.replace('_', '-')}")
        wanted = {**self.promise.select, **course.wanted}
        self._open(history, wanted)
        if course.node is not None:
            self._report(history, "node_started", self.start, {"node": course.node, "unit": self.reporter.unit})
        for step in course.steps:
            self._step(history, step, self._midway())
        for quantity, value in course.measured:
            self._report(history, "measured", self._within(course), {"quantity": quantity, "value": value})
        self._close(history, wanted, course)
        return Scene(name, history, expected, self.law.reporting.latest(max(history.last_at, until)))

    def _midway(self) -> Instant:
        """A moment between acceptance and the stop of the clock."""
        at_once = set(self.promise.stop) <= set(self.promise.start)
        return self.start + (-_A_STEP if at_once else _A_STEP)

    def _within(self, course: Course) -> Instant:
        """A moment at which what happens still counts: its end, if it has one."""
        return course.end if course.end is not None else self.later

    def _report(self, history: SampleHistory, type: str, time: Instant, data: Mapping[str, Any]) -> None:
        history.add(f"case.{type}", time, self.reporter.source, data)

    def _step(
        self, history: SampleHistory, name: str, time: Instant, attributes: Mapping[str, Any] | None = None
    ) -> None:
        data: dict[str, Any] = {"name": name, "unit": self.reporter.unit}
        self._report(history, "milestone", time, data | ({"attributes": attributes} if attributes else {}))

    def _open(self, history: SampleHistory, wanted: Mapping[str, Any]) -> None:
        """Application, acceptance and what else starts the clock."""
        data: dict[str, Any] = {"service_item": self.item.code, "unit": self.reporter.unit, "channel": "online"}
        data |= {name: as_tuple(wanted[name])[0] for name in ("channel", "applicant") if name in wanted}
        if wanted.get("online") is False:
            data["channel"] = "counter"
        data |= self._declared_limits()
        attributes = self._attributes(self.promise.select)
        if attributes:
            data["attributes"] = attributes
        if "applied" in self.promise.start:
            self._report(history, "applied", self.opened, data)
        self._report(history, "accepted", self.opened, data)
        for point in self.promise.start:
            if point.startswith("milestone:") and point not in self.promise.stop:
                self._step(history, point.partition(":")[2], self.start)

    def _declared_limits(self) -> Mapping[str, Any]:
        limit = OWN_LIMIT.model_dump(mode="json")
        match self.promise.clock.limit:
            case "due_at":
                return {"due_at": self.law.zone.text(self.later)}
            case "committed_limit" | "statutory_limit" as name:
                return {name: limit}
        return {}

    def _close(self, history: SampleHistory, wanted: Mapping[str, Any], course: Course) -> None:
        """What stops the clock, and the completion; they say what is true of the case by then."""
        said = self._attributes(course.wanted)
        self._extend(history, course)
        for name in as_tuple(course.wanted.get("reached", ())):
            self._step(history, name, self._within(course))
        steps = [point.partition(":")[2] for point in self.promise.stop if point != "completed"]
        if course.end is not None:
            for step in steps:
                self._step(history, step, course.end, said)
            if course.node is not None:
                self._report(history, "node_ended", course.end, {"node": course.node, "unit": self.reporter.unit})
        completed_at = course.completed_at if self.promise.waits_for_more else course.end
        if completed_at is not None:
            outcome = as_tuple(wanted.get("outcome", "granted"))[0]
            attributes = {"attributes": said} if said and not steps else {}
            self._report(history, "completed", completed_at, {"outcome": outcome, **attributes})
            self._rate(history, completed_at, course.score)

    def _rate(self, history: SampleHistory, at: Instant, score: int | None) -> None:
        if score is not None:
            self._report(history, "rated", at, {"score": score, "rated_by": "applicant"})

    def _extend(self, history: SampleHistory, course: Course) -> None:
        if course.wanted.get("extended") is not True:
            return
        more = {"limit": {"amount": 5, "unit": "working_days"}}
        grantor = self.reporter.source if self.reporter.source in self.law.plan.grantors else OPERATIONS
        history.add("case.extended", self.start + SECOND, grantor, more, owner=self.reporter.source)

    def _attributes(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the wanted values that are attributes of the case; of several the first."""
        return {name: as_tuple(value)[0] for name, value in wanted.items() if name not in OF_EVERY_CASE and value != ()}


# ---- what the kinds share ----------------------------------------------------------------------------------
def last_second(at: Instant) -> Instant:
    """The last whole second within a limit."""
    return at // SECOND * SECOND


def too_late(at: Instant) -> Instant:
    """The first whole second after it."""
    return last_second(at) + SECOND


def judged_as(outcome: str, numerator: int) -> Expected:
    return Expected(outcome, 1, numerator, Fraction(numerator))


def another(name: str, value: Any, spec: AttributeSpec | None) -> Any:
    """A value that is not among the wanted ones."""
    if spec is None and name == "reached":
        return ()
    match values := as_tuple(value):
        case (bool(), *_):
            return not values[0]
        case (int() | float(), *_):
            return max(values) + 1
    others = spec.values if spec is not None else CASE_FIELDS.get(name, ())
    return next(each for each in (*others, "other") if each not in values)


def two_values(low: int) -> tuple[tuple[Name, int], tuple[Name, int]]:
    return ("lower", low), ("higher", low + 1)


def courses(case: SampleCase) -> tuple[Course, Course | None]:
    """A course that ends in time, and one that ends too late, where anything can."""
    promise = case.promise
    matures = promise.clock.limit if promise.maturity == "limit" else promise.maturity
    if isinstance(matures, Limit):
        until = case.due(matures)
    elif isinstance(matures, date):
        until = case.law.zone.midnight(matures.toordinal() + 1) - 1
    elif "completed" in promise.stop:
        return Course(case.later), None
    elif set(promise.stop) <= set(promise.start):
        return Course(case.start, case.later), None
    elif matures == "stop":
        return Course(case.later, case.later + SECOND), None
    else:
        until = case.due(Limit(amount=0, unit=LimitUnit.WORKING_DAYS))  # the day of the completion
        return Course(last_second(until), case.later), Course(too_late(until), case.later)
    return Course(last_second(until)), Course(too_late(until))
