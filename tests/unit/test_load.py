"""The plan that comes with the project says what the plan says."""

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

import services.catalog
from services.catalog.check.plan_check import check_plan
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.all_kinds import SPECIFICATIONS
from services.domain.plan.plan import CasePromise, Objective, Plan, Promise, Strength
from services.domain.time.limits import Limit
from tests.verdicts import shipped

SHIPPED = Path(services.catalog.__file__).parent / "jiangbei-2021"
CATALOGUE = Path(__file__).parents[2].parent / "shared" / "plan" / "kpi_catalogue.md"

PLAN = shipped().plan
TEXT = (SHIPPED / "plan-zh.txt").read_text(encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "plan"))


def promise(key: str) -> Promise:
    return next(each for each in PLAN.promises if each.key == key)


def threshold(entry: Promise) -> str:
    """All numbers that an entry is judged by."""
    numbers = dict(entry.thresholds())
    figures = [each for each in (entry.objective, bound_of(entry)) if each]
    written = [f"{each.relation} {each.amount} {each.unit}" for each in figures]
    matures = f"matures {numbers['matures_at']}" if "matures_at" in numbers else ""
    return "; ".join(filter(None, [str(numbers.get("limit", "")), *written, str(entry.target_date or ""), matures]))


def bound_of(entry: Promise) -> Objective | None:
    return entry.bounded_by if isinstance(entry, CasePromise) else None


def of_cases(key: str) -> CasePromise:
    entry = promise(key)
    assert isinstance(entry, CasePromise)
    return entry


THRESHOLDS = {
    "K03-2": "<= 0 CNY",
    "K06-1": "4 working_days",
    "K06-2": "7 working_days",
    "K06-3": "7 working_days",
    "K06-4": "<= 28 working_days",
    "K06-5": "13 working_days",
    "K13-3": "20 calendar_days",
    "K14-2": "7 working_days",
    "K15-1": "5 working_days",
    "K24-1": ">= 0.8 share",
    "K24-1/cases": ">= 0.8 share",
    "K24-1/ratio_of_sums": ">= 0.8 share",
    "K24-2": "<= 0.3 visits",
    "K24-2/cases": "<= 0.3 visits",
    "K24-3": ">= 0.4 share",
    "K25-1": ">= 74 items; 2021-12-31",
    "K26-1": ">= 0.8 share",
    "K26-2": ">= 0.7 share",
    "K26-3": "",
    "K27-2": "<= 1 count",
    "K30-1": "90 working_minutes",
    "K37-2": ">= 1 share; matures 15 working_days",
    "K44-1": "1 working_day",
    "K45-1": "",
    "KIV-1": ">= 1 share",
}

STRENGTHS = {
    Strength.SOFT: {"K13-3", "K14-2", "K15-1"},
    Strength.ASPIRATIONAL: {"K37-2"},
    Strength.DIRECTIONAL: {"K26-3", "K45-1"},
}


def test_the_plan_has_the_promises_of_the_first_stage() -> None:
    assert [each.key for each in PLAN.promises if each.key in THRESHOLDS] == list(THRESHOLDS)


@pytest.mark.parametrize("key", THRESHOLDS)
def test_a_promise_has_the_numbers_of_the_plan(key: str) -> None:
    assert threshold(promise(key)) == THRESHOLDS[key]


@pytest.mark.parametrize("key", THRESHOLDS)
def test_a_clause_is_a_literal_quotation(key: str) -> None:
    assert promise(key).clause in TEXT


@pytest.mark.parametrize("key", THRESHOLDS)
def test_a_promise_binds_as_the_plan_words_it(key: str) -> None:
    expected = next((strength for strength, kpis in STRENGTHS.items() if key in kpis), Strength.HARD)
    assert promise(key).strength is expected
    assert promise(key).effective_from == date(2021, 8, 20)


def test_each_kind_of_promise_has_an_example_that_loads() -> None:
    examples = load_plan(Path(__file__).parents[1] / "golden" / "plans" / "good" / "kinds")
    assert {each.kind for each in examples.promises} == SPECIFICATIONS.keys()


def test_the_plan_has_no_problems() -> None:
    assert [str(problem) for problem in check_plan(SHIPPED, date(2021, 10, 1))] == []


