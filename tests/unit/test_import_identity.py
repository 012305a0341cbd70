"""What an export that is imported again gives: nothing twice, changes as corrections, what vanished on request only."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.__main__ import main
from services.domain.history.corrections import corrected
from services.domain.intake.events import EVENT
from services.domain.intake.facts import FACT_TYPE_OF, Fact
from services.domain.time.rfc3339 import instant_from
from services.mapping.cells import Problem
from services.mapping.export import events_of
from services.mapping.mapping_file import MappingError, mapping_of
from services.runtime.text_file import parsed_toml

MAPPING = """
timezone = "Asia/Shanghai"
identity = ["case", "step"]

[[event]]
when = { step = "in" }
type = "case.accepted"
source = "/units/water"
subject = { column = "case" }
time = { column = "at" }
data = { service_item = "water.connection", unit = { column = "unit" } }

[[event]]
when = { step = "out" }
skip_if_empty = ["at"]
type = "case.completed"
source = "/units/water"
subject = { column = "case" }
time = { column = "at" }
"""
HEADER = "case,step,at,unit,note\n"
DAYS = tuple(f"2021-11-{day:02}T10:00:00+08:00" for day in range(1, 29))


class Exports:
    """A folder in which one export is imported day after day."""

    def __init__(self, folder: Path, mapping: str = MAPPING) -> None:
        self.folder = folder
        self.all: list[Any] = []
        (folder / "map.toml").write_text(mapping)
        self._day = 0

    def reported(self, rows: str, *options: str, code: int = 0) -> list[Any]:
        """The events of the next day's export."""
        (self.folder / "export.csv").write_text(HEADER + rows)
        out = self.folder / "events.jsonl"
        at = DAYS[self._day]
        self._day += 1
        arguments = [self.folder / "export.csv", "--mapping", self.folder / "map.toml", "--out", out]
        arguments += ["--memory", self.folder / "memory.sqlite", "--exported-at", at, *options]
        with pytest.raises(SystemExit) as ended:
            main(["import", *map(str, arguments)])
        assert int(ended.value.code or 0) == code
        events = [orjson.loads(line) for line in out.read_bytes().splitlines()]
        for event in events:
            EVENT.validate_python(event)
        self.all += events
        return events


def test_an_unchanged_row_gives_nothing_again_wherever_it_is(tmp_path: Path) -> None:
    exports = Exports(tmp_path)
    first = exports.reported("A,in,2021-11-01,u,\nB,in,2021-11-01,u,\n")
    assert [event["type"] for event in first] == ["case.accepted"] * 2
    assert exports.reported("C,in,2021-11-02,u,\nB,in,2021-11-01,u,new note\nA,in,2021-11-01,u,\n")[0]["subject"] == "C"
    assert len(exports.all) == 3


def test_a_changed_row_corrects_its_first_id_each_time(tmp_path: Path) -> None:
    exports = Exports(tmp_path)
    (first,) = exports.reported("A,out,2021-11-02,u,\n")
    (second,) = exports.reported("A,out,2021-11-03,u,\n")
    (third,) = exports.reported("A,out,,u,\n")
    (fourth,) = exports.reported("A,out,2021-11-03,u,\n")
    assert [each["data"]["of"] for each in (second, third, fourth)] == [first["id"]] * 3
    assert second["data"]["event"]["time"] == fourth["data"]["event"]["time"] == "2021-11-03T00:00:00+08:00"
    assert third["data"]["event"] is None
    assert second["time"] == second["recordedat"] == "2021-11-02T02:00:00.000000+00:00"
    assert len({each["id"] for each in (first, second, third, fourth)}) == 4


def test_a_row_that_moves_to_another_case_is_struck_out_of_the_first(tmp_path: Path) -> None:
    exports = Exports(tmp_path, MAPPING.replace('["case", "step"]', '["note", "step"]'))
    (first,) = exports.reported("A,in,2021-11-01,u,7\n")
    events = exports.reported("B,in,2021-11-01,u,7\n")
    assert [(each["subject"], each["type"]) for each in events] == [("B", "case.accepted"), ("A", "correction")]
    back = exports.reported("A,in,2021-11-01,u,7\n")
    assert [(each["subject"], each["data"]["event"] is None) for each in back] == [("A", False), ("B", True)]
    assert back[0]["data"]["of"] == first["id"]


def test_rows_that_vanished_are_listed_and_struck_out_on_request_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = Exports(tmp_path)
    (first, _) = exports.reported("A,in,2021-11-01,u,\nB,in,2021-11-01,u,\n")
    assert exports.reported("B,in,2021-11-01,u,\n") == []
    assert "vanished: A, in: 1 events, still valid" in capsys.readouterr().err
    assert exports.reported("B,in,soon,u,\n", "--strike-missing", code=1) == []
    assert "repair the rows that could not be read" in capsys.readouterr().err
    (struck,) = exports.reported("B,in,2021-11-01,u,\n", "--strike-missing")
    assert struck["data"] == {"of": first["id"], "event": None}
    (again,) = exports.reported("A,in,2021-11-01,u,\nB,in,2021-11-01,u,\n")
    assert again["data"]["of"] == first["id"]
    assert again["data"]["event"]["subject"] == "A"


def test_two_rows_of_one_identity_say_nothing_and_are_both_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = Exports(tmp_path)
    assert exports.reported("A,in,2021-11-01,u,\nB,in,2021-11-01,u,\nA,in,2021-11-02,u,\n", code=1)[0]["subject"] == "B"
    errors = capsys.readouterr().err
    assert "export.csv:2: -: row 4 has the same identity" in errors
    assert "export.csv:4: -: row 2 has the same identity" in errors
    assert len(exports.reported("A,in,2021-11-01,u,\nA,in,2021-11-01,u,\nB,in,2021-11-01,u,\n")) == 1


