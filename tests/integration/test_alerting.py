"""From a published figure or card to a notice, through the real Kafka, Prometheus and Alertmanager."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson
import pytest
from kafka import KafkaProducer

from dashboards.build import dashboards
from dashboards.publish import publish
from services.alert_rules.write import Addresses, write_rules
from services.catalog.load.plan_folder import load_plan
from services.domain.results.published import Card, ValueRow
from services.domain.time.zone import Zone
from services.local import alertmanager, prometheus
from services.local.child_process import Command
from services.local.http_process import HttpProcess
from services.local.kafka import Broker
from services.local.monitoring_tools import MonitoringTools
from services.local.ports import free_ports
from services.messaging import topics
from services.metric_names.alert_pages import AlertPages
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.recorded_notices import recorded_notices
from tests.unit.grafana import TOKEN, Grafana, serving

SPEED = 300
"""Plan seconds per real second: a morning of working hours lasts 36 s."""

T = TypeVar("T")

CARD = Card(
    kpi="K06-1",
    case="/units/liangjiang-water W-2021-000123",
    cycle=1,
    node="-",
    level="yellow",
    unit="liangjiang-water",
    raised_at="2021-10-12T09:00:00+08:00",
    due_at="2021-10-13T23:59:59.999999+08:00",
    cleared_at="",
    reason="",
)


def until(what: str, found: Callable[[], T], seconds: float = 240) -> T:
    """The first true answer; fails with what was awaited. A machine may be busy: nothing here is measured."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return answer


@dataclass
class System:
    """What delivers a notice: real parts, and the test in the place of the streams."""

    settings: Settings
    folder: Path
    clock: Clock
    producer: KafkaProducer
    exporter: HttpProcess
    notifier: HttpProcess
    alertmanager: HttpProcess
    grafana: Grafana

    def it_is(self, clock: str) -> None:
        """Sets the plan's clock on a working Tuesday."""
        self.clock.set(Zone("Asia/Shanghai").instant(datetime.fromisoformat(f"2021-10-12T{clock}")), SPEED)

    def publish_value(self, **cells: str) -> None:
        empty = ValueRow(*[""] * len(ValueRow._fields))
        row = empty._replace(variant="official", item="-", window="year", value="0.9", n="20", **cells)
        key = "|".join((row.kpi, row.variant, row.unit, row.item, row.window))
        self._send(topics.KPI_VALUES, key, {**row._asdict(), "watermark": "2021-10-12T09:00:00+08:00"})

    def remove_value(self, key: str) -> None:
        self._send(topics.KPI_VALUES, key, None)

    def publish_card(self, card: Card) -> None:
        key = "|".join((card.kpi, card.case, str(card.cycle), card.node, card.level))
        self._send(topics.ALERT_CARDS, key, card._asdict())

    def _send(self, topic: str, key: str, value: dict[str, Any] | None) -> None:
        content = None if value is None else orjson.dumps(value)
        self.producer.send(topic, key=key.encode(), value=content).get(timeout=120)

    def notices(self, **wanted: str) -> list[dict[str, Any]]:
        """The notices of the ledger about such a subject."""
        notices = recorded_notices(self.settings.bootstrap)
        return [one for one in notices if any(wanted.items() <= notified.items() for notified in one["subjects"])]

    def delivered(self) -> list[int]:
        """The numbers of the notices that are in the file of those without a channel."""
        if not self.settings.outbox.exists():
            return []
        return [orjson.loads(line)["number"] for line in self.settings.outbox.read_bytes().splitlines()]

    def notified(self, **wanted: str) -> list[set[tuple[str, str]]]:
        return [
            {(notified["level"], notified["status"]) for notified in notice["subjects"]}
            for notice in self.notices(**wanted)
        ]

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        found = httpx.get(f"{self.alertmanager.url}/api/v2/alerts", trust_env=False, timeout=60).json()
        return [alert for alert in found if labels.items() <= alert["labels"].items()]

    def groups(self, receiver: str) -> dict[str, set[str]]:
        """Unit → promises of one receiver's groups at the Alertmanager. Beside them there may be alerts about silent
        sources: they come as soon as the plan's clock is at work."""
        found = httpx.get(f"{self.alertmanager.url}/api/v2/alerts/groups", trust_env=False, timeout=60).json()
        return {
            group["labels"]["unit"]: {alert["labels"]["kpi"] for alert in group["alerts"] if "kpi" in alert["labels"]}
            for group in found
            if group["receiver"]["name"] == receiver
        }

    def metrics(self) -> str:
        return httpx.get(f"{self.exporter.url}/metrics", trust_env=False, timeout=60).text

    def post(self, webhook: dict[str, Any]) -> None:
        """What the Alertmanager posts, with the token that it reads."""
        headers = {"Authorization": f"Bearer {self.settings.webhook_token.read_text().strip()}"}
        url = f"{self.notifier.url}/alerts"
        httpx.post(url, json=webhook, headers=headers, trust_env=False, timeout=60).raise_for_status()

    def restart_notifier(self) -> None:
        self.notifier.kill()
        self.notifier = process("notifier", self.settings, self.folder, self.settings.notifier_port)