class Amount(NamedTuple):
    """An amount as it stands in a file of the plan's promises."""

    file: str
    line: int
    entry: int
    """The promise's place in the file."""
    kpi: str
    start: int
    end: int
    number: str


def amounts_of(file: Path) -> Iterator[Amount]:
    text = file.read_text(encoding="utf-8")
    pattern = r'^(?:limit|objective|bound) = "(?:[<>]?= )?([0-9]+(?:\.[0-9]+)?)(?:\.\.[0-9]+)? '
    for match in re.finditer(pattern, text, re.MULTILINE):
        before = text[: match.start()]
        kpi = re.findall(r'^id = "(.+)"', before, re.MULTILINE)[-1]
        yield Amount(
            file.name, before.count("\n") + 1, before.count("[[promise]]") - 1, kpi, *match.span(1), number=match[1]
        )


AMOUNTS = [amount for file in sorted((SHIPPED / "kpis").glob("*.toml")) for amount in amounts_of(file)]
NOT_IN_THE_CLAUSE = {
    *("K02-2", "K13-1", "K28-2", "K38-1", "K44-2"),
    *("K05-3", "K13-4", "K16-3", "K16-6", "K24-7", "K30-9", "K31-4", "K26-5", "K26-7", "K35-1", "K40-1", "K42-2"),
}
"""Something local, an order of steps, 当日, or the one milestone of a deed to be done: the clause prints no number, so
only the lock and `tests/golden/thresholds.csv` know the amount."""


def one_of_each() -> list[list[Amount]]:
    """The amounts in rounds: in each round no promise has more than one."""
    rounds: list[list[Amount]] = []
    turns: Counter[tuple[str, str]] = Counter()
    for amount in AMOUNTS:
        turn = turns[amount.file, amount.kpi]
        turns[amount.file, amount.kpi] += 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(amount)
    return rounds


def off_by_one(copy: Path, amounts: Sequence[Amount]) -> None:
    """Writes one more than each of the amounts into their files."""
    for amount in sorted(amounts, key=lambda amount: amount.start, reverse=True):
        path = copy / "kpis" / amount.file
        text = path.read_text(encoding="utf-8")
        more = str(Decimal(amount.number) + 1)
        path.write_text(text[: amount.start] + more + text[amount.end :], encoding="utf-8")


@pytest.mark.parametrize("changed", one_of_each(), ids=lambda changed: f"{len(changed)} amounts")
def test_the_checker_refuses_each_amount_that_is_off_by_one(changed: list[Amount], copy: Path) -> None:
    off_by_one(copy, changed)
    problems = check_plan(copy, date(2022, 1, 2))
    locked = [problem for problem in problems if "edited while in force" in problem.sentence]
    in_force = {(each.file, each.entry) for each in changed if promise(each.kpi).effective_to is None}
    assert in_force <= {(problem.file.name, problem.place[1]) for problem in locked}
    in_clause = {(each.file, each.line) for each in changed if each.kpi not in NOT_IN_THE_CLAUSE}
    assert {(problem.file.name, problem.line) for problem in problems if problem not in locked} == in_clause


def test_no_single_case_can_breach_a_mean() -> None:
    means = {each.key for each in PLAN.promises if each.kind in ("case_mean", "mean_reduction")}
    assert means == {"K06-4", "K24-1", "K24-1/cases", "K24-1/ratio_of_sums", "K24-2/cases"}
    assert all(of_cases(key).clock.limit is None for key in means)


def test_a_payment_starts_with_the_later_of_invoice_and_conditions() -> None:
    assert of_cases("K15-1").start == ("milestone:invoice_received", "milestone:conditions_met")


def test_whole_durations_stop_for_nothing() -> None:
    """全流程, 总用时 and 接入时间: the plan names no stop of the clock."""
    assert all(of_cases(f"K06-{n}").clock_stops == () for n in range(1, 6))


def test_every_lead_of_a_section_owes_a_monthly_report() -> None:
    headings = [line for line in TEXT.splitlines() if "（牵头单位：" in line]
    leads = {unit for line in headings for unit in line.partition("牵头单位：")[2].rstrip("）").split("、")}
    assert {PLAN.units[unit].title.zh for unit in promise("KIV-1").owed_units} == leads


