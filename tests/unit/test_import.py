"""`kpiwatch import`: a unit's export becomes events as its mapping says."""

import csv
import gzip
import tracemalloc
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.domain.intake.events import EVENT
from services.mapping.cells import Problem
from services.mapping.export import events_of
from services.mapping.mapping_file import MappingError, read_mapping
from tests.unit.commands import run

MAPPINGS = Path(__file__).parent.parent / "mappings"
DATA = Path(__file__).parents[2].parent / "shared" / "data"
HEADER = "case,state,opened,closed,channel,size,external,unit,fee"
MAPPING = """
timezone = "Asia/Shanghai"

[values.channel]
web = "online"
desk = "counter"

[[event]]
skip_if_empty = ["opened"]
type = "case.accepted"
id = { template = "{case}-accepted" }
source = "/units/water"
subject = { column = "case" }
time = { column = "opened" }
recordedat = { column = "opened" }
data.service_item = "water.connection"
data.unit = { column = "unit" }
data.channel = { column = "channel", values = "channel", otherwise = "unknown" }
data.committed_limit = { amount = 4, unit = "working_days" }
data.attributes.project_size = { column = "size" }
data.attributes.external_line = { column = "external", as = "bool" }

[[event]]
when = { state = ["done", "closed"] }
type = "case.completed"
id = { template = "{case}-completed" }
source = "/units/water"
subject = { column = "case" }
time = { column = "closed" }

[[event]]
skip_if_empty = ["fee"]
type = "case.measured"
id = { template = "{case}-fee" }
source = "/units/water"
subject = { column = "case" }
time = { column = "opened" }
data.quantity = "fee"
data.value = { column = "fee", as = "number" }
"""


def imported(folder: Path, rows: str, mapping: str = MAPPING) -> list[Any]:
    (folder / "map.toml").write_text(mapping)
    (folder / "export.csv").write_text(rows)
    return list(events_of(folder / "export.csv", read_mapping(folder / "map.toml")))


def test_one_row_may_say_several_things(tmp_path: Path) -> None:
    rows = f"{HEADER}\nW-1,done,2021-09-16 09:12:00,2021-09-20 10:00:00,web,small,no,供水,12.50\n"
    accepted, completed, measured = imported(tmp_path, rows)
    assert accepted == {
        "specversion": "1.0",
        "id": "W-1-accepted",
        "source": "/units/water",
        "type": "case.accepted",
        "subject": "W-1",
        "time": "2021-09-16T09:12:00+08:00",
        "recordedat": "2021-09-16T09:12:00+08:00",
        "data": {
            "service_item": "water.connection",
            "unit": "供水",
            "channel": "online",
            "committed_limit": {"amount": 4, "unit": "working_days"},
            "attributes": {"project_size": "small", "external_line": False},
        },
    }
    assert (completed["type"], completed["time"], completed["data"]) == (
        "case.completed",
        "2021-09-20T10:00:00+08:00",
        {},
    )
    assert measured["data"] == {"quantity": "fee", "value": 12.5}
    for event in (accepted, completed, measured):
        EVENT.validate_python(event)


def test_what_a_row_does_not_say_is_left_out(tmp_path: Path) -> None:
    (accepted,) = imported(tmp_path, f"{HEADER}\nW-1,open,2021-09-16,,fax,,,water,\n")
    assert accepted["data"] == {
        "service_item": "water.connection",
        "unit": "water",
        "channel": "unknown",
        "committed_limit": {"amount": 4, "unit": "working_days"},
    }
    assert accepted["time"] == "2021-09-16T00:00:00+08:00"


