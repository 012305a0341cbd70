"""Judges for tests that raise on chosen cases: what an unknown error of ours would do."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from services.domain.history.case import Case
from services.domain.history.fold import Fold
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge, Opinion
from services.domain.judging.judgement import Judgement
from services.domain.judging.kind import AnyKind
from services.domain.plan.plan import Plan
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.zone import Instant

POISON = "poison"
"""So begins the id of an event on which a judge raises."""


class Poisoned(Exception):
    """An error that nobody foresaw. Its text is what may never be published."""

    def __init__(self) -> None:
        super().__init__("SECRET")


def _is_poison(fact: Fact | None) -> bool:
    return fact is not None and fact.id.startswith(POISON)


def _check(facts: Sequence[Fact]) -> None:
    if any(map(_is_poison, facts)):
        raise Poisoned


class _PoisonedFold:
    def __init__(self, fold: Fold) -> None:
        self._fold = fold

    def cycles(self, facts: Sequence[Fact]) -> list[Case]:
        _check(facts)
        return self._fold.cycles(facts)


class PoisonedJudge(Judge):
    """Cannot read a case (or an entry, a duty, a figure) once it knows a poisoned event of it."""

    def __init__(self, plan: Plan, calendar: WorkingCalendar) -> None:
        super().__init__(plan, calendar)
        self.fold = cast(Fold, _PoisonedFold(self.fold))

    def judge(self, facts: Sequence[Fact], now: Instant) -> Opinion:
        _check([fact for fact in facts if fact.time <= now and fact.received <= now])
        return super().judge(facts, now)


class _PoisonedKind:
    """A kind that raises on a case that was accepted or completed by a poisoned event, after it has said something."""

    def __init__(self, kind: Any) -> None:
        self.promise = kind.promise
        self.figure = kind.figure
        self._kind = kind

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        self._kind.judge(case, now, found)
        if _is_poison(case.accepted) or _is_poison(case.completed):
            raise Poisoned

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)


def judge_with_poisoned_kind(judge: Judge, key: str) -> Judge:
    """The judge, with a kind for one promise that raises."""

    def wrap(kind: AnyKind) -> AnyKind:
        return cast(AnyKind, _PoisonedKind(kind)) if kind.promise.key == key else kind

    return judge.wrapped(wrap)


def poisoned(judge: Judge) -> Judge:
    """The judge, that cannot read poisoned cases at all."""
    return PoisonedJudge(judge.plan, judge.law.calendar)


WAYS: dict[str, Callable[[Judge], Judge]] = {
    "the case cannot be read": poisoned,
    "one kind raises": lambda judge: judge_with_poisoned_kind(judge, "P"),
}
