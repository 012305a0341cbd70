"""`kpiwatch tail` on a folder: every line once, whatever is appended, rotated, cut off or interrupted."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.tail import _follow, _Followed
from services.client.client import Client
from services.client.spool import BeingSent, Refusal, Spool
from services.mapping.growing import check_growing
from services.mapping.mapping_file import ExportMapping, MappingError, mapping_of
from services.runtime.text_file import parsed_toml
from services.tail.folder import HOLD_SECONDS, FolderTail
from services.tail.lines import EventLines, MappedLines
from services.tail.taking import RowTaker
from services.tail.unread_rows import UNREADABLE
from tests.served import served
from tests.unit.accepted_events import read_all
from tests.unit.commands import run
from tests.unit.gateway import GOOD, WATER, Gateway
from tests.unit.test_client_spool import MEMORY

MAPPING = f"""
timezone = "Asia/Shanghai"
identity = ["case"]

[[event]]
type = "case.accepted"
source = "{WATER}"
subject = {{ column = "case" }}
time = {{ column = "at" }}
recordedat = {{ column = "at" }}
data = {{ service_item = "water.connection", unit = {{ column = "unit" }} }}
"""
HEADER = "case,at,unit\n"
NOW = datetime(2026, 11, 30, tzinfo=UTC)
UNIT = "liangjiang-water"


def rules(text: str = MAPPING) -> ExportMapping:
    return mapping_of(parsed_toml(text), "map.toml")


def row(number: int, unit: str = UNIT) -> str:
    return f"W-{number},2021-09-16 09:12,{unit}\n"


class Tail:
    """A folder, a spool, and a tail that is started again at will."""

    def __init__(self, folder: Path, mapping: str | None = MAPPING) -> None:
        self.folder = folder / "exports"
        self.folder.mkdir()
        self.file = folder / "spool.sqlite"
        self.mapping = mapping
        self.seconds = 0.0
        self.start()

    def start(self) -> None:
        self.spool = Spool(self.file)
        taker = RowTaker(self.spool, "tail", lambda: NOW)
        lines = EventLines(self.spool) if self.mapping is None else MappedLines(rules(self.mapping), taker)
        self.tail = FolderTail(self.folder, "*.csv", self.spool, "tail", lines)

    def restart(self) -> None:
        self.spool.close()
        self.start()

    def append(self, name: str, text: str) -> None:
        with (self.folder / name).open("a", encoding="utf-8", newline="") as file:
            file.write(text)

    def read(self) -> list[Any]:
        """What is there to read, as good as accepted."""
        return read_all(lambda: self.tail.step(lambda: self.seconds), self.spool)

    def cases(self) -> list[str]:
        return [event["subject"] for event in self.read()]

    def notes(self) -> str:
        said = "\n".join(self.tail.notes)
        self.tail.notes.clear()
        return said


@pytest.fixture
def tail(tmp_path: Path) -> Iterator[Tail]:
    made = Tail(tmp_path)
    yield made
    made.spool.close()


def test_rows_are_taken_as_they_come_and_a_line_without_an_end_waits(tail: Tail) -> None:
    tail.append("a.csv", "Cases of the week\n\ncase,a")
    assert tail.cases() == []
    tail.append("a.csv", "t,unit\n" + row(1) + "W-2,2021-09-16 09:")
    assert tail.cases() == ["W-1"]
    tail.append("a.csv", f"12,{UNIT}")
    assert tail.cases() == [] and tail.notes() == "" and len(tail.tail.held) == 1
    tail.seconds += HOLD_SECONDS
    assert tail.cases() == [] and "a.csv: its last line has no end yet, and waits" in tail.notes()
    tail.restart()
    tail.append("a.csv", "\n" + row(3))
    assert tail.cases() == ["W-2", "W-3"]
    assert tail.cases() == []


def test_files_that_are_put_there_whole_need_no_last_line_end(tail: Tail) -> None:
    tail.tail.put_whole()
    tail.append("b.csv", HEADER + row(2).rstrip("\n"))
    tail.append("a.csv", HEADER + row(1))
    tail.append("c.txt", HEADER + row(3))
    tail.append(".d.csv", HEADER + row(4))
    assert tail.cases() == ["W-1", "W-2"], "in the order of their names, those of the pattern"
    tail.append("a0.csv", HEADER + row(5))
    assert tail.cases() == ["W-5"]


def test_a_file_that_was_renamed_is_read_to_its_end_before_the_new_one(tail: Tail) -> None:
    tail.append("log.csv", HEADER + row(1))
    assert tail.cases() == ["W-1"]
    tail.append("log.csv", row(2))
    (tail.folder / "log.csv").rename(tail.folder / "log.csv.1")
    tail.append("log.csv", HEADER + row(3))
    tail.restart()
    assert tail.cases() == ["W-2", "W-3"]
    (tail.folder / "log.csv.1").unlink()
    tail.append("log.csv", row(4))
    assert tail.cases() == ["W-4"]


@pytest.mark.parametrize(
    "names", [("log.csv.2", "log.csv.1"), ("log.csv-20261129", "log.csv-20261130"), ("log.csv.2026-11-29", "log.csv.9")]
)
def test_files_that_were_rotated_before_they_were_read_are_read_the_oldest_first(
    tail: Tail, names: tuple[str, str]
) -> None:
    tail.append("log.csv", HEADER + row(1))
    assert tail.cases() == ["W-1"]
    tail.append("log.csv", row(2))
    for number, name in enumerate(names, 3):
        (tail.folder / "log.csv").rename(tail.folder / name)
        tail.append("log.csv", HEADER + row(number) + row(1, f"u-{number}"))
    for other in ("log.csv.3.gz", "log.csv.old", ".log.csv.4"):
        tail.append(other, HEADER + row(9))
    tail.restart()
    found = tail.read()
    assert [each["subject"] for each in found] == ["W-2", "W-3", "W-1", "W-4", "W-1"]
    assert found[-1]["data"]["event"]["data"]["unit"] == "u-4", "what holds is what was written last"
    notes = tail.notes()
    assert notes.count("is passed over") == 2 and "log.csv.3.gz: it is" in notes and "log.csv.old: it is" in notes
    tail.append("log.csv", row(5))
    assert tail.cases() == ["W-5"] and tail.notes() == "", "said once"


def test_a_file_that_rotation_has_copied_and_cut_off_is_read_on_in_its_copy(tail: Tail) -> None:
    tail.append("log.csv", HEADER + row(1) + row(1, "x"))
    assert tail.cases() == ["W-1", "W-1"]
    tail.append("log.csv", row(2))
    (tail.folder / "log.csv.1").write_bytes((tail.folder / "log.csv").read_bytes())
    (tail.folder / "log.csv").write_text("")
    tail.append("log.csv", HEADER + row(3))
    tail.restart()
    assert tail.cases() == ["W-2", "W-3"]
    tail.restart()
    assert tail.cases() == []


def test_a_file_that_was_cut_off_is_read_anew_and_known_rows_say_nothing_again(tail: Tail) -> None:
    tail.append("log.csv", HEADER + row(1) + row(2))
    assert tail.cases() == ["W-1", "W-2"]
    (tail.folder / "log.csv").write_text(HEADER + row(2) + row(3) + row(4) + row(5))
    assert tail.cases() == ["W-3", "W-4", "W-5"]
    assert "log.csv: it was cut off, or is another file: it is read from its beginning" in tail.notes()
    (tail.folder / "log.csv").write_text(HEADER)
    assert tail.cases() == []


def test_another_file_with_the_number_of_one_that_was_followed_is_not_followed(tail: Tail) -> None:
    tail.append("log.csv", HEADER + row(1))
    assert tail.cases() == ["W-1"]
    (tail.folder / "log.csv").rename(tail.folder / "notes.txt")
    (tail.folder / "notes.txt").write_text(HEADER + row(7) + row(8))
    assert tail.cases() == [] and tail.notes() == ""


def test_a_changed_row_is_a_correction_of_its_first_id_once_that_was_answered(tail: Tail) -> None:
    tail.append("log.csv", HEADER + row(1) + row(2) + row(1, "dongjiang-water") + row(1))
    assert tail.tail.step() and tail.spool.waiting == 2, "the change of a row that is not answered waits"
    first, *_ = waiting = tail.spool.first(10, 10_000)
    tail.spool.settle(waiting, {})
    changed, back = tail.read()
    said = orjson.loads(first.event)
    assert changed["type"] == back["type"] == "correction"
    assert changed["data"]["of"] == back["data"]["of"] == said["id"]
    assert changed["data"]["event"]["data"]["unit"] == "dongjiang-water"
    assert changed["time"] < back["time"], "each is later than the one before, though the clock stands"
    tail.restart()
    tail.append("log.csv", row(1, "x"))
    (again,) = tail.read()
    assert again["time"] > back["time"]


def test_a_row_whose_event_was_refused_is_reported_anew_and_not_corrected(tail: Tail) -> None:
    """A correction of what nobody has stored would change nothing."""
    tail.append("log.csv", HEADER + row(1, "moon"))
    assert tail.tail.step()
    waiting = tail.spool.first(10, 10_000)
    tail.spool.settle(waiting, {0: Refusal("unknown_unit", "data.unit", "", "")})
    tail.append("log.csv", row(1))
    (event,) = tail.read()
    assert (event["type"], event["id"]) == ("case.accepted", orjson.loads(waiting[0].event)["id"])
    assert event["data"]["unit"] == UNIT and tail.spool.parked() == []


@pytest.mark.parametrize("refused_again", [False, True])
def test_a_row_whose_event_was_forgotten_is_reported_anew_when_it_changes(tail: Tail, refused_again: bool) -> None:
    bad = Refusal("unknown_unit", "data.unit", "", "")
    tail.append("log.csv", HEADER + row(1, "moon"))
    for unit in ("mars", "venus")[: 1 + refused_again]:
        assert tail.tail.step()
        tail.spool.settle(waiting := tail.spool.first(10, 10_000), {0: bad})
        (parked,) = tail.spool.parked()
        tail.spool.forget(parked.number)
        tail.append("log.csv", row(1, unit))
    tail.restart()
    (event,) = tail.read()
    assert (event["type"], event["id"]) == ("case.accepted", orjson.loads(waiting[0].event)["id"])
    tail.append("log.csv", row(1))
    (event,) = tail.read()
    assert event["type"] == "correction", "the one before was accepted"


def test_a_row_whose_refused_event_was_withdrawn_is_reported_anew(tmp_path: Path) -> None:
    tail = Tail(tmp_path, MAPPING.replace("[[event]]", '[[event]]\nskip_if_empty = ["unit"]'))
    tail.append("log.csv", HEADER + row(1, "moon"))
    assert tail.tail.step()
    tail.spool.settle(tail.spool.first(10, 10_000), {0: Refusal("unknown_unit", "data.unit", "", "")})
    tail.append("log.csv", row(1, ""))
    assert tail.read() == [] and tail.spool.parked() == []
    tail.append("log.csv", row(1))
    (event,) = tail.read()
    assert (event["type"], event["data"]["unit"]) == ("case.accepted", UNIT)
    tail.append("log.csv", row(1, ""))
    (event,) = tail.read()
    assert (event["type"], event["data"]["event"]) == ("correction", None)
    tail.spool.close()


def test_a_row_that_cannot_be_read_is_parked_with_its_place_and_without_its_content(tail: Tail) -> None:
    tail.append("log.csv", HEADER + row(1) + "W-2,yesterday,x\nW-3\n" + row(4))
    assert tail.cases() == ["W-1", "W-4"]
    one, two = tail.spool.parked()
    assert (one.origin, one.place, one.refusal.reason, one.refusal.path) == (
        str(tail.folder / "log.csv"), 3, UNREADABLE, "at",
    )  # fmt: skip
    assert (two.place, one.event, two.event) == (4, b"", b"")
    with pytest.raises(KeyError):
        tail.spool.parked_event(one.number)


def test_a_row_that_is_appended_corrected_is_parked_no_longer(tail: Tail) -> None:
    tail.append("log.csv", HEADER + "W-2,yesterday,x\n" + "W-2,today,x\n" + "W-3,today,x\n")
    assert tail.cases() == []
    assert [each.place for each in tail.spool.parked()] == [3, 4], "what is wrong with a row now"
    tail.restart()
    tail.append("log.csv", row(2))
    assert tail.cases() == ["W-2"]
    assert [each.place for each in tail.spool.parked()] == [4]


@pytest.mark.parametrize("by", ['identity = ["case"]', ""])
def test_rows_that_a_wrong_mapping_could_not_read_are_read_again_with_another(tmp_path: Path, by: str) -> None:
    right = MAPPING.replace('identity = ["case"]', by).replace(
        "\nsubject", '\nid = { template = "{case}-{at}" }\nsubject'
    )
    tail = Tail(tmp_path, right)
    rows = [f"W-{n},2021-09-16 09:{n % 60:02},{UNIT}\n" for n in range(700)]
    tail.append("log.csv", HEADER + "".join(rows[:5]) + "W-5,?,x\nW-6,?,x\nW-1,2021-09-17 09:12,x\n")
    assert len(tail.cases()) == 6
    tail.mapping = right.replace("Shanghai", "Chongqing").replace(
        'time = { column = "at" }', 'time = { column = "unit" }'
    )
    tail.restart()
    tail.append("log.csv", "".join(rows[7:]))
    assert tail.cases() == [] and len(tail.spool.parked()) == 695
    (one, *_) = tail.spool.parked()
    tail.spool.forget(one.number)
    (tail.folder / "log.csv").rename(tail.folder / "log.csv.1")
    tail.mapping = right.replace("Shanghai", "Urumqi")
    tail.restart()
    tail.append("log.csv.1", row(701))
    assert tail.tail.step() and "log.csv.1: the mapping has changed: rows that could not be read" in tail.notes()
    tail.restart()
    tail.spool.settle(waiting := tail.spool.first(1_000, 10**9), {})
    found = [orjson.loads(each.event)["subject"] for each in waiting] + tail.cases()
    assert found == [f"W-{n}" for n in (*range(7, 700), 701)], "each once, and no row that was read before"
    assert tail.notes() == ""
    assert [each.place for each in tail.spool.parked()] == [8]
    tail.spool.close()


def test_what_is_parked_of_a_file_that_was_cut_off_stays(tmp_path: Path) -> None:
    tail = Tail(
        tmp_path,
        MAPPING.replace('identity = ["case"]', "").replace("\nsubject", '\nid = {template = "{case}"}\nsubject'),
    )
    tail.append("log.csv", HEADER + "W-2,yesterday,x\n" + row(1))
    assert tail.cases() == ["W-1"]
    (tail.folder / "log.csv").write_text(HEADER + row(3))
    assert tail.cases() == ["W-3"]
    assert [each.place for each in tail.spool.parked()] == [2]
    tail.spool.close()


def test_a_cell_over_several_lines_waits_for_its_end_but_not_for_ever(tail: Tail) -> None:
    tail.append("log.csv", "case,at,unit,note\n" + f'W-1,2021-09-16 09:12,{UNIT},"first\n')
    assert tail.cases() == []
    tail.append("log.csv", 'second"\n' + f'W-2,2021-09-16 09:12,{UNIT},"open\nW-3,2021-09-16 09:12,{UNIT},x\n')
    assert tail.cases() == ["W-1"]
    assert tail.cases() == []
    tail.seconds += HOLD_SECONDS
    assert tail.cases() == ["W-3"]
    assert [(each.place, each.refusal.path) for each in tail.spool.parked()] == [(4, "-")]
    tail.append("log.csv", f"W-4,2021-09-16 09:12,{UNIT},\n")
    assert tail.cases() == ["W-4"]


def test_a_file_that_does_not_fit_the_mapping_is_named_once_and_the_others_go_on(tail: Tail) -> None:
    tail.append("a.csv", "case,when\nW-1,2021-09-16\n")
    tail.append("b.csv", HEADER + row(2))
    (tail.folder / "c.csv").write_bytes(b"\x1f\x8b" + b"packed\n" * 9)
    (tail.folder / "d.csv").write_text(HEADER + row(1), encoding="utf-16")
    assert tail.cases() == ["W-2"]
    tail.seconds += HOLD_SECONDS
    assert tail.cases() == []
    notes = tail.notes()
    assert "a.csv: the file has no column" in notes and "c.csv: it is packed" in notes and "d.csv" in notes
    tail.append("b.csv", row(3))
    assert tail.cases() == ["W-3"] and tail.notes() == ""


def test_gb18030_is_cut_at_its_lines(tmp_path: Path) -> None:
    tail = Tail(tmp_path, MAPPING.replace('"case"', '"案号"').replace("identity", 'encoding = "gb18030"\nidentity'))
    text = "案号,at,unit\n" + "".join(f"万州-{n},2021-09-16 09:12,{UNIT}\n" for n in range(3))
    content = text.encode("gb18030")
    found = []
    with (tail.folder / "a.csv").open("ab", buffering=0) as file:
        for begin in range(0, len(content), 7):
            file.write(content[begin : begin + 7])
            found += tail.cases()
    assert found == ["万州-0", "万州-1", "万州-2"]
    assert tail.spool.parked() == []
    tail.spool.close()


def test_lines_may_be_events(tmp_path: Path) -> None:
    tail = Tail(tmp_path, mapping=None)
    tail.append("a.csv", orjson.dumps(GOOD).decode() + "\n\n{\n" + orjson.dumps({**GOOD, "subject": "W-9"}).decode())
    assert tail.cases() == ["W-1"]
    tail.append("a.csv", "\n")
    assert tail.cases() == ["W-9"]
    assert [(each.place, each.refusal.reason) for each in tail.spool.parked()] == [(3, "malformed")]
    tail.spool.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("identity = ", "empty = "), "declare `identity`"),
        (("[[event]]", 'case = { column = "case" }\n[[event]]\nrow = "last"'), "need all rows of a case"),
    ],
)
def test_a_mapping_that_needs_the_whole_export_is_refused(change: tuple[str, str], said: str) -> None:
    with pytest.raises(MappingError, match=said):
        check_growing(rules(MAPPING.replace(*change)))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 40)),
        st.tuples(st.just("finish"), st.just(0)),
        st.sampled_from([("rotate", 0), ("read", 0), ("restart", 0), ("crash", 0)]),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_every_line_is_taken_once_in_its_order(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory(dir=MEMORY) as folder:
        tail = Tail(Path(folder), mapping=None)
        spools: list[Spool] = []
        lines = (orjson.dumps({"n": number}).decode() + "\n" for number in range(10_000))
        left, written, rotated, found = "", 0, 0, []
        for what, size in steps:
            match what:
                case "append":
                    left = left or next(lines)
                    tail.append("log.csv", left[:size])
                    written += left[:size].endswith("\n")
                    left = left[size:]
                case "finish":
                    tail.append("log.csv", left)
                    written += bool(left)
                    left = ""
                case "rotate" if not left and (tail.folder / "log.csv").exists():
                    rotated += 1
                    (tail.folder / "log.csv").rename(tail.folder / f"log.{rotated:03}.csv")
                case "restart":
                    tail.restart()
                case "crash":
                    spools.append(tail.spool)
                    tail.start()
                case _:
                    found += tail.read()
        found += tail.read()
        assert [each["n"] for each in found] == list(range(written))
        for each in (tail.spool, *spools):
            each.close()


# ---- the command -----------------------------------------------------------------------------------------------
def test_the_command_sends_what_is_new_and_says_what_was_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gateway = Gateway()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KPIWATCH_KEY", gateway.key)
    (tmp_path / "map.toml").write_text(MAPPING)
    (tmp_path / "exports").mkdir()
    file = tmp_path / "exports" / "a.csv"
    file.write_text(HEADER + row(1) + row(2, "moon") + "W-3,soon,x\n")
    with served(gateway.app) as url:
        follow = ("tail", "exports", "--mapping", "map.toml", "--once", "--gateway", url)
        assert run(*follow) == 1
        said = capfd.readouterr()
        assert said.out == "1 events accepted; 2 are parked: kpiwatch send --parked lists them\n"
        assert "2 refused, 2 parked" in said.err or "1 refused" in said.err
        assert run("send", "--forget", "all") == 0
        with file.open("a") as more:
            more.write(row(4))
        assert run(*follow) == 0
        assert run("tail", "exports", "--once", "--gateway", url) == 0
        with file.open("a") as more:
            more.write("W-5")
        assert run(*follow) == 1 and "a.csv: a line, a row or the header at its end is not" in capfd.readouterr().err
        with file.open("a") as more:
            more.write(row(5)[3:])
        assert run(*follow) == 0 and capfd.readouterr().err == ""
        (tmp_path / "exports" / "b.csv").write_text("case,when\nW-1,2021-09-16\n")
        assert run(*follow) == 1 and "b.csv: a line" in capfd.readouterr().err
        (tmp_path / "exports" / "b.csv").write_bytes(b"\x1f\x8b packed\n")
        assert run(*follow) == 1 and "b.csv: it is packed" in capfd.readouterr().err
        (tmp_path / "exports" / "b.csv").unlink()
        (tmp_path / "bad.toml").write_text(MAPPING.replace("identity =", "empty ="))
        assert run("tail", "exports", "--mapping", "bad.toml", "--once", "--gateway", url) == 1
        assert "declare `identity`" in capfd.readouterr().err
    assert [orjson.loads(each.value)["subject"] for each in gateway.log.records] == ["W-1", "W-4", "W-5"]
    for wrong in (("tail",), ("tail", "exports", "--query", "map.toml"), ("tail", "--query", "map.toml")):
        assert run(*wrong, "--once", "--gateway", "http://127.0.0.1:1") == 2


def test_while_another_process_sends_it_goes_on_until_its_turn_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, slept = Gateway(), list[float]()
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps(GOOD) + b"\n")
    with served(gateway.app) as url, Client(url, gateway.key, tmp_path / "spool", patience=0) as client:
        followed = FolderTail(tmp_path, "*.jsonl", client.spool, "tail", EventLines(client.spool))
        other = Spool(tmp_path / "spool")
        with ExitStack() as sending:
            sending.enter_context(closing(other))
            sending.enter_context(other.sending())

            def sleep(seconds: float) -> None:
                slept.append(seconds)
                if len(slept) == 3:
                    assert gateway.log.records == []
                    sending.close()
                if len(slept) == 4:
                    raise KeyboardInterrupt

            monkeypatch.setattr("services.cli.tail.time", SimpleNamespace(sleep=sleep))
            with pytest.raises(BeingSent):
                _follow(_Followed(followed, 0.1, once=True), client)
            with pytest.raises(KeyboardInterrupt):
                _follow(_Followed(followed, 0.1, once=False), client)
        assert len(gateway.log.records) == 1 and slept == [0.1] * 4
