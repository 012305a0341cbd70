"""How the cells of an export are read: nothing, times, numbers, conditions, the rows of a case."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mapping.cells import Problem, kind_of
from services.mapping.export import events_of
from services.mapping.mapping_file import MappingError, mapping_of
from services.mapping.numbers import NumberReader
from services.runtime.text_file import parsed_toml

EVENT = """
[[event]]
type = "case.measured"
id = {{ template = "{{case}}-fee" }}
source = "/units/water"
subject = {{ column = "case" }}
time = {{ column = "at" }}
data.quantity = "fee"
data.value = {{ column = "fee", as = "number" }}
"""


def read(folder: Path, rows: str, rules: str = "", *, zone: str = "Asia/Shanghai", event: str = EVENT) -> list[Any]:
    (folder / "export.csv").write_text(rows)
    mapping = mapping_of(parsed_toml(f'timezone = "{zone}"\n{rules}{event.format()}'), "map.toml")
    return list(events_of(folder / "export.csv", mapping))


def one_time(
    folder: Path, at: str, rules: str = "", zone: str = "Asia/Shanghai", more: tuple[str, str] = ("", "")
) -> str:
    (event,) = read(folder, f"case,at,fee,day_clock,offset\nW,{at},1,{','.join(more)}\n", rules, zone=zone)
    return str(event.sentence if isinstance(event, Problem) else event["time"])


@pytest.mark.parametrize(
    ("at", "rules", "time"),
    [
        ("01.11.2021 09:12", 'format = ["%d.%m.%Y %H:%M", "iso"]', "2021-11-01T09:12:00+08:00"),
        ("2021-11-01", 'format = ["%d.%m.%Y %H:%M", "iso"]', "2021-11-01T00:00:00+08:00"),
        ("2021年11月1日 9时12分", 'format = "%Y年%m月%d日 %H时%M分"', "2021-11-01T09:12:00+08:00"),
        ("44501.375", 'format = "excel"', "2021-11-01T09:00:00+08:00"),
        ("44501.38888888889", 'format = "excel"', "2021-11-01T09:20:00+08:00"),
        ("43039.375", 'format = "excel-1904"', "2021-11-01T09:00:00+08:00"),
        ("1635728400", 'format = "unix"', "2021-11-01T09:00:00+08:00"),
        ("1635728400123", 'format = "unix-ms"', "2021-11-01T09:00:00.123000+08:00"),
        ("2021-11-01 24:00", "", "2021-11-02T00:00:00+08:00"),
        ("2021-11-01T24:00:00Z", "", "2021-11-02T08:00:00+08:00"),
        ("202112312400", 'format = "%Y%m%d%H%M"', "2022-01-01T00:00:00+08:00"),
    ],
)
def test_times_are_read_in_the_formats_of_their_column(tmp_path: Path, at: str, rules: str, time: str) -> None:
    assert one_time(tmp_path, at, f"[columns.at]\n{rules}\n") == time


@pytest.mark.parametrize(
    ("at", "rules", "said"),
    [
        ("2021-11-01 24:01", "", "a text of the form '9999-99-99 99:99' is not a time in the format 'iso'"),
        ("01/02/2021", 'format = ["%d/%m/%Y", "%m/%d/%Y"]', "different meaning in each of the formats"),
        ("2021-02-30", "", "is not a time"),
        ("1900-01-01", "", "in the year 1900, which systems write for 'no date'"),
        ("1970-01-01 08:00:00", "", "midnight of 1970-01-01, which systems write for 'no date'"),
        ("0", 'format = "excel"', "in the year 1899"),
        ("", "", "the time of the event is empty"),
    ],
)
def test_what_is_no_time_is_said_by_its_form(tmp_path: Path, at: str, rules: str, said: str) -> None:
    assert said in one_time(tmp_path, at, f"[columns.at]\n{rules}\n")


@pytest.mark.parametrize(
    ("at", "format"),
    [
        ("NULL", "iso"), ("-", "iso"), ("1900-01-01", "iso"), ("1900-01-01 00:00:00", "iso"),
        ("1970-01-01T08:00:00", "iso"), ("1970-01-01T00:00:00Z", "iso"), ("0", "excel"), ("0.0", "excel"),
    ],
)  # fmt: skip
def test_what_a_column_writes_for_nothing_is_nothing(tmp_path: Path, at: str, format: str) -> None:
    rules = f'[columns.at]\nempty = ["NULL", "-", 1900-01-01, 1970-01-01T00:00:00Z, 0]\nformat = ["iso", "{format}"]\n'
    event = EVENT.replace("[[event]]", '[[event]]\nskip_if_empty = ["at"]')
    assert read(tmp_path, f"case,at,fee\nW,{at},1\n", rules, event=event) == []


def test_markers_of_nothing_may_hold_for_all_columns(tmp_path: Path) -> None:
    (event,) = read(tmp_path, "case,at,fee\nW,2021-11-01,NULL\n", 'empty = "NULL"\n')
    assert event["data"] == {"quantity": "fee"}


def test_a_date_and_its_time_of_day_may_stand_in_two_columns(tmp_path: Path) -> None:
    rules = '[columns.at]\nclock = "day_clock"\n'
    for clock, time in (("9:05", "2021-11-01T09:05:00+08:00"), ("24:00", "2021-11-02T00:00:00+08:00")):
        assert one_time(tmp_path, "2021-11-01", rules, more=(clock, "")) == time
    assert "is not a time of day" in one_time(tmp_path, "2021-11-01", rules, more=("noon", ""))
    assert "outside 00:00 to 24:00" in one_time(tmp_path, "2021-11-01", rules, more=("24:01", ""))


@pytest.mark.parametrize(
    ("rules", "offset", "time"),
    [
        ("", "", "2011-10-30T02:30:00+02:00"),
        ('fold = "later"', "", "2011-10-30T02:30:00+01:00"),
        ('offset = "offset"', "+01:00", "2011-10-30T02:30:00+01:00"),
        ('offset = "offset"', "+2", "2011-10-30T02:30:00+02:00"),
    ],
)
def test_of_an_hour_that_happens_twice_the_mapping_says_which(
    tmp_path: Path, rules: str, offset: str, time: str
) -> None:
    found = one_time(tmp_path, "2011-10-30 02:30", f"[columns.at]\n{rules}\n", "Europe/Amsterdam", ("", offset))
    assert found == time


@pytest.mark.parametrize(
    ("text", "rules", "number"),
    [
        ("1.50", {}, 1.5),
        ("9007199254740993", {}, 9007199254740993),
        ("9007199254740993.0", {}, 9007199254740993),
        ("1,234,567", {"thousands": ","}, 1234567),
        ("1.234,5", {"thousands": ".", "decimal": ","}, 1234.5),
        ("¥ 12.5", {"currency": ("¥", "元")}, 12.5),
        ("12元", {"currency": ("¥", "元")}, 12),
        ("-€5", {"currency": ("€",)}, -5),
    ],
)  # fmt: skip
def test_numbers_are_read_as_their_column_declares(text: str, rules: Any, number: float) -> None:
    found = NumberReader(**rules).number(text)
    assert (found, type(found)) == (number, type(number))


@pytest.mark.parametrize(
    "text", ["nan", "inf", "1_000", "1e3", "1,5", "12,34,567", "0x10", "１２", "", "-", "1.", ".5", "¥1"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        NumberReader().number(text)
    with pytest.raises(ValueError):
        NumberReader(thousands=",").number("1,23")


@settings(max_examples=100, deadline=None)
@given(st.integers(-(10**40), 10**40), st.sampled_from([",", ".", " ", "'"]))
def test_a_whole_number_is_exact_with_or_without_separators(number: int, thousands: str) -> None:
    decimal = "," if thousands == "." else "."
    reader = NumberReader(thousands=thousands, decimal=decimal)
    assert reader.integer(str(number)) == number
    assert reader.integer(f"{number:,}".replace(",", thousands)) == number


@given(st.text(min_size=1, max_size=50))
def test_an_error_never_shows_letters_or_digits_of_a_cell(text: str) -> None:
    form = kind_of(text).removeprefix("a text of the form ")
    assert not any((letter.isalnum() and letter not in "a9字") for letter in form)


STATUS = """
[[event]]
type = "case.accepted"
row = "first"
when = {{ state = {{ not = ["draft"] }} }}
id = {{ template = "{{case}}-accepted" }}
source = "/units/water"
subject = {{ column = "case" }}
time = {{ column = "at" }}
data = {{ service_item = "water.connection", unit = "u" }}

