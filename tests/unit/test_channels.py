"""A unit's contact chooses how its notices reach it; without one they are in the outbox only."""

from collections.abc import Iterator, Sequence
from errno import ENOSPC
from pathlib import Path

import orjson
import pytest

from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan, Unit
from services.domain.results.published import Card
from services.notifier.channels.file import FileChannel, open_channel
from services.notifier.channels.port import Notice, channel_types, channels_of
from services.notifier.delivery import Clocks, Delivery
from services.notifier.journal import JournalInUse
from services.notifier.notice_subject import Numbering, of_card
from services.process.settings import Settings

T = "2021-10-12T09:00:00+08:00"
NUMBERING = Numbering(b"key")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Settings().plan)


def with_contact(plan: Plan, contact: str, unit: str = "liangjiang-water") -> Unit:
    return plan.units[unit].model_copy(update={"contact": contact})


def lines(path: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


class Failing:
    """A channel that fails a number of times."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.delivered: list[Notice] = []

    def deliver(self, notices: Sequence[Notice]) -> None:
        if self.left:
            self.left -= 1
            raise OSError(ENOSPC, "no space left")
        self.delivered += notices


class Desk:
    """A delivery of two units, of which one has a channel."""

    def __init__(self, folder: Path) -> None:
        self.outbox = FileChannel(folder / "outbox.jsonl")
        self.channel = Failing(0)
        self.seconds = 0.0
        clocks = Clocks(lambda: 0, lambda unit, now: True, lambda now: T, lambda: self.seconds)
        self.delivery = Delivery(self.outbox, {"liangjiang-water": self.channel}, lambda unit, ids: {}, clocks)

    def red(self, case: str, unit: str) -> None:
        card = Card("K06-1", f"/units/x {case}", 1, "-", "red", unit, T, T, "", "")
        self.delivery.report(of_card(card, NUMBERING.of(card)))

    def tick(self) -> None:
        self.seconds += 1
        self.delivery.tick()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.outbox.close()


def test_no_contact_of_the_shipped_plan_chooses_a_channel(plan: Plan) -> None:
    assert any(unit.contact for unit in plan.units.values())
    assert channels_of(plan.units.values()) == {}


def test_the_scheme_of_a_contact_chooses_the_channel_and_equal_contacts_share_one(plan: Plan, tmp_path: Path) -> None:
    contact = f"file://{tmp_path}/water.jsonl"
    units = [with_contact(plan, contact), with_contact(plan, contact, "sino-french-water")]
    others = [with_contact(plan, "x@y.example", "kaiyuan-gas"), with_contact(plan, "sms:1", "district-finance")]
    found = channels_of([*units, *others])
    assert set(found) == {"liangjiang-water", "sino-french-water"}
    assert found["liangjiang-water"] is found["sino-french-water"]
    water = found["liangjiang-water"]
    assert isinstance(water, FileChannel)
    water.deliver([{"unit": "liangjiang-water"}])
    water.close()
    assert lines(tmp_path / "water.jsonl") == [{"unit": "liangjiang-water"}]


def test_the_file_is_a_channel_and_the_port_is_none() -> None:
    assert channel_types() == {"file": open_channel}


@pytest.mark.parametrize("contact", ["file:", "file:///", "file:relative.jsonl", "file://host/notices.jsonl"])
def test_a_contact_that_names_no_file_is_said_with_its_unit_and_the_remedy(plan: Plan, contact: str) -> None:
    with pytest.raises(ValueError, match="contact of unit liangjiang-water: .* write file:///FOLDER/NAME.jsonl"):
        channels_of([with_contact(plan, contact)])


def test_two_notifiers_never_write_one_file(tmp_path: Path) -> None:
    first = open_channel(f"file://{tmp_path}/notices.jsonl")
    with pytest.raises(JournalInUse):
        open_channel(f"file://{tmp_path}/notices.jsonl")
    first.close()


def test_a_notice_goes_through_the_channel_of_its_unit_and_is_in_the_outbox(desk: Desk, tmp_path: Path) -> None:
    desk.red("W-1", "liangjiang-water")
    desk.red("W-2", "sino-french-water")
    desk.tick()
    assert [notice["unit"] for notice in desk.channel.delivered] == ["liangjiang-water"]
    assert {line["unit"] for line in lines(tmp_path / "outbox.jsonl")} == {"liangjiang-water", "sino-french-water"}


def test_a_channel_that_fails_delays_its_own_units_only_and_loses_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.channel.left = 1
    desk.red("W-1", "liangjiang-water")
    desk.red("W-2", "sino-french-water")
    with pytest.raises(OSError, match="no space left"):
        desk.tick()
    assert [line["unit"] for line in lines(tmp_path / "outbox.jsonl")] == ["sino-french-water"]
    desk.tick()
    assert [notice["unit"] for notice in desk.channel.delivered] == ["liangjiang-water"]
    assert len(lines(tmp_path / "outbox.jsonl")) == 2
