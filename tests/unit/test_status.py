"""`kpiwatch status`: what is shown, in which order, and that it fits the terminal."""

import io
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

import services.catalog
from services.catalog.load.plan_folder import load_plan
from services.cli.status_reading import DistrictStatus, troubles
from services.cli.status_view import Line, Size, StatusView, Wish, forecast
from services.domain.plan.plan import Plan, Promise
from services.domain.results.published import Card, State, ValueRow
from services.figures.shown import rounded
from services.runtime.worker_failures import WorkerFailure
from tests.unit.cases import plan, promise

JIANGBEI = load_plan(Path(services.catalog.__file__).parent / "jiangbei-2021")
COUNT: Promise = promise(
    kind="catalogue", statistic="count", select={}, collection="catalogue", objective="3..5 enterprises",
    by="2021-12-31", windows=("now",), official_window="now",
)  # fmt: skip


def a_row(kpi: str = "P", unit: str = "ALL", state: str = "missed", **cells: str) -> ValueRow:
    usual = {"variant": "official", "item": "-", "window": "year", "open_overdue": "0"}
    usual |= {"window_end": "2021-11-01T00:00:00+08:00"}
    return ValueRow(**dict.fromkeys(ValueRow._fields, "") | usual | {"kpi": kpi, "unit": unit, "state": state} | cells)


def counted(kpi: str, met: int, n: int, **cells: str) -> ValueRow:
    """A row of a share of cases."""
    cells = {"numerator": str(met), "denominator": str(n), "n": str(n), "value": f"{met / n:.6f}", "lower": "0"} | cells
    return a_row(kpi, **cells)


def published(*rows: ValueRow, cards: tuple[Card, ...] = (), **more: Any) -> DistrictStatus:
    times = ("2021-11-01T00:00:00+08:00", "2021-10-31T23:59:00+08:00")
    return DistrictStatus(list(rows), {}, list(cards), *times, **more)


def page(of: Plan, status: DistrictStatus, width: int = 120, height: int | None = None, **wish: Any) -> list[str]:
    """The lines of a page."""
    console = Console(record=True, width=width, height=height, file=io.StringIO())
    console.print(StatusView(of, Wish(**wish)).page(status, Size(width, height)), soft_wrap=height is None)
    return [line.rstrip() for line in console.export_text().splitlines()]


# ---- a terminal --------------------------------------------------------------------------------------------
def district() -> DistrictStatus:
    """Every promise of the plan, all of them missed by far, with cards of every unit: the longest page there is."""
    rows = [
        counted(one.id, 1, 20_000, window=one.official_window.value, open_overdue="1234")
        if one.figure_unit == "share"
        else a_row(one.id, window=one.official_window.value, value="12345.678901", n="20000")
        for one in {each.id: each for each in JIANGBEI.promises if each.is_official}.values()
    ]
    cards = [CASE._replace(unit=unit, kpi=row.kpi, level="red") for unit in JIANGBEI.units for row in rows[:9]]
    failure = WorkerFailure("kpis-1", "kpis", "KeyError at streams/kpis/kpis.py:1", 3, 1.0, 1_633_017_600.0)
    return published(*rows, cards=tuple(cards), failures=[failure], unreadable=2, quarantined=7)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (200, 60)])
@pytest.mark.parametrize("english", [False, True])
@pytest.mark.parametrize("is_ill", [False, True])
def test_a_page_fits_the_terminal_and_its_summary_is_the_first_and_the_last_line(
    size: tuple[int, int], english: bool, is_ill: bool
) -> None:
    status = district() if is_ill else district()._replace(failures=[], unreadable=0, quarantined=0)
    view = StatusView(JIANGBEI, Wish(english=english))
    console = Console(record=True, width=size[0], height=size[1], file=io.StringIO())
    console.print(view.fitting(status, Size(*size)))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert max(map(cell_len, lines)) <= size[0]
    assert len(lines) < size[1]  # one is for the next command
    assert lines[0] == lines[-1] and ("missed" if english else "未达标") in lines[0]
    assert not any("…" in line[:14] for line in lines[3:8])  # neither states nor numbers of promises are cut


