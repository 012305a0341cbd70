"""Fills a Grafana that exists with the dashboards, a folder per language; the only module that knows Grafana's API.

PublishFailed          its text gives place, reason, remedy
├── WrongAddress       there is no Grafana there, or it does not let us in: correct the address or the token
├── PublishRefused     Grafana does not take a dashboard
└── GrafanaUnavailable it does not answer, or fails itself: try again
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException
from grafana_api.grafana_face import GrafanaFace

from dashboards.page import GENERATED_TAG, Json, Language

FOLDERS: Mapping[Language, tuple[str, str]] = {
    Language.ZH: ("kpiwatch", "营商环境承诺 kpiwatch"),
    Language.EN: ("kpiwatch-en", "kpiwatch (English)"),
}
"""Language → uid and title of its folder."""

_TIMEOUT_SECONDS = 10.0
_AS_MANY_AS_A_SEARCH_GIVES = 5000
_BY_GRAFANA = ("id", "version", "schemaVersion")
"""Fields that Grafana sets itself: a newer one also raises the version of the schema."""


class PublishFailed(Exception):
    """The dashboards could not be published."""


class WrongAddress(PublishFailed):
    """The address or the token is wrong."""


class PublishRefused(PublishFailed):
    """Grafana does not take the dashboards."""


class GrafanaUnavailable(PublishFailed):
    """Grafana does not answer, or not as it should."""


class Outcome(StrEnum):
    """What becomes of a dashboard."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one dashboard, or would."""

    uid: str
    title: str
    outcome: Outcome
    difference: str = ""
    """For an update: what Grafana has against what it gets, as lines of a diff."""


def publish(
    url: str, token: str, dashboards: Mapping[Language, Sequence[Json]], *, dry_run: bool = False
) -> list[Published]:
    """Puts the dashboards into their folders, and removes from these what it once published and has no more.

    A second time changes nothing; what was changed by hand is put right. `token`: of a service account that may edit.
    `dry_run`: only says what would happen. Raises a PublishFailed.
    """
    with _as_publish_failed(url), _grafana(url, token) as grafana:
        found: list[Published] = []
        for language, of_language in dashboards.items():
            folder, title = FOLDERS[language]
            is_new = _absent(grafana.folder.get_folder, folder)
            if is_new and not dry_run:
                grafana.folder.create_folder(title, folder)
            found += [_publish(grafana, folder, dashboard, dry_run) for dashboard in of_language]
        return found + list(_prune(grafana, dashboards, dry_run))


@contextlib.contextmanager
def _grafana(url: str, token: str) -> Iterator[GrafanaFace]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise WrongAddress(f"{url} is no address of a Grafana: write it as http://grafana:3000")
    if not token or not token.isascii() or not token.isprintable():
        raise WrongAddress("this is no token of a Grafana: copy it whole, without a line break")
    path = f"{parts.path.strip('/')}/".removeprefix("/")
    grafana = GrafanaFace(token, parts.hostname, port, path, parts.scheme, timeout=_TIMEOUT_SECONDS)
    try:
        yield grafana
    finally:
        grafana.api.s.close()


@contextlib.contextmanager
def _as_publish_failed(url: str) -> Iterator[None]:
    """What the client and the network raise, as a sentence for the user."""
    try:
        yield
    except GrafanaException as error:
        raise _failure_of(url, error) from error
    except (requests.exceptions.InvalidJSONError, KeyError, TypeError) as error:
        # of a page that is no JSON the client looks for a key in the text
        raise WrongAddress(
            f"{url}: something answers, but not as Grafana does. Is it Grafana's address, with its path?"
        ) from error
    except requests.RequestException as error:
        raise GrafanaUnavailable(f"{url}: no answer ({type(error).__name__}). Is it running?") from error


