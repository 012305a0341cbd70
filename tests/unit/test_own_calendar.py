"""A plan of another place: its own calendar, and a year that begins in April."""

import csv
import shutil
from datetime import date
from pathlib import Path

import orjson
import pytest

from services.catalog.load.calendars import calendar_of, load_calendar
from services.catalog.load.plan_folder import InvalidPlan, load_plan
from services.catalog.words.wording import WINDOW_NAMES, window_names
from services.domain.plan.plan import Window
from services.domain.results.published import ValueRow
from services.domain.time.zone import Zone
from services.replay.replay import replay
from tests.unit.commands import run

PLAN = Path(__file__).parents[1] / "golden" / "plans" / "good" / "own-calendar"
ZONE = Zone("Asia/Tokyo")
SOURCE = "/units/water-works"


def event(case: str, type_: str, time: str, data: dict[str, object] | None = None) -> bytes:
    stamp = f"{time}+09:00"
    envelope = {"specversion": "1.0", "id": f"{case}-{type_}", "source": SOURCE, "type": type_, "subject": case}
    return orjson.dumps({**envelope, "time": stamp, "recordedat": stamp, "receivedat": stamp, "data": data or {}})


def history(case: str, began: str, connected: str) -> list[bytes]:
    """A small water connection, accepted and connected at nine."""
    data: dict[str, object] = {
        "service_item": "water.connection",
        "unit": "water-works",
        "attributes": {"size": "small"},
    }
    return [
        event(case, "case.accepted", f"{began}T09:00:00", data),
        event(case, "case.milestone", f"{connected}T09:00:00", {"name": "connected", "unit": "water-works"}),
    ]


LAST_DAYS = {
    "2021-11-01": "2021-11-08",  # the 3rd is a holiday; in the package's calendar it is the 5th
    "2021-11-25": "2021-11-30",  # Saturday the 27th is worked
    "2021-12-27": "2022-01-06",  # from 12-29 to 01-03 nothing is worked
}


def archive(path: Path, *histories: list[bytes]) -> str:
    path.write_bytes(b"\n".join(line for each in histories for line in each) + b"\n")
    return str(path)


def rows(events: str, as_of: str, folder: Path = PLAN) -> dict[Window, ValueRow]:
    at = ZONE.midnight(date.fromisoformat(as_of).toordinal())
    found = replay([events], folder, [at], processes=1)
    return {Window(each.window): each for each in found.rows if each.unit == "ALL"}


def test_cases_are_judged_by_the_plans_own_days(tmp_path: Path) -> None:
    in_time = [history(f"H{day}", day, last) for day, last in LAST_DAYS.items()]
    late = [
        history(f"L{day}", day, date.fromordinal(date.fromisoformat(last).toordinal() + 1).isoformat())
        for day, last in LAST_DAYS.items()
    ]
    found = rows(archive(tmp_path / "events.jsonl", *in_time, *late), "2022-02-01")[Window.YEAR]
    assert (found.numerator, found.denominator, found.provisional_n) == ("3", "6", "0")


def test_its_year_begins_in_april(tmp_path: Path) -> None:
    events = archive(tmp_path / "events.jsonl", history("A", "2021-11-01", "2021-11-02"))
    last_day, first_day = rows(events, "2022-04-01")[Window.YEAR], rows(events, "2022-04-02")[Window.YEAR]
    assert (last_day.window_start, last_day.n) == ("2021-04-01T00:00:00+09:00", "1")
    assert (first_day.window_start, first_day.n) == ("2022-04-01T00:00:00+09:00", "0")
    assert rows(events, "2022-01-01")[Window.YEAR].n == "1"  # in January it is still the same year


def test_a_year_that_the_plan_does_not_publish_is_provisional(tmp_path: Path) -> None:
    """Though the package's calendar has it: 2022-12-29, 12-30, and by the week alone 2023-01-02 and 01-03."""
    events = archive(tmp_path / "events.jsonl", history("A", "2022-12-28", "2023-01-03"))
    found = rows(events, "2023-01-10")[Window.YEAR]
    assert (found.state, found.provisional_n) == ("provisional", "1")
    assert not load_calendar("cn").is_provisional(date(2023, 1, 3).toordinal())