def process(name: str, settings: Settings, folder: Path, port: int) -> HttpProcess:
    environment = {**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1"}
    return HttpProcess(name, Command([sys.executable, "-m", f"services.{name}"], environment=environment), folder, port)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, prometheus_tools: MonitoringTools) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("alerting")
    names = ("exporter", "notifier", "ledger", "alertmanager", "prometheus", "desk")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    with contextlib.ExitStack() as running:
        # its topics have the names of the real ones, so it has a broker of its own
        broker = Broker.start(folder / "kafka", cache=Settings.from_environment().cache, heap_megabytes=256)
        running.callback(broker.stop)
        topics.create(broker.bootstrap, 2)
        double = running.enter_context(serving())
        settings = Settings(
            bootstrap=broker.bootstrap,
            clock=folder / "clock.json",
            outbox=folder / "outbox.jsonl",
            ledger=str(folder / "ledger.sqlite"),
            texts=str(folder / "texts.sqlite"),
            ledger_key=folder / "ledger.key",
            checkpoints=folder / "checkpoints.jsonl",
            ledger_port=ports["ledger"],
            exporter_port=ports["exporter"],
            notifier_port=ports["notifier"],
            alertmanager_url=f"http://127.0.0.1:{ports['alertmanager']}",
            desk_port=ports["desk"],
            desk_url=f"http://127.0.0.1:{ports['desk']}",
            desk_index=folder / "desk.sqlite",
            accounts=str(folder / "accounts.sqlite"),
            casebook=str(folder / "casebook.sqlite"),
            grafana_url=double.url,
        )
        plan = load_plan(settings.plan)
        publish(double.url, TOKEN, dashboards(plan, settings.desk_url, settings.runbooks_address))
        write_rules(
            plan,
            SPEED,
            folder,
            Addresses(
                exporter=f"127.0.0.1:{ports['exporter']}",
                alertmanager=f"127.0.0.1:{ports['alertmanager']}",
                notifier_url=f"http://127.0.0.1:{ports['notifier']}",
                token_file=settings.webhook_token,
                pages=AlertPages.of(settings, plan),
            ),
        )
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
        running.callback(producer.close)
        clock = Clock.from_settings(settings)
        clock.set(0, 1)
        exporter = process("exporter", settings, folder, ports["exporter"])
        running.callback(exporter.stop)
        running.callback(process("ledger", settings, folder, ports["ledger"]).stop)
        running.callback(process("desk", settings, folder, ports["desk"]).stop)
        notifier = process("notifier", settings, folder, ports["notifier"])
        tree, config = folder / "alertmanager" / "alertmanager.yml", folder / "prometheus" / "prometheus.yml"
        manager = alertmanager.start(folder / "am", tree, prometheus_tools, ports["alertmanager"])
        running.callback(manager.stop)
        running.callback(prometheus.start(folder / "prom", config, prometheus_tools, ports["prometheus"]).stop)
        system = System(settings, folder, clock, producer, exporter, notifier, manager, double)
        running.callback(lambda: system.notifier.stop())
        yield system


def test_a_missed_promise_becomes_one_notice_to_its_unit_and_ends_with_one(system: System) -> None:
    system.it_is("09:05")
    for unit in ("liangjiang-water", "sino-french-water"):
        system.publish_value(kpi="K06-1", unit=unit, state="missed")
    system.publish_value(kpi="K06-2", unit="liangjiang-water", state="met")
    until(
        "alerts grouped by unit",
        lambda: {"liangjiang-water": {"K06-1"}, "sino-french-water": {"K06-1"}}.items() <= system.groups("act").items(),
    )
    until("a notice", lambda: system.notices(alertname="KpiMissed", unit="liangjiang-water"))

    webhook = {"alerts": [{**alert, "status": "firing"} for alert in system.alerts(alertname="KpiMissed")]}
    for _ in range(2):  # the streams publish again, the Alertmanager sends again, the notifier dies
        system.publish_value(kpi="K06-1", unit="liangjiang-water", state="missed")
        system.post(webhook)
    system.restart_notifier()
    system.post(webhook)
    system.it_is("09:05")
    time.sleep(2)
    (notice,) = system.notices(alertname="KpiMissed", unit="liangjiang-water")
    assert notice["outcome"] == "delivered"
    (missed,) = [
        notified for notified in notice["subjects"] if notified["alertname"] == "KpiMissed"
    ]  # its source may be silent, too
    assert missed["summary_en"].endswith("is missed for Liangjiang Water: 90 %, target 100%")

    system.publish_value(kpi="K06-1", unit="liangjiang-water", state="met")
    until("the end", lambda: len(system.notices(alertname="KpiMissed", unit="liangjiang-water")) == 2)
    assert system.notices(unit="liangjiang-water")[-1]["subjects"][0]["status"] == "ended"
    assert len(system.notices(alertname="KpiMissed", unit="sino-french-water")) == 1


