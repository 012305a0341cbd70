"""Whoever reads an alert finds its dashboard and its runbook: a page in Chinese with English beside it, whose commands
exist. Nobody signs in for it, and it shows nothing of the district."""

import importlib
import json
import re
import shlex
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import typer
from starlette.testclient import TestClient

from dashboards.build import dashboards
from dashboards.page import Language
from services.alert_rules.alerts import rule_groups
from services.catalog.words.wording import SEVERITY_MEANINGS, SEVERITY_NAMES
from services.cli.__main__ import COMMANDS
from services.desk.access import Role, Viewer
from services.desk.pages.alerts_of_notice import alerts_of
from services.domain.plan.plan import Plan
from services.handbook.runbook_pages import PAGES, content_of, write_pages
from services.messaging.records.ledger import Kind, Request
from services.metric_names.alert_names import ALERT_NAMES
from services.metric_names.alert_pages import ALERTS_BY_SEVERITY, AlertPages, dashboard_path
from services.notifier.alertmanager import CARD_ALERT
from services.runtime.settings import Settings
from tests.unit.desk import client_of, example_desk, example_settings, shipped_plan
from tests.unit.desk_reading import published, reading_desk
from tests.unit.gateway import NOW
from tests.unit.ledger_world import LedgerWorld

ROOT = Path(__file__).parents[2]
RUNBOOKS = sorted((ROOT / "deploy" / "runbooks").glob("*.md"))
GRAFANA, DESK = "https://grafana.example/monitoring", "https://desk.example"
BOTH = Settings(grafana_url=f"{GRAFANA}/", desk_url=f"{DESK}/")

each_runbook = pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """A browser that nobody signed in with."""
    folder = tmp_path_factory.mktemp("desk")
    settings = example_settings(folder).model_copy(update={"grafana_url": GRAFANA})
    return client_of(example_desk(folder, settings=settings))


def annotations(plan: Plan, settings: Settings) -> Iterator[tuple[str, dict[str, str]]]:
    """Those of every alert, and of a card as the notifier posts it."""
    pages = AlertPages.of(settings, plan)
    for group in rule_groups(plan, 1, pages)["groups"]:
        yield from ((rule["alert"], rule["annotations"]) for rule in group["rules"] if "alert" in rule)
    yield CARD_ALERT, pages.annotations(CARD_ALERT, {"unit": "liangjiang-water"})


# ---- the links of alerts ---------------------------------------------------------------------------


@pytest.mark.parametrize("language", Language)
def test_every_link_of_every_alert_leads_to_a_page_that_answers_with_variables_that_it_has(
    language: Language, reader: TestClient
) -> None:
    plan = shipped_plan()
    plan = plan.model_copy(update={"head": plan.head.model_copy(update={"language": language.value})})
    made = {one["uid"]: {each["name"] for each in one["templating"]["list"]} for one in dashboards(plan)[language]}
    status = {alert: reader.get(f"/runbooks/{alert}").status_code for alert in ALERT_NAMES}
    for alert, said in annotations(plan, BOTH):
        dashboard, runbook = urlsplit(said["dashboard_url"]), said["runbook_url"]
        assert said["dashboard_url"].startswith(f"{GRAFANA}/d/")
        uid = dashboard.path.rpartition("/")[2]
        assert uid in made
        assert {f"var-{name}" for name in made[uid]} >= set(
            parse_qs(dashboard.query, strict_parsing=True) if dashboard.query else ()
        )
        assert (runbook, status[alert]) == (f"{DESK}/runbooks/{alert}", 200)


def test_an_alert_about_a_promise_leads_to_that_promise_for_its_unit_in_its_window() -> None:
    found = defaultdict(set)
    for alert, said in annotations(shipped_plan(), BOTH):
        if "K06-1" in said["dashboard_url"]:
            found[alert].add(said["dashboard_url"].rpartition("?")[2])
    about = "var-kpi=K06-1&var-window=year&var-unit="
    for alert in ("KpiMissed", "KpiAtRisk"):
        assert found[alert] == {f"{about}ALL", f"{about}{{{{ urlquery $labels.unit }}}}"}


