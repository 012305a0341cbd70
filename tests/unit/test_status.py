"""`kpiwatch status`: who has open cards."""

import io

from rich.console import Console

from services.cli.status import cards_table
from services.domain.published import Card
from tests.unit.cases import plan, promise

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
