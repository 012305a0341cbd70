"""What shows that a ledger was changed: the chain, the checkpoints that others hold, the index."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.checkpoints import Checkpoint, Signer, line_of, read_checkpoints
from services.ledger.recording import Known, Times, record_requests
from services.ledger.verify import Verified, checkpoint_written, export_lines, verify_export, verify_topic
from services.messaging.reader import Record
from services.messaging.records.ledger import KEEPERS_ID, Kind, LedgerRecord, Request
from services.messaging.topics import LEDGER
from tests.unit.ledger_world import LedgerWorld

RECORDS = 12
UNITS = ("north", "south", "")


def signer() -> Signer:
    return Signer.of_hex("11" * 32)


def ledger() -> tuple[LedgerWorld, Checkpoint]:
    """A ledger of three units with a checkpoint in its middle, and a checkpoint of its end."""
    world = LedgerWorld()
    for number in range(RECORDS):
        if number == 6:
            made = signer().sign(world.known.number, world.known.hash, "2021-10-22T00:00:00Z")
            world.record(Request(f"{KEEPERS_ID}checkpoint/6", Kind.CHECKPOINT, "keeper-1", body=made.fields))
        unit = UNITS[number % 3]
        world.record(Request(f"r{number}", Kind.NOTICE, "notifier-1", unit=unit, body={"text": f"第{number}号"}))
    return world, signer().sign(world.known.number, world.known.hash, "2021-10-23T00:00:00Z")


WORLD, END = ledger()


def as_topic(values: list[bytes]) -> list[Record]:
    found = []
    for offset, value in enumerate(values):
        try:
            key = json.loads(value)["id"].encode()
        except (ValueError, KeyError, TypeError, AttributeError):
            key = b"?"
        found.append(Record(LEDGER, 0, offset, key, value))
    return found


def verified(values: list[bytes], *held: Checkpoint) -> Verified:
    found = verify_topic(as_topic(values))
    found.compare(held)
    return found


def exported(folder: Path, unit: str | None) -> list[str]:
    return list(export_lines(WORLD.records(), unit))


def of_export(folder: Path, lines: list[str], *held: Checkpoint) -> Verified:
    file = folder / "export.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = verify_export(file)
    found.compare(held)
    return found


def test_a_whole_ledger_has_no_fault() -> None:
    found = verified(WORLD.log, END)
    assert found.faults == []
    assert (found.number, found.hash, len(found.checkpoints)) == (RECORDS + 1, END.hash, 1)


@given(st.data())
def test_any_byte_that_is_changed_is_found(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, RECORDS))
    value = bytearray(WORLD.log[at])
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
    values = [*WORLD.log[:at], bytes(value), *WORLD.log[at + 1 :]]
    assert verified(values, END).faults
    if at < RECORDS:  # of the last record only a checkpoint shows it
        assert verified(values).faults


@pytest.mark.parametrize("at", range(RECORDS + 1))
def test_a_record_that_is_removed_is_found(at: int) -> None:
    values = [*WORLD.log[:at], *WORLD.log[at + 1 :]]
    assert verified(values, END).faults
    if at < RECORDS:
        assert verified(values).faults


@given(st.integers(0, RECORDS), st.integers(0, RECORDS))
def test_two_records_that_are_swapped_are_found(one: int, two: int) -> None:
    values = list(WORLD.log)
    values[one], values[two] = values[two], values[one]
    assert bool(verified(values).faults) == (one != two)


@pytest.mark.parametrize("left", range(RECORDS + 1))
def test_an_end_that_is_cut_off_is_found_up_to_the_last_checkpoint_that_somebody_holds(left: int) -> None:
    held = signer().sign(6, Checkpoint.of_record(WORLD.records()[6]).hash, "2021-10-22T00:00:00Z")
    values = WORLD.log[:left]
    assert verified(values).faults == []
    assert bool(verified(values, held).faults) == (left < 6)
    assert verified(values, END).faults


def test_records_of_a_second_keeper_are_no_fault_and_are_counted() -> None:
    at = 5
    world = LedgerWorld()
    world.record(*(one.request for one in WORLD.records()[:at]))
    requests = [Request("x", Kind.NOTICE, "w"), Request("y", Kind.NOTICE, "w")]
    rival = list(record_requests(Known(at, world.known.hash), requests, Times.of(1, 1), "k2"))
    world.record(Request("z", Kind.NOTICE, "w"))
    after = len(world.log)
    world.log += [one.value() for one in rival]
    world.record(Request("zz", Kind.NOTICE, "w"), *requests)  # the second keeper has dropped its own, and asked again
    found = verified(world.log)
    assert found.faults == []
    assert (found.rivals, found.number) == (2, after + 3)


@pytest.mark.parametrize("at", range(RECORDS + 1))
@pytest.mark.parametrize("count", [1, 3])
def test_a_record_that_is_put_in_before_others_is_found(at: int, count: int) -> None:
    """The chain goes on with it, and all that was there from then on looks like a second keeper's."""
    known = Known(at, verified(WORLD.log[:at]).hash)
    forged = [Request(f"forged{number}", Kind.NOTICE, "w") for number in range(count)]
    put_in = [one.value() for one in record_requests(known, forged, Times.of(1, 1), "k")]
    found = verified([*WORLD.log[:at], *put_in, *WORLD.log[at:]])
    assert found.number == at + count
    assert "is void, and the ledger has no other answer" in " ".join(found.faults)


