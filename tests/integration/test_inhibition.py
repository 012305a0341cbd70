"""What the real Alertmanager holds back: a yellow alert beside its own red one, symptoms beside their cause."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import uvicorn

from services.alert_rules.alerts import rule_groups
from services.alert_rules.write import Addresses, write_rules
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan
from services.domain.results.published import Card
from services.domain.time.zone import Zone
from services.local import alertmanager
from services.local.http_process import HttpProcess
from services.local.monitoring_tools import MonitoringTools
from services.local.ports import free_ports
from services.messaging.reader import TopicReader
from services.messaging.records.ledger import Kind
from services.notifier.__main__ import Logs, Notifier, RealTime
from services.notifier.alertmanager import CARD_ALERT, Alertmanager, Mirror, real_now
from services.notifier.channels.file import NoticeFile
from services.notifier.contacts import Contacts
from services.notifier.lost_ends import Asking
from services.notifier.notice_subject import mirrored_card
from services.notifier.webhook import notifier_app
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.unit.ledger_world import LedgerWorld

WATER, OTHER_WATER = "liangjiang-water", "sino-french-water"
SYMPTOMS = ("KpiStale", "SourceSilent", "SweepOld", "StreamLagHigh", "FiguresOld")

Labels = dict[str, str]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(Settings().plan)


@pytest.fixture(scope="module")
def routes(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated routes; whom they would notify does not matter here."""
    folder = tmp_path_factory.mktemp("routes")
    write_rules(plan, 1, folder, Addresses(notifier_url="http://127.0.0.1:9"))
    return folder / "alertmanager" / "alertmanager.yml"


@pytest.fixture
def manager(routes: Path, tmp_path: Path, prometheus_tools: MonitoringTools) -> Iterator[HttpProcess]:
    """An Alertmanager with these routes and no active alert."""
    running = alertmanager.start(tmp_path / "am", routes, prometheus_tools)
    yield running
    running.stop()


def alert(plan: Plan, name: str, **labels: str) -> Labels:
    """The labels with which Prometheus fires an alert: those of its generated rule, and those of the series."""
    rules = (rule for group in rule_groups(plan, 1)["groups"] for rule in group["rules"])
    of_the_rule: Labels = next(
        rule["labels"]
        for rule in rules
        if rule.get("alert") == name and all(rule["labels"].get(key, text) == text for key, text in labels.items())
    )
    return {"alertname": name, **of_the_rule, **labels}


def fire(manager: HttpProcess, *alerts: Labels) -> None:
    """What Prometheus posts when rules begin to fire."""
    now = datetime.now(UTC).isoformat()
    content = [{"labels": labels, "annotations": {}, "startsAt": now} for labels in alerts]
    httpx.post(f"{manager.url}/api/v2/alerts", json=content, trust_env=False, timeout=60).raise_for_status()


def end(manager: HttpProcess, *alerts: Labels) -> None:
    """What Prometheus posts when rules no longer fire."""
    now = datetime.now(UTC)
    times = {"startsAt": (now - timedelta(hours=1)).isoformat(), "endsAt": now.isoformat()}
    content = [{"labels": labels, "annotations": {}, **times} for labels in alerts]
    httpx.post(f"{manager.url}/api/v2/alerts", json=content, trust_env=False, timeout=60).raise_for_status()


def known(manager: HttpProcess) -> list[dict[str, Any]]:
    """The alerts that the Alertmanager has."""
    found: list[dict[str, Any]] = httpx.get(f"{manager.url}/api/v2/alerts", trust_env=False, timeout=60).json()
    return found


def held(manager: HttpProcess) -> list[Labels]:
    """Those of them that an inhibition holds back now."""
    return [one["labels"] for one in known(manager) if one["status"]["inhibitedBy"]]


def by_labels(alert: Labels) -> list[tuple[str, str]]:
    return sorted(alert.items())


def holds_back(manager: HttpProcess, expected: list[Labels]) -> None:
    """These alerts come to be held back, and no other is."""
    end = time.monotonic() + 240
    while len(held(manager)) < len(expected) and time.monotonic() < end:
        time.sleep(0.05)
    assert sorted(held(manager), key=by_labels) == sorted(expected, key=by_labels)