def answers(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=60).raise_for_status()


def test_an_alert_names_unit_and_action_and_both_its_links_answer(system: System) -> None:
    system.it_is("09:05")
    system.publish_value(kpi="K06-2", unit="liangjiang-water", state="missed")
    about = {"alertname": "KpiMissed", "kpi": "K06-2", "unit": "liangjiang-water"}
    (alert,) = until("the alert", lambda: system.alerts(**about))
    said = alert["annotations"]
    assert said["summary_zh"].startswith("两江水务：") and "按期率90%，未达目标100%" in said["summary_zh"]
    assert (said["unit_zh"], said["action_zh"], said["unit_en"]) == ("两江水务", "当日处理", "Liangjiang Water")
    assert said["dashboard_url"] == (
        f"{system.grafana.url}/d/kpiwatch-promise?var-kpi=K06-2&var-window=year&var-unit=liangjiang-water"
    )
    assert answers(said["dashboard_url"]).status_code == 200
    page = answers(said["runbook_url"]).text  # of the desk, where nobody signed in
    assert "承诺未达标" in page and "Promise missed" in page and "先办理超期或不符合、尚未办结的办件" in page
    assert "两江水务" not in page
    system.publish_value(kpi="K06-2", unit="liangjiang-water", state="met")
    until("its end", lambda: not system.alerts(**about))


def test_a_card_yellow_then_red_then_cleared_is_three_notices_and_an_alert_without_the_case(system: System) -> None:
    system.it_is("09:05")
    red = CARD._replace(level="red", raised_at="2021-10-14T00:00:00+08:00")
    done = red._replace(cleared_at="2021-10-14T10:00:00+08:00", reason="completed")
    for _ in range(2):
        system.publish_card(CARD)
    until("the yellow card's notice", lambda: system.notified(case=CARD.case) == [{("yellow", "raised")}])
    (mirrored,) = until("the yellow card at the Alertmanager", lambda: system.alerts(alertname="CardOpen"))
    assert mirrored["labels"]["unit"] == "liangjiang-water"
    assert "W-2021-000123" not in str(mirrored)
    assert datetime.fromisoformat(mirrored["startsAt"]) > datetime.now(UTC) - timedelta(minutes=10)  # real time
    said = mirrored["annotations"]
    assert (said["unit_zh"], said["due_zh"]) == ("两江水务", "应于2021年10月13日24时前完成")
    assert answers(said["dashboard_url"]).status_code == answers(said["runbook_url"]).status_code == 200

    system.publish_card(CARD._replace(cleared_at=red.raised_at, reason="superseded"))
    system.publish_card(red)
    until("the red card's notice", lambda: len(system.notified(case=CARD.case)) == 2)
    system.restart_notifier()
    system.it_is("09:05")
    system.publish_card(red)
    system.publish_card(done)
    until("the notice of its end", lambda: len(system.notified(case=CARD.case)) == 3)
    assert system.notified(case=CARD.case)[1:] == [{("red", "raised"), ("yellow", "ended")}, {("red", "ended")}]
    until("no card at the Alertmanager", lambda: not system.alerts(alertname="CardOpen"))


