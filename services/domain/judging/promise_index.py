"""The promises of a plan, sorted once by what they are about: service items, catalogues, duties, figures."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import cast

from services.domain.history.case import Case
from services.domain.judging.kind import AnyKind, CaseKind, DutyKind, EntryKind, FigureKind
from services.domain.judging.reads import InQuestion
from services.domain.judging.selection import Accepts, compile_exception, wanted_values
from services.domain.plan.plan import CasePromise, EntryPromise, Plan
from services.domain.sums.tally import EVER


class PromiseIndex:
    """Finds the promises that may be about a subject."""

    def __init__(self, plan: Plan, versions: Mapping[str, Sequence[AnyKind]]) -> None:
        """`versions`: the versions of each promise, by date."""
        self.latest: dict[str, AnyKind] = {promise.key: versions[promise.key][-1] for promise in plan.promises}
        """The latest version of each promise, in the plan's order."""
        every = [kind for key in self.latest for kind in versions[key]]
        self.of_entries = cast(list[EntryKind], _about(every, "entry"))
        self.of_collection = _by_collection(self.of_entries)
        """Collection → the promises about its entries, in the plan's order."""
        self.of_duties = cast(list[DutyKind], _about(every, "duty"))
        self.of_figures = cast(list[FigureKind], _about(every, "figure"))
        self.of_cases = of_cases = [cast(CaseKind, kind) for kind in every if isinstance(kind.promise, CasePromise)]
        self.of_any_item = [kind for kind in of_cases if "service_item" not in kind.promise.select]
        self.by_item = _by_item(of_cases, plan.service_items)
        self._exceptions = _exceptions(of_cases)
        self._can_be_missed = _keys_that_can_be_missed(of_cases)
        self._certified = {code: item.certified_by_completion for code, item in plan.service_items.items()}
        self.in_question: Callable[[str, tuple[str, ...] | None], InQuestion] = lru_cache(maxsize=4096)(
            self._in_question
        )
        """Service item, keys → these promises about it; without keys all that a single case can miss."""

    def _in_question(self, item: str, keys: tuple[str, ...] | None) -> InQuestion:
        """In all their versions, in the plan's order."""
        wanted = self._can_be_missed if keys is None else keys
        kinds = [kind for kind in self.by_item.get(item, self.of_any_item) if kind.promise.key in wanted]
        return InQuestion.of(kinds, self._certified.get(item, ()))

    def about(self, items: Collection[str], others: Collection[str]) -> list[str]:
        """Keys of the promises that may be about these service items, or about collections, duties and quantities of
        these names; in the plan's order."""
        found = {kind.promise.key for item in items for kind in self.by_item.get(item, self.of_any_item)}
        beside: list[AnyKind] = [*self.of_entries, *self.of_duties, *self.of_figures]
        for each in beside:
            if not {code for _, code in each.promise.subjects}.isdisjoint(others):
                found.add(each.promise.key)
        return [key for key in self.latest if key in found]

    def leaves_out(self, cases: Sequence[Case]) -> bool:
        """Whether a promise leaves one of these cases out: before that was known, it may have been missed."""
        return bool(self._exceptions) and any(excepted(case) for excepted in self._exceptions for case in cases)

    def day_of(self, kpi: str, day: int) -> int:
        """The tally's day of a promise for a local day."""
        return day if self.latest[kpi].promise.keeps_days else EVER


def _about(every: Sequence[AnyKind], wanted: str) -> list[AnyKind]:
    return [kind for kind in every if kind.promise.about == wanted]


def _keys_that_can_be_missed(of_cases: Sequence[CaseKind]) -> frozenset[str]:
    """In any of their versions."""
    return frozenset(kind.promise.key for kind in of_cases if kind.promise.can_be_missed)


def _by_collection(of_entries: Sequence[EntryKind]) -> dict[str, list[EntryKind]]:
    found: dict[str, list[EntryKind]] = {}
    for kind in of_entries:
        found.setdefault(cast(EntryPromise, kind.promise).collection, []).append(kind)
    return found


def _exceptions(of_cases: Sequence[CaseKind]) -> list[Accepts]:
    """Of each promise that leaves out some of the selected cases (`unless`): whether it leaves a case out."""
    promises = [kind.promise for kind in of_cases if kind.promise.unless]
    return [compile_exception({**promise.select, **promise.unless}) for promise in promises]


def _by_item(of_cases: Sequence[CaseKind], known_items: Collection[str]) -> dict[str, list[CaseKind]]:
    """Service item → the promises about cases that may select it, in the plan's order."""
    items = set(known_items)
    for kind in of_cases:
        items |= wanted_values(kind.promise.select.get("service_item", ()))
    found: dict[str, list[CaseKind]] = {}
    for kind in of_cases:
        wanted = kind.promise.select.get("service_item")
        for item in items if wanted is None else sorted(wanted_values(wanted)):
            found.setdefault(item, []).append(kind)
    return found