def test_the_dashboard_of_alerts_leads_to_the_runbook_of_each_row_and_says_where_else_it_is() -> None:
    for runbooks in (BOTH.runbooks_address, ""):
        made = dashboards(shipped_plan(), "", runbooks)[Language.ZH]
        (panels,) = (json.dumps(one["panels"]) for one in made if one["uid"] == "kpiwatch-alerts")
        to_runbook = f'{DESK}/runbooks/${{__data.fields[\\"alertname\\"]}}'
        assert (to_runbook in panels, "docs/alerts.md" in panels) == (bool(runbooks), not runbooks)


def test_without_addresses_an_alert_names_dashboard_and_file_and_has_no_dead_link() -> None:
    for alert, said in annotations(shipped_plan(), Settings()):
        assert said["dashboard"].startswith("d/kpiwatch-") and (ROOT / said["runbook"]).is_file()
        assert not [name for name, text in said.items() if name.endswith("_url") or "://" in text], alert


def test_the_file_of_a_runbook_is_named_beside_its_page_since_the_desk_may_be_what_is_down() -> None:
    said = dict(annotations(shipped_plan(), BOTH))
    assert said["DeskDown"]["runbook"] == "deploy/runbooks/DeskDown.md"


@pytest.mark.parametrize(
    ("given", "pages"),
    [
        ({}, ""),
        ({"desk_url": "https://desk.example/"}, "https://desk.example/runbooks"),
        ({"desk_url": "https://desk.example", "runbooks_url": "https://wiki.example/kw"}, "https://wiki.example/kw"),
    ],
)
def test_the_pages_are_those_of_the_desk_unless_the_settings_name_others(given: dict[str, str], pages: str) -> None:
    assert Settings(**given).runbooks_address == pages


