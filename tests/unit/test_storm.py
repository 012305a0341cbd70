"""The storm finds what it looks for: each comparison sees a difference, and a seed decides the faults."""

import itertools
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.domain.results.published import Card, ValueRow, Verdict
from services.replay.csv_files import write_cards, write_values
from services.simulator.simulation import Event
from tests.storm import comparison, faults, poison, report
from tests.storm.comparison import of_cards, of_lines, series_of
from tests.storm.storm import Outcome, Plan
from tests.storm.work import Count

YELLOW = Card("K06-1", "/units/water W-1", 1, "-", "yellow", "water", "2021-10-12T09:00:00+08:00", "", "", "")
SUBJECT = {"id": "card/17/yellow", "kpi": "K06-1", "case": "/units/water W-1", "cycle": 1, "node": "-"}


def notice(status: str = "raised", unit: str = "water", outcome: str = "delivered") -> dict[str, Any]:
    return {
        "number": 1,
        "outcome": outcome,
        "unit": unit,
        "subjects": [SUBJECT | {"level": "yellow", "status": status}],
    }


def wrong(folder: Path, cards: list[Card], *notices: dict[str, Any]) -> int:
    file = folder / "cards.csv"
    write_cards(file, cards)
    return len(of_cards(notices, file))


ENDED = [YELLOW._replace(cleared_at="2021-10-13T09:00:00+08:00", reason="completed")]


@pytest.mark.parametrize(
    ("cards", "notices"),
    [
        ([YELLOW], [notice()]),
        (ENDED, [notice(), notice("ended")]),
        (ENDED, []),  # over before anybody could be informed
        ([YELLOW], [notice(), notice("ended"), notice()]),
        ([YELLOW._replace(unit="gas")], [notice(), notice(unit="gas")]),
        ([YELLOW], [notice(outcome="suppressed")]),
    ],
)
def test_notices_that_are_right(cards: list[Card], notices: list[dict[str, Any]], tmp_path: Path) -> None:
    assert wrong(tmp_path, cards, *notices) == 0


@pytest.mark.parametrize(
    ("cards", "notices"),
    [
        ([YELLOW], []),
        ([YELLOW], [notice(), notice()]),
        ([YELLOW], [notice(), notice("ended")]),
        (ENDED, [notice()]),
        (ENDED, [notice("ended")]),
        (ENDED, [notice(), notice("ended"), notice("ended")]),
        ([], [notice()]),
        ([YELLOW._replace(unit="gas")], [notice()]),
    ],
)
def test_notices_that_are_wrong(cards: list[Card], notices: list[dict[str, Any]], tmp_path: Path) -> None:
    assert wrong(tmp_path, cards, *notices) == 1


def test_a_changed_cell_is_a_difference_on_both_sides(tmp_path: Path) -> None:
    said, true = tmp_path / "said.csv", tmp_path / "true.csv"
    said.write_text("a\nb\nc\n")
    true.write_text("a\nB\nc\n")
    assert len(of_lines("values", said, true)) == 2
    true.write_text("a\nc\nb\n")
    assert of_lines("values", said, true) == ["values: the same lines in another order"]
    true.write_text(said.read_text())
    assert of_lines("values", said, true) == []


def test_the_exporter_is_compared_series_by_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = ValueRow(*[""] * len(ValueRow._fields))._replace(
        kpi="K06-1", unit="ALL", item="-", variant="official", window="year", value="0.5", n="4", state="met"
    )
    file = tmp_path / "values.csv"
    write_values(file, [row])
    cards = tmp_path / "cards.csv"
    write_cards(cards, [YELLOW, *ENDED])
    counts = [
        'kpi_cards_open{kpi="K06-1",level="yellow",unit="water"} 1.0',
        'kpi_verdicts{kpi="K06-1",unit="water",verdict="missed"} 2.0',
        'kpi_verdicts{kpi="K06-1",unit="water",verdict="reversed"} 0.0',
    ]
    shown = "\n".join(["# HELP kpi_value", *series_of(row._asdict()), *counts])
    verdicts = [Verdict("K06-1", "", 1, "water", "-", "missed", "", "", "", "", "")] * 2

    class Answer:
        text = shown

        def raise_for_status(self) -> "Answer":
            return self

    monkeypatch.setattr(httpx, "get", lambda *_, **__: Answer())
    assert comparison.of_exporter("http://exporter", file, cards, verdicts) == []
    Answer.text = shown.replace("} 0.5", "} 0.25")
    assert len(comparison.of_exporter("http://exporter", file, cards, verdicts)) == 2
    Answer.text = shown.replace('unit="water"} 1.0', 'unit="water"} 2.0')
    assert len(comparison.of_exporter("http://exporter", file, cards, verdicts)) == 2
    Answer.text = ""
    assert len(comparison.of_exporter("http://exporter", file, cards, verdicts)) == 5


def test_a_seed_decides_moments_and_kinds_and_the_main_kinds_come_first() -> None:
    first, again, other = (list(itertools.islice(faults.planned(seed), 60)) for seed in (1, 1, 2))
    assert first == again != other
    assert {one.kind for one in first[: faults.MAIN]} == set(list(faults.FAULTS)[: faults.MAIN])
    assert {one.kind for one in first} == set(faults.FAULTS)
    assert all(3 <= b.moment - a.moment <= 6 for a, b in itertools.pairwise(first))


def test_poison_is_of_every_kind_and_the_same_for_the_same_seed() -> None:
    line = b'{"id":"W-1-1","subject":"W-1","type":"case.submitted"}'
    good = [Event(0, "/units/water\x1fW-1", line, "/units/water")]
    count = 3 * len(poison.MAKERS)
    first, again = (list(itertools.islice(poison.corpus(random.Random(7), good, 8), count)) for _ in range(2))
    assert first == again
    assert len({one.name for one in first}) >= len(poison.MAKERS)
    assert all(len(one.value or b"") < 2_097_152 - 1_000 for one in first), "the broker would not take it"


def test_a_storm_that_did_nothing_has_not_passed(tmp_path: Path) -> None:
    plan = Plan(faults=2, seed=1, days=1, folder=tmp_path)
    outcome = Outcome(plan, differences={"values": []}, work=[Count(100, 90), Count(300, 250)])
    assert report.passed(outcome)
    assert not report.passed(Outcome(plan, differences={"values": []}, work=[Count(100, 90), Count(300, 150)]))
    assert not report.passed(Outcome(plan, differences={"values": []}, work=[Count(100, 90), Count(100, 90)]))
    assert not report.passed(Outcome(plan, differences={"values": ["one"]}, work=outcome.work))
