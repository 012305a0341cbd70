"""Which files `kpiwatch import` reads: encodings, delimiters, headers, faults of a row, spreadsheets."""

import gzip
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mapping.cells import Problem
from services.mapping.encoding import detected
from services.mapping.export import ExportReader, events_of
from services.mapping.mapping_file import ExportError, MappingError, mapping_of
from services.runtime.text_file import parsed_toml
from tests.unit.spreadsheets import Stored, write_ods, write_xlsx

EXPORTS = Path(__file__).parent.parent / "exports"
MAPPING = """
timezone = "Asia/Shanghai"
{}
[[event]]
type = "case.accepted"
id = {{ template = "{{编号}}-accepted" }}
source = "/units/water"
subject = {{ column = "编号" }}
time = {{ column = "受理时间" }}
data.service_item = "water.connection"
data.unit = {{ column = "单位" }}
"""
ROWS = "编号,受理时间,单位\nW-1,2021-11-01 09:00:00,江北供水\nW-2,2021-11-02 09:00:00,江南供水\n"


def read(file: Path, head: str = "", mapping: str = MAPPING) -> list[Any]:
    return list(events_of(file, mapping_of(parsed_toml(mapping.format(head)), "map.toml")))


def written(folder: Path, content: bytes, name: str = "export.csv") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def reported(outcomes: list[Any]) -> list[tuple[str, str]]:
    return [(each["subject"], each["data"]["unit"]) for each in outcomes]


BOTH = [("W-1", "江北供水"), ("W-2", "江南供水")]


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-16", "utf-16-le", "utf-8", "utf-8-sig", "big5"])
def test_the_encoding_is_detected_where_the_mapping_asks_for_it_and_said(tmp_path: Path, encoding: str) -> None:
    text = (
        ROWS.replace("编号", "編號").replace("受理时间", "受理時間").replace("单位", "單位")
        if encoding == "big5"
        else ROWS
    )
    mapping = MAPPING
    if encoding == "big5":
        mapping = mapping.replace("编号", "編號").replace("受理时间", "受理時間").replace("单位", "單位")
        text = text * 6
    file = written(tmp_path, text.encode(encoding))
    reader = ExportReader(file, mapping_of(parsed_toml(mapping.format('encoding = "detect"')), "map.toml"))
    rows = list(reader.rows())
    assert not isinstance(rows[0], Problem)
    assert rows[0].events[0][1]["data"] == {"service_item": "water.connection", "unit": "江北供水"}
    assert reader.taken[0].removeprefix("read as ").replace("-le", "") in (
        {"gbk": "gb18030", "utf-8-sig": "utf-8"}.get(encoding, encoding).replace("-le", ""),
    )


def test_western_text_is_not_taken_for_chinese() -> None:
    assert detected(
        "Vorgang;Eingang;Behörde\n1;01.02.2021;Straßenverkehrsamt Köln, Gebühr für Änderung".encode("cp1252")
    ) in (
        "cp1252",
        "cp1250",
        "cp1254",
    )


@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_an_encoding_that_was_not_named_is_refused_with_the_one_to_name(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ExportError, match="the header is not utf-8") as refused:
        read(written(tmp_path, ROWS.encode(encoding)))
    assert f'encoding = "{encoding.replace("gbk", "gb18030")}"' in str(refused.value)
    assert str(refused.value).startswith(f"{tmp_path}/export.csv:1: ")


def test_of_several_declared_encodings_the_first_that_fits_is_taken(tmp_path: Path) -> None:
    for encoding in ("utf-8", "gb18030", "utf-16"):
        file = written(tmp_path, ROWS.encode(encoding))
        assert reported(read(file, 'encoding = ["utf-8", "gb18030", "utf-16"]')) == BOTH
    with pytest.raises(MappingError, match="'utf-80' is not known"):
        read(file, 'encoding = "utf-80"')


def test_a_byte_order_mark_and_line_ends_of_windows_change_nothing(tmp_path: Path) -> None:
    assert reported(read(written(tmp_path, ROWS.replace("\n", "\r\n").encode("utf-8-sig")))) == BOTH


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_gives_the_columns(tmp_path: Path, delimiter: str) -> None:
    text = ROWS.replace(",", delimiter)
    assert reported(read(written(tmp_path, text.encode()))) == BOTH
    assert reported(read(written(tmp_path, gzip.compress(text.encode()), "export.csv.gz"))) == BOTH


def test_the_header_is_found_below_title_rows_or_named_or_given(tmp_path: Path) -> None:
    title = "江北区供水办件表\n制表:某某,2021-11-03\n\n"
    file = written(tmp_path, (title + ROWS).encode())
    assert reported(read(file)) == BOTH
    assert reported(read(file, "header = 4")) == BOTH
    with pytest.raises(MappingError, match="no column '编号'"):
        read(file, "header = 1")
    bare = written(tmp_path, "".join(ROWS.splitlines(keepends=True)[1:]).encode())
    assert reported(read(bare, 'header = ["编号", "受理时间", "单位"]')) == BOTH


def test_a_column_that_is_there_twice_is_refused_with_the_places_of_both(tmp_path: Path) -> None:
    doubled = ROWS.replace("单位\n", "单位,受理时间\n").replace("供水\n", "供水,2021-11-09\n")
    with pytest.raises(ExportError, match=r"export.csv:1: the header has 2 columns '受理时间' \(columns 2, 4\)"):
        read(written(tmp_path, doubled.encode()))


CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters='\r\n"\0', exclude_categories=("Cs", "Zs", "Cf", "Cc")), max_size=6
)


@settings(max_examples=40, deadline=None)
@given(st.lists(CELLS, min_size=2, max_size=8), st.data())
def test_a_quote_left_open_costs_its_row_only(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], data: st.DataObject
) -> None:
    spoiled = data.draw(st.integers(0, len(cells) - 1))
    rows = [f'W-{number},2021-11-01,"u{cell}"' for number, cell in enumerate(cells)]
    rows[spoiled] = f'W-{spoiled},2021-11-01,"u'
    file = written(tmp_path_factory.mktemp("quote"), "\n".join(["编号,受理时间,单位", *rows]).encode())
    outcomes = read(file)
    assert [each.line for each in outcomes if isinstance(each, Problem)] == [spoiled + 2]
    assert [each["subject"] for each in outcomes if not isinstance(each, Problem)] == [
        f"W-{number}" for number in range(len(cells)) if number != spoiled
    ]


def test_a_cell_that_is_too_long_costs_its_row_only(tmp_path: Path) -> None:
    text = ROWS.replace("江北供水", "x" * 200_000)
    problem, event = read(written(tmp_path, text.encode()))
    assert isinstance(problem, Problem)
    assert (problem.line, event["subject"]) == (2, "W-2")
    assert "a cell is longer than 131,072 characters" in problem.sentence


def test_a_cell_of_several_lines_is_one_cell(tmp_path: Path) -> None:
    (first, second) = read(written(tmp_path, ROWS.replace("江北供水", '"江北\n供水"').encode()))
    assert (first["data"]["unit"], second["subject"]) == ("江北\n供水", "W-2")


def test_blanks_around_cells_and_names_are_trimmed_unless_they_are_kept(tmp_path: Path) -> None:
    file = written(tmp_path, ROWS.replace("江北供水", "\u3000江北供水\u00a0 ").replace("单位", " 单位 ").encode())
    assert reported(read(file)) == BOTH
    assert reported(read(file, "trim = false"))[0] == ("W-1", "\u3000江北供水\u00a0 ")


SHEET: list[list[Stored]] = [
    ["供水办件表"],
    [],
    ["编号", "受理时间", "单位", ""],
    ["W-1", datetime(2021, 11, 1, 9), "江北供水"],
    [],
    ["W-2", "2021-11-02 09:00:00", "江南供水"],
]


def test_a_spreadsheet_is_read_with_its_dates_and_below_its_titles(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "a.xlsx", {"说明": [["看下一张"]], "办件": SHEET})
    write_ods(tmp_path / "a.ods", SHEET)
    for name in ("a.xlsx", "a.ods"):
        outcomes = read(tmp_path / name)
        assert reported(outcomes) == BOTH
        assert [each["time"] for each in outcomes] == ["2021-11-01T09:00:00+08:00", "2021-11-02T09:00:00+08:00"]
    assert reported(read(tmp_path / "a.xlsx", 'sheet = "办件"')) == BOTH
    assert reported(read(tmp_path / "a.xlsx", "sheet = 2")) == BOTH
    with pytest.raises(ExportError, match="no sheet '办件表': did you mean '办件'"):
        read(tmp_path / "a.xlsx", 'sheet = "办件表"')


def test_an_old_spreadsheet_is_read_with_serial_dates() -> None:
    mapping = MAPPING.replace('data.unit = {{ column = "单位" }}', 'data.unit = "u"') + (
        '[[event]]\ntype = "case.measured"\nid = {{ template = "{{编号}}-fee" }}\nsource = "/units/water"\n'
        'subject = {{ column = "编号" }}\ntime = {{ column = "受理时间" }}\ndata.quantity = "fee"\n'
        'data.value = {{ column = "金额", as = "number" }}\n'
    )
    outcomes = read(EXPORTS / "water.xls", '[columns."受理时间"]\nformat = ["iso", "excel"]', mapping)
    assert [each["time"] for each in outcomes[::2]] == ["2021-11-01T09:20:00+08:00", "2021-11-02T12:00:00+08:00"]
    assert [each["data"]["value"] for each in outcomes[1::2]] == [12.5, 8]


def test_a_number_that_a_spreadsheet_has_rounded_is_refused(tmp_path: Path) -> None:
    rows: list[list[Stored]] = [
        ["编号", "受理时间", "单位"],
        [500000123456789012.0, "2021-11-02", "u"],
        [17.0, "2021-11-02", "u"],
    ]
    write_xlsx(tmp_path / "a.xlsx", {"a": rows})
    problem, event = read(tmp_path / "a.xlsx")
    assert isinstance(problem, Problem)
    assert (problem.line, problem.column, event["subject"]) == (2, "编号", "17")
    assert "the last ones are lost" in problem.sentence


def test_what_is_no_table_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="it is a web page"):
        read(written(tmp_path, b"<html><table><tr><td>1", "export.xls"))
    with pytest.raises(ExportError, match="cannot be read as a spreadsheet"):
        read(written(tmp_path, b"PK\x03\x04" + b"x" * 50, "export.xlsx"))
