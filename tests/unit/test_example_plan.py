"""The English plan that ships as an example: all that is made of a plan can be made of it."""

import csv
import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from dashboards.build import dashboards
from services.alert_rules.alerts import rule_groups
from services.catalog.check.plan_check import check_plan
from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import InvalidPlan, load_plan
from services.catalog.words.promise_text import in_words
from services.domain.plan.plan import Plan, Window
from services.domain.plan.statutory_time import Law
from services.handbook.write import write_handbook
from services.runtime.settings import Settings
from tests.unit.commands import run

FOLDER = Settings().plan.parent / "example-permits"
PLAN = load_plan(FOLDER)
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "plan"))


def edited(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")


def test_it_has_no_errors_and_no_chinese() -> None:
    assert [str(each) for each in check_plan(FOLDER, date(2026, 11, 30))] == []
    for path in FOLDER.rglob("*"):
        assert path.is_dir() or not CHINESE.search(path.read_text(encoding="utf-8")), path


def test_its_days_and_hours_are_its_own() -> None:
    law = Law(PLAN, calendar_of(PLAN))
    assert law.zone.name == "Europe/Amsterdam"
    assert not law.calendar.is_working(date(2011, 6, 2).toordinal())  # Ascension Day
    opens, closes = law.hours("customer-contact", "").spans(date(2011, 6, 9).toordinal())[0]  # a Thursday
    assert (closes - opens) == 11 * 3_600_000_000


def test_pages_dashboards_and_alerts_can_be_made_of_it(tmp_path: Path) -> None:
    write_handbook(FOLDER, tmp_path)
    page = (tmp_path / "promises" / "P1.md").read_text(encoding="utf-8")
    assert "56 calendar days" in page
    assert dashboards(PLAN)
    rules = [rule for group in rule_groups(PLAN, 1)["groups"] for rule in group["rules"]]
    assert any(rule.get("labels", {}).get("kpi") == "P1" for rule in rules)
    assert all(in_words(promise, PLAN).en for promise in PLAN.promises)


# ---- which plan judges ---------------------------------------------------------------------------------------
EVENT = (
    '{"specversion":"1.0","id":"1","source":"/units/waterveen-permits","type":"case.accepted","subject":"A",'
    '"time":"2011-06-01T10:00:00+02:00","recordedat":"2011-06-01T10:00:00+02:00",'
    '"data":{"service_item":"permit.environmental","unit":"permits-general","channel":"online"}}\n'
)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text(EVENT, encoding="utf-8")
    return path


def named(plan: Plan, folder: Path) -> str:
    return f"plan: {plan.head.title.en} ({plan.head.id}, version {plan.head.version}, {folder})\n"


def test_validate_and_replay_say_by_which_plan(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("validate", events, "--plan", FOLDER) == 0
    found = capsys.readouterr()
    assert (found.out, found.err) == ("1 accepted, 0 rejected\n", named(PLAN, FOLDER))
    values = tmp_path / "values.csv"
    assert run("replay", events, "--plan", FOLDER, "--as-of", "2011-09-01", "--out", values) == 0
    assert capsys.readouterr().err.startswith(named(PLAN, FOLDER))
    with values.open(encoding="utf-8", newline="") as lines:
        of_p1 = [row for row in csv.DictReader(lines) if (row["kpi"], row["unit"]) == ("P1", "ALL")]
    of_the_year = next(row for row in of_p1 if row["window"] == Window.YEAR)
    assert (of_the_year["numerator"], of_the_year["n"]) == ("0", "1")  # eight weeks were over on 07-27


def test_replay_refuses_a_plan_that_plan_check_refuses_in_the_same_words(
    copy: Path, events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(copy, "kpis/permits.toml", 'limit = "56 calendar_days"', 'limit = "60 calendar_days"')
    assert run("plan", "check", copy) == 1
    (sentence, _count) = capsys.readouterr().out.splitlines()
    assert "the clause prints 8 weeks, the entry 60 calendar_days" in sentence
    values = tmp_path / "values.csv"
    assert run("replay", events, "--plan", copy, "--as-of", "2011-08-01", "--out", values) == 1
    assert (
        capsys.readouterr().err
        == f"{copy}: `kpiwatch plan check` finds an error, so nothing is judged:\n  {sentence}\n"
    )
    assert not values.exists()


# ---- languages -----------------------------------------------------------------------------------------------
def test_plan_check_says_that_it_does_not_know_a_language(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited(copy, "plan.toml", 'language = "en"', 'language = "nl"')
    assert run("plan", "check", copy) == 0
    assert "language nl: of the clauses only the numbers in digits were compared" in capsys.readouterr().out


@pytest.mark.parametrize("declared", ["", 'language = "zh"'])
def test_a_chinese_plan_has_titles_in_both_languages(copy: Path, declared: str) -> None:
    edited(copy, "plan.toml", 'language = "en"', declared)
    with pytest.raises(InvalidPlan, match=r"title\.zh: is missing"):
        load_plan(copy)


def test_the_language_decides_no_verdict(copy: Path) -> None:
    edited(copy, "plan.toml", 'language = "en"', 'language = "nl"')
    assert load_plan(copy).fingerprint == PLAN.fingerprint


def test_an_english_annex_names_its_leads_with_semicolons(copy: Path) -> None:
    clause = "At least 80 % of applications are handed in online."
    (copy / "annex.csv").write_text(f"row,item,text,lead,responsible\n2-1,2,{clause},Customer contact,\n")
    assert check_plan(copy, date(2026, 11, 30)) == []
    edited(copy, "annex.csv", "Customer contact", "Customer contact; Experts")
    (problem,) = check_plan(copy, date(2026, 11, 30))
    assert problem.sentence == "row 2-1 of the annex has the lead Customer contact、Experts"
