"""rule 14: what arrives after a decision on a late entry, and without which the case would be missed, waits."""

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judgement import Outcome
from tests.unit.cases import (
    NO_FEE,
    accepted,
    at,
    completed,
    confirmed,
    correction,
    extended,
    judge_of,
    measured,
    milestone,
    outcome,
    promise,
    rated,
    reclassified,
    reopened,
    resumed,
    suspended,
    withdrawn,
)

WATER = judge_of(promise(clock_stops=("hearing",), extension_moves_limit=True))
START = accepted("2021-09-16T09:00")  # until the end of 2021-09-23
DONE = completed("2021-09-22T09:00", received="2021-09-27T09:00")
END = "2021-11-20"


def on(through: str, time: str, decision: str = "accepted") -> Fact:
    return confirmed(time, decision, cycle=1, through=through, id=f"{time} {through}")


DECIDED = [START, DONE, on("2021-09-27T09:00", "2021-10-08T09:00")]
STRUCK = correction("2021-10-12T09:00", DONE, None, id="struck")
LATER = completed("2021-09-26T09:00")
"""Later than the limit."""
HELPS = {
    "a suspension": (suspended("2021-09-17T08:00", received="2021-10-11T09:00"), STRUCK),
    "an extension": (extended("2021-09-23T09:00", 5, received="2021-10-11T09:00"),
                     correction("2021-10-12T09:00", DONE, LATER, id="later")),
    "a withdrawal": (withdrawn("2021-09-21T09:00", received="2021-10-11T09:00"), STRUCK),
    "a second completion": (completed("2021-09-23T09:00", received="2021-10-11T09:00"), STRUCK),
    "a later acceptance": (correction("2021-10-11T09:00", START, accepted("2021-09-22T09:00"), id="start"),
                           correction("2021-10-12T09:00", DONE, LATER, id="later")),
    "an earlier completion": (correction("2021-10-11T09:00", DONE, completed("2021-09-17T09:00"), id="done"),
                              correction("2021-10-12T09:00", START, accepted("2021-09-14T09:00"), id="start")),
}  # fmt: skip
"""What helps the unit → that, which arrives on 10-11, and what would be a miss without it, on 10-12."""


@pytest.mark.parametrize("help", HELPS)
def test_what_helps_after_a_decision_waits_for_its_own(help: str) -> None:
    helps, harms = HELPS[help]
    assert outcome(WATER, [*DECIDED, harms], END) in (Outcome.MISSED, Outcome.OVERDUE)
    facts = [*DECIDED, helps, harms]
    if help == "a suspension":
        facts.append(completed("2021-11-01T09:00"))
    assert outcome(WATER, facts, END) is Outcome.LATE_ENTRY
    assert outcome(WATER, [*facts, on("2021-10-11T09:00", "2021-10-13T09:00")], END) in (Outcome.MET, Outcome.WITHDRAWN)
    assert outcome(WATER, [*facts, on("2021-10-11T09:00", "2021-10-13T09:00", "rejected")], END) is Outcome.LATE_ENTRY