def test_an_older_export_is_refused_once_a_later_one_was_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = Exports(tmp_path)
    for day in (1, 2):
        exports.reported(f"A,in,2021-11-0{day},u,\n")
    before = (tmp_path / "events.jsonl").read_bytes()
    exports._day = 1
    with pytest.raises(AssertionError):
        exports.reported("A,in,2021-11-05,u,\n")
    assert "has seen a later state of this export" in capsys.readouterr().err
    assert (tmp_path / "events.jsonl").read_bytes() == before


def test_identity_needs_a_memory_and_a_memory_needs_identity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "map.toml").write_text(MAPPING)
    (tmp_path / "export.csv").write_text(HEADER)
    base = [
        "import",
        str(tmp_path / "export.csv"),
        "--mapping",
        str(tmp_path / "map.toml"),
        "--out",
        str(tmp_path / "o"),
    ]
    with pytest.raises(SystemExit) as ended:
        main(base)
    assert (ended.value.code, "--memory" in capsys.readouterr().err) == (2, True)
    (tmp_path / "map.toml").write_text(MAPPING.replace('identity = ["case", "step"]', ""))
    with pytest.raises(SystemExit) as ended:
        main([*base, "--strike-missing"])
    assert (ended.value.code, "`identity`" in capsys.readouterr().err) == (2, True)
    (tmp_path / "map.toml").write_text(MAPPING)
    (tmp_path / "no.sqlite").write_bytes(b"no database " * 100)
    with pytest.raises(SystemExit) as ended:
        main([*base, "--memory", str(tmp_path / "no.sqlite")])
    assert (ended.value.code, "cannot be used as a memory" in capsys.readouterr().err) == (1, True)


ROWS = st.dictionaries(
    st.sampled_from([("A", "in"), ("A", "out"), ("B", "in"), ("B", "out")]),
    st.tuples(st.sampled_from(["2021-11-01", "2021-11-02", ""]), st.sampled_from("uv")),
)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=4))
def test_after_any_sequence_of_exports_the_facts_are_those_of_the_last_one(
    tmp_path_factory: pytest.TempPathFactory, days: list[dict[tuple[str, str], tuple[str, str]]]
) -> None:
    """What a new system would be reported by the last export alone, but for rows that cannot be read."""
    mapping = MAPPING.replace('step = "in" }', 'step = "in" }\nskip_if_empty = ["at"]')
    exports = Exports(tmp_path_factory.mktemp("days"), mapping)
    for rows in days:
        exports.reported("".join(f"{','.join([*key, *cells])},\n" for key, cells in rows.items()), "--strike-missing")
    facts = [as_fact(event) for event in exports.all]
    alone = Exports(tmp_path_factory.mktemp("last"), mapping)
    alone.reported("".join(f"{','.join([*key, *cells])},\n" for key, cells in days[-1].items()))
    expected = [as_fact(event) for event in alone.all]
    assert sorted((fact.id, fact.time, str(fact.data)) for fact in corrected(facts)) == sorted(
        (fact.id, fact.time, str(fact.data)) for fact in expected
    )


def as_fact(event: Any) -> Fact:
    data = event.get("data", {})
    if data.get("event"):
        inner = data["event"]
        data = {**data, "event": {**inner, "time": instant_from(inner["time"])}}
    time = instant_from(event["time"])
    return Fact(time, int(FACT_TYPE_OF[event["type"]]), event["source"], event["id"], time, "", data, time)


# ---- without identity -----------------------------------------------------------------------------------------------

BARE = MAPPING.replace('identity = ["case", "step"]', "")


def ids(folder: Path, rows: list[str], mapping: str = BARE) -> list[str]:
    (folder / "export.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    outcomes = events_of(folder / "export.csv", mapping_of(parsed_toml(mapping), "map.toml"))
    return sorted(str(event["id"]) for event in outcomes if not isinstance(event, Problem))


@settings(max_examples=20, deadline=None)
@given(st.permutations(["A,in,2021-11-01,u,x"] * 3 + ["A,out,2021-11-02,u,", "B,in,2021-11-01,u,"]))
def test_an_id_made_of_the_content_is_the_same_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("order")
    found = ids(folder, rows)
    assert found == ids(folder, sorted(rows))
    assert len(set(found)) == 5
    assert set(ids(folder, rows[:3])) <= set(found)


def test_a_number_of_a_row_is_never_part_of_an_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A daily export, newest first: what it reported on Monday has the same ids on Tuesday."""
    by_line = BARE.replace("source =", 'id = { template = "{case}-{step}-{line}" }\nsource =')
    monday = ["A,in,2021-11-01,u,", "A,out,2021-11-02,u,"]
    assert set(ids(tmp_path, monday, by_line)) < set(ids(tmp_path, ["B,in,2021-11-04,u,", *reversed(monday)], by_line))
    (tmp_path / "map.toml").write_text(by_line)
    arguments = ["--mapping", tmp_path / "map.toml", "--out", tmp_path / "o.jsonl"]
    with pytest.raises(SystemExit):
        main(["import", str(tmp_path / "export.csv"), *map(str, arguments)])
    assert "which has become {row}" in capsys.readouterr().err


def test_events_of_one_type_in_one_row_need_names_where_rows_have_an_identity() -> None:
    twice = MAPPING + MAPPING[MAPPING.index("[[event]]") :]
    with pytest.raises(MappingError, match="two events are called 'case.accepted'"):
        mapping_of(parsed_toml(twice), "map.toml")
