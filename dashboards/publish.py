"""Fills a Grafana that exists with the committed dashboards; the only module that knows Grafana's API."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException, GrafanaUnauthorizedError
from grafana_api.grafana_face import GrafanaFace

FOLDER_UID = "kpiwatch"
FOLDER_TITLE = "kpiwatch"

_BY_GRAFANA = ("id", "version")
"""Fields that Grafana adds to what it was given."""


class PublishRefused(Exception):
    """Grafana does not take the dashboards: place, reason, remedy."""


class GrafanaUnavailable(Exception):
    """Grafana does not answer."""


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one dashboard."""

    uid: str
    outcome: Literal["created", "updated", "unchanged"]


def publish(url: str, token: str, dashboards: Path) -> list[Published]:
    """Puts every *.json of the folder into the Grafana folder kpiwatch; a second time changes nothing.

    `token`: of a service account that may edit. Raises PublishRefused or GrafanaUnavailable.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PublishRefused(f"{url} is no address of a Grafana: write it as http://grafana:3000")
    path = f"{parts.path.strip('/')}/".removeprefix("/")
    grafana = GrafanaFace(token, parts.hostname, parts.port, path, parts.scheme, timeout=10.0)
    try:
        _folder(grafana)
        return [_publish(grafana, json.loads(file.read_text("utf-8"))) for file in sorted(dashboards.glob("*.json"))]
    except GrafanaUnauthorizedError as error:
        raise PublishRefused(
            f"{url}: the token is not accepted (401). Give one of a service account with the role Editor"
        ) from error
    except GrafanaException as error:
        raise PublishRefused(f"{url}: {error.message}{_REMEDIES.get(error.status_code, '')}") from error
    except requests.RequestException as error:
        raise GrafanaUnavailable(f"{url}: no answer ({type(error).__name__}). Is it running?") from error
    finally:
        grafana.api.s.close()


_REMEDIES = {
    403: ". The token's service account needs the role Editor",
    412: ". Another dashboard of that name is in the folder kpiwatch, or it is locked: remove or rename it there",
}


def _folder(grafana: GrafanaFace) -> None:
    try:
        grafana.folder.get_folder(FOLDER_UID)
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise
        grafana.folder.create_folder(FOLDER_TITLE, FOLDER_UID)


def _publish(grafana: GrafanaFace, dashboard: dict[str, Any]) -> Published:
    uid = str(dashboard["uid"])
    there = _present(grafana, uid)
    if there == dashboard:
        return Published(uid, "unchanged")
    # what is committed wins over what was changed by hand
    grafana.dashboard.update_dashboard(
        {"dashboard": {**dashboard, "id": None}, "folderUid": FOLDER_UID, "overwrite": True, "message": "kpiwatch"}
    )
    return Published(uid, "created" if there is None else "updated")


def _present(grafana: GrafanaFace, uid: str) -> dict[str, Any] | None:
    """The dashboard as it was given; None if it is not there, or elsewhere than in our folder."""
    try:
        found = grafana.dashboard.get_dashboard(uid)
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise
        return None
    if found["meta"].get("folderUid") != FOLDER_UID:
        return {}
    return {name: value for name, value in found["dashboard"].items() if name not in _BY_GRAFANA}
