"""Months in a real Prometheus, over the end of a year: every sample is a cell of values.csv, and a correction changes
its own days only."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from services.alert_rules.write import write_rules
from services.backfill import recorded
from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.statutory_time import Law
from services.domain.results.published import ValueRow
from services.local import prometheus
from services.local.http_process import HttpProcess
from services.local.monitoring_tools import MonitoringTools
from services.messaging.records.values import figures_of
from services.metric_names import metrics
from services.simulator.district.profile import profile
from services.simulator.simulation import Simulation
from tests.unit.commands import run

PLAN = Path(__file__).parents[1] / "golden" / "plans" / "good" / "kinds"
FIRST, LAST = date(2021, 8, 20), date(2022, 1, 9)
CORRECTED = date(2021, 12, 15)

pytestmark = pytest.mark.timeout(1200)
"""Prometheus looks for new blocks once a minute."""

Series = dict[tuple[tuple[str, str], ...], dict[str, float]]
"""Labels → time as in values.csv → value."""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Months of the simulated district."""
    plan = load_plan(PLAN)
    law = Law(plan, calendar_of(plan))
    history = Simulation(law, profile("demo").at_volume(3), 11, FIRST, (LAST - FIRST).days + 1, faults={})
    path = tmp_path_factory.mktemp("months") / "events.jsonl"
    path.write_bytes(b"".join(event.line + b"\n" for event in history.events()))
    return path


@pytest.fixture(scope="module")
def corrected(events: Path) -> Path:
    """The same, with a completion of the corrected day struck out."""
    read = map(json.loads, events.read_text("utf-8").splitlines())
    wrong = next(one for one in read if one["type"] == "case.completed" and one["time"].startswith(f"{CORRECTED}"))
    kept = {name: wrong[name] for name in ("specversion", "source", "subject", "datacontenttype", "time")}
    said = {"id": "correction-1", "type": "correction", "data": {"of": wrong["id"], "event": None}}
    later = {"recordedat": wrong["time"], "receivedat": wrong["receivedat"]}
    path = events.with_name("corrected.jsonl")
    path.write_bytes(events.read_bytes() + json.dumps({**kept, **said, **later}).encode() + b"\n")
    return path


@dataclass
class Store:
    """A Prometheus without anything to scrape."""

    part: HttpProcess
    data: Path

    def fill(self, events: Path, first: date, *options: object) -> int:
        place = ("--prometheus-url", self.part.url, "--data-dir", self.data)
        return run("backfill", events, "--plan", PLAN, "--from", first, "--to", LAST, *place, *options)

    def ask(self, query: str, time: date) -> list[dict[str, Any]]:
        at = datetime.fromisoformat(f"{time}T00:00:00+08:00").timestamp()
        answer = httpx.get(
            f"{self.part.url}/api/v1/query", params={"query": query, "time": at}, timeout=240, trust_env=False
        )
        result: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return result

    def series(self, name: str) -> Series:
        """Every sample of a metric."""
        zone = datetime.fromisoformat("2021-08-20T00:00:00+08:00").tzinfo
        return {
            tuple(sorted((key, value) for key, value in one["metric"].items() if key != "__name__")): {
                datetime.fromtimestamp(at, zone).isoformat(): float(value) for at, value in one["values"]
            }
            for one in self.ask(f"{name}[370d]", LAST + timedelta(days=1))
        }

    def everything(self) -> dict[str, Series]:
        return {metric.name: self.series(metric.name) for metric in (*metrics.ROW_METRICS.values(), metrics.STATE)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, prometheus_tools: MonitoringTools) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("store")
    config = folder / "prometheus.yml"
    config.write_text("global: {}\n")
    part = prometheus.start(folder, config, prometheus_tools)
    yield Store(part, folder / "tsdb")
    part.stop()


def cells(events: Path) -> dict[str, Series]:
    """What `replay --every day` says, as series."""
    out = events.with_suffix(".csv")
    as_of = LAST + timedelta(days=1)
    assert run("replay", events, "--plan", PLAN, "--as-of", as_of, "--every", "day", "--out", out) == 0
    found: dict[str, Series] = {metric.name: {} for metric in (*metrics.ROW_METRICS.values(), metrics.STATE)}
    with out.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            labels = {name: row[name] for name in metrics.ROW_LABELS}
            figures = figures_of(ValueRow(**row))
            for column, metric in metrics.ROW_METRICS.items():
                if row[column]:
                    series = found[metric.name].setdefault(tuple(sorted(labels.items())), {})
                    series[row["window_end"]] = figures[column]
            state = tuple(sorted((labels | {"state": row["state"]}).items()))
            found[metrics.STATE.name].setdefault(state, {})[row["window_end"]] = 1
    return found


