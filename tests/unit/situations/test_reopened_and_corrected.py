"""A case that is reopened more than once, and an event that is corrected more than once."""

from tests.unit.cases import accepted, completed, correction, judge_of, judgements, outcome, promise, reopened

JUDGE = judge_of(promise())
START = accepted("2021-11-08T10:00")
"""Due on Friday 2021-11-12 at 24:00."""


def test_a_completion_that_was_void_twice_leaves_the_first_clock_running() -> None:
    case = [
        START,
        completed("2021-11-09T10:00"),
        reopened("2021-11-09T15:00"),
        completed("2021-11-11T10:00"),
        reopened("2021-11-11T15:00"),
    ]
    assert outcome(JUDGE, [*case, completed("2021-11-12T20:00")], "2021-12-01") == "met"
    assert outcome(JUDGE, [*case, completed("2021-11-13T00:00")], "2021-12-01") == "missed"


def test_each_cycle_has_its_own_clock_and_a_void_completion_keeps_that_of_its_cycle() -> None:
    """The second request begins on Monday 11-15: 16, 17, 18, 19. Its completion of 11-18 is void, the next one late."""
    case = [
        START,
        completed("2021-11-10T10:00"),
        reopened("2021-11-15T15:00", "new_request"),
        completed("2021-11-18T16:00"),
        reopened("2021-11-19T09:00"),
        completed("2021-11-22T16:00"),
    ]
    found = {each.cycle: each.outcome for each in judgements(JUDGE, case, "2021-12-01")}
    assert found == {1: "met", 2: "missed"}


def test_of_two_corrections_the_later_holds() -> None:
    """Reported as 11-16 (late), corrected to 11-12 (in time), then to 11-15 (late): late, and no late entry."""
    done = completed("2021-11-16T10:00")
    first = correction("2021-11-17T09:00", done, completed("2021-11-12T10:00"))
    second = correction("2021-11-18T09:00", done, completed("2021-11-15T10:00"))
    assert outcome(JUDGE, [START, done, first, second], "2021-12-01") == "missed"
    assert outcome(JUDGE, [START, done, second, first], "2021-12-01") == "missed"  # whichever arrived first
