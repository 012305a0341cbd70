"""No event costs more than it did: the ratio to the bare loop, in this run, is at most 12 % above the committed one."""

import time
from collections.abc import Sequence

import pytest

from tests.bench import guard
from tests.bench.guard import (
    LIMIT,
    REPETITIONS,
    Case,
    Inputs,
    Measurement,
    Take,
    cases,
    committed,
    measured,
    python,
)

SLOWER = 0.2


@pytest.fixture(scope="module")
def given() -> Inputs:
    return guard.inputs()


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1], ids=["job", "plan"])
def test_an_event_costs_what_it_did(given: Inputs, number: int) -> None:
    case, known = cases(given)[number], committed().get(python())
    if known is None:
        pytest.skip(f"guard.toml has no ratios for {python()}: `python -m tests.bench.guard --renew` measures them")
    limit = known[case.name] * LIMIT
    found = measured(case, given, limit)
    ours, bare = found.microseconds
    if found.ratio > limit and guard.busy():
        pytest.skip(f"the machine is too busy to judge {case.name}: {found.ratio:.2f}, above the limit of {limit:.2f}")
    assert found.ratio <= limit, (
        f"{case.name}: {ours:.1f} µs an event beside {bare:.2f} of the bare loop, {found.ratio:.2f} times as much; the "
        f"limit is {limit:.2f}. If that is meant: `python -m tests.bench.guard --renew`"
    )


@pytest.mark.slow
def test_a_hot_path_that_is_slower_by_a_fifth_is_seen(given: Inputs) -> None:
    job = cases(given)[0]
    usual = Measurement(job, given)
    slowed = Measurement(Case("slowed", job.slices, lambda: _slowed(job.start())), given)
    for _ in range(REPETITIONS):  # in turns, so that both meet the same load
        usual.repeat(1)
        slowed.repeat(1)
    if slowed.ratio <= usual.ratio * LIMIT and guard.busy():
        pytest.skip(f"the machine is too busy: {slowed.ratio:.2f} beside {usual.ratio:.2f}")
    assert slowed.ratio > usual.ratio * LIMIT


def _slowed(take: Take) -> Take:
    """The same, and a fifth of its CPU time more."""

    def slower(lines: Sequence[bytes]) -> None:
        began = time.thread_time_ns()
        take(lines)
        until = time.thread_time_ns() + (time.thread_time_ns() - began) * SLOWER
        while time.thread_time_ns() < until:
            pass

    return slower


def test_noise_in_single_repetitions_changes_nothing() -> None:
    least = guard.Least(2)
    for repetition in range(3):
        for number in range(2):
            least.note(number, _spin_long if repetition == number else _spin_short, [])
    assert 1_000_000 <= least.per_event(2) < 2_500_000


def _spin_short(_: Sequence[bytes]) -> None:
    _spin(1_000_000)


def _spin_long(_: Sequence[bytes]) -> None:
    _spin(5_000_000)


def _spin(nanoseconds: int) -> None:
    until = time.thread_time_ns() + nanoseconds
    while time.thread_time_ns() < until:
        pass