@pytest.fixture(scope="module")
def filled(store: Store, events: Path) -> dict[str, Series]:
    """Every sample after the months were put in."""
    assert store.fill(events, FIRST) == 0
    return store.everything()


def test_every_daily_value_of_months_is_a_cell_of_values_csv_and_the_other_way_round(
    filled: dict[str, Series], events: Path
) -> None:
    assert filled == cells(events)
    assert len(next(iter(filled["kpi_n"].values()))) == (LAST - FIRST).days + 1


def test_what_is_recorded_is_what_the_rules_of_prometheus_say(
    store: Store, filled: dict[str, Series], tmp_path: Path
) -> None:
    write_rules(load_plan(PLAN), 1, tmp_path)
    groups = YAML(typ="safe").load(tmp_path / "prometheus" / "rules.yml")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    for metric in recorded.ALL:
        compared = 0
        for day in (date(2021, 10, 1), date(2021, 10, 9), date(2021, 11, 2), date(2022, 1, 4)):
            said = []
            for rule in (rule for rule in rules if rule.get("record") == metric.name):
                said += [(one["metric"] | rule.get("labels", {}), one["value"]) for one in store.ask(rule["expr"], day)]
            stored = [(one["metric"], one["value"]) for one in store.ask(metric.name, day)]
            for labels, _ in stored:
                labels.pop("__name__")
            assert sorted(map(str, map(canonical, stored))) == sorted(map(str, map(canonical, said)))
            compared += len(stored)
        assert compared, metric.name


def canonical(sample: tuple[dict[str, str], list[Any]]) -> tuple[list[tuple[str, str]], list[Any]]:
    return sorted((name, value) for name, value in sample[0].items() if name != "__name__"), sample[1]


def test_dashboards_find_titles_and_the_days_on_which_rules_begin_in_the_past(
    store: Store, filled: dict[str, Series]
) -> None:
    joined = "kpi_value * on (kpi, variant) group_left (title_zh) kpi_promise_info"
    assert len(store.ask(joined, date(2021, 12, 1))) == len(store.ask("kpi_value", date(2021, 12, 1))) > 10
    begin = store.ask('kpi_annotation_timestamp_seconds{kind="rules_begin"}', date(2021, 12, 1))
    issued = datetime.fromisoformat("2021-08-20T00:00:00+08:00").timestamp()
    assert issued in {float(one["value"][1]) for one in begin}


def test_a_correction_changes_the_days_from_its_own_on_and_putting_it_in_twice_changes_nothing(
    store: Store, filled: dict[str, Series], corrected: Path
) -> None:
    before_it = f"{CORRECTED}T00:00:00+08:00"
    assert store.fill(corrected, CORRECTED, "--note", "更正：12月15日") == 0
    after = store.everything()
    assert after == cells(corrected)
    changed = {
        time
        for name in filled
        for labels in filled[name].keys() | after[name].keys()
        for time in filled[name].get(labels, {}).keys() | after[name].get(labels, {}).keys()
        if filled[name].get(labels, {}).get(time) != after[name].get(labels, {}).get(time)
    }
    assert changed and min(changed) > before_it
    (mark,) = store.ask('kpi_annotation_timestamp_seconds{kind="recomputed"}', LAST)
    assert mark["metric"]["title_zh"] == "更正：12月15日"
    assert float(mark["value"][1]) == datetime.fromisoformat(before_it).timestamp()

    assert store.fill(corrected, CORRECTED, "--note", "更正：12月15日") == 0
    assert store.everything() == after


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--prometheus-url", "http://127.0.0.1:9"], "name either --out, or --prometheus-url together with --data-dir"),
        (["--prometheus-url", "http://127.0.0.1:9", "--data-dir", "tests"], "is not the data folder of a running"),
        (["--out", "tests"], "--out tests is there already"),
        (["--out", "new", "--to", "2055-01-01"], "--to lies in the future"),
        (["--out", "new", "--to", "2021-08-19"], "no day ends from --from to --to"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    options: list[str], said: str, events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("backfill", events, "--plan", PLAN, "--from", FIRST, "--to", LAST, *options) == 2
    assert said in capsys.readouterr().err


def test_a_prometheus_that_does_not_answer_is_named(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wal").mkdir()
    place = ("--prometheus-url", "http://127.0.0.1:9", "--data-dir", tmp_path)
    assert run("backfill", events, "--plan", PLAN, "--from", FIRST, "--to", LAST, *place) == 3
    assert "http://127.0.0.1:9 does not answer" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["wal"]