def test_a_red_promise_holds_back_its_own_yellow_alert_and_no_other(plan: Plan, manager: HttpProcess) -> None:
    yellow = alert(plan, "KpiAtRisk", kpi="K06-1", scope="unit", unit=WATER)
    assert yellow["level"] == "yellow"
    others = [
        alert(plan, "KpiAtRisk", kpi="K06-1", scope="unit", unit=OTHER_WATER),
        alert(plan, "KpiAtRisk", kpi="K06-2", scope="unit", unit=WATER),
        {**alert(plan, "KpiAtRisk", kpi="K06-1", scope="district"), "unit": WATER},  # were it the lead
    ]
    fire(manager, yellow, *others)
    assert held(manager) == []
    fire(manager, alert(plan, "KpiMissed", kpi="K06-1", scope="unit", unit=WATER))
    holds_back(manager, [yellow])


def test_a_red_card_holds_back_the_yellow_card_of_its_case_and_of_no_other_case(
    plan: Plan, manager: HttpProcess
) -> None:
    yellow = Card("K06-1", f"/units/{WATER} W-1", 1, "-", "yellow", WATER, "2021-10-12T09:00:00+08:00", "", "", "")
    api = Alertmanager(manager.url)
    mirror, now = Mirror(api, plan), real_now()
    mirror.take(yellow, "7", now)
    mirror.take(yellow._replace(level="red"), "7", now)
    mirror.take(yellow._replace(case=f"/units/{WATER} W-2"), "8", now)
    mirror.send(now, 0)
    cards = [one["labels"] for one in known(manager)]
    assert {(one["alertname"], one["card"], one["level"]) for one in cards} == {
        (CARD_ALERT, "7", "yellow"), (CARD_ALERT, "7", "red"), (CARD_ALERT, "8", "yellow"),
    }  # fmt: skip
    holds_back(manager, [one for one in cards if (one["card"], one["level"]) == ("7", "yellow")])
    ids = [mirrored_card("7", "yellow"), mirrored_card("7", "red"), mirrored_card("8", "yellow")]
    assert set(api.suppressions(WATER, ids)) == {mirrored_card("7", "yellow")}  # what the notifier goes by
    api.close()


def test_a_card_that_ended_while_no_notifier_ran_is_gone_from_the_alertmanager(
    plan: Plan, manager: HttpProcess
) -> None:
    red = Card("K06-1", f"/units/{WATER} W-1", 1, "-", "red", WATER, "2021-10-12T09:00:00+08:00", "", "", "")
    api, now = Alertmanager(manager.url), real_now()
    before, after = Mirror(api, plan), Mirror(api, plan)
    before.take(red, "7", now)
    before.send(now, 0)
    assert len(known(manager)) == 1
    after.take(red._replace(cleared_at=red.raised_at, reason="completed"), "7", now, was_there=True)
    after.send(real_now(), 0)
    end = time.monotonic() + 240
    while known(manager) and time.monotonic() < end:
        time.sleep(0.05)
    assert known(manager) == []
    api.close()


def test_a_stopped_pipeline_holds_back_its_symptoms_and_no_missed_promise(plan: Plan, manager: HttpProcess) -> None:
    followers = [alert(plan, name) for name in SYMPTOMS]
    fire(
        manager,
        *followers,
        alert(plan, "KpiMissed", kpi="K06-1", scope="unit", unit=WATER),
        alert(plan, "DeadLetterRatioHigh"),
        alert(plan, "Watchdog"),
    )
    fire(manager, alert(plan, "PipelineDown"))
    holds_back(manager, followers)


def test_without_an_exporter_nothing_is_notified_but_that_and_the_cards(plan: Plan, manager: HttpProcess) -> None:
    followers = [
        *(alert(plan, name) for name in (*SYMPTOMS, "PipelineDown", "DeadLetterRatioHigh")),
        alert(plan, "KpiMissed", kpi="K06-1", scope="unit", unit=WATER),
    ]
    card = {"alertname": CARD_ALERT, "card": "7", "kpi": "K06-1", "unit": WATER, "level": "red", "severity": "act"}
    fire(manager, *followers, card, alert(plan, "Watchdog"))
    fire(manager, alert(plan, "ExporterDown"))
    holds_back(manager, followers)


