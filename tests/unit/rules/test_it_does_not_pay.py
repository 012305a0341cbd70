"""Ways in which a unit could try to look better: none of them turns a late case into one that counts as met or does not
count. A new way is a line here before it is a rule."""

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import MISSES, Outcome
from services.domain.plan.plan import ServiceItem
from tests.unit.cases import (
    ITEMS,
    TITLE,
    accepted,
    applied,
    completed,
    correction,
    extended,
    judge_of,
    milestone,
    outcome,
    promise,
    reclassified,
    refused,
    reopened,
    resumed,
    row,
    supplement,
    suspended,
    withdrawn,
)

TAP = ServiceItem.model_validate(
    {"code": "tap", "title": TITLE, "milestones": ["connected"], "certified_by_completion": ["connected"]}
)


def judge(item: str, **given: object) -> Judge:
    """A limit of 4 working days that a hearing stops and an extension moves."""
    entry = promise(select={"service_item": item}, clock_stops=("hearing",), extension_moves_limit=True, **given)
    return judge_of(entry, items={**ITEMS, "tap": TAP})


DONE, DELIVERED = judge("tap"), judge("tap", stop="milestone:connected")
PERMITTED = judge("permit")
START = accepted("2021-09-16T09:00", item="tap")  # until 2021-09-23
APPLIED = applied("2021-09-16T09:00", item="permit")
LATE = completed("2021-10-11T09:00", outcome="granted")
CONNECTED = milestone("2021-10-11T08:00", "connected")
END = "2021-12-01"

WAYS: dict[str, tuple[Judge, list[Fact]]] = {
    "go silent": (DONE, [START]),
    "report later": (DONE, [START, completed("2021-09-22T09:00", received="2021-10-11T09:00")]),
    "correct afterwards": (DONE, [START, LATE, correction("2021-10-12T09:00", LATE, completed("2021-09-22T09:00"))]),
    "strike out the acceptance": (DONE, [START, LATE, correction("2021-10-12T09:00", START, None)]),
    "accept once more": (DONE, [START, accepted("2021-10-09T09:00", item="tap", id="again"), LATE]),
    "call it another kind of case": (DONE, [START, reclassified("2021-10-08T09:00", service_item="power"), LATE]),
    "suspend twice": (
        DONE,
        [START, suspended("2021-09-17T08:00"), suspended("2021-09-17T09:00", id="2"), resumed("2021-09-22T08:00")],
    ),
    "suspend after the limit": (DONE, [START, suspended("2021-09-24T09:00"), LATE]),
    "report a suspension later": (
        DONE,
        [START, suspended("2021-09-17T08:00", received="2021-10-08T09:00"), resumed("2021-10-11T08:00"), LATE],
    ),
    "extend after the limit": (DONE, [START, extended("2021-09-24T09:00", 10), LATE]),
    "extend twice": (DONE, [START, extended("2021-09-17T09:00", 1), extended("2021-09-18T09:00", 10), LATE]),
    "extend by a year": (DONE, [START, extended("2021-09-17T09:00", 12, "months"), completed("2021-11-30T09:00")]),
    "withdraw after the limit": (DONE, [START, withdrawn("2021-09-24T09:00")]),
    "withdraw and grant": (DONE, [START, withdrawn("2021-09-23T09:00"), LATE]),
    "withdraw and deliver": (DELIVERED, [START, withdrawn("2021-09-23T09:00"), CONNECTED]),
    "refuse and grant": (DONE, [START, completed("2021-09-23T09:00", outcome="refused"), LATE]),
    "terminate and deliver": (DELIVERED, [START, completed("2021-09-23T09:00", outcome="terminated"), CONNECTED]),
    "complete in vain": (
        DELIVERED,
        [
            START,
            milestone("2021-09-17T09:00", "connected"),
            completed("2021-09-17T10:00"),
            reopened("2021-09-18T09:00"),
        ],
    ),
    "complete in vain and again": (
        DELIVERED,
        [
            START,
            milestone("2021-09-17T09:00", "connected"),
            completed("2021-09-17T10:00"),
            reopened("2021-09-18T09:00"),
            CONNECTED,
            LATE,
        ],
    ),
    "complete without delivering": (DELIVERED, [START, completed("2021-09-30T10:00", outcome="granted")]),
    "ask for more after the acceptance": (
        PERMITTED,
        [APPLIED, accepted("2021-09-16T15:00", item="permit"), supplement("2021-09-17T09:00")],
    ),
    "refuse what was accepted": (
        PERMITTED,
        [APPLIED, accepted("2021-09-16T15:00", item="permit"), refused("2021-09-17T09:00")],
    ),
    "ask for more too late": (
        PERMITTED,
        [APPLIED, supplement("2021-09-25T09:00"), accepted("2021-10-11T09:00", item="permit")],
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_does_not_pay_to(way: str) -> None:
    judge, facts = WAYS[way]
    assert outcome(judge, facts, END) in (*MISSES, Outcome.LATE_ENTRY)
    found = row(judge, [facts], END)
    assert (found.numerator, found.denominator) == ("0", "1")
    assert found.withdrawn_share in ("", "0")
