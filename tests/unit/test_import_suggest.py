"""`kpiwatch import --suggest`: a draft that can be used at once, guesses marked, questions listed."""

from datetime import datetime
from pathlib import Path

import orjson
import pytest

from services.cli.__main__ import main
from services.domain.intake.events import EVENT
from services.mapping.cells import Problem
from services.mapping.export import events_of
from services.mapping.mapping_file import ExportError, mapping_of
from services.mapping.suggest.draft import Hints, suggest
from services.runtime.text_file import parsed_toml
from tests.unit.spreadsheets import write_xlsx

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


def drafted(folder: Path, rows: str, encoding: str = "utf-8", hints: Hints | None = None) -> str:
    file = folder / "export.csv"
    file.write_bytes(rows.encode(encoding))
    return suggest(file, hints or Hints())


def read_by(folder: Path, draft: str) -> list[tuple[str, str, str]]:
    outcomes = list(events_of(folder / "export.csv", mapping_of(parsed_toml(draft), "draft")))
    assert not [each for each in outcomes if isinstance(each, Problem)]
    return [(str(each["subject"]), str(each["type"]), str(each["time"])) for each in outcomes if isinstance(each, dict)]


@pytest.mark.parametrize("name", ["nl-wabo-receipt", "us-boston311-2011"])
def test_the_draft_for_a_real_export_can_be_used_at_once(name: str, tmp_path: Path) -> None:
    export = DATA / name / "events_normalised.csv.gz"
    if not export.exists():
        pytest.skip(f"{export} is not there: the real data sets lie beside the project")
    draft = suggest(export, Hints("Europe/Amsterdam", {"/nl/wabo": ()}))
    assert "CHANGE-ME" not in draft
    outcomes = events_of(export, mapping_of(parsed_toml(draft), "draft"))
    for _ in range(3000):
        event = next(outcomes, None)
        if event is None:
            return
        assert not isinstance(event, Problem)
        EVENT.validate_json(orjson.dumps(event))
        assert str(event["type"]) in ("case.accepted", "case.suspended", "case.resumed", "case.completed")


def test_chinese_columns_encoding_and_format_are_recognised(tmp_path: Path) -> None:
    rows = (
        "江北区办件明细\n\n办件编号;事项名称;承办单位;受理时间;办结时间;办理方式;应办结时间\n"
        "A1;供水报装;江北供水;2021/11/01 09:00;2021/11/03 10:00;网上;2021/11/05 00:00\n"
        "A2;供水报装;江北供水;2021/11/02 09:00;NULL;窗口;2021/11/08 00:00\n"
    )
    draft = drafted(tmp_path, rows, "gb18030")
    for line in ('encoding = "gb18030"', 'delimiter = ";"', "header = 3", 'empty = ["NULL"]', '"网上" = "online"'):
        assert line in draft
    assert 'timezone = "Asia/Shanghai"  # GUESSED' in draft
    assert 'data.due_at = { column = "应办结时间", as = "time" }' in draft
    assert read_by(tmp_path, draft) == [
        ("A1", "case.accepted", "2021-11-01T09:00:00+08:00"),
        ("A1", "case.completed", "2021-11-03T10:00:00+08:00"),
        ("A2", "case.accepted", "2021-11-02T09:00:00+08:00"),
    ]


def test_what_is_open_is_asked(tmp_path: Path) -> None:
    rows = (
        "ticket,status,changed date,channel\n"
        "1,open,03/04/2021,app\n1,escalated,03/04/2021,fax\n1,on hold,04/04/2021,app\n1,closed,05/04/2021,app\n"
    )
    draft = drafted(tmp_path, rows)
    for question in (
        "In which time zone",
        "Is 'changed date' written as %d/%m/%Y or as %m/%d/%Y?",
        "What does 'escalated' in 'status' say",
        "Which channel is 'fax'",
        "Why were cases suspended?",
        "Which column has the unit?",
        "What is this system called",
        "1 of 4 rows give no event",
    ):
        assert question in draft
    assert [kind for _, kind, _ in read_by(tmp_path, draft)] == ["case.accepted", "case.suspended", "case.completed"]


