"""Many cards, crashes at the worst moments, and providers of which half of the messages fail: in memory, the small form
of `make storm-notices`. And the comparison of that storm finds what it looks for."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.catalog.working_time import WorkingTime
from services.domain.results.published import Card
from services.messaging.reader import Record
from services.messaging.records.ledger import Kind, Request
from services.notifier import __main__ as process
from services.notifier import courier
from tests.storm_notices.comparison import Seen, counted, wrong
from tests.unit.ledger_world import LedgerWorld
from tests.unit.test_notices import UNITS, AtOnce, System, World

CASES, CRASHES = 200, 30
WORST = [("next_request", "before"), ("next_request", "after"), ("next_call", "before"), ("next_call", "after")]


@pytest.mark.slow
def test_after_thirty_crashes_no_notice_is_lost_and_none_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, rng = World(tmp_path), random.Random(14)
    monkeypatch.setattr(process, "Alertmanager", lambda url: world)
    monkeypatch.setattr(WorkingTime, "of", lambda plan: world)
    monkeypatch.setattr(process, "real_now", world.now)
    monkeypatch.setattr(os, "fsync", lambda file: None)
    monkeypatch.setattr(courier, "ThreadPoolExecutor", AtOnce)
    system = System(world)
    for number in range(3 * CASES):
        case = f"/units/liangjiang-water W-{rng.randrange(CASES)}"
        unit = UNITS[case.endswith("7")]
        happens(rng, system, case, unit)
        if number == CASES:
            system.end()
            for path in tmp_path.iterdir():  # all that the notifier has on its disk
                path.unlink()
            system.start()
        elif world.crashes < CRASHES:
            name, what = rng.choice(WORST)
            setattr(world, name, what)
        else:
            world.next_call = rng.choice(("retry", "lost after", "lost before", ""))
        system.run(3)
    assert world.crashes >= CRASHES
    for _ in range(400):
        if not system.notifier.state.under_way:
            break
        system.run(60)
    system.check_in_the_end()
    system.end()
    records = world.ledger.records()
    kinds = [one.request.kind for one in records]
    assert kinds.count(Kind.NOTICE) > CASES / 2 and kinds.count(Kind.RETRY) + kinds.count(Kind.UNCERTAIN) > 20


def happens(rng: random.Random, system: System, case: str, unit: str) -> None:
    """Something that may happen to a case."""
    level = next((one for one in ("red", "yellow") if (case, one) in system.cards), "")
    if not level:
        system.publish(case, "yellow", "active", unit)
    elif level == "yellow" and rng.random() < 0.6:
        system.turn_red(case, unit)
    else:
        system.publish(case, level, rng.choice(("completed", "retracted", "rejudged")), unit)


def test_a_card_with_a_time_that_nobody_can_read_is_notified_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    monkeypatch.setattr(process, "Alertmanager", lambda url: world)
    monkeypatch.setattr(WorkingTime, "of", lambda plan: world)
    monkeypatch.setattr(process, "real_now", world.now)
    monkeypatch.setattr(courier, "ThreadPoolExecutor", AtOnce)
    system = System(world)
    odd = [CARD._replace(case=f"/units/{UNITS[0]} {n}", unit=UNITS[0], raised_at=at, due_at=due) for n, (at, due) in
           enumerate([("soon", ""), ("", ""), (CARD.raised_at, "2021-10-12T09:60:00+08:00")])]  # fmt: skip
    for offset, card in enumerate(odd, start=len(world.log)):
        key = f"{card.kpi}|{card.case.replace(' ', chr(0x1F))}|1|-|red".encode()
        world.log.append(Record("alert.cards", 0, offset, key, orjson.dumps(card._asdict())))
    for _ in range(6):
        system.run(10)
    assert len(world.with_keys.received) == 3
    system.end()


# ---- the comparison --------------------------------------------------------------------------------------------
CARD = Card("K06-1", "/units/water N-1", 1, "-", "red", "water", "2021-10-12T09:00:00+08:00", "", "", "")
ACTIVE = {(CARD.case, "red"): CARD}


def subject(status: str) -> dict[str, Any]:
    return {**CARD._asdict(), "id": "card/1/red", "family": "card/1", "status": status}


def ledger(*steps: tuple[Kind, dict[str, Any]]) -> LedgerWorld:
    world = LedgerWorld()
    for number, (kind, body) in enumerate(steps):
        world.record(Request(f"r{number}", kind, "x", unit="water", body=body))
    return world


RAISED = (Kind.NOTICE, {"subjects": [subject("raised")], "recipients": ["water/duty"]})
ENDED = (Kind.NOTICE, {"subjects": [subject("ended")], "recipients": ["water/duty"]})
MARKED = (Kind.UNCERTAIN, {"notice": 1, "recipient": "water/duty", "attempt": 1})


def found(world: LedgerWorld, seen: list[Seen], active: dict[tuple[str, str], Card], crashes: int = 1) -> int:
    return len(wrong(world.records(), seen, active, crashes, "robot"))


def test_a_storm_that_went_well_has_no_difference() -> None:
    assert found(ledger(RAISED), [Seen("hook", 1)], ACTIVE) == 0
    assert found(ledger(RAISED, ENDED), [Seen("hook", 1), Seen("hook", 2)], {}) == 0
    assert found(ledger(RAISED, MARKED), [Seen("robot", 1), Seen("robot", 1)], ACTIVE) == 0
    assert found(ledger(RAISED, MARKED), [], ACTIVE) == 0


@pytest.mark.parametrize(
    ("given", "number"),
    [
        (lambda: found(ledger(RAISED), [], ACTIVE), 1),  # lost
        (lambda: found(ledger(RAISED), [Seen("hook", 1)] * 2, ACTIVE), 2),  # doubled, and not marked
        (lambda: found(ledger(RAISED, MARKED), [Seen("hook", 1)] * 2, ACTIVE), 1),
        (lambda: found(ledger(RAISED), [Seen("robot", 1)] * 2, ACTIVE), 1),
        (lambda: found(ledger(RAISED, MARKED), [Seen("robot", 1)] * 3, ACTIVE), 1),  # more often than crashes
        (lambda: found(ledger(RAISED), [Seen("hook", 1), Seen("hook", 7)], ACTIVE), 1),
        (lambda: found(ledger(RAISED, ENDED), [Seen("hook", 2), Seen("hook", 1)], {}), 1),  # out of order
        (lambda: found(ledger(), [], ACTIVE), 1),
        (lambda: found(ledger(RAISED), [Seen("hook", 1)], {}), 1),
        (lambda: found(ledger(RAISED, RAISED), [Seen("hook", 1), Seen("hook", 2)], ACTIVE), 1),
    ],
)
def test_what_a_storm_did_wrong_is_found(given: Callable[[], int], number: int) -> None:
    assert given() == number


def test_the_number_of_a_notice_is_found_in_its_key_or_its_text() -> None:
    assert Seen.of("hook", "kw-12-abc", "") == Seen("hook", 12)
    assert Seen.of("robot", "", "【加急】【第13号通知】红牌") == Seen("robot", 13)
    assert Seen.of("robot", "", "红牌") is None


def test_a_storm_says_its_counts() -> None:
    counts = counted(ledger(RAISED, MARKED).records(), [Seen("robot", 1)] * 2)
    assert (counts.notices, counts.subjects, counts.seen, counts.repeats, counts.uncertain) == (1, 1, 2, 1, 1)
