"""docker-compose.yml is what the published schema allows; the commands, settings, ports, paths it names are there."""

import base64
import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dashboards.publish import FOLDERS
from services.alert_rules.briefing_alerts import BRIEFINGS_JOB
from services.alert_rules.desk_alerts import DESK_JOB
from services.alert_rules.intake_alerts import CASEBOOK_JOB, GATEWAY_JOB, RELAY_JOB
from services.alert_rules.ledger_alerts import LEDGER_JOB
from services.alert_rules.notice_alerts import NOTIFIER_JOB
from services.alert_rules.pipeline_alerts import EXPORTER_JOB
from services.alert_rules.write import TOKEN_FILE
from services.briefing.pdf_file import BROWSERS
from services.cli.__main__ import COMMANDS
from services.exporter.page import Page
from services.exporter.web import exporter_app
from services.local import kafka, prometheus
from services.notifier.webhook import notifier_app
from services.runtime.settings import Settings, variable
from tests.unit.gateway import Gateway

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
FOLDED = re.sub(r"\\\n\s*", " ", DOCKERFILE)
CHOSEN = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env").read_text(encoding="utf-8"), re.MULTILINE))
EXAMPLE = dict(re.findall(r"^# ?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))

OF_THE_DEMO = {"KPIWATCH_CLOCK", "KPIWATCH_GRAFANA_URL", "KPIWATCH_RUNBOOKS_URL"}
"""What is chosen for a demo on one machine."""

Service = dict[str, Any]


def filled_in(content: Any) -> Any:
    """With the variables of .env in their places, as compose does it. KeyError: one is not there."""
    if isinstance(content, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: CHOSEN[found[1]], content)
    if isinstance(content, dict):
        return {key: filled_in(value) for key, value in content.items()}
    return [filled_in(one) for one in content] if isinstance(content, list) else content


WHOLE: dict[str, Any] = filled_in(YAML(typ="safe").load(COMPOSE))
SERVICES: dict[str, Service] = WHOLE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith(CHOSEN["OUR_IMAGE"])}
JOBS = {name for name, one in SERVICES.items() if one["restart"] == "on-failure"}

every_service = pytest.mark.parametrize("name", SERVICES)
every_service_of_ours = pytest.mark.parametrize("name", OURS)


def run_by(service: Service) -> Iterator[list[str]]:
    """Its command, and that of its health check where that is one."""
    yield service["command"]
    kind, *command = service.get("healthcheck", {}).get("test", ["NONE"])
    if kind == "CMD":
        yield command


def mounts(service: Service) -> list[tuple[str, str]]:
    """(named volume or path here, folder inside)."""
    split = [one.split(":") for one in service.get("volumes", [])]
    return [(parts[0], parts[1]) for parts in split]


def test_everything_that_is_chosen_is_used_and_every_image_has_a_version() -> None:
    asked = set(re.findall(r"\$\{(\w+)\}", COMPOSE.read_text(encoding="utf-8")))
    assert asked == CHOSEN.keys() - {"COMPOSE_PROFILES"}  # which compose reads itself
    images = [one["image"] for one in SERVICES.values()] + [CHOSEN["PYTHON_IMAGE"]]
    assert all(re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+[\w.-]*", image) for image in images)


def test_what_is_chosen_agrees_with_the_example() -> None:
    assert CHOSEN.keys() <= EXAMPLE.keys()
    assert {name for name, text in CHOSEN.items() if EXAMPLE[name] != text} == OF_THE_DEMO
    compose_only = {name for name in EXAMPLE if not name.startswith("KPIWATCH_")}
    assert compose_only <= CHOSEN.keys()


@every_service_of_ours
def test_every_command_is_there(name: str) -> None:
    for command in run_by(OURS[name]):
        if command[0] == "kpiwatch":
            assert command[1] in COMMANDS
        else:
            assert command[:2] == ["python", "-m"]
            found = importlib.util.find_spec(command[2])
            assert found is not None
            assert found.submodule_search_locations is None or importlib.util.find_spec(f"{command[2]}.__main__")


@every_service_of_ours
def test_every_setting_is_one_and_the_process_takes_it(name: str) -> None:
    environment = {key: str(value) for key, value in OURS[name].get("environment", {}).items()}
    Settings.from_environment(environment)
    assert environment.keys() <= {variable(field) for field in Settings.model_fields}


def test_workers_have_names_and_disks_of_their_own() -> None:
    workers = [one for one in OURS.values() if str(one["command"]).count("streams.")]
    assert len(workers) == 3
    assert len({one["environment"]["KPIWATCH_WORKER"] for one in workers}) == 3
    disks = {
        volume for one in workers for volume, folder in mounts(one) if folder == one["environment"]["KPIWATCH_STATE"]
    }
    assert len(disks) == 3


def test_what_writes_links_knows_the_addresses_that_browsers_use() -> None:
    ports = {"KPIWATCH_GRAFANA_URL": CHOSEN["GRAFANA_PORT"], "KPIWATCH_RUNBOOKS_URL": CHOSEN["KPIWATCH_DESK_PORT"]}
    for name in ("notifier", "rules"):
        environment = OURS[name]["environment"]
        assert "KPIWATCH_DESK_URL" in environment
        assert all(f"http://127.0.0.1:{port}" in environment[setting] for setting, port in ports.items())
    assert OURS["desk"]["environment"]["KPIWATCH_GRAFANA_URL"] == CHOSEN["KPIWATCH_GRAFANA_URL"]


def test_every_process_of_the_demo_reads_the_same_clock() -> None:
    readers = [one for name, one in OURS.items() if name not in ("topics", "secrets")]
    assert {one["environment"]["KPIWATCH_CLOCK"] for one in readers} == {"/clock/clock.json"}
    folders = {(volume, folder) for one in readers for volume, folder in mounts(one) if volume == "clock"}
    assert folders == {("clock", "/clock")}
    writers = [name for name, one in OURS.items() if "clock:/clock" in one.get("volumes", [])]
    assert writers == ["clock"]


def test_what_the_parts_call_is_a_service_at_its_own_port() -> None:
    scraped = YAML(typ="safe").load(DEPLOY / "prometheus" / "prometheus.yml")
    output = YAML(typ="safe").load(DEPLOY / "alertmanager" / "alertmanager.yml")
    source = YAML(typ="safe").load(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml")
    jobs = {one["job_name"]: one for one in scraped["scrape_configs"]}
    resolved = [jobs.pop(job)["dns_sd_configs"][0] for job in (RELAY_JOB, BRIEFINGS_JOB)]
    assert jobs.keys() == {EXPORTER_JOB, GATEWAY_JOB, CASEBOOK_JOB, LEDGER_JOB, NOTIFIER_JOB, DESK_JOB}
    webhooks = {hook["url"] for one in output["receivers"] for hook in one.get("webhook_configs", [])}
    called = [
        *(target for job in jobs.values() for target in job["static_configs"][0]["targets"]),
        *(f"{name}:{one['port']}" for one in resolved for name in one["names"]),
        *scraped["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"],
        *webhooks,
        *(one["url"] for one in source["datasources"]),
        YAML(typ="safe").load(DEPLOY / "prometheus" / "history.yml")["remote_read"][0]["url"],
        OURS["notifier"]["environment"]["KPIWATCH_ALERTMANAGER_URL"],
        *{
            one["environment"]["KPIWATCH_BOOTSTRAP"]
            for one in OURS.values()
            if "KPIWATCH_BOOTSTRAP" in one.get("environment", {})
        },
    ]
    listens = {
        "exporter": Settings().exporter_port,
        "notifier": Settings().notifier_port,
        "gateway": Settings().gateway_port,
        "casebook": Settings().casebook_port,
        "ledger": Settings().ledger_port,
        "desk": Settings().desk_port,
        "relay": Settings().relay_port,
        "briefings": Settings().briefings_port,
        "prometheus": 9090,
        "history": 9090,
        "alertmanager": 9093,
        "kafka": 9092,
    }
    found = {re.sub(r"^\w+://|/.*$", "", address.removeprefix("http://")) for address in called}
    assert found == {f"{name}:{port}" for name, port in listens.items()}
    assert listens.keys() <= SERVICES.keys()


def test_ports_are_on_loopback_and_lead_to_what_listens() -> None:
    inside = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert all(port.startswith("127.0.0.1:") for ports in inside.values() for port in ports)
    leads_to = {name: [int(port.split(":")[2]) for port in ports] for name, ports in inside.items()}
    assert leads_to == {
        "kafka": [19092],
        "exporter": [Settings().exporter_port],
        "gateway": [Settings().gateway_port],
        "desk": [Settings().desk_port],
        "prometheus": [9090],
        "history": [9090],
        "alertmanager": [9093],
        "grafana": [3000],
    }
    assert f"LOOPBACK://127.0.0.1:{CHOSEN['KPIWATCH_KAFKA_PORT']}" in str(SERVICES["kafka"]["environment"])


def test_health_is_asked_where_it_is_answered() -> None:
    apps = {
        "exporter": exporter_app(lambda: Page([], 0, []), lambda: True, lambda: True),
        "notifier": notifier_app(lambda alerts: None, lambda: True, lambda: True, token="t"),
        "gateway": Gateway().app,
    }
    for name, app in apps.items():
        port = getattr(Settings(), f"{name}_port")
        url = OURS[name]["healthcheck"]["test"][-1]
        assert url.startswith(f"http://127.0.0.1:{port}/")
        assert url.removeprefix(f"http://127.0.0.1:{port}") in {getattr(route, "path", "") for route in app.routes}
    for name, port in (("prometheus", 9090), ("history", 9090), ("alertmanager", 9093)):
        assert SERVICES[name]["healthcheck"]["test"][-1] == f"http://127.0.0.1:{port}/-/ready"  # as services.local asks


@every_service
def test_what_runs_has_a_health_check_limits_and_is_started_again(name: str) -> None:
    service = SERVICES[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    if name not in JOBS:
        assert service["restart"] == "unless-stopped"
        assert "healthcheck" in service


@every_service
def test_what_a_service_waits_for_can_come_true(name: str) -> None:
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        awaited = SERVICES[other]
        match wanted["condition"]:
            case "service_healthy":
                assert "test" in awaited["healthcheck"]
            case "service_completed_successfully":
                assert other in JOBS
        if set(awaited.get("profiles", [])) - set(SERVICES[name].get("profiles", [])):
            assert wanted["required"] is False


def test_what_is_mounted_is_there() -> None:
    found = {volume for one in SERVICES.values() for volume, _ in mounts(one)}
    here = {path for path in found if path.startswith(".")}
    assert here == {"./deploy/grafana/provisioning", "./dashboards/generated"}
    assert all((ROOT / path).is_dir() for path in here)
    assert found - here == WHOLE["volumes"].keys()


@every_service_of_ours
def test_our_processes_write_only_into_volumes_that_the_image_gives_to_its_user(name: str) -> None:
    service = OURS[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    given = re.findall(r"install --directory --owner kpiwatch --group kpiwatch(?: --mode \d+)?((?: /\w+)+)", FOLDED)
    assert {folder for _, folder in mounts(service)} <= set(" ".join(given).split())


SECRET_NAMES = re.compile(r"PASSWORD|TOKEN|SECRET|CREDENTIAL|API_?KEY", re.IGNORECASE)


def test_no_secret_has_a_value_here_each_is_a_file_that_is_made_at_the_first_start() -> None:
    given = {**CHOSEN, **EXAMPLE}
    for one in SERVICES.values():
        given |= one.get("environment", {})
    secret = {name: str(value) for name, value in given.items() if value and SECRET_NAMES.search(name)}
    assert secret == {
        "GF_SECURITY_ADMIN_PASSWORD__FILE": "/secrets/grafana-password",
        "KPIWATCH_WEBHOOK_TOKEN_FILE": "/secrets/webhook-token",
    }
    made = {one for one in OURS["secrets"]["command"] if one.startswith("/")}
    assert made == set(secret.values()) == {TOKEN_FILE, "/secrets/grafana-password"}


def test_secrets_are_read_by_those_who_need_them_and_written_by_the_job_that_makes_them() -> None:
    mounted = {
        name: volume for name, one in SERVICES.items() for volume in one.get("volumes", []) if "secrets" in volume
    }
    assert mounted == {"secrets": "secrets:/secrets"} | dict.fromkeys(
        ("notifier", "alertmanager", "grafana"), "secrets:/secrets:ro"
    )
    (group,) = re.findall(r"groupadd --gid (\d+) kpiwatch", FOLDED)
    for name in mounted.keys() - {"secrets"}:
        assert SERVICES[name]["depends_on"]["secrets"] == {"condition": "service_completed_successfully"}
        assert name in OURS or SERVICES[name]["group_add"] == [group]  # each of those images has a user of its own
    assert "--group" in OURS["secrets"]["command"]
    assert re.search(r"--mode 0750 /secrets", FOLDED)


def test_prometheus_and_the_alertmanager_read_what_the_rules_job_writes() -> None:
    assert OURS["rules"]["command"][-1] == "/monitoring"
    for name in ("prometheus", "alertmanager"):
        assert f"--config.file=/monitoring/{name}/{name}.yml" in SERVICES[name]["command"]
        assert (DEPLOY / name / f"{name}.yml").exists()


def test_history_keeps_nothing_and_looks_back_as_the_one_of_kpiwatch_up_does() -> None:
    history = SERVICES["history"]
    assert "--config.file=/monitoring/prometheus/history.yml" in history["command"]
    assert f"--query.lookback-delta={prometheus.LOOKBACK}" in history["command"]
    assert history["tmpfs"] == ["/prometheus"]


def test_prometheus_restores_alerts_as_soon_as_the_one_of_kpiwatch_up_does() -> None:
    assert f"--rules.alert.for-grace-period={prometheus.FOR_GRACE_PERIOD}" in SERVICES["prometheus"]["command"]


def test_grafana_finds_the_dashboards_that_are_committed() -> None:
    """In the folders that publishing makes, a language each."""
    provider = YAML(typ="safe").load(DEPLOY / "grafana" / "provisioning" / "dashboards" / "kpiwatch.yml")
    folders = {one["options"]["path"]: (one["folderUid"], one["folder"]) for one in provider["providers"]}
    assert folders == {f"/dashboards/{language}": folder for language, folder in FOLDERS.items()}
    grafana = SERVICES["grafana"]
    assert ("./dashboards/generated", "/dashboards") in mounts(grafana)
    for inside in (*folders, grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]):
        assert (ROOT / "dashboards" / "generated" / Path(inside).relative_to("/dashboards")).exists()


ABOUT_PLACES = {
    "process.roles", "node.id", "controller.quorum.voters", "listeners", "advertised.listeners", "log.dirs",
    "controller.listener.names", "inter.broker.listener.name", "listener.security.protocol.map",
}  # fmt: skip


def test_the_broker_keeps_and_refuses_what_the_embedded_one_does() -> None:
    embedded = dict(line.split("=", 1) for line in kafka._PROPERTIES.splitlines() if "=" in line)
    given = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for name, value in SERVICES["kafka"]["environment"].items()
        if name not in ("CLUSTER_ID", "KAFKA_HEAP_OPTS")
    }
    assert given.keys() >= ABOUT_PLACES
    assert given.items() - {(name, given[name]) for name in ABOUT_PLACES} <= embedded.items()
    cluster = SERVICES["kafka"]["environment"]["CLUSTER_ID"]
    assert base64.urlsafe_b64encode(base64.urlsafe_b64decode(f"{cluster}==")).decode() == f"{cluster}=="


def test_the_image_copies_what_is_there_and_runs_as_nobody_of_importance() -> None:
    copied = [one.split()[:-1] for one in re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+)$", FOLDED, re.MULTILINE)]
    sources = [source for group in copied for source in group]
    assert all((ROOT / source).exists() for source in sources)
    let_through = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert sorted(let_through) == sorted(sources)
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == "kpiwatch"
    assert set(re.findall(r"^ARG PYTHON_IMAGE=(.+)$", DOCKERFILE, re.MULTILINE)) == {CHOSEN["PYTHON_IMAGE"]}
    stages = re.findall(r"^FROM (\S+)(?: AS (\w+))?", DOCKERFILE, re.MULTILINE)
    assert {base for base, _ in stages} == {"${PYTHON_IMAGE}", "kpiwatch"}
    assert stages[-1] == ("kpiwatch", ""), "what is built without a target has no browser"
    assert (DEPLOY / "kpiwatch").stat().st_mode & 0o111


def test_only_what_prints_has_a_browser_and_that_one_finds_it() -> None:
    targets = {name: one["build"].get("target") for name, one in OURS.items() if "build" in one}
    assert {name for name, target in targets.items() if target} == {"briefings"}
    assert {one["image"] for name, one in OURS.items() if name != "briefings"} == {CHOSEN["OUR_IMAGE"]}
    (stage,) = re.findall(r"^FROM kpiwatch AS browser\n(.+?)\n\n", FOLDED, re.MULTILINE | re.DOTALL)
    assert stage.startswith("USER root\n") and stage.endswith("\nUSER kpiwatch")
    installed = re.findall(r"install --yes --no-install-recommends ([a-z0-9 -]+?) *&&", stage)[0].split()
    assert set(installed) & set(BROWSERS) and "fonts-wqy-microhei" in installed


def locked(path: Path) -> dict[str, frozenset[str]]:
    """`name==version` (and for which machines) → hashes."""
    entries = re.split(r"\n(?=\S)", path.read_text(encoding="utf-8"))
    return {entry.split(" \\")[0]: frozenset(re.findall(r"sha256:\w+", entry)) for entry in entries if "==" in entry}


def test_the_image_holds_the_locked_packages_that_run_and_no_others() -> None:
    image, everything = locked(DEPLOY / "requirements.lock"), locked(ROOT / "requirements.lock")
    # a package that one asks for on Windows only may be asked for everywhere by the other
    everywhere = {entry.partition(" ;")[0]: hashes for entry, hashes in everything.items()}
    assert {entry.partition(" ;")[0]: hashes for entry, hashes in image.items()}.items() <= everywhere.items()
    assert all(image.values())
    names = {entry.split("==")[0].split("[")[0] for entry in image}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def named(requirements: list[str]) -> set[str]:
        return {re.split(r"[^\w.-]", one)[0].lower().replace(".", "-") for one in requirements}

    extras = {extra: named(wanted) - {"kpiwatch"} for extra, wanted in project["optional-dependencies"].items()}
    runs = named(project["dependencies"]) | extras["client"] | extras["tail"] | extras["server"]
    assert runs <= {name.replace(".", "-") for name in names}
    assert not set().union(*(wanted - runs for wanted in extras.values())) & names