def catalogued(kpi: str) -> dict[str, str]:
    """The row of a promise in the catalogue that the plan was read into by others."""
    if not CATALOGUE.exists():
        pytest.skip(f"compares with {CATALOGUE}, which is not there")
    names = ("id", "item", "quote", "kind", "threshold", "scope", "lead", "responsible")
    rows = (line.strip("| ").split(" | ") for line in CATALOGUE.read_text(encoding="utf-8").splitlines())
    return dict(zip(names, next(row for row in rows if row[0] == kpi), strict=False))


def named(units: str) -> set[str]:
    return set() if units == "—" else set(units.split("、"))


@pytest.mark.parametrize("key", THRESHOLDS)
def test_a_promise_agrees_with_the_catalogue_of_promises(key: str) -> None:
    entry = promise(key)
    row = catalogued(entry.id)
    assert row["quote"] in entry.clause or entry.clause in row["quote"]
    assert str(entry.item) == row["item"]
    assert row["kind"].split(" / ")[1] == entry.strength
    if entry.about == "duty":
        return  # a report a month and lead is the period and who owes it here, and the leads are listed
    assert {PLAN.units[unit].title.zh for unit in entry.lead} == named(row["lead"])
    assert {PLAN.units[unit].title.zh for unit in entry.responsible} == named(row["responsible"])
    relation, amount, unit = row["threshold"].split()[:3]
    limit = dict(entry.thresholds()).get("limit")
    if amount == "—":
        assert entry.objective is None
    elif isinstance(limit, Limit):
        assert (relation, limit.amount) == ("<=", int(amount))
        assert str(limit.unit).removeprefix("working_") == unit.removeprefix("working_")
    else:
        figure = bound_of(entry) or entry.objective
        assert figure is not None
        assert figure.amount == (Decimal(amount) / 100 if figure.unit == "share" else Decimal(amount))


# ---- loading --------------------------------------------------------------------------------------------------------


def edited(folder: Path, file: str, old: str, new: str) -> Plan:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return load_plan(folder)


def test_a_copy_of_a_plan_has_its_fingerprint(copy: Path) -> None:
    assert load_plan(copy).fingerprint == PLAN.fingerprint


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("kpis/06-water-power-gas.toml", 'limit = "4 working_days"', 'limit = "5 working_days"'),
        ("kpis/06-water-power-gas.toml", 'project_size = "small"', 'project_size = "large"'),
        ("kpis/24-items-on-application.toml", '"hearing", ', ""),
        ("opening_hours.toml", "09:00", "08:30"),
        ("service_items.toml", '"20 working_days"', '"19 working_days"'),
        ("sources.toml", 'usual_delay = "1 working_days"', 'usual_delay = "2 working_days"'),
        ("lists/on-application-items.txt", "permit.special_trade", ""),
        ("lists/patent-agencies.txt", "# placeholder", "# no placeholder"),
        ("plan.toml", 'calendar = "cn"', 'calendar = "monday-friday"'),
    ],
)
def test_what_decides_a_verdict_changes_the_fingerprint(copy: Path, file: str, old: str, new: str) -> None:
    assert edited(copy, file, old, new).fingerprint != PLAN.fingerprint


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("kpis/06-water-power-gas.toml", "Water connection, small project, no external line", "Water"),
        ("kpis/06-water-power-gas.toml", "As K06-1.", "As above."),
        ("units.toml", "District Finance Bureau", "Finance"),
        ("units.toml", 'role = "utility"', 'role = "institution"'),
        ("units.toml", "duty-desk@district-court.example", "post-room@district-court.example"),
        ("plan.toml", "# The plan", "# A plan"),
    ],
)
def test_what_decides_no_verdict_leaves_the_fingerprint(copy: Path, file: str, old: str, new: str) -> None:
    assert edited(copy, file, old, new).fingerprint == PLAN.fingerprint


def test_the_order_of_files_leaves_the_fingerprint(copy: Path) -> None:
    (copy / "kpis" / "45-courts.toml").rename(copy / "kpis" / "00-courts.toml")
    assert load_plan(copy).fingerprint == PLAN.fingerprint


def test_a_list_stands_for_its_codes() -> None:
    assert of_cases("K24-1").select["service_item"] == PLAN.lists["on-application-items"]
    assert "permit.food_business" in PLAN.sources["/units/district-government-services"].feeds
