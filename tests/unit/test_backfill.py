"""A replay as OpenMetrics: the exporter's series at the plan's time. And which Prometheus cannot take it."""

import json
import threading
from collections.abc import Iterator
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from services.backfill import history
from services.backfill.history import BLOCK_HOURS, WRITTEN, Block, History, Recomputed
from services.backfill.store import Store, StoreRefused, StoreSilent
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan
from services.domain.results.published import ValueRow
from services.domain.results.side_results import SideResults
from services.domain.time.zone import Zone
from services.exporter.label_sets import LabelSets
from services.exporter.snapshot import Snapshot
from services.local import prometheus
from services.messaging import topics
from services.metric_names import metrics

PLAN = Path(__file__).parents[1] / "golden" / "plans" / "good" / "kinds"
ZONE = Zone("Asia/Shanghai")
MOMENTS = [ZONE.midnight(date(2021, 9, day).toordinal()) for day in range(2, 30)]
"""28 days, in more than one block."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(PLAN)


def row(moment: int, **cells: str) -> ValueRow:
    usual = {"kpi": "P1", "variant": "official", "unit": "ALL", "item": "-", "window": "year", "state": "met"}
    usual |= {"window_end": ZONE.text(moment), "value": "0.987654", "n": "81", "objective": ">= 1", "upper": ""}
    return ValueRow(*[""] * len(ValueRow._fields))._replace(**(usual | cells))


ROWS = sorted(
    [row(moment, unit=unit, value=f"0.{number:06d}") for number, moment in enumerate(MOMENTS) for unit in ("ALL", "u")]
)


NO_SIDE_RESULTS = [SideResults(moment, [], {}, {}) for moment in MOMENTS]


def samples_of(blocks: list[Block]) -> list[Sample]:
    """What the client library reads, which is strict about OpenMetrics."""
    texts = [block.openmetrics.read_text("utf-8") for block in blocks]
    families = [text_string_to_metric_families(text) for text in texts]  # type: ignore[no-untyped-call]  # it has no types
    return [sample for each in families for family in each for sample in family.samples]


def test_the_series_of_a_row_are_those_that_the_exporter_serves_of_it(plan: Plan, tmp_path: Path) -> None:
    (one,) = [each for each in ROWS if each.window_end == ZONE.text(MOMENTS[3]) and each.unit == "ALL"]
    snapshot = Snapshot(LabelSets.of(plan))
    snapshot.take(topics.KPI_VALUES, b"P1", json.dumps(one._asdict()).encode())
    served = {
        (each.name, *sorted(each.labels.items()), each.value)
        for rows in snapshot.scrape().rows.values()
        for each in rows
    }
    of_rows = {metric.name for metric in (*metrics.ROW_METRICS.values(), *metrics.OF_A_PROMISE, metrics.STATE)}
    written = samples_of(list(History(plan, [MOMENTS[3]], tmp_path).write([one], NO_SIDE_RESULTS[3:4])))
    found = {(each.name, *sorted(each.labels.items()), each.value) for each in written if each.name in of_rows}
    assert found == served and len(found) == 6


def test_what_a_row_says_as_of_a_time_applies_at_that_time(plan: Plan, tmp_path: Path) -> None:
    found = [
        (float(each.timestamp), each.value)  # type: ignore[arg-type]  # the client has its own kind of timestamp
        for each in samples_of(list(History(plan, MOMENTS, tmp_path).write(ROWS, NO_SIDE_RESULTS)))
        if each.name == "kpi_value" and each.labels["unit"] == "ALL"
    ]
    assert found == [(moment / 1e6, float(f"0.{number:06d}")) for number, moment in enumerate(MOMENTS)]


def test_blocks_are_cut_where_prometheus_cuts_them_and_know_what_will_be_found_at_their_end(
    plan: Plan, tmp_path: Path
) -> None:
    blocks = list(History(plan, MOMENTS, tmp_path).write(ROWS, NO_SIDE_RESULTS))
    assert len(blocks) > 1
    assert {block.states for block in blocks} == {2}
    assert blocks[-1].last == MOMENTS[-1]
    for block in blocks:
        times = {float(each.timestamp) for each in samples_of([block])}  # type: ignore[arg-type]  # see above
        assert len({time // (BLOCK_HOURS * 3600) for time in times}) == 1


def test_a_range_of_days_says_the_same_as_part_of_a_longer_one(plan: Plan, tmp_path: Path) -> None:
    """Also its first day, which changed against the day before."""
    states = ["met", "met", "missed", "missed", "at_risk", "at_risk"]
    rows = [row(moment, state=state) for moment, state in zip(MOMENTS[:6], states, strict=True)]

    def changes(first: int) -> set[tuple[float, str, str]]:
        kept = History(plan, MOMENTS[first:6], tmp_path)
        before = rows[first - 1 : first]
        blocks = list(kept.write(rows[first:], NO_SIDE_RESULTS[first:6], before=before))
        return {
            (float(each.timestamp), each.name, each.labels["state"])  # type: ignore[arg-type]  # see above
            for each in samples_of(blocks)
            if "at_midnight" in each.name
        }

    whole = changes(0)
    assert {(time, state) for time, _, state in whole} == {(MOMENTS[2] / 1e6, "met"), (MOMENTS[4] / 1e6, "missed")}
    assert changes(2) == whole
    assert changes(4) == {one for one in whole if one[0] == MOMENTS[4] / 1e6}


def test_lines_that_do_not_fit_into_memory_wait_in_files(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = [
        block.openmetrics.read_bytes() for block in History(plan, MOMENTS, tmp_path).write(ROWS, NO_SIDE_RESULTS)
    ]
    monkeypatch.setattr(history, "_LINES_IN_MEMORY", 7)
    assert [
        block.openmetrics.read_bytes() for block in History(plan, MOMENTS, tmp_path).write(ROWS, NO_SIDE_RESULTS)
    ] == at_once


def test_days_that_are_computed_again_are_marked_at_the_first_of_them(plan: Plan, tmp_path: Path) -> None:
    began = ZONE.midnight(date(2021, 9, 1).toordinal())
    blocks = list(History(plan, MOMENTS, tmp_path).write(ROWS, NO_SIDE_RESULTS, Recomputed(began, '更正 "一"')))
    marks = [each for each in samples_of(blocks) if each.labels.get("kind") == "recomputed"]
    assert {(each.name, each.labels["title_zh"], each.value) for each in marks} == {
        (metrics.ANNOTATION.name, '更正 "一"', began / 1e6)
    }
    assert len(marks) == len(MOMENTS)


# ---- a Prometheus that is asked ----------------------------------------------------------------------------
class Double:
    """Answers as Prometheus's HTTP API does, and remembers what it was asked."""

    def __init__(self) -> None:
        self.flags = {"web.enable-admin-api": "true", "storage.tsdb.retention.time": "10y"}
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200, {"status": "success", "data": double.flags})

            def do_POST(self) -> None:
                parts = urlsplit(self.path)
                double.asked.append((parts.path, parse_qs(parts.query)))
                if double.flags["web.enable-admin-api"] == "true":
                    self._answer(204, None)
                else:
                    self._answer(503, {"status": "error", "error": "admin APIs disabled"})

            def _answer(self, status: int, content: dict[str, Any] | None) -> None:
                body = b"" if content is None else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def double() -> Iterator[Double]:
    double = Double()
    thread = threading.Thread(target=double.server.serve_forever, args=(0.02,))
    thread.start()
    yield double
    double.server.shutdown()
    double.server.server_close()
    thread.join()


