"""What a scrape shows of the published topics."""

import asyncio
import gzip
import random
import re
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

import services.catalog
from services.catalog.load.plan_folder import load_plan
from services.catalog.words.wording import objective_text, unit_of_measure
from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import Plan
from services.domain.results.published import Card, State, ValueRow, Verdict
from services.domain.time.zone import Instant, Zone
from services.exporter import __main__ as exporter_process
from services.exporter.__main__ import Tallies, read_all_progress
from services.exporter.collector import Counts, PlanCollector
from services.exporter.exposition import exposition
from services.exporter.label_sets import LabelSets
from services.exporter.page import WRITTEN_EVERY_SECONDS, Page, Pages
from services.exporter.snapshot import REASONS, Snapshot
from services.exporter.web import exporter_app, takes_gzip
from services.messaging import topics
from services.messaging.reader import Record
from services.messaging.records.latencies import Latencies, real_ms
from services.messaging.records.tallies import Progress
from services.messaging.records.values import Arrivals, arrivals_record
from services.messaging.topics import CASES_CHANGELOG
from services.metric_names import metrics
from services.metric_names.samples import WrittenLabels
from services.runtime.worker_failures import WorkerFailure
from tests.asgi import call, get

JIANGBEI = Path(services.catalog.__file__).parent / "jiangbei-2021"
ROOT = Path(__file__).parents[2]
ZONE = Zone("Asia/Shanghai")
SERIES_BUDGET = 250_000
"""What one Prometheus on a small machine keeps without thought."""


def shanghai(day: str, clock: str) -> Instant:
    return ZONE.instant(datetime.fromisoformat(f"{day}T{clock}"))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(JIANGBEI)


@pytest.fixture(scope="module")
def working_time(plan: Plan) -> WorkingTime:
    return WorkingTime.of(plan)


