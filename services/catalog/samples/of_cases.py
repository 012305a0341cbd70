"""Samples of promises about cases: one case each, opened on the first working day on which the promise is in force."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any

from services.catalog.check.plan_check import CASE_FIELDS, OF_EVERY_CASE
from services.catalog.check.promise_checks import as_tuple
from services.catalog.samples.events import OPERATIONS, Expected, Name, Scene, Telling, Unspoken, voice_of
from services.domain.judging.bounded_amounts import FULL_TRACE
from services.domain.plan.plan import AttributeSpec, Kind, Objective, Promise, ServiceItem, Title
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
_OWN_LIMIT = Limit(amount=5, unit=LimitUnit.WORKING_DAYS)
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


def scenes(promise: Promise, law: Law) -> Iterator[Scene]:
    """The samples, by what the promise measures."""
    case = _SampleCase(promise, law)
    match promise.kind:
        case Kind.CASE_LIMIT:
            yield from _of_limit(case)
        case Kind.CASE_BOUND:
            yield from _of_bound(case)
        case Kind.MEAN_REDUCTION:
            yield from _of_reduction(case)
        case Kind.NODE_DURATION:
            yield from _of_node(case)
        case Kind.CASE_SHARE:
            yield from _of_share(case)
        case _ if promise.measure == "share":
            yield from _of_share(case)
        case _ if promise.measure == "count":
            yield case.scene("counts", Course(case.later), Expected("counted", 1, None, Fraction(1)))
            yield case.scene("does_not_count", Course(None), Expected(None, 0, None, Fraction(0)))
        case _:
            yield from _of_mean(case)


class _SampleCase:
    """Writes cases that a promise selects."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self.law = law
        self.item = self._service_item()
        self.voice = voice_of(promise, self.item.code, law.plan)
        self.hours = law.hours(self.voice.unit, self.item.code)
        self.opened = self.hours.spans(self._first_day())[0][0]
        by_step = any(point.startswith("milestone:") for point in promise.start)
        self.start = self.opened + (_BEFORE_THE_CLOCK if by_step else 0)
        self.later = self.start + _COURSE

    def _service_item(self) -> ServiceItem:
        """The first one selected; of a reduction the first with a statutory limit in days. An open plan need not
        declare it."""
        items = self.law.plan.service_items
        codes = [str(code) for code in as_tuple(self.promise.select.get("service_item", ()))] or [*items, ANY_ITEM]
        if self.promise.kind is Kind.MEAN_REDUCTION:
            codes = [code for code in codes if self.statutory(code) is not None]
        if not codes:
            raise Unspoken(self.promise.key)
        return items.get(codes[0]) or ServiceItem(code=codes[0], title=Title(zh=codes[0], en=codes[0]))

    def _first_day(self) -> int:
        """The first working day on which the promise is in force; of a limit in calendar days the first from which it
        ends on a working day after another, so that no rest day hides a day of it."""
        calendar = self.law.calendar
        day = calendar.add_working_days(self.promise.effective_from.toordinal() - 1, 1)
        limits = [limit for limit in (self.promise.limit, self.promise.matures_at) if isinstance(limit, Limit)]
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
            limit, self.start, self.promise.ends, zone=self.law.zone, calendar=self.law.calendar, hours=self.hours
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
        """The events of a case that takes this course."""
        telling = Telling(self.law, f"sample-{self.promise.key.replace('/', '-')}-{name.replace('_', '-')}")
        wanted = {**self.promise.select, **course.wanted}
        self._open(telling, wanted)
        if course.node is not None:
            self._tell(telling, "node_started", self.start, {"node": course.node, "unit": self.voice.unit})
        for step in course.steps:
            self._step(telling, step, self._midway())
        for quantity, value in course.measured:
            self._tell(telling, "measured", self._within(course), {"quantity": quantity, "value": value})
        self._close(telling, wanted, course)
        return Scene(name, telling, expected, until)

    def _midway(self) -> Instant:
        """A moment between acceptance and the stop of the clock."""
        at_once = set(self.promise.stop) <= set(self.promise.start)
        return self.start + (-_A_STEP if at_once else _A_STEP)

    def _within(self, course: Course) -> Instant:
        """A moment at which what happens still counts: its end, if it has one."""
        return course.end if course.end is not None else self.later

    def _tell(self, telling: Telling, type: str, time: Instant, data: Mapping[str, Any]) -> None:
        telling.tell(f"case.{type}", time, self.voice.source, data)

    def _step(self, telling: Telling, name: str, time: Instant, attributes: Mapping[str, Any] | None = None) -> None:
        data: dict[str, Any] = {"name": name, "unit": self.voice.unit}
        self._tell(telling, "milestone", time, data | ({"attributes": attributes} if attributes else {}))

    def _open(self, telling: Telling, wanted: Mapping[str, Any]) -> None:
        """Application, acceptance and what else starts the clock."""
        data: dict[str, Any] = {"service_item": self.item.code, "unit": self.voice.unit, "channel": "online"}
        data |= {name: as_tuple(wanted[name])[0] for name in ("channel", "applicant") if name in wanted}
        if wanted.get("online") is False:
            data["channel"] = "counter"
        data |= self._declared_limits()
        attributes = self._attributes(self.promise.select)
        if attributes:
            data["attributes"] = attributes
        if "applied" in self.promise.start:
            self._tell(telling, "applied", self.opened, data)
        self._tell(telling, "accepted", self.opened, data)
        for point in self.promise.start:
            if point.startswith("milestone:") and point not in self.promise.stop:
                self._step(telling, point.partition(":")[2], self.start)

    def _declared_limits(self) -> Mapping[str, Any]:
        limit = _OWN_LIMIT.model_dump(mode="json")
        match self.promise.limit:
            case "due_at":
                return {"due_at": self.law.zone.text(self.later)}
            case "committed_limit" | "statutory_limit" as name:
                return {name: limit}
        return {}

    def _close(self, telling: Telling, wanted: Mapping[str, Any], course: Course) -> None:
        """What stops the clock, and the completion; they say what is true of the case by then."""
        said = self._attributes(course.wanted)
        if course.wanted.get("extended") is True:
            more = {"limit": {"amount": 5, "unit": "working_days"}}
            grantor = self.voice.source if self.voice.source in self.law.plan.grantors else OPERATIONS
            telling.tell("case.extended", self.start + SECOND, grantor, more, owner=self.voice.source)
        for name in as_tuple(course.wanted.get("reached", ())):
            self._step(telling, name, self._within(course))
        steps = [point.partition(":")[2] for point in self.promise.stop if point != "completed"]
        if course.end is not None:
            for step in steps:
                self._step(telling, step, course.end, said)
            if course.node is not None:
                self._tell(telling, "node_ended", course.end, {"node": course.node, "unit": self.voice.unit})
        completed_at = course.end if "completed" in self.promise.stop else course.completed_at
        if completed_at is None:
            return
        data: dict[str, Any] = {"outcome": as_tuple(wanted.get("outcome", "granted"))[0]}
        if said and not steps:
            data["attributes"] = said
        self._tell(telling, "completed", completed_at, data)
        if course.score is not None:
            self._tell(telling, "rated", completed_at, {"score": course.score, "rated_by": "applicant"})

    def _attributes(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the wanted values that are attributes of the case; of several the first."""
        return {name: as_tuple(value)[0] for name, value in wanted.items() if name not in OF_EVERY_CASE and value != ()}


# ---- limits and shares -------------------------------------------------------------------------------------
def _last_second(at: Instant) -> Instant:
    """The last whole second within a limit."""
    return at // SECOND * SECOND


def _too_late(at: Instant) -> Instant:
    """The first whole second after it."""
    return _last_second(at) + SECOND


def _judged(outcome: str, numerator: int) -> Expected:
    return Expected(outcome, 1, numerator, Fraction(numerator))


def _of_limit(case: _SampleCase) -> Iterator[Scene]:
    """On the last second of the limit, and on the first after it."""
    limit = case.promise.limit
    if limit == "due_at":
        until = _end_of(case, case.later)
    else:
        until = case.due(limit if isinstance(limit, Limit) else case.statutory(case.item.code) or _OWN_LIMIT)
    node = case.promise.runs_in[0] if case.promise.runs_in else None
    yield case.scene("met", Course(_last_second(until), node=node), _judged("met", 1))
    yield case.scene("missed", Course(_too_late(until), node=node), _judged("missed", 0))


def _end_of(case: _SampleCase, at: Instant) -> Instant:
    """Where the day of a declared date ends for the promise."""
    zero = Limit(amount=0, unit=LimitUnit.WORKING_DAYS)
    return case.due(zero) if case.promise.ends != "instant" else at


def _of_share(case: _SampleCase) -> Iterator[Scene]:
    """In the numerator at the last second; out of it by a second, and by one word."""
    promise = case.promise
    targeted = promise.objective is not None
    names: tuple[Name, Name] = ("met", "missed") if targeted else ("counts", "does_not_count")
    inside = _judged("met" if targeted else "counted", 1)
    outside = _judged("missed" if targeted else "counted", 0)
    wanted = {name: value for name, value in promise.where.items() if name != "stopped"}
    in_time, late = _courses(case)
    yield case.scene(names[0], replace(in_time, wanted=wanted), inside)
    if late is not None:
        yield case.scene(names[1], replace(late, wanted=wanted), outside)
    if wanted:
        name, value = next(iter(wanted.items()))
        other = {**wanted, name: another(name, value, case.item.attributes.get(name))}
        yield case.scene(names[1] if late is None else "missed_otherwise", replace(in_time, wanted=other), outside)


def _courses(case: _SampleCase) -> tuple[Course, Course | None]:
    """A course that ends in time, and one that ends too late, where anything can."""
    promise = case.promise
    matures = promise.limit if promise.matures_at == "limit" else promise.matures_at
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
        return Course(_last_second(until), case.later), Course(_too_late(until), case.later)
    return Course(_last_second(until)), Course(_too_late(until))


def another(name: str, value: Any, spec: AttributeSpec | None) -> Any:
    """A value that is not among the wanted ones."""
    values = as_tuple(value)
    if spec is None and name == "reached":
        return ()
    if spec is None and name in CASE_FIELDS:
        return next(each for each in CASE_FIELDS[name] if each not in values)
    if isinstance(values[0], bool):
        return not values[0]
    if isinstance(values[0], int | float):
        return max(values) + 1
    return next(each for each in (*(spec.values if spec else ()), "other") if each not in values)


# ---- bounds ------------------------------------------------------------------------------------------------
def _of_bound(case: _SampleCase) -> Iterator[Scene]:
    """Each of what is counted exactly on the bound; then the first of it one more, or one less, than is allowed."""
    promise = case.promise
    assert promise.bound is not None
    bound = promise.bound
    in_time, late = _courses(case)
    on_the_bound = _counted(case, in_time, [_amount(bound)] * len(promise.counts))
    until = in_time.end or 0
    yield case.scene("met", on_the_bound, _judged("met", 1), until)
    step = -1 if bound.relation == ">=" else 1
    beyond = [_amount(bound) + step, *[_amount(bound)] * (len(promise.counts) - 1)]
    yield case.scene("missed", _counted(case, in_time, beyond), _judged("missed", 0), until)
    if late is not None and promise.bound.relation == ">=":
        on_the_bound = _counted(case, late, [_amount(bound)] * len(promise.counts))
        yield case.scene("missed_otherwise", on_the_bound, _judged("missed", 0), until)


def _amount(bound: Objective) -> int:
    """A bound in whole units; of a ratio in hundredths."""
    return int(bound.amount * 100) if bound.unit == "share" else int(bound.amount)


def _counted(case: _SampleCase, course: Course, amounts: list[int]) -> Course:
    """The course with so much of each of what is counted in it."""
    measured: list[tuple[str, float]] = []
    steps: list[str] = []
    wanted: dict[str, Any] = {}
    for count, amount in zip(case.promise.counts, amounts, strict=True):
        what, _, name = count.partition(":")
        match what:
            case "quantity":
                measured.append((name, amount))
            case "ratio":
                above, _, below = name.partition("/")
                measured += [(above, amount), (below, 100)]
            case "attribute":
                spec = case.item.attributes.get(name)
                known = (*(spec.values if spec else ()), *(f"code-{number}" for number in range(1, amount + 1)))
                wanted[name] = [list(known[:amount])]  # one value, which is a list
            case "order":
                steps += [] if amount else [name.partition("<")[0]]
            case _:
                steps += [name] * amount
                if FULL_TRACE in case.item.attributes:
                    wanted[FULL_TRACE] = True
    return replace(course, measured=tuple(measured), steps=tuple(steps), wanted=wanted)


# ---- means -------------------------------------------------------------------------------------------------
def _of_mean(case: _SampleCase) -> Iterator[Scene]:
    """Two values: exactly on the objective and one more, where there is one; else a smaller and a greater."""
    promise = case.promise
    what, _, name = (promise.measure or "").partition(":")
    low = int(promise.objective.amount) if promise.objective is not None else 1
    for label, amount in _two(low):
        expected = Expected("counted", 1, None, Fraction(amount))
        match what:
            case "rating":
                course = Course(case.later, score=amount)
            case "quantity":
                course = Course(case.later, case.later, measured=((name, amount),))
            case "milestone":
                course = Course(case.later, steps=(name,) * amount)
            case "ratio":
                above, _, below = name.partition("/")
                course = Course(case.later, measured=((above, amount), (below, 4)))
                expected = Expected("counted", 1, None, Fraction(amount, 4))
            case _:
                course = Course(case.after(amount, what))
        yield case.scene(label, course, expected)


def _two(low: int) -> tuple[tuple[Name, int], tuple[Name, int]]:
    return ("lower", low), ("higher", low + 1)


def _of_reduction(case: _SampleCase) -> Iterator[Scene]:
    """As long as the objective just allows, and a working day longer."""
    objective, limit = case.promise.objective, case.statutory(case.item.code)
    assert objective is not None and limit is not None
    longest = int(limit.amount * (1 - objective.amount))
    values: tuple[tuple[Name, int], ...] = (("higher", longest), ("lower", longest + 1))
    for name, days in values:
        expected = Expected("counted", 1, None, 1 - Fraction(days, limit.amount))
        yield case.scene(name, Course(case.after(days, limit.unit)), expected)


def _of_node(case: _SampleCase) -> Iterator[Scene]:
    """One day in a node, and two."""
    measure = case.promise.measure or "elapsed_days"
    node = (*case.promise.nodes, *case.item.nodes)[0]
    for name, amount in _two(1):
        course = Course(case.after(amount, measure), node=node)
        yield case.scene(name, course, Expected("counted", 1, None, Fraction(amount)))
