"""`kpiwatch status`: what is shown beside a figure, and who has open cards."""

import io

import pytest
from rich.console import Console

from services.cli.status import DistrictStatus, cards_table, forecast, promises_table, target, troubles
from services.domain.plan.plan import Promise
from services.domain.results.published import Card, ValueRow
from services.runtime.worker_failures import WorkerFailure
from tests.unit.cases import plan, promise

COUNT: Promise = promise(
    kind="catalogue", statistic="count", select={}, collection="catalogue", objective="3..5 enterprises",
    by="2021-12-31", windows=("now",), official_window="now",
)  # fmt: skip


def published(*figures: str) -> DistrictStatus:
    names = ("forecast", "forecast_lower", "forecast_upper")
    return DistrictStatus(
        [], {(name, "ALL", "P"): each for name, each in zip(names, figures, strict=False)}, [], "", ""
    )


def test_a_forecast_is_on_a_line_of_its_own_with_its_interval() -> None:
    assert forecast(published("3.5", "2", "6"), "ALL", COUNT) == "\n→ 3.50 (2.00–6.00)"
    assert forecast(published("3.5", "2", "6"), "works", COUNT) == ""
    assert forecast(published("3.5"), "ALL", COUNT) == ""


def test_a_forecast_share_is_in_per_cent_and_never_rounded_up_to_the_whole() -> None:
    share = COUNT.model_copy(update={"statistic": "share", "objective": None})
    assert forecast(published("0.99999", "0.5", "1"), "ALL", share) == "\n→ 99.99 % (50 %–100 %)"


def test_a_range_is_shown_with_both_ends() -> None:
    assert target(COUNT) == "3–5 家"


CASE = Card("P", "/units/water W-1", 1, "-", "yellow", "works", "2021-09-23T00:00:00+08:00", "", "", "")
NODE = CASE._replace(node="survey", level="red")


def lines(*cards: Card) -> list[list[str]]:
    """The rows of the table: number of cards per unit."""
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(cards_table(plan(promise()), list(cards)))
    return [line.strip("│ ").replace("│", " ").split() for line in console.export_text().splitlines() if "甲" in line]


def test_the_cards_of_nodes_are_counted_by_level_and_named_beside() -> None:
    assert lines(CASE) == [["甲", "1"]]
    assert lines(CASE, NODE, NODE._replace(kpi="Q")) == [["甲", "1", "2", "2"]]


def test_a_cleared_card_is_not_counted() -> None:
    assert lines(CASE, NODE._replace(cleared_at="2021-09-24T09:00:00+08:00", reason="completed")) == [["甲", "1"]]


@pytest.mark.parametrize(("strength", "is_red"), [("hard", True), ("soft", True), ("aspirational", False)])
def test_a_missed_effort_is_never_red(strength: str, is_red: bool) -> None:
    missed = ValueRow(**dict.fromkeys(ValueRow._fields, ""))._replace(
        kpi="P", variant="official", unit="ALL", item="-", window="year", state="missed", open_overdue="0"
    )
    console = Console(record=True, width=120, file=io.StringIO(), force_terminal=True)
    found = DistrictStatus([missed], {}, [], "", "")
    console.print(promises_table(plan(promise(strength=strength)), found, "ALL"))
    (line,) = [line for line in console.export_text(styles=True).splitlines() if "未达标" in line]
    assert ("\x1b[1;31m" in line) is is_red


def test_a_state_is_shown_in_both_languages_and_a_name_that_is_the_same_in_both_once() -> None:
    row = ValueRow(**dict.fromkeys(ValueRow._fields, ""))._replace(
        kpi="P", variant="official", unit="ALL", item="-", window="year", state="missed", open_overdue="0"
    )
    shown = plan(promise(title={"zh": "Decided", "en": "Decided"}, limit="4 working_days"))
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(promises_table(shown, DistrictStatus([row], {}, [], "", ""), "ALL"))
    page = console.export_text()
    assert "✗ 未达标" in page and "missed" in page
    assert page.count("Decided") == 1


def test_what_is_wrong_with_the_machinery_is_said_in_a_line_each() -> None:
    failure = WorkerFailure("kpis-1", "kpis", "KeyError at streams/kpis/kpis.py:1", 3, 1.0, 1_633_017_600.0)
    dying, unreadable = troubles(DistrictStatus([], {}, [], "", "", failures=[failure], unreadable=2))
    assert dying.startswith(
        "指标汇总进程 kpis-1 连续3次异常退出 / worker kpis-1 (kpis) has died 3 times in a row, last at 2021-"
    )
    assert "KeyError at streams/kpis/kpis.py:1. See deploy/runbooks/WorkerFailing.md" in dying
    assert unreadable.startswith("2条记录无法识别") and "2 records cannot be read" in unreadable
    assert troubles(published()) == []
