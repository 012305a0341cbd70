"""Units are told the newest checkpoint of the ledger with a notice, once a day, and can verify by it."""

import dataclasses
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.time.zone import DAY_US
from services.ledger.checkpoints import Checkpoint, Signer
from services.ledger.verify import Written, checkpoint_written, export_lines
from services.messaging.records.ledger import Kind, Request
from services.notifier import __main__ as process
from services.notifier.channels.file import NoticeFile
from services.notifier.channels.message import Message
from services.notifier.channels.short_text import bytes_of, fitted
from services.notifier.notice_text import message_of
from services.notifier.witnesses import Witnesses
from tests.unit.cases import ZONE, at
from tests.unit.ledger_world import LedgerWorld
from tests.unit.test_ledger_command import run
from tests.unit.test_notices_of_successors import FIRING, RESOLVED, Office, notifier, office, pass_time

__all__ = ["notifier", "office"]

NOW = at("2021-10-22T09:00")
SIGNER = Signer.of_hex("11" * 32)


def signed(world: LedgerWorld) -> Checkpoint:
    """The keeper signs the last record."""
    made = SIGNER.sign(world.known.number, world.known.hash, "2021-10-22T00:00:00.000000Z")
    id = f"keeper/checkpoint/{made.number}"
    world.record(Request(id, Kind.CHECKPOINT, "keeper-1", body=made.fields))
    return made


def notice(unit: str, id: str, told: dict[str, str]) -> Request:
    return Request(id, Kind.NOTICE, "notifier/1", unit=unit, body={"subjects": [], "recipients": [], **told})


def witnesses(world: LedgerWorld) -> Witnesses:
    found = Witnesses(ZONE)
    for record in world.records():
        found.take(record)
    return found


def test_a_unit_is_told_the_newest_checkpoint_once_a_day_also_by_a_notifier_that_starts_again() -> None:
    world = LedgerWorld(lambda: NOW)
    world.record(notice("north", "n1", {}))
    assert witnesses(world).due("north", NOW) == {}, "there is none"
    first = signed(world)
    found = witnesses(world)
    told = found.due("north", NOW)
    assert told == {"checkpoint": f"{first.number}:{first.hash}:{first.signature[:16]}"}
    assert (found.due("north", NOW), found.due("south", NOW), found.due("", NOW)) == ({}, told, {})
    world.record(notice("north", "n2", told))
    signed(world)
    for each in (found, witnesses(world)):
        each.take(world.records()[-1])
        assert each.due("north", at("2021-10-22T23:59")) == {}
        assert each.due("north", at("2021-10-23T00:00"))["checkpoint"].startswith("3:")


def test_a_unit_is_not_told_again_what_it_has_and_nothing_that_is_not_signed() -> None:
    world = LedgerWorld(lambda: NOW)
    world.record(notice("north", "n1", {}))
    first = signed(world)
    world.record(notice("north", "n2", {"checkpoint": first.written}))
    assert witnesses(world).due("north", NOW + 3 * DAY_US) == {}
    forged = dataclasses.replace(first, hash="ab" * 32)
    for id, body in (("f1", forged.fields), ("f2", {"number": "x"})):
        world.record(Request(f"keeper/{id}", Kind.CHECKPOINT, "x", body=body))
        assert witnesses(world).due("south", NOW) == {}


def test_a_notice_has_what_verify_takes_and_the_ledger_says_what_was_sent(
    office: Office, notifier: process.Notifier, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = office.ledger
    world.record(notice("works", "earlier", {}))
    first = signed(world)
    for alert in (FIRING, RESOLVED, FIRING):
        notifier.accepted.accept([alert])
        pass_time(office, notifier)
    sent = [one for one in world.records() if one.request.kind is Kind.NOTICE][1:]
    assert [one.request.body.get("checkpoint") for one in sent] == [first.written, None, None]
    rendered = [NoticeFile(tmp_path / "o").render(message_of(one, "")) for one in sent]
    assert [orjson.loads(one).get("checkpoint") for one in rendered] == [first.written, None, None]
    text = fitted(message_of(sent[0], ""), 2048)
    (received,) = (line for line in text.splitlines() if first.hash in line)
    export = tmp_path / "works.jsonl"
    export.write_text("\n".join(export_lines(world.records(), "works")) + "\n", encoding="utf-8")
    assert run("verify", str(export), "--checkpoint", received) == 0
    said = f"found up to record {first.number}; {len(world.log) - first.number} records came after it"
    assert said in capsys.readouterr().out


def test_what_a_unit_received_shows_what_is_missing_and_what_was_written_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world, other = LedgerWorld(lambda: NOW), LedgerWorld(lambda: NOW + 1)
    requests = [notice("north", f"n{number}", {}) for number in range(6)]
    world.record(*requests)
    other.record(*requests)
    held, forged = signed(world), dataclasses.replace(signed(other), hash=world.known.hash)
    ways = [
        (world.records()[:4], held.written, "2 records are missing"),
        (other.records(), held.written, "another hash than its checkpoint"),
        (world.records(), f"{held.number}:{held.hash}:{'A' * 16}", "another signature"),
        (world.records(), f"{held.number}:{forged.hash}", "another hash" if forged.hash != held.hash else ""),
    ]
    for records, received, said in ways:
        export = tmp_path / "export.jsonl"
        export.write_text("\n".join(export_lines(records, None)) + "\n", encoding="utf-8")
        assert run("verify", str(export), "--checkpoint", received) == 1
        printed = capsys.readouterr()
        assert said in printed.err
        assert "found up to record" in printed.out


@given(st.text(), st.text(), st.integers(0, 10**9), st.integers(0, 3_000))
def test_a_checkpoint_in_a_message_is_whole_or_not_there_and_leaves_room_for_the_notice(
    zh: str, en: str, number: int, most: int
) -> None:
    written = SIGNER.sign(number, "3f" * 32, "2021-10-22T00:00:00.000000Z").written
    given = Message(12, "供水接入逾期", zh, en, "https://desk.example/notices/12", "water", checkpoint=written)
    text = fitted(given, most)
    assert bytes_of(text) <= most
    if "台账快照，请留存" not in zh + en:
        assert (written in text) == ("台账快照，请留存" in text)
    if most >= 1_500:
        assert written in text
        assert checkpoint_written(text[text.rindex("台账快照") :])[:2] == (number, "3f" * 32)


@pytest.mark.parametrize(
    "form", ["{n}:{h}", "{n}：{h}", "  {n}: {g}\n", "keep it：{n}:{h}:{s}", "第{n}条 {n}:{h}:{s}", "{n}:{H}"]
)
def test_a_checkpoint_is_read_in_whatever_line_it_was_copied(form: str) -> None:
    made = SIGNER.sign(12_000, "3fa9c1d2" * 8, "2021-10-22T00:00:00.000000Z")
    groups = " ".join(made.hash[place : place + 8] for place in range(0, 64, 8))
    line = form.format(n=made.number, h=made.hash, H=made.hash.upper(), g=groups, s=made.signature[:16])
    signature = made.signature[:16] if "{s}" in form else ""
    assert checkpoint_written(line) == Written(made.number, made.hash, signature)