@pytest.mark.parametrize("english", [False, True])
def test_ten_promises_fit_80_by_24(english: bool) -> None:
    status = district()._replace(failures=[], unreadable=0, quarantined=0)
    lines = page(JIANGBEI, status, 80, 24, english=english)
    assert len(lines) < 24
    assert sum(line.startswith("✗ ") for line in lines) == 10
    assert any("0.01 %" in line and "20000" in line for line in lines), lines


@pytest.mark.slow
def test_a_number_is_left_out_rather_than_cut() -> None:
    for width in range(40, 120):
        for line in page(JIANGBEI, district()._replace(failures=[]), width, 24):
            assert cell_len(line) <= width
            assert not re.search(r"(^| )[≥≤]? ?[0-9][0-9.,%]*…", line), line


# ---- which promises ----------------------------------------------------------------------------------------
TWO = plan(promise(id="P", limit="4 working_days"), promise(id="Q", limit="4 working_days"))


def test_the_worst_are_first_by_the_distance_to_the_target_and_say_how_many_misses_are_left() -> None:
    lines = page(TWO, published(counted("P", 9, 10), counted("Q", 5, 10)))
    assert [line.split()[2] for line in lines if line.startswith("✗ ")] == ["Q", "P"]
    assert "超出5件" in lines[4] and "50 %" in lines[4] and "≥ 100 %" in lines[4]
    (met,) = [line for line in page(TWO, published(counted("P", 9, 9, state="at_risk"))) if " P " in line]
    assert "0件" in met


def test_what_needs_nobody_is_listed_only_if_it_is_asked_for() -> None:
    status = published(counted("P", 9, 9, state="met"), counted("Q", 5, 10))

    def listed(**wish: Any) -> list[str]:
        return [line.split()[2] for line in page(TWO, status, **wish) if line[:2] in ("✗ ", "✓ ")]

    assert listed() == ["Q"]
    assert listed(everything=True) == ["Q", "P"]
    assert listed(states=(State.MET,)) == ["P"]
    assert listed(everything=True, worst=1) == ["Q", "P"]
    assert listed(states=(State.MET, State.MISSED), worst=1) == ["Q"]
    assert "另有1项承诺未列出：--all" in page(TWO, status)


def test_a_promise_with_two_versions_is_listed_once_and_by_the_one_in_force() -> None:
    first = promise(title={"zh": "旧版", "en": "old"}, effective_to="2022-01-01")
    second = first.model_copy(
        update={"title": first.title.model_copy(update={"zh": "新版"}), "effective_from": date(2022, 1, 1)}
    )
    of = plan(first).model_copy(update={"promises": (first, second)})
    assert [" ".join(page(of, published(counted("P", 1, 2)))).count(name) for name in ("旧版", "新版")] == [1, 0]
    later = published(counted("P", 1, 2, window_end="2022-02-01T00:00:00+08:00"))
    assert [" ".join(page(of, later)).count(name) for name in ("旧版", "新版")] == [0, 1]


def test_a_unit_sees_its_own_rows_and_cards() -> None:
    other = CASE._replace(unit="other", level="red")
    status = published(counted("P", 1, 2), counted("P", 2, 2, unit="works", state="met"), cards=(CASE, other))
    lines = page(TWO, status, unit="works")
    assert lines[0].startswith("甲：") and "未达标 0" in lines[0] and "达标 1" in lines[0]
    assert "红牌 0  黄牌 1" in lines[0]


# ---- figures -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "parts", "read"),
    [
        ("0.99996", ("99996", "100000"), "99.99 %"),
        ("1", ("9999999", "10000000"), "99.99 %"),  # the cell is rounded, the parts are not
        ("1", ("7", "7"), "100 %"),
        ("0.975385", ("317", "325"), "97.54 %"),
        ("0.000004", ("4", "1000000"), "0.01 %"),
        ("0", ("0", "7"), "0 %"),
        ("", ("", ""), "–"),
    ],
)
def test_no_miss_is_hidden_by_two_decimals(value: str, parts: tuple[str, str], read: str) -> None:
    (one,) = (each for each in TWO.promises if each.id == "P")
    assert rounded(a_row(state="met", value=value, numerator=parts[0], denominator=parts[1]), one) == read