def test_a_checkpoint_among_void_records_is_compared(tmp_path: Path) -> None:
    """Whoever puts a record in may answer all requests again behind it: the signed checkpoint does not fit."""
    at = 3
    world = LedgerWorld()
    world.log, world.known = WORLD.log[:at], Known(at, verified(WORLD.log[:at]).hash)
    world.record(Request("forged", Kind.NOTICE, "w"))
    put_in = world.log[at:]
    world.record(*(one.request for one in WORLD.records()[at:] if one.request.kind is not Kind.CHECKPOINT))
    faults = verified([*WORLD.log[:at], *put_in, *WORLD.log[at:], *world.log[at + 1 :]]).faults
    assert faults == [
        "record 6 has another hash than its checkpoint: it, or a record before it, is not the one that was there"
    ]


def test_records_of_a_stretch_that_is_repeated_are_no_fault() -> None:
    assert verified([*WORLD.log[:9], *WORLD.log[4:]]).faults == []


def test_the_index_shows_that_the_last_record_is_another_one() -> None:
    indexed = [(number, hash.hex()) for number, hash in enumerate(verified(WORLD.log).hashes, 1)]
    world = LedgerWorld()
    world.record(*(one.request for one in WORLD.records()))
    found = verified(WORLD.log)
    found.compare_index(indexed)
    assert found.faults == []
    shorter = verified(WORLD.log[:-1])
    shorter.compare_index(indexed)
    assert shorter.faults == [f"the index has record {RECORDS + 1}, and the ledger ends with record {RECORDS}"]
    other = verified(WORLD.log)
    other.compare_index([*indexed[:-1], (RECORDS + 1, "0" * 64)])
    assert other.faults == [f"record {RECORDS + 1} is not the one that the index has"]


def test_a_record_that_is_earlier_than_the_one_before_it_is_a_fault() -> None:
    times = iter([2, 1])
    world = LedgerWorld(lambda: 0)
    for number in range(2):
        world.known.time = ""
        now = Times.of(next(times), 0)
        made = list(record_requests(world.known, [Request(f"r{number}", Kind.NOTICE, "w")], now, "k"))
        world.log += [one.value() for one in made]
    assert verified(world.log).faults == ["record 2 is earlier than one before it: a clock was set back"]


# ---- exports -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("unit", [None, *UNITS[:2]])
def test_an_export_verifies_by_itself_and_shows_a_unit_nothing_of_others(tmp_path: Path, unit: str | None) -> None:
    lines = exported(tmp_path, unit)
    found = of_export(tmp_path, lines, END)
    assert found.faults == []
    assert (found.number, found.hash) == (RECORDS + 1, END.hash)
    shown = [LedgerRecord.decode(json.loads(line)["record"].encode()) for line in lines[1:] if "record" in line[:12]]
    if unit is not None:
        assert {one.request.unit for one in shown if one.request.kind is not Kind.CHECKPOINT} == {unit}
        assert found.hidden == RECORDS - RECORDS // 3


@pytest.mark.parametrize("unit", [None, "north"])
@pytest.mark.parametrize("seed", range(30))
def test_what_is_changed_in_an_export_is_found_by_a_checkpoint(tmp_path: Path, unit: str | None, seed: int) -> None:
    chance, lines = random.Random(seed), exported(tmp_path, unit)
    at = chance.randrange(1, len(lines))
    match chance.choice(["byte", "removed", "swapped", "repeated"]):
        case "byte":
            place = chance.randrange(len('{"hash": "'), len(lines[at]) - 2)
            new = chance.choice([digit for digit in "0123456789abcdef" if digit != lines[at][place]])
            lines[at] = lines[at][:place] + new + lines[at][place + 1 :]
        case "removed":
            del lines[at]
        case "repeated":
            lines.insert(at, lines[at])
        case _:
            other = chance.choice([number for number in range(1, len(lines)) if number != at])
            lines[at], lines[other] = lines[other], lines[at]
    assert of_export(tmp_path, lines, END).faults


def test_a_hidden_record_says_nothing_of_what_somebody_guesses(tmp_path: Path) -> None:
    """Two records with the same content have different hashes: the salt."""
    one, two = LedgerWorld(), LedgerWorld()
    requests = [Request("r", Kind.MISSED, "k", unit="north")]
    values = [next(record_requests(Known(), requests, Times.of(1, 1), "k")).value() for _ in range(2)]
    assert values[0] != values[1]
    assert one.known.hash == two.known.hash


# ---- checkpoints ---------------------------------------------------------------------------------------
def test_a_checkpoint_with_another_signature_or_key_is_a_fault() -> None:
    changed = Checkpoint(END.number, END.hash, "2021-10-24T00:00:00Z", END.key, END.signature)
    assert verified(WORLD.log, changed).faults
    found = verified(WORLD.log)
    found.compare([END], ["00" * 32])
    assert found.faults == [f"the checkpoint of record {END.number} is signed by another key, {END.key}"]


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "c").write_text(f"{line_of(END)}\n\n")
    assert read_checkpoints(tmp_path / "c") == [END]
    assert END.is_signed
    (tmp_path / "c").write_text("{}\n")
    with pytest.raises(ValueError, match="line 1"):
        read_checkpoints(tmp_path / "c")
    in_groups = " ".join(END.hash[at : at + 8] for at in range(0, 64, 8))
    assert checkpoint_written(f"{END.number}:{in_groups}")[:2] == (END.number, END.hash)
    for wrong in ("", "7", "7:ab", f"x:{END.hash}", f"-1:{END.hash}", f"1:{END.hash}0", f"{9**30}:{END.hash}"):
        with pytest.raises(ValueError, match="NUMBER:HASH"):
            checkpoint_written(wrong)