def test_a_silenced_card_is_noted_and_notified_when_the_silence_is_lifted(system: System) -> None:
    system.it_is("09:05")
    now = datetime.now(UTC)
    silence = {
        "matchers": [{"name": "unit", "value": "kaiyuan-gas", "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "operations centre",
        "comment": "known",
    }
    url = f"{system.alertmanager.url}/api/v2"
    id = httpx.post(f"{url}/silences", json=silence, trust_env=False, timeout=60).raise_for_status().json()["silenceID"]
    card = CARD._replace(kpi="K06-5", unit="kaiyuan-gas", case="/units/kaiyuan-gas G-1")
    system.publish_card(card)
    (notice,) = until("the note of it", lambda: system.notices(case=card.case))
    assert (notice["outcome"], notice["by"]) == ("suppressed", [id])
    httpx.delete(f"{url}/silence/{id}", trust_env=False, timeout=60).raise_for_status()
    system.it_is("09:05")
    until("the notice after all", lambda: len(system.notices(case=card.case)) == 2)
    assert system.notices(case=card.case)[-1]["outcome"] == "delivered"


def test_a_red_card_of_the_night_that_is_over_in_the_morning_ends_the_yellow_one(system: System) -> None:
    """Through a restart of the notifier, which finds both in the topic."""
    system.it_is("09:05")
    yellow = CARD._replace(case="/units/liangjiang-water W-2021-000777")
    red = yellow._replace(level="red", raised_at="2021-10-14T00:00:00+08:00")
    system.publish_card(yellow)
    until("the yellow card's notice", lambda: system.notified(case=yellow.case) == [{("yellow", "raised")}])
    system.it_is("20:00")
    system.publish_card(yellow._replace(cleared_at=red.raised_at, reason="superseded"))
    system.publish_card(red)
    system.restart_notifier()
    system.publish_card(red._replace(cleared_at="2021-10-14T10:00:00+08:00", reason="completed"))
    water = {"alertname": "CardOpen", "unit": "liangjiang-water"}
    until("no card at the Alertmanager", lambda: not system.alerts(**water))
    system.it_is("09:05")
    until("its end", lambda: len(system.notified(case=yellow.case)) == 2)
    (ended,) = system.notices(case=yellow.case)[-1]["subjects"]
    assert (ended["level"], ended["status"], ended["red_reason"]) == ("yellow", "ended", "completed")


def test_a_card_that_was_removed_while_nobody_read_ends(system: System) -> None:
    system.it_is("09:05")
    card = CARD._replace(case="/units/liangjiang-water W-2021-000778")
    system.publish_card(card)
    until("its notice", lambda: system.notified(case=card.case) == [{("yellow", "raised")}])
    system.notifier.kill()
    key = "|".join((card.kpi, card.case, str(card.cycle), card.node, card.level))
    system._send(topics.ALERT_CARDS, key, None)
    system.restart_notifier()
    system.it_is("09:05")
    until("its end", lambda: system.notified(case=card.case)[1:] == [{("yellow", "ended")}])
    assert system.notices(case=card.case)[-1]["subjects"][0]["reason"] == "retracted"


def test_nobody_else_reads_the_notices_and_nobody_without_the_token_posts_alerts(system: System) -> None:
    for path in (system.settings.outbox, system.settings.outbox.with_suffix(".alerts.jsonl")):
        assert path.stat().st_mode & 0o777 == 0o600
    assert system.settings.webhook_token.stat().st_mode & 0o077 == 0
    answer = httpx.post(f"{system.notifier.url}/alerts", json={"alerts": []}, trust_env=False, timeout=60)
    assert answer.status_code == 401


def test_a_card_of_the_night_is_notified_in_the_morning(system: System) -> None:
    system.it_is("20:00")
    card = CARD._replace(case="/units/liangjiang-water W-2021-000999")
    system.publish_card(card)
    until("the card at the Alertmanager", lambda: system.alerts(alertname="CardOpen", unit="liangjiang-water"))
    time.sleep(1.5)
    assert system.notices(case=card.case) == []
    system.it_is("09:05")
    (notice,) = until("the notice", lambda: system.notices(case=card.case))
    until("its delivery", lambda: notice["number"] in system.delivered())


def test_every_notice_was_delivered_once_through_all_restarts(system: System) -> None:
    numbers = {one["number"] for one in recorded_notices(system.settings.bootstrap) if one["outcome"] == "delivered"}
    until("all deliveries", lambda: numbers <= set(system.delivered()))
    assert len(system.delivered()) == len(set(system.delivered()))
    assert "W-2021" not in system.settings.outbox.read_text()


def test_the_exporter_shows_what_the_topics_hold_and_drops_what_they_drop(system: System) -> None:
    series = 'kpi_value{item="-",kpi="K06-3",unit="ALL",variant="official",window="year"} 0.9'
    system.publish_value(kpi="K06-3", unit="ALL", state="met")
    until("the figure", lambda: series in system.metrics())
    progress = {"type": "progress", "partition": 0, "epoch": 3, "swept_to": 1_634_000_000_000_000, "lag": 12}
    system._send(topics.KPI_TALLIES, "claim|0", {"type": "claim"})
    system._send(topics.KPI_TALLIES, "progress|0", {**progress, "sources": {"/operations": 1_633_000_000_000_000}})
    system._send(topics.DEAD_LETTER, "x|0|1", {"reason": "naive_time"})
    until("the progress", lambda: 'kpi_stream_lag_records{partition="0"} 12.0' in system.metrics())
    until("the dead letter", lambda: 'kpi_dead_letters_total{reason="naive_time"} 1.0' in system.metrics())
    system.remove_value("K06-3|official|ALL|-|year")
    until("no figure", lambda: series not in system.metrics())
    assert "W-2021" not in system.metrics()
