"""The units of the demo answer steps of escalation: late and badly, the same by the same seed."""

from collections import Counter

import pytest

from services.domain.plan.plan import SupervisionStep
from services.domain.time.zone import Instant
from services.ledger.writer import LedgerAway
from services.messaging.records.ledger import Kind, LedgerRecord
from services.messaging.records.steps import ActReader, CardKey, RecordedStep
from services.simulator.answering import Answering
from services.simulator.answers import Answer, Answers
from tests.unit.cases import CN, ZONE, at
from tests.unit.ledger_world import LedgerWorld


def step(number: int, unit: str = "works", kind: SupervisionStep = SupervisionStep.URGING) -> RecordedStep:
    key = CardKey("P", f"/units/water W-{number}", 1, "-")
    return RecordedStep(key, kind, "2021-10-09T00:00:00+08:00", unit, "2021-09-29T00:00:00+08:00", "", 3)


TICK = 3 * 3600 * 1_000_000


class Pace:
    def __init__(self) -> None:
        self.at = at("2021-10-09T00:00:01")

    def now(self) -> Instant:
        return self.at

    def real_seconds(self, plan_seconds: float) -> float:
        return 0.0


def recorded(world: LedgerWorld, *steps: RecordedStep) -> list[LedgerRecord]:
    return world.record(*(one.request(f"test/{one.claim}", "test", 10**9) for one in steps))


def answers_of(seed: int, kind: SupervisionStep = SupervisionStep.URGING) -> list[Answer]:
    world = LedgerWorld(Pace().now)
    records = recorded(world, *(step(number, f"unit-{number % 20}", kind) for number in range(200)))
    answers = Answers(CN, ZONE, seed)
    return [one for record in records for one in answers.to(record)]


def test_the_same_seed_gives_the_same_answers_and_another_one_others() -> None:
    assert answers_of(1) == answers_of(1)
    assert [one.request.id for one in answers_of(1)] != [one.request.id for one in answers_of(2)]


def test_units_acknowledge_reply_and_ask_and_many_do_not() -> None:
    found = answers_of(1)
    kinds = Counter(one.request.kind for one in found)
    assert set(kinds) == {Kind.ACKNOWLEDGED, Kind.REPLIED, Kind.ASKED}
    assert max(kinds.values()) < 200, "some do not even acknowledge"
    replies = [one.request.body for one in found if one.request.kind is Kind.REPLIED]
    assert 0 < sum("until" in body for body in replies) < len(replies), "some replies name no day"
    assert max(one.at for one in found) > at("2021-10-14"), "some come after a week"


def test_answers_come_after_the_step_on_working_days() -> None:
    for one in answers_of(3):
        assert one.at > at("2021-10-09") and CN.is_working(ZONE.day(one.at))


def test_nobody_answers_a_proposal() -> None:
    assert answers_of(1, SupervisionStep.CIRCULAR) == []


def test_answers_are_sent_when_their_time_has_come_and_once() -> None:
    pace = Pace()
    world = LedgerWorld(pace.now)
    recorded(world, *(step(number, f"unit-{number % 20}") for number in range(40)))
    ledger, answering = world.client(), Answering(Answers(CN, ZONE, 1), pace)
    expected = [one for record in world.records() for one in Answers(CN, ZONE, 1).to(record)]
    for tick in range(240):
        answering.step(ledger)
        world.keep()
        pace.at += TICK
        if tick % 40 == 0:  # started again: everything is read anew
            ledger, answering = world.client(), Answering(Answers(CN, ZONE, 1), pace)
    said = [one for one in world.records() if one.request.kind is not Kind.STEP]
    assert sorted(one.request.id for one in said) == sorted(one.request.id for one in expected)
    by_id = {one.request.id: one.at for one in expected}
    reader = ActReader()
    for one in said:
        act = reader.take(one)
        assert act is None or 0 <= act.at - by_id[one.request.id] <= TICK


def test_what_the_ledger_did_not_take_is_sent_again() -> None:
    pace = Pace()
    world = LedgerWorld(pace.now)
    recorded(world, *(step(number) for number in range(20)))
    ledger, answering = world.client(), Answering(Answers(CN, ZONE, 1), pace)
    pace.at = at("2021-12-01")
    world.kafka_works = False
    with pytest.raises(LedgerAway):
        answering.step(ledger)
    world.kafka_works = True
    answering.step(ledger)
    world.keep()
    said = [one for one in world.records() if one.request.kind is not Kind.STEP]
    assert len(said) == len([one for record in world.records() for one in Answers(CN, ZONE, 1).to(record)])