def test_every_alert_has_the_severities_that_the_page_of_alerts_lists_it_under() -> None:
    found = defaultdict(set)
    for group in rule_groups(shipped_plan(), 1)["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                found[rule["labels"]["severity"]].add(rule["alert"])
    found["act"].add(CARD_ALERT)  # a red card
    found["review"].add(CARD_ALERT)
    assert {severity: set(alerts) for severity, alerts in ALERTS_BY_SEVERITY.items()} == found
    assert set(SEVERITY_MEANINGS) == set(SEVERITY_NAMES) - {"none"}


def test_every_alert_says_by_name_who_acts_and_what_is_asked() -> None:
    plan = shipped_plan()
    for group in rule_groups(plan, 1)["groups"]:
        for rule in (each for each in group["rules"] if "alert" in each):
            said, unit = rule["annotations"], rule["labels"].get("unit")
            assert said["action_zh"] == SEVERITY_NAMES[rule["labels"]["severity"]].zh
            if unit in plan.units:
                assert (said["unit_zh"], said["unit_en"]) == tuple(plan.units[unit].title.model_dump().values())
            else:
                assert ("kpi_unit_info" in said["unit_zh"]) if unit is None else said["unit_zh"] == "运行中心"


# ---- the pages -------------------------------------------------------------------------------------


def test_what_is_committed_is_what_the_runbooks_give(tmp_path: Path) -> None:
    written = write_pages(ROOT / "deploy" / "runbooks", tmp_path)
    assert {path.name for path in written} == {path.name for path in PAGES.iterdir()}, "run make generate"
    for path in written:
        assert path.read_text("utf-8") == (PAGES / path.name).read_text("utf-8"), f"{path.name}: run make generate"
    assert {path.stem for path in written} == {*ALERT_NAMES, "index"}


def test_a_page_of_a_runbook_that_is_gone_goes(tmp_path: Path) -> None:
    (tmp_path / "Gone.html").write_text("")
    write_pages(ROOT / "deploy" / "runbooks", tmp_path)
    assert not (tmp_path / "Gone.html").exists()


@each_runbook
def test_each_section_of_a_page_is_in_chinese_with_english_beside_it(runbook: Path) -> None:
    sections = (PAGES / f"{runbook.stem}.html").read_text("utf-8").split("<section>")[1:]
    assert len(sections) == 4
    for section in sections:
        chinese, english = re.findall(r'<div lang="([\w-]+)">\n(.+?)</div>', section, re.DOTALL)
        assert (chinese[0], english[0]) == ("zh-CN", "en")
        assert len(re.findall("[\u4e00-\u9fff]", chinese[1])) > 4 and len(english[1].split()) > 3


def test_every_link_of_every_page_leads_on_without_signing_in(reader: TestClient) -> None:
    seen, waiting = set(), ["/runbooks"]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            answer = reader.get(path)
            assert answer.status_code == 200, path
            links = re.findall(r'href="([^"]+)"', answer.text.partition("<main")[2])
            assert all(link.startswith(("/runbooks", f"{GRAFANA}/d/kpiwatch-")) for link in links)
            waiting += [link for link in links if link.startswith("/runbooks")]
    assert seen == {"/runbooks", *(f"/runbooks/{alert}" for alert in ALERT_NAMES)}


def test_a_page_says_what_the_alert_asks_for_and_leads_to_its_dashboard(reader: TestClient) -> None:
    page = reader.get("/runbooks/KpiMissed").text.partition("<main")[2]
    assert "承诺未达标" in page and "Promise missed" in page
    for severity in ("act", "review", "inform"):
        assert SEVERITY_NAMES[severity].zh in page and SEVERITY_NAMES[severity].en in page
    assert f'href="{GRAFANA}/d/kpiwatch-promise"' in page
    for severity, meaning in SEVERITY_MEANINGS.items():
        assert meaning.zh in reader.get("/runbooks").text, severity


def test_without_grafana_a_page_has_no_dead_link(tmp_path: Path) -> None:
    page = client_of(example_desk(tmp_path)).get("/runbooks/KpiMissed").text
    assert "看板：“承诺”" in page and "/d/kpiwatch" not in page


def test_a_notice_of_an_alert_leads_to_its_runbook_and_to_no_stranger() -> None:
    ours = f"{GRAFANA}/d/kpiwatch-promise?var-kpi=K06-1"
    subjects = [
        {"alertname": "KpiMissed", "dashboard_url": ours},
        {"alertname": "KpiMissed", "dashboard_url": ours},
        {"alertname": "SourceSilent", "dashboard_url": "https://stranger.example/d/x"},
        {"alertname": "KpiAtRisk", "dashboard_url": f"{GRAFANA}.stranger.example/d/x"},
        {"alertname": "<b>", "dashboard_url": ours},
        {"case": "/units/x W-1"},
        "text",
    ]
    found = {(each.alert, each.dashboard) for each in alerts_of(subjects, f"{GRAFANA}/")}
    assert found == {("KpiMissed", ours), ("SourceSilent", ""), ("KpiAtRisk", "")}
    assert alerts_of(subjects[:1], "")[0].dashboard == "" and alerts_of("text", GRAFANA) == []


def test_the_page_of_a_notice_shows_where_its_alerts_lead(tmp_path: Path) -> None:
    subjects = [{"alertname": "KpiMissed", "dashboard_url": f"{GRAFANA}/d/kpiwatch-promise"}]
    said = {"title": "告警1项", "text_zh": "告警1项", "text_en": "alerts: 1", "subjects": subjects}
    world = LedgerWorld(lambda: NOW - 1_000_000)
    ledger = world.record(Request("a", Kind.NOTICE, "w", unit="liangjiang-water", body=said))
    desk = reading_desk(tmp_path, published(), ledger)
    desk = replace(desk, settings=desk.settings.model_copy(update={"grafana_url": GRAFANA}))
    page = client_of(desk, Viewer("operations", Role.OPERATIONS)).get("/notices/1").text
    assert 'href="/runbooks/KpiMissed"' in page and f'href="{GRAFANA}/d/kpiwatch-promise"' in page


@pytest.mark.parametrize("alert", ["Nothing", "index", "..%2F..%2Fapp", "KpiMissed.html"])
def test_what_is_no_alert_has_no_page(alert: str, reader: TestClient) -> None:
    assert reader.get(f"/runbooks/{alert}").status_code == 404


@pytest.mark.parametrize(
    ("markdown", "wrong"),
    [
        ("## 含义 Meaning\n\n只有中文的一段。\n", "not in both languages"),
        ("## 含义 Meaning\n\nOnly English, in one paragraph.\n", "not in both languages"),
        ("## Meaning\n\n中文一段。\n\nEnglish words.\n", "the heading 'Meaning'"),
        ("## 做法 Do\n\n1. 先看看板的数值。\n\n1. Look at the dashboard first.\n", "a list is in both languages"),
        ("## 做法 Do\n\n见[台账](../../docs/ledger.md)。\n\nSee the ledger.\n", "leads to no page of the desk"),
        ("## 做法 Do\n\n见[另一条](Nothing.md)。\n\nSee the other one.\n", "leads to no page of the desk"),
    ],
)
def test_a_runbook_that_would_be_a_bad_page_is_an_error(markdown: str, wrong: str, tmp_path: Path) -> None:
    (tmp_path / "KpiMissed.md").write_text(markdown, encoding="utf-8")
    with pytest.raises(ValueError, match=f"the runbook KpiMissed: .*{wrong}"):
        write_pages(tmp_path, tmp_path / "pages")


def test_markup_in_a_runbook_is_text_on_its_page() -> None:
    page = content_of("## 含义 Meaning\n\n<script>中文中文</script>中文\n\nEnglish `<b>` words.\n\n```sh\na < b\n```\n")
    assert "<script" not in page and "<b>" not in page and "a &lt; b" in page


# ---- what a runbook asks for -----------------------------------------------------------------------


@each_runbook
def test_the_commands_of_a_runbook_exist_with_their_options(runbook: Path) -> None:
    text = runbook.read_text("utf-8")
    for line in [*re.findall(r"`(kpiwatch [a-z][^`\n]*)`", text), *re.findall(r"^(kpiwatch [^#\n]+)", text, re.M)]:
        check(shlex.split(line)[1:])


def check(words: list[str]) -> None:
    """Fails for a command, a part of it or an option that is not there."""
    module, _, name = COMMANDS[words[0]].place.partition(":")
    found: Any = getattr(importlib.import_module(module), name)
    app = found
    if not isinstance(found, typer.Typer):
        app = typer.Typer()
        app.command()(found)
    command, rest = typer.main.get_command(app), words[1:]
    while rest and hasattr(command, "commands"):
        assert rest[0] in command.commands, f"{words}: {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    options = {option for each in command.params for option in each.opts}
    assert {word for word in rest if word.startswith("--")} <= options, words


@each_runbook
def test_a_runbook_names_the_dashboard_to_which_its_alert_links(runbook: Path) -> None:
    """By its title, which is what people find in Grafana, without the number by which these are in order."""
    text = runbook.read_text("utf-8")
    found = [re.findall(rf"^{name}“([^”]+)”", text, re.M) for name in ("看板：", "Dashboard ")]
    uids = [dashboard_path(runbook.stem, language).removeprefix("d/") for language in ("zh", "en")]
    assert found == [[title_of_dashboard(uid)] for uid in uids]
    assert not [uid for uid in uids if f"`{uid}`" in text]


@cache
def title_of_dashboard(uid: str) -> str:
    (title,) = (one["title"] for made in dashboards(shipped_plan()).values() for one in made if one["uid"] == uid)
    return str(title).partition(" ")[2]