def test_what_cannot_be_read_is_named_by_line_and_column_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows = (
        f"{HEADER}\n"
        '"W\n1",open,yesterday,,web,,,water,\n'
        "W-2,done,2021-09-16,,web,,,water,\n"
        "W-3,open,2021-09-16,,web,,maybe,water,lots\n"
        "W-4,open\n"
        "W-5,open,2021-09-16,,web,,,water,,,\n"
        "W-6,done,2021-09-16,2021-09-17,web,,,water,\n"
    )
    outcomes = imported(tmp_path, rows)
    problems = [(each.line, each.column) for each in outcomes if isinstance(each, Problem)]
    assert problems == [(2, "opened"), (4, "closed"), (5, "external"), (5, "fee"), (6, "-"), (7, "-")]
    read = [each["id"] for each in outcomes if not isinstance(each, Problem)]
    assert read == ["W-6-accepted", "W-6-completed"], "a row of which a half cannot be read gives nothing"
    cells = [each.sentence for each in outcomes if isinstance(each, Problem)][-2:]
    assert cells == ["the row has 2 cells, the header 9", "the row has 11 cells, the header 9"]


def test_a_value_that_the_map_does_not_have_is_an_error(tmp_path: Path) -> None:
    strict = MAPPING.replace(', otherwise = "unknown"', "")
    (problem,) = imported(tmp_path, f"{HEADER}\nW-1,open,2021-09-16,,fax,,,water,\n", strict)
    assert problem == Problem(2, "channel", "'fax' is not in values.channel; add it, or say what it is otherwise")


@pytest.mark.parametrize(
    ("wall", "instant"),
    [
        ("2011-11-06 01:30:00", "2011-11-06T01:30:00-04:00"),  # twice: the earlier
        ("2011-03-13 02:30:00", "2011-03-13T03:30:00-04:00"),  # never: shifted forward
        ("2011-07-01T02:18:31Z", "2011-06-30T22:18:31-04:00"),  # an offset of its own
    ],
)
def test_wall_clocks_become_instants_of_the_mappings_zone(tmp_path: Path, wall: str, instant: str) -> None:
    boston = MAPPING.replace("Asia/Shanghai", "America/New_York")
    (accepted,) = imported(tmp_path, f"{HEADER}\nW-1,open,{wall},,web,,,water,\n", boston)
    assert accepted["time"] == instant


def test_times_may_have_a_format_of_their_own(tmp_path: Path) -> None:
    mapping = 'time_format = "%d.%m.%Y %H.%M"\n' + MAPPING
    (accepted,) = imported(tmp_path, f"{HEADER}\nW-1,open,16.09.2021 09.12,,web,,,water,\n", mapping)
    assert accepted["time"] == "2021-09-16T09:12:00+08:00"


@pytest.mark.parametrize(
    ("was", "becomes", "output"),
    [
        ('column = "fee", as', 'column = "fees", as', "did you mean 'fee'"),
        ('values = "channel"', 'values = "chanel"', "did you mean 'channel'"),
        ("{case}-fee", "{case}-fee-{lime}", "no column 'lime'"),
        ("Asia/Shanghai", "Asia/Chongking", "Asia/Chongking"),
        ("case.measured", "case.mesured", "did you mean 'case.measured'"),
        ('state = ["done"', 'status = ["done"', "no column 'status'"),
        ("skip_if_empty", "skip_empty", "skip_empty"),
        ("timezone", "timezone = ", "not TOML"),
    ],
)
def test_a_mapping_that_does_not_fit_says_where(tmp_path: Path, was: str, becomes: str, output: str) -> None:
    assert was in MAPPING
    with pytest.raises(MappingError, match=output):
        imported(tmp_path, f"{HEADER}\n", MAPPING.replace(was, becomes))


def test_other_encodings_delimiters_and_compression_are_read(tmp_path: Path) -> None:
    mapping = 'encoding = "gb18030"\ndelimiter = ";"\n' + MAPPING
    (tmp_path / "map.toml").write_text(mapping)
    rows = f"{HEADER}\nW-1,open,2021-09-16,,web,,,江北供水,\n".replace(",", ";")
    export = tmp_path / "export.csv.gz"
    export.write_bytes(gzip.compress(rows.encode("gb18030")))
    (accepted,) = events_of(export, read_mapping(tmp_path / "map.toml"))
    assert not isinstance(accepted, Problem)
    assert accepted["data"] == {**accepted["data"], "unit": "江北供水"}  # type: ignore[dict-item]  # read from JSON
    (tmp_path / "map.toml").write_text(mapping.replace("gb18030", "utf-8"))
    (problem,) = events_of(export, read_mapping(tmp_path / "map.toml"))
    assert problem == Problem(2, "unit", "it is not utf-8; name the file's encoding")