def test_what_is_above_a_limit_never_reads_as_the_limit() -> None:
    mean = promise(kind="case_mean", measure="working_days", objective="<= 28 working_days")
    assert rounded(a_row(value="28.000001"), mean) == "28.01"
    assert rounded(a_row(value="28"), mean) == "28.01"  # missed: its cell was rounded
    assert rounded(a_row(state="met", value="28"), mean) == "28"
    assert rounded(a_row(state="met", value="27.999"), mean) == "28"


def test_a_forecast_has_its_interval() -> None:
    figures = {
        (name, "ALL", "P"): each
        for name, each in zip(("forecast", "forecast_lower", "forecast_upper"), ("3.5", "2", "6"), strict=True)
    }
    status = DistrictStatus([], figures, [], "", "")
    assert forecast(status, Line(COUNT, a_row(), 0)) == "→ 3.5 (2–6)"
    assert forecast(status, Line(COUNT, a_row(unit="works"), 0)) == ""
    share = COUNT.model_copy(update={"statistic": "share", "objective": None})
    figures["forecast", "ALL", "P"] = "0.99999"
    assert forecast(status, Line(share, a_row(), 0)).startswith("→ 99.99 % (")


def test_a_range_is_shown_with_both_ends() -> None:
    lines = page(plan(COUNT), published(a_row(window="now", value="2", state="at_risk")))
    assert any("3–5 家" in line for line in lines)


# ---- cards and states --------------------------------------------------------------------------------------
CASE = Card("P", "/units/water W-1", 1, "-", "yellow", "works", "2021-09-23T00:00:00+08:00", "", "", "")
NODE = CASE._replace(node="survey", level="red")


def cards_of_unit(*cards: Card) -> list[list[str]]:
    return [line.split() for line in page(TWO, published(cards=cards), everything=True) if line.startswith("甲")]


def test_the_cards_of_nodes_are_counted_by_level_and_named_beside() -> None:
    assert cards_of_unit(CASE) == [["甲", "1"]]
    assert cards_of_unit(CASE, NODE, NODE._replace(kpi="Q")) == [["甲", "2", "1", "2"]]


def test_a_cleared_card_is_not_counted() -> None:
    cleared = NODE._replace(cleared_at="2021-09-24T09:00:00+08:00", reason="completed")
    assert cards_of_unit(CASE, cleared) == [["甲", "1"]]


@pytest.mark.parametrize(("strength", "is_red"), [("hard", True), ("soft", True), ("aspirational", False)])
def test_a_missed_effort_is_never_red(strength: str, is_red: bool) -> None:
    console = Console(record=True, width=120, file=io.StringIO(), force_terminal=True)
    console.print(StatusView(plan(promise(strength=strength)), Wish()).page(published(counted("P", 1, 2)), Size(120)))
    lines = [line for line in console.export_text(styles=True).splitlines() if "✗ 未达标" in line and " P " in line]
    assert ("\x1b[1;31m" in lines[0]) is is_red


def test_what_is_wrong_with_the_machinery_is_said_in_a_line_each() -> None:
    failure = WorkerFailure("kpis-1", "kpis", "KeyError at streams/kpis/kpis.py:1", 3, 1.0, 1_633_017_600.0)
    dying, unreadable = troubles(DistrictStatus([], {}, [], "", "", failures=[failure], unreadable=2))
    assert dying.startswith(
        "数据汇总进程 kpis-1 连续3次异常退出 / worker kpis-1 (kpis) has died 3 times in a row, last at 2021-"
    )
    assert "KeyError at streams/kpis/kpis.py:1. See deploy/runbooks/WorkerFailing.md" in dying
    assert unreadable.startswith("2条记录无法识别") and "2 records cannot be read" in unreadable
    assert troubles(published()) == []
    through_a_pipe = page(TWO, published(counted("P", 1, 2), failures=[failure]), 80)
    assert dying in through_a_pipe  # in one line, so that it can be searched for
