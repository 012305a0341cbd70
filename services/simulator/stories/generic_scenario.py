"""The stories that nobody wrote by hand: a case composed of what the plan's promises ask about its service item.

Before anything is told, the fate of the case is decided under each promise that is about it: how many steps, in which
order, how much, in which manner and until when. Of several promises about one step the first leads and the others
follow; what binds goes before what is only watched. Scenes written by hand tell what they know, and here the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from services.domain.plan.plan import BY_EVENT, AttributeSpec, Kind, Objective, Promise, ServiceItem, Strength
from services.domain.time.limits import Limit
from services.domain.time.zone import MINUTE_US, Instant
from services.simulator.district.profile import Quality
from services.simulator.stories.case_history import OPERATIONS, SECOND, Fate, Moment, Story
from services.simulator.stories.timing import Placement, own_limit, values_of

FULL_TRACE = "full_trace"
_NO_ATTRIBUTES = ("stopped", "reached", "online", "channel", "extended", "applicant", "outcome")
_WATCHED_ONLY = 0.35
"""How often a case has not what a promise without an objective would like."""
_SELECTED = 0.8
"""How often a case is of the kind that a promise is about."""


def characterise(story: Story, place: Placement) -> None:
    """What kind of case it is: beside what the lane says of it, what promises select it by."""
    rng, item = story.rng, place.item(story.lane.item)
    about = place.about(item.code)
    attributes = dict(story.attributes)
    for promise in about:
        chosen = rng.random() < _SELECTED
        for name, value in {**promise.select, **promise.unless}.items():
            if name in item.attributes and name not in attributes:
                excepted = name in promise.unless and rng.random() < 0.9
                wanted = _some(rng, value) if chosen and not excepted else _other(rng, item.attributes[name], value)
                if wanted is not None:
                    attributes[name] = wanted
    if FULL_TRACE in item.attributes and rng.random() < 0.9:
        attributes[FULL_TRACE] = True
    story.attributes = attributes
    for promise in about:
        applicant = promise.select.get("applicant") or promise.where.get("applicant")
        if applicant is not None and rng.random() < 0.3:
            story.applicant = str(_some(rng, applicant))


def _some(rng: Random, value: Any) -> Any:
    return rng.choice(value) if isinstance(value, tuple) else value


def _other(rng: Random, spec: AttributeSpec, value: Any) -> Any:
    """Another value than those; None where there is no other: it is not said at all."""
    values = value if isinstance(value, tuple) else (value,)
    if spec.type == "bool":
        return not values[0]
    others = [each for each in spec.values if each not in values]
    return rng.choice(others) if others else None


class Intentions:
    """What is decided of a case before the rest of it is told."""

    def __init__(self, story: Story, place: Placement, quality: Quality) -> None:
        self.story = story
        self.place = place
        self.quality = quality
        self.item: ServiceItem = place.item(story.lane.item)
        about = place.selected(story.lane.item, {**story.attributes, "applicant": story.applicant})
        self.promises: Sequence[Promise] = sorted(about, key=lambda each: each.strength is Strength.DIRECTIONAL)
        """Those that may be about it; what binds first."""
        self.manner: dict[str, Any] = {}
        """Attributes that are said at its end; None: never said."""
        self.amounts: dict[str, list[float]] = {}
        """What will be measured of each quantity, in the order in which it is told."""
        self.times: dict[str, int] = {}
        """How often a milestone comes, where that is not once."""
        self.after: dict[str, str] = {}
        """Milestones that come too late: only after another one."""
        for promise in self.promises:
            if promise.kind is Kind.CASE_BOUND:
                self._bound(promise)
        for promise in self.promises:
            if promise.kind is Kind.CASE_SHARE or promise.measure == "share":
                self._share(promise)
        for promise in self.promises:
            self._measure(promise.measure or "")

    # ---- bounds --------------------------------------------------------------------------------------
    def _bound(self, promise: Promise) -> None:
        assert promise.bound is not None
        rng, quality = self.story.rng, self.quality
        breach = rng.random() < (quality.breach if promise.strength is not Strength.DIRECTIONAL else _WATCHED_ONLY)
        silent = rng.random() < quality.unmeasured
        guilty = rng.randrange(len(promise.counts))
        for index, text in enumerate(promise.counts):
            subject, _, name = text.partition(":")
            bad = breach and index == guilty
            match subject:
                case "milestone":
                    self._count(name, int(promise.bound.amount), promise.bound.relation == "=", bad)
                case "quantity":
                    self._amount(name, int(promise.bound.amount), bad, silent and not bad)
                case "attribute":
                    codes = list(self.item.attributes[name].values)
                    rng.shuffle(codes)
                    self.manner.setdefault(name, None if silent and not bad else codes[: 2 if bad else 1])
                case "order":
                    first, _, then = name.partition("<")
                    if bad:
                        self.after[first] = then
                        self.times.setdefault(first, rng.randrange(2))
                case "ratio":
                    self._ratio(name, float(promise.bound.amount), bad)

    def _count(self, milestone: str, amount: int, exactly: bool, bad: bool) -> None:
        rng = self.story.rng
        if not bad:
            self.times.setdefault(milestone, amount)
        elif exactly and self.story.attributes.get(FULL_TRACE) and rng.random() < 0.5:
            self.times.setdefault(milestone, amount - 1)
        else:
            self.times.setdefault(milestone, amount + 1)

    def _amount(self, quantity: str, most: int, bad: bool, silent: bool) -> None:
        rng = self.story.rng
        if bad:
            too_much = most + rng.choice((1, 20, 150, 800))
            refunded = rng.random() < 0.3
            self.amounts.setdefault(quantity, [too_much, most - too_much] if refunded else [too_much])
        elif not silent:
            self.amounts.setdefault(quantity, [rng.randint(0, most) if most else 0])

    def _ratio(self, name: str, least: float, bad: bool) -> None:
        above, below = name.split("/")
        rng = self.story.rng
        whole = 1_000 * rng.randint(20, 900)
        share = least * (0.5 + rng.random() * 0.45) if bad else least + (1 - least) * rng.random() ** 2 * 0.6
        part = int(whole * share) if bad else int(whole * share) + 1
        self.amounts.setdefault(below, [whole])
        self.amounts.setdefault(above, [part] if rng.random() < 0.6 else [part // 2, part - part // 2])

    # ---- shares --------------------------------------------------------------------------------------
    def _share(self, promise: Promise) -> None:
        rng, quality = self.story.rng, self.quality
        wanted = {name: value for name, value in promise.where.items() if name not in _NO_ATTRIBUTES}
        watched = promise.strength is Strength.DIRECTIONAL
        breach = rng.random() < (_WATCHED_ONLY if watched else quality.breach)
        steps = list(self.steps(promise))
        if wanted and (not steps or rng.random() < 0.5):
            guilty = rng.choice(list(wanted)) if breach else ""
            for name, value in wanted.items():
                self.manner.setdefault(name, self._said(name, value) if name == guilty else _some(rng, value))
        else:
            for name, value in wanted.items():
                self.manner.setdefault(name, _some(rng, value))
            if breach and steps:
                self.times.setdefault(rng.choice(steps), 0)
        for name in promise.known:
            if name not in promise.where and name in self.item.attributes:
                self.manner.setdefault(name, _some(rng, self.item.attributes[name].values))
        if "extended" in promise.where and rng.random() < 0.12:
            self.story.extended = True

    def steps(self, promise: Promise) -> Iterator[str]:
        """The milestones without which a case that its completion matures is not in the numerator."""
        if promise.matures_at in BY_EVENT:
            reached = promise.where.get("reached", ())
            yield from (str(name) for name in (reached if isinstance(reached, tuple) else (reached,)))
            if promise.where.get("stopped") and promise.start != promise.stop:
                yield from (name.removeprefix("milestone:") for name in promise.stop if name != "completed")

    def _said(self, name: str, wanted: Any) -> Any:
        """Another value than the wanted one, or none."""
        if self.story.rng.random() < self.quality.unmeasured:
            return None
        return _other(self.story.rng, self.item.attributes[name], wanted)

    # ---- measures ------------------------------------------------------------------------------------
    def _measure(self, measure: str) -> None:
        rng = self.story.rng
        subject, _, name = measure.partition(":")
        if subject == "quantity" and name != "visits":
            if rng.random() >= self.quality.unmeasured:
                self.amounts.setdefault(name, [rng.choice((0, 0, 0, 1, 1, 2))])
        elif subject == "ratio" and not set(name.split("/")) & self.amounts.keys():
            above, below = name.split("/")
            whole = 1_000 * rng.randint(5, 600)
            part = rng.choice((0, whole, whole, whole // 2))
            if rng.random() >= self.quality.unmeasured:
                self.amounts |= {below: [whole], above: [part]}


def tell_the_rest(story: Story, place: Placement, quality: Quality) -> None:
    """What no scene has told of a case: steps, quantities, manner, a rating."""
    _Rest(Intentions(story, place, quality)).tell()


class _Rest:
    """The rest of one story."""

    def __init__(self, intended: Intentions) -> None:
        self._intended = intended
        self._story = intended.story
        self._place = intended.place
        self._rng = intended.story.rng

    def tell(self) -> None:
        story = self._story
        self._tell_steps()
        if "withdrawn" in story.points:
            self._decide()
            return
        if story.composed and not story.stuck:
            self._complete()
        self._tell_manner()
        self._tell_amounts()
        if story.extended:
            self._extend()
        self._decide()

    # ---- steps ---------------------------------------------------------------------------------------
    def _tell_steps(self) -> None:
        """In the order in which the service item declares them; each after the one before it."""
        story, rng = self._story, self._rng
        accepted = story.points.get("accepted")
        if accepted is None or "withdrawn" in story.points or not (story.composed or "completed" in story.points):
            return  # the scene has told how it ends
        cursor = accepted.time
        told_by_scene = set(story.points)
        owed_by_the_end = {step for promise in self._intended.promises for step in self._intended.steps(promise)}
        for name in self._intended.item.milestones:
            point = f"milestone:{name}"
            if point in told_by_scene:
                cursor = max(cursor, story.points[point].time)
                continue
            if name in story.lane.skips:
                continue
            later = self._intended.after.get(name)
            if later is not None and f"milestone:{later}" not in story.points:
                continue  # told after the step that it should have come before
            at = self._time_of(name, cursor)
            if at is None:
                return
            if at < 0:
                continue
            done = story.points.get("completed")
            if done is not None and at > done.time and name in owed_by_the_end:
                at = accepted.time + (done.time - accepted.time) // 2 // SECOND * SECOND
            self._tell_step(name, at)
            cursor = max(cursor, at)
            for first, then in self._intended.after.items():
                if then == name and self._intended.times.get(first, 1):
                    cursor = self._place.on_workday(rng, cursor, rng.randrange(3))
                    self._tell_step(first, cursor)

    def _tell_step(self, name: str, at: Instant) -> None:
        story = self._story
        source = story.lane.tellers.get(name, "")
        unit = self._place.law.plan.sources[source].units[0] if source else ""
        for n in range(self._intended.times.get(name, 1)):
            story.milestone(name, at + n * 3600 * SECOND, source=source, unit=unit)

    def _time_of(self, name: str, cursor: Instant) -> Instant | None:
        """When a milestone comes; None: nothing comes any more; negative: it alone never comes."""
        story, rng = self._story, self._rng
        if self._intended.times.get(name, 1) == 0:
            return -1
        promise = self._leader(f"milestone:{name}")
        if promise is None:
            return self._usual(name, cursor)
        start = max(story.points[point].time for point in promise.start)
        fate, at, due = self._place.ending(
            rng, promise, start, self._intended.quality, story.lane.unit, story.lane.item
        )
        if fate is Fate.STUCK:
            self._lead(promise, Fate.STUCK, due)
            if story.composed and rng.random() < 0.5:
                story.stuck = True
                return None
            return -1
        assert at is not None
        at = max(at, cursor)
        if fate is Fate.WITHDRAWN and "completed" not in story.points:
            at = min(at, due // SECOND * SECOND) if cursor <= due else at
            story.tell("case.withdrawn", max(at, cursor), {"reason": "applicant withdrew"}, point="withdrawn")
            return None
        self._lead(promise, Fate.MET if at <= due else Fate.MISSED, due)
        return at

    def _lead(self, promise: Promise, fate: Fate, due: Instant) -> None:
        story = self._story
        if story.decided is None and promise.strength is not Strength.DIRECTIONAL:
            story.decided, story.due = (promise.key, fate), due

    def _leader(self, point: str) -> Promise | None:
        """The promise whose clock a milestone is the last to stop, once it has started."""
        story, order = self._story, self._intended.item.milestones
        for promise in self._intended.promises:
            if own_limit(promise) is None or point not in promise.stop or point in promise.start:
                continue
            last = max(promise.stop, key=lambda each: order.index(each.removeprefix("milestone:")))
            if last == point and all(each in story.points for each in promise.start):
                return promise
        return None

    def _usual(self, name: str, cursor: Instant) -> Instant:
        """Where no limit is on it: soon, in the unit in which somebody measures it."""
        rng, pace = self._rng, self._intended.quality.pace
        for promise in self._intended.promises:
            if f"milestone:{name}" in promise.stop and promise.measure in ("minutes", "working_minutes"):
                amount = int(60 + rng.expovariate(1.0) * pace * 2400) * SECOND
                if promise.measure == "minutes":
                    return cursor + amount
                return self._place.law.hours(self._story.lane.unit, self._story.lane.item).add(cursor, amount)
        if rng.random() < 0.5:
            return cursor + int(60 + rng.random() * 5400) * SECOND
        return self._place.on_workday(rng, cursor, int(rng.random() * (1 + 6 * pace)))

    # ---- the end -------------------------------------------------------------------------------------
    def _complete(self) -> None:
        story, rng, place = self._story, self._rng, self._place
        cursor = max(moment.time for moment in story.moments)
        promise = next(
            (
                each
                for each in self._intended.promises
                if own_limit(each) is not None and each.stop == ("completed",) and each.start[0] in story.points
            ),
            None,
        )
        if promise is not None:
            start = max(story.points[point].time for point in promise.start)
            fate, at, due = place.ending(rng, promise, start, self._intended.quality, story.lane.unit, story.lane.item)
            if fate is Fate.STUCK:
                self._lead(promise, fate, due)
                story.stuck = True
                return
            assert at is not None
            at = max(at, cursor + 30 * SECOND)
            if fate is Fate.WITHDRAWN and at <= due:
                story.tell("case.withdrawn", at, {"reason": "applicant withdrew"}, point="withdrawn")
                self._lead(promise, fate, due)
                return
            self._lead(promise, Fate.MET if at <= due else Fate.MISSED, due)
        elif story.decided is None and rng.random() < self._intended.quality.withdrawn:
            story.tell("case.withdrawn", cursor + 60 * SECOND, {"reason": "applicant withdrew"}, point="withdrawn")
            return
        elif any(each.measure in ("minutes", "working_minutes") for each in self._intended.promises):
            at = cursor + int(30 + rng.expovariate(1.0) * 1800) * SECOND
        else:
            at = place.on_workday(rng, cursor, int(rng.random() * (1 + 12 * self._intended.quality.pace)))
        self._pass_nodes(at)
        draw = 0.0 if story.decided is not None and story.decided[1] is Fate.STUCK else rng.random()
        outcome = "granted" if draw < 0.94 else "refused" if draw < 0.97 else "terminated"
        story.outcome = outcome
        story.tell("case.completed", at, {"outcome": outcome, "channel": story.channel}, point="completed")

    def _pass_nodes(self, end: Instant) -> None:
        nodes, start = self._intended.item.nodes, self._story.points["accepted"].time
        for n, node in enumerate(nodes):
            span = (end - start) // len(nodes) // SECOND * SECOND
            self._story.node(node, start + n * span, start + (n + 1) * span)

    # ---- manner and amounts --------------------------------------------------------------------------
    def _tell_manner(self) -> None:
        """At the completion, or with some milestone before it."""
        story, rng = self._story, self._rng
        said = {name: value for name, value in self._intended.manner.items() if value is not None}
        said = {name: value for name, value in said.items() if name not in story.attributes}
        for name in sorted(self._place.first_words(story.lane.item) & said.keys()):  # a set has another order each run
            self._tell_first_word(name, said.pop(name))
        for promise in self._intended.promises:
            stop = story.points.get(promise.stop[-1])
            judged_there = own_limit(promise) is not None or promise.matures_at == "stop"
            if judged_there and stop is not None and stop.type == "case.milestone":
                for name in sorted(promise.where.keys() & said.keys()):
                    _say(stop, {name: said.pop(name)})  # with the step that it is about
        done = story.points.get("completed")
        if not said or done is None:
            return
        earlier = [
            moment
            for moment in story.moments
            if moment.type == "case.milestone" and moment.time <= done.time and moment.source == story.owner
        ]
        _say(rng.choice(earlier) if earlier and rng.random() < 0.5 else done, said)

    def _tell_first_word(self, name: str, value: Any) -> None:
        """With the step that it is about; what is said later, of a later matter, changes nothing."""
        story, rng = self._story, self._rng
        about = name.rpartition("_")[0]
        step = next((each for each in self._intended.item.milestones if each.startswith(about)), "")
        first = story.points.get(f"milestone:{step}")
        if first is None:
            return
        _say(first, {name: value})
        other = _other(rng, self._intended.item.attributes[name], value)
        if other is not None and rng.random() < 0.2:
            at = self._place.on_workday(rng, first.time, 1 + rng.randrange(10))
            again = story.tell(
                "case.milestone", at, {**(first.data or {}), "attributes": {name: other}}, source=first.source
            )
            again.received = max(again.received, first.received)

    def _tell_amounts(self) -> None:
        """At the end; where a ratio is owed by a date, from the start of that clock on."""
        story, rng = self._story, self._rng
        told = {moment.data["quantity"] for moment in story.moments if moment.type == "case.measured" and moment.data}
        done = story.points.get("completed")
        promises = self._intended.promises
        demanded = next((each for each in promises if isinstance(each.matures_at, Limit) and each.bound), None)
        for name, amounts in self._intended.amounts.items():
            if name in told or name in story.lane.skips:
                continue
            if demanded is not None and name in demanded.counts[0]:
                self._tell_demanded(demanded, name, amounts)
            elif done is not None:
                at = done.time
                for amount in amounts:
                    story.measure(name, amount, at)
                    at = self._place.on_workday(rng, at, 1 + rng.randrange(4))

    def _tell_demanded(self, promise: Promise, name: str, amounts: Sequence[float]) -> None:
        """The whole is said at the start; parts come within the time, or too late."""
        story, rng = self._story, self._rng
        if any(point not in story.points for point in promise.start):
            return
        start = max(story.points[point].time for point in promise.start)
        due = self._place.due(promise, start, story.lane.unit, story.lane.item)
        whole = name == promise.counts[0].partition("/")[2]
        late = rng.random() < self._intended.quality.late
        at = start
        for amount in amounts:
            if not whole:
                days = 1 + rng.randrange(8)
                at = self._place.on_workday(rng, max(at, due) if late else at, days)
            story.measure(name, amount, at + 60 * SECOND)

    def _extend(self) -> None:
        accepted = self._story.points["accepted"].time
        at = self._place.on_workday(self._rng, accepted, 2 + self._rng.randrange(3))
        said = {"limit": {"amount": 10, "unit": "working_days"}, "reason": "complex_case"}
        grants = self._story.owner in self._place.law.plan.grantors
        self._story.tell("case.extended", at, said, source="" if grants else OPERATIONS)

    # ---- the fates that were decided -------------------------------------------------------------------
    def _decide(self) -> None:
        """Of a case told here from its beginning: what must come out in the end under each promise that it is about."""
        story = self._story
        if story.decided is not None:
            story.fates[story.decided[0]] = story.decided[1]
        if not story.composed or "completed" not in story.points:
            return
        for promise in self._intended.promises:
            if any(point not in story.points for point in promise.start):
                continue
            if not self._place.is_in_force(promise, max(story.points[point].time for point in promise.start)):
                continue
            if promise.unless.get("outcome") is not None and story.outcome in values_of(promise.unless["outcome"]):
                continue
            if promise.kind is Kind.CASE_BOUND and promise.matures_at in BY_EVENT:
                fate = self._bounded(promise)
                if all(point in story.points for point in promise.stop):
                    story.fates[promise.key] = fate
            elif promise.kind is Kind.CASE_SHARE and promise.matures_at in BY_EVENT:
                kept, refused = self._is_kept(promise), story.outcome != "granted"
                lacks = any(point not in story.points for point in promise.stop)
                missed = Fate.WITHDRAWN if refused and lacks else Fate.MISSED
                story.fates[promise.key] = Fate.MET if kept else missed

    def _is_kept(self, promise: Promise) -> bool:
        story = self._story
        said = {name: value for name, value in self._intended.manner.items() if value is not None}
        said |= {**story.attributes, "channel": story.channel, "applicant": story.applicant}
        steps = (*self._intended.steps(promise), *(point.removeprefix("milestone:") for point in promise.stop))
        return all(
            said.get(name) in values_of(value) for name, value in promise.where.items() if name not in _STEPS
        ) and all(step == "completed" or f"milestone:{step}" in story.points for step in steps)

    def _bounded(self, promise: Promise) -> Fate:
        assert promise.bound is not None
        fates = [self._one_bounded(text, promise.bound) for text in promise.counts]
        return next((fate for fate in (Fate.MISSED, Fate.UNMEASURED, Fate.LATE_ENTRY) if fate in fates), Fate.MET)

    def _one_bounded(self, text: str, bound: Objective) -> Fate:
        subject, _, name = text.partition(":")
        silent = Fate.MET if self._story.attributes.get(FULL_TRACE) else Fate.UNMEASURED
        match subject:
            case "milestone":
                times = self._intended.times.get(name, 1)
                if not times and silent is Fate.UNMEASURED:
                    return silent
                kept = times <= bound.amount if bound.relation == "<=" else times == bound.amount
                return Fate.MET if kept else Fate.MISSED
            case "quantity":
                amounts = self._intended.amounts.get(name)
                if amounts is None:
                    return silent
                if sum(amounts) > bound.amount:
                    return Fate.MISSED
                return Fate.LATE_ENTRY if amounts[0] > bound.amount else Fate.MET
            case "attribute":
                codes = self._intended.manner.get(name)
                return Fate.UNMEASURED if codes is None else Fate.MET if len(codes) <= bound.amount else Fate.MISSED
        first, _, then = name.partition("<")
        return Fate.MISSED if first in self._intended.after else Fate.MET


def _say(moment: Moment, attributes: Mapping[str, Any]) -> None:
    """A moment says these attributes, too."""
    said = moment.data or {}
    moment.data = {**said, "attributes": {**said.get("attributes", {}), **attributes}}


_STEPS = ("stopped", "reached")


def rate(story: Story, place: Placement) -> None:
    """The applicant's score, where somebody asks for it; some are given by default."""
    done = story.points.get("completed")
    if done is None or story.rng.random() >= 0.25:
        return
    if not any(promise.measure == "rating" for promise in place.about(story.lane.item)):
        return
    ratings = "/platforms/service-ratings"
    source = ratings if ratings in place.law.plan.sources else ""
    by = "applicant" if story.rng.random() < 0.85 else "default"
    score = 5 if by == "default" else story.rng.choice((2, 3, 4, 4, 5, 5, 5))
    said = {"score": score, "rated_by": by}
    story.tell("case.rated", done.time + (5 + story.rng.randrange(180)) * MINUTE_US, said, source=source)


def composed(story: Story, at: Instant, place: Placement, quality: Quality, faults: Mapping[str, float]) -> None:
    """A case of which nothing is known but the promises: it is filed; what they name is told with the rest."""
    rng = story.rng
    story.composed = True
    story.tell("case.applied", at, story.filing(), point="applied")
    accepted = at if rng.random() < 0.6 else place.later_that_day(rng, at)
    story.tell("case.accepted", accepted, story.filing(), point="accepted")