def test_a_soft_promise_that_is_missed_holds_back_that_it_is_at_risk(plan: Plan, manager: HttpProcess) -> None:
    at_risk = alert(plan, "KpiAtRisk", kpi="K15-1", scope="district")
    fire(manager, at_risk, alert(plan, "KpiMissed", kpi="K15-1", scope="district"))
    holds_back(manager, [at_risk])


# ---- an end that no webhook reports -----------------------------------------------------------------------
class NoCards:
    """A topic in which nothing is."""

    caught_up = True

    def poll(self, timeout_seconds: float) -> list[Any]:
        time.sleep(0.1)
        return []


@contextlib.contextmanager
def notifying(plan: Plan, settings: Settings, ledger: LedgerWorld, asking: Asking) -> Iterator[None]:
    """A notifier with its webhook, in opening hours."""
    clock = Clock.simulated(settings.outbox.with_name("clock.json"))
    clock.set(Zone("Asia/Shanghai").instant(datetime.fromisoformat("2021-10-12T09:05")), 0)
    contacts = Contacts({}, NoticeFile(settings.outbox))
    logs = Logs(cast(TopicReader, NoCards()), ledger.client())
    notifier = Notifier(settings, plan, clock, logs, contacts, RealTime(asking=asking))
    app = notifier_app(notifier.accepted.accept, lambda: True, lambda: True, token="secret")
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=settings.notifier_port, log_level="warning", log_config=None)
    )
    ending = threading.Event()
    threads = [threading.Thread(target=server.run), threading.Thread(target=notifier.run, args=(ending,))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        ending.set()
        for thread in threads:
            thread.join(60)
        notifier.close()


def until(what: str, found: Callable[[], bool], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def test_the_end_of_an_alert_that_is_inhibited_reaches_its_unit_and_so_does_its_next_beginning(
    plan: Plan, tmp_path: Path, prometheus_tools: MonitoringTools
) -> None:
    """Through an Alertmanager that is killed and forgets everything. What happens more than once is reported so."""
    port, at = free_ports(2)
    settings = Settings(outbox=tmp_path / "outbox.jsonl", notifier_port=port, alertmanager_url=f"http://127.0.0.1:{at}")
    (tmp_path / "token").write_text("secret")
    ledger = LedgerWorld()
    write_rules(plan, 3000, tmp_path, Addresses(notifier_url=f"http://127.0.0.1:{port}", token_file=tmp_path / "token"))
    tree = tmp_path / "alertmanager" / "alertmanager.yml"

    def notified(name: str) -> list[str]:
        notices = [one.request.body for one in ledger.records() if one.request.kind is Kind.NOTICE]
        return [one["status"] for notice in notices for one in notice["subjects"] if one["alertname"] == name]

    at_risk, missed, watchdog = (
        alert(plan, "KpiAtRisk", kpi="K06-1", scope="unit", unit=WATER),
        alert(plan, "KpiMissed", kpi="K06-1", scope="unit", unit=WATER),
        alert(plan, "Watchdog"),
    )
    with contextlib.ExitStack() as running:
        manager = alertmanager.start(tmp_path / "am", tree, prometheus_tools, at)
        running.callback(lambda: manager.stop())
        running.enter_context(notifying(plan, settings, ledger, Asking(every=0.3, unlisted=3.0, blind=0.0)))
        fire(manager, at_risk, watchdog)
        until("the notice", lambda: notified("KpiAtRisk") == ["raised"])
        fire(manager, missed)
        until("the inhibition", lambda: held(manager) == [at_risk])
        until("the other notice", lambda: notified("KpiMissed") == ["raised"])
        end(manager, at_risk)
        until("the lost end", lambda: notified("KpiAtRisk") == ["raised", "ended"])
        fire(manager, at_risk)
        end(manager, missed)
        until("both changes", lambda: (notified("KpiAtRisk")[2:], notified("KpiMissed")[1:]) == (["raised"], ["ended"]))

        manager.kill()
        manager = alertmanager.start(tmp_path / "am2", tree, prometheus_tools, at)
        time.sleep(4)  # it has forgotten everything, and nobody sends
        assert notified("KpiAtRisk") == ["raised", "ended", "raised"]
        fire(manager, watchdog)
        until("its end", lambda: notified("KpiAtRisk")[3:] == ["ended"])