def test_the_command_writes_the_same_bytes_each_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "map.toml").write_text(MAPPING)
    (tmp_path / "export.csv").write_text(f"\ufeff{HEADER}\nW-1,done,2021-09-16,2021-09-17,web,,,water,\n")
    outputs = []
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        run("import", tmp_path / "export.csv", "--mapping", tmp_path / "map.toml", "--out", tmp_path / name)
        outputs.append((tmp_path / name).read_bytes())
    assert outputs[0] == outputs[1]
    assert gzip.decompress(outputs[0]).count(b"\n") == 2
    assert "2 events written" in capsys.readouterr().out


def test_the_command_lists_what_it_left_out_and_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "map.toml").write_text(MAPPING)
    (tmp_path / "export.csv").write_text(f"{HEADER}\nW-1,open,soon,,web,,,water,\n")
    out = tmp_path / "events.jsonl"
    assert run("import", tmp_path / "export.csv", "--mapping", tmp_path / "map.toml", "--out", out) == 1
    assert "export.csv:2: opened: a text of the form 'aaaa' is not a time" in capsys.readouterr().err
    (tmp_path / "map.toml").write_text("timezone = 1")
    assert run("import", tmp_path / "export.csv", "--mapping", tmp_path / "map.toml", "--out", out) == 1
    assert "map.toml: timezone" in capsys.readouterr().err


_FIRST_ROWS = 10_000


@pytest.mark.parametrize("name", ["nl-wabo-receipt", "us-boston311-2011"])
def test_every_row_of_a_real_export_becomes_its_event(name: str, thorough: bool) -> None:
    """The first ten thousand rows, or with --thorough all of them."""
    export = DATA / name / "events_normalised.csv.gz"
    if not export.exists():
        pytest.skip(f"{export} is not there: the real data sets lie beside the project")
    mapping = read_mapping(MAPPINGS / f"{name}.toml")
    channels = {"online": "online", "offline": "counter", "unknown": "unknown"}
    ids = set()
    with gzip.open(export, "rt", newline="") as text:
        pairs = zip(csv.DictReader(text), events_of(export, mapping), strict=True)
        for row, event in pairs if thorough else islice(pairs, _FIRST_ROWS):
            assert not isinstance(event, Problem), event
            ids.add(event["id"])
            assert (event["type"], event["subject"]) == (f"case.{row['event']}", row["case_id"])
            assert str(event["time"])[:19].replace("T", " ") == row["occurred_at"][:19]
            data: Any = event["data"]
            assert data["channel"] == channels[row["channel"]]
            if row["event"] == "accepted":
                assert (data["unit"], data["service_item"]) == (row["unit"], row["service"])
                assert data.get("due_at", "")[:19].replace("T", " ") == row["due_at"][:19]
            EVENT.validate_json(orjson.dumps(event))
    rows = gzip.decompress(export.read_bytes()).count(b"\n") - 1
    assert len(ids) == (rows if thorough else min(rows, _FIRST_ROWS))


def test_a_line_of_any_length_costs_its_row_and_is_never_held_whole(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text(MAPPING)
    mapping = read_mapping(file)
    row = ",".join([*["x"] * 2, "2021-09-16T09:12:00", *[""] * 6])
    export = tmp_path / "export.csv.gz"
    export.write_bytes(gzip.compress(f"{HEADER}\n{row}\n".encode() + b"x" * 30_000_000 + f"\n{row}\n".encode(), 1))
    tracemalloc.start()
    before, problem, after = events_of(export, mapping)
    assert tracemalloc.get_traced_memory()[1] < 12_000_000
    tracemalloc.stop()
    assert isinstance(problem, Problem)
    assert problem.line == 3 and "one row per line" in problem.sentence
    assert not isinstance(before, Problem) and not isinstance(after, Problem)


def test_what_has_no_header_is_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"no column|no header"):
        imported(tmp_path, "x" * 30_000)
    with pytest.raises(MappingError, match="no header"):
        imported(tmp_path, "")