def test_the_command_explains_by_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = archive(tmp_path / "events.jsonl", history("A", "2021-11-01", "2021-11-08"))
    values = tmp_path / "values.csv"
    assert run("replay", events, "--plan", PLAN, "--as-of", "2022-02-01", "--out", values) == 0
    with values.open(newline="") as lines:
        assert {row["state"] for row in csv.DictReader(lines) if row["window"] == "year"} == {"met"}
    capsys.readouterr()
    assert run("explain", "A", events, "--plan", PLAN, "--as-of", "2022-02-01") == 0
    assert "文化节" in capsys.readouterr().out


def test_the_names_of_windows_say_when_the_year_begins(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plan = load_plan(PLAN)
    assert window_names(plan.head)[Window.YEAR].zh == "本年度（自4月起）"
    assert window_names(plan.head)[Window.QUARTER] == WINDOW_NAMES[Window.QUARTER]  # its quarters are the calendar's
    february = plan.head.model_copy(update={"year_begins": 2})
    assert window_names(february)[Window.QUARTER].en == "this quarter (of a year from February)"
    assert window_names(plan.head.model_copy(update={"year_begins": 1})) == WINDOW_NAMES
    assert run("plan", "show", "P1", "--plan", PLAN) == 0
    assert "本年度（自4月起）" in capsys.readouterr().out


# ---- what is wrong with it -----------------------------------------------------------------------------------
def changed(tmp_path: Path, file: str, old: str, new: str) -> Path:
    folder = Path(shutil.copytree(PLAN, tmp_path / "plan"))
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("plan.toml", "year_begins = 4", "year_begins = 13", "13 is no month: write 1 to 12"),
        ("plan.toml", "year_begins = 4", "year_begins = 2021-04-06", "within a month is not supported"),
        ("plan.toml", '"calendar.toml"', '"cn"', "is there and is not used"),
        ("calendar.toml", "last = 2021-11-03", "last = 2021-11-02", "before it begins 2021-11-03: swap them"),
        ("calendar.toml", "2022-12-31", "2020-12-31", "is before published_from 2021-01-01: swap them"),
        ("calendar.toml", "[2021-11-27]", "[2021-12-30]", "2021-12-30 is a holiday and a make-up day"),
        ("calendar.toml", 'version = "2022-1"\n', "", "version: is missing"),
    ],
)
def test_what_is_wrong_with_it_is_said_with_its_place(
    tmp_path: Path, file: str, old: str, new: str, sentence: str
) -> None:
    folder = changed(tmp_path, file, old, new)
    with pytest.raises(InvalidPlan) as raised:
        load_plan(folder)
    (problem,) = {str(each) for each in raised.value.problems}
    assert sentence in problem and problem.startswith(str(folder / file))


def test_a_calendar_file_that_is_named_is_there(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(PLAN, tmp_path / "plan"))
    (folder / "calendar.toml").unlink()
    with pytest.raises(InvalidPlan, match=r"calendar\.toml: cannot be read: there is no such file"):
        load_plan(folder)
    head = (folder / "plan.toml").read_text(encoding="utf-8")
    (folder / "plan.toml").write_text(head.replace('"calendar.toml"', '"jp"'), encoding="utf-8")
    with pytest.raises(InvalidPlan, match=r"name one of cn, monday-friday, or write calendar\.toml beside plan\.toml"):
        load_plan(folder)


def test_another_calendar_is_another_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = changed(tmp_path, "calendar.toml", "last = 2021-11-03", "last = 2021-11-04")
    assert load_plan(folder).fingerprint != load_plan(PLAN).fingerprint
    assert run("plan", "diff", PLAN, folder) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "calendar elsewhere" in told and "2021-11-04" in told and "every case is judged again" in told
    assert calendar_of(load_plan(folder)).holiday_name(date(2021, 11, 4).toordinal()) == "文化节"


def test_no_process_takes_a_calendar_by_its_name_alone() -> None:
    """A plan may bring its own: `calendar_of` knows it."""
    root = Path(__file__).parents[2]
    modules = {path for room in ("services", "streams", "dashboards") for path in (root / room).rglob("*.py")}
    modules.discard(root / "services" / "catalog" / "load" / "calendars.py")
    assert modules and not [path for path in modules if "load_calendar" in path.read_text(encoding="utf-8")]
