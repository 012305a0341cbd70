"""Exports of spreadsheets: two columns of one name, another encoding, and the same rows in another order every day."""

from pathlib import Path

import orjson
import pytest

from services.mapping.export import events_of
from services.mapping.mapping_file import ExportMapping, MappingError, read_mapping
from tests.unit.commands import run

MAPPINGS = Path(__file__).parents[2] / "mappings"
MAPPING = """
timezone = "Asia/Shanghai"

[[event]]
type = "case.accepted"
id = { template = "{流水号}-受理-{受理日期}" }
source = "/units/water"
subject = { column = "流水号" }
time = { column = "受理日期" }
data.service_item = "water.connection"
data.unit = "water"

[[event]]
skip_if_empty = ["完成日期"]
type = "case.completed"
id = { template = "{流水号}-办结-{完成日期}" }
source = "/units/water"
subject = { column = "流水号" }
time = { column = "完成日期" }
"""
ROWS = "流水号,受理日期,完成日期\r\nS-1,2021-11-08 10:00:00,2021-11-10 10:00:00\r\nS-2,2021-11-09 10:00:00,\r\n"


def imported(folder: Path, export: bytes, mapping: str = MAPPING) -> tuple[int, Path]:
    """The exit code of the command, and where its events are."""
    (folder / "map.toml").write_text(mapping)
    (folder / "export.csv").write_bytes(export)
    out = folder / "events.jsonl"
    return run("import", folder / "export.csv", "--mapping", folder / "map.toml", "--out", out), out


# ---- which column is meant -----------------------------------------------------------------------------------
def test_two_columns_of_one_name_are_an_error_that_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two sheets were joined: the first 完成日期 is that of a stage. Which is meant decides between 2 and 7 days."""
    rows = "流水号,受理日期,完成日期,完成日期\nS-1,2021-11-08 10:00:00,2021-11-17 10:00:00,2021-11-10 10:00:00\n"
    code, out = imported(tmp_path, rows.encode())
    assert (code, out.exists()) == (1, False)
    assert "export.csv:1: the header has 2 columns '完成日期'" in capsys.readouterr().err


def test_a_template_names_its_columns_as_firmly_as_a_field(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAPPING)
    (tmp_path / "export.csv").write_text(ROWS.replace("流水号,", "流水号,流水号,", 1).replace("S-", "S-1,S-"))
    with pytest.raises(MappingError, match="2 columns '流水号'"):
        list(events_of(tmp_path / "export.csv", read_mapping(tmp_path / "map.toml")))


def test_a_column_that_the_mapping_does_not_use_may_be_there_twice(tmp_path: Path) -> None:
    rows = ROWS.replace("\r\n", ",,\r\n").replace("日期,,", "日期,备注,备注", 1)
    code, out = imported(tmp_path, rows.encode())
    assert (code, out.read_bytes().count(b"\n")) == (0, 3)


# ---- which encoding it is ------------------------------------------------------------------------------------
@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-16", "utf-16-le"])
def test_a_header_in_another_encoding_is_said_to_be_that(
    tmp_path: Path, encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = imported(tmp_path, ROWS.encode(encoding))
    output = capsys.readouterr().err
    assert (code, out.exists()) == (1, False)
    assert "export.csv:1: the header is not utf-8. Name the file's encoding in the mapping" in output
    assert "map.toml:" not in output


@pytest.mark.parametrize(
    ("written", "named"), [("gbk", "gbk"), ("utf-16", "utf-16"), ("utf-8-sig", "utf-8"), ("utf-8", "utf-8")]
)
def test_with_its_encoding_named_every_row_is_read(tmp_path: Path, written: str, named: str) -> None:
    code, out = imported(tmp_path, ROWS.encode(written), f'encoding = "{named}"\n{MAPPING}')
    events = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert (code, [each["subject"] for each in events]) == (0, ["S-1", "S-1", "S-2"])


# ---- the same row in the next export -------------------------------------------------------------------------
def test_the_next_export_gives_the_same_facts_the_same_ids(tmp_path: Path) -> None:
    """Sorted newest first, every row has another number the next day."""
    header, first, second, _ = ROWS.split("\r\n")
    newest = "S-3,2021-11-10 10:00:00,"
    ids = []
    for rows in ([header, first, second], [header, newest, second, first]):
        _, out = imported(tmp_path, "\n".join([*rows, ""]).encode())
        ids.append({orjson.loads(line)["id"] for line in out.read_bytes().splitlines()})
    assert ids[0] < ids[1] and len(ids[1] - ids[0]) == 1


def test_ids_that_are_made_of_row_numbers_are_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = imported(tmp_path, ROWS.encode(), MAPPING.replace("{流水号}-办结-{完成日期}", "{流水号}-办结-{line}"))
    output = capsys.readouterr().err
    assert code == 0
    assert "event 2: its id is made of {line}" in output and "event 1" not in output


@pytest.mark.parametrize("path", sorted(MAPPINGS.glob("*.toml")), ids=lambda path: path.stem)
def test_no_example_makes_ids_of_row_numbers(path: Path) -> None:
    mapping: ExportMapping = read_mapping(path)
    assert mapping.ids_by_line == []
