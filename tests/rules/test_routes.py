"""The committed configuration is accepted by the real tools, and each alert goes where it should."""

import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from services.alert_rules.write import write_rules
from services.catalog.load.plan_folder import load_plan
from services.local.monitoring_tools import MonitoringTools
from services.runtime.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
TREE = DEPLOY / "alertmanager" / "alertmanager.yml"


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_accepts_its_configuration_and_rules(tools: MonitoringTools) -> None:
    run(tools.promtool, "check", "rules", "--lint=all", "--lint-fatal", DEPLOY / "prometheus" / "rules.yml")
    for name in ("prometheus", "history"):
        run(tools.promtool, "check", "config", DEPLOY / "prometheus" / f"{name}.yml")


def test_the_alertmanager_accepts_its_configuration(tools: MonitoringTools) -> None:
    run(tools.amtool, "check-config", TREE)


def test_what_is_written_for_a_fast_clock_is_accepted_too(tools: MonitoringTools, tmp_path: Path) -> None:
    write_rules(load_plan(Settings().plan), 14_400, tmp_path)
    run(tools.promtool, "check", "config", tmp_path / "prometheus" / "prometheus.yml")
    run(tools.amtool, "check-config", tmp_path / "alertmanager" / "alertmanager.yml")


@pytest.mark.parametrize(
    ("name", "program"), [("prometheus", "prometheus"), ("history", "prometheus"), ("alertmanager", "alertmanager")]
)
def test_the_flags_of_docker_compose_are_the_programs_own(tools: MonitoringTools, name: str, program: str) -> None:
    service = YAML(typ="safe").load(DEPLOY.parent / "docker-compose.yml")["services"][name]
    done = subprocess.run([getattr(tools, program), "--help"], capture_output=True, text=True, check=False)
    known = set(re.findall(r"--(?:\[no-\])?[\w.-]+", done.stdout + done.stderr))
    assert {flag.partition("=")[0] for flag in service["command"]} <= known


def test_every_question_that_a_runbook_asks_is_one(tools: MonitoringTools, tmp_path: Path) -> None:
    pages = [page.read_text(encoding="utf-8") for page in (DEPLOY / "runbooks").glob("*.md")]
    asked = [question for page in pages for question in re.findall(r"promtool query instant \S+ '(.+)'", page)]
    rules = [{"record": f"asked:{number}", "expr": question} for number, question in enumerate(asked)]
    path = tmp_path / "asked.yml"
    with path.open("w", encoding="utf-8") as file:
        YAML().dump({"groups": [{"name": "asked", "rules": rules}]}, file)
    assert f"SUCCESS: {len(asked)} rules found" in run(tools.promtool, "check", "rules", path)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=KpiMissed severity=act strength=hard unit=liangjiang-water", "act"),
        ("alertname=KpiMissed severity=review strength=soft unit=district-finance", "review"),
        ("alertname=KpiMissed severity=inform strength=aspirational unit=district-justice", "inform"),
        ("alertname=KpiAtRisk severity=review unit=liangjiang-water", "review"),
        ("alertname=ExporterDown severity=page unit=operations", "page"),
        ("alertname=GatewayDown severity=page unit=operations", "page"),
        ("alertname=RelayDown severity=page unit=operations", "page"),
        ("alertname=SourceRefused severity=act unit=operations source=/units/liangjiang-water", "act"),
        ("alertname=FeedbackStopped severity=act unit=operations", "act"),
        ("alertname=CasebookDown severity=act unit=operations", "act"),
        ("alertname=LedgerDown severity=page unit=operations", "page"),
        ("alertname=LedgerCut severity=page unit=operations", "page"),
        ("alertname=DeskDown severity=act unit=operations", "act"),
        ("alertname=DeskIndexBehind severity=act unit=operations", "act"),
        ("alertname=LedgerVoid severity=act unit=operations", "act"),
        ("alertname=PipelineDown severity=page unit=operations", "page"),
        ("alertname=SourceSilent severity=act unit=liangjiang-water", "act"),
        ("alertname=FiguresOld severity=page unit=operations", "page"),
        ("alertname=SweepOld severity=page unit=operations", "page"),
        ("alertname=CalendarProvisional severity=act unit=operations", "act"),
        ("alertname=BackdatedEntry severity=review unit=operations source=/units/liangjiang-water", "review"),
        ("alertname=KpiStale severity=review unit=operations", "review"),
        ("alertname=KpiUnmeasured severity=review unit=operations", "review"),
        ("alertname=RecordsUnreadable severity=review unit=operations", "review"),
        ("alertname=KpiOverQuota severity=inform unit=operations", "inform"),
        ("alertname=CardOpen severity=act unit=liangjiang-water", "operations-view"),
        ("alertname=CardRed severity=inform unit=liangjiang-water", "operations-view"),
        ("alertname=Watchdog severity=none unit=operations", "watchdog"),
        ("alertname=SomethingNew unit=operations", "act"),
    ],
)
def test_an_alert_goes_to_the_receiver_of_its_severity(tools: MonitoringTools, labels: str, receiver: str) -> None:
    output = run(tools.amtool, "config", "routes", "test", f"--config.file={TREE}", *labels.split())
    assert output.strip() == receiver


def test_every_alert_of_the_rules_has_a_receiver_of_its_own_severity(tools: MonitoringTools) -> None:
    groups = YAML(typ="safe").load(DEPLOY / "prometheus" / "rules.yml")["groups"]
    alerts = {
        (rule["alert"], rule["labels"]["severity"]) for group in groups for rule in group["rules"] if "alert" in rule
    }
    assert len({name for name, _ in alerts}) > 15
    special = {"Watchdog": "watchdog", "CardRed": "operations-view"}
    for name, severity in sorted(alerts):
        labels = [f"alertname={name}", f"severity={severity}", "unit=operations"]
        receiver = run(tools.amtool, "config", "routes", "test", f"--config.file={TREE}", *labels).strip()
        assert receiver == special.get(name, severity), name
