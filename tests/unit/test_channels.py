"""A unit's contact chooses how its notices reach it; without one they are in the outbox only."""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from errno import ENOSPC
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan, Unit
from services.domain.results.published import Card
from services.notifier import journal
from services.notifier.channels.file import FileChannel, open_channel
from services.notifier.channels.port import Notice, channel_types, channels_of
from services.notifier.delivery import Clocks, Delivery
from services.notifier.journal import JournalInUse
from services.notifier.notice_subject import Numbering, of_card
from services.runtime.settings import Settings

T = "2021-10-12T09:00:00+08:00"
NUMBERING = Numbering(b"key")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Settings().plan)


def with_contact(plan: Plan, contact: str, unit: str = "liangjiang-water") -> Unit:
    return plan.units[unit].model_copy(update={"contact": contact})


def lines(path: Path) -> list[dict[str, Any]]:
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


class Outbox(FileChannel):
    """An outbox that fails a number of times."""

    left = 0

    def deliver(self, notices: Sequence[Notice]) -> None:
        if self.left:
            self.left -= 1
            raise OSError(ENOSPC, "no space left")
        super().deliver(notices)


class Desk:
    """A delivery of two units, of which one has a channel."""

    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox(folder / "outbox.jsonl")
        self.channel = Failing(0)
        self.seconds = 0.0
        self.silenced: set[str] = set()
        self.asked = 0
        clocks = Clocks(lambda: 0, lambda unit, now: True, lambda now: T, lambda: self.seconds)
        self.delivery = Delivery(self.outbox, {"liangjiang-water": self.channel}, self.suppressions, clocks)

    def suppressions(self, unit: str, ids: Collection[str]) -> dict[str, list[str]]:
        self.asked += 1
        return {id: ["silence"] for id in ids if id in self.silenced}

    def red(self, case: str, unit: str, cleared_at: str = "", kpi: str = "K06-1") -> str:
        """Report a red card; returns its id."""
        card = Card(kpi, f"/units/x {case}", 1, "-", "red", unit, T, T, cleared_at, "")
        subject = of_card(card, NUMBERING.of(card))
        self.delivery.report(subject)
        return subject.id

    def tick(self, seconds: float = 1) -> None:
        self.seconds += seconds
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


@pytest.mark.parametrize("spelling", ["a/../water.jsonl", "./water.jsonl", "%77ater.jsonl", "link.jsonl"])
def test_two_contacts_of_one_file_are_refused_with_unit_and_remedy(plan: Plan, tmp_path: Path, spelling: str) -> None:
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "water.jsonl")
    (tmp_path / "a").mkdir()
    contacts = [f"file://{tmp_path}/water.jsonl", f"file://{tmp_path}/{spelling}"]
    units = [with_contact(plan, contacts[0]), with_contact(plan, contacts[1], "sino-french-water")]
    with pytest.raises(ValueError, match="contact of unit sino-french-water: .* unit liangjiang-water.* write it as"):
        channels_of(units)


