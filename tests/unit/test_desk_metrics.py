"""How far the index of the desk is, as Prometheus sees it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.desk.figures import Figures
from services.desk.reading.kept import IndexMetrics
from services.messaging.reader import Record
from services.messaging.topics import ALERT_CARDS
from tests.unit.desk import example_settings
from tests.unit.desk_reading import open_reading_index


@pytest.mark.parametrize(
    ("ready", "complete_at", "now", "age"),
    [(False, 0, 1_090.0, 90), (True, 1_080, 1_090.0, 10), (True, 1_080, 1_700.0, 620), (True, 1_090, 1_089.5, 0)],
    ids=["it has not caught up", "it follows", "it stands", "a clock that was set back"],
)
def test_the_age_of_the_index_is_since_it_had_everything(
    tmp_path: Path, ready: bool, complete_at: int, now: float, age: int
) -> None:
    index, at = open_reading_index(example_settings(tmp_path)), [1_000.0]
    index.take([Record(ALERT_CARDS, 0, 0, None, b"x")])
    reader = SimpleNamespace(lag={ALERT_CARDS: 3})
    keeper: Any = SimpleNamespace(ready=ready, complete_at=complete_at * 1_000_000, reader=reader)
    figures = Figures(lambda: 0)
    figures.add(IndexMetrics(keeper, index, lambda: at[0]))
    at[0] = now
    said = figures.exposition().decode()
    assert f"kpi_desk_index_age_seconds {age}.0" in said and f"kpi_desk_index_ready {float(ready)}" in said
    assert 'kpi_desk_index_lag_records{topic="alert.cards"} 3.0' in said
    assert 'kpi_desk_index_unreadable_records_total{topic="alert.cards"} 1.0' in said
    index.close()
