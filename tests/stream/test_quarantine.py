"""The cases stage with a case that it cannot judge: what it sends, in which order, and that it goes on."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from services.domain.judging.judge import Judge
from services.messaging.records.quarantine import QuarantinedCase, decode
from services.messaging.topics import ALERT_CARDS, CASE_QUARANTINE, KPI_TALLIES
from streams.cases.cases import SWEEP_SECONDS
from tests.stream.delivery import FLUSHED, PUBLISHED
from tests.stream.test_cases import Stage, accepted, completed, judge
from tests.unit.poison import POISON, poisoned

__all__ = ["judge"]  # the fixture
KEY = b"/units/north\x1fA"


def quarantines(stage: Stage) -> dict[str, QuarantinedCase | None]:
    """What was sent of quarantined cases since the last call, by case."""
    return {
        (key or b"").split(b"\x1f")[1].decode(): None if value is None else decode(value)
        for key, value in stage.delivery.take(CASE_QUARANTINE)
    }


def ill(offset: int, case: str, **given: Any) -> Any:
    return accepted(offset, case, "2021-09-06T09:00", id=f"{POISON}-{case}", **given)


@pytest.fixture
def stage(judge: Judge, tmp_path: Path) -> Stage:
    return Stage(poisoned(judge), tmp_path)


def test_cases_that_cannot_be_judged_take_no_more_of_a_tick_than_a_sweep_may(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, until the time is over; the next tick goes on with the next ones."""
    number = 7
    for each in range(number):
        stage.take(ill(each, f"A{each}"))
    partition = stage.cases._partitions[0]
    tried: list[bytes] = []
    elapsed = [0.0]
    judge_row = partition._judge_row

    def slow(key: bytes, *given: Any, **more: Any) -> Any:
        tried.append(key)
        elapsed[0] += SWEEP_SECONDS / 3 + 0.01
        return judge_row(key, *given, **more)

    monkeypatch.setattr(partition, "_judge_row", slow)
    monkeypatch.setattr("streams.cases.cases.time.monotonic", lambda: elapsed[0])
    stage.tick()
    assert len(tried) == 3
    (progress,) = stage.log().progress()
    assert (progress.quarantined, progress.retried) == (number, 3), "so that one can wait for all of them"
    stage.tick()
    stage.tick()
    assert set(tried[:number]) == set(partition._quarantined), "all come in turn"
    (progress,) = stage.log().progress()
    assert (progress.swept_to, progress.retried) == (stage.clock.now() - 1, len(tried))


@pytest.mark.parametrize("unread", [0, 10_000])
def test_a_poisoned_case_stops_no_other_and_is_published(stage: Stage, unread: int) -> None:
    stage.delivery.unread[0] = unread
    stage.take(ill(0, "A"), accepted(1, "B", "2021-09-06T09:00"), completed(2, "B", "2021-09-06T10:00"))
    stage.delivery.unread[0] = 0
    stage.tick()
    assert stage.counted() == [1, 1, 0]
    (reported,) = quarantines(stage).values()
    assert reported is not None and reported.cause.startswith("Poisoned in tests/unit/poison.py:")
    assert (reported.kpis, reported.units) == (("WITHIN", "ELAPSED", "MEAN"), ("north",))
    assert reported.since == "2021-09-06T11:59:59.999999+08:00"
    marks = {(key.item, key.unit) for key in stage.log().tallies() if key.kpi == "~quarantined"}
    assert marks == {("WITHIN", "north"), ("ELAPSED", "north"), ("MEAN", "north")}
    assert [progress.swept_to for progress in stage.log().progress()] == [stage.clock.now() - 1]


def test_it_is_published_behind_its_row(stage: Stage) -> None:
    stage.delivery.order.clear()
    stage.take(ill(0, "A"))
    assert stage.delivery.order[:3] == [PUBLISHED, FLUSHED, CASE_QUARANTINE]


def test_time_goes_on_and_says_nothing_twice(stage: Stage) -> None:
    stage.take(ill(0, "A"))
    assert len(quarantines(stage)) == 1
    stage.at("2021-09-12T12:00")
    stage.tick()
    stage.tick()
    assert quarantines(stage) == {}
    assert stage.delivery.take(ALERT_CARDS) == []


def test_a_new_owner_of_the_same_code_says_it_again_and_one_that_can_judge_releases_it(
    stage: Stage, judge: Judge, tmp_path: Path
) -> None:
    stage.take(ill(0, "A"))
    stage.tick()
    quarantines(stage)
    same = Stage(poisoned(judge), tmp_path, stage.delivery)
    assert [each is not None for each in quarantines(same).values()] == [True]
    same.tick()
    assert quarantines(same) == {}
    mended = Stage(judge, tmp_path, stage.delivery)
    quarantines(mended)
    mended.at("2021-09-12T12:00")
    stage.delivery.order.clear()
    mended.tick()
    assert quarantines(mended) == {"A": None}
    order = stage.delivery.order
    assert order.index(PUBLISHED) < order.index(CASE_QUARANTINE) < order.index(KPI_TALLIES)
    cards = [orjson.loads(value)["level"] for _, value in mended.delivery.take(ALERT_CARDS) if value is not None]
    assert set(cards) == {"yellow", "red"}, "its cards are those that it would always have had"
    # word of it may have been lost
    assert quarantines(Stage(judge, tmp_path, stage.delivery)) == {"A": None}


def test_what_it_had_contributed_and_ruled_is_withdrawn(stage: Stage) -> None:
    stage.take(accepted(0, "A", "2021-09-06T09:00"), completed(1, "A", "2021-09-06T10:00"))
    stage.tick()
    assert stage.counted() == [1, 1, 0]
    stage.take(completed(2, "A", "2021-09-06T11:00", id=f"{POISON}-2"))
    stage.tick()
    assert stage.counted() == [0, 0, 0]


def test_a_damaged_row_stops_no_other(stage: Stage, judge: Judge, tmp_path: Path) -> None:
    stage.take(accepted(0, "B", "2021-09-06T09:00"), completed(1, "B", "2021-09-06T10:00"))
    stage.tick()
    stage.delivery.stores[0][KEY] = b"\xff\x00"
    renewed = Stage(judge, tmp_path, stage.delivery)
    renewed.take(accepted(2, "A", "2021-09-06T09:00"))
    renewed.tick()
    (reported,) = quarantines(renewed).values()
    assert reported is not None and "cannot be read" in reported.cause
    assert renewed.counted() == [1, 1, 0]


@pytest.mark.parametrize("value", [b"7", b"[]", b"{", b"null"])
def test_what_is_no_record_is_a_value_error(value: bytes) -> None:
    with pytest.raises(ValueError):
        decode(value)


@pytest.mark.parametrize("value", [b"{}", b'{"cause":null,"kpis":null,"units":[1,"a"],"more":1}'])
def test_a_record_of_another_version_is_read_as_far_as_it_goes(value: bytes) -> None:
    assert decode(value).cause == ""