class Exporter:
    """An exporter without Kafka: records go straight into the snapshot."""

    def __init__(self, plan: Plan, working_time: WorkingTime, row_budget: int = 1_000_000) -> None:
        self.snapshot = Snapshot(LabelSets.of(plan), row_budget)
        self.now = shanghai("2021-10-12", "10:00")
        self.registry = CollectorRegistry(auto_describe=False)
        self.collector = PlanCollector(
            plan, self.snapshot, lambda: self.now, lambda: Counts({"kpi.values": 3}, events=1_000, dead_letters=30)
        )
        self.registry.register(self.collector)

    def page(self) -> Page:
        """What a scrape gets of what has been read so far."""
        return Pages(self.collector, self.snapshot).page()

    def value(self, name: str, /, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def series(self, name: str) -> list[dict[str, str]]:
        return [sample.labels for family in self.registry.collect() for sample in family.samples if sample.name == name]

    def publish(self, **cells: str) -> bytes:
        row = a_row(**cells)
        key = "|".join((row.kpi, row.variant, row.unit, row.item, row.window)).encode()
        self.snapshot.take(
            topics.KPI_VALUES, key, orjson.dumps({**row._asdict(), "watermark": "2021-10-12T09:59:00+08:00"})
        )
        return key

    def progress(self, partition: int, swept_to: Instant, sources: dict[str, Instant], epoch: int = 1) -> None:
        reported = {"type": "progress", "partition": partition, "epoch": epoch, "swept_to": swept_to, "lag": 7}
        self.snapshot.take(
            topics.KPI_TALLIES, f"progress|{partition}".encode(), orjson.dumps({**reported, "sources": sources})
        )


def a_row(**cells: str) -> ValueRow:
    empty = ValueRow(*[""] * len(ValueRow._fields))
    usual = {"kpi": "K06-1", "unit": "liangjiang-water", "item": "-", "variant": "official", "window": "year"}
    return empty._replace(**{**usual, "value": "0.98", "n": "50", "state": "missed", **cells})


def a_card(**fields: Any) -> Card:
    usual = Card(
        kpi="K06-1",
        case="/units/liangjiang-water W-1",
        cycle=1,
        node="-",
        level="red",
        unit="liangjiang-water",
        raised_at="2021-10-12T00:00:00+08:00",
        due_at="2021-10-11T23:59:59+08:00",
        cleared_at="",
        reason="",
    )
    return usual._replace(**fields)


@pytest.fixture
def exporter(plan: Plan, working_time: WorkingTime) -> Exporter:
    return Exporter(plan, working_time)


ROW = {"kpi": "K06-1", "variant": "official", "unit": "liangjiang-water", "item": "-", "window": "year"}


def test_each_number_of_a_row_is_a_series_and_an_empty_cell_is_none(exporter: Exporter) -> None:
    exporter.publish(numerator="49", denominator="50", open_overdue="1", p95="5")
    assert exporter.value("kpi_value", **ROW) == 0.98
    assert exporter.value("kpi_n", **ROW) == 50
    assert exporter.value("kpi_numerator", **ROW) == 49
    assert exporter.value("kpi_open_overdue_cases", **ROW) == 1
    assert exporter.value("kpi_p95", **ROW) == 5
    assert exporter.value("kpi_mean_gross", **ROW) is None


def test_how_long_events_waited_for_their_judgement_is_a_histogram_by_partition(exporter: Exporter) -> None:
    waited = Latencies()
    waited.add({1_000: 3, 1_900: 1}, 2_000)
    exporter.snapshot.take(topics.KPI_TALLIES, *Progress(2, 1, 5, {}, lag=0, answered=waited.packed()).record())
    exporter.progress(3, 5, {})
    name, labels = metrics.EVENT_TO_CARD.name, {"partition": "2"}
    buckets = {
        end: exporter.value(f"{name}_bucket", **labels, le=end) for end in ("0.05", "0.1", "0.75", "1.0", "+Inf")
    }
    assert buckets == {"0.05": 0, "0.1": 1, "0.75": 1, "1.0": 4, "+Inf": 4}
    assert (exporter.value(f"{name}_count", **labels), exporter.value(f"{name}_sum", **labels)) == (4, 3.1)
    assert exporter.value(f"{name}_count", partition="3") is None, "its worker is of a version that does not say"


def test_a_value_is_waited_for_until_it_can_be_scraped(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    started = real_ms()
    monkeypatch.setattr("services.exporter.snapshot.real_ms", lambda: started + 2_900)
    for published, events in ((started - 10_000, 5), (started + 100, 2)):
        record = arrivals_record(Arrivals(published, ((started, events),)))
        exporter.snapshot.take(topics.KPI_VALUES, *record)
    name = metrics.EVENT_TO_VALUE.name
    assert exporter.value(f"{name}_count") == 0, "their rows are not written yet"
    assert f"{name}_count 2.0" in exporter.page().text().decode(), "the page that has the rows has them, too"
    assert exporter.value(f"{name}_bucket", le="3.0") == exporter.value(f"{name}_count") == 2, "the others are older"
    assert exporter.value(f"{name}_bucket", le="2.0") == 0


def test_the_state_is_a_label_so_that_nobody_needs_a_table_of_codes(exporter: Exporter) -> None:
    exporter.publish(state="at_risk")
    exporter.publish(state="missed")
    assert exporter.series("kpi_state") == [{**ROW, "state": "missed"}]


MONTH = {**ROW, "window": "30d"}


def test_an_official_row_says_how_far_it_is_from_its_target_and_how_many_misses_are_left(exporter: Exporter) -> None:
    exporter.publish(numerator="47", denominator="50", lower="0.8")
    assert exporter.value("kpi_target_distance_ratio", **ROW) == pytest.approx(0.06)
    assert exporter.value("kpi_misses_left", **ROW) == -3
    assert exporter.series("kpi_misses_pace_ratio") == []  # a year says nothing of its last month
    exporter.publish(numerator="47", denominator="50", lower="0.8", window="30d")
    assert exporter.value("kpi_misses_pace_ratio", **MONTH) == float("inf")
    exporter.publish(numerator="50", denominator="50", lower="0.8", window="30d")
    assert exporter.value("kpi_misses_pace_ratio", **MONTH) == 0
    for elsewhere in ({"window": "90d"}, {"item": "water.connection"}):
        exporter.publish(numerator="47", denominator="50", lower="0.8", **elsewhere)
    assert len(exporter.series("kpi_target_distance_ratio")) == len(exporter.series("kpi_misses_left")) == 1


def test_what_is_gone_from_a_row_is_gone_from_its_budget(exporter: Exporter) -> None:
    key = exporter.publish(numerator="47", denominator="50", lower="0.8")
    exporter.publish(value="", numerator="0", denominator="0", lower="", state="no_data")
    assert exporter.series("kpi_target_distance_ratio") == exporter.series("kpi_misses_left") == []
    exporter.publish(numerator="47", denominator="50", lower="0.8")
    exporter.snapshot.take(topics.KPI_VALUES, key, None)
    assert exporter.series("kpi_target_distance_ratio") == exporter.series("kpi_misses_left") == []


def test_only_a_state_that_changed_since_midnight_has_a_state_at_midnight(exporter: Exporter) -> None:
    cells = a_row(state="missed")._asdict()
    for before, series in (("missed", []), ("met", [{**ROW, "state": "met"}]), ("missed", [])):
        exporter.snapshot.take(topics.KPI_VALUES, b"1", orjson.dumps({**cells, "state_at_midnight": before}))
        assert exporter.series("kpi_state_at_midnight") == series


def test_the_clause_what_is_computed_and_who_leads_are_exported(exporter: Exporter, plan: Plan) -> None:
    (text,) = [
        one for one in exporter.series("kpi_promise_text") if (one["kpi"], one["variant"]) == ("K06-1", "official")
    ]
    (promise,) = [one for one in plan.promises if one.id == "K06-1"]
    assert text["clause"] == promise.clause
    assert "每件不超过4个工作日" in text["formula_zh"]
    assert text["threshold"] == "plan"
    assert {one["threshold"] for one in exporter.series("kpi_promise_text")} >= {"plan", "none"}


def test_a_dated_promise_is_due_at_the_end_of_its_day(exporter: Exporter) -> None:
    due = exporter.value("kpi_promise_due_timestamp_seconds", kpi="K25-1", variant="official")
    assert due == shanghai("2022-01-01", "00:00") / 1_000_000


def test_a_removed_row_leaves_no_series(exporter: Exporter) -> None:
    key = exporter.publish()
    exporter.snapshot.take(topics.KPI_VALUES, key, None)
    assert [name for name in metrics.ROW_METRICS.values() if exporter.series(name.name)] == []
    assert exporter.series("kpi_state") == []


def test_a_figure_that_is_gone_from_a_row_is_gone_from_the_metrics(exporter: Exporter) -> None:
    exporter.publish(value="0.98")
    exporter.publish(value="", state="no_data")
    assert exporter.value("kpi_value", **ROW) is None


def test_of_a_removed_row_nothing_is_counted(exporter: Exporter) -> None:
    exporter.snapshot.take(topics.KPI_VALUES, exporter.publish(unit="nobody"), None)
    exporter.snapshot.take(topics.KPI_VALUES, exporter.publish(), None)
    scraped = exporter.snapshot.scrape()
    assert (scraped.hidden, scraped.watermark) == ({}, 0)


@pytest.mark.parametrize(
    "cells", [{"unit": "nobody"}, {"kpi": "K99-9"}, {"item": "a.thing"}, {"window": "week"}, {"state": "fine"}]
)
def test_labels_outside_the_plan_are_hidden_and_counted(exporter: Exporter, cells: dict[str, str]) -> None:
    exporter.publish(**cells)
    assert exporter.series("kpi_state") == []
    assert exporter.value("kpi_rows_hidden", reason="outside_plan") == 1


def test_rows_beyond_the_budget_are_hidden_and_counted(plan: Plan, working_time: WorkingTime) -> None:
    exporter = Exporter(plan, working_time, row_budget=2)
    for window in ("30d", "90d", "year", "all"):
        exporter.publish(window=window)
    exporter.publish(window="30d", value="0.5")
    assert len(exporter.series("kpi_state")) == 2
    assert exporter.value("kpi_value", **{**ROW, "window": "30d"}) == 0.5
    assert exporter.value("kpi_rows_hidden", reason="over_budget") == 2


def test_an_objective_is_a_number_without_its_relation(exporter: Exporter) -> None:
    exporter.publish(objective="28")
    assert exporter.value("kpi_objective", **ROW) == 28
    exporter.publish(objective="<= 28")
    assert exporter.value("kpi_objective", **ROW) == 28


def test_of_a_range_the_lower_end_is_what_must_be_reached(exporter: Exporter) -> None:
    exporter.publish(objective="3..5")
    assert exporter.value("kpi_objective", **ROW) == 3


def test_cards_count_while_they_stand(exporter: Exporter) -> None:
    def open_red() -> float | None:
        return exporter.value("kpi_cards_open", kpi="K06-1", unit="liangjiang-water", level="red")

    for case in ("W-1", "W-2"):
        exporter.snapshot.take(topics.ALERT_CARDS, case.encode(), orjson.dumps(a_card(case=case)._asdict()))
    assert open_red() == 2
    exporter.snapshot.take(
        topics.ALERT_CARDS, b"W-1", orjson.dumps(a_card(cleared_at="2021-10-13T10:00:00+08:00")._asdict())
    )
    assert open_red() == 1
    exporter.snapshot.take(topics.ALERT_CARDS, b"W-2", None)
    assert open_red() is None


def test_the_latest_verdict_of_a_case_counts(exporter: Exporter) -> None:
    verdict = Verdict("K06-1", "/units/liangjiang-water W-1", 1, "liangjiang-water", "-", "missed", "", "", "", "", "")
    exporter.snapshot.take(topics.CASE_VERDICTS, b"1", orjson.dumps(verdict._asdict()))
    exporter.snapshot.take(topics.CASE_VERDICTS, b"1", orjson.dumps(verdict._asdict()))
    assert exporter.value("kpi_verdicts", kpi="K06-1", unit="liangjiang-water", verdict="missed") == 1
    exporter.snapshot.take(topics.CASE_VERDICTS, b"1", orjson.dumps(verdict._replace(verdict="reversed")._asdict()))
    assert exporter.value("kpi_verdicts", kpi="K06-1", unit="liangjiang-water", verdict="missed") == 0
    assert exporter.value("kpi_verdicts", kpi="K06-1", unit="liangjiang-water", verdict="reversed") == 1


def test_quarantined_cases_are_counted_by_unit_until_they_are_released(exporter: Exporter) -> None:
    def reported(*units: str) -> bytes:
        return orjson.dumps({"cause": "ValueError", "since": "", "kpis": ["K06-1"], "units": units})

    assert exporter.value("kpi_quarantined_cases", unit="-") == 0, "there is always a series that can be asked"
    exporter.snapshot.take(topics.CASE_QUARANTINE, b"1", reported("liangjiang-water"))
    exporter.snapshot.take(topics.CASE_QUARANTINE, b"2", reported("nobody", "liangjiang-water"))
    exporter.snapshot.take(topics.CASE_QUARANTINE, b"3", reported())
    exporter.snapshot.take(topics.CASE_QUARANTINE, b"3", reported("nobody"))
    assert exporter.value("kpi_quarantined_cases", unit="liangjiang-water") == 2
    assert exporter.value("kpi_quarantined_cases", unit="-") == 1
    exporter.snapshot.take(topics.CASE_QUARANTINE, b"2", None)
    exporter.snapshot.take(topics.CASE_QUARANTINE, b"1", b"7")
    assert exporter.value("kpi_quarantined_cases", unit="liangjiang-water") == 1
    assert exporter.value("kpi_exporter_unreadable_records_total", topic="case.quarantine") == 1


def test_a_signal_is_beside_the_values_and_goes_with_its_record(exporter: Exporter) -> None:
    key = b"signal|backdated|/units/liangjiang-water|-"
    reported = {"signal": "backdated", "unit": "/units/liangjiang-water", "item": "-", "n": "3", "of": "40", "mean": ""}
    exporter.snapshot.take(topics.KPI_VALUES, key, orjson.dumps(reported))
    labels = {"signal": "backdated", "unit": "/units/liangjiang-water", "item": "-"}
    assert exporter.value("kpi_signal_cases", **labels) == 3
    assert exporter.value("kpi_signal_of_cases", **labels) == 40
    exporter.snapshot.take(topics.KPI_VALUES, key, None)
    assert exporter.value("kpi_signal_cases", **labels) is None


def test_a_forecast_is_a_figure_of_its_own_and_goes_with_its_record(exporter: Exporter) -> None:
    reported = {"signal": "forecast_lower", "unit": "ALL", "item": "K25-1", "n": "40", "of": "", "mean": "61.5"}
    exporter.snapshot.take(topics.KPI_VALUES, b"signal|forecast_lower|ALL|K25-1", orjson.dumps(reported))
    labels = {"kpi": "K25-1", "variant": "official", "unit": "ALL"}
    assert exporter.value("kpi_forecast_lower", **labels) == 61.5
    assert exporter.value("kpi_forecast", **labels) is None
    assert exporter.series("kpi_signal_cases") == []
    exporter.snapshot.take(topics.KPI_VALUES, b"signal|forecast_lower|ALL|K25-1", None)
    assert exporter.series("kpi_forecast_lower") == []


def test_a_forecast_of_what_the_plan_does_not_know_is_not_exported(exporter: Exporter) -> None:
    reported = {"signal": "forecast", "unit": "ALL", "item": "K99", "n": "1", "of": "", "mean": "2"}
    exporter.snapshot.take(topics.KPI_VALUES, b"signal|forecast|ALL|K99", orjson.dumps(reported))
    assert exporter.series("kpi_forecast") == []


def test_dead_letters_are_counted_by_reason_and_every_reason_has_a_series(exporter: Exporter) -> None:
    exporter.snapshot.take(topics.DEAD_LETTER, None, b'{"reason": "naive_time"}')
    exporter.snapshot.take(topics.DEAD_LETTER, None, b'{"reason": "what nobody registered"}')
    assert exporter.value("kpi_dead_letters_total", reason="naive_time") == 1
    assert exporter.value("kpi_dead_letters_total", reason="other") == 1
    assert {labels["reason"] for labels in exporter.series("kpi_dead_letters_total")} == {*REASONS, "other"}


def test_letters_ever_written_are_counted_beside_those_that_are_kept(exporter: Exporter) -> None:
    exporter.snapshot.take(topics.DEAD_LETTER, b"case.events|0|7", b'{"reason": "naive_time"}')
    assert exporter.value("kpi_dead_letter_records_total") == 30


def test_a_redelivered_dead_letter_is_counted_once(exporter: Exporter) -> None:
    for _ in range(2):
        exporter.snapshot.take(topics.DEAD_LETTER, b"case.events|0|7", b'{"reason": "naive_time"}')
    assert exporter.value("kpi_dead_letters_total", reason="naive_time") == 1


def test_a_record_that_cannot_be_read_is_counted_and_stops_nothing(exporter: Exporter) -> None:
    for broken in (b"not JSON", b"[]", b'{"kpi": "K06-1"}', b'"text"'):
        exporter.snapshot.take(topics.KPI_VALUES, b"key", broken)
    exporter.snapshot.take(topics.KPI_TALLIES, b"progress|x", b"{}")
    exporter.publish()
    assert exporter.value("kpi_exporter_unreadable_records_total", topic="kpi.values") == 4
    assert exporter.value("kpi_exporter_unreadable_records_total", topic="kpi.tallies") == 1
    assert exporter.value("kpi_value", **ROW) == 0.98


def test_a_worker_that_dies_again_and_again_has_a_series_until_it_works(exporter: Exporter) -> None:
    failure = WorkerFailure("kpis-1", "kpis", "KeyError at streams/kpis/kpis.py:1", 4, 1.0, 2.0)
    exporter.snapshot.take(topics.WORKER_FAILURES, b"kpis-1", orjson.dumps(failure._asdict()))
    assert exporter.value("kpi_worker_failures", stage="kpis", worker="kpis-1") == 4
    exporter.snapshot.take(topics.WORKER_FAILURES, b"kpis-1", None)
    assert exporter.series("kpi_worker_failures") == []


def test_rows_that_a_worker_lost_in_its_changelog_are_unreadable_records(exporter: Exporter) -> None:
    reported = Progress(0, 1, 2_000_000, {}, lag=0, lost=3)
    exporter.snapshot.take(topics.KPI_TALLIES, *reported.record())
    assert exporter.value("kpi_exporter_unreadable_records_total", topic=CASES_CHANGELOG) == 3


def test_of_two_owners_of_a_partition_the_later_one_reports_the_progress(exporter: Exporter) -> None:
    exporter.progress(0, 2_000_000, {}, epoch=5)
    exporter.progress(0, 9_000_000, {}, epoch=4)
    assert exporter.value("kpi_sweep_timestamp_seconds", partition="0") == 2
    assert exporter.value("kpi_stream_lag_records", partition="0") == 7


def test_other_records_of_the_tallies_are_passed_over(exporter: Exporter) -> None:
    exporter.snapshot.take(topics.KPI_TALLIES, b"K06-1|ALL|-|738000|0", b'{"type": "row"}')
    exporter.snapshot.take(topics.KPI_TALLIES, b"claim|0", b'{"type": "claim"}')
    assert exporter.series("kpi_exporter_unreadable_records_total") == []


def test_a_source_is_silent_after_its_usual_delay_in_working_time(exporter: Exporter) -> None:
    water = {"source": "/units/liangjiang-water", "unit": "liangjiang-water"}  # usual delay: 1 working day
    thursday = shanghai("2021-09-30", "17:00")
    exporter.progress(0, thursday, {"/units/liangjiang-water": shanghai("2021-09-29", "09:00")})
    exporter.progress(1, thursday, {"/units/liangjiang-water": thursday})
    exporter.now = shanghai("2021-10-07", "12:00")  # the National Day holiday is no silence
    assert exporter.value("kpi_source_silent", **water) == 0
    assert exporter.value("kpi_source_silence_working_seconds", source="/units/liangjiang-water") == 30 * 60
    exporter.now = shanghai("2021-10-08", "17:01")
    assert exporter.value("kpi_source_silent", **water) == 1
    assert exporter.value("kpi_source_last_event_timestamp_seconds", source="/units/liangjiang-water") == thursday / 1e6


def test_a_source_without_a_usual_delay_is_never_silent_and_shows_its_age(exporter: Exporter) -> None:
    assert exporter.value("kpi_source_silent", source="/operations", unit="operations") == 0
    assert (exporter.value("kpi_source_silence_working_seconds", source="/operations") or 0) > 0


@pytest.mark.parametrize(
    ("day", "clock", "open_"),
    [("2021-10-12", "09:00", 1), ("2021-10-12", "12:30", 0), ("2021-10-06", "10:00", 0), ("2021-10-09", "10:00", 1)],
)
def test_working_hours_follow_the_calendar_with_its_make_up_days(
    exporter: Exporter, day: str, clock: str, open_: int
) -> None:
    exporter.now = shanghai(day, clock)
    assert exporter.value("kpi_working_hours") == open_
    assert exporter.value("kpi_clock_timestamp_seconds") == exporter.now / 1e6


def test_info_metrics_carry_titles_and_units_in_both_languages(exporter: Exporter, plan: Plan) -> None:
    info = {(labels["kpi"], labels["variant"]): labels for labels in exporter.series("kpi_promise_info")}
    assert len(info) == len(plan.promises)
    assert info["K06-4", "official"]["objective_text_en"] == "≤ 28 working days"
    assert info["K06-4", "official"]["objective_text_zh"] == "从受理到送电，平均不超过28个工作日"
    assert info["K06-4", "official"]["unit_of_measure_zh"] == "工作日"
    assert info["K06-1", "official"]["official_window"] == "year"
    units = {labels["unit"]: labels for labels in exporter.series("kpi_unit_info")}
    assert units["ALL"]["title_zh"] == "全区"
    assert set(units) == {*plan.units, "ALL"}


def test_every_promise_has_a_unit_of_measure_and_a_target_where_it_has_one(plan: Plan) -> None:
    for promise in plan.promises:
        assert promise.figure_unit
        assert unit_of_measure(promise, plan).zh
        assert bool(objective_text(promise)) == (promise.strength != "directional")


def test_every_family_is_declared_in_the_one_module_of_names(exporter: Exporter) -> None:
    exporter.publish()
    exporter.progress(0, exporter.now, {"/units/liangjiang-water": exporter.now})
    exporter.snapshot.take(topics.ALERT_CARDS, b"1", orjson.dumps(a_card()._asdict()))
    declared = {name: set(metric.labels) for metric in metrics.ALL for name in metric.samples}
    for family in exporter.registry.collect():
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == declared[sample.name]


def test_no_case_is_in_what_is_scraped(exporter: Exporter) -> None:
    exporter.snapshot.take(topics.ALERT_CARDS, b"1", orjson.dumps(a_card(case="/units/x SECRET-7")._asdict()))
    verdict = Verdict("K06-1", "/units/x SECRET-7", 1, "liangjiang-water", "-", "missed", "", "", "", "", "")
    exporter.snapshot.take(topics.CASE_VERDICTS, b"1", orjson.dumps(verdict._asdict()))
    app = exporter_app(exporter.page, alive=lambda: True, ready=lambda: True)
    assert "SECRET" not in get(app, "/metrics").text


def of_budgets(plan: Plan) -> int:
    """Distance, misses left and pace: once for each official promise and unit."""
    return sum(
        3 * len({*promise.lead, *promise.responsible, "ALL"})
        for promise in plan.promises
        if promise.is_official and promise.target is not None
    )


def test_distances_and_misses_left_add_little_to_the_series(plan: Plan) -> None:
    assert of_budgets(plan) < SERIES_BUDGET / 100


def test_the_plan_stays_within_the_budget_of_series(plan: Plan) -> None:
    """Every promise for each unit that could have a figure of it, in all its windows, items included."""
    rows = 0
    for promise in plan.promises:
        selected = len(promise.subjects) or len(plan.service_items)
        items = max(selected, len(promise.named_items)) + 1 if promise.published_by_item else 1
        units = {*promise.lead, *promise.responsible, "ALL"}
        rows += len(units) * items * len(promise.windows)
    series = rows * (len(metrics.ROW_METRICS) + 2) + of_budgets(plan) + len(plan.units) * len(plan.promises) * 5
    assert series < SERIES_BUDGET
    said = re.search(r"at most ([0-9,]+) series", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert said is not None
    assert series <= int(said[1].replace(",", "")), f"README.md says fewer series than the plan can have: {series:,}"


def test_health_and_readiness_are_different_questions(exporter: Exporter) -> None:
    state = {"alive": True, "ready": False}
    app = exporter_app(exporter.page, lambda: state["alive"], lambda: state["ready"])
    assert (get(app, "/-/healthy").status_code, get(app, "/-/ready").status_code) == (200, 503)
    state["ready"] = True
    assert get(app, "/-/ready").status_code == 200
    state["alive"] = False
    assert (get(app, "/-/healthy").status_code, get(app, "/-/ready").status_code) == (503, 503)


def test_the_text_is_what_the_client_library_writes(exporter: Exporter) -> None:
    exporter.publish(objective="28", value="1234567.5", n="0")
    exporter.progress(3, exporter.now, {"/units/liangjiang-water": exporter.now})
    exporter.snapshot.take(topics.ALERT_CARDS, b"1", orjson.dumps(a_card()._asdict()))
    text = exposition(exporter.registry.collect()).decode()
    assert sorted(text.splitlines()) == sorted(generate_latest(exporter.registry).decode().splitlines())
    odd = Metric("kpi_odd", 'what a "label" \\ may\nhold', "gauge")
    odd.add_sample("kpi_odd", WrittenLabels({"unit": 'a "b" \\ c\nd', "a": "区"}), float("inf"))
    odd.add_sample("kpi_odd", {}, 0.1)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Fixed(odd))
    assert exposition(registry.collect()) == generate_latest(registry)


class Fixed(Collector):
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> list[Metric]:
        return [self._family]


def test_what_is_scraped_is_what_prometheus_reads(exporter: Exporter) -> None:
    exporter.publish()
    app = exporter_app(exporter.page, alive=lambda: True, ready=lambda: True)
    families = {family.name: family for family in text_string_to_metric_families(get(app, "/metrics").text)}
    assert families["kpi_dead_letters"].type == "counter"
    assert families["kpi_value"].samples[0].labels == ROW
    assert State.MISSED in families["kpi_state"].samples[0].labels.values()


def test_only_the_metrics_that_are_named_are_given(exporter: Exporter) -> None:
    exporter.publish()
    exporter.progress(0, exporter.now, {})
    app = exporter_app(exporter.page, alive=lambda: True, ready=lambda: True)
    whole = get(app, "/metrics").text.splitlines()
    some = get(app, "/metrics?name[]=kpi_state&name[]=kpi_events_total&name[]=kpi_unknown").text.splitlines()
    assert some == [line for line in whole if re.match(r"(# \w+ )?(kpi_state|kpi_events_total)\b", line)]
    assert len(some) > 3


def test_a_row_that_is_published_again_keeps_its_lines_and_one_that_changes_does_not(exporter: Exporter) -> None:
    """Against an exporter that had only the last record of each row, after any history of them."""
    chosen = random.Random(7)
    cells = [{"unit": unit, "window": window} for unit in ("liangjiang-water", "ALL") for window in ("year", "7d")]
    for _ in range(60):
        latest: dict[bytes, dict[str, str]] = {}
        for _ in range(chosen.randint(1, 4)):
            one = chosen.choice(cells) | {
                "value": chosen.choice(("0.5", "1")),
                "state": chosen.choice(("met", "missed")),
                "numerator": chosen.choice(("", "3")),
                "window_end": chosen.choice(("", "2021-10-12T09:59:00+08:00")),
            }
            key = exporter.publish(**one)
            latest[key] = one
        if chosen.random() < 0.3:
            exporter.snapshot.take(topics.KPI_VALUES, key, None)
            del latest[key]
        if chosen.random() < 0.5:
            exposition(exporter.registry.collect())
        for one in latest.values():
            row = {name: one[name] for name in ("unit", "window")} | {
                "kpi": "K06-1",
                "variant": "official",
                "item": "-",
            }
            assert exporter.value("kpi_value", **row) == float(one["value"])
            assert exporter.value("kpi_state", **row, state=one["state"]) == 1
            assert exporter.value("kpi_numerator", **row) == (float(one["numerator"]) if one["numerator"] else None)


# ---- the page that is kept ------------------------------------------------------------------------------------
def test_what_is_kept_is_what_would_be_written_anew_after_any_history(exporter: Exporter) -> None:
    chosen = random.Random(11)
    pages = Pages(exporter.collector, exporter.snapshot)
    keys: list[bytes] = []
    for _ in range(40):
        for _ in range(chosen.randint(0, 3)):
            unit, window = chosen.choice(("liangjiang-water", "ALL")), chosen.choice(("year", "30d"))
            state, n = chosen.choice(("met", "missed")), chosen.choice(("", "50"))
            keys.append(exporter.publish(unit=unit, window=window, n=n, state=state))
        if keys and chosen.random() < 0.3:
            exporter.snapshot.take(topics.KPI_VALUES, chosen.choice(keys), None)
        if chosen.random() < 0.3:
            exporter.snapshot.take(topics.ALERT_CARDS, b"1", orjson.dumps(a_card()._asdict()))
        exporter.now += chosen.randint(0, 3_600_000_000)
        pages.write(caught_up=False)
        pages.write()  # the first time after catching up it is not put off
        names = chosen.choice(((), ("kpi_value", "kpi_dead_letters_total"), ("kpi_clock_timestamp_seconds",)))
        page = pages.page()
        assert page.text() == exposition(exporter.registry.collect())
        assert gzip.decompress(page.gzipped(names)) == page.text(names)
        assert bool(names) is (len(page.text(names)) < len(page.text()))


def test_a_scrape_between_two_writings_is_of_its_own_moment_and_of_one_copy(exporter: Exporter) -> None:
    """A late value says so: the watermark is that of the values shown, and the clock goes on."""
    pages = Pages(exporter.collector, exporter.snapshot)
    pages.write()
    exporter.publish()
    pages.write()  # just now it was written
    before = pages.page().text().decode()
    assert "kpi_value{" not in before
    assert "kpi_watermark_timestamp_seconds 1" not in before
    exporter.now += 5_000_000
    assert pages.page().text().decode() != before, "the clock is of the scrape"
    pages._written_at -= WRITTEN_EVERY_SECONDS
    pages.write()
    assert "kpi_value{" in pages.page().text().decode()


def test_what_is_asked_for_compressed_is_the_same_text(exporter: Exporter) -> None:
    exporter.publish()
    app = exporter_app(Pages(exporter.collector, exporter.snapshot).page, lambda: True, lambda: True)
    plain = asyncio.run(call(app, "GET", "/metrics"))
    packed = asyncio.run(call(app, "GET", "/metrics", headers={"accept-encoding": "deflate, gzip"}))
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.content) == plain.content
    assert len(packed.content) < len(plain.content) / 3


@pytest.mark.parametrize(
    ("accepted", "yes"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.000", False), ("", False),
     ("identity", False), ("x-gzipped", False)],
)  # fmt: skip
def test_gzip_is_sent_to_who_takes_it(accepted: str, yes: bool) -> None:
    assert takes_gzip(accepted) is yes


class Log:
    """The tallies of four partitions, of which the newest records name three only."""

    opened = 0

    def __init__(self, bootstrap: str, topics: list[str]) -> None:
        self.caught_up = False
        Log.opened += 1

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None: ...

    def poll(self) -> list[Record]:
        self.caught_up = True
        return [Record(topics.KPI_TALLIES, 0, n, *Progress(n, 1, 2_000_000, {}, lag=0).record()) for n in range(4)]


@pytest.mark.parametrize(("known", "start", "opened"), [(4, 9, 0), (3, 9, 1), (3, 0, 0)])
def test_the_tallies_are_read_from_their_beginning_where_an_owner_is_missing_in_the_newest(
    exporter: Exporter, monkeypatch: pytest.MonkeyPatch, known: int, start: int, opened: int
) -> None:
    monkeypatch.setattr(exporter_process, "TopicReader", Log)
    monkeypatch.setattr(Log, "opened", 0)
    for partition in range(known):
        exporter.progress(partition, 1_000_000, {})
    assert read_all_progress("", exporter.snapshot, Tallies(start, 4), threading.Event())
    assert Log.opened == opened
    assert exporter.snapshot.partitions == max(known, 4 * opened)