[[event]]
type = "case.suspended"
when = {{ state = "waiting" }}
when_changed = ["state"]
id = {{ template = "{{case}}-suspended-{{at}}" }}
source = "/units/water"
subject = {{ column = "case" }}
time = {{ column = "at" }}
data.unit = "u"

[[event]]
type = "case.resumed"
when = {{ state = {{ not = ["waiting"] }} }}
when_previous = {{ state = "waiting" }}
id = {{ template = "{{case}}-resumed-{{at}}" }}
source = "/units/water"
subject = {{ column = "case" }}
time = {{ column = "at" }}
data.unit = "u"

[[event]]
type = "case.completed"
row = "last"
when = {{ state = "done" }}
id = {{ template = "{{case}}-completed" }}
source = "/units/water"
subject = {{ column = "case" }}
time = {{ column = "at" }}
"""
HISTORY = [
    "A,2021-11-01,draft", "A,2021-11-02,open", "A,2021-11-03,waiting", "A,2021-11-04,waiting", "A,2021-11-05,open",
    "A,2021-11-06,done", "A,2021-11-08,done", "B,2021-11-02,open", "B,2021-11-07,done",
]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.permutations(HISTORY))
def test_a_history_of_states_gives_the_same_events_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str]
) -> None:
    outcomes = read(
        tmp_path_factory.mktemp("history"),
        "\n".join(["case,at,state", *rows]),
        'case = { column = "case", order_by = "at" }\n',
        event=STATUS,
    )
    assert sorted((each["subject"], each["time"][8:10], each["type"]) for each in outcomes) == [
        ("A", "02", "case.accepted"),
        ("A", "03", "case.suspended"),
        ("A", "05", "case.resumed"),
        ("A", "08", "case.completed"),
        ("B", "02", "case.accepted"),
        ("B", "07", "case.completed"),
    ]


def test_what_looks_at_other_rows_needs_to_know_the_case(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="say which column names the case"):
        read(tmp_path, "case,at,state\n", event=STATUS)
