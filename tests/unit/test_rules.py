"""What is generated for Prometheus and the Alertmanager follows from the plan."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import services.catalog
from services.alert_rules.__main__ import main
from services.alert_rules.alerts import rule_groups
from services.alert_rules.durations import of_plan, text
from services.alert_rules.routes import SEVERITIES, routing
from services.alert_rules.write import write_rules
from services.catalog.load.plan_folder import load_plan
from services.cli.__main__ import COMMANDS
from services.domain.plan.plan import Plan, Strength
from services.domain.results.published import State
from services.metric_names import (
    briefing_metrics,
    desk_metrics,
    gateway_metrics,
    ledger_metrics,
    metrics,
    notice_metrics,
    recording_rules,
)
from services.metric_names.alert_names import ALERT_NAMES
from services.notifier.alertmanager import CARD_ALERT
from services.runtime.clock import Clock

JIANGBEI = Path(services.catalog.__file__).parent / "jiangbei-2021"
DEPLOY = Path(__file__).parents[2] / "deploy"

DECLARED = (
    *metrics.ALL,
    *vars(gateway_metrics).values(),
    *vars(ledger_metrics).values(),
    *vars(notice_metrics).values(),
    *vars(desk_metrics).values(),
    *vars(briefing_metrics).values(),
)
METRICS = {found.name for found in DECLARED if isinstance(found, metrics.Metric)}


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(JIANGBEI)


def rules(plan: Plan, speed: float = 1) -> list[dict[str, Any]]:
    return [rule for group in rule_groups(plan, speed)["groups"] for rule in group["rules"]]


def alerts(plan: Plan, speed: float = 1) -> list[dict[str, Any]]:
    return [rule for rule in rules(plan, speed) if "alert" in rule]


def test_what_is_committed_is_what_the_plan_gives(plan: Plan, tmp_path: Path) -> None:
    for written in write_rules(plan, 1, tmp_path):
        committed = DEPLOY / written.relative_to(tmp_path)
        assert committed.read_text(encoding="utf-8") == written.read_text(encoding="utf-8"), (
            f"{committed.relative_to(DEPLOY.parent)} is not what the plan gives: run make generate"
        )


def test_the_names_of_the_records_are_those_of_the_one_module(plan: Plan) -> None:
    assert {rule["record"] for rule in rules(plan) if "record" in rule} == set(recording_rules.ALL)


def test_every_state_has_a_rank_and_a_miss_the_worst() -> None:
    ranked = recording_rules.rank("kpi_state", 'kpi="K06-1"', "unit")
    found = re.findall(r'([\d.]+) \* kpi_state\{kpi="K06-1",state="(\w+)"\}', ranked)
    assert sorted(state for _, state in found) == sorted([*State, State.MISSED]), (
        "a missed effort has a rank of its own"
    )
    assert {rank for rank, state in found if state == "missed"} == {"1", "1.5"}
    assert len({rank for rank, _ in found}) == len(found)


def test_every_alert_has_a_runbook_and_every_runbook_an_alert(plan: Plan) -> None:
    pages = {page.stem for page in (DEPLOY / "runbooks").glob("*.md")}
    assert pages == {rule["alert"] for rule in alerts(plan)} | {CARD_ALERT}  # which the notifier posts


RUNBOOKS = sorted((DEPLOY / "runbooks").glob("*.md"))


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbook_says_what_it_means_who_acts_how_to_check_and_how_to_end_it(page: Path) -> None:
    written = page.read_text(encoding="utf-8")
    assert re.findall(r"^#+ (.+)$", written, re.MULTILINE) == [
        f"{ALERT_NAMES[page.stem].zh} {ALERT_NAMES[page.stem].en} (`{page.stem}`)",
        "含义 What it means", "处置单位 Who acts", "核查方法 How to check", "处置与解除 How to end it",
    ]  # fmt: skip
    assert re.search(r"How to check\n(.|\n)*```sh\n(.|\n)+?\n```\n(.|\n)*How to end it", written)
    for section in written.split("\n## ")[1:]:
        first = section.split("\n\n")[1]
        assert re.search("[\u4e00-\u9fff]{4}", first), f"Chinese comes first: {first}"


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_what_a_runbook_asks_to_run_look_at_and_read_is_there(plan: Plan, page: Path) -> None:
    written = page.read_text(encoding="utf-8")
    names = METRICS | {rule["record"] for rule in rules(plan) if "record" in rule}
    assert set(re.findall(r"\b(?:[a-z]+:)?kpi_\w+(?::\w+)?", written)) <= names
    assert set(re.findall(r"kpiwatch (?!up\b)([a-z-]+)(?=[ `\n])", written)) <= set(COMMANDS)
    assert all((page.parent / other).exists() for other in re.findall(r"\]\((\w+\.md)\)", written))


def test_every_alert_speaks_both_languages_and_links_its_runbook(plan: Plan) -> None:
    for rule in alerts(plan):
        assert re.search("[\u4e00-\u9fff]", rule["annotations"]["summary_zh"])
        assert rule["annotations"]["summary_en"].isascii() or "'" in rule["annotations"]["summary_en"]
        assert rule["annotations"]["runbook"] == f"deploy/runbooks/{rule['alert']}.md"
        assert rule["labels"]["severity"] in (*SEVERITIES, "none")


def test_every_targeted_promise_alerts_in_its_official_window_only_and_no_other_promise_does(plan: Plan) -> None:
    with_alert = {rule["labels"]["kpi"] for rule in alerts(plan) if rule["alert"] == "KpiMissed"}
    assert with_alert == {promise.id for promise in plan.promises if promise.strength is not Strength.DIRECTIONAL}
    official = [rule for rule in rules(plan) if rule.get("record") == "unit:kpi_state:official"]
    for promise in (one for one in plan.promises if one.variant == "official"):
        (window,) = {rule["labels"]["window"] for rule in official if re.search(rf'["|]{promise.id}["|]', rule["expr"])}
        assert window == promise.official_window


def test_severity_and_colour_follow_from_the_strength(plan: Plan) -> None:
    found = {
        rule["labels"]["strength"]: (rule["labels"]["severity"], rule["labels"]["level"])
        for rule in alerts(plan)
        if rule["alert"] == "KpiMissed"
    }
    assert found == {"hard": ("act", "red"), "soft": ("review", "yellow"), "aspirational": ("inform", "none")}


def test_now_is_the_plans_clock_and_no_rate_runs_over_cases(plan: Plan) -> None:
    through_the_pipeline = {"kpi_events_total", "kpi_dead_letter_records_total", "kpi_stream_lag_records"}
    through_the_pipeline |= {"kpi_refused_events_total", "kpi_relay_events_total", "kpi_gateway_events_total"}
    through_the_pipeline |= {
        "kpi_notice_deliveries_total",
        "kpi_ledger_void_records_total",
        "kpi_ledger_decisions_refused",
        "kpi_desk_sign_ins_total",
    }
    for rule in rules(plan):
        assert not re.search(r"\btime\(\)|\b(minute|hour|day_of_\w+)\(", rule["expr"])
        assert set(re.findall(r"\b(?:i?rate|increase|i?delta|deriv)\((\w*)", rule["expr"])) <= through_the_pipeline


def test_every_alert_but_the_watchdog_waits_before_it_begins_and_before_it_ends(plan: Plan) -> None:
    hasty = {rule["alert"] for rule in alerts(plan) if not ("for" in rule and "keep_firing_for" in rule)}
    assert hasty == {"Watchdog"}


def test_nobody_is_notified_twice_of_one_cause(plan: Plan) -> None:
    def held_back(by: str) -> set[str]:
        names = {rule["alert"] for rule in alerts(plan)} | {CARD_ALERT}
        inhibitions = routing(plan, 1, "http://notifier:1", "/token")["inhibit_rules"]
        found = [one for one in inhibitions if matches(one["source_matchers"][0], by) and "equal" not in one]
        return {name for name in names for one in found if matches(one["target_matchers"][0], name)}

    def matches(matcher: str, name: str) -> bool:
        wanted = re.fullmatch(r'alertname(=~|!~|=)"(.+)"', matcher)
        assert wanted
        found = re.fullmatch(wanted[2], name) is not None
        return found != (wanted[1] == "!~")

    everything = {rule["alert"] for rule in alerts(plan)}
    by_themselves = {"GatewayDown", "RelayDown", "SourceRefused", "FeedbackStopped", "CasebookDown"} | {
        "LedgerDown", "LedgerWaiting", "LedgerCut", "LedgerVoid", "DecisionNotInForce", "NoticeNotTaken",
        "RecipientUnreached", "DeskDown", "DeskIndexBehind", "DeskSignInsFailing", "BriefingsDown", "BriefingNotSent",
    }  # fmt: skip
    assert held_back("ExporterDown") == everything - {"ExporterDown", "Watchdog"} - by_themselves
    assert held_back("PipelineDown") == {"KpiStale", "SourceSilent", "SweepOld", "StreamLagHigh", "FiguresOld"}
    assert held_back("SweepOld") == held_back("StreamLagHigh") == {"KpiStale"}
    assert held_back("CalendarProvisional") == {"CalendarEnding"}
    assert held_back("KpiMissed") == held_back("Watchdog") == set()


def test_only_declared_metrics_are_used(plan: Plan) -> None:
    names = METRICS | {"kpi_sweep_age_seconds", "kpi_dead_letters", "kpi_backdated_cases"}  # of records
    for rule in rules(plan):
        assert set(re.findall(r"\bkpi_\w+", rule["expr"])) <= names


def test_recording_rules_are_named_level_metric_operation(plan: Plan) -> None:
    for rule in rules(plan):
        if "record" in rule:
            assert re.fullmatch(r"[a-z]+:kpi_[a-z_]+:[a-z0-9]+", rule["record"])


def test_hold_times_of_the_plan_divide_by_the_speed_and_those_of_the_machinery_do_not(plan: Plan) -> None:
    def hold(speed: float, alert: str) -> str:
        return str(next(rule for rule in alerts(plan, speed) if rule["alert"] == alert)["for"])

    assert (hold(1, "KpiMissed"), hold(60, "KpiMissed"), hold(14_400, "KpiMissed")) == ("5m", "5s", "1s")
    assert (hold(1, "StreamLagHigh"), hold(60, "StreamLagHigh")) == ("5m", "5m")
    old = next(rule for rule in alerts(plan, 60) if rule["alert"] == "SweepOld")
    assert "> 36000 " in old["expr"]  # ten real minutes, as the plan's clock counts them


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.2, "1s"), (1, "1s"), (90, "90s"), (90.1, "91s"), (900, "15m"), (7_200, "2h")]
)
def test_durations_are_written_exactly_rounded_up_to_seconds(seconds: float, written: str) -> None:
    assert text(seconds) == written
    assert of_plan(seconds * 100, 100) == written


def test_the_notifier_is_notified_by_every_severity_and_by_no_overview(plan: Plan) -> None:
    tree = routing(plan, 1, "http://notifier:1", "/token")
    reported = {receiver["name"] for receiver in tree["receivers"] if receiver.get("webhook_configs")}
    assert reported == set(SEVERITIES)
    assert tree["route"]["group_by"] == ["unit"]


@pytest.mark.slow
def test_the_committed_files_are_plain_yaml() -> None:
    for path in (*DEPLOY.glob("prometheus/*.yml"), *DEPLOY.glob("alertmanager/*.yml")):
        assert YAML(typ="safe").load(path)


@pytest.mark.slow
def test_rules_are_written_at_the_speed_of_the_clock_that_the_settings_name(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def speed_of(folder: Path) -> str:
        monkeypatch.setattr("sys.argv", ["services.alert_rules", str(folder)])
        assert main() == 0
        return str(YAML(typ="safe").load(folder / "prometheus" / "prometheus.yml")["global"]["scrape_interval"])

    monkeypatch.delenv("KPIWATCH_CLOCK", raising=False)
    assert speed_of(tmp_path / "real") == "15s"
    Clock.simulated(tmp_path / "clock.json").set(0, speed=3)
    monkeypatch.setenv("KPIWATCH_CLOCK", str(tmp_path / "clock.json"))
    assert speed_of(tmp_path / "simulated") == "5s"