def test_dates_outside_all_reason_are_taken_for_none_and_asked(tmp_path: Path) -> None:
    rows = "case_id,opened,closed\n" + "".join(f"{n},2021-11-{n:02} 08:00,1900-01-01 00:00\n" for n in range(1, 9))
    draft = drafted(tmp_path, rows + "9,2021-11-09 08:00,2021-11-10 09:00\n")
    assert "empty = [1900-01-01]  # GUESSED" in draft
    assert [kind for _, kind, _ in read_by(tmp_path, draft)].count("case.completed") == 1


def test_stored_dates_and_forgotten_formats_of_a_spreadsheet_are_dates(tmp_path: Path) -> None:
    write_xlsx(
        tmp_path / "export.csv",
        {"办件": [["编号", "受理时间"], ["A", datetime(2021, 11, 1, 9)], ["B", 44502.5]]},
    )
    draft = suggest(tmp_path / "export.csv", Hints())
    assert 'sheet = "办件"' in draft
    assert [time for _, _, time in read_by(tmp_path, draft)] == [
        "2021-11-01T09:00:00+08:00",
        "2021-11-02T12:00:00+08:00",
    ]


def test_units_and_service_items_are_found_by_their_names_in_the_plan(tmp_path: Path) -> None:
    rows = "case_id,department,service,opened\n1,general ,permit,2021-11-01 08:00\n2,Annex,permit,2021-11-02 08:00\n"
    known = Hints(
        "Europe/Amsterdam",
        {"/a": ("u-1",), "/b": ("u-1", "u-2")},
        {"u-1": ("一般", "General"), "u-2": ("", "Experts")},
        {"permit": ()},
    )
    draft = drafted(tmp_path, rows, hints=known)
    assert '"general" = "u-1"\n' in draft and '"Annex" = "CHANGE-ME"  # GUESSED' in draft
    assert "Which unit of the plan is 'Annex' in 'department': u-1, u-2?" in draft
    assert 'data.unit = { column = "department", values = "unit" }' in draft
    assert 'data.service_item = { column = "service" }' in draft  # its contents are codes already
    assert 'source = "/a"  # GUESSED' in draft
    assert [case for case, _, _ in read_by(tmp_path, draft)] == ["1", "2"]


@pytest.mark.parametrize(
    ("sources", "line", "question"),
    [
        ({"/a": ("u-2",), "/b": ("u-1", "u-2"), "/any": ("*",)}, '"/b"  # GUESSED: no other may name these units', ""),
        ({"/a": ("u-2",), "/any": ("*",)}, '"/any"  # GUESSED: no other may name these units', ""),
        ({"/a": ("u-2",)}, '"/a"\n', ""),
        ({"/a": ("u-2",), "/b": ()}, '"/a"  # GUESSED\n', "Which source is it: /a, /b? Taken: the first."),
        ({}, '"/units/CHANGE-ME"  # GUESSED', "What is this system called in the plan's sources.toml?"),
    ],
)
def test_the_source_is_the_one_that_may_name_the_units(
    tmp_path: Path, sources: dict[str, tuple[str, ...]], line: str, question: str
) -> None:
    rows = "case_id,department,opened\n1,General,2021-11-01 08:00\n2,Annex,2021-11-02 08:00\n"
    draft = drafted(tmp_path, rows, hints=Hints("UTC", sources, {"u-1": ("General",), "u-2": ("Experts",)}))
    assert f"source = {line}" in draft and question in draft
    assert ("source is it" in draft) == ("source is it" in question)


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no row names several columns"):
        drafted(tmp_path, "hello\nworld\n")


def test_the_command_writes_the_draft_with_zone_and_source_of_the_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = tmp_path / "export.csv"
    export.write_text("case_id,opened\n1,2021-11-01 08:00\n")
    for options in ([], ["--out", str(tmp_path / "map.toml"), "--plan", str(ROOT / "tests" / "oracle_plan")]):
        with pytest.raises(SystemExit) as ended:
            main(["import", "--suggest", str(export), *options])
        assert not ended.value.code
    assert "# GUESSED: nothing says so" in capsys.readouterr().out
    assert "# GUESSED: the zone of the plan" in (tmp_path / "map.toml").read_text()
    with pytest.raises(SystemExit) as ended:
        main(["import", str(export)])
    assert (ended.value.code, "--suggest" in capsys.readouterr().err) == (2, True)
