"""The committed dashboards are what the builders give, and a Grafana is filled with them once."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dashboards.overview import UID, overview
from dashboards.publish import GrafanaUnavailable, PublishRefused, publish
from dashboards.write import GENERATED, write
from services.catalog.load import load_plan
from services.domain.published import State
from services.messaging import metrics
from services.rules.alerts import rule_groups
from services.settings import Settings

ROOT = Path(__file__).parents[2]


def test_what_is_committed_is_what_the_builders_give(tmp_path: Path) -> None:
    written = write(tmp_path)
    assert {path.name for path in written} == {path.name for path in GENERATED.glob("*.json")}
    for path in written:
        assert (GENERATED / path.name).read_text("utf-8") == path.read_text("utf-8"), "run make generate"


def test_a_dashboard_that_no_builder_gives_any_more_goes(tmp_path: Path) -> None:
    (tmp_path / "of-last-year.json").write_text("{}")
    assert set(write(tmp_path)) == set(tmp_path.iterdir())


def test_make_generate_writes_all_that_is_generated() -> None:
    recipe = subprocess.run(
        ["make", "--dry-run", "generate"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    assert all(writer in recipe for writer in ("services.rules deploy", "dashboards.write"))


def test_panels_ask_only_for_metrics_and_records_that_exist() -> None:
    rules = [rule for group in rule_groups(load_plan(Settings().plan), 1, "")["groups"] for rule in group["rules"]]
    known = {rule["record"] for rule in rules if "record" in rule} | {metric.name for metric in metrics.ALL}
    asked = " ".join(target["expr"] for panel in overview()["panels"] for target in panel["targets"])
    assert set(re.findall(r"\b(?:[a-z]+:)?kpi_\w+(?::\w+)?", asked)) <= known


def test_every_state_has_a_colour_of_its_own() -> None:
    (table,) = [panel for panel in overview()["panels"] if panel["type"] == "table"]
    colours = table["fieldConfig"]["overrides"][0]["properties"][0]["value"][0]["options"]
    assert set(colours) == set(State)
    assert len({colour["color"] for colour in colours.values()}) == len(State)


class Grafana(ThreadingHTTPServer):
    """A double that keeps a folder and dashboards as Grafana does, and can be told to refuse."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.folders: dict[str, str] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.writes = 0
        self.refusal: tuple[int, str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: Grafana

    def do_GET(self) -> None:
        kind, _, uid = self.path.removeprefix("/api/").rpartition("/")
        if self.headers["Authorization"] != "Bearer right":
            return self._answer(401, {"message": "Invalid API key"})
        if kind == "folders" and uid in self.server.folders:
            return self._answer(200, {"uid": uid, "title": self.server.folders[uid]})
        if kind == "dashboards/uid" and uid in self.server.dashboards:
            kept = self.server.dashboards[uid]
            return self._answer(200, {"dashboard": kept, "meta": {"folderUid": "kpiwatch"}})
        return self._answer(404, {"message": "not found"})

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.refusal:
            status, message = self.server.refusal
            return self._answer(status, {"message": message})
        self.server.writes += 1
        if self.path == "/api/folders":
            self.server.folders[content["uid"]] = content["title"]
            return self._answer(200, content)
        assert content["folderUid"] in self.server.folders
        dashboard = content["dashboard"]
        version = self.server.dashboards.get(dashboard["uid"], {}).get("version", 0) + 1
        self.server.dashboards[dashboard["uid"]] = {**dashboard, "id": 7, "version": version}
        return self._answer(200, {"status": "success", "version": version})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    server = Grafana()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_publishing_twice_changes_nothing_the_second_time(grafana: Grafana) -> None:
    assert [one.outcome for one in publish(grafana.url, "right", GENERATED)] == ["created"]
    writes = grafana.writes
    assert [one.outcome for one in publish(grafana.url, "right", GENERATED)] == ["unchanged"]
    assert grafana.writes == writes


def test_what_was_changed_by_hand_is_put_right(grafana: Grafana) -> None:
    publish(grafana.url, "right", GENERATED)
    grafana.dashboards[UID]["title"] = "by hand"
    assert [one.outcome for one in publish(grafana.url, "right", GENERATED)] == ["updated"]
    assert grafana.dashboards[UID]["title"] == overview()["title"]


def test_a_wrong_token_says_what_is_needed(grafana: Grafana) -> None:
    with pytest.raises(PublishRefused, match=r"401.*service account"):
        publish(grafana.url, "wrong", GENERATED)


def test_a_name_that_is_taken_says_so(grafana: Grafana) -> None:
    grafana.folders["kpiwatch"] = "kpiwatch"
    grafana.refusal = (412, "A dashboard with the same name in the folder already exists")
    with pytest.raises(PublishRefused, match=r"same name.*remove or rename"):
        publish(grafana.url, "right", GENERATED)


def test_a_grafana_that_is_not_there_and_an_address_that_is_none(grafana: Grafana) -> None:
    with pytest.raises(GrafanaUnavailable):
        publish("http://127.0.0.1:9", "right", GENERATED)
    with pytest.raises(PublishRefused, match="write it as"):
        publish("grafana:3000", "right", GENERATED)
