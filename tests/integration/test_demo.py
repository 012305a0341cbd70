"""The demo as a user has it: it runs, its dashboards are published, and days are backfilled beside it.

One demo for all of this, in this order; the last test ends it.
"""

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import httpx
import pytest

from dashboards.page import Language
from services.desk.pages import reading_words as w
from services.domain.plan.plan import Title
from services.domain.time.zone import Instant, instant_of
from services.local.exporter_summary import ask_exporter
from services.local.monitoring_tools import MonitoringTools
from services.metric_names import metrics
from services.runtime.clock import Clock
from services.runtime.key_file import read_keys
from services.runtime.settings import variable
from tests.integration.browsers import WIDTHS, chromium_runs
from tests.integration.census import Census, Json, Prometheus, census
from tests.integration.desk_journey import How, Person
from tests.integration.test_up import WEB_PORTS, Up, alive, ended
from tests.unit import grafana

pytestmark = pytest.mark.timeout(1800)

CASES_PER_DAY, SEED, START = 40, 34, "2021-08-30T08:00:00+08:00"
"""Fewer cases and fewer days than a demo has: each event costs its processes 4 ms (measured). The district of this seed
has early what is rare: a red card that stands, and late entries that undo a miss."""
FAST, SLOW = 14_400, 600
"""Speeds of the plan's clock. At the first one the demo begins; then its clock stands and moves on by whole days: what
comes at once is worked in fewer and larger chunks."""
LONG_ENOUGH = instant_of(datetime.fromisoformat("2021-09-14T08:50:00+08:00"))
"""By then the district has shown everything: promises in every state, both cards, alerts and notices."""
DAY_US, MINUTE_US = 86_400_000_000, 60_000_000
ZONE = "Asia/Shanghai"
PATIENCE_SECONDS = 600
"""How long a test waits for what a busy machine shows late."""
LOOK_SECONDS = 2
"""Between two looks: each costs the exporter and the test all lines of the whole plan."""
FAULTS = "late_entry=0.1,corrections=0.1"
"""None of them makes an event that is refused."""
GENERATED = Path(__file__).parents[2] / "dashboards" / "generated"
OF_THE_MACHINERY = {
    "kpiwatch-overview": {" A"},  # whether the system works
    "kpiwatch-promises": {"当前告警 A"},
    "kpiwatch-sources": {"报送情况 B", "拒收事件（死信） A"},
    "kpiwatch-alerts": {*(f"各单位告警数 {query}" for query in "ABCD"), "承诺告警 A", "数据与系统告警 A"},
}
"""Dashboard → its queries that know nothing of backfilled days; of the pipeline's, all but the plan's time."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, prometheus_tools: MonitoringTools) -> Iterator[Up]:
    with ended(Up(tmp_path_factory.mktemp("demo"), "services.cli", "up", speed=FAST)) as running:
        running.environment |= {
            variable("demo_cases_per_day"): str(CASES_PER_DAY),
            variable("demo_seed"): str(SEED),
            variable("demo_start"): START,
        }
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
        *("alertmanager", "prometheus", "history", "doubles", "desk"),
    }
    for port in WEB_PORTS:
        assert httpx.get(f"http://127.0.0.1:{demo.ports[port]}/-/ready").status_code == 200

    clock = Clock.simulated(demo.folder / "clock.json")
    assert clock.speed == FAST
    begun = clock.now()
    until_judged(demo, begun)  # while the clock goes on
    assert clock.now() > begun
    stop_the_clock(demo)
    send_what_does_not_fit(demo)
    until_the_district_shows(demo)
    groups = httpx.get(f"http://127.0.0.1:{demo.ports['alertmanager_port']}/api/v2/alerts/groups").json()
    units = {group["labels"]["unit"] for group in groups if "unit" in group["labels"]}
    assert len(units) > 5
    assert demo.notices()


def until_the_district_shows(demo: Up) -> None:
    """Lets days pass until there have been promises in every state, both cards, alerts and notices."""
    exporter = f"http://127.0.0.1:{demo.ports['exporter_port']}/metrics"
    alerts = f"http://127.0.0.1:{demo.ports['alertmanager_port']}/api/v2/alerts"
    missing, end = (
        {"met", "at_risk", "missed", "yellow", "red", "alerts", "notices"},
        time.monotonic() + PATIENCE_SECONDS,
    )
    time_comes(demo, max(LONG_ENOUGH, Clock.simulated(demo.folder / "clock.json").now()))
    for look in itertools.count(1):
        shown = ask_exporter(exporter)
        missing -= {name for name in missing if getattr(shown, name, 0)}
        missing -= {"alerts"} if len(httpx.get(alerts).json()) > 20 else set()
        missing -= {"notices"} if "notices" in missing and demo.notices() else set()
        if not missing:
            return
        assert time.monotonic() < end, (missing, demo.said)
        if look % 4 == 0:  # alerts and notices come some seconds after what they are about
            a_day_passes(demo)
        time.sleep(LOOK_SECONDS)


def stop_the_clock(demo: Up) -> None:
    """`kpiwatch up` writes the same file: it may have written what it had read before."""
    clock = Clock.simulated(demo.folder / "clock.json")
    end = time.monotonic() + PATIENCE_SECONDS
    while clock.speed:
        assert time.monotonic() < end, demo.said
        clock.set(clock.now(), 0)
        time.sleep(0.2)


def a_day_passes(demo: Up) -> None:
    """At once; the clock stands before and after it."""
    time_comes(demo, Clock.simulated(demo.folder / "clock.json").now() + DAY_US)


def a_minute_passes(demo: Up) -> None:
    """The same for a minute."""
    time_comes(demo, Clock.simulated(demo.folder / "clock.json").now() + MINUTE_US)


def time_comes(demo: Up, instant: Instant) -> None:
    """The clock shows it and stands; what has happened until then is judged, and Prometheus knows."""
    clock = Clock.simulated(demo.folder / "clock.json")
    while clock.now() != instant:  # `kpiwatch up` may have written what it had read before
        clock.set(instant, 0)
        time.sleep(0.1)
    until_judged(demo, instant)


def until_judged(demo: Up, instant: Instant) -> None:
    """Waits until the values that Prometheus has are those of an instant or later."""
    end = time.monotonic() + PATIENCE_SECONDS
    with closing(Prometheus(f"http://127.0.0.1:{demo.ports['prometheus_port']}")) as asked:
        # all is judged as of the last instant before the present one
        while not asked.ask(f"{metrics.WATERMARK.name} >= {(instant - 1) // 1_000_000}"):
            assert time.monotonic() < end, demo.said
            time.sleep(0.3)
            asked.forget()


def send_what_does_not_fit(demo: Up) -> None:
    """A resumption without a suspension, through the gateway: so few cases bring no contradiction by themselves."""
    source, unit = "/units/jiangbei-gas", "jiangbei-gas"
    attributes = {"customer_class": "household", "area": "urban", "external_line": False}
    accepted = {"service_item": "gas.connection", "unit": unit, "applicant": "enterprise", "attributes": attributes}
    resumed = {"reason": "weather", "unit": unit}
    ago = timedelta(hours=3), timedelta(hours=2)
    send(demo, source, "contradiction", ("case.accepted", ago[0], accepted), ("case.resumed", ago[1], resumed))


def send(demo: Up, source: str, subject: str, *events: tuple[str, timedelta, Json]) -> None:
    """Events of one case through the gateway. Of each its type, how long ago it was, and its data."""
    now = datetime.fromtimestamp(Clock.simulated(demo.folder / "clock.json").now() / 1_000_000, ZoneInfo(ZONE))
    batch = [
        {
            "specversion": "1.0",
            "id": f"{subject}-{now.isoformat()}-{number}",
            "source": source,
            "type": kind,
            "subject": subject,
            "time": (now - ago).isoformat(timespec="seconds"),
            "recordedat": now.isoformat(timespec="seconds"),
            "datacontenttype": "application/json",
            "data": data,
        }
        for number, (kind, ago, data) in enumerate(events)
    ]
    key = read_keys(demo.folder / "state" / "feed-keys.json")[source]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/cloudevents-batch+json"}
    url = f"http://127.0.0.1:{demo.ports['gateway_port']}/events"
    answer = httpx.post(url, content=json.dumps(batch), headers=headers)
    assert answer.status_code == 202, answer.text


def test_every_query_of_every_panel_gives_data(demo: Up, published: dict[Language, list[Json]]) -> None:
    every = {one["uid"]: one for of_language in published.values() for one in of_language}
    assert every.keys() == {json.loads(file.read_text("utf-8"))["uid"] for file in GENERATED.rglob("*.json")}
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
    with closing(Prometheus(f"http://127.0.0.1:{demo.ports['prometheus_port']}")) as live:
        before = len(live.ask("kpi_state"))
    queries = [one["expr"] for panel in published[Language.ZH][0]["panels"] for one in panel.get("targets", [])]
    (axis,) = (expr for expr in queries if expr.startswith("abs(") and " timestamp(" in expr)
    events, data = tmp_path / "events.jsonl", demo.folder / "monitoring" / "prometheus" / "tsdb"
    kpiwatch("simulate", "--days", 46, "--cases-per-day", 60, "--seed", 7, "--faults", FAULTS, "--out", events)
    history = f"http://127.0.0.1:{demo.ports['history_port']}"
    place = ("--prometheus-url", f"http://127.0.0.1:{demo.ports['prometheus_port']}", "--data-dir", data)
    kpiwatch("backfill", events, "--from", "2021-10-01", "--to", "2021-10-03", *place)

    for dashboard in published[Language.ZH]:
        machinery = OF_THE_MACHINERY.get(dashboard["uid"], set())
        if dashboard["uid"] == "kpiwatch-pipeline":
            machinery = {
                f"{one['title']} {query['refId']}"
                for one in dashboard["panels"]
                if one["title"]  # those at the top have none
                for query in one["targets"]
            }
        silent: set[str] | None = None  # nothing asked yet
        for day in (4, 3, 2):
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


def test_a_unit_answers_at_the_desk_and_what_the_centre_decides_counts(demo: Up) -> None:
    """Two invoices that were not paid within 5 working days: for one a reason is given, the other was paid in time,
    and said so late."""
    with chromium_runs() as browser:
        for case in INVOICES:
            unpaid = [("case.milestone", AGO, {"name": name, "unit": PAYERS}) for name in RECEIVED]
            accepted = {"service_item": "procurement.invoice", "unit": PAYERS, "channel": "online"}
            send(demo, FINANCE, case, ("case.accepted", AGO, accepted), *unpaid)
        a_minute_passes(demo)
        url, passwords = f"http://127.0.0.1:{demo.ports['desk_port']}", demo.folder / "desk-accounts.txt"
        for case, how, answer in zip(INVOICES, UNITS_READ, (give_a_reason, reply), strict=True):
            unit = Person(browser, url, "procuring-units", passwords, how)
            to_the_red_card(unit, case)
            answer(unit)
            unit.leave()
        paid = {"name": "payment_processed", "unit": PAYERS}
        send(demo, FINANCE, INVOICES[1], ("case.milestone", AGO - timedelta(days=2), paid))
        a_minute_passes(demo)

        before = until_counted(demo, lambda row: row.late_entries >= 1)
        for case, how in zip(INVOICES, CENTRE_DECIDES, strict=True):
            centre = Person(browser, url, "operations", passwords, how)
            decide(centre, case)
            centre.leave()
        a_minute_passes(demo)
        expected = Invoices(
            before.on_time + 1, before.counted - 1, before.late_entries - 1, before.justified + 1, before.overdue - 1
        )
        assert until_counted(demo, lambda row: row == expected)

        for how in CENTRE_READS:
            centre = Person(browser, url, "operations", passwords, how)
            read_what_counts(centre, invoices(demo, "ALL"))
            centre.leave()


UNITS_READ = (How("zh", WIDTHS[0], True), How("en", WIDTHS[1], False))
CENTRE_DECIDES = (How("en", WIDTHS[0], True), How("zh", WIDTHS[1], False))
CENTRE_READS = (How("zh", WIDTHS[0], False), How("en", WIDTHS[1], True))
"""Each language meets each width, with scripts and without: by six people, where each of them in every way would be
24."""
INVOICES = ("journey-reason", "journey-late")
RECEIVED = ("invoice_received", "conditions_met")
FINANCE, PAYERS = "/units/district-finance", "district-procuring-units"
AGO = timedelta(days=21)
"""Limit, time to report and the day that a soft promise waits for a reason are over, also after a week of holidays."""


def to_the_red_card(unit: Person, case: str) -> None:
    """From signing in to why, in three clicks at most."""
    unit.sign_in()
    card = f"main tr:has-text('{case}'):has-text('{unit.said(Title(zh='红牌', en='red card'))}')"
    unit.until(lambda: unit.page.query_selector(card))
    unit.keep(f"{case}-first")
    unit.click(f"{card} a[href^='/cases/']")
    assert unit.clicks <= 3
    for word in (Title(zh="超期未办结", en="OVERDUE, still open"), w.DAY_BY_DAY):
        assert unit.said(word) in unit.text
    assert "原则上应在收到发票后5个工作日内" in unit.text, "the clause is quoted"
    unit.keep(f"{case}-why")


def give_a_reason(unit: Person) -> None:
    unit.click("main a[href*='/acts/reason']")
    unit.page.select_option("#reason-reason", index=1)
    unit.page.fill("#reason-text", "供应商账户信息有误，已退回更正")
    unit.keep("reason")
    assert "供应商账户信息有误" in unit.send()


def reply(unit: Person) -> None:
    unit.click("main a[href*='/acts/reply']")
    unit.page.fill("#reply-text", "款项已支付，正在核对")
    unit.keep("reply")
    assert "款项已支付" in unit.send()


def decide(centre: Person, case: str) -> None:
    """Accept what it asks for: a reason, or a late entry."""
    centre.sign_in()
    centre.click("nav a[href='/waiting']")
    line = f"main tr:has-text('{case}')"
    centre.until(lambda: centre.page.query_selector(line))
    centre.keep(f"{case}-waiting")
    centre.click(f"{line} th a")
    centre.page.check("input[name='decision'][value='accept']")
    centre.keep(f"{case}-decision")
    centre.send()


def read_what_counts(centre: Person, district: "Invoices") -> None:
    """The promise counts both decisions, and each case says its own."""
    centre.sign_in()
    centre.go("/promises/K15-1")
    late, excused = centre.said(w.UNCONFIRMED), centre.said(w.EXCUSED)
    centre.until(lambda: f"{late}\n{district.late_entries}\n{excused}\n{district.justified}\n" in centre.text)
    centre.keep("promise")
    verdicts = Title(zh="理由成立", en="justified, not counted"), Title(zh="按期", en="met")
    for case, verdict in zip(INVOICES, verdicts, strict=True):
        centre.go(f"/cases?number={case}")
        centre.click(f"main a:text-is('{case}')")
        centre.keep(f"{case}-decided")
        assert centre.said(verdict) in centre.page.inner_text("main article h3")


class Invoices(NamedTuple):
    """A row of K15-1, as the exporter has it."""

    on_time: int
    counted: int
    late_entries: int
    justified: int
    overdue: int


ROW = (metrics.NUMERATOR, metrics.DENOMINATOR, metrics.LATE_ENTRY, metrics.JUSTIFIED, metrics.OPEN_OVERDUE)


def until_counted(demo: Up, wanted: Callable[[Invoices], bool]) -> Invoices:
    """Waits until the exporter's row is as wanted."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not wanted(row := invoices(demo, PAYERS)):
        assert time.monotonic() < end, row
        time.sleep(LOOK_SECONDS)
    return row


