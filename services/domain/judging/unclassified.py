"""Cases that leave out a field by which promises select (rule 12): nobody escapes a promise by leaving it empty.

Such a case is judged as if the promise selected it. It is unclassified from when it would have matured. Promises that
select by the same fields are alternatives: water without and with an external line. A case that would be a miss under
all of them is a miss, whichever it belongs to. A case that is classified only after it would have been a miss under one
of them is a late entry (rule 14): else the limit could be chosen afterwards.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import NamedTuple, Self, cast

from services.domain.history.case import Case
from services.domain.intake.facts import Fact
from services.domain.judging.all_kinds import judge_of
from services.domain.judging.data_quality import UNCLASSIFIED
from services.domain.judging.judgement import MISSES, Judgement, Outcome
from services.domain.judging.kind import AnyKind, CaseKind
from services.domain.judging.late_entry import Missed
from services.domain.judging.selection import Accepts, compile_population, wanted_values
from services.domain.plan.plan import CasePromise
from services.domain.plan.statutory_time import Law
from services.domain.sums.tally import NOW, TallyAmounts, TallyField
from services.domain.time.zone import Instant

_MATURED = frozenset((*MISSES, Outcome.MET, Outcome.UNMEASURED, Outcome.COUNTED))
_COUNTED: TallyAmounts = ((TallyField.UNCLASSIFIED, 1),)
_SURE_MISS: TallyAmounts = ((TallyField.UNCLASSIFIED, 1), (TallyField.UNCLASSIFIED_MISSED, 1))
_ONE: TallyAmounts = ((TallyField.N, 1),)


class _Promise(NamedTuple):
    """One version of a promise that selects by fields of a case."""

    accepts: Accepts
    as_if: CaseKind
    """The same promise about all cases of its service items."""


class Unclassified:
    """Finds the promises for which a case is unclassified."""

    def __init__(self, promises: Sequence[CasePromise], law: Law) -> None:
        self._signals = not law.plan.head.open
        self._can_be_missed = frozenset(each.key for each in promises if each.can_be_missed)
        """Keys of the promises that a single case can miss: no means, no trends."""
        self._alternatives: dict[str, list[list[_Promise]]] = {}
        """Service item → its promises, those together that select by the same fields."""
        self._fields: dict[str, frozenset[str]] = {}
        """Service item → the fields by which any of them selects."""
        self._together: dict[str, frozenset[str]] = {}
        """Key of a promise → the keys of those that select by the same fields."""
        for (item, fields), together in _by_fields(promises, law).items():
            self._alternatives.setdefault(item, []).append(together)
            self._fields[item] = self._fields.get(item, frozenset()) | fields
            keys = frozenset(each.as_if.promise.key for each in together)
            self._together |= {key: self._together.get(key, frozenset()) | keys for key in keys}

    def wrapped(self, kind: Callable[[AnyKind], AnyKind]) -> Self:
        """The same, with each kind of promise wrapped."""
        other = copy(self)
        other._alternatives = {
            item: [[each._replace(as_if=cast(CaseKind, kind(each.as_if))) for each in group] for group in groups]
            for item, groups in self._alternatives.items()
        }
        return other

    # ---- what is unclassified ------------------------------------------------------------------------
    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """Append a judgement for each promise for which a case is unclassified. Called per event."""
        groups = self._alternatives.get(case.service_item)
        if groups is None or self._fields[case.service_item] <= case.attributes.keys():
            return
        for group in groups:
            as_if = _as_if(group, case, now)
            missed = _is_miss_wherever([each for each in as_if if each.kpi in self._can_be_missed])
            for each in as_if:
                found.extend(self._unclassified(case, each, missed))

    def _unclassified(self, case: Case, as_if: Judgement, missed: bool) -> Iterator[Judgement]:
        """What is said of a case that would be judged so if it were selected. `missed`: and missed wherever it may
        belong."""
        if as_if.outcome in _MATURED and as_if.cells:
            filed = case.filed
            if self._signals and filed is not None:
                yield Judgement(
                    UNCLASSIFIED, case.cycle, Outcome.COUNTED, filed.source, as_if.kpi, as_if.day, _ONE, None
                )
            yield _said(as_if, as_if.day, _SURE_MISS if missed else _COUNTED)
        elif as_if.outcome is Outcome.OPEN or as_if.next_at is not None:  # time alone changes what is said of it
            yield _said(as_if, NOW, ())

    # ---- late classification -------------------------------------------------------------------------
    def is_classified(self, case: Case) -> bool:
        """Whether each promise about its service item is known to select it or not."""
        groups = self._alternatives.get(case.service_item, ())
        return all(each.accepts(case) is not None for group in groups for each in group)

    def classified_later(self, cases: Sequence[Case], facts: Sequence[Fact]) -> bool:
        """Whether a field by which promises select was reported later than the first fact."""
        fields = self._fields.get(cases[-1].service_item)
        if fields is None:
            return False
        first = min(facts, key=lambda fact: fact.received)
        missing = fields - _reported(first)
        if not missing:
            return False
        return any(not missing.isdisjoint(_reported(fact)) for fact in facts if fact.received > first.received)

    def missed(self, cases: Sequence[Case], now: Instant) -> Iterator[Judgement]:
        """Of each promise for which a case is unclassified while it would be a miss under one that selects by the same
        fields: the judgement. Its cells say whether it would be a miss under that promise itself."""
        for case in cases:
            for group in self._alternatives.get(case.service_item, ()):
                as_if = _as_if(group, case, now)
                if any(_has_missed(each) for each in as_if):
                    for each in as_if:
                        yield _said(each, each.day, _SURE_MISS if _has_missed(each) else ())

    def settled(self, missed: Missed, found: Sequence[Judgement]) -> Missed:
        """What was missed, without the cases that were only unclassified and belong to another promise, or were not
        late by this one and do not belong to it."""
        judged = {(each.kpi, each.cycle) for each in found}
        return {
            identity: miss
            for identity, miss in missed.items()
            if miss.judgement.outcome is not Outcome.UNCLASSIFIED
            or identity in judged
            or (miss.judgement.cells and not any((key, identity[1]) in judged for key in self._together[identity[0]]))
        }


def _by_fields(promises: Sequence[CasePromise], law: Law) -> dict[tuple[str, frozenset[str]], list[_Promise]]:
    """(service item, fields) → the promises about the item that select by these fields."""
    found: dict[tuple[str, frozenset[str]], list[_Promise]] = {}
    for promise in promises:
        fields = frozenset(promise.select) - {"service_item"}
        if not fields or promise.is_by_node:
            continue
        items = promise.select.get("service_item", tuple(law.plan.service_items))
        every = promise.model_copy(update={"select": {"service_item": items}})
        accepts = compile_population(promise.select, promise.unless, law.unset)
        entry = _Promise(accepts, cast(CaseKind, judge_of(every, law)))
        for item in sorted(wanted_values(items)):
            found.setdefault((item, fields), []).append(entry)
    return found


def _as_if(group: Sequence[_Promise], case: Case, now: Instant) -> list[Judgement]:
    """What the promises for which a case is unclassified would say of it."""
    found: list[Judgement] = []
    for each in group:
        if each.accepts(case) is None:
            each.as_if.judge(case, now, found)
    return found


def _has_missed(as_if: Judgement) -> bool:
    """Whether it would be a miss: a breach before the case matures is none yet."""
    return as_if.outcome in MISSES and not as_if.has_not_matured


def _is_miss_wherever(as_if: Sequence[Judgement]) -> bool:
    return bool(as_if) and all(each.outcome in MISSES for each in as_if)


def _said(as_if: Judgement, day: int, cells: TallyAmounts) -> Judgement:
    return as_if._replace(
        outcome=Outcome.UNCLASSIFIED, day=day, cells=cells, bin=None, yellow_at=None, red_at=None, nodes=(),
        needs_late_check_from=None,
    )  # fmt: skip


def _reported(fact: Fact) -> frozenset[str]:
    """The fields of a case that a fact reports."""
    data: Mapping[str, object] = fact.data
    attributes = data.get("attributes")
    names = frozenset(attributes) if isinstance(attributes, dict) else frozenset()
    if data.get("applicant", "unknown") != "unknown":
        names |= {"applicant"}
    return names | {name for name in ("unit", "channel", "outcome") if name in data}