def test_a_contact_that_is_a_file_of_the_notifier_is_refused_with_unit_and_remedy(plan: Plan, tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.jsonl"
    with pytest.raises(ValueError, match="contact of unit liangjiang-water: .* name another file"):
        channels_of([with_contact(plan, f"file://{tmp_path}/x/../outbox.jsonl")], [outbox])


def test_a_unit_whose_channel_cannot_be_opened_has_its_notices_in_the_outbox_only(
    plan: Plan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    units = [
        with_contact(plan, f"file://{tmp_path}/file/water.jsonl"),
        with_contact(plan, f"file://{tmp_path}/good.jsonl", "sino-french-water"),
    ]
    (unit, channel), *others = channels_of(units).items()
    assert (unit, others) == ("sino-french-water", [])
    assert isinstance(channel, FileChannel)
    channel.close()
    (line,) = caplog.records
    assert line.levelname == "ERROR"
    assert f"contact of unit liangjiang-water: {tmp_path}/file" in line.getMessage()
    assert "its notices are in the outbox only" in line.getMessage()


def test_a_channel_of_another_notifier_is_named_with_its_unit(plan: Plan, tmp_path: Path) -> None:
    contact = f"file://{tmp_path}/notices.jsonl"
    with contextlib.closing(open_channel(contact)), pytest.raises(JournalInUse, match="unit liangjiang-water"):
        channels_of([with_contact(plan, contact)])


def test_a_full_disk_is_reported_with_the_file_that_is_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: object, content: bytes) -> None:
        raise OSError(ENOSPC, "no space left")

    monkeypatch.setattr(journal, "_write_all", full)
    with contextlib.closing(open_channel(f"file://{tmp_path}/notices.jsonl")) as channel:
        with pytest.raises(OSError, match="no space left") as failed:
            channel.deliver([{"unit": "liangjiang-water"}])
        assert failed.value.filename == str(tmp_path / "notices.jsonl")


def test_a_channel_keeps_no_old_notice_in_memory(tmp_path: Path) -> None:
    for _ in range(2):
        with contextlib.closing(open_channel(f"file://{tmp_path}/notices.jsonl")) as channel:
            channel.deliver([{"unit": "liangjiang-water"}])
            assert channel.read == ()
    assert len(lines(tmp_path / "notices.jsonl")) == 2
    with contextlib.closing(FileChannel(tmp_path / "notices.jsonl")) as outbox:
        assert len(outbox.read) == 2


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


def statuses(notices: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, list[str]]]:
    """Outcome, unit and statuses of each notice."""
    return [(one["outcome"], one["unit"], [each["status"] for each in one["subjects"]]) for one in notices]


def test_a_unit_gets_a_notice_once_in_its_channel_while_the_outbox_fails(desk: Desk, tmp_path: Path) -> None:
    desk.outbox.left = 1_000
    desk.red("W-1", "liangjiang-water")
    for _ in range(10):
        with pytest.raises(OSError, match="no space left"):
            desk.tick()
    raised = ("delivered", "liangjiang-water", ["raised"])
    assert statuses(desk.channel.delivered) == [raised]
    desk.red("W-1", "liangjiang-water", cleared_at=T)
    with pytest.raises(OSError, match="no space left"):
        desk.tick()
    ended = ("delivered", "liangjiang-water", ["ended"])
    assert statuses(desk.channel.delivered) == [raised, ended]
    desk.outbox.left = 0
    desk.tick()
    desk.tick()
    assert statuses(lines(tmp_path / "outbox.jsonl")) == [raised, ended]
    assert statuses(desk.channel.delivered) == [raised, ended]


def test_notices_reach_a_failing_outbox_in_the_order_in_which_they_were_delivered(desk: Desk, tmp_path: Path) -> None:
    """The outbox says who had a card last."""
    desk.outbox.left = 2  # the first try, and the one at the end of the tick
    desk.red("W-1", "liangjiang-water")
    with pytest.raises(OSError, match="no space left"):
        desk.tick()
    desk.red("W-1", "sino-french-water")
    desk.tick()
    desk.tick()
    assert [line["unit"] for line in lines(tmp_path / "outbox.jsonl")] == ["liangjiang-water", "sino-french-water"]


def test_what_is_held_back_is_noted_while_the_channel_fails_and_the_alertmanager_is_not_flooded(
    desk: Desk, tmp_path: Path
) -> None:
    desk.channel.left = 1_000
    desk.red("W-1", "liangjiang-water")
    desk.silenced.add(desk.red("W-1", "liangjiang-water", kpi="K06-2"))
    failed = 0
    for _ in range(50):
        try:
            desk.tick(0.2)
        except OSError:
            failed += 1
    assert 5 <= failed <= 11
    assert desk.asked == failed
    held = ("suppressed", "liangjiang-water", ["raised"])
    assert statuses(lines(tmp_path / "outbox.jsonl")) == [held]
    desk.channel.left = 0
    desk.tick()
    assert statuses(desk.channel.delivered) == [("delivered", "liangjiang-water", ["raised"])]
    assert statuses(lines(tmp_path / "outbox.jsonl"))[1:] == statuses(desk.channel.delivered)
