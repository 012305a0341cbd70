"""What is done next to deliver a notice to a recipient, by its attempts so far (docs/notices.md)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messaging.records.ledger import Kind
from services.notifier.attempts import OUTCOMES, Act, Ask, Attempt, Finish, Moment, Pace, Send, Wait, Way, next_act
from services.notifier.channels.message import FOR_EVER

PACE = Pace()
ME, BEFORE, ANOTHER = "notifier/a/2", "notifier/a/1", "notifier/b/1"
APP, ROBOT, FILE = Way(3_600.0), Way(0.0), Way(FOR_EVER)
BYTES = b"rendered"


def attempt(number: int, channel: str, outcome: Kind | None = None, at: float = 0.0, **facts: Any) -> Attempt:
    given = {"writer": ME, "began_at": at, "ended_at": at + 1, **facts}
    return Attempt(number, channel, BYTES, outcome=outcome, **given)


def act(*attempts: Attempt, at: float = 0.0, ways: dict[str, Way] | None = None) -> Act | None:
    """What is to be done now. None: nothing yet, and not before a time that it names."""
    chosen = {"app": APP, "robot": ROBOT, "file": FILE} if ways is None else ways
    found = next_act(attempts, chosen, Moment(at, ME), PACE)
    if not isinstance(found, Wait):
        return found
    assert found.until > at
    assert not isinstance(next_act(attempts, chosen, Moment(found.until, ME), PACE), Wait | None)
    return None


def test_the_first_attempt_uses_the_first_channel_and_renders_the_notice() -> None:
    assert act() == Send("app", 1, None)


def test_an_attempt_of_this_notifier_that_has_no_outcome_yet_is_waited_for() -> None:
    assert act(attempt(1, "app"), at=10_000) is None


def test_what_is_accepted_is_over_whatever_came_later() -> None:
    assert act(attempt(1, "app", Kind.ACCEPTED), attempt(2, "app", Kind.REFUSED), at=10_000) is None


def test_a_refusal_leads_to_the_next_channel_at_once() -> None:
    assert act(attempt(1, "app", Kind.REFUSED), at=1) == Send("robot", 2, None)


def test_what_every_channel_refuses_ends_as_refused() -> None:
    refused = [attempt(n, name, Kind.REFUSED) for n, name in enumerate(("app", "robot", "file"), start=1)]
    assert act(*refused) == Finish(Kind.REFUSED)
    assert act(ways={}) == Finish(Kind.REFUSED)


def test_a_retry_repeats_the_stored_bytes_after_a_wait_that_grows() -> None:
    first = attempt(1, "app", Kind.RETRY)
    assert act(first, at=5.9) is None
    assert act(first, at=6) == Send("app", 2, BYTES, repeats=True)
    second = attempt(2, "app", Kind.RETRY, at=6)
    assert act(first, second, at=16.9) is None
    assert act(first, second, at=17) == Send("app", 3, BYTES, repeats=True)


def test_a_provider_that_says_when_it_takes_more_is_not_asked_before() -> None:
    limited = attempt(1, "app", Kind.RETRY, after_seconds=300.0)
    assert act(limited, at=300) is None
    assert act(limited, at=301) == Send("app", 2, BYTES, repeats=True)


def test_a_channel_that_is_down_is_left_for_the_next_one_and_used_again_when_that_one_is_down_too() -> None:
    app = [attempt(n, "app", Kind.RETRY, at=n * 200.0) for n in range(1, 5)]
    assert act(*app, at=200 + PACE.fall_back) == Send("robot", 5, None)
    robot = [attempt(n, "robot", Kind.RETRY, at=n * 200.0) for n in range(5, 9)]
    file = [attempt(n, "file", Kind.RETRY, at=n * 200.0) for n in range(9, 13)]
    assert act(*app, *robot, *file, at=12 * 200 + PACE.fall_back) == Send("app", 13, BYTES, repeats=True)


def test_the_only_channel_is_tried_for_ever() -> None:
    tries = [attempt(n, "app", Kind.RETRY, at=n * 1_000.0) for n in range(1, 200)]
    assert act(*tries, at=199_000 + PACE.longest_wait, ways={"app": APP}) is None
    assert act(*tries, at=199_001 + PACE.longest_wait, ways={"app": APP}) == Send("app", 200, BYTES, repeats=True)


def test_an_attempt_of_an_earlier_start_is_repeated_at_once_while_the_provider_knows_its_key() -> None:
    gone = attempt(1, "app", writer=BEFORE)
    assert act(gone, at=1) == Send("app", 2, BYTES, repeats=True)
    assert act(gone, at=3_600) == Ask("app", 1, crashed=True)


def test_an_attempt_of_another_installation_is_given_time() -> None:
    others = attempt(1, "app", writer=ANOTHER)
    assert act(others, at=PACE.abandoned - 1) is None
    assert act(others, at=PACE.abandoned) == Send("app", 2, BYTES, repeats=True)


def test_a_crash_with_a_channel_without_keys_is_marked_and_leads_to_one_repeat() -> None:
    gone = attempt(1, "robot", writer=BEFORE)
    ways = {"robot": ROBOT, "file": FILE}
    assert act(gone, at=1, ways=ways) == Ask("robot", 1, crashed=True)
    marked = replace(gone, outcome=Kind.UNCERTAIN, crashed=True, asked=True)
    assert act(marked, at=1, ways=ways) == Send("robot", 2, BYTES, repeats=True)


def test_a_lost_answer_of_a_channel_without_keys_is_no_reason_to_repeat_but_to_use_the_next_channel() -> None:
    lost = attempt(1, "robot", Kind.UNCERTAIN)
    assert act(lost, at=1, ways={"robot": ROBOT, "file": FILE}) == Ask("robot", 1, crashed=False)
    asked = replace(lost, asked=True)
    assert act(asked, at=1, ways={"robot": ROBOT, "file": FILE}) == Send("file", 2, None)
    assert act(asked, at=1, ways={"robot": ROBOT}) == Finish(Kind.UNCERTAIN)


def test_a_lost_answer_of_a_channel_with_keys_is_repeated_within_its_window() -> None:
    lost = attempt(1, "app", Kind.UNCERTAIN)
    assert act(lost, at=6) == Send("app", 2, BYTES, repeats=True)
    assert act(lost, at=3_600, ways={"app": APP}) == Ask("app", 1, crashed=False)


def test_what_the_provider_says_it_has_not_is_sent_again() -> None:
    assert act(attempt(1, "robot", Kind.RETRY, asked=True), at=6) == Send("robot", 2, BYTES, repeats=True)


def test_a_channel_that_the_contacts_name_no_more_is_left() -> None:
    ways = {"file": FILE}
    assert act(attempt(1, "app", Kind.RETRY), at=1, ways=ways) == Send("file", 2, None)
    assert act(attempt(1, "app", writer=BEFORE), at=1, ways=ways) == Send("file", 2, None)
    assert act(attempt(1, "app"), at=1, ways=ways) is None


SITUATIONS = st.lists(
    st.tuples(st.sampled_from(("app", "robot", "file", "none")), st.sampled_from((*OUTCOMES, None)), st.booleans()),
    max_size=8,
)


@given(SITUATIONS, st.floats(0, 1e6), st.sets(st.sampled_from(("app", "robot", "file"))))
def test_whatever_happened_the_next_act_is_one_that_can_be_done(
    tried: list[tuple[str, Kind | None, bool]], at: float, known: set[str]
) -> None:
    attempts = [
        attempt(n, channel, outcome, at=n * 10.0, writer=ME if flag else BEFORE, crashed=flag, asked=not flag)
        for n, (channel, outcome, flag) in enumerate(tried, start=1)
    ]
    ways = {name: way for name, way in {"app": APP, "robot": ROBOT, "file": FILE}.items() if name in known}
    found = next_act(attempts, ways, Moment(at, ME), PACE)
    if any(outcome is Kind.ACCEPTED for _, outcome, _ in tried):
        assert found is None
    match found:
        case Send(channel, number, rendered, repeats):
            assert channel in ways and number == len(attempts) + 1
            assert (rendered is not None) == repeats == (channel in {one.channel for one in attempts})
        case Ask(channel, number):
            assert channel in ways and attempts[number - 1].channel == channel


@pytest.mark.parametrize("way", [APP, ROBOT, FILE])
def test_the_last_channel_is_never_left_in_silence(way: Way) -> None:
    """Time passes, and each act is carried out and fails without a sign: it ends, or goes on for ever, as a repeat."""
    attempts: list[Attempt] = []
    at = 0.0
    for _ in range(200):
        found = act(*attempts, at=at, ways={"only": way})
        match found:
            case Send(channel, number):
                attempts.append(attempt(number, channel, Kind.UNCERTAIN, at=at))
            case Ask(_, number):
                attempts[number - 1] = replace(attempts[number - 1], asked=True)
            case Finish(kind):
                assert kind is Kind.UNCERTAIN
                break
        at += 100
    else:
        assert way is FILE and len(attempts) > 10