def _failure_of(url: str, error: GrafanaException) -> PublishFailed:
    status = int(error.status_code)
    match status:
        case 401:
            return WrongAddress(f"{url}: the token is not accepted (401). Give one of a service account, role Editor")
        case 403:
            return WrongAddress(f"{url}: the token may not do that (403). Its service account needs the role Editor")
        case 404:
            return WrongAddress(f"{url}: there is no Grafana there (404). Is its path missing in the address?")
        case 412:
            return PublishRefused(
                f"{url}: {_said(error)} (412). Another dashboard of that name is in the folder, or it is locked: "
                "remove or rename it there, and publish again"
            )
        case _ if status >= 500:
            return GrafanaUnavailable(f"{url}: Grafana fails ({status}): {_said(error)}. Look at its log, try again")
        case _:
            return PublishRefused(f"{url}: Grafana refuses ({status}): {_said(error)}")


def _said(error: GrafanaException) -> str:
    """What Grafana says itself."""
    response: object = error.response
    return str(response.get("message", response)) if isinstance(response, dict) else str(response)[:200]


def _absent(get: Any, uid: str) -> bool:
    """Whether there is no such thing."""
    try:
        get(uid)
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise
        return True
    return False


def _publish(grafana: GrafanaFace, folder: str, dashboard: Json, dry_run: bool) -> Published:
    uid, title = str(dashboard["uid"]), str(dashboard["title"])
    there = _present(grafana, folder, uid)
    given = {name: value for name, value in dashboard.items() if name not in _BY_GRAFANA}
    if there is not None and _holds(there, given):
        return Published(uid, title, Outcome.UNCHANGED)
    if not dry_run:
        # what the builders give wins over what was changed by hand
        grafana.dashboard.update_dashboard(
            {"dashboard": {**dashboard, "id": None}, "folderUid": folder, "overwrite": True, "message": "kpiwatch"}
        )
    if there is None:
        return Published(uid, title, Outcome.CREATED)
    return Published(uid, title, Outcome.UPDATED, _difference(there, given))


def _present(grafana: GrafanaFace, folder: str, uid: str) -> Json | None:
    """The dashboard as Grafana has it; None if it is not there; empty if it is elsewhere than in our folder."""
    try:
        found = grafana.dashboard.get_dashboard(uid)
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise
        return None
    if found["meta"].get("folderUid") != folder:
        return {}
    return {name: value for name, value in found["dashboard"].items() if name not in _BY_GRAFANA}


def _holds(there: Any, given: Any) -> bool:
    """Whether all that was given is there as it was given; what Grafana added beside it does not matter."""
    if isinstance(given, dict):
        return isinstance(there, dict) and all(
            name in there and _holds(there[name], value) for name, value in given.items()
        )
    if isinstance(given, list):
        return (
            isinstance(there, list)
            and len(there) == len(given)
            and all(_holds(one, other) for one, other in zip(there, given, strict=True))
        )
    return bool(there == given)


def _difference(there: Json, given: Json) -> str:
    """Line by line."""
    before, after = (
        json.dumps(one, ensure_ascii=False, indent=1, sort_keys=True).splitlines() for one in (there, given)
    )
    return "\n".join(unified_diff(before, after, "in Grafana", "to be published", lineterm="", n=1))


def _prune(grafana: GrafanaFace, dashboards: Mapping[Language, Sequence[Json]], dry_run: bool) -> Iterator[Published]:
    """Removes what carries our mark in our folders and is none of the dashboards any more."""
    ours = {folder for folder, _ in FOLDERS.values()}
    kept = {dashboard["uid"] for of_language in dashboards.values() for dashboard in of_language}
    marked = grafana.search.search_dashboards(tag=GENERATED_TAG, type_="dash-db", limit=_AS_MANY_AS_A_SEARCH_GIVES)
    for one in marked:
        if one["uid"] not in kept and one.get("folderUid") in ours:
            if not dry_run:
                grafana.dashboard.delete_dashboard(one["uid"])
            yield Published(one["uid"], one["title"], Outcome.REMOVED)