@pytest.fixture
def store(double: Double, tmp_path: Path) -> Store:
    (tmp_path / "wal").mkdir()
    return Store(double.url, tmp_path)


NOW = ZONE.instant(datetime(2026, 11, 25))


def test_one_that_lets_nobody_delete_is_refused_before_any_work(store: Store, double: Double) -> None:
    double.flags["web.enable-admin-api"] = "false"
    with pytest.raises(StoreRefused, match="Start Prometheus with --web.enable-admin-api"):
        store.check(MOMENTS[0], NOW)
    with pytest.raises(StoreRefused, match="refuses admin/tsdb/delete_series with 503: .*admin APIs disabled"):
        store.delete(MOMENTS[0], MOMENTS[1])


@pytest.mark.parametrize("retention", ["0s", "15d", "1y", "4y52w"])
def test_one_that_would_drop_these_days_at_once_is_refused(store: Store, double: Double, retention: str) -> None:
    double.flags["storage.tsdb.retention.time"] = retention
    with pytest.raises(StoreRefused, match="would drop these days at once"):
        store.check(MOMENTS[0], NOW)


@pytest.mark.parametrize("retention", ["10y", "5y60w", "2000d"])
def test_one_that_keeps_them_is_taken(store: Store, double: Double, retention: str) -> None:
    double.flags["storage.tsdb.retention.time"] = retention
    store.check(MOMENTS[0], NOW)


def test_finished_blocks_are_moved_in_and_what_was_deleted_goes_from_the_disk(
    store: Store, double: Double, tmp_path: Path
) -> None:
    with store.beside() as made:
        (made / "block").mkdir()
        (made / "block" / "meta.json").touch()
        (made / "half").mkdir()
        assert store.take(made) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["block", "wal"]
    ((cleaning, _),) = double.asked
    assert cleaning.endswith("/admin/tsdb/clean_tombstones")


def test_a_range_is_deleted_after_its_beginning_and_up_to_its_end_and_notes_stay(store: Store, double: Double) -> None:
    store.delete(MOMENTS[0], MOMENTS[2])
    ((deletion, asked),) = double.asked
    assert deletion.endswith("/admin/tsdb/delete_series")
    assert float(asked["start"][0]) == MOMENTS[0] / 1e6 + 0.001  # the value of the day before applies at that midnight
    assert float(asked["end"][0]) == MOMENTS[2] / 1e6
    names, marks = asked["match[]"]
    assert all(metric.name in names for metric in WRITTEN if metric is not metrics.ANNOTATION)
    assert marks == 'kpi_annotation_timestamp_seconds{kind!="recomputed"}'


def test_one_that_is_no_prometheus_is_named(tmp_path: Path, double: Double) -> None:
    (tmp_path / "wal").mkdir()
    double.flags = {}
    with pytest.raises(StoreRefused):
        Store(double.url, tmp_path).check(MOMENTS[0], NOW)
    with pytest.raises(StoreSilent, match="does not answer"):
        Store("http://127.0.0.1:9", tmp_path).check(MOMENTS[0], NOW)


def test_our_own_prometheus_keeps_ten_years() -> None:
    assert prometheus.RETENTION == "10y"
