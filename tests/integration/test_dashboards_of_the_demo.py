"""The census: every query of every panel runs against the Prometheus of a running demo, and none stays without data.

A panel may be empty for one promise and not for another (no lawsuit has ended yet): such choices are printed."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.build import dashboards
from services.catalog.load import load_plan
from services.local.monitoring_tools import MonitoringTools
from services.settings import Settings
from tests.integration.census import Census, Prometheus, census
from tests.integration.test_up import Up, ended, until_the_district_shows

EVERY = [one for of_language in dashboards(load_plan(Settings().plan)).values() for one in of_language]


@pytest.fixture
def demo(tmp_path: Path, prometheus_tools: MonitoringTools) -> Iterator[Up]:
    with ended(Up(tmp_path, "services.cli", "up", speed=14_400)) as running:
        running.start()
        yield running


@pytest.fixture
def prometheus(demo: Up) -> Iterator[Prometheus]:
    asked = Prometheus(f"http://127.0.0.1:{demo.ports['prometheus_port']}")
    yield asked
    asked.close()


@pytest.mark.timeout(480)
def test_every_query_of_every_panel_gives_data_in_the_demo(demo: Up, prometheus: Prometheus) -> None:
    until_the_district_shows(demo)
    counted = {dashboard["uid"]: census(dashboard, prometheus) for dashboard in EVERY}
    end = time.monotonic() + 120
    # a day on which nothing changes has nothing under “changed today”: somewhere in the month each panel has data
    while (waited_for := _without_data(counted)) and time.monotonic() < end:
        time.sleep(1)
        prometheus.forget()
        for dashboard in EVERY:
            if dashboard["uid"] in waited_for:
                again, before = census(dashboard, prometheus), counted[dashboard["uid"]]
                again.silent = [one for one in again.silent if one in before.silent]
                counted[dashboard["uid"]] = again
    for one in counted.values():
        print(one, *one.empty, sep="\n  ")
    panels, queries = (sum(getattr(one, name) for one in counted.values()) for name in ("panels", "queries"))
    print(f"{len(counted)} dashboards, {panels} panels x {queries} queries, {queries} with data")
    assert _without_data(counted) == {}
    assert [sentence for one in counted.values() for sentence in one.wrong] == []


def _without_data(counted: dict[str, Census]) -> dict[str, list[str]]:
    """Dashboard → its queries that have had no data yet, for any choice."""
    return {uid: one.silent for uid, one in counted.items() if one.silent}
