"""What is decided about a case before its events are made, from what the plan's promises ask about its service item.

The number of milestones, their order, the amounts, the attributes and the dates come from here. If several promises are
about one milestone, the first decides and the others follow; binding promises come first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from services.domain.plan.kinds.case_bound import CaseBoundPromise
from services.domain.plan.plan import BY_EVENT, AttributeSpec, CasePromise, Objective, ServiceItem, Strength
from services.simulator.district.profile import Quality
from services.simulator.stories.case_history import CaseHistory
from services.simulator.stories.timing import Timing

FULL_TRACE = "full_trace"
_NO_ATTRIBUTES = ("stopped", "reached", "online", "channel", "extended", "applicant", "outcome")
_DIRECTIONAL_BREACH = 0.35
"""How often a case fails a promise that is only directional."""
_SELECTED = 0.8
"""How often a case has the attributes that a promise selects."""


def choose_attributes(case: CaseHistory, timing: Timing) -> None:
    """Choose what kind of case it is: the attributes that promises select by, beside those of its flow."""
    rng, item = case.rng, timing.item(case.flow.item)
    about = timing.about(item.code)
    attributes = dict(case.attributes)
    for promise in about:
        _choose_for(promise, rng, item, attributes)
    if FULL_TRACE in item.attributes and rng.random() < 0.9:
        attributes[FULL_TRACE] = True
    case.attributes = attributes
    for promise in about:
        applicant = promise.select.get("applicant") or promise.condition.get("applicant")
        if applicant is not None and rng.random() < 0.3:
            case.applicant = str(one_of(rng, applicant))


def _choose_for(promise: CasePromise, rng: Random, item: ServiceItem, attributes: dict[str, Any]) -> None:
    """Add the attributes that one promise selects by, as far as they are open."""
    chosen = rng.random() < _SELECTED
    for name, value in {**promise.select, **promise.unless}.items():
        if name not in item.attributes or name in attributes:
            continue
        excepted = name in promise.unless and rng.random() < 0.9
        wanted = one_of(rng, value) if chosen and not excepted else other_value(rng, item.attributes[name], value)
        if wanted is not None:
            attributes[name] = wanted


def one_of(rng: Random, value: Any) -> Any:
    """One of several values, or the only one."""
    return rng.choice(value) if isinstance(value, tuple) else value


def other_value(rng: Random, spec: AttributeSpec, value: Any) -> Any:
    """Another value than these; None if there is no other."""
    values = value if isinstance(value, tuple) else (value,)
    if spec.type == "bool":
        return not values[0]
    others = [each for each in spec.values if each not in values]
    return rng.choice(others) if others else None


class _Bounded(NamedTuple):
    """What is decided about one amount that a promise bounds."""

    bound: Objective
    breached: bool
    unreported: bool


class Intentions:
    """What is decided about one case."""

    def __init__(self, case: CaseHistory, timing: Timing, quality: Quality) -> None:
        self.case = case
        self.timing = timing
        self.quality = quality
        self.item: ServiceItem = timing.item(case.flow.item)
        selected = timing.selected(case.flow.item, {**case.attributes, "applicant": case.applicant})
        self.promises: Sequence[CasePromise] = sorted(selected, key=lambda each: each.strength is Strength.DIRECTIONAL)
        """Those that may be about the case, binding ones first."""
        self.final_attributes: dict[str, Any] = {}
        """Attributes that are reported at its end; None: never."""
        self.amounts: dict[str, list[float]] = {}
        """The values that are measured of each quantity, in the order of their reports."""
        self.milestone_counts: dict[str, int] = {}
        """How often a milestone is reached, if that is not once."""
        self.too_late: dict[str, str] = {}
        """Milestone → the one which it should precede, and follows."""
        for promise in self.promises:
            if isinstance(promise, CaseBoundPromise):
                self._bound(promise)
        for promise in self.promises:
            if promise.measured == "share":
                self._share(promise)
        for promise in self.promises:
            self._measure(promise.measured)

    # ---- bounds --------------------------------------------------------------------------------------
    def _bound(self, promise: CasePromise) -> None:
        assert promise.bounded_by is not None
        rng, quality = self.case.rng, self.quality
        breached = rng.random() < self._breach_rate(promise)
        unreported = rng.random() < quality.unmeasured
        guilty = rng.randrange(len(promise.bounded))
        for index, text in enumerate(promise.bounded):
            subject, _, name = text.partition(":")
            bad = breached and index == guilty
            _BOUNDS[subject](self, name, _Bounded(promise.bounded_by, bad, unreported and not bad))

    def _breach_rate(self, promise: CasePromise) -> float:
        return _DIRECTIONAL_BREACH if promise.strength is Strength.DIRECTIONAL else self.quality.breach

    def _bound_milestone(self, name: str, decided: _Bounded) -> None:
        rng, amount = self.case.rng, int(decided.bound.amount)
        if not decided.breached:
            self.milestone_counts.setdefault(name, amount)
            return
        exactly = decided.bound.relation == "="
        too_few = exactly and self.case.attributes.get(FULL_TRACE) and rng.random() < 0.5
        self.milestone_counts.setdefault(name, amount - 1 if too_few else amount + 1)

    def _bound_quantity(self, name: str, decided: _Bounded) -> None:
        rng, most = self.case.rng, int(decided.bound.amount)
        if decided.breached:
            too_much = most + rng.choice((1, 20, 150, 800))
            refunded = rng.random() < 0.3
            self.amounts.setdefault(name, [too_much, most - too_much] if refunded else [too_much])
        elif not decided.unreported:
            self.amounts.setdefault(name, [rng.randint(0, most) if most else 0])

    def _bound_attribute(self, name: str, decided: _Bounded) -> None:
        codes = list(self.item.attributes[name].values)
        self.case.rng.shuffle(codes)
        reported = codes[: 2 if decided.breached else 1]
        self.final_attributes.setdefault(name, None if decided.unreported else reported)

    def _bound_order(self, name: str, decided: _Bounded) -> None:
        if decided.breached:
            first, _, then = name.partition("<")
            self.too_late[first] = then
            self.milestone_counts.setdefault(first, self.case.rng.randrange(2))

    def _bound_ratio(self, name: str, decided: _Bounded) -> None:
        above, below = name.split("/")
        rng, least, bad = self.case.rng, float(decided.bound.amount), decided.breached
        whole = 1_000 * rng.randint(20, 900)
        share = least * (0.5 + rng.random() * 0.45) if bad else least + (1 - least) * rng.random() ** 2 * 0.6
        part = int(whole * share) if bad else int(whole * share) + 1
        self.amounts.setdefault(below, [whole])
        self.amounts.setdefault(above, [part] if rng.random() < 0.6 else [part // 2, part - part // 2])

    # ---- shares --------------------------------------------------------------------------------------
    def _share(self, promise: CasePromise) -> None:
        """In the numerator or not: by an attribute, or by a milestone that is not reached."""
        rng = self.case.rng
        wanted = {name: value for name, value in promise.condition.items() if name not in _NO_ATTRIBUTES}
        breached = rng.random() < self._breach_rate(promise)
        milestones = list(self.required_milestones(promise))
        by_attribute = bool(wanted) and (not milestones or rng.random() < 0.5)
        self._choose_values(wanted, breached=breached and by_attribute)
        if breached and milestones and not by_attribute:
            self.milestone_counts.setdefault(rng.choice(milestones), 0)
        self._report_what_must_be_known(promise)
        self._extend(promise)

    def _extend(self, promise: CasePromise) -> None:
        if "extended" in promise.condition and self.case.rng.random() < 0.12:
            self.case.extended = True

    def _choose_values(self, wanted: Mapping[str, Any], *, breached: bool) -> None:
        """The wanted values; if `breached`, another value of one of them."""
        rng = self.case.rng
        guilty = rng.choice(list(wanted)) if breached else ""
        for name, value in wanted.items():
            reported = self._another_value(name, value) if name == guilty else one_of(rng, value)
            self.final_attributes.setdefault(name, reported)

    def _report_what_must_be_known(self, promise: CasePromise) -> None:
        for name in promise.known_fields:
            if name not in promise.condition and name in self.item.attributes:
                self.final_attributes.setdefault(name, one_of(self.case.rng, self.item.attributes[name].values))

    def required_milestones(self, promise: CasePromise) -> Iterator[str]:
        """The milestones that the numerator requires of a case which matures by its completion."""
        if promise.maturity in BY_EVENT:
            reached = promise.condition.get("reached", ())
            yield from (str(name) for name in (reached if isinstance(reached, tuple) else (reached,)))
            if promise.condition.get("stopped") and promise.start != promise.stop:
                yield from (name.removeprefix("milestone:") for name in promise.stop if name != "completed")

    def all_required_milestones(self) -> set[str]:
        """Those that any promise requires."""
        return {name for promise in self.promises for name in self.required_milestones(promise)}

    def _another_value(self, name: str, wanted: Any) -> Any:
        """Another value than the wanted one, or none."""
        if self.case.rng.random() < self.quality.unmeasured:
            return None
        return other_value(self.case.rng, self.item.attributes[name], wanted)

    # ---- measures ------------------------------------------------------------------------------------
    def _measure(self, measure: str) -> None:
        rng = self.case.rng
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


_BOUNDS: Mapping[str, Callable[[Intentions, str, _Bounded], None]] = {
    "milestone": Intentions._bound_milestone,
    "quantity": Intentions._bound_quantity,
    "attribute": Intentions._bound_attribute,
    "order": Intentions._bound_order,
    "ratio": Intentions._bound_ratio,
}
"""What an entry of `counts` counts."""
