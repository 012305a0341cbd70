"""The limits of providers: no span of time has more calls than the provider takes, whenever it counts a call."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.channels.rate_limit import Limit
from services.notifier.traffic import Traffic

LIMITS = (Limit(3, 1.0), Limit(10, 60.0))
ACCOUNT = ("robot",)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 5), st.floats(0, 1)), min_size=1, max_size=60))
def test_no_span_has_more_calls_than_the_limit_whenever_the_provider_counts_them(
    steps: list[tuple[float, float, float]],
) -> None:
    """Each step: a pause, how long the call takes, and at which part of that the provider counts it."""
    traffic, now = Traffic(), 0.0
    under_way: list[float] = []
    counted: list[float] = []
    for pause, takes, part in steps:
        now += pause
        for end in sorted(one for one in under_way if one <= now):
            traffic.end("robot", "water/duty", end)
        under_way = [one for one in under_way if one > now]
        if traffic.room(ACCOUNT, LIMITS, now) > 0:
            traffic.begin("robot", "water/duty")
            under_way.append(now + takes)
            counted.append(now + takes * part)
    counted.sort()
    for one in LIMITS:
        for first, last in zip(counted, counted[one.count :], strict=False):
            assert last - first >= one.seconds - 1e-9


@settings(max_examples=50)
@given(st.integers(0, 20))
def test_when_the_longest_span_has_passed_there_is_room_for_all(calls: int) -> None:
    traffic = Traffic()
    for _ in range(calls):
        traffic.begin("robot", "water/duty")
        traffic.end("robot", "water/duty", 100.0)
    assert traffic.room(ACCOUNT, LIMITS, 160.0) == 3
    assert traffic.room(("robot", "other/duty"), LIMITS, 100.0) == 3


def test_an_account_is_closed_for_the_longest_time_that_was_named() -> None:
    traffic = Traffic()
    traffic.close("robot", 600.0)
    traffic.close("robot", 5.0)
    assert (traffic.closed_until("robot"), traffic.closed_until("mail")) == (600.0, float("-inf"))
