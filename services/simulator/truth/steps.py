"""The truth about the steps that follow the red cards of a case."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from services.domain.plan.plan import CasePromise, SupervisionStep
from services.domain.time.zone import Instant
from services.simulator.stories.result import Result
from services.simulator.truth.cards import Seen, holder, levels
from services.simulator.truth.row import Row
from services.simulator.truth.supervision import Office, Red, Said


class _Time(NamedTuple):
    """A red card from one instant on."""

    at: Instant
    unit: str
    due: Instant | None


def step_rows(promise: CasePromise, periods: Sequence[Seen], until: Instant) -> Iterator[Row]:
    """The steps that were due by an instant, of each time that the case was red under a promise."""
    view = next((seen.view for seen in periods if seen.view is not None), None)
    if view is None or not promise.is_official:
        return
    supervision = view.timing.law.plan.head.supervision
    ladder = supervision.ladder(promise.strength).steps()
    office = Office(supervision, ladder, view.timing.calendar, view.timing.zone)
    name = next((seen.row.case for seen in periods if seen.row is not None), "")
    for step, at, time in _steps(office, list(_file(promise, periods)), periods, until):
        yield Row(promise.id, step.value, time.unit, "-", name, Result.STEP, at, time.due)


def _steps(
    office: Office, file: Sequence[Said], periods: Sequence[Seen], until: Instant
) -> Iterator[tuple[SupervisionStep, Instant, _Time]]:
    """Each step, when it was due, and who had the card then, for which limit."""
    had: set[tuple[SupervisionStep, Instant | None]] = set()
    for times, cleared in _red(periods):
        due = times[0].due
        before = frozenset(step for step, missed in had if due is not None and missed == due)
        for step, at in office.steps(Red(times[0].at, cleared, before, due=due), file, until):
            last = [time for time in times if time.at <= at][-1]
            had.add((step, last.due))
            yield step, at, last


def _red(periods: Iterable[Seen]) -> Iterator[tuple[list[_Time], Instant | None]]:
    """Each time that it was red: who had it, for which limit, and until when."""
    times: list[_Time] = []
    for at, result, seen in levels(periods):
        if result is Result.RED_CARD and seen.view is not None and seen.row is not None:
            times.append(_Time(at, holder(seen.view, at), seen.row.due))
        elif times:
            yield times, at
            times = []
    if times:
        yield times, None


def _file(promise: CasePromise, periods: Iterable[Seen]) -> Iterator[Said]:
    """What the operations centre has decided on reasons."""
    decisions = {seen.view.case.decisions.get(promise.id) for seen in periods if seen.view is not None}
    for decision in decisions:
        if decision is not None and decision[0] in ("accepted", "rejected"):
            yield Said(decision[1], decision[0])
