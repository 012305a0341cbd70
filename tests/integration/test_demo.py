"""The demo as a user has it: it runs, its dashboards are published, and days are backfilled beside it.

One demo for all of this, in this order; the last test ends it.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from dashboards.page import Language
from services.domain.time.zone import instant_of
from services.local.exporter_summary import ExporterSummary, ask_exporter
from services.local.monitoring_tools import MonitoringTools
from services.runtime.clock import Clock
from services.runtime.settings import variable
from tests.integration.census import Census, Json, Prometheus, census
from tests.integration.test_up import WEB_PORTS, Up, alive, ended
from tests.unit import grafana

pytestmark = pytest.mark.timeout(1800)

CASES_PER_DAY = 80
"""Fewer than in life: a demo needs all of a small machine."""
FAST, SLOW = 14_400, 600
"""Speeds of the plan's clock: a demo that lives through a day in six seconds needs all of a small machine. The clock
is stopped while a test does not wait for what the days bring."""
DAY_US = 86_400_000_000
LONG_ENOUGH = instant_of(datetime.fromisoformat("2021-10-25T00:00:00+08:00"))
"""By then the district has shown everything: promises in every state, both cards, alerts and notices."""
PATIENCE_SECONDS = 600
"""How long a test waits for what a busy machine shows late."""
LOOK_SECONDS = 3
"""Between two looks: each costs the exporter and the test all lines of the whole plan."""
FAULTS = "late_entry=0.1,corrections=0.1"
"""None of them makes an event that is refused."""
GENERATED = Path(__file__).parents[2] / "dashboards" / "generated"
OF_THE_MACHINERY = {
    "kpiwatch-overview": {"当前告警 A"},
    "kpiwatch-sources": {"概况 C", "概况 D", "拒收事件（死信） A"},
}
"""Dashboard → its queries that know nothing of backfilled days; of the pipeline's, all but the plan's time."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, prometheus_tools: MonitoringTools) -> Iterator[Up]:
    with ended(Up(tmp_path_factory.mktemp("demo"), "services.cli", "up", speed=FAST)) as running:
        running.environment[variable("demo_cases_per_day")] = str(CASES_PER_DAY)
        running.start()
        yield running


@pytest.fixture(scope="module")
def published(demo: Up) -> dict[Language, list[Json]]:
    """What `kpiwatch dashboards publish` gives a Grafana."""
    with grafana.serving() as server:
        kpiwatch("dashboards", "publish", "--url", server.url, "--token", grafana.TOKEN)
        found: dict[Language, list[Json]] = {language: [] for language in Language}
        for uid, one in sorted(server.dashboards.items()):
            found[Language.EN if uid.endswith("-en") else Language.ZH].append(one)
    return found