def invoices(demo: Up, unit: str) -> Invoices:
    """The exporter's row of K15-1."""
    exporter, names = f"http://127.0.0.1:{demo.ports['exporter_port']}/metrics", [metric.name for metric in ROW]
    labels = ('kpi="K15-1"', f'unit="{unit}"', 'item="-"', 'window="year"')
    lines = httpx.get(exporter, params={"name[]": names}).text.splitlines()
    found = [line for line in lines if all(label in line for label in labels)]
    values = {line.partition("{")[0]: int(float(line.rpartition(" ")[2])) for line in found}
    return Invoices(*(values.get(name, 0) for name in names))


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
    until_there_are(demo, shown.events)
    stop_the_clock(demo)
    a_day_passes(demo)
    until_there_are(demo, shown.events + 1)
    assert demo.notices()[: len(notified)] == notified
    assert demo.end(signal.SIGTERM) == 0

    assert demo.run("--forget").wait(PATIENCE_SECONDS) == 0
    assert not demo.folder.exists()


def until_there_are(demo: Up, events: int) -> None:
    """Waits until the exporter has so many events, and judged promises."""
    exporter, end = f"http://127.0.0.1:{demo.ports['exporter_port']}/metrics", time.monotonic() + PATIENCE_SECONDS
    while not ((shown := ask_exporter(exporter)) and shown.events >= events and shown.met and shown.missed):
        assert time.monotonic() < end, (shown, demo.said)
        time.sleep(LOOK_SECONDS)
