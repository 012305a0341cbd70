"""The limits of an account: no span of time has more calls than the provider takes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.channels.rate_limit import Limit, RateLimit

LIMITS = (Limit(3, 1.0), Limit(10, 60.0))


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@settings(max_examples=50)
@given(st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=80))
def test_no_span_has_more_calls_than_the_limit(pauses: list[float]) -> None:
    seconds = Seconds()
    limit = RateLimit(LIMITS, seconds)
    calls = []
    for pause in pauses:
        seconds.now += pause
        if limit.wait() == 0:
            calls.append(seconds.now)
    for one in LIMITS:
        for first, last in zip(calls, calls[one.count :], strict=False):
            assert last - first >= one.seconds - 1e-9


@settings(max_examples=50)
@given(st.lists(st.floats(min_value=0, max_value=5), min_size=1, max_size=40))
def test_after_the_wait_that_it_names_a_call_may_be_made(pauses: list[float]) -> None:
    seconds = Seconds()
    limit = RateLimit(LIMITS, seconds)
    for pause in pauses:
        seconds.now += pause
        if wait := limit.wait():
            seconds.now += wait + 1e-6
            assert limit.wait() == 0


def test_while_the_provider_takes_nothing_no_call_is_made() -> None:
    seconds = Seconds()
    limit = RateLimit(LIMITS, seconds)
    limit.close(600)
    limit.close(5)
    assert limit.wait() == 600
    seconds.now = 600.0
    assert limit.wait() == 0


def test_an_account_without_limits_never_waits() -> None:
    limit = RateLimit((), Seconds())
    assert [limit.wait() for _ in range(5)] == [0] * 5