def kpiwatch(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_demo_shows_promises_cards_and_alerts(demo: Up) -> None:
    assert f"KPIWATCH_BOOTSTRAP=127.0.0.1:{demo.ports['kafka_port']} .venv/bin/kpiwatch status" in demo.said
    assert demo.pids().keys() == {
        *("broker", "gateway", "feed", "cases-1", "cases-2", "kpis-1", "exporter", "ledger", "notifier", "casebook"),
        *("alertmanager", "prometheus", "history", "doubles"),
    }
    for port in WEB_PORTS:
        assert httpx.get(f"http://127.0.0.1:{demo.ports[port]}/-/ready").status_code == 200

    shown = until_the_district_shows(demo)
    assert _shows_everything(shown), shown
    groups = httpx.get(f"http://127.0.0.1:{demo.ports['alertmanager_port']}/api/v2/alerts/groups").json()
    units = {group["labels"]["unit"] for group in groups if "unit" in group["labels"]}
    assert len(units) > 5
    assert demo.notices()


def until_the_district_shows(demo: Up) -> ExporterSummary:
    """Waits for promises in every state, both cards, alerts and notices; gives the last look in any case. The clock is
    stopped at `LONG_ENOUGH`: a busy machine would see ever more days, each of which keeps it busy."""
    clock = Clock.simulated(demo.folder / "clock.json")
    exporter = f"http://127.0.0.1:{demo.ports['exporter_port']}/metrics"
    alerts = f"http://127.0.0.1:{demo.ports['alertmanager_port']}/api/v2/alerts"
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        shown = ask_exporter(exporter)
        if shown and _shows_everything(shown) and demo.notices() and len(httpx.get(alerts).json()) > 20:
            return shown
        if time.monotonic() > end:
            assert shown, demo.said
            return shown
        if clock.speed and clock.now() > LONG_ENOUGH:
            stop_the_clock(demo)
        time.sleep(LOOK_SECONDS)


def _shows_everything(shown: ExporterSummary) -> bool:
    return min(shown.met, shown.at_risk, shown.missed, shown.yellow, shown.red) > 0


def stop_the_clock(demo: Up) -> None:
    """`kpiwatch up` writes the same file: it may have written what it had read before."""
    clock = Clock.simulated(demo.folder / "clock.json")
    end = time.monotonic() + PATIENCE_SECONDS
    while clock.speed:
        assert time.monotonic() < end, demo.said
        clock.set(clock.now(), 0)
        time.sleep(0.2)


def a_day_passes(demo: Up) -> None:
    clock = Clock.simulated(demo.folder / "clock.json")
    until = clock.now() + DAY_US
    clock.set(clock.now(), FAST)
    while clock.now() < until:
        if not clock.speed:  # `kpiwatch up` wrote what it had read before
            clock.set(clock.now(), FAST)
        time.sleep(0.5)
    stop_the_clock(demo)


def test_every_query_of_every_panel_gives_data(demo: Up, published: dict[Language, list[Json]]) -> None:
    every = {one["uid"]: one for of_language in published.values() for one in of_language}
    assert every.keys() == {json.loads(file.read_text("utf-8"))["uid"] for file in GENERATED.rglob("*.json")}
    stop_the_clock(demo)  # else the demo lives through months while a busy machine answers
    with closing(Prometheus(f"http://127.0.0.1:{demo.ports['prometheus_port']}")) as asked:
        counted = {uid: census(one, asked) for uid, one in every.items()}
        end = time.monotonic() + PATIENCE_SECONDS
        # a day on which nothing changes has nothing under “changed today”: somewhere in the month each panel has data
        while (waited_for := _without_data(counted)) and time.monotonic() < end:
            a_day_passes(demo)
            asked.forget()
            for uid in waited_for:
                counted[uid] = _both(counted[uid], census(every[uid], asked))
    for one in counted.values():
        print(one)
    assert _without_data(counted) == {}
    assert [sentence for one in counted.values() for sentence in one.wrong] == []


def _both(before: Census, after: Census) -> Census:
    """What gave no data either time."""
    after.silent = [one for one in after.silent if one in before.silent]
    return after


def _without_data(counted: dict[str, Census]) -> dict[str, list[str]]:
    """Dashboard → its queries that have had no data yet for any choice, and its variables that have no value."""
    return {uid: [*one.silent, *one.unset] for uid, one in counted.items() if one.silent or one.unset}


def test_days_that_are_backfilled_fill_the_same_dashboards(
    demo: Up, published: dict[Language, list[Json]], tmp_path: Path
) -> None:
    """All but what is about the machinery, at any time of day; and the live figures stay as they are."""
    stop_the_clock(demo)
    with closing(Prometheus(f"http://127.0.0.1:{demo.ports['prometheus_port']}")) as live:
        before = len(live.ask("kpi_state"))
    axis = published[Language.ZH][0]["panels"][0]["targets"][0]["expr"]
    events, data = tmp_path / "events.jsonl", demo.folder / "monitoring" / "prometheus" / "tsdb"
    kpiwatch("simulate", "--days", 50, "--cases-per-day", 60, "--seed", 7, "--faults", FAULTS, "--out", events)
    history = f"http://127.0.0.1:{demo.ports['history_port']}"
    place = ("--prometheus-url", f"http://127.0.0.1:{demo.ports['prometheus_port']}", "--data-dir", data)
    kpiwatch("backfill", events, "--from", "2021-10-01", "--to", "2021-10-08", *place)

    for dashboard in published[Language.ZH]:
        machinery = OF_THE_MACHINERY.get(dashboard["uid"], set())
        if dashboard["uid"] == "kpiwatch-pipeline":
            machinery = {
                f"{one['title']} {query['refId']}" for one in dashboard["panels"][1:] for query in one["targets"]
            }
        silent: set[str] | None = None  # nothing asked yet
        for day in (4, 5, 6, 7, 8, 3, 2):  # the days in the middle show most
            with closing(Prometheus(history, datetime.fromisoformat(f"2021-10-{day:02}T13:00:00+08:00"))) as asked:
                found = census(dashboard, asked, only=silent)
                assert (found.wrong, found.unset) == ([], [])
                assert asked.ask(dashboard["annotations"]["list"][0]["expr"])
                assert asked.value(axis) == 0  # the plan's time
            silent = set(found.silent) if silent is None else silent & set(found.silent)
            print(found, *found.silent)
            if silent == machinery:
                break
        assert silent == machinery
    with closing(Prometheus(f"http://127.0.0.1:{demo.ports['prometheus_port']}")) as live:
        assert live.value(axis) == 1  # the real time of the samples
        assert live.ask('kpi_state{instance!=""}') == []  # else a backfilled series would be another one
        assert len(live.ask("kpi_state")) >= 0.9 * before


def test_it_ends_with_all_its_parts_and_goes_on_with_its_data(demo: Up) -> None:
    pids, notified = demo.pids(), demo.notices()
    exporter = f"http://127.0.0.1:{demo.ports['exporter_port']}/metrics"
    shown = ask_exporter(exporter)
    assert shown
    assert demo.end(signal.SIGINT) == 0
    assert alive(pids) == []
    stopped_at = demo.shows()

    demo.environment[variable("demo_speed")] = str(SLOW)
    demo.start()
    assert demo.shows() >= stopped_at
    again = until_the_district_shows(demo)
    assert again.events >= shown.events
    assert demo.notices()[: len(notified)] == notified
    assert demo.end(signal.SIGTERM) == 0

    assert demo.run("--forget").wait(PATIENCE_SECONDS) == 0
    assert not demo.folder.exists()
